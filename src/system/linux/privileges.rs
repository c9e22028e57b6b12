//! Capabilities: held by the thread and for the time that need them, and by nothing else.
//!
//! A process that is not root starts with capabilities of one of two kinds. Ambient ones are given by
//! who started it, such as systemd. Those of its file (`setcap`) are given to whoever runs it, so that
//! whatever that user names is opened with the user's own rights.
//!
//! All are taken out of the effective set at the start, from which threads that begin later have
//! theirs, and each is [raised](raise) for what it is for. For root all stays as it is: files of other
//! users, such as a configuration that only Telegraf may read, take `CAP_DAC_OVERRIDE` at any time, and
//! who runs it as root owns the system's files anyway.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getgid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_ambient_set,
    capability_is_in_bounding_set, set_capabilities, set_thread_res_gid, set_thread_res_uid,
};

use crate::config::HostProc;
use crate::system::facts::CapabilityFacts;

/// To enter a network namespace.
pub(crate) const ENTER: CapabilitySet = CapabilitySet::SYS_ADMIN;

/// To look at processes of others: where they live, and what lies in their folders of `/proc`.
pub(crate) const LOOK_AT_PROCESSES: CapabilitySet = CapabilitySet::SYS_PTRACE;

/// To enter the host's network namespace, which is found by its process 1.
pub(crate) const ENTER_HOST: CapabilitySet = ENTER.union(LOOK_AT_PROCESSES);

/// To look into folders of others: `/run/docker` is root's.
pub(crate) const LOOK_AT_FOLDERS: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// To find the names of network namespaces: a host's `/run` lies in the folder of its process 1.
pub(crate) const LOOK_AT_NAMES: CapabilitySet = LOOK_AT_PROCESSES.union(LOOK_AT_FOLDERS);

/// To load modules. The kernel looks for one of the name of an interface that is asked for and is not there.
pub(crate) const LOAD_MODULES: CapabilitySet =
    CapabilitySet::NET_ADMIN.union(CapabilitySet::SYS_MODULE);

/// What can be raised, by its bits: none before [`lower`].
static RAISABLE: AtomicU64 = AtomicU64::new(0);

/// Whether that is from the program's file.
static IS_OF_FILE: AtomicBool = AtomicBool::new(false);

/// Privileges that whoever runs the program has by its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfFile {
    /// Capabilities (`setcap`).
    Capabilities,
    /// Another user or group (`chmod u+s`, `chmod g+s`).
    Id,
}

impl fmt::Display for OfFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capabilities => {
                "this program's file has capabilities (setcap), which whoever runs it has: what \
                 the configuration and the environment name is opened with the caller's rights \
                 alone; take them away (setcap -r) and give Telegraf's service ambient ones \
                 (AmbientCapabilities), as docs/NAMESPACES.md says"
            }
            Self::Id => {
                "this program's file is setuid or setgid, which is of no use: it goes on with the \
                 caller's rights; give Telegraf's service ambient capabilities \
                 (AmbientCapabilities), as docs/NAMESPACES.md says"
            }
        })
    }
}

/// Gives up what is not needed all the time, to be called before anything is opened and any thread
/// started. Returns what its file gives whoever runs it, if it does.
///
/// # Errors
///
/// When privileges of the file cannot be given up.
pub fn lower() -> io::Result<Option<OfFile>> {
    let (user, group) = (getuid(), getgid());
    let is_id_of_file = user != geteuid() || group != getegid();
    if is_id_of_file {
        let changed = set_thread_res_gid(group, group, group)
            .and_then(|()| set_thread_res_uid(user, user, user));
        changed.map_err(|error| not_given_up("user or group", error))?;
    }
    if user.is_root() {
        return Ok(is_id_of_file.then_some(OfFile::Id));
    }
    let Ok(sets) = capabilities(None) else {
        return Ok(is_id_of_file.then_some(OfFile::Id));
    };
    let is_ambient = |one| capability_is_in_ambient_set(one).unwrap_or(false);
    let has_more = sets.permitted.iter().any(|one| !is_ambient(one));
    let lowered =
        set_capabilities(None, CapabilitySets { effective: CapabilitySet::empty(), ..sets });
    match lowered {
        Ok(()) => RAISABLE.store(sets.permitted.bits(), Ordering::Relaxed),
        Err(error) if has_more => return Err(not_given_up("capabilities", error)),
        // A sandbox forbids it; then they are there all the time.
        Err(_) => {}
    }
    IS_OF_FILE.store(has_more, Ordering::Relaxed);
    Ok(match (is_id_of_file, has_more) {
        (true, _) => Some(OfFile::Id),
        (_, true) => Some(OfFile::Capabilities),
        _ => None,
    })
}

fn not_given_up(what: &str, error: Errno) -> io::Error {
    io::Error::other(format!("cannot give up the {what} of this program's file: {error}"))
}

/// Has nothing raised for files from here on, where one of these was named and capabilities are the
/// file's: what lies there may lead anywhere.
pub(crate) fn distrust<'a>(mut named: impl Iterator<Item = &'a HostProc>) {
    if IS_OF_FILE.load(Ordering::Relaxed) && named.any(|proc| *proc != HostProc::Own) {
        RAISABLE.fetch_and(ENTER.bits(), Ordering::Relaxed);
    }
}

