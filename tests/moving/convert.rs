//! What `--convert` prints, run beside what it was made of, by the same Telegraf.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::common::telegraf::{has_protocols, telegrafs};
use crate::common::{eventually, is_skipped};
use crate::documents::{is_skipped_without_yaml, with_inputs_net_taken_out};
use crate::lab::Lab;
use crate::running::{Configuration, Telegraf, assert_no_complaint, lines};

/// A `telegraf.conf` out of fixtures/convert, as Telegraf takes it, with outputs to files.
fn telegraf_conf(name: &str, folder: &Path, changes: &[(&str, &str)]) -> String {
    let file = format!("{}/fixtures/convert/{name}/telegraf.conf", env!("CARGO_MANIFEST_DIR"));
    let mut conf = fs::read_to_string(file).unwrap();
    let place = folder.display();
    let agent = "[agent]\n  flush_interval = \"200ms\"\n  omit_hostname = true\n  \
                 skip_processors_after_aggregators = true\n";
    let changes = changes.iter().copied().chain([("[agent]\n", agent)]);
    for (from, to) in changes {
        assert!(conf.contains(from), "{name} has no {from:?}");
        conf = conf.replace(from, to);
    }
    format!(
        "{conf}\n[[outputs.file]]\n  files = ['{place}/signed']\n\
         [[outputs.file]]\n  files = ['{place}/unsigned']\n  influx_uint_support = true\n"
    )
}

/// What one side has written: its lines, and what their times are multiples of.
#[derive(Debug, PartialEq)]
struct Written {
    lines: BTreeSet<String>,
    precisions: BTreeMap<String, i64>,
}

/// The longest of these durations, in nanoseconds, that all times are multiples of.
fn precision(times: &BTreeSet<i64>) -> i64 {
    let all = [2_000_000_000, 1_000_000_000, 1_000_000, 1_000, 1];
    all.into_iter().find(|precision| times.iter().all(|time| time % precision == 0)).unwrap()
}

/// Runs it until each line has come often enough, and returns what was written to that file.
fn written(
    lab: &Lab,
    program: &Path,
    configuration: &Configuration,
    measurements: &[&str],
) -> [Written; 2] {
    for file in ["signed", "unsigned"] {
        configuration.write(file, "");
    }
    let mut telegraf = Telegraf::start(lab.near.command(program), configuration);
    // By then, of those that come often, some come at times that are no whole seconds.
    eventually("enough of each line", || {
        let lines = lines(&configuration.path("unsigned"));
        let are_enough = lines.values().all(|times| times.len() >= 3);
        assert!(!telegraf.has_ended(), "{}", telegraf.log());
        let is_there = |name: &&str| {
            lines
                .keys()
                .any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(',')))
        };
        (are_enough && measurements.iter().all(is_there)).then_some(())
    });
    assert_no_complaint(&telegraf.stop());
    ["signed", "unsigned"].map(|file| {
        let lines = lines(&configuration.path(file));
        let measurement = |line: &str| line.split([',', ' ']).next().unwrap().to_owned();
        let mut times = BTreeMap::<_, BTreeSet<_>>::new();
        for (line, of_line) in &lines {
            times.entry(measurement(line)).or_default().extend(of_line);
        }
        let precisions = times.into_iter().map(|(name, times)| (name, precision(&times)));
        Written { precisions: precisions.collect(), lines: lines.into_keys().collect() }
    })
}

#[test]
fn blocks_with_all_options_report_the_same_when_converted() {
    if is_skipped() || is_skipped_without_yaml() {
        return;
    }
    // Telegraf documents the last two, and refuses them.
    let everything: &[_] = &[
        ("  misspelt = \"x\"\n", ""),
        ("  always_include_global_tags = false\n", ""),
        ("  time_source = \"metric\"\n", ""),
    ];
    // Telegraf itself does not keep up with the interval that was there.
    let several: &[_] = &[
        ("interval = \"500us\"", "interval = \"110ms\""),
        ("interval = \"1m30s\"", "interval = \"1s\""),
        ("[inputs.cpu]\n  percpu = true\n", ""),
        ("\"plain\"", "\"down0\", \"c=d\""),
        ("\"eth*\"", "\"up*\""),
    ];
    for program in telegrafs() {
        for (name, changes, measurements) in [
            ("everything", everything, &["x_network_y"][..]),
            ("several", several, &["net", "fast", "slow"]),
        ] {
            let lab = Lab::new();
            // Whether these are reported is up to how braces, backslashes and commas are taken.
            for name in ["{x,y}", "x", "g\\h", "gh", "a", "bc", ",", "a,b{c,d}"] {
                lab.near.ip(&["link", "add", "name", name, "type", "ifb"]);
            }
            lab.send(10);
            let configuration = Configuration::new("");
            let conf = telegraf_conf(name, &configuration.path(""), changes);
            configuration.write("telegraf.conf", &conf);
            let before = written(&lab, &program, &configuration, measurements);

            configuration.convert();
            configuration.write("telegraf.conf", &with_inputs_net_taken_out(&conf));
            if !has_protocols(&program) {
                for number in ["", "-2", "-3"] {
                    let file = format!("plugin{number}.conf");
                    let Ok(text) = fs::read_to_string(configuration.path(&file)) else { continue };
                    configuration
                        .write(&file, &text.replace("# ignore_protocol", "ignore_protocol"));
                }
            }
            let after = written(&lab, &program, &configuration, measurements);
            for (before, after) in before.iter().zip(&after) {
                let lost: Vec<_> = before.lines.difference(&after.lines).collect();
                let new: Vec<_> = after.lines.difference(&before.lines).collect();
                let whose = format!("{name} under {}", program.display());
                assert!(lost.is_empty() && new.is_empty(), "{whose}: {lost:#?} became {new:#?}");
                assert_eq!(before.precisions, after.precisions, "{whose}");
            }
            assert_ne!(before[0].lines, before[1].lines, "signed and unsigned integers");
        }
    }
}
