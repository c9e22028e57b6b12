//! Telegraf's configuration -> what is wrong with its blocks for this plugin, and beside them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::check::Finding;
use super::facts::TableFacts;
use super::{agent, execd_options, filters};
use crate::cli::{self, Args, Asked, FormatOption};
use crate::config::Origin;
use crate::config::systems::System;
use crate::quoted::{Quoted, QuotedPath};
use crate::select::patterns::Patterns;
use crate::telegraf_conf::{Block, BlockOption, Document, Input, variables};

/// The name of this program's file.
const PROGRAM: &str = "telegraf-net";

/// What `inputs.net` of Telegraf takes; it does not start where a table has anything else.
const OPTIONS_OF_NET: [&str; 2] = ["interfaces", "ignore_protocol_stats"];

/// What Telegraf gathers in without an `interval`.
const INTERVAL: Duration = Duration::from_secs(10);

/// A file of Telegraf's configuration.
#[derive(Debug, Clone)]
pub struct TelegrafFile {
    /// Its path.
    pub path: PathBuf,
    /// What it holds.
    pub document: Document,
}

/// What there is at a path that a block names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Missing,
    /// Something that this process may not read; why.
    Unread(String),
    /// A file, by its path without links.
    File(PathBuf),
}

/// What becomes of a program that a command begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It is not there.
    Missing,
    /// It is a bare name, and in no folder of this process's `PATH`.
    NotInPath,
    /// It is a folder, or something else that is no file.
    NoFile,
    /// This user may not execute it.
    Forbidden,
    /// It cannot be told.
    Unknown,
    /// It would be started; its path.
    File(PathBuf),
}

/// What a block is compared with.
pub struct Context<'a> {
    /// The configuration that was checked, if there was a file.
    pub config: Option<&'a Path>,
    /// What its tables make of this host.
    pub tables: &'a [TableFacts],
    /// This program's file.
    pub program: Option<&'a Path>,
    /// Looks at a path.
    pub look: &'a dyn Fn(&Path) -> Found,
    /// Looks for a program.
    pub start: &'a dyn Fn(&str) -> Start,
    /// The system that Telegraf runs on.
    pub system: System,
}

/// A block that runs this plugin.
#[derive(Debug, Clone, Copy)]
struct Ours<'a> {
    file: &'a Path,
    block: &'a Block,
}

/// How a block runs this plugin.
#[derive(Debug, Clone, PartialEq)]
enum Run {
    /// With these arguments.
    With(Box<Args>),
    /// With arguments of which that variable is not known here.
    Unknown,
    /// By something else, such as a shell, that has its own way with arguments.
    Wrapped,
    /// With something that cannot be its arguments; what is wrong.
    Mistaken(String),
}

/// What the blocks for this plugin add to its environment: of what several add, what the first of them does.
#[must_use]
pub fn environment(
    files: &[TelegrafFile],
    program: Option<&Path>,
) -> Option<Vec<(String, String)>> {
    let ours = ours(files, program);
    let mut added = Vec::<(String, String)>::new();
    for (name, value) in ours.iter().flat_map(|one| variables(one.block)) {
        if added.iter().all(|(known, _)| known != name) {
            added.push((name.to_owned(), value.to_owned()));
        }
    }
    (!added.is_empty()).then_some(added)
}

/// What a block adds to the environment, of which the last counts that has a name.
fn variables(block: &Block) -> BTreeMap<&str, &str> {
    let texts = block.get("environment").and_then(|option| option.value.texts());
    let texts = texts.unwrap_or_default();
    texts.into_iter().filter_map(|text| text.split_once('=')).collect()
}

/// What there is to say of Telegraf's configuration.
#[must_use]
pub fn check(files: &[TelegrafFile], context: &Context<'_>) -> Vec<Finding> {
    // Many blocks may name the same files.
    let (seen, started) = (RefCell::new(BTreeMap::new()), RefCell::new(BTreeMap::new()));
    let look = |path: &Path| -> Found {
        let mut seen = seen.borrow_mut();
        seen.entry(path.to_owned()).or_insert_with(|| (context.look)(path)).clone()
    };
    let start = |program: &str| -> Start {
        let mut started = started.borrow_mut();
        started.entry(program.to_owned()).or_insert_with(|| (context.start)(program)).clone()
    };
    let context = &Context { look: &look, start: &start, ..*context };
    let mut findings = Vec::new();
    for TelegrafFile { path, document } in files {
        for mistake in &document.mistakes {
            findings.push(Finding::fail(format!(
                "{}: {}: Telegraf does not start",
                at(path, mistake.line.unwrap_or(1)),
                mistake.message
            )));
        }
        if let Some((line, variable)) = document.bare.first() {
            findings.push(Finding::warn(format!(
                "{}: the variable {} stands outside of quotes: Telegraf 1.38 and newer refuse that \
                 without --non-strict-env-handling",
                at(path, *line),
                Quoted(variable.as_bytes())
            )));
        }
    }
    findings.extend(files.iter().flat_map(agent::check));
    let ours = ours(files, context.program);
    if ours.is_empty() {
        findings.push(no_block(files, context));
    }
    for one in &ours {
        let before = findings.len();
        let interval = check_block(*one, files, context, &mut findings);
        if findings.len() == before {
            findings.push(well(*one, interval));
        }
    }
    findings.extend(other_environments(&ours));
    findings.extend(same_config_twice(&ours, context));
    findings.extend(nets_beside(files, &ours, context));
    findings
}

/// That an option could not be looked at for a variable in it.
pub(super) fn not_set_here(option: &BlockOption, place: &str) -> Option<Finding> {
    let variable = Quoted(option.value.variable()?.as_bytes());
    Some(Finding::warn(format!(
        "{place}: the variable {variable} is not set here, so that {} was not looked at",
        option.key
    )))
}

/// That blocks give variables other values: the configuration is read with those of the first.
fn other_environments(ours: &[Ours<'_>]) -> Vec<Finding> {
    let mut first = BTreeMap::new();
    let mut findings = Vec::new();
    for one in ours {
        let place = || {
            let line = one.block.get("environment").map_or(one.block.line, |option| option.line);
            at(one.file, line)
        };
        for (name, value) in variables(one.block) {
            let (known, there) = first.entry(name).or_insert_with(|| (value, place()));
            if *known != value {
                findings.push(Finding::warn(format!(
                    "{}: environment gives {} another value than {there}, with which the configuration was looked \
                     at",
                    place(),
                    Quoted(name.as_bytes())
                )));
            }
        }
    }
    findings
}

fn at(path: &Path, line: usize) -> String {
    format!("{} line {line}", QuotedPath(path))
}

/// The blocks for this plugin.
fn ours<'a>(files: &'a [TelegrafFile], program: Option<&Path>) -> Vec<Ours<'a>> {
    let blocks = files.iter().flat_map(|TelegrafFile { path, document }| {
        let execd = document.inputs.iter().filter(|input| input.name == "execd");
        execd.map(move |Input { block, .. }| Ours { file: path, block })
    });
    blocks.filter(|one| names_program(&command(one.block), program)).collect()
}

