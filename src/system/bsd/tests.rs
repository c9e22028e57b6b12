//! What comes of what these systems tell, from the bytes to the lines, and what is said of failures: with
//! tables and programs that stand in for the systems' own.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::netstat::Programs;
use super::reader::{BsdReader, IFALLDATA, IFLIST, IFLIST_NETBSD, Platform};
use crate::config::Config;
use crate::config::systems::System;
use crate::format::influx::Influx;
use crate::gather::Collector;
use crate::log::Log;
use crate::log::tests::take_records;
use crate::parse::net_rt_iflist::{FREEBSD, Layout, NETBSD, OPENBSD};
use crate::parse::{ifalldata, net_rt_iflist};
use crate::system::polled::host::PolledHost;

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

#[derive(Debug)]
struct PlayedSystem;

impl Platform for PlayedSystem {
    fn system() -> System {
        with(|played| played.system)
    }

    fn programs() -> Programs {
        with(|played| played.programs.clone())
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

    fn queue_drops(_interface: &[u8]) -> Option<u64> {
        with(|played| played.queue_drops)
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
struct Gathers(Collector<PolledHost<BsdReader<PlayedSystem>>>);

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
        self.lines_until(|| false)
    }

    /// The same, where it has to come to its end once `hurry` says so.
    fn lines_until(&mut self, hurry: impl FnMut() -> bool) -> String {
        let mut batch = Vec::new();
        self.0.gather(&mut batch, hurry);
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
    assert_eq!(cases, 8);
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
fn netstat_stands_in_for_a_table_whose_rest_cannot_be_found() {
    let mut table = iflist(&FREEBSD, &samples());
    table.extend([0xff, 0xff, 5, 14]);
    let mut played = kernel(System::FreeBsd, [table]);
    played.programs = programs("freebsd-down");
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n");
    take_records();
    assert!(gathers.lines().starts_with("net,interface=em0 bytes_sent=270471i,"));
    let said = take_records();
    assert!(said.contains("a length of 65535 makes no sense: reading them by netstat"), "{said}");
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
    // A length that makes no sense hides all that follow, however many came before.
    let [card, loopback] = samples();
    let mut table = iflist(&FREEBSD, &[card]);
    table.extend([0, 0, 5, 14]);
    table.extend(iflist(&FREEBSD, &[loopback]));
    let mut gathers = Gathers::start(kernel(System::FreeBsd, [table]), configuration);
    assert_eq!(gathers.lines(), "");
    let said = take_records();
    assert!(said.contains(": a length of 0 makes no sense: source = "), "{said}");
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
fn a_row_that_is_odd_in_another_way_and_place_each_time_is_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut played = kernel(System::FreeBsd, []);
    played.programs.netstat = folder.path().join("netstat");
    symlink(fixtures().join("program"), &played.programs.netstat).unwrap();
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n");
    take_records();
    let header = "Name Mtu Network Address Ipkts Ierrs Idrop Ibytes Opkts Oerrs Obytes Coll Drop";
    let whole = "em1 1500 <Link#2> 00:00:5e:00:53:02 1 0 0 1 1 0 1 0 0";
    let odd = "em0 1500 <Link#1> 00:00:5e:00:53:01";
    for (table, expected) in [
        (format!("{header}\n{odd} -1\n{whole}\n"), 1),
        (format!("{header}\n{odd} -2\n{whole}\n"), 0),
        (format!("{header}\n{whole}\n{odd} 3.5 0\n"), 0),
        (format!("{header}\n{whole}\nem0*\n"), 0),
    ] {
        fs::write(folder.path().join("netstat_-ibdnW"), table).unwrap();
        let lines = gathers.lines();
        assert!(lines.starts_with("net,interface=em1 ") && lines.lines().count() == 1, "{lines}");
        let said = take_records();
        assert_eq!(said.lines().count(), expected, "{said}");
    }
}

#[test]
fn of_many_odd_rows_some_are_told_of_and_how_many_more_there_are() {
    let mut played = kernel(System::FreeBsd, []);
    played.programs.netstat = fixtures().join("programs/ten-odd-rows");
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n");
    take_records();
    assert_eq!(gathers.lines(), "");
    let said = take_records();
    assert_eq!(said.lines().count(), 9, "{said}");
    assert!(said.ends_with("programs/ten-odd-rows: 2 more bad rows\n"), "{said}");
    gathers.lines();
    assert_eq!(take_records(), "");
}

/// Gathers on NetBSD, whose netstat has cut the names of `vioif0` and `vioif1` short.
fn asks(program: &str, time_limit: Duration) -> Gathers {
    let mut played = kernel(System::NetBsd, []);
    let folder = fixtures().join("programs");
    let (netstat, ifconfig) = (folder.join(program), folder.join("ifconfig-of-three"));
    played.programs = Programs { netstat, ifconfig, time_limit };
    let gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n");
    take_records();
    gathers
}

#[test]
fn interfaces_that_cannot_be_asked_for_are_told_of_together() {
    let mut gathers = asks("fails-when-asked", PATIENCE);
    for expected in [1, 0] {
        let lines = gathers.lines();
        assert!(lines.starts_with("net,interface=wm0 ") && lines.lines().count() == 1, "{lines}");
        let said = take_records();
        assert_eq!(said.lines().count(), expected, "{said}");
        let ends =
            "failed with status 1: netstat: vioif0: no such thing: 2 interfaces are left out\n";
        assert!(said.is_empty() || said.ends_with(ends), "{said}");
    }
}

#[test]
fn interfaces_for_which_no_time_is_left_are_told_of_together() {
    // So that the tables are told in time however busy the machine is.
    let limits = (0..8).map(|doubled| Duration::from_millis(300 << doubled));
    let mut gathers = limits.map(|limit| asks("hangs-when-asked", limit));
    let told = gathers.find_map(|mut gathers| {
        let told = (gathers.lines(), take_records());
        let in_time = !told.0.is_empty() && !told.1.contains("/ifconfig-of-three ");
        in_time.then_some(told)
    });
    let (lines, said) = told.unwrap();
    assert!(lines.starts_with("net,interface=wm0 "), "{lines}");
    assert_eq!(said, "E! netstat took too long: 2 interfaces are left out\n");
}

#[test]
fn what_only_some_tables_tell_is_told_of_where_it_stays_so() {
    let mut played = kernel(System::OpenBsd, []);
    played.programs = programs("openbsd-without-address");
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n");
    take_records();
    let first = gathers.lines();
    assert!(!first.is_empty() && !first.contains("vether0"), "{first}");
    assert_eq!(take_records(), "");
    let expected = "E! netstat -ind has no row of \"vether0\"\n\
                    E! netstat -ine has no row of \"vether0\"\n";
    for expected in [expected, ""] {
        assert_eq!(gathers.lines(), first);
        assert_eq!(take_records(), expected);
    }
}

#[test]
fn tables_with_other_sources_have_failures_of_their_own() {
    let start = |netstat: PathBuf, time_limit, sources: [&str; 2]| {
        let mut played = kernel(System::FreeBsd, []);
        played.tables = [Err(io::ErrorKind::PermissionDenied.into())].into();
        played.programs = Programs { netstat, time_limit, ..played.programs };
        let table = |source| format!("[[inputs.net]]\n  source = \"{source}\"\n");
        let gathers = Gathers::start(played, &sources.map(table).concat());
        take_records();
        gathers
    };
    let netstat = fixtures().join("freebsd-down/netstat");
    let mut gathers = start(netstat, PATIENCE, ["auto", "sysctl"]);
    assert!(gathers.lines().starts_with("net,interface=em0 "));
    let said = take_records();
    assert!(said.contains("W! cannot read interfaces by sysctl: "), "{said}");
    assert!(said.contains("E! cannot read interfaces by sysctl: "), "{said}");
    // They have the time together.
    let netstat = fixtures().join("programs/hangs");
    let mut gathers = start(netstat, Duration::from_millis(300), ["netstat", "auto"]);
    assert_eq!(gathers.lines(), "");
    let said = take_records();
    let ends = ["took too long and was killed", "which tells no speed, kind and carrier"];
    assert!(said.lines().zip(ends).all(|(line, end)| line.ends_with(end)), "{said}");
    let last = said.lines().nth(2).unwrap();
    assert!(
        last.starts_with("E! cannot read interfaces by netstat: no time was left for "),
        "{said}"
    );
}

#[test]
fn a_program_that_hangs_is_given_up_in_a_hurry_and_nothing_is_said_of_that() {
    for program in ["hangs", "hangs-silently"] {
        let mut played = kernel(System::FreeBsd, []);
        played.programs.netstat = fixtures().join("programs").join(program);
        let mut gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n");
        take_records();
        let mut looks = 0;
        let lines = gathers.lines_until(|| {
            looks += 1;
            looks > 3
        });
        assert_eq!((lines, take_records()), (String::new(), String::new()));
    }
    // Mostly, the tables are told by then.
    let begun = Instant::now();
    let is_over = || begun.elapsed() > Duration::from_millis(500);
    asks("hangs-when-asked", PATIENCE).lines_until(is_over);
    assert_eq!(take_records(), "");
}

#[test]
fn a_problem_is_not_said_to_be_resolved_where_nobody_has_looked() {
    let mut played = kernel(System::FreeBsd, []);
    played.programs.netstat = fixtures().join("programs/fails");
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n");
    gathers.lines();
    assert_ne!(take_records(), "");
    assert_eq!(gathers.lines_until(|| true), "");
    assert_eq!(take_records(), "");
}

#[test]
fn what_a_program_leaves_behind_is_neither_waited_for_nor_left_to_run() {
    let mut played = kernel(System::FreeBsd, []);
    played.programs.netstat = fixtures().join("programs/leaves-a-child");
    let mut gathers = Gathers::start(played, "[[inputs.net]]\n  source = \"netstat\"\n");
    take_records();
    let lines = gathers.lines();
    let process = lines.strip_prefix("net,interface=em").unwrap().split_once(' ').unwrap().0;
    assert_eq!(take_records(), "");
    // One that has ended has no command line, whether or not somebody has waited for it.
    let command = || fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let deadline = Instant::now() + PATIENCE;
    while !command().is_empty() && Instant::now() < deadline {
        thread::yield_now();
    }
    assert!(command().is_empty());
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
fn where_there_are_no_protocol_statistics_their_absence_is_no_reason_for_nothing() {
    let why_nothing = |tables: Vec<Vec<u8>>, configuration| {
        let mut gathers = Gathers::start(kernel(System::FreeBsd, tables), configuration);
        assert_eq!(gathers.lines(), "");
        gathers.0.why_nothing()
    };
    let table = iflist(&FREEBSD, &samples());
    let configuration = "[[inputs.net]]\n  interface_exclude = [\"vtnet*\"]\n";
    let expected = "all 2 interfaces are left out (1 loopback, 1 in interface_exclude)";
    assert_eq!(why_nothing(vec![table], configuration), expected);
    let configuration = "[[inputs.net]]\n  source = \"sysctl\"\n";
    assert_eq!(why_nothing(vec![vec![0, 0]], configuration), "no interface can be read");
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
