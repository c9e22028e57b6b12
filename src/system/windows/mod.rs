//! Windows: its network adapters, by `iphlpapi`.

pub mod file;
pub mod reader;
pub mod terminal;

use std::convert::Infallible;
use std::io;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::facts::ProcessFacts;
use super::polled::host::PolledHost;

pub use super::threads::{
    Await, EMPTY_POLL, Events, NO_EVENTS, Output, Ready, Triggers, close_output, stderr,
};

/// The host.
pub type CurrentHost = PolledHost<reader::AdapterReader>;

/// The time since the first call, in which the system may have been suspended: the clock behind
/// [`Instant`] (`QueryPerformanceCounter`) goes on meanwhile.
#[must_use]
pub fn since_boot() -> Duration {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    FIRST.elapsed()
}

/// The time that processors have spent on this process, or more: the time that has passed.
#[must_use]
pub fn cpu_time() -> Duration {
    since_boot()
}

/// What this process is and may do: nothing is asked for.
#[must_use]
pub fn process_facts() -> ProcessFacts {
    ProcessFacts::default()
}

/// Does nothing: no file has a limit that ends a process.
pub fn outlive_full_files() {}

/// There are none to give up: a program's file cannot have any.
///
/// # Errors
///
/// Never.
pub fn lower_privileges() -> io::Result<Option<Infallible>> {
    Ok(None)
}
