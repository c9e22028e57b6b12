//! What several test programs share: the built plugin, and network namespaces of the test's own.

// Every test program compiles this module and uses a part of it.
#![allow(dead_code)]

pub(crate) mod grammar;
pub(crate) mod line;
pub(crate) mod machine;
pub(crate) mod plugin;
pub(crate) mod trace;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The plugin's binary.
pub(crate) const PLUGIN: &str = env!("CARGO_BIN_EXE_telegraf-net");

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

/// Whether the test cannot run, for want of root or of `ip`, which it then says.
pub(crate) fn is_skipped(test: &str) -> bool {
    // Being root is not enough: a container may not let it.
    let can = |action: &str| {
        let name = format!("telegraf-net-try-{}-{test}", std::process::id());
        let output = Command::new("ip").args(["netns", action, &name]).output();
        output.is_ok_and(|output| output.status.success())
    };
    is_skipped_without(test, "root, and ip of iproute2", can("add") && can("del"))
}

/// Whether the test cannot run for want of something, which it then says. Where
/// `TELEGRAF_NET_NO_SKIP` is set, as in CI, that is a failure.
pub(crate) fn is_skipped_without(test: &str, what: &str, has_it: bool) -> bool {
    let may_skip = std::env::var_os("TELEGRAF_NET_NO_SKIP").is_none();
    assert!(has_it || may_skip, "{test} needs {what}");
    if !has_it {
        // Not eprintln!, whose output is shown only for tests that fail.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: it needs {what}");
    }
    !has_it
}

/// Whether a program can be run.
pub(crate) fn has(program: &str, version_option: &str) -> bool {
    Command::new(program).arg(version_option).output().is_ok()
}

/// A network namespace of the test's own, with only a loopback that is down, removed at the end.
pub(crate) struct Netns {
    pub(crate) name: String,
}

impl Netns {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
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
            self.ip(&line.split(' ').collect::<Vec<_>>());
        }
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
    output
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A log without what is said once of the configuration: entries that match nothing, and lines that two
/// tables write, which many tests have for their own reasons.
pub(crate) fn without_notes(log: &str) -> String {
    let is_note = |line: &&str| {
        line.starts_with("I! ") && line.contains(" at the start (line ")
            || line.starts_with("W! tables ")
    };
    log.split_inclusive('\n').filter(|line| !is_note(line)).collect()
}

/// Asks again and again until there is an answer, for as long as a slow machine may need.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The text of a `/proc/net/dev` with that many interfaces, `if0` and so on.
pub(crate) fn proc_net_dev(interfaces: usize) -> String {
    let mut text = String::from(
        "Inter-|   Receive                                                |  Transmit\n \
         face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
    );
    for number in 0..interfaces {
        writeln!(text, "  if{number}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16").unwrap();
    }
    text
}
