//! Log lines on stderr, in the form that Telegraf's execd reads: `E! `, `W! `, `I! `, `D! `.
//!
//! A problem that lasts is logged when it starts and when it ends, not at every gather. One record is
//! one line, whatever a path, a name or a value in it holds.

use std::fmt::{self, Write as _};

use crate::system::stderr::{MAX_LINE, write_line};

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
        #[cfg(test)]
        tests::keep(&record(prefix, message));
        write_line(|| record(prefix, message));
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

/// The line of a message: one, and no longer than [`MAX_LINE`]. Telegraf stops reading stderr for good
/// at a line of 64 KiB.
fn record(prefix: &str, message: fmt::Arguments<'_>) -> String {
    const GAP: &str = " ... ";
    const ROOM: usize = MAX_LINE - "\n".len();
    let mut line = prefix.to_owned();
    // Writing to a string does not fail.
    let _ = write!(Escaping(&mut line), "{message}");
    if line.len() > ROOM {
        // The way out stands at the end.
        let is_boundary = |place: &usize| line.is_char_boundary(*place);
        let head = (0..=ROOM / 4 * 3).rev().find(is_boundary).unwrap_or_default();
        let tail = line.len() - (ROOM - GAP.len() - head);
        let tail = (tail..=line.len()).find(is_boundary).unwrap_or(line.len());
        line.replace_range(head..tail, GAP);
    }
    line + "\n"
}

/// A text on one line, and harmless to a terminal: control characters, line and paragraph separators,
/// and what has no width or turns the direction are escaped. What was escaped already stays as it is.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let _ = Escaping(&mut escaped).write_str(text);
    escaped
}

/// Escapes what is written to it.
struct Escaping<'a>(&'a mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}' => self.0.extend(character.escape_default()),
                _ if character.is_control() => self.0.extend(character.escape_default()),
                _ => self.0.push(character),
            }
        }
        Ok(())
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

    /// What they say.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn messages(&self) -> Vec<&str> {
        self.lasting.iter().map(|problem| &*problem.message).collect()
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

    /// Has all problems last on that were met before: it is not looked whether they do.
    pub fn keep(&mut self) {
        self.lasting.iter_mut().for_each(|problem| problem.met = true);
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
                log.line(level, format_args!("resolved: {}", problem.message));
            }
            std::mem::take(&mut problem.met)
        });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        static RECORDS: RefCell<String> = const { RefCell::new(String::new()) };
    }

    pub(super) fn keep(record: &str) {
        RECORDS.with_borrow_mut(|records| records.push_str(record));
    }

    /// What this thread has logged since the last call.
    pub(crate) fn take_records() -> String {
        RECORDS.take()
    }

    #[test]
    fn a_record_is_one_line_whatever_it_is_about() {
        let text =
            "a\nE! b\r\t\u{1b}[31m\0\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{202e}\u{feff}\\ü\"🦀";
        assert_eq!(
            record("W! ", format_args!("about {text}")),
            "W! about a\\nE! b\\r\\t\\u{1b}[31m\\u{0}\\u{7f}\\u{85}\\u{9b}\\u{2028}\\u{2029}\\u{202e}\\u{feff}\\ü\"🦀\n"
        );
        for character in (0..=0x3000).filter_map(char::from_u32) {
            let line = record("I! ", format_args!("{character}"));
            assert_eq!((line.lines().count(), line.matches('\n').count()), (1, 1), "{line:?}");
            assert!(!line.trim_end_matches('\n').contains(char::is_control), "{line:?}");
        }
        assert_eq!(escaped(&escaped("a\nb")), "a\\nb");
    }

    #[test]
    fn a_long_record_keeps_its_ends_and_can_be_written_in_one_piece() {
        for (long, length) in [("x", MAX_LINE), ("\n", MAX_LINE - 1), ("ü🦀", MAX_LINE - 8)] {
            let line = record("E! ", format_args!("{}; the way out", long.repeat(100_000)));
            assert!((length..=MAX_LINE).contains(&line.len()), "{}", line.len());
            assert!(line.starts_with("E! ") && line.ends_with("; the way out\n"));
        }
        let fits = "x".repeat(MAX_LINE - 4);
        assert_eq!(record("E! ", format_args!("{fits}")), format!("E! {fits}\n"));
    }
}
