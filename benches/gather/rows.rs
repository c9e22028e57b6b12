//! The rows of the table: what is measured, and with which configuration.
//!
//! To add one, add it to [`ROWS`].

/// One row of the table, for each size.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    /// The one number of interfaces at which it is measured, or else at all.
    pub(crate) only_at: Option<usize>,
    /// The share of the interfaces whose counters move before each gather.
    pub(crate) traffic_percent: usize,
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
pub(crate) const STEADY: &str = "telegraf-net, steady";
pub(crate) const INPUTS_NET: &str = "Telegraf with inputs.net";
pub(crate) const TELEGRAF_PLUGIN: &str = "Telegraf with telegraf-net";

const STEADY_CONF: &str = "ignore_protocol_stats = true";

pub(crate) const ROWS: &[Row] = &[
    row(FLOOR, Program::Floor { conf: STEADY_CONF }),
    row(STEADY, Program::Plugin { conf: STEADY_CONF }),
    Row {
        traffic_percent: 100,
        ..row("telegraf-net, traffic everywhere", Program::Plugin { conf: STEADY_CONF })
    },
    row(
        "telegraf-net, speed_refresh = \"0s\"",
        Program::Plugin { conf: "ignore_protocol_stats = true\nspeed_refresh = \"0s\"" },
    ),
    row("telegraf-net, with protocol statistics", Program::Plugin { conf: "" }),
    row(
        "telegraf-net, source = \"procfs\"",
        Program::Plugin { conf: "ignore_protocol_stats = true\nsource = \"procfs\"" },
    ),
    row(INPUTS_NET, Program::TelegrafNet),
    row(TELEGRAF_PLUGIN, Program::TelegrafPlugin { conf: STEADY_CONF }),
    row("node_exporter", Program::NodeExporter),
    row("collectd", Program::Collectd),
];

const fn row(name: &'static str, program: Program) -> Row {
    Row { name, program, only_at: None, traffic_percent: 0 }
}

impl Row {
    /// Whether it is measured with that many interfaces.
    pub(crate) fn is_at(&self, interfaces: usize) -> bool {
        self.only_at.is_none_or(|only| only == interfaces)
    }
}
