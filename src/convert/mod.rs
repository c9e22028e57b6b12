//! A `telegraf.conf` -> what gives the same series as its `[[inputs.net]]` and `[[inputs.nstat]]` blocks: a
//! `plugin.conf`, and the `[[inputs.execd]]` block that has it read.
//!
//! Values are copied as they are written, with their variables and comments. Whatever cannot be the same is
//! said in a comment where it stands.

mod lines;
mod net;
mod nstat;
mod telegraf_conf;

use std::fmt::Write as _;

use toml::de::DeTable;

use self::lines::Lines;
use self::telegraf_conf::{Block, Entry, Input, TelegrafConf, seconds};
use crate::config::options::INPUT_OPTIONS;
use crate::config::systems::{System, quoted_path};
use crate::config::{ConfigError, masked};

/// Converts the text of a `telegraf.conf`, with paths that are usual on that system.
///
/// # Errors
///
/// That there is nothing to convert, or one thing that Telegraf or this program could not read.
pub fn convert(text: &[u8], system: System) -> Result<String, ConfigError> {
    let text =
        str::from_utf8(text).map_err(|error| ConfigError::not_utf8(text, error.valid_up_to()))?;
    let masked = masked(text);
    let document = DeTable::parse(&masked).map_err(|error| ConfigError::of_toml(text, &error))?;
    let file = TelegrafConf { text, document: document.get_ref() };
    let blocks = file.blocks()?;
    if blocks.is_empty() {
        let message = "no [[inputs.net]] and no [[inputs.nstat]] to convert: name the file that has them, \
                       such as one of telegraf.d";
        return Err(ConfigError { line: None, message: message.into() });
    }
    let mut plugins: Vec<Plugin> = Vec::new();
    for block in &blocks {
        let files = nstat::files(&file, block)?;
        let execd = execd(&file, block, &files);
        // What Telegraf does with both is the same, so that one process can gather both.
        let alike = plugins.iter().position(|one| one.input == block.input && one.execd == execd);
        let place = alike.unwrap_or(plugins.len());
        if alike.is_none() {
            plugins.push(Plugin { input: block.input, tables: Vec::new(), execd });
        }
        let Some(plugin) = plugins.get_mut(place) else { continue };
        let lines = match block.input {
            Input::Net => net::table(&file, block, plugin.has_protocols())?,
            Input::Nstat => nstat::table(block, &files),
        };
        plugin.tables.push(Table { line: block.line, lines });
    }
    Ok(written(&plugins, system))
}

/// One process of this program: its `plugin.conf`, and its `[[inputs.execd]]`.
struct Plugin {
    input: Input,
    tables: Vec<Table>,
    /// What the block holds beside the command.
    execd: Lines,
}

/// A table of `plugin.conf`.
struct Table {
    /// The line of the block that it is in place of.
    line: usize,
    lines: Lines,
}

impl Plugin {
    /// Whether one of its tables has the line `interface=all`.
    fn has_protocols(&self) -> bool {
        self.tables.iter().any(|table| !net::is_without_protocols(&table.lines))
    }
}

