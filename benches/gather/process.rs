//! A program that runs in a network namespace and in a control group of its own, so that the kernel
//! counts what it and its children take.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::site::Site;
use crate::workspace::remove_cgroup;
use crate::{Result, namespace::Namespace};

/// Enters the control group before it becomes the program, so that nothing of it is outside.
const ENTER: &str = "echo $$ > \"$0\" && exec \"$@\"";

/// What a process has taken of memory at most.
#[derive(Clone)]
pub(crate) struct Memory {
    pub(crate) process: String,
    pub(crate) bytes: u64,
}

/// A program and its children; killed when it is dropped.
pub(crate) struct Process {
    name: String,
    pub(crate) child: Child,
    cgroup: PathBuf,
    log: PathBuf,
}

impl Process {
    /// Starts it. Its stderr goes to a file, for the error if there is one.
    pub(crate) fn start(
        name: &str,
        command: &[OsString],
        site: &Site<'_>,
        (stdin, stdout): (Stdio, Stdio),
    ) -> Result<Self> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let log = site.workspace.file(&format!("{plain}.log"));
        let stderr = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let cgroup = site.workspace.new_cgroup(&plain)?;
        let child = Command::new("sh")
            .args(["-c", ENTER])
            .arg(cgroup.join("cgroup.procs"))
            .args(site.namespace.command())
            .args(command)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .spawn();
        match child {
            Ok(child) => Ok(Self { name: name.to_owned(), child, cgroup, log }),
            Err(error) => {
                remove_cgroup(&cgroup);
                Err(format!("{name}: {error}"))
            }
        }
    }

    /// User and system time of all its threads and children since the start.
    pub(crate) fn cpu(&self) -> Result<Duration> {
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

    /// An error about it, with what it said itself.
    pub(crate) fn failure(&self, what: &str) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        match log.lines().rfind(|line| !line.trim().is_empty()) {
            Some(said) => format!("{}: {what}; it said: {}", self.name, said.trim()),
            None => format!("{}: {what}", self.name),
        }
    }

    /// That it still runs.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failure(&format!("it has ended, {status}"))),
            Err(error) => Err(self.failure(&error.to_string())),
        }
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
    let [ip, arguments @ ..] = namespace.command();
    let output = Command::new(ip)
        .args(arguments)
        .args(command)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::null())
        .output();
    let name = command.first().map(OsString::as_os_str).unwrap_or_default().display();
    let output = output.map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing");
    Err(format!("{name} has ended, {}; it said: {said}", output.status))
}

fn memory(process: &Path) -> Option<Memory> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key));
    let kib: u64 = value("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(Memory { process: value("Name:")?.trim().to_owned(), bytes: kib * 1024 })
}
