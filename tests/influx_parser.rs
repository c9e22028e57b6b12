//! Line protocol as Telegraf's own parser reads it, which `inputs.execd` has: beside `tests/common/grammar.rs`,
//! by which the other tests read lines, and beside what the plugin meant to write.
//!
//! `make e2e` builds a program with that parser (`tests/influx_parser/main.go`) for each Telegraf, and names them
//! in `INFLUX_PARSERS`, separated by spaces. What Telegraf makes of the metrics then, `tests/telegraf.rs` tells.

#![allow(clippy::duplicate_mod, reason = "the fuzz targets have parts of `common` for themselves")]

mod common;

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use common::grammar::{self, Value};
use common::is_skipped_without;
use common::line::{as_tag, awkward_texts};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use targets::records::{Record, lines_of};

/// A metric as both make it: of tags and fields with one key the last.
#[derive(Debug, Clone, PartialEq)]
struct Metric {
    name: Vec<u8>,
    tags: BTreeMap<Vec<u8>, Vec<u8>>,
    fields: BTreeMap<Vec<u8>, FieldValue>,
    /// -1 where the line has none.
    time: i64,
}

#[derive(Debug, Clone, PartialEq)]
enum FieldValue {
    Text(Vec<u8>),
    Signed(i64),
    Unsigned(u64),
    /// Its bits.
    Float(u64),
    Boolean(bool),
}

/// What becomes of a stream: metrics, and lines that cost themselves.
type Results = Vec<Option<Metric>>;

/// The programs with Telegraf's parsers; none where the tests cannot run.
fn parsers() -> Vec<PathBuf> {
    let parsers = std::env::var("INFLUX_PARSERS").unwrap_or_default();
    let parsers: Vec<_> = parsers.split_whitespace().map(PathBuf::from).collect();
    if is_skipped_without("the parsers that `make e2e` builds with Go", !parsers.is_empty()) {
        return Vec::new();
    }
    parsers
}

/// What a parser makes of each stream.
fn read_by(parser: &Path, streams: &[Vec<u8>]) -> Vec<Results> {
    let mut command = Command::new(parser);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let framed: Vec<u8> = streams
        .iter()
        .flat_map(|stream| [&(stream.len() as u64).to_le_bytes(), stream.as_slice()].concat())
        .collect();
    let framed = Arc::new(framed);
    let writer = thread::spawn(move || stdin.write_all(&framed).unwrap());
    let mut output = Vec::new();
    process.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    writer.join().unwrap();
    assert!(process.wait().unwrap().success(), "{}", parser.display());
    let mut answers = Answers(&output);
    let results = streams.iter().map(|_| answers.results()).collect();
    assert!(answers.0.is_empty());
    results
}

/// What a parser has written, of which the rest is still to be read.
struct Answers<'a>(&'a [u8]);

impl Answers<'_> {
    fn results(&mut self) -> Results {
        (0..self.number()).map(|_| (self.number() == 1).then(|| self.metric())).collect()
    }

    fn metric(&mut self) -> Metric {
        let name = self.text();
        let tags = (0..self.number()).map(|_| (self.text(), self.text())).collect();
        let fields = (0..self.number()).map(|_| (self.text(), self.value())).collect();
        Metric { name, tags, fields, time: self.number().cast_signed() }
    }

    fn value(&mut self) -> FieldValue {
        match self.number() {
            0 => FieldValue::Text(self.text()),
            1 => FieldValue::Signed(self.number().cast_signed()),
            2 => FieldValue::Unsigned(self.number()),
            3 => FieldValue::Float(self.number()),
            4 => FieldValue::Boolean(self.number() == 1),
            kind => panic!("a value of kind {kind}"),
        }
    }

    fn text(&mut self) -> Vec<u8> {
        let length = usize::try_from(self.number()).unwrap();
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        text.to_vec()
    }

    fn number(&mut self) -> u64 {
        let (number, rest) = self.0.split_first_chunk().expect("the answer is cut");
        self.0 = rest;
        u64::from_le_bytes(*number)
    }
}

/// What `tests/common/grammar.rs` makes of a stream.
fn read_by_grammar(stream: &[u8]) -> Results {
    let metric = |metric: grammar::Metric| Metric {
        name: metric.name,
        tags: metric.tags.into_iter().collect(),
        fields: metric.fields.into_iter().map(|(key, value)| (key, typed(value))).collect(),
        time: metric.time.unwrap_or(-1),
    };
    grammar::read(stream).into_iter().map(|result| result.ok().map(metric)).collect()
}

fn typed(value: Value) -> FieldValue {
    let word = match value {
        Value::String(text) => return FieldValue::Text(text),
        Value::Other(word) => String::from_utf8(word).unwrap(),
    };
    match word.split_at(word.len() - 1) {
        (digits, "i") => FieldValue::Signed(digits.parse().unwrap()),
        (digits, "u") => FieldValue::Unsigned(digits.parse().unwrap()),
        _ if word.starts_with(['t', 'T']) => FieldValue::Boolean(true),
        _ if word.starts_with(['f', 'F']) => FieldValue::Boolean(false),
        _ => FieldValue::Float(word.parse::<f64>().unwrap().to_bits()),
    }
}

