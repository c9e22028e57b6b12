//! Netlink forbidden, as by the seccomp filter of a container: every gather answers by procfs.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread;

use common::line::Line;
use common::machine::last_descendant;
use common::plugin::{Batch, Daemon, assert_same};
use common::trace::{Trace, is_skipped_without_strace};
use common::{
    Netns, PLUGIN, finish, has, is_skipped, is_skipped_without, read_part, text, without_notes,
};
use libc::{AF_NETLINK, AF_UNIX, EACCES, EAFNOSUPPORT, EPERM, NETLINK_GENERIC};
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

#[test]
fn who_asks_why_is_told_that_netlink_is_forbidden_and_the_way_out() {
    if is_skipped() {
        return;
    }
    let netns = namespace();
    let mut command = plugin(&netns);
    command.args(["--explain"]);
    let output = finish(Forbidden::socket(&[(0, AF_NETLINK)], EAFNOSUPPORT).spawn(command));
    assert_eq!((text(&output.stderr), output.status.code()), (String::new(), Some(0)));
    let told = text(&output.stdout);
    for line in [
        "\n  source     \"/proc/net/dev\": source = \"auto\" (the default) would take netlink, which cannot be used: \
         socket: Address family not supported by protocol (os error 97)\n",
        ": allow AF_NETLINK (RestrictAddressFamilies=, a seccomp profile); it takes Linux 4.7 or newer\n",
    ] {
        assert!(told.contains(line), "{line:?} is not in {told}");
    }
}

/// A namespace with interfaces of several states and speeds.
fn namespace() -> Netns {
    let netns = Netns::quiet();
    netns.ip_lines(
        "link add half0 type veth peer name half1
         link set half0 up
         link add ifb7 type ifb
         link set ifb7 up
         link add br0 type bridge",
    );
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
    let output = finish(forbidden.spawn(command));
    let log = without_notes(&text(&output.stderr));
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
    let mut stdout = process.stdout.take().unwrap();
    let batches = [(); 3].map(|()| {
        stdin.write_all(b"\n").unwrap();
        let (mut batch, mut part) = (Vec::new(), [0; 1 << 12]);
        while !(text(&batch).contains("net,interface=all ") && batch.ends_with(b"\n")) {
            let length = read_part(&mut stdout, &mut part);
            assert_ne!(length, 0, "stdout ended after {}", text(&batch));
            batch.extend_from_slice(&part[..length]);
        }
        without_time(&text(&batch))
    });
    drop(stdin);
    let output = finish(process);
    let log = without_notes(&text(&output.stderr));
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

fn cannot_run() -> bool {
    is_skipped() || is_skipped_without("nsenter", has("nsenter", "--version"))
}

#[test]
fn where_netlink_is_forbidden_procfs_answers_and_one_line_says_why() {
    if cannot_run() {
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
            let because = "reading counters from /proc/net/dev, because netlink cannot be used";
            check(&netns, forbidden, source, &format!("{level} {because}: {error}\n"));
        }
    }
}

#[test]
fn where_generic_netlink_is_forbidden_speeds_come_from_sysfs() {
    if cannot_run() {
        return;
    }
    let netns = namespace();
    for errno in [EPERM, EACCES] {
        let forbidden = Forbidden::socket(&[(0, AF_NETLINK), (2, NETLINK_GENERIC)], errno);
        check(
            &netns,
            &forbidden,
            "auto",
            "I! reading counters by netlink (no privileges needed)\n",
        );
    }
}

#[test]
fn where_no_socket_is_left_to_ask_by_name_files_tell_the_same() {
    if cannot_run() {
        return;
    }
    let forbidden = Forbidden::socket(&[], EACCES);
    let log = "I! reading counters from /proc/net/dev, as configured\n";
    check(&namespace(), &forbidden, "procfs", log);
}

#[test]
fn where_replies_never_come_each_gather_answers_by_procfs() {
    if cannot_run() {
        return;
    }
    // Requests seem to be sent, and are not.
    let forbidden = Forbidden::calls(&[SYS_sendto, SYS_sendmsg], 0);
    let log = "I! reading counters by netlink (no privileges needed)\n\
               W! netlink failed: no answer within 500 ms; falling back to /proc/net/dev\n";
    check(&namespace(), &forbidden, "auto", log);
}

