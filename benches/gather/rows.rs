//! The rows of the table: what is measured, and with which configuration.
//!
//! To add one, add it to [`ROWS`].

/// One row of the table, for each size.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    /// The one number of interfaces at which it is measured, or else at all but [`SPREAD`].
    pub(crate) only_at: Option<usize>,
    /// The share of the interfaces whose counters move before each gather.
    pub(crate) traffic_percent: usize,
    /// What it has to report before it is measured.
    pub(crate) reports: Reports,
    /// How a gather of a program that is driven ends.
    pub(crate) end: End,
    /// Its interfaces are not in one namespace, but in that many others.
    pub(crate) namespaces: Option<usize>,
}

/// Lines of a configuration.
type Conf = &'static [&'static str];

/// How the end of a gather is told from what comes on stdout.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// By the number of lines, which is always the same.
    Count,
    /// By a line that begins so, which is always there and comes last.
    Line(&'static str),
}

/// What a program reports in one gather.
#[derive(Clone, Copy)]
pub(crate) enum Reports {
    /// This share of the interfaces, in percent: no more and no less.
    Interfaces(usize),
    /// A line that begins so.
    Line(&'static str),
    /// Nothing.
    Nothing,
}

/// What runs. A `conf` has the lines that stand below `[[inputs.net]]` in `plugin.conf`.
#[derive(Clone, Copy)]
pub(crate) enum Program {
    /// One dump, or with that of IPv6 two, and one write, of what the plugin writes with `conf`.
    Floor { conf: Conf, with_ipv6: bool },
    /// The plugin, driven as Telegraf drives it.
    Plugin { conf: Conf },
    /// Telegraf with inputs of its own, as its configuration has them. The line of an interface begins
    /// with `line`, up to the interface's name.
    Telegraf { inputs: &'static str, line: &'static str },
    /// Telegraf with the plugin in `inputs.execd`.
    TelegrafPlugin { conf: Conf },
    /// Prometheus' exporter, scraped over HTTP.
    NodeExporter,
    /// collectd with its plugin `interface`.
    Collectd,
}

// The rows that the targets speak of.
pub(crate) const FLOOR: &str = "floor";
pub(crate) const FLOOR_TRAFFIC: &str = "floor, traffic everywhere";
pub(crate) const FLOOR_IPV6: &str = "floor, with IPv6 per interface";
pub(crate) const STEADY: &str = "telegraf-net, steady";
pub(crate) const STATISTICS: &str = "telegraf-net, with protocol statistics";
pub(crate) const PROCFS: &str = "telegraf-net, source = \"procfs\"";
pub(crate) const LINK_STATE: &str = "telegraf-net, link_state = true";
pub(crate) const RATES: &str = "telegraf-net, rates = true";
pub(crate) const INTERFACE_PROTOCOLS: &str = "telegraf-net, interface_protocols with all";
pub(crate) const INPUTS_NET: &str = "Telegraf with inputs.net";
pub(crate) const TELEGRAF_PLUGIN: &str = "Telegraf with telegraf-net";
pub(crate) const INPUTS_NET_SOME: &str = "Telegraf with inputs.net, 5 % traffic";
pub(crate) const TELEGRAF_DEDUP: &str =
    "Telegraf with telegraf-net, dedup_interval = \"10m\", 5 % traffic";
pub(crate) const TOGETHER: &str = "telegraf-net, one namespace";
pub(crate) const APART: &str = "telegraf-net, 500 namespaces with 4 each";

/// The number of interfaces of the rows about namespaces, at which no others are measured but the
/// floor.
pub(crate) const SPREAD: usize = 2000;

const QUIET: &str = "ignore_protocol_stats = true";
const STEADY_CONF: Conf = &[QUIET];
const LINK_STATE_CONF: Conf = &[QUIET, LINK_STATE_ON];

const LINK_STATE_ON: &str = "link_state = true";
const RATES_ON: &str = "rates = true";
const COUNTERS: &str = "counters = \"all\"";
const TAGS: &str = "interface_tags = [\"alias\", \"altname\", \"mac\", \"kind\", \"master\", \"lower\", \
     \"driver\", \"namespace\"]";
const PROTOCOLS: &str = "protocols = [\"ip\", \"icmp\", \"icmpmsg\", \"tcp\", \"udp\", \"udplite\", \
     \"ip6\", \"icmp6\", \"udp6\", \"udplite6\", \"tcpext\", \"ipext\", \"mptcpext\", \"sockstat\", \
     \"sockstat6\", \"softnet\"]";
const OWN_PROTOCOLS: &str = "interface_protocols = [\"ip6\", \"icmp6\"]";

const OWN_PROTOCOLS_CONF: Conf = &[QUIET, OWN_PROTOCOLS];

/// Where most fields are zero.
const ALL_COUNTERS_CONF: Conf = &[COUNTERS, PROTOCOLS, OWN_PROTOCOLS];
const NO_ZEROS_CONF: Conf = &[COUNTERS, PROTOCOLS, OWN_PROTOCOLS, "dump_zeros = false"];
/// All that add to lines.
const ALL_OPTIONS_CONF: Conf = &[COUNTERS, PROTOCOLS, OWN_PROTOCOLS, TAGS, LINK_STATE_ON, RATES_ON];

const DEDUP: &str = "dedup_interval = \"10m\"";
/// Its line is always there and comes last, where that of another table may be left out.
const LAST_TABLE: &str = "[[inputs.net]]\nignore_protocol_stats = true\ninterfaces = [\"lo\"]";
const DEDUP_END: End = End::Line("net,interface=lo ");
const DEDUP_CONF: Conf = &[QUIET, DEDUP, LAST_TABLE];
const DEDUP_FIELDS_CONF: Conf = &[QUIET, DEDUP, "dedup_fields = true", LAST_TABLE];

/// What stands for the workspace's name makes it this run's.
const APART_CONF: Conf = &[QUIET, "namespace_include = [\"{workspace}-apart-*\"]"];

const NO_INTERFACES: &str = "interface_exclude = [\"*\"]";
/// What `inputs.nstat` reads, as `--convert` has it.
const NSTAT_CONF: Conf = &[
    NO_INTERFACES,
    "protocols = [\"ip\", \"icmp\", \"icmpmsg\", \"tcp\", \"udp\", \"udplite\", \"tcpext\", \"ipext\", \
     \"mptcpext\", \"ip6\", \"icmp6\", \"udp6\", \"udplite6\"]",
];
const SOCKETS_CONF: Conf = &[NO_INTERFACES, "protocols = [\"sockstat\", \"sockstat6\"]"];
const PROTOCOL_LINE: Reports = Reports::Line("> net,interface=all ");

const FLOOR_PROGRAM: Program = Program::Floor { conf: STEADY_CONF, with_ipv6: false };
const TELEGRAF_NET: Program = Program::Telegraf {
    inputs: "[[inputs.net]]\nignore_protocol_stats = true\n",
    line: "> net,interface=",
};
/// It does not run without an input; this one never gathers.
const TELEGRAF_IDLE: Program =
    Program::Telegraf { inputs: "[[inputs.net]]\ninterval = \"87600h\"\n", line: "" };
const TELEGRAF_ETHTOOL: Program =
    Program::Telegraf { inputs: "[[inputs.ethtool]]\n", line: "> ethtool,driver=veth,interface=" };
const TELEGRAF_NSTAT: Program = Program::Telegraf {
    // Without, it leaves out what is zero.
    inputs: "[[inputs.nstat]]\ndump_zeros = true\n",
    line: "",
};
const TELEGRAF_NETSTAT: Program = Program::Telegraf { inputs: "[[inputs.netstat]]\n", line: "" };

pub(crate) const ROWS: &[Row] = &[
    row(FLOOR, FLOOR_PROGRAM),
    Row { traffic_percent: 100, ..row(FLOOR_TRAFFIC, FLOOR_PROGRAM) },
    Row {
        only_at: Some(1000),
        ..row(FLOOR_IPV6, Program::Floor { conf: OWN_PROTOCOLS_CONF, with_ipv6: true })
    },
    row(STEADY, Program::Plugin { conf: STEADY_CONF }),
    Row {
        traffic_percent: 100,
        ..row("telegraf-net, traffic everywhere", Program::Plugin { conf: STEADY_CONF })
    },
    row(
        "telegraf-net, speed_refresh = \"0s\"",
        Program::Plugin { conf: &[QUIET, "speed_refresh = \"0s\""] },
    ),
    row(STATISTICS, Program::Plugin { conf: &[] }),
    row(PROCFS, Program::Plugin { conf: &[QUIET, "source = \"procfs\""] }),
    // The names of the other ends of the pairs.
    Row {
        reports: Reports::Interfaces(50),
        ..option(
            "telegraf-net, interface_exclude = [\"*b\"]",
            &[QUIET, "interface_exclude = [\"*b\"]"],
        )
    },
    option("telegraf-net, kind_exclude = [\"bridge\"]", &[QUIET, "kind_exclude = [\"bridge\"]"]),
    option("telegraf-net, counters = \"all\"", &[QUIET, COUNTERS]),
    option(LINK_STATE, LINK_STATE_CONF),
    option("telegraf-net, interface_tags with all", &[QUIET, TAGS]),
    option("telegraf-net, protocols with all", &[PROTOCOLS]),
    option(INTERFACE_PROTOCOLS, OWN_PROTOCOLS_CONF),
    option(RATES, &[QUIET, RATES_ON]),
    Row {
        traffic_percent: 100,
        ..option("telegraf-net, rates = true, traffic everywhere", &[QUIET, RATES_ON])
    },
    Row { end: DEDUP_END, ..option("telegraf-net, dedup_interval = \"10m\"", DEDUP_CONF) },
    Row {
        end: DEDUP_END,
        traffic_percent: 100,
        ..option("telegraf-net, dedup_fields = true, traffic everywhere", DEDUP_FIELDS_CONF)
    },
    option("telegraf-net, all counters and statistics", ALL_COUNTERS_CONF),
    option("telegraf-net, all counters and statistics, dump_zeros = false", NO_ZEROS_CONF),
    option("telegraf-net, all options", ALL_OPTIONS_CONF),
    Row {
        only_at: Some(10),
        reports: Reports::Nothing,
        ..row("Telegraf with nothing to do", TELEGRAF_IDLE)
    },
    row(INPUTS_NET, TELEGRAF_NET),
    row(TELEGRAF_PLUGIN, Program::TelegrafPlugin { conf: STEADY_CONF }),
    Row { traffic_percent: 5, ..telegraf(INPUTS_NET_SOME, TELEGRAF_NET) },
    Row { traffic_percent: 5, ..telegraf_plugin(TELEGRAF_DEDUP, DEDUP_CONF) },
    Row {
        traffic_percent: 100,
        ..telegraf_plugin("Telegraf with telegraf-net, traffic everywhere", STEADY_CONF)
    },
    Row {
        traffic_percent: 100,
        ..telegraf_plugin(
            "Telegraf with telegraf-net, dedup_fields = true, traffic everywhere",
            DEDUP_FIELDS_CONF,
        )
    },
    telegraf_plugin("Telegraf with telegraf-net, all counters and statistics", ALL_COUNTERS_CONF),
    telegraf_plugin(
        "Telegraf with telegraf-net, all counters and statistics, dump_zeros = false",
        NO_ZEROS_CONF,
    ),
    Row {
        reports: Reports::Line("> nstat,"),
        ..telegraf("Telegraf with inputs.nstat", TELEGRAF_NSTAT)
    },
    Row {
        reports: PROTOCOL_LINE,
        ..telegraf_plugin("Telegraf with telegraf-net, protocols of inputs.nstat", NSTAT_CONF)
    },
    telegraf("Telegraf with inputs.ethtool", TELEGRAF_ETHTOOL),
    telegraf_plugin("Telegraf with telegraf-net, link_state = true", LINK_STATE_CONF),
    Row {
        reports: Reports::Line("> netstat "),
        ..telegraf("Telegraf with inputs.netstat", TELEGRAF_NETSTAT)
    },
    Row {
        reports: PROTOCOL_LINE,
        ..telegraf_plugin("Telegraf with telegraf-net, counts of sockets", SOCKETS_CONF)
    },
    Row { only_at: Some(SPREAD), ..row(TOGETHER, Program::Plugin { conf: STEADY_CONF }) },
    Row {
        only_at: Some(SPREAD),
        namespaces: Some(500),
        ..row(APART, Program::Plugin { conf: APART_CONF })
    },
    row("node_exporter", Program::NodeExporter),
    row("collectd", Program::Collectd),
];

const fn row(name: &'static str, program: Program) -> Row {
    Row {
        name,
        program,
        only_at: None,
        traffic_percent: 0,
        reports: Reports::Interfaces(100),
        end: End::Count,
        namespaces: None,
    }
}

/// What an option costs.
const fn option(name: &'static str, conf: Conf) -> Row {
    Row { only_at: Some(1000), ..row(name, Program::Plugin { conf }) }
}

/// What Telegraf takes, at the same size.
const fn telegraf(name: &'static str, program: Program) -> Row {
    Row { only_at: Some(1000), ..row(name, program) }
}

/// What Telegraf takes with the plugin and an option.
const fn telegraf_plugin(name: &'static str, conf: Conf) -> Row {
    telegraf(name, Program::TelegrafPlugin { conf })
}

impl Row {
    pub(crate) fn is_at_one_size(&self) -> bool {
        self.only_at.is_some()
    }

    /// Whether it is measured with that many interfaces.
    pub(crate) fn is_at(&self, interfaces: usize) -> bool {
        match self.only_at {
            Some(only) => only == interfaces,
            None => interfaces != SPREAD || self.name == FLOOR,
        }
    }
}
