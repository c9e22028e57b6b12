//! What options cost here and now: gathers are made with each and without it, and the time that processors
//! spend on them is compared.

use std::time::{Duration, Instant};

use super::facts::fields_of;
use crate::config::{Config, ProtocolItem, SourceOption, Table, Tag};
use crate::format::influx::Influx;
use crate::gather::Collector;
use crate::log::{self, Log};
use crate::model::protocol::Group;
use crate::select::patterns::Patterns;
use crate::system::{self, CurrentHost};

/// The most time that all of it takes.
const MOST: Duration = Duration::from_secs(3);

/// So long, or so many times, each is tried, of which the shortest time counts: others use the machine too.
const EACH: Duration = Duration::from_millis(60);
const TRIES: usize = 30;
const FEWEST_TRIES: usize = 3;

/// What gathers take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// The time that processors spend on one, in microseconds.
    pub us: f64,
    /// The lines of one.
    pub lines: usize,
    /// Their fields.
    pub fields: usize,
}

/// What the options cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Costs {
    /// What a gather takes as it is configured, less `dedup_interval`.
    pub whole: Cost,
    /// Each option.
    pub options: Vec<OptionCost>,
    /// Whether there was time for all of them.
    pub is_complete: bool,
}

/// What an option costs.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionCost {
    /// The option with its value, as it is written.
    pub option: String,
    /// Whether any table has it.
    pub is_set: bool,
    /// What it adds to the time of a gather, in microseconds: a difference of two times, which may be
    /// less than nothing.
    pub us: f64,
    /// The fields that it adds; less than none where it takes some away.
    pub fields: i64,
}

/// An option that may be set or not: a row of the table.
struct Switch {
    /// How it is written, where no table has it.
    option: &'static str,
    /// Its key, to show what a table has.
    key: &'static str,
    is_set: fn(&Table) -> bool,
    /// Sets it as above; `None` where it is only measured where it is set.
    set: Option<fn(&mut Table)>,
    unset: fn(&mut Table),
    /// Whether only Linux has it.
    is_linux: bool,
}

const SWITCHES: [Switch; 10] = [
    Switch {
        option: r#"counters = "all""#,
        key: "counters",
        is_set: |table| table.fields.all_counters,
        set: Some(|table| table.fields.all_counters = true),
        unset: |table| table.fields.all_counters = false,
        is_linux: false,
    },
    Switch {
        option: "link_state = true",
        key: "link_state",
        is_set: |table| table.fields.link_state,
        set: Some(|table| table.fields.link_state = true),
        unset: |table| table.fields.link_state = false,
        is_linux: false,
    },
    Switch {
        option: "rates = true",
        key: "rates",
        is_set: |table| table.fields.rates,
        set: Some(|table| table.fields.rates = true),
        unset: |table| table.fields.rates = false,
        is_linux: false,
    },
    Switch {
        option: r#"interface_tags = ["kind"]"#,
        key: "interface_tags",
        is_set: |table| !table.interface_tags.is_empty(),
        set: Some(|table| table.interface_tags = vec![Tag::Kind]),
        unset: |table| table.interface_tags.clear(),
        is_linux: false,
    },
    Switch {
        option: "kind_include, kind_exclude",
        key: "",
        is_set: |table| table.selection.needs_kind(),
        set: None,
        unset: |table| (table.selection.kind_include, table.selection.kind_exclude) = (None, None),
        is_linux: false,
    },
    Switch {
        option: "the line interface=all (ignore_protocol_stats = false)",
        key: "protocols",
        is_set: |table| !table.protocols.is_empty(),
        set: Some(|table| {
            table.protocols =
                Group::DEFAULT.map(|group| ProtocolItem { group, columns: None }).to_vec();
        }),
        unset: |table| table.protocols.clear(),
        is_linux: true,
    },
    Switch {
        option: r#"interface_protocols = ["ip6", "icmp6"]"#,
        key: "interface_protocols",
        is_set: |table| !table.fields.interface_protocols.is_empty(),
        set: Some(|table| {
            table.fields.interface_protocols = Group::OF_INTERFACES.into_iter().collect();
        }),
        unset: |table| table.fields.interface_protocols = [].into_iter().collect(),
        is_linux: true,
    },
    Switch {
        option: "namespace_include, namespace_exclude",
        key: "",
        is_set: |table| table.namespaces.has_others(),
        set: None,
        // No name has a slash.
        unset: |table| {
            let is_own = table.namespaces.selects(b"");
            table.namespaces.include = if is_own { None } else { Patterns::new(&["/"]).ok() };
            table.namespaces.exclude = None;
        },
        is_linux: true,
    },
    Switch {
        option: r#"source = "procfs""#,
        key: "source",
        is_set: |table| table.source == SourceOption::Procfs,
        set: Some(|table| table.source = SourceOption::Procfs),
        unset: |table| table.source = SourceOption::Auto,
        is_linux: true,
    },
    Switch {
        option: "dedup_interval",
        key: "dedup_interval",
        is_set: |table| table.dedup_interval.is_some(),
        set: None,
        unset: |table| table.dedup_interval = None,
        is_linux: false,
    },
];

