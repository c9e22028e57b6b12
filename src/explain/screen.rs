//! What is known -> the text of `--explain`.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::cost::{Cost, Costs, OptionCost};
use super::counted;
use super::facts::{EntryFacts, Facts, InterfaceFacts, TableFacts};
use crate::config::{List, Origin};
use crate::gather::UnmatchedEntry;
use crate::log::Level;
use crate::quoted::{Quoted, QuotedPath};
use crate::system::facts::{ProcessFacts, Purpose, ReadFile};
use crate::view::grid::{Cell, Column, Layout};
use crate::view::style::Look;
use crate::view::text::{self, Charset, printable};

/// More rows than so many are folded, where they are alike.
const MAX_ROWS: usize = 40;

/// So many of those that are alike have a row of their own then.
const SHOWN_ALIKE: usize = 3;

/// So many tables are told of.
const MAX_TABLES: usize = 20;

/// So many names are told of, where one is not there.
const MAX_NAMES: usize = 10;

/// The longest name that may be another one with a slip.
const MAX_LIKE_A_NAME: usize = 64;

/// All that there is to say, in these characters.
#[must_use]
pub fn explain(facts: &Facts, costs: &Costs, charset: Charset) -> String {
    let mut text = String::new();
    let config = safe(&facts.config, charset);
    let tables = counted(facts.tables.len(), "table");
    let _ = writeln!(text, "{config}: {tables}{}", process(&facts.process, charset));
    for (number, table) in facts.tables.iter().enumerate().take(MAX_TABLES) {
        explain_table(facts, number, table, charset, &mut text);
    }
    if let Some(more) = facts.tables.len().checked_sub(MAX_TABLES).filter(|more| *more > 0) {
        let _ = writeln!(text, "\n... {more} more tables");
    }
    explain_namespaces(facts, charset, &mut text);
    explain_degraded(facts, charset, &mut text);
    explain_costs(costs, charset, &mut text);
    text
}

/// What there is to say of the interface of that name, in these characters.
///
/// # Errors
///
/// That there is none, and what there is that is like it, in one line.
pub fn explain_one(facts: &Facts, name: &[u8], charset: Charset) -> Result<String, String> {
    let mut text = String::new();
    for (number, table) in facts.tables.iter().enumerate() {
        for one in table.interfaces.iter().filter(|one| one.name == name) {
            let namespace = match one.namespace.as_slice() {
                b"" => String::new(),
                namespace => format!(" of network namespace {}", quoted(namespace, charset)),
            };
            let reported = if one.is_reported { "reported" } else { "not reported" };
            let because = safe(&one.because, charset);
            let _ = writeln!(
                text,
                "{}{namespace}: {reported} by table {} (line {}): {because}",
                quoted(name, charset),
                number + 1,
                table.line
            );
            if let Some(line) = &one.line {
                let line = safe(line, charset);
                let _ = writeln!(text, "  its line has {}: {line}", counted(one.fields, "field"));
            }
            if one.namespace.is_empty()
                && let Some(way) = &table.way
            {
                let (source, because) = (safe(&way.source, charset), safe(&way.because, charset));
                let _ = writeln!(text, "  read by {source}: {because}");
            }
        }
    }
    if !text.is_empty() {
        return Ok(text);
    }
    let altname = facts.altnames.iter().find(|[altname, _]| altname == name);
    if let Some([_, interface]) = altname {
        let (name, interface) = (quoted(name, charset), quoted(interface, charset));
        return Err(format!("{name} is an alternative name of {interface}: ask for that"));
    }
    let mut names: Vec<&[u8]> = Vec::new();
    for one in facts.tables.iter().flat_map(|table| &table.interfaces) {
        if !names.contains(&&*one.name) {
            names.push(&one.name);
        }
    }
    let hint = match nearest(name, &names) {
        Some(name) => format!("; did you mean {}?", quoted(name, charset)),
        None => String::new(),
    };
    let shown = names.iter().take(MAX_NAMES).map(|name| quoted(name, charset));
    let mut shown = shown.collect::<Vec<_>>().join(", ");
    if let Some(more) = names.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
        let _ = write!(shown, ", ... {more} more");
    }
    let shown = if shown.is_empty() { "none".to_owned() } else { shown };
    Err(format!(
        "no interface is called {} in the network namespaces that were read{hint} (there: {shown})",
        quoted(name, charset)
    ))
}

