//! What others do to stdin and stdout, with signals and with the clock: however slowly it is read, however
//! much it is sent, whenever it is stopped, every line is whole and in order of time, there is no more than
//! one batch for a trigger, and it ends as the contract has it.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

use common::line::{Line, Parsed};
use common::made_up::{Plugin, lines};
use common::plugin::{Daemon, with_source};
#[cfg(not(feature = "threads"))]
use common::trace::{Trace, is_skipped_without_strace};
use common::{
    Ending, Netns, PLUGIN, eventually, finish, is_skipped, is_skipped_without, read_part, text,
};

/// The batches of whole lines that each tell all interfaces of a folder, in their order; in order of time.
/// The last one may be cut short between two lines where `is_cut`.
fn batches(lines: &[String], interfaces: usize, is_cut: bool) -> Vec<u128> {
    let time = |line: &String| line.rsplit_once(' ').unwrap().1.parse::<u128>().unwrap();
    let batches: Vec<_> = lines.chunk_by(|one, next| time(one) == time(next)).collect();
    for (number, batch) in batches.iter().enumerate() {
        let is_whole = batch.len() == interfaces;
        assert!(is_whole || is_cut && number + 1 == batches.len(), "{} lines", batch.len());
        for (number, line) in batch.iter().enumerate() {
            assert!(
                line.starts_with(&format!("net,interface=if{number} bytes_sent=9i,")),
                "{line}"
            );
        }
    }
    let times: Vec<_> = batches.iter().map(|batch| time(&batch[0])).collect();
    assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
    times
}

/// What it logged since the line at the start.
fn log_of(plugin: &Plugin) -> Vec<String> {
    plugin.log().lines().skip(1).map(str::to_owned).collect()
}

/// Its resident memory, in KiB.
fn resident_kb(plugin: &Plugin) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", plugin.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_reader_that_takes_one_byte_at_a_time_gets_every_line() {
    const INTERFACES: usize = 300;
    let mut plugin = Plugin::start(INTERFACES, &[]);
    let mut bytes = Vec::new();
    for batch in 1..=2 {
        plugin.trigger(b"\n");
        while bytes.split(|&byte| byte == b'\n').count() <= INTERFACES * batch {
            // The count is not to be taken after every byte.
            for _ in 0..100 {
                let mut byte = [0];
                if plugin.unread() == 0 && bytes.ends_with(b"\n") {
                    break;
                }
                assert_eq!(read_part(plugin.stdout.as_mut().unwrap(), &mut byte), 1);
                bytes.extend(byte);
            }
        }
    }
    assert_eq!(batches(&lines(&bytes), INTERFACES, false).len(), 2);
    plugin.close_stdin();
    plugin.assert_ends();
    assert!(log_of(&plugin).is_empty());
}

#[test]
// By threads, it is not known what the pipe holds.
#[cfg(not(feature = "threads"))]
fn a_pipe_of_one_page_that_cannot_be_enlarged_gets_whole_lines() {
    if is_skipped_without_strace() {
        return;
    }
    for end in [Some(Signal::TERM), None] {
        let (reader, writer) = std::io::pipe().unwrap();
        assert_eq!(rustix::pipe::fcntl_setpipe_size(&reader, 4096), Ok(4096));
        let mut plugin = Plugin::start_with(Command::new(PLUGIN), 300, (reader, writer));
        // As where a user's pipes are many.
        let trace = Trace::injecting("fcntl:error=EPERM", plugin.process.id());
        plugin.trigger(b"\n");
        let first = plugin.read_lines(300);
        assert_eq!(batches(&first, 300, false).len(), 1);
        // Nobody reads what there is no room for.
        plugin.trigger(b"\n");
        eventually("a full page", || (plugin.unread() > 3000).then_some(()));
        drop(trace);
        match end {
            Some(signal) => plugin.signal(signal),
            None => plugin.close_stdin(),
        }
        plugin.assert_ends();
        let rest = plugin.rest();
        assert!((10..300).contains(&rest.len()), "{}", rest.len());
        batches(&rest, 300, true);
    }
}

