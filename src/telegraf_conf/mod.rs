//! Telegraf's configuration -> the tables of its agent and its inputs, with the places where they are written.
//!
//! What Telegraf takes is taken (`config/config.go`, and the parser of TOML that it has): `[plugins.NAME]` and
//! `[NAME]` for an input, comments of any bytes, a carriage return for a line break. What it refuses, though it is
//! TOML, is a mistake, such as a key with dots. [`variables`] has what becomes of the environment's variables.

mod bare;
pub mod variables;

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::expand::Place;
use crate::config::{ConfigError, Env, LineEnds, go_duration, toml_escaped};
use crate::quoted::Quoted;

/// So many mistakes of a file are told.
const MAX_MISTAKES: usize = 20;

/// The tables of plugins that are no inputs.
const NO_INPUTS: [&str; 4] = ["aggregators", "outputs", "processors", "secretstores"];

/// What becomes of variables.
#[derive(Clone, Copy)]
pub enum Variables<'e> {
    /// They stay.
    AsWritten,
    /// They are replaced by what this environment has, as far as it has them; those outside of quotes too.
    Replaced(Env<'e>),
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// The table `[agent]`.
    pub agent: Option<Block>,
    /// The tables `[global_tags]` and, as it was called before, `[tags]`.
    pub global_tags: Vec<Block>,
    /// The tables of inputs, in the file's order.
    pub inputs: Vec<Input>,
    /// What Telegraf does not start with; of many, the first.
    pub mistakes: Vec<ConfigError>,
    /// The variables outside of quotes that were replaced, each with its line.
    pub bare: Vec<(usize, String)>,
    /// The text, where variables stay.
    text: String,
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
    /// Its options, in the file's order.
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
    key_span: Range<usize>,
    span: Range<usize>,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A variable that stands for a value, where variables stay.
    Variable(String),
    /// A number, as it is written.
    Number(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A list.
    List(Vec<Item>),
    /// A table.
    Table(Vec<BlockOption>),
    /// A date or a time.
    Time,
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its value.
    pub value: Value,
    span: Range<usize>,
}

impl Document {
    /// The text of an option's key, as it is written where variables stay.
    #[must_use]
    pub fn key(&self, option: &BlockOption) -> &str {
        self.text.get(option.key_span.clone()).unwrap_or_default()
    }

    /// The value of an option as it is written where variables stay; a string of several lines comes on one, and no
    /// further line begins at the margin.
    #[must_use]
    pub fn written(&self, option: &BlockOption) -> String {
        self.rewritten(option, &mut |_| Ok(None)).unwrap_or_default()
    }

    /// The same, with what `change` returns in place of strings and of variables that stand for a value.
    ///
    /// # Errors
    ///
    /// That of `change`.
    pub fn rewritten(
        &self,
        option: &BlockOption,
        change: &mut dyn FnMut(&Value) -> Result<Option<String>, String>,
    ) -> Result<String, String> {
        let mut changes = Vec::new();
        self.changes(&option.value, &option.span, change, &mut changes)?;
        let (mut written, mut place) = (String::new(), option.span.start);
        for (span, change) in changes {
            written.push_str(self.text.get(place..span.start).unwrap_or_default());
            written.push_str(&change);
            place = span.end;
        }
        written.push_str(self.text.get(place..option.span.end).unwrap_or_default());
        let is_at_margin = |line: &str| line.starts_with(|first: char| !first.is_whitespace());
        let mut lines = written.lines().enumerate();
        let indented = lines.by_ref().map(|(number, line)| match number {
            0 => line.to_owned(),
            _ if is_at_margin(line) => format!("\n  {line}"),
            _ => format!("\n{line}"),
        });
        Ok(indented.collect())
    }

    /// What is written in place of that value, or of what is in it.
    fn changes(
        &self,
        value: &Value,
        span: &Range<usize>,
        change: &mut dyn FnMut(&Value) -> Result<Option<String>, String>,
        changes: &mut Vec<(Range<usize>, String)>,
    ) -> Result<(), String> {
        match value {
            Value::Text(text) => {
                let has_lines = self.text.get(span.clone()).is_some_and(|text| text.contains('\n'));
                let other = change(value)?.or_else(|| has_lines.then(|| quoted(text)));
                changes.extend(other.map(|other| (span.clone(), other)));
            }
            Value::Variable(_) => {
                changes.extend(change(value)?.map(|other| (span.clone(), other)));
            }
            Value::List(items) => {
                for item in items {
                    self.changes(&item.value, &item.span, change, changes)?;
                }
            }
            Value::Table(options) => {
                for option in options {
                    self.changes(&option.value, &option.span, change, changes)?;
                }
            }
            Value::Number(_) | Value::Boolean(_) | Value::Time => {}
        }
        Ok(())
    }

    /// Whether that is a table within braces, and not one below a header of its own.
    #[must_use]
    pub fn is_inline_table(&self, option: &BlockOption) -> bool {
        self.text.get(option.span.start..).is_some_and(|text| text.starts_with('{'))
    }
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

    /// The first variable that still stands in it, or in what it holds, as it is written.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Variable(text) => variables::first(text),
            Self::List(items) => items.iter().find_map(|item| item.value.variable()),
            Self::Table(options) => options.iter().find_map(|option| option.value.variable()),
            Self::Number(_) | Self::Boolean(_) | Self::Time => None,
        }
    }

    /// The texts, where it is a list of them alone.
    #[must_use]
    pub fn texts(&self) -> Option<Vec<&str>> {
        self.items()?.iter().map(|item| item.value.text()).collect()
    }

    /// The items, where it is a list.
    #[must_use]
    pub fn items(&self) -> Option<&[Item]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, where it is a table.
    #[must_use]
    pub fn entries(&self) -> Option<&[BlockOption]> {
        match self {
            Self::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The time that it tells, as the agent reads times (`config/types.go`): `10s`, `1h30m`, `1.5d`, and
    /// numbers of seconds; an empty text is none.
    #[must_use]
    pub fn agent_duration(&self) -> Option<Duration> {
        let (Self::Text(text) | Self::Number(text)) = self else { return None };
        let seconds = text.trim().replace('_', "").parse::<f64>();
        match seconds {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            Err(_) if text.is_empty() => Some(Duration::ZERO),
            Err(_) => go_duration::read(text, true),
        }
    }

    /// Whether it is a time below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        let (Self::Text(text) | Self::Number(text)) = self else { return false };
        let positive = text.strip_prefix('-').map(|text| Self::Text(text.to_owned()));
        positive.is_some_and(|value| value.agent_duration().is_some())
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
/// When its variables make too much of it, or it is nested too deeply, what is wrong.
pub fn read(text: &[u8], variables: Variables<'_>) -> Result<Document, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let text = as_toml(&String::from_utf8_lossy(text));
    let (parsed, bare) = match variables {
        Variables::AsWritten => (bare::masked(&text), Vec::new()),
        Variables::Replaced(env) => bare::expanded(&text, env)?,
    };
    let reader =
        Reader { source: &text, text: &parsed, line_ends: LineEnds::of(&parsed), variables };
    let (root, errors) = DeTable::parse_recoverable(&parsed);
    let mut document = Document { bare, ..Document::default() };
    let line_of = |place| reader.line_ends.line_of(place);
    if let Some(error) = errors.iter().find(|error| ConfigError::is_of_nesting(error)) {
        // Telegraf may well take it.
        return Err(ConfigError::of_toml(&parsed, error, line_of).to_string());
    }
    let mistakes = errors.iter().take(MAX_MISTAKES);
    let mistakes = mistakes.map(|error| ConfigError::of_toml(&parsed, error, line_of));
    document.mistakes.extend(mistakes);
    reader.root(root.get_ref(), &mut document);
    document.mistakes.truncate(MAX_MISTAKES);
    document.inputs.sort_by_key(|input| input.block.line);
    // Such a text is as long as the one that was parsed.
    document.text = match variables {
        Variables::AsWritten => text,
        Variables::Replaced(_) => String::new(),
    };
    Ok(document)
}

/// The text with what Telegraf takes and TOML does not: whatever control characters stand in comments, and carriage
/// returns alone as line breaks. It stays as long as it is.
fn as_toml(text: &str) -> String {
    let mut toml = String::with_capacity(text.len());
    let (mut place, mut rest) = (Place::Bare, text);
    while !rest.is_empty() {
        let (length, next) = place.step(rest);
        let (copied, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        let is_break = behind.starts_with('\n');
        toml.push_str(match (place, copied) {
            (_, "\r") if is_break => "\r",
            (Place::Bare, "\r") => "\n",
            (Place::Comment, "\t" | "\n") => copied,
            (Place::Comment, one) if one.bytes().all(|byte| byte.is_ascii_control()) => " ",
            _ => copied,
        });
        (rest, place) = (behind, next);
    }
    toml
}

/// A name as a header has it, for a message that says to write one; a word in its place where it would need quotes.
fn in_header(name: &str) -> &str {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_short = (1..=40).contains(&name.len());
    if is_short && name.bytes().all(is_bare) { name } else { "NAME" }
}

/// A text as a string of TOML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.chars().map(toml_escaped).collect::<String>())
}

struct Reader<'t> {
    /// Where variables stay, the text with them, as long as what was parsed.
    source: &'t str,
    /// What was parsed.
    text: &'t str,
    line_ends: LineEnds,
    variables: Variables<'t>,
}

impl Reader<'_> {
    /// The tables of the file.
    fn root(&self, root: &DeTable<'_>, document: &mut Document) {
        for (name, value) in root {
            let key: &str = name.get_ref();
            let DeValue::Table(table) = value.get_ref() else {
                let shown = Quoted(key.as_bytes());
                let mistake = if value.get_ref().is_array() {
                    let name = in_header(key);
                    format!("{shown} is a list, and no table: write [[inputs.{name}]] for an input")
                } else {
                    format!("{shown} stands in no table: write it below a header, such as [agent]")
                };
                self.mistake(name, mistake, document);
                continue;
            };
            match key {
                "agent" => document.agent = Some(self.block(value, document)),
                "global_tags" | "tags" => {
                    let block = self.block(value, document);
                    document.global_tags.push(block);
                }
                "inputs" | "plugins" => {
                    self.dotted(name, document);
                    for (name, value) in table {
                        self.inputs(key, name, value, document);
                    }
                }
                _ if NO_INPUTS.contains(&key) => {}
                _ => {
                    let block = self.block(value, document);
                    document.inputs.push(Input { name: key.to_owned(), block });
                }
            }
        }
    }

    /// The tables of an input's name.
    fn inputs(
        &self,
        group: &str,
        name: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        document: &mut Document,
    ) {
        self.dotted(name, document);
        let blocks: Vec<_> = match value.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            // Telegraf takes single brackets too.
            _ => vec![value],
        };
        for value in blocks {
            if value.get_ref().is_table() {
                let block = self.block(value, document);
                document.inputs.push(Input { name: name.get_ref().to_string(), block });
            } else {
                let input = format!("{group}.{}", name.get_ref());
                let mistake = format!(
                    "{} is a table: write [[{group}.{}]] above its options",
                    Quoted(input.as_bytes()),
                    in_header(name.get_ref())
                );
                self.mistake(name, mistake, document);
            }
        }
    }

    fn mistake(&self, at: &Spanned<Cow<'_, str>>, message: String, document: &mut Document) {
        let line = Some(self.line_ends.line_of(at.span().start));
        document.mistakes.push(ConfigError { line, message });
    }

    /// Adds the mistake that a key has dots, which are TOML, but nothing to Telegraf.
    fn dotted(&self, key: &Spanned<Cow<'_, str>>, document: &mut Document) {
        let behind = self.text.get(key.span().end..).unwrap_or_default();
        let has_dot = behind.trim_start_matches([' ', '\t']).starts_with('.');
        let line = self.line_ends.start_of_line(key.span().start);
        let line = self.text.get(line..).unwrap_or_default();
        let is_header = line.trim_start_matches([' ', '\t']).starts_with('[');
        if has_dot && !is_header && document.mistakes.len() < MAX_MISTAKES {
            let mistake = format!(
                "{} has a dot behind it, which Telegraf does not take in a key: write a header, such as \
                 [inputs.net.tags], above what belongs to it",
                Quoted(key.get_ref().as_bytes())
            );
            self.mistake(key, mistake, document);
        }
    }

    fn block(&self, value: &Spanned<DeValue<'_>>, document: &mut Document) -> Block {
        let line = self.line_ends.line_of(value.span().start);
        let options = value.get_ref().as_table().map(|table| self.options(table, document));
        Block { line, options: options.unwrap_or_default() }
    }

    fn options(&self, table: &DeTable<'_>, document: &mut Document) -> Vec<BlockOption> {
        let mut options = Vec::new();
        for (key, value) in table {
            self.dotted(key, document);
            options.push(BlockOption {
                key: key.get_ref().to_string(),
                line: self.line_ends.line_of(key.span().start),
                value: self.value(value, document),
                key_span: key.span(),
                span: value.span(),
            });
        }
        options.sort_by_key(|option| option.key_span.start);
        options
    }

    fn value(&self, value: &Spanned<DeValue<'_>>, document: &mut Document) -> Value {
        let written = self.text.get(value.span()).unwrap_or_default();
        match value.get_ref() {
            DeValue::String(text) => match self.variables {
                Variables::Replaced(env) => {
                    let replaced = text.contains('$').then(|| variables::replaced(text, env));
                    Value::Text(replaced.flatten().unwrap_or_else(|| text.to_string()))
                }
                Variables::AsWritten => match self.source.get(value.span()) {
                    Some(source) if !source.starts_with(['"', '\'']) => {
                        Value::Variable(source.to_owned())
                    }
                    _ => Value::Text(text.to_string()),
                },
            },
            DeValue::Integer(number) => Value::Number(number.as_str().to_owned()),
            DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Datetime(_) => Value::Time,
            DeValue::Array(items) => {
                let items = items
                    .iter()
                    .map(|item| Item { value: self.value(item, document), span: item.span() });
                Value::List(items.collect())
            }
            DeValue::Table(table) => {
                let options = self.options(table, document);
                if written.starts_with('{') && has_line_break(written, value.span().start, &options)
                {
                    let line = Some(self.line_ends.line_of(value.span().start));
                    let message =
                        "a table within braces has to be on one line: write a header, such as \
                                   [inputs.net.tags], above its entries"
                            .to_owned();
                    document.mistakes.push(ConfigError { line, message });
                }
                Value::Table(options)
            }
        }
    }
}

/// Whether a table within braces goes over several lines, but for those of its values.
fn has_line_break(written: &str, start: usize, options: &[BlockOption]) -> bool {
    let mut place = start;
    let mut between = Vec::new();
    for option in options {
        between.push(place..option.span.start);
        place = option.span.end;
    }
    between.push(place..start + written.len());
    between.into_iter().any(|span| {
        let span = span.start.saturating_sub(start)..span.end.saturating_sub(start);
        written.get(span).is_some_and(|text| text.contains('\n'))
    })
}

#[cfg(test)]
mod tests;
