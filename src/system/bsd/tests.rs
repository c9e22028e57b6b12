//! What comes of what these systems tell, from the bytes to the lines, and what is said of failures: with
//! tables and programs that stand in for the systems' own.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::netstat::Programs;
use super::reader::{BsdReader, Calls, IFALLDATA, IFLIST, IFLIST_NETBSD};
use crate::config::systems::System;
use crate::config::{Config, SourceOption};
use crate::format::influx::Influx;
use crate::gather::Collector;
use crate::log::tests::take_records;
use crate::log::{Log, Problems};
use crate::model::interface::Wants;
use crate::parse::net_rt_iflist::{FREEBSD, Layout, NETBSD, OPENBSD};
use crate::parse::{ifalldata, net_rt_iflist};
use crate::system::Capabilities;
use crate::system::polled::host::PolledHost;
use crate::system::polled::{NotRead, Reader, Row};

/// What stands in for a system.
struct Played {
    system: System,
    programs: Programs,
    /// The kernel's tables at one reading after the other; the last one stays.
    tables: VecDeque<io::Result<Vec<u8>>>,
    /// What NetBSD's kernel says of an interface's queue.
    queue_drops: Option<u64>,
}

thread_local! {
    static PLAYED: RefCell<Option<Played>> = const { RefCell::new(None) };
}

fn with<T>(with: impl FnOnce(&mut Played) -> T) -> T {
    PLAYED.with_borrow_mut(|played| with(played.as_mut().unwrap()))
}

fn sysctl(mib: &[i32], table: &mut Vec<u8>) -> io::Result<()> {
    with(|played| {
        let expected = match played.system {
            System::MacOs => IFALLDATA,
            System::NetBsd => IFLIST_NETBSD,
            _ => IFLIST,
        };
        assert_eq!(mib, expected);
        let next = match &played.tables[0] {
            Ok(bytes) => Ok(bytes.clone()),
            Err(error) => Err(io::Error::from(error.kind())),
        };
        if played.tables.len() > 1 {
            played.tables.pop_front();
        }
        *table = next?;
        Ok(())
    })
}

#[derive(Debug)]
struct PlayedReader(BsdReader);

impl Reader for PlayedReader {
    fn open(source: SourceOption) -> Self {
        with(|played| {
            let queue_drops = |_: &[u8]| with(|played| played.queue_drops);
            let calls = Calls { sysctl, queue_drops };
            Self(BsdReader::new(played.system, source, calls, played.programs.clone()))
        })
    }

    fn name(&self) -> String {
        self.0.name()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { kinds: self.0.tells_kinds() }
    }

    fn read(
        &mut self,
        wants: Wants,
        rows: &mut Vec<Row>,
        problems: &mut Problems,
    ) -> Result<(), NotRead> {
        self.0.read(wants, rows, problems)
    }
}

/// A time limit that no busy machine exceeds.
const PATIENCE: Duration = Duration::from_secs(60);

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bsd")
}

/// The programs in a folder of fixtures.
fn programs(folder: &str) -> Programs {
    let folder = fixtures().join(folder);
    let (netstat, ifconfig) = (folder.join("netstat"), folder.join("ifconfig"));
    Programs { netstat, ifconfig, time_limit: PATIENCE }
}

/// Gathers on that system.
struct Gathers(Collector<PolledHost<PlayedReader>>);

impl Gathers {
    fn start(played: Played, configuration: &str) -> Self {
        take_records();
        let system = played.system;
        PLAYED.set(Some(played));
        let config = Config::parse_for(system, configuration.as_bytes(), &|_| None).unwrap();
        Self(Collector::new(config, &Influx, Log { debug: false }))
    }

    /// The lines of another gather, less their time.
    fn lines(&mut self) -> String {
        let mut batch = Vec::new();
        self.0.gather(&mut batch, || false);
        let batch = String::from_utf8(batch).unwrap();
        batch.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned() + "\n").collect()
    }
}

/// With these tables, and programs that are not there.
fn kernel(system: System, tables: impl IntoIterator<Item = Vec<u8>>) -> Played {
    let tables = tables.into_iter().map(Ok).collect();
    Played { system, programs: programs("none"), tables, queue_drops: None }
}