/// The one among these names that may have been meant.
fn nearest<'a>(name: &[u8], names: &[&'a [u8]]) -> Option<&'a [u8]> {
    let name = str::from_utf8(name).ok().filter(|name| name.len() <= MAX_LIKE_A_NAME)?;
    let likeness = |other: &[u8]| {
        let other = str::from_utf8(other).ok().filter(|other| other.len() <= MAX_LIKE_A_NAME)?;
        Some(strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase()))
    };
    let known = names.iter().filter_map(|other| Some((likeness(other)?, *other)));
    let nearest = known.max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.filter(|(likeness, _)| *likeness > 0.8).map(|(_, name)| name)
}

/// What this process is, behind the configuration's name.
fn process(process: &ProcessFacts, charset: Charset) -> String {
    let mut text = String::new();
    if let Some(kernel) = &process.kernel {
        let _ = write!(text, "; Linux {}", safe(kernel, charset));
    }
    if let Some(user) = process.user {
        let _ = write!(text, "; as user {user}");
    }
    text
}

fn explain_table(
    facts: &Facts,
    number: usize,
    table: &TableFacts,
    charset: Charset,
    text: &mut String,
) {
    let fields: usize = table.interfaces.iter().map(|one| one.fields).sum();
    let _ = writeln!(
        text,
        "\nTABLE {} (line {}): reports {} of {} with {}, and {}",
        number + 1,
        table.line,
        table.reported(),
        counted(table.interfaces.len(), "interface"),
        counted(fields, "field"),
        counted(table.statistics, "protocol statistic")
    );
    let mut rows = Rows::default();
    if let Some(way) = &table.way {
        rows.push("source", format!("{}: {}", way.source, way.because));
        if !way.namespace.is_empty() {
            rows.push("namespace", way.namespace.clone());
        }
        for file in &way.files {
            rows.push("files", show_file(file));
        }
    }
    for given in &table.given {
        let place = match given.origin {
            Origin::Line(line) => format!("line {line}"),
            Origin::Environment(variable) => variable.to_owned(),
        };
        rows.push("options", format!("{} = {} ({place})", given.key, given.value));
    }
    for entry in &table.entries {
        rows.push("entries", show_entry(facts, number, table, entry));
    }
    if table.more_entries > 0 {
        rows.push("entries", format!("... {} more", table.more_entries));
    }
    let is_by_files = table.way.as_ref().is_some_and(|way| !way.tells_kinds);
    for (name, since) in table.absent.iter().filter(|_| !is_by_files) {
        let why = match since {
            Some(version) => format!("Linux {version} and newer tell it"),
            None => "nothing tells it here".to_owned(),
        };
        rows.push("absent", format!("{name}: {why}"));
    }
    if is_by_files && !table.absent.is_empty() {
        let names = table.absent.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        rows.push("absent", format!("{names}: netlink alone tells them"));
    }
    rows.write(charset, text);
    if table.interfaces.is_empty() {
        return;
    }
    let has_namespaces = table.interfaces.iter().any(|one| !one.namespace.is_empty());
    let place = has_namespaces.then_some("NAMESPACE");
    text.push('\n');
    write_folded(place, "INTERFACE", &table.interfaces, charset, text);
}

