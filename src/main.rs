//! Network interface metrics for Telegraf.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::path::{self, Path};
use std::process::ExitCode;
use std::time::Duration;

use telegraf_net::cli::{self, Args, Asked, FormatOption};
use telegraf_net::config::systems::System;
use telegraf_net::config::{self, Config, Env};
use telegraf_net::convert::convert;
use telegraf_net::daemon;
use telegraf_net::explain::{block, check, cost, facts, screen, telegraf_files};
use telegraf_net::gather::Collector;
use telegraf_net::log::{self, Log};
use telegraf_net::quoted::QuotedPath;
use telegraf_net::system::terminal::{end_by, host_name};
use telegraf_net::system::{
    CurrentHost, Output, Triggers, close_output, file, lower_privileges, outlive_full_files,
};
use telegraf_net::view::screen::Options;
use telegraf_net::view::{self, table::table};

/// Why the process ends with a status other than zero.
struct Failure {
    status: u8,
    /// `None` where it has been said.
    message: Option<String>,
}

impl Failure {
    /// The arguments or the configuration cannot be used: trying again will not help.
    fn unusable(message: String) -> Self {
        Self { status: 2, message: Some(message) }
    }

    /// What cannot be done at the moment.
    fn failed(message: String) -> Self {
        Self { status: 1, message: Some(message) }
    }

