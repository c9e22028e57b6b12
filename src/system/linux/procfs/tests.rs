//! The source over files that a test makes.

use std::fmt::Write as _;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::config::HostProc;
use crate::log::tests::take_records;
use crate::model::interface::tests::NOTHING;
use crate::model::link::Flags;

const LOG: Log = Log { debug: false };
const HOUR: Duration = Duration::from_secs(3600);
const UP: Presence = Presence::Known(Flags(1));
const DOWN: Presence = Presence::Known(Flags(0));
const FLAGS: Wants = Wants { flags: true, ..NOTHING };
const RATES: Wants = Wants { rates: true, ..NOTHING };
const PROPERTIES: Wants = Wants { flags: true, kind: true, properties: true, ..NOTHING };

/// A machine of files.
struct TestMachine {
    root: TempDir,
    files: ProcNet,
    procfs: Procfs,
    problems: Problems,
}

impl TestMachine {
    /// One whose interfaces are the host's, with the counters of `/proc/net/dev`.
    fn new(wants: Wants) -> Self {
        let root = TempDir::new().unwrap();
        fs::create_dir_all(root.path().join("proc/net")).unwrap();
        fs::create_dir_all(root.path().join("sys/class/net")).unwrap();
        fs::create_dir_all(root.path().join("sys/kernel")).unwrap();
        Self::open(root, wants, false)
    }

    fn open(root: TempDir, wants: Wants, is_own: bool) -> Self {
        let proc = HostProc::Of(root.path().join("proc"));
        let files = ProcNet::open(&proc);
        let sys = root.path().join("sys");
        let mut procfs = Procfs::open(is_own, Some(&sys));
        procfs.add_wants(wants);
        let machine = Self { root, files, procfs, problems: Problems::new(LOG) };
        machine.set_uevents(1);
        machine
    }

    /// Writes `/proc/net/dev`, with so many bytes received by each.
    fn set_dev(&self, rows: &[(&str, u64)]) {
        let mut text = "Inter-|   Receive  |  Transmit\n face |bytes\n".to_owned();
        for (name, bytes) in rows {
            writeln!(text, "{name}: {bytes} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0").unwrap();
        }
        let folder = self.root.path().join("proc");
        let net = if folder.join("1/net").exists() { "1/net" } else { "net" };
        fs::write(folder.join(net).join("dev"), text).unwrap();
    }

    fn sysfs(&self, path: &str) -> PathBuf {
        self.root.path().join("sys/class/net").join(path)
    }

