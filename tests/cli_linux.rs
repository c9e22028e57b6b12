//! The command line as an operator meets it, with what only Linux has: other hosts' files, limits, and
//! devices.

#![cfg(target_os = "linux")]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::{PLUGIN, finish, output, plugin, proc_net_dev, run, text, with_config};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

fn host(net_dev: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("net")).unwrap();
    fs::write(folder.path().join("net/dev"), net_dev).unwrap();
    fs::write(folder.path().join("net/snmp"), "").unwrap();
    folder
}

fn once(host: &Path) -> Output {
    output(plugin(&["--once"]).env("HOST_PROC", host).env("HOST_SYS", host))
}

#[test]
fn once_prints_this_hosts_metrics_without_a_configuration() {
    let output = run(&mut plugin(&["--once"]));
    let lines = text(&output.stdout);
    assert!(lines.starts_with("net"), "{lines}");
    assert!(
        lines.lines().last().unwrap().starts_with("net,interface=all ip_forwarding="),
        "{lines}"
    );
    assert_eq!(text(&output.stderr), "I! reading counters by netlink (no privileges needed)\n");
}

#[test]
fn once_fails_when_nothing_could_be_gathered() {
    let empty = tempfile::tempdir().unwrap();
    let output = once(empty.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let folder = empty.path().display();
    let message = format!(
        "E! cannot read \"{folder}/1/net/dev\": No such file or directory (os error 2), nor \
         \"{folder}/net/dev\": No such file or directory (os error 2): mount the host's /proc where \
         host_proc or HOST_PROC says, or leave that out\n"
    );
    assert!(text(&output.stderr).contains(&message), "{}", text(&output.stderr));
    let (_, output) = with_config(
        "[[inputs.net]]\ninterfaces = ['none-such']\nignore_protocol_stats = true",
        &["--once"],
        &[],
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr).lines().last(),
        text(&output.stderr).lines().rfind(|line| {
            line.starts_with("E! nothing to report: ") && line.contains(" not in interfaces)")
        })
    );
}

#[test]
fn the_sample_configuration_is_the_default() {
    let sample = run(&mut plugin(&["--sample-config"]));
    assert_eq!(text(&sample.stdout), include_str!("../plugin.conf"));
    let host = host(proc_net_dev(3).as_bytes());
    let proc = host.path().to_str().unwrap();
    let env = [("HOST_PROC", proc), ("HOST_SYS", proc)];
    let (_, output) = with_config(&text(&sample.stdout), &["--once"], &env);
    let fields = |output: &Output| {
        let lines = text(&output.stdout);
        lines.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fields(&output), fields(&once(host.path())));
    assert_eq!(fields(&output).len(), 3);
}

