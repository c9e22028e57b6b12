//! A real Telegraf.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::common::telegraf::plugin;
use crate::common::{eventually, run, text};
use crate::documents::blocks;

/// What every configuration begins with.
pub(crate) const AGENT: &str = "[agent]\n  interval = \"1s\"\n  flush_interval = \"200ms\"\n  hostname = \"node-1\"\n  \
                                skip_processors_after_aggregators = true\n";

/// The folder with all that a Telegraf is told.
pub(crate) struct Configuration {
    folder: TempDir,
}

impl Configuration {
    pub(crate) fn new(telegraf_conf: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("telegraf.d")).unwrap();
        let configuration = Self { folder };
        configuration.write("telegraf.conf", telegraf_conf);
        configuration
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// A text with the places of this folder, and the plugin's, in place of those of a host.
    pub(crate) fn placed(&self, text: &str) -> String {
        let folder = self.folder.path().display();
        text.replace("/usr/bin/telegraf-net", &plugin())
            .replace("/etc/telegraf-net/", &format!("{folder}/"))
            .replace("/etc/telegraf/", &format!("{folder}/"))
    }

    /// Converts the `telegraf.conf` by the commands of docs/MIGRATING.md.
    pub(crate) fn convert(&self) {
        let blocks = blocks("MIGRATING.md", "console");
        let commands = blocks.iter().find(|block| block.contains("> converted")).unwrap();
        for command in commands.lines().filter_map(|line| line.strip_prefix("# ")) {
            let command =
                command.replace("telegraf-net --convert", "/usr/bin/telegraf-net --convert");
            let mut sh = Command::new("sh");
            run(sh.args(["-ec", &self.placed(&command)]).current_dir(self.folder.path()));
            // What it prints names the places of a host, which the next command heeds.
            let converted = fs::read_to_string(self.path("converted")).unwrap();
            self.write("converted", &self.placed(&converted));
        }
    }
}

/// A Telegraf that is killed at the end.
pub(crate) struct Telegraf {
    process: Child,
    log: PathBuf,
}

impl Telegraf {
    /// Starts it by that command.
    pub(crate) fn start(mut command: Command, configuration: &Configuration) -> Self {
        let log_file = configuration.path("log");
        let log = fs::File::create(&log_file).unwrap();
        command.arg("--config").arg(configuration.path("telegraf.conf"));
        command.arg("--config-directory").arg(configuration.path("telegraf.d"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self { process: command.spawn().unwrap(), log: log_file }
    }

    /// Has it read its configuration anew, and returns a time in nanoseconds before which all that was gathered
    /// is of the old one, and behind which nothing is.
    pub(crate) fn reload(&self) -> i64 {
        let starts = || self.log().matches("[agent] Config: ").count();
        let before = starts();
        kill_process(Pid::from_child(&self.process), Signal::HUP).unwrap();
        eventually("a reload", || (starts() > before).then_some(()));
        now()
    }

    /// Whether it has ended by itself, as when it refuses its configuration.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Ends it, and returns what it logged.
    pub(crate) fn stop(mut self) -> String {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        eventually("the end of Telegraf", || self.process.try_wait().unwrap());
        self.log()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Telegraf {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Fails where Telegraf or a plugin of it complains, but for what it says of its own defaults.
#[track_caller]
pub(crate) fn assert_no_complaint(log: &str) {
    let mut complaints =
        log.lines().filter(|line| line.contains(" E! ") || line.contains(" W! [inputs"));
    let complaint =
        complaints.find(|line| !line.contains("deprecated") && !line.contains("DeprecationInfo"));
    assert_eq!(complaint, None, "{log}");
}

/// The time in nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_nanos()).unwrap()
}

/// The lines of a file of Telegraf's, fields in alphabetical order, each with the times at which it came.
pub(crate) fn lines(file: &Path) -> BTreeMap<String, BTreeSet<i64>> {
    let mut lines = BTreeMap::<_, BTreeSet<_>>::new();
    let written = text(&fs::read(file).unwrap_or_default());
    for line in written.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let (line, time) = line.rsplit_once(' ').unwrap();
        let (tags, fields) = line.rsplit_once(' ').unwrap();
        let mut fields: Vec<_> = fields.split(',').collect();
        fields.sort_unstable();
        let line = format!("{tags} {}", fields.join(","));
        lines.entry(line).or_default().insert(time.parse().unwrap());
    }
    lines
}
