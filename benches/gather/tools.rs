//! The programs to compare with: where they are, and which versions.

use std::env;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::rows::Program;

/// Where the programs are; those that are not there are none.
pub(crate) struct Tools {
    pub(crate) myself: PathBuf,
    pub(crate) plugin: PathBuf,
    pub(crate) telegraf: Option<PathBuf>,
    pub(crate) node_exporter: Option<PathBuf>,
    pub(crate) collectd: Option<PathBuf>,
}

impl Tools {
    /// Looks for them; those that are named must be there.
    pub(crate) fn find(plugin: Option<&Path>, telegraf: Option<&Path>) -> Result<Self> {
        let plugin = plugin.unwrap_or(env!("CARGO_BIN_EXE_telegraf-net").as_ref());
        Ok(Self {
            myself: env::current_exe().map_err(|error| format!("this program: {error}"))?,
            plugin: named("--plugin", plugin)?,
            telegraf: telegraf.map(|file| named("--telegraf", file)).transpose()?,
            node_exporter: find("prometheus-node-exporter").or_else(|| find("node_exporter")),
            collectd: find("collectd"),
        })
    }

    /// What a row lacks, and how to get it.
    pub(crate) fn missing(&self, program: &Program) -> Option<&'static str> {
        let (tool, how) = match program {
            Program::Floor { .. } | Program::Plugin { .. } => return None,
            Program::Telegraf { .. } | Program::TelegrafPlugin { .. } => {
                (&self.telegraf, "name a Telegraf with --telegraf")
            }
            Program::NodeExporter => {
                (&self.node_exporter, "install Debian's prometheus-node-exporter")
            }
            Program::Collectd => (&self.collectd, "install Debian's collectd-core"),
        };
        tool.is_none().then_some(how)
    }

    /// Each program and its version.
    pub(crate) fn versions(&self) -> Vec<(&'static str, String)> {
        let plugin = word_after(&output(&self.plugin, "--version"), "telegraf-net ");
        let mut versions = vec![("telegraf-net", plugin)];
        if let Some(telegraf) = &self.telegraf {
            versions.push(("Telegraf", telegraf_version(telegraf)));
        }
        if let Some(node_exporter) = &self.node_exporter {
            let text = output(node_exporter, "--version");
            versions.push(("node_exporter", word_after(&text, "version ")));
        }
        if let Some(collectd) = &self.collectd {
            versions.push(("collectd", word_after(&output(collectd, "-h"), "collectd ")));
        }
        versions.push(("Rust", word_after(&output("rustc", "--version"), "rustc ")));
        versions
    }
}

/// The whole path of a program that an option names.
fn named(option: &str, file: &Path) -> Result<PathBuf> {
    let path = path::absolute(file).ok().filter(|path| path.is_file());
    path.ok_or_else(|| format!("there is no {}: check {option}", file.display()))
}

/// Finds a command where a shell would.
pub(crate) fn find(command: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(command)).find(|file| file.is_file())
}

/// A Telegraf that Go has built does not know its version, but its path, as `make bench` lays it
/// out, does.
fn telegraf_version(telegraf: &Path) -> String {
    let is_version = |word: &&str| word.trim_start_matches('v').starts_with("1.");
    let told = output(telegraf, "--version");
    let path = telegraf.to_string_lossy();
    let mut words = told.split_whitespace().chain(path.split('/'));
    let version = words.find(is_version).unwrap_or("of an unknown version");
    version.trim_start_matches('v').to_owned()
}

/// The word that follows a text, but for the one that is an option's.
fn word_after(text: &str, before: &str) -> String {
    let words = text.split(before).skip(1).filter_map(|rest| {
        let word = rest.split([' ', ',', '\n']).next()?;
        word.starts_with(|first: char| first.is_ascii_digit()).then_some(word)
    });
    words.last().unwrap_or("of an unknown version").to_owned()
}

/// What a program prints.
fn output(program: impl AsRef<Path>, option: &str) -> String {
    let output = Command::new(program.as_ref()).arg(option).stdin(Stdio::null()).output();
    output.map_or_else(
        |_| String::new(),
        |output| {
            let text = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&text).into_owned()
        },
    )
}
