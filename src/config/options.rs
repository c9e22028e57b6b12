//! What the file may hold: its options, one row each, and the types that they are read into.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::{Discovery, Tag};
use crate::config::SourceOption;

/// The options of a table as they stand in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are options that know nothing of each other"
)]
pub(super) struct Options {
    pub(super) interfaces: Vec<Spanned<String>>,
    pub(super) interface_exclude: Vec<Spanned<String>>,
    pub(super) kind_include: Vec<Spanned<String>>,
    pub(super) kind_exclude: Vec<Spanned<String>>,
    pub(super) include_down: bool,
    pub(super) include_loopback: bool,
    pub(super) counters: CounterSet,
    pub(super) link_state: bool,
    pub(super) rates: bool,
    pub(super) interface_tags: Vec<Tag>,
    pub(super) ignore_protocol_stats: bool,
    pub(super) protocols: Option<Vec<Spanned<String>>>,
    pub(super) interface_protocols: Vec<Spanned<String>>,
    pub(super) influx_uint_support: bool,
    pub(super) dedup_interval: Option<Spanned<String>>,
    pub(super) namespace_include: Vec<Spanned<String>>,
    pub(super) namespace_exclude: Vec<Spanned<String>>,
    pub(super) namespace_discovery: Discovery,
    pub(super) namespace_limit: Option<NonZeroU32>,
    pub(super) host_proc: Option<PathBuf>,
    pub(super) host_sys: Option<PathBuf>,
    pub(super) source: SourceOption,
    pub(super) speed_refresh: Option<Spanned<String>>,
}

/// `counters` in `plugin.conf`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CounterSet {
    /// The eight of `inputs.net`.
    #[default]
    Basic,
    /// All that the source tells.
    All,
}

/// The keys of [`Options`], and what each takes.
pub(super) const OPTIONS: [(&str, &str); 23] = [
    ("interfaces", r#"a list of names and patterns, such as ["eth*", "lo"]"#),
    ("interface_exclude", r#"a list of names and patterns, such as ["veth*"]"#),
    ("kind_include", r#"a list of kinds and patterns, such as ["physical", "bond"]"#),
    ("kind_exclude", r#"a list of kinds and patterns, such as ["veth"]"#),
    ("include_down", "true or false"),
    ("include_loopback", "true or false"),
    ("counters", r#""basic" or "all""#),
    ("link_state", "true or false"),
    ("rates", "true or false"),
    ("interface_tags", r#"a list of properties, such as ["alias", "mac"]"#),
    ("ignore_protocol_stats", "true or false"),
    ("protocols", r#"a list of groups, such as ["tcp", "tcpext:listen*"]"#),
    ("interface_protocols", r#"a list out of "ip6" and "icmp6""#),
    ("influx_uint_support", "true or false"),
    ("dedup_interval", r#"a duration, such as "10m""#),
    ("namespace_include", r#"a list of names and patterns, such as ["", "blue*"]"#),
    ("namespace_exclude", r#"a list of names and patterns, such as ["cni-*"]"#),
    ("namespace_discovery", r#""named" or "processes""#),
    ("namespace_limit", "a whole number from 1 up"),
    ("host_proc", r#"a folder, such as "/hostfs/proc""#),
    ("host_sys", r#"a folder, such as "/hostfs/sys""#),
    ("source", r#""auto", "netlink" or "procfs""#),
    ("speed_refresh", r#"a duration, such as "60s""#),
];

/// Options that Telegraf gives every input, and those of `inputs.execd` itself: they act on
/// `[[inputs.execd]]` and would do nothing here.
pub(super) const EXECD_OPTIONS: [&str; 35] = [
    "alias",
    "always_include_global_tags",
    "always_include_local_tags",
    "buffer_size",
    "collection_jitter",
    "collection_offset",
    "command",
    "data_format",
    "environment",
    "fielddrop",
    "fieldexclude",
    "fieldinclude",
    "fieldpass",
    "influx_timestamp_precision",
    "interval",
    "log_level",
    "metricpass",
    "name_override",
    "name_prefix",
    "name_suffix",
    "namedrop",
    "namedrop_separator",
    "namepass",
    "namepass_separator",
    "precision",
    "restart_delay",
    "signal",
    "startup_error_behavior",
    "stop_on_error",
    "tagdrop",
    "tagexclude",
    "taginclude",
    "tagpass",
    "tags",
    "time_source",
];
