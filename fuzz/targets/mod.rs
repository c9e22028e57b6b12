//! What is fuzzed: each target takes any bytes, and panics where the program is wrong about them.
//!
//! Those of [`ALL`] are run by `make fuzz`, with new bytes, and by `tests/corpora.rs`, with those of the corpora.

// Shared modules are used in part, and the test that has this module shows nothing of it to others.
#![allow(dead_code, unreachable_pub)]

mod kernel_files;
mod netlink;
mod patterns;
mod pieces;
mod plugin_conf;
pub(crate) mod records;
mod telegraf_conf;
mod views;

#[path = "../../tests/common/converted.rs"]
mod converted;
#[path = "../../tests/common/datagram.rs"]
mod datagram;
#[path = "../../tests/common/grammar.rs"]
mod grammar;
#[path = "../../tests/common/json.rs"]
mod json;
#[path = "../../tests/common/line.rs"]
mod line;
#[path = "../../tests/common/patterns.rs"]
mod pattern;

use std::fmt::Display;
use std::path::Path;

use telegraf_net::config::systems::System;

use records::Record;

/// One thing that is fuzzed.
pub struct Target {
    /// Its name, which its binary and the folder of its corpus have too.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Whether a file of the project is such bytes.
    pub is_seed: fn(&Path) -> bool,
}

/// All targets.
pub const ALL: [Target; 7] = [
    Target { name: "netlink", run: netlink::run, is_seed: netlink::is_seed },
    Target { name: "kernel_files", run: kernel_files::run, is_seed: kernel_files::is_seed },
    Target { name: "plugin_conf", run: plugin_conf::run, is_seed: plugin_conf::is_seed },
    Target { name: "telegraf_conf", run: telegraf_conf::run, is_seed: telegraf_conf::is_seed },
    Target { name: "patterns", run: patterns::run, is_seed: |_| false },
    Target { name: "records", run: records::run, is_seed: |_| false },
    Target { name: "views", run: views::run, is_seed: |_| false },
];

/// Runs the target of that name.
///
/// # Panics
///
/// When there is none, and when the program is wrong about these bytes.
pub fn run(name: &str, bytes: &[u8]) {
    let target = ALL.iter().find(|target| target.name == name);
    (target.expect("it is a target's name").run)(bytes);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The system that it is about: any of them, and for the same bytes the same.
fn system(bytes: &[u8]) -> System {
    System::ALL[bytes.len() % System::ALL.len()]
}

fn is_named(path: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| path.file_name().is_some_and(|file| file == *name))
}

/// Fails where what is said takes more than a line.
#[track_caller]
fn assert_one_line(said: &(impl Display + ?Sized)) {
    let said = said.to_string();
    assert!(!said.is_empty() && !said.contains('\n'), "{said:?}");
}

/// Fails unless that is a part of what was read.
#[track_caller]
fn assert_within(part: &[u8], whole: &[u8]) {
    let (inner, outer) = (part.as_ptr_range(), whole.as_ptr_range());
    let is_within = outer.start <= inner.start && inner.end <= outer.end;
    // An empty one may be a constant of the program's.
    assert!(part.is_empty() || is_within, "{} was not read", part.escape_ascii());
}
