//! Linux: a host's network namespaces, by netlink and by `/proc` and `/sys`.
//!
//! [`netlink`] is the fast way, for network namespaces that a socket can be opened in. [`procfs`] is the
//! way by `/proc` and `/sys`: for the host's where a container may not enter that, and for kernels that
//! lack netlink or forbid it. [`source`] reads one namespace by the first, with the second as its
//! fallback. [`proc_net`] reads what lies under `/proc/net`, for procfs and for the protocol statistics.
//! [`namespaces`] follows other network namespaces, which [`netns`] finds and enters, and [`host`] has
//! them all.

mod btf;
mod by_name;
pub mod facts;
pub mod host;
mod namespaces;
pub mod netlink;
pub mod netns;
pub mod poll;
pub mod privileges;
pub mod proc_net;
pub mod procfs;
pub mod source;
pub mod statistics;
pub mod streams;

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use self::netlink::Scratch;
use self::proc_net::ProcNet;

pub use self::facts::process_facts;
pub use self::host::LinuxHost as CurrentHost;
#[cfg(not(feature = "threads"))]
pub use self::poll::output::{Output, close as close_output};
#[cfg(not(feature = "threads"))]
pub use self::poll::stderr;
#[cfg(not(feature = "threads"))]
pub use self::poll::trigger::Triggers;
pub use self::poll::{Events, NO_EVENTS};
pub use self::privileges::lower as lower_privileges;
pub use super::output::EMPTY_POLL;
#[cfg(feature = "threads")]
pub use super::threads::output::{Output, close as close_output};
#[cfg(feature = "threads")]
pub use super::threads::stderr;
#[cfg(feature = "threads")]
pub use super::threads::trigger::Triggers;
pub use super::trigger::{Await, Ready};
pub use super::unix::signals::outlive_full_files;
pub use super::unix::{cpu_time, file, terminal};

/// The time since the system started, in which it may have been suspended (`CLOCK_BOOTTIME`).
#[must_use]
pub fn since_boot() -> Duration {
    // The kernel's numbers are in range.
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// What the sources of a host read from together.
#[derive(Debug)]
pub struct Shared<'a> {
    /// The files below the namespace's `/proc/net`.
    pub files: &'a mut ProcNet,
    /// Memory for netlink messages.
    pub scratch: &'a mut Scratch,
}

/// Whether a call failed only for the moment: this process, or the system, has too much open, or it was
/// interrupted. Only other errors say what the kernel lacks or forbids.
fn is_shortage(errno: Errno) -> bool {
    let is_short = matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS);
    is_short || matches!(errno, Errno::INTR | Errno::AGAIN)
}

/// Why a file of sysfs tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unread {
    /// The interface has gone, or has no such file.
    Gone,
    /// There is nothing to tell, as of the speed of an interface that is down.
    Nothing,
    /// It may be told another time.
    Failed,
}

impl Unread {
    fn of(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::NOENT | Errno::NODEV) => Self::Gone,
            Some(Errno::INVAL | Errno::OPNOTSUPP) => Self::Nothing,
            None if error.kind() == io::ErrorKind::NotFound => Self::Gone,
            _ => Self::Failed,
        }
    }
}
