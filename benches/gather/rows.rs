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
    /// The share of the interfaces that it reports.
    pub(crate) reports_percent: usize,
    /// How a gather of a program that is driven ends.
    pub(crate) end: End,
    /// Its interfaces are not in one namespace, but in that many others.
    pub(crate) namespaces: Option<usize>,
}

/// How the end of a gather is told from what comes on stdout.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// By the number of lines, which is always the same.
    Count,
    /// By a line that begins so, which is always there and comes last.
    Line(&'static str),
}

/// What runs. A `conf` is what stands below `[[inputs.net]]` in `plugin.conf`.
#[derive(Clone, Copy)]
pub(crate) enum Program {
    /// One dump and one write, of what the plugin writes with `conf`.
    Floor { conf: &'static str },
    /// The plugin, driven as Telegraf drives it.
    Plugin { conf: &'static str },
    /// Telegraf with `inputs.net`.
    TelegrafNet,
    /// Telegraf with the plugin in `inputs.execd`.
    TelegrafPlugin { conf: &'static str },
    /// Prometheus' exporter, scraped over HTTP.
    NodeExporter,
    /// collectd with its plugin `interface`.
    Collectd,
}

// The rows that the targets speak of.
pub(crate) const FLOOR: &str = "floor";
pub(crate) const FLOOR_TRAFFIC: &str = "floor, traffic everywhere";
pub(crate) const STEADY: &str = "telegraf-net, steady";
pub(crate) const TRAFFIC: &str = "telegraf-net, traffic everywhere";
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

const STEADY_CONF: &str = "ignore_protocol_stats = true";

/// The last table's line is always there, where the first one's may be left out.
const DEDUP_CONF: &str = "ignore_protocol_stats = true\ndedup_interval = \"10m\"\n\
     [[inputs.net]]\nignore_protocol_stats = true\ninterfaces = [\"lo\"]";
/// What stands for the workspace's name makes it this run's.
const APART_CONF: &str =
    "ignore_protocol_stats = true\nnamespace_include = [\"{workspace}-apart-*\"]";
const DEDUP_END: End = End::Line("net,interface=lo ");

pub(crate) const ROWS: &[Row] = &[
    row(FLOOR, Program::Floor { conf: STEADY_CONF }),
    Row { traffic_percent: 100, ..row(FLOOR_TRAFFIC, Program::Floor { conf: STEADY_CONF }) },
    row(STEADY, Program::Plugin { conf: STEADY_CONF }),
    Row { traffic_percent: 100, ..row(TRAFFIC, Program::Plugin { conf: STEADY_CONF }) },
    row(
        "telegraf-net, speed_refresh = \"0s\"",
        Program::Plugin { conf: "ignore_protocol_stats = true\nspeed_refresh = \"0s\"" },
    ),
    row("telegraf-net, with protocol statistics", Program::Plugin { conf: "" }),
    row(
        "telegraf-net, source = \"procfs\"",
        Program::Plugin { conf: "ignore_protocol_stats = true\nsource = \"procfs\"" },
    ),
    // The names of the other ends of the pairs.
    Row {
        reports_percent: 50,
        ..option(
            "telegraf-net, interface_exclude = [\"*b\"]",
            "ignore_protocol_stats = true\ninterface_exclude = [\"*b\"]",
        )
    },
    option(
        "telegraf-net, kind_exclude = [\"bridge\"]",
        "ignore_protocol_stats = true\nkind_exclude = [\"bridge\"]",
    ),
    option("telegraf-net, counters = \"all\"", "ignore_protocol_stats = true\ncounters = \"all\""),
    option("telegraf-net, link_state = true", "ignore_protocol_stats = true\nlink_state = true"),
    option(
        "telegraf-net, interface_tags with all",
        "ignore_protocol_stats = true\ninterface_tags = [\"alias\", \"altname\", \"mac\", \"kind\", \
         \"master\", \"lower\", \"driver\", \"namespace\"]",
    ),
    option(
        "telegraf-net, protocols with all",
        "protocols = [\"ip\", \"icmp\", \"icmpmsg\", \"tcp\", \"udp\", \"udplite\", \"ip6\", \"icmp6\", \
         \"udp6\", \"udplite6\", \"tcpext\", \"ipext\", \"mptcpext\", \"sockstat\", \"sockstat6\", \
         \"softnet\"]",
    ),
    option(
        "telegraf-net, interface_protocols with all",
        "ignore_protocol_stats = true\ninterface_protocols = [\"ip6\", \"icmp6\"]",
    ),
    option("telegraf-net, rates = true", "ignore_protocol_stats = true\nrates = true"),
    Row { end: DEDUP_END, ..option("telegraf-net, dedup_interval = \"10m\"", DEDUP_CONF) },
    row(INPUTS_NET, Program::TelegrafNet),
    row(TELEGRAF_PLUGIN, Program::TelegrafPlugin { conf: STEADY_CONF }),
    Row { traffic_percent: 5, only_at: Some(1000), ..row(INPUTS_NET_SOME, Program::TelegrafNet) },
    Row {
        traffic_percent: 5,
        only_at: Some(1000),
        ..row(TELEGRAF_DEDUP, Program::TelegrafPlugin { conf: DEDUP_CONF })
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
        reports_percent: 100,
        end: End::Count,
        namespaces: None,
    }
}

/// What an option costs.
const fn option(name: &'static str, conf: &'static str) -> Row {
    Row { only_at: Some(1000), ..row(name, Program::Plugin { conf }) }
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