/// Fails with the first stream of which a parser makes something else than is expected.
fn assert_read(streams: &[Vec<u8>], expected: impl Fn(&[u8]) -> Results) {
    let parsers = parsers();
    if parsers.is_empty() {
        return;
    }
    let expected: Vec<_> = streams.iter().map(|stream| expected(stream)).collect();
    for parser in parsers {
        for ((stream, results), expected) in
            streams.iter().zip(read_by(&parser, streams)).zip(&expected)
        {
            let shown = stream.escape_ascii();
            assert_eq!(results, *expected, "{} of {shown}", parser.display());
        }
    }
}

/// Before and behind what is put into a line, in each place that a line has.
const PLACES: [(&str, &str); 14] = [
    ("", " n=1i 5"),
    ("net", ",k=v n=1i"),
    ("net,", "=v n=1i 5"),
    ("net,k=", " n=1i 5"),
    ("net,k=", ",l=v n=1i 5"),
    ("net,k=v", "n=1i 5"),
    ("net ", "=1i 5"),
    ("net n=1i,", "=1i 5"),
    ("net s=\"", "\",n=1i 5"),
    ("net n=", " 5"),
    ("net n=1", ",m=2u 5"),
    ("net n=1i", "5"),
    ("net n=1i ", ""),
    ("net n=1i 5", ""),
];

/// A text in such a place, and lines behind it, of which the first closes a string that it opens.
fn stream(text: &[u8], (before, behind): (&str, &str)) -> Vec<u8> {
    let after = b"\n#\"\nnet next=1i\n".as_slice();
    [before.as_bytes(), text, behind.as_bytes(), after].concat()
}

#[test]
fn the_tests_read_line_protocol_as_telegraf_does() {
    let mut streams = Vec::new();
    for text in awkward_texts() {
        streams.extend(PLACES.iter().map(|&place| stream(&text, place)));
    }
    let results: Vec<_> = streams.iter().flat_map(|stream| read_by_grammar(stream)).collect();
    assert!(results.iter().any(Option::is_none) && results.iter().any(Option::is_some));
    assert_read(&streams, read_by_grammar);
}

/// Of what lines are made.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "net",
        ",",
        "=",
        " ",
        "\\",
        "\"",
        "\n",
        "\r\n",
        "\t",
        "\x0b",
        "\x0c",
        "#",
        "1i",
        "-1i",
        "2u",
        "0.5",
        "1e3",
        "-",
        "+1",
        "0",
        "00i",
        "1.",
        ".5",
        "e",
        "inf",
        "NaN",
        "t",
        "true",
        "False",
        "tRUE",
        "9223372036854775807i",
        "9223372036854775808i",
        "18446744073709551615u",
        "18446744073709551616u",
        "1e400",
        " 5\n",
        " -5\n",
        " 9223372036854775808\n",
        "net,k=v ",
        "net n=1i 5\n",
        "n=",
        "s=\"a\"",
        "é",
    ];
    let piece = prop_oneof![
        6 => select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..3),
    ];
    vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

/// So many of them, each time others.
fn generated<T>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::default();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn whatever_lines_are_made_of_the_tests_read_them_as_telegraf_does() {
    // At an end within a line, Telegraf's parser may stay for ever.
    let lines = pieces().prop_map(|text| stream(&text, ("", "")));
    let mut streams = generated(lines, 10_000);
    let in_a_place = (pieces(), select(PLACES.as_slice()));
    streams.extend(generated(in_a_place, 10_000).iter().map(|(text, place)| stream(text, *place)));
    assert_read(&streams, read_by_grammar);
}

#[test]
fn what_the_plugin_writes_is_what_telegraf_reads() {
    let byte = || prop_oneof![select(b"\\\\,= \n\r\t\x0b\x0c\"a".as_slice()), any::<u8>()];
    let texts = generated([vec(byte(), 1..15), vec(byte(), 0..12), vec(byte(), 0..40)], 5_000);
    let every_byte = awkward_texts().into_iter().map(|text| [text.clone(), text.clone(), text]);
    let all: Vec<_> = every_byte.chain(texts).collect();
    let mut lines = Vec::new();
    let mut tags_of = BTreeMap::new();
    for [name, namespace, alias] in &all {
        let tags = vec![("namespace", namespace.as_slice()), ("alias", alias)];
        let record =
            Record { name, tags: tags.clone(), speed_mbits: Some(-1), ..Record::default() };
        let [line, _] = lines_of(&record);
        let tags = [("interface", name.as_slice())].into_iter().chain(tags);
        let tags: BTreeMap<_, _> = tags
            .filter_map(|(key, value)| Some((key.as_bytes().to_vec(), as_tag(value)?)))
            .collect();
        tags_of.insert(line.clone(), tags);
        lines.push(line);
    }
    assert_read(&lines, |line| {
        let [Some(metric)] = &read_by_grammar(line)[..] else { panic!("{}", line.escape_ascii()) };
        let counters =
            metric.fields.values().filter(|value| **value == FieldValue::Signed(0)).count();
        assert_eq!(counters, 8);
        vec![Some(Metric { tags: tags_of[line].clone(), ..metric.clone() })]
    });
}

#[test]
fn what_fuzzing_has_found_to_write_is_what_telegraf_reads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/records");
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let lines: Vec<_> = files.flat_map(|bytes| targets::records::lines(&bytes)).collect();
    assert!(!lines.is_empty());
    assert_read(&lines, read_by_grammar);
}
