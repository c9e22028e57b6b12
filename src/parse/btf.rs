//! `/sys/kernel/btf/vmlinux`: the kernel's own types
//! (`Documentation/bpf/btf.rst`, `linux/btf.h`).
//!
//! ```text
//! header | types | strings
//! type:       name u32, info u32, size or type u32 | what its kind has more, in words of 32 bits
//! enumerator: name u32, value i32
//! ```
//!
//! A name is the place of a text among the strings, each of which ends in a NUL. The file has
//! megabytes: it is taken piece by piece, the strings first, and only enumerators whose names begin as
//! wanted are kept.

use std::fmt;
use std::ops::Range;

use super::bytes_at;

const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;

const KIND_INT: u32 = 1;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_ENUM64: u32 = 19;

/// The longest name that is looked at.
const MAX_NAME: usize = 64;

/// The most names that are kept.
const MAX_NAMES: usize = 1000;

/// The most bytes of the file. The kernels of today have some 6 MB.
const MAX_FILE: u64 = 256 << 20;

/// Where the parts of the file lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BtfHeader {
    /// The types, in bytes from the start of the file.
    pub types: Range<u64>,
    /// The strings, in bytes from the start of the file.
    pub strings: Range<u64>,
}

/// Why there are no enumerators to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BtfError {
    /// It does not begin as such a file does on this machine.
    Header,
    /// There is a kind of type that is unknown, with that `info`, so that its length is.
    Info(u32),
    /// The types, or the strings, end in the middle of one.
    Cut,
    /// There are too many names that begin as wanted.
    TooMany,
    /// There are two enumerators of that name, with values of their own.
    Ambiguous(String),
}

impl fmt::Display for BtfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("no BTF of this machine"),
            Self::Info(info) => write!(f, "a type of an unknown kind ({info:#x})"),
            Self::Cut => f.write_str("it ends too early"),
            Self::TooMany => write!(f, "more than {MAX_NAMES} names"),
            Self::Ambiguous(name) => write!(f, "two values of {name}"),
        }
    }
}

impl std::error::Error for BtfError {}

impl BtfHeader {
    /// How many bytes of the file tell it.
    pub const SIZE: usize = 24;

    /// Reads it of the file's first bytes.
    ///
    /// # Errors
    ///
    /// [`BtfError::Header`], also where it tells of more than a kernel has.
    pub fn of(bytes: &[u8]) -> Result<Self, BtfError> {
        Self::read(bytes).ok_or(BtfError::Header)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let word = |place| bytes_at(bytes, place).map(u32::from_ne_bytes).map(u64::from);
        let is_ours = u16::from_ne_bytes(bytes_at(bytes, 0)?) == MAGIC;
        let length = word(4)?;
        if !is_ours || *bytes.get(2)? != VERSION || length < Self::SIZE as u64 {
            return None;
        }
        let part = |place: usize| {
            let start = length + word(place)?;
            let end = start + word(place + 4)?;
            (end <= MAX_FILE).then_some(start..end)
        };
        Some(Self { types: part(8)?, strings: part(16)? })
    }
}

/// Finds the names among the strings that begin in certain ways.
#[derive(Debug)]
pub struct NameSearch<'a> {
    prefixes: &'a [&'a str],
    /// Where the string begins that the next piece goes on with, from the first one's beginning.
    start: u32,
    /// What there is of it already, as far as it can be a name.
    part: Vec<u8>,
    /// How long it is by now.
    length: u32,
    found: Vec<(u32, String)>,
}

