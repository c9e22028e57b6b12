//! What is read of Telegraf's configuration.

use std::ffi::OsString;

use proptest::prelude::*;

use super::*;

fn env(name: &str) -> Option<OsString> {
    let variables = [("WORD", "STDIN"), ("EMPTY", ""), ("QUOTED", "\"1m\""), ("LINES", "a\nb")];
    variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
}

#[test]
fn the_tables_of_plugins_are_found_with_their_lines() {
    let text =
        b"\xef\xbb\xbf# A comment with ${WORD}\n[agent]\n  interval = \"5s\"\n\n[[inputs.execd]]\n\
          command = [\n  'a',\n  \"b\"]\n  signal = \"STDIN\"\n  [inputs.execd.tags]\n  x = '1'\n\
          [inputs.cpu]\n  percpu = true\n[[inputs.execd]]\n  interval = 10\n[[outputs.file]]\n";
    let document = read(text, Variables::Replaced(&env)).unwrap();
    assert_eq!((document.mistakes.len(), document.bare.len()), (0, 0));
    let agent = document.agent.unwrap();
    assert_eq!((agent.line, agent.text("interval")), (2, Some(("5s", 3))));
    let inputs: Vec<_> =
        document.inputs.iter().map(|input| (&*input.name, input.block.line)).collect();
    assert_eq!(inputs, [("execd", 5), ("cpu", 12), ("execd", 14)]);
    let first = &document.inputs[0].block;
    let command = first.get("command").unwrap();
    assert_eq!((command.line, command.value.texts()), (6, Some(vec!["a", "b"])));
    assert_eq!(first.text("signal"), Some(("STDIN", 9)));
    assert_eq!(first.get("tags").unwrap().value.entries().unwrap()[0].key, "x");
    let interval = &document.inputs[2].block.get("interval").unwrap().value;
    assert_eq!(interval.agent_duration(), Some(Duration::from_secs(10)));
    assert_eq!(interval.block_duration(), None);
}

#[test]
fn variables_are_replaced_in_strings_and_outside_of_them() {
    let text = "[[inputs.execd]]\n  a = \"${WORD}\"\n  b = 'x$WORD-${UNSET}'\n\
                c = \"${UNSET:-d}${EMPTY:-e}${EMPTY-f}$$WORD $\"\n  interval = ${QUOTED}\n\
                unset = ${UNSET}\n  lines = ${LINES}\n  # ${WORD}\n";
    let document = read(text.as_bytes(), Variables::Replaced(&env)).unwrap();
    assert_eq!(document.mistakes, []);
    let block = &document.inputs[0].block;
    let texts = ["a", "b", "c", "interval", "unset", "lines"];
    let texts = texts.map(|key| block.text(key).unwrap().0);
    let expected = ["STDIN", "xSTDIN-${UNSET}", "de$WORD $", "1m", "${UNSET}", "a\nb"];
    assert_eq!(texts, expected);
    let bare = [(5, "${QUOTED}"), (6, "${UNSET}"), (7, "${LINES}")];
    assert_eq!(document.bare, bare.map(|(line, text)| (line, text.to_owned())));
}

#[test]
fn what_is_no_toml_costs_only_itself() {
    let text = "[[inputs.execd]]\nsignal = \n[[inputs.net]]\n";
    let document = read(text.as_bytes(), Variables::Replaced(&env)).unwrap();
    assert_eq!(
        document.mistakes.iter().map(|mistake| mistake.line.unwrap()).collect::<Vec<_>>(),
        [2]
    );
    assert!(document.inputs.iter().any(|input| input.name == "net"), "{document:?}");
}

#[test]
fn variables_cannot_make_a_large_text_of_a_small_one() {
    let long = |_: &str| Some(OsString::from("v".repeat(100_000)));
    let bare = format!("a = [{}]", "${A},".repeat(100));
    assert!(read(bare.as_bytes(), Variables::Replaced(&long)).is_err());
    let text = format!("[agent]\nx = '{}'", "${A}".repeat(1000));
    let document = read(text.as_bytes(), Variables::Replaced(&long)).unwrap();
    assert!(document.agent.unwrap().text("x").unwrap().0.len() < variables::MAX_REPLACED);
}

#[test]
fn times_are_telegrafs() {
    // As the agent reads them, and as an input does: seen with Telegraf 1.39.1.
    for (text, agent, block) in [
        ("10s", Some(10_000), Some(10_000)),
        ("+5s", Some(5000), Some(5000)),
        ("10", Some(10_000), None),
        ("0.2", Some(200), None),
        ("1_0", Some(10_000), None),
        ("0", Some(0), Some(0)),
        ("1m30s", Some(90_000), Some(90_000)),
        ("1h1.5s", Some(3_601_500), Some(3_601_500)),
        ("1d1ms", Some(86_400_001), None),
        ("200ms", Some(200), Some(200)),
        ("200000us", Some(200), Some(200)),
        ("0s", Some(0), Some(0)),
        ("", Some(0), None),
        ("s", None, None),
        ("-1s", None, None),
        ("10 s", None, None),
        ("1y", None, None),
        ("1e300", None, None),
        ("99999999999999999999h", None, None),
    ] {
        let value = Value::Text(text.into());
        let expected = [agent, block].map(|time| time.map(Duration::from_millis));
        assert_eq!([value.agent_duration(), value.block_duration()], expected, "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(
        text in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "([$]|\\{|\\}|A|_|1|:|-|=|'|\"|\\[|\\]|\\n|#|\\\\|é|inputs|execd|[.]| )*"
                .prop_map(String::into_bytes),
        ],
    ) {
        let _ = read(&text, Variables::Replaced(&env));
        let text = String::from_utf8_lossy(&text).into_owned();
        let _ = (Value::Text(text.clone()).agent_duration(), Value::Text(text).block_duration());
    }
}