/// The command of a block, also where it is not the list that it should be.
fn command(block: &Block) -> Vec<&str> {
    let Some(option) = block.get("command") else { return Vec::new() };
    let text = option.value.text().map(|text| vec![text]);
    text.or_else(|| option.value.texts()).unwrap_or_default()
}

/// Whether a command runs this plugin: by the name of its file, or by a word within, as for a shell.
fn names_program(command: &[&str], program: Option<&Path>) -> bool {
    let is_between = |one: char| one.is_whitespace() || ";|&()<>'\"`=$".contains(one);
    let words = command.iter().flat_map(|word| word.split(is_between));
    let stem = |word| Path::new(file_name(word)).file_stem();
    place_of(command, program).is_some()
        || words.into_iter().any(|word| {
            place_of(&[word], program).is_some() || stem(word) == Some(PROGRAM.as_ref())
        })
}

/// The place of this plugin's file in a command.
fn place_of(command: &[&str], program: Option<&Path>) -> Option<usize> {
    let ours = program.and_then(Path::file_name).and_then(|name| name.to_str());
    command.iter().position(|word| {
        let name = file_name(word);
        // That of a package's file may have the name of a version behind it.
        name.trim_end_matches(".exe") == PROGRAM || Some(name) == ours
    })
}

/// The last part of a path, as any system writes it.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// Says what is wrong with a block, and returns how often it has the plugin gather.
fn check_block(
    Ours { file, block }: Ours<'_>,
    files: &[TelegrafFile],
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Duration {
    // Of these, any is well, or what can be said is said elsewhere.
    const NOT_LOOKED_AT: [&str; 9] = [
        "alias",
        "command",
        "environment",
        "log_level",
        "metricpass",
        "name_override",
        "name_prefix",
        "name_suffix",
        "tags",
    ];
    let place = at(file, block.line);
    let line = |key: &str| at(file, block.get(key).map_or(block.line, |option| option.line));
    let has_arguments = check_command(block, &line("command"), context, findings);
    let run = run(block, context.program);
    let args = match &run {
        _ if !has_arguments => None,
        Run::With(args) => Some(args),
        Run::Unknown | Run::Wrapped => {
            findings.push(Finding::warn(format!(
                "{}: the arguments of the plugin are not known here: a shell, another program or a \
                 variable stands in the command",
                line("command")
            )));
            None
        }
        Run::Mistaken(why) => {
            findings.push(Finding::fail(format!("{}: {why}", line("command"))));
            None
        }
    };
    let clock = args.and_then(|args| args.clock());
    check_signal(block, clock, args.is_some(), &place, &line("signal"), context, findings);
    check_format(block, args.map(|args| args.format), &line, findings);
    let options = block.options.iter();
    let looked_at = options.filter(|option| !NOT_LOOKED_AT.contains(&option.key.as_str()));
    findings.extend(looked_at.filter_map(|option| not_set_here(option, &at(file, option.line))));
    execd_options::check(block, &|option| at(file, option.line), findings);
    filters::check(block, context.tables, &|option| at(file, option.line), findings);
    let (interval, interval_place) = interval(block, clock, file, files, &line, findings);
    // Nothing is compared with one that is not known.
    let known = interval.unwrap_or_default();
    let precision = text_option(block, "precision", file, findings);
    if let Some(option) = precision.filter(|option| option.value.variable().is_none()) {
        check_precision(option, known, &interval_place, &line("precision"), findings);
    }
    if interval.is_some() {
        check_dedup(known, &interval_place, context, findings);
    }
    if let Some(args) = args {
        check_config(args, &line("command"), context, findings);
    }
    if let Some(option) = block.get("environment") {
        let place = line("environment");
        match option.value.texts() {
            None => findings.push(Finding::fail(format!(
                "{place}: environment is a list of \"NAME=value\": Telegraf does not start"
            ))),
            Some(variables) if !variables.iter().all(|variable| variable.contains('=')) => {
                findings.push(Finding::warn(format!(
                    "{place}: environment is a list of \"NAME=value\", and one has no \"=\""
                )));
            }
            Some(_) => {}
        }
    }
    known
}

/// How often the block has the plugin gather, and where that stands; `None` where a variable has it that is not set
/// here.
fn interval(
    block: &Block,
    clock: Option<Duration>,
    file: &Path,
    files: &[TelegrafFile],
    line: &dyn Fn(&str) -> String,
    findings: &mut Vec<Finding>,
) -> (Option<Duration>, String) {
    let is_unknown = |option: &BlockOption| option.value.variable().is_some();
    let agent = files.iter().rev().find_map(|file| {
        let option = agent::get(file.document.agent.as_ref()?, "interval")?;
        let interval = option.value.agent_duration().filter(|interval| !interval.is_zero());
        let is_told = interval.is_some() || is_unknown(option);
        is_told.then(|| (interval, at(&file.path, option.line)))
    });
    let own = text_option(block, "interval", file, findings);
    let own = own.and_then(|option| match option.value.block_duration() {
        // It is none then.
        Some(Duration::ZERO) => None,
        Some(interval) => Some((Some(interval), line("interval"))),
        None if is_unknown(option) => Some((None, line("interval"))),
        None => {
            findings.push(Finding::fail(format!(
                "{}: interval is no duration, so that Telegraf does not start: write \"10s\"",
                line("interval")
            )));
            None
        }
    });
    match clock {
        Some(clock) => (Some(clock), line("command")),
        None => own.or(agent).unwrap_or_else(|| (Some(INTERVAL), "the default".to_owned())),
    }
}

/// An option whose value is a text; Telegraf does not look at any other.
fn text_option<'b>(
    block: &'b Block,
    key: &str,
    file: &Path,
    findings: &mut Vec<Finding>,
) -> Option<&'b BlockOption> {
    let option = block.get(key)?;
    if option.value.text().is_none() {
        findings.push(Finding::warn(format!(
            "{}: {key} is no string, and Telegraf does not look at it then: write it as \"10s\"",
            at(file, option.line)
        )));
        return None;
    }
    Some(option)
}

