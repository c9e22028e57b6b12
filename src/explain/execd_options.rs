//! The options of a block `[[inputs.execd]]` -> those with which Telegraf does not start, or of which it makes nothing
//! (`config/config.go` and `plugins/inputs/execd` of Telegraf 1.36 to 1.39).

use super::check::Finding;
use crate::config::options::{EXECD_OPTIONS, INPUT_OPTIONS};
use crate::quoted::Quoted;
use crate::telegraf_conf::{Block, BlockOption, Value};

/// What its documents have for every input, and its program refuses.
const REFUSED: [&str; 2] = ["always_include_global_tags", "time_source"];

/// What it takes in the block of any plugin, beside the options of every input.
const OF_OTHER_PLUGINS: [&str; 17] = [
    "buffer_directory",
    "buffer_disk_sync",
    "buffer_strategy",
    "data_format",
    "data_type",
    "delay",
    "drop_original",
    "flush_interval",
    "flush_jitter",
    "grace",
    "id",
    "influx_parser_type",
    "lvm",
    "metric_batch_size",
    "metric_buffer_limit",
    "order",
    "period",
];

/// What it takes a value for.
#[derive(Debug, Clone, Copy)]
enum Takes {
    /// A duration with a unit, and none below zero, with which Telegraf ends sooner or later; what is no string is not
    /// looked at.
    Duration,
    /// A duration as those of `[agent]`.
    AgentDuration,
    /// A number of bytes.
    Size,
    /// `true` or `false`.
    Boolean,
    /// One of these words, which are told so; what is no string is not looked at.
    Word(&'static [&'static str], &'static str),
    /// The same, and no other word is looked at.
    Choice(&'static [&'static str], &'static str),
    /// A string; anything else is not looked at.
    Text,
    /// A list of strings.
    Texts,
    /// A table of strings; what is no table is not looked at.
    Tags,
    /// A table of lists of strings.
    TagFilters,
}

