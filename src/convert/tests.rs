//! Each folder of `fixtures/convert` has a `telegraf.conf`, and what comes of it; `make golden` rewrites that.
//! `make test-moving` runs both sides under the real Telegraf.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::*;
use crate::config::Config;

/// The parts of what is printed: each file's name, and what it holds.
fn parts(text: &str) -> Vec<(&str, &str)> {
    let parts = text.split("\n# ---- ").skip(1);
    parts.map(|part| part.split_once('\n').unwrap()).collect()
}

#[test]
fn blocks_become_what_gives_the_same_series() {
    let rewrite = std::env::var_os("REWRITE_GOLDEN").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/convert");
    let mut cases = 0;
    for case in fs::read_dir(folder).unwrap() {
        let case = case.unwrap().path();
        let text = fs::read(case.join("telegraf.conf")).unwrap();
        let converted = convert(&text, System::Linux).unwrap();
        let file = case.join("expected.conf");
        if rewrite {
            fs::write(&file, &converted).unwrap();
        }
        let expected = fs::read_to_string(&file).expect("`make golden` writes it");
        assert_eq!(converted, expected, "{}", case.display());

        // Each part can be read by whom it is for.
        let parts = parts(&converted);
        let (execd_conf, plugin_confs) = parts.split_last().unwrap();
        assert_eq!(execd_conf.0, "/etc/telegraf/telegraf.d/telegraf-net.conf");
        let variable = |name: &str| {
            let value = if name == "LIST" { r#"["eth0"]"# } else { "'eth0'" };
            let value = if name.starts_with("NO_") { "true" } else { value };
            Some(OsString::from(value))
        };
        for (name, text) in plugin_confs {
            let config = Config::parse_for(System::Linux, text.as_bytes(), &variable);
            config.unwrap_or_else(|error| panic!("{}: {name}: {error}", case.display()));
        }
        let document = telegraf_conf::read(execd_conf.1.as_bytes(), Variables::AsWritten);
        let document = document.unwrap();
        assert_eq!(document.mistakes, []);
        let commands = document.inputs.iter().map(|input| input.block.get("command").unwrap());
        let files = commands.map(|command| command.value.texts().unwrap()[2].to_owned());
        let names: Vec<_> = plugin_confs.iter().map(|(name, _)| *name).collect();
        assert_eq!(files.collect::<Vec<_>>(), names);
        assert_eq!(names.len(), names.iter().collect::<std::collections::BTreeSet<_>>().len());
        // Nothing is left to convert.
        assert_eq!(convert(execd_conf.1.as_bytes(), System::Linux).unwrap_err().line, None);
        for line in converted.lines().filter(|line| line.trim_start().starts_with("##")) {
            assert!(line.len() <= 80 || line.starts_with("## In place of "), "{line}");
        }
        cases += 1;
    }
    assert_eq!(cases, 7);
}

#[test]
fn paths_are_those_of_the_system() {
    for (system, file, command) in [
        (
            System::FreeBsd,
            "/usr/local/etc/telegraf-net/plugin.conf",
            r#"["/usr/local/bin/telegraf-net", "--config", "/usr/local/etc/telegraf-net/plugin.conf"]"#,
        ),
        (
            System::Windows,
            r"C:\Program Files\telegraf-net\plugin.conf",
            r"['C:\Program Files\telegraf-net\telegraf-net.exe', ",
        ),
    ] {
        let converted = convert(b"[[inputs.net]]", system).unwrap();
        assert_eq!(parts(&converted)[0].0, file);
        assert!(converted.contains(&format!("  command = {command}")), "{converted}");
    }
}

#[test]
fn what_cannot_be_converted_is_told_with_its_line() {
    let nothing = "no [[inputs.net]] and no [[inputs.nstat]] to convert: name the file that has them, such \
                   as one of telegraf.d";
    for (text, message) in [
        ("", nothing),
        ("[agent]\n[[inputs.network]]\n", nothing),
        ("inputs = 1\n", "line 1: \"inputs\" stands in no table"),
        ("[[inputs.net]]\n\ninterfaces = \"eth0\"\n", "line 3: \"interfaces\": it takes a list"),
        ("[[inputs.net]]\ninterfaces = [1]\n", "line 2: \"interfaces\": it takes a list"),
        (
            "[[inputs.net]]\ninterfaces = ['*', '[']\n",
            "line 2: \"interfaces\": \"[\" is not a valid",
        ),
        (
            "[[inputs.net]]\nignore_protocol_stats = 1\n",
            "line 2: \"ignore_protocol_stats\": it takes true",
        ),
        (
            "[inputs]\nnet = 1\n",
            "line 2: \"inputs.net\" is a table: write [[inputs.net]] above its options",
        ),
        ("[[inputs.net]]\na = 1\na = 2\n", "line 3: not valid TOML: duplicate key \"a\""),
        ("[[inputs.net]]\na = ${X} b\n", "line 2: not valid TOML: "),
        ("[[inputs.net]]\na = \"${X\n", "line 2: not valid TOML: "),
        (
            "[[inputs.net]]\nprecision = '1d'\n",
            "line 2: \"precision\" is no duration, such as \"10s\"",
        ),
        ("[agent]\nprecision = 'x'\n[[inputs.net]]\n", "line 2: \"precision\" is no duration"),
        ("# x\n[[inputs.net]]\na = DEEP\n", "line 3: its tables or lists are nested too deeply"),
        ("# x\n[[inputs.net]]\n[inputs.net.HEADER]\n", "its tables or lists are nested too deeply"),
        ("[[net]]\n", "line 1: \"net\" is a list, and no table: write [[inputs.net]]"),
        ("[[inputs.net]]\ntags.a = 'b'\n", "line 2: \"tags\" has a dot behind it"),
        (
            "\n[[inputs.nstat]]\n[inputs.nstat.tagpass]\nname = ['tcp']\n",
            "line 2: the filters of this [[inputs.nstat]] leave nothing of it",
        ),
        (
            "[[inputs.nstat]]\n[inputs.nstat.tagdrop]\nname = ['$X']\n",
            "line 3: \"tagdrop\": \"name\" takes a list out of \"snmp\", \"netstat\" and \"snmp6\"",
        ),
    ] {
        let text = text.replace("DEEP", &"[".repeat(200)).replace("HEADER", &["a"; 200].join("."));
        let error = convert(text.as_bytes(), System::Linux).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text:?}: {error}");
        assert_eq!(error.lines().count(), 1);
    }
}

