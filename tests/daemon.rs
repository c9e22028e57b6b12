//! The built plugin as Telegraf runs it: three pipes, triggers, endings.

#![cfg(target_os = "linux")]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::made_up::{END, Plugin, lines, write_dev};
use common::plugin::{DEFAULT, Daemon, with_source};
use common::{
    Netns, PLUGIN, end_of, eventually, finish, has, is_skipped, is_skipped_without, proc_net_dev,
    read_all, read_part,
};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

/// Whether it waits and writes by threads, as on other systems than Linux. These cannot make a pipe
/// larger, nor know whether there is room in it.
const BY_THREADS: bool = cfg!(feature = "threads");

#[test]
fn a_newline_and_each_signal_cause_one_gather() {
    let mut plugin = Plugin::start(3, &[]);
    plugin.assert_silent();
    plugin.trigger(b"\n");
    let lines = plugin.read_lines(3);
    let interfaces: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(interfaces, ["net,interface=if0", "net,interface=if1", "net,interface=if2"]);
    plugin.assert_silent();
    for signal in [Signal::USR1, Signal::USR2, Signal::HUP] {
        plugin.signal(signal);
        plugin.read_lines(3);
        plugin.assert_silent();
    }
    plugin.trigger(b"no newline yet");
    plugin.assert_silent();
    plugin.trigger(b"\n");
    plugin.read_lines(3);
    plugin.assert_silent();
}

#[test]
fn triggers_that_pile_up_are_answered_by_one_gather() {
    let mut plugin = Plugin::start(1, &[]);
    plugin.trigger(&[b'\n'; 1000]);
    plugin.read_lines(1);
    plugin.assert_silent();
    // While it is stopped, triggers of every kind come in. By threads, each kind is for itself, since
    // another thread reads them, which may be late; Telegraf sends only one.
    let newlines = |plugin: &mut Plugin| plugin.trigger(b"\n\n");
    let signals = |plugin: &mut Plugin| plugin.signal(Signal::USR1);
    let all = |plugin: &mut Plugin| {
        plugin.trigger(b"\n\n");
        plugin.signal(Signal::USR1);
        plugin.signal(Signal::HUP);
    };
    let kinds: &[fn(&mut Plugin)] = if BY_THREADS { &[newlines, signals] } else { &[all] };
    for trigger in kinds {
        plugin.signal(Signal::STOP);
        (0..10).for_each(|_| trigger(&mut plugin));
        plugin.signal(Signal::CONT);
        plugin.read_lines(1);
        plugin.assert_silent();
    }
}

#[test]
fn triggers_during_a_blocked_write_are_answered_by_one_gather() {
    // 20000 lines are more than a pipe of the largest size holds.
    let mut plugin = Plugin::start(20_000, &[]);
    plugin.trigger(b"\n");
    eventually("a full pipe", || plugin.has_full_pipe().then_some(()));
    for _ in 0..10 {
        plugin.trigger(b"\n");
        std::thread::sleep(Duration::from_millis(5));
    }
    plugin.read_lines(20_000);
    plugin.read_lines(20_000);
    plugin.assert_silent();
}

#[test]
fn every_ending_is_normal_and_prompt() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut plugin = Plugin::start(3, &[]);
        plugin.signal(signal);
        plugin.assert_ends();
        assert!(plugin.rest().is_empty());
    }
    let mut plugin = Plugin::start(3, &[]);
    plugin.close_stdin();
    plugin.assert_ends();
    let mut plugin = Plugin::start(3, &[]);
    plugin.stdout = None;
    plugin.assert_ends();
    let mut plugin = Plugin::start(3, &["--poll-interval", "1ms"]);
    eventually("the first lines", || (plugin.unread() > 0).then_some(()));
    plugin.stdout = None;
    plugin.assert_ends();
    assert_eq!(plugin.log().lines().count(), 1, "{}", plugin.log());
}

#[test]
fn a_gather_that_was_asked_for_is_written_before_the_end() {
    // Few enough that even a busy machine has done with them before the gather is cut short.
    const INTERFACES: usize = 100;
    for round in 0..50 {
        let mut plugin = Plugin::start(INTERFACES, &[]);
        plugin.trigger(b"\n");
        if round % 2 == 0 {
            plugin.close_stdin();
        } else {
            // A signal can overtake the newline, so this one comes in the middle of the writing.
            eventually("the first lines", || (plugin.unread() > 0).then_some(()));
            plugin.signal(Signal::TERM);
        }
        assert_eq!(plugin.rest().len(), INTERFACES);
        plugin.close_stdin();
        plugin.assert_ends();
    }
}

