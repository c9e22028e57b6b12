//! One folder under `fixtures/` per case, and one test: `proc/`, `sys/` and `plugin.conf` go in, the
//! lines of `expected.lp`, less their time, and those of `expected.log` come out; the same lines as JSON;
//! and where there is an `expected.table`, that.
//!
//! `make golden` rewrites what is expected; read the difference before you commit it. They are hosts of
//! Linux, which other systems cannot look at: there is none there.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use common::json::assert_is_line;
use common::{PLUGIN, output, text};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let rewrite = std::env::var_os("REWRITE_GOLDEN").is_some();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let folders = fs::read_dir(fixtures).unwrap().map(|entry| entry.unwrap().path());
    // Without a configuration, it is a recording for other tests.
    let is_case = |path: &PathBuf| path.join("plugin.conf").is_file();
    let trial = |case: PathBuf| {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        Trial::test(name, move || check(&case, rewrite))
    };
    let trials: Vec<_> = folders.filter(is_case).map(trial).collect();
    assert!(trials.len() > 20, "{} cases", trials.len());
    let trials = if cfg!(target_os = "linux") { trials } else { Vec::new() };
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn check(case: &Path, rewrite: bool) -> Result<(), Failed> {
    assert!(case.join("ORIGIN.md").is_file(), "{} has no ORIGIN.md", case.display());
    let once = |format: &str| {
        let mut command = Command::new(PLUGIN);
        command.current_dir(case).args(["--once", "--config", "plugin.conf", "--format", format]);
        command.env("HOST_PROC", "proc").env("HOST_SYS", "sys").env("LC_ALL", "C.UTF-8");
        output(command.env_remove("COLUMNS"))
    };
    let output = once("influx");
    let lines = without_time(&output.stdout);
    check_json(&once("json").stdout, &output.stdout);
    assert_eq!(output.status.success(), !lines.is_empty(), "{}: {}", case.display(), output.status);
    let log = text(&output.stderr);
    let mut outcomes = vec![("expected.lp", lines), ("expected.log", log.into_bytes())];
    // Some of them will do for tables.
    if case.join("expected.table").exists() {
        outcomes.push(("expected.table", without_header(&once("table").stdout)));
    }
    for (name, actual) in outcomes {
        let file = case.join(name);
        if rewrite {
            fs::write(&file, &actual).unwrap();
        }
        let expected = fs::read(&file).expect("`make golden` writes it");
        if actual != expected {
            let (actual, expected) = (text(&actual), text(&expected));
            return Err(format!("{}:\n{actual}\ninstead of:\n{expected}", file.display()).into());
        }
    }
    Ok(())
}

/// As JSON, it has the same tags and fields of the same types.
fn check_json(records: &[u8], lines: &[u8]) {
    let split = |output: &[u8]| -> Vec<Vec<u8>> {
        let lines = output.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(<[u8]>::to_vec).collect()
    };
    let (lines, records) = (split(lines), split(records));
    assert_eq!(records.len(), lines.len());
    for (record, line) in records.iter().zip(&lines) {
        assert_is_line(record, line);
    }
}

/// A table less the first line, which tells this host and the time.
fn without_header(table: &[u8]) -> Vec<u8> {
    let end = table.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    table[end..].to_vec()
}

/// The lines less their timestamps, which must be one and the same.
fn without_time(output: &[u8]) -> Vec<u8> {
    let mut times = BTreeSet::new();
    let mut lines = Vec::new();
    for line in output.split_inclusive(|&byte| byte == b'\n') {
        let space = line.iter().rposition(|&byte| byte == b' ').unwrap();
        times.insert(text(&line[space..]));
        lines.extend_from_slice(&line[..space]);
        lines.push(b'\n');
    }
    assert!(times.len() <= 1, "{times:?}");
    lines
}
