//! What reading files that others made has in common on all systems.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

/// The most bytes of a configuration.
pub const MAX_CONFIG: usize = 1 << 20;

/// Whether a file lies in a folder of that name, at any depth: by its path, or by what that leads to.
#[must_use]
pub fn lies_within(file: &Path, folder: &str) -> bool {
    // A name alone is that of a file in the folder that this process works in.
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let by_path = fs::canonicalize(parent.unwrap_or(Path::new(".")));
    let by_target = fs::canonicalize(file).map(|file| file.parent().map(Path::to_owned));
    let parents = by_path.into_iter().chain(by_target.into_iter().flatten());
    let is_it = |parent: &Path| parent.file_name().is_some_and(|name| is_same(name, folder));
    parents.into_iter().any(|parent| parent.ancestors().any(is_it))
}

/// What there is on stdin up to its end.
///
/// # Errors
///
/// Those of reading, and [`io::ErrorKind::FileTooLarge`] when it is more than that.
pub fn read_stdin(limit: usize) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    io::stdin().lock().take(limit as u64 + 1).read_to_end(&mut text)?;
    if text.len() > limit { Err(too_large(limit)) } else { Ok(text) }
}

/// Whether that is the same name to the system.
fn is_same(name: &OsStr, other: &str) -> bool {
    if cfg!(windows) { name.eq_ignore_ascii_case(other) } else { name == other }
}

/// That a file holds more than so many bytes.
pub(crate) fn too_large(limit: usize) -> io::Error {
    let (number, unit) = match limit {
        ..0x10_0000 => (limit >> 10, "KiB"),
        _ => (limit >> 20, "MiB"),
    };
    let message = format!("larger than {number} {unit}");
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_in_each_folder_of_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let within = folder.path().join("telegraf.d").join("deeper");
        fs::create_dir_all(&within).unwrap();
        let file = within.join("plugin.conf");
        fs::write(&file, "").unwrap();
        assert!(lies_within(&file, "telegraf.d") && lies_within(&file, "deeper"));
        assert!(!lies_within(&file, "plugin.conf") && !lies_within(&file, "telegraf"));
        assert_eq!(lies_within(&file, "TELEGRAF.D"), cfg!(windows));
    }
}
