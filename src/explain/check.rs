//! What is known -> the lines of `--check`.
//!
//! `FAIL` is for what would not be reported, or would be lost, and makes the exit status 1; `WARN` for what may
//! not be what is meant.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::facts::{EntryFacts, Facts, TableFacts};
use super::screen::degraded;
use super::{Plain, counted};
use crate::config::options::OPTIONS;
use crate::config::systems::System;
use crate::config::{Given, List, Origin};
use crate::log::Level;
use crate::quoted::Quoted;
use crate::system::facts::{CapabilityFacts, ProcessFacts};

/// So many tables have all of their options shown; of more, those that were given.
const MAX_WHOLE: usize = 5;

/// So many tables are told of.
const MAX_TABLES: usize = 20;

/// So many reasons are told of.
const MAX_REASONS: usize = 4;

/// About how many files this process has open beside those of other network namespaces.
const OWN_FILES: usize = 48;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is well.
    Ok,
    /// It may not be what is meant.
    Warn,
    /// Something would not be reported, or be lost.
    Fail,
}

/// What was looked at, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, with its place, and the way out.
    pub text: String,
    /// What stands in lines of its own below.
    pub more: Vec<String>,
}

impl Finding {
    /// It is well.
    #[must_use]
    pub fn ok(text: impl Into<String>) -> Self {
        Self { severity: Severity::Ok, text: text.into(), more: Vec::new() }
    }

    /// It may not be what is meant.
    #[must_use]
    pub fn warn(text: impl Into<String>) -> Self {
        Self { severity: Severity::Warn, ..Self::ok(text) }
    }

    /// Something would not be reported, or be lost.
    #[must_use]
    pub fn fail(text: impl Into<String>) -> Self {
        Self { severity: Severity::Fail, ..Self::ok(text) }
    }

    /// The same with these lines below.
    #[must_use]
    pub fn with(self, more: Vec<String>) -> Self {
        Self { more, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Ok => "ok",
            Severity::Warn => "WARN",
            Severity::Fail => "FAIL",
        };
        writeln!(f, "{severity:4}  {}", Plain(self.text.as_bytes()))?;
        self.more.iter().try_for_each(|line| writeln!(f, "      {}", Plain(line.as_bytes())))
    }
}

/// The lines of all of them, and the last one, which tells the exit status. Returns whether any of them
/// says `FAIL`.
#[must_use]
pub fn text(findings: &[Finding]) -> (String, bool) {
    let mut text: String = findings.iter().map(ToString::to_string).collect();
    let is_failure = findings.iter().any(|finding| finding.severity == Severity::Fail);
    text.push_str(if is_failure {
        "exit status 1: something would not be reported, or be lost: see FAIL\n"
    } else {
        "exit status 0: nothing would be lost\n"
    });
    (text, is_failure)
}

/// What there is to say of the plugin's own configuration.
#[must_use]
pub fn configuration(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![understood(facts), process(&facts.process)];
    for (number, table) in facts.tables.iter().enumerate().take(MAX_TABLES) {
        findings.push(reported(number, table));
    }
    if let Some(why) = &facts.nothing {
        findings.push(Finding::fail(format!("{}: nothing to report: {why}", facts.config)));
    }
    for warning in &facts.warnings {
        let place = place(facts, warning.line);
        findings.push(Finding::warn(format!("{place}: {}: {}", warning.what, warning.why)));
    }
    for table in &facts.tables {
        findings.extend(pointless(facts, table));
    }
    for one in &facts.unmatched {
        let (list, text) = (one.list.name(), Quoted(one.text.as_bytes()));
        findings.push(Finding::warn(format!(
            "{}: {list} {text} matches no {} here{}",
            place(facts, one.line),
            one.what,
            one.hint
        )));
    }
    if facts.more_unmatched > 0 {
        let more = facts.more_unmatched;
        findings.push(Finding::warn(format!("{more} more entries match nothing here")));
    }
    findings.extend(facts.doubles.iter().map(Finding::warn));
    for (number, table) in facts.tables.iter().enumerate() {
        findings.extend(lost_namespaces(facts, number, table));
    }
    findings.extend(files(facts));
    findings.extend(capabilities(facts));
    findings.extend(facts.tables.iter().enumerate().filter_map(lost_by_files));
    findings.extend(degraded(facts).into_iter().map(|(level, text)| match level {
        Level::Error => Finding::fail(text),
        Level::Warn | Level::Info | Level::Debug => Finding::warn(text),
    }));
    findings
}

/// A place in the configuration, as findings begin with it.
fn place(facts: &Facts, line: usize) -> String {
    format!("{} line {line}", facts.config)
}

