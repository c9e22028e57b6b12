//! Speeds by drivers that are played: quick ones, slow ones, and some that nobody may ask.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::super::links::{self, Queries};
use super::super::speed::{Reply, SLOW};
use super::super::speed_backend::Backend;
use super::super::{Netlink, NetlinkError, ReadError, SPEED_WAIT, Scratch, Sockets, SpeedThread};
use super::eventually;
use super::kernel::{
    AskedFor, EIO, ENODEV, ENOENT, EOPNOTSUPP, ETHTOOL, GENL_ID_CTRL, IFF_LOOPBACK, IFF_UP,
    PlayedInterface, PlayedRequest, RTM_GETLINK, Requests, done, link_modes, pair, play, recorded,
    refusal,
};
use crate::log::{Log, Problems};
use crate::model::counters::{Counters, MoreCounters};
use crate::model::interface::Wants;
use crate::model::link::LinkModes;
use crate::system::Source as _;

const HOUR: Duration = Duration::from_secs(3600);

const ALL: AskedFor = AskedFor::All(ETHTOOL);

fn one(ifindex: u32) -> AskedFor {
    AskedFor::One(ETHTOOL, ifindex)
}

/// The drivers of a machine.
#[derive(Debug, Default, Clone)]
struct Drivers(Arc<(Mutex<DriverState>, Condvar)>);

#[derive(Debug, Default)]
struct DriverState {
    /// In Mbit/s; who is not here supports no such query.
    speeds: BTreeMap<u32, i32>,
    /// Those that do not answer until they are released.
    hanging: BTreeSet<u32>,
    /// The one that fails whenever a dump comes to it.
    failing: Option<u32>,
    /// How a dump ends otherwise.
    end: i32,
}

impl Drivers {
    fn change(&self, change: impl FnOnce(&mut DriverState)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    fn set_speed(&self, ifindex: u32, speed_mbits: i32) {
        self.change(|state| {
            state.speeds.insert(ifindex, speed_mbits);
        });
    }

    fn hang(&self, ifindex: u32) {
        self.change(|state| {
            state.hanging.insert(ifindex);
        });
    }

    fn release(&self) {
        self.change(|state| state.hanging.clear());
    }

    /// What the kernel says once all drivers that it asks have answered.
    fn answer(&self, request: &PlayedRequest) -> Vec<Vec<u8>> {
        let state = self.0.0.lock().unwrap();
        let speeds = state.speeds.clone();
        let is_asked = |ifindex| matches!(request.asked, ALL) || request.asked == one(ifindex);
        let is_hanging = |state: &mut DriverState| state.hanging.iter().any(|&one| is_asked(one));
        let state = self.0.1.wait_while(state, is_hanging).unwrap();
        match request.asked {
            AskedFor::One(ETHTOOL, ifindex) => match speeds.get(&ifindex) {
                Some(&speed) => vec![link_modes(ifindex, speed)],
                None => vec![refusal(EOPNOTSUPP)],
            },
            ALL => {
                let mut datagrams: Vec<_> = speeds
                    .iter()
                    .take_while(|&(&ifindex, _)| Some(ifindex) != state.failing)
                    .map(|(&ifindex, &speed)| link_modes(ifindex, speed))
                    .collect();
                datagrams.push(done(if state.failing.is_some() { EIO } else { state.end }));
                vec![datagrams.concat()]
            }
            _ => panic!("nobody asks ethtool for {request:?}"),
        }
    }
}

/// A machine with invented interfaces.
struct PlayedMachine {
    netlink: Netlink,
    scratch: Scratch,
    speed_thread: Rc<SpeedThread>,
    interfaces: Arc<Mutex<BTreeMap<u32, PlayedInterface>>>,
    drivers: Drivers,
    /// What was asked about speeds.
    asked: Requests,
    events: UnixDatagram,
    unreported: BTreeSet<u32>,
    speed_refresh: Duration,
    /// How often all drivers have rested.
    rests: u32,
}

impl PlayedMachine {
    /// All are reported; each has the speed of a thousand Mbit/s times its number.
    fn new(interfaces: &[PlayedInterface]) -> Self {
        Self::by(Rc::new(SpeedThread::start().unwrap()), interfaces)
    }

    /// The same, whose drivers that thread asks.
    fn by(speed_thread: Rc<SpeedThread>, interfaces: &[PlayedInterface]) -> Self {
        let drivers = Drivers::default();
        for interface in interfaces {
            drivers.set_speed(interface.ifindex, speed_of(interface.ifindex));
        }
        let kernel = drivers.clone();
        let (ethtool, requests) = play(move |request| kernel.answer(request));
        let backend = Backend::Ethtool(ethtool, ETHTOOL);
        Self { drivers, asked: requests, ..Self::with(speed_thread, interfaces, backend) }
    }

    /// Its drivers are asked that way.
    fn with(
        speed_thread: Rc<SpeedThread>,
        interfaces: &[PlayedInterface],
        backend: Backend,
    ) -> Self {
        let by_number = interfaces.iter().map(|interface| (interface.ifindex, *interface));
        let interfaces: Arc<Mutex<BTreeMap<_, _>>> = Arc::new(Mutex::new(by_number.collect()));
        let known = Arc::clone(&interfaces);
        let (requests, _) = play(move |request| answer(&known.lock().unwrap(), request));
        let (events_here, events) = pair();
        let sockets = Sockets { requests, events: events_here, backend, class_net: None };
        Self {
            netlink: Netlink::new(sockets, &speed_thread, Wants::default()),
            scratch: Scratch::default(),
            speed_thread,
            interfaces,
            drivers: Drivers::default(),
            asked: Requests::default(),
            events,
            unreported: BTreeSet::new(),
            speed_refresh: HOUR,
            rests: 0,
        }
    }

