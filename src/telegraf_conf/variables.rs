//! The variables of the environment in Telegraf's configuration, as Telegraf replaces them (`config/envvar.go`,
//! and the package `template` of compose-go that it takes for that).

use std::collections::BTreeMap;

use crate::config::Env;

/// The most bytes that a file, or one of its strings, may have once variables are replaced.
pub(super) const MAX_REPLACED: usize = 1 << 20;

/// So deep may a default stand in another one; Telegraf itself has no limit.
const MAX_DEPTH: usize = 16;

/// A part of a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'t> {
    /// What stays as it is; `$$` is told as `$`.
    Text(&'t str),
    /// A variable.
    Variable(Variable<'t>),
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable<'t> {
    /// Its name.
    pub name: &'t str,
    /// The whole of it, as `$NAME` or `${NAME:-default}`.
    pub written: &'t str,
    /// What stands behind the name, and the text behind that.
    pub operator: Option<(Operator, Vec<Part<'t>>)>,
    /// It counts as empty where it is not set, as every one does that stands behind one with an operator; any other
    /// stays as it is written then.
    pub is_empty_unset: bool,
}

/// What stands behind the name of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    /// What it does.
    pub effect: Effect,
    /// With a colon: an empty value counts as none.
    pub is_for_empty: bool,
}

/// What an operator does with the text behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// `-`: the text counts where there is no value.
    Default,
    /// `+`: the text counts where there is a value.
    Alternative,
    /// `?`: Telegraf does not start where there is no value, and says the text.
    Required,
}

/// That a text is no template to Telegraf, which takes all of it literally then.
#[derive(Debug, PartialEq, Eq)]
struct NoTemplate;

/// The parts of a string.
#[must_use]
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let braces = Braces::of(text);
    let (mut start, mut place) = (0, 0);
    while let Some(found) = text.get(place..).and_then(|rest| rest.find('$')) {
        let at = place + found;
        let (end, found) = match Reference::at(text, at, &braces) {
            Some(Reference::Dollar) => (at + "$$".len(), vec![Part::Text("$")]),
            Some(Reference::Plain { name, end }) => (end, vec![plain(text, at..end, name, false)]),
            // What follows up to the last brace of the line is taken together with it.
            Some(Reference::Operated { .. }) => {
                let line = text.get(at..).unwrap_or_default().lines().next().unwrap_or_default();
                let length = line.rfind('}').map_or(line.len(), |last| last + 1);
                let end = at + length;
                let whole = text.get(at..end).unwrap_or_default();
                (end, inner(whole, 0).unwrap_or_else(|NoTemplate| vec![Part::Text(whole)]))
            }
            None => {
                place = at + "$".len();
                continue;
            }
        };
        push_text(&mut parts, text, start..at);
        parts.extend(found);
        (start, place) = (end, end);
    }
    push_text(&mut parts, text, start..text.len());
    parts
}

/// The first variable of a string, as it is written.
#[must_use]
pub fn first(text: &str) -> Option<&str> {
    parts(text).into_iter().find_map(|part| match part {
        Part::Text(_) => None,
        Part::Variable(variable) => Some(variable.written),
    })
}

/// The parts of what stands behind an operator, or behind a variable that has one.
fn inner(text: &str, depth: usize) -> Result<Vec<Part<'_>>, NoTemplate> {
    if depth > MAX_DEPTH {
        return Err(NoTemplate);
    }
    let mut parts = Vec::new();
    let braces = Braces::of(text);
    let (mut start, mut place) = (0, 0);
    while let Some(found) = text.get(place..).and_then(|rest| rest.find('$')) {
        let at = place + found;
        let (end, part) = match Reference::at(text, at, &braces) {
            Some(Reference::Dollar) => (at + "$$".len(), Part::Text("$")),
            Some(Reference::Plain { name, end }) => (end, plain(text, at..end, name, true)),
            Some(Reference::Operated { name, operator, operand, end }) => {
                let operator = Some((operator, inner(operand, depth + 1)?));
                let written = text.get(at..end).unwrap_or_default();
                (end, Part::Variable(Variable { name, written, operator, is_empty_unset: true }))
            }
            None if text.get(at..).is_some_and(|rest| rest.starts_with("${")) => {
                return Err(NoTemplate);
            }
            None => {
                place = at + "$".len();
                continue;
            }
        };
        push_text(&mut parts, text, start..at);
        parts.push(part);
        (start, place) = (end, end);
    }
    push_text(&mut parts, text, start..text.len());
    Ok(parts)
}

