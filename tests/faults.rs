//! Netlink forbidden, as by the seccomp filter of a container: every gather answers by procfs.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::thread;

use common::machine::last_descendant;
use common::plugin::{Batch, Daemon, assert_same};
use common::trace::{Trace, is_skipped_without_strace};
use common::{Netns, PLUGIN, has, is_skipped, is_skipped_without, text};
use libc::{AF_NETLINK, EACCES, EAFNOSUPPORT, EPERM, NETLINK_GENERIC};
use libc::{SYS_bind, SYS_recvfrom, SYS_recvmsg, SYS_sendmsg, SYS_sendto, SYS_socket};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};
use tempfile::NamedTempFile;

/// All interfaces, and those that only flags select; protocol statistics last.
const CONFIG: &str = "[[inputs.net]]\ninterfaces = ['*']\nignore_protocol_stats = true\nsource = 'SOURCE'\n\
                      [[inputs.net]]\nsource = 'SOURCE'\n";

/// System calls that fail: one with these first arguments, each with its place, or several with any.
struct Forbidden {
    calls: Vec<(i64, Vec<(u8, i32)>)>,
    /// With zero, they do nothing and say that it went well.
    errno: i32,
}

impl Forbidden {
    fn socket(arguments: &[(u8, i32)], errno: i32) -> Self {
        Self { calls: vec![(SYS_socket, arguments.to_vec())], errno }
    }

    fn calls(calls: &[i64], errno: i32) -> Self {
        Self { calls: calls.iter().map(|&call| (call, vec![])).collect(), errno }
    }

    fn filter(&self) -> BpfProgram {
        let condition = |&(place, value): &(u8, i32)| {
            let value = u64::try_from(value).unwrap();
            SeccompCondition::new(place, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value).unwrap()
        };
        let rules = self.calls.iter().map(|(call, arguments)| {
            let conditions: Vec<_> = arguments.iter().map(condition).collect();
            // Without a rule, any arguments do.
            let rule = (!conditions.is_empty()).then(|| SeccompRule::new(conditions).unwrap());
            (*call, rule.into_iter().collect())
        });
        let errno = SeccompAction::Errno(self.errno.try_into().unwrap());
        let machine = std::env::consts::ARCH.try_into().unwrap();
        SeccompFilter::new(rules.collect(), SeccompAction::Allow, errno, machine)
            .unwrap()
            .try_into()
            .unwrap()
    }

    /// Starts a command that cannot shake the filter off.
    fn spawn(&self, mut command: Command) -> Child {
        let filter = self.filter();
        let start = move || {
            apply_filter(&filter).unwrap();
            command.spawn().unwrap()
        };
        thread::spawn(start).join().unwrap()
    }
}

/// A namespace with interfaces of several states and speeds.
fn namespace() -> Netns {
    let netns = Netns::new();
    netns.ip_lines(
        "link set lo up
         link add up0 type veth peer name up1
         addr add 10.99.0.1/24 dev up0
         link set up0 up
         link set up1 up
         neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev up0
         link add half0 type veth peer name half1
         link set half0 up
         link add ifb7 type ifb
         link set ifb7 up
         link add br0 type bridge",
    );
    let script = "for n in 1 2 3 4 5 6 7; do echo $n > /dev/udp/10.99.0.2/9; done";
    netns.command("bash").args(["-c", script]).output().unwrap();
    netns
}

/// The plugin in a namespace, with its `/sys`; `ip netns exec` would itself need netlink.
fn plugin(netns: &Netns) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{}", netns.name));
    let script = "mount -t sysfs sysfs /sys && exec \"$0\" \"$@\"";
    command.args(["unshare", "--mount", "sh", "-c", script, PLUGIN]);
    command.env_remove("HOST_PROC").env_remove("HOST_SYS");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The plugin in a namespace, with the `/sys` of another.
fn plugin_with_foreign_sys(netns: &Netns) -> Command {
    let mut command = Command::new("nsenter");
    command.args([&format!("--net=/run/netns/{}", netns.name), PLUGIN]);
    command
}

/// Lines less their timestamps.
fn without_time(lines: &str) -> Vec<String> {
    lines.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

fn config(source: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, CONFIG.replace("SOURCE", source)).unwrap();
    file
}

/// What `--once` reports and logs.
fn once(netns: &Netns, forbidden: &Forbidden, source: &str) -> (Vec<String>, String) {
    let config = config(source);
    let mut command = plugin(netns);
    command.arg("--once").arg("--config").arg(config.path());
    let output = forbidden.spawn(command).wait_with_output().unwrap();
    let log = text(&output.stderr);
    assert!(output.status.success(), "{}: {log}", output.status);
    (without_time(&text(&output.stdout)), log)
}

