//! Telegraf's configuration -> the tables of its plugins, with their lines.
//!
//! Variables are replaced as Telegraf replaces them (`config/envvar.go`): in strings `$VAR`, `${VAR}`,
//! `${VAR:-default}` and `${VAR-default}`, and `$$` is a dollar sign. What is not set stays as it stands.
//! Telegraf replaced them outside of quotes too, before version 1.38 or with `--non-strict-env-handling`.

use std::borrow::Cow;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::Env;
use crate::config::expand::Place;
use crate::config::go_duration;

/// The most bytes that a file, or one of its strings, may have once variables are replaced.
const MAX_EXPANDED: usize = 1 << 20;

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// The table `[agent]`.
    pub agent: Option<Block>,
    /// The tables of inputs, in the file's order.
    pub inputs: Vec<Input>,
    /// What is not TOML, each with its line: Telegraf does not start then.
    pub mistakes: Vec<(usize, String)>,
    /// The variables outside of quotes, each with its line.
    pub bare: Vec<(usize, String)>,
}

/// A table of an input, `[[inputs.NAME]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// What it has.
    pub block: Block,
}

/// A table of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Block {
    /// The number of its line, from 1.
    pub line: usize,
    /// Its options.
    pub options: Vec<BlockOption>,
}

/// An option of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockOption {
    /// Its key.
    pub key: String,
    /// The number of its line, from 1.
    pub line: usize,
    /// Its value.
    pub value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string, its variables replaced.
    Text(String),
    /// A number, as it is written.
    Number(String),
    /// A list.
    List(Vec<Value>),
    /// Something else, such as a table.
    Other,
}

impl Block {
    /// An option by its key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&BlockOption> {
        self.options.iter().find(|option| option.key == key)
    }

    /// The text of an option, and its line; `None` where it has none.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<(&str, usize)> {
        let option = self.get(key)?;
        Some((option.value.text()?, option.line))
    }
}

impl Value {
    /// The text, where it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The texts, where it is a list of them alone.
    #[must_use]
    pub fn texts(&self) -> Option<Vec<&str>> {
        match self {
            Self::List(items) => items.iter().map(Self::text).collect(),
            _ => None,
        }
    }

    /// The time that it tells, as the agent reads times (`config/types.go`): `10s`, `1h30m`, `1.5d`, and
    /// numbers of seconds.
    #[must_use]
    pub fn agent_duration(&self) -> Option<Duration> {
        let (Self::Text(text) | Self::Number(text)) = self else { return None };
        let seconds = text.trim().replace('_', "").parse::<f64>();
        match seconds {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            Err(_) => go_duration::read(text, true),
        }
    }

    /// The time that it tells, as an input's block has them (`getFieldDuration` of `config/config.go`): a text
    /// with units, of which days are none. A number is not looked at.
    #[must_use]
    pub fn block_duration(&self) -> Option<Duration> {
        go_duration::read(self.text()?, false)
    }
}

/// Takes a file apart. What is not TOML costs only itself.
///
/// # Errors
///
/// When its variables make too much of it, what is wrong.
pub fn read(text: &[u8], env: Env<'_>) -> Result<Document, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let text = String::from_utf8_lossy(text);
    let (text, bare) = expand_bare(&text, env)?;
    let line_ends: Vec<_> = text.match_indices('\n').map(|(place, _)| place).collect();
    let reader = Reader { line_ends, env };
    let (parsed, errors) = DeTable::parse_recoverable(&text);
    let mistakes = errors.iter().map(|error| {
        let place = error.span().unwrap_or_default().start;
        (reader.line_of(place), error.message().replace('\n', ", "))
    });
    let mut document = Document { mistakes: mistakes.collect(), bare, ..Document::default() };
    for (name, value) in parsed.get_ref() {
        let DeValue::Table(table) = value.get_ref() else { continue };
        match name.get_ref().as_ref() {
            "agent" => document.agent = Some(reader.block(value)),
            "inputs" => {
                for (name, value) in table {
                    let blocks: Vec<_> = match value.get_ref() {
                        DeValue::Array(array) => array.iter().collect(),
                        // Telegraf takes single brackets too.
                        _ => vec![value],
                    };
                    let name = name.get_ref();
                    document.inputs.extend(
                        blocks.into_iter().map(|value| Input {
                            name: name.to_string(),
                            block: reader.block(value),
                        }),
                    );
                }
            }
            _ => {}
        }
    }
    document.inputs.sort_by_key(|input| input.block.line);
    Ok(document)
}

struct Reader<'t> {
    /// The places of the line breaks in the text.
    line_ends: Vec<usize>,
    env: Env<'t>,
}