fn plain<'t>(
    text: &'t str,
    range: std::ops::Range<usize>,
    name: &'t str,
    is_empty_unset: bool,
) -> Part<'t> {
    let written = text.get(range).unwrap_or_default();
    Part::Variable(Variable { name, written, operator: None, is_empty_unset })
}

fn push_text<'t>(parts: &mut Vec<Part<'t>>, text: &'t str, range: std::ops::Range<usize>) {
    let text = text.get(range).filter(|text| !text.is_empty());
    parts.extend(text.map(Part::Text));
}

/// A string with its variables replaced, as far as they are set; `None` where it grows too long.
pub(super) fn replaced(text: &str, env: Env<'_>) -> Option<String> {
    let mut replaced = String::new();
    replace(&parts(text), env, &mut replaced)?;
    Some(replaced)
}

fn replace(parts: &[Part<'_>], env: Env<'_>, replaced: &mut String) -> Option<()> {
    for part in parts {
        match part {
            Part::Text(text) => replaced.push_str(text),
            Part::Variable(variable) => variable.replace(env, replaced)?,
        }
        if replaced.len() > MAX_REPLACED {
            return None;
        }
    }
    Some(())
}

impl Variable<'_> {
    fn replace(&self, env: Env<'_>, replaced: &mut String) -> Option<()> {
        let value = env(self.name).map(|value| value.to_string_lossy().into_owned());
        let is_there = |operator: &Operator| {
            let value = value.as_deref();
            value.is_some_and(|value| !(value.is_empty() && operator.is_for_empty))
        };
        match &self.operator {
            Some((operator, operand)) => match (operator.effect, is_there(operator)) {
                (Effect::Default, false) | (Effect::Alternative, true) => {
                    return replace(operand, env, replaced);
                }
                (Effect::Required, false) => replaced.push_str(self.written),
                (Effect::Alternative, false) | (Effect::Default | Effect::Required, true) => {
                    replaced.push_str(&value.unwrap_or_default());
                }
            },
            None if self.is_empty_unset => replaced.push_str(&value.unwrap_or_default()),
            None => replaced.push_str(value.as_deref().unwrap_or(self.written)),
        }
        Some(())
    }
}

/// What begins with a dollar sign.
pub(super) enum Reference<'t> {
    /// `$$`.
    Dollar,
    /// `$NAME` or `${NAME}`, up to that place.
    Plain { name: &'t str, end: usize },
    /// `${NAME:-operand}` and the like, up to that place.
    Operated { name: &'t str, operator: Operator, operand: &'t str, end: usize },
}

impl<'t> Reference<'t> {
    /// What begins at that place of a text, whose braces these are.
    pub(super) fn at(text: &'t str, place: usize, braces: &Braces) -> Option<Self> {
        let behind = text.get(place..)?.strip_prefix('$')?;
        if behind.starts_with('$') {
            return Some(Self::Dollar);
        }
        let is_first = |character: char| character.is_ascii_alphabetic() || character == '_';
        let is_of_name = |character| is_first(character) || character.is_ascii_digit();
        let is_braced = behind.starts_with('{');
        let from = behind.strip_prefix('{').unwrap_or(behind);
        let length = from.find(|character| !is_of_name(character)).unwrap_or(from.len());
        let (name, rest) = from.split_at_checked(length)?;
        if !name.starts_with(is_first) {
            return None;
        }
        if !is_braced {
            return Some(Self::Plain { name, end: place + "$".len() + length });
        }
        let behind_name = place + "${".len() + length;
        if rest.starts_with('}') {
            return Some(Self::Plain { name, end: behind_name + "}".len() });
        }
        let colon = if rest.starts_with(':') { ":".len() } else { 0 };
        let effect = match rest.get(colon..)?.chars().next()? {
            '-' => Effect::Default,
            '+' => Effect::Alternative,
            '?' => Effect::Required,
            _ => return None,
        };
        let close = braces.closing(place)?;
        let operand = text.get(behind_name + colon + "-".len()..close)?;
        let operator = Operator { effect, is_for_empty: colon > 0 };
        Some(Self::Operated { name, operator, operand, end: close + "}".len() })
    }
}

