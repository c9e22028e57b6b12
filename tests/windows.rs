//! The plugin for Windows, by wine: beside Telegraf for Windows, whose own `inputs.net` is the oracle, and
//! alone.
//!
//! `make test-windows` runs these with the plugin that `TELEGRAF_NET_EXE` names and the Telegraf that
//! `TELEGRAF_EXE` names, in the folder `WINEPREFIX`, which nobody else may use meanwhile. wine tells the
//! interfaces of the network namespace that its server was started in, so that each test has its own of
//! both.

#![cfg(target_os = "linux")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::line::{Line, Parsed};
use common::plugin::config_file;
use common::{
    Netns, eventually, finish, has, is_skipped, is_skipped_without, output, read_part, run, text,
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The tags of a line and its fields.
type Parts = (BTreeMap<String, Vec<u8>>, BTreeMap<String, String>);

/// Whether this test cannot run, which it then says.
fn is_skipped_without_wine() -> bool {
    is_skipped() || is_skipped_without("wine", has("wineserver", "--version"))
}

/// A Windows program that `make test-windows` has built.
fn program(variable: &str) -> String {
    let path = std::env::var(variable);
    path.unwrap_or_else(|_| panic!("{variable} is not set: run `make test-windows`"))
}

fn plugin() -> String {
    program("TELEGRAF_NET_EXE")
}

/// A path as Windows programs have it.
fn windows_path(path: &Path) -> String {
    format!("Z:{}", path.display())
}

/// A network namespace in which wine runs programs.
struct Wine {
    netns: Netns,
}

impl Wine {
    /// Two pairs of interfaces, of which one is down at one end, with names that are awkward and UTF-16;
    /// and packets to one and to all receivers that were counted.
    fn new() -> Self {
        end_server();
        let netns = Netns::new();
        netns.ip_lines(
            "link set lo up
             link add up0 type veth peer name up1
             link add half0 type veth peer name down0
             link add a,b=c type veth peer name \u{fc}\u{1f980}
             link set up0 up
             link set up1 up
             link set half0 up
             link set a,b=c up
             link set \u{fc}\u{1f980} up
             addr add 192.0.2.1/24 broadcast 192.0.2.255 dev up0
             neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev up0",
        );
        let packets = "exec 3>/dev/udp/192.0.2.2/9; for n in 1 2 3; do echo >&3; done";
        run(netns.command("bash").args(["-ec", packets]));
        Self { netns }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.netns.command("wine");
        command.arg(program);
        command
    }

    /// What the plugin prints of that configuration, and logs; its end must be a success.
    fn once(&self, config: &str) -> (Parsed, String) {
        let file = config_file(config);
        let mut command = self.command(&plugin());
        let output = run(command.args(["--once", "--config", &windows_path(file.path())]));
        (Parsed::of(&output.stdout), text(&output.stderr))
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        end_server();
    }
}

/// Ends wine's server and all that it runs.
fn end_server() {
    for option in ["-k", "-w"] {
        // Without one, `-k` fails.
        let _ = Command::new("wineserver").arg(option).output();
    }
}

/// Telegraf for Windows, killed at the end, and its folder.
struct Telegraf {
    process: Child,
    folder: TempDir,
}

/// One `interfaces` option each.
const INTERFACES: [&str; 5] =
    ["[]", "['*']", "['lo', 'down0']", "['up*', 'a,*']", "['UP0', '\u{fc}*']"];

/// Telegraf's configuration, and the plugin's, with one `inputs.net` and one `inputs.execd` for each option.
fn telegraf_conf(folder: &Path) -> String {
    let (plugin, here) = (windows_path(plugin().as_ref()), windows_path(folder));
    let mut conf = format!(
        "[agent]\ninterval = '1s'\nflush_interval = '1s'\nomit_hostname = true\n\
         [[outputs.file]]\nfiles = ['{here}/metrics']\n"
    );
    for (case, interfaces) in INTERFACES.iter().enumerate() {
        let table = format!("[[inputs.net]]\ninterfaces = {interfaces}\n");
        fs::write(folder.join(format!("{case}.conf")), &table).unwrap();
        write!(
            conf,
            "{table}[inputs.net.tags]\nfrom = 'telegraf'\ncase = '{case}'\n\
             [[inputs.execd]]\ncommand = ['{plugin}', '--config', '{here}/{case}.conf']\n\
             signal = 'STDIN'\ndata_format = 'influx'\nprecision = '1s'\n\
             [inputs.execd.tags]\nfrom = 'plugin'\ncase = '{case}'\n"
        )
        .unwrap();
    }
    let file = folder.join("telegraf.conf");
    fs::write(&file, conf).unwrap();
    windows_path(&file)
}

impl Telegraf {
    fn start(wine: &Wine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = wine.command(&program("TELEGRAF_EXE"));
        command.args(["--config", &telegraf_conf(folder.path())]);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self { process: command.spawn().unwrap(), folder }
    }

    /// Ends it as Ctrl-C does, which must come by itself, and returns its log.
    fn stop(&mut self) -> String {
        kill_process(Pid::from_child(&self.process), Signal::INT).unwrap();
        eventually("the end of Telegraf", || self.process.try_wait().unwrap());
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The lines that came so far from one side in one case, less their speeds, each with the times at
    /// which it came.
    fn lines(&self, case: usize, from: &str) -> BTreeMap<Parts, BTreeSet<i64>> {
        let metrics = fs::read(self.folder.path().join("metrics")).unwrap_or_default();
        let whole = metrics.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let mut lines = BTreeMap::<_, BTreeSet<_>>::new();
        for Line { mut tags, mut fields, time } in Parsed::of(&metrics[..whole]).0 {
            let marks = ["case", "from"].map(|tag| text(&tags.remove(tag).unwrap()));
            if marks == [case.to_string(), from.to_owned()] {
                // Telegraf reads it of Linux, below wine.
                fields.remove("speed").unwrap();
                lines.entry((tags, fields)).or_default().insert(time);
            }
        }
        lines
    }
}

impl Drop for Telegraf {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn lines_are_those_of_telegraf_and_a_stop_is_clean() {
    if is_skipped_without_wine() {
        return;
    }
    let wine = Wine::new();
    let mut telegraf = Telegraf::start(&wine);
    let sides = ["telegraf", "plugin"];
    let is_twice =
        |lines: BTreeMap<Parts, BTreeSet<i64>>| lines.values().any(|times| times.len() > 1);
    eventually("two gathers of all", || {
        let mut cases = 0..INTERFACES.len();
        let are_all =
            cases.all(|case| sides.iter().all(|from| is_twice(telegraf.lines(case, from))));
        are_all.then_some(())
    });
    let log = telegraf.stop();
    for level in ["E!", "W!"] {
        assert!(!log.contains(&format!(" {level} [inputs.execd]")), "{log}");
    }
    assert!(!log.contains(" E! "), "{log}");
    for (case, interfaces) in INTERFACES.iter().enumerate() {
        let [theirs, ours] = sides.map(|from| telegraf.lines(case, from).into_keys());
        assert_eq!(ours.collect::<Vec<_>>(), theirs.collect::<Vec<_>>(), "{interfaces}");
    }
    // What is compared is not all zeros, nor the same everywhere.
    let lines = |case| telegraf.lines(case, "plugin").into_keys().collect::<Vec<_>>();
    assert!(lines(1).len() > lines(0).len());
    let of_up0 = |(tags, _): &&Parts| tags["interface"] == b"up0";
    let (_, fields) = lines(0).iter().find(of_up0).cloned().unwrap();
    assert_eq!(fields["packets_sent"], "3i");
}

#[test]
fn telegrafs_own_test_mode_shows_the_lines() {
    if is_skipped_without_wine() {
        return;
    }
    let wine = Wine::new();
    let folder = tempfile::tempdir().unwrap();
    let conf = telegraf_conf(folder.path());
    for round in 0..5 {
        let mut command = wine.command(&program("TELEGRAF_EXE"));
        let output = run(command.args(["--config", &conf, "--test"]));
        let (shown, log) = (text(&output.stdout), text(&output.stderr));
        for from in ["telegraf", "plugin"] {
            for (case, interface) in [(0, "up0"), (1, "lo"), (2, "down0")] {
                let line = format!("> net,case={case},from={from},interface={interface} ");
                assert!(shown.contains(&line), "round {round}: no {line:?} in {shown}\n{log}");
            }
        }
        assert!(!log.contains(" E! "), "round {round}: {log}");
    }
}

#[test]
fn what_windows_tells_beside_counters_is_there() {
    if is_skipped_without_wine() {
        return;
    }
    let wine = Wine::new();
    let (lines, log) = wine.once(
        "[[inputs.net]]\ninclude_down = true\ninterface_exclude = ['half*']\nkind_exclude = ['loopback']\n\
         counters = 'all'\nlink_state = true\ninterface_tags = ['mac', 'kind']\n",
    );
    assert_eq!(log, "I! reading counters by GetIfEntry2\n");
    let mut names = lines.names();
    names.sort_unstable();
    assert_eq!(names.len(), 5, "{names:?}");
    let address = |name: &str| {
        let show = ["-n", &wine.netns.name, "-o", "link", "show", "dev", name];
        let shown = text(&run(Command::new("ip").args(show)).stdout);
        let (_, address) = shown.split_once("link/ether ").unwrap();
        address.split(' ').next().unwrap().to_owned()
    };
    for (name, operstate, oper_status, carrier) in
        [("up0", "\"up\"", 1, 1), ("down0", "\"down\"", 2, 0)]
    {
        let line = lines.line(name);
        assert_eq!(line.tag("mac"), Some(address(name)));
        assert_eq!(line.field("operstate"), Some(operstate), "{line:?}");
        assert_eq!(line.integer("oper_status"), Some(oper_status), "{line:?}");
        assert_eq!(line.integer("mtu"), Some(1500), "{line:?}");
        assert!(line.integer("ifindex") > Some(1), "{line:?}");
        assert_eq!(line.integer("carrier"), Some(carrier), "{line:?}");
        // wine says so of all.
        assert_eq!(line.integer("admin_up"), Some(1), "{line:?}");
        assert_eq!(line.integer("admin_status"), Some(1), "{line:?}");
        for field in ["nonunicast_in", "nonunicast_out", "noproto_in"] {
            assert!(line.integer(field).is_some(), "{field} in {line:?}");
        }
    }
}

#[test]
fn what_only_other_systems_have_is_an_error_that_says_so() {
    if is_skipped_without_wine() {
        return;
    }
    let wine = Wine::new();
    let file = config_file("[[inputs.net]]\n\nhost_proc = '/hostfs/proc'\n");
    let mut command = wine.command(&plugin());
    let output = output(command.args(["--once", "--config", &windows_path(file.path())]));
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{log}");
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    let end = "line 3: \"host_proc\" works on Linux only, and this is Windows: leave it out\n";
    assert!(log.starts_with("E! ") && log.ends_with(end), "{log}");
}

#[test]
fn an_adapter_that_vanishes_costs_only_itself() {
    const GATHERS: usize = 20;
    if is_skipped_without_wine() {
        return;
    }
    let wine = Wine::new();
    let config = config_file("[[inputs.net]]\ninterfaces = ['up*', 'come*']\n");
    let mut command = wine.command(&plugin());
    command.args(["--config", &windows_path(config.path()), "--poll-interval", "1ms"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stdout = process.stdout.take().unwrap();
    let (mut lines, mut part) = (Vec::new(), vec![0; 1 << 16]);
    let mut read = |lines: &mut Vec<u8>| {
        let length = read_part(&mut stdout, &mut part);
        assert_ne!(length, 0, "stdout ended");
        lines.extend_from_slice(&part[..length]);
    };
    read(&mut lines);
    let is_over = AtomicBool::new(false);
    let seen =
        |lines: &[u8], name: &str| text(lines).matches(&format!("interface={name} ")).count();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                wine.netns.ip_lines("link add come0 type veth peer name come1\nlink del come0");
            }
        });
        while seen(&lines, "come0") < GATHERS || seen(&lines, "up0") < 3 * GATHERS {
            read(&mut lines);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    process.stdout = Some(stdout);
    let rest = finish(process);
    lines.extend(rest.stdout);
    let log = text(&rest.stderr);
    assert!(rest.status.success(), "{log}");
    assert!(!log.contains("E! "), "{log}");
    // Those of a gather have its time.
    let mut gathers = BTreeMap::<_, BTreeSet<_>>::new();
    for line in Parsed::of(&lines).0 {
        gathers.entry(line.time).or_default().insert(line.tag("interface").unwrap());
    }
    for names in gathers.values() {
        assert!(["up0", "up1"].iter().all(|name| names.contains(*name)), "{names:?}");
    }
}