impl Reader<'_> {
    fn line_of(&self, place: usize) -> usize {
        self.line_ends.partition_point(|&end| end < place) + 1
    }

    fn block(&self, value: &Spanned<DeValue<'_>>) -> Block {
        let DeValue::Table(table) = value.get_ref() else { return Block::default() };
        let options = table.iter().map(|(key, value)| BlockOption {
            key: key.get_ref().to_string(),
            line: self.line_of(key.span().start),
            value: self.value(value.get_ref()),
        });
        let mut options: Vec<_> = options.collect();
        options.sort_by_key(|option| option.line);
        Block { line: self.line_of(value.span().start), options }
    }

    fn value(&self, value: &DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::Text(substituted(text, self.env).into_owned()),
            DeValue::Integer(number) => Value::Number(number.as_str().to_owned()),
            DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.value(item.get_ref())).collect())
            }
            DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Table(_) => Value::Other,
        }
    }
}

/// Replaces variables that stand outside of quotes, and tells them with their lines. One that is not set
/// becomes a string of itself, so that all else can be read.
fn expand_bare(text: &str, env: Env<'_>) -> Result<(String, Vec<(usize, String)>), String> {
    let (mut expanded, mut bare) = (String::with_capacity(text.len()), Vec::new());
    let (mut place, mut rest) = (Place::Bare, text);
    let mut line = 1;
    while !rest.is_empty() {
        let (length, next) = match reference(rest) {
            Some((length, variable)) if place == Place::Bare => {
                let whole = rest.get(..length).unwrap_or_default();
                let value = variable.value(env).filter(|value| !value.contains(['\n', '\r']));
                let itself = || {
                    let written = Place::Basic("\"").written(whole).unwrap_or_default();
                    format!("\"{written}\"")
                };
                expanded.push_str(&value.unwrap_or_else(itself));
                if expanded.len() > MAX_EXPANDED {
                    return Err("with its variables replaced, it is longer than 1 MiB".into());
                }
                bare.push((line, whole.to_owned()));
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            _ => place.step(rest),
        };
        let (copied, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        line += copied.matches('\n').count();
        expanded.push_str(copied);
        (rest, place) = (behind, next);
    }
    Ok((expanded, bare))
}

/// A variable, and what counts where it is not set.
struct Variable<'t> {
    name: &'t str,
    default: Option<&'t str>,
    /// The default counts for an empty one, too.
    is_for_empty: bool,
}

impl Variable<'_> {
    fn value(&self, env: Env<'_>) -> Option<String> {
        let value = env(self.name).map(|value| value.to_string_lossy().into_owned());
        let value = value.filter(|value| !(value.is_empty() && self.is_for_empty));
        value.or_else(|| self.default.map(ToOwned::to_owned))
    }
}

/// The variable at the start of a text, and the length of what names it.
fn reference(text: &str) -> Option<(usize, Variable<'_>)> {
    let behind = text.strip_prefix('$')?;
    let length_of_name = |text: &str| {
        let is_letter = |character: char| character.is_ascii_alphabetic() || character == '_';
        let is_first = text.starts_with(is_letter);
        let end = text.find(|character| !is_letter(character) && !character.is_ascii_digit());
        is_first.then(|| end.unwrap_or(text.len()))
    };
    let Some(braced) = behind.strip_prefix('{') else {
        let length = length_of_name(behind)?;
        let name = behind.get(..length)?;
        return Some((1 + length, Variable { name, default: None, is_for_empty: false }));
    };
    let (name, behind) = braced.split_at_checked(length_of_name(braced)?)?;
    // On its line, as nothing else ends one that is not closed.
    let end = behind
        .find(['}', '\n'])
        .filter(|&end| behind.get(end..).is_some_and(|rest| rest.starts_with('}')))?;
    let inner = behind.get(..end)?;
    let length = "${".len() + name.len() + inner.len() + "}".len();
    let (default, is_for_empty) = match (inner.strip_prefix(":-"), inner.strip_prefix('-')) {
        (Some(default), _) => (Some(default), true),
        (_, Some(default)) => (Some(default), false),
        _ if inner.is_empty() => (None, false),
        _ => return None,
    };
    Some((length, Variable { name, default, is_for_empty }))
}

