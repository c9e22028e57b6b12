//! The filters of a block `[[inputs.execd]]` -> what they leave of what the plugin writes.
//!
//! Telegraf first selects metrics by name and tags (`namepass`, `namedrop`, `tagpass`, `tagdrop`), then adds the tags of
//! the block, and takes fields and tags away (`models/running_input.go`, `models/filter.go`).

use super::check::Finding;
use super::facts::TableFacts;
use crate::quoted::Quoted;
use crate::select::patterns::{PatternError, PatternReason, Patterns};
use crate::telegraf_conf::{Block, BlockOption, Value};

/// The measurement of all that the plugin writes.
const MEASUREMENT: &[u8] = b"net";

/// Adds what filters take that is hardly meant to be taken; `place` tells where an option stands, and `tables` what is
/// reported.
pub(super) fn check(
    block: &Block,
    tables: &[TableFacts],
    place: &dyn Fn(&BlockOption) -> String,
    findings: &mut Vec<Finding>,
) {
    let filters = Filters { block };
    for option in &block.options {
        if let Some(error) = not_compiled(option) {
            findings.push(Finding::fail(format!(
                "{}: {}: {error}: Telegraf does not start",
                place(option),
                option.key
            )));
        }
    }
    let mut fail = |option: &BlockOption, what: &str| {
        findings.push(Finding::fail(format!("{}: {} {what}", place(option), option.key)));
    };
    if let Some(option) = filters.takes_measurement() {
        fail(option, "leaves nothing of the plugin's measurement \"net\": leave it out");
    }
    if let Some(option) = filters.takes_all_fields(tables) {
        fail(
            option,
            "leaves no field of what is reported here: name those to keep, such as \"bytes_*\"",
        );
    }
    let has_others = tables.iter().any(|table| table.has_others);
    for (tag, what) in [("interface", "interfaces"), ("namespace", "network namespaces")] {
        let option = filters.takes_tag(tag).filter(|_| tag == "interface" || has_others);
        if let Some(option) = option {
            let tag = Quoted(tag.as_bytes());
            fail(
                option,
                &format!(
                    "takes the tag {tag}, so that all {what} are one series, and all points but one are lost: \
                     keep that tag"
                ),
            );
        }
    }
    if let Some(option) = filters.takes_all_tagged(tables) {
        fail(
            option,
            "leaves nothing of what the plugin reports here, whose tags do not match: mend its values",
        );
    }
    if let Some(option) = block.get("metricpass") {
        findings.push(Finding::warn(format!(
            "{}: what metricpass leaves was not looked at: try it (telegraf --test)",
            place(option)
        )));
    }
}

/// Why Telegraf cannot compile the patterns of an option.
fn not_compiled(option: &BlockOption) -> Option<PatternError> {
    const KEYS: [&str; 10] = [
        "drop",
        "fielddrop",
        "fieldexclude",
        "fieldinclude",
        "fieldpass",
        "namedrop",
        "namepass",
        "pass",
        "tagexclude",
        "taginclude",
    ];
    let of_tags =
        option.value.entries().filter(|_| ["tagdrop", "tagpass"].contains(&option.key.as_str()));
    let of_tags = of_tags.unwrap_or_default().iter().map(|entry| &entry.value);
    let own = KEYS.contains(&option.key.as_str()).then_some(&option.value);
    let lists = own.into_iter().chain(of_tags);
    lists.filter_map(Value::texts).find_map(|texts| {
        let error = compiled(&texts)?.err()?;
        let is_limit_here = matches!(
            error.reason,
            PatternReason::TooDeep | PatternReason::TooMany | PatternReason::TooLong
        );
        (!is_limit_here).then_some(error)
    })
}

/// What Telegraf makes of a list of patterns; `None` where one has a variable that was not replaced.
fn compiled(texts: &[&str]) -> Option<Result<Patterns, PatternError>> {
    let is_known = !texts.iter().any(|text| text.contains('$'));
    is_known.then(|| Patterns::of_telegraf(texts))
}

struct Filters<'b> {
    block: &'b Block,
}

impl<'b> Filters<'b> {
    /// The first of these options that names something, and the patterns of all of them; none where one of them is no
    /// pattern here.
    fn patterns(&self, keys: &[&str]) -> Option<(&'b BlockOption, Patterns)> {
        let options: Vec<_> = keys.iter().filter_map(|key| self.block.get(key)).collect();
        let items = options.iter().filter_map(|option| option.value.items()).flatten();
        let texts: Vec<_> = items.filter_map(|item| item.value.text()).collect();
        if texts.is_empty() {
            return None;
        }
        Some((options.first()?, compiled(&texts)?.ok()?))
    }

