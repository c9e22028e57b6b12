//! What a `telegraf.conf` holds, and how it is written there.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::{ConfigError, go_duration, line_at};

/// An input that is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Net,
    Nstat,
}

impl Input {
    const ALL: [Self; 2] = [Self::Net, Self::Nstat];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Nstat => "nstat",
        }
    }

    /// Whether it has that option itself.
    pub(super) fn has(self, key: &str) -> bool {
        match self {
            Self::Net => super::net::OPTIONS.contains(&key),
            Self::Nstat => super::nstat::is_option(key),
        }
    }
}

/// A block of the file.
pub(super) struct Block<'t> {
    pub(super) input: Input,
    /// The number of its line.
    pub(super) line: usize,
    /// Its options, in the order in which they are written.
    pub(super) entries: Vec<Entry<'t>>,
}

impl<'t> Block<'t> {
    pub(super) fn get(&self, key: &str) -> Option<&Entry<'t>> {
        self.entries.iter().find(|entry| entry.key() == key)
    }
}

/// An option of a block, or an entry of a table in it.
#[derive(Clone, Copy)]
pub(super) struct Entry<'t> {
    pub(super) key: &'t Spanned<Cow<'t, str>>,
    pub(super) value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Entry<'t> {
    pub(super) fn key(&self) -> &'t str {
        self.key.get_ref()
    }

    /// The entries of a table, in the order in which they are written.
    pub(super) fn all_of(table: &'t DeTable<'t>) -> Vec<Self> {
        let mut entries: Vec<_> = table.iter().map(|(key, value)| Self { key, value }).collect();
        entries.sort_by_key(|entry| entry.key.span().start);
        entries
    }

    /// Whether it is a duration of nothing, which is none to Telegraf.
    pub(super) fn is_zero(&self) -> bool {
        seconds(self.value.get_ref()) == Some(0.0)
    }
}

/// The file.
pub(super) struct TelegrafConf<'t> {
    pub(super) text: &'t str,
    /// That text, bare variables masked.
    pub(super) document: &'t DeTable<'t>,
}

impl<'t> TelegrafConf<'t> {
    /// The blocks to convert, in the order in which they are written.
    pub(super) fn blocks(&self) -> Result<Vec<Block<'t>>, ConfigError> {
        let inputs = self.document.get("inputs").and_then(|inputs| inputs.get_ref().as_table());
        let mut blocks = Vec::new();
        for input in Input::ALL {
            let Some(found) = inputs.and_then(|inputs| inputs.get(input.name())) else { continue };
            // Telegraf takes single brackets too.
            let tables = match found.get_ref() {
                DeValue::Array(tables) => tables.iter().collect(),
                _ => vec![found],
            };
            for table in tables {
                let DeValue::Table(entries) = table.get_ref() else {
                    let name = input.name();
                    let message = format!(
                        "\"inputs.{name}\" is a table: write [[inputs.{name}]] above its options"
                    );
                    return Err(self.error(table.span(), message));
                };
                let line = self.line_of(table.span());
                blocks.push(Block { input, line, entries: Entry::all_of(entries) });
            }
        }
        blocks.sort_by_key(|block| block.line);
        Ok(blocks)
    }

    fn agent(&self) -> Option<&'t DeTable<'t>> {
        self.document.get("agent")?.get_ref().as_table()
    }

    pub(super) fn has_agent(&self) -> bool {
        self.agent().is_some()
    }

    /// An option of `[agent]`.
    pub(super) fn of_agent(&self, key: &str) -> Option<Entry<'t>> {
        self.agent()?.get_key_value(key).map(|(key, value)| Entry { key, value })
    }

    /// Whether a variable stands for the whole value, whatever that is.
    pub(super) fn is_variable(&self, entry: &Entry<'_>) -> bool {
        let written = self.written(entry.value.span());
        written.contains('$') && !written.starts_with(['"', '\'', '[', '{'])
    }

    /// What is written there.
    pub(super) fn written(&self, span: Range<usize>) -> &'t str {
        self.text.get(span).unwrap_or_default()
    }

    pub(super) fn assignment(&self, entry: &Entry<'_>) -> String {
        let (key, value) = (self.written(entry.key.span()), self.written(entry.value.span()));
        match entry.value.get_ref() {
            // One below a header of its own, or with a dotted key, does not stand behind the key.
            DeValue::Table(table) if !value.starts_with('{') => {
                let inner = Entry::all_of(table);
                let inner: Vec<_> = inner.iter().map(|entry| self.assignment(entry)).collect();
                format!("{key} = {{ {} }}", inner.join(", "))
            }
            _ => format!("{key} = {value}"),
        }
    }

    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        ConfigError { line: Some(self.line_of(span)), message: message.into() }
    }

    fn line_of(&self, span: Range<usize>) -> usize {
        line_at(self.text.as_bytes(), span.start)
    }
}

/// The strings of a list of nothing else, if no variable stands in any.
pub(super) fn plain_strings<'t>(value: &'t DeValue<'_>) -> Option<Vec<&'t str>> {
    let texts = value.as_array()?.iter().map(|item| item.get_ref().as_str());
    texts.map(|text| text.filter(|text| !text.contains('$'))).collect()
}

/// The seconds of a duration as Go writes it; `None` where it is none, as where a variable stands for it.
pub(super) fn seconds(value: &DeValue<'_>) -> Option<f64> {
    let text = match value {
        DeValue::String(text) => text.as_ref(),
        DeValue::Integer(number) => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        _ => return None,
    };
    text.parse()
        .ok()
        .or_else(|| go_duration::read(text, true).map(|duration| duration.as_secs_f64()))
}
