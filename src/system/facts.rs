//! How tables are read on this system, and what this process may do, as plain data for people
//! (`--explain`, `--check`). What a system does not have is left out.

use std::path::PathBuf;

use crate::model::protocol::Groups;

/// How a table reads our own network namespace, or the host's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// What counters come from: `netlink`, or the file, call or program.
    pub source: String,
    /// Why from there.
    pub because: String,
    /// What cannot be had by it, and the way out.
    pub lost: Option<String>,
    /// Whether something better was asked for, and cannot be had.
    pub is_fallback: bool,
    /// Whose network namespace that is; empty where a system has but one.
    pub namespace: String,
    /// What else is read at a gather.
    pub files: Vec<ReadFile>,
    /// Whether it tells the kind of every interface.
    pub tells_kinds: bool,
}

/// A file or folder that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFile {
    /// Its path.
    pub path: PathBuf,
    /// What for.
    pub purpose: Purpose,
}

/// What a file is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The counters of interfaces.
    Counters,
    /// Flags, speeds and all else of interfaces.
    Interfaces,
    /// These protocol statistics.
    Protocols(Groups),
    /// Those that interfaces have of their own.
    InterfaceProtocols,
}

/// What there is beside our own network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others {
    /// The others, in the order of their names.
    pub namespaces: Vec<NamespaceFacts>,
    /// Why not all of them could be looked at, if so.
    pub unread: Option<String>,
    /// How many open files those would take that tables select; `None` where no table reports any.
    pub files_wanted: Option<usize>,
}

/// A network namespace beside our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its name.
    pub name: Vec<u8>,
    /// The id of the container that lives in it, where that is told.
    pub container: Option<Vec<u8>>,
    /// What becomes of it by each table that reports others, by their numbers.
    pub fates: Vec<(usize, Fate)>,
}

/// What becomes of a network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is read by netlink.
    ByNetlink,
    /// It is read by the files that were opened in it.
    ByFiles,
    /// It may not be entered, and is read by the files of that process.
    ByProcess(PathBuf),
    /// The table's patterns leave it out.
    NotSelected,
    /// It has no name, and the table looks for those that have one.
    Nameless,
    /// It is the one that the table reports as its own.
    Own,
    /// The table reports as many as it may.
    Limited,
    /// There are no open files left for it.
    NoFiles,
    /// It may not be entered, and no process of it is seen; why.
    Forbidden(String),
    /// It came, or failed, at that moment.
    Unread,
}

impl Fate {
    /// Whether the table reports it.
    #[must_use]
    pub fn is_reported(&self) -> bool {
        matches!(self, Self::ByNetlink | Self::ByFiles | Self::ByProcess(_))
    }

    /// Whether the table would, and cannot. One that has just come is not lost, and of one that failed, the
    /// log tells.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Limited | Self::NoFiles | Self::Forbidden(_))
    }
}

/// What this process is and may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessFacts {
    /// The version of the kernel.
    pub kernel: Option<String>,
    /// The number of the user that it runs as.
    pub user: Option<u32>,
    /// The capabilities that it may use for something.
    pub capabilities: Vec<CapabilityFacts>,
    /// Whether it can get none by a program's file (`NoNewPrivs`).
    pub no_new_privs: bool,
    /// Whether its capabilities count in a user namespace alone that is not the system's.
    pub is_confined: bool,
    /// How many files it may have open, and how many it may raise that to.
    pub file_limit: Option<[usize; 2]>,
}

/// A capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityFacts {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: &'static str,
    /// Whether this process has it.
    pub is_held: bool,
    /// Whether it can be given to this process at all: the bounding set has it.
    pub is_allowed: bool,
}
