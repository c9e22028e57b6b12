//! Text from outside on a terminal: shown and never obeyed, and measured in the terminal's cells.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

use crate::log;

/// Which characters can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Those of ASCII.
    Ascii,
    /// All.
    Unicode,
}

impl Charset {
    /// What stands for text that is cut off; one cell wide.
    fn ellipsis(self) -> char {
        match self {
            Self::Ascii => '~',
            Self::Unicode => '…',
        }
    }

    fn has(self, character: char) -> bool {
        match self {
            Self::Ascii => matches!(character, ' '..='~'),
            Self::Unicode => {
                let is_hidden = log::steers(character)
                    || is_right_to_left(character)
                    || is_blank(character)
                    || is_joined(character);
                !is_hidden && character.width().is_some_and(|width| width > 0)
            }
        }
    }
}

/// Whether it is of a script that is written from right to left (the blocks that Unicode keeps for these):
/// some terminals then change the order of the whole row, others do not, so that no mark keeps it in columns.
fn is_right_to_left(character: char) -> bool {
    matches!(
        character,
        '\u{590}'..='\u{8ff}'
            | '\u{fb1d}'..='\u{fdff}'
            | '\u{fe70}'..='\u{feff}'
            | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1efff}'
    )
}

/// Whether nothing is seen of it, but for the space of ASCII: it would forge columns, or hide in a name.
fn is_blank(character: char) -> bool {
    let is_filler = matches!(
        character,
        '\u{ad}' | '\u{115f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{1d159}'
    );
    is_filler || (character.is_whitespace() && character != ' ')
}

/// Whether it changes what stands before it, and then has no cells of its own: a colour of skin.
fn is_joined(character: char) -> bool {
    matches!(character, '\u{1f3fb}'..='\u{1f3ff}')
}

/// The name of something as text on one line, harmless to a terminal, of which no two names have the same:
/// [`printable`], where a backslash is escaped too, and a space that stands at an end or beside another one,
/// for it would look like the end of a column.
#[must_use]
pub fn name(bytes: &[u8], charset: Charset) -> String {
    let mut text = String::with_capacity(bytes.len());
    let is_space = |place: Option<usize>| {
        place.and_then(|place| bytes.get(place)).is_none_or(|&byte| byte == b' ')
    };
    let mut rest = 0;
    for (place, byte) in bytes.iter().enumerate() {
        let escaped = match byte {
            b'\\' => r"\\",
            b' ' if is_space(place.checked_sub(1)) || is_space(place.checked_add(1)) => r"\u{20}",
            _ => continue,
        };
        text += &printable(bytes.get(rest..place).unwrap_or_default(), charset);
        text += escaped;
        rest = place + 1;
    }
    text + &printable(bytes.get(rest..).unwrap_or_default(), charset)
}

/// Any bytes as text on one line, harmless to a terminal. Escaped are control characters, what has no width
/// of its own, turns the direction or has another one, white space but for the space of ASCII, what is not
/// UTF-8, and what cannot be shown.
#[must_use]
pub fn printable(bytes: &[u8], charset: Charset) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if charset.has(character) {
                text.push(character);
            } else {
                text.extend(character.escape_default());
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// How many cells of a terminal a text takes: two for a wide character.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// The text, cut where it takes more than so many cells.
#[must_use]
pub fn cut(text: &str, cells: usize, charset: Charset) -> Cow<'_, str> {
    if width(text) <= cells {
        return text.into();
    }
    let Some(room) = cells.checked_sub(1) else { return "".into() };
    let mut used = 0;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used <= room
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push(charset.ellipsis());
    cut.into()
}