/// What the daemon reports in each of several gathers, and what it logs in all its life.
fn daemon(netns: &Netns, forbidden: &Forbidden, source: &str) -> (Vec<Vec<String>>, String) {
    let config = config(source);
    let mut command = plugin(netns);
    command.arg("--config").arg(config.path());
    let mut process = forbidden.spawn(command);
    let mut stdin = process.stdin.take().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let batches = [(); 3].map(|()| {
        stdin.write_all(b"\n").unwrap();
        let mut batch = String::new();
        while !batch.contains("net,interface=all ") {
            assert_ne!(stdout.read_line(&mut batch).unwrap(), 0, "stdout ended after {batch}");
        }
        without_time(&batch)
    });
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    let log = text(&output.stderr);
    assert!(output.status.success(), "{}: {log}", output.status);
    (batches.into(), log)
}

/// Gathers with that forbidden: the lines are those of procfs, the log is `log`.
fn check(netns: &Netns, forbidden: &Forbidden, source: &str, log: &str) {
    let nothing = Forbidden::calls(&[], EPERM);
    let (expected, _) = once(netns, &nothing, "procfs");
    let all = expected.join("\n");
    assert_eq!(expected.len(), 7 + 4 + 1, "{all}");
    assert!(all.contains("net,interface=up0 bytes_sent=308i,"), "{all}");
    assert!(all.contains(",speed=10000i"), "{all}");
    assert_eq!(once(netns, forbidden, source), (expected.clone(), log.into()));
    let (batches, daemon_log) = daemon(netns, forbidden, source);
    assert_eq!(batches, vec![expected; 3]);
    assert_eq!(daemon_log, log);
}

fn cannot_run(test: &str) -> bool {
    is_skipped(test) || is_skipped_without(test, "nsenter", has("nsenter", "--version"))
}

#[test]
fn where_netlink_is_forbidden_procfs_answers_and_one_line_says_why() {
    if cannot_run("where_netlink_is_forbidden_procfs_answers_and_one_line_says_why") {
        return;
    }
    let netns = namespace();
    let socket = |errno| Forbidden::socket(&[(0, AF_NETLINK)], errno);
    let cases = [
        (socket(EPERM), "socket: Operation not permitted (os error 1)"),
        (socket(EACCES), "socket: Permission denied (os error 13)"),
        (socket(EAFNOSUPPORT), "socket: Address family not supported by protocol (os error 97)"),
        (Forbidden::calls(&[SYS_bind], EPERM), "bind: Operation not permitted (os error 1)"),
        (
            Forbidden::calls(&[SYS_sendto, SYS_sendmsg], EACCES),
            "send: Permission denied (os error 13)",
        ),
        (
            Forbidden::calls(&[SYS_recvfrom, SYS_recvmsg], EPERM),
            "recvfrom: Operation not permitted (os error 1)",
        ),
    ];
    for (forbidden, error) in &cases {
        for (source, level) in [("auto", "I!"), ("netlink", "W!")] {
            let because = "source: /proc/net/dev, because netlink cannot be used";
            check(&netns, forbidden, source, &format!("{level} {because}: {error}\n"));
        }
    }
}

#[test]
fn where_generic_netlink_is_forbidden_speeds_come_from_sysfs() {
    if cannot_run("where_generic_netlink_is_forbidden_speeds_come_from_sysfs") {
        return;
    }
    let netns = namespace();
    for errno in [EPERM, EACCES] {
        let forbidden = Forbidden::socket(&[(0, AF_NETLINK), (2, NETLINK_GENERIC)], errno);
        check(&netns, &forbidden, "auto", "I! source: netlink, which this kernel has\n");
    }
}

#[test]
fn where_replies_never_come_each_gather_answers_by_procfs() {
    if cannot_run("where_replies_never_come_each_gather_answers_by_procfs") {
        return;
    }
    // Requests seem to be sent, and are not.
    let forbidden = Forbidden::calls(&[SYS_sendto, SYS_sendmsg], 0);
    let log = "I! source: netlink, which this kernel has\n\
               W! netlink: no answer within 500 ms; /proc/net/dev stands in for it\n";
    check(&namespace(), &forbidden, "auto", log);
}

