//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser};

use crate::config::options::OPTIONS;
use crate::config::systems::System;
use crate::format::Format;
use crate::format::influx::Influx;
use crate::log;

/// The block of telegraf.conf that runs it, with paths that are usual on that system, and what it answers to.
fn execd_block(system: System) -> String {
    let (program, config) = match system {
        System::Linux => (r#""/usr/bin/telegraf-net""#, r#""/etc/telegraf-net/plugin.conf""#),
        System::FreeBsd | System::OpenBsd | System::NetBsd | System::MacOs => {
            (r#""/usr/local/bin/telegraf-net""#, r#""/usr/local/etc/telegraf-net/plugin.conf""#)
        }
        // In single quotes, a backslash is a backslash.
        System::Windows => (
            r"'C:\Program Files\telegraf-net\telegraf-net.exe'",
            r"'C:\Program Files\telegraf-net\plugin.conf'",
        ),
    };
    let answers = if system == System::Windows {
        "Every newline on stdin gathers once; end-of-file and Ctrl-C end it."
    } else {
        "Every newline on stdin, SIGUSR1, SIGUSR2 or SIGHUP gathers once; end-of-file,\n\
         SIGTERM and SIGINT end it."
    };
    format!(
        r#"Telegraf runs it with this in telegraf.conf, in place of [[inputs.net]]:

  [[inputs.execd]]
    command = [{program}, "--config", {config}]
    signal = "STDIN"
    data_format = "influx"
    precision = "1s"

{answers} Metrics go to stdout, log lines to stderr."#
    )
}

/// That block, and the options that FILE may hold.
fn after_long_help() -> String {
    let options = OPTIONS.iter().map(|option| {
        let default = option.default.filter(|default| *default != "[]");
        let default = default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
        format!("  {:<22} {}{default}", option.key, option.takes)
    });
    format!(
        "{}\n\nOptions of an [[inputs.net]] table in FILE, which --sample-config explains:\n\n{}\n",
        execd_block(System::current()),
        options.collect::<Vec<_>>().join("\n")
    )
}

/// The version, the commit that it was built from, and the target that it was built for.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("TELEGRAF_NET_COMMIT"),
    ", ",
    env!("TELEGRAF_NET_TARGET"),
    ")"
);

/// Reports network interface metrics to Telegraf, as inputs.net does
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(version = VERSION, after_help = execd_block(System::current()), after_long_help = after_long_help())]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are arguments that know nothing of each other"
)]
pub struct Args {
    /// Read [[inputs.net]] tables from FILE instead of using the defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Gather once, print the metrics and exit
    #[arg(long, conflicts_with = "poll_interval")]
    pub once: bool,

    /// Gather on our own clock as well, for signal = "none"
    #[arg(long, alias = "poll_interval", value_name = "DURATION", value_parser = poll_interval)]
    pub poll_interval: Option<Duration>,

    /// Gather only when asked to, which is the default, whatever --poll-interval says
    // As Go's flags are written, which Telegraf's own plugins take: also `=true` and `=false`.
    #[arg(
        long,
        alias = "poll_interval_disabled",
        value_name = "BOOL",
        hide_possible_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        hide_default_value = true,
        default_missing_value = "true",
        action = ArgAction::Set
    )]
    pub poll_interval_disabled: bool,

    /// Print a configuration file with every option and its default
    #[arg(long)]
    pub sample_config: bool,

    /// Write D! lines to stderr too
    #[arg(long)]
    pub debug: bool,
}

impl Args {
    /// How often to gather on our own clock.
    #[must_use]
    pub fn clock(&self) -> Option<Duration> {
        self.poll_interval.filter(|_| !self.poll_interval_disabled)
    }

    /// What metrics are written as.
    #[must_use]
    pub fn format(&self) -> &'static dyn Format {
        &Influx
    }
}

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// To run as they say.
    Run(Args),
    /// To print this text: `--help`, `--version`.
    Print(String),
}

/// Reads the arguments, the program's name first.
///
/// # Errors
///
/// What is wrong with them, in one line.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
    let args: Vec<_> = with_two_dashes(args).collect();
    Args::try_parse_from(&args).map(Asked::Run).or_else(|error| {
        if !error.use_stderr() {
            return Ok(Asked::Print(error.to_string()));
        }
        // An argument that is quoted must not look like another line of the message.
        let shown = args.iter().map(|arg| log::escaped(&arg.to_string_lossy()));
        let text = Args::try_parse_from(shown).err().unwrap_or(error).to_string();
        let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("For more"));
        let line = lines.collect::<Vec<_>>().join("; ");
        Err(format!("{}; --help lists the arguments", line.trim_start_matches("error: ")))
    })
}

