//! Bytes that a terminal sends -> keys.

/// How far a sequence of bytes has come. What such a sequence stands for, an arrow or F2, is none of the keys
/// that are told, and what it is made of is none either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keys {
    /// There is none.
    #[default]
    Plain,
    /// ESC, which is a key of its own, too.
    Escape,
    /// `ESC [` and parameters, which end with a letter.
    Csi,
    /// `ESC O`, one letter before its end.
    Ss3,
}

impl Keys {
    /// Takes a byte in, and returns it where it is a key.
    pub fn key(&mut self, byte: u8) -> Option<u8> {
        const ESCAPE: u8 = 0x1b;
        let (next, key) = match (*self, byte) {
            (_, ESCAPE) => (Self::Escape, None),
            (Self::Escape, b'[') | (Self::Csi, b' '..=b'?') => (Self::Csi, None),
            // Beside `ESC O Q`, F1 to F5 of Linux's console, `ESC [ [ A`, and modifiers of some terminals,
            // `ESC O 5 P`.
            (Self::Escape, b'O') | (Self::Csi, b'[') | (Self::Ss3, b'0'..=b'?') => {
                (Self::Ss3, None)
            }
            (Self::Csi | Self::Ss3, _) => (Self::Plain, None),
            (Self::Plain | Self::Escape, key) => (Self::Plain, Some(key)),
        };
        *self = next;
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_no_key_and_what_follows_is() {
        for (bytes, keys) in [
            ("qsf", "qsf"),
            // F2 and F4, F5 with Shift, F2 of Linux's console, Home, an arrow with Control.
            ("\x1bOQ\x1bOSq", "q"),
            ("\x1b[15;2~s\x1b[[Bs\x1b[1~s\x1b[1;5Cs", "ssss"),
            ("\x1bO5Qf", "f"),
            ("\x1b[200~q", "q"),
            // Escape, and then a key; twice.
            ("\x1bq", "q"),
            ("\x1b\x1bq", "q"),
            ("\x1b[1\x1b[As", "s"),
        ] {
            let mut reader = Keys::default();
            let read: Vec<u8> = bytes.bytes().filter_map(|byte| reader.key(byte)).collect();
            assert_eq!(read, keys.as_bytes(), "{bytes:?}");
        }
    }
}
