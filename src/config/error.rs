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
    /// That the text is not valid TOML.
    pub(crate) fn of_toml(text: &str, error: &toml::de::Error) -> Self {
        let message = error.message().replace('\n', ", ");
        let span = error.span().unwrap_or_default();
        // That message alone does not say which.
        let key = text.get(span.clone()).filter(|_| message == "duplicate key");
        let key = key.map(|key| key.trim_matches(['"', '\'']).as_bytes());
        let key = key.map(|key| format!(" {}", Quoted(key))).unwrap_or_default();
        let line = Some(line_at(text.as_bytes(), span.start));
        Self { line, message: format!("not valid TOML: {message}{key}") }
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
