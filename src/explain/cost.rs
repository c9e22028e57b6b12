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

/// So often each is measured, in turns with what it is compared with, for a machine is not as quick at any
/// time. How far these are apart is what a difference has to exceed to tell anything.
const ROUNDS: usize = 3;

/// So long, or so many times, each is tried in a round, of which the shortest time counts: others use the
/// machine too.
const ROUND: Duration = Duration::from_millis(20);
const TRIES: usize = 10;

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
    /// What it adds to the time of a gather, in microseconds, less than nothing where it takes fields away
    /// or has others read; zero where that is less than what measurements differ by without any cause.
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

const SWITCHES: [Switch; 11] = [
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
        option: "dump_zeros = false",
        key: "dump_zeros",
        is_set: |table| !table.dump_zeros,
        set: Some(|table| table.dump_zeros = false),
        unset: |table| table.dump_zeros = true,
        is_linux: false,
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
    let mut whole = Measured::new(&whole_tables);
    let mut whole_us: Vec<f64> = (0..ROUNDS).map(|_| whole.round()).collect();
    let mut costs = Costs { whole: Cost::default(), is_complete: true, options: Vec::new() };
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
        let Some(other) = with.as_ref().or(without.as_ref()) else { continue };
        let mut other = Measured::new(other);
        let rounds = (0..ROUNDS).map(|_| [whole.round(), other.round()]);
        let (of_whole, of_other): (Vec<_>, Vec<_>) = rounds.map(|[one, two]| (one, two)).unzip();
        let adds = with.is_some();
        let fields = difference(other.fields, whole.fields);
        let fields = if adds { fields } else { -fields };
        let share = share(&of_whole, &of_other, adds, fields);
        whole_us.extend(of_whole);
        costs.options.push(OptionCost { option: shown(switch, tables), is_set, us: share, fields });
    }
    let us = shortest(&whole_us);
    costs.whole = Cost { us, lines: whole.lines, fields: whole.fields };
    // The machine may have been slower when an option was measured.
    costs.options.iter_mut().for_each(|option| option.us *= us);
    costs
}

/// What an option takes, as a share of the whole gather, of which these are the times, by those of a gather with
/// it, to which it adds, or else without it. Zero where that is less than noise.
fn share(whole: &[f64], other: &[f64], adds: bool, fields: i64) -> f64 {
    let [one, two] = [whole, other].map(shortest);
    let share = if adds { two - one } else { one - two };
    let is_noise = share.abs() <= spread(whole) + spread(other);
    // More fields do not come for less than nothing.
    if is_noise || one <= 0.0 || (share < 0.0 && fields > 0) { 0.0 } else { share / one }
}

fn shortest(times: &[f64]) -> f64 {
    times.iter().copied().min_by(f64::total_cmp).unwrap_or_default()
}

/// How far times of the same are apart.
fn spread(times: &[f64]) -> f64 {
    times.iter().copied().max_by(f64::total_cmp).unwrap_or_default() - shortest(times)
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

/// Gathers of some tables, once all is known that stays.
struct Measured {
    collector: Collector<CurrentHost>,
    batch: Vec<u8>,
    /// The most lines and fields of one: some gathers have no rates.
    lines: usize,
    fields: usize,
}

impl Measured {
    fn new(tables: &[Table]) -> Self {
        let config = Config { tables: tables.to_vec(), warnings: Vec::new() };
        let log = Log { debug: false };
        let mut collector = Collector::<CurrentHost>::for_a_look(config, &Influx, log);
        let mut batch = Vec::new();
        collector.gather(&mut batch, || false);
        collector.after_write();
        Self { collector, batch, lines: 0, fields: 0 }
    }

    /// The time that processors spend on one at least, in microseconds.
    fn round(&mut self) -> f64 {
        let (start, mut tries, mut shortest) = (Instant::now(), 0, Duration::MAX);
        while tries == 0 || (start.elapsed() < ROUND && tries < TRIES) {
            self.batch.clear();
            let begin = system::cpu_time();
            self.collector.gather(&mut self.batch, || false);
            shortest = shortest.min(system::cpu_time().saturating_sub(begin));
            tries += 1;
            let told = self.batch.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
            self.lines = self.lines.max(told.clone().count());
            self.fields = self.fields.max(told.map(|line| fields_of(line).len()).sum());
        }
        shortest.as_secs_f64() * 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_below_the_noise_is_none() {
        for (whole, other, adds, fields, expected) in [
            // An option that is set, and takes a part of the whole.
            (&[100.0, 101.0, 103.0], &[40.0, 41.0, 40.0], false, 20, 0.6),
            (&[100.0, 101.0, 170.0], &[40.0, 41.0, 40.0], false, 20, 0.0),
            // One that is not.
            (&[100.0, 101.0, 100.0], &[150.0, 152.0, 150.0], true, 8, 0.5),
            (&[100.0, 130.0, 100.0], &[150.0, 180.0, 150.0], true, 8, 0.0),
            // More fields for less time.
            (&[400.0, 400.0, 401.0], &[60.0, 60.0, 61.0], true, 39, 0.0),
            (&[60.0, 60.0, 61.0], &[400.0, 400.0, 401.0], false, 39, 0.0),
            // Less of them for less.
            (&[400.0, 400.0, 401.0], &[100.0, 100.0, 101.0], true, -39, -0.75),
            (&[0.0, 0.0, 0.0], &[10.0, 10.0, 10.0], true, 1, 0.0),
        ] {
            let share = share(whole, other, adds, fields);
            assert!((share - expected).abs() < 1e-9, "{whole:?} {other:?}: {share}");
        }
    }

    #[test]
    fn no_part_costs_more_than_the_whole_and_no_field_less_than_nothing() {
        let config = Config::parse(b"[[inputs.net]]\nlink_state = true\n", &|_| None).unwrap();
        let Costs { whole, options, .. } = measure(&config.tables);
        for OptionCost { option, is_set, us, fields } in options {
            assert!(!is_set || us <= whole.us, "{option}: {us} of {whole:?}");
            assert!(fields <= 0 || us >= 0.0, "{option}: {us}, {fields}");
        }
    }
}
