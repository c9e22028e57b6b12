//! What this process is and may do, for people.

use rustix::process::{Resource, getrlimit, getuid};
use rustix::thread::no_new_privs;

use super::netns;
use super::privileges;
use crate::system::facts::ProcessFacts;
use crate::system::unix::file::{self, MAX_ATTRIBUTE};

/// What this process is and may do.
#[must_use]
pub fn process_facts() -> ProcessFacts {
    let mut text = Vec::new();
    let release = file::read("/proc/sys/kernel/osrelease".as_ref(), MAX_ATTRIBUTE, &mut text);
    let kernel = release.ok().map(|()| String::from_utf8_lossy(&text).trim_end().to_owned());
    let most = getrlimit(Resource::Nofile).maximum;
    let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    ProcessFacts {
        kernel,
        user: Some(getuid().as_raw()),
        capabilities: privileges::facts(),
        no_new_privs: no_new_privs().unwrap_or(false),
        is_confined: privileges::is_in_user_namespace(),
        file_limit: Some([netns::file_limit(), most]),
    }
}