#[test]
fn a_large_configuration_is_read_in_bounded_time() {
    let list = |entry: &str| format!("[[inputs.net]]\ninterfaces = [{}]\n", entry.repeat(17));
    let other = "[[inputs.net]]\nnamespace_include = ['a']\n";
    let mistake = "[[inputs.net]]\nmistake = 1\n";
    let room = "[[inputs.net]]\ninterfaces = ['{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}']\n";
    for (config, message) in [
        (list(&format!("'{}',", "x".repeat(60_000))), " line 4: \"mistake\" is not an option"),
        (list(&format!("'{}',", "{a}".repeat(20_000))), " line 4: \"mistake\" is not an option"),
        (
            "[[inputs.net]]\n".repeat(35_000) + &other.repeat(12_000),
            " line 59002: \"mistake\" is not an option",
        ),
        (
            format!("[[inputs.net]]\n{} = 1\n", "k".repeat(1_000_000)),
            " line 2: \"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
        ),
        (
            format!(
                "[[inputs.net]]\nhost_sys = '{}'\n",
                "${TELEGRAF_NET_NONE:-xxxxxxxx}".repeat(34_000)
            ),
            " line 4: \"mistake\" is not an option",
        ),
        (
            format!("[[inputs.net]]\nhost_sys = '{}'\n", "${TELEGRAF_NET_LONG}".repeat(200)),
            " line 2: \"host_sys\": with its variables replaced, the file is longer than 1 MiB",
        ),
        (
            room.repeat(200),
            " line 114: \"interfaces\": \"{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}\"... (45 bytes) \
             is not a valid pattern: the alternatives in this file multiply to more than 256 KiB",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plugin.conf");
        fs::write(&file, config + mistake).unwrap();
        // Where the time is not bounded, the test ends all the same.
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", "60", PLUGIN, "--once", "--config"]).arg(&file);
        let output = output(command.env("TELEGRAF_NET_LONG", "v".repeat(100_000)));
        let log = text(&output.stderr);
        let start = format!("E! {file:?}:{message}");
        assert!(log.starts_with(&start), "{start:?}: {:.300}, {:?}", log, output.status);
        assert_eq!((log.lines().count(), output.status.code()), (1, Some(2)));
    }
}

#[test]
fn a_configuration_that_is_no_file_of_a_usual_size_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    run(Command::new("mkfifo").arg(at("pipe")));
    std::os::unix::fs::symlink("/dev/zero", at("link")).unwrap();
    fs::write(at("large"), vec![b'\n'; 2 << 20]).unwrap();
    for (file, error) in [
        ("/dev/zero".to_owned(), "not a regular file but a character device"),
        (at("link"), "not a regular file but a character device"),
        (at("pipe"), "not a regular file but a named pipe"),
        (at(""), "not a regular file but a directory"),
        (at("large"), "larger than 1 MiB"),
    ] {
        for args in [&["--once"][..], &[]] {
            // Little memory, so that the test does not take all of it where nothing limits reading.
            let mut command = Command::new("prlimit");
            command.args(["--as=1000000000", "timeout", "--signal=KILL", "30", PLUGIN]);
            let output = output(command.args(args).args(["--config", &file]));
            assert_eq!(text(&output.stderr), format!("E! cannot read {file:?}: {error}\n"));
            assert_eq!(output.status.code(), Some(2));
            assert!(output.stdout.is_empty());
        }
    }
}