/// What `[[inputs.execd]]` holds beside the command; `files` are those of `inputs.nstat`.
fn execd(file: &TelegrafConf<'_>, block: &Block<'_>, files: &[&nstat::File]) -> Lines {
    let mut lines = Lines::default();
    lines.option("signal", r#""STDIN""#);
    lines.option("data_format", r#""influx""#);
    precision(file, block, &mut lines);
    let is_nstat = block.input == Input::Nstat;
    if is_nstat {
        nstat::names(block, &mut lines);
    }
    let (mut tables, mut left_out) = (Vec::new(), Vec::new());
    for entry in &block.entries {
        match entry.key() {
            "precision" => {}
            key if block.input.has(key) => {}
            key if !INPUT_OPTIONS.contains(&key) => left_out.push(entry),
            _ if entry.value.get_ref().is_table() => tables.push(entry),
            key if is_nstat && nstat::NAMES_FIELDS.contains(&key) => {
                nstat::field_filter(file, entry, &mut lines);
            }
            key if is_nstat && nstat::NAMES_MEASUREMENTS.contains(&key) => {
                lines.note("It knows other names, and would see \"net\" here:");
                lines.commented(&file.assignment(entry));
            }
            key => {
                if key == "time_source" {
                    lines.note(
                        "Lines of [[inputs.execd]] come after what Telegraf takes for the collection, so \
                         that they may get the time of the one before. Better leave this out.",
                    );
                }
                lines.line(file.assignment(entry));
            }
        }
    }
    if !left_out.is_empty() {
        lines.note(&format!("Left out, for it is no option of inputs.{}:", block.input.name()));
        for entry in left_out {
            lines.commented(&file.assignment(entry));
        }
    }
    for entry in tables {
        let Some(table) = entry.value.get_ref().as_table() else { continue };
        let mut inner = Entry::all_of(table);
        if is_nstat && nstat::NAMES_TAGS.contains(&entry.key()) && table.contains_key("name") {
            nstat::note_of_name_filter(entry, files, &mut lines);
            inner.retain(|inner| inner.key() != "name");
            if inner.is_empty() {
                continue;
            }
        }
        lines.line(format!("[inputs.execd.{}]", file.written(entry.key.span())));
        for inner in &inner {
            lines.line(format!("  {}", file.assignment(inner)));
        }
    }
    lines
}

/// What timestamps are rounded to: those of other inputs without being told, those of `[[inputs.execd]]`
/// only where it says so.
fn precision(file: &TelegrafConf<'_>, block: &Block<'_>, lines: &mut Lines) {
    if let Some(own) = block.get("precision").filter(|entry| !entry.is_zero()) {
        lines.option("precision", file.written(own.value.span()));
        return;
    }
    let of_agent = file.of_agent("precision").filter(|entry| !entry.is_zero());
    // Of a block, Telegraf takes strings alone.
    let interval = block.get("interval").filter(|entry| entry.value.get_ref().is_str());
    let interval = interval.filter(|entry| !entry.is_zero()).copied();
    let interval = interval.or_else(|| file.of_agent("interval"));
    let (precision, why) = match (of_agent, interval.map(|entry| seconds(entry.value.get_ref()))) {
        (Some(of_agent), _) => (file.written(of_agent.value.span()), "as [agent] has it"),
        (None, None) if !file.has_agent() => {
            (r#""1s""#, "by the interval: that of [agent], which another file has")
        }
        (None, Some(None)) => {
            (r#""1s""#, "if the interval is a second or more; else write \"1ms\"")
        }
        // It is 10 s without being told.
        (None, None | Some(Some(1.0..))) => (r#""1s""#, "by the interval"),
        (None, Some(Some(0.001..))) => (r#""1ms""#, "by the interval"),
        (None, Some(Some(0.000_001..))) => (r#""1us""#, "by the interval"),
        (None, Some(Some(_))) => (r#""1ns""#, "by the interval"),
    };
    lines.note(&format!("What Telegraf rounds the times of other inputs to, {why}."));
    lines.option("precision", precision);
}

/// The two parts, each with where it belongs.
fn written(plugins: &[Plugin], system: System) -> String {
    let file = |number| match number {
        0 => system.plugin_conf("plugin.conf"),
        _ => system.plugin_conf(&format!("plugin-{}.conf", number + 1)),
    };
    let mut text = String::from(
        "# Converted by telegraf-net. docs/MIGRATING.md tells what differs, and how to try it first.\n",
    );
    // Writing to a string does not fail.
    for (number, plugin) in plugins.iter().enumerate() {
        let _ = writeln!(text, "\n# ---- {}", file(number));
        for Table { line, lines } in &plugin.tables {
            let of = plugin.input.name();
            let _ = write!(
                text,
                "\n## In place of [[inputs.{of}]] in line {line}.\n[[inputs.net]]\n{lines}"
            );
        }
    }
    let _ = writeln!(text, "\n# ---- {}", system.telegraf_d());
    for (number, plugin) in plugins.iter().enumerate() {
        let mut places: Vec<_> = plugin.tables.iter().map(|table| table.line.to_string()).collect();
        let last = places.pop().unwrap_or_default();
        let (places, it) = match places.as_slice() {
            [] => (format!("line {last}"), "it"),
            places => (format!("lines {} and {last}", places.join(", ")), "them"),
        };
        let (program, file) = (quoted_path(system.program()), quoted_path(&file(number)));
        let _ = write!(
            text,
            "\n## In place of [[inputs.{}]] in {places}: take {it} out.\n[[inputs.execd]]\n  command = [{program}, \"--config\", \
             {file}]\n{}",
            plugin.input.name(),
            plugin.execd
        );
    }
    text
}

#[cfg(test)]
mod tests;