impl<'a> NameSearch<'a> {
    /// For names that begin in one of these ways.
    #[must_use]
    pub fn new(prefixes: &'a [&'a str]) -> Self {
        Self { prefixes, start: 0, part: Vec::new(), length: 0, found: Vec::new() }
    }

    /// Takes the next piece of the strings.
    ///
    /// # Errors
    ///
    /// [`BtfError::TooMany`].
    pub fn take(&mut self, piece: &[u8]) -> Result<(), BtfError> {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|&byte| byte == 0) {
            let (string, after) = rest.split_at(end);
            self.extend(string);
            self.end_string()?;
            rest = after.split_first().map_or(&[], |(_, after)| after);
        }
        self.extend(rest);
        Ok(())
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = (MAX_NAME + 1).saturating_sub(self.part.len());
        self.part.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.length = self.length.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    }

    fn end_string(&mut self) -> Result<(), BtfError> {
        let is_wanted = |prefix: &&str| self.part.starts_with(prefix.as_bytes());
        if self.part.len() <= MAX_NAME && self.prefixes.iter().any(is_wanted) {
            if self.found.len() >= MAX_NAMES {
                return Err(BtfError::TooMany);
            }
            if let Ok(name) = str::from_utf8(&self.part) {
                self.found.push((self.start, name.to_owned()));
            }
        }
        self.start = self.start.saturating_add(self.length).saturating_add(1);
        self.part.clear();
        self.length = 0;
        Ok(())
    }

    /// All strings were taken: the types follow.
    #[must_use]
    pub fn into_values(self) -> ValueSearch {
        // In the order of their places already.
        let names = self.found.into_iter().map(|(place, name)| (place, name, None)).collect();
        ValueSearch { names, part: [0; 4], part_length: 0, next: NextWord::Name }
    }
}

/// Finds the values of the enumerators of those names among the types.
#[derive(Debug)]
pub struct ValueSearch {
    /// The place of each name, and its value, once that is found.
    names: Vec<(u32, String, Option<i32>)>,
    /// The first bytes of a word that the next piece goes on with.
    part: [u8; 4],
    part_length: usize,
    next: NextWord,
}

/// What the next word of the types is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextWord {
    /// A type's name.
    Name,
    Info,
    /// The type's size, or another type's number; so many words follow.
    Size {
        is_enum: bool,
        rest: u32,
    },
    /// Nothing of use, as so many are.
    Skipped(u32),
    /// An enumerator's name, the first of so many words.
    EnumeratorName(u32),
    /// The value of the one whose name lies there, the first of so many words.
    EnumeratorValue(u32, u32),
}

impl ValueSearch {
    /// Takes the next piece of the types.
    ///
    /// # Errors
    ///
    /// [`BtfError::Info`] and [`BtfError::Ambiguous`], after which no more is to be taken.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), BtfError> {
        let mut rest = piece;
        while self.part_length > 0 || rest.len() < self.part.len() {
            let Some((&byte, after)) = rest.split_first() else { return Ok(()) };
            rest = after;
            if let Some(place) = self.part.get_mut(self.part_length) {
                *place = byte;
            }
            self.part_length += 1;
            if self.part_length == self.part.len() {
                self.part_length = 0;
                self.take_word(u32::from_ne_bytes(self.part))?;
            }
        }
        let (mut words, tail) = rest.as_chunks::<4>();
        while let Some((&word, after)) = words.split_first() {
            words = after;
            match self.next {
                NextWord::Skipped(count) if count > 1 => {
                    let here = usize::try_from(count - 1).unwrap_or(usize::MAX).min(after.len());
                    words = after.get(here..).unwrap_or_default();
                    let left = count - 1 - u32::try_from(here).unwrap_or(u32::MAX).min(count - 1);
                    self.next = NextWord::skip(left);
                }
                _ => self.take_word(u32::from_ne_bytes(word))?,
            }
        }
        if tail.is_empty() { Ok(()) } else { self.take(tail) }
    }

    fn take_word(&mut self, word: u32) -> Result<(), BtfError> {
        self.next = match self.next {
            NextWord::Name => NextWord::Info,
            NextWord::Info => {
                let rest = words_behind(word).ok_or(BtfError::Info(word))?;
                NextWord::Size { is_enum: kind(word) == KIND_ENUM, rest }
            }
            NextWord::Size { is_enum: true, rest } => NextWord::enumerators(rest),
            NextWord::Size { is_enum: false, rest } => NextWord::skip(rest),
            NextWord::Skipped(count) => NextWord::skip(count.saturating_sub(1)),
            NextWord::EnumeratorName(count) => NextWord::EnumeratorValue(word, count - 1),
            NextWord::EnumeratorValue(name, count) => {
                self.take_enumerator(name, word.cast_signed())?;
                NextWord::enumerators(count - 1)
            }
        };
        Ok(())
    }

    fn take_enumerator(&mut self, place: u32, value: i32) -> Result<(), BtfError> {
        let found = self.names.binary_search_by_key(&place, |&(place, ..)| place);
        let Some((_, name, known)) = found.ok().and_then(|found| self.names.get_mut(found)) else {
            return Ok(());
        };
        match known.replace(value) {
            Some(other) if other != value => Err(BtfError::Ambiguous(name.clone())),
            _ => Ok(()),
        }
    }

    /// All types were taken: the enumerators, each with its value.
    ///
    /// # Errors
    ///
    /// [`BtfError::Cut`].
    pub fn into_enumerators(self) -> Result<Vec<(String, i32)>, BtfError> {
        if self.part_length > 0 || self.next != NextWord::Name {
            return Err(BtfError::Cut);
        }
        Ok(self.names.into_iter().filter_map(|(_, name, value)| Some((name, value?))).collect())
    }
}

