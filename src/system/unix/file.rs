//! Files that others made: read within a limit, and without ever being held up.
//!
//! What lies at a path may be something else than was expected: a named pipe keeps whoever opens it
//! waiting, `/dev/zero` never ends, and opening a device can be an act of its own. So only regular
//! files are read, which all files of `/proc` and `/sys` are, and of these no more than fits.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{
    Access, AtFlags, CWD, Dir, DirEntry, FileType, Mode, OFlags, Stat, access, fstat, openat,
    statat,
};
use rustix::io::{pread, retry_on_intr};
use rustix::process::{getegid, geteuid, getgroups};

use crate::system::regular_file::too_large;

pub use crate::system::regular_file::{MAX_CONFIG, lies_within, read_stdin};

/// The most bytes of a file of `/proc` that has rows. A hundred thousand interfaces take 13 MB.
pub const MAX_TABLE: usize = 64 << 20;

/// The most bytes of a file about one process or one interface.
pub const MAX_RECORD: usize = 64 << 10;

/// The most bytes of a file of `/sys`: the kernel gives it one page.
pub const MAX_ATTRIBUTE: usize = 64 << 10;

/// A non-blocking open that makes no terminal ours. Without `O_NONBLOCK`, a named pipe would block.
const FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// How a file is to be read, by how the kernel makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    /// As one piece (`single_open`, sysfs): one read from its start gives all of it, if there is
    /// room.
    AtOnce,
    /// Row by row: a read may give less than there is, and only the end gives nothing.
    RowByRow,
}

/// When the type of a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Before it is opened, and again after: to open a device can have effects, as of a watchdog.
    Twice,
    /// After it was opened: in a sysfs of the kernel's own, where no device lies, and which has many
    /// files to read at every gather.
    After,
    /// Not at all: in a folder that was opened in `/proc/self/net`.
    Never,
}

/// Whether this user may execute that file.
#[must_use]
pub fn is_executable(path: &Path) -> bool {
    access(path, Access::EXEC_OK).is_ok()
}

/// Opens a regular file, and nothing else.
///
/// # Errors
///
/// Those of `open(2)`, and [`io::ErrorKind::InvalidInput`] for anything but a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    open_at(CWD, path, Look::Twice)
}

/// The same of a path from that folder.
///
/// # Errors
///
/// As [`open`].
pub fn open_at(folder: impl AsFd, path: impl AsRef<Path>, look: Look) -> io::Result<File> {
    let path = path.as_ref();
    if look == Look::Twice {
        must_be_regular(&retry_on_intr(|| statat(&folder, path, AtFlags::empty()))?)?;
    }
    let file = retry_on_intr(|| openat(&folder, path, FLAGS, Mode::empty()))?;
    if look != Look::Never {
        must_be_regular(&retry_on_intr(|| fstat(&file))?)?;
    }
    Ok(file.into())
}

/// Opens a folder, to open files in it.
///
/// # Errors
///
/// Those of `open(2)`.
pub fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(retry_on_intr(|| openat(CWD, path, FLAGS | OFlags::DIRECTORY, Mode::empty()))?)
}

/// The entries of a folder, but for itself and the one that it lies in. (Those of the standard library
/// panic where the folder cannot be closed.)
///
/// # Errors
///
/// Those of `open(2)`; and of an entry, those of `getdents(2)`, or that there are too many.
pub fn entries(path: &Path) -> io::Result<impl Iterator<Item = io::Result<DirEntry>> + use<>> {
    /// As many as a kernel can have processes (`PID_MAX_LIMIT`).
    const MAX_ENTRIES: usize = 4 << 20;
    let is_within = |entry: &rustix::io::Result<DirEntry>| {
        let name = entry.as_ref().map(DirEntry::file_name);
        !name.is_ok_and(|name| matches!(name.to_bytes(), b"." | b".."))
    };
    let entries = Dir::new(open_folder(path)?)?.filter(is_within);
    Ok(entries.enumerate().map_while(|(number, entry)| match number {
        ..MAX_ENTRIES => Some(entry.map_err(io::Error::from)),
        MAX_ENTRIES => Some(Err(io::Error::other("too many entries"))),
        _ => None,
    }))
}

/// Replaces `text` by what a regular file holds.
///
/// # Errors
///
/// As [`open`], those of `read(2)`, and [`io::ErrorKind::FileTooLarge`] when it holds more than that.
pub fn read(path: &Path, limit: usize, text: &mut Vec<u8>) -> io::Result<()> {
    text.clear();
    read_again(&open(path)?, ReadMode::RowByRow, limit, text)
}

