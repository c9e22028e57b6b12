//! A program that runs in a network namespace and in a control group of its own, so that the kernel
//! counts what it and its children take.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::command::Ready;
use crate::namespace::Namespace;
use crate::plan::Plan;
use crate::site::Site;
use crate::workspace::remove_cgroup;

/// Enters the control group before it becomes the program, so that nothing of it is outside.
const ENTER: &str = "echo $$ > \"$0\" && exec \"$@\"";

/// The exit status by which `timeout` says that it had to end a program.
const TIMED_OUT: i32 = 124;

/// What a process has taken of memory at most.
#[derive(Clone)]
pub(crate) struct Memory {
    pub(crate) process: String,
    pub(crate) bytes: u64,
}

/// A program and its children; killed when it is dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    cgroup: PathBuf,
    log: PathBuf,
}

impl Process {
    /// Starts it. Its stderr goes to a file, for the error if there is one.
    pub(crate) fn start(
        ready: &Ready,
        site: &Site<'_>,
        (stdin, stdout): (Stdio, Stdio),
    ) -> Result<Self> {
        let log = ready.folder.join("stderr");
        let stderr = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let cgroup = site.workspace.new_cgroup(&ready.name)?;
        let child = Command::new("sh")
            .args(["-c", ENTER])
            .arg(cgroup.join("cgroup.procs"))
            .args(site.namespace.command())
            .args(&ready.command)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .spawn();
        match child {
            Ok(child) => Ok(Self { child, cgroup, log }),
            Err(error) => {
                remove_cgroup(&cgroup);
                Err(format!("sh: {error}"))
            }
        }
    }

    /// User and system time of all its threads and children since the start.
    pub(crate) fn cpu(&mut self) -> Result<Duration> {
        let file = self.cgroup.join("cpu.stat");
        let text = fs::read_to_string(&file).map_err(|error| self.failure(&error.to_string()))?;
        let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.parse().ok());
        let usage_us = usage.ok_or_else(|| self.failure("cpu.stat has no usage_usec"))?;
        Ok(Duration::from_micros(usage_us))
    }

    /// The peak resident memory of each of its processes.
    pub(crate) fn memory(&self) -> Vec<Memory> {
        let pids = fs::read_to_string(self.cgroup.join("cgroup.procs")).unwrap_or_default();
        pids.lines().filter_map(|pid| memory(&Path::new("/proc").join(pid))).collect()
    }

    /// An error about it: that it has ended, or else what went wrong, and what it said last.
    pub(crate) fn failure(&mut self, what: &str) -> String {
        let what = match self.end() {
            Ok(Some(status)) => has_ended(status),
            _ => what.to_owned(),
        };
        let log = fs::read(&self.log).unwrap_or_default();
        format!("{what}; {}", last_said(&log))
    }

    /// That it still runs.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failure(&has_ended(status))),
            Err(error) => Err(self.failure(&error.to_string())),
        }
    }

    /// That it has logged no error, as Telegraf does when one of its inputs fails and it goes on.
    pub(crate) fn check_log(&mut self) -> Result<()> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        if log.contains(" E! ") { Err(self.failure("it has logged an error")) } else { Ok(()) }
    }

    /// How it has ended, if it has. What it wrote to ends a moment before it does.
    fn end(&mut self) -> std::io::Result<Option<ExitStatus>> {
        for _ in 0..20 {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(None)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        remove_cgroup(&self.cgroup);
    }
}

/// Runs a program to its end inside the namespace, and returns what it printed.
pub(crate) fn output(command: &[OsString], namespace: &Namespace) -> Result<Vec<u8>> {
    let output = Command::new("timeout")
        .args(["-k", "5"])
        .arg(Plan::PATIENCE.as_secs().to_string())
        .args(namespace.command())
        .args(command)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::null())
        .output();
    let output = output.map_err(|error| format!("timeout: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let what = match output.status.code() {
        Some(TIMED_OUT) => format!("it does not end within {:?}", Plan::PATIENCE),
        _ => has_ended(output.status),
    };
    Err(format!("{what}; {}", last_said(&output.stderr)))
}

fn has_ended(status: ExitStatus) -> String {
    format!("it has ended, {status}")
}

/// The last line of what a program has written to stderr.
fn last_said(stderr: &[u8]) -> String {
    let stderr = String::from_utf8_lossy(stderr);
    match stderr.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => format!("it said: {}", line.trim()),
        None => "it said nothing".to_owned(),
    }
}

fn memory(process: &Path) -> Option<Memory> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key));
    let kib: u64 = value("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(Memory { process: value("Name:")?.trim().to_owned(), bytes: kib * 1024 })
}
