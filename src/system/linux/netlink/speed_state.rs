//! What is known of asking one interface's driver for its speed: a state machine.
//!
//! ```text
//!              open                       reply, dump
//!  Unasked ───────────> Asked ──────────────────────────────> Answered
//!     ^                 │  │ invalidate: the reply will be void  │  │ invalidate: due at once
//!     │ cancel,         │  └──┐                                  │  └──┐
//!     │ none before     │  <──┘                                  │  <──┘
//!     └─────────────────┘                                        │
//!          cancel, one before: Answered         open             │
//!                       ^ <──────────────────────────────────────┘
//! ```
//!
//! Time comes in as a value, so that a test drives it.

use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::speed::{QueryId, SLOW};

/// After a query that had no answer, the next one waits at least so long.
const NO_ANSWER_REST: Duration = Duration::from_secs(1);

/// A slow driver is asked so rarely that the others have this many times its time.
const SLOW_REST: u32 = 100;

/// And for no longer than so, though there be many slow ones.
const MAX_SHARED_REST: Duration = Duration::from_secs(3600);

/// How far the driver of one interface has been asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SpeedState {
    /// Never.
    #[default]
    Unasked,
    /// It is being asked.
    Asked {
        /// What the reply is told by.
        id: QueryId,
        /// Something happened to the interface since: the reply is void.
        is_void: bool,
        /// The reply before.
        before: Option<Replied>,
    },
    /// It has replied, with an answer or without.
    Answered {
        /// The reply.
        reply: Replied,
        /// Something happened to the interface since.
        is_void: bool,
    },
}

/// A reply, void or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replied {
    /// When it came.
    pub(super) at: Instant,
    /// How long the driver is left alone, where it was measured how long it took; zero for a quick one.
    rest_ms: Option<u32>,
    /// Why sysfs could not be read for it.
    unread: Option<Errno>,
}

impl SpeedState {
    /// The query that has no reply yet.
    pub(super) fn query(&self) -> Option<QueryId> {
        match self {
            Self::Asked { id, .. } => Some(*id),
            Self::Unasked | Self::Answered { .. } => None,
        }
    }

    /// Whether something happened to the interface since it was asked last.
    pub(super) fn is_void(&self) -> bool {
        match self {
            Self::Unasked => false,
            Self::Asked { is_void, .. } | Self::Answered { is_void, .. } => *is_void,
        }
    }

    /// The last reply.
    pub(super) fn last(&self) -> Option<&Replied> {
        match self {
            Self::Unasked => None,
            Self::Asked { before, .. } => before.as_ref(),
            Self::Answered { reply, .. } => Some(reply),
        }
    }

    /// Why sysfs could not be read the last time.
    pub(super) fn unread(&self) -> Option<Errno> {
        self.last()?.unread
    }

    /// Whether it is known how long the driver takes.
    pub(super) fn is_measured(&self) -> bool {
        self.last().is_some_and(|reply| reply.rest_ms.is_some())
    }

    /// Whether the driver was slow the last time.
    pub(super) fn is_slow(&self) -> bool {
        self.last().and_then(|reply| reply.rest_ms).is_some_and(|rest_ms| rest_ms > 0)
    }

    /// Whether the last answer, if there `is_answer`, is older than `refresh`, or void, and a slow driver
    /// has had its rest; `slow` is how many are, which share the time.
    pub(super) fn is_due(
        &self,
        now: Instant,
        slow: u32,
        is_answer: bool,
        refresh: Duration,
    ) -> bool {
        if self.query().is_some() {
            return false;
        }
        let Some(last) = self.last() else { return true };
        let limit = match is_answer {
            _ if self.is_void() => Duration::ZERO,
            true => refresh,
            false => NO_ANSWER_REST,
        };
        let rest = Duration::from_millis(last.rest_ms.unwrap_or_default().into());
        let rest = rest.max(rest.saturating_mul(slow).min(MAX_SHARED_REST));
        now.duration_since(last.at) >= limit.max(rest)
    }

