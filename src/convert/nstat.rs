//! What gives the values of `[[inputs.nstat]]`, as near to its series as they can be had.

use super::input::{Input, assignment, plain_strings};
use super::lines::{Lines, quoted, quoted_list};
use crate::config::ConfigError;
use crate::model::protocol::Group;
use crate::select::patterns::Patterns;
use crate::telegraf_conf::{Block, BlockOption, Document, Value};

/// A file that `inputs.nstat` reads: a row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    /// Its name, and the tag `name` of what is in it.
    name: &'static str,
    /// The option with its path.
    option: &'static str,
    groups: &'static [Group],
}

static FILES: [File; 3] = [
    File {
        name: "snmp",
        option: "proc_net_snmp",
        groups: &[Group::Ip, Group::Icmp, Group::IcmpMsg, Group::Tcp, Group::Udp, Group::UdpLite],
    },
    File {
        name: "netstat",
        option: "proc_net_netstat",
        groups: &[Group::TcpExt, Group::IpExt, Group::MptcpExt],
    },
    File {
        name: "snmp6",
        option: "proc_net_snmp6",
        groups: &[Group::Ip6, Group::Icmp6, Group::Udp6, Group::UdpLite6],
    },
];

/// Options of every block that name fields.
pub(super) const NAMES_FIELDS: [&str; 6] =
    ["drop", "fielddrop", "fieldexclude", "fieldinclude", "fieldpass", "pass"];

/// Those that name a measurement.
pub(super) const NAMES_MEASUREMENTS: [&str; 5] =
    ["metricpass", "namedrop", "namedrop_separator", "namepass", "namepass_separator"];

/// Those that name tags and their values.
pub(super) const NAMES_TAGS: [&str; 2] = ["tagdrop", "tagpass"];

/// What makes a pattern of a name.
const WILDCARDS: [char; 5] = ['*', '?', '[', '{', '\\'];

/// Whether that is an option of its own.
pub(super) fn is_option(key: &str) -> bool {
    key == "dump_zeros" || FILES.iter().any(|file| file.option == key)
}

/// Which of its files the block's filters of the tag `name` leave; none for another input.
pub(super) fn files(input: Input, block: &Block) -> Result<Vec<&'static File>, ConfigError> {
    if input != Input::Nstat {
        return Ok(Vec::new());
    }
    let mut files: Vec<_> = FILES.iter().collect();
    for option in NAMES_TAGS {
        let entries = block.get(option).and_then(|option| option.value.entries());
        let name = entries.and_then(|entries| entries.iter().find(|entry| entry.key == "name"));
        let Some(name) = name else { continue };
        let error = |message| ConfigError {
            line: Some(name.line),
            message: format!("{option:?}: {message}"),
        };
        let texts = plain_strings(&name.value).ok_or_else(|| {
            error(r#""name" takes a list out of "snmp", "netstat" and "snmp6""#.to_owned())
        })?;
        let patterns = Patterns::new(&texts).map_err(|wrong| error(wrong.to_string()))?;
        files.retain(|file| patterns.matches(file.name.as_bytes()) == (option == "tagpass"));
    }
    if files.is_empty() {
        let message = "the filters of this [[inputs.nstat]] leave nothing of it".into();
        return Err(ConfigError { line: Some(block.line), message });
    }
    Ok(files)
}