#[test]
fn a_blocked_stdout_delays_no_ending_and_cuts_no_line() {
    for interfaces in [1000, 20_000] {
        for end in [Some(Signal::TERM), Some(Signal::INT), None] {
            let mut plugin = Plugin::start(interfaces, &[]);
            plugin.fill_pipe();
            match end {
                Some(signal) => plugin.signal(signal),
                None => plugin.close_stdin(),
            }
            plugin.assert_ends();
            assert!(plugin.rest().len() > if BY_THREADS { 300 } else { 1000 });
        }
    }
}

/// A plugin for which every file takes 20 ms to look at or to open, and so a gather of 300 interfaces
/// seconds. Their lines fit in any pipe.
fn start_slow(config: &str) -> Plugin {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, config).unwrap();
    let mut command = Command::new("strace");
    let slow = "--inject=openat,%%stat:delay_enter=20000";
    command.args(["-o", "/dev/null", slow, PLUGIN, "--config"]).arg(file.path());
    let mut plugin = Plugin::start_as(command, 300);
    plugin.trigger(b"\n");
    std::thread::sleep(Duration::from_millis(300));
    plugin
}

#[test]
fn slow_speeds_delay_no_ending_and_cost_only_themselves() {
    if is_skipped_without("strace", has("strace", "-V")) {
        return;
    }
    let mut plugin = start_slow("[[inputs.net]]\ninterfaces = ['*']\n");
    plugin.close_stdin();
    plugin.assert_ends();
    let lines = plugin.rest();
    assert_eq!(lines.len(), 300);
    let with_speed = lines.iter().filter(|line| line.contains(",speed=-1i ")).count();
    assert!((1..100).contains(&with_speed), "{with_speed} speeds");
}

#[test]
fn slow_flags_and_a_reader_that_goes_away_delay_no_ending() {
    if is_skipped_without("strace", has("strace", "-V")) {
        return;
    }
    let mut plugin = start_slow("[[inputs.net]]\n");
    plugin.close_stdin();
    plugin.assert_ends();
    assert!((1..100).contains(&plugin.rest().len()));
    let mut plugin = start_slow("[[inputs.net]]\n");
    plugin.stdout = None;
    plugin.assert_ends();
}

