//! What all systems of the Unix family have.

pub mod file;
pub mod signals;
pub(crate) mod stdio;
pub mod terminal;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The clock of the time that processors have spent on this process.
#[cfg(not(target_os = "netbsd"))]
const CPU_CLOCK: ClockId = ClockId::ProcessCPUTime;

/// The time that has passed, where the crate does not know that clock.
#[cfg(target_os = "netbsd")]
const CPU_CLOCK: ClockId = ClockId::Monotonic;

/// The time that processors have spent on this process; on NetBSD that which has passed since some
/// moment, which is as much or more.
#[must_use]
pub fn cpu_time() -> Duration {
    // The kernel's numbers are in range.
    Duration::try_from(clock_gettime(CPU_CLOCK)).unwrap_or_default()
}