/// The table in place of the block.
pub(super) fn table(block: &Block, files: &[&File]) -> Lines {
    let mut lines = Lines::default();
    let groups: Vec<_> =
        files.iter().flat_map(|file| file.groups).map(|group| group.name()).collect();
    lines.note(
        "No interface, but the line interface=all. Leave out the groups that a W! line calls missing: this \
         kernel has none of them.",
    );
    lines.option("interface_exclude", r#"["*"]"#);
    lines.option("protocols", &quoted_list(&groups));
    host_proc(block, &mut lines);
    if block.get("dump_zeros").is_none_or(|option| option.value != Value::Boolean(true)) {
        lines.note(
            "Here, what was once other than zero is written from then on, also when it is zero again.",
        );
        lines.option("dump_zeros", "false");
    }
    lines
}

/// Where the files of a block lie, as `host_proc`.
fn host_proc(block: &Block, lines: &mut Lines) {
    let paths = FILES.iter().filter_map(|file| {
        let path = block.get(file.option)?.value.text()?;
        (!path.is_empty()).then_some((file, path))
    });
    let paths: Vec<_> = paths.collect();
    let folder = |&(file, path): &(&File, &'_ str)| {
        let folder = path.strip_suffix(file.name)?.strip_suffix("/net/")?;
        (!folder.contains('$')).then(|| folder.to_owned())
    };
    let mut folders: Vec<_> = paths.iter().map(folder).collect();
    folders.dedup();
    match folders.as_slice() {
        [] => {}
        [Some(folder)] if folder == "/proc" => {}
        [Some(folder)] => {
            let host = folder.strip_suffix("/1");
            if host.is_none() {
                lines.note(
                    "Here that is the network of the host's process 1. The paths of inputs.nstat lead to \
                     that of Telegraf itself.",
                );
            }
            lines.option("host_proc", &quoted(host.unwrap_or(folder)));
        }
        _ => {
            lines.note(
                "What these are in one /proc cannot be told. Name the folder that has net/snmp and the \
                 others, such as \"/hostfs/proc\", as host_proc:",
            );
            for (file, path) in paths {
                lines.commented(&format!("{} = {}", file.option, quoted(path)));
            }
        }
    }
}

/// What its series are called here.
pub(super) fn names(block: &Block, lines: &mut Lines) {
    lines.note(
        "These are the values of inputs.nstat, but not its series: in place of three with the tag name \
         (snmp, netstat, snmp6), there is one with interface=all, whose fields are called as \
         tcpext_listendrops for TcpExtListenDrops. Telegraf still has inputs.nstat: keep its block where \
         what reads its series cannot be changed.",
    );
    if block.get("name_override").is_none() {
        lines.option("name_override", r#""nstat""#);
    }
}

/// A filter of fields, by their names here.
pub(super) fn field_filter(document: &Document, option: &BlockOption, lines: &mut Lines) {
    if let Some(texts) = plain_strings(&option.value) {
        let fields: Vec<_> = texts.iter().flat_map(|text| fields(text)).collect();
        let has_case = |text: &&str| {
            let behind = text.split_once(WILDCARDS).map(|(_, behind)| behind);
            behind.is_some_and(|behind| behind.contains(|one: char| one.is_ascii_alphabetic()))
        };
        if texts.iter().any(has_case) {
            lines.note(
                "Names are in lower case here: what stands behind a * may match more of them.",
            );
        }
        lines.option(&option.key, &quoted_list(&fields));
    } else {
        lines.note("It knows other names, such as TcpExtListenDrops for tcpext_listendrops:");
        lines.commented(&assignment(document, option));
    }
}

/// What became of the filter `option` of the tag `name`.
pub(super) fn note_of_name_filter(option: &str, files: &[&File], lines: &mut Lines) {
    let files: Vec<_> = files.iter().map(|file| file.name).collect();
    let files = files.join(", ");
    lines.note(&format!(
        "In place of {option} for the tag name, protocols has what is left: {files}."
    ));
}

/// The patterns of fields here that a pattern of its fields stands for.
fn fields(pattern: &str) -> Vec<String> {
    let lower = pattern.to_lowercase();
    let end = lower.find(WILDCARDS).unwrap_or(lower.len());
    let (plain, wildcards) = lower.split_at(end);
    let groups = || FILES.iter().flat_map(|file| file.groups).map(|group| group.name());
    // The longest: TcpExtListenDrops is none of Tcp.
    let group = groups().filter(|name| plain.starts_with(name)).max_by_key(|name| name.len());
    let column = group.and_then(|name| Some((name, lower.strip_prefix(name)?)));
    let column = column.filter(|(_, column)| !column.is_empty());
    // What is plain may also be the beginning of a longer name of a group: TcpE* is of Tcp and of TcpExt.
    let is_longer = |name: &str| name.len() > plain.len() && name.starts_with(plain);
    let is_of_longer = !wildcards.is_empty() && groups().any(is_longer);
    let Some((name, column)) = column else { return vec![lower] };
    let field = format!("{name}_{column}");
    match is_of_longer {
        false => vec![field],
        // That is among the others.
        true if column.starts_with('*') => vec![lower],
        true => vec![field, lower],
    }
}
