//! The signals that the daemon answers.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag;
use signal_hook::low_level::pipe;

/// Which of them came.
#[derive(Debug, Default)]
pub struct Signals {
    /// Set by SIGUSR1, SIGUSR2 and SIGHUP.
    gather: Arc<AtomicBool>,
    /// Set by SIGTERM and SIGINT.
    stop: Arc<AtomicBool>,
}

/// Has a write to a file that is as large as it may get (`RLIMIT_FSIZE`) fail, as on a full disk, rather
/// than end the process without a word.
pub fn outlive_full_files() {
    // Whatever handler there is, the signal does nothing else then.
    let _ = flag::register(SIGXFSZ, Arc::default());
}

impl Signals {
    /// Takes them over. The socket is readable after any of them, so that it ends a wait.
    ///
    /// # Errors
    ///
    /// When the kernel gives no more file descriptors.
    pub fn install() -> io::Result<(Self, UnixStream)> {
        let (wake, write_end) = UnixStream::pair()?;
        let signals = Self::default();
        for (numbers, set) in [
            ([SIGUSR1, SIGUSR2, SIGHUP].as_slice(), &signals.gather),
            (&[SIGTERM, SIGINT], &signals.stop),
        ] {
            for &number in numbers {
                // In this order, what ends a wait is known by then.
                flag::register(number, Arc::clone(set))?;
                pipe::register(number, write_end.try_clone()?)?;
            }
        }
        Ok((signals, wake))
    }

    /// Whether one asked for a gather since the last call.
    #[must_use]
    pub fn take_gather(&self) -> bool {
        self.gather.swap(false, Ordering::Relaxed)
    }

    /// Whether one has asked for a stop.
    #[must_use]
    pub fn has_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
