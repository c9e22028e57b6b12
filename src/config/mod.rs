//! `plugin.conf` -> [`Config`].
//!
//! The file holds `[[inputs.net]]` tables as Telegraf's own configuration does. Every error names
//! the line, the key, and the way out.

use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::format::influx::{Fields, Unsigned};
use crate::model::interface::{Interface, Wants};
use crate::model::properties::Properties;
use crate::model::protocol::{Group, Groups, ProtocolStatistic};
use crate::parse::Quoted;
use crate::select::patterns::{PatternError, Patterns, Room};
use crate::select::{KindClass, Kinds, Selection};
use crate::system::linux::Wanted;
use crate::system::linux::proc_net::HostProc;
use crate::system::unix::file::QuotedPath;

/// The configuration that is used without a file, and what `--sample-config` prints: every option
/// with its default.
pub const SAMPLE: &str = include_str!("../../plugin.conf");

/// How old a speed may get by default.
const SPEED_REFRESH: Duration = Duration::from_secs(60);

/// How many other network namespaces a table reports by default: more than hosts have, and a bound to
/// what a user without privileges can make of series in a database.
const NAMESPACE_LIMIT: usize = 1000;

/// The most bytes that a configuration may have once variables are replaced: a few may stand in it
/// many times.
const MAX_EXPANDED: usize = 1 << 20;

/// The longest key that may be a known one with a slip.
const MAX_LIKE_A_KEY: usize = 64;

/// What to report.
#[derive(Debug, Clone)]
pub struct Config {
    /// The `[[inputs.net]]` tables, in the file's order; at least one.
    pub tables: Vec<Table>,
    /// What it says to no effect, each with its line.
    pub warnings: Vec<String>,
}

/// One `[[inputs.net]]` table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Which interfaces are reported.
    pub selection: Selection,
    /// Which fields their lines have, and how numbers are written.
    pub fields: Fields,
    /// `interface_tags`: which tags their lines have, beside `interface` and `namespace`.
    pub tags: Vec<Tag>,
    /// `protocols`, unless `ignore_protocol_stats`: what the line `interface=all` has; empty for none.
    pub protocols: Vec<ProtocolItem>,
    /// Whether `protocols` stands in the file: what of it there is not is worth a warning.
    pub names_protocols: bool,
    /// `host_proc`, or else the environment's `HOST_PROC`.
    pub proc: HostProc,
    /// `host_sys`, or else the environment's `HOST_SYS`; without either, `/sys`.
    pub sys: Option<PathBuf>,
    /// `source`: where counters, flags and speed come from.
    pub source: Wanted,
    /// `speed_refresh`: how old a speed may get, where it is not read at every gather anyway.
    pub speed_refresh: Duration,
    /// `dedup_interval`: for how long a line that says nothing new is left out.
    pub dedup_interval: Option<Duration>,
    /// Which network namespaces are reported.
    pub namespaces: Namespaces,
    /// The entries of the lists that select, as they stand in the file.
    pub entries: Vec<Entry>,
}

/// An entry of a list that selects something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
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
pub struct Namespaces {
    /// `namespace_include`: those that match; `None` for all.
    pub include: Option<Patterns>,
    /// `namespace_exclude`: not those that match.
    pub exclude: Option<Patterns>,
    /// `namespace_discovery`: where they are looked for.
    pub discovery: Discovery,
    /// `namespace_limit`: how many others than our own are reported at most.
    pub limit: usize,
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

impl Namespaces {
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

/// A property of an interface that can be a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tag {
    /// [`Properties::alias`].
    Alias,
    /// [`Properties::altname`].
    Altname,
    /// [`Properties::mac`].
    Mac,
    /// [`Properties::kind`], or else the word of `kind_include` for a device or a loopback.
    Kind,
    /// [`Properties::master`].
    Master,
    /// [`Properties::lower`].
    Lower,
    /// [`Properties::driver`].
    Driver,
    /// The name of the network namespace, which lines of others than our own have anyway.
    Namespace,
}

impl Tag {
    /// Its key and what it tells; `None` for what is no property of the interface itself, or where
    /// properties are not known.
    #[must_use]
    pub fn of(self, interface: &Interface) -> Option<(&'static str, &[u8])> {
        let properties = &interface.details.as_ref()?.properties;
        Some(match self {
            Self::Alias => ("alias", &properties.alias),
            Self::Altname => ("altname", &properties.altname),
            Self::Mac => ("mac", &properties.mac),
            Self::Kind => ("kind", kind_of(interface, properties)),
            Self::Master => ("master", &properties.master),
            Self::Lower => ("lower", &properties.lower),
            Self::Driver => ("driver", &properties.driver),
            Self::Namespace => return None,
        })
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
        let has_kind_tag = self.tags.contains(&Tag::Kind);
        Wants {
            flags: self.selection.needs_flags() || has_kind_tag,
            kind: self.selection.needs_kind() || has_kind_tag,
            properties: !self.tags.is_empty(),
            labels: self.tags.iter().any(|tag| matches!(tag, Tag::Alias | Tag::Altname)),
            state: self.fields.state,
            more: self.fields.more,
            rates: self.fields.rates,
            protocols: self.fields.protocols,
        }
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

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The line's number in the file, from 1, where there is one to blame.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Looks a variable of the environment up.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The options of a table as they stand in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are options that know nothing of each other"
)]
struct Options {
    interfaces: Vec<Spanned<String>>,
    interface_exclude: Vec<Spanned<String>>,
    kind_include: Vec<Spanned<String>>,
    kind_exclude: Vec<Spanned<String>>,
    include_down: bool,
    include_loopback: bool,
    counters: CounterSet,
    link_state: bool,
    rates: bool,
    interface_tags: Vec<Tag>,
    ignore_protocol_stats: bool,
    protocols: Option<Vec<Spanned<String>>>,
    interface_protocols: Vec<Spanned<String>>,
    influx_uint_support: bool,
    dedup_interval: Option<Spanned<String>>,
    namespace_include: Vec<Spanned<String>>,
    namespace_exclude: Vec<Spanned<String>>,
    namespace_discovery: Discovery,
    namespace_limit: Option<NonZeroU32>,
    host_proc: Option<PathBuf>,
    host_sys: Option<PathBuf>,
    source: Wanted,
    speed_refresh: Option<Spanned<String>>,
}

/// `counters` in `plugin.conf`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CounterSet {
    /// The eight of `inputs.net`.
    #[default]
    Basic,
    /// All that the source tells.
    All,
}