    /// Writes an attribute in sysfs.
    fn set(&self, path: &str, text: &str) {
        let path = self.sysfs(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.is_dir() {
            fs::remove_dir(&path).unwrap();
        }
        fs::write(path, text).unwrap();
    }

    /// Has an attribute be one that cannot be read this time.
    fn break_off(&self, path: &str) {
        let path = self.sysfs(path);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
    }

    /// An interface that is up, of that number, which received so many bytes.
    fn set_interface(&self, name: &str, ifindex: u32, bytes: u64) {
        self.set(&format!("{name}/ifindex"), &format!("{ifindex}\n"));
        self.set(&format!("{name}/flags"), "0x1\n");
        self.set(&format!("{name}/speed"), "1000\n");
        for file in [
            "tx_bytes",
            "rx_bytes",
            "tx_packets",
            "rx_packets",
            "rx_errors",
            "tx_errors",
            "rx_dropped",
            "rx_missed_errors",
            "tx_dropped",
        ] {
            self.set(&format!("{name}/statistics/{file}"), "0\n");
        }
        self.set(&format!("{name}/statistics/rx_bytes"), &format!("{bytes}\n"));
    }

    fn set_uevents(&self, count: u64) {
        let file = self.root.path().join("sys/kernel/uevent_seqnum");
        fs::write(file, format!("{count}\n")).unwrap();
    }

    /// Gathers; in between, after `/proc/net/dev` was read, something happens.
    fn gather_while(&mut self, happens: impl FnOnce(&Self)) {
        // Tests gather at no steady pace, and have rates all the same.
        self.procfs.reading.forget_gaps();
        self.files.start_gather();
        self.procfs.start(&self.files);
        self.files.read_interfaces(&mut self.problems);
        happens(self);
        self.procfs.take_rows(&mut self.files, LOG, || false);
    }

    fn gather(&mut self) {
        self.gather_while(|_| {});
    }

    fn one(&self, name: &str) -> &Interface {
        let mut interfaces = self.procfs.interfaces();
        interfaces.find(|interface| *interface.name == *name.as_bytes()).unwrap()
    }

    fn presence(&self, name: &str) -> Presence {
        self.one(name).presence
    }

    /// What an interface received, by its last counters.
    fn bytes(&self, name: &str) -> u64 {
        self.one(name).counters(self.procfs.reading()).unwrap().bytes_recv
    }

    /// Whether its line has a rate.
    fn has_rate(&self, name: &str) -> bool {
        self.one(name).details.as_ref().unwrap().rates.per_second[1].is_some()
    }

    fn properties(&self, name: &str) -> &Properties {
        &self.one(name).details.as_ref().unwrap().properties
    }

    /// The version, and the interfaces' generations.
    fn decided(&self) -> (u64, Vec<u64>) {
        let interfaces = self.procfs.interfaces();
        (self.procfs.version(), interfaces.map(|interface| interface.generation).collect())
    }
}

/// What netlink knows of an interface.
fn known(name: &str, ifindex: u32, kind: &str, altname: &str) -> Interface {
    let mut known = Interface::new(ifindex, name.as_bytes(), PROPERTIES);
    known.presence = DOWN;
    known.link_modes = Some(LinkModes { speed_mbits: 2500, duplex: None });
    known.details.as_mut().unwrap().properties = Properties {
        kind: kind.as_bytes().into(),
        altname: altname.as_bytes().into(),
        alias: b"theirs".as_slice().into(),
        ..Properties::default()
    };
    known
}

#[test]
fn what_netlink_knew_of_an_interface_is_not_told_of_another_one_of_its_name() {
    let mut machine = TestMachine::new(PROPERTIES);
    machine.set_dev(&[("eth0", 1), ("eth1", 1)]);
    machine.set_interface("eth0", 2, 1);
    machine.set_interface("eth1", 3, 1);
    machine.gather();
    let before = machine.decided();
    let them = [known("eth0", 2, "veth", "wan"), known("eth1", 4, "veth", "lan")];
    machine.procfs.take_known(them.iter());
    let theirs = machine.properties("eth0");
    assert_eq!((&*theirs.kind, &*theirs.altname), (b"veth".as_slice(), b"wan".as_slice()));
    // Sysfs tells all else.
    assert_eq!((&*theirs.alias, machine.presence("eth0")), (b"".as_slice(), UP));
    let other = machine.properties("eth1");
    assert_eq!((&*other.kind, &*other.altname), (b"".as_slice(), b"".as_slice()));
    // The line of the one is decided anew, with its tags; that of the other stays.
    let after = machine.decided();
    assert!(after.0 > before.0 && after.1[0] == after.0 && after.1[1] == before.1[1], "{after:?}");
    machine.procfs.take_known(them.iter());
    assert_eq!(machine.decided(), after);
    // One that has another kind, or another alternative name, is another one.
    for (kind, altname) in [("bridge", "wan"), ("bridge", "lan")] {
        let before = machine.decided();
        machine.procfs.take_known([known("eth0", 2, kind, altname)].iter());
        let after = machine.decided();
        assert!(after.0 > before.0 && after.1[0] == after.0, "{before:?} {after:?}");
        assert_eq!(&*machine.properties("eth0").altname, altname.as_bytes());
    }
}

#[test]
fn where_no_sysfs_shows_an_interface_netlink_is_all_there_is_to_go_by() {
    // That there is a sysfs is of no use where it shows another network namespace.
    for has_sysfs in [true, false] {
        let mut machine = TestMachine::new(NOTHING);
        if !has_sysfs {
            machine.procfs = Procfs::without_sysfs();
        }
        assert_eq!(machine.procfs.has_sysfs(), has_sysfs);
        if has_sysfs {
            machine.procfs.class_net.is_foreign = Some(true);
        }
        machine.procfs.add_wants(PROPERTIES);
        // The loopback is in every sysfs, also in that of this process.
        machine.set_dev(&[("eth0", 1), ("eth1", 1), ("lo", 1)]);
        machine.set_interface("eth0", 9, 1);
        machine.gather();
        for name in ["eth0", "lo"] {
            assert_eq!(machine.presence(name), Presence::Unknown);
            assert_eq!(machine.properties(name), &Properties::default());
        }
        let before = machine.decided();
        let them = [known("eth0", 2, "veth", "wan")];
        machine.procfs.take_known(them.iter());
        assert_eq!(machine.one("eth0").link_modes, them[0].link_modes);
        assert_eq!(machine.properties("eth0"), &them[0].details.as_ref().unwrap().properties);
        assert_eq!((machine.presence("eth0"), machine.presence("eth1")), (DOWN, Presence::Unknown));
        let after = machine.decided();
        assert!(after.0 > before.0 && after.1[0] == after.0, "{before:?} {after:?}");
        machine.procfs.take_known(them.iter());
        assert_eq!(machine.decided(), after);
        // It went up, or its alias is another one: either decides anew.
        let [mut one] = them;
        one.presence = UP;
        machine.procfs.take_known([&one].into_iter());
        assert_eq!((machine.presence("eth0"), machine.decided().0 > after.0), (UP, true));
        let before = machine.decided();
        one.details.as_mut().unwrap().properties.alias = b"other".as_slice().into();
        machine.procfs.take_known([&one].into_iter());
        assert!(machine.decided().0 > before.0);
    }
}

#[test]
fn kinds_are_taken_from_netlink_for_filters_as_for_tags() {
    for wants in [Wants { kind: true, ..FLAGS }, Wants { properties: true, ..FLAGS }] {
        let mut machine = TestMachine::new(wants);
        machine.set_dev(&[("eth0", 1)]);
        machine.set_interface("eth0", 2, 1);
        machine.gather();
        machine.procfs.take_known([known("eth0", 2, "veth", "")].iter());
        assert_eq!(&*machine.properties("eth0").kind, b"veth", "{wants:?}");
    }
}

#[test]
fn flags_of_netlink_are_taken_also_where_no_tags_are_wanted() {
    let mut machine = TestMachine::new(FLAGS);
    machine.set_dev(&[("eth0", 1)]);
    machine.set_interface("eth0", 2, 1);
    machine.gather();
    let them = [known("eth0", 2, "veth", "wan")];
    machine.procfs.take_known(them.iter());
    assert_eq!(machine.presence("eth0"), UP);
    machine.procfs.class_net.is_foreign = Some(true);
    machine.gather();
    machine.procfs.take_known(them.iter());
    assert_eq!(machine.presence("eth0"), DOWN);
}

#[test]
fn after_a_renaming_counters_are_those_of_the_interface_that_has_the_number() {
    let mut machine = TestMachine::new(RATES);
    machine.set_interface("a", 2, 100);
    machine.set_interface("b", 3, 9000);
    machine.set_dev(&[("a", 100), ("b", 9000)]);
    machine.gather();
    machine.gather();
    assert!(machine.has_rate("a") && machine.has_rate("b"));
    // While nothing is renamed, the row holds, whatever is counted meanwhile.
    machine.set_dev(&[("a", 150), ("b", 9000)]);
    machine.gather_while(|machine| machine.set("a/statistics/rx_bytes", "140\n"));
    assert_eq!((machine.bytes("a"), machine.has_rate("a")), (150, true));
    // Their names were exchanged when the rows were read.
    machine.set_dev(&[("a", 9001), ("b", 160)]);
    machine.gather_while(|machine| {
        machine.set_uevents(3);
        machine.set("a/statistics/rx_bytes", "170\n");
        machine.set("b/statistics/rx_bytes", "9002\n");
    });
    assert_eq!((machine.bytes("a"), machine.bytes("b")), (170, 9002));
    assert!(machine.has_rate("a") && machine.has_rate("b"));
    // A renaming elsewhere: the rows are theirs, and stay as they are.
    machine.set_dev(&[("a", 180), ("b", 9010)]);
    machine.gather_while(|machine| {
        machine.set_uevents(4);
        machine.set("a/statistics/rx_bytes", "190\n");
        machine.set("b/statistics/rx_bytes", "9020\n");
    });
    assert_eq!((machine.bytes("a"), machine.bytes("b")), (180, 9010));
    // What is idle is not asked for at all.
    machine.gather_while(|machine| {
        machine.set_uevents(5);
        machine.set("a/statistics/rx_bytes", "195\n");
    });
    assert_eq!(machine.bytes("a"), 180);
    // The name is the other one's by now: there is nothing to compare with.
    machine.set_dev(&[("a", 200), ("b", 9030)]);
    machine.gather_while(|machine| {
        machine.set_uevents(6);
        machine.set_interface("a", 3, 9031);
        machine.set_interface("b", 2, 201);
    });
    assert_eq!((machine.bytes("a"), machine.bytes("b")), (9031, 201));
    assert!(!machine.has_rate("a") && !machine.has_rate("b"));
}

#[test]
fn where_events_cannot_be_counted_the_files_of_the_interface_decide() {
    let mut machine = TestMachine::new(RATES);
    machine.set_interface("a", 2, 100);
    machine.set_dev(&[("a", 100)]);
    machine.gather();
    fs::remove_file(machine.root.path().join("sys/kernel/uevent_seqnum")).unwrap();
    machine.set_dev(&[("a", 9000)]);
    machine.set("a/statistics/rx_bytes", "120\n");
    machine.gather();
    assert_eq!((machine.bytes("a"), machine.has_rate("a")), (120, true));
    // The same where another table has read the rows before: events may have come since.
    machine.set_uevents(7);
    machine.set("a/statistics/rx_bytes", "140\n");
    machine.files.start_gather();
    machine.files.read_interfaces(&mut machine.problems);
    machine.procfs.start(&machine.files);
    machine.procfs.take_rows(&mut machine.files, LOG, || false);
    assert_eq!(machine.bytes("a"), 140);
}

#[test]
fn without_its_number_an_interface_has_no_rate_until_two_readings_are_sure() {
    let mut machine = TestMachine::new(RATES);
    machine.set_interface("a", 2, 100);
    machine.set_dev(&[("a", 100)]);
    machine.gather();
    machine.gather();
    assert!(machine.has_rate("a"));
    machine.break_off("a/ifindex");
    machine.set_dev(&[("a", 200)]);
    machine.gather();
    assert_eq!((machine.bytes("a"), machine.has_rate("a")), (200, false));
    machine.set_interface("a", 2, 310);
    machine.set_dev(&[("a", 300)]);
    // What it had last may have been another one's, and is not what the row is compared with.
    machine.gather_while(|machine| machine.set_uevents(2));
    assert_eq!((machine.bytes("a"), machine.has_rate("a")), (310, false));
    machine.set_dev(&[("a", 320)]);
    machine.gather();
    assert!(machine.has_rate("a"));
    // Where sysfs shows none of them, names are all there is to go by.
    let mut machine = TestMachine::new(RATES);
    machine.set_interface("a", 2, 5);
    machine.set_dev(&[("a", 5)]);
    // That it shows others is found out after the first numbers.
    machine.gather();
    machine.procfs.class_net.is_foreign = Some(true);
    for bytes in [100, 200] {
        machine.set_dev(&[("a", bytes)]);
        machine.gather_while(|machine| machine.set_uevents(bytes));
    }
    assert_eq!((machine.bytes("a"), machine.has_rate("a")), (200, true));
}

#[test]
fn counters_that_were_nobodys_are_not_what_an_interface_had_before() {
    let mut machine = TestMachine::new(RATES);
    machine.procfs.class_net.is_foreign = Some(false);
    // Its name was given to another one while the numbers were read.
    machine.set_dev(&[("a", 100)]);
    machine.gather();
    assert_eq!((machine.bytes("a"), machine.has_rate("a")), (100, false));
    machine.set_interface("a", 2, 150);
    machine.gather_while(|machine| machine.set_uevents(2));
    assert_eq!((machine.bytes("a"), machine.has_rate("a")), (150, false));
}

#[test]
fn at_first_there_is_nothing_that_a_row_could_be_compared_with() {
    let mut machine = TestMachine::new(RATES);
    machine.set_dev(&[("a", 50)]);
    machine.set_interface("a", 2, 100);
    machine.gather_while(|machine| machine.set_uevents(2));
    assert_eq!(machine.bytes("a"), 100);
}

#[test]
fn a_name_that_sysfs_never_showed_is_sure_unless_it_should_have() {
    for (is_foreign, has_rate) in [(None, true), (Some(false), false)] {
        let mut machine = TestMachine::new(RATES);
        machine.procfs.class_net.is_foreign = is_foreign;
        for bytes in [100, 200] {
            machine.set_dev(&[("a", bytes)]);
            machine.gather();
        }
        assert_eq!((machine.bytes("a"), machine.has_rate("a")), (200, has_rate), "{is_foreign:?}");
    }
}

#[test]
fn counters_are_those_of_who_has_the_number_where_a_line_tells_whose_they_are() {
    let state = Wants { link_state: true, ..NOTHING };
    let kinds = Wants { kind: true, all_counters: true, ..FLAGS };
    let all = Wants { all_counters: true, ..PROPERTIES };
    for (wants, second) in [(kinds, 90), (PROPERTIES, 100), (state, 100), (RATES, 100), (all, 100)]
    {
        let mut machine = TestMachine::new(wants);
        machine.set_interface("a", 2, 100);
        for (row, expected) in [(100, 100), (90, second)] {
            machine.set_dev(&[("a", row)]);
            machine.gather_while(|machine| machine.set_uevents(row));
            assert_eq!(machine.bytes("a"), expected, "{wants:?}");
            let more = &machine.one("a").details.as_ref().unwrap().more;
            let is_row = wants.all_counters && expected == row;
            assert_eq!(*more != MoreCounters::default(), is_row, "{wants:?}");
        }
    }
}

#[test]
fn what_cannot_be_read_this_time_is_what_it_was() {
    let mut machine = TestMachine::new(FLAGS);
    machine.set_interface("a", 2, 1);
    machine.set_dev(&[("a", 1)]);
    machine.procfs.class_net.is_foreign = Some(false);
    machine.gather();
    assert_eq!(machine.presence("a"), UP);
    machine.break_off("a/flags");
    machine.gather();
    assert_eq!(machine.presence("a"), UP);
    // A change of the flags decides anew who is reported.
    for (flags, presence) in [("0x0\n", DOWN), ("0x1\n", UP)] {
        let before = machine.decided();
        machine.set("a/flags", flags);
        machine.gather();
        let after = machine.decided();
        assert_eq!((machine.presence("a"), after.0 > before.0), (presence, true), "{flags}");
        assert_eq!(after.1, [after.0]);
    }
    // It is gone where it has no flags any more, and then that is no word of the flags.
    machine.set("a/flags", "");
    machine.gather();
    assert_eq!(machine.presence("a"), Presence::Gone);
    machine.break_off("a/flags");
    machine.gather();
    assert_eq!(machine.presence("a"), Presence::Unknown);
    fs::remove_dir(machine.sysfs("a/flags")).unwrap();
    machine.gather();
    assert_eq!(machine.presence("a"), Presence::Gone);
    // Of a sysfs that may be another one's, that says nothing.
    machine.procfs.class_net.is_foreign = None;
    machine.gather();
    assert_eq!(machine.presence("a"), Presence::Unknown);
}

#[test]
fn once_in_a_hurry_nothing_more_is_asked_for() {
    let mut machine = TestMachine::new(Wants { link_state: true, ..PROPERTIES });
    machine.set_dev(&[("a", 1), ("b", 1)]);
    machine.set_interface("a", 2, 1);
    machine.set_interface("b", 3, 1);
    machine.set("a/ifalias", "one\n");
    machine.set("b/ifalias", "other\n");
    machine.gather();
    machine.procfs.rows[0].interface.set_reported(Some(HOUR));
    machine.procfs.rows[1].interface.set_reported(Some(HOUR));
    let mut looks = 0;
    machine.procfs.fetch_details(true, &mut machine.problems, || {
        looks += 1;
        looks > 1
    });
    let speeds = |machine: &TestMachine| ["a", "b"].map(|name| machine.one(name).speed_mbits());
    assert_eq!(speeds(&machine), [Some(1000), None]);
    let number =
        |machine: &TestMachine, name| machine.one(name).details.as_ref().unwrap().state.ifindex;
    assert_eq!((number(&machine, "a"), number(&machine, "b")), (Some(2), None));
    assert_eq!(&*machine.properties("a").alias, b"one");
    assert_eq!(&*machine.properties("b").alias, b"");
    // Drivers are not asked where they may take long, and all else is.
    machine.procfs.fetch_details(false, &mut machine.problems, || false);
    assert_eq!(speeds(&machine), [None, None]);
    assert_eq!((number(&machine, "a"), number(&machine, "b")), (Some(2), Some(3)));
    // Who is up is not known without being asked: it is not reported then.
    machine.files.start_gather();
    machine.files.read_interfaces(&mut machine.problems);
    let mut looks = 0;
    machine.procfs.take_rows(&mut machine.files, LOG, || {
        looks += 1;
        looks > 3
    });
    assert_eq!((machine.presence("a"), machine.presence("b")), (UP, Presence::Gone));
}

#[test]
fn what_netlink_told_of_a_speed_stands_where_files_can_tell_nothing() {
    let mut machine = TestMachine::new(PROPERTIES);
    machine.set_dev(&[("a", 1), ("b", 1)]);
    machine.procfs.class_net.is_foreign = Some(true);
    machine.gather();
    machine.procfs.take_known([known("a", 2, "veth", "")].iter());
    for interface in machine.procfs.interfaces_mut() {
        interface.set_reported(Some(HOUR));
    }
    machine.procfs.fetch_details(true, &mut machine.problems, || false);
    let speeds = |machine: &TestMachine| {
        ["a", "b"].map(|name| machine.one(name).link_modes.map(|modes| modes.speed_mbits))
    };
    assert_eq!(speeds(&machine), [Some(2500), Some(SPEED_UNKNOWN)]);
}

#[test]
fn the_version_is_another_one_whenever_there_are_other_interfaces() {
    let mut machine = TestMachine::new(PROPERTIES);
    for (name, ifindex) in [("a", 2), ("b", 3), ("c", 4)] {
        machine.set_interface(name, ifindex, 1);
    }
    let mut versions = vec![machine.procfs.version()];
    for names in ["abc", "ab", "ba", "bca", "b"] {
        let rows: Vec<_> = names.split_inclusive(|_| true).map(|name| (name, 1)).collect();
        machine.set_dev(&rows);
        machine.gather();
        versions.push(machine.procfs.version());
        machine.gather();
        assert_eq!(Some(&machine.procfs.version()), versions.last(), "{names}");
    }
    machine.procfs.forget();
    versions.push(machine.procfs.version());
    assert!(versions.is_sorted_by(|before, after| before < after), "{versions:?}");
    assert!(machine.procfs.interfaces().next().is_none());
    machine.procfs.forget();
    assert_eq!(Some(&machine.procfs.version()), versions.last());
}

#[test]
fn an_interface_that_was_renamed_meanwhile_keeps_its_tags() {
    let mut machine = TestMachine::new(PROPERTIES);
    machine.set_interface("a", 2, 1);
    machine.set("a/ifalias", "to the switch\n");
    machine.set_dev(&[("a", 1)]);
    machine.gather();
    machine.procfs.rows[0].interface.set_reported(Some(HOUR));
    machine.procfs.fetch_details(true, &mut machine.problems, || false);
    assert_eq!(&*machine.properties("a").alias, b"to the switch");
    machine.gather();
    machine.set("a/ifindex", "3\n");
    machine.set("a/ifalias", "another one's\n");
    machine.procfs.fetch_details(true, &mut machine.problems, || false);
    assert_eq!(&*machine.properties("a").alias, b"to the switch");
    // Where no number can be had, the name is all there is to go by.
    fs::remove_file(machine.sysfs("a/ifindex")).unwrap();
    let mut machine =
        TestMachine { procfs: Procfs::over(machine.procfs.class_net, false), ..machine };
    machine.procfs.add_wants(PROPERTIES);
    machine.gather();
    machine.procfs.rows[0].interface.set_reported(Some(HOUR));
    machine.procfs.fetch_details(true, &mut machine.problems, || false);
    assert_eq!(&*machine.properties("a").alias, b"another one's");
}

#[test]
fn a_name_that_was_given_up_meanwhile_has_neither_tags_of_who_had_it_before_nor_of_who_has_it_later()
 {
    for wants in [PROPERTIES, Wants { rates: true, ..PROPERTIES }] {
        let mut machine = TestMachine::new(wants);
        let set = |machine: &TestMachine, name: &str, ifindex: u32, bytes| {
            machine.set_interface(name, ifindex, bytes);
            machine.set(&format!("{name}/ifalias"), &format!("the alias of {ifindex}\n"));
        };
        let fetch = |machine: &mut TestMachine| {
            machine.procfs.rows.iter_mut().for_each(|row| row.interface.set_reported(Some(HOUR)));
            machine.procfs.fetch_details(true, &mut machine.problems, || false);
        };
        machine.set_dev(&[("eth0", 5), ("eth1", 6)]);
        set(&machine, "eth0", 3, 5);
        set(&machine, "eth1", 4, 6);
        machine.gather();
        fetch(&mut machine);
        assert_eq!(&*machine.properties("eth0").alias, b"the alias of 3");
        // Another one took the name, was counted under it, and gave it up before it was asked for its number.
        machine.set_dev(&[("eth0", 700), ("eth1", 6)]);
        fs::remove_dir_all(machine.sysfs("eth0")).unwrap();
        machine.gather();
        set(&machine, "eth0", 5, 8);
        fetch(&mut machine);
        assert_eq!(machine.bytes("eth0"), 700);
        assert_eq!(*machine.properties("eth0"), Properties::default());
        assert_eq!(machine.one("eth0").link_modes, None);
        assert_eq!(&*machine.properties("eth1").alias, b"the alias of 4");
        // From then on, it is who has it now.
        machine.set_dev(&[("eth0", 8), ("eth1", 6)]);
        machine.gather();
        fetch(&mut machine);
        assert_eq!(&*machine.properties("eth0").alias, b"the alias of 5");
        // What only cannot be read this time stays.
        machine.break_off("eth0/ifindex");
        machine.gather();
        fetch(&mut machine);
        assert_eq!(&*machine.properties("eth0").alias, b"the alias of 5");
    }
}

#[test]
fn whose_sysfs_it_is_is_told_by_the_kernels_number_of_a_name() {
    let of = |ifindex: &str| {
        let root = TempDir::new().unwrap();
        for folder in ["proc/net", "sys/class/net", "sys/kernel"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let machine = TestMachine::open(root, FLAGS, true);
        machine.set_dev(&[("lo", 1)]);
        if !ifindex.is_empty() {
            machine.set("lo/ifindex", ifindex);
        }
        machine
    };
    // Every network namespace has a loopback, of this number.
    for (ifindex, is_foreign) in [("1\n", false), ("7\n", true), ("", true)] {
        let mut machine = of(ifindex);
        machine.gather();
        assert_eq!(machine.procfs.class_net.is_foreign, Some(is_foreign), "{ifindex:?}");
        // It is found out once.
        machine.set("lo/ifindex", "4\n");
        machine.gather();
        assert_eq!(machine.procfs.class_net.is_foreign, Some(is_foreign), "{ifindex:?}");
    }
    // What cannot be read this time is looked at another time.
    let mut machine = of("1\n");
    machine.break_off("lo/ifindex");
    machine.gather();
    assert_eq!(machine.procfs.class_net.is_foreign, None);
    machine.set("lo/ifindex", "1\n");
    machine.gather();
    assert_eq!(machine.procfs.class_net.is_foreign, Some(false));
    // Without a name, there is nothing to look at.
    let mut machine = of("1\n");
    machine.set_dev(&[]);
    machine.gather();
    assert_eq!(machine.procfs.class_net.is_foreign, None);
}

#[test]
fn whether_sysfs_is_the_hosts_is_told_by_the_numbers_that_statistics_have() {
    for (known, hosts, is_foreign) in
        [("2\n", "2", None), ("2\n", "3", Some(true)), ("", "3", None), ("2\n", "", None)]
    {
        let root = TempDir::new().unwrap();
        for folder in ["proc/1/net/dev_snmp6", "sys/class/net", "sys/kernel"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        if !hosts.is_empty() {
            let file = root.path().join("proc/1/net/dev_snmp6/eth0");
            fs::write(file, format!("ifIndex                         \t{hosts}\n")).unwrap();
        }
        let machine = TestMachine::open(root, FLAGS, false);
        machine.set_dev(&[("eth0", 1)]);
        if !known.is_empty() {
            machine.set("eth0/ifindex", known);
        }
        let mut machine = TestMachine::open(machine.root, FLAGS, false);
        machine.procfs.check(&mut machine.files, LOG);
        assert_eq!(machine.procfs.class_net.is_foreign, is_foreign, "{known:?} {hosts:?}");
        // Nor is it by the `net` of another process.
        let proc = machine.root.path().join("proc");
        fs::rename(proc.join("1/net"), proc.join("net")).unwrap();
        let mut machine = TestMachine::open(machine.root, FLAGS, false);
        machine.procfs.check(&mut machine.files, LOG);
        assert_eq!(machine.procfs.class_net.is_foreign, None, "{known:?} {hosts:?}");
    }
}

#[test]
fn our_own_sysfs_is_pointed_out_where_it_lacks_an_interface_of_the_host() {
    let shown = ["eth0", "eth1"];
    for (look, shown, unknown) in [
        (Look::After, &shown[..], None),
        (Look::After, &shown[..1], Some("eth1")),
        (Look::After, &shown[..0], Some("eth0")),
        // The operator named it.
        (Look::Twice, &shown[..0], None),
    ] {
        let root = TempDir::new().unwrap();
        for folder in ["proc/1/net", "sys/class/net", "sys/kernel"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let mut machine = TestMachine::open(root, FLAGS, false);
        machine.procfs.class_net.look = look;
        machine.set_dev(&[("eth0", 1), ("eth1", 1)]);
        for (name, ifindex) in shown.iter().zip(2..) {
            machine.set_interface(name, ifindex, 1);
        }
        take_records();
        machine.procfs.check(&mut machine.files, LOG);
        let records = take_records();
        let (_, warning) = records.split_once('\n').unwrap();
        let expected = unknown.map_or(String::new(), |name| {
            format!(
                "W! {:?} does not know {name:?}: set HOST_SYS to the host's /sys, for speed and for \
                 which interfaces are up\n",
                machine.procfs.class_net.folder
            )
        });
        assert_eq!(warning, expected);
    }
}

#[test]
fn files_that_cannot_be_read_are_reported_by_the_first_and_their_number() {
    let mut machine = TestMachine::new(PROPERTIES);
    machine.set_dev(&[("a", 1), ("b", 1)]);
    machine.set_interface("a", 2, 1);
    machine.set_interface("b", 3, 1);
    machine.gather();
    let report = |machine: &mut TestMachine| {
        take_records();
        machine.gather();
        machine.procfs.rows[0].interface.set_reported(Some(HOUR));
        machine.procfs.fetch_details(true, &mut machine.problems, || false);
        machine.problems.end_of_gather();
        take_records()
    };
    assert_eq!(report(&mut machine), "");
    for file in ["a/flags", "b/flags", "a/speed"] {
        machine.break_off(file);
    }
    let message = format!(
        "cannot read {:?}: not a regular file but a directory: what it tells is left out, or stays as \
         it was (3 failed reads in {:?})\n",
        machine.sysfs("a/flags"),
        machine.procfs.class_net.folder
    );
    assert_eq!(report(&mut machine), format!("W! {message}"));
    assert_eq!(report(&mut machine), "");
    machine.set("a/flags", "0x1\n");
    machine.set("b/flags", "0x1\n");
    machine.set("a/speed", "1000\n");
    assert_eq!(report(&mut machine), format!("I! resolved: {message}"));
}