    /// Another network namespace, whose drivers the same thread asks.
    fn beside(&self, interfaces: &[PlayedInterface]) -> Self {
        Self::by(Rc::clone(&self.speed_thread), interfaces)
    }

    fn follow(&mut self) {
        self.netlink.follow(&mut self.scratch);
    }

    fn read(&mut self) -> Result<(), ReadError> {
        self.netlink.read_now(&mut self.scratch)
    }

    /// Gathers as the collector does, less what follows the writing, and returns the speeds.
    fn gather(&mut self) -> BTreeMap<u32, Option<i64>> {
        self.follow();
        if let Err(error) = self.read() {
            assert!(matches!(error, ReadError::Busy), "{error:?}");
            assert!(self.netlink.is_current());
        }
        for interface in self.netlink.interfaces_mut() {
            let is_reported = !self.unreported.contains(&interface.ifindex);
            interface.set_reported(is_reported.then_some(self.speed_refresh));
        }
        self.netlink.fetch_speeds(Instant::now() + SPEED_WAIT);
        self.speeds()
    }

    fn speeds(&self) -> BTreeMap<u32, Option<i64>> {
        let interfaces = self.netlink.interfaces();
        interfaces.map(|interface| (interface.ifindex, interface.speed_mbits())).collect()
    }

    fn speed(&mut self, ifindex: u32) -> Option<i64> {
        self.gather()[&ifindex]
    }

    /// Gathers until an interface has a speed.
    fn gather_until(&mut self, ifindex: u32, speed_mbits: i64) {
        eventually(|| self.speed(ifindex) == Some(speed_mbits));
    }

    /// The interfaces are like this by now, and in one event.
    fn change(&mut self, changed: &[PlayedInterface]) {
        let mut interfaces = self.interfaces.lock().unwrap();
        interfaces.extend(changed.iter().map(|interface| (interface.ifindex, *interface)));
        let event = changed.iter().flat_map(PlayedInterface::link).collect::<Vec<_>>();
        assert_eq!(self.events.send(&event).unwrap(), event.len());
    }

    /// An event names all interfaces, which are as they were.
    fn name_all(&mut self) {
        let all: Vec<_> = self.interfaces.lock().unwrap().values().copied().collect();
        self.change(&all);
    }

    /// Whether a driver is being asked and does not answer.
    fn is_busy(&mut self) -> bool {
        matches!(self.read(), Err(ReadError::Busy))
    }

    /// Asks what can wait until the batch was written, as if every driver had rested for long.
    fn refresh_rested(&mut self) {
        self.rests += 1;
        let now = Instant::now() + self.rests * 24 * HOUR;
        let queries = self.netlink.links.due_queries(now);
        self.netlink.ask(queries);
    }

    /// Has the driver of an interface asked again, which does not answer.
    fn make_busy(&mut self, ifindex: u32) {
        self.drivers.hang(ifindex);
        self.refresh_rested();
        eventually(|| self.is_busy());
    }

