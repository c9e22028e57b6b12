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
use crate::system::facts::{CapabilityFacts, Fate, ProcessFacts};

/// So many tables have all of their options shown; of more, those that were given.
const MAX_WHOLE: usize = 5;

/// So many tables are told of.
const MAX_TABLES: usize = 20;

/// So many reasons are told of.
const MAX_REASONS: usize = 4;

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
        "exit status 0: nothing was found that would be lost\n"
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
    let in_file =
        |key: &str| table.given(key).is_some_and(|given| matches!(given.origin, Origin::Line(_)));
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
    let mut counts = BTreeMap::<_, usize>::new();
    for row in &lost {
        *counts.entry(row.because.as_str()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown = counts.iter().take(MAX_REASONS);
    let mut reasons: Vec<_> = shown.map(|(because, count)| format!("{count}: {because}")).collect();
    if let Some(rest) = counts.len().checked_sub(MAX_REASONS).filter(|rest| *rest > 0) {
        reasons.push(format!("... {rest} more reasons"));
    }
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
    let mut fates = facts.others.namespaces.iter().flat_map(|one| &one.fates);
    Some(if fates.any(|(_, fate)| *fate == Fate::NoFiles) {
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
            "give Telegraf's service ambient ones (AmbientCapabilities=), as docs/NAMESPACES.md says"
        };
        Finding::warn(format!("{name} is missing, which {purpose} takes: {way_out}"))
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::explain::facts::{InterfaceFacts, NamespaceRow};
    use crate::gather::UnmatchedEntry;
    use crate::system::facts::{NamespaceFacts, Others, Way};

    /// What a table says, of which one interface is reported.
    fn table(options: &str) -> TableFacts {
        let text = format!("[[inputs.net]]\n{options}");
        let table = Config::parse_for(System::Linux, text.as_bytes(), &|_| None).unwrap();
        let table = table.tables.into_iter().next().unwrap();
        TableFacts {
            line: table.line,
            given: table.given,
            has_others: table.namespaces.may_select_more_than(|_| false),
            interfaces: vec![InterfaceFacts { is_reported: true, ..InterfaceFacts::default() }],
            ..TableFacts::default()
        }
    }

    fn facts(tables: Vec<TableFacts>) -> Facts {
        Facts { config: "\"a.conf\"".into(), tables, ..Facts::default() }
    }

    /// The lines that do not say that all is well.
    fn said(facts: &Facts) -> Vec<String> {
        let findings = configuration(facts);
        let bad = findings.iter().filter(|finding| finding.severity != Severity::Ok);
        bad.map(|finding| finding.to_string().trim_end().to_owned()).collect()
    }

    fn by_files() -> Way {
        Way {
            source: "\"/proc/net/dev\"".into(),
            because: "source = \"procfs\" says so".into(),
            lost: Some("by files there is no altname".into()),
            is_fallback: false,
            namespace: "our own".into(),
            files: Vec::new(),
            tells_kinds: false,
        }
    }

    #[test]
    fn what_was_understood_is_told_with_its_place_and_defaults_are_marked() {
        let findings = configuration(&facts(vec![table("rates = true\ninterfaces = ['eth*']")]));
        let understood = findings[0].to_string();
        assert!(
            understood
                .starts_with("ok    \"a.conf\": 1 table, no mistakes\n      table 1 (line 1):\n")
        );
        for line in [
            "        interfaces             line 3     [\"eth*\"]",
            "        rates                  line 2     true",
            "        counters               default    \"basic\"",
        ] {
            assert!(understood.lines().any(|one| one == line), "{line:?} is not in {understood}");
        }
        let options = OPTIONS.iter().filter(|one| one.systems.contains(&System::current()));
        assert_eq!(understood.lines().count(), 2 + options.count());
        let (text, is_failure) = text(&findings);
        assert!(
            text.ends_with("\nexit status 0: nothing was found that would be lost\n")
                && !is_failure,
            "{text}"
        );
    }

    #[test]
    fn what_would_not_be_reported_fails_and_what_may_not_be_meant_warns() {
        let mut all = facts(vec![table("")]);
        all.degraded = [(Level::Error, "a"), (Level::Warn, "b"), (Level::Info, "c\nd")]
            .map(|(level, text)| (level, text.to_owned()))
            .into();
        all.doubles = vec!["tables 1 and 2 both".into()];
        all.unmatched = vec![UnmatchedEntry {
            table: 0,
            list: List::Interfaces,
            text: "eht0".into(),
            line: 2,
            what: "interface",
            hint: "; did you mean \"eth0\"?".into(),
        }];
        all.more_unmatched = 3;
        let expected = [
            "WARN  \"a.conf\" line 2: interfaces \"eht0\" matches no interface here; did you mean \"eth0\"?",
            "WARN  3 more entries match nothing here",
            "WARN  tables 1 and 2 both",
            "FAIL  a",
            "WARN  b",
            r"WARN  c\nd",
        ];
        assert_eq!(said(&all), expected);
        let (text, is_failure) = text(&configuration(&all));
        assert!(
            is_failure && text.contains("\nexit status 1: something would not be reported"),
            "{text}"
        );
        let mut none = facts(vec![table("")]);
        none.tables[0].interfaces = vec![InterfaceFacts {
            because: "down; include_down = false".into(),
            ..InterfaceFacts::default()
        }];
        none.nothing = Some("the only interface is left out (1 down)".into());
        let expected = [
            "WARN  table 1: reports 0 of 1 interface, and 0 protocol statistics\n      \
             1 not reported: down; include_down = false",
            "FAIL  \"a.conf\": nothing to report: the only interface is left out (1 down)",
        ];
        assert_eq!(said(&none), expected);
    }

    #[test]
    fn options_that_do_nothing_are_told_with_their_lines() {
        let mut tags = table("interface_tags = ['altname', 'namespace', 'alias']");
        tags.absent_tags = vec!["altname", "namespace", "alias"];
        let mut counters = table("counters = 'all'");
        counters.absent = vec![("missed_in", None), ("nohandler_in", Some("4.6"))];
        for (table, expected) in [
            (
                table("protocols = ['tcp']\nignore_protocol_stats = true"),
                &[
                    "line 2: protocols does nothing beside ignore_protocol_stats = true: leave one of them out",
                ][..],
            ),
            (
                table("source = 'netlink'\nhost_sys = '/s'"),
                &["line 3: host_sys does nothing beside source = \"netlink\": leave it out"],
            ),
            (
                table("namespace_limit = 5"),
                &[
                    "line 2: namespace_limit does nothing where no other network namespaces are reported: add \
                   namespace_include, or leave it out",
                ],
            ),
            (
                TableFacts { way: Some(by_files()), ..table("speed_refresh = '10s'") },
                &[
                    "line 2: speed_refresh does nothing by files, which tell speeds at every gather: leave it out",
                ],
            ),
            (table("speed_refresh = '10s'"), &[]),
            (
                tags,
                &[
                    "line 2: interface_tags \"altname\": no line has that tag now",
                    "line 2: interface_tags \"namespace\": no line has that tag: our own network namespace has no \
                     name",
                    "line 2: interface_tags \"alias\": no line has that tag now",
                ],
            ),
            (
                counters,
                &[
                    "line 2: no line has the fields missed_in, nohandler_in (Linux 4.6): this kernel does not tell \
                   them",
                ],
            ),
        ] {
            let expected: Vec<_> =
                expected.iter().map(|end| format!("WARN  \"a.conf\" {end}")).collect();
            assert_eq!(said(&facts(vec![table])), expected);
        }
    }

    #[test]
    fn what_files_do_not_tell_is_a_warning_where_it_was_asked_for() {
        let of = |way: Way, options: &str| {
            said(&facts(vec![TableFacts { way: Some(way), ..table(options) }]))
        };
        assert_eq!(of(by_files(), "source = 'procfs'"), [""; 0]);
        let warning = ["WARN  table 1: by files there is no altname"];
        assert_eq!(of(by_files(), "kind_exclude = ['veth']"), warning);
        assert_eq!(of(Way { is_fallback: true, ..by_files() }, ""), warning);
    }

    #[test]
    fn namespaces_that_cannot_be_reported_fail_with_the_reasons() {
        let row = |name: &str, is_reported, is_lost, because: &str| NamespaceRow {
            table: 0,
            name: name.into(),
            is_reported,
            is_lost,
            because: because.into(),
        };
        let mut all = facts(vec![table("rates = true\nnamespace_include = ['*']")]);
        all.namespaces = vec![
            row("", true, false, ""),
            row("a", true, false, ""),
            row("b", false, true, "no files"),
            row("c", false, true, "no files"),
            row("d", false, true, "forbidden"),
            row("e", false, false, "not selected"),
        ];
        let no_files =
            NamespaceFacts { name: "b".into(), container: None, fates: vec![(0, Fate::NoFiles)] };
        all.others =
            Others { files_wanted: Some(600), namespaces: vec![no_files], ..Others::default() };
        all.process.file_limit = Some([256, 512]);
        let expected = [
            "FAIL  \"a.conf\" line 3: table 1 selects 4 other network namespaces, of which 3 are not reported, such \
             as \"b\"\n      2: no files\n      1: forbidden",
            "FAIL  open files: other network namespaces take about 600, and the limit is 512: raise it \
             (LimitNOFILE)",
        ];
        assert_eq!(said(&all), expected);
        // Where all have theirs, a limit that is near is none of it.
        all.others.namespaces.clear();
        assert_eq!(said(&all), expected[..1]);
    }

    #[test]
    fn a_capability_that_is_missing_is_told_with_what_keeps_it_away() {
        let with = |is_held, is_allowed, no_new_privs, is_confined, options: &str| {
            let mut all = facts(vec![table(options)]);
            let capability = |name: &str| CapabilityFacts {
                name: name.into(),
                purpose: "a purpose",
                is_held,
                is_allowed,
            };
            let capabilities =
                ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"].map(capability).into();
            all.process = ProcessFacts { capabilities, no_new_privs, is_confined, ..all.process };
            said(&all)
        };
        let others = "namespace_include = ['*']";
        assert_eq!(with(false, true, false, false, ""), [""; 0]);
        assert_eq!(with(true, true, true, false, others), [""; 0]);
        let missing = "WARN  CAP_SYS_ADMIN is missing, which a purpose takes: ";
        for (is_allowed, no_new_privs, way_out) in [
            (
                true,
                false,
                "give Telegraf's service ambient ones (AmbientCapabilities=), as docs/NAMESPACES.md says",
            ),
            (true, true, "NoNewPrivs is set, so that setcap on this file has no effect: give"),
            (
                false,
                true,
                "the bounding set lacks it, as by CapabilityBoundingSet= or without cap-add: allow",
            ),
        ] {
            let said = with(false, is_allowed, no_new_privs, false, others);
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].starts_with(&format!("{missing}{way_out}")), "{said:?}");
        }
        let processes = format!("{others}\nnamespace_discovery = 'processes'");
        assert_eq!(with(false, true, false, false, &processes).len(), 2);
        let confined = with(true, true, false, true, others);
        let expected = "WARN  CAP_SYS_ADMIN, for a purpose, counts in this user namespace alone";
        assert!(confined.len() == 1 && confined[0].starts_with(expected), "{confined:?}");
    }
}
