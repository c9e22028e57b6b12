//! What a process asks of the kernel, by strace.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use super::{eventually, has, is_skipped, is_skipped_without};

/// The system calls of a plugin, of all its threads, while it is being traced.
pub(crate) struct Trace {
    strace: Child,
    file: NamedTempFile,
}

impl Trace {
    pub(crate) fn of_process(pid: u32) -> Self {
        Self::with(&["-f"], pid)
    }

    /// Has calls go wrong as strace's option `inject` says, until this is dropped.
    pub(crate) fn injecting(what: &str, pid: u32) -> Self {
        Self::with(&["-f", "-e", &format!("inject={what}")], pid)
    }

    /// The same for calls that have to do with these files.
    pub(crate) fn injecting_at(paths: &[String], what: &str, pid: u32) -> Self {
        let inject = format!("inject={what}");
        let mut options = vec!["-f", "-e", &inject];
        options.extend(paths.iter().flat_map(|path| ["-P", path]));
        Self::with(&options, pid)
    }

    /// The same for the thread of that name alone.
    pub(crate) fn injecting_in(thread: &str, what: &str, pid: u32) -> Self {
        let is_it = |task: &PathBuf| {
            fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == thread)
        };
        let task = eventually(thread, || {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
            tasks.map(|task| task.unwrap().path()).find(is_it)
        });
        let id = task.file_name().unwrap().to_str().unwrap().parse().unwrap();
        Self::with(&["-e", &format!("inject={what}")], id)
    }

    fn with(options: &[&str], pid: u32) -> Self {
        let file = NamedTempFile::new().unwrap();
        let mut command = Command::new("strace");
        command.args(options).arg("-o").arg(file.path());
        command.args(["-p", &pid.to_string()]).stderr(Stdio::null());
        let trace = Self { strace: command.spawn().unwrap(), file };
        let is_traced = |task: PathBuf| {
            let status = fs::read_to_string(task.join("status")).unwrap();
            !status.contains("TracerPid:\t0\n")
        };
        let task = PathBuf::from(format!("/proc/{pid}"));
        let has_all = options.contains(&"-f");
        eventually("strace", || {
            let mut tasks = fs::read_dir(task.join("task")).unwrap();
            let are_traced = tasks.all(|task| !has_all || is_traced(task.unwrap().path()));
            (are_traced && is_traced(task.clone())).then_some(())
        });
        trace
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    /// The beginnings of the calls from the one that read that word to the one that read the other.
    pub(crate) fn between(&self, first: &str, last: &str) -> Vec<String> {
        let text = eventually(last, || Some(self.text()).filter(|text| text.contains(last)));
        let lines = text.lines().skip_while(|line| !line.contains(first)).skip(1);
        let mut is_over = false;
        let lines = lines.take_while(|line| !std::mem::replace(&mut is_over, line.contains(last)));
        // A call that another thread's calls came between has two lines.
        let is_call = |line: &&str| line.contains('(') && !line.contains(" resumed>");
        lines.filter(is_call).map(|line| line.chars().take(60).collect()).collect()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // strace leaves the plugin alone then.
        let _ = kill_process(Pid::from_child(&self.strace), Signal::INT);
        let _ = self.strace.wait();
    }
}

/// Whether the test cannot run, for want of root, `ip` or strace.
pub(crate) fn is_skipped_without_strace() -> bool {
    is_skipped() || is_skipped_without("strace", has("strace", "-V"))
}
