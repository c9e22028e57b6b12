//! Patterns of names, beside a plain matcher.

use telegraf_net::select::patterns::{PatternError, PatternReason, Patterns};

use super::pattern::{Part, is_match, written};
use super::pieces::Pieces;
use super::{assert_one_line, text};

/// What patterns and names are made of.
const ALPHABET: [char; 16] =
    ['a', 'b', 'c', '-', ']', '[', '!', '^', '*', '?', '{', '}', ',', '\\', '.', 'é'];

/// More would take the plain matcher too long.
const MOST_PARTS: usize = 12;

pub(super) fn run(bytes: &[u8]) {
    any_texts(bytes);
    beside_the_plain_matcher(&mut Pieces(bytes));
}

/// Of texts of any kind, those that are no patterns are told in a line, and others agree with themselves.
fn any_texts(bytes: &[u8]) {
    let all = text(bytes);
    let entries: Vec<_> = all.split('\n').take(8).collect();
    let name = &bytes[..bytes.len().min(255)];
    let assert_told = |error: &PatternError| {
        assert_eq!(error.pattern, entries[error.index]);
        assert_one_line(error);
    };
    if let Ok(patterns) = Patterns::new(&entries).inspect_err(assert_told) {
        let names = [&b""[..], b"a", b"eth0", b"\xff", name];
        for name in names.into_iter().chain(entries.iter().map(|entry| entry.as_bytes())) {
            let by_entry = (0..entries.len()).any(|index| patterns.entry_matches(index, name));
            assert_eq!(patterns.matches(name), by_entry, "{entries:?} {}", name.escape_ascii());
            if let Some(mut only) = patterns.only_names() {
                let is_one = only.any(|one| one.as_bytes() == name);
                // A byte that is no UTF-8 is a character that a pattern may have.
                assert!(is_one == by_entry || str::from_utf8(name).is_err(), "{entries:?}");
            }
        }
        assert!(!patterns.entry_matches(entries.len(), name));
    }
    let telegraf = Patterns::of_telegraf(&entries).inspect_err(assert_told);
    if let Ok(telegraf) = telegraf
        && !entries.iter().any(|entry| entry.contains(['*', '?', '[']))
    {
        // It compares these as they are.
        assert!(entries.iter().all(|entry| telegraf.matches(entry.as_bytes())));
        assert_eq!(telegraf.matches(name), entries.iter().any(|entry| entry.as_bytes() == name));
    }
}

fn beside_the_plain_matcher(pieces: &mut Pieces<'_>) {
    let parts = parts(pieces, 0, &mut MOST_PARTS.clone());
    let pattern = written(&parts);
    // Beside another one that has a wildcard, so that none counts as literal text.
    let patterns = match Patterns::new(&[pattern.as_str(), "none?such*"]) {
        Err(error) if error.reason == PatternReason::TooMany => return,
        patterns => patterns.expect(&pattern),
    };
    while !pieces.is_empty() {
        let length = pieces.byte() % 8;
        let name: Vec<_> = (0..length).map(|_| pieces.one_of(&ALPHABET)).collect();
        let text: String = name.iter().collect();
        let expected = is_match(&parts, &name);
        assert_eq!(patterns.matches(text.as_bytes()), expected, "{pattern} {text}");
    }
}

/// Some parts, of which alternatives have some themselves; no more than are left.
fn parts(pieces: &mut Pieces<'_>, depth: usize, left: &mut usize) -> Vec<Part> {
    let mut parts = Vec::new();
    while *left > 0 && !pieces.is_empty() {
        *left -= 1;
        let kind = pieces.byte();
        let is_not = kind & 0x80 != 0;
        parts.push(match kind & 0x7f {
            0 => break,
            1..=20 => Part::Any,
            21..=40 => Part::One,
            41..=60 => {
                let count = 1 + pieces.byte() % 3;
                Part::List(is_not, (0..count).map(|_| pieces.one_of(&ALPHABET)).collect())
            }
            61..=80 => {
                let (low, high) = (pieces.one_of(&ALPHABET), pieces.one_of(&ALPHABET));
                // What begins so means something else.
                if low > high || "!\\".contains(low) {
                    continue;
                }
                Part::Range(is_not, low, high)
            }
            81..=100 if depth < 3 => {
                let count = 1 + pieces.byte() % 3;
                Part::Alternatives(
                    (0..count).map(|_| self::parts(pieces, depth + 1, left)).collect(),
                )
            }
            _ => Part::Literal(pieces.one_of(&ALPHABET)),
        });
    }
    parts
}
