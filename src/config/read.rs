//! The text of a file -> [`Config`], or an error that names the line, the key and the way out.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::error::{ConfigError, LineEnds};
use super::expand::expand;
use super::options::{CounterSet, EXECD_OPTIONS, INPUT_OPTIONS, OPTIONS, Options};
use super::systems::{LINUX, System, Systems};
use super::{
    Config, ConfigWarning, Discovery, Env, Given, List, ListEntry, NamespaceSelection, Origin,
    ProtocolItem, Table, Tag,
};
use crate::config::HostProc;
use crate::config::SourceOption;
use crate::format::Fields;
use crate::model::interface::Wants;
use crate::model::protocol::Group;
use crate::quoted::{Quoted, QuotedPath};
use crate::select::Selection;
use crate::select::kinds::{KindClass, Kinds};
use crate::select::patterns::{PatternError, Patterns, Room};

/// How old a speed may get by default.
const SPEED_REFRESH: Duration = Duration::from_secs(60);

/// How many other network namespaces a table reports by default: more than hosts have, and a bound to
/// what a user without privileges can make of series in a database.
const NAMESPACE_LIMIT: usize = 1000;

/// The longest key that may be a known one with a slip.
const MAX_LIKE_A_KEY: usize = 64;

/// About how many bytes of a value are shown to people.
const MAX_SHOWN: usize = 120;

impl Config {
    /// Reads the text of a configuration file.
    ///
    /// # Errors
    ///
    /// One thing in the file that is not right; of several in one table, the first.
    pub fn parse(text: &[u8], env: Env<'_>) -> Result<Self, ConfigError> {
        Self::parse_for(System::current(), text, env)
    }

    /// The same for that system: an option that it cannot have is an error.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`].
    pub fn parse_for(system: System, text: &[u8], env: Env<'_>) -> Result<Self, ConfigError> {
        let text = str::from_utf8(text)
            .map_err(|error| ConfigError::not_utf8(text, error.valid_up_to()))?;
        let text = expand(text, env)?;
        let reader = Reader { line_ends: LineEnds::of(&text), system, env, room: Room::default() };
        let document = DeTable::parse(&text).map_err(|error| {
            ConfigError::of_toml(&text, &error, |place| reader.line_ends.line_of(place))
        })?;
        let mut tables = TablesRead::default();
        for (name, value) in document.get_ref() {
            let inputs = match (name.get_ref().as_ref(), value.get_ref()) {
                ("inputs", DeValue::Table(inputs)) => inputs,
                (other, _) => return Err(reader.foreign(name.span(), other)),
            };
            for (name, value) in inputs {
                match (name.get_ref().as_ref(), value.get_ref()) {
                    ("net", DeValue::Array(array)) => {
                        for table in array {
                            tables.push(reader.table(table, tables.first_with_others())?);
                        }
                    }
                    // Telegraf takes single brackets too.
                    ("net", _) => {
                        tables.push(reader.table(value, tables.first_with_others())?);
                    }
                    (other, _) => {
                        return Err(reader.foreign(name.span(), &format!("inputs.{other}")));
                    }
                }
            }
        }
        let TablesRead { in_order: tables, warnings, .. } = tables;
        if tables.is_empty() {
            let message = "no [[inputs.net]] table; --sample-config prints one to start from";
            return Err(ConfigError { line: None, message: message.into() });
        }
        Ok(Self { tables, warnings })
    }
}

/// The tables that were read.
#[derive(Debug, Default)]
struct TablesRead {
    in_order: Vec<Table>,
    /// What they say to no effect.
    warnings: Vec<ConfigWarning>,
    /// The place of the first that reports other network namespaces.
    with_others: Option<usize>,
}

impl TablesRead {
    fn push(&mut self, (table, warnings): (Table, Vec<ConfigWarning>)) {
        self.warnings.extend(warnings);
        if self.with_others.is_none() && table.namespaces.has_others() {
            self.with_others = Some(self.in_order.len());
        }
        self.in_order.push(table);
    }

    fn first_with_others(&self) -> Option<&Table> {
        self.in_order.get(self.with_others?)
    }
}