    /// It is asked.
    pub(super) fn open(&mut self, id: QueryId) {
        *self = Self::Asked { id, is_void: false, before: self.last().copied() };
    }

    /// Something happened to the interface. Returns the query that has become void by that.
    pub(super) fn invalidate(&mut self) -> Option<QueryId> {
        match self {
            Self::Unasked => None,
            Self::Asked { id, is_void, .. } => (!std::mem::replace(is_void, true)).then_some(*id),
            Self::Answered { is_void, .. } => {
                *is_void = true;
                None
            }
        }
    }

    /// The query was taken back before the driver was asked.
    pub(super) fn cancel(&mut self) {
        let is_void = self.is_void();
        *self = match self.last() {
            Some(&reply) => Self::Answered { reply, is_void },
            None => Self::Unasked,
        };
    }

    /// The driver has replied, after so long where that was measured.
    pub(super) fn reply(&mut self, now: Instant, took: Option<Duration>, unread: Option<Errno>) {
        let rest_ms = took.map(|took| {
            let rest = if took > SLOW { took * SLOW_REST } else { Duration::ZERO };
            u32::try_from(rest.as_millis()).unwrap_or(u32::MAX)
        });
        let reply = Replied { at: now, rest_ms, unread };
        *self = Self::Answered { reply, is_void: self.is_void() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn id(number: u64) -> QueryId {
        QueryId::new(number).unwrap()
    }

    #[test]
    fn a_driver_is_asked_once_and_again_when_its_answer_is_old_or_void() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let is_due = |state: &SpeedState, seconds| state.is_due(at(seconds), 0, true, HOUR);
        let mut state = SpeedState::default();
        assert!(is_due(&state, 0));
        state.open(id(1));
        assert_eq!((state.query(), is_due(&state, 0)), (Some(id(1)), false));
        state.reply(at(1), Some(Duration::ZERO), None);
        assert_eq!((state.query(), is_due(&state, 2), is_due(&state, 3601)), (None, false, true));
        assert_eq!((state.invalidate(), is_due(&state, 2)), (None, true));
        // While it is asked, what happens makes one query void, and once.
        state.open(id(2));
        assert_eq!([state.invalidate(), state.invalidate()], [Some(id(2)), None]);
        state.reply(at(3), Some(Duration::ZERO), None);
        assert!(state.is_void() && is_due(&state, 3));
    }

    #[test]
    fn a_query_that_was_taken_back_leaves_what_was_known_before() {
        let start = Instant::now();
        let mut state = SpeedState::default();
        state.open(id(1));
        state.cancel();
        assert_eq!(state, SpeedState::Unasked);
        state.reply(start, Some(SLOW * 2), None);
        state.open(id(2));
        assert!(state.is_slow() && state.is_measured());
        state.invalidate();
        state.cancel();
        assert!(state.is_slow() && state.is_void() && state.query().is_none());
    }

    #[test]
    fn slow_drivers_rest_and_share_the_time() {
        let start = Instant::now();
        let mut state = SpeedState::default();
        state.reply(start, Some(SLOW * 2), None);
        let is_due = |after, slow| state.is_due(start + after, slow, true, Duration::ZERO);
        let rest = SLOW * 2 * SLOW_REST;
        let early = rest.saturating_sub(Duration::from_millis(1));
        assert_eq!([is_due(early, 1), is_due(rest, 1)], [false, true]);
        assert_eq!([is_due(rest, 3), is_due(rest * 3, 3)], [false, true]);
        // However many there are.
        assert!(is_due(MAX_SHARED_REST.max(rest), u32::MAX));
    }

    #[test]
    fn without_an_answer_it_is_asked_again_after_a_second() {
        let start = Instant::now();
        let mut state = SpeedState::default();
        state.reply(start, Some(Duration::ZERO), Some(Errno::IO));
        let is_due = |after| state.is_due(start + after, 0, false, HOUR);
        assert_eq!([is_due(NO_ANSWER_REST / 2), is_due(NO_ANSWER_REST)], [false, true]);
        assert_eq!(state.unread(), Some(Errno::IO));
    }
}
