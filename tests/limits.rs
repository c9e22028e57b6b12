//! A plugin that may not have much of something: files, memory, threads, room on a disk; or that lives where
//! `/proc`, `/sys` or `/dev` are missing. What it tells is whole and true, and its end is as the contract has
//! it.

// By threads, newlines may pile up that were read.
#![cfg(all(target_os = "linux", not(feature = "threads")))]

mod common;

use std::fs;
use std::process::{Command, Output, Stdio};

use common::line::{Line, Parsed};
use common::plugin::config_file;
use common::{
    NOBODY, Netns, PLUGIN, ask_and_finish, has, is_skipped, is_skipped_without, proc_net_dev, text,
    without_notes,
};

const TABLES: &str = "[[inputs.net]]\nignore_protocol_stats = true\ninterfaces = ['*']\n\
                      [[inputs.net]]\ninterface_exclude = ['*']\nprotocols = ['ip:defaultttl']\n";

/// What a plugin tells in a namespace by these words before its own, asked so many times, and its end.
fn daemon_by(netns: &Netns, by: &[&str], tables: &str, gathers: usize) -> Output {
    let config = config_file(tables);
    let mut command = netns.command(by.first().copied().unwrap_or(PLUGIN));
    command.args(by.iter().skip(1));
    if !by.is_empty() {
        command.arg(PLUGIN);
    }
    command.arg("--config").arg(config.path());
    command.env_remove("HOST_PROC").env_remove("HOST_SYS").env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ask_and_finish(command.spawn().unwrap(), gathers)
}

/// The lines, which are whole; those of one gather after those of the other.
fn told(output: &Output) -> Vec<Line> {
    let bytes = &output.stdout;
    assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "cut: {}", text(bytes));
    let lines = Parsed::of(bytes).0;
    assert!(lines.is_sorted_by_key(|line| line.time), "{lines:?}");
    lines
}

/// Fails unless each line is one of these, less its time and what could not be told. An unknown speed is -1.
fn assert_true(lines: &[Line], truth: &[Line], what: &str) {
    for line in lines {
        let same = truth.iter().find(|truth| truth.tags == line.tags);
        let truth = same.unwrap_or_else(|| panic!("{what}: {line:?}"));
        for (field, value) in &line.fields {
            let is_unknown = field == "speed" && value == "-1i";
            let is_true = is_unknown || truth.fields.get(field) == Some(value);
            assert!(is_true, "{what}: {field} of {line:?}");
        }
    }
}

#[test]
fn limits_that_leave_enough_change_nothing() {
    if is_skipped() || is_skipped_without("prlimit", has("prlimit", "--version")) {
        return;
    }
    let netns = Netns::quiet();
    let truth = told(&daemon_by(&netns, &[], TABLES, 1));
    assert_eq!(truth.len(), 4);
    for limit in
        ["--memlock=0", "--stack=262144", "--core=0", "--nofile=32", "--sigpending=0", "--fsize=0"]
    {
        let output = daemon_by(&netns, &["prlimit", limit], TABLES, 3);
        let log = without_notes(&text(&output.stderr));
        assert_eq!((output.status.code(), log.lines().count()), (Some(0), 1), "{limit}: {log}");
        let lines = told(&output);
        assert_eq!(lines.len(), 3 * truth.len(), "{limit}");
        assert_true(&lines, &truth, limit);
    }
}

#[test]
fn eight_files_and_little_memory_are_too_few_or_enough_and_it_says_so() {
    if is_skipped() || is_skipped_without("prlimit", has("prlimit", "--version")) {
        return;
    }
    let netns = Netns::quiet();
    let truth = told(&daemon_by(&netns, &[], TABLES, 1));
    let mut ended = 0;
    let files = (4..24).map(|limit| format!("--nofile={limit}:{limit}"));
    let memory = (2..64).step_by(2).map(|mib| format!("--as={}", mib << 20));
    for limit in files.chain(memory) {
        let output = daemon_by(&netns, &["prlimit", &limit], TABLES, 2);
        let log = text(&output.stderr);
        assert_true(&told(&output), &truth, &limit);
        let last = log.lines().last().unwrap_or_default();
        match output.status.code() {
            Some(0) => {
                ended += 1;
                let log = without_notes(&log);
                let mut lines: Vec<_> = log.lines().collect();
                lines.dedup();
                assert_eq!(lines.len(), log.lines().count(), "{limit}: {log}");
            }
            Some(1 | 2) => assert!(last.starts_with("E! "), "{limit}: {log}"),
            // Before it begins: the loader has no words of ours.
            Some(127) => assert!(last.contains("error while loading"), "{limit}: {log}"),
            // A program of Rust's has no other way out of an allocation that fails; the end of the process
            // that `ip` and `prlimit` became is a signal's.
            None => assert!(
                log.is_empty() || log.contains("memory allocation of "),
                "{limit}: {} {log}",
                output.status
            ),
            status => panic!("{limit}: {status:?} {log}"),
        }
    }
    assert!(ended > 10, "{ended} ended well");
}

