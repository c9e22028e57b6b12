//! What several test programs share: the built plugin, and network namespaces of the test's own.

// Every test program compiles this module and uses a part of it.
#![allow(dead_code)]

pub(crate) mod converted;
pub(crate) mod datagram;
#[cfg(target_os = "linux")]
pub(crate) mod gathers;
pub(crate) mod grammar;
pub(crate) mod json;
pub(crate) mod line;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) mod machine;
#[cfg(target_os = "linux")]
pub(crate) mod made_up;
#[cfg(target_os = "linux")]
pub(crate) mod namespaces;
pub(crate) mod patterns;
#[cfg(target_os = "linux")]
pub(crate) mod plugin;
#[cfg(target_os = "linux")]
pub(crate) mod telegraf;
#[cfg(target_os = "linux")]
pub(crate) mod tmux;
#[cfg(target_os = "linux")]
pub(crate) mod trace;

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[cfg(target_os = "linux")]
pub(crate) use self::linux::*;

/// The plugin's binary.
pub(crate) const PLUGIN: &str = env!("CARGO_BIN_EXE_telegraf-net");

/// Whether this test cannot run for want of something, which it then says. Where
/// `TELEGRAF_NET_NO_SKIP` is set, as in CI, that is a failure.
pub(crate) fn is_skipped_without(what: &str, has_it: bool) -> bool {
    let may_skip = std::env::var_os("TELEGRAF_NET_NO_SKIP").is_none();
    // A test's thread has its name.
    let thread = thread::current();
    let test = thread.name().unwrap_or("this test");
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

/// How long is waited for what comes at once on an idle machine. Nothing waits for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = output(command);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
    output
}

/// Runs a command to its end, with an empty stdin.
pub(crate) fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap())
}

/// Waits for the end of a process, and returns what there is to read until then. One that does not end
/// is killed, and a failure.
pub(crate) fn finish(mut process: Child) -> Output {
    // Nothing more is asked for.
    drop(process.stdin.take());
    let deadline = Instant::now() + 2 * PATIENCE;
    let stdout = read_aside(process.stdout.take());
    let stderr = read_aside(process.stderr.take());
    let mut read = |from: Receiver<Vec<u8>>| {
        let left = deadline.saturating_duration_since(Instant::now());
        from.recv_timeout(left).unwrap_or_else(|_| {
            let _ = process.kill();
            panic!("it does not end")
        })
    };
    let (stdout, stderr) = (read(stdout), read(stderr));
    let status = eventually("the end of a process", || process.try_wait().unwrap());
    Output { status, stdout, stderr }
}

/// Reads all there is until the end, in a thread of its own.
fn read_aside(from: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.map(|mut from| from.read_to_end(&mut bytes).unwrap());
        let _ = sender.send(bytes);
    });
    receiver
}

/// The plugin with these arguments, about this host.
pub(crate) fn plugin(args: &[&str]) -> Command {
    let mut command = Command::new(PLUGIN);
    command.args(args).stdin(Stdio::null()).env_remove("HOST_PROC").env_remove("HOST_SYS");
    command
}

/// Runs it with a configuration file of that text.
pub(crate) fn with_config(config: &str, args: &[&str], env: &[(&str, &str)]) -> (TempDir, Output) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.conf");
    fs::write(&file, config).unwrap();
    let mut command = plugin(args);
    let output = output(command.arg("--config").arg(file).envs(env.iter().copied()));
    (folder, output)
}

/// Says that it is over when it is dropped, so that threads which go on until then end with a test that fails.
pub(crate) struct Ending<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
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
        assert!(start.elapsed() < PATIENCE, "never: {what}");
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