    /// Makes the driver of an interface known as slow.
    fn make_slow(&mut self, ifindex: u32) {
        self.drivers.hang(ifindex);
        self.gather();
        assert!(self.is_busy());
        std::thread::sleep(SLOW);
        self.drivers.release();
        self.gather_until(ifindex, speed_of(ifindex).into());
        // Those that were to be asked behind it, too.
        eventually(|| self.gather().values().all(Option::is_some));
        self.asked.take();
    }
}

fn speed_of(ifindex: u32) -> i32 {
    i32::try_from(ifindex).unwrap() * 1000
}

/// The rtnetlink of a machine.
fn answer(interfaces: &BTreeMap<u32, PlayedInterface>, request: &PlayedRequest) -> Vec<Vec<u8>> {
    let message = |kind| {
        if kind == RTM_GETLINK {
            PlayedInterface::link
        } else {
            PlayedInterface::stats as fn(&_) -> _
        }
    };
    match request.asked {
        AskedFor::All(kind) => vec![interfaces.values().flat_map(message(kind)).collect(), done(0)],
        AskedFor::One(kind, ifindex) => {
            vec![interfaces.get(&ifindex).map_or_else(|| refusal(ENODEV), message(kind))]
        }
    }
}

fn speeds<const N: usize>(speeds: [(u32, Option<i64>); N]) -> BTreeMap<u32, Option<i64>> {
    speeds.into()
}

#[test]
fn a_driver_that_takes_long_costs_its_own_speed_and_nothing_else() {
    let slow = PlayedInterface::device(4, "slow0");
    let veth = PlayedInterface::software(9, "veth0", "veth");
    let mut machine = PlayedMachine::new(&[
        PlayedInterface::device(2, "eth0"),
        PlayedInterface::device(3, "eth1"),
        slow,
        veth,
    ]);
    machine.drivers.hang(4);
    // This comes back although the driver does not.
    let first = machine.gather();
    assert_eq!(first, speeds([(2, Some(2000)), (3, Some(3000)), (4, None), (9, Some(9000))]));
    // Software first, then the devices.
    assert_eq!(machine.asked.take(), [one(9), one(2), one(3), one(4)]);
    // The kernel holds its lock: counters are to come from elsewhere.
    assert!(machine.is_busy() && machine.netlink.is_current());
    let counters = Counters { bytes_sent: 5, ..Counters::default() };
    let more = MoreCounters::default();
    let rows = [b"slow0".as_slice(), b"eth0", b"gone0"].map(|name| (name, &counters, &more));
    machine.netlink.take_counters(rows.into_iter(), Instant::now());
    let (interfaces, reading) = (machine.netlink.interfaces(), machine.netlink.reading());
    let lines: Vec<_> =
        interfaces.map(|one| (one.ifindex, one.counters(reading).copied())).collect();
    assert_eq!(lines, [(2, Some(counters)), (3, None), (4, Some(counters)), (9, None)]);
    assert_eq!(machine.gather(), first);
    assert_eq!(machine.asked.take(), []);
    machine.drivers.release();
    machine.gather_until(4, 4000);
    assert!(!machine.is_busy());
    assert_eq!(machine.asked.take(), []);
}

#[test]
fn nobody_waits_again_for_a_driver_that_was_slow() {
    let mut machine = PlayedMachine::new(&[
        PlayedInterface::device(2, "slow0"),
        PlayedInterface::device(3, "eth0"),
    ]);
    machine.make_slow(2);
    machine.drivers.hang(2);
    machine.name_all();
    assert_eq!(machine.gather(), speeds([(2, None), (3, Some(3000))]));
    assert_eq!(machine.asked.take(), [one(3)]);
    machine.refresh_rested();
    // The kernel's lock will be held for long: the next reading must not even try.
    assert!(machine.is_busy());
    // Without an answer, the kernel that is played would be given up in this time.
    machine.netlink.speeds.wait(Instant::now() + HOUR, HOUR);
    assert!(machine.is_busy());
    machine.drivers.release();
    machine.gather_until(2, 2000);
}

#[test]
fn a_driver_that_was_slow_is_asked_when_the_batch_is_written_and_not_before() {
    for speed_refresh in [HOUR, Duration::ZERO] {
        let interfaces = [PlayedInterface::device(2, "slow0"), PlayedInterface::device(3, "eth0")];
        let mut machine = PlayedMachine::new(&interfaces);
        machine.speed_refresh = speed_refresh;
        machine.make_slow(2);
        machine.name_all();
        assert_eq!(machine.gather(), speeds([(2, None), (3, Some(3000))]));
        // Other namespaces are read here.
        thread::sleep(Duration::from_millis(50));
        assert!(!machine.asked.take().contains(&one(2)));
        machine.refresh_rested();
        machine.gather_until(2, 2000);
        assert!(machine.asked.take().contains(&one(2)));
    }
}

#[test]
fn one_driver_that_takes_long_is_waited_for_once_whatever_the_number_of_namespaces() {
    let mut machine = PlayedMachine::new(&[PlayedInterface::device(2, "slow0")]);
    let mut others =
        [3, 4].map(|ifindex| machine.beside(&[PlayedInterface::device(ifindex, "eth0")]));
    for other in &mut others {
        other.gather();
        other.name_all();
    }
    machine.drivers.hang(2);
    assert_eq!(machine.speed(2), None);
    let start = Instant::now();
    for other in &mut others {
        assert!(other.gather().values().all(Option::is_none));
    }
    assert!(start.elapsed() < SPEED_WAIT / 2);
    machine.drivers.release();
}

#[test]
fn a_driver_that_was_slow_is_asked_rarely() {
    let mut machine = PlayedMachine::new(&[
        PlayedInterface::device(2, "slow0"),
        PlayedInterface::device(3, "eth0"),
    ]);
    machine.make_slow(2);
    machine.speed_refresh = Duration::ZERO;
    machine.gather();
    let numbers = |queries| -> Vec<_> {
        let Queries::Single(queries) = queries else { panic!("{queries:?}") };
        queries.into_iter().map(|query| query.ifindex).collect()
    };
    // It took a second at least, so that it has a hundred to rest.
    let now = Instant::now() + Duration::from_secs(60);
    assert_eq!(numbers(machine.netlink.links.needed_queries(now)), [3]);
    assert!(numbers(machine.netlink.links.due_queries(now)).is_empty());
    let later = now + 24 * HOUR;
    assert_eq!(numbers(machine.netlink.links.due_queries(later)), [2]);
}

#[test]
fn events_do_not_have_a_driver_that_was_slow_asked_more_often() {
    let slow = PlayedInterface::device(2, "slow0");
    let mut machine = PlayedMachine::new(&[slow, PlayedInterface::device(3, "eth0")]);
    machine.make_slow(2);
    for _ in 0..3 {
        machine.asked.take();
        machine.change(&[PlayedInterface { flags: 0, ..slow }]);
        machine.change(&[slow]);
        machine.name_all();
        // No stale speed.
        assert_eq!(machine.gather(), speeds([(2, None), (3, Some(3000))]));
        machine.netlink.refresh();
        thread::sleep(Duration::from_millis(50));
        assert_eq!(machine.asked.take(), [one(3)]);
    }
    // A driver that was asked in vain has been asked.
    machine.drivers.hang(2);
    machine.refresh_rested();
    let mut asked = Vec::new();
    eventually(|| {
        asked.extend(machine.asked.take());
        asked.contains(&one(2))
    });
    machine.name_all();
    machine.gather();
    machine.netlink.refresh();
    thread::sleep(SLOW);
    machine.drivers.release();
    machine.gather_until(3, 3000);
    machine.netlink.refresh();
    thread::sleep(Duration::from_millis(50));
    asked.extend(machine.asked.take());
    assert_eq!(asked.iter().filter(|&&asked| asked == one(2)).count(), 1, "{asked:?}");
    machine.refresh_rested();
    machine.gather_until(2, 2000);
}

#[test]
fn who_is_down_or_unreported_is_never_asked() {
    let down = PlayedInterface { flags: 0, ..PlayedInterface::device(3, "down0") };
    let down_veth = PlayedInterface { flags: 0, ..PlayedInterface::software(5, "veth0", "veth") };
    let mut machine = PlayedMachine::new(&[
        PlayedInterface::device(2, "eth0"),
        down,
        PlayedInterface::device(4, "unreported0"),
        down_veth,
    ]);
    machine.unreported.insert(4);
    machine.speed_refresh = Duration::ZERO;
    let expected = speeds([(2, Some(2000)), (3, Some(-1)), (4, None), (5, Some(-1))]);
    for _ in 0..3 {
        machine.name_all();
        assert_eq!(machine.gather(), expected);
        machine.netlink.refresh();
    }
    assert_eq!(machine.asked.take().into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([one(2)]));
}

#[test]
fn who_comes_up_is_asked_and_who_goes_down_is_not() {
    let device = PlayedInterface::device(2, "eth0");
    let down = PlayedInterface { flags: 0, ..device };
    let mut machine = PlayedMachine::new(&[down]);
    machine.speed_refresh = Duration::ZERO;
    assert_eq!(machine.speed(2), Some(-1));
    assert_eq!(machine.asked.take(), []);
    machine.change(&[device]);
    assert_eq!(machine.speed(2), Some(2000));
    assert_eq!(machine.asked.take(), [one(2)]);
    machine.change(&[down]);
    assert_eq!(machine.speed(2), Some(-1));
    assert_eq!(machine.asked.take(), []);
}

/// Software interfaces, enough of them for a dump, and a loopback.
fn many_and(devices: &[PlayedInterface]) -> Vec<PlayedInterface> {
    let loopback = PlayedInterface {
        flags: IFF_LOOPBACK | IFF_UP,
        kind: None,
        ..PlayedInterface::software(1, "lo", "")
    };
    let software = (101..=140).map(|number| PlayedInterface::software(number, "veth", "veth"));
    let mut all: Vec<_> = software.chain([loopback]).collect();
    all.extend(devices);
    all
}

#[test]
fn many_software_interfaces_are_asked_by_one_dump() {
    let mut machine = PlayedMachine::new(&many_and(&[]));
    // The loopback supports no such query, so that dumps pass it over.
    machine.drivers.change(|state| {
        state.speeds.remove(&1);
    });
    let expected: BTreeMap<_, _> = (101..=140)
        .map(|ifindex| (ifindex, Some(speed_of(ifindex).into())))
        .chain([(1, Some(-1))])
        .collect();
    assert_eq!(machine.gather(), expected);
    assert_eq!(machine.asked.take(), [ALL]);
}

#[test]
fn a_dump_is_made_only_when_it_bothers_no_device_that_would_not_be_asked_anyway() {
    let device = PlayedInterface::device(2, "eth0");
    // Kernels before 5.14 tell of no device.
    let silent = PlayedInterface { has_parent_device: false, ..device };
    for device in [device, silent] {
        let mut machine = PlayedMachine::new(&many_and(&[device]));
        // How long its driver takes is found out first.
        assert_eq!(machine.gather()[&2], Some(2000));
        let asked = machine.asked.take();
        assert!(!asked.contains(&ALL) && asked.contains(&one(2)), "{asked:?}");
        // It is known as quick.
        machine.name_all();
        assert_eq!(machine.gather()[&2], Some(2000));
        assert_eq!(machine.asked.take(), [ALL]);
        // Nobody reports it.
        machine.unreported.insert(2);
        machine.name_all();
        machine.gather();
        assert_singly(&machine.asked.take());
        machine.unreported.clear();
        machine.gather();
        machine.asked.take();
        // It is down.
        machine.change(&[PlayedInterface { flags: 0, ..device }]);
        machine.name_all();
        assert_eq!(machine.gather()[&2], Some(-1));
        assert_singly(&machine.asked.take());
    }
}

/// All but interface 2 were asked, and one by one.
fn assert_singly(asked: &[AskedFor]) {
    assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), 41);
    assert!(!asked.contains(&ALL) && !asked.contains(&one(2)), "{asked:?}");
}

