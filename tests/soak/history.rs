//! What was true of each interface when, as far as the soak did it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// For so long is told what was.
const MEMORY: Duration = Duration::from_secs(90);

/// So many of the last changes are printed with a failure.
const LAST_CHANGES: usize = 300;

/// Something that an interface has one value of at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// The namespace's tag, a slash, and its name there.
    Place,
    Alias,
    Altname,
    Mtu,
    TxQueueLen,
    /// `1` or `0`.
    AdminUp,
    /// The identity of its master, or nothing.
    Master,
}

const FACTS: usize = Fact::Master as usize + 1;

/// A time in which a value may have been seen: from before the change that set it began, to after the one that
/// ended it.
#[derive(Debug)]
struct Span {
    value: String,
    from: Instant,
    /// When it was so for sure.
    since: Option<Instant>,
    until: Option<Instant>,
}

/// From just before a trigger was written to just after the last line came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

impl Span {
    /// From now on, at some time.
    fn new(value: &str) -> Self {
        Self { value: value.to_owned(), from: Instant::now(), since: None, until: None }
    }

    fn meets(&self, window: Window) -> bool {
        self.from <= window.until && self.until.is_none_or(|until| until >= window.from)
    }

    fn covers(&self, window: Window) -> bool {
        self.since.is_some_and(|since| since <= window.from)
            && self.until.is_none_or(|until| until > window.until)
    }
}

/// All of it. An interface is known by a number that none has had before, its identity.
#[derive(Default)]
pub(crate) struct History {
    known: Mutex<Known>,
}

#[derive(Default)]
pub(crate) struct Known {
    of: HashMap<u32, [VecDeque<Span>; FACTS]>,
    /// How many are gone since those that are gone for long were forgotten.
    ended: usize,
    changes: VecDeque<(Instant, String)>,
    /// How many there were, by their first word, and how long they took.
    pub(crate) counts: BTreeMap<String, (usize, Duration)>,
}

impl History {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Has something done that changes these facts, and returns whether it went well.
    pub(crate) fn change(
        &self,
        what: String,
        facts: &[(u32, Fact, String)],
        act: impl FnOnce() -> bool,
    ) -> bool {
        let mut known = self.lock();
        let kind = known.note(what);
        let begun = Instant::now();
        for (identity, fact, value) in facts {
            let spans = &mut known.of.entry(*identity).or_default()[*fact as usize];
            spans.push_back(Span::new(value));
        }
        drop(known);
        let went_well = act();
        let mut known = self.lock();
        let now = Instant::now();
        known.counts.entry(kind).or_default().1 += now - begun;
        if !went_well {
            known.note("(it failed)".to_owned());
        }
        for (identity, fact, _) in facts {
            let Some(all) = known.of.get_mut(identity) else { continue };
            let spans = &mut all[*fact as usize];
            if !went_well {
                spans.pop_back();
                continue;
            }
            if let Some(span) = spans.back_mut() {
                span.since = Some(now);
            }
            let before = spans.len().checked_sub(2).and_then(|place| spans.get_mut(place));
            if let Some(before) = before {
                before.until.get_or_insert(now);
            }
            while spans.front().is_some_and(|span| {
                span.until.is_some_and(|until| now.duration_since(until) > MEMORY)
            }) {
                spans.pop_front();
            }
        }
        went_well
    }

    /// These go at some time from now on.
    pub(crate) fn leave(&self, identities: &[u32]) {
        let mut known = self.lock();
        for identity in identities {
            let spans = &mut known.of.entry(*identity).or_default()[Fact::Place as usize];
            spans.push_back(Span::new("nowhere"));
        }
    }

    /// These are gone.
    pub(crate) fn end(&self, identities: &[u32]) {
        let mut known = self.lock();
        let now = Instant::now();
        for identity in identities {
            let all = known.of.get_mut(identity).into_iter().flatten();
            all.flatten().for_each(|span| {
                span.until.get_or_insert(now);
            });
        }
        known.ended += identities.len();
        if known.ended < 1000 {
            return;
        }
        known.ended = 0;
        // Of those that are gone for long, nothing is told any more.
        let is_recent = |all: &[VecDeque<Span>; FACTS]| {
            let last = all[Fact::Place as usize].back();
            let until = last.and_then(|span| span.until);
            until.is_none_or(|until| now.duration_since(until) < MEMORY)
        };
        known.of.retain(|_, all| is_recent(all));
    }
}

impl Known {
    /// Returns its first word.
    pub(crate) fn note(&mut self, what: String) -> String {
        let kind = what.split(' ').next().unwrap_or_default().to_owned();
        self.counts.entry(kind.clone()).or_default().0 += 1;
        if self.changes.len() == LAST_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back((Instant::now(), what));
        kind
    }

    /// The last changes, with the time from the beginning of that window.
    pub(crate) fn last_changes(&self, window: Window) -> String {
        let line = |(at, what): &(Instant, String)| {
            let before = window.from.saturating_duration_since(*at).as_micros();
            let after = at.saturating_duration_since(window.from).as_micros();
            let (sign, micros) = if before > 0 { ('-', before) } else { ('+', after) };
            format!("{sign}{micros} us: {what}\n")
        };
        let end = window.until.saturating_duration_since(window.from).as_micros();
        let lines: String = self.changes.iter().map(line).collect();
        format!("{lines}(the gather is from +0 us to +{end} us)")
    }

    /// Whether an interface had that value at any time in the window.
    pub(crate) fn may_be(&self, identity: u32, fact: Fact, value: &str, window: Window) -> bool {
        self.values(identity, fact, window).any(|known| known == value)
    }

    /// The values that it had in the window, the newest first.
    pub(crate) fn values(
        &self,
        identity: u32,
        fact: Fact,
        window: Window,
    ) -> impl Iterator<Item = &str> {
        let spans = self.of.get(&identity).map(|all| all[fact as usize].iter());
        let spans = spans.into_iter().flatten().rev();
        // Those before ended earlier.
        let spans = spans.take_while(move |span| span.until.is_none_or(|end| end >= window.from));
        spans.filter(move |span| span.meets(window)).map(|span| span.value.as_str())
    }

    /// The value that it had in all of the window, if it was the only one.
    pub(crate) fn value(&self, identity: u32, fact: Fact, window: Window) -> Option<&str> {
        let spans = &self.of.get(&identity)?[fact as usize];
        let mut spans = spans.iter().rev().filter(|span| span.meets(window));
        let span = spans.next().filter(|span| span.covers(window))?;
        spans.next().is_none().then_some(span.value.as_str())
    }

    /// Whose place that was at any time in the window.
    pub(crate) fn holders(&self, place: &str, window: Window) -> impl Iterator<Item = u32> {
        let identities = self.of.keys().copied();
        identities.filter(move |&identity| self.may_be(identity, Fact::Place, place, window))
    }

    /// All that were in one place throughout.
    pub(crate) fn stable(&self, window: Window) -> impl Iterator<Item = (u32, &str)> {
        let identities = self.of.keys().copied();
        identities.filter_map(move |identity| {
            Some((identity, self.value(identity, Fact::Place, window)?))
        })
    }
}
