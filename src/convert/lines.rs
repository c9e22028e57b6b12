//! The lines of a block or table, less its header.

use std::fmt;

use crate::config::toml_escaped;

/// How wide comments are at most.
const WIDTH: usize = 80;

/// Lines as they are written, but for what they are indented by. None of them begins at the margin, where a line may
/// be one that says which file follows.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lines(Vec<String>);

impl Lines {
    /// Adds a line, or a value that has several, of which those that follow are indented.
    pub(super) fn line(&mut self, line: String) {
        self.0.push(line);
    }

    /// Adds an option; `value` is TOML.
    pub(super) fn option(&mut self, key: &str, value: &str) {
        self.0.push(format!("{key} = {value}"));
    }

    /// Adds a comment for people.
    pub(super) fn note(&mut self, note: &str) {
        let mut line = String::from("##");
        for word in note.split(' ') {
            if INDENT.len() + line.len() + " ".len() + word.len() > WIDTH {
                self.0.push(std::mem::replace(&mut line, "##".into()));
            }
            line.push(' ');
            line.push_str(word);
        }
        self.0.push(line);
    }

    /// Adds what may have several lines, commented out.
    pub(super) fn commented(&mut self, text: &str) {
        self.0.extend(text.lines().map(|line| format!("# {line}")));
    }

    /// Whether there is that line.
    pub(super) fn has(&self, line: &str) -> bool {
        self.0.iter().any(|one| one == line)
    }
}

const INDENT: &str = "  ";

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{INDENT}{line}"))
    }
}

/// A text as it is written between double quotes.
pub(super) fn escaped_text(text: &str) -> String {
    text.chars().map(toml_escaped).collect()
}

/// A text as a string of TOML.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped_text(text))
}

/// Texts as a list of TOML.
pub(super) fn quoted_list<S: AsRef<str>>(texts: &[S]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}
