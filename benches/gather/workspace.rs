//! What a run makes on the machine, and removes again however it ends: a control group with the
//! processes, network namespaces, and a folder.

use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use tempfile::TempDir;

use crate::Result;

/// One at a time removes things, and who was interrupted does not let the other go on.
static REMOVING: Mutex<()> = Mutex::new(());

/// The exit status of a program that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// Everything that this run has made.
pub(crate) struct Workspace {
    /// What all of it is called, or begins with.
    pub(crate) name: String,
    cgroup: PathBuf,
    folder: TempDir,
}

impl Workspace {
    /// Makes a control group and a folder, and sees to it that an interrupt removes them.
    pub(crate) fn new() -> Result<Self> {
        let name = format!("telegraf-net-bench-{}", std::process::id());
        let folder = tempfile::tempdir().map_err(|error| format!("a folder: {error}"))?;
        let cgroup = cgroup_root()?.join(&name);
        let workspace = Self { name, cgroup, folder };
        workspace.remove_at_interrupt()?;
        make_cgroup(&workspace.cgroup)?;
        Ok(workspace)
    }

    /// Makes a control group for one program. The kernel counts the CPU time of all its processes
    /// and threads there, by the nanosecond, also of those that have ended.
    pub(crate) fn new_cgroup(&self, name: &str) -> Result<PathBuf> {
        let cgroup = self.cgroup.join(name);
        make_cgroup(&cgroup)?;
        Ok(cgroup)
    }

    /// Makes a folder for one program.
    pub(crate) fn new_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.path().join(name);
        fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }

    fn remove_at_interrupt(&self) -> Result<()> {
        let (mut interrupts, sender) = UnixStream::pair().map_err(|error| error.to_string())?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let sender = sender.try_clone().map_err(|error| error.to_string())?;
            pipe::register(signal, sender).map_err(|error| format!("signals: {error}"))?;
        }
        let (name, cgroup) = (self.name.clone(), self.cgroup.clone());
        let folder = self.folder.path().to_owned();
        thread::spawn(move || {
            // The sender is kept: an end would be none of an interrupt.
            let _sender = sender;
            let _ = interrupts.read(&mut [0]);
            let _lock = REMOVING.lock().unwrap_or_else(PoisonError::into_inner);
            remove(&name, &cgroup);
            let _ = fs::remove_dir_all(folder);
            std::process::exit(INTERRUPTED);
        });
        Ok(())
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _lock = REMOVING.lock().unwrap_or_else(PoisonError::into_inner);
        remove(&self.name, &self.cgroup);
    }
}

/// Kills all that runs in a control group, and removes it.
pub(crate) fn remove_cgroup(cgroup: &Path) {
    let _ = fs::write(cgroup.join("cgroup.kill"), "1");
    for _ in 0..200 {
        if fs::remove_dir(cgroup).is_ok() || !cgroup.exists() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn remove(name: &str, cgroup: &Path) {
    for program in entries(cgroup).filter(|path| path.is_dir()) {
        remove_cgroup(&program);
    }
    remove_cgroup(cgroup);
    for namespace in entries(Path::new("/run/netns")) {
        let Some(namespace) = namespace.file_name().and_then(|file| file.to_str()) else {
            continue;
        };
        if namespace.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')) {
            let mut ip = Command::new("ip");
            let _ = ip.args(["netns", "del", namespace]).stdin(Stdio::null()).status();
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// Where control groups of version 2 are mounted.
fn cgroup_root() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mount = mounts.lines().find_map(|mount| {
        let mut words = mount.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then_some(place)
    });
    let mount = mount.ok_or("control groups of version 2 are not mounted: mount -t cgroup2")?;
    Ok(mount.into())
}

fn make_cgroup(cgroup: &Path) -> Result<()> {
    fs::create_dir(cgroup).map_err(|error| format!("control group {}: {error}", cgroup.display()))
}