#[test]
fn a_reader_that_is_away_for_a_minute_gets_whole_batches_in_order_of_time() {
    const INTERFACES: usize = 2000;
    let mut plugin = Plugin::start(INTERFACES, &[]);
    plugin.trigger(b"\n");
    plugin.read_lines(INTERFACES);
    let before = resident_kb(&plugin);
    let start = Instant::now();
    let mut triggers = 0;
    while start.elapsed() < Duration::from_secs(60) {
        plugin.trigger(b"\n");
        triggers += 1;
        thread::sleep(Duration::from_millis(50));
    }
    assert!(resident_kb(&plugin) < before + 1024, "{before} and {} kB", resident_kb(&plugin));
    // What was asked for meanwhile is one more batch.
    let (mut taken, mut part) = (Vec::new(), vec![0; 1 << 20]);
    eventually("the last batch", || {
        if plugin.unread() > 0 {
            let length = read_part(plugin.stdout.as_mut().unwrap(), &mut part);
            taken.extend_from_slice(&part[..length]);
            return None;
        }
        thread::sleep(Duration::from_millis(200));
        let is_whole = taken.split(|&byte| byte == b'\n').count() % INTERFACES == 1;
        (plugin.unread() == 0 && is_whole).then_some(())
    });
    let times = batches(&lines(&taken), INTERFACES, false);
    assert!((1..triggers).contains(&times.len()), "{} batches", times.len());
    let now = UNIX_EPOCH.elapsed().unwrap().as_nanos();
    // The one that waited was gathered when the pipe had no room yet; the last one now.
    assert!(now - times.last().unwrap() < 30_000_000_000, "{now} {times:?}");
    plugin.trigger(b"\n");
    assert_eq!(batches(&plugin.read_lines(INTERFACES), INTERFACES, false).len(), 1);
    plugin.close_stdin();
    plugin.assert_ends();
    assert!(log_of(&plugin).is_empty(), "{:?}", log_of(&plugin));
}

#[test]
fn a_reader_that_goes_away_in_mid_line_is_a_normal_end() {
    // More than the pipe holds, so that a write is under way, or waits, when the reader goes.
    for taken in [1, 100, 5000] {
        let mut plugin = Plugin::start(20_000, &[]);
        plugin.trigger(b"\n");
        let mut bytes = vec![0; taken];
        plugin.stdout.as_mut().unwrap().read_exact(&mut bytes).unwrap();
        assert_ne!(bytes.last(), Some(&b'\n'));
        plugin.stdout = None;
        plugin.assert_ends();
        assert!(log_of(&plugin).is_empty(), "{:?}", log_of(&plugin));
    }
}

/// Has it flooded by a thread that writes those bytes again and again until it is told to stop, reads what it
/// tells meanwhile for that long, and ends it. Returns its batches.
fn flooded(plugin: &mut Plugin, bytes: &'static [u8], interfaces: usize) -> Vec<u128> {
    let mut stdin = plugin.stdin.take().unwrap();
    let (start, duration) = (Instant::now(), Duration::from_secs(2));
    let flood = thread::spawn(move || {
        let mut count = 0;
        while start.elapsed() < duration {
            stdin.write_all(bytes).unwrap();
            count += bytes.len();
        }
        count
    });
    let rest = plugin.rest();
    let count = flood.join().unwrap();
    assert!(count > 1 << 20, "{count} bytes");
    plugin.assert_ends();
    let times = batches(&rest, interfaces, false);
    assert!(!times.is_empty() && times.len() < count);
    assert!(log_of(plugin).is_empty(), "{:?}", log_of(plugin));
    times
}