#[test]
fn a_batch_that_is_made_long_after_the_stop_is_written() {
    if is_skipped_without("strace", has("strace", "-V")) {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    // Flags are not asked for any more then.
    fs::write(&file, "[[inputs.net]]\ninterfaces = ['*']\n").unwrap();
    let mut command = Command::new("sh");
    let slow = "exec strace -f -o /dev/null -P \"$HOST_PROC/net/dev\" \
                --inject=pread64:delay_enter=300000 \"$0\" --config \"$1\"";
    command.args(["-c", slow, PLUGIN]).arg(file.path());
    let mut plugin = Plugin::start_as(command, 3);
    plugin.trigger(b"\n");
    plugin.close_stdin();
    assert_eq!(plugin.rest().len(), 3);
    assert!(end_of(&mut plugin.process).0.success());
}

/// One whose lines of protocol statistics have more than 8000 bytes.
fn start_with_long_lines() -> Plugin {
    let plugin = Plugin::start(1, &[]);
    let columns = (0..500).map(|number| format!("Column{number}")).collect::<Vec<_>>().join(" ");
    let snmp = format!("Tcp: {columns}\nTcp:{}\n", " 1".repeat(500));
    fs::write(plugin.folder.path().join("net/snmp"), snmp).unwrap();
    plugin
}

#[test]
fn a_long_line_is_not_cut_where_there_is_no_room_for_all_of_it() {
    let mut plugin = start_with_long_lines();
    // Far more than the pipe holds.
    for _ in 0..30 {
        plugin.trigger(b"\n");
        std::thread::sleep(Duration::from_millis(20));
    }
    plugin.signal(Signal::TERM);
    plugin.assert_ends();
    let text = String::from_utf8(read_all(plugin.stdout.as_mut().unwrap())).unwrap();
    assert!(text.len() > 8000);
    for line in text.split_inclusive('\n') {
        let is_long = line.starts_with("net,interface=all ");
        assert!(line.ends_with('\n') && is_long == (line.len() > 8000), "{line:?}");
    }
}

#[test]
fn a_line_that_is_longer_than_an_atomic_write_is_not_cut_either() {
    let mut plugin = start_with_long_lines();
    // Nobody reads. What comes first of the second batch is written, before its long line has to wait.
    plugin.trigger(b"\n");
    let first = eventually("the first batch", || Some(plugin.unread()).filter(|&it| it > 8000));
    plugin.trigger(b"\n");
    eventually("the second one", || (plugin.unread() > first).then_some(()));
    plugin.signal(Signal::TERM);
    plugin.assert_ends();
    let text = String::from_utf8(read_all(plugin.stdout.as_mut().unwrap())).unwrap();
    let (long, short): (Vec<_>, Vec<_>) =
        text.split_inclusive('\n').partition(|line| line.starts_with("net,interface=all "));
    // The second long line waits until the first one is read. By threads, it goes out since there is room.
    assert_eq!((long.len(), short.len()), (if BY_THREADS { 2 } else { 1 }, 2));
    assert!(long.iter().all(|line| line.len() > 8000 && line.ends_with('\n')));
    lines(short.concat().as_bytes());
}

#[test]
fn a_stop_comes_through_where_gathers_follow_each_other_without_a_pause() {
    let folder = tempfile::tempdir().unwrap();
    for end in [Some(Signal::TERM), None] {
        let mut command = Command::new(PLUGIN);
        command.args(["--poll-interval", "1ms"]);
        let mut plugin = Plugin::start_as(command, 2000);
        let mut output = plugin.stdout.take().unwrap();
        let file = folder.path().join("lines");
        let copy = std::thread::spawn(move || {
            let bytes = read_all(&mut output);
            fs::write(file, &bytes).unwrap();
            bytes.len()
        });
        std::thread::sleep(Duration::from_millis(300));
        match end {
            Some(signal) => plugin.signal(signal),
            None => plugin.close_stdin(),
        }
        plugin.assert_ends();
        assert!(copy.join().unwrap() > 0);
        lines(&fs::read(folder.path().join("lines")).unwrap());
    }
}

#[test]
fn a_blocked_write_waits_at_rest_while_its_own_clock_goes_on() {
    let mut plugin = Plugin::start(20_000, &["--poll-interval", "100ms"]);
    eventually("a full pipe", || plugin.has_full_pipe().then_some(()));
    let stat = format!("/proc/{}/stat", plugin.process.id());
    let cpu_ticks = || {
        let stat = fs::read_to_string(&stat).unwrap();
        let times = stat.split(' ').skip(13).take(2);
        times.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>()
    };
    std::thread::sleep(Duration::from_millis(200));
    let before = cpu_ticks();
    std::thread::sleep(Duration::from_secs(1));
    // A hundred ticks are a second. One that never rested would take most of them.
    assert!(cpu_ticks() - before < 10, "{} ticks", cpu_ticks() - before);
    plugin.signal(Signal::TERM);
    plugin.assert_ends();
}

#[test]
fn after_a_signal_it_stays_until_stdin_is_at_its_end() {
    // Telegraf closes it a moment later. On a busy machine, we may be late to look.
    let stays = (0..20).any(|_| {
        let mut plugin = Plugin::start(3, &[]);
        plugin.signal(Signal::TERM);
        assert!(plugin.rest().is_empty());
        // Longer than it stays for its reader.
        std::thread::sleep(Duration::from_millis(250));
        let is_there = plugin.process.try_wait().unwrap().is_none();
        plugin.close_stdin();
        plugin.assert_ends();
        is_there
    });
    assert!(stays);
}

#[test]
fn on_a_terminal_it_ends_at_once() {
    // The quickest of several, for a busy machine.
    let times = (0..10).map(|_| {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let keyboard = fs::File::open(OsStr::from_bytes(name.as_bytes())).unwrap();
        let mut command = Command::new(PLUGIN);
        command.stdin(keyboard).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (mut log, mut part) = (String::new(), [0; 1 << 10]);
        while !log.contains("Ctrl-C ends") {
            let length = read_part(process.stderr.as_mut().unwrap(), &mut part);
            assert_ne!(length, 0, "{log}");
            log += &String::from_utf8_lossy(&part[..length]);
        }
        let start = Instant::now();
        kill_process(Pid::from_child(&process), Signal::INT).unwrap();
        let status = eventually("the end", || process.try_wait().unwrap());
        assert!(status.success());
        start.elapsed()
    });
    let quickest = times.min().unwrap();
    assert!(quickest < Duration::from_millis(140), "{quickest:?}");
}

#[test]
fn a_minute_without_any_trigger_is_told_of_once_and_so_is_the_first_one() {
    const WARNING: &str = "nothing has asked for metrics for a minute: set signal = \"STDIN\" in \
                           [[inputs.execd]], where \"none\" is the default, unless its interval is \
                           longer";
    let start = Instant::now();
    let mut silent = Plugin::start(1, &[]);
    let mut disabled = Plugin::start(1, &["-poll_interval_disabled"]);
    let mut others = [Plugin::start(1, &[]), Plugin::start(1, &["--poll-interval", "1h"])];
    // The other one has its own clock, which asks at once.
    others[0].trigger(b"\n");
    for plugin in &mut others {
        plugin.read_lines(1);
    }
    let log = |plugin: &Plugin| -> Vec<String> {
        // The first line says where counters come from.
        plugin.log().lines().skip(1).map(str::to_owned).collect()
    };
    std::thread::sleep(Duration::from_secs(50));
    assert!(log(&silent).is_empty() || start.elapsed() > Duration::from_secs(60));
    for plugin in [&mut silent, &mut disabled] {
        eventually("the warning", || (!log(plugin).is_empty()).then_some(()));
        assert_eq!(log(plugin), [format!("W! {WARNING}")]);
        for _ in 0..2 {
            plugin.trigger(b"\n");
            plugin.read_lines(1);
        }
        assert_eq!(log(plugin), [format!("W! {WARNING}"), format!("I! resolved: {WARNING}")]);
    }
    for plugin in &others {
        assert!(log(plugin).is_empty(), "{:?}", log(plugin));
    }
}

/// Starts a plugin that reports made-up interfaces of that folder to that stdout.
fn start_with_stdout(folder: &TempDir, stdout: impl Into<Stdio>) -> Child {
    write_dev(folder.path(), &proc_net_dev(5000));
    let mut command = Command::new(PLUGIN);
    command.env("HOST_PROC", folder.path()).env("HOST_SYS", folder.path());
    let log = folder.path().join("log");
    command.stdin(Stdio::piped()).stdout(stdout).stderr(fs::File::create(&log).unwrap());
    let process = command.spawn().unwrap();
    eventually("the line at the start", || {
        fs::read_to_string(&log).unwrap().contains("! reading ").then_some(())
    });
    process
}

#[test]
fn a_file_and_a_socket_get_every_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    let mut process = start_with_stdout(&folder, fs::File::create(&file).unwrap());
    process.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    eventually("all lines", || {
        let written = fs::read(&file).unwrap();
        (written.split(|&byte| byte == b'\n').count() > 5000).then_some(())
    });
    assert!(finish(process).status.success());
    assert_eq!(lines(&fs::read(&file).unwrap()).len(), 5000);

    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut process = start_with_stdout(&folder, OwnedFd::from(theirs));
    process.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\n") || lines(&bytes).len() < 5000 {
        let mut part = vec![0; 1 << 16];
        let length = read_part(&mut ours, &mut part);
        assert_ne!(length, 0);
        bytes.extend_from_slice(&part[..length]);
    }
    drop(ours);
    assert!(finish(process).status.success());
}