/// The keys of [`Options`], and what each takes.
const OPTIONS: [(&str, &str); 23] = [
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
const EXECD_OPTIONS: [&str; 35] = [
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

impl Config {
    /// Reads the text of a configuration file.
    ///
    /// # Errors
    ///
    /// One thing in the file that is not right; of several in one table, the first.
    pub fn parse(text: &[u8], env: Env<'_>) -> Result<Self, ConfigError> {
        let text = str::from_utf8(text).map_err(|error| ConfigError {
            line: Some(line_at(text, error.valid_up_to())),
            message: "not valid TOML: the text is not UTF-8".into(),
        })?;
        let text = expand(text, env)?;
        let line_ends = text.match_indices('\n').map(|(place, _)| place).collect();
        let reader = Reader { line_ends, env, room: Room::default() };
        let document = DeTable::parse(&text).map_err(|error| reader.syntax_error(&text, &error))?;
        let mut tables = Tables::default();
        for (name, value) in document.get_ref() {
            let inputs = match (name.get_ref().as_ref(), value.get_ref()) {
                ("inputs", DeValue::Table(inputs)) => inputs,
                (other, _) => return Err(reader.foreign(name.span(), other)),
            };
            for (name, value) in inputs {
                match (name.get_ref().as_ref(), value.get_ref()) {
                    ("net", DeValue::Array(array)) => {
                        for table in array {
                            tables.push(reader.table(table, tables.first_elsewhere())?);
                        }
                    }
                    // Telegraf takes single brackets too.
                    ("net", _) => {
                        tables.push(reader.table(value, tables.first_elsewhere())?);
                    }
                    (other, _) => {
                        return Err(reader.foreign(name.span(), &format!("inputs.{other}")));
                    }
                }
            }
        }
        let Tables { in_order: tables, warnings, .. } = tables;
        if tables.is_empty() {
            let message = "no [[inputs.net]] table; --sample-config prints one to start from";
            return Err(ConfigError { line: None, message: message.into() });
        }
        Ok(Self { tables, warnings })
    }
}

/// The tables that were read.
#[derive(Debug, Default)]
struct Tables {
    in_order: Vec<Table>,
    /// What they say to no effect.
    warnings: Vec<String>,
    /// The place of the first that reports other network namespaces.
    elsewhere: Option<usize>,
}

impl Tables {
    fn push(&mut self, (table, warnings): (Table, Vec<String>)) {
        self.warnings.extend(warnings);
        if self.elsewhere.is_none() && table.namespaces.has_others() {
            self.elsewhere = Some(self.in_order.len());
        }
        self.in_order.push(table);
    }

    fn first_elsewhere(&self) -> Option<&Table> {
        self.in_order.get(self.elsewhere?)
    }
}

/// Turns parts of a parsed document into configuration, or into errors that name their lines.
struct Reader<'t> {
    /// The places of the line breaks in the text.
    line_ends: Vec<usize>,
    env: Env<'t>,
    /// For the patterns of all tables.
    room: Room,
}

impl Reader<'_> {
    /// Reads a table, and what it says to no effect; `first` is the first above it that reports other
    /// network namespaces.
    fn table(
        &self,
        value: &Spanned<DeValue<'_>>,
        first: Option<&Table>,
    ) -> Result<(Table, Vec<String>), ConfigError> {
        let DeValue::Table(entries) = value.get_ref() else {
            let message = r#""inputs.net" is a table: write [[inputs.net]] above its options"#;
            return Err(self.error(value.span(), message));
        };
        let mut keys: Vec<_> = entries.keys().collect();
        keys.sort_by_key(|key| key.span().start);
        for key in keys {
            self.check_key(key.span(), key.get_ref())?;
        }
        let options = Options::deserialize(ValueDeserializer::from(value.clone()));
        let options = options.map_err(|error| self.type_error(entries, &error))?;
        let is_own = options.source == Wanted::Netlink;
        if is_own && let Some((key, _)) = entries.get_key_value("host_proc") {
            let message = "\"host_proc\" names another /proc, and \"source\" = \"netlink\" reads the \
                           network namespace that this process lives in: leave one of them out";
            return Err(self.error(key.span(), message));
        }
        let folder = |option: &Option<_>, variable| {
            self.folder(option.clone(), variable).filter(|_| !is_own)
        };
        let protocols = match &options.protocols {
            _ if options.ignore_protocol_stats => Vec::new(),
            None => {
                let item = |group| ProtocolItem { group, columns: None };
                Group::DEFAULT.map(item).to_vec()
            }
            Some(items) => {
                items.iter().map(|item| self.protocol_item(item)).collect::<Result<_, _>>()?
            }
        };
        let interface_protocols = options.interface_protocols.iter();
        let interface_protocols = interface_protocols
            .map(|item| self.interface_protocol(item))
            .collect::<Result<_, _>>()?;
        let table = Table {
            selection: Selection {
                interfaces: self.patterns("interfaces", &options.interfaces)?,
                exclude: self.patterns("interface_exclude", &options.interface_exclude)?,
                kinds: self.kinds("kind_include", &options.kind_include)?,
                exclude_kinds: self.kinds("kind_exclude", &options.kind_exclude)?,
                include_down: options.include_down,
                include_loopback: options.include_loopback,
            },
            fields: Fields {
                unsigned: if options.influx_uint_support {
                    Unsigned::AsUnsigned
                } else {
                    Unsigned::AsSigned
                },
                more: options.counters == CounterSet::All,
                state: options.link_state,
                rates: options.rates,
                protocols: interface_protocols,
            },
            entries: self.entries(&options),
            tags: without_repeats(&options.interface_tags),
            protocols,
            names_protocols: options.protocols.is_some(),
            proc: folder(&options.host_proc, "HOST_PROC").map_or(HostProc::Own, HostProc::Of),
            sys: folder(&options.host_sys, "HOST_SYS").filter(|sys| *sys != Path::new("/sys")),
            source: options.source,
            speed_refresh: self
                .duration("speed_refresh", options.speed_refresh.as_ref())?
                .unwrap_or(SPEED_REFRESH),
            dedup_interval: self
                .duration("dedup_interval", options.dedup_interval.as_ref())?
                .filter(|interval| !interval.is_zero()),
            namespaces: Namespaces {
                include: self.patterns("namespace_include", &options.namespace_include)?,
                exclude: self.patterns("namespace_exclude", &options.namespace_exclude)?,
                discovery: options.namespace_discovery,
                limit: options.namespace_limit.map_or(NAMESPACE_LIMIT, |limit| {
                    usize::try_from(limit.get()).unwrap_or(usize::MAX)
                }),
            },
        };
        self.check_namespaces(value.span(), entries, &table, first)?;
        Ok((table, self.warnings(entries, &options)))
    }

    /// What has no effect beside something else in the table.
    fn warnings(&self, entries: &DeTable<'_>, options: &Options) -> Vec<String> {
        let beside_names = [
            ("include_down", "those that are down", options.include_down),
            ("include_loopback", "loopbacks", options.include_loopback),
        ];
        let is_void = |is_set: bool| is_set && !options.interfaces.is_empty();
        let void = beside_names.into_iter().filter(|(.., is_set)| is_void(*is_set));
        let warnings = void.filter_map(|(option, which, _)| {
            let (key, _) = entries.get_key_value(option)?;
            Some(format!(
                "{option} does nothing beside interfaces (line {} of the configuration): a list of \
                 interfaces reports {which} too, if they match; leave one of them out",
                self.line_of(key.span())
            ))
        });
        warnings.collect()
    }

    /// The entries of all lists that select.
    fn entries(&self, options: &Options) -> Vec<Entry> {
        let no_protocols = Vec::new();
        let is_off = options.ignore_protocol_stats;
        let protocols = options.protocols.as_ref().filter(|_| !is_off).unwrap_or(&no_protocols);
        let lists = [
            (List::Interfaces, &options.interfaces),
            (List::InterfaceExclude, &options.interface_exclude),
            (List::KindInclude, &options.kind_include),
            (List::KindExclude, &options.kind_exclude),
            (List::Protocols, protocols),
            (List::NamespaceInclude, &options.namespace_include),
            (List::NamespaceExclude, &options.namespace_exclude),
        ];
        let mut entries = Vec::new();
        for (list, texts) in lists {
            let has_classes = matches!(list, List::KindInclude | List::KindExclude);
            let mut index = 0;
            for text in texts {
                let line = self.line_of(text.span());
                entries.push(Entry { list, index, text: text.get_ref().clone(), line });
                let is_class = has_classes && KindClass::of_name(text.get_ref()).is_some();
                index += usize::from(!is_class);
            }
        }
        entries
    }

    /// The number of the line that something stands in.
    fn line_of(&self, span: Range<usize>) -> usize {
        self.line_ends.partition_point(|&end| end < span.start) + 1
    }

    /// Has namespaces looked for only where they are reported, and in one `/proc`.
    fn check_namespaces(
        &self,
        span: Range<usize>,
        entries: &DeTable<'_>,
        table: &Table,
        first: Option<&Table>,
    ) -> Result<(), ConfigError> {
        let span_of = |key| entries.get_key_value(key).map(|(key, _)| key.span());
        if !table.namespaces.has_others() {
            if table.namespaces.discovery == Discovery::Processes {
                let message = "\"namespace_discovery\" = \"processes\" looks for network namespaces, \
                               and this table reports none but its own: add, for example, \
                               namespace_include = [\"\", \"*\"]";
                let span = span_of("namespace_discovery").unwrap_or(span);
                return Err(self.error(span, message));
            }
            return Ok(());
        }
        let Some(first) = first.filter(|first| first.proc != table.proc) else { return Ok(()) };
        let name = |proc: &HostProc| match proc {
            HostProc::Own => "our own /proc".to_owned(),
            HostProc::Of(folder) => QuotedPath(folder).to_string(),
        };
        let message = format!(
            "\"host_proc\": all tables that report other network namespaces must have the same: \
             here it is {}, in the first of them {}; \"source\" = \"netlink\" means our own /proc",
            name(&table.proc),
            name(&first.proc)
        );
        Err(self.error(span_of("host_proc").unwrap_or(span), message))
    }

    fn check_key(&self, span: Range<usize>, key: &str) -> Result<(), ConfigError> {
        if OPTIONS.iter().any(|(option, _)| *option == key) {
            return Ok(());
        }
        if EXECD_OPTIONS.contains(&key) {
            let message = format!(
                "{key:?} is an option of [[inputs.execd]]: set it there, in Telegraf's own \
                 configuration"
            );
            return Err(self.error(span, message));
        }
        let likeness = |option: &str| strsim::jaro_winkler(&key.to_lowercase(), option);
        let nearest = OPTIONS
            .iter()
            .filter(|_| key.len() <= MAX_LIKE_A_KEY)
            .map(|(option, _)| *option)
            .max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
        let hint = match nearest.filter(|option| likeness(option) > 0.8) {
            Some(option) => format!("; did you mean {option:?}?"),
            None => String::new(),
        };
        let known = OPTIONS.map(|(option, _)| option).join(", ");
        let message =
            format!("{key:?} is not an option of [[inputs.net]]{hint} (its options: {known})");
        Err(self.error(span, message))
    }

    fn patterns(
        &self,
        key: &str,
        entries: &[Spanned<String>],
    ) -> Result<Option<Patterns>, ConfigError> {
        if entries.is_empty() {
            return Ok(None);
        }
        let names: Vec<_> = entries.iter().map(Spanned::get_ref).collect();
        Patterns::within(&self.room, &names).map(Some).map_err(|error: PatternError| {
            let span = entries.get(error.index).map_or(0..0, Spanned::span);
            self.error(span, format!("{key:?}: {error}"))
        })
    }

    /// Words for a class of interfaces stand beside patterns of kinds.
    fn kinds(&self, key: &str, entries: &[Spanned<String>]) -> Result<Option<Kinds>, ConfigError> {
        if entries.is_empty() {
            return Ok(None);
        }
        let class = |entry: &&Spanned<String>| KindClass::of_name(entry.get_ref());
        let classes = entries.iter().filter_map(|entry| class(&entry)).collect();
        let patterns: Vec<_> =
            entries.iter().filter(|entry| class(entry).is_none()).cloned().collect();
        Ok(Some(Kinds { classes, patterns: self.patterns(key, &patterns)? }))
    }

    fn protocol_item(&self, item: &Spanned<String>) -> Result<ProtocolItem, ConfigError> {
        let (name, pattern) = match item.get_ref().split_once(':') {
            Some((name, pattern)) => (name, Some(pattern)),
            None => (item.get_ref().as_str(), None),
        };
        let group = Group::of_name(name).ok_or_else(|| {
            let groups = Group::ALL.map(Group::name).join(", ");
            let message = format!(
                "\"protocols\": {name:?} is not a group of statistics (there are {groups})"
            );
            self.error(item.span(), message)
        })?;
        if pattern.is_some_and(str::is_empty) {
            let message = format!(
                "\"protocols\": {:?} picks no field: name one after the colon, or leave it out",
                item.get_ref()
            );
            return Err(self.error(item.span(), message));
        }
        // The whole name of a field is as good.
        let prefix = format!("{}_", group.name());
        let columns =
            pattern.map(|pattern| Patterns::behind(&prefix, &self.room, &[pattern.to_lowercase()]));
        let columns = columns.transpose();
        let columns =
            columns.map_err(|error| self.error(item.span(), format!("\"protocols\": {error}")))?;
        Ok(ProtocolItem { group, columns })
    }

    fn interface_protocol(&self, item: &Spanned<String>) -> Result<Group, ConfigError> {
        let group = Group::of_name(item.get_ref());
        group.filter(|group| Group::OF_INTERFACES.contains(group)).ok_or_else(|| {
            let (item_text, groups) = (item.get_ref(), Group::OF_INTERFACES.map(Group::name));
            let message = format!(
                "\"interface_protocols\": {item_text:?} is not kept per interface (there are {})",
                groups.join(", ")
            );
            self.error(item.span(), message)
        })
    }

    fn duration(
        &self,
        key: &str,
        option: Option<&Spanned<String>>,
    ) -> Result<Option<Duration>, ConfigError> {
        let Some(option) = option else { return Ok(None) };
        let text = option.get_ref();
        humantime::parse_duration(text).map(Some).map_err(|error| {
            let message =
                format!("{key:?}: {text:?} is no duration ({error}); write it as 60s or 1m30s");
            self.error(option.span(), message)
        })
    }

    /// The folder of the option, or else of the environment; an empty one counts as none.
    fn folder(&self, option: Option<PathBuf>, variable: &str) -> Option<PathBuf> {
        let is_given = |folder: &PathBuf| !folder.as_os_str().is_empty();
        option.filter(is_given).or_else(|| (self.env)(variable).map(PathBuf::from).filter(is_given))
    }

    fn foreign(&self, span: Range<usize>, name: &str) -> ConfigError {
        let message = format!(
            "{name:?} does not belong here: this file holds [[inputs.net]] tables only, and all \
             else stays in Telegraf's own configuration"
        );
        self.error(span, message)
    }

    fn type_error(&self, entries: &DeTable<'_>, error: &toml::de::Error) -> ConfigError {
        let span = error.span().unwrap_or_default();
        let entry = entries
            .iter()
            .find(|(_, value)| value.span().start <= span.start && span.start < value.span().end);
        let takes = entry.and_then(|(key, _)| {
            let (option, takes) = OPTIONS.iter().find(|(option, _)| key.get_ref() == option)?;
            Some(format!("{option:?} takes {takes}: "))
        });
        self.error(span, takes.unwrap_or_default() + error.message())
    }

    fn syntax_error(&self, text: &str, error: &toml::de::Error) -> ConfigError {
        let message = error.message().replace('\n', ", ");
        let span = error.span().unwrap_or_default();
        // That message alone does not say which.
        let key = text.get(span.clone()).filter(|_| message == "duplicate key");
        let key = key.map(|key| key.trim_matches(['"', '\'']).as_bytes());
        let key = key.map(|key| format!(" {}", Quoted(key))).unwrap_or_default();
        self.error(span, format!("not valid TOML: {message}{key}"))
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        ConfigError { line: Some(self.line_of(span)), message: message.into() }
    }
}