#[test]
fn a_flood_of_newlines_and_of_any_bytes_is_answered_and_ends() {
    static NEWLINES: [u8; 1 << 16] = [b'\n'; 1 << 16];
    static BYTES: [u8; 1 << 16] = {
        let (mut bytes, mut place, mut state) = ([0; 1 << 16], 0, 1_u32);
        while place < bytes.len() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes[place] = (state >> 24) as u8;
            place += 1;
        }
        bytes
    };
    for bytes in [&NEWLINES, &BYTES] {
        let mut plugin = Plugin::start(3, &[]);
        plugin.trigger(b"\n");
        plugin.read_lines(3);
        flooded(&mut plugin, bytes, 3);
    }
}

#[test]
fn a_gigabyte_without_a_newline_asks_for_nothing_and_is_not_kept() {
    let mut plugin = Plugin::start(3, &[]);
    plugin.trigger(b"\n");
    plugin.read_lines(3);
    let before = resident_kb(&plugin);
    let part = vec![b'x'; 1 << 20];
    for _ in 0..1 << 10 {
        plugin.trigger(&part);
    }
    assert!(resident_kb(&plugin) < before + 256, "{before} and {} kB", resident_kb(&plugin));
    plugin.assert_silent();
    plugin.trigger(b"\n");
    assert_eq!(batches(&plugin.read_lines(3), 3, false).len(), 1);
    plugin.close_stdin();
    plugin.assert_ends();
    assert!(log_of(&plugin).is_empty());
}

#[test]
fn a_stdin_that_is_no_stream_of_triggers_is_told_of() {
    let end = |shell: &str, name: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec \"$0\" {shell}"), PLUGIN]);
        command.env_remove("HOST_PROC").env_remove("HOST_SYS");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = finish(command.spawn().unwrap());
        let log = text(&output.stderr);
        let last = log.lines().last().unwrap_or_default().to_owned();
        assert!(output.stdout.is_empty(), "{name}: {}", text(&output.stdout));
        (output.status.code(), last)
    };
    // What is closed is /dev/null to a program of Rust's.
    for shell in ["<&-", "</dev/null"] {
        let (status, last) = end(shell, shell);
        assert_eq!((status, last.starts_with("E! ")), (Some(0), false), "{shell}: {last}");
    }
    let failed = |why: &str| (Some(1), format!("E! cannot read stdin: {why}"));
    assert_eq!(end("</", "a directory"), failed("Is a directory (os error 21)"));
    assert_eq!(
        end("0>/dev/null", "a file to write to"),
        failed("Bad file descriptor (os error 9)")
    );
}

#[test]
fn closed_outputs_keep_it_from_nothing_and_from_no_end() {
    for closed in [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec \"$0\" {closed}"), PLUGIN]);
        command.env_remove("HOST_PROC").env_remove("HOST_SYS");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let _ = process.stdin.as_mut().unwrap().write_all(b"\n\n");
        let output = finish(process);
        assert_eq!(output.status.code(), Some(0), "{closed}: {}", text(&output.stderr));
        Parsed::of(&output.stdout);
        assert_eq!(
            output.stdout.is_empty(),
            closed.contains(">&- ") || closed == ">&-",
            "{closed}"
        );
    }
}

/// Signals that ask for a gather, and some that ask for nothing, sent by processes of their own as fast as
/// they can be, until this is dropped.
struct Storm(Vec<std::process::Child>);

