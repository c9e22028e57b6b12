//! What only Linux has: network namespaces, `/proc`, and pipes to wait for.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write as _};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::machine::last_descendant;
use super::{PATIENCE, eventually, finish, is_skipped_without, output, run, text};

/// Names that are awkward to line protocol, to patterns or to `/proc/net/dev`, and legal in Linux.
pub(crate) const ODD_NAMES: &[&[u8]] = &[
    b"a,b",
    b"c=d",
    b"e\"f",
    br"g\h",
    br"i\",
    br"\",
    br"\\dd",
    br"p\,q",
    br"t\=u",
    br"\n",
    b"{j}",
    b"k'l",
    br#"q\"=r"#,
    b"[m]",
    b"#o",
    b"!r",
    b"ctl\x01\x7f",
    "🦀".as_bytes(),
    b"bad\xff\xc3",
    "\u{3000}wide\u{2003}".as_bytes(),
    "\u{3000}".as_bytes(),
    b"0123456789abcde",
];

/// Whether this test cannot run, for want of root or of `ip`, which it then says.
pub(crate) fn is_skipped() -> bool {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Being root is not enough: a container may not let it.
    let can = |action: &str| {
        let name = format!("telegraf-net-try-{}-{number}", std::process::id());
        let output = Command::new("ip").args(["netns", action, &name]).output();
        output.is_ok_and(|output| output.status.success())
    };
    is_skipped_without("root, and ip of iproute2", can("add") && can("del"))
}

/// A network namespace of the test's own, with only a loopback that is down, removed at the end.
pub(crate) struct Netns {
    pub(crate) name: String,
}

impl Netns {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static SWEPT: Once = Once::new();
        SWEPT.call_once(remove_left_over);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("telegraf-net-test-{}-{number}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]));
        let netns = Self { name };
        // Nothing shall send of its own accord: counters stand still unless the test moves them.
        for key in ["all", "default"] {
            let setting = format!("net.ipv6.conf.{key}.disable_ipv6");
            let file = format!("/proc/sys/{}", setting.replace('.', "/"));
            run(netns.command("sh").args(["-c", &format!("echo 1 > {file}")]));
        }
        netns
    }

    /// One with a loopback and a pair that are up and have had packets, and whose counters stand still.
    pub(crate) fn quiet() -> Self {
        let netns = Self::new();
        netns.ip_lines(
            "link set lo up
             link add up0 type veth peer name up1
             addr add 10.99.0.1/24 dev up0
             link set up0 up
             link set up1 up
             neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev up0",
        );
        let script = "for n in 1 2 3 4 5 6 7; do echo $n > /dev/udp/10.99.0.2/9; done";
        run(netns.command("bash").args(["-c", script]));
        netns
    }

    /// A command that runs inside, with a `/sys` that shows the namespace.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Moves the calling thread inside, and with it the threads that it starts from now on.
    pub(crate) fn enter(&self) {
        let netns = File::open(format!("/run/netns/{}", self.name)).unwrap();
        move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }

    /// Runs `ip -batch` inside, which is quicker than one `ip` for each line.
    pub(crate) fn ip_batch(&self, lines: &str) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, lines).unwrap();
        run(Command::new("ip").args(["-n", &self.name, "-batch"]).arg(file.path()));
    }

    /// Runs `ip` inside, with arguments that may be any bytes.
    pub(crate) fn ip<S: AsRef<OsStr>>(&self, args: &[S]) {
        run(Command::new("ip").arg("-n").arg(&self.name).args(args));
    }

    /// Runs `ip` inside, once for each line.
    pub(crate) fn ip_lines(&self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["link", "set", name, "name", new_name] => self.rename(name, new_name),
                ref args => self.ip(args),
            }
        }
    }

    /// Renames an interface; where the kernel does that to none that is up, it is down meanwhile.
    fn rename(&self, name: &str, new_name: &str) {
        let rename = ["link", "set", name, "name", new_name];
        let output = output(Command::new("ip").args(["-n", &self.name]).args(rename));
        if output.status.success() {
            return;
        }
        let said = text(&output.stderr);
        assert!(said.contains("Device or resource busy"), "{rename:?}: {said}");
        self.ip(&["link", "set", name, "down"]);
        self.ip(&rename);
        self.ip(&["link", "set", new_name, "up"]);
    }
}

