//! The command line as an operator meets it, on every system.

mod common;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use common::{finish, output, plugin, run, text, with_config};

/// Runs it with that on stdin.
fn run_with_stdin(command: &mut Command, stdin: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    // It reads no more than it takes.
    let _ = process.stdin.take().unwrap().write_all(stdin);
    finish(process)
}

#[test]
fn help_shows_the_block_to_paste() {
    let help = text(&run(&mut plugin(&["--help"])).stdout);
    for line in [
        "  [[inputs.execd]]\n",
        #[cfg(target_os = "linux")]
        "    command = [\"/usr/bin/telegraf-net\", \"--config\", \"/etc/telegraf-net/plugin.conf\"]\n",
        "    signal = \"STDIN\"\n",
        "    data_format = \"influx\"\n",
        "    precision = \"1s\"\n",
        "--poll-interval <DURATION>",
    ] {
        assert!(help.contains(line), "no {line:?} in {help}");
    }
}

#[test]
fn help_fits_in_80_columns_but_for_what_is_pasted() {
    for arg in ["-h", "--help"] {
        let help = text(&run(&mut plugin(&[arg])).stdout);
        let wide = help.lines().filter(|line| line.len() > 80);
        let wide: Vec<_> = wide.filter(|line| !line.starts_with("    command = ")).collect();
        assert!(wide.is_empty(), "{arg}: {wide:#?}");
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("whatever --poll-interval says"), "{words}");
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_one_line_and_status_2() {
    let cases = [
        ("[[inputs.net]]\ninterfacess = []\n", r#" line 2: "interfacess" is not an option"#),
        (
            "[[inputs.net]]\ninterval = '1s'\n",
            r#" line 2: "interval" is an option of [[inputs.execd]]"#,
        ),
        (
            "[[inputs.net]]\ninterfaces = ['[']\n",
            r#" line 2: "interfaces": "[" is not a valid pattern"#,
        ),
        // Other systems refuse these options.
        #[cfg(target_os = "linux")]
        (
            "[[inputs.net]]\nhost_sys = '${TELEGRAF_NET_UNSET}'\n",
            " line 2: \"host_sys\": the environment variable",
        ),
        #[cfg(target_os = "linux")]
        (
            "[[inputs.net]]\nnamespace_discovery = 'processes'\n",
            r#" line 2: "namespace_discovery" = "processes" looks for network namespaces, and this"#,
        ),
        #[cfg(target_os = "linux")]
        (
            "[[inputs.net]]\nnamespace_include = ['*']\n[[inputs.net]]\n\
             namespace_exclude = ['*']\nhost_proc = '/p'\n",
            r#" line 5: "host_proc": all tables that report other network namespaces must have the"#,
        ),
        ("[[inputs.net\n", " line 1: not valid TOML"),
        ("[[inputs.cpu]]\n", r#" line 1: "inputs.cpu" does not belong here"#),
        ("", " no [[inputs.net]] table"),
    ];
    for (config, message) in cases {
        for args in [&["--once"][..], &[]] {
            let (folder, output) = with_config(config, args, &[]);
            let log = text(&output.stderr);
            let start = format!("E! {:?}:{message}", folder.path().join("plugin.conf"));
            assert!(log.starts_with(&start), "{log:?} does not start with {start:?}");
            assert_eq!(log.lines().count(), 1, "{log}");
            assert_eq!(output.status.code(), Some(2));
            assert!(output.stdout.is_empty());
        }
    }
    let output = output(&mut plugin(&["-config", "/none/such.conf"]));
    assert_eq!(output.status.code(), Some(2));
    let log = text(&output.stderr);
    assert!(log.starts_with("E! cannot read \"/none/such.conf\": "), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[test]
fn a_telegraf_conf_is_converted_from_a_file_or_stdin() {
    const CONF: &str = "[[inputs.cpu]]\n[[inputs.net]]\n  interval = \"5s\"\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("telegraf.conf");
    fs::write(&file, CONF).unwrap();
    let by_file = run(plugin(&["--convert"]).arg(&file));
    let printed = text(&by_file.stdout);
    for part in [
        "/plugin.conf\n\n## In place of [[inputs.net]] in line 2.\n[[inputs.net]]\n",
        "/telegraf.d/telegraf-net.conf\n\n## In place of [[inputs.net]] in line 2: take it out.\n[[inputs.execd]]\n",
        "  interval = \"5s\"\n",
    ] {
        let printed = printed.replace('\\', "/");
        assert!(printed.contains(part), "no {part:?} in {printed}");
    }
    let by_stdin = run_with_stdin(&mut plugin(&["--convert", "-"]), CONF.as_bytes());
    assert_eq!((text(&by_stdin.stdout), by_stdin.status.code()), (printed, Some(0)));
    for output in [by_file, by_stdin] {
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn a_telegraf_conf_that_cannot_be_converted_is_one_line_and_status_2() {
    let nothing = "no [[inputs.net]] and no [[inputs.nstat]] to convert: name the file that has them, such \
                   as one of telegraf.d";
    let large = format!("[[inputs.net]]{}", "\n".repeat(1 << 20));
    for (conf, message) in [
        ("[agent]\n", nothing),
        ("[[inputs.net]\n", "line 1: not valid TOML: "),
        (&large, "larger than 1 MiB"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("telegraf.conf");
        fs::write(&file, conf).unwrap();
        let by_file = output(plugin(&["--convert"]).arg(&file));
        let by_stdin = run_with_stdin(&mut plugin(&["--convert", "-"]), conf.as_bytes());
        for (output, name) in [(by_file, "telegraf.conf\": "), (by_stdin, "stdin: ")] {
            let log = text(&output.stderr);
            assert!(log.starts_with("E! ") && log.contains(name) && log.contains(message), "{log}");
            assert_eq!((log.lines().count(), output.status.code()), (1, Some(2)), "{log}");
            assert!(output.stdout.is_empty());
        }
    }
    let output = output(&mut plugin(&["--convert", "/none/such.conf"]));
    assert!(text(&output.stderr).starts_with("E! cannot read \"/none/such.conf\": "));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_argument_that_cannot_be_used_is_named_with_status_2() {
    for (args, message) in [
        (&["--unheard-of"][..], "unexpected argument '--unheard-of' found; --help lists"),
        (
            &["--confg", "x"],
            "unexpected argument '--confg' found; tip: a similar argument exists: ",
        ),
        (
            &["--poll-interval", "0s"],
            "invalid value '0s' for '--poll-interval <DURATION>': it must lie",
        ),
        (
            &["--poll-interval", "soon"],
            "invalid value 'soon' for '--poll-interval <DURATION>': write a number and its unit, such",
        ),
        (
            &["--poll-interval", "-1s"],
            "unexpected argument '-1' found; a DURATION has no sign; --help lists",
        ),
        (
            &["--frob\nUsage: no\nE! forged\x1b[31m\r"],
            "unexpected argument '--frob\\nUsage: no\\nE! forged\\u{1b}[31m\\r' found; ",
        ),
        (
            &["--poll-interval", "10\nE! forged"],
            "invalid value '10\\nE! forged' for '--poll-interval <DURATION>': ",
        ),
        (
            &["--once", "--poll-interval", "1s"],
            "the argument '--once' cannot be used with '--poll-interval <DURATION>'; --help lists",
        ),
        (
            &["-poll_interval_disabled=maybe"],
            "invalid value 'maybe' for '--poll-interval-disabled[=<BOOL>]'; [possible values: true, false]; --help",
        ),
        (
            &["--format", "table"],
            "'--format table' needs '--once'; '--watch' redraws such a table; --help lists",
        ),
        (
            &["--once", "--sort", "bytes"],
            "'--sort <WHAT>' sorts a table: it needs '--once --format table' or '--watch'; --help lists",
        ),
        (
            &["--once", "--format", "json", "--all"],
            "'--all' is about a table: it needs '--once --format table' or '--watch'; --help lists",
        ),
        (&["--fold", "idle"], "'--fold <WHAT>' needs '--watch'; --help lists"),
        (
            &["--watch", "1s", "--once"],
            "the argument '--watch [<DURATION>]' cannot be used with '--once'; --help lists",
        ),
        (&["--watch", "soon"], "invalid value 'soon' for '--watch [<DURATION>]': "),
        (
            &["--watch"],
            "'--watch' needs a terminal that can move its cursor, which stdout is not: '--once --format table' \
             prints one table",
        ),
        (
            &["--once", "--format", "xml"],
            "invalid value 'xml' for '--format <FORMAT>'; [possible values: ",
        ),
        (&["--config"], "a value is required for '--config <FILE>' but none was supplied; --help"),
    ] {
        let output = output(&mut plugin(args));
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let log = text(&output.stderr);
        assert!(log.starts_with(&format!("E! {message}")), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(output.stdout.is_empty());
    }
    assert!(text(&run(&mut plugin(&["-h"])).stdout).contains("[[inputs.execd]]"));
}

#[test]
fn version_tells_the_commit_and_the_target() {
    let output = text(&run(&mut plugin(&["--version"])).stdout);
    let start = concat!("telegraf-net ", env!("CARGO_PKG_VERSION"), " (commit ");
    let rest = output.strip_prefix(start).and_then(|rest| rest.strip_suffix(")\n"));
    let (commit, target) = rest.and_then(|rest| rest.split_once(", ")).unwrap_or_else(|| {
        panic!("{output}");
    });
    assert!(!commit.is_empty() && !commit.contains(' '), "{output}");
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        system => system,
    };
    assert!(target.contains(&format!("-{system}")), "{output}");
    // That of 32-bit ARM has a version.
    assert!(target.starts_with(std::env::consts::ARCH), "{output}");
}