impl Storm {
    fn on(pid: u32) -> Self {
        let send = |signal: &str| {
            let script = format!("while kill -{signal} {pid}; do :; done 2>/dev/null");
            Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).spawn().unwrap()
        };
        Self(["USR1", "USR2", "HUP", "WINCH"].map(send).into())
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        for process in &mut self.0 {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

#[test]
fn a_storm_of_signals_is_answered_in_whole_batches_and_ends() {
    const INTERFACES: usize = 50;
    let mut plugin = Plugin::start(INTERFACES, &[]);
    let storm = Storm::on(plugin.process.id());
    let start = Instant::now();
    let mut bytes = Vec::new();
    while start.elapsed() < Duration::from_secs(3) {
        let mut part = vec![0; 1 << 20];
        let length = read_part(plugin.stdout.as_mut().unwrap(), &mut part);
        bytes.extend_from_slice(&part[..length]);
    }
    // In the storm, it heeds a stop.
    plugin.signal(Signal::TERM);
    bytes.extend_from_slice(&common::read_all(plugin.stdout.as_mut().unwrap()));
    plugin.close_stdin();
    let status = eventually("the end", || plugin.process.try_wait().unwrap());
    drop(storm);
    assert!(status.success(), "{status}");
    assert!(batches(&lines(&bytes), INTERFACES, false).len() > 10);
    assert!(log_of(&plugin).is_empty(), "{:?}", log_of(&plugin));
}

const TABLES: &str = "[[inputs.net]]\nignore_protocol_stats = true\ninterfaces = ['*']\n\
                      [[inputs.net]]\ninterface_exclude = ['*']\nprotocols = ['ip:defaultttl']\n";

/// The next batch, by interface, and its time.
fn next(daemon: &mut Daemon) -> (BTreeMap<String, Line>, i64) {
    let (batch, time) = daemon.lines();
    let lines = batch.0.iter().map(|line| (line.tag("interface").unwrap(), line.clone()));
    let lines: BTreeMap<_, _> = lines.collect();
    assert_eq!(lines.len(), batch.0.len(), "{:?}", batch.names());
    (lines, time)
}

/// Fails unless each line is that of before, less fields that could not be told in time, or for want of it.
fn assert_true(batch: &BTreeMap<String, Line>, before: &BTreeMap<String, Line>) {
    assert!(batch.keys().eq(before.keys()), "{batch:?}");
    for (name, line) in batch {
        for (field, value) in &line.fields {
            assert_eq!(before[name].fields.get(field), Some(value), "{field} of {line:?}");
        }
        let may_be_missing = |field: &str| {
            field == "speed" || field.ends_with("_rate") || field.starts_with("utilization_")
        };
        let mut missing = before[name].fields.keys();
        let missing =
            missing.find(|field| !may_be_missing(field) && !line.fields.contains_key(*field));
        assert_eq!(missing, None, "{line:?}");
    }
}

#[test]
fn a_storm_of_signals_changes_no_line_by_netlink() {
    if is_skipped() {
        return;
    }
    let netns = Netns::quiet();
    let mut daemon = Daemon::start_as(netns.command(PLUGIN), TABLES);
    daemon.trigger("");
    let (before, mut last) = next(&mut daemon);
    assert_eq!(before.len(), 3);
    let storm = Storm::on(daemon.pid());
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        let (batch, time) = next(&mut daemon);
        assert_true(&batch, &before);
        assert!(time > last, "{last} {time}");
        last = time;
    }
    drop(storm);
    assert_eq!(daemon.end(), "");
}

#[test]
fn a_plugin_that_is_stopped_and_continued_in_mid_gather_tells_the_truth() {
    if is_skipped() {
        return;
    }
    let netns = Netns::quiet();
    for source in ["netlink", "procfs"] {
        let tables =
            TABLES.replace("[[inputs.net]]\n", &format!("[[inputs.net]]\nsource = '{source}'\n"));
        let mut daemon = Daemon::start_as(netns.command(PLUGIN), &tables);
        daemon.trigger("");
        let (before, mut last) = next(&mut daemon);
        for round in 0..100_u64 {
            daemon.trigger("");
            thread::sleep(Duration::from_micros(round * 37 % 700));
            daemon.signal(Signal::STOP);
            // Now and then for longer than any answer is waited for.
            thread::sleep(Duration::from_millis(if round % 25 == 0 { 700 } else { 2 }));
            daemon.signal(Signal::CONT);
            let (batch, time) = next(&mut daemon);
            assert_true(&batch, &before);
            assert!(time > last, "{last} {time}");
            last = time;
            assert_eq!(daemon.unread(), 0, "a second batch");
        }
        assert_eq!(daemon.end(), "", "{source}");
    }
}

#[test]
fn a_plugin_that_is_stopped_and_continued_in_mid_write_tells_every_line_once() {
    // More than the pipe holds, so that the write goes on while it is read.
    const INTERFACES: usize = 20_000;
    let mut plugin = Plugin::start(INTERFACES, &[]);
    let pid = Pid::from_child(&plugin.process);
    plugin.trigger(b"\n");
    let is_over = AtomicBool::new(false);
    let read = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                kill_process(pid, Signal::STOP).unwrap();
                thread::sleep(Duration::from_millis(3));
                kill_process(pid, Signal::CONT).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let _ending = Ending(&is_over);
        plugin.read_lines(INTERFACES)
    });
    assert_eq!(batches(&read, INTERFACES, false).len(), 1);
    plugin.close_stdin();
    plugin.assert_ends();
    assert!(log_of(&plugin).is_empty());
}