#[test]
fn what_telegraf_takes_and_toml_does_not_is_read() {
    let inputs = |text: &[u8]| {
        let document = read(text, Variables::AsWritten).unwrap();
        assert_eq!(document.mistakes, []);
        let inputs = document.inputs.iter();
        inputs.map(|input| (input.name.clone(), input.block.line)).collect::<Vec<_>>()
    };
    let net = |line| vec![("net".to_owned(), line)];
    assert_eq!(inputs(b"# caf\xe9, na\xefve\n[[inputs.net]]\ninterfaces = ['caf\xe9']\n"), net(2));
    assert_eq!(inputs(b"# a\rb\x01\n[[inputs.net]] # c\rinterfaces = 1\n"), net(2));
    assert_eq!(inputs(b"[agent]\r\r[[inputs.net]]\rinterfaces = []\r"), net(3));
    assert_eq!(inputs(b"[agent]\r\n[[inputs.net]]\r\nalias = 'a' # \r\r\n"), net(2));
    assert_eq!(inputs(b"[[plugins.net]]\n"), net(1));
    assert_eq!(inputs(b"[plugins.net]\n"), net(1));
    assert_eq!(inputs(b"\n[net]\n[global_tags]\n[outputs.file]\n"), net(2));
    assert_eq!(inputs(b"inputs = { net = { alias = 'x' } }\n"), net(1));
    assert_eq!(inputs(b"[[inputs.net]]\n[plugins.net]\n"), [net(1), net(2)].concat());
}

#[test]
fn what_toml_takes_and_telegraf_does_not_is_a_mistake() {
    for (text, line, start) in [
        ("[agent]\n[[net]]\n", 2, "\"net\" is a list, and no table: write [[inputs.net]]"),
        (
            "[[\"a\\nb\"]]\n",
            1,
            "\"a\\nb\" is a list, and no table: write [[inputs.NAME]] for an input",
        ),
        (
            "[inputs]\n\"a\\nb\" = 1\n",
            2,
            "\"inputs.a\\nb\" is a table: write [[inputs.NAME]] above",
        ),
        ("interval = '1s'\n", 1, "\"interval\" stands in no table: write it below a header"),
        ("[[agent]]\n", 1, "\"agent\" is a list"),
        ("[inputs]\nnet = 1\n", 2, "\"inputs.net\" is a table: write [[inputs.net]] above"),
        (
            "inputs.net.alias = 'x'\n",
            1,
            "\"inputs\" has a dot behind it, which Telegraf does not take",
        ),
        ("[[inputs.net]]\ntags . a = 'x'\n", 2, "\"tags\" has a dot behind it"),
        ("[[inputs.net]]\ntags = { a.b = 'x' }\n", 2, "\"a\" has a dot behind it"),
        (
            "[[inputs.net]]\ntags = { a = 'x',\n b = 'y' }\n",
            2,
            "a table within braces has to be on one line",
        ),
    ] {
        let document = read(text.as_bytes(), Variables::AsWritten).unwrap();
        let mistake = document.mistakes.first().unwrap_or_else(|| panic!("{text:?}"));
        assert_eq!(mistake.line, Some(line), "{text:?}");
        assert!(mistake.message.starts_with(start), "{text:?}: {mistake}");
    }
    let well = "[[inputs.net]]\n[inputs.net.tags]\na = 'x'\n[ inputs . net . tagpass ]\nb = { c = [\n'x'] }\n";
    assert_eq!(read(well.as_bytes(), Variables::AsWritten).unwrap().mistakes, []);
}

#[test]
fn what_is_written_stays_but_for_lines_at_the_margin() {
    let text = "[[inputs.net]]\na = [ # one\n# two\n'x',\n  \"y\",\n]\nb = '''\nc\n# d\"'''\nc = 1_0\nd = ['''e\nf''', 'g']\n\
                e = ${X:-[1]}\nf = { g = 'h' }\n";
    let document = read(text.as_bytes(), Variables::AsWritten).unwrap();
    let options = &document.inputs[0].block.options;
    let written: Vec<_> = options.iter().map(|option| document.written(option)).collect();
    let expected = [
        "[ # one\n  # two\n  'x',\n  \"y\",\n  ]",
        "\"c\\u000A# d\\\"\"",
        "1_0",
        "[\"e\\u000Af\", 'g']",
        "${X:-[1]}",
        "{ g = 'h' }",
    ];
    assert_eq!(written, expected);
}

#[test]
fn long_files_of_whatever_are_read() {
    for part in [
        "${a",
        "a=${",
        "[[inputs.net]]\n",
        "[[inputs.net]]\ninterval='1s'\n",
        "$X",
        "{",
        "a={",
        "a.",
        "x='${a:-'\n",
    ] {
        let text = part.repeat((1 << 18) / part.len());
        let _ = read(text.as_bytes(), Variables::AsWritten);
        let _ = read(text.as_bytes(), Variables::Replaced(&|_| None));
    }
}
