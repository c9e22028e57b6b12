//! Network interface metrics for Telegraf.

use std::env;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use telegraf_net::cli::{self, Args, Asked};
use telegraf_net::config::{self, Config};
use telegraf_net::daemon;
use telegraf_net::gather::Collector;
use telegraf_net::log::Log;
use telegraf_net::quoted::QuotedPath;
use telegraf_net::system::{CurrentHost, Output, Triggers, close_output, file, lower_privileges};

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

    /// What cannot be done at the moment.
    fn failed(message: String) -> Self {
        Self { status: 1, message }
    }
}

fn main() -> ExitCode {
    let asked = cli::parse(env::args_os()).map_err(Failure::unusable);
    match asked.and_then(|asked| run(&asked)) {
        Ok(()) => {
            // What was logged is out then.
            drop(close_output());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            Log { debug: false }.error(format_args!("{}", failure.message));
            close_output().linger();
            ExitCode::from(failure.status)
        }
    }
}

fn run(asked: &Asked) -> Result<(), Failure> {
    let args = match asked {
        Asked::Run(args) => args,
        Asked::Print(text) => return print(text.as_bytes()),
    };
    let log = Log { debug: args.debug };
    let of_file = lower_privileges().map_err(|error| Failure::failed(error.to_string()))?;
    if let Some(of_file) = of_file {
        log.warn(format_args!("{of_file}"));
    }
    if args.sample_config {
        print(config::SAMPLE.as_bytes())
    } else if args.once {
        gather_once(args, log)
    } else {
        run_daemon(args, log)
    }
}

fn run_daemon(args: &Args, log: Log) -> Result<(), Failure> {
    // Before anything else that takes time: a signal that comes earlier ends the process.
    let triggers = Triggers::install(args.clock())
        .map_err(|error| Failure::failed(format!("cannot take over signals: {error}")))?;
    let collector = Collector::<CurrentHost>::new(
        read_config(args.config.as_deref(), log)?,
        args.format(),
        log,
    );
    if triggers.are_typed() {
        log.info(format_args!("Enter gathers, Ctrl-C ends"));
    }
    daemon::run(collector, triggers, stdout()?, log)
        .map_err(|error| Failure::failed(error.to_string()))
}

fn read_config(file: Option<&Path>, log: Log) -> Result<Config, Failure> {
    let (name, text) = match file {
        Some(file) => {
            let name = QuotedPath(file).to_string();
            let mut text = Vec::new();
            file::read(file, file::MAX_CONFIG, &mut text).map_err(|error| {
                let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
                let why = is_denied.then(|| file::why_denied(file)).flatten();
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                Failure::unusable(format!("cannot read {name}: {error}{why}"))
            })?;
            // It reads no others there.
            let is_conf = file.extension().is_some_and(|extension| extension == "conf");
            if is_conf && file::lies_within(file, "telegraf.d") {
                log.warn(format_args!(
                    "{name} lies in a folder telegraf.d, where Telegraf reads it too, so that its own \
                     inputs.net reports every series a second time: move it elsewhere (--help names a place)"
                ));
            }
            (name, text)
        }
        None => ("the built-in plugin.conf".into(), config::SAMPLE.into()),
    };
    Config::parse(&text, &|variable| env::var_os(variable))
        .map_err(|error| Failure::unusable(format!("{name}: {error}")))
}

fn gather_once(args: &Args, log: Log) -> Result<(), Failure> {
    let config = read_config(args.config.as_deref(), log)?;
    let mut batch = Vec::new();
    let mut collector = Collector::<CurrentHost>::new(config, args.format(), log);
    if collector.gather(&mut batch, || false) == 0 {
        return Err(Failure::failed(format!("nothing to report: {}", collector.why_nothing())));
    }
    print(&batch)
}

fn stdout() -> Result<Output, Failure> {
    Output::stdout().map_err(|error| Failure::failed(format!("cannot open stdout: {error}")))
}

/// Writes to stdout; a reader that has enough is no failure.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    match stdout()?.write_all(bytes) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
