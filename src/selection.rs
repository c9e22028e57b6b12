//! Which interfaces a table reports.

use crate::filter::Patterns;
use crate::interface::{Interface, Presence, telegraf_name};

/// What decides which interfaces are reported.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// `interfaces`: those whose names match, whatever their state. `None`, also for an empty list:
    /// those that are up and no loopback.
    pub interfaces: Option<Patterns>,
    /// `interface_exclude`: not those whose names match.
    pub exclude: Option<Patterns>,
    /// `kind_include`: only those of these kinds.
    pub kinds: Option<Kinds>,
    /// `kind_exclude`: not those of these kinds.
    pub exclude_kinds: Option<Kinds>,
    /// `include_down`: where no name is asked for, those that are down too.
    pub include_down: bool,
    /// `include_loopback`: where no name is asked for, loopbacks too.
    pub include_loopback: bool,
}

/// Kinds of interfaces, `kind_include` or `kind_exclude`.
#[derive(Debug, Clone, Default)]
pub struct Kinds {
    /// The words for whole classes.
    pub classes: Vec<KindClass>,
    /// The kernel's kinds, `veth` and so on.
    pub patterns: Option<Patterns>,
}

/// A class of interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindClass {
    /// Devices on a bus.
    Physical,
    /// Made by software, loopbacks left out.
    Virtual,
    /// Loopbacks.
    Loopback,
}

impl KindClass {
    /// The class that the word stands for.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Physical, Self::Virtual, Self::Loopback].into_iter().find(|one| one.name() == name)
    }

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Virtual => "virtual",
            Self::Loopback => "loopback",
        }
    }

    /// The one that the interface belongs to, as far as that is known.
    #[must_use]
    pub fn of(interface: &Interface) -> Option<Self> {
        if matches!(interface.presence, Presence::Known(flags) if flags.is_loopback()) {
            return Some(Self::Loopback);
        }
        let is_physical = interface.details.as_ref()?.properties.is_physical?;
        Some(if is_physical { Self::Physical } else { Self::Virtual })
    }
}

impl Kinds {
    /// Whether the interface is of one of these kinds, as far as its kind is known.
    fn has(&self, interface: &Interface) -> bool {
        let kind = interface.details.as_ref().map(|details| &*details.properties.kind);
        let kind = kind.filter(|kind| !kind.is_empty());
        KindClass::of(interface).is_some_and(|class| self.classes.contains(&class))
            || self
                .patterns
                .as_ref()
                .zip(kind)
                .is_some_and(|(patterns, kind)| patterns.matches(kind))
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
        self.kinds.is_some() || self.exclude_kinds.is_some()
    }

    /// Whether the kernel's kinds have a say, and not only classes of them.
    #[must_use]
    pub fn needs_kernel_kind(&self) -> bool {
        let has_patterns = |kinds: &Kinds| kinds.patterns.is_some();
        [&self.kinds, &self.exclude_kinds].into_iter().flatten().any(has_patterns)
    }

    /// Whether the interface is reported. Where its flags cannot be had, they speak for it.
    #[must_use]
    pub fn selects(&self, interface: &Interface) -> bool {
        let name = telegraf_name(&interface.name);
        let is_included = match (&self.interfaces, interface.presence) {
            _ if name.is_empty() => false,
            (Some(patterns), _) => patterns.matches(name),
            (None, Presence::Known(flags)) => {
                (self.include_down || flags.is_up())
                    && (self.include_loopback || !flags.is_loopback())
            }
            (None, Presence::Unknown) => true,
            (None, Presence::Gone) => false,
        };
        is_included
            && !self.exclude.as_ref().is_some_and(|patterns| patterns.matches(name))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.has(interface))
            && !self.exclude_kinds.as_ref().is_some_and(|kinds| kinds.has(interface))
    }
}
