//! What all systems of the Unix family have.

pub mod file;
pub mod output;
pub mod stderr;
pub mod trigger;

use std::os::fd::BorrowedFd;

/// These become readable when there are events of the kernel to follow: those of our own network
/// namespace, and those of others.
pub type Events<'a> = [Option<BorrowedFd<'a>>; 2];

/// No events, where they do not count.
pub const NO_EVENTS: Events<'_> = [None, None];