/// Turns parts of a parsed document into configuration, or into errors that name their lines.
struct Reader<'t> {
    /// What it is read for.
    system: System,
    line_ends: LineEnds,
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
    ) -> Result<(Table, Vec<ConfigWarning>), ConfigError> {
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
        self.check_systems(entries, &options)?;
        let is_own = options.source == SourceOption::Netlink;
        if is_own && let Some((key, _)) = entries.get_key_value("host_proc") {
            let message = "\"host_proc\" names another /proc, and \"source\" = \"netlink\" reads the \
                           network namespace that this process lives in: leave one of them out";
            return Err(self.error(key.span(), message));
        }
        let folder = |option: &Option<_>, variable| {
            self.folder(option.clone(), variable)
                .filter(|_| !is_own && LINUX.contains(&self.system))
        };
        let protocols = match &options.protocols {
            _ if options.ignore_protocol_stats => Vec::new(),
            None if !LINUX.contains(&self.system) => Vec::new(),
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
                interface_exclude: self
                    .patterns("interface_exclude", &options.interface_exclude)?,
                kind_include: self.kinds("kind_include", &options.kind_include)?,
                kind_exclude: self.kinds("kind_exclude", &options.kind_exclude)?,
                include_down: options.include_down,
                include_loopback: options.include_loopback,
            },
            fields: Fields {
                influx_uint_support: options.influx_uint_support,
                all_counters: options.counters == CounterSet::All,
                link_state: options.link_state,
                rates: options.rates,
                interface_protocols,
            },
            view_wants: Wants::default(),
            entries: self.entries(&options),
            given: self.given(entries, is_own),
            line: self.line_of(value.span()),
            interface_tags: without_repeats(&options.interface_tags),
            protocols,
            names_protocols: options.protocols.is_some(),
            host_proc: folder(&options.host_proc, "HOST_PROC").map_or(HostProc::Own, HostProc::Of),
            host_sys: folder(&options.host_sys, "HOST_SYS").filter(|sys| *sys != Path::new("/sys")),
            host_sys_by: if is_given(options.host_sys.as_ref()) { "host_sys" } else { "HOST_SYS" },
            source: options.source,
            speed_refresh: self
                .duration("speed_refresh", options.speed_refresh.as_ref())?
                .unwrap_or(SPEED_REFRESH),
            dump_zeros: options.dump_zeros.unwrap_or(true),
            dedup_fields: options.dedup_fields,
            dedup_interval: self
                .duration("dedup_interval", options.dedup_interval.as_ref())?
                .filter(|interval| !interval.is_zero()),
            namespaces: NamespaceSelection {
                include: self.patterns("namespace_include", &options.namespace_include)?,
                exclude: self.patterns("namespace_exclude", &options.namespace_exclude)?,
                discovery: options.namespace_discovery,
                limit: options.namespace_limit.map_or(NAMESPACE_LIMIT, |limit| {
                    usize::try_from(limit.get()).unwrap_or(usize::MAX)
                }),
            },
        };
        self.check_namespaces(value.span(), entries, &table, first)?;
        let warnings = self.warnings(entries, &options, &table);
        Ok((table, warnings))
    }

    /// What has no effect beside something else in the table.
    fn warnings(
        &self,
        entries: &DeTable<'_>,
        options: &Options,
        table: &Table,
    ) -> Vec<ConfigWarning> {
        let beside_names = [
            ("include_down", "those that are down", options.include_down),
            ("include_loopback", "loopbacks", options.include_loopback),
        ];
        let is_void = |is_set: bool| is_set && !options.interfaces.is_empty();
        let void = beside_names.into_iter().filter(|(.., is_set)| is_void(*is_set));
        let warnings = void.filter_map(|(option, which, _)| {
            let (key, _) = entries.get_key_value(option)?;
            Some(ConfigWarning {
                line: self.line_of(key.span()),
                what: format!("{option} does nothing beside interfaces"),
                why: format!(
                    "a list of interfaces reports {which} too, if they match; leave one of them out"
                ),
            })
        });
        let alone = entries.get_key_value("dedup_fields");
        let is_alone = table.dedup_fields && table.dedup_interval.is_none();
        let alone = alone.filter(|_| is_alone).map(|(key, _)| ConfigWarning {
            line: self.line_of(key.span()),
            what: "dedup_fields does nothing without dedup_interval".to_owned(),
            why: "that says for how long a field that says nothing new is left out; add it"
                .to_owned(),
        });
        warnings.chain(alone).collect()
    }

    /// The options that the table has, or that the environment gives it, unless it reads what lies in our
    /// own folders.
    fn given(&self, entries: &DeTable<'_>, is_own: bool) -> Vec<Given> {
        let is_of_environment = |key: &str| match key {
            "host_proc" => Some("HOST_PROC"),
            "host_sys" => Some("HOST_SYS"),
            _ => None,
        };
        let given = OPTIONS.iter().filter_map(|option| {
            let variable = is_of_environment(option.key);
            let entry = entries.get_key_value(option.key);
            // An empty folder counts as none.
            let is_none = |value: &DeValue<'_>| variable.is_some() && value.as_str() == Some("");
            let entry = entry.filter(|(_, value)| !is_none(value.get_ref()));
            if let Some((key, value)) = entry {
                let mut text = String::new();
                show_value(value.get_ref(), &mut text);
                let origin = Origin::Line(self.line_of(key.span()));
                return Some(Given { key: option.key, value: text, origin });
            }
            let variable = variable.filter(|_| !is_own && option.systems.contains(&self.system))?;
            let folder = self.folder(None, variable)?;
            let value = format!("{:?}", folder.to_string_lossy());
            Some(Given { key: option.key, value, origin: Origin::Environment(variable) })
        });
        given.collect()
    }

    /// The entries of all lists that select.
    fn entries(&self, options: &Options) -> Vec<ListEntry> {
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
                entries.push(ListEntry { list, index, text: text.get_ref().clone(), line });
                let is_class = has_classes && KindClass::of_name(text.get_ref()).is_some();
                index += usize::from(!is_class);
            }
        }
        entries
    }

    /// The number of the line that something stands in.
    fn line_of(&self, span: Range<usize>) -> usize {
        self.line_ends.line_of(span.start)
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
        let Some(first) = first.filter(|first| first.host_proc != table.host_proc) else {
            return Ok(());
        };
        let name = |proc: &HostProc| match proc {
            HostProc::Own => "our own /proc".to_owned(),
            HostProc::Of(folder) => QuotedPath(folder).to_string(),
        };
        let message = format!(
            "\"host_proc\": all tables that report other network namespaces must have the same: \
             here it is {}, in the first of them {}; \"source\" = \"netlink\" means our own /proc",
            name(&table.host_proc),
            name(&first.host_proc)
        );
        Err(self.error(span_of("host_proc").unwrap_or(span), message))
    }

    /// Refuses what this system cannot have.
    fn check_systems(&self, entries: &DeTable<'_>, options: &Options) -> Result<(), ConfigError> {
        let check = |span: Range<usize>, systems: &'static [System], what: &str| {
            if systems.contains(&self.system) {
                return Ok(());
            }
            let message = format!(
                "{what} works on {} only, and this is {}: leave it out",
                Systems(systems),
                self.system.name()
            );
            Err(self.error(span, message))
        };
        for option in OPTIONS.iter().filter(|option| !option.systems.contains(&self.system)) {
            let Some((key, value)) = entries.get_key_value(option.key) else { continue };
            let is_empty = matches!(value.get_ref(), DeValue::Array(items) if items.is_empty());
            if !is_empty {
                check(key.span(), option.systems, &format!("{:?}", option.key))?;
            }
        }
        let span_of =
            |key| entries.get_key_value(key).map(|(key, _)| key.span()).unwrap_or_default();
        let source = options.source;
        check(span_of("source"), source.systems(), &format!("\"source\" = {:?}", source.name()))?;
        for tag in &options.interface_tags {
            let what = format!("\"interface_tags\": {:?}", tag.key());
            check(span_of("interface_tags"), tag.systems(), &what)?;
        }
        for (key, entries) in kind_lists(options) {
            for entry in entries {
                let Some(class) = KindClass::of_name(entry.get_ref()) else { continue };
                check(entry.span(), class.systems(), &format!("{key:?}: {:?}", class.name()))?;
            }
        }
        self.check_kinds_by_netstat(entries, options)
    }

    /// Refuses kinds where netstat alone is read, which tells who is a loopback, by names, and no more.
    fn check_kinds_by_netstat(
        &self,
        entries: &DeTable<'_>,
        options: &Options,
    ) -> Result<(), ConfigError> {
        if options.source != SourceOption::Netstat {
            return Ok(());
        }
        let error = |span, what: &str| {
            let message = format!(
                "{what}: netstat tells no kinds: leave it out, or take \"source\" = \"auto\""
            );
            Err(self.error(span, message))
        };
        for (key, entries) in kind_lists(options) {
            let is_told = |entry: &Spanned<String>| {
                KindClass::of_name(entry.get_ref()) == Some(KindClass::Loopback)
            };
            if let Some(entry) = entries.iter().find(|entry| !is_told(entry)) {
                return error(entry.span(), &format!("{key:?}: {:?}", entry.get_ref()));
            }
        }
        if options.interface_tags.contains(&Tag::Kind)
            && let Some((key, _)) = entries.get_key_value("interface_tags")
        {
            return error(key.span(), "\"interface_tags\": \"kind\"");
        }
        Ok(())
    }

    fn check_key(&self, span: Range<usize>, key: &str) -> Result<(), ConfigError> {
        if OPTIONS.iter().any(|option| option.key == key) {
            return Ok(());
        }
        if INPUT_OPTIONS.contains(&key) || EXECD_OPTIONS.contains(&key) {
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
            .map(|option| option.key)
            .max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
        let hint = match nearest.filter(|option| likeness(option) > 0.8) {
            Some(option) => format!("; did you mean {option:?}?"),
            None => String::new(),
        };
        let known = OPTIONS.each_ref().map(|option| option.key).join(", ");
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
        humantime::parse_duration(text).map(Some).map_err(|_| {
            let message = format!(
                "{key:?}: {} is not a duration: write a number and its unit, such as 60s or 1m30s",
                Quoted(text.as_bytes())
            );
            self.error(option.span(), message)
        })
    }

    /// The folder of the option, or else of the environment; an empty one counts as none.
    fn folder(&self, option: Option<PathBuf>, variable: &str) -> Option<PathBuf> {
        let of_env = (self.env)(variable).map(PathBuf::from);
        [option, of_env].into_iter().find(|folder| is_given(folder.as_ref())).flatten()
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
        let message = entry.and_then(|(key, value)| {
            let option = OPTIONS.iter().find(|option| key.get_ref() == option.key)?;
            let found = found(value, span.start);
            Some(format!("{:?} takes {}: found {found}", option.key, option.takes))
        });
        self.error(span, message.unwrap_or_else(|| error.message().to_owned()))
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        ConfigError { line: Some(self.line_of(span)), message: message.into() }
    }
}