#[test]
fn debug_lines_come_only_with_debug() {
    let host = host(proc_net_dev(1).as_bytes());
    let path = host.path();
    let looked = format!(
        "D! netlink is not used for the host's counters: cannot look at {:?}",
        path.join("1/ns/net")
    );
    assert!(!text(&once(path).stderr).contains("D! "));
    let mut command = plugin(&["--once", "--debug"]);
    let output = output(command.env("HOST_PROC", path).env("HOST_SYS", path));
    assert!(text(&output.stderr).contains(&looked), "{}", text(&output.stderr));
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let host = host(proc_net_dev(20_000).as_bytes());
    for mode in ["--once", "--poll-interval=1ms"] {
        let script = format!("{{ '{PLUGIN}' {mode}; echo \"status $?\" >&2; }} | head -n 1");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("HOST_PROC", host.path()).env("HOST_SYS", host.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        // Still open when the process ends.
        let _stdin = process.stdin.take();
        let output = finish(process);
        assert!(text(&output.stdout).starts_with("net,interface=if0 "));
        assert!(text(&output.stderr).ends_with("status 0\n"), "{}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("E! "), "{}", text(&output.stderr));
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for args in [&["--once"][..], &["--sample-config"], &["--help"], &["--version"], &[]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = plugin(args);
        command.stdin(Stdio::piped()).stdout(full).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        // That it gathers before it sees the end.
        let mut stdin = process.stdin.take().unwrap();
        let _ = stdin.write_all(b"\n");
        let output = finish(process);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let log = text(&output.stderr);
        assert_eq!(
            log.lines().last(),
            Some("E! cannot write to stdout: No space left on device (os error 28)"),
            "{args:?}"
        );
    }
}

#[test]
fn one_record_is_one_line_whatever_bytes_it_is_about() {
    const FORGED: &str = "a\nE! forged\r\x1b[31m\u{85}\u{2028}";
    const SHOWN: &str = r"a\nE! forged\r\u{1b}[31m\u{85}\u{2028}";
    let check = |output: &Output, start: &str| {
        let log = text(&output.stderr);
        let is_record = |line: &str| {
            ["E! ", "W! ", "I! ", "D! "].iter().any(|level| line.starts_with(level))
                && !line.contains(char::is_control)
                && !line.starts_with("E! forged")
        };
        assert!(log.lines().all(is_record), "{log:?}");
        assert!(log.lines().any(|line| line.starts_with(start)), "no {start:?} in {log}");
    };
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().join(FORGED);
    fs::create_dir_all(host.join("net")).unwrap();
    let shown = format!("{}/{SHOWN}", folder.path().display());
    let nowhere = format!("E! cannot read \"{shown}/1/net/dev\": No such");
    check(&once(&host), &nowhere);
    fs::write(host.join("net/dev"), proc_net_dev(1)).unwrap();
    let mut command = plugin(&["--once", "--debug"]);
    let output = output(command.env("HOST_PROC", &host).env("HOST_SYS", &host));
    check(&output, &format!("I! reading counters from \"{shown}/net/dev\""));
    let groups = r#""ip", "icmp", "icmpmsg", "tcp", "udp", "udplite""#;
    let left_out =
        format!("I! protocols {groups} are left out: cannot read \"{shown}/net/snmp\": No ");
    check(&output, &left_out);

    let config = host.join("none.conf");
    let missing = common::output(plugin(&["--once", "--config"]).arg(&config));
    check(&missing, &format!("E! cannot read \"{shown}/none.conf\": No such"));
    let (_, output) = with_config("[[inputs.net]]\nsource = \"a\\nE! forged\"\n", &["--once"], &[]);
    let log = text(&output.stderr);
    assert!(log.contains(r#": found "a\nE! forged""#) && log.lines().count() == 1, "{log}");
    let (_, output) = with_config("[[inputs.net]]\n\"a\\nE! forged\" = 1\n", &["--once"], &[]);
    assert_eq!(text(&output.stderr).lines().count(), 1);
}

#[test]
fn no_line_is_longer_than_a_pipe_takes_and_telegraf_reads() {
    let key = "k".repeat(500_000);
    let (_, output) = with_config(&format!("[[inputs.net]]\n{key} = 1\n"), &["--once"], &[]);
    let log = text(&output.stderr);
    assert!(log.starts_with("E! \"") && log.contains(" line 2: \"kkkk"), "{log:.200}");
    assert!(log.ends_with("host_sys, source, speed_refresh)\n"), "{log:.200}");
    assert!(log.len() <= 4096 && log.lines().count() == 1, "{}", log.len());
}

#[test]
fn two_files_that_cannot_be_read_have_a_reason_each() {
    let host = tempfile::tempdir().unwrap();
    fs::create_dir_all(host.path().join("1/net/dev")).unwrap();
    let log = text(&once(host.path()).stderr);
    let expected = format!(
        "E! cannot read {:?}: not a regular file but a directory, nor {:?}: No such file or \
         directory (os error 2)\n",
        host.path().join("1/net/dev"),
        host.path().join("net/dev")
    );
    assert!(log.contains(&expected), "{log}");
}

#[test]
fn a_configuration_that_telegraf_reads_itself_is_pointed_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["telegraf.d/deeper", "aside"] {
        fs::create_dir_all(at(name)).unwrap();
    }
    let config = "[[inputs.net]]\ninterfaces = ['lo']\n";
    for file in
        ["telegraf.d/a.conf", "telegraf.d/deeper/a.conf", "telegraf.d/a.txt", "aside/a.conf"]
    {
        fs::write(at(file), config).unwrap();
    }
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(at(target), at(name)).unwrap();
    link("aside/a.conf", "telegraf.d/link.conf");
    link("telegraf.d/a.conf", "aside/link.conf");
    link("telegraf.d", "folder");
    let log = |folder: &Path, file: &str| {
        text(&run(plugin(&["--once", "--config", file]).current_dir(folder)).stderr)
    };
    for (place, file, is_told) in [
        ("", "telegraf.d/a.conf", true),
        ("", "telegraf.d/deeper/a.conf", true),
        ("", "telegraf.d/link.conf", true),
        ("", "aside/link.conf", true),
        ("", "folder/a.conf", true),
        ("telegraf.d", "a.conf", true),
        ("telegraf.d/deeper", "../a.conf", true),
        ("", "telegraf.d/a.txt", false),
        ("", "aside/a.conf", false),
        ("aside", "a.conf", false),
    ] {
        let log = log(&at(place), file);
        let start =
            format!("W! {file:?} lies in a folder telegraf.d, where Telegraf reads it too, ");
        let told = log.lines().filter(|line| line.starts_with(&start)).count();
        assert_eq!(told, usize::from(is_told), "{place} {file}: {log}");
        assert_eq!(log.lines().count(), 1 + usize::from(is_told), "{log}");
    }
}

/// Starts it with three pipes, as Telegraf does, and returns whether it is still there when the two that
/// it writes to are at their end, and its status and log. stdin stays open.
fn end_under_pipes(command: &mut Command) -> (bool, Option<i32>, String) {
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let _ = stdin.write_all(b"\n");
    if let Some(mut stdout) = process.stdout.take() {
        common::read_all(&mut stdout);
    }
    let log = text(&common::read_all(process.stderr.as_mut().unwrap()));
    // Less than it stays, and more than it takes to end.
    std::thread::sleep(Duration::from_millis(50));
    let is_there = process.try_wait().unwrap().is_none();
    (is_there, finish(process).status.code(), log)
}

#[test]
fn a_failing_start_lets_the_reader_see_why_before_the_process_is_gone() {
    let nothing = tempfile::NamedTempFile::new().unwrap();
    fs::write(&nothing, "[[inputs.net]]\ninterfaces = ['none']\nignore_protocol_stats = true")
        .unwrap();
    let nothing = nothing.path().to_str().unwrap();
    for (args, status) in [
        (&["--config", "/none/such.conf"][..], 2),
        (&["--frobnicate"], 2),
        (&["--once", "--config", nothing], 1),
        (&[], 1),
    ] {
        // On a busy machine, we may be late to look.
        let is_seen = (0..20).any(|_| {
            let mut command = plugin(args);
            match status {
                1 if args.is_empty() => {
                    command.stdout(fs::File::options().write(true).open("/dev/full").unwrap())
                }
                _ => command.stdout(Stdio::piped()),
            };
            let (is_there, code, log) = end_under_pipes(&mut command);
            assert_eq!(code, Some(status), "{args:?}: {log}");
            assert!(log.lines().last().unwrap().starts_with("E! "), "{log}");
            is_there
        });
        assert!(is_seen, "{args:?}");
    }
}

#[test]
fn it_ends_well_where_there_is_no_dev_null() {
    if common::is_skipped() {
        return;
    }
    let script = "mount -t tmpfs tmpfs /dev && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, PLUGIN]).stdout(Stdio::piped());
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let output = finish(command.spawn().unwrap());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("E! "), "{}", text(&output.stderr));
}

#[test]
fn at_the_limit_of_open_files_it_ends_well_or_says_what_it_lacks() {
    // The C library has the words.
    let too_many = format!(": {}", std::io::Error::from(rustix::io::Errno::MFILE));
    let (mut failed, mut ended) = (0, 0);
    for limit in 4..40 {
        let limit = format!("--nofile={limit}:{limit}");
        let mut command = Command::new("prlimit");
        command.args([&limit, PLUGIN]).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let _ = process.stdin.as_mut().unwrap().write_all(b"\n");
        let output = finish(process);
        let log = text(&output.stderr);
        match output.status.code() {
            Some(0) => ended += 1,
            Some(1) => {
                failed += 1;
                let last = log.lines().last().unwrap();
                assert!(last.starts_with("E! cannot "), "{limit}: {log}");
                assert!(last.ends_with(&too_many), "{limit}: {log}");
            }
            status => panic!("{limit}: {status:?} {log}"),
        }
    }
    assert!(failed > 0 && ended > 10, "{failed} failed, {ended} ended well");
}

#[test]
fn a_line_of_a_megabyte_costs_only_itself() {
    let good = proc_net_dev(1);
    let junk = "x".repeat(1 << 20);
    for bad in
        [junk.clone(), format!("{junk}: 1 2 3"), format!("if9: {junk}"), "\0".repeat(1 << 20)]
    {
        let host = host(format!("{good}{bad}\n  if1: 1 2 3 4 5 6 7 8 9 10 11 12 13\n").as_bytes());
        let output = once(host.path());
        let lines = text(&output.stdout);
        assert_eq!(lines.lines().count(), 2, "{lines}");
        assert!(lines.starts_with("net,interface=if0 ") && lines.contains("\nnet,interface=if1 "));
        let log = text(&output.stderr);
        assert!(log.len() < 1000 && log.contains(" line 4: "), "{log}");
    }
}

#[test]
fn a_file_that_never_ends_and_a_pipe_that_never_begins_cost_only_themselves() {
    let host = host(proc_net_dev(2).as_bytes());
    let path = host.path();
    fs::remove_file(path.join("net/snmp")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path.join("net/snmp")).unwrap();
    let folder = path.join("class/net/if0");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("flags"), "0x1003\n").unwrap();
    run(Command::new("mkfifo").arg(folder.join("speed")));
    let output = once(path);
    let lines = text(&output.stdout);
    let speeds: Vec<_> = lines.lines().map(|line| line.contains(",speed=")).collect();
    // What cannot be told is left out; without a file, there is none to tell.
    assert_eq!(speeds, [false, true], "{lines}");
    let warning = format!(
        "W! cannot read {:?}: not a regular file but a named pipe: what it tells is left out, or stays as \
         it was (1 failed reads in {:?})\n",
        folder.join("speed"),
        path.join("class/net"),
    );
    assert!(text(&output.stderr).ends_with(&warning), "{}", text(&output.stderr));
}

#[test]
fn files_of_a_host_that_are_not_what_they_seem_cost_only_themselves() {
    /// Processes in network namespaces that exist, as far as files tell.
    fn host_with(make: &dyn Fn(&Path)) -> TempDir {
        let folder = host(proc_net_dev(2).as_bytes());
        let at = |name: &str| folder.path().join(name);
        fs::remove_file(at("net/snmp")).unwrap();
        for process in ["1", "2", "3"] {
            fs::create_dir_all(at(process).join("ns")).unwrap();
        }
        std::os::unix::fs::symlink("/proc/self/ns/net", at("1/ns/net")).unwrap();
        std::os::unix::fs::symlink("/proc/self/ns/uts", at("2/ns/net")).unwrap();
        for attributes in ["1/net", "class/net/if0", "class/net/if1"] {
            fs::create_dir_all(at(attributes)).unwrap();
        }
        for interface in ["if0", "if1"] {
            fs::write(at("class/net").join(interface).join("flags"), "0x1003\n").unwrap();
        }
        make(&at("1/cgroup"));
        make(&at("2/cgroup"));
        make(&at("3/ns/net"));
        make(&at("1/net/dev"));
        make(&at("net/snmp"));
        make(&at("net/netstat"));
        make(&at("class/net/if0/speed"));
        fs::write(at("class/net/if1/speed"), "100\n").unwrap();
        folder
    }
    let pipe = |path: &Path| drop(run(Command::new("mkfifo").arg(path)));
    let zero = |path: &Path| std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    // Takes no room.
    let huge = |path: &Path| fs::File::create(path).unwrap().set_len(1 << 40).unwrap();
    let config = tempfile::NamedTempFile::new().unwrap();
    let table = "[[inputs.net]]\nnamespace_include = ['*']\nnamespace_discovery = 'processes'\n\
                 protocols = ['ip', 'tcpext']\nsource = 'procfs'\n";
    fs::write(&config, table).unwrap();
    for make in [&pipe as &dyn Fn(&Path), &zero, &huge] {
        let host = host_with(make);
        let mut command = Command::new("prlimit");
        command.args(["--as=1000000000", "timeout", "--signal=KILL", "30", PLUGIN]);
        command.args(["--once", "--config"]).arg(config.path());
        command.env("HOST_PROC", host.path()).env("HOST_SYS", host.path());
        let output = output(&mut command);
        let (lines, log) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{log}");
        assert_eq!(lines.lines().count(), 2, "{lines}{log}");
        assert!(lines.contains("net,interface=if1 ") && lines.contains(",speed=100i "), "{lines}");
    }
}

#[test]
fn a_host_proc_without_the_hosts_sys_is_pointed_out() {
    let host = tempfile::tempdir().unwrap();
    fs::create_dir_all(host.path().join("1/net")).unwrap();
    fs::write(host.path().join("1/net/dev"), proc_net_dev(1)).unwrap();
    fs::write(host.path().join("1/net/snmp"), "").unwrap();
    let output = output(plugin(&["--once"]).env("HOST_PROC", host.path()));
    let expected = format!(
        "I! reading counters from {:?}\n\
         W! \"/sys/class/net\" does not know \"if0\": set HOST_SYS to the host's /sys, for speed and \
         for which interfaces are up\n",
        host.path().join("1/net/dev")
    );
    assert_eq!(text(&output.stderr), expected);
    assert!(!text(&once(host.path()).stderr).contains("W! "));
}

#[test]
fn what_names_another_sys_is_named() {
    for (option, variables, name) in [
        ("host_sys = '/none'", &[][..], "host_sys"),
        ("", &[("HOST_SYS", "/none")], "HOST_SYS"),
        ("host_sys = '/none'", &[("HOST_SYS", "/sys")], "host_sys"),
    ] {
        let (_, output) =
            with_config(&format!("[[inputs.net]]\n{option}\n"), &["--once"], variables);
        let expected = format!(
            "I! reading counters from /proc/net/dev, because {name} names another /sys\n\
             W! \"/none/class/net\" does not belong to these counters (it lacks \"lo\", or has another \
             one): cannot tell which interfaces are up, so all are reported, without speed; set \
             host_sys to the /sys of this network namespace\n"
        );
        assert_eq!(text(&output.stderr), expected, "{option}");
    }
}

#[test]
fn a_sys_that_shows_the_hosts_names_with_other_numbers_is_not_believed() {
    let host = tempfile::tempdir().unwrap();
    let net = host.path().join("1/net");
    fs::create_dir_all(net.join("dev_snmp6")).unwrap();
    let dev = proc_net_dev(1).replace("if0:", "lo:");
    fs::write(net.join("dev"), dev).unwrap();
    fs::write(net.join("snmp"), "").unwrap();
    for (number, is_believed) in [(1, true), (77, false)] {
        fs::write(net.join("dev_snmp6/lo"), format!("ifIndex \t{number}\n")).unwrap();
        for sys in [None, Some("/sys/")] {
            let mut command = plugin(&["--once"]);
            command.env("HOST_PROC", host.path());
            sys.map(|sys| command.env("HOST_SYS", sys));
            let output = output(&mut command);
            let source = format!("I! reading counters from {:?}\n", net.join("dev"));
            if is_believed {
                // Loopbacks are left out.
                assert_eq!(text(&output.stdout), "");
                assert!(text(&output.stderr).starts_with(&format!("{source}E! nothing")));
                continue;
            }
            assert!(output.stdout.starts_with(b"net,interface=lo "), "{output:?}");
            assert_eq!(
                text(&output.stderr),
                source
                    + "W! \"/sys/class/net\" does not belong to the host's counters (its \"lo\" is another \
                       one): cannot tell which interfaces are up, so all are reported, without speed; set \
                       HOST_SYS to the host's /sys\n"
            );
        }
    }
}

#[test]
fn every_kernel_file_is_read_once_for_all_tables() {
    if common::is_skipped_without("strace", common::has("strace", "-V")) {
        return;
    }
    let config = tempfile::NamedTempFile::new().unwrap();
    let table = "[[inputs.net]]\nsource = 'procfs'\n";
    let patterns = "interfaces = ['*']\n";
    fs::write(
        &config,
        format!("{table}{table}{patterns}{table}{patterns}{table}host_sys = '/none'\n"),
    )
    .unwrap();
    let mut command = Command::new("strace");
    command.args(["-e", "trace=openat,ioctl", PLUGIN, "--once", "--config"]).arg(config.path());
    let output = run(command.env_remove("HOST_PROC").env_remove("HOST_SYS"));
    let log = text(&output.stderr);
    for (file, count) in [
        ("/proc/net/dev\"", 1),
        ("/proc/net/snmp\"", 1),
        ("/net/lo/speed\"", 1),
        // The kernel tells them by name: who is up, and whether it is the same after its speed was read.
        ("/net/lo/flags\"", 0),
        ("SIOCGIFFLAGS, {ifr_name=\"lo\"", 2),
    ] {
        assert_eq!(log.matches(file).count(), count, "{file} in {log}");
    }
    let lines = text(&output.stdout);
    let time = |line: &str| line.rsplit_once(' ').unwrap().1.to_owned();
    let first = time(lines.lines().next().unwrap());
    assert!(lines.lines().all(|line| time(line) == first), "{lines}");
    assert_eq!(lines.matches("net,interface=all ").count(), 4);
}

#[test]
fn on_a_terminal_it_says_what_the_keys_do() {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let keyboard = fs::File::open(OsStr::from_bytes(name.as_bytes())).unwrap();
    let mut command = plugin(&[]);
    command.stdin(keyboard).stdout(Stdio::piped()).stderr(Stdio::piped());
    let process = command.spawn().unwrap();
    drop(command);
    let mut keys = fs::File::from(terminal);
    keys.write_all(b"\n\x04").unwrap();
    let output = finish(process);
    assert!(output.status.success());
    assert_eq!(text(&output.stderr).lines().last(), Some("I! Enter gathers, Ctrl-C ends"));
    assert!(text(&output.stdout).contains("net,interface=all "));
}

#[test]
fn options_without_effect_beside_a_list_of_interfaces_are_told_with_their_lines() {
    let config = "[[inputs.net]]\ninterfaces = ['lo']\ninclude_down = true\n\
                  include_loopback = true\n[[inputs.net]]\ninterface_exclude = ['lo']\n\
                  include_down = true\nignore_protocol_stats = true\n\
                  [[inputs.net]]\ninterfaces = ['lo']\ninterface_exclude = ['lo']\n\
                  include_down = false\nignore_protocol_stats = true\n";
    let (_, output) = with_config(config, &["--once"], &[]);
    let log = text(&output.stderr);
    let warnings: Vec<_> = log.lines().filter(|line| line.starts_with("W! ")).collect();
    let warning = |option: &str, line: usize, which: &str| {
        format!(
            "W! {option} does nothing beside interfaces (line {line} of the configuration): a list of \
             interfaces reports {which} too, if they match; leave one of them out"
        )
    };
    let expected = [
        warning("include_down", 3, "those that are down"),
        warning("include_loopback", 4, "loopbacks"),
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn fields_that_nothing_says_how_long_to_leave_out_are_told_of() {
    for (interval, is_warned) in
        [("", true), ("dedup_interval = '0s'\n", true), ("dedup_interval = '1m'\n", false)]
    {
        let config =
            format!("[[inputs.net]]\ninterfaces = ['lo']\ndedup_fields = true\n{interval}");
        let (_, output) = with_config(&config, &["--once"], &[]);
        let warning = "W! dedup_fields does nothing without dedup_interval (line 3 of the configuration): that says \
                       for how long a field that says nothing new is left out; add it";
        let is_there = text(&output.stderr).lines().any(|line| line == warning);
        assert_eq!(is_there, is_warned, "{interval:?}: {}", text(&output.stderr));
    }
}
