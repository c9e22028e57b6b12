//! What stdin, stdout and stderr are.

use std::io;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;

/// Whether that is a pipe.
pub(crate) fn is_pipe(fd: impl AsFd) -> bool {
    rustix::fs::fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}

/// Whether that is a pipe whose reader has not gone away.
pub(crate) fn has_reader(fd: impl AsFd) -> bool {
    is_pipe(&fd) && !has_lost_its_reader(&fd)
}

/// Whether that is a pipe or the like, and tells that its reader has gone away.
pub(crate) fn has_lost_its_reader(fd: impl AsFd) -> bool {
    // macOS looks at nothing where nothing is asked for.
    let mut pipe = [PollFd::new(&fd, PollFlags::OUT)];
    let gone = PollFlags::ERR | PollFlags::HUP;
    poll(&mut pipe, Some(&Timespec::default())).is_ok()
        && pipe.iter().any(|pipe| pipe.revents().intersects(gone))
}

/// Closes stdout and stderr.
pub(crate) fn close_outputs() {
    let stdin = io::stdin();
    // In place of a file that would have to be opened, which may be impossible by now, as in a chroot.
    // What cannot be closed is closed with the process.
    let _ = rustix::stdio::dup2_stdout(&stdin);
    let _ = rustix::stdio::dup2_stderr(&stdin);
}
