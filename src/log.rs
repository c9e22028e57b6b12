//! Log lines on stderr, in the form that Telegraf's execd reads: `E! `, `W! `, `I! `, `D! `.
//!
//! A problem that lasts is logged when it starts and when it ends, not at every gather; nor is one that comes
//! and goes, as somebody may make it do. One record is one line, whatever a path, a name or a value in it
//! holds.

use std::cell::RefCell;
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

impl Level {
    /// What its lines begin with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Error => "E! ",
            Self::Warn => "W! ",
            Self::Info => "I! ",
            Self::Debug => "D! ",
        }
    }
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
        if level == Level::Debug && !self.debug {
            return;
        }
        let is_kept = KEPT.with_borrow_mut(|kept| {
            let kept = kept.as_mut().filter(|_| level != Level::Debug);
            kept.map(|kept| kept.push((level, message.to_string()))).is_some()
        });
        #[cfg(test)]
        tests::keep(&record(level.prefix(), message));
        if !is_kept {
            write_line(|| record(level.prefix(), message));
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

thread_local! {
    /// What this thread would have logged, while that is kept.
    static KEPT: RefCell<Option<Vec<Kept>>> = const { RefCell::new(None) };
}

/// A record that was not written: its level, and what it says.
pub type Kept = (Level, String);

/// Does that, and returns what this thread would have logged meanwhile, but for `D! ` lines, for who shows
/// it in another way.
pub fn kept<T>(work: impl FnOnce() -> T) -> (T, Vec<Kept>) {
    let before = KEPT.replace(Some(Vec::new()));
    let done = work();
    (done, KEPT.replace(before).unwrap_or_default())
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

/// Whether a character does something to a terminal, or to those beside it, rather than be shown.
pub(crate) fn steers(character: char) -> bool {
    let has_no_width_or_turns_direction = matches!(
        character,
        '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    );
    has_no_width_or_turns_direction || character.is_control()
}

/// Escapes what is written to it.
struct Escaping<'a>(&'a mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                _ if steers(character) => self.0.extend(character.escape_default()),
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

/// The problems that last at the moment, and those that did a short time ago.
///
/// Each gather reports all that it meets, then calls [`end_of_gather`](Self::end_of_gather).
#[derive(Debug)]
pub struct Problems {
    log: Log,
    lasting: Vec<Problem>,
}

/// For how many gathers a problem that is no error is remembered whose end was told, and for how many one that came back must
/// not be met to be told as ended again: five minutes, with the usual interval.
const RELAPSE: u32 = 30;

/// What a record ends with whose problem came back.
pub(crate) const RELAPSED: &str =
    " (it comes and goes: its end is told once 30 gathers have not met it)";

#[derive(Debug)]
struct Problem {
    key: String,
    level: Level,
    message: String,
    /// Met in the gather under way.
    met: bool,
    course: Course,
}

/// What is told of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// That it began.
    Lasting,
    /// That it is over, so many gathers ago.
    Over(u32),
    /// That it came back. It was not met for so many gathers.
    Relapsed(u32),
}

impl Problem {
    /// A gather ends. Returns whether the end of the problem is to be told, and whether it is to be
    /// remembered.
    fn end_gather(&mut self) -> (bool, bool) {
        let is_met = std::mem::take(&mut self.met);
        let (is_told, course) = match self.course {
            Course::Lasting if is_met => (false, Course::Lasting),
            Course::Over(count) => (false, Course::Over(count + 1)),
            Course::Relapsed(_) if is_met => (false, Course::Relapsed(0)),
            Course::Relapsed(count) if count + 1 < RELAPSE => (false, Course::Relapsed(count + 1)),
            Course::Lasting | Course::Relapsed(_) => (true, Course::Over(0)),
        };
        self.course = course;
        (is_told, course != Course::Over(RELAPSE))
    }

    /// Whether it lasts, as of the last gather.
    fn is_lasting(&self) -> bool {
        self.met || matches!(self.course, Course::Lasting | Course::Relapsed(0))
    }
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
        self.lasting().map(|(_, message)| message).collect()
    }

    /// Those that last, in the order in which they began.
    pub fn lasting(&self) -> impl Iterator<Item = (Level, &str)> {
        let lasting = self.lasting.iter().filter(|problem| problem.is_lasting());
        lasting.map(|problem| (problem.level, &*problem.message))
    }

    /// Reports a problem. `key` is what makes it the same as an earlier one, whatever the message
    /// says by now.
    pub fn report(&mut self, key: &str, level: Level, message: fmt::Arguments<'_>) {
        let course = match self.lasting.iter_mut().find(|problem| problem.key == key) {
            Some(problem) if !matches!(problem.course, Course::Over(_)) => {
                problem.met = true;
                return;
            }
            // What is missing by an error is told each time.
            Some(_) if level != Level::Error => {
                self.log.line(level, format_args!("{message}{RELAPSED}"));
                Course::Relapsed(0)
            }
            _ => {
                self.log.line(level, message);
                Course::Lasting
            }
        };
        self.lasting.retain(|problem| problem.key != key);
        let (key, message) = (key.to_owned(), message.to_string());
        self.lasting.push(Problem { key, level, message, met: true, course });
    }

    /// Has all problems last on that were met before: it is not looked whether they do.
    pub fn keep(&mut self) {
        for problem in &mut self.lasting {
            match &mut problem.course {
                // The gather that ends is not to count.
                Course::Relapsed(count @ 1..) => *count -= 1,
                Course::Over(_) => {}
                Course::Lasting | Course::Relapsed(0) => problem.met = true,
            }
        }
    }

    /// Says which problems were not met in the gather that ends here, or, of those that came back, in the last
    /// [`RELAPSE`] ones.
    pub fn end_of_gather(&mut self) {
        let log = self.log;
        self.lasting.retain_mut(|problem| {
            let (is_told, is_remembered) = problem.end_gather();
            if is_told {
                let level = match problem.level {
                    Level::Debug => Level::Debug,
                    Level::Error | Level::Warn | Level::Info => Level::Info,
                };
                log.line(level, format_args!("resolved: {}", problem.message));
            }
            is_remembered
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
    fn a_problem_that_comes_and_goes_is_told_of_no_more_than_twice_until_it_stays_away() {
        let mut problems = Problems::new(Log { debug: false });
        let mut gather = |is_met: bool| {
            if is_met {
                problems.report("key", Level::Warn, format_args!("flood"));
            }
            problems.end_of_gather();
            (take_records(), problems.lasting().count())
        };
        take_records();
        let nothing = String::new;
        assert_eq!(gather(true), ("W! flood\n".into(), 1));
        assert_eq!(gather(true), (nothing(), 1));
        assert_eq!(gather(false), ("I! resolved: flood\n".into(), 0));
        let again = &*format!("W! flood{RELAPSED}\n");
        assert!(again.contains(&format!(" {RELAPSE} gathers ")));
        assert_eq!(gather(true), (again.into(), 1));
        for _ in 0..100 {
            assert_eq!([gather(false), gather(true)], [(nothing(), 0), (nothing(), 1)]);
        }
        for _ in 1..RELAPSE {
            assert_eq!(gather(false), (nothing(), 0));
        }
        assert_eq!(gather(false), ("I! resolved: flood\n".into(), 0));
        // It is forgotten when it has stayed away for as long again.
        for _ in 1..RELAPSE {
            assert_eq!(gather(false), (nothing(), 0));
        }
        assert_eq!(gather(true), (again.into(), 1));
        for _ in 0..=2 * RELAPSE {
            gather(false);
        }
        assert_eq!(gather(true), ("W! flood\n".into(), 1));
    }

    #[test]
    fn an_error_is_told_of_each_time_that_it_begins_and_ends() {
        let mut problems = Problems::new(Log { debug: false });
        take_records();
        for why in ["missing", "a folder", "missing"] {
            problems.report("key", Level::Error, format_args!("{why}"));
            problems.end_of_gather();
            problems.end_of_gather();
            assert_eq!(take_records(), format!("E! {why}\nI! resolved: {why}\n"));
        }
    }

    #[test]
    fn records_are_kept_for_another_way_to_show_them() {
        let log = Log { debug: true };
        let ((), records) = kept(|| {
            log.warn(format_args!("one\n"));
            log.line(Level::Debug, format_args!("two"));
            let ((), inner) = kept(|| log.error(format_args!("three")));
            assert_eq!(inner, [(Level::Error, "three".into())]);
            log.info(format_args!("four"));
        });
        assert_eq!(records, [(Level::Warn, "one\n".into()), (Level::Info, "four".into())]);
        assert_eq!(kept(|| ()).1, []);
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