    /// The option that leaves nothing of the measurement.
    fn takes_measurement(&self) -> Option<&'b BlockOption> {
        let pass = self.patterns(&["namepass"]);
        let pass = pass.filter(|(_, patterns)| !patterns.matches(MEASUREMENT));
        let drop = self.patterns(&["namedrop"]);
        let drop = drop.filter(|(_, patterns)| patterns.matches(MEASUREMENT));
        pass.or(drop).map(|(option, _)| option)
    }

    /// The option that leaves no field of what the tables report.
    fn takes_all_fields(&self, tables: &[TableFacts]) -> Option<&'b BlockOption> {
        let include = self.patterns(&["fieldinclude", "fieldpass", "pass"]);
        let exclude = self.patterns(&["fieldexclude", "fielddrop", "drop"]);
        let matches = |filter: &Option<(_, Patterns)>, name: &str, default| {
            filter.as_ref().map_or(default, |(_, patterns)| patterns.matches(name.as_bytes()))
        };
        let option = include.as_ref().or(exclude.as_ref()).map(|(option, _)| *option)?;
        let mut fields = tables.iter().flat_map(|table| &table.fields).peekable();
        // Nothing is known of them.
        fields.peek()?;
        let is_left =
            |name: &String| matches(&include, name, true) && !matches(&exclude, name, false);
        (!fields.any(is_left)).then_some(option)
    }

    /// The option that takes that tag away.
    fn takes_tag(&self, tag: &str) -> Option<&'b BlockOption> {
        let include = self.patterns(&["taginclude"]);
        let include = include.filter(|(_, patterns)| !patterns.matches(tag.as_bytes()));
        let exclude = self.patterns(&["tagexclude"]);
        let exclude = exclude.filter(|(_, patterns)| patterns.matches(tag.as_bytes()));
        include.or(exclude).map(|(option, _)| option)
    }

    /// The option that leaves nothing by values of tags. A metric passes by one tag that matches, and is dropped by one.
    fn takes_all_tagged(&self, tables: &[TableFacts]) -> Option<&'b BlockOption> {
        let filters = |key: &str| {
            let option = self.block.get(key)?;
            let filters =
                option.value.entries()?.iter().map(|entry| {
                    Some((entry.key.as_str(), compiled(&entry.value.texts()?)?.ok()?))
                });
            let filters = filters.collect::<Option<Vec<_>>>()?;
            (!filters.is_empty()).then_some((option, filters))
        };
        let (pass, drop) = (filters("tagpass"), filters("tagdrop"));
        let option = pass.as_ref().or(drop.as_ref()).map(|(option, _)| *option)?;
        let mut lines = tables.iter().flat_map(Line::all).peekable();
        // Nothing is known of them.
        lines.peek()?;
        let is_left = |line: &Line<'_>| {
            let may_pass = pass.as_ref().is_none_or(|(_, filters)| {
                filters.iter().any(|filter| line.matches(filter) != Some(false))
            });
            let is_dropped = drop.as_ref().is_some_and(|(_, filters)| {
                filters.iter().any(|filter| line.matches(filter) == Some(true))
            });
            may_pass && !is_dropped
        };
        (!lines.any(|line| is_left(&line))).then_some(option)
    }
}

/// A line that a table reports, by its tags.
struct Line<'f> {
    table: &'f TableFacts,
    interface: &'f [u8],
    /// The name of its network namespace; empty for our own; `None` where it is not known.
    namespace: Option<&'f [u8]>,
}

impl<'f> Line<'f> {
    /// Those of a table.
    fn all(table: &'f TableFacts) -> impl Iterator<Item = Self> {
        let interfaces = table.interfaces.iter().filter(|one| one.is_reported);
        let of_interfaces = interfaces.map(move |one| Self {
            table,
            interface: &one.name,
            namespace: Some(&one.namespace),
        });
        let all = Self { table, interface: b"all", namespace: None };
        of_interfaces.chain((table.statistics > 0).then_some(all))
    }

