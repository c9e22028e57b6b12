//! Telegraf's reading and writing of line protocol, written anew from its grammar
//! (`plugins/parsers/influx/machine.go.rl`), which works on a stream, not on lines. The tests under
//! the real Telegraf show that it reads and writes the same.

use std::collections::BTreeMap;

use super::text;

/// What Telegraf makes of one line, or of several where a string has line breaks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metric {
    pub(crate) name: Vec<u8>,
    /// In their order.
    pub(crate) tags: Vec<(Vec<u8>, Vec<u8>)>,
    /// In their order.
    pub(crate) fields: Vec<(Vec<u8>, Value)>,
    /// In nanoseconds since 1970; without one, it is the time when the line was read.
    pub(crate) time: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    String(Vec<u8>),
    /// A number or a truth value, as it is written.
    Other(Vec<u8>),
}

/// What costs the rest of the line; reading goes on with the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ParseError;

/// Reads all that is in the stream.
pub(crate) fn read(stream: &[u8]) -> Vec<Result<Metric, ParseError>> {
    let mut reader = Reader { rest: stream };
    let mut read = Vec::new();
    while let Some(metric) = reader.next() {
        if metric.is_err() {
            reader.skip_line();
        }
        read.push(metric);
    }
    read
}

impl Metric {
    /// The line that Telegraf's serializer makes of it, less its time.
    pub(crate) fn written(&self) -> Vec<u8> {
        let mut line = escaped(&self.name, b", ");
        // One with the key of another takes its place.
        let tags: BTreeMap<_, _> = self.tags.iter().cloned().collect();
        for (key, value) in tags {
            let without_end = |text: &[u8]| {
                let mut text = escaped(text, b",= ");
                while text.ends_with(b"\\") {
                    text.pop();
                }
                text
            };
            line.extend([b",", &without_end(&key)[..], b"=", &without_end(&value)].concat());
        }
        let mut fields: Vec<&(Vec<u8>, Value)> = Vec::new();
        for field in &self.fields {
            match fields.iter_mut().find(|other| other.0 == field.0) {
                Some(other) => *other = field,
                None => fields.push(field),
            }
        }
        for (number, (key, value)) in fields.into_iter().enumerate() {
            line.push(if number == 0 { b' ' } else { b',' });
            line.extend(escaped(key, b",= "));
            line.push(b'=');
            match value {
                Value::Other(value) => line.extend(value),
                Value::String(value) => {
                    line.push(b'"');
                    for &byte in value {
                        line.extend(b"\\".iter().filter(|_| b"\\\"".contains(&byte)));
                        line.push(byte);
                    }
                    line.push(b'"');
                }
            }
        }
        line.push(b'\n');
        line
    }
}

fn escaped(text: &[u8], special: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::new();
    for &byte in text {
        escaped.extend(b"\\".iter().filter(|_| special.contains(&byte)));
        escaped.push(byte);
    }
    escaped
}

