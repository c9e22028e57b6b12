//! What the documents say of options and fields is what the program has, each by its rows.

use telegraf_net::config::Config;
use telegraf_net::config::options::OPTIONS;
use telegraf_net::model::counters::{Counters, MoreCounters};
use telegraf_net::model::link::LinkState;
use telegraf_net::model::protocol::Group;

const README: &str = include_str!("../README.md");
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
            let text = format!("[[inputs.net]]\n{} = {expected}\n", option.key);
            Config::parse(text.as_bytes(), &|_| None).unwrap();
        }
        let line = format!("  # {} = ", option.key);
        assert!(PLUGIN_CONF.lines().any(|one| one.starts_with(&line)), "{}", option.key);
    }
    assert_eq!(documented.len(), OPTIONS.len(), "{documented:?}");
}

#[test]
fn the_readme_has_every_field() {
    let nine = table("| field | type | meaning |");
    let nine: Vec<_> = nine.iter().flat_map(|row| quoted(row.first().unwrap())).collect();
    let expected: Vec<_> =
        Counters::TABLE.iter().map(|counter| counter.name).chain(["speed"]).collect();
    assert_eq!(nine, expected);

    let added = table("| option | fields |");
    let fields_of = |option: &str| {
        let row = added.iter().find(|row| row.first().unwrap().contains(option)).unwrap();
        quoted(row.get(1).unwrap())
    };
    let counters = fields_of("counters = \"all\"");
    for counter in &MoreCounters::TABLE {
        assert!(counters.contains(&counter.name), "{}", counter.name);
    }
    let state = fields_of("link_state");
    for field in &LinkState::FIELDS {
        assert!(state.contains(&field.name), "{}", field.name);
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