#[test]
fn no_dump_is_made_while_a_driver_is_slow() {
    let mut machine = PlayedMachine::new(&many_and(&[PlayedInterface::device(2, "slow0")]));
    machine.make_slow(2);
    machine.name_all();
    machine.gather();
    machine.refresh_rested();
    machine.gather_until(2, 2000);
    let asked = machine.asked.take();
    assert!(!asked.contains(&ALL) && asked.contains(&one(2)), "{asked:?}");
}

#[test]
fn after_a_dump_that_took_long_each_driver_is_asked_once_to_find_the_slow_one() {
    let mut machine = PlayedMachine::new(&many_and(&[]));
    machine.drivers.hang(101);
    machine.gather();
    thread::sleep(SLOW);
    machine.drivers.release();
    machine.gather_until(140, speed_of(140).into());
    assert_eq!(machine.asked.take(), [ALL]);
    // All of it is software, and was told of quickly when it was asked for singly.
    for expected in [41, 1] {
        machine.name_all();
        machine.gather();
        let asked = machine.asked.take();
        assert_eq!((asked.len(), asked.contains(&ALL)), (expected, expected == 1), "{asked:?}");
    }
}

#[test]
fn several_slow_drivers_share_the_time_in_which_they_may_be_asked() {
    let took = SLOW * 2;
    for (slow, rest) in [(&[2][..], 100), (&[2, 3], 200)] {
        let devices = [PlayedInterface::device(2, "eth0"), PlayedInterface::device(3, "eth1")];
        let mut machine = PlayedMachine::new(&devices);
        machine.speed_refresh = Duration::ZERO;
        machine.read().unwrap();
        for interface in machine.netlink.interfaces_mut() {
            interface.set_reported(Some(Duration::ZERO));
        }
        let (now, links) = (Instant::now(), &mut machine.netlink.links);
        let numbers = |queries| -> Vec<_> {
            let Queries::Single(queries) = queries else { panic!("{queries:?}") };
            queries.into_iter().map(|query| (query.ifindex, query.id)).collect()
        };
        let asked = numbers(links.needed_queries(now));
        assert_eq!(asked.len(), 2);
        for (ifindex, id) in asked {
            let took = if slow.contains(&ifindex) { took } else { Duration::ZERO };
            let link_modes = Some(LinkModes { speed_mbits: 10, duplex: None });
            let answer = Reply { ifindex, id, link_modes, unread: None, took: Some(took) };
            links.set_reply(&answer, now, 1);
        }
        let mut due = |rests: u32| numbers(links.due_queries(now + took * rests));
        assert_eq!(due(rest - 1), []);
        assert_eq!(due(rest).into_iter().map(|(ifindex, _)| ifindex).collect::<Vec<_>>(), slow);
    }
}

