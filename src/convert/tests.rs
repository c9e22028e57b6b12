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
        let (telegraf_conf, plugin_confs) = parts.split_last().unwrap();
        assert_eq!(telegraf_conf.0, "/etc/telegraf/telegraf.d/telegraf-net.conf");
        let variable = |name: &str| {
            let value = if name == "LIST" { r#"["eth0"]"# } else { "'eth0'" };
            let value = if name.starts_with("NO_") { "true" } else { value };
            Some(OsString::from(value))
        };
        for (name, text) in plugin_confs {
            let config = Config::parse_for(System::Linux, text.as_bytes(), &variable);
            config.unwrap_or_else(|error| panic!("{}: {name}: {error}", case.display()));
        }
        let masked = masked(telegraf_conf.1);
        let document = DeTable::parse(&masked).unwrap();
        let blocks = document.get_ref()["inputs"].get_ref()["execd"].get_ref().as_array().unwrap();
        let commands = blocks.iter().map(|block| block.get_ref()["command"].get_ref());
        let files = commands.map(|command| command[2].get_ref().as_str().unwrap().to_owned());
        let names: Vec<_> = plugin_confs.iter().map(|(name, _)| *name).collect();
        assert_eq!(files.collect::<Vec<_>>(), names);
        assert_eq!(names.len(), names.iter().collect::<std::collections::BTreeSet<_>>().len());
        // Nothing is left to convert.
        assert_eq!(convert(telegraf_conf.1.as_bytes(), System::Linux).unwrap_err().line, None);
        for line in converted.lines().filter(|line| line.trim_start().starts_with("##")) {
            assert!(line.len() <= 80 || line.starts_with("## In place of "), "{line}");
        }
        cases += 1;
    }
    assert_eq!(cases, 6);
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
        ("inputs = 1\n", nothing),
        ("[[inputs.net]]\n\ninterfaces = \"eth0\"\n", "line 3: \"interfaces\" takes a list"),
        ("[[inputs.net]]\ninterfaces = [1]\n", "line 2: \"interfaces\" takes a list"),
        (
            "[[inputs.net]]\ninterfaces = ['*', '[']\n",
            "line 2: \"interfaces\": \"[\" is not a valid",
        ),
        (
            "[[inputs.net]]\nignore_protocol_stats = 1\n",
            "line 2: \"ignore_protocol_stats\" takes true",
        ),
        (
            "\ninputs.net = 1\n",
            "line 2: \"inputs.net\" is a table: write [[inputs.net]] above its options",
        ),
        ("[[inputs.net]]\na = 1\na = 2\n", "line 3: not valid TOML: duplicate key \"a\""),
        ("[[inputs.net]]\na = ${X} b\n", "line 2: not valid TOML: "),
        ("[[inputs.net]]\na = \"${X\n", "line 2: not valid TOML: "),
        (
            "\n[[inputs.nstat]]\n[inputs.nstat.tagpass]\nname = ['tcp']\n",
            "line 2: the filters of this [[inputs.nstat]] leave nothing of it",
        ),
        (
            "[[inputs.nstat]]\n[inputs.nstat.tagdrop]\nname = ['$X']\n",
            "line 3: \"tagdrop\": \"name\" takes a list out of \"snmp\", \"netstat\" and \"snmp6\"",
        ),
    ] {
        let error = convert(text.as_bytes(), System::Linux).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text:?}: {error}");
        assert_eq!(error.lines().count(), 1);
    }
    let error = convert(b"[agent]\nx = \"\xff\"\n", System::Linux).unwrap_err();
    assert_eq!(error.to_string(), "line 2: not valid TOML: the text is not UTF-8");
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
        ("interval = ${X}", "", "\"1s\""),
        ("interval = '1 s'", "", "\"1s\""),
    ] {
        assert_eq!(precision(agent, block), expected, "{agent:?} {block:?}");
    }
}