/// What the configuration says, with what holds where it says nothing.
fn understood(facts: &Facts) -> Finding {
    let mut more = Vec::new();
    let options = || OPTIONS.iter().filter(|option| option.systems.contains(&System::current()));
    for (number, table) in facts.tables.iter().enumerate().take(MAX_TABLES) {
        more.push(format!("table {} (line {}):", number + 1, table.line));
        for option in options() {
            let (value, origin) = match table.given(option.key) {
                Some(Given { value, origin: Origin::Line(line), .. }) => {
                    (value.as_str(), format!("line {line}"))
                }
                Some(Given { value, origin: Origin::Environment(variable), .. }) => {
                    (value.as_str(), (*variable).to_owned())
                }
                None if number >= MAX_WHOLE => continue,
                None => {
                    let default = option.default.unwrap_or(match option.key {
                        "host_proc" => "\"/proc\"",
                        _ => "\"/sys\"",
                    });
                    (default, "default".to_owned())
                }
            };
            more.push(format!("  {:21}  {origin:9}  {value}", option.key));
        }
    }
    if let Some(rest) = facts.tables.len().checked_sub(MAX_TABLES).filter(|rest| *rest > 0) {
        more.push(format!("... {rest} more tables"));
    }
    let tables = counted(facts.tables.len(), "table");
    Finding::ok(format!("{}: {tables}, no mistakes", facts.config)).with(more)
}

/// Whom all of it was looked at as.
fn process(process: &ProcessFacts) -> Finding {
    let mut text = "looked at".to_owned();
    if let Some(user) = process.user {
        let _ = write!(text, " as user {user}");
    }
    if let Some(kernel) = &process.kernel {
        let _ = write!(text, " on Linux {kernel}");
    }
    if let Some([limit, most]) = process.file_limit {
        let _ = write!(text, "; open files: {limit}, at most {most}");
    }
    let held = process.capabilities.iter().filter(|one| one.is_held).map(|one| &*one.name);
    let held = held.collect::<Vec<_>>().join(", ");
    if !process.capabilities.is_empty() {
        let held = if held.is_empty() { "none of use" } else { &held };
        let _ = write!(text, "; capabilities: {held}");
    }
    if process.no_new_privs {
        text.push_str("; NoNewPrivs is set");
    }
    let more = (process.user == Some(0)).then(|| {
        "root may do more than Telegraf's service: run this as its user (sudo -u telegraf), best with \
         its unit's limits and capabilities (systemd-run --property=...)"
            .to_owned()
    });
    Finding::ok(text).with(more.into_iter().collect())
}

/// What the table reports, and how that is read.
fn reported(number: usize, table: &TableFacts) -> Finding {
    let number = number + 1;
    let interfaces = counted(table.interfaces.len(), "interface");
    let way = table.way.as_ref();
    let source = way.map(|way| format!("{}: {}; ", way.source, way.because)).unwrap_or_default();
    let text = format!(
        "table {number}: {source}reports {} of {interfaces}, and {}",
        table.reported(),
        counted(table.statistics, "protocol statistic")
    );
    let mut left_out = BTreeMap::<_, usize>::new();
    for one in table.interfaces.iter().filter(|one| !one.is_reported) {
        *left_out.entry(one.because.as_str()).or_default() += 1;
    }
    let mut left_out: Vec<_> = left_out.into_iter().collect();
    left_out.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut more: Vec<_> = left_out
        .iter()
        .take(MAX_REASONS)
        .map(|(because, count)| format!("{count} not reported: {because}"))
        .collect();
    if let Some(rest) = left_out.len().checked_sub(MAX_REASONS).filter(|rest| *rest > 0) {
        more.push(format!("... {rest} more reasons"));
    }
    let is_meant = |one: &EntryFacts| one.list == List::InterfaceExclude && one.text == "*";
    let is_empty = table.reported() == 0 && !table.entries.iter().any(is_meant);
    if is_empty { Finding::warn(text).with(more) } else { Finding::ok(text).with(more) }
}

/// Options that do nothing beside another one, by this source, or on this host.
fn pointless(facts: &Facts, table: &TableFacts) -> Vec<Finding> {
    let is = |key: &str, value: &str| table.given(key).is_some_and(|given| given.value == value);
    let in_file = |key: &str| {
        table.given(key).filter(|given| matches!(given.origin, Origin::Line(_))).is_some()
    };
    let is_by_files = table.way.as_ref().is_some_and(|way| !way.tells_kinds && way.lost.is_some());
    let cases = [
        (
            "protocols",
            in_file("protocols") && is("ignore_protocol_stats", "true"),
            "does nothing beside ignore_protocol_stats = true: leave one of them out".to_owned(),
        ),
        (
            "speed_refresh",
            in_file("speed_refresh") && is_by_files && !table.has_others,
            "does nothing by files, which tell speeds at every gather: leave it out".to_owned(),
        ),
        (
            "host_sys",
            in_file("host_sys") && is("source", "\"netlink\""),
            "does nothing beside source = \"netlink\": leave it out".to_owned(),
        ),
        (
            "namespace_limit",
            in_file("namespace_limit") && !table.has_others,
            "does nothing where no other network namespaces are reported: add namespace_include, or \
             leave it out"
                .to_owned(),
        ),
    ];
    let cases = cases.into_iter().filter(|(_, is_pointless, _)| *is_pointless);
    let mut findings: Vec<_> = cases
        .map(|(key, _, why)| {
            Finding::warn(format!("{}: {key} {why}", place(facts, table.line_of(key))))
        })
        .collect();
    let tags_line = table.line_of("interface_tags");
    for tag in &table.absent_tags {
        let why = match *tag {
            "altname" if is_by_files => ": netlink alone tells it",
            "namespace" => ": our own network namespace has no name",
            _ => " now",
        };
        findings.push(Finding::warn(format!(
            "{}: interface_tags {}: no line has that tag{why}",
            place(facts, tags_line),
            Quoted(tag.as_bytes())
        )));
    }
    if !table.absent.is_empty() {
        let names = table.absent.iter().map(|(name, since)| match since {
            Some(version) if !is_by_files => format!("{name} (Linux {version})"),
            _ => (*name).to_owned(),
        });
        let names = names.collect::<Vec<_>>().join(", ");
        let why =
            if is_by_files { "netlink alone tells them" } else { "this kernel does not tell them" };
        let key = if table.given("counters").is_some() { "counters" } else { "link_state" };
        findings.push(Finding::warn(format!(
            "{}: no line has the fields {names}: {why}",
            place(facts, table.line_of(key))
        )));
    }
    findings
}

