//! What others call the same: the tables of docs/MIGRATING.md, value by value.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Stdio};

use crate::common::line::Parsed;
use crate::common::plugin::config_file;
use crate::common::telegraf::{plugin, telegrafs};
use crate::common::{eventually, has, is_skipped, is_skipped_without, run};
use crate::documents::table;
use crate::http;
use crate::lab::Lab;
use crate::running::{AGENT, Configuration, Telegraf, assert_no_complaint, lines};

/// The fields of lines, and their values; none may be there twice.
fn fields<'t>(lines: impl Iterator<Item = &'t String>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for line in lines {
        let (_, fields) = line.split_once(' ').unwrap();
        for (name, value) in fields.split(',').map(|field| field.split_once('=').unwrap()) {
            assert_eq!(all.insert(name.to_owned(), value.to_owned()), None, "{name}");
        }
    }
    all
}

/// What both sides report of a machine where nothing moves: `inputs.nstat`, and what its block is converted to.
fn both(block: &str) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let program = telegrafs().pop().unwrap();
    let lab = Lab::new();
    lab.send(10);
    let configuration = Configuration::new("");
    let output = configuration.path("output");
    configuration.write(
        "telegraf.conf",
        &format!("{AGENT}[[outputs.file]]\n  files = ['{}']\n{block}", output.display()),
    );
    configuration.convert();
    let mut telegraf = Telegraf::start(lab.near.command(&program), &configuration);
    let is_ours = |line: &str| line.contains(",interface=all");
    eventually("lines of both", || {
        assert!(!telegraf.has_ended(), "{}", telegraf.log());
        let lines = lines(&output);
        let has = |ours: bool| lines.keys().any(|line| is_ours(line) == ours);
        (has(true) && has(false)).then_some(())
    });
    assert_no_complaint(&telegraf.stop());
    let lines = lines(&output);
    let of = |ours: bool| fields(lines.keys().filter(|line| is_ours(line) == ours));
    (of(true), of(false))
}

/// Its name here, less what stands between a group and a column.
fn without_separator(field: &str) -> String {
    field.replacen('_', "", 1)
}

#[test]
fn every_value_of_inputs_nstat_has_the_name_that_the_rule_says() {
    if is_skipped() {
        return;
    }
    let (ours, theirs) = both("[[inputs.nstat]]\n  dump_zeros = true\n");
    let theirs: BTreeMap<_, _> =
        theirs.iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    let ours: BTreeMap<_, _> =
        ours.iter().map(|(name, value)| (without_separator(name), value)).collect();
    assert!(theirs.len() > 300, "{theirs:?}");
    assert_eq!(ours, theirs);
    assert_ne!(ours["udpoutdatagrams"], "0i");
    // The rule's own example.
    assert!(theirs.contains_key("tcpextlistendrops"));
}

#[test]
fn filters_of_fields_of_inputs_nstat_keep_the_same_ones() {
    if is_skipped() {
        return;
    }
    // Without dump_zeros, both leave out what is zero.
    let (ours, theirs) = both("[[inputs.nstat]]\n");
    let theirs: BTreeSet<_> = theirs.into_keys().map(|name| name.to_lowercase()).collect();
    let ours: BTreeSet<_> = ours.into_keys().map(|name| without_separator(&name)).collect();
    assert!(!ours.is_empty() && ours == theirs, "{ours:?} {theirs:?}");
    for filter in [
        "fieldinclude = ['TcpExtListen*', 'TcpE*', 'Ip6InReceives', '*Drops', 'Udp?oPorts', 'Ip*']",
        "fieldexclude = ['TcpExt*', 'Icmp*', 'Ip6*', 'Udp6*', 'UdpLite*', 'IpExt*', 'MPTcp*']",
        "fieldpass = ['Tcp*', 'IcmpMsg*']\n  fielddrop = ['*Queue', 'Tcp*OutSegs']",
        "[inputs.nstat.tagpass]\n    name = ['snmp*']",
        "[inputs.nstat.tagdrop]\n    name = ['netstat', 'snmp6']",
    ] {
        let (ours, theirs) = both(&format!("[[inputs.nstat]]\n  dump_zeros = true\n  {filter}\n"));
        let theirs: BTreeSet<_> = theirs.into_keys().map(|name| name.to_lowercase()).collect();
        let ours: BTreeSet<_> = ours.into_keys().map(|name| without_separator(&name)).collect();
        assert!(!ours.is_empty());
        assert_eq!(ours, theirs, "{filter}");
    }
}