/// Why this user may not read that file, and the way out, where its owner, group and mode tell.
#[must_use]
pub fn why_denied(path: &Path) -> Option<String> {
    let user = geteuid().as_raw();
    let Ok(file) = fs::metadata(path) else {
        return Some(format!(
            "user {user} may not look into a folder that it lies in: let others do that (chmod o+x), or \
             move the file"
        ));
    };
    let (owner, group, mode) = (file.uid(), file.gid(), file.mode());
    let groups = getgroups().unwrap_or_default();
    let is_member = getegid().as_raw() == group || groups.iter().any(|one| one.as_raw() == group);
    let is_for_group = mode & 0o040 != 0;
    if mode & 0o004 != 0 || (is_for_group && is_member) || user == owner || user == 0 {
        return None;
    }
    Some(if is_for_group && group == 0 {
        // Nobody should be given root's.
        format!(
            "it is for user {owner} and group 0, and this is user {user}: give it another group (chgrp \
             telegraf), or change its owner or mode"
        )
    } else if is_for_group {
        format!(
            "it is for user {owner} and group {group}, and this is user {user}: let Telegraf's service \
             have that group (SupplementaryGroups={group}), or change its owner, group or mode"
        )
    } else {
        format!("it is for user {owner}, and this is user {user}: change its owner, group or mode")
    })
}

/// Replaces `text` by what an open file holds, which the kernel makes anew whenever it is read from
/// its start.
///
/// # Errors
///
/// Those of `read(2)`, and [`io::ErrorKind::FileTooLarge`] when it holds more than that.
pub fn read_again(file: &File, mode: ReadMode, limit: usize, text: &mut Vec<u8>) -> io::Result<()> {
    const ROOM: usize = 8 << 10;
    text.clear();
    loop {
        if text.len() > limit {
            // Its memory would stay.
            *text = Vec::new();
            return Err(too_large(limit));
        }
        text.reserve(ROOM);
        let (start, room) = (text.len() as u64, text.capacity() - text.len());
        let length = retry_on_intr(|| pread(file, spare_capacity(text), start))?;
        if length == 0 || mode == ReadMode::AtOnce && length < room {
            return Ok(());
        }
    }
}

fn must_be_regular(stat: &Stat) -> io::Result<()> {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(()),
        FileType::Directory => "a directory",
        FileType::Fifo => "a named pipe",
        FileType::CharacterDevice => "a character device",
        FileType::BlockDevice => "a block device",
        FileType::Socket => "a socket",
        _ => "something else",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("not a regular file but {kind}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use rustix::io::Errno;

    #[test]
    fn only_regular_files_are_read_and_no_more_of_them_than_fits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let _socket = UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        for (name, length) in [("empty", 0), ("full", 1 << 20), ("over", (1 << 20) + 1)] {
            File::create(at(name)).unwrap().set_len(length).unwrap();
        }
        // As large as a file can be, without taking room.
        File::create(at("huge")).unwrap().set_len(1 << 40).unwrap();
        let mut text = Vec::new();
        let mut read = |name: &str| {
            let result = read(&at(name), 1 << 20, &mut text).map(|()| text.len());
            assert!(result.is_ok() || text.is_empty());
            assert!(text.capacity() < 4 << 20);
            result.map_err(|error| error.to_string())
        };
        assert_eq!(read("empty"), Ok(0));
        assert_eq!(read("full"), Ok(1 << 20));
        for name in ["over", "huge"] {
            assert_eq!(read(name), Err("larger than 1 MiB".into()));
        }
        for (name, kind) in [
            ("", "a directory"),
            ("pipe", "a named pipe"),
            ("socket", "a socket"),
            ("zero", "a character device"),
        ] {
            assert_eq!(read(name), Err(format!("not a regular file but {kind}")));
            if name != "socket" {
                let error = open_at(CWD, at(name), Look::After).unwrap_err();
                assert_eq!(error.to_string(), format!("not a regular file but {kind}"));
            }
        }
        // The C library has the words.
        assert_eq!(read("loop"), Err(io::Error::from(Errno::LOOP).to_string()));
        assert!(read("none").unwrap_err().contains("No such file"));
    }

    #[test]
    fn files_of_the_kernel_are_regular() {
        let mut text = Vec::new();
        for (file, limit) in [
            ("/proc/self/net/dev", MAX_TABLE),
            ("/proc/self/cgroup", MAX_RECORD),
            ("/proc/self/ns/net", 0),
            ("/sys/class/net/lo/flags", MAX_ATTRIBUTE),
        ] {
            let file = open(Path::new(file)).unwrap();
            if limit > 0 {
                read_again(&file, ReadMode::RowByRow, limit, &mut text).unwrap();
                assert!(text.ends_with(b"\n"));
            }
        }
    }
}