/// What the table cannot have because files are all there is to read, where it asks for any of that or
/// something better was asked for.
fn lost_by_files((number, table): (usize, &TableFacts)) -> Option<Finding> {
    const KEYS: [&str; 5] =
        ["kind_include", "kind_exclude", "interface_tags", "counters", "link_state"];
    let way = table.way.as_ref()?;
    let lost = way.lost.as_ref()?;
    let is_asked_for = KEYS.iter().any(|key| table.given(key).is_some());
    (way.is_fallback || is_asked_for)
        .then(|| Finding::warn(format!("table {}: {lost}", number + 1)))
}

/// That network namespaces which the table selects are not reported.
fn lost_namespaces(facts: &Facts, number: usize, table: &TableFacts) -> Option<Finding> {
    let ours = facts.namespaces.iter().filter(|row| row.table == number && !row.name.is_empty());
    let reported = ours.clone().filter(|row| row.is_reported).count();
    let lost: Vec<_> = ours.filter(|row| row.is_lost).collect();
    let first = lost.first()?;
    let mut reasons = BTreeMap::<_, usize>::new();
    for row in &lost {
        *reasons.entry(row.because.as_str()).or_default() += 1;
    }
    let reasons = reasons.iter().take(MAX_REASONS);
    let reasons = reasons.map(|(because, count)| format!("{count}: {because}")).collect();
    let text = format!(
        "{}: table {} selects {}, of which {} are not reported, such as {}",
        place(facts, table.line_of("namespace_include")),
        number + 1,
        counted(reported + lost.len(), "other network namespace"),
        lost.len(),
        Quoted(&first.name)
    );
    Some(Finding::fail(text).with(reasons))
}

/// Whether there are enough open files.
fn files(facts: &Facts) -> Option<Finding> {
    let wanted = facts.others.files_wanted.filter(|wanted| *wanted > 0)?;
    // It is raised to that where others are looked for.
    let [_, most] = facts.process.file_limit?;
    let text = format!(
        "open files: other network namespaces take about {wanted}, and the limit is {most}"
    );
    Some(if wanted + OWN_FILES > most {
        Finding::fail(format!("{text}: raise it (LimitNOFILE)"))
    } else {
        Finding::ok(text)
    })
}

/// Whether the capabilities are there that the tables take.
fn capabilities(facts: &Facts) -> Vec<Finding> {
    let process = &facts.process;
    let has_others = facts.tables.iter().any(|table| table.has_others);
    let finds_processes = facts.tables.iter().any(|table| {
        let discovery = table.given("namespace_discovery");
        table.has_others && discovery.is_some_and(|given| given.value == "\"processes\"")
    });
    let is_needed = |one: &&CapabilityFacts| match one.name.as_str() {
        "CAP_SYS_ADMIN" => has_others,
        "CAP_SYS_PTRACE" => finds_processes,
        // It is told of where something takes it.
        _ => false,
    };
    let findings = process.capabilities.iter().filter(is_needed).map(|one| {
        let CapabilityFacts { name, purpose, is_held, is_allowed } = one;
        match (is_held, process.is_confined) {
            (true, false) => return Finding::ok(format!("{name} is there, for {purpose}")),
            (true, true) => {
                return Finding::warn(format!(
                    "{name}, for {purpose}, counts in this user namespace alone, as by PrivateUsers=yes \
                     or in a rootless container"
                ));
            }
            (false, _) => {}
        }
        let way_out = if !is_allowed {
            "the bounding set lacks it, as by CapabilityBoundingSet= or without cap-add: allow it there"
        } else if process.no_new_privs {
            "NoNewPrivs is set, so that setcap on this file has no effect: give Telegraf's service ambient \
             ones (AmbientCapabilities=)"
        } else {
            "give Telegraf's service ambient ones (AmbientCapabilities=), as the README says"
        };
        Finding::warn(format!("{name} is missing, which {purpose} takes: {way_out}"))
    });
    findings.collect()
}
