//! Variables as Telegraf has them -> as `plugin.conf` has them, which knows `${NAME}` and `${NAME:-default}` alone.

use std::collections::BTreeSet;

use super::lines::escaped_text;
use crate::quoted::Quoted;
use crate::telegraf_conf::variables::{Effect, Operator, Part, Variable};

/// What there is to say of variables that were written anew.
#[derive(Debug, Default)]
pub(super) struct Notes(BTreeSet<&'static str>);

impl Notes {
    pub(super) fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied()
    }
}

/// How what has a variable is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Between double quotes, which are written too.
    Double,
    /// As a value of its own.
    None,
}

/// Writes parts of a string for `plugin.conf`.
///
/// # Errors
///
/// That one of them cannot be said there.
pub(super) fn written(
    parts: &[Part<'_>],
    quotes: Quotes,
    notes: &mut Notes,
) -> Result<String, String> {
    let mut written = String::new();
    let mut literal = String::new();
    for part in parts {
        match part {
            Part::Text(text) => literal.push_str(text),
            Part::Variable(variable) => {
                written.push_str(&quotes.literal(&std::mem::take(&mut literal)));
                written.push_str(&reference(variable, quotes, notes)?);
            }
        }
    }
    written.push_str(&quotes.literal(&literal));
    Ok(match quotes {
        Quotes::Double => format!("\"{written}\""),
        Quotes::None => written,
    })
}

impl Quotes {
    /// What is no variable.
    fn literal(self, text: &str) -> String {
        match self {
            // That would be one.
            Self::Double => escaped_text(text).replace("${", "\\u0024{"),
            Self::None => text.to_owned(),
        }
    }

    /// A text within the braces of a variable.
    fn default(self, text: &str) -> String {
        match self {
            Self::Double => escaped_text(text).replace('{', "\\u007B").replace('}', "\\u007D"),
            Self::None => text.to_owned(),
        }
    }
}

fn reference(variable: &Variable<'_>, quotes: Quotes, notes: &mut Notes) -> Result<String, String> {
    let Variable { name, written, operator, is_empty_unset } = variable;
    let cannot = |what: &str| {
        format!(
            "{} cannot be written in plugin.conf, which has no {what}: write ${{{name}}} or ${{{name}:-default}}",
            Quoted(written.as_bytes())
        )
    };
    let Some((Operator { effect, is_for_empty }, operand)) = operator else {
        return Ok(match (quotes, is_empty_unset) {
            (Quotes::Double, true) => format!("${{{name}:-}}"),
            (Quotes::Double, false) => {
                notes.0.insert("A variable that is not set gives its own name, as under Telegraf.");
                format!("${{{name}:-${name}}}")
            }
            // Nothing could be read then there, either.
            (Quotes::None, _) => format!("${{{name}}}"),
        });
    };
    match effect {
        Effect::Default => {
            let texts = operand.iter().map(|part| match part {
                Part::Text(text) => Ok(*text),
                Part::Variable(_) => Err(cannot("variable within the default of another")),
            });
            let text = texts.collect::<Result<String, _>>()?;
            if !is_for_empty {
                notes.0.insert(
                    "A variable that is set to nothing counts as one that is not set here.",
                );
            }
            Ok(format!("${{{name}:-{}}}", quotes.default(&text)))
        }
        Effect::Required => {
            if *is_for_empty {
                notes.0.insert(
                    "With a required variable that is set to nothing, Telegraf does not start.",
                );
            }
            Ok(format!("${{{name}}}"))
        }
        Effect::Alternative => Err(cannot("text in place of a variable that is set")),
    }
}