/// Those that are looked at elsewhere are not among them.
const TAKES: [(&str, Takes); 28] = [
    ("alias", Takes::Text),
    ("buffer_size", Takes::Size),
    ("collection_jitter", Takes::Duration),
    ("collection_offset", Takes::Duration),
    ("data_format", Takes::Text),
    ("drop", Takes::Texts),
    ("fielddrop", Takes::Texts),
    ("fieldexclude", Takes::Texts),
    ("fieldinclude", Takes::Texts),
    ("fieldpass", Takes::Texts),
    (
        "influx_parser_type",
        Takes::Choice(&["", "internal", "upstream"], r#""internal" or "upstream""#),
    ),
    ("log_level", Takes::Text),
    ("metricpass", Takes::Text),
    ("name_override", Takes::Text),
    ("name_prefix", Takes::Text),
    ("name_suffix", Takes::Text),
    ("namedrop", Takes::Texts),
    ("namepass", Takes::Texts),
    ("pass", Takes::Texts),
    ("restart_delay", Takes::AgentDuration),
    (
        "startup_error_behavior",
        Takes::Word(
            &["", "error", "ignore", "probe", "retry"],
            r#""error", "ignore", "probe" or "retry""#,
        ),
    ),
    ("stop_on_error", Takes::Boolean),
    ("tagdrop", Takes::TagFilters),
    ("tagexclude", Takes::Texts),
    ("taginclude", Takes::Texts),
    ("tagpass", Takes::TagFilters),
    ("tags", Takes::Tags),
    ("namedrop_separator", Takes::Text),
];

/// What is wrong with a value.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    /// Telegraf does not start with it, and what it takes.
    Refused(&'static str),
    /// Telegraf does not look at it, and what it takes.
    Ignored(&'static str),
}

/// Adds what there is to say; `place` tells where an option stands.
pub(super) fn check(
    block: &Block,
    place: &dyn Fn(&BlockOption) -> String,
    findings: &mut Vec<Finding>,
) {
    let format = block.text("data_format").map_or("", |(format, _)| format);
    let is_influx = matches!(format, "" | "influx" | "influx_upstream");
    let parser = block.text("influx_parser_type").map_or("", |(parser, _)| parser);
    let is_upstream = format == "influx_upstream" || parser == "upstream";
    for option in &block.options {
        let key = option.key.as_str();
        let is_known =
            EXECD_OPTIONS.contains(&key) || is_of_any_plugin(key) || key == "influx_parser_type";
        // Those of other formats are many.
        if !is_known && is_influx {
            findings.push(Finding::fail(format!(
                "{}: Telegraf knows no {} in [[inputs.execd]], and does not start: leave it out",
                place(option),
                Quoted(key.as_bytes())
            )));
            continue;
        }
        let takes = TAKES.iter().find(|(known, _)| *known == key);
        match takes.and_then(|(_, takes)| wrong(*takes, &option.value)) {
            Some(Wrong::Refused(takes)) => findings.push(Finding::fail(format!(
                "{}: {key} takes {takes}: Telegraf does not start",
                place(option)
            ))),
            Some(Wrong::Ignored(takes)) => findings.push(Finding::warn(format!(
                "{}: {key} takes {takes}, and Telegraf does not look at anything else",
                place(option)
            ))),
            None => {}
        }
        if key == "influx_timestamp_precision" && is_influx {
            findings.extend(timestamps(option, place, is_upstream));
        }
    }
}

/// Whether Telegraf takes that option in any table of its configuration, whether or not it does anything there.
pub(super) fn is_of_any_plugin(key: &str) -> bool {
    INPUT_OPTIONS.contains(&key) && !REFUSED.contains(&key) || OF_OTHER_PLUGINS.contains(&key)
}

/// What is wrong with the unit that times are read in, which only the upstream parser looks at here.
fn timestamps(
    option: &BlockOption,
    place: &dyn Fn(&BlockOption) -> String,
    is_upstream: bool,
) -> Option<Finding> {
    let nanos = option.value.agent_duration().map(|unit| unit.as_nanos());
    let place = place(option);
    Some(match nanos {
        Some(0 | 1) => return None,
        Some(1_000 | 1_000_000 | 1_000_000_000) if is_upstream => Finding::fail(format!(
            "{place}: influx_timestamp_precision has Telegraf read the plugin's nanoseconds as a larger \
             unit, so that every line is lost: leave it out"
        )),
        Some(1_000 | 1_000_000 | 1_000_000_000) => Finding::warn(format!(
            "{place}: influx_timestamp_precision does nothing in [[inputs.execd]], whose lines Telegraf reads \
             in nanoseconds: leave it out"
        )),
        _ => Finding::fail(format!(
            "{place}: influx_timestamp_precision takes \"1ns\", \"1us\", \"1ms\" or \"1s\": Telegraf does \
             not start: leave it out"
        )),
    })
}

fn wrong(takes: Takes, value: &Value) -> Option<Wrong> {
    const DURATION: &str = "a duration with a unit, such as \"10s\"";
    // What stands in place of a variable that is not set here is not known.
    if value.text().is_some_and(|text| text.contains('$')) {
        return None;
    }
    let is_text = value.text().is_some();
    // What is looked at is refused where it is wrong.
    let (is_well, is_looked_at, what) = match takes {
        Takes::Duration => (value.block_duration().is_some(), is_text, DURATION),
        Takes::AgentDuration => {
            let is_well = value.agent_duration().is_some() || value.is_negative();
            (is_well, true, "a duration, such as \"10s\"")
        }
        Takes::Size => (is_size(value), true, "a number of bytes, such as \"64KiB\""),
        Takes::Boolean => (matches!(value, Value::Boolean(_)), true, "true or false"),
        Takes::Word(words, shown) => {
            (value.text().is_some_and(|text| words.contains(&text)), is_text, shown)
        }
        Takes::Choice(words, shown) => {
            (value.text().is_some_and(|text| words.contains(&text)), false, shown)
        }
        Takes::Text => (is_text, false, "a string"),
        Takes::Texts => (value.items().is_some(), true, "a list of strings"),
        Takes::Tags => {
            let tags = value.entries();
            let is_well = |tags: &[BlockOption]| tags.iter().all(|tag| tag.value.text().is_some());
            (tags.is_some_and(is_well), tags.is_some(), "a table of strings")
        }
        Takes::TagFilters => {
            let is_well = |filters: &[BlockOption]| {
                filters.iter().all(|filter| filter.value.items().is_some())
            };
            (value.entries().is_some_and(is_well), true, "a table of lists of strings")
        }
    };
    match (is_well, is_looked_at) {
        (true, _) => None,
        (false, true) => Some(Wrong::Refused(what)),
        (false, false) => Some(Wrong::Ignored(what)),
    }
}

/// Whether it is a number of bytes, as Telegraf reads it (`Size` of `config/types.go`, and `ParseStrictBytes` of the
/// package `units`): with a sign or without, and with units that are added up.
pub(super) fn is_size(value: &Value) -> bool {
    let text = match value {
        Value::Number(number) => return number.parse::<i64>().is_ok(),
        Value::Text(text) => text,
        _ => return false,
    };
    if text.is_empty() || text.parse::<i64>().is_ok() {
        return true;
    }
    let is_of_number = |one: char| one.is_ascii_digit() || one == '.';
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    while !rest.is_empty() {
        let behind = rest.trim_start_matches(is_of_number);
        let number = rest.strip_suffix(behind).unwrap_or_default();
        rest = behind.trim_start_matches(|one| !is_of_number(one));
        let prefix = behind.strip_suffix(rest).and_then(|unit| unit.strip_suffix('B'));
        let prefix = prefix.map(|prefix| prefix.strip_suffix('i').unwrap_or(prefix));
        let is_unit =
            prefix.is_some_and(|one| ["", "K", "k", "M", "G", "T", "P", "E"].contains(&one));
        if number.parse::<f64>().is_err() || !is_unit {
            return false;
        }
    }
    text.contains('B')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telegraf_conf::{self, Variables};

    fn said(options: &str) -> Vec<String> {
        let text = format!("[[inputs.execd]]\n{options}\n");
        let document = telegraf_conf::read(text.as_bytes(), Variables::Replaced(&|_| None));
        let document = document.unwrap();
        assert_eq!(document.mistakes, []);
        let mut findings = Vec::new();
        let place = |option: &BlockOption| format!("line {}", option.line);
        check(&document.inputs[0].block, &place, &mut findings);
        findings.iter().map(|finding| finding.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn what_telegraf_does_not_start_with_fails() {
        // Seen with Telegraf 1.39.1.
        for (options, what) in [
            (
                "foo = 1",
                "Telegraf knows no \"foo\" in [[inputs.execd]], and does not start: leave it out",
            ),
            ("[inputs.execd.foo]\na = 'b'", "Telegraf knows no \"foo\""),
            ("json_name_key = 'x'", "Telegraf knows no \"json_name_key\""),
            ("time_source = 'metric'", "Telegraf knows no \"time_source\""),
            (
                "always_include_global_tags = true",
                "Telegraf knows no \"always_include_global_tags\"",
            ),
            (
                "restart_delay = 'x'",
                "restart_delay takes a duration, such as \"10s\": Telegraf does not start",
            ),
            ("buffer_size = '64Kib'", "buffer_size takes a number of bytes, such as \"64KiB\": "),
            ("buffer_size = 'x'", "buffer_size takes a number of bytes"),
            ("buffer_size = '1.5'", "buffer_size takes a number of bytes"),
            ("buffer_size = '1ZB'", "buffer_size takes a number of bytes"),
            ("buffer_size = '-'", "buffer_size takes a number of bytes"),
            ("data_format = 'influx_upstream'\nfoo = 1", "Telegraf knows no \"foo\""),
            ("stop_on_error = 'true'", "stop_on_error takes true or false: "),
            ("stop_on_error = 1", "stop_on_error takes true or false: "),
            (
                "collection_jitter = 'x'",
                "collection_jitter takes a duration with a unit, such as \"10s\": ",
            ),
            ("collection_offset = '-1s'", "collection_offset takes a duration with a unit"),
            ("tags = { a = 1 }", "tags takes a table of strings: "),
            (
                "[inputs.execd.tagpass]\ninterface = 'eth0'",
                "tagpass takes a table of lists of strings: ",
            ),
            ("tagdrop = ['x']", "tagdrop takes a table of lists of strings: "),
            ("namepass = 'net'", "namepass takes a list of strings: "),
            (
                "startup_error_behavior = 'x'",
                "startup_error_behavior takes \"error\", \"ignore\", \"probe\" or \"retry\": ",
            ),
            (
                "influx_timestamp_precision = 'x'",
                "influx_timestamp_precision takes \"1ns\", \"1us\", \"1ms\" or \"1s\": ",
            ),
            (
                "data_format = 'influx_upstream'\ninflux_timestamp_precision = '1s'",
                "influx_timestamp_precision has Telegraf read the plugin's nanoseconds as",
            ),
        ] {
            let said = said(options);
            assert_eq!(said.len(), 1, "{options}: {said:?}");
            let is_told = ["2", "3"].map(|line| format!("FAIL  line {line}: {what}"));
            assert!(is_told.iter().any(|told| said[0].starts_with(told)), "{options}: {said:?}");
        }
    }

    #[test]
    fn what_telegraf_does_not_look_at_is_a_warning() {
        for (options, what) in [
            (
                "tags = 'x'",
                "tags takes a table of strings, and Telegraf does not look at anything else",
            ),
            ("alias = 5", "alias takes a string, and"),
            (
                "influx_parser_type = 'foo'",
                "influx_parser_type takes \"internal\" or \"upstream\", and",
            ),
            (
                "influx_timestamp_precision = '1s'",
                "influx_timestamp_precision does nothing in [[inputs.execd]]",
            ),
            ("metricpass = 5", "metricpass takes a string, and"),
            ("name_override = 5", "name_override takes a string, and"),
            ("data_format = 5", "data_format takes a string, and"),
            ("collection_jitter = 5", "collection_jitter takes a duration with a unit"),
        ] {
            let said = said(options);
            assert_eq!(said.len(), 1, "{options}: {said:?}");
            assert!(said[0].starts_with(&format!("WARN  line 2: {what}")), "{options}: {said:?}");
        }
    }

    #[test]
    fn what_telegraf_takes_is_well() {
        let options = "restart_delay = 10\nbuffer_size = '64KiB'\nstop_on_error = true\n\
                       collection_jitter = '1s'\nnamedrop = [1]\nlog_level = 'x'\n\
                       always_include_local_tags = true\ninflux_parser_type = 'upstream'\ndelay = 5\n\
                       influx_timestamp_precision = '1ns'\nflush_interval = 'x'\norder = 1\n\
                       tags = { a = 'b' }\n[inputs.execd.labels]\na = 'b'\n";
        assert_eq!(said(options), [""; 0]);
        for size in ["-1", "'-1'", "'+1KiB'", "'1.5MB512B'", "'1kB'", "''"] {
            assert_eq!(said(&format!("buffer_size = {size}")), [""; 0], "{size}");
        }
        assert_eq!(said("data_format = 'influx_upstream'"), [""; 0]);
        assert_eq!(said("buffer_size = ${SIZE}\nrestart_delay = '$DELAY'"), [""; 0]);
        // Those of another format are many.
        assert_eq!(said("data_format = 'json_v2'\njson_v2 = []"), [""; 0]);
    }
}