#[test]
fn a_dump_that_a_driver_cuts_off_is_completed_singly() {
    let mut machine = PlayedMachine::new(&many_and(&[]));
    machine.drivers.change(|state| state.failing = Some(138));
    let speeds = machine.gather();
    assert!(speeds.iter().all(|(&ifindex, &speed)| speed == Some(speed_of(ifindex).into())));
    assert_eq!(machine.asked.take(), [ALL, one(138), one(139), one(140)]);
}

/// As Linux 5.10 does.
#[test]
fn a_dump_that_ends_with_one_that_tells_no_speed_is_whole() {
    let mut machine = PlayedMachine::new(&many_and(&[]));
    machine.drivers.change(|state| {
        state.speeds.remove(&140);
        state.end = EOPNOTSUPP;
    });
    let speeds = machine.gather();
    assert_eq!((speeds[&139], speeds[&140]), (Some(speed_of(139).into()), Some(-1)));
    assert_eq!(machine.asked.take(), [ALL]);
}

#[test]
fn an_event_has_the_speeds_of_all_that_is_stacked_on_the_interface_asked_for_again() {
    let port = PlayedInterface::device(2, "eth0");
    let port = PlayedInterface { master: Some(4), ..port };
    let other = PlayedInterface::device(3, "eth1");
    let bridge = PlayedInterface::software(4, "br0", "bridge");
    let on = |lower, interface| PlayedInterface { lower: Some(lower), ..interface };
    let vlan = on(3, PlayedInterface::software(5, "eth1.5", "vlan"));
    let macvlan = on(5, PlayedInterface::software(6, "mac0", "macvlan"));
    let bridge_vlan = on(4, PlayedInterface::software(7, "br0.7", "vlan"));
    let alone = PlayedInterface::software(8, "veth0", "veth");
    let all = [port, other, bridge, vlan, macvlan, bridge_vlan, alone];
    let cases: [(&[PlayedInterface], &[u32]); 6] = [
        (&[port], &[2, 4, 7]),
        (&[other], &[3, 5, 6]),
        (&[bridge], &[4, 7]),
        (&[vlan], &[5, 6]),
        (&[alone], &[8]),
        // It leaves the bridge.
        (&[PlayedInterface { master: None, ..port }], &[2, 4, 7]),
    ];
    let mut machine = PlayedMachine::new(&all);
    machine.gather();
    machine.gather();
    machine.asked.take();
    for (changed, expected) in cases {
        for ifindex in 2..=8 {
            machine.drivers.set_speed(ifindex, 1);
        }
        machine.change(changed);
        let speeds = machine.gather();
        let asked: BTreeSet<_> = machine.asked.take().into_iter().collect();
        assert_eq!(asked, expected.iter().copied().map(one).collect(), "{changed:?}");
        assert!(expected.iter().all(|ifindex| speeds[ifindex] == Some(1)), "{speeds:?}");
    }
}

#[test]
fn what_is_stacked_on_an_interface_is_looked_for_once_before_the_next_lines() {
    let port = PlayedInterface { master: Some(4), ..PlayedInterface::device(2, "eth0") };
    let bridge = PlayedInterface::software(4, "br0", "bridge");
    let vlan = PlayedInterface { lower: Some(4), ..PlayedInterface::software(5, "br0.5", "vlan") };
    let mut machine =
        PlayedMachine::new(&[port, PlayedInterface::device(3, "slow0"), bridge, vlan]);
    let known = speeds([(2, Some(2000)), (3, Some(3000)), (4, Some(4000)), (5, Some(5000))]);
    assert_eq!(machine.gather(), known);
    for is_busy in [false, true] {
        if is_busy {
            machine.make_busy(3);
        }
        machine.change(&[port]);
        machine.follow();
        let follow_alone = speeds([(2, None), (3, Some(3000)), (4, Some(4000)), (5, Some(5000))]);
        assert_eq!(machine.speeds(), follow_alone);
        assert_eq!(machine.read().is_err(), is_busy);
        let void = speeds([(2, None), (3, Some(3000)), (4, None), (5, None)]);
        assert_eq!(machine.speeds(), void);
        machine.drivers.release();
        eventually(|| machine.gather() == known);
    }
}