/// A table of those, under these titles, the first of which is of their namespaces.
fn write_folded(
    place: Option<&'static str>,
    name: &'static str,
    all: &[InterfaceFacts],
    charset: Charset,
    text: &mut String,
) {
    let columns: Vec<_> =
        place.into_iter().chain([name, "REPORTED", "BECAUSE"]).map(Column::words).collect();
    let folded = folded(all);
    let cells = |one: &InterfaceFacts| -> Vec<Cell> {
        let place = place.map(|_| text::name(&one.namespace, charset));
        let reported = if one.is_reported { "yes" } else { "no" };
        let others = [reported.to_owned(), safe(&one.because, charset)];
        let name = text::name(&one.name, charset);
        place.into_iter().chain([name]).chain(others).map(Cell::plain).collect()
    };
    let rows: Vec<_> = folded
        .iter()
        .filter_map(|row| match row {
            Row::One(one) => Some(cells(one)),
            Row::More(..) => None,
        })
        .collect();
    let look = Look { width: None, has_colours: false, charset };
    let layout = Layout::of(&columns, &rows, look.width);
    let _ = writeln!(text, "  {}", layout.titles(&columns, look));
    let before_name = match place {
        Some(_) => layout.width_of(0).unwrap_or_default() + "  ".len(),
        None => 0,
    };
    let mut rows = rows.iter();
    for row in &folded {
        let line = match row {
            Row::One(_) => {
                rows.next().map(|row| layout.line(&columns, row, look)).unwrap_or_default()
            }
            Row::More(count, one) => {
                let name = text::name(&one.name, charset);
                format!("{:before_name$}... {count} more like {name}", "")
            }
        };
        let _ = writeln!(text, "  {}", line.trim_end());
    }
}

fn show_file(file: &ReadFile) -> String {
    let path = QuotedPath(&file.path);
    match file.purpose {
        Purpose::Counters => format!("{path} for counters"),
        Purpose::Interfaces => format!("{path} for flags, speeds and the like"),
        Purpose::Protocols(groups) => format!("{path} for protocols {groups}"),
        Purpose::InterfaceProtocols => format!("{path} for interface_protocols"),
    }
}

fn show_entry(facts: &Facts, number: usize, table: &TableFacts, entry: &EntryFacts) -> String {
    let EntryFacts { list, text, line, matches, unsure } = entry;
    let unmatched = facts.unmatched.iter().find(|one| {
        let UnmatchedEntry { table, list: of, line: at, text: is, .. } = one;
        (*table, of, at, is) == (number, list, line, text)
    });
    let is_of_kinds = matches!(list, List::KindInclude | List::KindExclude);
    let thing = match list {
        List::Protocols => "statistic",
        List::NamespaceInclude | List::NamespaceExclude => "network namespace",
        _ => "interface",
    };
    let mut shown = format!("{} {} (line {line}) ", list.name(), Quoted(text.as_bytes()));
    match unmatched {
        Some(UnmatchedEntry { hint, .. }) => {
            let _ = write!(shown, "MATCHES NOTHING here{hint}");
        }
        None => {
            let _ = write!(shown, "matches {}", counted(*matches, thing));
        }
    }
    if *unsure > 0 {
        let _ = write!(shown, " for certain: of {} the kind is not told", counted(*unsure, thing));
    }
    if is_of_kinds && *matches == 0 {
        let kinds = table.kinds.iter().map(|(kind, count)| {
            let kind = if kind.is_empty() { "not told" } else { kind };
            format!("{kind} {count}")
        });
        let _ = write!(shown, " (kinds here: {})", kinds.collect::<Vec<_>>().join(", "));
    }
    shown
}

fn explain_namespaces(facts: &Facts, charset: Charset, text: &mut String) {
    let names = || facts.others.namespaces.iter().map(|one| one.name.as_slice());
    if facts.namespaces.is_empty() {
        let count = names().count();
        if count > 0 {
            let names = names().take(MAX_NAMES).map(|name| quoted(name, charset));
            let names = names.collect::<Vec<_>>().join(", ");
            let more = if count > MAX_NAMES { ", ..." } else { "" };
            let _ = writeln!(
                text,
                "\nOTHER NETWORK NAMESPACES: {count} with a name, none reported: no table has \
                 namespace_include or namespace_exclude ({names}{more})"
            );
        }
        return;
    }
    text.push_str("\nNETWORK NAMESPACES\n");
    let rows: Vec<_> = facts
        .namespaces
        .iter()
        .map(|row| {
            let name = if row.name.is_empty() { b"(our own)".to_vec() } else { row.name.clone() };
            InterfaceFacts {
                namespace: (row.table + 1).to_string().into_bytes(),
                name,
                is_reported: row.is_reported,
                because: row.because.clone(),
                ..InterfaceFacts::default()
            }
        })
        .collect();
    write_folded(Some("TABLE"), "NAMESPACE", &rows, charset, text);
    if let Some(unread) = &facts.others.unread {
        let _ = writeln!(text, "  {}", safe(unread, charset));
    }
}

