//! The rooms that touch a kernel, siblings that know nothing of each other, of the configuration
//! file's format or of the encoder.
//!
//! Each gives [`Interface`](crate::interface::Interface)s: first, of every one, its counters of one
//! moment and what selects it; then, of those that are reported, its speed. [`netlink`] is the fast
//! way, for network namespaces that a socket can be opened in. [`procfs`] is the way by `/proc` and
//! `/sys`: for the host's in a container, and for kernels that lack netlink or forbid it.
//! [`proc_net`] reads what lies under `/proc/net`, for procfs and for the protocol statistics.
//! [`namespaces`] finds and enters other network namespaces.

pub mod namespaces;
pub mod netlink;
pub mod proc_net;
pub mod procfs;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::Deserialize;

/// The most bytes read of one file. A hundred thousand interfaces take 13 MB.
const MAX_FILE: u64 = 64 << 20;

/// Which source the operator wants, `source` in `plugin.conf`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Netlink where it can be used and no other `/proc` or `/sys` is named, or else procfs.
    #[default]
    Auto,
    /// Netlink, whatever `HOST_PROC` and `HOST_SYS` say, or else procfs.
    Netlink,
    /// Procfs.
    Procfs,
}

/// Whether a call failed only because this process, or the system, has too much open at the moment.
fn is_shortage(errno: Errno) -> bool {
    matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS)
}

/// Opens a file of the kernel's.
fn open_file(path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK, a named pipe in the place of the file would block for ever.
    let nonblock = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(nonblock).open(path)
}

/// Replaces `text` by what the file holds.
fn read_file(path: &Path, text: &mut Vec<u8>) -> io::Result<()> {
    text.clear();
    if open_file(path)?.take(MAX_FILE).read_to_end(text)? as u64 == MAX_FILE {
        text.clear();
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(())
}

/// How the kernel makes a file of `/proc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    /// As one piece (`single_open`): one read from its start gives all of it, if there is room.
    AtOnce,
    /// Row by row: a read may give less than there is, and only the end gives nothing.
    RowByRow,
}

/// Replaces `text` by what an open file of `/proc` holds, which the kernel makes anew whenever it is
/// read from its start.
fn read_again(file: &File, made: Made, text: &mut Vec<u8>) -> io::Result<()> {
    const ROOM: usize = 8 << 10;
    text.clear();
    loop {
        if text.len() as u64 >= MAX_FILE {
            text.clear();
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        text.reserve(ROOM);
        let (start, room) = (text.len() as u64, text.capacity() - text.len());
        let length = rustix::io::pread(file, spare_capacity(text), start)?;
        if length == 0 || made == Made::AtOnce && length < room {
            return Ok(());
        }
    }
}