/// One folder under `fixtures/bsd` per case: what the programs of a system print goes in, the lines of
/// `expected.lp`, less their time, and those of `expected.log` come out. `make golden` rewrites them.
#[test]
fn what_netstat_prints_gives_the_expected_lines() {
    let rewrite = std::env::var_os("REWRITE_GOLDEN").is_some();
    let mut cases = 0;
    for entry in fs::read_dir(fixtures()).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(system) = fs::read_to_string(folder.join("system")) else { continue };
        assert!(folder.join("ORIGIN.md").is_file(), "{} has no ORIGIN.md", folder.display());
        let system = System::ALL.into_iter().find(|one| one.name() == system.trim()).unwrap();
        let programs = programs(folder.file_name().unwrap().to_str().unwrap());
        let played = Played { programs, ..kernel(system, []) };
        let configuration = fs::read_to_string(folder.join("plugin.conf")).unwrap();
        let lines = Gathers::start(played, &configuration).lines();
        let log = take_records().replace(&format!("{}/", folder.display()), "");
        for (name, actual) in [("expected.lp", lines), ("expected.log", log)] {
            let file = folder.join(name);
            if rewrite {
                fs::write(&file, &actual).unwrap();
            }
            let expected = fs::read_to_string(&file).expect("`make golden` writes it");
            assert_eq!(actual, expected, "{}", file.display());
        }
        cases += 1;
    }
    assert_eq!(cases, 7);
}

fn iflist(layout: &Layout, samples: &[net_rt_iflist::tests::Sample]) -> Vec<u8> {
    samples.iter().flat_map(|sample| net_rt_iflist::tests::message(layout, sample)).collect()
}

/// A loopback and a card of each of these systems, whose numbers differ all.
fn samples() -> [net_rt_iflist::tests::Sample; 2] {
    let sample = net_rt_iflist::tests::SAMPLE;
    let loopback = net_rt_iflist::tests::Sample {
        name: "lo0",
        ifindex: 2,
        flags: 0x8049,
        kind: 0x18,
        address: &[],
        ..sample.clone()
    };
    [sample, loopback]
}

