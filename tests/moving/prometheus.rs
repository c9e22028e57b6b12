//! What a Prometheus scrapes, with the block of docs/PROMETHEUS.md and without it.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::telegraf::telegrafs;
use crate::common::{eventually, is_skipped};
use crate::documents::blocks;
use crate::http;
use crate::lab::Lab;
use crate::running::{AGENT, Configuration, Telegraf, assert_no_complaint};

/// All that can be reported of the lab.
const EVERYTHING: &str = "\
[[inputs.net]]
  counters = \"all\"
  link_state = true
  rates = true
  protocols = [\"ip\", \"icmp\", \"icmpmsg\", \"tcp\", \"udp\", \"udplite\", \"ip6\", \"icmp6\", \"udp6\", \"udplite6\",
    \"tcpext\", \"ipext\", \"mptcpext\", \"sockstat\", \"sockstat6\", \"softnet\"]
";

/// What is a value of its own and no count, beside those that the rules of [`expected_type`] tell.
const GAUGES: [&str; 18] = [
    "net_speed",
    "net_admin_up",
    "net_admin_status",
    "net_oper_status",
    "net_carrier",
    "net_mtu",
    "net_promiscuity",
    "net_tx_queue_len",
    "net_ifindex",
    "net_ip_forwarding",
    "net_ip_defaultttl",
    "net_tcp_rtoalgorithm",
    "net_tcp_rtomin",
    "net_tcp_rtomax",
    "net_tcp_maxconn",
    "net_tcp_currestab",
    "net_mptcpext_mpcurrestab",
    "net_softnet_backlog_len",
];

fn expected_type(name: &str) -> &'static str {
    let is_gauge = GAUGES.contains(&name)
        || name.ends_with("_rate")
        || name.starts_with("net_utilization_")
        || name.starts_with("net_sockstat");
    if is_gauge { "gauge" } else { "counter" }
}

/// The types of metrics.
fn types(metrics: &str) -> BTreeMap<&str, &str> {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    lines.map(|line| line.split_once(' ').unwrap()).collect()
}

/// The values of a metric of an interface, by all its labels.
fn values<'t>(metrics: &'t str, name: &str, interface: &str) -> BTreeMap<&'t str, &'t str> {
    let start = format!("{name}{{");
    let label = format!("interface=\"{interface}\"");
    let lines = metrics.lines().filter(|line| line.starts_with(&start) && line.contains(&label));
    lines.map(|line| line.rsplit_once(' ').unwrap()).collect()
}

#[test]
fn with_the_documented_block_types_are_right_and_a_flap_makes_no_series() {
    if is_skipped() {
        return;
    }
    let documented = blocks("PROMETHEUS.md", "toml");
    let [block] = documented.as_slice() else { panic!("{documented:?}") };
    for program in telegrafs() {
        let lab = Lab::new();
        lab.send(10);
        let configuration = Configuration::new("");
        configuration.write("plugin.conf", EVERYTHING);
        let conf = format!(
            "{AGENT}{block}\n[[outputs.prometheus_client]]\n  listen = \":9274\"\n\
             [[outputs.prometheus_client]]\n  listen = \":9275\"\n  metric_version = 2\n  \
             expiration_interval = \"10m\"\n\
             [[inputs.execd]]\n  command = [\"/usr/bin/telegraf-net\", \"--config\", \"/etc/telegraf-net/plugin.conf\"]\n  \
             signal = \"STDIN\"\n  data_format = \"influx\"\n"
        );
        configuration.write("telegraf.conf", &configuration.placed(&conf));
        let telegraf = Telegraf::start(lab.near.command(&program), &configuration);
        let scrape = |port| http::get_inside(&lab.near, port, "/metrics");
        // Rates take two gathers.
        let metrics = eventually("rates", || {
            let metrics = scrape(9273);
            (!values(&metrics, "net_bytes_recv_rate", "up0").is_empty()).then_some(metrics)
        });
        let mut names = BTreeSet::new();
        for (name, kind) in types(&metrics) {
            // Its own have others.
            if name.starts_with("net_") {
                assert_eq!(kind, expected_type(name), "{name} under {}", program.display());
                names.insert(name);
            }
        }
        assert!(names.len() > 300 && names.is_superset(&GAUGES.into()), "{names:?}");
        let labels: BTreeSet<_> = metrics
            .lines()
            .filter(|line| line.starts_with("net_"))
            .flat_map(|line| line.split(['{', '}']).nth(1).unwrap().split(','))
            .map(|label| label.split('=').next().unwrap())
            .collect();
        assert_eq!(labels, ["host", "interface"].into(), "under {}", program.display());
        let of_up0 = |metrics: &str, name: &str| -> Vec<String> {
            values(metrics, name, "up0").into_values().map(str::to_owned).collect()
        };
        assert_eq!(of_up0(&metrics, "net_oper_status"), ["1"]);
        assert_eq!(of_up0(&metrics, "net_admin_status"), ["1"]);

        // The other end goes down.
        let down = ["link", "set", "far0", "down"];
        lab.far.ip(&down);
        let metrics = eventually("a link that is down", || {
            let metrics = scrape(9273);
            (of_up0(&metrics, "net_oper_status") == ["2"]).then_some(metrics)
        });
        assert_eq!(of_up0(&metrics, "net_admin_status"), ["1"]);
        assert_eq!(of_up0(&metrics, "net_bytes_recv").len(), 1);
        // Where words are labels, every counter is another series then, and by the other version, which shows
        // what was there before for a while, a second one.
        let [up, down] = ["up", "down"].map(|word| format!("operstate=\"{word}\""));
        for (port, expected) in [(9274, &[&down][..]), (9275, &[&down, &up])] {
            let labelled = eventually("another series", || {
                let metrics = scrape(port);
                let series = values(&metrics, "net_bytes_recv", "up0");
                series.keys().any(|labels| labels.contains(&down)).then_some(metrics)
            });
            let series: Vec<_> = values(&labelled, "net_bytes_recv", "up0").into_keys().collect();
            assert_eq!(series.len(), expected.len(), "{series:?}");
            for (labels, word) in series.iter().zip(expected) {
                assert!(labels.contains(*word), "{series:?}");
            }
            assert_eq!(types(&labelled)["net_bytes_recv"], "untyped");
        }
        assert_no_complaint(&telegraf.stop());
    }
}
