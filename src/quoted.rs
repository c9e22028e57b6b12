//! What came from outside, as a message shows it.

use std::fmt;
use std::path::Path;

/// Bytes from outside, as they are shown in a message: quoted, on one line, and cut when long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 40;
        let (shown, rest) = self.0.split_at(self.0.len().min(SHOWN));
        write!(f, "{:?}", String::from_utf8_lossy(shown))?;
        if rest.is_empty() { Ok(()) } else { write!(f, "... ({} bytes)", self.0.len()) }
    }
}

/// A path as it is shown in a message: quoted, and on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotedPath<'a>(pub &'a Path);

impl fmt::Display for QuotedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.to_string_lossy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_bytes_stay_on_one_line_and_short() {
        assert_eq!(Quoted(b"a\nb\"\0\xff").to_string(), r#""a\nb\"\0�""#);
        let long = vec![b'x'; 1_000_000];
        assert_eq!(Quoted(&long).to_string(), format!("\"{}\"... (1000000 bytes)", "x".repeat(40)));
    }
}