/// Removes the network namespaces of test processes that are gone: one that is killed cannot remove its
/// own.
pub(crate) fn remove_left_over() {
    let Ok(names) = std::fs::read_dir("/run/netns") else { return };
    for name in names.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let ours = ["telegraf-net-test-", "telegraf-net-try-"];
        let Some(rest) = ours.iter().find_map(|prefix| name.strip_prefix(prefix)) else { continue };
        let Some((pid, _)) = rest.split_once('-') else { continue };
        let is_number = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && !Path::new("/proc").join(pid).exists() {
            // Another test process may do the same at once.
            let _ = Command::new("ip").args(["netns", "del", &name]).output();
        }
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// Waits for the end of a process, and returns how long that took, less the time that it, the process that
/// it runs or this thread was kept from running by others, as on a busy machine.
pub(crate) fn end_of(process: &mut Child) -> (ExitStatus, Duration) {
    let pid = Pid::from_child(process);
    let threads =
        [process.id(), last_descendant(process.id())].map(|pid| pid.to_string()).into_iter();
    let threads: BTreeSet<_> = threads.chain(["thread-self".to_owned()]).collect();
    let kept = || threads.iter().map(|thread| kept_waiting(thread)).sum::<Duration>();
    let (start, kept_before) = (Instant::now(), kept());
    let mut kept_at_last = kept_before;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    eventually("the end", || {
        // That of one that is gone is no more.
        kept_at_last = kept_at_last.max(kept());
        waitid(WaitId::Pid(pid), options).unwrap()
    });
    let took = start.elapsed().saturating_sub(kept_at_last.saturating_sub(kept_before));
    (process.wait().unwrap(), took)
}

/// How long a thread was ready to run, and did not (`/proc/PID/schedstat`).
fn kept_waiting(thread: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{thread}/schedstat")).unwrap_or_default();
    let waited = stat.split_whitespace().nth(1).and_then(|waited| waited.parse().ok());
    Duration::from_nanos(waited.unwrap_or_default())
}

/// What turns a command into one of a user who is nobody in particular.
pub(crate) const NOBODY: [&str; 6] =
    ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

/// Asks a plugin for so many gathers, each when the one before has begun, and ends it. Returns its output.
pub(crate) fn ask_and_finish(mut process: Child, gathers: usize) -> Output {
    let mut stdin = process.stdin.take().unwrap();
    for _ in 0..gathers {
        // One that has ended reads nothing.
        let _ = stdin.write_all(b"\n");
        let mut is_over = || process.try_wait().unwrap().is_some();
        eventually("that it is read", || {
            (rustix::io::ioctl_fionread(&stdin) == Ok(0) || is_over()).then_some(())
        });
    }
    drop(stdin);
    finish(process)
}

/// Reads what is there, and nothing at the end. That neither comes is a failure.
pub(crate) fn read_part(from: &mut (impl Read + AsFd), bytes: &mut [u8]) -> usize {
    let patience = Timespec::try_from(PATIENCE).unwrap();
    let ready = poll(&mut [PollFd::new(from, PollFlags::IN)], Some(&patience));
    assert_ne!(ready, Ok(0), "nothing comes");
    from.read(bytes).unwrap()
}

/// Reads all there is until the end, which must come.
pub(crate) fn read_all(from: &mut (impl Read + AsFd)) -> Vec<u8> {
    let (mut bytes, mut part) = (Vec::new(), vec![0; 1 << 20]);
    loop {
        match read_part(from, &mut part) {
            0 => return bytes,
            length => bytes.extend_from_slice(&part[..length]),
        }
    }
}
