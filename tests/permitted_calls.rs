//! The system calls that each mode takes, as strace sees them from the start to the end: none that
//! docs/SECURITY.md does not list for it.

// Other processors have other calls.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::NamedTempFile;

use common::machine::{Machine, Named, last_descendant};
use common::plugin::{Daemon, config_file};
use common::tmux::{self, Tmux};
use common::trace::is_skipped_without_strace;
use common::{NOBODY, PLUGIN, eventually, output, text};

const SECURITY: &str = include_str!("../docs/SECURITY.md");

/// All that is read besides counters; the rest of the table follows.
const EVERYTHING: &str = "[[inputs.net]]\ninterfaces = ['*']\ncounters = 'all'\nlink_state = true\nrates = true\n\
    interface_tags = ['alias', 'altname', 'mac', 'kind', 'driver', 'master']\n\
    protocols = ['ip', 'icmp', 'tcp', 'udp', 'ip6', 'icmp6', 'udp6', 'tcpext', 'ipext', 'sockstat', 'sockstat6', 'softnet']\n\
    interface_protocols = ['ip6', 'icmp6']\nspeed_refresh = '0s'\n";

const NAMESPACES: &str = "namespace_include = ['', '*']\nnamespace_discovery = 'processes'\n";

/// All three that docs/NAMESPACES.md names.
const CAPABILITIES: &str = "+sys_admin,+sys_ptrace,+dac_read_search";

/// The system calls of the table, by its first column.
fn documented() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let rows = SECURITY.lines().skip_while(|line| !line.starts_with("| for | system calls |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &'static str| {
        let [purpose, calls] = line.trim_matches('|').split('|').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        (purpose.trim(), calls.trim().split(' ').map(|call| call.trim_matches('`')).collect())
    };
    rows.map(row).collect()
}