impl NextWord {
    fn skip(count: u32) -> Self {
        if count == 0 { Self::Name } else { Self::Skipped(count) }
    }

    fn enumerators(words: u32) -> Self {
        if words == 0 { Self::Name } else { Self::EnumeratorName(words) }
    }
}

/// The kind of a type, by its `info`.
fn kind(info: u32) -> u32 {
    info >> 24 & 0x1f
}

/// How many words follow a type's first three; `None` for one that a later kernel has.
fn words_behind(info: u32) -> Option<u32> {
    const UNUSED: u32 = 0x60ff_0000;
    if info & UNUSED != 0 {
        return None;
    }
    let members = info & 0xffff;
    match kind(info) {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => Some(1),
        KIND_ARRAY => Some(3),
        KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => Some(3 * members),
        KIND_ENUM | KIND_FUNC_PROTO => Some(2 * members),
        // Pointers, typedefs, qualifiers, functions, tags of types and the like.
        2 | 7..=12 | 16 | 18 => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIXES: &[&str] = &["MIB_", "OTHER_MIB_"];

    /// Types and strings, as a compiler's tools make them.
    #[derive(Default)]
    struct Btf {
        types: Vec<u8>,
        strings: Vec<u8>,
    }

    impl Btf {
        fn name(&mut self, name: &str) -> u32 {
            let place = u32::try_from(self.strings.len()).unwrap();
            self.strings.extend_from_slice(name.as_bytes());
            self.strings.push(0);
            place
        }

        fn words(&mut self, words: &[u32]) {
            self.types.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        }

        /// A type of that kind with so many members, and so many words behind.
        fn other(&mut self, kind: u32, members: u32, words: usize) {
            self.words(&[0, kind << 24 | members, 4]);
            // They look like the beginning of an enum.
            self.words(&[KIND_ENUM << 24 | 1].repeat(words));
        }

        fn enumeration(&mut self, enumerators: &[(&str, i32)]) {
            let members = u32::try_from(enumerators.len()).unwrap();
            self.words(&[0, KIND_ENUM << 24 | members, 4]);
            for (name, value) in enumerators {
                let name = self.name(name);
                self.words(&[name, value.cast_unsigned()]);
            }
        }

        fn sample() -> Self {
            let mut btf = Self::default();
            btf.name("");
            btf.name("int");
            for (kind, members, words) in [
                (KIND_INT, 0, 1),
                (2, 0, 0),
                (KIND_ARRAY, 0, 3),
                (KIND_STRUCT, 5, 15),
                (KIND_UNION, 0, 0),
                (7, 0, 0),
                (KIND_FUNC_PROTO, 3, 6),
                (KIND_VAR, 0, 1),
                (KIND_DATASEC, 300, 900),
                (16, 0, 0),
                (KIND_DECL_TAG, 0, 1),
                (18, 0, 0),
                (KIND_ENUM64, 2, 6),
            ] {
                btf.other(kind, members, words);
            }
            // A struct's `info` may have the highest bit.
            btf.words(&[0, 0x8400_0001, 4, 7, 7, 7]);
            btf.enumeration(&[
                ("MIB_NUM", 0),
                ("MIB_INPKTS", 1),
                ("MIB_ODD", -5),
                ("__MIB_MAX", 2),
            ]);
            btf.enumeration(&[]);
            btf.enumeration(&[("FIRST", 7), ("OTHER_MIB_INMSGS", 9)]);
            btf.name("MIB_NO_ENUMERATOR");
            btf.name(&format!("MIB_{}", "X".repeat(MAX_NAME)));
            btf
        }

        fn header(&self) -> Vec<u8> {
            let mut bytes = MAGIC.to_ne_bytes().to_vec();
            bytes.extend_from_slice(&[VERSION, 0]);
            let [types, strings] =
                [&self.types, &self.strings].map(|part| u32::try_from(part.len()).unwrap());
            for word in [24, 0, types, types, strings] {
                bytes.extend_from_slice(&word.to_ne_bytes());
            }
            bytes
        }

        /// What is read in pieces of so many bytes.
        fn read(&self, piece: usize) -> Result<Vec<(String, i32)>, BtfError> {
            let mut names = NameSearch::new(PREFIXES);
            for piece in self.strings.chunks(piece) {
                names.take(piece)?;
            }
            let mut values = names.into_values();
            for piece in self.types.chunks(piece) {
                values.take(piece)?;
            }
            values.into_enumerators()
        }
    }

    fn named(enumerators: &[(&str, i32)]) -> Vec<(String, i32)> {
        enumerators.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn enumerators_have_their_values_whatever_the_pieces() {
        let expected =
            [("MIB_NUM", 0), ("MIB_INPKTS", 1), ("MIB_ODD", -5), ("OTHER_MIB_INMSGS", 9)];
        for piece in (1..40).chain([1 << 20]) {
            assert_eq!(Btf::sample().read(piece), Ok(named(&expected)), "{piece}");
        }
    }

    #[test]
    fn the_header_says_where_the_parts_lie() {
        let btf = Btf::sample();
        let (bytes, types) = (btf.header(), btf.types.len() as u64);
        let end = types + 24 + btf.strings.len() as u64;
        let expected = BtfHeader { types: 24..types + 24, strings: types + 24..end };
        assert_eq!(BtfHeader::of(&bytes), Ok(expected));
        for length in 0..bytes.len() {
            assert_eq!(BtfHeader::of(&bytes[..length]), Err(BtfError::Header));
        }
        // Another byte order, another version, a header that is too short, and a part that is too long.
        for (place, value) in [(0, 0xeb), (2, 2), (4, 23), (15, 0xff), (23, 0xff)] {
            let mut bytes = bytes.clone();
            bytes[place] = value;
            assert_eq!(BtfHeader::of(&bytes), Err(BtfError::Header), "{place}");
        }
    }

    #[test]
    fn types_that_end_early_or_are_unknown_tell_nothing() {
        let whole = Btf::sample();
        for length in (0..whole.types.len()).step_by(7) {
            let types = whole.types[..length].to_vec();
            let read = Btf { types, strings: whole.strings.clone() }.read(64);
            // Between two types, it looks whole, and lacks those behind.
            assert!(read != whole.read(64), "{length}");
        }
        for info in [0, 20 << 24, 0x4600_0001, 0x0601_0001, u32::MAX] {
            let mut btf = Btf::default();
            btf.words(&[0, info, 4]);
            assert_eq!(btf.read(4), Err(BtfError::Info(info)));
        }
        let mut cut = Btf::default();
        cut.words(&[0, KIND_ENUM << 24 | 2, 4, 0]);
        assert_eq!(cut.read(4), Err(BtfError::Cut));
        cut.types.truncate(3);
        assert_eq!(cut.read(4), Err(BtfError::Cut));
    }

    #[test]
    fn a_name_with_two_values_has_none() {
        let mut btf = Btf::sample();
        let place = btf.name("MIB_TWICE");
        btf.words(&[0, KIND_ENUM << 24 | 1, 4, place, 3]);
        assert!(btf.read(64).unwrap().contains(&("MIB_TWICE".to_owned(), 3)));
        btf.words(&[0, KIND_ENUM << 24 | 1, 4, place, 3]);
        assert!(btf.read(64).is_ok());
        btf.words(&[0, KIND_ENUM << 24 | 1, 4, place, 4]);
        assert_eq!(btf.read(64), Err(BtfError::Ambiguous("MIB_TWICE".into())));
    }

    #[test]
    fn no_file_makes_it_keep_more_than_it_should() {
        let mut btf = Btf::default();
        for number in 0..=MAX_NAMES {
            btf.name(&format!("MIB_{number}"));
        }
        assert_eq!(btf.read(64), Err(BtfError::TooMany));
        let mut names = NameSearch::new(PREFIXES);
        // A string without an end.
        for _ in 0..1000 {
            names.take(&[b'M'; 4096]).unwrap();
        }
        assert!(names.part.capacity() < 4096 && names.found.is_empty());
    }
}
