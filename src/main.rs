//! Network interface metrics for Telegraf.

use std::env;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use telegraf_net::cli::{self, Args};
use telegraf_net::collector::Collector;
use telegraf_net::config::{self, Config};
use telegraf_net::daemon;
use telegraf_net::file;
use telegraf_net::log::Log;
use telegraf_net::output::Output;
use telegraf_net::privileges;
use telegraf_net::trigger::Triggers;

/// Why the process ends with a status other than zero.
struct Failure {
    status: u8,
    message: String,
}

impl Failure {
    /// The arguments or the configuration cannot be used: trying again will not help.
    fn unusable(message: String) -> Self {
        Self { status: 2, message }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { status: 1, message: error.to_string() }
    }
}

fn main() -> ExitCode {
    match cli::parse(env::args_os()).map_err(Failure::unusable).and_then(|args| run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            Log { debug: false }.error(format_args!("{}", failure.message));
            ExitCode::from(failure.status)
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let log = Log { debug: args.debug };
    let of_file = privileges::lower()?;
    if let Some(of_file) = of_file {
        log.warn(format_args!("{of_file}"));
    }
    if args.sample_config {
        return print(config::SAMPLE.as_bytes());
    }
    if args.once {
        return gather_once(read_config(args.config.as_deref())?, log);
    }
    // Before anything else that takes time: a signal that comes earlier ends the process.
    let triggers = Triggers::install(args.poll_interval)?;
    let collector = Collector::new(read_config(args.config.as_deref())?, log);
    if Triggers::are_typed() {
        log.info(format_args!("Enter gathers, Ctrl-D ends"));
    }
    Ok(daemon::run(collector, triggers, Output::stdout()?)?)
}

fn read_config(file: Option<&Path>) -> Result<Config, Failure> {
    let (name, text) = match file {
        Some(file) => {
            let name = file.display().to_string();
            let mut text = Vec::new();
            file::read(file, file::MAX_CONFIG, &mut text)
                .map_err(|error| Failure::unusable(format!("cannot read {name}: {error}")))?;
            (name, text)
        }
        None => ("the built-in plugin.conf".into(), config::SAMPLE.into()),
    };
    Config::parse(&text, &|variable| env::var_os(variable))
        .map_err(|error| Failure::unusable(format!("{name}: {error}")))
}

fn gather_once(config: Config, log: Log) -> Result<(), Failure> {
    let mut batch = Vec::new();
    let mut collector = Collector::new(config, log);
    collector.gather(&mut batch, || false);
    if batch.is_empty() {
        let message = format!("nothing to report: {}", collector.why_nothing());
        return Err(Failure { status: 1, message });
    }
    print(&batch)
}

/// Writes to stdout; a reader that has enough is no failure.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    match Output::stdout()?.write_all(bytes) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure { status: 1, message: format!("cannot write to stdout: {error}") })
        }
        _ => Ok(()),
    }
}