#[test]
fn a_port_that_vanishes_has_its_bridge_asked_again() {
    let port = PlayedInterface { master: Some(4), ..PlayedInterface::device(2, "eth0") };
    let mut machine = PlayedMachine::new(&[port, PlayedInterface::software(4, "br0", "bridge")]);
    machine.gather();
    machine.asked.take();
    machine.drivers.set_speed(4, -1);
    machine.interfaces.lock().unwrap().remove(&2);
    machine.events.send(&port.gone()).unwrap();
    assert_eq!(machine.gather(), speeds([(4, Some(-1))]));
    assert_eq!(machine.asked.take(), [one(4)]);
}

#[test]
fn an_answer_to_a_query_from_before_the_event_is_discarded() {
    let device = PlayedInterface::device(2, "eth0");
    let mut machine = PlayedMachine::new(&[device]);
    machine.drivers.set_speed(2, 10);
    machine.drivers.hang(2);
    assert_eq!(machine.speed(2), None);
    // The driver has 10 to say; then the speed changes, and an event tells so.
    machine.drivers.set_speed(2, 100);
    machine.change(&[device]);
    machine.follow();
    machine.drivers.release();
    eventually(|| !machine.is_busy());
    let mut seen = BTreeSet::new();
    eventually(|| {
        seen.extend(machine.speed(2));
        if seen.is_empty() {
            // Waiting for it has shown it as slow.
            machine.refresh_rested();
        }
        !seen.is_empty()
    });
    assert_eq!(seen, BTreeSet::from([100]));
    assert_eq!(machine.asked.take(), [one(2), one(2)]);
}

#[test]
fn a_query_that_an_event_has_made_void_is_not_put_any_more() {
    let down = |interface| PlayedInterface { flags: 0, ..interface };
    let [eth0, eth1] = [PlayedInterface::device(3, "eth0"), PlayedInterface::device(4, "eth1")];
    let gone = PlayedInterface::device(5, "gone0");
    let vlan = PlayedInterface { lower: Some(3), ..PlayedInterface::device(6, "eth0.6") };
    let mut machine =
        PlayedMachine::new(&[PlayedInterface::device(2, "slow0"), eth0, eth1, gone, vlan]);
    machine.drivers.hang(2);
    machine.gather();
    machine.change(&[down(eth0), down(vlan)]);
    machine.events.send(&gone.gone()).unwrap();
    machine.interfaces.lock().unwrap().remove(&5);
    for _ in 0..5 {
        machine.change(&[eth1]);
        machine.gather();
    }
    machine.drivers.release();
    machine.gather_until(4, 4000);
    assert_eq!(machine.asked.take(), [one(2), one(4)]);
}

#[test]
fn a_dump_that_is_cut_off_is_completed_without_those_that_went_down_meanwhile() {
    let veth = PlayedInterface::software(139, "veth", "veth");
    let mut machine = PlayedMachine::new(&many_and(&[]));
    machine.drivers.change(|state| state.failing = Some(138));
    machine.drivers.hang(101);
    machine.gather();
    machine.change(&[PlayedInterface { flags: 0, ..veth }]);
    machine.follow();
    machine.drivers.release();
    machine.gather_until(140, speed_of(140).into());
    assert_eq!(machine.asked.take(), [ALL, one(138), one(140)]);
}

#[test]
fn no_dump_is_made_when_a_device_went_down_since_it_was_asked_for() {
    let device = PlayedInterface::device(2, "eth0");
    for named in [many_and(&[device]), many_and(&[])] {
        let mut machine = PlayedMachine::new(&many_and(&[device]));
        machine.gather();
        let mut other = machine.beside(&[PlayedInterface::device(2, "slow0")]);
        other.drivers.hang(2);
        other.gather();
        machine.change(&named);
        machine.gather();
        machine.asked.take();
        machine.change(&[PlayedInterface { flags: 0, ..device }]);
        machine.follow();
        other.drivers.release();
        machine.gather_until(101, speed_of(101).into());
        machine.gather_until(140, speed_of(140).into());
        assert_singly(&machine.asked.take());
    }
}

#[test]
fn a_namespace_that_is_forgotten_is_not_kept_alive_by_queries() {
    let mut machine = PlayedMachine::new(&[PlayedInterface::device(2, "slow0")]);
    let mut other = machine.beside(&[PlayedInterface::device(3, "eth0")]);
    other.gather();
    machine.drivers.hang(2);
    machine.gather();
    other.name_all();
    other.gather();
    let asked = other.asked.clone();
    drop(other);
    eventually(|| asked.are_over());
    assert_eq!(asked.take(), [one(3)]);
    // The one that is being asked, as soon as that is over.
    let (drivers, asked) = (machine.drivers.clone(), machine.asked.clone());
    let thread = Rc::clone(&machine.speed_thread);
    drop(machine);
    drivers.release();
    eventually(|| asked.are_over());
    drop(thread);
}

#[test]
fn the_line_after_an_event_has_a_speed_also_where_the_driver_was_just_being_asked() {
    let device = PlayedInterface::device(2, "eth0");
    let mut machine = PlayedMachine::new(&[device]);
    machine.gather();
    machine.make_busy(2);
    machine.drivers.set_speed(2, 100);
    machine.change(&[device]);
    let drivers = machine.drivers.clone();
    let later = thread::spawn(move || {
        thread::sleep(SLOW / 10);
        drivers.release();
    });
    assert_eq!(machine.speed(2), Some(100));
    assert_eq!(machine.asked.take(), [one(2); 3]);
    later.join().unwrap();
}

