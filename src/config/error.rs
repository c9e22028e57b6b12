//! Why a configuration cannot be used.

use std::fmt;

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The line's number in the file, from 1, where there is one to blame.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
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
pub(super) fn line_at(text: &[u8], byte: usize) -> usize {
    text.get(..byte).unwrap_or(text).split(|&byte| byte == b'\n').count()
}
