//! A `telegraf.conf` -> what gives the same series as its `[[inputs.net]]` and `[[inputs.nstat]]` blocks: a
//! `plugin.conf`, and the `[[inputs.execd]]` block that has it read.
//!
//! Values are copied as they are written, with their variables and comments. Whatever cannot be the same is
//! said in a comment where it stands.

mod input;
mod lines;
mod net;
mod nstat;
mod variables;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use self::input::{Input, assignment};
use self::lines::{Lines, quoted};
use crate::config::options::INPUT_OPTIONS;
use crate::config::systems::{LINUX, System, Systems, quoted_path};
use crate::config::{ConfigError, go_duration};
use crate::telegraf_conf::{self, Block, BlockOption, Document, Value, Variables};

/// Converts the text of a `telegraf.conf`, with paths that are usual on that system.
///
/// # Errors
///
/// That there is nothing to convert, or one thing that Telegraf or this program could not read.
pub fn convert(text: &[u8], system: System) -> Result<String, ConfigError> {
    let document = telegraf_conf::read(text, Variables::AsWritten)
        .map_err(|message| ConfigError { line: None, message })?;
    if let Some(mistake) = document.mistakes.first() {
        return Err(mistake.clone());
    }
    let blocks = input::blocks(&document);
    if blocks.is_empty() {
        let message = "no [[inputs.net]] and no [[inputs.nstat]] to convert: name the file that has them, \
                       such as one of telegraf.d";
        return Err(ConfigError { line: None, message: message.into() });
    }
    let mut plugins: Vec<Plugin> = Vec::new();
    // What Telegraf does with both is the same, so that one process can gather both.
    let mut alike = BTreeMap::new();
    for (input, block) in blocks {
        if input == Input::Nstat && system != System::Linux {
            let message = format!(
                "\"inputs.nstat\" works on {} only, and this is {}: leave it out",
                Systems(LINUX),
                system.name()
            );
            return Err(ConfigError { line: Some(block.line), message });
        }
        let files = nstat::files(input, block)?;
        let execd = execd(&document, input, block, &files)?;
        let place = *alike.entry((input, execd.clone())).or_insert_with(|| {
            plugins.push(Plugin { input, tables: Vec::new(), has_protocols: false, execd });
            plugins.len() - 1
        });
        let Some(plugin) = plugins.get_mut(place) else { continue };
        let lines = match input {
            Input::Net => net::table(&document, block, plugin.has_protocols)?,
            Input::Nstat => nstat::table(block, &files),
        };
        plugin.has_protocols |= !net::is_without_protocols(&lines);
        plugin.tables.push(Table { line: block.line, lines });
    }
    Ok(written(&plugins, system))
}

/// One process of this program: its `plugin.conf`, and its `[[inputs.execd]]`.
struct Plugin {
    input: Input,
    tables: Vec<Table>,
    /// One of its tables has the line `interface=all`.
    has_protocols: bool,
    /// What the block holds beside the command.
    execd: Lines,
}

/// A table of `plugin.conf`.
struct Table {
    /// The line of the block that it is in place of.
    line: usize,
    lines: Lines,
}

