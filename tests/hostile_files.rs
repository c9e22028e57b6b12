//! A `host_proc` and a `host_sys` in which nothing is what it seems: whatever lies where a file is expected, it
//! costs what that file would tell and no more, and one line says so.

// By threads, newlines may pile up that were read.
#![cfg(all(target_os = "linux", not(feature = "threads")))]

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::process::geteuid;
use tempfile::TempDir;

use common::line::Parsed;
use common::plugin::config_file;
use common::{
    Ending, NOBODY, PLUGIN, ask_and_finish, has, is_skipped_without, proc_net_dev, run, text,
    without_notes,
};

/// The files that are read by procfs with all options, below a folder that is both `host_proc` and `host_sys`.
const PLACES: [&str; 21] = [
    "net",
    "net/dev",
    "net/snmp",
    "net/netstat",
    "net/dev_snmp6",
    "net/dev_snmp6/if0",
    "1",
    "1/net",
    "1/net/dev",
    "1/ns/net",
    "class/net",
    "class/net/if0",
    "class/net/if0/flags",
    "class/net/if0/ifindex",
    "class/net/if0/speed",
    "class/net/if0/mtu",
    "class/net/if0/ifalias",
    "class/net/if0/uevent",
    "class/net/if0/master",
    "class/net/if0/device",
    "kernel/uevent_seqnum",
];

/// What may lie at a place, and how it gets there.
type Thing<'a> = (&'a str, &'a (dyn Fn(&Path) + Sync));

/// A host with two interfaces that are up.
fn host(folder: &TempDir) {
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        fs::write(at(name), text).unwrap();
    };
    for net in ["net", "1/net"] {
        write(&format!("{net}/dev"), &proc_net_dev(2));
        write(&format!("{net}/snmp"), "Ip: Forwarding DefaultTTL\nIp: 1 64\n");
        write(&format!("{net}/netstat"), "TcpExt: ListenDrops\nTcpExt: 5\n");
        for interface in [0, 1] {
            let text = format!("ifIndex {}\nIp6InReceives 7\n", 7 + interface);
            write(&format!("{net}/dev_snmp6/if{interface}"), &text);
        }
    }
    for interface in [0, 1] {
        for (name, text) in [
            ("flags", "0x1003".to_owned()),
            ("ifindex", (7 + interface).to_string()),
            ("speed", "100".to_owned()),
            ("duplex", "full".to_owned()),
            ("operstate", "up".to_owned()),
            ("mtu", "1500".to_owned()),
            ("ifalias", "uplink".to_owned()),
            ("uevent", format!("INTERFACE=if{interface}\nIFINDEX={}", 7 + interface)),
        ] {
            write(&format!("class/net/if{interface}/{name}"), &(text + "\n"));
        }
    }
    write("kernel/uevent_seqnum", "5\n");
    fs::create_dir_all(at("1/ns")).unwrap();
    symlink("/proc/self/ns/net", at("1/ns/net")).unwrap();
}

/// Puts that in the place of what is there.
fn replace(place: &Path, make: &dyn Fn(&Path)) {
    let is_folder = fs::symlink_metadata(place).is_ok_and(|there| there.is_dir());
    if is_folder {
        fs::remove_dir_all(place).unwrap();
    } else {
        let _ = fs::remove_file(place);
    }
    make(place);
}

