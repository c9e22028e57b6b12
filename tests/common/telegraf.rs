//! The programs that tests under the real Telegraf run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{run, text};

/// The plugin to run.
pub(crate) fn plugin() -> String {
    std::env::var("TELEGRAF_NET").expect("TELEGRAF_NET is not set: `make` sets it")
}

/// The Telegrafs to run under.
pub(crate) fn telegrafs() -> Vec<PathBuf> {
    let telegrafs = std::env::var("TELEGRAFS").expect("TELEGRAFS is not set: `make` sets it");
    // Some are run from other folders.
    telegrafs.split_whitespace().map(|path| fs::canonicalize(path).unwrap()).collect()
}

/// Whether this Telegraf's `inputs.net` reports protocol statistics: 1.36 was the last that did.
///
/// One that Go has built does not know its version, but its path, as `make` lays it out, does.
pub(crate) fn has_protocols(telegraf: &Path) -> bool {
    let version = text(&run(Command::new(telegraf).arg("--version")).stdout);
    let text = format!("{} {version}", telegraf.display());
    let mut minors = text.split([' ', '/']).filter_map(|word| {
        word.trim_start_matches('v').strip_prefix("1.")?.split('.').next()?.parse::<u32>().ok()
    });
    minors.next_back().expect("no version in the output of --version") < 37
}
