//! What stands in docs/, for tests to run.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::{is_skipped_without, run};

/// A document.
pub(crate) fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

/// The blocks of a document in that language.
pub(crate) fn blocks(name: &str, language: &str) -> Vec<String> {
    let document = document(name);
    let blocks = document.split("\n```").filter_map(|part| {
        let block = part.strip_prefix(language)?.strip_prefix('\n')?;
        Some(format!("{block}\n"))
    });
    blocks.collect()
}

/// The rows of a document's table that has this header, cell by cell.
pub(crate) fn table(name: &str, header: &str) -> Vec<Vec<String>> {
    let document = document(name);
    let (_, rows) = document.split_once(header).unwrap_or_else(|| panic!("no table {header}"));
    let rows = rows.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// Whether this test cannot run for want of Debian's python3-yaml.
pub(crate) fn is_skipped_without_yaml() -> bool {
    let output = Command::new("/usr/bin/python3").args(["-c", "import yaml"]).output();
    let has_it = output.is_ok_and(|output| output.status.success());
    is_skipped_without("Debian's python3-yaml", has_it)
}

/// What a text in YAML says, which Python reads.
pub(crate) fn yaml(text: &str) -> Value {
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))";
    let output = run(Command::new("/usr/bin/python3").args(["-c", script, text]));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A text as the task of docs/DEPLOYING.md for Ansible leaves it.
pub(crate) fn with_inputs_net_taken_out(text: &str) -> String {
    let [play] = &blocks("DEPLOYING.md", "yaml")[..] else { panic!("not one block") };
    let play = yaml(play);
    let tasks = play[0]["tasks"].as_array().unwrap();
    let task = tasks.iter().find_map(|task| task.get("ansible.builtin.replace")).unwrap();
    let [regexp, replace] = ["regexp", "replace"].map(|key| task[key].as_str().unwrap());
    // As that module does it.
    let script = "import re, sys; sys.stdout.write(re.sub(sys.argv[1], sys.argv[2], sys.argv[3], flags=re.M))";
    let output = run(Command::new("/usr/bin/python3").args(["-c", script, regexp, replace, text]));
    String::from_utf8(output.stdout).unwrap()
}