/// The plugin in a namespace, whose system calls go wrong as strace's option `inject` says, from its
/// start on.
fn short_of(netns: &Netns, inject: &str, config: &str) -> Daemon {
    let mut command = plugin(netns);
    // Beside strace's own words, those of the plugin.
    let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let script = words.iter().position(|word| word.to_string_lossy().contains("exec")).unwrap();
    let traced = "mount -t sysfs sysfs /sys && exec strace -f -qq -o /dev/null -e inject=\"$INJECT\" \"$0\" \"$@\"";
    let mut other = Command::new(command.get_program());
    other.args(&words[..script]).arg(traced).args(&words[script + 1..]);
    other.env("INJECT", inject).env_remove("HOST_PROC").env_remove("HOST_SYS");
    command = other;
    Daemon::start_as(command, config)
}

/// Whether that denies the first threads of a plugin that waits and writes by threads, without which it
/// cannot start.
fn is_short_of_our_own_threads(inject: &str) -> bool {
    cfg!(feature = "threads") && inject.starts_with("clone3")
}

#[test]
fn what_is_short_at_the_start_is_tried_again() {
    if cannot_run() || is_skipped_without_strace() {
        return;
    }
    let netns = namespace();
    let config = "[[inputs.net]]\ninterfaces = ['up0', 'up1']\ninterface_tags = ['kind']\n\
                  ignore_protocol_stats = true\n[[inputs.net]]\ninterfaces = ['none']\n";
    let has_kinds = |batch: &Batch| {
        let all = text(&batch.join(&b'\n'));
        assert_eq!(batch.len(), 2, "{all}");
        all.matches("kind=veth").count() == 2
    };
    // At the start, and at the first gather.
    for (inject, why) in [
        ("socket:error=ENOMEM:when=1..2", "socket: Cannot allocate memory (os error 12)"),
        ("socket:error=EMFILE:when=1..2", "socket: Too many open files (os error 24)"),
        ("bind:error=ENOBUFS:when=1..2", "bind: No buffer space available (os error 105)"),
        ("connect:error=ENOMEM:when=1..2", "connect: Cannot allocate memory (os error 12)"),
        ("recvfrom:error=ENOMEM:when=1..2", "recvfrom: Cannot allocate memory (os error 12)"),
        (
            "clone3:error=EAGAIN:when=1..2",
            "no thread: Resource temporarily unavailable (os error 11)",
        ),
    ] {
        if is_short_of_our_own_threads(inject) {
            continue;
        }
        let mut daemon = short_of(&netns, inject, config);
        assert!(!has_kinds(&daemon.batch()), "{inject}");
        assert!(has_kinds(&daemon.batch()), "{inject}");
        assert!(has_kinds(&daemon.batch()), "{inject}");
        let short = format!(
            "netlink cannot be used for now: {why}; falling back to /proc/net/dev; trying again at \
             every gather\n"
        );
        assert_eq!(
            without_notes(&daemon.end_and_tell_all()),
            format!(
                "W! {short}I! reading counters by netlink (no privileges needed)\nI! resolved: {short}"
            )
        );
    }
    // What is over by the first gather is not worth a word; what is forbidden is decided once.
    let mut daemon = short_of(&netns, "socket:error=ENOMEM:when=1", config);
    assert!(has_kinds(&daemon.batch()));
    assert_eq!(daemon.end(), "");
    let mut daemon = short_of(&netns, "socket:error=EACCES:when=1..2", config);
    for _ in 0..3 {
        assert!(!has_kinds(&daemon.batch()));
    }
    assert_eq!(daemon.end(), "");
}