/// Each item once, where it stands first.
fn without_repeats(tags: &[Tag]) -> Vec<Tag> {
    let mut once = Vec::new();
    for &tag in tags {
        if !once.contains(&tag) {
            once.push(tag);
        }
    }
    once
}

/// The number, from 1, of the line that the byte stands in.
fn line_at(text: &[u8], byte: usize) -> usize {
    text.get(..byte).unwrap_or(text).split(|&byte| byte == b'\n').count()
}

/// Where in a TOML document a variable stands, which decides how its value is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Bare,
    Comment,
    /// Between double quotes, one or three.
    Basic(&'static str),
    /// Between single quotes, one or three.
    Literal(&'static str),
}

impl Place {
    /// How many bytes of `rest` go together here, and what comes behind them.
    fn step(self, rest: &str) -> (usize, Self) {
        let quotes = ["\"\"\"", "\"", "\'\'\'", "\'"];
        let found = quotes.into_iter().find(|quote| rest.starts_with(quote));
        let character = rest.chars().next().unwrap_or_default();
        let length = character.len_utf8();
        match (self, found, character) {
            (Self::Bare, Some(quote), '"') => (quote.len(), Self::Basic(quote)),
            (Self::Bare, Some(quote), _) => (quote.len(), Self::Literal(quote)),
            (Self::Bare, _, '#') => (length, Self::Comment),
            (Self::Basic(_), _, '\\') => {
                let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                (length + escaped, self)
            }
            (Self::Basic(end) | Self::Literal(end), _, _) if rest.starts_with(end) => {
                (end.len(), Self::Bare)
            }
            // A string of one line that is not closed is an error, which TOML's parser reports.
            (Self::Comment | Self::Basic("\"") | Self::Literal("\'"), _, '\n') => {
                (length, Self::Bare)
            }
            _ => (length, self),
        }
    }

    /// `value` as it is written here, so that it stays within its value and its line.
    fn written(self, value: &str) -> Result<String, &'static str> {
        match self {
            Self::Basic(_) => Ok(value.chars().map(toml_escaped).collect()),
            Self::Literal(_) if value.contains(['\'', '\n', '\r']) => {
                Err("holds a quote or a line break: put double quotes around it")
            }
            Self::Bare if value.contains(['\n', '\r', '#']) => {
                Err("holds a line break or \"#\": put double quotes around it")
            }
            Self::Literal(_) | Self::Bare | Self::Comment => Ok(value.to_owned()),
        }
    }
}

