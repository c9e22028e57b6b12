//! Telegraf's name patterns (those of `github.com/gobwas/glob` without separators), on top of the
//! `glob` crate.
//!
//! | pattern | matches |
//! |---|---|
//! | `*`, `**` | any run of characters, an empty one, a leading dot and a slash included |
//! | `?` | one character |
//! | `[abc]`, `[!abc]` | one character of the list, or not of it; `\` escapes inside |
//! | `[a-z]`, `[!a-z]` | one character of the range, or not of it |
//! | `{a,b*,c}` | one of the alternatives, which nest |
//! | `\x` | the character `x` itself |
//!
//! The `glob` crate has neither alternatives nor escapes, and `**` means folders there. So a
//! pattern is parsed here, its alternatives are multiplied out, and each result is written as a
//! pattern of that crate, which does the matching. How much that may come to is bounded.

use std::cell::Cell;
use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use crate::quoted::Quoted;

/// The most patterns that one entry may stand for once its alternatives are multiplied out.
const MAX_ALTERNATIVES: usize = 1000;

/// The most bytes that these may have together. No name that the kernel has is longer than 255.
const MAX_LENGTH: usize = 64 << 10;

/// The most bytes that the patterns of entries with alternatives may have in a whole configuration.
const MAX_MULTIPLIED: usize = 256 << 10;

/// How deep alternatives may nest.
const MAX_DEPTH: usize = 20;

/// A list of patterns; a name matches when it matches one of them.
#[derive(Debug, Clone)]
pub struct Patterns {
    compiled: Vec<glob::Pattern>,
    /// Where those of each entry end in `compiled`.
    ends: Vec<usize>,
    literals: Vec<String>,
}

/// A pattern that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Where the pattern stands in the list, from 0.
    pub index: usize,
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: PatternReason,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternReason {
    /// `[` without `]`.
    OpenClass,
    /// `[]` or `[!]`.
    EmptyClass,
    /// More than one range, or a range and more, in one class, `[a-z0-9]`.
    MixedClass,
    /// A range from a higher to a lower character.
    Backwards,
    /// `{` without `}`.
    OpenBrace,
    /// Alternatives nest more than 20 deep.
    TooDeep,
    /// The alternatives multiply to more than a thousand.
    TooMany,
    /// Multiplied out, it is longer than 64 KiB.
    TooLong,
    /// With those before it, its alternatives multiply to more than 256 KiB.
    NoRoom,
}

/// The room that is left for what entries with alternatives are multiplied out to, so that a short
/// configuration stands for no more than this process can hold.
#[derive(Debug)]
pub struct Room(Cell<usize>);

impl Default for Room {
    /// That of a whole configuration.
    fn default() -> Self {
        Self(Cell::new(MAX_MULTIPLIED))
    }
}

impl Room {
    fn take(&self, length: usize) -> Result<(), PatternReason> {
        self.0.set(self.0.get().checked_sub(length).ok_or(PatternReason::NoRoom)?);
        Ok(())
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            PatternReason::OpenClass => {
                "\"[\" has no \"]\"; write \"\\[\" for the character itself"
            }
            PatternReason::EmptyClass => "the brackets hold no character",
            PatternReason::MixedClass => {
                "brackets hold either characters or one range; write {[a-z],[0-9]} for several"
            }
            PatternReason::Backwards => "the range runs from a higher to a lower character",
            PatternReason::OpenBrace => {
                "\"{\" has no \"}\"; write \"\\{\" for the character itself"
            }
            PatternReason::TooDeep => {
                "the alternatives nest more than 20 deep; write them as entries of their own"
            }
            PatternReason::TooMany => {
                "the alternatives multiply to more than 1000; write fewer, or \"*\" for some"
            }
            PatternReason::TooLong => {
                "it is longer than 64 KiB, its alternatives multiplied out; write fewer, or \"*\" \
                 for some"
            }
            PatternReason::NoRoom => {
                "the alternatives in this file multiply to more than 256 KiB; write fewer, or \"*\" \
                 for some"
            }
        };
        write!(f, "{} is not a valid pattern: {reason}", Quoted(self.pattern.as_bytes()))
    }
}

/// Whether an entry has any of what makes Telegraf take its list for patterns.
fn has_wildcard(entry: &str) -> bool {
    entry.contains(['*', '?', '['])
}