/// Tables that report these namespaces: all interfaces, those that only flags select, and those that
/// only kinds do.
fn tables(options: &str, namespaces: &str) -> String {
    let selections = ["interfaces = ['*']", "", "interfaces = ['*']\nkind_exclude = ['veth']"];
    let table = |selection: &str| {
        format!(
            "[[inputs.net]]\n{selection}\nignore_protocol_stats = true\n{options}\n\
             namespace_include = {namespaces}\n"
        )
    };
    selections.map(table).concat() + "[[inputs.net]]\ninterfaces = ['none']\n"
}

/// The batch after netlink began to fail, for which it knows the interfaces, two after it does not,
/// and one when it works again.
fn failing_batches(daemon: &mut Daemon) -> [Batch; 4] {
    let trace = Trace::injecting("sendto:error=EACCES", last_descendant(daemon.pid()));
    let [first, second, third] = [(); 3].map(|()| daemon.batch());
    assert!(trace.text().contains("(INJECTED)"));
    drop(trace);
    [first, second, third, daemon.batch()]
}

#[test]
fn where_netlink_fails_on_its_way_kinds_tags_and_quiet_interfaces_stay_what_they_are() {
    let test = "where_netlink_fails_on_its_way_kinds_tags_and_quiet_interfaces_stay_what_they_are";
    if cannot_run(test) || is_skipped_without_strace(test) {
        return;
    }
    let (netns, other) = (namespace(), namespace());
    for one in [&netns, &other] {
        one.ip_lines(
            "link property add dev br0 altname bridge0
             link set half1 master br0
             link set br0 alias uplink",
        );
    }
    let name = &other.name;
    let both = format!("['', '{name}']");
    let start = |options: &str| Daemon::start_as(plugin(&netns), &tables(options, &both));

    let tags = "interface_tags = ['kind', 'altname', 'mac', 'alias', 'master', 'lower']";
    let mut daemon = start(tags);
    let before = daemon.batch();
    let all = text(&before.join(&b'\n'));
    assert_eq!(before.len(), 2 * (7 + 4 + 3), "{all}");
    let tags = ["altname=bridge0", "alias=uplink", "master=br0", "kind=ifb"];
    assert_eq!(tags.map(|tag| all.matches(tag).count()), [4, 4, 2, 6], "{all}");
    for batch in failing_batches(&mut daemon) {
        assert_same(&batch, &before, "failing, and before");
    }
    let failures = |level: &str| {
        let failure = "send: Permission denied (os error 13); /proc/net/dev stands in for it\n";
        let namespaces = format!("netlink in 1 network namespaces, \"{name}\"");
        format!("{level}netlink: {failure}{level}{namespaces}: {failure}")
    };
    assert_eq!(daemon.end(), failures("W! ") + &failures("I! over: "));

    let mut daemon = start("dedup_interval = '10m'");
    assert_eq!(daemon.batch().len(), 2 * (7 + 4 + 3));
    assert_eq!(failing_batches(&mut daemon).concat(), Batch::new());
    daemon.end();

    let mut daemon = start("rates = true");
    daemon.batch();
    let has_rates = |batch: &Batch| {
        let with = batch.iter().filter(|line| text(line).contains(",bytes_recv_rate=0")).count();
        assert!(with == 0 || with == batch.len(), "{}", text(&batch.join(&b'\n')));
        with > 0
    };
    // The first batch by files alone has nothing to compare with, the second time neither. How long
    // it took to have netlink fail again decides whether the first one there has any.
    let [first, second, third, _] = failing_batches(&mut daemon);
    assert_eq!([first, second, third].map(|batch| has_rates(&batch)), [true, false, true]);
    let [_, second, third, _] = failing_batches(&mut daemon);
    assert_eq!([second, third].map(|batch| has_rates(&batch)), [false, true]);
    daemon.end();
}

#[test]
fn where_netlink_fails_and_sysfs_is_anothers_what_netlink_knew_stands() {
    let test = "where_netlink_fails_and_sysfs_is_anothers_what_netlink_knew_stands";
    if cannot_run(test) || is_skipped_without_strace(test) {
        return;
    }
    let netns = namespace();
    let config = "[[inputs.net]]\nignore_protocol_stats = true\ninterface_tags = ['kind', 'mac']\n\
                  [[inputs.net]]\ninterfaces = ['none']\n";
    let mut daemon = Daemon::start_as(plugin_with_foreign_sys(&netns), config);
    let before = daemon.batch();
    assert_eq!(before.len(), 4);
    for batch in failing_batches(&mut daemon) {
        assert_same(&batch, &before, "failing, and before");
    }
    daemon.end();
}