/// What `[[inputs.execd]]` holds beside the command; `files` are those of `inputs.nstat`.
fn execd(
    document: &Document,
    input: Input,
    block: &Block,
    files: &[&nstat::File],
) -> Result<Lines, ConfigError> {
    let mut lines = Lines::default();
    lines.option("signal", r#""STDIN""#);
    lines.option("data_format", r#""influx""#);
    precision(document, block, &mut lines)?;
    let is_nstat = input == Input::Nstat;
    if is_nstat {
        nstat::names(block, &mut lines);
    }
    let (mut tables, mut left_out) = (Vec::new(), Vec::new());
    for option in &block.options {
        match option.key.as_str() {
            "precision" => {}
            key if input.has(key) => {}
            key if !INPUT_OPTIONS.contains(&key) => left_out.push(option),
            _ if option.value.entries().is_some() => tables.push(option),
            key if is_nstat && nstat::NAMES_FIELDS.contains(&key) => {
                nstat::field_filter(document, option, &mut lines);
            }
            key if is_nstat && nstat::NAMES_MEASUREMENTS.contains(&key) => {
                lines.note("It knows other names, and would see \"net\" here:");
                lines.commented(&assignment(document, option));
            }
            key => {
                if key == "time_source" {
                    lines.note(
                        "Lines of [[inputs.execd]] come after what Telegraf takes for the collection, so \
                         that they may get the time of the one before. Better leave this out.",
                    );
                }
                lines.line(assignment(document, option));
            }
        }
    }
    if !left_out.is_empty() {
        lines.note(&format!("Left out, for it is no option of inputs.{}:", input.name()));
        for option in left_out {
            lines.commented(&assignment(document, option));
        }
    }
    for option in tables {
        let mut entries: Vec<_> = option.value.entries().unwrap_or_default().iter().collect();
        let is_filter = is_nstat && nstat::NAMES_TAGS.contains(&option.key.as_str());
        if is_filter && entries.iter().any(|entry| entry.key == "name") {
            nstat::note_of_name_filter(&option.key, files, &mut lines);
            entries.retain(|entry| entry.key != "name");
            if entries.is_empty() {
                continue;
            }
        }
        lines.line(format!("[inputs.execd.{}]", document.key(option)));
        for entry in entries {
            lines.line(format!("  {}", assignment(document, entry)));
        }
    }
    Ok(lines)
}

/// What timestamps are rounded to: those of other inputs without being told, those of `[[inputs.execd]]`
/// only where it says so.
fn precision(document: &Document, block: &Block, lines: &mut Lines) -> Result<(), ConfigError> {
    // Of a block, Telegraf takes strings alone.
    let of_block = |key: &str| block.get(key).filter(|option| option.value.text().is_some());
    let of_agent = |key: &str| document.agent.as_ref()?.get(key);
    let is_told = |option: &&BlockOption| !counts_as_none(option);
    if let Some(own) = of_block("precision").filter(is_told) {
        if !has_variable(own) && own.value.block_duration().is_none() {
            return Err(no_duration(own));
        }
        lines.option("precision", &document.written(own));
        return Ok(());
    }
    let interval = of_block("interval").filter(is_told).or_else(|| of_agent("interval"));
    let interval = interval.map(|option| option.value.agent_duration());
    let (precision, why) = match (of_agent("precision").filter(is_told), interval) {
        (Some(option), _) => (agent_precision(document, option)?, "as [agent] has it"),
        (None, None) if document.agent.is_none() => {
            (quoted("1s"), "by the interval: that of [agent], which another file has")
        }
        (None, Some(None)) => {
            (quoted("1s"), "if the interval is a second or more; else write \"1ms\"")
        }
        // It is 10 s without being told.
        (None, None) => (quoted("1s"), "by the interval"),
        (None, Some(Some(interval))) => {
            let units = [(1_000_000_000, "1s"), (1_000_000, "1ms"), (1_000, "1us")];
            let unit = units.into_iter().find(|(nanos, _)| interval.as_nanos() >= *nanos);
            (quoted(unit.map_or("1ns", |(_, unit)| unit)), "by the interval")
        }
    };
    lines.note(&format!("What Telegraf rounds the times of other inputs to, {why}."));
    lines.option("precision", &precision);
    Ok(())
}

/// The precision of `[agent]` as a block may have it, which knows neither numbers nor days.
fn agent_precision(document: &Document, option: &BlockOption) -> Result<String, ConfigError> {
    if has_variable(option) || option.value.block_duration().is_some() {
        return Ok(document.written(option));
    }
    let duration = option.value.agent_duration().ok_or_else(|| no_duration(option))?;
    Ok(quoted(&go_duration::written(duration)))
}

fn has_variable(option: &BlockOption) -> bool {
    match &option.value {
        Value::Variable(_) => true,
        value => value.text().is_some_and(|text| text.contains('$')),
    }
}

/// Whether it is a duration of nothing or less, which Telegraf takes for none.
fn counts_as_none(option: &BlockOption) -> bool {
    option.value.is_negative() || option.value.agent_duration() == Some(Duration::ZERO)
}

fn no_duration(option: &BlockOption) -> ConfigError {
    let message = format!("{:?} is no duration, such as \"10s\"", option.key);
    ConfigError { line: Some(option.line), message }
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
