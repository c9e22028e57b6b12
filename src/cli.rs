//! The command line.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};

use crate::config::options::OPTIONS;
use crate::config::systems::{System, quoted_path};
use crate::format::Format;
use crate::format::influx::Influx;
use crate::format::json::Json;
use crate::log;
use crate::view::lines::Lines;
use crate::view::text::{Charset, wrapped};
use crate::view::{Fold, Sort, terminal};

/// The lines of the block of telegraf.conf that runs it, with these paths, or with those that are usual on
/// that system.
#[must_use]
pub fn execd_lines(system: System, program: Option<&Path>, config: Option<&Path>) -> String {
    let text = |path: Option<&Path>, usual: String| {
        quoted_path(&path.map_or(usual, |path| path.display().to_string()))
    };
    let program = text(program, system.program().to_owned());
    let config = text(config, system.plugin_conf("plugin.conf"));
    format!(
        r#"[[inputs.execd]]
  command = [{program}, "--config", {config}]
  signal = "STDIN"
  data_format = "influx"
  precision = "1s""#
    )
}

/// That block, and what the program answers to.
fn execd_block(system: System) -> String {
    let block = execd_lines(system, None, None);
    let block = block.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
    let answers = if system == System::Windows {
        "Every newline on stdin gathers once; end-of-file and Ctrl-C end it."
    } else {
        "Every newline on stdin, SIGUSR1, SIGUSR2 or SIGHUP gathers once; end-of-file,\n\
         SIGTERM and SIGINT end it."
    };
    format!(
        "Telegraf runs it with this in telegraf.conf, in place of [[inputs.net]]:\n\n{block}\n\n\
         Without signal, nothing ever asks for metrics. With an interval below a second, write\n\
         precision = \"1ms\": otherwise several gathers have one timestamp, and one of them is kept.\n\n\
         {answers} Metrics go to stdout, log lines to stderr.\n\
         FILE is read at the start only: reload Telegraf after a change."
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

    /// Write metrics in this format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: FormatOption,

    /// Redraw a table of rates every DURATION, or each second, until q or Ctrl-C; s sorts, f folds
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = poll_interval,
        num_args = 0..=1,
        default_missing_value = "1s",
        conflicts_with_all = ["once", "poll_interval", "format"]
    )]
    pub watch: Option<Duration>,

    /// Sort a table by this, the largest first; else interfaces stand as the kernel has them
    #[arg(long, value_enum, value_name = "WHAT")]
    pub sort: Option<Sort>,

    /// Have a table show the protocol statistics that are zero, too
    #[arg(long)]
    pub all: bool,

    /// With --watch, have one line for all of a kind that are idle, and one for the sum of the kind
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fold: Option<Fold>,

    /// Say of every interface, or of INTERFACE, whether it is reported and why, and what that takes
    #[arg(long, value_name = "INTERFACE", num_args = 0..=1, conflicts_with_all = ["once", "watch", "format"])]
    pub explain: Option<Option<OsString>>,

    /// Check the configuration, and what of it can be had here; exit status 0: all is well, 1: something
    /// would be lost, 2: a mistake
    #[arg(long, conflicts_with_all = ["once", "watch", "format", "explain"])]
    pub check: bool,

    /// Check the block for this plugin in telegraf.conf, too
    #[arg(long, value_name = "FILE", requires = "check")]
    pub telegraf: Option<PathBuf>,

    /// Print the plugin.conf and the [[inputs.execd]] block that give the same series as the [[inputs.net]] and
    /// [[inputs.nstat]] blocks of a telegraf.conf; "-" is stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["once", "watch", "format", "explain", "check", "config"])]
    pub convert: Option<PathBuf>,

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

/// What metrics are written as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum FormatOption {
    /// Line protocol, which Telegraf reads
    #[default]
    Influx,
    /// An object of JSON on each line, of the shape that Telegraf's own have; times in nanoseconds
    Json,
    /// Columns for people, with --once: totals, or where rates = true, rates over a second
    Table,
}

