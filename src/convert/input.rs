//! The inputs that are converted, and their blocks.

use crate::telegraf_conf::{Block, BlockOption, Document, Value};

/// An input that is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Input {
    Net,
    Nstat,
}

impl Input {
    fn of(name: &str) -> Option<Self> {
        [Self::Net, Self::Nstat].into_iter().find(|input| input.name() == name)
    }

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

/// The blocks to convert, in the order in which they are written.
pub(super) fn blocks(document: &Document) -> Vec<(Input, &Block)> {
    let inputs = document.inputs.iter();
    inputs.filter_map(|input| Some((Input::of(&input.name)?, &input.block))).collect()
}

/// An option with its value, as it is written.
pub(super) fn assignment(document: &Document, option: &BlockOption) -> String {
    let key = document.key(option);
    match option.value.entries() {
        // One below a header of its own does not stand behind the key.
        Some(entries) if !document.is_inline_table(option) => {
            let entries: Vec<_> = entries.iter().map(|entry| assignment(document, entry)).collect();
            format!("{key} = {{ {} }}", entries.join(", "))
        }
        _ => format!("{key} = {}", document.written(option)),
    }
}

/// The strings of a list of nothing else, if no variable stands in any.
pub(super) fn plain_strings(value: &Value) -> Option<Vec<&str>> {
    value.texts().filter(|texts| !texts.iter().any(|text| text.contains('$')))
}
