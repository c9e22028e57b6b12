//! What writing to stdout has in common on all systems.

use std::thread;
use std::time::{Duration, Instant};

/// How often to look at what no event tells: whether a pipe is empty, or all is written.
pub const EMPTY_POLL: Duration = Duration::from_millis(2);

/// That stdout and stderr are closed.
#[derive(Debug)]
pub struct Closed {
    /// When their readers may be taken to have seen it; `None` where there are none.
    until: Option<Instant>,
}

impl Closed {
    /// They were closed just now, and their readers may take so long to see it.
    pub(crate) fn for_readers(grace: Duration) -> Self {
        Self { until: Some(Instant::now() + grace) }
    }

    /// Nobody waits for that.
    pub(crate) fn for_nobody() -> Self {
        Self { until: None }
    }

    /// Waits until their readers may be taken to have seen it.
    pub fn linger(self) {
        if let Some(until) = self.until {
            thread::sleep(until.saturating_duration_since(Instant::now()));
        }
    }
}
