//! Gathers in a network namespace, and their lines.

use super::line::{Line, Parsed, assert_same_lines};
use super::plugin::{Daemon, SOURCES, config_file, with_source};
use super::{Netns, PLUGIN, run, text, without_notes};

/// What the plugin reports in a namespace by that source, and what it logs.
pub(crate) fn lines_by(netns: &Netns, config: &str, source: &str) -> (Parsed, String) {
    let file = config_file(&with_source(config, source));
    let mut command = netns.command(PLUGIN);
    let output = run(command.args(["--once", "--config"]).arg(file.path()));
    (Parsed::of(&output.stdout), without_notes(&text(&output.stderr)))
}

/// What the plugin reports in a namespace by netlink. It must be what it reports by procfs, less the
/// fields and tags that procfs cannot tell (of kinds, some), and nothing but the source is logged.
pub(crate) fn lines_in(netns: &Netns, config: &str, netlink_only: &[&str]) -> Parsed {
    let [by_netlink, by_procfs] = SOURCES.map(|(source, expected_log)| {
        let (lines, log) = lines_by(netns, config, source);
        assert_eq!(log, expected_log);
        lines
    });
    // Of kinds, procfs tells some.
    let also: &[_] = if netlink_only.contains(&"kind") { &["kind"] } else { &[] };
    let left = by_netlink.comparable(netlink_only);
    assert_same_lines(&left, &by_procfs.comparable(also), config);
    by_netlink
}

/// A plugin that runs in a namespace, gathers one time after the other, and whose batches have an end
/// whatever its tables leave out.
pub(crate) struct Follower(Daemon);

/// Reports no interface, and a line that is the same always.
const LAST_TABLE: &str = "[[inputs.net]]\ninterfaces = ['/']\nprotocols = ['udplite:noports']\n";
const LAST_LINE: &[u8] = b"net,interface=all udplite_noports=0i ";

impl Follower {
    pub(crate) fn start(netns: &Netns, config: &str, source: &str) -> Self {
        let config = with_source(&format!("{config}\n{LAST_TABLE}"), source);
        Self(Daemon::start_as(netns.command(PLUGIN), &config))
    }

    pub(crate) fn gather(&mut self) -> Parsed {
        self.0.trigger("");
        let mut lines = Vec::new();
        loop {
            let line = self.0.read_line();
            if line.starts_with(LAST_LINE) {
                return Parsed(lines);
            }
            lines.push(Line::parse(line.strip_suffix(b"\n").unwrap()));
        }
    }

    /// Ends it, and returns what it logged since the line at the start.
    pub(crate) fn end(self) -> String {
        self.0.end()
    }
}