/// The time of day, stepped for as long as this lives.
struct Step {
    real: SystemTime,
    start: Instant,
}

impl Step {
    fn by(seconds: i64) -> Self {
        let step = Self { real: SystemTime::now(), start: Instant::now() };
        let now = clock_gettime(ClockId::Realtime);
        let stepped = Timespec { tv_sec: now.tv_sec + seconds, tv_nsec: now.tv_nsec };
        clock_settime(ClockId::Realtime, stepped).unwrap();
        step
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let now = (self.real + self.start.elapsed()).duration_since(UNIX_EPOCH).unwrap();
        let _ = clock_settime(ClockId::Realtime, Timespec::try_from(now).unwrap());
    }
}

#[test]
#[ignore = "it steps the clock of the whole machine: the lab runs it in a virtual one"]
fn a_clock_that_is_stepped_changes_the_time_of_lines_and_nothing_else() {
    let may = std::env::var_os("TELEGRAF_NET_MAY_STEP_CLOCK").is_some();
    if is_skipped_without("TELEGRAF_NET_MAY_STEP_CLOCK, where nobody minds", may) || is_skipped() {
        return;
    }
    let netns = Netns::quiet();
    for source in ["netlink", "procfs"] {
        let stats = "ignore_protocol_stats = true\n";
        let tables = TABLES.replace(stats, &format!("{stats}rates = true\n"));
        let tables = with_source(&tables, source);
        let mut daemon = Daemon::start_as(netns.command(PLUGIN), &tables);
        let mut gather = || {
            daemon.trigger("");
            let (batch, time) = next(&mut daemon);
            let now = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_nanos()).unwrap();
            assert!((0..10_000_000_000).contains(&(now - time)), "{source}: {time} and {now}");
            batch
        };
        gather();
        thread::sleep(Duration::from_millis(300));
        let before = gather();
        assert!(
            before.values().all(|line| line.float("bytes_recv_rate") == Some(0.0)),
            "{before:?}"
        );
        for seconds in [3600, -3600, 86_400 * 365, -86_400] {
            let step = Step::by(seconds);
            for _ in 0..3 {
                assert_true(&gather(), &before);
            }
            drop(step);
            assert_true(&gather(), &before);
        }
        assert_eq!(daemon.end(), "", "{source}");
    }
    // Its own clock neither stands still nor hurries.
    let mut plugin = Plugin::start(1, &["--poll-interval", "100ms"]);
    plugin.read_lines(1);
    for seconds in [-3600, 3600] {
        let step = Step::by(seconds);
        let start = Instant::now();
        for _ in 0..6 {
            plugin.read_lines(1);
        }
        assert!(start.elapsed() > Duration::from_millis(350), "{seconds}: {:?}", start.elapsed());
        drop(step);
    }
    plugin.close_stdin();
    plugin.assert_ends();
}