/// Lets an option be written with one dash, as Telegraf's documentation does: `-config FILE`.
///
/// Options of a single letter stay what they are.
fn with_two_dashes(args: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    args.into_iter().map(|arg| match arg.to_str() {
        Some(text) if is_one_dash_option(text) => format!("-{text}").into(),
        _ => arg,
    })
}

fn is_one_dash_option(arg: &str) -> bool {
    let is_letter = |character: Option<char>| character.is_some_and(|c| c.is_ascii_alphabetic());
    let mut characters = arg.chars();
    characters.next() == Some('-') && is_letter(characters.next()) && is_letter(characters.next())
}

fn poll_interval(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    match humantime::parse_duration(text) {
        Ok(interval) if (SHORTEST..=LONGEST).contains(&interval) => Ok(interval),
        Ok(_) => Err("it must lie between 1ms and 24h".into()),
        Err(error) => Err(format!("{error}; write it as 10s, 500ms or 1m30s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Args, String> {
        match super::parse(["telegraf-net"].iter().chain(args).map(OsString::from))? {
            Asked::Run(args) => Ok(args),
            Asked::Print(text) => Err(text),
        }
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        let expected = parse(&["--config", "a.conf", "--poll-interval", "10s", "--debug"]).unwrap();
        assert_eq!(expected.config, Some("a.conf".into()));
        assert_eq!(expected.poll_interval, Some(Duration::from_secs(10)));
        for args in [
            ["-config", "a.conf", "-poll_interval", "10s", "-debug"],
            ["--config", "a.conf", "--poll_interval", "10s", "--debug"],
        ] {
            assert_eq!(parse(&args).unwrap(), expected);
        }
        assert_eq!(parse(&["-config=a.conf", "--poll_interval=10s", "-debug"]).unwrap(), expected);
    }

    #[test]
    fn telegrafs_argument_for_no_clock_of_ones_own_is_taken() {
        for arg in
            ["-poll_interval_disabled", "--poll_interval_disabled", "--poll-interval-disabled"]
        {
            let args = parse(&[arg, "-config", "a.conf"]).unwrap();
            assert!(args.poll_interval_disabled && args.poll_interval.is_none());
            assert!(parse(&[arg, "--once"]).is_ok());
            for (value, clock) in [("", None), ("=true", None), ("=false", Some(1))] {
                let clock = clock.map(Duration::from_secs);
                let arg = format!("{arg}{value}");
                let orders = [["-poll_interval", "1s", &arg], [&arg, "-poll_interval", "1s"]];
                for args in orders {
                    assert_eq!(parse(&args).unwrap().clock(), clock, "{args:?}");
                }
            }
        }
    }

    #[test]
    fn the_block_to_paste_is_one_that_telegraf_reads_on_every_system() {
        for system in System::ALL {
            let help = execd_block(system);
            let block = help.split("\n\n").nth(1).unwrap();
            let block: toml::Table = block.parse().unwrap();
            let execd = &block["inputs"]["execd"][0];
            assert_eq!(execd["signal"].as_str(), Some("STDIN"));
            let command = execd["command"].as_array().unwrap();
            assert_eq!(command[1].as_str(), Some("--config"));
            let is_windows = system == System::Windows;
            for path in [&command[0], &command[2]] {
                let path = path.as_str().unwrap();
                assert_eq!(path.starts_with(r"C:\Program Files\"), is_windows, "{path}");
            }
            assert_eq!(help.contains("SIG"), !is_windows, "{help}");
        }
    }

    #[test]
    fn intervals_are_durations_from_a_millisecond_to_a_day() {
        let interval =
            |text| parse(&["--poll-interval", text]).ok().and_then(|args| args.poll_interval);
        assert_eq!(interval("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(interval("24h"), Some(Duration::from_secs(86_400)));
        assert_eq!(interval("500ms"), Some(Duration::from_millis(500)));
        for text in ["0s", "999us", "25h", "1000000000y", "-1s", "10", "soon", ""] {
            assert_eq!(interval(text), None, "{text:?}");
        }
    }
}