/// What is wrong, each with the way out, as lines without their ends.
#[must_use]
pub fn degraded(facts: &Facts) -> Vec<(Level, String)> {
    let mut lines = facts.degraded.clone();
    for (number, table) in facts.tables.iter().enumerate().take(MAX_TABLES) {
        if table.without_speed > 0 {
            let line = format!(
                "table {}: no speed of {}: a driver has not answered yet, or it cannot be read",
                number + 1,
                counted(table.without_speed, "interface")
            );
            lines.push((Level::Info, line));
        }
    }
    lines
}

fn explain_degraded(facts: &Facts, charset: Charset, text: &mut String) {
    let mut lines = degraded(facts);
    let ways = facts.tables.iter().enumerate().filter_map(|(number, table)| {
        let lost = table.way.as_ref()?.lost.as_ref()?;
        Some((Level::Info, format!("table {}: {}", number + 1, lost)))
    });
    lines.extend(ways.take(MAX_TABLES));
    let warnings = facts.warnings.iter().map(|warning| (Level::Warn, warning.to_string()));
    lines.extend(warnings.chain(facts.doubles.iter().map(|double| (Level::Warn, double.clone()))));
    if lines.is_empty() {
        text.push_str("\nDEGRADED: nothing\n");
        return;
    }
    text.push_str("\nDEGRADED\n");
    for (level, line) in lines {
        let level = match level {
            Level::Error => "E!",
            Level::Warn => "W!",
            Level::Info | Level::Debug => "I!",
        };
        let _ = writeln!(text, "  {level} {}", safe(&line, charset));
    }
}

fn explain_costs(costs: &Costs, charset: Charset, text: &mut String) {
    let Costs { whole: Cost { us, lines, fields }, options, is_complete } = costs;
    let _ = writeln!(
        text,
        "\nCOSTS, about, of processors' time, on this host at this moment: a gather takes {} for {} in {}",
        show_time(*us),
        counted(*fields, "field"),
        counted(*lines, "line")
    );
    for OptionCost { option, is_set, us: more_us, fields: more } in options {
        let is_set = if *is_set { "set" } else { "not" };
        // Less than that is noise.
        let time = if more_us.abs() < (us * 0.05).max(5.0) {
            "about 0".to_owned()
        } else {
            let sign = if *more_us < 0.0 { "-" } else { "+" };
            format!("{sign}{}", show_time(more_us.abs()))
        };
        let _ =
            writeln!(text, "  {is_set:3}  {time:>9}  {more:+6} fields  {}", safe(option, charset));
    }
    if !is_complete {
        text.push_str("  the others were not measured: it would take too long here\n");
    }
}

/// A time with two digits that count.
fn show_time(us: f64) -> String {
    let mut unit = 1.0;
    while us / unit >= 99.5 {
        unit *= 10.0;
    }
    format!("{:.0} us", (us / unit).round() * unit)
}

/// What a message holds of the outside is quoted there; this is for what is not.
fn safe(text: &str, charset: Charset) -> String {
    printable(text.as_bytes(), charset)
}

/// The name of something, as tables show it, in quotes.
fn quoted(name: &[u8], charset: Charset) -> String {
    format!("\"{}\"", text::name(name, charset).replace('"', "\\\""))
}

/// A row of a table that may be folded.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Row<'a> {
    One(&'a InterfaceFacts),
    /// So many more that are alike, and one of them.
    More(usize, &'a InterfaceFacts),
}

/// The rows, where there are many with those that are alike in one, behind the first of them.
fn folded(all: &[InterfaceFacts]) -> Vec<Row<'_>> {
    if all.len() <= MAX_ROWS {
        return all.iter().map(Row::One).collect();
    }
    let mut alike: HashMap<_, Vec<usize>> = HashMap::new();
    let key =
        |one: &'_ InterfaceFacts| (one.is_reported, one.because.clone(), stem(&one.name).to_vec());
    for (place, one) in all.iter().enumerate() {
        alike.entry(key(one)).or_default().push(place);
    }
    let mut rows = Vec::new();
    for (place, one) in all.iter().enumerate() {
        let Some(places) = alike.get(&key(one)) else { continue };
        let rank = places.binary_search(&place).unwrap_or_default();
        let rest = places.len().saturating_sub(SHOWN_ALIKE);
        if rank < SHOWN_ALIKE || rest <= 1 {
            rows.push(Row::One(one));
        } else if rank == SHOWN_ALIKE {
            rows.push(Row::More(rest, one));
        }
    }
    rows
}