/// Measures them for these tables, within three seconds.
#[must_use]
pub fn measure(tables: &[Table]) -> Costs {
    log::kept(|| measure_all(tables, Instant::now() + MOST)).0
}

fn measure_all(tables: &[Table], deadline: Instant) -> Costs {
    // It leaves lines out that the others are to be counted by.
    let mut whole_tables = tables.to_vec();
    for table in &mut whole_tables {
        table.dedup_interval = None;
    }
    let mut whole = cost_of(&whole_tables);
    let mut costs = Costs { whole, is_complete: true, options: Vec::new() };
    let switches = SWITCHES.iter().filter(|switch| cfg!(target_os = "linux") || !switch.is_linux);
    for switch in switches {
        let is_set = tables.iter().any(switch.is_set);
        let mut other = whole_tables.clone();
        let (with, without) = if switch.key == "dedup_interval" {
            // As it is configured.
            (is_set.then(|| tables.to_vec()), None)
        } else if is_set {
            other.iter_mut().for_each(switch.unset);
            (None, Some(other))
        } else if let Some(set) = switch.set {
            other.iter_mut().for_each(set);
            (Some(other), None)
        } else {
            (None, None)
        };
        if with.is_none() && without.is_none() {
            continue;
        }
        if Instant::now() >= deadline {
            costs.is_complete = false;
            break;
        }
        // Before and after, for a machine is not as quick at any time.
        let before = whole;
        let [with, without] = [with, without].map(|tables| tables.map(|tables| cost_of(&tables)));
        whole = cost_of(&whole_tables);
        let whole = Cost { us: before.us.min(whole.us), ..before };
        let (with, without) = (with.unwrap_or(whole), without.unwrap_or(whole));
        costs.whole.us = costs.whole.us.min(whole.us);
        costs.options.push(OptionCost {
            option: shown(switch, tables),
            is_set,
            us: with.us - without.us,
            fields: difference(with.fields, without.fields),
        });
    }
    costs
}

/// The option as the first table has it that does, and whether others have it otherwise.
fn shown(switch: &Switch, tables: &[Table]) -> String {
    let set = tables.iter().filter(|table| (switch.is_set)(table));
    let value = |table: &Table| {
        let given = table.given.iter().find(|given| given.key == switch.key);
        given.map(|given| format!("{} = {}", given.key, given.value))
    };
    let mut values = set.map(|table| value(table).unwrap_or_else(|| switch.option.to_owned()));
    let Some(first) = values.next() else { return switch.option.to_owned() };
    let has_others = values.any(|value| value != first);
    if has_others { format!("{first}, and other tables otherwise") } else { first }
}

fn difference(one: usize, other: usize) -> i64 {
    let [one, other] = [one, other].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    one - other
}

/// What a gather of these tables takes, once all is known that stays.
fn cost_of(tables: &[Table]) -> Cost {
    let config = Config { tables: tables.to_vec(), warnings: Vec::new() };
    let log = Log { debug: false };
    let mut collector = Collector::<CurrentHost>::for_a_look(config, &Influx, log);
    let mut batch = Vec::new();
    collector.gather(&mut batch, || false);
    collector.after_write();
    let (start, mut tries, mut shortest) = (Instant::now(), 0, Duration::MAX);
    // Some gathers have no rates.
    let (mut lines, mut fields) = (0, 0);
    while tries < FEWEST_TRIES || (start.elapsed() < EACH && tries < TRIES) {
        batch.clear();
        let begin = system::cpu_time();
        collector.gather(&mut batch, || false);
        shortest = shortest.min(system::cpu_time().saturating_sub(begin));
        tries += 1;
        let told = batch.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines = lines.max(told.clone().count());
        fields = fields.max(told.map(|line| fields_of(line).len()).sum());
    }
    Cost { us: shortest.as_secs_f64() * 1e6, lines, fields }
}
