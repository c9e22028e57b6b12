//! Variables that stand outside of quotes: before version 1.38, or with `--non-strict-env-handling`, Telegraf
//! replaces them too, so that one may stand for a number, a list, or anything else.

use super::variables::{Braces, MAX_REPLACED, Reference, replaced};
use crate::config::Env;
use crate::config::expand::Place;

/// The text with a string of the same length in place of every bare value that holds a variable, so that it
/// is TOML.
pub(super) fn masked(text: &str) -> String {
    let braces = Braces::of(text);
    let mut masked = String::with_capacity(text.len());
    let (mut place, mut is_value) = (Place::Bare, false);
    let mut rest = text;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let word =
            if place == Place::Bare && is_value { bare_value(text, at, &braces) } else { "" };
        let (length, next) = match word {
            "" => place.step(rest),
            word => (word.len(), place),
        };
        let (copied, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if word.contains('$') && length >= "\"\"".len() {
            masked.push('"');
            masked.extend(std::iter::repeat_n('$', length - "\"\"".len()));
            masked.push('"');
        } else {
            masked.push_str(copied);
        }
        is_value = match copied {
            "=" | "[" | "," => true,
            " " | "\t" | "\r" | "\n" => is_value,
            _ => false,
        };
        (rest, place) = (behind, next);
    }
    masked
}

/// What stands at that place without quotes and brackets; what is within the braces of a variable belongs to it.
fn bare_value<'t>(text: &'t str, start: usize, braces: &Braces) -> &'t str {
    let mut end = start;
    while let Some(character) = text.get(end..).and_then(|rest| rest.chars().next()) {
        end = match braces.closing(end) {
            Some(close) => close + "}".len(),
            None if character.is_whitespace() || "[]{},#\"'".contains(character) => break,
            None => end + character.len_utf8(),
        };
    }
    text.get(start..end).unwrap_or_default()
}

/// Replaces variables that stand outside of quotes, and tells them with their lines. One that is not set
/// becomes a string of itself, so that all else can be read.
pub(super) fn expanded(text: &str, env: Env<'_>) -> Result<(String, Vec<(usize, String)>), String> {
    let braces = Braces::of(text);
    let (mut expanded, mut bare) = (String::with_capacity(text.len()), Vec::new());
    let (mut place, mut rest) = (Place::Bare, text);
    let mut line = 1;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        if place == Place::Bare
            && rest.starts_with('$')
            && let Some(end) = end_of_variable(text, at, &braces)
        {
            let whole = text.get(at..end).unwrap_or_default();
            let value = replaced(whole, env)
                .filter(|value| value != whole && !value.contains(['\n', '\r']));
            let itself = || {
                let written = Place::Basic("\"").written(whole).unwrap_or_default();
                format!("\"{written}\"")
            };
            expanded.push_str(&value.unwrap_or_else(itself));
            if expanded.len() > MAX_REPLACED {
                return Err("with its variables replaced, it is longer than 1 MiB".into());
            }
            bare.push((line, whole.to_owned()));
            rest = text.get(end..).unwrap_or_default();
            continue;
        }
        let (length, next) = place.step(rest);
        let (copied, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        line += copied.matches('\n').count();
        expanded.push_str(copied);
        (rest, place) = (behind, next);
    }
    Ok((expanded, bare))
}

/// Where the variable ends that begins at that place.
fn end_of_variable(text: &str, at: usize, braces: &Braces) -> Option<usize> {
    match Reference::at(text, at, braces)? {
        Reference::Dollar => None,
        Reference::Plain { end, .. } | Reference::Operated { end, .. } => Some(end),
    }
}
