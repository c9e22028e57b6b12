//! What one gather costs: the plugin beside the least that any program could spend on it, and beside
//! the programs that people run for it today.
//!
//! `make bench` runs this as root. For each size it makes a network namespace with that many
//! interfaces, starts every program of [`rows`] in it, has them gather in turn, and reads from the
//! kernel what CPU time they took. The result is one table and the targets that it reaches or
//! misses; `method.md` says how the figures come about.

mod command;
mod floor;
mod http;
mod measure;
mod namespace;
mod plan;
mod process;
mod report;
mod rows;
mod site;
mod subject;
mod tools;
mod traffic;
mod workspace;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::namespace::{Namespace, Namespaces};
use crate::plan::Plan;
use crate::report::{Figure, Figures, Report};
use crate::rows::{FLOOR, ROWS, Row, SPREAD};
use crate::site::Site;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Of everything here that may fail; the text is one line for the user.
type Result<T> = std::result::Result<T, String>;

/// The load from which on figures suffer.
const BUSY: f64 = 0.5;

/// The numbers of interfaces without `--sizes`.
const SIZES: [usize; 5] = [10, 100, 1000, 4000, SPREAD];

/// Measure what one gather costs
#[derive(Parser)]
#[command(name = "gather", max_term_width = 100)]
struct Arguments {
    /// Numbers of interfaces, each a size of its own; even ones, as interfaces come in pairs. At
    /// 2000, namespaces are what is measured
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = SIZES)]
    sizes: Vec<usize>,

    /// Only rows whose name contains this, and the floor; may be repeated
    #[arg(long, value_name = "TEXT")]
    rows: Vec<String>,

    /// Few and short rounds: figures to look at, not to publish
    #[arg(long)]
    quick: bool,

    /// The telegraf-net to measure, in place of the one that was built with this
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,

    /// The Telegraf to compare with
    #[arg(long, value_name = "FILE")]
    telegraf: Option<PathBuf>,

    /// Write the table, and all that is needed to judge it, to this file too
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Be the floor: the program of the first row, with this file as its ready-made batch
    #[arg(long, value_name = "FILE", hide = true)]
    floor: Option<PathBuf>,

    /// Have the floor ask for the counters of IPv6, too
    #[arg(long, hide = true, requires = "floor")]
    with_ipv6: bool,

    /// What `cargo bench` gives every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.floor {
        Some(batch) => floor::run(batch, arguments.with_ipv6),
        None => bench(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "E! {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> Result<()> {
    check(arguments)?;
    warn_when_busy();
    let tools = Tools::find(arguments.plugin.as_deref(), arguments.telegraf.as_deref())?;
    let rows: Vec<_> = ROWS.iter().filter(|row| is_wanted(row, &arguments.rows)).collect();
    let (rows, left_out): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| tools.missing(&row.program).is_none());

    let left_out: Vec<_> =
        left_out.iter().filter_map(|row| Some((row.name, tools.missing(&row.program)?))).collect();
    for (row, how) in &left_out {
        progress(&format!("W! {row} is left out: {how}"));
    }

    let workspace = Workspace::new()?;
    let plan = if arguments.quick { Plan::QUICK } else { Plan::FULL };
    let mut figures = Figures::default();
    for &interfaces in &arguments.sizes {
        let rows: Vec<_> = rows.iter().copied().filter(|row| row.is_at(interfaces)).collect();
        figures.extend(size(interfaces, &rows, &workspace, &tools, &plan));
    }
    drop(workspace);

    if figures.is_empty() {
        return Err("no row could be measured: the warnings above say why".into());
    }
    let report = Report { figures, left_out, plan };
    print(&report.text())?;
    match &arguments.out {
        Some(file) => write(file, &report.document(&tools, &make_command(arguments))?),
        None => Ok(()),
    }
}

/// Measures the rows with that many interfaces. What cannot be made costs those that need it.
fn size<'a>(
    interfaces: usize,
    rows: &[&'a Row],
    workspace: &Workspace,
    tools: &Tools,
    plan: &Plan,
) -> Vec<Figure<'a>> {
    let namespace = match Namespace::new(workspace, interfaces) {
        Ok(namespace) => namespace,
        Err(error) => {
            let failed = |&row| Figure {
                interfaces,
                row,
                outcome: Err(measure::told(row, interfaces, error.clone())),
            };
            return rows.iter().map(failed).collect();
        }
    };
    let count = rows.iter().find_map(|row| row.namespaces);
    let make = |count| Namespaces::new(workspace, count, interfaces / count);
    let namespaces = count.map(make).transpose();
    let site = Site { workspace, namespace: &namespace, namespaces: &namespaces, tools };
    measure::rows(rows, &site, plan)
}

/// Says what is missing before anything is made.
fn check(arguments: &Arguments) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err("network namespaces and control groups need root: run it as root".into());
    }
    if tools::find("ip").is_none() {
        return Err("the command ip is missing: install iproute2".into());
    }
    if let Some(size) = arguments.sizes.iter().find(|&&size| size == 0 || size % 2 == 1) {
        return Err(format!(
            "--sizes has {size}: interfaces come in pairs, so take an even number"
        ));
    }
    Ok(())
}

/// Others' work takes caches and locks, and so makes figures large and uneven.
fn warn_when_busy() {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    if let Some(load) = load.filter(|&load| load > BUSY) {
        progress(&format!(
            "W! the machine is busy (load {load}): figures to look at, not to publish"
        ));
    }
}

/// The floor is in every run, for it is what the others are measured by.
fn is_wanted(row: &Row, texts: &[String]) -> bool {
    row.name == FLOOR
        || texts.is_empty()
        || texts.iter().any(|text| row.name.contains(text.as_str()))
}

/// The command that repeats this run.
fn make_command(arguments: &Arguments) -> String {
    let mut options = Vec::new();
    if arguments.sizes != SIZES {
        let sizes: Vec<_> = arguments.sizes.iter().map(ToString::to_string).collect();
        options.push(format!("--sizes {}", sizes.join(",")));
    }
    options.extend(arguments.rows.iter().map(|text| format!("--rows '{text}'")));
    let target = if arguments.quick { "bench-quick" } else { "bench" };
    let out = arguments.out.as_ref().map(|file| format!(" BENCH_OUT={}", file.display()));
    let options = match options.join(" ") {
        options if options.is_empty() => options,
        options => format!(" BENCH_ARGS=\"{options}\""),
    };
    format!("make {target}{}{options}", out.unwrap_or_default())
}

fn print(text: &str) -> Result<()> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("stdout: {error}"))
}

fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Tells whoever waits how far it is.
fn progress(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