#[test]
fn what_other_namespaces_are_short_of_at_the_start_is_tried_again() {
    if cannot_run() || is_skipped_without_strace() {
        return;
    }
    let (netns, other) = (namespace(), namespace());
    let name = &other.name;
    let config = format!(
        "[[inputs.net]]\ninterface_tags = ['kind']\nignore_protocol_stats = true\n\
         namespace_include = ['{name}']\n[[inputs.net]]\ninterfaces = ['none']\n"
    );
    let started = "I! reading counters by netlink\n";
    let netlink = "W! netlink cannot be used for now: no thread: Resource temporarily unavailable (os error 11); \
                   falling back to /proc/net/dev, and other network namespaces are left out; \
                   trying again at every gather\n";
    let spaces = "E! no other network namespace is reported for now: epoll_create: Too many open files \
                  (os error 24); trying again at every gather\n";
    let watch = |call: &str| {
        format!(
            "W! cannot watch for names of network namespaces: {call}: Too many open files (os error \
             24): they are looked for at every gather instead (an inotify instance may be short, see \
             fs.inotify.max_user_instances)\n"
        )
    };
    for (inject, first, problem) in [
        ("clone3:error=EAGAIN:when=1..2", 0, netlink.to_owned()),
        ("epoll_create1:error=EMFILE:when=1..2", 0, spaces.to_owned()),
        ("inotify_init1:error=EMFILE:when=1", 4, watch("inotify_init")),
        ("epoll_ctl:error=EMFILE:when=1", 4, watch("epoll_ctl")),
    ] {
        if is_short_of_our_own_threads(inject) {
            continue;
        }
        let mut daemon = short_of(&netns, inject, &config);
        // As many as are up, of which the first has no word to say.
        let batches = [(); 3].map(|()| daemon.batch());
        assert_eq!(batches.each_ref().map(Vec::len), [first, 4, 4], "{inject}");
        let log = without_notes(&daemon.end_and_tell_all());
        let over = problem.replacen("W! ", "I! resolved: ", 1).replacen("E! ", "I! resolved: ", 1);
        let lines = if inject.starts_with("clone3") {
            format!("{problem}{started}{over}")
        } else {
            format!("{started}{problem}{over}")
        };
        assert_eq!(log, lines, "{inject}");
    }
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
    selections.map(table).concat() + "[[inputs.net]]\ninterface_exclude = ['*']\n"
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
    if cannot_run() || is_skipped_without_strace() {
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
        let failure = "send: Permission denied (os error 13); falling back to /proc/net/dev\n";
        let namespace = format!("netlink failed in network namespace \"{name}\"");
        format!("{level}netlink failed: {failure}{level}{namespace}: {failure}")
    };
    assert_eq!(daemon.end(), failures("W! ") + &failures("I! resolved: "));

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
    if cannot_run() || is_skipped_without_strace() {
        return;
    }
    let netns = namespace();
    let config = "[[inputs.net]]\nignore_protocol_stats = true\ninterface_tags = ['kind', 'mac']\n\
                  [[inputs.net]]\ninterface_exclude = ['*']\n";
    let mut daemon = Daemon::start_as(plugin_with_foreign_sys(&netns), config);
    let before = daemon.batch();
    assert_eq!(before.len(), 4);
    for batch in failing_batches(&mut daemon) {
        assert_same(&batch, &before, "failing, and before");
    }
    daemon.end();
}

/// The files of an interface that are read by procfs, in a namespace's `/sys`.
fn attributes(interface: &str, attributes: &[&str]) -> Vec<String> {
    attributes.iter().map(|one| format!("/sys/class/net/{interface}/{one}")).collect()
}

/// The lines of a batch, all of the same time.
fn parsed(batch: &Batch) -> Vec<Line> {
    batch.iter().map(|line| Line::parse(&[line, b" 0".as_slice()].concat())).collect()
}

/// One that may have no socket to ask for an interface by its name: files have to tell all.
fn start_by_files(netns: &Netns, config: &str) -> Daemon {
    let filter = Forbidden::socket(&[(0, AF_UNIX)], EACCES).filter();
    let (command, config) = (plugin(netns), config.to_owned());
    let start = move || {
        apply_filter(&filter).unwrap();
        Daemon::start_as(command, &config)
    };
    thread::spawn(start).join().unwrap()
}

/// All options that have files of sysfs read, for all interfaces and for those that only flags select.
const DETAILS: &str = "source = 'procfs'\nlink_state = true\ninterface_tags = ['alias', 'mac', 'kind', 'master', \
                       'lower', 'driver']\nignore_protocol_stats = true\n";

