//! Kinds of interfaces: the kernel's words, and words for whole classes.

use super::patterns::Patterns;
use crate::config::systems::{System, WITH_DEVICES};
use crate::model::interface::{Interface, Presence};

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

    /// Where it is told who belongs to it.
    #[must_use]
    pub fn systems(self) -> &'static [System] {
        match self {
            Self::Physical | Self::Virtual => WITH_DEVICES,
            Self::Loopback => &System::ALL,
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
    pub(super) fn has(&self, interface: &Interface) -> bool {
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