#[test]
fn a_driver_that_took_long_over_an_answer_that_is_discarded_is_slow_nevertheless() {
    let device = PlayedInterface::device(2, "slow0");
    let mut machine = PlayedMachine::new(&[device]);
    machine.drivers.hang(2);
    assert_eq!(machine.speed(2), None);
    machine.change(&[device]);
    machine.gather();
    machine.drivers.release();
    eventually(|| !machine.is_busy());
    // Not once more before that is known.
    thread::sleep(Duration::from_millis(50));
    assert_eq!(machine.asked.take(), [one(2)]);
    machine.drivers.hang(2);
    // Nobody waits for it, as above.
    machine.gather();
    machine.refresh_rested();
    eventually(|| machine.is_busy());
    machine.netlink.speeds.wait(Instant::now() + HOUR, HOUR);
    assert!(machine.is_busy());
    machine.drivers.release();
}

#[test]
fn a_speed_that_has_grown_old_stands_until_a_new_one_comes_and_is_asked_for_after_the_batch() {
    let mut machine = PlayedMachine::new(&[PlayedInterface::device(2, "eth0")]);
    machine.speed_refresh = Duration::from_nanos(1);
    assert_eq!(machine.speed(2), Some(2000));
    machine.drivers.set_speed(2, 100);
    machine.asked.take();
    assert_eq!(machine.speed(2), Some(2000));
    assert_eq!(machine.asked.take(), []);
    machine.drivers.hang(2);
    machine.netlink.refresh();
    eventually(|| machine.is_busy());
    assert_eq!(machine.asked.take(), [one(2)]);
    assert_eq!(machine.speed(2), Some(2000));
    machine.drivers.release();
    machine.gather_until(2, 100);
    // And not before it is old.
    machine.speed_refresh = HOUR;
    machine.gather();
    machine.asked.take();
    machine.netlink.refresh();
    machine.gather();
    assert_eq!(machine.asked.take(), []);
}

#[test]
fn with_a_speed_refresh_of_zero_each_line_has_the_speed_of_its_moment() {
    let mut machine = PlayedMachine::new(&[PlayedInterface::device(2, "eth0")]);
    machine.speed_refresh = Duration::ZERO;
    for speed in [10, 100, -1] {
        machine.drivers.set_speed(2, speed);
        assert_eq!(machine.speed(2), Some(speed.into()));
    }
}

/// What the family `ethtool` is found to be by.
fn way(answer: impl Fn() -> Vec<u8> + Send + 'static) -> (Backend, Requests) {
    let (socket, requests) = play(move |_| vec![answer()]);
    (Backend::of(Ok(socket), Some("/none".into())).unwrap(), requests)
}

#[test]
fn the_family_is_found_by_its_name_where_the_kernel_has_it() {
    let recording = include_bytes!("../../../../../fixtures/netlink-linux-6.18/family.bin");
    let (found, requests) = way(|| recorded(recording).remove(0));
    assert!(matches!(found, Backend::Ethtool(_, ETHTOOL)));
    assert_eq!(requests.take(), [AskedFor::One(GENL_ID_CTRL, 0)]);
    for nothing in [refusal(ENOENT), link_modes(1, 1), vec![1; 5]] {
        let (found, _) = way(move || nothing.clone());
        assert!(matches!(found, Backend::Sysfs(_)), "{found:?}");
    }
}

#[test]
fn without_the_family_speeds_are_read_from_sysfs() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("eth0", "ifindex", "2\n"),
        ("eth0", "speed", "2500\n"),
        // Of another namespace.
        ("eth1", "ifindex", "7\n"),
        ("eth1", "speed", "100\n"),
        ("eth2", "ifindex", "4\n"),
        ("eth2", "speed", "-1\n"),
        ("down0", "ifindex", "5\n"),
        ("down0", "speed", "1000\n"),
        ("bad0", "ifindex", "7\n"),
        ("bad1", "speed", "1000\n"),
        ("bad2", "ifindex", "9\n"),
        ("bad2", "speed", "1000\n"),
    ];
    for (interface, attribute, text) in files {
        fs::create_dir_all(folder.path().join(interface)).unwrap();
        fs::write(folder.path().join(interface).join(attribute), text).unwrap();
    }
    // They cannot be read, and yet are there.
    for file in ["bad0/speed", "bad1/ifindex", "bad2/duplex"] {
        fs::create_dir(folder.path().join(file)).unwrap();
    }
    let no_family = play(|_| vec![refusal(ENOENT)]).0;
    let forbidden = NetlinkError::Call("socket", rustix::io::Errno::PERM);
    for generic in [Ok(no_family), Err(forbidden)] {
        let interfaces = many_and(&[
            PlayedInterface::device(2, "eth0"),
            PlayedInterface::device(3, "eth1"),
            PlayedInterface::device(4, "eth2"),
            PlayedInterface { flags: 0, ..PlayedInterface::device(5, "down0") },
            PlayedInterface::device(6, "none0"),
            PlayedInterface::device(7, "bad0"),
            PlayedInterface::device(8, "bad1"),
            PlayedInterface::device(9, "bad2"),
        ]);
        let speed_thread = Rc::new(SpeedThread::start().unwrap());
        let backend = Backend::of(generic, Some(folder.path().to_owned())).unwrap();
        let mut machine = PlayedMachine::with(speed_thread, &interfaces, backend);
        let speeds = machine.gather();
        let of = [2, 3, 4, 5, 6, 101].map(|ifindex| speeds[&ifindex]);
        assert_eq!(of, [Some(2500), Some(-1), Some(-1), Some(-1), Some(-1), Some(-1)]);
        assert_eq!([7, 8, 9].map(|ifindex| speeds[&ifindex]), [None; 3]);
        let unread: Vec<_> = machine.netlink.links.unread_speeds().map(|(name, _)| name).collect();
        assert_eq!(unread, [b"bad0", b"bad1", b"bad2"]);
        let mut problems = Problems::new(Log { debug: false });
        machine.netlink.report_unread(&mut problems);
        // The C library has the words.
        let error = io::Error::from(Errno::IO);
        let expected = format!(
            "cannot read the speed of \"bad0\" (3 in all) from /sys/class/net: {error}: it is left out"
        );
        assert_eq!(problems.messages(), [expected]);
    }
}