#[test]
fn a_file_of_sysfs_that_cannot_be_read_for_now_costs_only_what_it_tells() {
    if cannot_run() || is_skipped_without_strace() {
        return;
    }
    let netns = namespace();
    netns.ip_lines(
        "link set up0 alias uplink
         link add mac0 link up0 type macvlan
         link set mac0 up
         link set up1 master br0",
    );
    let config = format!(
        "[[inputs.net]]\ninterfaces = ['*']\n{DETAILS}[[inputs.net]]\n{DETAILS}\
         [[inputs.net]]\nsource = 'procfs'\ninterface_exclude = ['*']\n"
    );
    let names = [
        "flags",
        "ifindex",
        "speed",
        "duplex",
        "ifalias",
        "address",
        "master",
        "operstate",
        "mtu",
        "carrier",
        "uevent",
        "iflink",
        "device/driver",
    ];
    let files: Vec<_> =
        ["up0", "up1", "mac0"].iter().flat_map(|one| attributes(one, &names)).collect();
    let lost = [
        "speed",
        "admin_up",
        "admin_status",
        "operstate",
        "oper_status",
        "mtu",
        "ifindex",
        "carrier",
    ];
    for error in ["ENOMEM", "EIO", "EMFILE", "EACCES", "EBUSY", "EAGAIN"] {
        let mut daemon = start_by_files(&netns, &config);
        let before = parsed(&daemon.batch());
        assert_eq!(before.len(), 8 + 5);
        let what = format!("openat,readlink,readlinkat:error={error}");
        let trace = Trace::injecting_at(&files, &what, last_descendant(daemon.pid()));
        let during = [(); 2].map(|()| parsed(&daemon.batch()));
        assert!(trace.text().contains("(INJECTED)"));
        drop(trace);
        for batch in during {
            assert_eq!(batch.len(), before.len(), "{error}: {batch:?}");
            for (now, before) in batch.iter().zip(&before) {
                assert_eq!(now.tags, before.tags, "{error}");
                let mut fields = before.fields.clone();
                if ["up0", "up1", "mac0"].contains(&&*text(&now.tags["interface"])) {
                    fields.retain(|name, _| !lost.contains(&&**name));
                    fields.retain(|name, _| name != "duplex");
                }
                assert_eq!(now.fields, fields, "{error}");
            }
        }
        assert_eq!(parsed(&daemon.batch()), before);
        let log = daemon.end();
        let lines: Vec<_> = log.lines().collect();
        let is_about = |line: &str| {
            line.contains("cannot read \"/sys/class/net/up")
                && line.ends_with(" failed reads in \"/sys/class/net\")")
        };
        assert!(lines.len() == 2 && lines.iter().all(|line| is_about(line)), "{log}");
        assert!(lines[0].contains(" (4"), "{log}");
        assert_eq!(lines[1], lines[0].replace("W! ", "I! resolved: "));
    }
}

#[test]
fn an_interface_that_went_and_a_speed_that_nobody_knows_are_no_faults() {
    if cannot_run() || is_skipped_without_strace() {
        return;
    }
    let netns = namespace();
    let config = format!(
        "[[inputs.net]]\n{DETAILS}[[inputs.net]]\nsource = 'procfs'\ninterface_exclude = ['*']\n"
    );
    let mut daemon = start_by_files(&netns, &config);
    let before = parsed(&daemon.batch());
    let mut batch_with = |attribute: &str, error: &str| {
        let files = attributes("up0", &[attribute]);
        let what = format!("openat:error={error}");
        let trace = Trace::injecting_at(&files, &what, last_descendant(daemon.pid()));
        let batch = parsed(&daemon.batch());
        assert!(trace.text().contains("(INJECTED)"));
        batch
    };
    for error in ["EINVAL", "EOPNOTSUPP"] {
        let mut expected = before.clone();
        let up0 = expected.iter_mut().find(|line| line.tags["interface"] == b"up0").unwrap();
        up0.fields.insert("speed".into(), "-1i".into());
        assert_eq!(batch_with("speed", error), expected, "{error}");
    }
    for error in ["ENOENT", "ENODEV"] {
        let mut expected = before.clone();
        expected.retain(|line| line.tags["interface"] != b"up0");
        assert_eq!(batch_with("flags", error), expected, "{error}");
    }
    assert_eq!(daemon.end(), "");
}