/// A character as it is written between double quotes.
fn toml_escaped(character: char) -> String {
    match character {
        '"' | '\\' => format!("\\{character}"),
        _ if character.is_control() => format!("\\u{:04X}", u32::from(character)),
        _ => character.to_string(),
    }
}

/// Replaces `${VAR}` and `${VAR:-default}` everywhere but in comments. The default counts where the
/// variable is unset or empty. Lines keep their numbers.
fn expand(text: &str, env: Env<'_>) -> Result<String, ConfigError> {
    let mut expanded = String::with_capacity(text.len());
    let mut place = Place::Bare;
    let mut rest = text;
    while !rest.is_empty() {
        let (length, next) = match rest.strip_prefix("${") {
            Some(reference) if place != Place::Comment => {
                let expansion = value_of(reference, place, env).and_then(|(value, length)| {
                    let is_short = expanded.len() + value.len() <= MAX_EXPANDED;
                    is_short.then_some((value, length)).ok_or_else(|| {
                        "with its variables replaced, the file is longer than 1 MiB: give them \
                         shorter values"
                            .to_owned()
                    })
                });
                let (value, length) = expansion.map_err(|message| {
                    let before = text.get(..text.len() - rest.len()).unwrap_or_default();
                    let key = before.rsplit('\n').next().and_then(|line| line.split_once('='));
                    let key = key.map(|(key, _)| format!("{:?}: ", key.trim())).unwrap_or_default();
                    let line = Some(line_at(text.as_bytes(), before.len()));
                    ConfigError { line, message: key + &message }
                })?;
                expanded.push_str(&value);
                rest = rest.get("${".len() + length..).unwrap_or_default();
                continue;
            }
            _ => place.step(rest),
        };
        let (copied, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        expanded.push_str(copied);
        (rest, place) = (behind, next);
    }
    Ok(expanded)
}

/// The value for `VAR}` or `VAR:-default}` at the start of `reference`, and its length.
fn value_of(reference: &str, place: Place, env: Env<'_>) -> Result<(String, usize), String> {
    let Some(inner) = up_to_closing_brace(reference) else {
        let line = reference.lines().next().unwrap_or_default();
        return Err(format!("{:?} has no \"}}\"", format!("${{{line}")));
    };
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    if !is_name {
        return Err(format!("{name:?} cannot be the name of an environment variable"));
    }
    let length = inner.len() + "}".len();
    let value = match (env(name), default) {
        (Some(value), Some(default)) if value.is_empty() => return Ok((default.into(), length)),
        (None, Some(default)) => return Ok((default.into(), length)),
        (Some(value), _) => value,
        (None, None) => {
            return Err(format!(
                "the environment variable {name:?} is not set; ${{{name}:-default}} would give a \
                 default"
            ));
        }
    };
    let value = value.to_str().ok_or_else(|| format!("the value of {name:?} is not UTF-8"))?;
    let written = place.written(value).map_err(|why| format!("the value of {name:?} {why}"))?;
    Ok((written, length))
}

/// What stands before the brace that closes a reference, on its line; braces in between come in
/// pairs.
fn up_to_closing_brace(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let end = text.find(|character| {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return true,
            '\n' => return true,
            '}' => depth -= 1,
            _ => {}
        }
        false
    })?;
    let (inner, rest) = text.split_at_checked(end)?;
    rest.starts_with('}').then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<OsString> {
        let variables = [
            ("IFACE", "eth0"),
            ("EMPTY", ""),
            ("YES", "true"),
            ("ODD", "a\"b\\c\nd"),
            ("QUOTE", "it's"),
            ("_U2", "usb0"),
            ("HOST_PROC", "/env/proc"),
            ("HOST_SYS", ""),
        ];
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text.as_bytes(), &env).map_err(|error| error.to_string())
    }

    fn only_table(text: &str) -> Table {
        let mut tables = parse(text).unwrap().tables;
        assert_eq!(tables.len(), 1);
        tables.remove(0)
    }

    fn matches(table: &Table, name: &str) -> bool {
        table
            .selection
            .interfaces
            .as_ref()
            .is_some_and(|patterns| patterns.matches(name.as_bytes()))
    }

    #[test]
    fn the_sample_is_valid_and_names_every_option_with_its_default() {
        let table = only_table(SAMPLE);
        assert!(table.selection.interfaces.is_none());
        assert!(!table.protocols.is_empty());
        assert_eq!(table.fields.unsigned, Unsigned::AsSigned);
        assert_eq!((table.source, table.speed_refresh), (Wanted::Auto, Duration::from_secs(60)));
        for (option, _) in OPTIONS {
            let line = SAMPLE.lines().find(|line| line.starts_with(&format!("  # {option} = ")));
            let uncommented =
                line.unwrap_or_else(|| panic!("{option} is missing")).replace("# ", "");
            parse(&format!("[[inputs.net]]\n{uncommented}")).unwrap();
        }
        only_table(&SAMPLE.replace("  # ", "  "));
    }

    #[test]
    fn options_are_read_and_come_before_the_environment() {
        let table = only_table(
            "[[inputs.net]]\ninterfaces = ['eth*']\nignore_protocol_stats = true\n\
             influx_uint_support = true\nhost_proc = '/p'\nhost_sys = '/s'\n\
             source = 'procfs'\nspeed_refresh = '1m30s'",
        );
        assert!(matches(&table, "eth1") && !matches(&table, "lo"));
        assert!(table.protocols.is_empty());
        assert_eq!(table.fields.unsigned, Unsigned::AsUnsigned);
        assert_eq!((table.proc, table.sys), (HostProc::Of("/p".into()), Some("/s".into())));
        assert_eq!((table.source, table.speed_refresh), (Wanted::Procfs, Duration::from_secs(90)));
        let table = only_table("[[inputs.net]]\ninterfaces = []\nhost_proc = ''");
        assert!(table.selection.interfaces.is_none());
        assert_eq!((table.proc, table.sys), (HostProc::Of("/env/proc".into()), None));
    }

    #[test]
    fn netlink_reads_the_own_namespace_whatever_the_environment_says() {
        let table = only_table("[[inputs.net]]\nsource = 'netlink'");
        assert_eq!((table.proc, table.sys), (HostProc::Own, None));
    }

    #[test]
    fn several_tables_keep_their_order_and_single_brackets_do() {
        let config =
            parse("[[inputs.net]]\ninterfaces=['a']\n[[inputs.net]]\ninterfaces=['b']").unwrap();
        let order: Vec<_> = config.tables.iter().map(|table| matches(table, "b")).collect();
        assert_eq!(order, [false, true]);
        only_table("[inputs.net]\ninterfaces = ['a']");
    }

    #[test]
    fn variables_are_expanded_where_they_stand() {
        let table = only_table(
            "# ${UNSET} in a comment\n[[inputs.net]] # ${UNSET}\n\
             interfaces = [\"${IFACE}.*\", '${IFACE}', \"${UNSET:-lo}\", '${EMPTY:-en*}', \"#${IFACE}\", \"${_U2:-lo1}\"]\n\
             ignore_protocol_stats = ${YES}",
        );
        assert!(table.protocols.is_empty());
        for name in ["eth0.1", "eth0", "lo", "enp1", "#eth0", "usb0"] {
            assert!(matches(&table, name), "{name}");
        }
        assert!(!matches(&table, "lo1"));
        let table =
            only_table("[[inputs.net]]\ninterfaces = ['${UNSET:-{if0,if{1,2}}}', '${IFACE:-{a}}']");
        for (name, expected) in [("if0", true), ("if2", true), ("eth0", true), ("eth0}", false)] {
            assert_eq!(matches(&table, name), expected, "{name}");
        }
        let table = only_table("[[inputs.net]]\ninterfaces = [\"*\"]\nhost_proc = \"${ODD}\"");
        assert_eq!(table.proc, HostProc::Of("a\"b\\c\nd".into()));
        let table = only_table("[[inputs.net]]\nhost_sys = \"\\\"a${ODD}\" # ${UNSET}");
        assert_eq!(table.sys, Some("\"aa\"b\\c\nd".into()));
        let table = only_table("[[inputs.net]]\nhost_sys = \"\"\"\\\"${QUOTE}\"\"\"");
        assert_eq!(table.sys, Some("\"it's".into()));
    }

    #[test]
    fn bytes_that_are_no_utf8_have_a_line_too() {
        let error = Config::parse(b"[[inputs.net]]\ninterfaces = ['\xff']", &env).unwrap_err();
        assert_eq!(error.to_string(), "line 2: not valid TOML: the text is not UTF-8");
    }

    #[test]
    fn a_list_without_wildcards_selects_no_other_names() {
        for (options, known, may) in [
            ("", "", false),
            ("namespace_include = ['']", "", false),
            ("namespace_include = ['', 'blue']", "", true),
            ("namespace_include = ['', 'blue']", "blue", false),
            ("namespace_include = ['{blue,red}']", "blue", true),
            ("namespace_include = ['blue*']", "blue", true),
            ("namespace_exclude = ['blue']", "blue", true),
        ] {
            let table = only_table(&format!("[[inputs.net]]\n{options}"));
            let is_known = |name: &str| !known.is_empty() && name.contains(known);
            assert_eq!(table.namespaces.may_select_more_than(is_known), may, "{options}");
        }
    }

    #[test]
    fn namespaces_are_looked_for_in_one_proc_for_all_tables() {
        let others = "[[inputs.net]]\nnamespace_include = ['*']\n";
        let without = "[[inputs.net]]\nhost_proc = '/c'\n";
        let netlink = &format!("{others}source = 'netlink'\n");
        let [at_a, at_env] = ["/a", "/env/proc"].map(|it| format!("{others}host_proc = '{it}'\n"));
        let (at_a, at_env) = (at_a.as_str(), at_env.as_str());
        for tables in [
            [others, others, at_env],
            [at_a, without, at_a],
            [netlink, "[[inputs.net]]\n", netlink],
        ] {
            parse(&tables.concat()).unwrap();
        }
        let at_b = "[[inputs.net]]\nnamespace_exclude = ['a']\nhost_proc = '/b'\n";
        for (tables, line, here, first) in [
            ([at_a, at_a, at_b], 9, "\"/b\"", "\"/a\""),
            ([without, at_a, at_b], 8, "\"/b\"", "\"/a\""),
            ([without, at_a, others], 6, "\"/env/proc\"", "\"/a\""),
            ([others, without, netlink], 5, "our own /proc", "\"/env/proc\""),
            ([netlink, others, without], 4, "\"/env/proc\"", "our own /proc"),
        ] {
            let expected = format!(
                "line {line}: \"host_proc\": all tables that report other network namespaces must \
                 have the same: here it is {here}, in the first of them {first}; \"source\" = \
                 \"netlink\" means our own /proc"
            );
            assert_eq!(parse(&tables.concat()).unwrap_err(), expected);
        }
        // Without HOST_PROC, netlink's is that of the others.
        let tables = [others, netlink, &format!("{others}source = 'procfs'\n")].concat();
        Config::parse(tables.as_bytes(), &|_| None).unwrap();
    }

    #[test]
    fn every_error_says_the_line_the_key_and_the_way_out() {
        let cases = [
            ("", "no [[inputs.net]] table; --sample-config prints one to start from"),
            ("\n[[inputs.cpu]]\n", r#"line 2: "inputs.cpu" does not belong here: "#),
            ("[agent]\ninterval = '1s'", r#"line 1: "agent" does not belong here: "#),
            ("[[outputs.file]]\n", r#"line 1: "outputs" does not belong here: "#),
            ("inputs = 3", r#"line 1: "inputs" does not belong here: "#),
            ("[inputs]\nnet = 3", r#"line 2: "inputs.net" is a table: write [[inputs.net]]"#),
            (
                "[[inputs.net]]\ninterfacess = []",
                r#"line 2: "interfacess" is not an option of [[inputs.net]]; did you mean "interfaces"? (its options: interfaces, interface_ex"#,
            ),
            (
                "[[inputs.net]]\nfrobnicate = 1",
                r#"line 2: "frobnicate" is not an option of [[inputs.net]]"#,
            ),
            (
                "[[inputs.net]]\ninterval = '10s'",
                r#"line 2: "interval" is an option of [[inputs.execd]]: set it there"#,
            ),
            (
                "[[inputs.net]]\n[inputs.net.tags]\na = 'b'",
                r#"line 2: "tags" is an option of [[inputs.execd]]"#,
            ),
            (
                "[[inputs.net]]\n\ninterfaces = 'eth0'",
                r#"line 3: "interfaces" takes a list of names and patterns, such as ["eth*", "lo"]: invalid type: string "eth0""#,
            ),
            (
                "[[inputs.net]]\ninterfaces = [\n'eth0',\n5]",
                r#"line 4: "interfaces" takes a list of names and patterns"#,
            ),
            (
                "[[inputs.net]]\nignore_protocol_stats = true\nhost_sys = 5\ninterfaces = ['a']",
                r#"line 3: "host_sys" takes a folder, such as "/hostfs/sys": invalid type"#,
            ),
            (
                "[[inputs.net]]\nsource = 'sysfs'",
                r#"line 2: "source" takes "auto", "netlink" or "procfs": unknown variant `sysfs`"#,
            ),
            (
                "[[inputs.net]]\nhost_proc = '/p'\nsource = 'netlink'",
                r#"line 2: "host_proc" names another /proc, and "source" = "netlink" reads"#,
            ),
            (
                "[[inputs.net]]\nprotocols = ['ip',\n'tcp:']",
                r#"line 3: "protocols": "tcp:" picks no field: name one after the colon, or leave it out"#,
            ),
            (
                "[[inputs.net]]\nrates = true\nnamespace_discovery = 'processes'",
                r#"line 3: "namespace_discovery" = "processes" looks for network namespaces, and this table reports none but its own: add, for example, namespace_include = ["", "*"]"#,
            ),
            (
                "[[inputs.net]]\nnamespace_include = []\nnamespace_discovery = 'processes'",
                r#"line 3: "namespace_discovery" = "processes" looks for"#,
            ),
            (
                "[[inputs.net]]\nspeed_refresh = 'often'",
                r#"line 2: "speed_refresh": "often" is no duration (expected number at 0); write it as"#,
            ),
            (
                "[[inputs.net]]\nignore_protocol_stats = 'yes'",
                r#"line 2: "ignore_protocol_stats" takes true or false: invalid type"#,
            ),
            (
                "[[inputs.net]]\ninterfaces = ['lo',\n 'eth[']",
                r#"line 3: "interfaces": "eth[" is not a valid pattern: "[" has no "]""#,
            ),
            ("[[inputs.net]]\nzzz = 1\naaa = 2", r#"line 2: "zzz" is not an option"#),
            ("[[inputs.net]]\ninterfaces = [", "line 2: not valid TOML: "),
            (
                "[[inputs.net]]\nhost_sys = '/a'\nhost_sys = '/b'",
                "line 3: not valid TOML: duplicate key \"host_sys\"",
            ),
            (
                "[[inputs.net]]\n'source' = 'auto'\n\"source\" = 'auto'",
                "line 3: not valid TOML: duplicate key \"source\"",
            ),
            ("[inputs.net]\n[inputs.net]", "line 2: not valid TOML: duplicate key \"net\""),
            (
                "\n\nhost_sys = \"${UNSET}\"",
                r#"line 3: "host_sys": the environment variable "UNSET" is not set"#,
            ),
            ("host_sys = \"${IFACE\n}\"", r#"line 1: "host_sys": "${IFACE" has no "}""#),
            (
                "host_sys = \"${}\"",
                r#"line 1: "host_sys": "" cannot be the name of an environment variable"#,
            ),
            ("host_sys = '${QUOTE}'", r#"line 1: "host_sys": the value of "QUOTE" holds a quote"#),
            ("a = ${ODD}", r#"line 1: "a": the value of "ODD" holds a line break"#),
        ];
        for (text, start) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(start), "{text:?} gave {error:?}");
            assert!(!error.contains('\n'), "{error:?}");
        }
    }

    #[test]
    fn every_option_says_the_line_of_a_value_that_it_does_not_take() {
        let mut cases = Vec::new();
        for (option, takes) in OPTIONS {
            let problem = format!(" takes {takes}: ");
            cases.push((option, "-5".to_owned(), 2, problem.clone()));
            if takes.starts_with("a list") {
                cases.push((option, "'x'".into(), 2, problem.clone()));
                cases.push((option, "[\n5]".into(), 3, problem));
            }
        }
        let names = ["interfaces", "interface_exclude", "namespace_include", "namespace_exclude"];
        let (kinds, durations) =
            (["kind_include", "kind_exclude"], ["dedup_interval", "speed_refresh"]);
        for (options, value, line, problem) in [
            (&names[..], "[\n'', '*',\n'a', '[b']", 4, r#": "[b" is not a valid pattern"#),
            (&kinds, "['virtual',\n'loopback', 'a', '{b']", 3, r#": "{b" is not a valid pattern"#),
            (&["protocols"], "['ip',\n'udp:a*',\n'tcp:[b']", 4, r#": "[b" is not a valid pattern"#),
            (&["protocols"], "['ip',\n'ipp:*']", 3, r#": "ipp" is not a group of"#),
            (&["interface_protocols"], "['ip6',\n'tcp']", 3, r#": "tcp" is not kept per "#),
            (&["interface_protocols"], "['ip7']", 2, r#": "ip7" is not kept per interface (there"#),
            (&["interface_tags"], "['alias',\n'colour']", 3, " takes a list of properties"),
            (&["counters"], "'some'", 2, r#" takes "basic" or "all": unknown variant `some`"#),
            (&["namespace_discovery"], "'all'", 2, r#" takes "named" or "processes": unknown "#),
            (&durations, "''", 2, r#": "" is no duration ("#),
            (&durations, "'-1s'", 2, r#": "-1s" is no duration ("#),
            (&durations, "'60'", 2, r#": "60" is no duration ("#),
            (&durations, "'99999999999999999999s'", 2, r#": "99999999999999999999s" is "#),
            (&durations, "'600000000000y'", 2, r#": "600000000000y" is no duration ("#),
        ] {
            cases
                .extend(options.iter().map(|&option| (option, value.into(), line, problem.into())));
        }
        for (option, value, line, problem) in cases {
            let text = format!("[[inputs.net]]\n{option} = {value}\n");
            let error = parse(&text).expect_err(&text);
            let start = format!("line {line}: \"{option}\"{problem}");
            assert!(error.starts_with(&start), "{text:?} gave {error:?}");
            assert!(!error.contains('\n'), "{error:?}");
        }
    }
}
