//! The series that go on when `inputs.net` is replaced, and those of both at once.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::common::telegraf::{has_protocols, telegrafs};
use crate::database::{Database, Points, Series, is_skipped_without_database};
use crate::documents::blocks;
use crate::lab::Lab;
use crate::running::{AGENT, Configuration, Telegraf, assert_no_complaint, now};

/// What Telegraf waits for before it starts a plugin again whose start has failed.
const RESTART_DELAY: i64 = 10_000_000_000;

const INPUTS_NET: &str = "\
[[inputs.net]]
  interfaces = [\"up*\", \"lo\", \"down0\", \"c=d\"]
  [inputs.net.tags]
    rack = \"r 1\"
";

/// What stays as it is all along, so that it has the gaps that a restart of Telegraf makes.
const CONTROL: &str = "\
[[inputs.net]]
  interfaces = [\"lo\"]
  name_override = \"control\"
  fieldinclude = [\"bytes_recv\"]
";

/// The longest time in nanoseconds between two points of a series.
fn longest_gap<'t>(times: impl Iterator<Item = &'t i64>) -> i64 {
    let times: Vec<_> = times.collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
}

/// Fails where what stood still is another value after that time than it was before.
fn assert_goes_on(points: &Points, time: i64) {
    for (tags, times) in points {
        let (_, before) =
            times.range(..=time).next_back().unwrap_or_else(|| panic!("new: {tags:?}"));
        let (_, after) = times.range(time + 1..).next().unwrap_or_else(|| panic!("gone: {tags:?}"));
        assert_eq!(before, after, "{tags:?}");
    }
}

#[test]
fn the_series_of_inputs_net_go_on_and_back_again() {
    if is_skipped_without_database() {
        return;
    }
    for program in telegrafs() {
        let (lab, database) = (Lab::new(), Database::start());
        let without = format!("{AGENT}{}", database.output());
        let configuration = Configuration::new(&format!("{without}{INPUTS_NET}"));
        configuration.write("telegraf.d/control.conf", CONTROL);
        lab.send(10);
        let telegraf = Telegraf::start(lab.near.command(&program), &configuration);
        let first = database.gathers_since("net", 0);
        assert_eq!(first.len(), 5 + usize::from(has_protocols(&program)), "{first:#?}");
        lab.send(10);
        // Whatever moved has been gathered.
        let moved = *first.values().flat_map(|times| times.keys()).max().unwrap();
        database.gathers_since("net", moved);
        let (series, types) = (database.series("net"), database.types("net"));

        configuration.convert();
        configuration.write("telegraf.conf", &without);
        if !has_protocols(&program) {
            // What its comment says.
            let plugin_conf = fs::read_to_string(configuration.path("plugin.conf")).unwrap();
            let without = plugin_conf.replace("# ignore_protocol_stats", "ignore_protocol_stats");
            assert_ne!(without, plugin_conf);
            configuration.write("plugin.conf", &without);
        }
        let replaced = telegraf.reload();
        assert_goes_on(&database.gathers_since("net", replaced), replaced);
        assert!(telegraf.log().contains("Loaded inputs: execd net"), "{}", telegraf.log());
        assert_eq!(database.series("net"), series);
        assert_eq!(database.types("net"), types);
        lab.send(10);
        let moved = now();
        database.gathers_since("net", moved);

        configuration.write("telegraf.conf", &format!("{without}{INPUTS_NET}"));
        configuration.remove("telegraf.d/telegraf-net.conf");
        let back = telegraf.reload();
        let points = database.gathers_since("net", back);
        assert_goes_on(&points, back);
        assert_eq!(database.series("net"), series);
        assert_eq!(database.types("net"), types);
        assert_no_complaint(&telegraf.stop());

        let integers = types.iter().filter(|(_, kind)| kind == "integer").count();
        assert_eq!(integers, types.len(), "{types:?}");
        let control = database.points("control");
        let control = longest_gap(control.values().next().unwrap().keys());
        for (tags, times) in &points {
            let gap = longest_gap(times.keys());
            assert!(gap < control + RESTART_DELAY, "{tags:?}: {gap} ns, {control} ns of others");
            assert!(times.keys().all(|time| time % 1_000_000_000 == 0), "{tags:?}: {times:?}");
            let sent = times.values().filter_map(|fields| fields.get("bytes_sent")?.as_u64());
            let sent: Vec<_> = sent.collect();
            assert!(sent.is_sorted(), "{tags:?}: {sent:?}");
            if ["up0", "lo"].contains(&&*tags["interface"]) {
                // It moved three times, and was looked at each time.
                let values: BTreeSet<_> = sent.iter().collect();
                assert!(values.len() >= 3, "{tags:?}: {sent:?}");
            }
        }
    }
}

#[test]
fn both_at_once_for_a_day_double_nothing_and_are_equal() {
    if is_skipped_without_database() {
        return;
    }
    let program = telegrafs().pop().unwrap();
    let (lab, database) = (Lab::new(), Database::start());
    lab.send(10);
    let documented = blocks("MIGRATING.md", "toml");
    let [block] = documented.as_slice() else { panic!("{documented:?}") };
    let configuration = Configuration::new("");
    configuration.write("plugin.conf", "[[inputs.net]]\n");
    let conf = format!("{AGENT}{}[[inputs.net]]\n{block}", database.output());
    configuration.write("telegraf.conf", &configuration.placed(&conf));
    let telegraf = Telegraf::start(lab.near.command(&program), &configuration);
    let theirs = database.gathers_since("net", 0);
    let mut ours = database.gathers_since("net_canary", 0);
    assert_no_complaint(&telegraf.stop());
    // What Telegraf itself does not have any more.
    ours.retain(|tags, _| tags["interface"] != "all");
    let last = |points: &Points| -> Vec<_> {
        let last =
            points.iter().map(|(tags, times)| (tags.clone(), times.values().next_back().cloned()));
        last.collect()
    };
    assert_eq!(theirs.len(), 3, "{theirs:#?}");
    assert_eq!(last(&theirs), last(&ours));
    assert_eq!(database.series("net").len(), theirs.len());

    let [query] = &blocks("MIGRATING.md", "sql")[..] else { panic!("not one query") };
    let answer = database.ask(query);
    for tags in theirs.keys() {
        let of = |measurement: &str| -> Vec<&Value> {
            let is_it = |series: &&Series| {
                series.name == measurement && series.tags["interface"] == tags["interface"]
            };
            let series = answer.iter().find(is_it).unwrap();
            series.rows.iter().map(|row| &row[1]).collect()
        };
        assert_eq!(of("net").last(), of("net_canary").last(), "{tags:?}");
    }
    let before = database.points("net");
    assert!(database.ask("DROP MEASUREMENT \"net_canary\"").is_empty());
    assert!(database.series("net_canary").is_empty());
    assert_eq!(database.points("net"), before);
}
