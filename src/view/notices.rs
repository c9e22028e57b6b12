//! What the log has to say while a screen is shown.

use std::time::{Duration, Instant};

use crate::log::{Kept, Level, Log, RELAPSED};

/// So long a warning stands in the last line, which has what keys do otherwise.
const SHOWN: Duration = Duration::from_secs(10);

/// So many warnings and errors are written in the end.
const MOST: usize = 100;

/// So many lines say what matches nothing.
const MOST_HINTS: usize = 8;

/// The records of a watch. Where stderr is a terminal, warnings and errors, the first hundred, are written when
/// this is dropped; elsewhere all records are at once.
#[derive(Debug)]
pub struct Notices {
    log: Log,
    is_terminal: bool,
    held: Vec<Kept>,
    hints: Vec<String>,
    last: Option<Kept>,
    /// Until when the last one is shown.
    until: Option<Instant>,
}

impl Notices {
    /// Of nothing yet, to be written to that log, which goes to a terminal or not.
    #[must_use]
    pub fn new(log: Log, is_terminal: bool) -> Self {
        Self { log, is_terminal, held: Vec::new(), hints: Vec::new(), last: None, until: None }
    }

    /// Takes records in. Returns whether there is another one to be shown, or none any more.
    pub fn take(&mut self, records: Vec<Kept>, now: Instant) -> bool {
        let mut is_other = false;
        for (level, message) in records {
            if !self.is_terminal {
                self.log.line(level, format_args!("{message}"));
            }
            match level {
                Level::Error | Level::Warn => {
                    if self.is_terminal && self.held.len() < MOST {
                        self.held.push((level, message.clone()));
                    }
                    (self.last, self.until) = (Some((level, message)), Some(now + SHOWN));
                    is_other = true;
                }
                Level::Info => {
                    let resolved = message.strip_prefix("resolved: ");
                    let last = self.last.as_ref().map(|(_, last)| &**last);
                    let last = last.map(|last| last.strip_suffix(RELAPSED).unwrap_or(last));
                    if resolved.is_some() && resolved == last {
                        (self.last, self.until) = (None, None);
                        is_other = true;
                    } else if resolved.is_none() && self.hints.len() < MOST_HINTS {
                        self.hints.push(message);
                    }
                }
                Level::Debug => {}
            }
        }
        is_other
    }

    /// The last warning or error, while it is shown.
    #[must_use]
    pub fn shown(&self) -> Option<&Kept> {
        self.last.as_ref().filter(|_| self.until.is_some())
    }

    /// Whether there is a last warning or error that is not resolved, shown or not.
    #[must_use]
    pub fn has_last(&self) -> bool {
        self.last.is_some()
    }

    /// Shows it again.
    pub fn show_again(&mut self, now: Instant) {
        self.until = Some(now + SHOWN);
    }

    /// Whether the time is over for which it was shown; that is told once.
    pub fn is_over(&mut self, now: Instant) -> bool {
        self.until.take_if(|until| *until <= now).is_some()
    }

    /// What was good to know, as that an entry of the configuration matches nothing.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Forgets what was good to know so far.
    pub fn forget_hints(&mut self) {
        self.hints.clear();
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        for (level, message) in std::mem::take(&mut self.held) {
            self.log.line(level, format_args!("{message}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::take_records;

    #[test]
    fn a_warning_is_shown_for_a_while_or_until_it_is_resolved() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let one = || (Level::Warn, "one".to_owned());
        let mut notices = Notices::new(Log { debug: false }, true);
        assert!(!notices.take(vec![(Level::Info, "good to know".into())], start));
        assert_eq!((notices.shown(), notices.hints()), (None, &["good to know".to_owned()][..]));
        assert!(notices.take(vec![one()], start));
        assert!(!notices.is_over(at(9)));
        assert_eq!(notices.shown(), Some(&one()));
        assert!(notices.is_over(at(10)) && !notices.is_over(at(11)));
        assert_eq!((notices.shown(), notices.has_last()), (None, true));
        notices.show_again(at(12));
        assert_eq!(notices.shown(), Some(&one()));
        // That of another one says nothing of this one.
        assert!(!notices.take(vec![(Level::Info, "resolved: two".into())], at(13)));
        assert!(notices.take(vec![(Level::Info, "resolved: one".into())], at(13)));
        assert_eq!((notices.shown(), notices.has_last()), (None, false));
        assert!(!notices.is_over(at(30)));
        assert_eq!(notices.hints().len(), 1);
    }

    #[test]
    fn warnings_are_written_in_the_end_or_at_once_where_nothing_else_is_shown() {
        let records = || {
            let info = (Level::Info, "known".to_owned());
            [(Level::Error, "first".to_owned()), info]
                .into_iter()
                .chain((0..200).map(|number| (Level::Warn, number.to_string())))
                .collect::<Vec<_>>()
        };
        for is_terminal in [true, false] {
            let mut notices = Notices::new(Log { debug: false }, is_terminal);
            take_records();
            notices.take(records(), Instant::now());
            let at_once = take_records();
            drop(notices);
            let in_the_end = take_records();
            if is_terminal {
                assert_eq!(at_once, "");
                assert!(
                    in_the_end.starts_with("E! first\nW! 0\n") && in_the_end.ends_with("\nW! 98\n")
                );
            } else {
                assert_eq!((at_once.lines().count(), in_the_end.as_str()), (202, ""));
                assert!(at_once.starts_with("E! first\nI! known\nW! 0\n"));
            }
        }
    }
}
