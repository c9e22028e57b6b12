//! What the file may hold: its options, one row each, and the types that they are read into.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::systems::{LINUX, System};
use super::{Discovery, SourceOption, Tag};

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
    pub(super) dump_zeros: Option<bool>,
    pub(super) dedup_interval: Option<Spanned<String>>,
    pub(super) dedup_fields: bool,
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

/// An option: a row of the table.
#[derive(Debug)]
pub struct OptionRow {
    /// Its key, which is also the name of its field in `Options`.
    pub key: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What holds without it, as TOML; `None` where the environment says so.
    pub default: Option<&'static str>,
    /// Where it works. An empty list is taken everywhere: it asks for nothing.
    pub systems: &'static [System],
}

/// The options of a table. Each stands in `plugin.conf` and in `docs/OPTIONS.md`, with its default.
pub const OPTIONS: [OptionRow; 25] = [
    OptionRow {
        key: "interfaces",
        takes: r#"a list of names and patterns, such as ["eth*", "lo"]"#,
        default: Some("[]"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "interface_exclude",
        takes: r#"a list of names and patterns, such as ["veth*"]"#,
        default: Some("[]"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "kind_include",
        takes: r#"a list of kinds and patterns, such as ["physical", "bond"]"#,
        default: Some("[]"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "kind_exclude",
        takes: r#"a list of kinds and patterns, such as ["veth"]"#,
        default: Some("[]"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "include_down",
        takes: "true or false",
        default: Some("false"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "include_loopback",
        takes: "true or false",
        default: Some("false"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "counters",
        takes: r#""basic" or "all""#,
        default: Some(r#""basic""#),
        systems: &System::ALL,
    },
    OptionRow {
        key: "link_state",
        takes: "true or false",
        default: Some("false"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "rates",
        takes: "true or false",
        default: Some("false"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "interface_tags",
        takes: r#"a list out of "alias", "altname", "mac", "kind", "master", "lower", "driver" and "namespace""#,
        default: Some("[]"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "ignore_protocol_stats",
        takes: "true or false",
        default: Some("false"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "protocols",
        takes: r#"a list of groups, such as ["tcp", "tcpext:listen*"]"#,
        default: Some(r#"["ip", "icmp", "icmpmsg", "tcp", "udp", "udplite"]"#),
        systems: LINUX,
    },
    OptionRow {
        key: "interface_protocols",
        takes: r#"a list out of "ip6" and "icmp6""#,
        default: Some("[]"),
        systems: LINUX,
    },
    OptionRow {
        key: "influx_uint_support",
        takes: "true or false",
        default: Some("false"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "dump_zeros",
        takes: "true or false",
        default: Some("true"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "dedup_interval",
        takes: r#"a duration, such as "10m""#,
        default: Some(r#""0s""#),
        systems: &System::ALL,
    },
    OptionRow {
        key: "dedup_fields",
        takes: "true or false",
        default: Some("false"),
        systems: &System::ALL,
    },
    OptionRow {
        key: "namespace_include",
        takes: r#"a list of names and patterns, such as ["", "blue*"]"#,
        default: Some("[]"),
        systems: LINUX,
    },
    OptionRow {
        key: "namespace_exclude",
        takes: r#"a list of names and patterns, such as ["cni-*"]"#,
        default: Some("[]"),
        systems: LINUX,
    },
    OptionRow {
        key: "namespace_discovery",
        takes: r#""named" or "processes""#,
        default: Some(r#""named""#),
        systems: LINUX,
    },
    OptionRow {
        key: "namespace_limit",
        takes: "a whole number from 1 to 4294967295",
        default: Some("1000"),
        systems: LINUX,
    },
    OptionRow {
        key: "host_proc",
        takes: r#"a folder, such as "/hostfs/proc""#,
        default: None,
        systems: LINUX,
    },
    OptionRow {
        key: "host_sys",
        takes: r#"a folder, such as "/hostfs/sys""#,
        default: None,
        systems: LINUX,
    },
    OptionRow {
        key: "source",
        takes: r#""auto", "netlink" or "procfs"; on BSD and macOS "auto", "sysctl" or "netstat""#,
        default: Some(r#""auto""#),
        systems: &System::ALL,
    },
    OptionRow {
        key: "speed_refresh",
        takes: r#"a duration, such as "60s""#,
        default: Some(r#""60s""#),
        systems: LINUX,
    },
];

/// Options that Telegraf gives every input: they act on `[[inputs.execd]]` and would do nothing here.
pub(crate) const INPUT_OPTIONS: [&str; 30] = [
    "alias",
    "always_include_global_tags",
    "always_include_local_tags",
    "collection_jitter",
    "collection_offset",
    "drop",
    "fielddrop",
    "fieldexclude",
    "fieldinclude",
    "fieldpass",
    "interval",
    "labels",
    "log_level",
    "metricpass",
    "name_override",
    "name_prefix",
    "name_suffix",
    "namedrop",
    "namedrop_separator",
    "namepass",
    "namepass_separator",
    "pass",
    "precision",
    "startup_error_behavior",
    "tagdrop",
    "tagexclude",
    "taginclude",
    "tagpass",
    "tags",
    "time_source",
];

/// Those of `inputs.execd` itself.
pub(crate) const EXECD_OPTIONS: [&str; 8] = [
    "buffer_size",
    "command",
    "data_format",
    "environment",
    "influx_timestamp_precision",
    "restart_delay",
    "signal",
    "stop_on_error",
];
