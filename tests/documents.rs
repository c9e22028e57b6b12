//! What the documents say of options and fields is what the program has, each by its rows.

use std::process::Command;

use telegraf_net::config::Config;
use telegraf_net::config::options::OPTIONS;
use telegraf_net::config::systems::LINUX;
use telegraf_net::model::Unit;
use telegraf_net::model::counters::{Counters, MoreCounters};
use telegraf_net::model::link::LinkState;
use telegraf_net::model::protocol::Group;

const README: &str = include_str!("../README.md");
const RTNL_LINK: &str = include_str!("../src/parse/netlink/rtnl_link.rs");
const ETHTOOL: &str = include_str!("../src/parse/netlink/ethtool.rs");
const PLUGIN_CONF: &str = include_str!("../plugin.conf");

/// The rows of the README's table that has this header, cell by cell.
fn table(header: &str) -> Vec<Vec<&'static str>> {
    let (_, rows) = README.split_once(header).unwrap_or_else(|| panic!("no table {header}"));
    let rows = rows.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The words of a text that stand between backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What a table says, however it says it.
fn meaning(text: &str) -> String {
    let mut config = Config::parse(text.as_bytes(), &|_| None).unwrap();
    for table in &mut config.tables {
        table.entries.clear();
        table.names_protocols = false;
    }
    format!("{config:?}")
}

#[test]
fn the_readme_and_plugin_conf_have_every_option_with_its_default() {
    let rows = table("| option | default | meaning |");
    let mut documented = Vec::new();
    for row in &rows {
        let [options, default, ..] = row.as_slice() else { panic!("{row:?}") };
        for option in quoted(options) {
            documented.push((option, quoted(default)));
        }
    }
    for option in &OPTIONS {
        let found = documented.iter().find(|(key, _)| *key == option.key);
        let (_, default) = found.unwrap_or_else(|| panic!("the README lacks {}", option.key));
        if let Some(expected) = option.default {
            assert_eq!(default.as_slice(), [expected], "{}", option.key);
            let with = format!("[[inputs.net]]\n{} = {expected}\n", option.key);
            assert_eq!(meaning(&with), meaning("[[inputs.net]]\n"), "{with}");
        }
        // Of a list, it shows an example.
        let shown = option.default.filter(|default| !default.starts_with('[')).unwrap_or("");
        let line = format!("  # {} = {shown}", option.key);
        assert!(PLUGIN_CONF.lines().any(|one| one.starts_with(&line)), "{line}");
    }
    assert_eq!(documented.len(), OPTIONS.len(), "{documented:?}");
}

#[test]
fn plugin_conf_says_of_every_option_where_it_works() {
    let lines: Vec<_> = PLUGIN_CONF.lines().collect();
    for option in &OPTIONS {
        let assignment = format!("  # {} = ", option.key);
        let place = lines.iter().position(|line| line.starts_with(&assignment)).unwrap();
        let above = lines[..place].iter().rev().take_while(|line| line.starts_with("  #"));
        let is_linux_only = above.clone().any(|line| line.contains("Linux only"));
        assert_eq!(is_linux_only, option.systems == LINUX, "{}", option.key);
    }
}

#[test]
fn help_has_every_option_with_what_it_takes_and_its_default() {
    let help = Command::new(env!("CARGO_BIN_EXE_telegraf-net")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, options) = help.split_once("table in FILE").unwrap();
    let rows: Vec<_> = options.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(rows.len(), OPTIONS.len(), "{options}");
    for (row, option) in rows.iter().zip(&OPTIONS) {
        let (key, meaning) = row.split_once(' ').unwrap();
        assert_eq!(key, option.key);
        let meaning = meaning.trim_start();
        let rest = meaning.strip_prefix(option.takes).unwrap_or_else(|| panic!("{row}"));
        let default = rest.strip_prefix(" [default: ").and_then(|rest| rest.strip_suffix(']'));
        assert_eq!(default, option.default.filter(|default| *default != "[]"), "{row}");
    }
}

#[test]
fn the_readme_has_every_field() {
    let rows = table("| field | type | meaning |");
    let nine: Vec<_> = rows.iter().flat_map(|row| quoted(row.first().unwrap())).collect();
    let expected: Vec<_> =
        Counters::TABLE.iter().map(|counter| counter.name).chain(["speed"]).collect();
    assert_eq!(nine, expected);
    for counter in &Counters::TABLE {
        let row = rows.iter().find(|row| quoted(row.first().unwrap()).contains(&counter.name));
        let is_bytes = *row.unwrap().get(2).unwrap() == "bytes";
        assert_eq!(counter.unit == Unit::Bytes, is_bytes, "{}", counter.name);
    }

    let added = table("| option | fields |");
    let cell_of = |option: &str| {
        let row = added.iter().find(|row| row.first().unwrap().contains(option)).unwrap();
        *row.get(1).unwrap()
    };
    // Behind the field that is told since a later Linux only.
    let is_told = |cell: &str, name: &str, since: Option<&str>| {
        let rest = cell.split_once(&format!("`{name}`")).map(|(_, rest)| rest);
        let version = rest.and_then(|rest| rest.strip_prefix(" (Linux ")?.split_once(')'));
        rest.is_some() && version.map(|(version, _)| version) == since
    };
    for counter in &MoreCounters::TABLE {
        let since = counter.stats.iter().find_map(|stat| stat.since());
        let cell = cell_of("counters = \"all\"");
        assert!(is_told(cell, counter.name, since), "{} {since:?}: {cell}", counter.name);
    }
    for field in &LinkState::FIELDS {
        let cell = cell_of("link_state");
        assert!(is_told(cell, field.name, field.since), "{} {:?}: {cell}", field.name, field.since);
        // The parser's constant has the kernel's name.
        let is_read = [RTNL_LINK, ETHTOOL].iter().any(|source| source.contains(field.kernel));
        let is_constant = field.kernel.contains("_A_") || field.kernel.starts_with("IFLA_");
        assert!(is_read || !is_constant, "{}", field.kernel);
    }
    // In `plugin.conf`, which is read on the host, too.
    for field in &LinkState::FIELDS {
        assert!(PLUGIN_CONF.contains(field.name), "{}", field.name);
    }
}

#[test]
fn the_documents_have_every_group_of_protocol_statistics() {
    let rows = table("| option | default | meaning |");
    let row = rows.iter().find(|row| *row.first().unwrap() == "`protocols`").unwrap();
    for group in Group::ALL {
        let name = group.name();
        let is_told = row.iter().any(|cell| {
            quoted(cell).iter().any(|text| *text == name || text.contains(&format!("\"{name}\"")))
        });
        assert!(is_told, "the README lacks {name}");
        assert!(PLUGIN_CONF.contains(name), "plugin.conf lacks {name}");
    }
}
