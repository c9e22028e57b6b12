//! What all systems of the Unix family have.

pub mod file;
pub mod signals;
pub(crate) mod stdio;
pub mod terminal;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time that processors have spent on this process.
#[must_use]
pub fn cpu_time() -> Duration {
    // The kernel's numbers are in range.
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}
