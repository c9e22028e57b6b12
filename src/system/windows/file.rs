//! Files that others made: read within a limit, and only regular ones.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

use crate::system::regular_file::too_large;

pub use crate::system::regular_file::{MAX_CONFIG, lies_within, read_stdin};

/// Replaces `text` by what a regular file holds.
///
/// # Errors
///
/// Those of opening and reading, [`io::ErrorKind::InvalidInput`] for anything but a regular file, and
/// [`io::ErrorKind::FileTooLarge`] when it holds more than that.
pub fn read(path: &Path, limit: usize, text: &mut Vec<u8>) -> io::Result<()> {
    text.clear();
    // Before it is opened, which a named pipe would notice, and again after.
    must_be_regular(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    must_be_regular(&file.metadata()?)?;
    let result = file
        .take(limit as u64 + 1)
        .read_to_end(text)
        .and_then(|length| if length > limit { Err(too_large(limit)) } else { Ok(()) });
    if result.is_err() {
        // Its memory would stay.
        *text = Vec::new();
    }
    result
}

/// Why this user may not read that file: its permissions are not looked at.
#[must_use]
pub fn why_denied(_: &Path) -> Option<String> {
    None
}

/// Whether this user may execute that file: its permissions are not looked at.
#[must_use]
pub fn is_executable(_: &Path) -> bool {
    true
}

fn must_be_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = if metadata.is_dir() { "a directory" } else { "something else" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("not a regular file but {kind}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read_and_no_more_of_them_than_fits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, length) in [("empty", 0), ("full", 1 << 10), ("over", (1 << 10) + 1)] {
            File::create(at(name)).unwrap().set_len(length).unwrap();
        }
        let mut text = b"of before".to_vec();
        let mut read = |name: &str| {
            let result = read(&at(name), 1 << 10, &mut text).map(|()| text.len());
            assert!(result.is_ok() || text.is_empty());
            result.map_err(|error| error.to_string())
        };
        assert_eq!(read("empty"), Ok(0));
        assert_eq!(read("full"), Ok(1 << 10));
        assert_eq!(read("over"), Err("larger than 1 KiB".into()));
        assert_eq!(read(""), Err("not a regular file but a directory".into()));
        assert!(read("none").is_err());
    }
}