/// A `node_exporter` that is killed at the end.
struct NodeExporter(Child);

impl Drop for NodeExporter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn every_name_of_node_exporter_is_the_field_that_the_table_says() {
    let program = "prometheus-node-exporter";
    if is_skipped() || is_skipped_without(program, has(program, "--version")) {
        return;
    }
    let lab = Lab::new();
    lab.send(10);
    let mut command = lab.near.command(program);
    command.args(["--web.listen-address=127.0.0.1:9100", "--collector.disable-defaults"]);
    command.args(["--collector.netdev", "--collector.netclass", "--collector.netstat"]);
    command.args(["--collector.netstat.fields=.*", "--collector.sockstat", "--collector.softnet"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let exporter = NodeExporter(command.spawn().unwrap());
    let metrics = http::get_inside(&lab.near, 9100, "/metrics");
    drop(exporter);
    let config = config_file(
        "[[inputs.net]]\ncounters = 'all'\nlink_state = true\n\
         protocols = ['ip', 'icmp', 'icmpmsg', 'tcp', 'udp', 'udplite', 'ip6', 'icmp6', 'udp6', 'udplite6', \
         'tcpext', 'ipext', 'mptcpext', 'sockstat', 'sockstat6', 'softnet']\n",
    );
    let mut command = lab.near.command(plugin());
    let once = run(command.args(["--once", "--config"]).arg(config.path()));
    let lines = Parsed::of(&once.stdout);
    let (up0, all) = (lines.line("up0"), lines.line("all"));

    let rows = table("MIGRATING.md", "| node_exporter | field | option |");
    assert!(rows.len() > 20);
    let mut moved = 0;
    for row in &rows {
        let quoted = |cell: &str| cell.split('`').nth(1).unwrap().to_owned();
        let (name, field) = (quoted(&row[0]), quoted(&row[1]));
        let start = format!("{name}{{device=\"up0\"}} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&start));
        let value: f64 = value.unwrap_or_else(|| panic!("no {start}")).parse().unwrap();
        let ours = up0.integer(&field).unwrap_or_else(|| panic!("no {field}: {up0:?}"));
        let ours = match &*name {
            "node_network_speed_bytes" => ours * 125_000,
            "node_network_up" => i64::from(ours == 1),
            _ => ours,
        };
        #[expect(clippy::cast_precision_loss, reason = "they are small")]
        let ours = ours as f64;
        assert!((ours - value).abs() < 0.5, "{name} is {value}, {field} is {ours}");
        moved += usize::from(value > 0.0);
        // It says which option it takes, if any.
        let option = row[2].trim_matches('`').trim();
        let config = config_file(&format!("[[inputs.net]]\n{option}\n"));
        let mut command = lab.near.command(plugin());
        let once = run(command.args(["--once", "--config"]).arg(config.path()));
        assert!(
            Parsed::of(&once.stdout).line("up0").field(&field).is_some(),
            "{field} by {option:?}"
        );
    }
    assert!(moved > 10, "{moved}");

    // The rules for those of `interface=all`. Whoever asks moves them.
    let mut named = 0;
    for line in metrics.lines() {
        let name = line.split([' ', '{']).next().unwrap().to_lowercase();
        let field = if let Some(name) = name.strip_prefix("node_netstat_") {
            name.to_owned()
        } else if let Some(name) = name.strip_prefix("node_sockstat_") {
            let is_of_6 = name.split('_').next().is_some_and(|group| group.ends_with('6'));
            format!("sockstat{}_{name}", if is_of_6 { "6" } else { "" })
        } else {
            continue;
        };
        if field.ends_with("_mem_bytes") {
            continue;
        }
        assert!(all.field(&field).is_some(), "{line} is no {field}");
        named += 1;
    }
    assert!(named > 300, "{named}");
    assert!(metrics.contains("node_softnet_processed_total{cpu=\"0\"}"));
    assert!(all.integer("softnet_processed") > Some(0));
}
