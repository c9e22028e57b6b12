//! Lines taken apart by the rules of Telegraf's parser.

use std::collections::{BTreeMap, BTreeSet};

use super::grammar::{self, Value};
use super::text;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) tags: BTreeMap<String, Vec<u8>>,
    /// The values as they are written: `5i`, `0.5`, `"up"`.
    pub(crate) fields: BTreeMap<String, String>,
    /// In nanoseconds since 1970.
    pub(crate) time: i64,
}

/// The lines of a batch, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parsed(pub(crate) Vec<Line>);

impl Line {
    /// Reads a line of the measurement `net`, less its newline.
    pub(crate) fn parse(line: &[u8]) -> Self {
        let read = grammar::read(&[line, b"\n"].concat());
        let [Ok(metric)] = read.as_slice() else { panic!("{read:?} in {}", text(line)) };
        assert_eq!(metric.name, b"net", "{}", text(line));
        let tags: BTreeMap<_, _> =
            metric.tags.iter().map(|(key, value)| (text(key), value.clone())).collect();
        let fields: BTreeMap<_, _> = metric
            .fields
            .iter()
            .map(|(key, value)| match value {
                Value::Other(value) => (text(key), text(value)),
                Value::String(value) => (text(key), format!("\"{}\"", text(value))),
            })
            .collect();
        let counts = (metric.tags.len(), metric.fields.len());
        assert_eq!((tags.len(), fields.len()), counts, "twice in {}", text(line));
        Self { tags, fields, time: metric.time.unwrap() }
    }

    pub(crate) fn tag(&self, key: &str) -> Option<String> {
        self.tags.get(key).map(|value| text(value))
    }

    pub(crate) fn field(&self, key: &str) -> Option<&str> {
        self.fields.get(key).map(String::as_str)
    }

    /// A field that is an integer.
    pub(crate) fn integer(&self, key: &str) -> Option<i64> {
        let value = self.field(key)?;
        Some(value.strip_suffix('i').unwrap_or_else(|| panic!("{key}={value}")).parse().unwrap())
    }

    /// A field that is a floating-point number.
    pub(crate) fn float(&self, key: &str) -> Option<f64> {
        let value = self.field(key)?;
        Some(value.parse().unwrap_or_else(|_| panic!("{key}={value}")))
    }

    /// The keys of the fields that none of these words is in.
    pub(crate) fn keys_without(&self, words: &[&str]) -> Vec<&str> {
        let keys = self.fields.keys().map(String::as_str);
        keys.filter(|key| !words.iter().any(|word| key.contains(word))).collect()
    }
}

impl Parsed {
    pub(crate) fn of(batch: &[u8]) -> Self {
        let lines = batch.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        Self(lines.map(Line::parse).collect())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|line| line.tag("interface").unwrap_or_default()).collect()
    }

    /// The only line of that interface.
    pub(crate) fn line(&self, name: &str) -> &Line {
        let is_it = |line: &&Line| line.tag("interface").as_deref() == Some(name);
        let found: Vec<_> = self.0.iter().filter(is_it).collect();
        assert_eq!(found.len(), 1, "{name} in {:?}", self.names());
        found[0]
    }

    /// The lines less their times, in the order of their names, less what is named.
    pub(crate) fn comparable(&self, left_out: &[&str]) -> Vec<Line> {
        let mut lines = self.0.clone();
        for line in &mut lines {
            line.time = 0;
            line.tags.retain(|key, _| !left_out.contains(&key.as_str()));
            line.fields.retain(|key, _| !left_out.contains(&key.as_str()));
        }
        lines.sort_by(|one, other| one.tags.cmp(&other.tags));
        lines
    }
}

/// What arrives in Telegraf of a tag's value: it has no backslash at its end, white space that line
/// protocol has no escape for is a space, and there is no tag without text.
pub(crate) fn as_tag(value: &[u8]) -> Option<Vec<u8>> {
    let length = value.iter().rposition(|&byte| byte != b'\\')? + 1;
    let space = |&byte: &u8| if b"\t\n\x0b\x0c\r".contains(&byte) { b' ' } else { byte };
    Some(value[..length].iter().map(space).collect())
}

/// Fails with the first line that differs.
pub(crate) fn assert_same_lines(left: &[Line], right: &[Line], what: &str) {
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left.tags, right.tags, "{what}");
        let differs = |key: &&String| left.fields.get(*key) != right.fields.get(*key);
        let key = left.fields.keys().chain(right.fields.keys()).find(differs);
        assert_eq!(key, None, "{what}: {left:?}\n{right:?}");
    }
    assert_eq!(left.len(), right.len(), "{what}");
}

/// The eight counters of `inputs.net`.
pub(crate) const COUNTERS: [&str; 8] = [
    "bytes_sent",
    "bytes_recv",
    "packets_sent",
    "packets_recv",
    "err_in",
    "err_out",
    "drop_in",
    "drop_out",
];

/// What means something to line protocol.
const SPECIAL: &[u8] = b",= \\\"\n\r\t\x0b\x0c#";

/// Every byte alone, at both ends, and beside each special one; and every short text of special ones.
pub(crate) fn awkward_texts() -> BTreeSet<Vec<u8>> {
    let mut texts = BTreeSet::new();
    let mut add = |text: &[u8]| _ = texts.insert(text.to_vec());
    for byte in 0..=u8::MAX {
        add(&[byte]);
        add(&[byte, b'a']);
        add(&[b'a', byte]);
        add(&[byte, b'a', byte]);
        for &special in SPECIAL {
            add(&[byte, special]);
            add(&[special, byte]);
            add(&[b'a', byte, special, b'a']);
            add(&[b'a', special, byte, b'a']);
            add(&[byte, b'a', b'a', special]);
            add(&[special, b'a', b'a', byte]);
            // A space anywhere has backslashes undone everywhere.
            add(&[byte, special, b'a', b' ']);
            add(&[b' ', special, byte, b'a']);
        }
    }
    let mut short = vec![Vec::new()];
    for _ in 0..4 {
        let longer = |text: &Vec<u8>| b"\\\", =\x0ba".map(|byte| [text, &[byte][..]].concat());
        short = short.iter().flat_map(longer).collect();
        texts.extend(short.iter().cloned());
    }
    texts
}