    /// What stdout tells.
    fn told() -> Self {
        Self { status: 1, message: None }
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
            if let Some(message) = failure.message {
                Log { debug: false }.error(format_args!("{message}"));
            }
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
    outlive_full_files();
    let of_file = lower_privileges().map_err(|error| Failure::failed(error.to_string()))?;
    if let Some(of_file) = of_file {
        log.warn(format_args!("{of_file}"));
    }
    if args.sample_config {
        print(config::SAMPLE.as_bytes())
    } else if let Some(interface) = &args.explain {
        explain(args, interface.as_deref(), log)
    } else if args.check {
        check(args, log)
    } else if let Some(interval) = args.watch {
        watch(args, interval, log)
    } else if args.once && args.format == FormatOption::Table {
        print_table(args, log)
    } else if let Some(file) = &args.convert {
        print_converted(file)
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
    read_config_in(file, &|variable| env::var_os(variable), log)
}

/// The same in that environment.
fn read_config_in(file: Option<&Path>, env: Env<'_>, log: Log) -> Result<Config, Failure> {
    let name = config_name(file);
    let text = match file {
        Some(file) => {
            let text = read_file(file)?;
            // It reads no others there.
            let is_conf = file.extension().is_some_and(|extension| extension == "conf");
            if is_conf && file::lies_within(file, "telegraf.d") {
                log.warn(format_args!(
                    "{name} lies in a folder telegraf.d, where Telegraf reads it too, so that its own \
                     inputs.net reports interfaces a second time: move it elsewhere (--help names a place)"
                ));
            }
            text
        }
        None => config::SAMPLE.into(),
    };
    Config::parse(&text, env).map_err(|error| Failure::unusable(format!("{name}: {error}")))
}

/// What a file of a configuration holds.
fn read_file(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    file::read(file, file::MAX_CONFIG, &mut text)
        .map_err(|error| Failure::unusable(telegraf_files::cannot_read(file, &error)))?;
    Ok(text)
}

/// Prints what takes the place of blocks of a `telegraf.conf`, which may come on stdin.
fn print_converted(file: &Path) -> Result<(), Failure> {
    let (name, text) = if file == Path::new("-") {
        let text = file::read_stdin(file::MAX_CONFIG);
        (
            "stdin".into(),
            text.map_err(|error| Failure::unusable(format!("cannot read stdin: {error}")))?,
        )
    } else {
        (QuotedPath(file).to_string(), read_file(file)?)
    };
    let converted = convert(&text, System::current());
    let converted = converted.map_err(|error| Failure::unusable(format!("{name}: {error}")))?;
    if io::stdout().is_terminal() {
        let charset = view::terminal::look().charset;
        return print(view::lines::harmless(converted.as_bytes(), charset).as_bytes());
    }
    print(converted.as_bytes())
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

/// Says what is reported here and why, of all interfaces or of that one.
fn explain(args: &Args, interface: Option<&OsStr>, log: Log) -> Result<(), Failure> {
    let file = args.config.as_deref();
    let (config, warnings) = log::kept(|| read_config(file, log));
    let config = config?;
    let interface = interface.map(OsStr::as_encoded_bytes);
    let tables = config.tables.clone();
    let mut facts = facts::collect(config, &config_name(file), interface);
    facts.degraded.splice(..0, warnings);
    let charset = view::terminal::look().charset;
    let text = match interface {
        Some(name) => screen::explain_one(&facts, name, charset).map_err(Failure::failed)?,
        None => screen::explain(&facts, &cost::measure(&tables), charset),
    };
    print(text.as_bytes())
}

/// Says whether the configuration, and Telegraf's, do what they are for.
fn check(args: &Args, log: Log) -> Result<(), Failure> {
    let file = args.config.as_deref();
    let own_env = |variable: &str| env::var_os(variable);
    let program = env::current_exe().ok();
    let telegraf = args.telegraf.as_deref();
    let read = telegraf.map(|path| telegraf_files::read_all(path, &own_env)).transpose();
    let (files, further) = read.map_err(Failure::unusable)?.unwrap_or_default();
    // What Telegraf would start the plugin with.
    let added = block::environment(&files, program.as_deref()).unwrap_or_default();
    let env = |variable: &str| {
        let value = added.iter().rev().find(|(name, _)| name == variable);
        value.map(|(_, value)| OsString::from(value)).or_else(|| own_env(variable))
    };
    let (config, warnings) = log::kept(|| read_config_in(file, &env, log));
    let mut facts = facts::collect(config?, &config_name(file), None);
    facts.degraded.splice(..0, warnings);
    let mut findings = check::configuration(&facts);
    findings.extend(further);
    if telegraf.is_some() {
        // Telegraf works in another folder.
        let whole = file.map(|file| path::absolute(file).unwrap_or_else(|_| file.to_owned()));
        let search_path = env::var_os("PATH");
        findings.extend(block::check(
            &files,
            &block::Context {
                config: whole.as_deref(),
                tables: &facts.tables,
                program: program.as_deref(),
                look: &telegraf_files::look,
                start: &|program| telegraf_files::start(program, search_path.as_deref()),
                system: System::current(),
            },
        ));
    }
    let (text, is_failure) = check::text(&findings);
    print(text.as_bytes())?;
    if is_failure { Err(Failure::told()) } else { Ok(()) }
}

/// The configuration as messages name it.
fn config_name(file: Option<&Path>) -> String {
    file.map_or_else(|| "the built-in plugin.conf".into(), |file| QuotedPath(file).to_string())
}

fn print_table(args: &Args, log: Log) -> Result<(), Failure> {
    let config = read_config(args.config.as_deref(), log)?;
    let mut snapshot = view::once::<CurrentHost>(config, log)
        .map_err(|why| Failure::failed(format!("nothing to report: {why}")))?;
    if let Some(sort) = args.sort {
        snapshot.sort(sort);
    }
    let table = table(&snapshot, &host_name(), args.all, view::terminal::look());
    print(table.as_bytes())
}

fn watch(args: &Args, interval: Duration, log: Log) -> Result<(), Failure> {
    let config = read_config(args.config.as_deref(), log)?;
    let options = Options { sort: args.sort, fold: args.fold, all: args.all };
    let by = view::watch::watch::<CurrentHost>(config, interval, options, log);
    if let Some(signal) = by.map_err(Failure::unusable)? {
        // What was logged is out then.
        drop(close_output());
        end_by(signal);
    }
    Ok(())
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
