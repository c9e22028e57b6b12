//! `plugin.conf` -> [`Config`].
//!
//! The file holds `[[inputs.net]]` tables as Telegraf's own configuration does. Every error names
//! the line, the key, and the way out.

mod error;
pub(crate) mod expand;
pub(crate) mod go_duration;
pub mod options;
mod read;
pub mod systems;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use self::systems::{BSD, LINUX, System, WITH_ADDRESSES};
use crate::format::Fields;
use crate::model::interface::{Interface, Wants};
use crate::model::properties::Properties;
use crate::model::protocol::{Group, Groups, ProtocolStatistic};
use crate::select::Selection;
use crate::select::kinds::KindClass;
use crate::select::patterns::Patterns;

pub use self::error::ConfigError;
pub(crate) use self::error::LineEnds;
pub(crate) use self::expand::toml_escaped;

/// The configuration that is used without a file, and what `--sample-config` prints: every option
/// with its default.
pub const SAMPLE: &str = include_str!("../../plugin.conf");

/// What to report.
#[derive(Debug, Clone)]
pub struct Config {
    /// The `[[inputs.net]]` tables, in the file's order; at least one.
    pub tables: Vec<Table>,
    /// What it says to no effect.
    pub warnings: Vec<ConfigWarning>,
}

/// Something that the file says to no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWarning {
    /// The number of its line in the file, from 1.
    pub line: usize,
    /// What has no effect: `include_down does nothing beside interfaces`.
    pub what: String,
    /// Why, and what to do.
    pub why: String,
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, what, why } = self;
        write!(f, "{what} (line {line} of the configuration): {why}")
    }
}

/// One `[[inputs.net]]` table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Which interfaces are reported.
    pub selection: Selection,
    /// Which fields their lines have, and how numbers are written.
    pub fields: Fields,
    /// `interface_tags`: which tags their lines have, beside `interface` and `namespace`.
    pub interface_tags: Vec<Tag>,
    /// `protocols`, unless `ignore_protocol_stats`: what the line `interface=all` has; empty for none.
    pub protocols: Vec<ProtocolItem>,
    /// Whether `protocols` stands in the file: what of it there is not is worth a warning.
    pub names_protocols: bool,
    /// `host_proc`, or else the environment's `HOST_PROC`.
    pub host_proc: HostProc,
    /// `host_sys`, or else the environment's `HOST_SYS`; without either, `/sys`.
    pub host_sys: Option<PathBuf>,
    /// Which of these two it is that names it.
    pub host_sys_by: &'static str,
    /// `source`: where counters, flags and speed come from.
    pub source: SourceOption,
    /// `speed_refresh`: how old a speed may get, where it is not read at every gather anyway.
    pub speed_refresh: Duration,
    /// `dump_zeros`: whether those counters of [`Fields::all_counters`] and protocol statistics are written
    /// that were zero all the time.
    pub dump_zeros: bool,
    /// `dedup_interval`: for how long a line that says nothing new is left out.
    pub dedup_interval: Option<Duration>,
    /// `dedup_fields`: whether for so long, fields that say nothing new are left out of lines that do.
    pub dedup_fields: bool,
    /// Which network namespaces are reported.
    pub namespaces: NamespaceSelection,
    /// What a view wants to know beside what the table's lines tell.
    pub view_wants: Wants,
    /// The entries of the lists that select, as they stand in the file.
    pub entries: Vec<ListEntry>,
    /// The options that the operator gave, in the order of their rows.
    pub given: Vec<Given>,
    /// The number of the line that it begins in, from 1.
    pub line: usize,
}

/// An option of a table that the operator gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its key.
    pub key: &'static str,
    /// Its value, as TOML; cut where it is long.
    pub value: String,
    /// Where it was given.
    pub origin: Origin,
}

/// Where an option was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In that line of the file, from 1.
    Line(usize),
    /// By that variable of the environment.
    Environment(&'static str),
}

/// An entry of a list that selects something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// The list.
    pub list: List,
    /// Its place, from 0, in what the list was read into: among the patterns of kinds, words for a
    /// class have none.
    pub index: usize,
    /// Its text.
    pub text: String,
    /// The number of its line in the file, from 1.
    pub line: usize,
}