#[test]
fn a_paused_terminal_delays_no_ending() {
    for end in [Some(Signal::INT), None] {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let screen = OsStr::from_bytes(name.as_bytes());
        let screen = fs::File::options().write(true).open(screen).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut process = start_with_stdout(&folder, screen);
        let mut stdin = process.stdin.take();
        stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        // Nobody reads the terminal, which is what a paused one comes to.
        std::thread::sleep(Duration::from_millis(300));
        match end {
            Some(signal) => kill_process(Pid::from_child(&process), signal).unwrap(),
            None => stdin = None,
        }
        let (status, took) = end_of(&mut process);
        assert!(status.success() && took < END, "{status} {took:?}");
        drop((terminal, stdin));
    }
}

#[test]
fn a_full_stderr_holds_nothing_up() {
    let (reader, writer) = std::io::pipe().unwrap();
    let size = rustix::pipe::fcntl_getpipe_size(&writer).unwrap();
    (&writer).write_all(&vec![b'x'; size]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_dev(folder.path(), &proc_net_dev(3));
    let mut command = Command::new(PLUGIN);
    command.env("HOST_PROC", folder.path()).env("HOST_SYS", folder.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(writer);
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(b"\n").unwrap();
    let output = finish(process);
    assert!(output.status.success());
    assert_eq!(lines(&output.stdout).len(), 3);
    drop(reader);
}

#[test]
fn it_waits_for_a_late_reader_before_it_ends() {
    let mut plugin = Plugin::start(20_000, &[]);
    plugin.trigger(b"\n");
    eventually("a full pipe", || plugin.has_full_pipe().then_some(()));
    plugin.close_stdin();
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(plugin.rest().len(), 20_000);
    plugin.assert_ends();
    // What Telegraf has not read when the process is gone is lost to it.
    let mut plugin = Plugin::start(10, &[]);
    plugin.trigger(b"\n");
    plugin.close_stdin();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(plugin.process.try_wait().unwrap(), None);
    assert_eq!(plugin.rest().len(), 10);
    // And it must see the end of the pipe before the process is gone.
    assert_eq!(plugin.process.try_wait().unwrap(), None);
    plugin.assert_ends();
}

#[test]
// By threads, it is not known what the pipe holds, and each write is no longer than any pipe takes whole.
#[cfg(not(feature = "threads"))]
fn a_batch_goes_out_in_one_write_where_the_pipe_holds_it() {
    let mut plugin = Plugin::start(4000, &[]);
    plugin.trigger(b"\n");
    plugin.read_lines(4000);
    let (bytes_before, writes_before) = plugin.written();
    plugin.trigger(b"\n");
    let lines = plugin.read_lines(4000);
    let (bytes, writes) = plugin.written();
    let size: usize = lines.iter().map(|line| line.len() + 1).sum();
    assert_eq!(bytes - bytes_before, size as u64);
    assert_eq!(writes - writes_before, 1);
}

#[test]
fn all_lines_of_a_gather_have_its_time() {
    let mut plugin = Plugin::start(50, &[]);
    let mut last = 0;
    for _ in 0..3 {
        plugin.trigger(b"\n");
        let lines = plugin.read_lines(50);
        let time = |line: &String| line.rsplit_once(' ').unwrap().1.parse::<u128>().unwrap();
        let first = time(&lines[0]);
        assert!(lines.iter().all(|line| time(line) == first));
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        assert!(last < first && first <= now && now - first < 60_000_000_000, "{first} {now}");
        last = first;
    }
}

#[test]
fn its_own_clock_starts_at_once_and_gathers_at_its_interval() {
    let start = Instant::now();
    let mut plugin = Plugin::start(1, &["--poll-interval", "100ms"]);
    for _ in 0..11 {
        plugin.read_lines(1);
    }
    // Ten intervals lie between eleven gathers.
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    plugin.trigger(b"\n");
    plugin.read_lines(1);
    plugin.close_stdin();
    plugin.assert_ends();
}

#[test]
fn a_failed_gather_is_logged_once_when_it_starts_and_once_when_it_ends() {
    let mut plugin = Plugin::start(1, &[]);
    let folder = plugin.folder.path().to_owned();
    let dev = folder.join("net/dev");
    let settle = |plugin: &mut Plugin| {
        for _ in 0..5 {
            plugin.trigger(b"\n");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    fs::remove_file(&dev).unwrap();
    settle(&mut plugin);
    write_dev(&folder, "garbage");
    settle(&mut plugin);
    write_dev(&folder, &format!("{}if9: 1x\nif8: 2\n", proc_net_dev(1)));
    settle(&mut plugin);
    write_dev(&folder, &proc_net_dev(1));
    settle(&mut plugin);
    plugin.close_stdin();
    let lines = plugin.rest();
    plugin.assert_ends();
    assert_eq!(lines.len(), 10);
    let dev = format!("{dev:?}");
    let missing = format!(
        "cannot read {dev}: No such file or directory (os error 2): mount the host's /proc where \
         host_proc or HOST_PROC says, or leave that out"
    );
    let expected = [
        format!("I! reading counters from {dev}"),
        format!("E! {missing}"),
        format!("E! {dev}: not in the format of /proc/net/dev: its header is missing"),
        format!("I! resolved: {missing}"),
        format!("E! {dev} line 4: expected at least 13 columns, found 1"),
        format!("E! {dev} line 5: expected at least 13 columns, found 1"),
        format!("I! resolved: {dev}: not in the format of /proc/net/dev: its header is missing"),
        format!("I! resolved: {dev} line 4: expected at least 13 columns, found 1"),
        format!("I! resolved: {dev} line 5: expected at least 13 columns, found 1"),
    ];
    assert_eq!(plugin.log().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn interfaces_whose_rows_change_places_keep_their_own_counters() {
    let mut plugin = Plugin::start(2, &[]);
    let header = proc_net_dev(0);
    for rows in [[("if0", 1), ("if1", 2)], [("if1", 20), ("if0", 10)], [("if1", 200), ("if0", 100)]]
    {
        let row =
            |(name, bytes)| format!("  {name}: {bytes} 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
        write_dev(plugin.folder.path(), &(header.clone() + &rows.map(row).concat()));
        plugin.trigger(b"\n");
        for (line, (name, bytes)) in plugin.read_lines(2).iter().zip(rows) {
            assert!(line.starts_with(&format!("net,interface={name} ")), "{line}");
            assert!(line.contains(&format!(",bytes_recv={bytes}i,")), "{line}");
        }
    }
}

/// Gathers ten thousand times, after which the process has no more files and no more memory than before.
fn soak(pid: u32, mut gather: impl FnMut()) {
    let process = format!("/proc/{pid}");
    let files = || fs::read_dir(format!("{process}/fd")).unwrap().count();
    let resident_kb = || {
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    (0..100).for_each(|_| gather());
    let (files_before, resident_before) = (files(), resident_kb());
    (0..10_000).for_each(|_| gather());
    assert_eq!(files(), files_before);
    let grown = resident_kb().saturating_sub(resident_before);
    assert!(grown <= 64, "{grown} kB more than the {resident_before} kB of before");
}

#[test]
fn debug_tells_each_gather_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("plugin.conf");
    let options = "interface_exclude = ['if[12]']\ndedup_interval = '1h'\nsource = 'procfs'";
    fs::write(&config, format!("[[inputs.net]]\n{options}\n")).unwrap();
    for (args, is_told) in [(&["--debug"][..], true), (&[], false)] {
        let mut command = Command::new(PLUGIN);
        command.args(args).arg("--config").arg(&config);
        let mut plugin = Plugin::start_as(command, 5);
        plugin.trigger(b"\n");
        assert_eq!(plugin.read_lines(3).len(), 3);
        plugin.trigger(b"\n");
        let told = || {
            let log = plugin.log();
            let told = log.lines().filter(|line| line.starts_with("D! gathered "));
            told.map(str::to_owned).collect::<Vec<_>>()
        };
        if is_told {
            let told = eventually("two lines", || Some(told()).filter(|told| told.len() == 2));
            for (line, (lines, quiet)) in told.iter().zip([(3, 0), (0, 3)]) {
                let (start, end) = line.split_once(" in ").unwrap();
                let (took, end) = end.split_once("; ").unwrap();
                assert_eq!(start, format!("D! gathered {lines} lines"));
                assert!(took.strip_suffix(" ms").is_some_and(|took| took.parse::<f64>().is_ok()));
                let expected = format!(
                    "interfaces left out: 2 in interface_exclude; lines left out by dedup_interval: \
                     {quiet}; drivers asked for their speed: 3"
                );
                assert_eq!(end, expected);
            }
        } else {
            plugin.close_stdin();
            plugin.assert_ends();
            assert_eq!(plugin.log().matches("gathered").count(), 0);
        }
    }
}

#[test]
fn a_clock_that_the_end_of_stdin_stops_says_so() {
    let is_told =
        |plugin: &Plugin| plugin.log().contains("I! stdin has ended, and so does this process");
    for (args, is_stopped) in [(&["--poll-interval", "10s"][..], true), (&[], false)] {
        let mut plugin = Plugin::start(1, args);
        plugin.close_stdin();
        plugin.assert_ends();
        assert_eq!(is_told(&plugin), is_stopped);
    }
    let mut plugin = Plugin::start(1, &["--poll-interval", "10s"]);
    plugin.signal(Signal::TERM);
    plugin.assert_ends();
    assert!(!is_told(&plugin));
}

#[test]
fn ten_thousand_gathers_by_procfs_leave_file_descriptors_and_memory_as_they_were() {
    let mut plugin = Plugin::start(100, &[]);
    soak(plugin.process.id(), || {
        plugin.trigger(b"\n");
        plugin.read_lines(100);
    });
}

#[test]
fn ten_thousand_gathers_by_netlink_leave_file_descriptors_and_memory_as_they_were() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    let pair = |number| {
        format!(
            "link add left{number} type veth peer name right{number}
             link set left{number} up
             link set right{number} up\n"
        )
    };
    netns.ip_batch(&(0..50).map(pair).collect::<String>());
    let mut daemon = Daemon::start(&netns, &with_source(DEFAULT, "netlink"));
    soak(daemon.pid(), || assert_eq!(daemon.batch().len(), 100));
    assert_eq!(daemon.end(), "");
}
