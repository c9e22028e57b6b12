//! The seam between a gather and the system that it runs on: what a system has to give, and which one
//! this is.
//!
//! A [`Source`] tells the interfaces of one network namespace, and a [`Host`] has all that are reported.
//! Beside these, a system gives what the daemon waits for and writes to ([`Triggers`], [`Output`]), and
//! the few calls below them. To add a system: a folder with all that is named here, and its two lines.

#[cfg(unix)]
pub mod bsd;
pub mod facts;
#[cfg(target_os = "linux")]
pub mod linux;
pub mod output;
pub mod polled;
pub(crate) mod regular_file;
pub mod terminal_event;
#[cfg(any(not(target_os = "linux"), feature = "threads"))]
pub mod threads;
pub mod trigger;
#[cfg(unix)]
pub mod unix;
#[cfg(windows)]
pub mod windows;

#[cfg(any(
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "macos"
))]
use self::bsd as current;
#[cfg(target_os = "linux")]
use self::linux as current;
#[cfg(windows)]
use self::windows as current;

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use self::facts::{Others, Way};
use crate::config::Table;
use crate::format::Format;
use crate::gather::namespace::Namespace;
use crate::log::{Log, Problems};
use crate::model::interface::Interface;
use crate::model::protocol::ProtocolStatistics;
use crate::model::rates::Reading;

pub use self::current::{
    Await, CurrentHost, EMPTY_POLL, Events, NO_EVENTS, Output, Ready, Triggers, close_output,
    cpu_time, file, lower_privileges, outlive_full_files, process_facts, since_boot, stderr,
    terminal,
};

/// What a source can tell beside counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The kind of every interface that has one, and not only those that files happen to tell.
    pub kinds: bool,
}

/// An alternative name of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Altname<'a> {
    /// The interface's own name.
    pub interface: &'a [u8],
    /// The other one.
    pub altname: &'a [u8],
}

/// Namespaces that others name by numbers, as those of peers are: who names it, and its number there.
pub type NamedByNumber = HashSet<(Vec<u8>, i32)>;

/// The interfaces of one network namespace.
///
/// A gather [reads](Self::read) first, which tells who is there, decides who is reported, and has
/// [details](Self::read_details) read for those.
pub trait Source {
    /// What several sources of a host read from together.
    type Shared<'a>;

    /// Why there is nothing to report.
    type Error;

    /// What it reads, for people, as of the last reading.
    fn name(&self) -> String;

    /// What it can tell, as of the last reading.
    fn capabilities(&self) -> Capabilities;

    /// Reads the counters of every interface of this moment, and what selects them. Once `hurry` says
    /// so, nothing more is asked that may take long.
    ///
    /// # Errors
    ///
    /// When there is nothing to report this time.
    fn read(
        &mut self,
        shared: &mut Self::Shared<'_>,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) -> Result<(), Self::Error>;

    /// Reads what else is wanted of those that are reported. Until the deadline, it may wait for what
    /// is slow; a driver that is asked may keep the kernel from telling counters meanwhile, so that
    /// those of all namespaces should be there.
    fn read_details(
        &mut self,
        shared: &mut Self::Shared<'_>,
        deadline: Instant,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    );

    /// Asks for what has grown old, and waits for none of it: to be called once the metrics are written.
    fn refresh(&mut self);

    /// How many drivers were asked for their speed since the last call.
    fn take_asked(&mut self) -> usize;

    /// Another one whenever versions, generations and readings are counted anew.
    fn epoch(&self) -> u64 {
        0
    }

    /// Another one whenever there are other interfaces, or other names, flags or properties.
    fn version(&self) -> u64;

    /// The last reading.
    fn reading(&self) -> &Reading;

    /// The interfaces in the kernel's order, also those that the last reading did not find.
    fn interfaces(&self) -> impl Iterator<Item = &Interface> + Clone;

    /// The same, to say who is reported.
    fn interfaces_mut(&mut self) -> impl Iterator<Item = &mut Interface>;
}

/// The host that this process runs on, or that it was told to look at: all namespaces that are reported.
pub trait Host: Sized {
    /// What one of them is read by.
    type Source: Source;

    /// Whether the system has protocol statistics.
    const HAS_PROTOCOLS: bool;

    /// Opens what the tables name, and says which sources these are. What cannot be had at the moment
    /// is tried again by gathers.
    fn open(tables: &mut [Table], format: &'static dyn Format, log: Log) -> Self;

    /// Reads the counters of every namespace, and has its tables decide who is reported.
    fn read(&mut self, tables: &[Table], problems: &mut Problems, hurry: &mut dyn FnMut() -> bool);

    /// Reads what else is wanted of those that are reported.
    fn read_details(
        &mut self,
        tables: &[Table],
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    );

    /// Does what could wait until the metrics were written.
    fn after_write(&mut self);

    /// The namespaces with their protocol statistics, in the order of their lines.
    fn namespaces(&self) -> impl Iterator<Item = (&Namespace<Self::Source>, &ProtocolStatistics)>;

    /// The same, to write their lines.
    fn namespaces_mut(
        &mut self,
    ) -> impl Iterator<Item = (&mut Namespace<Self::Source>, &ProtocolStatistics)>;

    /// The names of all other namespaces that there are, reported or not; `None` where not all could be
    /// looked at, or nobody wants to know.
    fn other_names(&self) -> Option<&[Vec<u8>]>;

    /// Shows the names of interfaces with their alternative ones, by the numbers of the tables that
    /// report them.
    fn show_altnames(&mut self, see: &mut dyn FnMut(usize, Altname<'_>));

    /// Which network namespaces others name by these numbers, each the name of who names it, and the number:
    /// the name of that namespace, both empty for our own, where that can be told.
    fn names_by_numbers(&mut self, wanted: &NamedByNumber) -> HashMap<(Vec<u8>, i32), Vec<u8>> {
        let _ = wanted;
        HashMap::new()
    }

    /// How the table of that number reads our own network namespace, or the host's, as of the last gather;
    /// `None` where it does not report that.
    fn way(&self, tables: &[Table], number: usize) -> Option<Way>;

    /// The other network namespaces that there are, and what becomes of them.
    fn others(&mut self, tables: &[Table], log: Log) -> Others;

    /// These end a wait when there are events of the kernel to [follow](Self::follow).
    fn events(&self) -> Events<'_>;

    /// When to [follow](Self::follow) at the latest: what has no event is looked after then.
    fn next_look(&self) -> Option<Instant>;

    /// Takes in the kernel's events that are there.
    fn follow(&mut self);
}