/// A string with its variables replaced, as far as they are set and it does not grow too long.
fn substituted<'t>(text: &'t str, env: Env<'_>) -> Cow<'t, str> {
    if !text.contains('$') {
        return Cow::Borrowed(text);
    }
    let (mut replaced, mut rest) = (String::new(), text);
    while let Some(place) = rest.find('$') {
        let (before, from) = rest.split_at_checked(place).unwrap_or((rest, ""));
        replaced.push_str(before);
        if let Some(behind) = from.strip_prefix("$$") {
            replaced.push('$');
            rest = behind;
            continue;
        }
        let found =
            reference(from).and_then(|(length, variable)| Some((length, variable.value(env)?)));
        let (length, value) = found.unwrap_or((1, "$".to_owned()));
        if replaced.len() + value.len() > MAX_EXPANDED {
            return Cow::Borrowed(text);
        }
        replaced.push_str(&value);
        rest = from.get(length..).unwrap_or_default();
    }
    replaced.push_str(rest);
    Cow::Owned(replaced)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use proptest::prelude::*;

    use super::*;

    fn env(name: &str) -> Option<OsString> {
        let variables = [("WORD", "STDIN"), ("EMPTY", ""), ("QUOTED", "\"1m\""), ("LINES", "a\nb")];
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    #[test]
    fn the_tables_of_plugins_are_found_with_their_lines() {
        let text = b"\xef\xbb\xbf# A comment with ${WORD}\n[agent]\n  interval = \"5s\"\n\n[[inputs.execd]]\n\
              command = [\n  'a',\n  \"b\"]\n  signal = \"STDIN\"\n  [inputs.execd.tags]\n  x = '1'\n\
              [inputs.cpu]\n  percpu = true\n[[inputs.execd]]\n  interval = 10\n[[outputs.file]]\n";
        let document = read(text, &env).unwrap();
        assert_eq!((document.mistakes.len(), document.bare.len()), (0, 0));
        let agent = document.agent.unwrap();
        assert_eq!((agent.line, agent.text("interval")), (2, Some(("5s", 3))));
        let inputs: Vec<_> =
            document.inputs.iter().map(|input| (&*input.name, input.block.line)).collect();
        assert_eq!(inputs, [("execd", 5), ("cpu", 12), ("execd", 14)]);
        let first = &document.inputs[0].block;
        let command = first.get("command").unwrap();
        assert_eq!((command.line, command.value.texts()), (6, Some(vec!["a", "b"])));
        assert_eq!(first.text("signal"), Some(("STDIN", 9)));
        assert_eq!(first.get("tags").unwrap().value, Value::Other);
        let interval = &document.inputs[2].block.get("interval").unwrap().value;
        assert_eq!(interval.agent_duration(), Some(Duration::from_secs(10)));
        assert_eq!(interval.block_duration(), None);
    }

    #[test]
    fn variables_are_replaced_in_strings_and_outside_of_them() {
        let text = "[[inputs.execd]]\n  a = \"${WORD}\"\n  b = 'x$WORD-${UNSET}'\n\
                    c = \"${UNSET:-d}${EMPTY:-e}${EMPTY-f}$$WORD ${1} $\"\n  interval = ${QUOTED}\n\
                    unset = ${UNSET}\n  lines = ${LINES}\n  # ${WORD}\n";
        let document = read(text.as_bytes(), &env).unwrap();
        assert_eq!(document.mistakes, []);
        let block = &document.inputs[0].block;
        let texts = ["a", "b", "c", "interval", "unset", "lines"];
        let texts = texts.map(|key| block.text(key).unwrap().0);
        let expected = ["STDIN", "xSTDIN-${UNSET}", "de$WORD ${1} $", "1m", "${UNSET}", "a\nb"];
        assert_eq!(texts, expected);
        let bare = [(5, "${QUOTED}"), (6, "${UNSET}"), (7, "${LINES}")];
        assert_eq!(document.bare, bare.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn what_is_no_toml_costs_only_itself() {
        let text = "[[inputs.execd]]\nsignal = \n[[inputs.net]]\n";
        let document = read(text.as_bytes(), &env).unwrap();
        assert_eq!(document.mistakes.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2]);
        assert!(document.inputs.iter().any(|input| input.name == "net"), "{document:?}");
    }

    #[test]
    fn variables_cannot_make_a_large_text_of_a_small_one() {
        let long = |_: &str| Some(OsString::from("v".repeat(100_000)));
        let bare = format!("a = [{}]", "${A},".repeat(100));
        assert!(read(bare.as_bytes(), &long).is_err());
        let text = format!("[agent]\nx = '{}'", "${A}".repeat(1000));
        let document = read(text.as_bytes(), &long).unwrap();
        assert!(document.agent.unwrap().text("x").unwrap().0.len() < MAX_EXPANDED);
    }

    #[test]
    fn times_are_telegrafs() {
        // As the agent reads them, and as an input does: seen with Telegraf 1.39.1.
        for (text, agent, block) in [
            ("10s", Some(10_000), Some(10_000)),
            ("+5s", Some(5000), Some(5000)),
            ("10", Some(10_000), None),
            ("0.2", Some(200), None),
            ("1_0", Some(10_000), None),
            ("0", Some(0), Some(0)),
            ("1m30s", Some(90_000), Some(90_000)),
            ("1h1.5s", Some(3_601_500), Some(3_601_500)),
            ("1d1ms", Some(86_400_001), None),
            ("200ms", Some(200), Some(200)),
            ("200000us", Some(200), Some(200)),
            ("0s", Some(0), Some(0)),
            ("", None, None),
            ("s", None, None),
            ("-1s", None, None),
            ("10 s", None, None),
            ("1y", None, None),
            ("1e300", None, None),
            ("99999999999999999999h", None, None),
        ] {
            let value = Value::Text(text.into());
            let expected = [agent, block].map(|time| time.map(Duration::from_millis));
            assert_eq!([value.agent_duration(), value.block_duration()], expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(
            text in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                "([$]|\\{|\\}|A|_|1|:|-|=|'|\"|\\[|\\]|\\n|#|\\\\|é|inputs|execd|[.]| )*"
                    .prop_map(String::into_bytes),
            ],
        ) {
            let _ = read(&text, &env);
            let text = String::from_utf8_lossy(&text).into_owned();
            let _ = (Value::Text(text.clone()).agent_duration(), Value::Text(text).block_duration());
        }
    }
}