impl Patterns {
    /// Compiles a list of patterns.
    ///
    /// In a list in which no entry holds one of `*`, `?` and `[`, Telegraf compares names
    /// literally. Here an entry of such a list matches its own text too, and still counts as a
    /// pattern, so that `{eth0,eth1}` alone works as alternatives.
    ///
    /// # Errors
    ///
    /// [`PatternError`] for the first entry that is no pattern, or stands for too much.
    pub fn new<S: AsRef<str>>(entries: &[S]) -> Result<Self, PatternError> {
        Self::within(&Room::default(), entries)
    }

    /// The same as Telegraf's filters read a list: without a wildcard in any entry, braces and backslashes are
    /// literal in all of them.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn of_telegraf<S: AsRef<str>>(entries: &[S]) -> Result<Self, PatternError> {
        let entries: Vec<_> = entries.iter().map(AsRef::as_ref).collect();
        if entries.iter().any(|entry| has_wildcard(entry)) {
            return Self::new(&entries);
        }
        let literals = entries.into_iter().map(ToOwned::to_owned).collect();
        Ok(Self { compiled: Vec::new(), ends: Vec::new(), literals })
    }

    /// The same for one of several lists, which share the room.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn within<S: AsRef<str>>(room: &Room, entries: &[S]) -> Result<Self, PatternError> {
        Self::behind("", room, entries)
    }

    /// The same for names that are matched without what they all begin with: a pattern may begin with
    /// that too.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn behind<S: AsRef<str>>(
        prefix: &str,
        room: &Room,
        entries: &[S],
    ) -> Result<Self, PatternError> {
        let is_literal_list = !entries.iter().any(|entry| has_wildcard(entry.as_ref()));
        let (mut compiled, mut ends) = (Vec::new(), Vec::new());
        for (index, entry) in entries.iter().map(AsRef::as_ref).enumerate() {
            let error = |reason| PatternError { index, pattern: entry.to_owned(), reason };
            let multiplied =
                parse(entry).and_then(|pattern| pattern.multiplied()).map_err(error)?;
            if multiplied.texts.len() > 1 {
                room.take(multiplied.length).map_err(error)?;
            }
            for text in &multiplied.texts {
                // What is written here is a pattern of that crate; were it not, it would be as
                // unreadable to us as an open class.
                let pattern = glob::Pattern::new(text.strip_prefix(prefix).unwrap_or(text));
                compiled.push(pattern.map_err(|_| error(PatternReason::OpenClass))?);
            }
            ends.push(compiled.len());
        }
        let literals = entries.iter().map(|entry| entry.as_ref().to_owned());
        let literals = if is_literal_list { literals.collect() } else { Vec::new() };
        Ok(Self { compiled, ends, literals })
    }

    /// Whether the whole name matches one of the patterns. Case matters. A byte that is no UTF-8
    /// counts as one character, which only `*`, `?` and negated brackets match.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        Self::is_match(&self.compiled, &self.literals, name)
    }

    /// Whether it matches that entry of the list, from 0.
    #[must_use]
    pub fn entry_matches(&self, index: usize, name: &[u8]) -> bool {
        let end_of = |index: usize| self.ends.get(index).copied();
        let start = index.checked_sub(1).and_then(end_of).unwrap_or(0);
        let patterns = end_of(index).and_then(|end| self.compiled.get(start..end));
        let literals = self.literals.get(index..=index);
        Self::is_match(patterns.unwrap_or_default(), literals.unwrap_or_default(), name)
    }

    fn is_match(patterns: &[glob::Pattern], literals: &[String], name: &[u8]) -> bool {
        let is_match = |name: &str| patterns.iter().any(|pattern| pattern.matches(name));
        literals.iter().any(|literal| literal.as_bytes() == name)
            || match str::from_utf8(name) {
                Ok(name) => is_match(name),
                Err(_) => is_match(&with_replacements(name)),
            }
    }
}

impl Patterns {
    /// The only names that can match; `None` where some entry has a wildcard.
    #[must_use]
    pub fn only_names(&self) -> Option<impl Iterator<Item = &str>> {
        let texts = self.compiled.iter().map(glob::Pattern::as_str);
        let has_wildcard = texts.clone().any(|text| text.contains(['*', '?', '[']));
        let literals = self.literals.iter().map(String::as_str);
        (!has_wildcard).then(|| texts.chain(literals))
    }
}