#[test]
fn a_driver_whose_link_cannot_be_read_is_not_taken_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device");
    fs::create_dir(&device).unwrap();
    std::os::unix::fs::symlink("../drivers/e1000", device.join("driver")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let driver = |path: &str| links::driver(&folder.path().join(path));
    assert_eq!(driver("device/driver"), Ok(b"e1000".as_slice().into()));
    assert_eq!(driver("none/driver"), Ok(Box::default()));
    assert_eq!(driver("file/driver"), Err(rustix::io::Errno::NOTDIR));
}

#[test]
fn where_too_much_is_open_it_is_not_said_that_the_kernel_lacks_the_family() {
    let of = |errno| Backend::of(Err(NetlinkError::Call("socket", errno)), None);
    assert!(matches!(of(Errno::MFILE), Err(NetlinkError::Call("socket", Errno::MFILE))));
    assert!(matches!(of(Errno::PROTONOSUPPORT), Ok(Backend::Nowhere)));
}

#[test]
fn what_an_event_makes_void_is_not_in_the_next_line() {
    let mut machine = PlayedMachine::new(&[PlayedInterface::device(2, "eth0")]);
    assert_eq!(machine.speed(2), Some(2000));
    machine.name_all();
    machine.follow();
    // The line is written anew for that reading.
    let next = machine.netlink.reading().number + 1;
    let changed: Vec<_> =
        machine.netlink.interfaces().map(|one| (one.changed, one.link_modes)).collect();
    assert_eq!(changed, [(next, None)]);
}

#[test]
fn a_dump_that_tells_of_nobody_is_an_answer_too() {
    let interfaces = many_and(&[]);
    let mut machine = PlayedMachine::new(&interfaces);
    machine.drivers.change(|state| state.speeds.clear());
    machine.gather();
    assert_eq!(machine.asked.take(), [ALL]);
    eventually(|| machine.gather().values().all(|speed| *speed == Some(-1)));
}

#[test]
fn a_namespace_that_is_forgotten_takes_no_queries_of_others_along() {
    for interfaces in [vec![PlayedInterface::device(3, "eth0")], many_and(&[])] {
        let mut busy = PlayedMachine::new(&[PlayedInterface::device(2, "slow0")]);
        busy.gather();
        let [mut one, mut other] = [(); 2].map(|()| busy.beside(&interfaces));
        let last = interfaces[0].ifindex;
        for namespace in [&mut one, &mut other] {
            namespace.gather_until(last, speed_of(last).into());
        }
        busy.make_busy(2);
        for namespace in [&mut one, &mut other] {
            namespace.name_all();
            assert_eq!(namespace.speed(last), None);
        }
        // What an event makes void there is asked for again there, and only there.
        other.name_all();
        other.gather();
        drop(other);
        busy.drivers.release();
        one.gather_until(last, speed_of(last).into());
    }
}

#[test]
fn a_line_does_not_wait_for_an_answer_that_nothing_has_made_void() {
    let mut machine = PlayedMachine::new(&[PlayedInterface::device(2, "eth0")]);
    machine.gather();
    let mut has_waited = |speed_mbits: i32| {
        // It is being asked again, only because it has rested, and has something new to say.
        machine.drivers.set_speed(2, speed_mbits);
        machine.make_busy(2);
        let drivers = machine.drivers.clone();
        let later = thread::spawn(move || {
            thread::sleep(SLOW / 2);
            drivers.release();
        });
        let speed = machine.speed(2);
        later.join().unwrap();
        machine.gather_until(2, speed_mbits.into());
        speed == Some(speed_mbits.into())
    };
    // On a busy machine, the answer may come before the line even so.
    assert!(!(1..=3).all(&mut has_waited));
}

#[test]
fn a_dump_of_many_interfaces_may_take_longer_than_one_of_few() {
    const TOOK: Duration = Duration::from_millis(300);
    for (count, is_quick) in [(1, false), (10_000, true)] {
        let replies: Vec<_> = (1..=count).map(|ifindex| link_modes(ifindex, 10)).collect();
        let dump: Vec<_> = replies.chunks(500).map(<[Vec<u8>]>::concat).chain([done(0)]).collect();
        let (ethtool, _requests) = play(move |_| {
            thread::sleep(TOOK);
            dump.clone()
        });
        let speed_thread = SpeedThread::start().unwrap();
        let speeds = speed_thread.client(Backend::Ethtool(ethtool, ETHTOOL));
        speeds.ask_all(super::super::speed::QueryId::MIN, 1);
        speeds.wait(Instant::now() + 10 * SPEED_WAIT, HOUR);
        let told = speeds.take_dump_replies();
        let told: Vec<_> =
            told.iter().map(|told| (told.took.is_some(), told.link_modes(count))).collect();
        let expected = LinkModes { speed_mbits: 10, duplex: None };
        assert_eq!(told, [(is_quick, Some(expected))], "{count}");
    }
}