/// Where what begins with `${` ends: on its line, and whatever begins so in between ends before it.
#[derive(Debug, Default)]
pub(super) struct Braces {
    closing: BTreeMap<usize, usize>,
}

impl Braces {
    /// Those of a text.
    pub(super) fn of(text: &str) -> Self {
        let (mut closing, mut open) = (BTreeMap::new(), Vec::new());
        let mut before = b' ';
        for (place, byte) in text.bytes().enumerate() {
            match byte {
                b'{' if before == b'$' => open.push(place - 1),
                b'}' => closing.extend(open.pop().map(|start| (start, place))),
                b'\n' => open.clear(),
                _ => {}
            }
            before = byte;
        }
        Self { closing }
    }

    /// The place of the `}` that ends what begins at that `$`.
    pub(super) fn closing(&self, place: usize) -> Option<usize> {
        self.closing.get(&place).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn variables_are_replaced_as_telegraf_does() {
        let env = |name: &str| match name {
            "X" => Some(OsString::from("VAL")),
            "E" => Some(OsString::new()),
            _ => None,
        };
        // As seen with Telegraf 1.39.1.
        for (text, expected) in [
            ("$X", "VAL"),
            ("a${X}b", "aVALb"),
            ("$X$X", "VALVAL"),
            ("$U ${U} $x", "$U ${U} $x"),
            ("$E|${E}", "|"),
            ("${U-lo}|${E-lo}", "lo|"),
            ("${U:-lo}|${E:-lo}", "lo|lo"),
            ("${X:?m}${X?m}", "VALVAL"),
            ("${X:+y}|${X+y}|${E:+y}|${E+y}|${U:+y}|${U+y}", "y|y||y||"),
            ("a$$b $${X} $$$X", "a$b ${X} $VAL"),
            ("${U:-${X}}", "VAL"),
            ("${U:-${V:-z}}", "z"),
            ("${U:-$V}|", "|"),
            ("${U:-lo}$V", "lo$V"),
            ("${U:-lo}${V}", "lo"),
            ("$V${U:-lo}", "$Vlo"),
            ("${U:-lo}${1}", "${U:-lo}${1}"),
            ("${1} $ ${ ${X ${X } ${X:=y}", "${1} $ ${ ${X ${X } ${X:=y}"),
            ("a${U:-b}c${X}d", "abcVALd"),
            ("${U:-a}b}", "ab}"),
            ("${U:-{}}", "{}"),
            ("${U:-a{b}c}", "a{bc}"),
            ("${U:-}${U-}|", "|"),
            ("${U:-a:-b}", "a:-b"),
            ("${U:-a?b}", "a?b"),
            ("${U:-$$}|${X:-$$}z}", "$|VALz}"),
        ] {
            assert_eq!(replaced(text, &env).as_deref(), Some(expected), "{text}");
        }
        // Telegraf does not start.
        assert_eq!(replaced("${U:?m}${E:?m}", &env).as_deref(), Some("${U:?m}${E:?m}"));
    }

    #[test]
    fn a_long_text_of_braces_is_read() {
        for text in ["${a", "${a:-", "${a:-}", "}", "${U:-$V}", "${a:-${1}}"] {
            let long = text.repeat((1 << 18) / text.len());
            assert!(replaced(&long, &|_| None).is_some());
        }
        let deep = format!("{}x{}", "${a:-".repeat(100_000), "}".repeat(100_000));
        assert_eq!(replaced(&deep, &|_| None).as_deref(), Some(deep.as_str()));
    }
}
