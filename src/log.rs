//! Log lines on stderr, in the form that Telegraf's execd reads: `E! `, `W! `, `I! `, `D! `.
//!
//! A problem that lasts is logged when it starts and when it ends, not at every gather.

use std::fmt;
use std::io::Write as _;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The levels that the plugin uses, as Telegraf's log names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `E! `: something is not reported that should be.
    Error,
    /// `W! `: what is reported may not be what the operator expects.
    Warn,
    /// `I! `: good to know, once.
    Info,
    /// `D! `: only with `--debug`.
    Debug,
}

/// Writes log lines to stderr.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    /// Whether `D! ` lines are written.
    pub debug: bool,
}

impl Log {
    /// Writes one line at that level, or drops it where stderr is closed or cannot take it now: a
    /// log line must not hold metrics up.
    pub fn line(self, level: Level, message: fmt::Arguments<'_>) {
        let prefix = match level {
            Level::Error => "E! ",
            Level::Warn => "W! ",
            Level::Info => "I! ",
            Level::Debug if self.debug => "D! ",
            Level::Debug => return,
        };
        let stderr = std::io::stderr();
        let mut is_writable = [PollFd::new(&stderr, PollFlags::OUT)];
        if poll(&mut is_writable, Some(&Timespec::default())).is_ok_and(|ready| ready > 0) {
            // One write, so that lines of several processes on one stderr do not mix.
            let line = format!("{prefix}{message}\n");
            let _ = stderr.lock().write_all(line.as_bytes());
        }
    }

    /// Writes an `E! ` line.
    pub fn error(self, message: fmt::Arguments<'_>) {
        self.line(Level::Error, message);
    }

    /// Writes a `W! ` line.
    pub fn warn(self, message: fmt::Arguments<'_>) {
        self.line(Level::Warn, message);
    }

    /// Writes an `I! ` line.
    pub fn info(self, message: fmt::Arguments<'_>) {
        self.line(Level::Info, message);
    }
}

/// The problems that last at the moment.
///
/// Each gather reports all that it meets, then calls [`end_of_gather`](Self::end_of_gather).
#[derive(Debug)]
pub struct Problems {
    log: Log,
    lasting: Vec<Problem>,
}

#[derive(Debug)]
struct Problem {
    key: String,
    level: Level,
    message: String,
    /// Met in the gather under way.
    met: bool,
}

impl Problems {
    /// No problem yet; lines go to `log`.
    #[must_use]
    pub fn new(log: Log) -> Self {
        Self { log, lasting: Vec::new() }
    }

    /// Where the lines go.
    #[must_use]
    pub fn log(&self) -> Log {
        self.log
    }

    /// Reports a problem. `key` is what makes it the same as an earlier one, whatever the message
    /// says by now.
    pub fn report(&mut self, key: &str, level: Level, message: fmt::Arguments<'_>) {
        if let Some(problem) = self.lasting.iter_mut().find(|problem| problem.key == key) {
            problem.met = true;
            return;
        }
        self.log.line(level, message);
        self.lasting.push(Problem {
            key: key.to_owned(),
            level,
            message: message.to_string(),
            met: true,
        });
    }

    /// Says which problems were not met in the gather that ends here, and forgets them.
    pub fn end_of_gather(&mut self) {
        let log = self.log;
        self.lasting.retain_mut(|problem| {
            if !problem.met {
                let level = match problem.level {
                    Level::Debug => Level::Debug,
                    Level::Error | Level::Warn | Level::Info => Level::Info,
                };
                log.line(level, format_args!("over: {}", problem.message));
            }
            std::mem::take(&mut problem.met)
        });
    }
}
