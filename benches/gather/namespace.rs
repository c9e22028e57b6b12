//! Network namespaces with a given number of interfaces that are up and silent.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::workspace::Workspace;
use crate::{Result, progress};

/// The interfaces' names begin with it.
pub(crate) const PREFIX: &str = "veth";

/// The group that all interfaces are in, to move and to remove them at once.
const GROUP: &str = "7";

/// Without IPv6, nothing sends of its own accord.
const DISABLE_IPV6: &str = "for each in all default; do \
     if [ -d /proc/sys/net/ipv6 ]; then echo 1 > /proc/sys/net/ipv6/conf/$each/disable_ipv6; fi; \
     done";

/// Removed when it is dropped.
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) interfaces: usize,
}

impl Namespace {
    pub(crate) fn new(workspace: &Workspace, interfaces: usize) -> Result<Self> {
        progress(&format!("{interfaces} interfaces: making them"));
        let name = format!("{}-{interfaces}", workspace.name);
        ip(&["netns", "add", &name], "")?;
        let namespace = Self { name, interfaces };
        let name = &namespace.name;
        ip(&["netns", "exec", name, "sh", "-c", DISABLE_IPV6], "")?;
        ip(&["-n", name, "-batch", "-"], &pairs(interfaces / 2))?;
        ip(&["-n", name, "link", "set", "group", GROUP, "up"], "")?;
        ip(&["-n", name, "link", "set", "lo", "up"], "")?;
        Ok(namespace)
    }

    /// A command that runs inside, with a `/sys` that shows the namespace.
    pub(crate) fn command(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Runs something on a thread that is inside; the sockets that it makes stay there.
    pub(crate) fn inside<T: Send + 'static>(
        &self,
        run: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let namespace = File::open(Path::new("/run/netns").join(&self.name))?;
        let inside = thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            run()
        });
        inside.join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The kernel removes what is left in a namespace in the background, where it would disturb
        // the next size; this waits.
        let _ = ip(&["-n", &self.name, "link", "del", "group", GROUP], "");
        let _ = ip(&["netns", "del", &self.name], "");
    }
}

/// Many, with as many interfaces each; removed when they are dropped.
pub(crate) struct Namespaces {
    names: Vec<String>,
}

impl Namespaces {
    pub(crate) fn new(workspace: &Workspace, count: usize, interfaces: usize) -> Result<Self> {
        progress(&format!("{count} namespaces with {interfaces} interfaces each: making them"));
        let names = (0..count).map(|number| format!("{}-apart-{number}", workspace.name));
        let namespaces = Self { names: names.collect() };
        ip(&["-batch", "-"], &namespaces.lines("add"))?;
        for name in &namespaces.names {
            ip(&["netns", "exec", name, "sh", "-c", DISABLE_IPV6], "")?;
            let up = format!("link set group {GROUP} up\nlink set lo up\n");
            ip(&["-n", name, "-batch", "-"], &(pairs(interfaces / 2) + &up))?;
        }
        Ok(namespaces)
    }

    /// Lines for `ip -batch`.
    fn lines(&self, action: &str) -> String {
        self.names.iter().fold(String::new(), |mut lines, name| {
            let _ = writeln!(lines, "netns {action} {name}");
            lines
        })
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        let _ = ip(&["-force", "-batch", "-"], &self.lines("del"));
    }
}

/// What the two ends of a pair are called.
pub(crate) fn pair_names(number: usize) -> (String, String) {
    (format!("{PREFIX}{number}a"), format!("{PREFIX}{number}b"))
}

/// Lines for `ip -batch`.
fn pairs(count: usize) -> String {
    let mut lines = String::new();
    for number in 0..count {
        let (one, other) = pair_names(number);
        let _ = writeln!(
            lines,
            "link add {one} group {GROUP} type veth peer name {other} group {GROUP}"
        );
    }
    lines
}

/// Runs `ip`, with that text on its stdin.
fn ip(arguments: &[&str], input: &str) -> Result<()> {
    let failure = |text: &str| format!("ip {}: {text}", arguments.join(" "));
    let mut command = Command::new("ip");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failure(&error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // What it does not take, it says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failure(&error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(failure(text.lines().next().unwrap_or("it failed")))
}