impl Args {
    /// How often to gather on our own clock.
    #[must_use]
    pub fn clock(&self) -> Option<Duration> {
        self.poll_interval.filter(|_| !self.poll_interval_disabled)
    }

    /// Why it cannot be, of arguments that do nothing without others.
    fn contradiction(&self) -> Option<&'static str> {
        let is_table = self.format == FormatOption::Table;
        let has_table = is_table || self.watch.is_some();
        if is_table && !self.once {
            Some("'--format table' needs '--once'; '--watch' redraws such a table")
        } else if self.sort.is_some() && !has_table {
            Some("'--sort <WHAT>' sorts a table: it needs '--once --format table' or '--watch'")
        } else if self.all && !has_table {
            Some("'--all' is about a table: it needs '--once --format table' or '--watch'")
        } else if self.fold.is_some() && self.watch.is_none() {
            Some("'--fold <WHAT>' needs '--watch'")
        } else if self.telegraf.is_some() && !self.check {
            // Where `--check` could not stand beside another argument, it is not asked for.
            Some("'--telegraf <FILE>' needs '--check'")
        } else {
            None
        }
    }

    /// What metrics are written as, to stdout.
    #[must_use]
    pub fn format(&self) -> &'static dyn Format {
        match self.format {
            FormatOption::Influx if io::stdout().is_terminal() => match terminal::look().charset {
                Charset::Ascii => &Lines(Charset::Ascii),
                Charset::Unicode => &Lines(Charset::Unicode),
            },
            // What a table shows is no record.
            FormatOption::Influx | FormatOption::Table => &Influx,
            FormatOption::Json => &Json,
        }
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
    let parsed = Args::try_parse_from(&args);
    if let Some(message) = parsed.as_ref().ok().and_then(Args::contradiction) {
        return Err(format!("{message}; --help lists the arguments"));
    }
    parsed.map(Asked::Run).or_else(|error| {
        if !error.use_stderr() {
            return Ok(Asked::Print(narrowed(&error.to_string())));
        }
        // An argument that is quoted must not look like another line of the message.
        let shown = args.iter().map(|arg| log::escaped(&arg.to_string_lossy()));
        let text = Args::try_parse_from(shown).err().unwrap_or(error).to_string();
        let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("For more"));
        let line = lines.collect::<Vec<_>>().join("; ").replace(":; ", ": ");
        let hint = if args.iter().any(is_negative) { "; a DURATION has no sign" } else { "" };
        Err(format!("{}{hint}; --help lists the arguments", line.trim_start_matches("error: ")))
    })
}

/// Help in lines of 80 characters. What a description goes on with stands below its start.
fn narrowed(help: &str) -> String {
    const WIDTH: usize = 80;
    let mut narrow = String::new();
    for line in help.lines() {
        let text = line.trim_start();
        // What is to be pasted stays as it is.
        if line.len() <= WIDTH || text.starts_with("command = ") {
            narrow = narrow + line + "\n";
            continue;
        }
        let gap = text
            .find("  ")
            .map_or(0, |gap| text.len() - text.get(gap..).unwrap_or_default().trim_start().len());
        let (head, description) = line.split_at(line.len() - text.len() + gap);
        for (number, part) in
            wrapped(description, WIDTH - head.len().min(WIDTH / 2)).iter().enumerate()
        {
            let head = if number == 0 { head.to_owned() } else { " ".repeat(head.len()) };
            narrow = narrow + &head + part + "\n";
        }
    }
    narrow
}

/// Whether that is a number below zero, which is taken for options of a single letter.
fn is_negative(arg: &OsString) -> bool {
    let digit = arg.to_str().and_then(|arg| arg.strip_prefix('-')?.chars().next());
    digit.is_some_and(|digit| digit.is_ascii_digit())
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
        Err(_) => Err("write a number and its unit, such as 10s, 500ms or 1m30s".into()),
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
