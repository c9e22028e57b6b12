//! The built plugin as Telegraf runs it, on whatever system this is: the interfaces that there are.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use common::line::Parsed;
use common::{PLUGIN, finish, run, text};
use tempfile::NamedTempFile;

/// Every system has a loopback, and some machines have nothing else.
const ALL: &str = "[[inputs.net]]\ninterfaces = ['*']\nignore_protocol_stats = true\n";

/// The fields of every line, wherever it runs.
const FIELDS: [&str; 8] = [
    "bytes_recv",
    "bytes_sent",
    "drop_in",
    "drop_out",
    "err_in",
    "err_out",
    "packets_recv",
    "packets_sent",
];

fn plugin() -> (NamedTempFile, Command) {
    let config = NamedTempFile::new().unwrap();
    fs::write(&config, ALL).unwrap();
    let mut command = Command::new(PLUGIN);
    command.env_remove("HOST_PROC").env_remove("HOST_SYS").arg("--config").arg(config.path());
    (config, command)
}

/// There are lines, and all are whole.
fn check(lines: &[u8]) {
    assert!(lines.ends_with(b"\n"), "{}", text(lines));
    for line in Parsed::of(lines).0 {
        assert!(line.tag("interface").is_some(), "{line:?}");
        assert_eq!(line.keys_without(&["speed"]), FIELDS, "{line:?}");
        assert!(FIELDS.iter().all(|field| line.integer(field) >= Some(0)), "{line:?}");
    }
}

#[test]
fn once_reports_the_interfaces_of_this_machine() {
    let (_config, mut command) = plugin();
    let output = run(command.arg("--once"));
    check(&output.stdout);
    assert!(!text(&output.stderr).contains("E! "), "{}", text(&output.stderr));
}

#[test]
fn each_newline_is_answered_and_the_end_of_stdin_ends_it() {
    let (_config, mut command) = plugin();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut last_time = 0;
    for _ in 0..3 {
        stdin.write_all(b"\n").unwrap();
        // Each batch has a time of its own.
        let mut time = last_time;
        while time == last_time {
            let mut line = Vec::new();
            stdout.read_until(b'\n', &mut line).unwrap();
            check(&line);
            time = Parsed::of(&line).0[0].time;
        }
        last_time = time;
    }
    drop(stdin);
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() || rest.ends_with(b"\n"), "{}", text(&rest));
    let output = finish(process);
    assert!(output.status.success(), "{}", output.status);
    assert!(!text(&output.stderr).contains("E! "), "{}", text(&output.stderr));
}

#[test]
fn json_is_an_object_on_each_line_of_every_gather() {
    let (config, mut command) = plugin();
    let options = "interface_tags = ['kind']\nlink_state = true\nrates = true\n";
    fs::write(config.path(), format!("{ALL}{options}")).unwrap();
    command.args(["--format", "json", "--poll-interval", "20ms"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let (mut times, mut has_rate) = (BTreeSet::new(), false);
    while times.len() < 3 || !has_rate {
        let mut line = Vec::new();
        stdout.read_until(b'\n', &mut line).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&line).unwrap();
        times.insert(record["timestamp"].as_i64().unwrap());
        assert!(record["tags"]["interface"].is_string(), "{record}");
        let fields = record["fields"].as_object().unwrap();
        assert!(FIELDS.iter().all(|field| fields[*field].is_u64()), "{record}");
        has_rate |= fields.get("bytes_recv_rate").is_some_and(serde_json::Value::is_f64);
        assert!(times.len() < 100, "no rates");
    }
    drop(stdout);
    assert!(finish(process).status.success());
}