/// The lists that select something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `interfaces`.
    Interfaces,
    /// `interface_exclude`.
    InterfaceExclude,
    /// `kind_include`.
    KindInclude,
    /// `kind_exclude`.
    KindExclude,
    /// `protocols`.
    Protocols,
    /// `namespace_include`.
    NamespaceInclude,
    /// `namespace_exclude`.
    NamespaceExclude,
}

impl List {
    /// The option's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interfaces => "interfaces",
            Self::InterfaceExclude => "interface_exclude",
            Self::KindInclude => "kind_include",
            Self::KindExclude => "kind_exclude",
            Self::Protocols => "protocols",
            Self::NamespaceInclude => "namespace_include",
            Self::NamespaceExclude => "namespace_exclude",
        }
    }
}

/// The network namespaces that a table reports.
#[derive(Debug, Clone)]
pub struct NamespaceSelection {
    /// `namespace_include`: those that match; `None` for all.
    pub include: Option<Patterns>,
    /// `namespace_exclude`: not those that match.
    pub exclude: Option<Patterns>,
    /// `namespace_discovery`: where they are looked for.
    pub discovery: Discovery,
    /// `namespace_limit`: how many others than our own are reported at most.
    pub limit: usize,
}

/// Which source the operator wants, `source` in `plugin.conf`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceOption {
    /// On Linux netlink where it can be used, in the host's network namespace too, or else procfs; also
    /// where another `/sys` alone is named. On BSD and macOS sysctl, or else netstat.
    #[default]
    Auto,
    /// Netlink, whatever `HOST_PROC` and `HOST_SYS` say, or else procfs.
    Netlink,
    /// Procfs.
    Procfs,
    /// The kernel's own tables, by `sysctl(3)`.
    Sysctl,
    /// The program `netstat(1)`.
    Netstat,
}

impl SourceOption {
    /// Where there is such a source.
    #[must_use]
    pub fn systems(self) -> &'static [System] {
        match self {
            Self::Auto => &System::ALL,
            Self::Netlink | Self::Procfs => LINUX,
            Self::Sysctl | Self::Netstat => BSD,
        }
    }

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Netlink => "netlink",
            Self::Procfs => "procfs",
            Self::Sysctl => "sysctl",
            Self::Netstat => "netstat",
        }
    }
}

/// `host_proc`: which proc file system, and so whose counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostProc {
    /// `/proc`: the counters of the network namespace that this process lives in.
    Own,
    /// This folder, set by `HOST_PROC`: the counters of its process 1, the host's, when these can
    /// be read, and otherwise those of its `net`.
    Of(PathBuf),
}

/// Where network namespaces are looked for, `namespace_discovery` in `plugin.conf`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Discovery {
    /// Among those that have a name in `/run/netns` or `/run/docker/netns`.
    #[default]
    Named,
    /// There, and wherever a process lives.
    Processes,
}

impl NamespaceSelection {
    /// Whether any but our own can be meant.
    #[must_use]
    pub fn has_others(&self) -> bool {
        self.include.is_some() || self.exclude.is_some()
    }

    /// Whether a name may be reported that is none of those that are `known`; that of our own is.
    #[must_use]
    pub fn may_select_more_than(&self, known: impl Fn(&str) -> bool) -> bool {
        let is_open = |include: &Patterns| {
            let names = include.only_names();
            names.is_none_or(|mut names| names.any(|name| !name.is_empty() && !known(name)))
        };
        self.has_others() && self.include.as_ref().is_none_or(is_open)
    }

    /// Whether the namespace of that name is reported; our own has none.
    #[must_use]
    pub fn selects(&self, name: &[u8]) -> bool {
        if !self.has_others() {
            return name.is_empty();
        }
        self.include.as_ref().is_none_or(|patterns| patterns.matches(name))
            && !self.exclude.as_ref().is_some_and(|patterns| patterns.matches(name))
    }
}

