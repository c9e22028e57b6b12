//! The rooms that touch a kernel, siblings that know nothing of each other, of the configuration
//! file's format or of the encoder.
//!
//! Each gives [`Interface`](crate::model::interface::Interface)s: first, of every one, its counters of one
//! moment and what selects it; then, of those that are reported, its speed. [`netlink`] is the fast
//! way, for network namespaces that a socket can be opened in. [`procfs`] is the way by `/proc` and
//! `/sys`: for the host's where a container may not enter that, and for kernels that lack netlink or
//! forbid it.
//! [`proc_net`] reads what lies under `/proc/net`, for procfs and for the protocol statistics.
//! [`netns`] finds and enters other network namespaces.

pub mod netlink;
pub mod netns;
pub mod privileges;
pub mod proc_net;
pub mod procfs;

use std::io;

use rustix::io::Errno;
use serde::Deserialize;

/// Which source the operator wants, `source` in `plugin.conf`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Netlink where it can be used, in the host's network namespace too, or else procfs; also where
    /// another `/sys` alone is named.
    #[default]
    Auto,
    /// Netlink, whatever `HOST_PROC` and `HOST_SYS` say, or else procfs.
    Netlink,
    /// Procfs.
    Procfs,
}

/// Whether a call failed only because this process, or the system, has too much open at the moment.
fn is_shortage(errno: Errno) -> bool {
    matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS)
}

/// Why a file of sysfs tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unread {
    /// The interface has gone, or has no such file.
    Gone,
    /// There is nothing to tell, as of the speed of an interface that is down.
    Nothing,
    /// It may be told another time.
    Failed,
}

impl Unread {
    fn of(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::NOENT | Errno::NODEV) => Self::Gone,
            Some(Errno::INVAL | Errno::OPNOTSUPP) => Self::Nothing,
            _ => Self::Failed,
        }
    }
}
