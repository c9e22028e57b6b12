//! Which interfaces a table reports.

pub mod kinds;
pub mod patterns;

use std::fmt;

use crate::model::interface::{Interface, Presence, telegraf_name};
use crate::select::patterns::Patterns;

use self::kinds::Kinds;

/// What decides which interfaces are reported.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// `interfaces`: those whose names match, whatever their state. `None`, also for an empty list:
    /// those that are up and no loopback.
    pub interfaces: Option<Patterns>,
    /// `interface_exclude`: not those whose names match.
    pub interface_exclude: Option<Patterns>,
    /// `kind_include`: only those of these kinds.
    pub kind_include: Option<Kinds>,
    /// `kind_exclude`: not those of these kinds.
    pub kind_exclude: Option<Kinds>,
    /// `include_down`: where no name is asked for, those that are down too.
    pub include_down: bool,
    /// `include_loopback`: where no name is asked for, loopbacks too.
    pub include_loopback: bool,
}

/// What a selection makes of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is reported.
    Reported,
    /// No pattern of `interfaces` matches its name.
    NotNamed,
    /// It is a loopback.
    Loopback,
    /// It is down.
    Down,
    /// It has gone since its counters were read.
    Gone,
    /// `interface_exclude` matches its name.
    Excluded,
    /// `kind_include` does not match its kind.
    OtherKind,
    /// `kind_exclude` matches its kind.
    ExcludedKind,
    /// Nothing is left of its name as Telegraf has it.
    Nameless,
}

/// How many interfaces tables report, and why they leave the others out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally([usize; Verdict::ALL.len()]);

impl Verdict {
    /// All of them, with what the interfaces are that are left out by each.
    const ALL: [(Self, &str); 9] = [
        (Self::Reported, "reported"),
        (Self::NotNamed, "not in interfaces"),
        (Self::Loopback, "loopback"),
        (Self::Down, "down"),
        (Self::Gone, "gone"),
        (Self::Excluded, "in interface_exclude"),
        (Self::OtherKind, "not in kind_include"),
        (Self::ExcludedKind, "in kind_exclude"),
        (Self::Nameless, "without a name"),
    ];
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, verdict: Verdict) {
        let counts = self.0.iter_mut().zip(Verdict::ALL);
        counts.filter(|(_, (one, _))| *one == verdict).for_each(|(count, _)| *count += 1);
    }

    /// How many there are, reported or not.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }
}

impl fmt::Display for Tally {
    /// Those that are left out, `2 down, 1 loopback`; nothing if there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = self.0.iter().zip(Verdict::ALL).skip(1).filter(|(count, _)| **count > 0);
        for (number, (count, (_, why))) in left_out.enumerate() {
            write!(f, "{}{count} {why}", if number == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Selection {
    /// Whether flags have a say.
    #[must_use]
    pub fn needs_flags(&self) -> bool {
        let by_flags = !(self.include_down && self.include_loopback);
        self.interfaces.is_none() && by_flags || self.needs_kind()
    }

    /// Whether kinds have a say.
    #[must_use]
    pub fn needs_kind(&self) -> bool {
        self.kind_include.is_some() || self.kind_exclude.is_some()
    }

    /// Whether the kernel's kinds have a say, and not only classes of them.
    #[must_use]
    pub fn needs_kernel_kind(&self) -> bool {
        let has_patterns = |kinds: &Kinds| kinds.patterns.is_some();
        [&self.kind_include, &self.kind_exclude].into_iter().flatten().any(has_patterns)
    }

    /// Whether the interface is reported, or else what leaves it out first. Where its flags cannot be
    /// had, they speak for it.
    #[must_use]
    pub fn verdict(&self, interface: &Interface) -> Verdict {
        let name = telegraf_name(&interface.name);
        match (&self.interfaces, interface.presence) {
            _ if name.is_empty() => return Verdict::Nameless,
            (Some(patterns), _) if !patterns.matches(name) => return Verdict::NotNamed,
            (None, Presence::Known(flags)) if !self.include_loopback && flags.is_loopback() => {
                return Verdict::Loopback;
            }
            (None, Presence::Known(flags)) if !self.include_down && !flags.is_up() => {
                return Verdict::Down;
            }
            (None, Presence::Gone) => return Verdict::Gone,
            _ => {}
        }
        if self.interface_exclude.as_ref().is_some_and(|patterns| patterns.matches(name)) {
            Verdict::Excluded
        } else if self.kind_include.as_ref().is_some_and(|kinds| !kinds.has(interface)) {
            Verdict::OtherKind
        } else if self.kind_exclude.as_ref().is_some_and(|kinds| kinds.has(interface)) {
            Verdict::ExcludedKind
        } else {
            Verdict::Reported
        }
    }
}