/// Makes the properties that can be tags. A row is the tag's key, and what it tells of an interface and its
/// properties, if anything.
macro_rules! tags {
    ($($(#[$docs:meta])* $tag:ident $key:literal: $value:expr;)*) => {
        /// A property of an interface that can be a tag, `interface_tags` in `plugin.conf`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        pub enum Tag {
            $($(#[$docs])* #[serde(rename = $key)] $tag,)*
        }

        impl Tag {
            /// All of them.
            pub const ALL: [Self; [$($key),*].len()] = [$(Self::$tag),*];

            /// Its key and what it tells; `None` for what is no property of the interface itself, or
            /// where properties are not known.
            #[must_use]
            pub fn of(self, interface: &Interface) -> Option<(&'static str, &[u8])> {
                type Value = for<'a> fn(&'a Interface, &'a Properties) -> Option<&'a [u8]>;
                let properties = &interface.details.as_ref()?.properties;
                let (key, value): (_, Value) = match self {
                    $(Self::$tag => ($key, $value),)*
                };
                Some((key, value(interface, properties)?))
            }

            /// Its key.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self {
                    $(Self::$tag => $key,)*
                }
            }
        }
    };
}

tags! {
    /// [`Properties::alias`].
    Alias "alias": |_, properties| Some(&properties.alias);
    /// [`Properties::altname`].
    Altname "altname": |_, properties| Some(&properties.altname);
    /// [`Properties::mac`].
    Mac "mac": |_, properties| Some(&properties.mac);
    /// [`Properties::kind`], or else the word of `kind_include` for a device or a loopback.
    Kind "kind": |interface, properties| Some(kind_of(interface, properties));
    /// [`Properties::master`].
    Master "master": |_, properties| Some(&properties.master);
    /// [`Properties::lower`].
    Lower "lower": |_, properties| Some(&properties.lower);
    /// [`Properties::driver`].
    Driver "driver": |_, properties| Some(&properties.driver);
    /// The name of the network namespace, which lines of others than our own have anyway.
    Namespace "namespace": |_, _| None;
}

impl Tag {
    /// Where it is told.
    #[must_use]
    pub fn systems(self) -> &'static [System] {
        match self {
            Self::Kind => &System::ALL,
            Self::Mac => WITH_ADDRESSES,
            Self::Alias
            | Self::Altname
            | Self::Master
            | Self::Lower
            | Self::Driver
            | Self::Namespace => LINUX,
        }
    }
}

/// The kernel's kind of an interface, or else a word for what has none; empty for other software, whose
/// kind files do not tell.
fn kind_of<'a>(interface: &Interface, properties: &'a Properties) -> &'a [u8] {
    match KindClass::of(interface) {
        _ if !properties.kind.is_empty() => &properties.kind,
        Some(class @ (KindClass::Physical | KindClass::Loopback)) => class.name().as_bytes(),
        Some(KindClass::Virtual) | None => b"",
    }
}

/// An item of `protocols`: a group of statistics, or those of them whose names match.
#[derive(Debug, Clone)]
pub struct ProtocolItem {
    /// The group.
    pub group: Group,
    /// Patterns of the fields' names without the group's, in lower case.
    pub columns: Option<Patterns>,
}

impl ProtocolItem {
    /// Whether it names that statistic.
    #[must_use]
    pub fn names(&self, statistic: &ProtocolStatistic<'_>) -> bool {
        let matches = |patterns: &Patterns| patterns.matches(statistic.column().as_bytes());
        self.group == statistic.group && self.columns.as_ref().is_none_or(matches)
    }
}

impl Table {
    /// What has to be known of interfaces, beside their counters and speed.
    #[must_use]
    pub fn wants(&self) -> Wants {
        let has_kind_tag = self.interface_tags.contains(&Tag::Kind);
        let wants = Wants {
            flags: self.selection.needs_flags() || has_kind_tag,
            kind: self.selection.needs_kind() || has_kind_tag,
            properties: !self.interface_tags.is_empty(),
            labels: self.interface_tags.iter().any(|tag| matches!(tag, Tag::Alias | Tag::Altname)),
            link_state: self.fields.link_state,
            all_counters: self.fields.all_counters,
            rates: self.fields.rates,
            interface_protocols: self.fields.interface_protocols,
        };
        wants.or(self.view_wants)
    }

    /// The groups of protocol statistics that its line `interface=all` has.
    #[must_use]
    pub fn protocol_groups(&self) -> Groups {
        self.protocols.iter().map(|item| item.group).collect()
    }

    /// Those of them that the operator named.
    #[must_use]
    pub fn named_groups(&self) -> Groups {
        if self.names_protocols { self.protocol_groups() } else { Groups::NONE }
    }
}

/// Looks a variable of the environment up.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

#[cfg(test)]
mod tests;
