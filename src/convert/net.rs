//! What gives the series of `[[inputs.net]]`.

use super::lines::{Lines, quoted_list};
use super::telegraf_conf::{Block, Entry, TelegrafConf, plain_strings};
use crate::config::ConfigError;
use crate::select::patterns::Patterns;

/// Its own options.
pub(super) const OPTIONS: [&str; 2] = ["ignore_protocol_stats", "interfaces"];

const WITHOUT_PROTOCOLS: &str = "ignore_protocol_stats = true";

/// The table in place of the block; `has_protocols` says whether one above it already has the line
/// `interface=all`.
pub(super) fn table(
    file: &TelegrafConf<'_>,
    block: &Block<'_>,
    has_protocols: bool,
) -> Result<Lines, ConfigError> {
    let mut lines = Lines::default();
    if let Some(entry) = block.get("interfaces") {
        interfaces(file, entry, &mut lines)?;
    }
    lines.note(
        "Unsigned, as inputs.net has them. What is written stays as it was: outputs of Telegraf make them \
         signed unless they are told otherwise.",
    );
    lines.option("influx_uint_support", "true");
    let told = block.get("ignore_protocol_stats");
    let told = told.filter(|entry| entry.value.get_ref().as_bool() != Some(false));
    if let Some(entry) = told {
        // A variable stands for anything.
        if !entry.value.get_ref().is_bool() && !file.is_variable(entry) {
            let message = "\"ignore_protocol_stats\" takes true or false";
            return Err(file.error(entry.value.span(), message));
        }
        lines.line(with_braces(&file.assignment(entry)));
    } else if has_protocols {
        lines.note(
            "The line interface=all with the protocol statistics is that of the table above.",
        );
        lines.line(WITHOUT_PROTOCOLS.into());
    } else {
        lines.note(
            "With protocol statistics, the line interface=all, as up to Telegraf 1.36. Since 1.37, \
             inputs.net has none, whatever it is told. To have none here:",
        );
        lines.commented(WITHOUT_PROTOCOLS);
    }
    Ok(lines)
}

/// Whether a table has no line `interface=all`, for sure.
pub(super) fn is_without_protocols(lines: &Lines) -> bool {
    lines.has(WITHOUT_PROTOCOLS)
}

fn interfaces(
    file: &TelegrafConf<'_>,
    entry: &Entry<'_>,
    lines: &mut Lines,
) -> Result<(), ConfigError> {
    let written = file.written(entry.value.span());
    let texts = plain_strings(entry.value.get_ref());
    let Some(texts) = texts else {
        let items = entry.value.get_ref().as_array();
        let texts = items.map(|items| items.iter().map(|item| item.get_ref().as_str()));
        let texts = texts.and_then(Iterator::collect::<Option<Vec<_>>>);
        if texts.is_none() && !file.is_variable(entry) {
            let message =
                r#""interfaces" takes a list of names and patterns, such as ["eth*", "lo"]"#;
            return Err(file.error(entry.value.span(), message));
        }
        let value = with_braces(written);
        if value != written {
            lines.note("Variables have braces here.");
        }
        if texts.is_some_and(|texts| texts.concat().contains(['{', '\\'])) {
            lines.note(
                "Whether inputs.net takes braces and backslashes literally is up to the variables. Here they \
                 are those of a pattern.",
            );
        }
        lines.option("interfaces", &value);
        return Ok(());
    };
    // Where no entry has any of these, Telegraf takes all of them literally.
    let is_literal = !texts.iter().any(|text| text.contains(['*', '?', '[']));
    let as_here: Vec<String> = if is_literal {
        texts.iter().map(|text| escaped(text)).collect()
    } else {
        texts.iter().map(|text| (*text).to_owned()).collect()
    };
    Patterns::new(&as_here)
        .map_err(|error| file.error(entry.value.span(), format!("\"interfaces\": {error}")))?;
    if as_here == texts {
        lines.option("interfaces", written);
        return Ok(());
    }
    lines.note(
        "Where no entry has a *, ? or [, inputs.net takes braces and backslashes literally. Here they need a \
         backslash.",
    );
    lines.option("interfaces", &quoted_list(&as_here));
    Ok(())
}

/// Variables with braces around their names: here they need them.
fn with_braces(text: &str) -> String {
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut parts = text.split('$');
    let mut with_braces = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|character| !is_of_name(character)).unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            with_braces.extend(["$", part]);
        } else {
            with_braces.extend(["${", name, "}", rest]);
        }
    }
    with_braces
}

/// A pattern that matches that text alone.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('{', "\\{")
}
