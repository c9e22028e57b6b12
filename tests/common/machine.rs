//! A machine of the test's own, as far as network namespaces go.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{read_part, run, text};

/// What the first process does: an empty `/run`, so that no network namespace has a name yet, and a
/// `/proc` and a `/sys` that show what is inside. It tells its number outside first, and ends with
/// the test.
const FIRST: &str = "read number rest < /proc/self/stat && \
     mount -t tmpfs tmpfs /run && mount -t proc proc /proc && mount -t sysfs sysfs /sys && \
     for each in all default; do \
         echo 1 > /proc/sys/net/ipv6/conf/$each/disable_ipv6 || exit; \
     done && echo $number && exec cat";

/// A mount namespace, a network namespace and one of processes. All that lives there ends with it.
pub(crate) struct Machine {
    _keeper: Child,
    first: u32,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", FIRST]);
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut part = [0; 64];
        while !line.ends_with('\n') {
            let length = read_part(keeper.stdout.as_mut().unwrap(), &mut part);
            assert_ne!(length, 0, "the first process does not start");
            line += &text(&part[..length]);
        }
        let first = line.trim().parse().expect("the first process's number");
        Self { _keeper: keeper, first }
    }

    /// The number of its first process, outside.
    pub(crate) fn first(&self) -> u32 {
        self.first
    }

    /// A command that runs on it.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--net", "--pid", "--target", &self.first.to_string()]);
        command.arg("--").arg(program);
        command
    }

    /// Runs a script on it, and returns what it prints.
    pub(crate) fn sh(&self, script: &str) -> String {
        text(&run(self.command("sh").args(["-ec", script])).stdout)
    }

    /// Runs `ip` on it, once for each line.
    pub(crate) fn ip_lines(&self, lines: &str) {
        ip_lines(lines, || self.command("ip"));
    }

    /// Gives a new network namespace that name.
    pub(crate) fn add(&self, name: &str) -> Named<'_> {
        run(self.command("ip").args(["netns", "add", name]));
        let named = Named { machine: self, name: name.to_owned() };
        // Nothing shall send of its own accord.
        named.sh("for each in all default; do \
                      echo 1 > /proc/sys/net/ipv6/conf/$each/disable_ipv6; done");
        named
    }

    /// Starts a process that lives until it is dropped. On the machine, its number is another one.
    pub(crate) fn start(&self, command: &[&str]) -> Sleeper {
        Sleeper::start(self.command(command[0]).args(&command[1..]))
    }
}

/// A network namespace of a machine that has a name.
pub(crate) struct Named<'a> {
    machine: &'a Machine,
    pub(crate) name: String,
}

impl Named<'_> {
    /// A command that runs inside, with a `/sys` that shows the namespace.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.machine.command("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs a script inside.
    pub(crate) fn sh(&self, script: &str) {
        run(self.command("bash").args(["-ec", script]));
    }

    /// Runs `ip` inside, once for each line.
    pub(crate) fn ip_lines(&self, lines: &str) {
        ip_lines(lines, || {
            let mut command = self.machine.command("ip");
            command.args(["-n", &self.name]);
            command
        });
    }

    /// Takes its name away, and with it most likely its life.
    pub(crate) fn delete(self) {
        run(self.machine.command("ip").args(["netns", "del", &self.name]));
    }
}

fn ip_lines(lines: &str, command: impl Fn() -> Command) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        run(command().args(line.split(' ')));
    }
}

/// A process that does nothing until it is dropped.
pub(crate) struct Sleeper {
    process: Child,
    /// Its number, outside.
    pub(crate) pid: u32,
}

impl Sleeper {
    /// The command must become, or have for its only child, a `cat`.
    pub(crate) fn start(command: &mut Command) -> Self {
        let process = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let pid = super::eventually("cat", || {
            let pid = last_descendant(process.id());
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (name == "cat\n").then_some(pid)
        });
        Self { process, pid }
    }

    /// The number of its network namespace.
    pub(crate) fn inode(&self) -> String {
        fs::metadata(format!("/proc/{}/ns/net", self.pid)).unwrap().ino().to_string()
    }

    /// A command that runs in its network namespace, and sees that in its `/sys`.
    pub(crate) fn sh(&self, script: &str) -> String {
        let mut command = Command::new("unshare");
        command.args(["--mount", "nsenter", "--net", "--target", &self.pid.to_string(), "--"]);
        command.args(["sh", "-ec", &format!("mount -t sysfs sysfs /sys; {script}")]);
        text(&run(&mut command).stdout)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// A control group, removed at the end.
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// Under the root of version 2, if that is mounted.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mount = mounts.lines().find_map(|mount| {
            let [_, place, kind, ..] = mount.split(' ').collect::<Vec<_>>()[..] else {
                return None;
            };
            (kind == "cgroup2").then(|| place.to_owned())
        })?;
        let folder = PathBuf::from(mount).join(name);
        fs::create_dir(&folder).ok()?;
        Some(Self(folder))
    }

    pub(crate) fn move_in(&self, living: &Sleeper) {
        fs::write(self.0.join("cgroup.procs"), living.pid.to_string()).unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Those inside may take a moment to be gone.
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        for _ in 0..500 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The process that one became: its child's, and so on.
pub(crate) fn last_descendant(mut pid: u32) -> u32 {
    loop {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        match children.unwrap_or_default().split_whitespace().next() {
            Some(child) => pid = child.parse().unwrap(),
            None => return pid,
        }
    }
}