#[test]
fn where_there_are_no_threads_procfs_answers_and_one_line_says_so() {
    if is_skipped() || is_skipped_without("setpriv", has("setpriv", "--version")) {
        return;
    }
    let netns = Netns::quiet();
    let truth = told(&daemon_by(&netns, &[], TABLES, 1));
    // Root has no such limit.
    let by = [&["prlimit", "--nproc=0"], &NOBODY[..]].concat();
    let output = daemon_by(&netns, &by, TABLES, 3);
    let log = without_notes(&text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{log}");
    let lines = told(&output);
    assert_eq!(lines.len(), 3 * truth.len(), "{log}");
    assert_true(&lines, &truth, "no threads");
    assert_eq!(
        log,
        "W! netlink cannot be used for now: no thread: Resource temporarily unavailable (os error 11); falling \
         back to /proc/net/dev; trying again at every gather\n"
    );
}

/// What happens to the lines and the log of a plugin that writes them to files in a small file system, or of
/// a limited size, and to the plugin: its status, the lines, and the log.
fn in_files(
    limit: &[&str],
    room: &str,
    interfaces: usize,
    files: [&str; 2],
) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().join("host");
    fs::create_dir_all(host.join("net")).unwrap();
    fs::write(host.join("net/dev"), proc_net_dev(interfaces)).unwrap();
    fs::write(host.join("net/snmp"), "").unwrap();
    let [out, err] = files;
    let script = format!(
        "mount -t tmpfs -o size={room} tmpfs \"$SMALL\" && cd \"$SMALL\" && \
         {{ \"$@\" > {out} 2> {err}; status=$?; cp out ../out 2>/dev/null; cp err ../err 2>/dev/null; exit $status; }}"
    );
    fs::create_dir(folder.path().join("small")).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "bash", "-c", &script, "bash"]).args(limit).arg(PLUGIN);
    command.env("SMALL", folder.path().join("small"));
    command.env("HOST_PROC", &host).env("HOST_SYS", &host);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = ask_and_finish(command.spawn().unwrap(), 3);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let outside = text(&output.stderr);
    (output.status.code(), read("out"), read("err") + &outside)
}

/// Fails unless all lines but the last are whole, which is where the room came to its end.
fn assert_whole_up_to_the_end(out: &str) {
    let mut lines: Vec<_> = out.split_inclusive('\n').collect();
    let last = lines.pop().unwrap_or_default();
    for line in lines {
        let (head, time) = line.trim_end().rsplit_once(' ').unwrap();
        assert!(head.starts_with("net,interface=if") && time.len() == 19, "{line:?}");
    }
    assert!(
        last.starts_with("net,interface=if") || "net,interface=if".starts_with(last),
        "{last:?}"
    );
}

#[test]
fn a_full_disk_and_a_file_at_its_limit_end_it_with_a_word_and_a_full_log_does_not() {
    if is_skipped() || is_skipped_without("bash", has("bash", "--version")) {
        return;
    }
    for (limit, room, error) in [
        (&[][..], "64k", "No space left on device (os error 28)"),
        // A signal of its own would end it without a word.
        (&["prlimit", "--fsize=65536"], "10m", "File too large (os error 27)"),
    ] {
        let (status, out, log) = in_files(limit, room, 1000, ["out", "/dev/stderr"]);
        assert_eq!(status, Some(1), "{log}");
        assert_eq!(
            log.lines().last(),
            Some(&*format!("E! cannot write to stdout: {error}")),
            "{log}"
        );
        assert_eq!(out.len(), 65536);
        assert_whole_up_to_the_end(&out);
        // A log that has no room left costs itself.
        let fill = "head -c 70000 /dev/zero > full 2>/dev/null; exec 3>>full; cat full > err 2>/dev/null; \"$@\"";
        let by = [&["bash", "-c", fill, "bash"], limit].concat();
        let (status, out, _) = in_files(&by, room, 3, ["/dev/null", "err"]);
        assert_eq!((status, &*out), (Some(0), ""));
    }
}

#[test]
fn without_proc_sys_and_dev_null_it_tells_what_it_can_and_says_what_it_cannot() {
    if is_skipped() || is_skipped_without("bash", has("bash", "--version")) {
        return;
    }
    let netns = Netns::quiet();
    let hide = |places: &[&str]| {
        let mounts = places.iter().map(|place| format!("mount -t tmpfs tmpfs {place} && "));
        mounts.collect::<String>() + "exec \"$0\" \"$@\""
    };
    let truth = told(&daemon_by(&netns, &[], TABLES, 1));
    for (source, places, interfaces, level) in [
        ("netlink", &["/sys"][..], 3, None),
        ("netlink", &["/proc"], 3, Some('W')),
        ("netlink", &["/dev"], 3, None),
        ("netlink", &["/sys", "/proc", "/dev"], 3, Some('W')),
        ("procfs", &["/sys"], 3, Some('W')),
        ("procfs", &["/dev"], 3, None),
        ("procfs", &["/proc"], 0, Some('E')),
        ("procfs", &["/sys", "/proc", "/dev"], 0, Some('E')),
    ] {
        let what = format!("{source} without {places:?}");
        let script = hide(places);
        let by = ["unshare", "--mount", "bash", "-c", &script];
        let tables =
            TABLES.replace("[[inputs.net]]\n", &format!("[[inputs.net]]\nsource = '{source}'\n"));
        let output = daemon_by(&netns, &by, &tables, 3);
        let log = without_notes(&text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{what}: {log}");
        let lines = told(&output);
        assert_true(&lines, &truth, &what);
        let protocols = usize::from(!places.contains(&"/proc"));
        assert_eq!(lines.len(), 3 * (interfaces + protocols), "{what}: {lines:?} {log}");
        let mut said: Vec<_> = log.lines().collect();
        let count = said.len();
        said.sort_unstable();
        said.dedup();
        assert_eq!(said.len(), count, "{what}: twice in {log}");
        let rank = |line: &&str| "DIWE".find(&line[..1]);
        let highest = log.lines().max_by_key(rank).and_then(|line| line.chars().next());
        assert_eq!(highest.filter(|level| *level != 'I'), level, "{what}: {log}");
    }
}