/// `name` with U+FFFD for each byte that is no UTF-8, as Go reads strings.
fn with_replacements(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Character(char),
    Any,
    One,
    Class(Class),
    Alternatives(Vec<Sequence>),
}

/// One character of those listed or in the range, or, with `not`, any other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Class {
    not: bool,
    listed: Vec<char>,
    range: Option<(char, char)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sequence(Vec<Part>);

impl Sequence {
    /// This sequence once for every choice among its alternatives, none left inside.
    fn multiplied(&self) -> Result<Multiplied, PatternReason> {
        let mut results = Multiplied { texts: vec![String::new()], length: 0 };
        let mut text = String::new();
        for part in &self.0 {
            text.clear();
            match part {
                Part::Any => text.push('*'),
                Part::One => text.push('?'),
                Part::Character(character) => push_character(&mut text, *character),
                Part::Class(class) => push_class(&mut text, class),
                Part::Alternatives(alternatives) => {
                    let mut choices = Multiplied::default();
                    for alternative in alternatives {
                        choices.add(alternative.multiplied()?)?;
                    }
                    results.follow_by_each(&choices)?;
                    continue;
                }
            }
            results.follow_by(&text)?;
        }
        Ok(results)
    }
}

/// Patterns in the language of the `glob` crate.
#[derive(Debug, Default)]
struct Multiplied {
    texts: Vec<String>,
    /// At least their bytes together.
    length: usize,
}

impl Multiplied {
    fn add(&mut self, mut more: Self) -> Result<(), PatternReason> {
        self.grow(self.texts.len() + more.texts.len(), self.length + more.length)?;
        self.texts.append(&mut more.texts);
        Ok(())
    }

    /// Writes this text behind each.
    fn follow_by(&mut self, text: &str) -> Result<(), PatternReason> {
        if text.is_empty() {
            return Ok(());
        }
        let count = self.texts.len();
        self.grow(count, self.length + count * text.len())?;
        self.texts.iter_mut().for_each(|pattern| append(pattern, text));
        Ok(())
    }

    /// Writes each of these behind each, in every combination.
    fn follow_by_each(&mut self, choices: &Self) -> Result<(), PatternReason> {
        // Copying all there is for a single choice would take quadratic time in their number.
        if let [choice] = choices.texts.as_slice() {
            return self.follow_by(choice);
        }
        let (count, choices_count) = (self.texts.len(), choices.texts.len());
        let length = self.length * choices_count + choices.length * count;
        self.grow(count * choices_count, length)?;
        let followed = |pattern: &String, choice: &String| {
            let mut followed = String::with_capacity(pattern.len() + choice.len());
            followed.push_str(pattern);
            append(&mut followed, choice);
            followed
        };
        let choices = &choices.texts;
        let combined = |pattern| choices.iter().map(move |choice| followed(pattern, choice));
        self.texts = self.texts.iter().flat_map(combined).collect();
        Ok(())
    }

    /// Takes so much in, unless it is too much. Both numbers are those of two that were not too
    /// much, multiplied or added, and so do not overflow.
    fn grow(&mut self, count: usize, length: usize) -> Result<(), PatternReason> {
        if count > MAX_ALTERNATIVES {
            return Err(PatternReason::TooMany);
        }
        if length > MAX_LENGTH {
            return Err(PatternReason::TooLong);
        }
        self.length = length;
        Ok(())
    }
}

/// Writes one pattern behind another: `**` would mean folders there.
fn append(pattern: &mut String, text: &str) {
    // A `*` that stands for itself is written within brackets.
    let is_doubled = pattern.ends_with('*') && text.starts_with('*');
    pattern.push_str(text.get(usize::from(is_doubled)..).unwrap_or_default());
}

fn parse(pattern: &str) -> Result<Sequence, PatternReason> {
    parse_sequence(&mut pattern.chars().peekable(), 0)
}

/// Reads up to the end, or, inside alternatives, up to the `,` or `}` that ends this one.
fn parse_sequence(
    input: &mut Peekable<Chars<'_>>,
    depth: usize,
) -> Result<Sequence, PatternReason> {
    let mut parts = Vec::new();
    while let Some(character) = input.next_if(|&next| depth == 0 || !matches!(next, ',' | '}')) {
        match character {
            '*' => parts.push(Part::Any),
            '?' => parts.push(Part::One),
            '[' => parts.push(Part::Class(parse_class(input)?)),
            '{' => parts.push(parse_alternatives(input, depth + 1)?),
            // A lone backslash at the end escapes nothing, and Telegraf passes over it.
            '\\' => parts.extend(input.next().map(Part::Character)),
            other => parts.push(Part::Character(other)),
        }
    }
    Ok(Sequence(parts))
}