const SPACES: &[u8] = b"\t\x0b\x0c ";
/// What no backslash makes a part of a name.
const NEVER: &[u8] = b"\t\n\x0b\x0c\r";

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The next one; none at the end of the stream.
    fn next(&mut self) -> Option<Result<Metric, ParseError>> {
        loop {
            self.skip_spaces();
            match self.rest {
                [] => return None,
                [b'\n' | b'#', ..] | [b'\r', b'\n', ..] => self.skip_line(),
                _ => return Some(self.metric()),
            }
        }
    }

    fn metric(&mut self) -> Result<Metric, ParseError> {
        let name = self.text(b" ,", false)?;
        let name = unescaped(name, b" ,", b" ,");
        let mut tags = Vec::new();
        while self.take(b",") {
            let key = self.text(b" ,=", true)?;
            self.expect(b"=")?;
            let value = self.text(b" ,=", true)?;
            tags.push((unescaped_name(key), unescaped_name(value)));
        }
        self.skip_spaces().then_some(()).ok_or(ParseError)?;
        let mut fields = Vec::new();
        loop {
            let key = self.text(b" ,=", false)?;
            self.expect(b"=")?;
            fields.push((unescaped_name(key), self.value()?));
            if !self.take(b",") {
                break;
            }
        }
        let has_space = self.skip_spaces();
        let time = match self.word() {
            b"" => None,
            time if has_space && is_time(time) => Some(text(time).parse().map_err(|_| ParseError)?),
            _ => return Err(ParseError),
        };
        self.skip_spaces();
        self.take(b"\r");
        self.expect(b"\n")?;
        Ok(Metric { name, tags, fields, time })
    }

    /// A name or a tag's value, up to the first of `ends` that no backslash takes along.
    fn text(&mut self, ends: &[u8], is_tag: bool) -> Result<&'a [u8], ParseError> {
        let (text, mut length) = (self.rest, 0);
        loop {
            length += match text[length..] {
                [b'\\', next, ..] if NEVER.contains(&next) => return Err(ParseError),
                // Of two backslashes in a tag, the second may still take something along.
                [b'\\', b'\\', ..] if is_tag => 1,
                [b'\\', _, ..] => 2,
                [b'\\'] => return Err(ParseError),
                [byte, ..] if !NEVER.contains(&byte) && !ends.contains(&byte) => 1,
                _ if length == 0 => return Err(ParseError),
                _ => break,
            };
        }
        self.rest = &text[length..];
        Ok(&text[..length])
    }

    fn value(&mut self) -> Result<Value, ParseError> {
        if !self.take(b"\"") {
            let word = self.word();
            return if is_value(word) { Ok(Value::Other(word.to_vec())) } else { Err(ParseError) };
        }
        let mut value = Vec::new();
        loop {
            let (byte, length) = match self.rest {
                [b'"', behind @ ..] => {
                    self.rest = behind;
                    return Ok(Value::String(value));
                }
                [b'\\', escaped @ (b'"' | b'\\'), ..] => (*escaped, 2),
                [] | [b'\\', ..] => return Err(ParseError),
                [byte, ..] => (*byte, 1),
            };
            value.push(byte);
            self.rest = &self.rest[length..];
        }
    }

    /// What stands before the next comma, white space or end of line.
    fn word(&mut self) -> &'a [u8] {
        let is_end = |byte: &u8| b",\n\r".contains(byte) || SPACES.contains(byte);
        let length = self.rest.iter().position(is_end).unwrap_or(self.rest.len());
        let (word, behind) = self.rest.split_at(length);
        self.rest = behind;
        word
    }

    /// Passes over that, and returns whether it was there.
    fn take(&mut self, what: &[u8]) -> bool {
        let behind = self.rest.strip_prefix(what);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    fn expect(&mut self, what: &[u8]) -> Result<(), ParseError> {
        self.take(what).then_some(()).ok_or(ParseError)
    }

    /// Returns whether there were any.
    fn skip_spaces(&mut self) -> bool {
        let length = self.rest.iter().position(|byte| !SPACES.contains(byte));
        let length = length.unwrap_or(self.rest.len());
        self.rest = &self.rest[length..];
        length > 0
    }

    fn skip_line(&mut self) {
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        self.rest = &self.rest[end.map_or(self.rest.len(), |end| end + 1)..];
    }
}

/// A text less the backslashes before `escaped`, if it has one of `signs` at all.
fn unescaped(text: &[u8], signs: &[u8], escaped: &[u8]) -> Vec<u8> {
    let has_sign = text.iter().any(|byte| signs.contains(byte));
    let is_undone = |place: usize, byte: u8| {
        has_sign && byte == b'\\' && text.get(place + 1).is_some_and(|next| escaped.contains(next))
    };
    let bytes = text.iter().enumerate();
    bytes.filter(|&(place, &byte)| !is_undone(place, byte)).map(|(_, &byte)| byte).collect()
}

fn unescaped_name(text: &[u8]) -> Vec<u8> {
    unescaped(text, b" ,=", b" ,=\"")
}

/// Whether that is a time, unless it is out of range.
fn is_time(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    (1..=19).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

/// Whether that is a number or a truth value.
fn is_value(word: &[u8]) -> bool {
    let is_digits = |text: &[u8]| {
        let first = text.first().is_some_and(u8::is_ascii_digit);
        first && text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || text[0] != b'0')
    };
    match word {
        [number @ .., b'i'] => {
            is_digits(number.strip_prefix(b"-").unwrap_or(number))
                && text(number).parse::<i64>().is_ok()
        }
        [number @ .., b'u'] => is_digits(number) && text(number).parse::<u64>().is_ok(),
        b"t" | b"T" | b"true" | b"True" | b"TRUE" | b"f" | b"F" | b"false" | b"False"
        | b"FALSE" => true,
        // Not "inf", "nan" and numbers with a plus sign, which Rust reads too.
        [b'-' | b'.' | b'0'..=b'9', rest @ ..] => {
            let is_alphabet = rest.iter().all(|byte| b"0123456789.eE+-".contains(byte));
            is_alphabet && text(word).parse::<f64>().is_ok_and(f64::is_finite)
        }
        _ => false,
    }
}