/// A name less the number that it ends in, decimal or hexadecimal: `veth` of `veth9e3779b1`.
fn stem(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| !byte.is_ascii_hexdigit());
    name.get(..end.map_or(0, |end| end + 1)).unwrap_or_default()
}

/// Rows of what is said of a table, each with a title, which stands once.
#[derive(Debug, Default)]
struct Rows(Vec<(&'static str, String)>);

impl Rows {
    fn push(&mut self, title: &'static str, row: String) {
        self.0.push((title, row));
    }

    fn write(&self, charset: Charset, text: &mut String) {
        let mut before = "";
        for (title, row) in &self.0 {
            let shown = if *title == before { "" } else { title };
            let _ = writeln!(text, "  {shown:9}  {}", safe(row, charset));
            before = title;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::Given;
    use crate::explain::facts::NamespaceRow;
    use crate::model::protocol::Group;
    use crate::system::facts::{NamespaceFacts, Others, Way};

    fn interface(name: &str, is_reported: bool, because: &str) -> InterfaceFacts {
        InterfaceFacts {
            name: name.as_bytes().to_vec(),
            is_reported,
            because: because.into(),
            fields: if is_reported { 9 } else { 0 },
            ..InterfaceFacts::default()
        }
    }

    fn table(interfaces: Vec<InterfaceFacts>) -> TableFacts {
        TableFacts { line: 1, interfaces, ..TableFacts::default() }
    }

    fn facts(tables: Vec<TableFacts>) -> Facts {
        Facts { config: "\"a.conf\"".into(), tables, ..Facts::default() }
    }

    #[test]
    fn all_that_is_known_is_told_with_its_places() {
        let way = Way {
            source: "\"/proc/net/dev\"".into(),
            because: "source = \"procfs\" (line 3) says so".into(),
            lost: Some("by files there is no altname: leave it out".into()),
            is_fallback: false,
            namespace: "our own".into(),
            files: vec![
                ReadFile { path: "/proc/net/dev".into(), purpose: Purpose::Counters },
                ReadFile {
                    path: PathBuf::from("/proc/net/snmp"),
                    purpose: Purpose::Protocols([Group::Tcp].into_iter().collect()),
                },
            ],
            tells_kinds: false,
        };
        let given = |key, value: &str, origin| Given { key, value: value.into(), origin };
        let entry = |text: &str, matches, unsure| EntryFacts {
            list: List::KindExclude,
            text: text.into(),
            line: 2,
            matches,
            unsure,
        };
        let unmatched = UnmatchedEntry {
            table: 0,
            list: List::KindExclude,
            text: "vet".into(),
            line: 2,
            what: "interface's kind",
            hint: "; did you mean \"veth\"?".into(),
        };
        let table = TableFacts {
            given: vec![
                given("kind_exclude", "[\"vet\", \"veth\"]", Origin::Line(2)),
                given("host_sys", "\"/s\"", Origin::Environment("HOST_SYS")),
            ],
            entries: vec![entry("vet", 0, 0), entry("veth", 0, 1)],
            way: Some(way),
            kinds: [("loopback".to_owned(), 1), (String::new(), 1)].into(),
            statistics: 1,
            absent: vec![("missed_in", None)],
            ..table(vec![
                interface("lo", false, "loopback; include_loopback = false"),
                interface("a\n\u{1b}b", true, "up"),
            ])
        };
        let facts = Facts {
            unmatched: vec![unmatched],
            degraded: vec![(Level::Warn, "something is missing: needs it".into())],
            ..facts(vec![table])
        };
        let costs = Costs {
            whole: Cost { us: 1234.0, lines: 2, fields: 10 },
            options: vec![
                OptionCost { option: "rates = true".into(), is_set: false, us: 345.6, fields: 8 },
                OptionCost { option: "counters".into(), is_set: true, us: -3.0, fields: -8 },
            ],
            is_complete: false,
        };
        let expected = r#""a.conf": 1 table

TABLE 1 (line 1): reports 1 of 2 interfaces with 9 fields, and 1 protocol statistic
  source     "/proc/net/dev": source = "procfs" (line 3) says so
  namespace  our own
  files      "/proc/net/dev" for counters
             "/proc/net/snmp" for protocols "tcp"
  options    kind_exclude = ["vet", "veth"] (line 2)
             host_sys = "/s" (HOST_SYS)
  entries    kind_exclude "vet" (line 2) MATCHES NOTHING here; did you mean "veth"? (kinds here: not told 1, loopback 1)
             kind_exclude "veth" (line 2) matches 0 interfaces for certain: of 1 interface the kind is not told (kinds here: not told 1, loopback 1)
  absent     missed_in: netlink alone tells them

  INTERFACE   REPORTED  BECAUSE
  lo          no        loopback; include_loopback = false
  a\n\u{1b}b  yes       up

DEGRADED
  W! something is missing: needs it
  I! table 1: by files there is no altname: leave it out

COSTS, about, of processors' time, on this host at this moment: a gather takes 1200 us for 10 fields in 2 lines
  not    +350 us      +8 fields  rates = true
  set    about 0      -8 fields  counters
  the others were not measured: it would take too long here
"#;
        assert_eq!(explain(&facts, &costs, Charset::Unicode), expected);
    }

    #[test]
    fn many_that_are_alike_are_folded_and_the_others_stay() {
        let kept = "up; its kind is not told";
        let mut interfaces =
            vec![interface("lo", false, "loopback"), interface("eno1", true, kept)];
        for number in 0..150 {
            interfaces.push(interface(&format!("veth{:08x}", number * 12_345), true, kept));
        }
        interfaces.push(interface("wg0", true, kept));
        let text = explain(&facts(vec![table(interfaces)]), &Costs::default(), Charset::Unicode);
        let rows: Vec<_> =
            text.lines().skip_while(|line| !line.contains("BECAUSE")).skip(1).collect();
        let names: Vec<_> = rows.iter().take_while(|row| !row.is_empty()).collect();
        assert_eq!(names.len(), 7, "{text}");
        assert!(names[1].starts_with("  eno1 ") && names[6].starts_with("  wg0 "), "{text}");
        assert_eq!(names[5].trim(), "... 147 more like veth000090ab");
        // Few are not.
        let few = (0..40).map(|number| interface(&format!("veth{number}"), true, "up")).collect();
        assert!(
            !explain(&facts(vec![table(few)]), &Costs::default(), Charset::Unicode)
                .contains("more like")
        );
    }

    #[test]
    fn namespaces_are_told_of_by_each_table_and_where_none_is_reported_by_their_names() {
        let row = |name: &str, is_reported, because: &str| NamespaceRow {
            table: 0,
            name: name.into(),
            is_reported,
            is_lost: !is_reported,
            because: because.into(),
        };
        let mut blue = interface("eth0", true, "up");
        blue.namespace = b"blue".to_vec();
        let mut all = facts(vec![table(vec![interface("eth0", true, "up"), blue])]);
        all.namespaces =
            vec![row("", true, "namespace_include \"\" (line 2)"), row("red", false, "no")];
        let text = explain(&all, &Costs::default(), Charset::Unicode);
        let expected = "\n  NAMESPACE  INTERFACE  REPORTED  BECAUSE\n             eth0       yes       up\n  \
                        blue       eth0       yes       up\n";
        assert!(text.contains(expected), "{text}");
        let expected = "\nNETWORK NAMESPACES\n  TABLE  NAMESPACE  REPORTED  BECAUSE\n  \
                        1      (our own)  yes       namespace_include \"\" (line 2)\n  \
                        1      red        no        no\n";
        assert!(text.contains(expected), "{text}");
        let fates = Vec::new();
        let one = NamespaceFacts { name: b"blue".to_vec(), container: None, fates };
        all.namespaces.clear();
        all.others = Others { namespaces: vec![one], ..Others::default() };
        let text = explain(&all, &Costs::default(), Charset::Unicode);
        assert!(
            text.contains("\nOTHER NETWORK NAMESPACES: 1 with a name, none reported: "),
            "{text}"
        );
    }

    #[test]
    fn one_interface_is_told_of_by_each_table_and_one_that_is_not_there_with_what_is_like_it() {
        let mut eth0 = interface("eth0", true, "up");
        eth0.line = Some("net,interface=eth0 a=1i".into());
        let mut blue = interface("eth0", false, "down");
        blue.namespace = b"blue".to_vec();
        let mut all =
            facts(vec![table(vec![eth0, blue]), table(vec![interface("lo", false, "no")])]);
        all.altnames = vec![[b"wan".to_vec(), b"eth0".to_vec()]];
        let expected = "\"eth0\": reported by table 1 (line 1): up\n  its line has 9 fields: \
                        net,interface=eth0 a=1i\n\"eth0\" of network namespace \"blue\": not reported by \
                        table 1 (line 1): down\n";
        assert_eq!(explain_one(&all, b"eth0", Charset::Unicode), Ok(expected.into()));
        let there = "(there: \"eth0\", \"lo\")";
        for (name, expected) in [
            (&b"wan"[..], "\"wan\" is an alternative name of \"eth0\": ask for that".to_owned()),
            (
                b"eht0",
                format!(
                    "no interface is called \"eht0\" in the network namespaces that were read; did you \
                     mean \"eth0\"? {there}"
                ),
            ),
            (
                b"\xff\n",
                format!(
                    "no interface is called \"\\xff\\n\" in the network namespaces that were read \
                     {there}"
                ),
            ),
        ] {
            assert_eq!(explain_one(&all, name, Charset::Unicode), Err(expected));
        }
        let nothing = explain_one(&facts(Vec::new()), b"a", Charset::Unicode).unwrap_err();
        assert!(nothing.ends_with(" (there: none)"), "{nothing}");
    }

    #[test]
    fn times_have_two_digits_that_count() {
        let shown = [0.4, 9.6, 53.0, 99.6, 123.0, 1250.0, 98_765.0, 1_234_567.0].map(show_time);
        let expected =
            ["0 us", "10 us", "53 us", "100 us", "120 us", "1300 us", "99000 us", "1200000 us"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn names_are_shown_as_in_the_table_and_columns_are_straight() {
        let names = ["網路🦀".as_bytes(), b"a\xff\\", "שלו".as_bytes(), "a\u{2003}up".as_bytes()];
        let of_name = |name: &[u8]| InterfaceFacts {
            name: name.to_vec(),
            namespace: name.to_vec(),
            ..interface("", true, "up")
        };
        let mut all = facts(vec![table(names.map(of_name).to_vec())]);
        let row = |name: &[u8]| NamespaceRow {
            table: 0,
            name: name.to_vec(),
            is_reported: true,
            is_lost: false,
            because: "up".into(),
        };
        all.namespaces = names.map(row).to_vec();
        let cells_of_reported = |line: &str| {
            let (before, _) =
                line.rsplit_once("yes       up").or_else(|| line.split_once("REPORTED"))?;
            Some(text::width(before))
        };
        for charset in [Charset::Unicode, Charset::Ascii] {
            let text = explain(&all, &Costs::default(), charset);
            for name in names {
                let shown = text::name(name, charset);
                assert_eq!(text.matches(&format!(" {shown} ")).count(), 3, "{shown}: {text}");
            }
            let (interfaces, namespaces) = text.split_once("NETWORK NAMESPACES").unwrap();
            for table in [interfaces, namespaces] {
                let mut places: Vec<_> = table.lines().filter_map(cells_of_reported).collect();
                assert_eq!(places.len(), 5, "{text}");
                places.dedup();
                assert_eq!(places.len(), 1, "{text}");
            }
        }
        let told = explain_one(&all, b"a\xff\\", Charset::Unicode).unwrap();
        assert!(
            told.starts_with(r#""a\xff\\" of network namespace "a\xff\\": reported "#),
            "{told}"
        );
    }
}