    /// Whether a filter matches; `None` where that cannot be told.
    fn matches(&self, (tag, patterns): &(&str, Patterns)) -> Option<bool> {
        match *tag {
            "interface" => Some(patterns.matches(self.interface)),
            tag if !self.table.tags.contains(tag) => Some(false),
            "namespace" => self.namespace.map(|name| !name.is_empty() && patterns.matches(name)),
            // The line of statistics has none of an interface's.
            tag if self.namespace.is_none() && tag != "container" => Some(false),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::facts::InterfaceFacts;
    use crate::telegraf_conf::{self, Variables};

    /// What is said of a block where `eth0`, `lo` and the line `interface=all` are reported.
    fn said(options: &str, has_others: bool) -> Vec<String> {
        let text = format!("[[inputs.execd]]\n{options}\n");
        let document = telegraf_conf::read(text.as_bytes(), Variables::Replaced(&|_| None));
        let interface = |name: &str| InterfaceFacts {
            name: name.into(),
            is_reported: name != "down0",
            ..InterfaceFacts::default()
        };
        let interfaces = ["eth0", "lo", "down0"].map(interface).into();
        let fields =
            ["bytes_recv", "bytes_sent", "err_in", "packets_recv", "speed", "tcp_retranssegs"];
        let fields = fields.map(ToOwned::to_owned).into();
        let tags = ["interface", "namespace", "role"].into();
        let table = TableFacts {
            interfaces,
            statistics: 9,
            has_others,
            fields,
            tags,
            ..TableFacts::default()
        };
        let mut findings = Vec::new();
        let place = |option: &BlockOption| format!("line {}", option.line);
        check(&document.unwrap().inputs[0].block, &[table], &place, &mut findings);
        findings.iter().map(|finding| finding.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn filters_that_leave_nothing_fail() {
        // Seen with Telegraf 1.39.1.
        let measurement = "leaves nothing of the plugin's measurement \"net\"";
        let field = "leaves no field of what is reported here";
        let tags = "leaves nothing of what the plugin reports here";
        for (options, key, what) in [
            ("namepass = ['x']", "namepass", measurement),
            ("name_override = 'x'\nnamepass = ['x']", "namepass", measurement),
            ("namedrop = ['n*']", "namedrop", measurement),
            ("fieldinclude = ['x']", "fieldinclude", field),
            ("pass = ['x']\nfieldinclude = ['y']", "fieldinclude", field),
            ("fieldexclude = ['*']", "fieldexclude", field),
            ("fieldpass = ['bytes_*']\nfielddrop = ['b*']", "fieldpass", field),
            (
                "taginclude = ['x']",
                "taginclude",
                "takes the tag \"interface\", so that all interfaces are one series",
            ),
            ("tagexclude = ['inter*']", "tagexclude", "takes the tag \"interface\""),
            ("tagpass = { kind = ['*'] }", "tagpass", tags),
            (
                "tagpass = { interface = ['eth0'] }\ntagdrop = { interface = ['e*'] }",
                "tagpass",
                tags,
            ),
            ("fieldinclude = ['oper_up', '*_rate', 'udp_*']", "fieldinclude", field),
            (
                "fieldinclude = ['tcp_*', 'speed']\nfieldexclude = ['tcp_*', 's*']",
                "fieldinclude",
                field,
            ),
            ("tagpass = { interface = ['eth1', 'down0'] }", "tagpass", tags),
            ("tagdrop = { interface = ['eth*', '[la]*'] }", "tagdrop", tags),
            // Without a wildcard, all of an entry is literal.
            ("fieldinclude = ['bytes_{sent,recv}']", "fieldinclude", field),
            ("namepass = ['{net,cpu}']", "namepass", measurement),
            ("tagpass = { interface = ['{eth0,lo}'] }", "tagpass", tags),
            (
                "taginclude = ['{interface,x}']",
                "taginclude",
                "takes the tag \"interface\", so that all interfaces are one series",
            ),
        ] {
            let said = said(options, false);
            assert_eq!(said.len(), 1, "{options}: {said:?}");
            let is_told =
                said[0].starts_with("FAIL  line ") && said[0].contains(&format!(": {key} {what}"));
            assert!(is_told, "{options}: {said:?}");
        }
        for options in ["namepass = ['net', '[']", "tagpass = { interface = ['[', '*'] }"] {
            let said = said(options, false);
            assert!(said[0].contains(": \"[\" is not a valid pattern: "), "{said:?}");
            assert!(said[0].ends_with(": Telegraf does not start"), "{said:?}");
        }
        let said = said("taginclude = ['interface']", true);
        assert!(
            said[0].contains("takes the tag \"namespace\", so that all network namespaces"),
            "{said:?}"
        );
    }

    #[test]
    fn filters_that_leave_something_are_well() {
        for options in [
            "namepass = ['net']\nnamedrop = ['x']",
            "fieldpass = ['bytes*']",
            "fieldinclude = ['tcp_*']",
            "fieldinclude = ['*_retranssegs']",
            "tagpass = { role = ['x'] }",
            "tagpass = { interface = ['eth0'] }\ntagdrop = { interface = ['lo'], kind = ['*'] }",
            "tagdrop = { role = ['*'] }",
            "fieldexclude = ['bytes_*', 'packets_*']",
            "taginclude = ['interface', 'host']",
            "tagexclude = ['namespace']",
            "tagpass = { interface = ['eth*'] }",
            "tagpass = { interface = ['x'], role = ['physical'] }",
            "tagpass = { interface = ['${X}'] }",
            "tagdrop = { interface = ['lo'], role = ['x'] }",
            "namepass = []\ntagpass = {}",
            "tagexclude = ['{']",
            "tagexclude = ['{interface,x}']",
            "fieldexclude = ['{']\nnamedrop = ['{net,x}']",
            "tagdrop = { interface = ['{eth0,lo,all}'] }",
            "fieldinclude = ['bytes_{sent,recv}', '*_in']",
        ] {
            assert_eq!(said(options, false), [""; 0], "{options}");
        }
        let said = said("metricpass = 'true'", false);
        assert!(
            said[0].starts_with("WARN  line 2: what metricpass leaves was not looked at"),
            "{said:?}"
        );
    }
}