fn parse_alternatives(
    input: &mut Peekable<Chars<'_>>,
    depth: usize,
) -> Result<Part, PatternReason> {
    if depth > MAX_DEPTH {
        return Err(PatternReason::TooDeep);
    }
    let mut alternatives = Vec::new();
    loop {
        alternatives.push(parse_sequence(input, depth)?);
        match input.next() {
            Some(',') => {}
            Some(_) => return Ok(Part::Alternatives(alternatives)),
            None => return Err(PatternReason::OpenBrace),
        }
    }
}

/// Reads a class behind its `[`. It is a range when `-` is its second character.
fn parse_class(input: &mut Peekable<Chars<'_>>) -> Result<Class, PatternReason> {
    let not = input.next_if_eq(&'!').is_some();
    let mut ahead = input.clone();
    if let (Some(low), Some('-')) = (ahead.next(), ahead.next()) {
        let high = ahead.next().ok_or(PatternReason::OpenClass)?;
        *input = ahead;
        return match input.next() {
            Some(']') if low <= high => Ok(Class { not, listed: vec![], range: Some((low, high)) }),
            Some(']') => Err(PatternReason::Backwards),
            Some(_) => Err(PatternReason::MixedClass),
            None => Err(PatternReason::OpenClass),
        };
    }
    let mut listed = Vec::new();
    loop {
        match input.next() {
            Some(']') if listed.is_empty() => return Err(PatternReason::EmptyClass),
            Some(']') => return Ok(Class { not, listed, range: None }),
            Some('\\') => listed.push(input.next().ok_or(PatternReason::OpenClass)?),
            Some(character) => listed.push(character),
            None => return Err(PatternReason::OpenClass),
        }
    }
}

fn push_character(text: &mut String, character: char) {
    text.push_str(&glob::Pattern::escape(character.encode_utf8(&mut [0; 4])));
}

