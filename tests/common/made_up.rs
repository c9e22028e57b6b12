//! The plugin as Telegraf runs it, with the made-up interfaces of a folder.

use std::fs;
use std::io::{PipeReader, PipeWriter, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{PLUGIN, end_of, eventually, proc_net_dev, read_all, read_part};

/// How soon the plugin ends, whatever it is doing.
pub(crate) const END: Duration = Duration::from_secs(1);

/// A plugin that reports the made-up interfaces of a folder, and is killed at the end.
pub(crate) struct Plugin {
    pub(crate) process: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) folder: TempDir,
}

impl Plugin {
    pub(crate) fn start(interfaces: usize, args: &[&str]) -> Self {
        let mut command = Command::new(PLUGIN);
        command.args(args);
        Self::start_as(command, interfaces)
    }

    pub(crate) fn start_as(command: Command, interfaces: usize) -> Self {
        Self::start_with(command, interfaces, std::io::pipe().unwrap())
    }

    /// Starts it with that pipe for its stdout.
    pub(crate) fn start_with(
        mut command: Command,
        interfaces: usize,
        (reader, writer): (PipeReader, PipeWriter),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_dev(folder.path(), &proc_net_dev(interfaces));
        fs::write(folder.path().join("net/snmp"), "").unwrap();
        command.env("HOST_PROC", folder.path()).env("HOST_SYS", folder.path());
        command.stdin(Stdio::piped()).stdout(writer);
        command.stderr(fs::File::create(folder.path().join("log")).unwrap());
        let mut process = command.spawn().unwrap();
        // It has the pipe's end too.
        drop(command);
        let (stdin, stdout) = (process.stdin.take(), Some(OwnedFd::from(reader).into()));
        let plugin = Self { process, stdin, stdout, folder };
        // Under HOST_PROC it says so once it is ready, with its signal handlers in place.
        eventually("the line at the start", || plugin.log().contains("! reading ").then_some(()));
        plugin
    }

    pub(crate) fn trigger(&mut self, newlines: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(newlines).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Reads exactly that many lines, waiting for them.
    pub(crate) fn read_lines(&mut self, count: usize) -> Vec<String> {
        let mut bytes = Vec::new();
        let newlines = |bytes: &[u8]| bytes.split(|&byte| byte == b'\n').count() - 1;
        while newlines(&bytes) < count {
            let mut part = vec![0; 1 << 20];
            let length = read_part(self.stdout.as_mut().unwrap(), &mut part);
            assert_ne!(length, 0, "stdout ended before there were {count} lines");
            bytes.extend_from_slice(&part[..length]);
        }
        let lines = lines(&bytes);
        assert_eq!(lines.len(), count);
        lines
    }

    /// Nothing comes for a while.
    pub(crate) fn assert_silent(&mut self) {
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(self.unread(), 0, "lines that nobody asked for");
    }

    /// Asks for gathers until nothing more fits, since nobody reads.
    pub(crate) fn fill_pipe(&mut self) {
        eventually("a full pipe", || {
            self.trigger(b"\n");
            self.has_full_pipe().then_some(())
        });
    }

    pub(crate) fn has_full_pipe(&self) -> bool {
        let size = rustix::pipe::fcntl_getpipe_size(self.stdout.as_ref().unwrap()).unwrap();
        // Short writes leave a part of each page empty.
        self.unread() > size as u64 / 10 * 9
    }

    pub(crate) fn unread(&self) -> u64 {
        rustix::io::ioctl_fionread(self.stdout.as_ref().unwrap()).unwrap()
    }

    /// Waits for the end, which must come within [`END`] and with status 0.
    pub(crate) fn assert_ends(&mut self) {
        let status = self.wait();
        assert!(status.success(), "{status}: {}", self.log());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let (status, took) = end_of(&mut self.process);
        assert!(took < END, "it took {took:?}");
        status
    }

    /// What is left in stdout once the plugin has ended.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        lines(&read_all(self.stdout.as_mut().unwrap()))
    }

    /// How many bytes the plugin's writes were, and how many writes.
    #[cfg(not(feature = "threads"))]
    pub(crate) fn written(&self) -> (u64, u64) {
        let io = fs::read_to_string(format!("/proc/{}/io", self.process.id())).unwrap();
        let value = |key: &str| {
            let line = io.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.trim().parse().unwrap()
        };
        (value("wchar:"), value("syscw:"))
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn write_dev(folder: &Path, text: &str) {
    fs::create_dir_all(folder.join("net")).unwrap();
    fs::write(folder.join("net/dev"), text).unwrap();
}

/// The lines of a text, each of which must be whole.
pub(crate) fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "cut: {:?}", text.lines().last());
    for line in text.lines() {
        let (head, time) = line.rsplit_once(' ').unwrap();
        let is_whole = head.ends_with(",speed=-1i") || head.ends_with(",drop_out=12i");
        assert!(line.starts_with("net,interface=if") && is_whole, "{line:?}");
        assert_eq!(time.len(), 19, "{line:?}");
    }
    text.lines().map(String::from).collect()
}
