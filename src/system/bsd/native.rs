//! What only one of these systems itself has: its system calls, its clock, and the host that they make.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use rustix::process::getuid;
use rustix::time::{ClockId, clock_gettime};
use telegraf_net_sys::sysctl;

use super::netstat::Programs;
use super::reader::{BsdReader, Platform};
use crate::config::systems::System;
use crate::system::facts::ProcessFacts;
use crate::system::polled::host::PolledHost;

pub use crate::system::output::EMPTY_POLL;
pub use crate::system::threads::output::{Output, close as close_output};
pub use crate::system::threads::trigger::Triggers;
pub use crate::system::threads::{Events, NO_EVENTS, stderr};
pub use crate::system::trigger::{Await, Ready};
pub use crate::system::unix::signals::outlive_full_files;
pub use crate::system::unix::{cpu_time, file, terminal};

/// The host of this system.
pub type CurrentHost = PolledHost<BsdReader<ThisSystem>>;

/// The system that this program runs on.
#[derive(Debug)]
pub struct ThisSystem;

impl Platform for ThisSystem {
    fn system() -> System {
        System::current()
    }

    fn programs() -> Programs {
        Programs::of(System::current())
    }

    fn sysctl(mib: &[i32], table: &mut Vec<u8>) -> io::Result<()> {
        sysctl::read(mib, table)
    }

    /// NetBSD tells them nowhere else.
    #[cfg(target_os = "netbsd")]
    fn queue_drops(interface: &[u8]) -> Option<u64> {
        let name = [b"net.interfaces.", interface, b".sndq.drops"].concat();
        sysctl::number(&std::ffi::CString::new(name).ok()?).ok()
    }

    /// The table of interfaces tells them.
    #[cfg(not(target_os = "netbsd"))]
    fn queue_drops(_interface: &[u8]) -> Option<u64> {
        None
    }
}

/// OpenBSD's clock that counts while the system is suspended.
#[cfg(target_os = "openbsd")]
const CLOCK: ClockId = ClockId::Boottime;

/// The monotonic clock, which on macOS counts while the system is suspended.
#[cfg(not(target_os = "openbsd"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// The time since a moment before this process started, about that of the system's start.
#[must_use]
pub fn since_boot() -> Duration {
    // The kernel's numbers are in range.
    Duration::try_from(clock_gettime(CLOCK)).unwrap_or_default()
}

/// What this process is and may do.
#[must_use]
pub fn process_facts() -> ProcessFacts {
    ProcessFacts { user: Some(getuid().as_raw()), ..ProcessFacts::default() }
}

/// Gives nothing up: on these systems no file gives this program privileges that it needs at its start.
///
/// # Errors
///
/// None.
pub fn lower_privileges() -> io::Result<Option<Infallible>> {
    Ok(None)
}