/// Whether a folder is named.
fn is_given(folder: Option<&PathBuf>) -> bool {
    folder.is_some_and(|folder| !folder.as_os_str().is_empty())
}

/// What stands there, for a message: the value, or the item of a list that begins at that byte.
fn found(value: &Spanned<DeValue<'_>>, start: usize) -> String {
    let mut items = value.get_ref().as_array().into_iter().flatten();
    let item = items.find(|item| item.span().contains(&start));
    match item.unwrap_or(value).get_ref() {
        DeValue::String(text) => Quoted(text.as_bytes()).to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(is_true) => is_true.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// The lists of kinds, with their keys.
fn kind_lists(options: &Options) -> [(&'static str, &[Spanned<String>]); 2] {
    [("kind_include", &options.kind_include), ("kind_exclude", &options.kind_exclude)]
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

/// Appends a value as it is written in TOML; of one that is long, what it begins with.
fn show_value(value: &DeValue<'_>, text: &mut String) {
    match value {
        DeValue::String(string) => {
            let length = string.char_indices().nth(MAX_SHOWN).map(|(place, _)| place);
            let shown = length.and_then(|length| string.get(..length));
            // Writing to a string does not fail.
            let _ = write!(text, "{:?}", shown.unwrap_or(string));
            if shown.is_some() {
                text.push_str("...");
            }
        }
        DeValue::Integer(integer) => text.push_str(integer.as_str()),
        DeValue::Boolean(is_set) => text.push_str(if *is_set { "true" } else { "false" }),
        DeValue::Array(items) => {
            text.push('[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    text.push_str(", ");
                }
                if text.len() > MAX_SHOWN {
                    let _ = write!(text, "... {} in all", items.len());
                    break;
                }
                show_value(item.get_ref(), text);
            }
            text.push(']');
        }
        // No option takes others.
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => text.push_str("..."),
    }
}
