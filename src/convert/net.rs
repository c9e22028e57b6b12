//! What gives the series of `[[inputs.net]]`.

use super::input::assignment;
use super::lines::Lines;
use super::variables::{self, Notes, Quotes};
use crate::config::ConfigError;
use crate::select::patterns::Patterns;
use crate::telegraf_conf::variables::{Part, parts};
use crate::telegraf_conf::{Block, BlockOption, Document, Value};

/// Its own options.
pub(super) const OPTIONS: [&str; 2] = ["ignore_protocol_stats", "interfaces"];

const WITHOUT_PROTOCOLS: &str = "ignore_protocol_stats = true";

/// The table in place of the block; `has_protocols` says whether one above it already has the line
/// `interface=all`.
pub(super) fn table(
    document: &Document,
    block: &Block,
    has_protocols: bool,
) -> Result<Lines, ConfigError> {
    let mut lines = Lines::default();
    if let Some(option) = block.get("interfaces") {
        interfaces(document, option, &mut lines).map_err(|message| error(option, &message))?;
    }
    lines.note(
        "Unsigned, as inputs.net has them. What is written stays as it was: outputs of Telegraf make them \
         signed unless they are told otherwise.",
    );
    lines.option("influx_uint_support", "true");
    let told = block.get("ignore_protocol_stats");
    let told = told.filter(|option| option.value != Value::Boolean(false));
    if let Some(option) = told {
        let assigned = match &option.value {
            Value::Boolean(_) => assignment(document, option),
            // It stands for anything.
            Value::Variable(written) => {
                let mut notes = Notes::default();
                let written = variables::written(&parts(written), Quotes::None, &mut notes);
                let written = written.map_err(|message| error(option, &message))?;
                notes.iter().for_each(|note| lines.note(note));
                format!("{} = {written}", document.key(option))
            }
            _ => return Err(error(option, "it takes true or false")),
        };
        lines.line(assigned);
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

/// That an option cannot be read, or not be had here.
fn error(option: &BlockOption, message: &str) -> ConfigError {
    ConfigError { line: Some(option.line), message: format!("{:?}: {message}", option.key) }
}

fn interfaces(document: &Document, option: &BlockOption, lines: &mut Lines) -> Result<(), String> {
    let takes_a_list = || r#"it takes a list of names and patterns, such as ["eth*", "lo"]"#.into();
    let texts = match (&option.value, option.value.items()) {
        (Value::Variable(_), _) => None,
        (_, None) => return Err(takes_a_list()),
        (_, Some(items)) => {
            let is_one = |value: &Value| matches!(value, Value::Text(_) | Value::Variable(_));
            if !items.iter().all(|item| is_one(&item.value)) {
                return Err(takes_a_list());
            }
            let texts = items.iter().map(|item| item.value.text().and_then(without_variables));
            texts.collect::<Option<Vec<_>>>()
        }
    };
    // Where no entry has any of these, Telegraf takes all of them literally.
    let has_wildcard = |text: &String| text.contains(['*', '?', '[']);
    let is_literal = texts.as_ref().is_some_and(|texts| !texts.iter().any(has_wildcard));
    if let Some(texts) = &texts {
        let as_here = |text| if is_literal { escaped(text) } else { text };
        let texts: Vec<_> = texts.iter().cloned().map(as_here).collect();
        Patterns::new(&texts).map_err(|error| error.to_string())?;
    }
    let (mut notes, mut is_escaped, mut has_braces) = (Notes::default(), false, false);
    let written = document.rewritten(option, &mut |value| {
        let (text, quotes) = match value {
            Value::Text(text) => (text, Quotes::Double),
            Value::Variable(text) => (text, Quotes::None),
            _ => return Ok(None),
        };
        let parts = parts(text);
        has_braces |= texts.is_none() && parts.iter().any(has_literal_braces);
        let literal = without_variables(text).filter(|_| is_literal);
        let escaped = literal.as_ref().map(|literal| escaped(literal.clone()));
        is_escaped |= escaped != literal;
        let parts = escaped.as_deref().map_or(parts, |text| vec![Part::Text(text)]);
        let written = variables::written(&parts, quotes, &mut notes)?;
        // As it stands, if that is the same.
        let is_same = match quotes {
            Quotes::Double => written == super::lines::quoted(text),
            Quotes::None => written == *text,
        };
        Ok((!is_same).then_some(written))
    })?;
    notes.iter().for_each(|note| lines.note(note));
    if has_braces {
        lines.note(
            "Whether inputs.net takes braces and backslashes literally is up to the variables. Here they \
             are those of a pattern.",
        );
    }
    if is_escaped {
        lines.note(
            "Where no entry has a *, ? or [, inputs.net takes braces and backslashes literally. Here they \
             need a backslash.",
        );
    }
    lines.option("interfaces", &written);
    Ok(())
}

/// A string, if no variable stands in it.
fn without_variables(text: &str) -> Option<String> {
    let parts = parts(text).into_iter().map(|part| match part {
        Part::Text(text) => Some(text.to_owned()),
        Part::Variable(_) => None,
    });
    parts.collect()
}

/// Whether a part has braces or backslashes that are none of a variable.
fn has_literal_braces(part: &Part<'_>) -> bool {
    match part {
        Part::Text(text) => text.contains(['{', '\\']),
        Part::Variable(variable) => {
            let operand = variable.operator.as_ref().map(|(_, operand)| operand.as_slice());
            operand.unwrap_or_default().iter().any(has_literal_braces)
        }
    }
}

/// A pattern that matches that text alone.
fn escaped(text: String) -> String {
    if text.contains(['\\', '{']) { text.replace('\\', "\\\\").replace('{', "\\{") } else { text }
}
