//! What only one of these systems itself has: its system calls, its clock, and the host that they make.

use std::convert::Infallible;
use std::io;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use telegraf_net_sys::sysctl;

use super::netstat::Programs;
use super::reader::{BsdReader, Calls};
use crate::config::SourceOption;
use crate::config::systems::System;
use crate::log::Problems;
use crate::model::interface::Wants;
use crate::system::Capabilities;
use crate::system::polled::host::PolledHost;
use crate::system::polled::{NotRead, Reader, Row};

pub use crate::system::output::EMPTY_POLL;
pub use crate::system::threads::output::{Output, close as close_output};
pub use crate::system::threads::trigger::Triggers;
pub use crate::system::threads::{Events, NO_EVENTS, stderr};
pub use crate::system::trigger::{Await, Ready};
pub use crate::system::unix::file;

/// The host of this system.
pub type CurrentHost = PolledHost<NativeReader>;

/// Reads the interfaces of the system that this program runs on.
#[derive(Debug)]
pub struct NativeReader(BsdReader);

impl Reader for NativeReader {
    fn open(source: SourceOption) -> Self {
        let system = System::current();
        let calls = Calls { sysctl: sysctl::read, queue_drops };
        Self(BsdReader::new(system, source, calls, Programs::of(system)))
    }

    fn name(&self) -> String {
        self.0.name()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { kinds: self.0.tells_kinds() }
    }

    fn read(
        &mut self,
        wants: Wants,
        began: Instant,
        rows: &mut Vec<Row>,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) -> Result<(), NotRead> {
        self.0.read(wants, began, rows, problems, hurry)
    }
}

/// How many packets an interface has dropped on transmit, which NetBSD tells nowhere else.
#[cfg(target_os = "netbsd")]
fn queue_drops(interface: &[u8]) -> Option<u64> {
    let name = [b"net.interfaces.", interface, b".sndq.drops"].concat();
    sysctl::number(&std::ffi::CString::new(name).ok()?).ok()
}

/// All are told by the table of interfaces.
#[cfg(not(target_os = "netbsd"))]
fn queue_drops(_interface: &[u8]) -> Option<u64> {
    None
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

/// Gives nothing up: on these systems no file gives this program privileges that it needs at its start.
///
/// # Errors
///
/// None.
pub fn lower_privileges() -> io::Result<Option<Infallible>> {
    Ok(None)
}