#[test]
fn the_kernels_table_gives_the_lines_of_inputs_net() {
    let counters = "bytes_sent=8589934594i,bytes_recv=4294967297i,packets_sent=4i,packets_recv=3i,\
                    err_in=5i,err_out=6i,drop_in=7i";
    let configuration = "[[inputs.net]]\n";
    for (system, layout) in [(System::FreeBsd, FREEBSD), (System::OpenBsd, OPENBSD)] {
        let mut gathers =
            Gathers::start(kernel(system, [iflist(&layout, &samples())]), configuration);
        let expected = format!("net,interface=vtnet0 {counters},drop_out=8i,speed=10000i\n");
        assert_eq!(gathers.lines(), expected, "{}", system.name());
        let said = take_records();
        assert!(said.contains("I! reading counters by sysctl NET_RT_IFLIST, or else "), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let data = ifalldata::tests::row(&ifalldata::tests::SAMPLE);
    let mut gathers = Gathers::start(kernel(System::MacOs, [data]), configuration);
    // Packets dropped on receive are none there, as for Telegraf.
    let expected = counters.replace("drop_in=7i", "drop_in=0i");
    let expected = format!("net,interface=vtnet0 {expected},drop_out=8i,speed=10000i\n");
    assert_eq!(gathers.lines(), expected);
}

#[test]
fn netbsds_packets_dropped_on_transmit_are_told_by_the_queue_or_not_at_all() {
    let configuration = "[[inputs.net]]\n  rates = true\n";
    let table = iflist(&NETBSD, &samples());
    let mut gathers = Gathers::start(kernel(System::NetBsd, [table]), configuration);
    let without = gathers.lines() + &gathers.lines();
    assert!(without.contains("drop_in=7i,speed=10000i\n"), "{without}");
    assert!(without.contains(",drop_in_rate=0") && !without.contains("drop_out"), "{without}");
    with(|played| played.queue_drops = Some(1 << 40));
    let lines = gathers.lines();
    assert!(lines.contains("drop_in=7i,drop_out=1099511627776i,speed=10000i"), "{lines}");
    with(|played| played.queue_drops = None);
    assert!(!gathers.lines().contains("drop_out="));
}

#[test]
fn options_tell_what_the_kernels_table_has() {
    let configuration = "[[inputs.net]]\n  interfaces = [\"*\"]\n  counters = \"all\"\n  \
                         link_state = true\n  interface_tags = [\"mac\", \"kind\"]\n";
    let [card, loopback] = samples();
    let card = net_rt_iflist::tests::Sample { link_state: 6, ..card };
    let bridge = net_rt_iflist::tests::Sample {
        name: "bridge0",
        ifindex: 3,
        flags: 0,
        kind: 0xd1,
        address: &[0; 6],
        link_state: 2,
        ..card.clone()
    };
    let table = iflist(&OPENBSD, &[card, loopback, bridge]);
    let mut gathers = Gathers::start(kernel(System::OpenBsd, [table]), configuration);
    let counters = "bytes_sent=8589934594i,bytes_recv=4294967297i,packets_sent=4i,packets_recv=3i,\
                    err_in=5i,err_out=6i,drop_in=7i,drop_out=8i";
    let more = "multicast_in=10i,collisions=9i,multicast_out=11i,noproto_in=12i";
    let expected = format!(
        "net,interface=vtnet0,mac=02:03:04:05:06:07,kind=ether {counters},speed=10000i,{more},\
         admin_up=1i,admin_status=1i,carrier=1i,mtu=1500i,ifindex=1i,duplex=\"full\"\n\
         net,interface=lo0,kind=loopback {counters},speed=-1i,{more},admin_up=1i,admin_status=1i,mtu=1500i,ifindex=2i\n\
         net,interface=bridge0,kind=bridge {counters},speed=-1i,{more},admin_up=0i,admin_status=2i,mtu=1500i,\
         ifindex=3i\n"
    );
    assert_eq!(gathers.lines(), expected);
    let data = ifalldata::tests::row(&ifalldata::tests::SAMPLE);
    let configuration = configuration.replace("\"mac\", ", "");
    let mut gathers = Gathers::start(kernel(System::MacOs, [data]), &configuration);
    let lines = gathers.lines();
    assert!(lines.starts_with("net,interface=vtnet0,kind=ether "), "{lines}");
    let more = "multicast_in=10i,collisions=9i,missed_in=7i,multicast_out=11i,noproto_in=12i";
    assert!(
        lines.ends_with(&format!(",{more},admin_up=1i,admin_status=1i,mtu=1500i\n")),
        "{lines}"
    );
}

#[test]
fn a_speed_is_told_of_what_is_up_and_has_a_carrier() {
    let sample = net_rt_iflist::tests::SAMPLE;
    let speed = |sample| {
        let table = iflist(&FREEBSD, &[sample]);
        let configuration = "[[inputs.net]]\n  interfaces = [\"*\"]\n";
        let lines = Gathers::start(kernel(System::FreeBsd, [table]), configuration).lines();
        lines.trim().rsplit_once("speed=").unwrap().1.to_owned()
    };
    let with = |flags, link_state, baudrate| {
        speed(net_rt_iflist::tests::Sample { flags, link_state, baudrate, ..sample.clone() })
    };
    assert_eq!(with(0x8843, 2, 1_000_000_000), "1000i");
    assert_eq!(with(0x8843, 0, 1_000_000_000), "1000i");
    assert_eq!(with(0x8843, 1, 1_000_000_000), "-1i");
    assert_eq!(with(0x8842, 2, 1_000_000_000), "-1i");
    assert_eq!(with(0x8849, 2, 1_000_000_000), "-1i");
    assert_eq!(with(0x8843, 2, 0), "-1i");
    assert_eq!(with(0x8843, 2, 56_000), "-1i");
    assert_eq!(with(0x8843, 2, u64::MAX), "18446744073709i");
}

#[test]
fn bytes_go_on_beyond_32_bits_on_macos() {
    let at = |bytes: u64| {
        let sample = ifalldata::tests::SAMPLE;
        let mut values = sample.values;
        values[5] = bytes;
        ifalldata::tests::row(&ifalldata::tests::Sample { values, ..sample })
    };
    let tables = [at((1 << 32) - 1), at((1 << 32) + 1)];
    let mut gathers =
        Gathers::start(kernel(System::MacOs, tables), "[[inputs.net]]\n  rates = true\n");
    assert!(gathers.lines().contains("bytes_recv=4294967295i"));
    let lines = gathers.lines();
    assert!(lines.contains("bytes_recv=4294967297i"), "{lines}");
    let rate = lines.split("bytes_recv_rate=").nth(1).unwrap().split(',').next().unwrap();
    assert!(rate.parse::<f64>().unwrap() > 0.0, "{lines}");
}

#[test]
fn netstat_stands_in_while_sysctl_fails_and_that_is_said_once() {
    let table = iflist(&FREEBSD, &samples());
    let mut played = kernel(System::FreeBsd, [table]);
    played.programs = programs("freebsd-down");
    played.tables.push_front(Err(io::ErrorKind::PermissionDenied.into()));
    played.tables.push_front(Err(io::ErrorKind::PermissionDenied.into()));
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n");
    take_records();
    assert!(gathers.lines().starts_with("net,interface=em0 bytes_sent=270471i,"));
    assert_eq!(
        take_records(),
        "W! cannot read interfaces by sysctl: permission denied: reading them by netstat meanwhile, \
         which tells no speed, kind and carrier\n"
    );
    assert!(gathers.lines().starts_with("net,interface=em0 "));
    assert_eq!(take_records(), "");
    assert!(gathers.lines().starts_with("net,interface=vtnet0 "));
    let said = take_records();
    assert!(said.starts_with("I! resolved: cannot read interfaces by sysctl"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn only_the_source_that_is_named_is_used() {
    let mut played = kernel(System::FreeBsd, []);
    played.programs = programs("freebsd-down");
    played.tables = [Err(io::ErrorKind::PermissionDenied.into())].into();
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"sysctl\"\n");
    assert_eq!(gathers.lines(), "");
    assert_eq!(
        take_records(),
        "I! reading counters by sysctl NET_RT_IFLIST\n\
         E! cannot read interfaces by sysctl: permission denied: source = \"netstat\" is the other \
         way\n"
    );
    let played = kernel(System::FreeBsd, [iflist(&FREEBSD, &samples())]);
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n");
    assert_eq!(gathers.lines(), "");
    let said = take_records();
    assert!(said.contains("none/netstat -ibdnW: No such file or directory"), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn a_table_of_another_version_or_length_is_refused_by_name() {
    let [card, loopback] = samples();
    let mut table = iflist(&FREEBSD, &[loopback]);
    table[2] = 6;
    table.extend(iflist(&FREEBSD, &[card]));
    let configuration = "[[inputs.net]]\n  source = \"sysctl\"\n";
    let mut gathers = Gathers::start(kernel(System::FreeBsd, [table]), configuration);
    assert_eq!(gathers.lines(), "");
    let said = take_records();
    assert!(
        said.contains("message at byte 0: RTM version 6, where this program knows version 5"),
        "{said}"
    );
    let mut gathers = Gathers::start(kernel(System::MacOs, [vec![0; 200]]), configuration);
    assert_eq!(gathers.lines(), "");
    let said = take_records();
    assert!(said.contains("200 bytes are no multiple of 180"), "{said}");
    // One message that cannot be read costs itself.
    let [card, loopback] = samples();
    let mut table = iflist(&FREEBSD, &[loopback, card]);
    table[4] = 0;
    let mut gathers = Gathers::start(kernel(System::FreeBsd, [table]), configuration);
    assert!(gathers.lines().starts_with("net,interface=vtnet0 "));
    let said = take_records();
    assert!(said.contains("E! NET_RT_IFLIST: message at byte 0: no interface's name"), "{said}");
}

#[test]
fn interfaces_whose_names_are_cut_short_to_the_same_one_are_left_out_where_nothing_tells_them_apart()
 {
    let mut played = kernel(System::FreeBsd, []);
    played.programs.netstat = fixtures().join("programs/doubles");
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n");
    take_records();
    let lines = gathers.lines();
    assert!(lines.starts_with("net,interface=em0 ") && lines.lines().count() == 1, "{lines}");
    assert_eq!(
        take_records(),
        "E! netstat -ibdnW has 2 interfaces by the name of \"vlan10\": they are left out\n"
    );
}

/// Runs a program of `fixtures/bsd/programs` as a system's netstat, and returns what is said of it.
fn failure(program: &str, time_limit: Duration) -> String {
    let mut played = kernel(System::FreeBsd, []);
    played.programs.netstat = fixtures().join("programs").join(program);
    played.programs.time_limit = time_limit;
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n");
    take_records();
    assert_eq!(gathers.lines(), "");
    let said = take_records();
    assert_eq!(said.lines().count(), 1, "{said}");
    said.replace(&format!("{}/", fixtures().display()), "")
}

#[test]
fn what_a_failing_program_says_is_one_line() {
    let start = "E! cannot read interfaces by netstat: programs/";
    let cases = [
        ("fails", "fails -ibdnW failed with status 3: netstat: kvm not available"),
        ("complains", "complains -ibdnW printed nothing: netstat: sysctl: Permission denied"),
        ("dies", "dies -ibdnW was ended by signal 15"),
        ("babbles", "babbles -ibdnW: not in the format of netstat -i: its header is missing"),
        (
            "says-nothing",
            "says-nothing -ibdnW: not in the format of netstat -i: its header is missing",
        ),
        ("endless", "endless -ibdnW printed more than 33554432 bytes and was killed"),
    ];
    for (program, expected) in cases {
        assert_eq!(failure(program, PATIENCE), format!("{start}{expected}\n"));
    }
}

#[test]
fn a_row_that_is_odd_in_another_way_each_time_is_told_of_once() {
    let mut played = kernel(System::FreeBsd, []);
    played.programs.netstat = fixtures().join("programs/odd-row");
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n");
    take_records();
    for expected in [1, 0, 0] {
        let lines = gathers.lines();
        assert!(lines.starts_with("net,interface=em1 ") && lines.lines().count() == 1, "{lines}");
        let said = take_records();
        assert_eq!(said.lines().count(), expected, "{said}");
    }
}

#[test]
fn a_program_that_does_not_end_is_killed() {
    for program in ["hangs", "hangs-silently"] {
        let said = failure(program, Duration::from_millis(300));
        let expected = format!("programs/{program} -ibdnW took too long and was killed\n");
        assert!(said.ends_with(&expected), "{said}");
    }
}

#[test]
fn a_program_has_nothing_of_this_environment() {
    let said = failure("tells-its-environment", PATIENCE);
    assert!(said.contains("failed with status 1: LC_ALL=C only"), "{said}");
}

#[test]
fn without_a_list_of_names_those_that_may_be_cut_are_left_out() {
    let mut played = kernel(System::NetBsd, []);
    played.programs = programs("netbsd-cut-names");
    played.programs.ifconfig = fixtures().join("none");
    let mut gathers =
        Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n  interfaces = [\"*\"]\n");
    take_records();
    let lines = gathers.lines();
    let names: Vec<_> = lines.lines().map(|line| line.split_once(' ').unwrap().0).collect();
    assert_eq!(names, ["net,interface=wm0", "net,interface=lo0"]);
    let said = take_records();
    assert!(said.starts_with("W! cannot run ") && said.lines().count() == 1, "{said}");
    assert!(said.ends_with(": interfaces whose names netstat cuts short are left out\n"), "{said}");
}

#[test]
fn no_program_is_left_behind() {
    let children = || {
        let own = fs::read_to_string("/proc/thread-self/children");
        own.unwrap_or_default().split_whitespace().count()
    };
    for program in ["hangs", "hangs-silently", "endless", "fails"] {
        failure(program, Duration::from_millis(300));
    }
    let deadline = Instant::now() + PATIENCE;
    while children() > 0 && Instant::now() < deadline {
        thread::yield_now();
    }
    assert_eq!(children(), 0);
}
