//! What makes the daemon act and what it writes to, by `poll(2)`, which on Linux can be relied on for
//! all of it: nothing needs a thread of its own.

pub mod output;
pub mod stderr;
pub mod trigger;

use std::os::fd::BorrowedFd;

/// These become readable when there are events of the kernel to follow: those of our own network
/// namespace, and those of others.
pub type Events<'a> = [Option<BorrowedFd<'a>>; 2];

/// No events, where they do not count.
pub const NO_EVENTS: Events<'_> = [None, None];
