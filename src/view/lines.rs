//! Lines for other programs on a terminal: shown and never obeyed.

use super::text::{Charset, printable};
use crate::format::choice::Choice;
use crate::format::influx::Influx;
use crate::format::{Fields, Format, Tags};
use crate::model::counters::Counters;
use crate::model::interface::Interface;
use crate::model::protocol::ProtocolStatistic;

/// [`Influx`] in these characters, for people.
#[derive(Debug, Clone, Copy)]
pub struct Lines(pub Charset);

impl Format for Lines {
    fn typical_len(&self) -> usize {
        Influx.typical_len()
    }

    fn interface(&self, line: &mut Vec<u8>, name: &[u8], tags: Tags<'_, '_>) {
        Influx.interface(line, name, tags);
    }

    fn fields(
        &self,
        line: &mut Vec<u8>,
        counters: &Counters,
        interface: &Interface,
        fields: &Fields,
        choice: Option<&mut Choice>,
    ) {
        Influx.fields(line, counters, interface, fields, choice);
    }

    fn protocols(
        &self,
        line: &mut Vec<u8>,
        tags: Tags<'_, '_>,
        statistics: &mut dyn Iterator<Item = ProtocolStatistic<'_>>,
    ) {
        Influx.protocols(line, tags, statistics);
    }

    fn end(&self, line: &mut Vec<u8>, timestamp_ns: i64) {
        Influx.end(line, timestamp_ns);
    }

    fn finish(&self, batch: &mut Vec<u8>) {
        *batch = harmless(batch, self.0).into_bytes();
    }
}

/// A text of several lines, in which nothing steers a terminal but line breaks and tabs.
#[must_use]
pub fn harmless(text: &[u8], charset: Charset) -> String {
    let mut harmless = String::with_capacity(text.len());
    for part in text.split_inclusive(|byte| matches!(byte, b'\n' | b'\t')) {
        let (part, end) = match part {
            [before @ .., b'\n'] => (before, "\n"),
            [before @ .., b'\t'] => (before, "\t"),
            part => (part, ""),
        };
        harmless.push_str(&printable(part, charset));
        harmless.push_str(end);
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_lines_and_nothing_else_steers() {
        let text = "# a\u{9b}31m\r\n\n\tb = \"\u{202e}é\"\nno end";
        let expected = "# a\\u{9b}31m\\r\n\n\tb = \"\\u{202e}é\"\nno end";
        assert_eq!(harmless(text.as_bytes(), Charset::Unicode), expected);
        assert_eq!(harmless(b"", Charset::Unicode), "");
    }
}