/// Writes a class. In the `glob` crate `]` is itself only as the first character of a class, `-`
/// only as the last one, and `!` only behind another; so each is listed in its place, also when it
/// is the end of a range.
fn push_class(text: &mut String, class: &Class) {
    let mut listed = class.listed.clone();
    let range = class.range.and_then(|(low, high)| {
        listed.extend([low, high]);
        let first = match low {
            '-' => '.',
            ']' => '^',
            _ => low,
        };
        let last = if high == ']' { '\\' } else { high };
        (first <= last).then_some((first, last))
    });
    let place = |character: char| match character {
        ']' => 0,
        '!' => 2,
        '-' => 3,
        _ => 1,
    };
    listed.sort_by_key(|&character| (place(character), character));
    listed.dedup();
    match (class.not, listed.as_slice(), range) {
        (false, [character], None) => return push_character(text, *character),
        (false, ['!', '-'], None) => return text.push_str("[-!]"),
        _ => {}
    }
    text.push_str(if class.not { "[!" } else { "[" });
    text.extend(listed.iter().filter(|&&character| place(character) == 0));
    if let Some((low, high)) = range {
        text.extend([low, '-', high]);
    }
    text.extend(listed.iter().filter(|&&character| place(character) != 0));
    text.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_telegraf() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("eth0", &["eth0"], &["eth00", "veth0", "ETH0", ""]),
            ("eth*", &["eth", "eth0", "eth0.100"], &["veth0"]),
            ("*", &["", ".hidden", "a/b", "eth0"], &[]),
            ("**/b", &["/b", "a/b"], &["b"]),
            ("a**b", &["ab", "axyb"], &["a"]),
            ("eth?", &["eth0", "ethé"], &["eth", "eth10"]),
            ("[ab]c", &["ac", "bc"], &["cc", "abc"]),
            ("[!ab]c", &["cc", "!c"], &["ac", "c"]),
            ("[a-c]", &["a", "b", "c"], &["d", "-"]),
            ("[!a-c]", &["d", "-"], &["a", "b", ""]),
            ("[!-]]", &["!]", "a]"], &["-]", "a"]),
            ("[!!-]]", &["^", " "], &["!", "-", "A", "]"]),
            ("[+--]", &["+", ",", "-"], &["."]),
            ("[--]]", &["-", "0", "]"], &[",", "^"]),
            ("[]-]]", &["]"], &["-", "^"]),
            ("[^a]", &["^", "a"], &["b"]),
            ("[-a]", &["-", "a"], &["b"]),
            (r"[\]\-!]", &["]", "-", "!"], &["\\", "a"]),
            (r"[!\]\-!]", &["a"], &["]", "-", "!"]),
            (r"[-\!]", &["-", "!"], &["a"]),
            ("{eth,en}*", &["eth0", "enp1s0"], &["wlan0", "{eth"]),
            ("{a,b{c,d*}}", &["a", "bc", "bd", "bdx"], &["b", "ab"]),
            ("{a,}b", &["ab", "b"], &["a"]),
            ("{}a*", &["a"], &["{}a"]),
            ("{[a,b],c}", &["a", ",", "b", "c"], &["["]),
            ("{*,x}*", &["", "x", "abc"], &[]),
            (r"\*\?\[", &["*?["], &["abc", r"\*\?\["]),
            (r"\{a\,b\}", &["{a,b}"], &["a"]),
            (r"a\", &["a", r"a\"], &["b"]),
            ("a,b}", &["a,b}"], &["a", "b"]),
            ("]", &["]"], &[""]),
        ];
        for (pattern, matching, others) in cases {
            let patterns = Patterns::new(&[pattern]).unwrap();
            for name in *matching {
                assert!(patterns.matches(name.as_bytes()), "{pattern:?} should match {name:?}");
            }
            for name in *others {
                assert!(
                    !patterns.matches(name.as_bytes()),
                    "{pattern:?} should not match {name:?}"
                );
            }
        }
    }

    #[test]
    fn a_list_matches_what_one_of_its_patterns_matches() {
        let patterns = Patterns::new(&["lo", "eth[0-1]"]).unwrap();
        let matching = |name: &&str| patterns.matches(name.as_bytes());
        assert_eq!(["lo", "eth0", "eth1", "eth2", "lo0"].iter().filter(|n| matching(n)).count(), 3);
        assert!(!Patterns::new::<&str>(&[]).unwrap().matches(b"lo"));
    }

    #[test]
    fn each_entry_of_a_list_is_matched_for_itself() {
        for entries in [["a{b,c}", "d", "{e,{f,g}h}i"], ["a{b,c}*", "d", "{e,{f,g}h}i"]] {
            let patterns = Patterns::new(&entries).unwrap();
            for (name, entry) in [("ab", 0), ("ac", 0), ("d", 1), ("ei", 2), ("ghi", 2)] {
                let matching: Vec<_> = (0..9)
                    .filter(|&entry| patterns.entry_matches(entry, name.as_bytes()))
                    .collect();
                assert_eq!(matching, [entry], "{name}");
            }
        }
        // Its own text, where no entry has a wildcard.
        let patterns = Patterns::new(&["a", "{b,c}"]).unwrap();
        assert!(patterns.entry_matches(1, b"{b,c}") && !patterns.entry_matches(0, b"{b,c}"));
    }

    #[test]
    fn without_wildcards_an_entry_matches_its_own_text_too() {
        let patterns = Patterns::new(&[r"g\h", "{j}"]).unwrap();
        for name in [r"g\h", "gh", "{j}", "j"] {
            assert!(patterns.matches(name.as_bytes()), "{name}");
        }
        let patterns = Patterns::new(&[r"g\h", "x*"]).unwrap();
        assert!(!patterns.matches(br"g\h"));
    }

    #[test]
    fn a_byte_that_is_no_utf8_is_one_character() {
        assert!(Patterns::new(&["a??b"]).unwrap().matches(b"a\xff\xfeb"));
        assert!(Patterns::new(&["a*"]).unwrap().matches(b"a\xff"));
        assert!(!Patterns::new(&["a?b"]).unwrap().matches(b"a\xff\xfeb"));
    }

    #[test]
    fn an_invalid_pattern_is_named_with_its_place() {
        let cases = [
            ("eth[", PatternReason::OpenClass),
            ("eth[0", PatternReason::OpenClass),
            (r"eth[0\]", PatternReason::OpenClass),
            ("[a-", PatternReason::OpenClass),
            ("[a-z", PatternReason::OpenClass),
            ("[]", PatternReason::EmptyClass),
            ("[!]", PatternReason::EmptyClass),
            ("[a-z0-9]", PatternReason::MixedClass),
            ("[z-a]", PatternReason::Backwards),
            ("{a,b", PatternReason::OpenBrace),
            ("{a,{b}", PatternReason::OpenBrace),
        ];
        for (pattern, reason) in cases {
            let error = Patterns::new(&["lo", pattern]).unwrap_err();
            assert_eq!((error.index, error.pattern.as_str(), error.reason), (1, pattern, reason));
            assert!(
                error.to_string().contains(pattern.trim_end_matches('\\'))
                    || pattern.contains('\\')
            );
        }
        let deep = "{".repeat(100_000);
        assert_eq!(Patterns::new(&[deep]).unwrap_err().reason, PatternReason::TooDeep);
        let many = "{a,b}".repeat(64);
        assert_eq!(Patterns::new(&[many]).unwrap_err().reason, PatternReason::TooMany);
    }

    #[test]
    fn what_alternatives_multiply_to_is_bounded() {
        let flat = |count: usize| format!("{{{}}}", vec!["ab"; count].join(","));
        let long = "x".repeat(MAX_LENGTH);
        let class = format!("{{a,b}}[{}]", "xyz".repeat(20_000));
        let cases = [
            (flat(1000), None),
            (flat(1001), Some(PatternReason::TooMany)),
            (flat(300_000), Some(PatternReason::TooMany)),
            (format!("{}c", flat(1000)), None),
            (format!("{}{{c,d}}", flat(501)), Some(PatternReason::TooMany)),
            (long.clone(), None),
            (format!("{long}x"), Some(PatternReason::TooLong)),
            (format!("{{{long}}}"), None),
            (format!("{{{long},}}"), None),
            (format!("{{{long},x}}"), Some(PatternReason::TooLong)),
            (format!("{{a,b}}{long}"), Some(PatternReason::TooLong)),
            (format!("{}{}", "{a,b}".repeat(9), "x".repeat(2000)), Some(PatternReason::TooLong)),
            // Listed once each.
            (class, None),
            ("{a}".repeat(20_000), None),
            (flat(1000) + &"{}".repeat(300_000), None),
            (format!("{}a{}", "{".repeat(20), "}".repeat(20)).repeat(5000), None),
        ];
        for (pattern, expected) in cases {
            let reason = Patterns::new(&[&pattern]).err().map(|error| error.reason);
            assert_eq!(reason, expected, "{}", Quoted(pattern.as_bytes()));
        }
    }

    #[test]
    fn lists_share_the_room_for_what_they_multiply_to() {
        let room = Room::default();
        // 512 patterns of 109 bytes each.
        let pattern = "{a,b}".repeat(9) + &"x".repeat(100);
        let plain = "x".repeat(MAX_LENGTH);
        for _ in 0..4 {
            Patterns::within(&room, &[&plain, &pattern]).unwrap();
        }
        let error = Patterns::within(&room, &[&plain, &pattern]).unwrap_err();
        assert_eq!((error.index, error.reason), (1, PatternReason::NoRoom));
        Patterns::within(&room, &[plain]).unwrap();
    }

    #[test]
    fn a_long_pattern_is_shown_by_its_beginning() {
        let error = Patterns::new(&["x".repeat(MAX_LENGTH + 1)]).unwrap_err().to_string();
        let start =
            format!("\"{}\"... (65537 bytes) is not a valid pattern: it is ", "x".repeat(40));
        assert!(error.starts_with(&start), "{error}");
    }

    #[test]
    fn many_wildcards_are_matched_against_the_longest_name() {
        let name = "a".repeat(255);
        for (pattern, expected) in [
            ("*a".repeat(120) + "b", false),
            ("*a".repeat(120) + "*b", false),
            ("*a".repeat(120) + "*", true),
            ("*?".repeat(254) + "*[bc]", false),
            ("*?".repeat(254) + "*[!b]", true),
            ("{*a,*?}".repeat(9) + &"*a".repeat(30) + "*b", false),
        ] {
            let patterns = Patterns::new(&[&pattern]).unwrap();
            assert_eq!(patterns.matches(name.as_bytes()), expected, "{pattern}");
        }
    }
}
