//! Why a configuration cannot be used.

use std::fmt;

use crate::quoted::Quoted;

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The line's number in the file, from 1, where there is one to blame.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

impl ConfigError {
    /// That the text is not valid TOML; `line_of` tells the line of a place in it.
    pub(crate) fn of_toml(
        text: &str,
        error: &toml::de::Error,
        line_of: impl Fn(usize) -> usize,
    ) -> Self {
        let line = error.span().map(|span| line_of(span.start));
        if Self::is_of_nesting(error) {
            let message = "its tables or lists are nested too deeply".into();
            return Self { line, message };
        }
        let message = error.message().replace('\n', ", ");
        // That message alone does not say which.
        let key = error.span().and_then(|span| text.get(span));
        let key = key.filter(|_| message == "duplicate key");
        let key = key.map(|key| key.trim_matches(['"', '\'']).as_bytes());
        let key = key.map(|key| format!(" {}", Quoted(key))).unwrap_or_default();
        Self { line, message: format!("not valid TOML: {message}{key}") }
    }

    /// Whether that is said of TOML that goes deeper than its parser, which has a limit of its own.
    pub(crate) fn is_of_nesting(error: &toml::de::Error) -> bool {
        error.message().contains("recurs")
    }

    /// That the text is not UTF-8 from that byte on.
    pub(crate) fn not_utf8(text: &[u8], byte: usize) -> Self {
        let message = "not valid TOML: the text is not UTF-8".into();
        Self { line: Some(line_at(text, byte)), message }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The number, from 1, of the line that the byte stands in.
pub(crate) fn line_at(text: &[u8], byte: usize) -> usize {
    text.get(..byte).unwrap_or(text).split(|&byte| byte == b'\n').count()
}

/// Where the lines of a text end.
#[derive(Debug, Default)]
pub(crate) struct LineEnds(Vec<usize>);

impl LineEnds {
    /// Those of a text.
    pub(crate) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(place, _)| place).collect())
    }

    /// The number, from 1, of the line that the byte stands in.
    pub(crate) fn line_of(&self, byte: usize) -> usize {
        self.0.partition_point(|&end| end < byte) + 1
    }

    /// The place at which the line begins that the byte stands in.
    pub(crate) fn start_of_line(&self, byte: usize) -> usize {
        let before = self.line_of(byte).checked_sub(2);
        before.and_then(|before| self.0.get(before)).map_or(0, |end| end + 1)
    }
}