/// Says what is wrong with the program that the command begins with, and returns whether the command is one
/// that has arguments.
fn check_command(
    block: &Block,
    place: &str,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> bool {
    let command = command(block);
    if block.text("command").is_some() {
        findings.push(Finding::fail(format!(
            "{place}: command is a list of strings, the program and each argument by itself: Telegraf does \
             not start"
        )));
        return false;
    }
    if let [only] = command.as_slice()
        && let Some((first, _)) = only.split_once(' ')
        && place_of(&[first], context.program).is_some()
    {
        findings.push(Finding::fail(format!(
            "{place}: command has one string, {}, with spaces: write the program and each argument as a \
             string of its own",
            Quoted(only.as_bytes())
        )));
        return false;
    }
    let Some(&program) = command.first() else { return true };
    if variables::first(program).is_some() {
        return true;
    }
    let shown = QuotedPath(Path::new(program));
    let why = match (context.start)(program) {
        Start::Missing if program.is_empty() => "command begins with an empty string".to_owned(),
        Start::Missing => format!("{shown} is not there"),
        Start::NoFile => format!("{shown} is a folder, or no file, and no program"),
        Start::Forbidden => {
            format!("{shown} may not be executed by this user: set its mode to 0755")
        }
        Start::NotInPath => {
            findings.push(Finding::warn(format!(
                "{place}: {shown} is in no folder of PATH here, and Telegraf does not start where it is in none of \
                 Telegraf's: write the whole path"
            )));
            return true;
        }
        Start::Unknown => return true,
        Start::File(found) => {
            let ours = context.program.map(|ours| (context.look)(ours));
            let is_plugin = place_of(&command, context.program) == Some(0);
            let found = (context.look)(&found);
            let is_other =
                matches!(found, Found::File(_)) && ours.is_some_and(|ours| ours != found);
            if is_plugin && is_other {
                findings.push(Finding::warn(format!(
                    "{place}: {shown} is another file than this program, which may be another version"
                )));
            }
            return true;
        }
    };
    findings.push(Finding::fail(format!("{place}: {why}: Telegraf does not start")));
    true
}

/// How the block runs the plugin.
fn run(block: &Block, program: Option<&Path>) -> Run {
    let command = command(block);
    let Some(place) = place_of(&command, program) else { return Run::Wrapped };
    let ours = command.get(place..).unwrap_or_default();
    if ours.iter().any(|word| variables::first(word).is_some()) {
        return Run::Unknown;
    }
    let args = match cli::parse(ours.iter().map(OsString::from)) {
        Ok(Asked::Run(args)) => args,
        Ok(Asked::Print(_)) => return Run::Mistaken(ends_at_once("this argument")),
        Err(why) => return Run::Mistaken(format!("the plugin refuses its arguments: {why}")),
    };
    let ending = [
        ("--once", args.once),
        ("--watch", args.watch.is_some()),
        ("--explain", args.explain.is_some()),
        ("--check", args.check),
        ("--convert", args.convert.is_some()),
        ("--sample-config", args.sample_config),
    ];
    match ending.iter().find(|(_, is_there)| *is_there) {
        Some((argument, _)) => Run::Mistaken(ends_at_once(argument)),
        None => Run::With(Box::new(args)),
    }
}

fn ends_at_once(argument: &str) -> String {
    format!("with {argument}, the plugin does not stay and answer Telegraf: leave it out")
}

/// What asks for metrics.
fn check_signal(
    block: &Block,
    clock: Option<Duration>,
    is_known: bool,
    place: &str,
    line: &str,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) {
    let signal = block.get("signal");
    if signal.is_some_and(|option| option.value.variable().is_some()) {
        return;
    }
    let text = signal.map(|option| option.value.text().unwrap_or_default());
    match text {
        None | Some("none") if clock.is_some() => {}
        None | Some("none") if !is_known => findings.push(Finding::warn(format!(
            "{line}: without a signal, nothing ever asks for metrics, unless the plugin has \
             --poll-interval: add signal = \"STDIN\""
        ))),
        None => findings.push(Finding::fail(format!(
            "{place}: [[inputs.execd]] has no signal: nothing will ever be asked for; add signal = \"STDIN\""
        ))),
        Some("none") => findings.push(Finding::fail(format!(
            "{line}: signal = \"none\": nothing will ever be asked for; write signal = \"STDIN\""
        ))),
        Some("STDIN") if clock.is_some() => findings.push(Finding::warn(format!(
            "{line}: signal = \"STDIN\" beside --poll-interval: both ask for metrics; leave --poll-interval \
             out"
        ))),
        Some("STDIN") => {}
        Some(name @ ("SIGUSR1" | "SIGUSR2" | "SIGHUP")) if context.system == System::Windows => {
            findings.push(Finding::fail(format!(
                "{line}: signal = {name:?} is not to be had on Windows: write signal = \"STDIN\""
            )));
        }
        Some(name @ ("SIGUSR1" | "SIGUSR2" | "SIGHUP")) => findings.push(Finding::warn(format!(
            "{line}: signal = {name:?}: the first may come before the plugin has begun, and ends it then: \
             write signal = \"STDIN\""
        ))),
        Some(other) => findings.push(Finding::fail(format!(
            "{line}: signal = {} is none that Telegraf knows, so that nothing will ever be asked for: write \
             signal = \"STDIN\"",
            Quoted(other.as_bytes())
        ))),
    }
}

/// What Telegraf reads metrics as.
fn check_format(
    block: &Block,
    written: Option<FormatOption>,
    line: &dyn Fn(&str) -> String,
    findings: &mut Vec<Finding>,
) {
    let (format, place) = (block.get("data_format"), line("data_format"));
    // What is no string is not looked at.
    let format = format.and_then(|option| option.value.text()).filter(|format| !format.is_empty());
    let format = format.unwrap_or("influx");
    if variables::first(format).is_some() {
        return;
    }
    let is_json = ["json", "xpath_json"].iter().any(|name| format.starts_with(name));
    let shown = Quoted(format.as_bytes());
    match written {
        Some(FormatOption::Table) => findings.push(Finding::fail(format!(
            "{}: --format table is for people: leave it out",
            line("command")
        ))),
        Some(FormatOption::Json) if !is_json => findings.push(Finding::fail(format!(
            "{place}: data_format = {shown} cannot read what --format json writes: leave --format out, or \
             write data_format = \"json_v2\""
        ))),
        None | Some(FormatOption::Influx) if !["influx", "influx_upstream"].contains(&format) => {
            findings.push(Finding::fail(format!(
                "{place}: data_format = {shown} cannot read what the plugin writes: write data_format = \
                 \"influx\""
            )));
        }
        _ => {}
    }
}

/// Whether points share a timestamp.
fn check_precision(
    option: &BlockOption,
    interval: Duration,
    interval_place: &str,
    place: &str,
    findings: &mut Vec<Finding>,
) {
    // That is none to Telegraf.
    if option.value.is_negative() {
        return;
    }
    let Some(precision) = option.value.block_duration() else {
        findings.push(Finding::fail(format!(
            "{place}: precision is no duration, so that Telegraf does not start: write \"1s\""
        )));
        return;
    };
    if precision <= interval || interval.is_zero() {
        return;
    }
    let points = precision.as_nanos().div_ceil(interval.as_nanos());
    let way_out = match interval {
        _ if interval >= Duration::from_secs(1) => "write precision = \"1s\"",
        _ if interval >= Duration::from_millis(1) => "write precision = \"1ms\"",
        _ => "leave precision out",
    };
    let (precision, interval) =
        (humantime::format_duration(precision), humantime::format_duration(interval));
    findings.push(Finding::fail(format!(
        "{place}: precision = \"{precision}\" with interval = \"{interval}\" ({interval_place}): {points} points \
         share a timestamp, and {} of them are lost: {way_out}",
        points - 1
    )));
}

/// Whether `dedup_interval` can leave any line out.
fn check_dedup(
    interval: Duration,
    place: &str,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) {
    for (number, table) in context.tables.iter().enumerate() {
        let Some(dedup) = table.dedup_interval.filter(|dedup| *dedup <= interval) else { continue };
        let (dedup, interval) =
            (humantime::format_duration(dedup), humantime::format_duration(interval));
        let config = context.config.map(|file| at(file, table.line_of("dedup_interval")));
        findings.push(Finding::warn(format!(
            "{}: table {}: dedup_interval = \"{dedup}\" leaves nothing out with interval = \"{interval}\" \
             ({place}): write a longer one, or leave it out",
            config.unwrap_or_default(),
            number + 1
        )));
    }
}

/// Whether the plugin reads what was checked.
fn check_config(args: &Args, place: &str, context: &Context<'_>, findings: &mut Vec<Finding>) {
    let checked = context.config.map(|file| (QuotedPath(file).to_string(), (context.look)(file)));
    let Some(named) = &args.config else {
        if let Some((checked, _)) = checked {
            findings.push(Finding::warn(format!(
                "{place}: the command has no --config, so that the defaults apply, and not {checked}: add \
                 \"--config\", {checked}"
            )));
        }
        return;
    };
    let shown = QuotedPath(named);
    if !(named.has_root() || named.is_absolute()) {
        findings.push(Finding::warn(format!(
            "{place}: --config {shown} is looked for where Telegraf was started: write the whole path"
        )));
        return;
    }
    match ((context.look)(named), checked) {
        (Found::Missing, _) => findings.push(Finding::fail(format!(
            "{place}: --config {shown} is not there: the plugin ends at once"
        ))),
        (Found::Unread(why), _) => findings.push(Finding::fail(format!(
            "{place}: --config {shown} cannot be read: {why}"
        ))),
        (_, None) => findings.push(Finding::warn(format!(
            "{place}: the plugin reads {shown}, and what was checked are the defaults: add --config {shown}"
        ))),
        (found, Some((checked, is))) if found != is => findings.push(Finding::warn(format!(
            "{place}: the plugin reads {shown}, and {checked} was checked"
        ))),
        _ => {}
    }
}

/// What tells the series of a block from those of another: none where it has tags, which are not compared.
type Names<'b> = Option<Vec<(&'b str, Option<&'b str>)>>;

/// Blocks that run the plugin with the same configuration.
fn same_config_twice(ours: &[Ours<'_>], context: &Context<'_>) -> Vec<Finding> {
    let mut seen = BTreeMap::new();
    let mut findings = Vec::new();
    for one in ours {
        let Run::With(args) = run(one.block, context.program) else { continue };
        let Some(names) = names_of_series(one.block) else { continue };
        let place = at(one.file, one.block.line);
        let (first, first_place) =
            seen.entry((args.config, names)).or_insert_with(|| (one.block, place.clone()));
        if std::ptr::eq(*first, one.block) {
            continue;
        }
        findings.push(Finding::warn(format!(
            "{place}: another block runs the plugin with the same configuration ({first_place}): {} reported twice",
            what_is_twice("every series", &[first, one.block])
        )));
    }
    findings
}

/// `[[inputs.net]]` beside the plugin.
fn nets_beside(files: &[TelegrafFile], ours: &[Ours<'_>], context: &Context<'_>) -> Vec<Finding> {
    let config = context.config.map(|file| (context.look)(file));
    let names: BTreeMap<_, _> = ours
        .iter()
        .rev()
        .filter_map(|one| Some((names_of_series(one.block)?, one.block)))
        .collect();
    let mut findings = Vec::new();
    for TelegrafFile { path, document } in files {
        let found = (context.look)(path);
        if matches!(found, Found::File(_)) && config.as_ref() == Some(&found) {
            findings.push(config_within(path, context));
            continue;
        }
        for Input { block, .. } in document.inputs.iter().filter(|input| input.name == "net") {
            let beside = names_of_series(block).and_then(|net| names.get(&net));
            let (Some(beside), Some(twice)) = (beside, net_reports(block, context)) else {
                continue;
            };
            findings.push(Finding::warn(format!(
                "{}: [[inputs.net]] is still there: {} reported twice; take it out, or give one of the two a \
                 name_override or tags",
                at(path, block.line),
                what_is_twice(&twice, &[block, beside])
            )));
        }
    }
    findings
}

fn names_of_series(block: &Block) -> Names<'_> {
    const KEYS: [&str; 3] = ["name_override", "name_prefix", "name_suffix"];
    if block.get("tags").is_some() {
        return None;
    }
    let options = block.options.iter().filter(|option| KEYS.contains(&option.key.as_str()));
    let mut names: Vec<_> =
        options.map(|option| (option.key.as_str(), option.value.text())).collect();
    names.sort_unstable();
    Some(names)
}

/// What would be reported twice, and how surely: filters may leave something of it out.
fn what_is_twice(what: &str, blocks: &[&Block]) -> String {
    let has_filter = blocks.iter().flat_map(|block| &block.options).any(|option| {
        let key = option.key.as_str();
        ["pass", "drop", "include", "exclude"].iter().any(|end| key.ends_with(end))
    });
    let verb = if has_filter { "may be" } else { "would be" };
    format!("{what} {verb}")
}

/// What a block of `inputs.net` reports of that which the tables do; `None` for nothing.
fn net_reports(block: &Block, context: &Context<'_>) -> Option<String> {
    let interfaces = context.tables.iter().flat_map(|table| &table.interfaces);
    let reported = interfaces.filter(|one| one.is_reported && one.namespace.is_empty());
    let reported: BTreeSet<_> = reported.map(|one| one.name.as_slice()).collect();
    let entries = block.get("interfaces").and_then(|option| option.value.texts());
    let patterns = entries.filter(|entries| !entries.is_empty());
    let patterns = patterns.filter(|entries| !entries.iter().any(|entry| entry.contains('$')));
    let patterns = patterns.and_then(|entries| Patterns::of_telegraf(&entries).ok());
    let Some(patterns) = patterns.filter(|_| !reported.is_empty()) else {
        // Those that are up.
        return Some("interfaces".to_owned());
    };
    let mut both = reported.into_iter().filter(|name| patterns.matches(name));
    let first = Quoted(both.next()?).to_string();
    Some(match both.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    })
}

/// The plugin's own configuration lies where Telegraf reads it.
fn config_within(path: &Path, context: &Context<'_>) -> Finding {
    let given = context.tables.iter().flat_map(|table| &table.given);
    let mut foreign = given.filter_map(|given| match given.origin {
        Origin::Line(line) if !OPTIONS_OF_NET.contains(&given.key) => Some((line, given.key)),
        _ => None,
    });
    let shown = QuotedPath(path);
    match foreign.next() {
        Some((line, key)) => Finding::fail(format!(
            "{shown} line {line}: Telegraf reads this file too, and does not start, for its own inputs.net \
             knows no {key}: move the file elsewhere (--help names a place)"
        )),
        None => Finding::warn(format!(
            "{shown}: Telegraf reads this file too, so that its own inputs.net reports interfaces a second time: \
             move it elsewhere (--help names a place)"
        )),
    }
}

/// That no block runs the plugin, with one to paste.
fn no_block(files: &[TelegrafFile], context: &Context<'_>) -> Finding {
    let names = files.iter().map(|file| QuotedPath(&file.path).to_string());
    let names = names.collect::<Vec<_>>().join(", ");
    let lines = cli::execd_lines(context.system, context.program, context.config);
    Finding::fail(format!("no [[inputs.execd]] runs this plugin in {names}: add"))
        .with(lines.lines().map(ToOwned::to_owned).collect())
}

/// A block of which nothing is wrong.
fn well(Ours { file, block }: Ours<'_>, interval: Duration) -> Finding {
    let signal = block.text("signal").map_or("none", |(signal, _)| signal);
    let precision = match block.text("precision") {
        Some((precision, _)) => format!("precision {}", Quoted(precision.as_bytes())),
        None => "no precision, so that times have nanoseconds".to_owned(),
    };
    Finding::ok(format!(
        "{}: [[inputs.execd]] with signal {}, {precision}, every {}",
        at(file, block.line),
        Quoted(signal.as_bytes()),
        humantime::format_duration(interval)
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{Config, Given};
    use crate::explain::facts::InterfaceFacts;
    use crate::telegraf_conf::{self, Variables};

    const CONF: &str = "/t/telegraf.conf";

    /// A block of which nothing is wrong, in six lines.
    const WELL: &str = r#"[[inputs.execd]]
  command = ["/bin/telegraf-net", "--config", "/etc/plugin.conf"]
  signal = "STDIN"
  data_format = "influx"
  precision = "1s"
"#;

    fn look(path: &Path) -> Found {
        match path.to_str().unwrap() {
            "/bin/telegraf-net" | "/bin/sh" | "/etc/plugin.conf" | "/etc/other.conf" | CONF => {
                Found::File(path.to_owned())
            }
            "/bin/link" => Found::File("/bin/telegraf-net".into()),
            "/bin/old/telegraf-net" => Found::File("/bin/old/telegraf-net".into()),
            "/etc/denied.conf" => Found::Unread("denied: it is for user 0".into()),
            _ => Found::Missing,
        }
    }

    fn start(program: &str) -> Start {
        match look(Path::new(program)) {
            Found::File(found) => Start::File(found),
            _ if program == "telegraf-net" => Start::NotInPath,
            _ if program == "/opt" => Start::NoFile,
            _ if program == "/bin/denied/telegraf-net" => Start::Forbidden,
            _ => Start::Missing,
        }
    }

    fn file(path: &str, text: &str) -> TelegrafFile {
        let document =
            telegraf_conf::read(text.as_bytes(), Variables::Replaced(&|_| None)).unwrap();
        TelegrafFile { path: path.into(), document }
    }

    /// What is said of these files, where that configuration was checked.
    fn said_of(files: &[TelegrafFile], config: Option<&str>, tables: &[TableFacts]) -> Vec<String> {
        let context = Context {
            config: config.map(Path::new),
            tables,
            program: Some(Path::new("/bin/telegraf-net")),
            look: &look,
            start: &start,
            system: System::Linux,
        };
        let findings = check(files, &context);
        findings.iter().map(|finding| finding.to_string().trim_end().to_owned()).collect()
    }

    fn said(text: &str) -> Vec<String> {
        said_of(&[file(CONF, text)], Some("/etc/plugin.conf"), &[])
    }

    #[test]
    fn a_block_of_which_nothing_is_wrong_is_well() {
        let well = "ok    \"/t/telegraf.conf\" line 1: [[inputs.execd]] with signal \"STDIN\", precision \"1s\", \
                    every 10s";
        assert_eq!(said(WELL), [well]);
        assert_eq!(said(&WELL.replace("  data_format = \"influx\"\n", "")), [well]);
        let own_clock = WELL
            .replace("  signal = \"STDIN\"\n", "")
            .replace("\"--config\"", "\"--poll-interval\", \"5s\", \"-config\"");
        assert!(said(&own_clock)[0].ends_with("signal \"none\", precision \"1s\", every 5s"));
        let json = WELL
            .replace("\"--config\"", "\"--format\", \"json\", \"--config\"")
            .replace("\"influx\"", "\"json_v2\"");
        assert!(said(&json)[0].starts_with("ok "), "{:?}", said(&json));
        let without = WELL.replace("  precision = \"1s\"\n", "") + "  interval = \"20ms\"\n";
        let end = "no precision, so that times have nanoseconds, every 20ms";
        assert!(said(&without)[0].ends_with(end), "{:?}", said(&without));
        let as_long = WELL.replace("\"1s\"", "\"10s\"");
        assert!(said(&as_long)[0].starts_with("ok "), "{:?}", said(&as_long));
        // By another name of the same file.
        let link = WELL.replace("/bin/telegraf-net", "/bin/link");
        assert!(
            said(&link)[0].starts_with("FAIL  no [[inputs.execd]] runs this"),
            "{:?}",
            said(&link)
        );
    }

    /// A part of that block, what stands in its place, and what is said then.
    type Case = (&'static str, &'static str, &'static [&'static str]);

    #[test]
    #[expect(clippy::too_many_lines, reason = "it has a row for each thing that may be wrong")]
    fn what_is_wrong_with_a_block_is_told_with_its_line_and_the_way_out() {
        const SIGNAL: &str = "  signal = \"STDIN\"\n";
        const FORMAT: &str = "  data_format = \"influx\"\n";
        const PRECISION: &str = "  precision = \"1s\"\n";
        const COMMAND: &str = r#"["/bin/telegraf-net", "--config", "/etc/plugin.conf"]"#;
        let cases: &[Case] = &[
            (
                SIGNAL,
                "",
                &[
                    "FAIL  line 1: [[inputs.execd]] has no signal: nothing will ever be asked for; add signal = \"STDIN\"",
                ],
            ),
            (
                SIGNAL,
                "  signal = \"none\"\n",
                &[
                    "FAIL  line 3: signal = \"none\": nothing will ever be asked for; write signal = \"STDIN\"",
                ],
            ),
            (
                SIGNAL,
                "  signal = \"SIGUSR1\"\n",
                &[
                    "WARN  line 3: signal = \"SIGUSR1\": the first may come before the plugin has begun",
                ],
            ),
            (
                SIGNAL,
                "  signal = \"stdin\"\n",
                &["FAIL  line 3: signal = \"stdin\" is none that Telegraf knows"],
            ),
            (
                SIGNAL,
                "  signal = 5\n",
                &["FAIL  line 3: signal = \"\" is none that Telegraf knows"],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net", "--config", "/etc/plugin.conf", "--poll-interval", "10s"]"#,
                &["WARN  line 3: signal = \"STDIN\" beside --poll-interval: both ask for metrics"],
            ),
            (
                FORMAT,
                "  data_format = \"json\"\n",
                &["FAIL  line 4: data_format = \"json\" cannot read what the plugin writes"],
            ),
            (
                PRECISION,
                "  precision = \"1s\"\n  interval = \"200ms\"\n",
                &[
                    "FAIL  line 5: precision = \"1s\" with interval = \"200ms\" (\"/t/telegraf.conf\" line 6): 5 points share a timestamp, and 4 of them are lost: write precision = \"1ms\"",
                ],
            ),
            (
                PRECISION,
                "  precision = \"1m\"\n",
                &[
                    "FAIL  line 5: precision = \"1m\" with interval = \"10s\" (the default): 6 points share a timestamp, and 5 of them are lost: write precision = \"1s\"",
                ],
            ),
            (
                PRECISION,
                "  precision = \"1s\"\n[agent]\n  interval = 0.3\n",
                &[
                    "FAIL  line 5: precision = \"1s\" with interval = \"300ms\" (\"/t/telegraf.conf\" line 7): 4 points",
                ],
            ),
            (PRECISION, "  precision = \"often\"\n", &["FAIL  line 5: precision is no duration"]),
            (
                PRECISION,
                "[agent]\n  interval = 0\n  flush_interval = \"0s\"\n  collection_jitter = \"-1s\"\n  precision = \"-1s\"\n",
                &[
                    "FAIL  line 6: interval has to be more than 0: Telegraf does not start: write \"10s\"",
                    "FAIL  line 7: flush_interval has to be more than 0: ",
                    "FAIL  line 8: collection_jitter is no duration, so that Telegraf does not start",
                    "ok    line 1: [[inputs.execd]]",
                ],
            ),
            (
                PRECISION,
                "  collection_offset = \"x\"\n",
                &["FAIL  line 5: collection_offset takes a duration"],
            ),
            (
                PRECISION,
                "  namepass = [\"cpu\"]\n",
                &["FAIL  line 5: namepass leaves nothing of the plugin's"],
            ),
            (
                PRECISION,
                "  tags.a = \"b\"\n",
                &["FAIL  line 5: \"tags\" has a dot behind it, which Telegraf", "ok    line 1: "],
            ),
            (PRECISION, "  interval = \"often\"\n", &["FAIL  line 5: interval is no duration"]),
            (
                PRECISION,
                "  environment = \"A=b\"\n",
                &["FAIL  line 5: environment is a list of \"NAME=value\": Telegraf does not start"],
            ),
            (
                PRECISION,
                "  precision = 60\n  interval = 5\n",
                &[
                    "WARN  line 6: interval is no string, and Telegraf does not look at it then: write",
                    "WARN  line 5: precision is no string, and Telegraf does not look at it then: write",
                ],
            ),
            (
                PRECISION,
                "  environment = [\"A\"]\n",
                &["WARN  line 5: environment is a list of \"NAME=value\", and one has no \"=\""],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net"]"#,
                &[
                    "WARN  line 2: the command has no --config, so that the defaults apply, and not \"/etc/plugin.conf\": add",
                ],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net", "--config", "/etc/other.conf"]"#,
                &[
                    "WARN  line 2: the plugin reads \"/etc/other.conf\", and \"/etc/plugin.conf\" was checked",
                ],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net", "--config", "/etc/none.conf"]"#,
                &[
                    "FAIL  line 2: --config \"/etc/none.conf\" is not there: the plugin ends at once",
                ],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net", "--config", "/etc/denied.conf"]"#,
                &[
                    "FAIL  line 2: --config \"/etc/denied.conf\" cannot be read: denied: it is for user 0",
                ],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net", "--config", "plugin.conf"]"#,
                &[
                    "WARN  line 2: --config \"plugin.conf\" is looked for where Telegraf was started: write the whole path",
                ],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net", "--confg", "x"]"#,
                &[
                    "FAIL  line 2: the plugin refuses its arguments: unexpected argument '--confg' found",
                ],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net", "--once"]"#,
                &[
                    "FAIL  line 2: with --once, the plugin does not stay and answer Telegraf: leave it out",
                ],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net", "--version"]"#,
                &["FAIL  line 2: with this argument, the plugin does not stay"],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net", "--format", "json", "--config", "/etc/plugin.conf"]"#,
                &["FAIL  line 4: data_format = \"influx\" cannot read what --format json writes"],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net --config /etc/plugin.conf"]"#,
                &[
                    "FAIL  line 2: command has one string, \"/bin/telegraf-net --config /etc/plugin.c\"... (43 bytes), with spaces",
                ],
            ),
            (COMMAND, r#""/bin/telegraf-net""#, &["FAIL  line 2: command is a list of strings"]),
            (
                COMMAND,
                r#"["/bin/sh", "-c", "exec /bin/telegraf-net --config /etc/plugin.conf"]"#,
                &["WARN  line 2: the arguments of the plugin are not known here"],
            ),
            (
                COMMAND,
                r#"["/bin/telegraf-net", "--config", "${CONFIG}"]"#,
                &["WARN  line 2: the arguments of the plugin are not known here"],
            ),
            (
                COMMAND,
                r#"["/none/telegraf-net", "--config", "/etc/plugin.conf"]"#,
                &["FAIL  line 2: \"/none/telegraf-net\" is not there: Telegraf does not start"],
            ),
            (
                COMMAND,
                r#"["telegraf-net", "--config", "/etc/plugin.conf"]"#,
                &[
                    "WARN  line 2: \"telegraf-net\" is in no folder of PATH here, and Telegraf does not start where",
                ],
            ),
            (
                COMMAND,
                r#"["/bin/denied/telegraf-net", "--config", "/etc/plugin.conf"]"#,
                &[
                    "FAIL  line 2: \"/bin/denied/telegraf-net\" may not be executed by this user: set its mode to 0755: Telegraf does not start",
                ],
            ),
            (
                COMMAND,
                r#"["/opt", "/bin/telegraf-net", "--config", "/etc/plugin.conf"]"#,
                &[
                    "FAIL  line 2: \"/opt\" is a folder, or no file, and no program: Telegraf does not start",
                ],
            ),
            (
                COMMAND,
                r#"["", "/bin/telegraf-net", "--config", "/etc/plugin.conf"]"#,
                &["FAIL  line 2: command begins with an empty string: Telegraf does not start"],
            ),
            (
                COMMAND,
                r#"["/bin/old/telegraf-net", "--config", "/etc/plugin.conf"]"#,
                &[
                    "WARN  line 2: \"/bin/old/telegraf-net\" is another file than this program, which may be",
                ],
            ),
            (
                COMMAND,
                r#"["/none/$DIR/telegraf-net", "--config", "$CONFIG"]"#,
                &["WARN  line 2: the arguments of the plugin are not known here"],
            ),
            (
                SIGNAL,
                "  signal = \"${SIGNAL}\"\n",
                &[
                    "WARN  line 3: the variable \"${SIGNAL}\" is not set here, so that signal was not looked at",
                ],
            ),
            (
                FORMAT,
                "  data_format = \"$FORMAT\"\n",
                &[
                    "WARN  line 4: the variable \"$FORMAT\" is not set here, so that data_format was",
                ],
            ),
            (FORMAT, "  data_format = \"influx_upstream\"\n", &["ok    line 1: "]),
            (
                PRECISION,
                "  precision = \"$PRECISION\"\n  namepass = [\"x\", \"$NAME\"]\n",
                &[
                    "WARN  line 5: the variable \"$PRECISION\" is not set here, so that precision was",
                    "WARN  line 6: the variable \"$NAME\" is not set here, so that namepass was",
                ],
            ),
            // Nothing is compared with an interval that is not known.
            (
                PRECISION,
                "  precision = \"1m\"\n  interval = \"${I}\"\n",
                &[
                    "WARN  line 6: the variable \"${I}\" is not set here, so that interval was not looked at",
                ],
            ),
            (
                PRECISION,
                "  precision = \"1m\"\n[agent]\n  interval = \"${I}\"\n",
                &[
                    "WARN  line 7: the variable \"${I}\" is not set here, so that interval was not looked at",
                    "ok",
                ],
            ),
            (
                PRECISION,
                "  precision = \"1s\"\n[agent]\n  Interval = \"200ms\"\n",
                &[
                    "FAIL  line 5: precision = \"1s\" with interval = \"200ms\" (\"/t/telegraf.conf\" line 7): 5",
                ],
            ),
            ("[[inputs.execd]]\n", "[[inputs.execd]]\n  [[\n", &["FAIL  line 2: not valid TOML: "]),
        ];
        for (part, other, expected) in cases {
            assert!(WELL.contains(part), "{part}");
            let text = WELL.replacen(part, other, 1);
            let said = said(&text);
            assert!(expected.len() <= said.len(), "{text}: {said:?}");
            for (said, expected) in said.iter().zip(*expected) {
                let expected = expected.replacen("line ", &format!("{CONF:?} line "), 1);
                assert!(said.starts_with(&expected), "{text}: {said} is not {expected}");
            }
            // Of a file that is no TOML, not all can be told.
            assert!(expected.len() == said.len() || expected[0].contains("TOML"), "{said:?}");
        }
    }

    #[test]
    fn where_no_block_runs_the_plugin_one_is_shown_to_paste() {
        let said =
            said_of(&[file(CONF, "[[inputs.execd]]\ncommand = ['other']")], Some("/a.conf"), &[]);
        let block = "FAIL  no [[inputs.execd]] runs this plugin in \"/t/telegraf.conf\": add\n      \
                     [[inputs.execd]]\n        command = [\"/bin/telegraf-net\", \"--config\", \"/a.conf\"]\n        \
                     signal = \"STDIN\"\n        data_format = \"influx\"\n        precision = \"1s\"";
        assert_eq!(said, [block]);
    }

    #[test]
    fn a_block_is_ours_by_the_name_of_a_file_and_not_by_a_part_of_it() {
        let program = Some(Path::new("/opt/telegraf-net-1.0"));
        for (command, is_ours) in [
            (&["/usr/bin/telegraf-net"][..], true),
            (&[r"C:\Programs\telegraf-net.exe"], true),
            (&["sudo", "/opt/telegraf-net-1.0"], true),
            (&["sh", "-c", "exec '/bin/telegraf-net' --config /x"], true),
            (&["sh", "-c", "A=b;telegraf-net&"], true),
            (&["/usr/local/bin/telegraf-net.sh"], true),
            (&["/opt/telegraf-network/run.sh"], false),
            (&["/opt/telegraf-net/run.sh", "--config", "/etc/telegraf-network.conf"], false),
            (&["/bin/my-telegraf-net"], false),
            (&[], false),
        ] {
            assert_eq!(names_program(command, program), is_ours, "{command:?}");
        }
    }

    #[test]
    fn series_that_would_be_reported_twice_are_told() {
        let net = "[[inputs.net]]\n";
        let twice = "WARN  \"/t/telegraf.d/net.conf\" line 1: [[inputs.net]] is still there: ";
        let said_with = |main: &str, further: &str| {
            let files = [file(CONF, main), file("/t/telegraf.d/net.conf", further)];
            said_of(&files, Some("/etc/plugin.conf"), &[])
        };
        let said = said_with(WELL, net);
        assert!(said.len() == 2 && said[1].starts_with(twice), "{said:?}");
        let renamed = "  name_override = \"net_old\"\n";
        let tagged = "  [inputs.net.tags]\n  by = \"telegraf\"\n";
        for (main, further) in [
            (WELL.to_owned(), format!("{net}{renamed}")),
            (WELL.to_owned(), format!("{net}{tagged}")),
            (format!("{WELL}{renamed}"), net.to_owned()),
            (WELL.to_owned() + &tagged.replace("net", "execd"), format!("{net}{tagged}")),
        ] {
            let said = said_with(&main, &further);
            assert!(said.len() == 1 && said[0].starts_with("ok "), "{said:?}");
        }
        let said = said_with(&format!("{WELL}{renamed}"), &format!("{net}{renamed}"));
        assert!(said[1].starts_with(twice), "{said:?}");
        // What filters leave is not known.
        let filtered = format!("{net}  fieldinclude = [\"speed\"]\n");
        let said = said_with(WELL, &filtered);
        assert!(said[1].contains(": interfaces may be reported twice; take it out"), "{said:?}");
        let said = said_with(WELL, "[[plugins.net]]\n");
        assert!(said[1].contains(": interfaces would be reported twice; take it out"), "{said:?}");
        // What is reported here is.
        let interface = |name: &str, is_reported| InterfaceFacts {
            name: name.into(),
            is_reported,
            ..InterfaceFacts::default()
        };
        let interfaces =
            vec![interface("eth0", true), interface("eth1", true), interface("lo", false)];
        let tables = [TableFacts { interfaces, ..TableFacts::default() }];
        for (entries, told) in [
            ("'eth*'", Some("\"eth0\" and 1 more would be reported twice")),
            ("'eth1'", Some("\"eth1\" would be reported twice")),
            ("'lo', 'wlan*'", None),
            // Without a wildcard, all of an entry is literal.
            ("'{eth0,eth1}'", None),
            ("'{eth0,eth1}', 'x*'", Some("\"eth0\" and 1 more would be reported twice")),
        ] {
            let conf = format!("{WELL}{net}  interfaces = [{entries}]\n");
            let said = said_of(&[file(CONF, &conf)], Some("/etc/plugin.conf"), &tables);
            assert_eq!(said.len() == 2, told.is_some(), "{said:?}");
            assert!(told.is_none_or(|told| said[1].contains(told)), "{said:?}");
        }
        let said = said_with(WELL, WELL);
        let expected = "WARN  \"/t/telegraf.d/net.conf\" line 1: another block runs the plugin with the same \
                        configuration (\"/t/telegraf.conf\" line 1): every series would be reported twice";
        assert_eq!(said[2..], [expected]);
    }

    #[test]
    fn a_configuration_that_telegraf_reads_too_is_told_and_keeps_it_from_starting_by_what_it_does_not_know()
     {
        let files = [file(CONF, WELL), file("/etc/plugin.conf", "[[inputs.net]]\n")];
        let said = said_of(&files, Some("/etc/plugin.conf"), &[]);
        let expected =
            "WARN  \"/etc/plugin.conf\": Telegraf reads this file too, so that its own inputs.net";
        assert!(said.len() == 2 && said[1].starts_with(expected), "{said:?}");
        let given = |key, line| Given { key, value: "x".into(), origin: Origin::Line(line) };
        let given = vec![given("interfaces", 2), given("rates", 3)];
        let tables = [TableFacts { given, ..TableFacts::default() }];
        let said = said_of(&files, Some("/etc/plugin.conf"), &tables);
        let expected = "FAIL  \"/etc/plugin.conf\" line 3: Telegraf reads this file too, and does not start, for \
                        its own inputs.net knows no rates: move";
        assert!(said[1].starts_with(expected), "{said:?}");
    }

    #[test]
    fn many_blocks_are_checked() {
        let text = "[[inputs.net]]\nalias = 'a'\n".repeat(5000) + &WELL.repeat(500);
        assert_eq!(said(&text).len(), 500 + 499 + 5000);
    }

    #[test]
    fn a_dedup_interval_that_leaves_nothing_out_is_told() {
        let text = "[[inputs.net]]\ndedup_interval = '10s'\n";
        let table = Config::parse(text.as_bytes(), &|_| None).unwrap().tables.remove(0);
        let facts = TableFacts {
            given: table.given,
            dedup_interval: table.dedup_interval,
            ..TableFacts::default()
        };
        let tables = [facts];
        let said = said_of(&[file(CONF, WELL)], Some("/etc/plugin.conf"), &tables);
        let expected = "WARN  \"/etc/plugin.conf\" line 2: table 1: dedup_interval = \"10s\" leaves nothing out \
                        with interval = \"10s\" (the default): write a longer one, or leave it out";
        assert_eq!(said, [expected]);
        let often = format!("{WELL}  interval = \"2s\"\n");
        let said = said_of(&[file(CONF, &often)], Some("/etc/plugin.conf"), &tables);
        assert!(said.len() == 1 && said[0].starts_with("ok "), "{said:?}");
    }

    #[test]
    fn blocks_tell_their_environment() {
        let with = |value: &str| format!("{WELL}  environment = {value}\n");
        let environment = |text: &str| environment(&[file(CONF, text)], None);
        let expected = [("HOST_PROC".to_owned(), "/p=q".to_owned())];
        assert_eq!(environment(&with("['HOST_PROC=/p=q', 'x']")), Some(expected.into()));
        assert_eq!(environment(&with("'x=y'")), None);
        assert_eq!(environment(WELL), None);
        let two = with("['A=b', 'B=1']") + &with("['A=c', 'C=1']");
        let expected = [("A", "b"), ("B", "1"), ("C", "1")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(environment(&two), Some(expected.into()));
        let told = "WARN  \"/t/telegraf.conf\" line 12: environment gives \"A\" another value than \
                    \"/t/telegraf.conf\" line 6, with which the configuration was looked at";
        assert_eq!(said(&two)[2], told);
    }

    #[test]
    fn a_variable_outside_of_quotes_is_told_once_for_a_file() {
        let text = format!("{WELL}  interval = ${{INTERVAL}}\n  buffer_size = ${{SIZE}}\n");
        let said = said(&text);
        let expected = "WARN  \"/t/telegraf.conf\" line 6: the variable \"${INTERVAL}\" stands outside of quotes: ";
        assert!(said[0].starts_with(expected), "{said:?}");
        assert!(
            said[1].starts_with(
                "WARN  \"/t/telegraf.conf\" line 6: the variable \"${INTERVAL}\" is not"
            ),
            "{said:?}"
        );
    }

    proptest! {
        #[test]
        fn no_block_causes_a_panic(
            lines in proptest::collection::vec(
                prop_oneof![
                    Just("[[inputs.execd]]"),
                    Just("[[inputs.net]]"),
                    Just("[agent]"),
                    Just("command = ['telegraf-net', '--config', '/x', '--poll-interval=1ms']"),
                    Just("command = [['telegraf-net'], 5]"),
                    Just("command = ['']"),
                    Just("interval = 0"),
                    Just("interval = '0s'"),
                    Just("precision = '99999h'"),
                    Just("precision = 1e300"),
                    Just("environment = 7"),
                    Just("signal = ['STDIN']"),
                    Just("data_format = {a = 1}"),
                    Just("name_override = 5"),
                    Just("tags = {}"),
                    Just("= ["),
                ],
                0..12,
            ),
        ) {
            let text = lines.join("\n");
            let _ = said(&text);
        }
    }
}