/// The calls in a file of strace's, from when the plugin has started.
fn traced(file: &NamedTempFile) -> BTreeSet<String> {
    let trace = fs::read_to_string(file).unwrap();
    let is_start = |line: &&str| line.contains("execve(") && line.contains(PLUGIN);
    let calls = trace.lines().skip_while(|line| !is_start(line)).filter_map(|line| {
        let call = line.trim_start_matches(|byte: char| byte.is_ascii_digit()).trim_start();
        Some(call.split_once('(')?.0.to_owned())
    });
    calls
        .filter(|call| call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        .collect()
}

/// The command `strace`, which runs the plugin by these words and tells that file of it.
fn under_strace(mut command: Command, by: &[&str], file: &NamedTempFile) -> Command {
    command.args(["-f", "-qq", "-o"]).arg(file.path()).args(by).arg(PLUGIN);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Checked {
    documented: BTreeMap<&'static str, BTreeSet<&'static str>>,
    unlisted: Vec<String>,
}

impl Checked {
    /// Whether what was called stands in these rows of the table.
    fn check(&mut self, what: &str, file: &NamedTempFile, rows: &[&str]) {
        let of_all = ["start and end", "all that reads"];
        let rows = || of_all.iter().chain(rows).map(|row| &self.documented[row]);
        let called = traced(file);
        assert!(called.contains("execve") && called.contains("write"), "{what}: {called:?}");
        let is_unlisted = |call: &&String| !rows().any(|row| row.contains(call.as_str()));
        let unlisted: Vec<_> = called.iter().filter(is_unlisted).collect();
        if !unlisted.is_empty() {
            self.unlisted.push(format!("{unlisted:?} for {what:?}"));
        }
    }

    /// Runs the daemon for some gathers, with interfaces that change between them; as root, and by these
    /// words as another user.
    fn daemon(&mut self, of: &Named<'_>, (config, by): (&str, &[&str]), rows: &[&str]) {
        for by in [&[], by] {
            self.daemon_by(by, of, config, rows);
        }
    }

    fn daemon_by(&mut self, by: &[&str], of: &Named<'_>, config: &str, rows: &[&str]) {
        let file = NamedTempFile::new().unwrap();
        let mut daemon = Daemon::start_as(under_strace(of.command("strace"), by, &file), config);
        daemon.batch_until("net,interface=all ");
        of.ip_lines(
            "link set v0 down\nlink set v0 name w0\nlink set w0 up\nlink add passing type bridge",
        );
        daemon.batch_until("net,interface=all ");
        of.ip_lines("link del passing\nlink set w0 down\nlink set w0 name v0\nlink set v0 up");
        // Not strace, which would pass nothing on.
        let pid = rustix::process::Pid::from_raw(last_descendant(daemon.pid()).cast_signed());
        rustix::process::kill_process(pid.unwrap(), Signal::USR1).unwrap();
        daemon.rest_until("net,interface=all ");
        daemon.end_and_tell_all();
        self.check(config, &file, rows);
    }

    /// Runs another command to its end.
    fn command(&mut self, on: &Machine, args: &[&str], rows: &[&str]) {
        let file = NamedTempFile::new().unwrap();
        // That of --check is 1 where there is something to say.
        output(under_strace(on.command("strace"), &[], &file).args(args));
        self.check(&args.join(" "), &file, rows);
    }
}

#[test]
fn each_mode_takes_the_system_calls_that_are_documented_and_no_others() {
    if is_skipped_without_strace() || tmux::is_skipped() {
        return;
    }
    let machine = Machine::new();
    let named = ["blue", "green"].map(|name| {
        let named = machine.add(name);
        named.ip_lines(
            "link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\nlink set lo up",
        );
        named
    });
    let [here, _other] = &named;
    let _living = machine.start(&["unshare", "--net", "cat"]);
    let with = |source: &str, more: &str| format!("{EVERYTHING}source = '{source}'\n{more}");
    let mut checked = Checked { documented: documented(), unlisted: Vec::new() };

    let (netlink, others) = ("netlink", "other network namespaces");
    let capabilities = ["--inh-caps", CAPABILITIES, "--ambient-caps", CAPABILITIES];
    let privileged = [&NOBODY[..], &capabilities].concat();
    checked.daemon(here, (&with("netlink", ""), &NOBODY), &[netlink]);
    checked.daemon(here, (&with("procfs", ""), &NOBODY), &[]);
    checked.daemon(here, (&with("auto", NAMESPACES), &privileged), &[netlink, others]);
    checked.daemon(here, (&with("procfs", NAMESPACES), &privileged), &[others]);
    let host_proc = "host_proc = '/proc/1/root/proc'\nhost_sys = '/proc/1/root/sys'\n";
    checked.daemon(here, (&with("auto", host_proc), &privileged), &[netlink, others]);

    let config = config_file(&with("auto", NAMESPACES));
    let config = config.path().to_str().unwrap();
    let telegraf = config_file("[[inputs.net]]\n[[outputs.file]]\n");
    let telegraf = telegraf.path().to_str().unwrap();
    let people = "what people look at";
    checked.command(&machine, &["--once", "--config", config], &[netlink, others]);
    checked.command(
        &machine,
        &["--once", "--format", "json", "--config", config],
        &[netlink, others],
    );
    checked.command(
        &machine,
        &["--once", "--format", "table", "--config", config],
        &[netlink, others, people],
    );
    checked.command(&machine, &["--explain", "--config", config], &[netlink, others, people]);
    checked.command(&machine, &["--check", "--config", config], &[netlink, others, people]);
    checked.command(
        &machine,
        &["--check", "--telegraf", telegraf, "--config", config],
        &[netlink, others, people],
    );
    checked.command(&machine, &["--convert", telegraf], &[]);
    checked.command(&machine, &["--version"], &[]);
    checked.command(&machine, &["--help"], &[]);

    let file = NamedTempFile::new().unwrap();
    let terminal = Tmux::start(&[], (80, 24));
    terminal.type_line(&format!(
        "strace -f -qq -o {} {PLUGIN} --watch --config {config}",
        file.path().display()
    ));
    eventually("the end of the screen", || {
        terminal.press("q");
        text(&fs::read(&file).unwrap()).contains("exit_group").then_some(())
    });
    checked.check("--watch", &file, &[netlink, others, people]);
    assert!(
        checked.unlisted.is_empty(),
        "docs/SECURITY.md does not list\n{}",
        checked.unlisted.join("\n")
    );
}