/// What a plugin tells of a host in two gathers, and what it logs. It must end well.
fn told(folder: &TempDir, by: &[&str], what: &str) -> (Parsed, String) {
    let config = config_file(
        "[[inputs.net]]\nsource = 'procfs'\nlink_state = true\nrates = true\ncounters = 'all'\n\
         interface_tags = ['alias', 'mac', 'kind', 'master', 'lower', 'driver']\n\
         interface_protocols = ['ip6']\nprotocols = ['ip', 'tcpext']\n",
    );
    // What never ends shall not take all there is.
    let bounds = ["prlimit", "--as=1000000000", "timeout", "--signal=KILL", "60"];
    let words = [by, &bounds].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(PLUGIN).arg("--config").arg(config.path());
    command.env("HOST_PROC", folder.path()).env("HOST_SYS", folder.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = ask_and_finish(command.spawn().unwrap(), 2);
    let log = without_notes(&text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{what}: {log}");
    assert!(output.stdout.is_empty() || output.stdout.ends_with(b"\n"), "{what}");
    (Parsed::of(&output.stdout), log)
}

/// Fails unless all that is told is what the host's files say, once for each gather, and nothing is logged
/// twice.
fn check(lines: &Parsed, log: &str, truth: &Parsed, what: &str) {
    let times: BTreeSet<_> = lines.0.iter().map(|line| line.time).collect();
    assert!(times.len() <= 2, "{what}: {times:?}");
    assert!(lines.0.is_sorted_by_key(|line| line.time), "{what}");
    for time in times {
        let batch = lines.0.iter().filter(|line| line.time == time);
        let names: Vec<_> = batch.map(|line| line.tag("interface").unwrap()).collect();
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "{what}: {names:?}");
    }
    for line in &lines.0 {
        let truth = truth.line(&line.tag("interface").unwrap());
        for (field, value) in &line.fields {
            let of_two = ["_rate", "utilization_in", "utilization_out"];
            let is_unknown =
                field == "speed" && value == "-1i" || of_two.iter().any(|end| field.ends_with(end));
            let is_true = is_unknown || truth.fields.get(field) == Some(value);
            assert!(is_true, "{what}: {field} of {line:?}");
        }
        // A text is as true as any other.
        let is_text = line.tags["interface"] == b"if0" && what.contains("class/net/if0");
        for (tag, value) in line.tags.iter().filter(|_| !is_text) {
            assert_eq!(truth.tags.get(tag), Some(value), "{what}: {tag} of {line:?}");
        }
    }
    let said: BTreeSet<_> = log.lines().collect();
    assert_eq!(said.len(), log.lines().count(), "{what}: twice in {log}");
    assert!(said.len() <= 5, "{what}: {log}");
    assert!(said.iter().all(|line| "EWI".contains(&line[..1])), "{what}: {log}");
}

#[test]
fn whatever_lies_in_the_place_of_a_file_costs_what_it_would_tell_and_no_more() {
    let can = has("prlimit", "--version") && has("setpriv", "--version") && geteuid().is_root();
    if is_skipped_without("root, prlimit and setpriv", can) {
        return;
    }
    let link = |to: &'static str| move |place: &Path| symlink(to, place).unwrap();
    let pipe = |place: &Path| drop(run(Command::new("mkfifo").arg(place)));
    let folder = |place: &Path| {
        fs::create_dir(place).unwrap();
        fs::write(place.join("line\nE! break"), "1\n").unwrap();
    };
    let socket = |place: &Path| drop(UnixListener::bind(place).unwrap());
    let huge = |place: &Path| File::create(place).unwrap().set_len(1 << 40).unwrap();
    let empty = |place: &Path| drop(File::create(place).unwrap());
    let garbage = |place: &Path| {
        fs::write(place, [0xff, 0, b'\n', b':', 0x1b, b'[', b'\n'].repeat(5000)).unwrap();
    };
    let secret = |place: &Path| {
        fs::write(place, "0x1003\n").unwrap();
        fs::set_permissions(place, fs::Permissions::from_mode(0o0)).unwrap();
    };
    let (zero, full, nothing, out, memory, terminal) = (
        link("/dev/zero"),
        link("/dev/full"),
        link("nothing"),
        link("/etc/passwd"),
        link("/proc/self/mem"),
        link("/proc/self/root/dev/tty"),
    );
    let itself = |place: &Path| symlink(place, place).unwrap();
    let things: [Thing<'_>; 14] = [
        ("a pipe", &pipe),
        ("a folder", &folder),
        ("a socket", &socket),
        ("/dev/zero", &zero),
        ("/dev/full", &full),
        ("a link to nothing", &nothing),
        ("a link to itself", &itself),
        ("a link out of it", &out),
        ("its own memory", &memory),
        ("a terminal", &terminal),
        ("a terabyte", &huge),
        ("nothing in it", &empty),
        ("garbage", &garbage),
        ("permission for nobody", &secret),
    ];
    let clean = tempfile::tempdir().unwrap();
    host(&clean);
    let (truth, log) = told(&clean, &[], "nothing");
    assert_eq!(log.lines().count(), 1, "{log}");
    let first = truth.0[0].time;
    let truth = Parsed(truth.0.into_iter().filter(|line| line.time == first).collect());
    assert_eq!(truth.names(), ["if0", "if1", "all"]);
    let cases: Vec<_> =
        things.iter().flat_map(|thing| PLACES.iter().map(move |place| (thing, place))).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(((name, make), place)) =
                    cases.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let what = format!("{name} at {place}");
                    let folder = tempfile::tempdir().unwrap();
                    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
                    host(&folder);
                    replace(&folder.path().join(place), make);
                    let by = if *name == "permission for nobody" { &NOBODY[..] } else { &[] };
                    let tried = std::panic::catch_unwind(|| {
                        let (lines, log) = told(&folder, by, &what);
                        check(&lines, &log, &truth, &what);
                        // The counters of one that is not touched are there, unless those of all are.
                        if !["net", "net/dev", "1", "1/net", "1/net/dev", "class/net"]
                            .contains(place)
                        {
                            let count = lines.names().iter().filter(|name| *name == "if1").count();
                            assert_eq!(count, 2, "{what}: {log}");
                        }
                    });
                    if tried.is_err() {
                        wrong.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_file_that_grows_while_it_is_read_costs_only_itself() {
    if is_skipped_without("prlimit", has("prlimit", "--version")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    host(&folder);
    let (truth, _) = told(&folder, &[], "nothing");
    let first = truth.0[0].time;
    let truth = Parsed(truth.0.into_iter().filter(|line| line.time == first).collect());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut file =
                File::options().append(true).open(folder.path().join("1/net/netstat")).unwrap();
            let rows = "x: 1\n".repeat(1 << 16);
            while !is_over.load(Ordering::Relaxed) {
                // It starts anew before the disk is full.
                if file.metadata().unwrap().len() > 200 << 20 {
                    file.set_len(0).unwrap();
                }
                file.write_all(rows.as_bytes()).unwrap();
            }
        });
        let _ending = Ending(&is_over);
        let (lines, log) = told(&folder, &[], "a file that grows");
        check(&lines, &log, &truth, "a file that grows");
        assert_eq!(lines.names().iter().filter(|name| *name == "if1").count(), 2, "{log}");
    });
}

#[test]
fn a_host_whose_name_is_a_line_of_the_log_is_one_word_in_it() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("host\nE! not a line\r\u{1b}[31m");
    fs::create_dir(&path).unwrap();
    let mut command = Command::new(PLUGIN);
    command.arg("--once").env("HOST_PROC", &path).env("HOST_SYS", &path);
    let output = common::output(&mut command);
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("host\\nE! not a line\\r\\u{1b}[31m"), "{log}");
    assert!(
        log.lines().all(|line| line.starts_with("E! cannot")
            || line.starts_with("I! ")
            || line.starts_with("E! nothing")),
        "{log}"
    );
}
