//! What numbers the running kernel's enumerators have, by `/sys/kernel/btf/vmlinux`.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::parse::btf::{BtfError, BtfHeader, NameSearch};
use crate::system::unix::file;

/// The enumerators whose names begin in one of these ways, each with its value. The file is read piece by
/// piece: it has megabytes.
///
/// # Errors
///
/// Those of [`file::open`] and `read(2)`, and where the file is not what it should be.
pub(super) fn enumerators(path: &Path, prefixes: &[&str]) -> io::Result<Vec<(String, i32)>> {
    let file = file::open(path)?;
    let mut header = [0; BtfHeader::SIZE];
    file.read_exact_at(&mut header, 0)?;
    let header = BtfHeader::of(&header).map_err(io::Error::other)?;
    let mut names = NameSearch::new(prefixes);
    each_piece(&file, header.strings, |piece| names.take(piece))?;
    let mut values = names.into_values();
    each_piece(&file, header.types, |piece| values.take(piece))?;
    values.into_enumerators().map_err(io::Error::other)
}

fn each_piece(
    file: &File,
    part: Range<u64>,
    mut take: impl FnMut(&[u8]) -> Result<(), BtfError>,
) -> io::Result<()> {
    let mut piece = vec![0; 16 << 10];
    let mut start = part.start;
    while start < part.end {
        let left = usize::try_from(part.end - start).unwrap_or(usize::MAX).min(piece.len());
        let Some(piece) = piece.get_mut(..left) else { break };
        file.read_exact_at(piece, start)?;
        take(piece).map_err(io::Error::other)?;
        start += left as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_cut_or_something_else_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let tried = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            enumerators(file.path(), &["A_"])
        };
        assert!(tried(b"").is_err());
        assert_eq!(tried(&[b'x'; 100]).unwrap_err().to_string(), "no BTF of this machine");
        let header = |types: u32, strings: u32| {
            let words = [0x1_eb9f, 24, 0, types, types, strings];
            words.iter().flat_map(|word: &u32| word.to_ne_bytes()).collect::<Vec<_>>()
        };
        assert!(tried(&header(1 << 20, 0)).is_err());
        let mut whole = header(20, 5);
        for word in [0, 6 << 24 | 1, 4, 0, 7_u32] {
            whole.extend_from_slice(&word.to_ne_bytes());
        }
        whole.extend_from_slice(b"A_ON\0");
        assert_eq!(tried(&whole).unwrap(), [("A_ON".to_owned(), 7)]);
        whole.pop();
        assert!(tried(&whole).is_err());
    }
}