/// What this thread may do for as long as it lives.
#[derive(Debug)]
#[must_use]
pub(crate) struct Raised {
    before: Option<CapabilitySets>,
}

/// Has this thread hold these, as far as the process was given them.
pub(crate) fn raise(wanted: CapabilitySet) -> Raised {
    let wanted = CapabilitySet::from_bits_retain(RAISABLE.load(Ordering::Relaxed)) & wanted;
    let before = if wanted.is_empty() { None } else { capabilities(None).ok() };
    let before = before.filter(|before| !before.effective.contains(wanted));
    let raised = before.is_some_and(|before| {
        let effective = before.effective | wanted;
        set_capabilities(None, CapabilitySets { effective, ..before }).is_ok()
    });
    Raised { before: before.filter(|_| raised) }
}

/// Has this thread do without these, root's among them. `None` where that is not to be had.
pub(crate) fn lay_down(unwanted: CapabilitySet) -> Option<Raised> {
    let before = capabilities(None).ok()?;
    if !before.effective.intersects(unwanted) {
        return Some(Raised::nothing());
    }
    let effective = before.effective.difference(unwanted);
    set_capabilities(None, CapabilitySets { effective, ..before }).ok()?;
    Some(Raised { before: Some(before) })
}

impl Raised {
    /// Nothing but what it may anyway.
    pub(crate) fn nothing() -> Self {
        Self { before: None }
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            // To give up is always allowed.
            let _ = set_capabilities(None, before);
        }
    }
}

/// What capabilities are worth to this process, when something that takes them was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has them, for all of the system.
    Held,
    /// It has them in a user namespace that is not the system's, and so for what belongs to that.
    Confined,
    /// It does not have all of them.
    Missing,
    /// Nor can whoever starts it give it these.
    Barred(CapabilitySet),
}

impl Standing {
    pub(crate) fn of(wanted: CapabilitySet) -> Self {
        let permitted = capabilities(None).map_or(CapabilitySet::empty(), |ours| ours.permitted);
        let missing = wanted - permitted;
        let is_barred = |&one: &CapabilitySet| capability_is_in_bounding_set(one) == Ok(false);
        let barred: CapabilitySet = missing.iter().filter(is_barred).collect();
        if !barred.is_empty() {
            Self::Barred(barred)
        } else if !missing.is_empty() {
            Self::Missing
        } else if is_in_user_namespace() {
            Self::Confined
        } else {
            Self::Held
        }
    }
}

/// What each of those is for that are raised, and whether this process has it.
pub(super) fn facts() -> Vec<CapabilityFacts> {
    let purposes = [
        (ENTER, "entering network namespaces"),
        (LOOK_AT_PROCESSES, "seeing where processes of other users live"),
        (LOOK_AT_FOLDERS, "listing /run/docker/netns"),
    ];
    let permitted = capabilities(None).map_or(CapabilitySet::empty(), |ours| ours.permitted);
    let facts = purposes.map(|(capability, purpose)| CapabilityFacts {
        name: names(capability),
        purpose,
        is_held: permitted.contains(capability),
        is_allowed: capability_is_in_bounding_set(capability) != Ok(false),
    });
    facts.into()
}

/// Whether this process lives in a user namespace that is not the system's.
pub(super) fn is_in_user_namespace() -> bool {
    /// `PROC_USER_INIT_INO` of the kernel, the same since Linux 3.8.
    const OF_SYSTEM: u64 = 0xEFFF_FFFD;
    fs::metadata("/proc/self/ns/user").is_ok_and(|ours| ours.ino() != OF_SYSTEM)
}

/// Capabilities that something takes which was denied, for a message: with what keeps them from this
/// process, where it is more than that nobody gave them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needed(pub(crate) CapabilitySet);

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names(self.0))?;
        match Standing::of(self.0) {
            Standing::Missing => Ok(()),
            Standing::Held => f.write_str(
                ", which this process has: a security module (AppArmor, SELinux) or a sandbox forbids it",
            ),
            Standing::Confined => {
                f.write_str(", which counts in this user namespace alone, as by PrivateUsers=yes or in a rootless container")
            }
            Standing::Barred(barred) => {
                if barred == self.0 {
                    f.write_str(", which the bounding set lacks")?;
                } else {
                    write!(f, ", and the bounding set lacks {}", names(barred))?;
                }
                f.write_str(", as by CapabilityBoundingSet= or without cap-add")
            }
        }
    }
}

/// The names of these, in the order of `docs/NAMESPACES.md`.
fn names(capabilities: CapabilitySet) -> String {
    let mut names: Vec<_> =
        capabilities.iter_names().map(|(name, _)| format!("CAP_{name}")).collect();
    names.reverse();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_laid_down_comes_back_and_nothing_else_is_lost() {
        // Of this thread alone.
        let sets = thread::spawn(|| {
            let ours = || capabilities(None).unwrap().effective;
            let before = ours();
            let laid_down = lay_down(LOAD_MODULES);
            assert!(laid_down.is_some());
            let meanwhile = ours();
            drop(laid_down);
            (before, meanwhile, ours())
        });
        let (before, meanwhile, after) = sets.join().unwrap();
        assert_eq!((meanwhile, after), (before.difference(LOAD_MODULES), before));
    }
}