/// The lines that a text takes where each has so many cells, broken at spaces where there are any.
#[must_use]
pub fn wrapped(text: &str, cells: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_inclusive(' ') {
        if !line.is_empty() && width(&line) + width(word.trim_end()) > cells {
            lines.push(std::mem::take(&mut line));
        }
        for character in word.chars() {
            let is_full = width(&line) + character.width().unwrap_or(0) > cells;
            if is_full && character != ' ' && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    lines.push(line);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_name_steers_the_terminal() {
        let cases: &[(&[u8], &str, &str)] = &[
            (b"eth0", "eth0", "eth0"),
            (b"a b\"c\\d", "a b\"c\\d", "a b\"c\\d"),
            (
                b"\x1b[2J\r\n\t\x07\x7f",
                r"\u{1b}[2J\r\n\t\u{7}\u{7f}",
                r"\u{1b}[2J\r\n\t\u{7}\u{7f}",
            ),
            ("\u{9b}31m".as_bytes(), r"\u{9b}31m", r"\u{9b}31m"),
            (b"bad\xff\xc3", r"bad\xff\xc3", r"bad\xff\xc3"),
            ("網路🦀".as_bytes(), "網路🦀", r"\u{7db2}\u{8def}\u{1f980}"),
            (
                "\u{202e}\u{200d}\u{feff}".as_bytes(),
                r"\u{202e}\u{200d}\u{feff}",
                r"\u{202e}\u{200d}\u{feff}",
            ),
            ("שלו-1".as_bytes(), r"\u{5e9}\u{5dc}\u{5d5}-1", r"\u{5e9}\u{5dc}\u{5d5}-1"),
            (
                "é-привет-日本".as_bytes(),
                "é-привет-日本",
                r"\u{e9}-\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}-\u{65e5}\u{672c}",
            ),
            (
                "a\u{2003}b\u{3000}\u{a0}\u{2800}\u{3164}\u{1f3fb}".as_bytes(),
                r"a\u{2003}b\u{3000}\u{a0}\u{2800}\u{3164}\u{1f3fb}",
                r"a\u{2003}b\u{3000}\u{a0}\u{2800}\u{3164}\u{1f3fb}",
            ),
            // It would stand in the cell before.
            (
                "\u{301}\u{fe0f}\u{61c}".as_bytes(),
                r"\u{301}\u{fe0f}\u{61c}",
                r"\u{301}\u{fe0f}\u{61c}",
            ),
        ];
        for (bytes, unicode, ascii) in cases {
            assert_eq!(printable(bytes, Charset::Unicode), *unicode);
            assert_eq!(printable(bytes, Charset::Ascii), *ascii);
        }
        for character in (0..=0x11_ffff).filter_map(char::from_u32) {
            let text = printable(character.to_string().as_bytes(), Charset::Unicode);
            assert!(!text.contains(char::is_control) && width(&text) >= 1, "{character:?}");
            let is_space = text.chars().any(char::is_whitespace);
            assert_eq!(is_space, character == ' ', "{character:?}");
        }
    }

    #[test]
    fn no_name_looks_like_another_or_like_several_columns() {
        let cases: &[(&[u8], &str)] = &[
            (b"eth0", "eth0"),
            (b"a\x80\xffb", r"a\x80\xffb"),
            (br"a\x80\xffb", r"a\\x80\\xffb"),
            (br"\u{1b}", r"\\u{1b}"),
            (b"\x1b\\", r"\u{1b}\\"),
            ("網\\路".as_bytes(), r"網\\路"),
            (b"Ethernet 2", "Ethernet 2"),
            (b" a  b ", r"\u{20}a\u{20}\u{20}b\u{20}"),
            (br"a\u{20}", r"a\\u{20}"),
            ("a\u{2003}\u{2003}up".as_bytes(), r"a\u{2003}\u{2003}up"),
            (b" ", r"\u{20}"),
            (b"", ""),
        ];
        for (bytes, expected) in cases {
            assert_eq!(name(bytes, Charset::Unicode), *expected);
        }
    }

    #[test]
    fn wide_characters_take_two_cells_and_a_cut_text_no_more_than_there_are() {
        assert_eq!([width("eth0"), width("網路"), width("🦀"), width("")], [4, 4, 2, 0]);
        for (cells, expected) in [
            (9, "網路eth0"),
            (8, "網路eth0"),
            (7, "網路et…"),
            (4, "網…"),
            (3, "網…"),
            (2, "…"),
            (1, "…"),
            (0, ""),
        ] {
            let text = cut("網路eth0", cells, Charset::Unicode);
            assert_eq!(text, expected, "{cells}");
            assert!(width(&text) <= cells);
        }
        assert_eq!(cut("enp1s0f0", 5, Charset::Ascii), "enp1~");
    }

    #[test]
    fn a_text_is_wrapped_at_spaces_or_else_anywhere() {
        for (text, expected) in [
            ("to be or", &["to be or"][..]),
            ("to be or not to be", &["to be or", "not to be"]),
            ("a verylongword is", &["a", "verylongw", "ord is"]),
            ("網路網路網路", &["網路網路", "網路"]),
            ("", &[""]),
        ] {
            assert_eq!(wrapped(text, 9), expected);
        }
        assert_eq!(wrapped("網 a", 0).concat().replace(' ', ""), "網a");
    }
}
