//! How long and how often everything is measured.

use std::time::Duration;

/// How long everything is measured.
pub(crate) struct Plan {
    pub(crate) warm_rounds: usize,
    /// What a warm round lasts, unless one gather takes longer.
    pub(crate) warm_length: Duration,
    pub(crate) cold_rounds: usize,
    /// Gathers in a cold round.
    pub(crate) cold_gathers: u32,
    /// The same for a program with a clock of its own, which collects its garbage now and then.
    pub(crate) clocked_gathers: u32,
}

impl Plan {
    pub(crate) const FULL: Self = Self {
        warm_rounds: 9,
        warm_length: Duration::from_millis(200),
        cold_rounds: 2,
        cold_gathers: 3,
        clocked_gathers: 6,
    };
    pub(crate) const QUICK: Self = Self {
        warm_rounds: 3,
        warm_length: Duration::from_millis(100),
        cold_rounds: 1,
        cold_gathers: 3,
        clocked_gathers: 3,
    };
    /// What a warm round is preceded by: gathers that do not count.
    pub(crate) const WARM_UP: Duration = Duration::from_millis(40);
    /// Before each gather that is cold.
    pub(crate) const PAUSE: Duration = Duration::from_secs(1);
    /// After the start of a program that gathers each second, before it counts.
    pub(crate) const START: Duration = Duration::from_secs(2);
    /// When in a second such a program is read: between gathers.
    pub(crate) const MIDDLE: Duration = Duration::from_millis(500);
    /// What a program may take to fall asleep after a gather, before its CPU time is read.
    pub(crate) const SETTLING: Duration = Duration::from_millis(10);
    /// What a program may take to answer. One that takes longer is given up.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
}