/// The value of that option in the `plugin.conf` that comes of these lines of a block.
fn converted_option(key: &str, lines: &str) -> Result<String, String> {
    let text = format!("[[inputs.net]]\n{lines}\n");
    let converted = convert(text.as_bytes(), System::Linux).map_err(|error| error.to_string())?;
    let start = format!("  {key} = ");
    Ok(converted.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned())
}

#[test]
fn variables_give_what_they_give_under_telegraf() {
    let env = |name: &str| (name == "X").then(|| OsString::from("eth0"));
    for (before, expected, entry) in [
        ("'$X'", r#""${X:-$X}""#, "eth0"),
        ("'${X}'", r#""${X:-$X}""#, "eth0"),
        ("'$UNSET'", r#""${UNSET:-$UNSET}""#, "$UNSET"),
        ("'${UNSET-lo}'", r#""${UNSET:-lo}""#, "lo"),
        ("'${UNSET:-lo}'", "'${UNSET:-lo}'", "lo"),
        ("\"${X:-lo}\"", r#""${X:-lo}""#, "eth0"),
        ("'${X:?it is needed}'", r#""${X}""#, "eth0"),
        ("'${X?}'", r#""${X}""#, "eth0"),
        ("'a$$b'", r#""a$b""#, "a$b"),
        ("'$${X}?'", r#""\u0024{X}?""#, "${X}?"),
        ("'${1}?'", r#""\u0024{1}?""#, "${1}?"),
        ("'$$$X'", r#""$${X:-$X}""#, "$eth0"),
        ("'${UNSET:-a\"{b}c}'", r#""${UNSET:-a\"\u007Bb}c}""#, "a\"{bc}"),
        ("'${UNSET:-lo}${UNSET}'", r#""${UNSET:-lo}${UNSET:-}""#, "lo"),
        ("'${X}-$'", r#""${X:-$X}-$""#, "eth0-$"),
        ("\"${X}\\\\n\"", r#""${X:-$X}\\n""#, "eth0\\n"),
    ] {
        let converted = converted_option("interfaces", &format!("interfaces = [{before}]"));
        let converted = converted.unwrap_or_else(|error| panic!("{before}: {error}"));
        assert_eq!(converted, format!("[{expected}]"), "{before}");
        let text = format!("[[inputs.net]]\ninterfaces = {converted}");
        let config = Config::parse_for(System::Linux, text.as_bytes(), &env);
        let config = config.unwrap_or_else(|error| panic!("{before}: {error}"));
        assert_eq!(config.tables[0].entries[0].text, entry, "{before}");
    }
    // What stands around them stays.
    let listed = converted_option("interfaces", "interfaces = ['x$', # $X\n'$X']");
    assert_eq!(listed.as_deref(), Ok("['x$', # $X"));
    for before in ["${X:+eth1}", "${X+eth1}", "a${X:-${Y}}", "${X:-$Y}"] {
        let error = converted_option("interfaces", &format!("interfaces = ['{before}']"));
        let error = error.unwrap_err();
        assert!(error.starts_with("line 2: \"interfaces\": \"${X"), "{error}");
        assert!(error.contains("cannot be written in plugin.conf"), "{error}");
        assert!(error.ends_with(": write ${X} or ${X:-default}"), "{error}");
    }
    for (before, expected) in
        [("$X", "${X}"), ("${X}", "${X}"), ("${X-true}", "${X:-true}"), ("${X:?m}", "${X}")]
    {
        let line = format!("ignore_protocol_stats = {before}");
        assert_eq!(converted_option("ignore_protocol_stats", &line).as_deref(), Ok(expected));
    }
    let error = converted_option("x", "ignore_protocol_stats = ${X:+true}").unwrap_err();
    assert!(
        error.starts_with("line 2: \"ignore_protocol_stats\": \"${X:+true}\" cannot"),
        "{error}"
    );
}

#[test]
fn inputs_of_old_spellings_are_converted() {
    let expected = convert(b"[[inputs.net]]\n", System::Linux).unwrap();
    for text in ["[[plugins.net]]\n", "[plugins.net]\n", "[net]\n", "[inputs.net]\n"] {
        assert_eq!(convert(text.as_bytes(), System::Linux).as_ref(), Ok(&expected), "{text}");
    }
}

#[test]
fn long_files_are_converted() {
    let mut blocks = String::new();
    for number in 0..20_000 {
        let _ = write!(blocks, "[[inputs.net]]\nalias = '{number}'\n");
    }
    let converted = convert(blocks.as_bytes(), System::Linux).unwrap();
    assert_eq!(parts(&converted).len(), 20_001);
    let tables = "[[inputs.net]]\n".repeat(50_000);
    assert_eq!(parts(&convert(tables.as_bytes(), System::Linux).unwrap()).len(), 2);
}

#[test]
fn times_are_rounded_as_telegraf_rounds_those_of_other_inputs() {
    let precision = |agent: &str, block: &str| {
        let text = format!("[agent]\n{agent}\n[[inputs.net]]\n{block}\n");
        let converted = convert(text.as_bytes(), System::Linux).unwrap();
        let mut lines = converted.lines().filter_map(|line| line.strip_prefix("  precision = "));
        let precision = lines.next().unwrap().to_owned();
        assert_eq!(lines.next(), None, "{converted}");
        precision
    };
    for (agent, block, expected) in [
        ("", "", "\"1s\""),
        ("interval = '1s'", "", "\"1s\""),
        ("interval = 10", "", "\"1s\""),
        ("interval = 0.5", "", "\"1ms\""),
        ("interval = '1d'", "interval = '999ms'", "\"1ms\""),
        ("interval = '1ms'", "", "\"1ms\""),
        ("interval = '999us'", "", "\"1us\""),
        ("interval = '1\u{b5}s'", "", "\"1us\""),
        ("interval = '10ns'", "", "\"1ns\""),
        ("interval = '100ms'", "interval = '1m0.5s'", "\"1s\""),
        // Of a block, Telegraf takes strings alone, and nothing for what is zero.
        ("interval = '100ms'", "interval = 10", "\"1ms\""),
        ("interval = '100ms'", "interval = '0s'", "\"1ms\""),
        ("interval = '100ms'\nprecision = '1s'", "", "'1s'"),
        ("interval = '100ms'\nprecision = '0s'", "", "\"1ms\""),
        ("precision = '1s'", "precision = '10ms'", "'10ms'"),
        ("precision = '1s'", "precision = '0'", "'1s'"),
        ("precision = '$X'", "", "'$X'"),
        // A block takes neither numbers nor days.
        ("precision = 1", "", "\"1s\""),
        ("precision = 0.25", "", "\"250ms\""),
        ("precision = '90'", "", "\"90s\""),
        ("precision = '1d'", "", "\"24h\""),
        ("precision = ''\ninterval = '5ms'", "", "\"1ms\""),
        ("precision = '-1s'", "", "\"1s\""),
        ("precision = '1s'", "precision = 10", "'1s'"),
        ("interval = ${X}", "", "\"1s\""),
        ("interval = '1 s'", "", "\"1s\""),
    ] {
        assert_eq!(precision(agent, block), expected, "{agent:?} {block:?}");
    }
}

#[test]
fn what_only_linux_has_is_converted_on_linux_alone() {
    let text = b"[[inputs.net]]\n[[inputs.nstat]]\n";
    assert!(convert(text, System::Linux).is_ok());
    let error = convert(text, System::FreeBsd).unwrap_err().to_string();
    let expected =
        r#"line 2: "inputs.nstat" works on Linux only, and this is FreeBSD: leave it out"#;
    assert_eq!(error, expected);
    // Those of other systems have a table that is read there.
    for system in System::ALL {
        let converted = convert(b"[[inputs.net]]\n", system).unwrap();
        let (_, part) = converted.split_once("\n# ---- ").unwrap();
        let (_, text) = part.split_once("\n# ---- ").unwrap().0.split_once('\n').unwrap();
        assert!(Config::parse_for(system, text.as_bytes(), &|_| None).is_ok(), "{text}");
    }
}
