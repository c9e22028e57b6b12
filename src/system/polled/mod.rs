//! Systems that tell all of their interfaces at once, by one call or one program, at every gather: what
//! their hosts and sources have in common.
//!
//! A system gives a [`Reader`], which makes a [`Row`] of each interface. [`source`] keeps the interfaces
//! from one reading to the next, and [`host`] has one source for each [`SourceOption`] that tables name.

pub mod host;
pub mod source;

use std::fmt::Debug;
use std::time::Instant;

use crate::config::SourceOption;
use crate::log::Problems;
use crate::model::counters::{Counters, MoreCounters};
use crate::model::interface::{Name, Wants};
use crate::model::link::{Flags, LinkModes, LinkState};
use crate::model::properties::Properties;
use crate::system::Capabilities;

/// An interface as the system tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The system's number of it; zero where that is not told.
    pub ifindex: u32,
    /// Its name, by which it is tagged.
    pub name: Name,
    /// Whether it is up, and whether it is a loopback; `None` where that is not told.
    pub flags: Option<Flags>,
    /// The eight counters.
    pub counters: Counters,
    /// That it is not told how many packets were dropped on transmit: what the counters have for it is
    /// none.
    pub lacks_drop_out: bool,
    /// Its speed and what it is duplex.
    pub link_modes: LinkModes,
    /// For `counters = "all"`.
    pub more: MoreCounters,
    /// For `link_state`.
    pub state: LinkState,
    /// For tags and for filters by kind.
    pub properties: Properties,
}

/// How a system's interfaces are read.
pub trait Reader: Debug + Sized {
    /// Opens what that option names.
    fn open(source: SourceOption) -> Self;

    /// What it reads, for the line that says so at the start.
    fn name(&self) -> String;

    /// What it can tell, as of the last reading.
    fn capabilities(&self) -> Capabilities;

    /// Appends a row for each interface of this moment, in the system's order, with what is wanted of it.
    /// What cannot be read of one costs that one; it is reported as a problem. What takes long has a limit
    /// from when the gather began, so that all readers have it together, and is given up once `hurry` says
    /// so.
    ///
    /// # Errors
    ///
    /// When there is nothing to report this time, which was reported as a problem, or was given up.
    fn read(
        &mut self,
        wants: Wants,
        began: Instant,
        rows: &mut Vec<Row>,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) -> Result<(), NotRead>;
}

/// That there is nothing to report; why has been said, unless it was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotRead;
