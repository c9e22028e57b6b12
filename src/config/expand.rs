//! `${VAR}` -> the variable's value, so that it stays within its value and its line.

use super::Env;
use super::error::{ConfigError, line_at};

/// The most bytes that a configuration may have once variables are replaced: a few may stand in it
/// many times.
const MAX_EXPANDED: usize = 1 << 20;

/// Where in a TOML document a variable stands, which decides how its value is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Outside of quotes.
    Bare,
    /// Behind `#`, up to the end of the line.
    Comment,
    /// Between double quotes, one or three.
    Basic(&'static str),
    /// Between single quotes, one or three.
    Literal(&'static str),
}

impl Place {
    /// How many bytes of `rest` go together here, and what comes behind them.
    pub(crate) fn step(self, rest: &str) -> (usize, Self) {
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
    pub(crate) fn written(self, value: &str) -> Result<String, &'static str> {
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
pub(crate) fn toml_escaped(character: char) -> String {
    match character {
        '"' | '\\' => format!("\\{character}"),
        _ if character.is_control() => format!("\\u{:04X}", u32::from(character)),
        _ => character.to_string(),
    }
}

/// Replaces `${VAR}` and `${VAR:-default}` everywhere but in comments. The default counts where the
/// variable is unset or empty. Lines keep their numbers.
pub(super) fn expand(text: &str, env: Env<'_>) -> Result<String, ConfigError> {
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
