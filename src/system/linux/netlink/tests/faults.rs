//! Exchanges that go wrong, with what a kernel said when they went well.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use rustix::io::Errno;
use rustix::net::sockopt;

use super::super::socket::Socket;
use super::super::speed_backend::Backend;
use super::super::{Following, Netlink, NetlinkError, ReadError, Scratch, Sockets, SpeedThread};
use super::kernel::{
    AskedFor, ENODEV, EOPNOTSUPP, IFF_UP, NLMSG_DONE, PlayedInterface, PlayedRequest, RTM_GETLINK,
    RTM_GETSTATS, Requests, done, ifindex, interrupted, kind, padded, pair, pair_with_stranger,
    play, recorded, refusal, with_attribute, with_sequence,
};
use crate::log::tests::take_records;
use crate::log::{Log, Problems};
use crate::model::counters::Counters;
use crate::model::interface::{Presence, Wants};
use crate::model::link::Flags;
use crate::system::Source as _;

/// The interfaces of the recordings.
const NAMES: [(u32, &str); 10] = [
    (1, "lo"),
    (2, "tun0"),
    (10, "veth0"),
    (11, "veth1"),
    (12, "veth2"),
    (13, "veth3"),
    (14, "br0"),
    (15, "macvlan0"),
    (16, "vxlan0"),
    (17, "ifb0"),
];
const VETH0: u32 = 10;
const MACVLAN0: u32 = 15;
const IFB0: u32 = 17;

const ALL_LINKS: AskedFor = AskedFor::All(RTM_GETLINK);
const ALL_STATS: AskedFor = AskedFor::All(RTM_GETSTATS);

/// An rtnetlink that knows what was recorded.
struct Recorded {
    links: BTreeMap<u32, Vec<u8>>,
    stats: BTreeMap<u32, Vec<u8>>,
}

impl Recorded {
    fn new() -> Self {
        let by_number = |recording| {
            let messages = recorded(recording).into_iter();
            let parts = messages.filter(|message| kind(message) != NLMSG_DONE);
            parts.map(|message| (ifindex(&message), message)).collect()
        };
        Self {
            links: by_number(include_bytes!(
                "../../../../../fixtures/netlink-linux-6.18/links.bin"
            )),
            stats: by_number(include_bytes!(
                "../../../../../fixtures/netlink-linux-6.18/stats.bin"
            )),
        }
    }

    /// What it says, as it does: several messages in a datagram, and the end in its own.
    fn answer(&self, request: &PlayedRequest) -> Vec<Vec<u8>> {
        match request.asked {
            AskedFor::All(_) => {
                let mut datagrams: Vec<_> =
                    self.parts(request).chunks(4).map(<[Vec<u8>]>::concat).collect();
                datagrams.push(done(0));
                datagrams
            }
            AskedFor::One(kind, ifindex) => {
                let one = self.all(kind).get(&ifindex).cloned();
                vec![one.unwrap_or_else(|| refusal(ENODEV))]
            }
        }
    }

    /// The parts of a dump.
    fn parts(&self, request: &PlayedRequest) -> Vec<Vec<u8>> {
        let AskedFor::All(kind) = request.asked else { panic!("{request:?}") };
        self.all(kind).values().cloned().collect()
    }

    /// The parts of a dump that leaves one out and tells another one twice.
    fn torn_parts(&self, request: &PlayedRequest, left_out: u32) -> Vec<Vec<u8>> {
        let mut parts = self.parts(request);
        parts.retain(|part| ifindex(part) != left_out);
        parts.insert(3, parts[2].clone());
        parts
    }

    fn all(&self, kind: u16) -> &BTreeMap<u32, Vec<u8>> {
        match kind {
            RTM_GETLINK => &self.links,
            RTM_GETSTATS => &self.stats,
            _ => panic!("nobody asks rtnetlink for {kind}"),
        }
    }
}

/// A source over a kernel that is played.
struct PlayedNamespace {
    netlink: Netlink,
    scratch: Scratch,
    requests: Requests,
    /// Sends events.
    events: UnixDatagram,
    _asker: SpeedThread,
}

impl PlayedNamespace {
    /// Over a kernel that answers like this.
    fn new(answer: impl FnMut(&PlayedRequest) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        Self::with_wants(Wants::default(), answer)
    }

    fn with_wants(
        wants: Wants,
        answer: impl FnMut(&PlayedRequest) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        let speed_thread = SpeedThread::start().unwrap();
        let (sockets, requests, events) = sockets(answer);
        let netlink = Netlink::new(sockets, &speed_thread, wants);
        Self { netlink, scratch: Scratch::default(), requests, events, _asker: speed_thread }
    }

    /// Over a kernel that answers a dump like this, and all else as was recorded.
    fn with_dumps(
        mut answer: impl FnMut(&Recorded, &PlayedRequest) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        let recorded = Recorded::new();
        Self::new(move |request| match request.asked {
            AskedFor::All(_) => answer(&recorded, request),
            AskedFor::One(..) => recorded.answer(request),
        })
    }

    fn read(&mut self) -> Result<(), ReadError> {
        self.netlink.read_now(&mut self.scratch)
    }

    /// What a line needs of each interface.
    fn lines(&self) -> Vec<Line> {
        let reading = self.netlink.reading();
        let line = |interface: &crate::model::interface::Interface| {
            let name = String::from_utf8_lossy(&interface.name).into_owned();
            let counters = interface.counters(reading).copied();
            (interface.ifindex, name, interface.presence, counters)
        };
        self.netlink.interfaces().map(line).collect()
    }

    /// Why reading fails, which makes the sockets useless.
    fn failure(&mut self) -> NetlinkError {
        match self.read() {
            Err(ReadError::Failed(error)) => {
                assert!(self.netlink.is_broken());
                error
            }
            other => panic!("{other:?}"),
        }
    }

    /// Goes on with other sockets, over a kernel where nothing goes wrong.
    fn replace(&mut self) {
        let recorded = Recorded::new();
        let (sockets, requests, events) = sockets(move |request| recorded.answer(request));
        self.netlink.replace(sockets);
        (self.requests, self.events) = (requests, events);
        assert!(!self.netlink.is_broken());
    }

    fn send(&self, event: &[u8]) {
        assert_eq!(self.events.send(event).unwrap(), event.len());
    }
}

type Line = (u32, String, Presence, Option<Counters>);

/// The sockets of a kernel that answers like this; its requests; who sends events.
fn sockets(
    answer: impl FnMut(&PlayedRequest) -> Vec<Vec<u8>> + Send + 'static,
) -> (Sockets, Requests, UnixDatagram) {
    let (route, seen) = play(answer);
    let (events, sender) = pair();
    (
        Sockets {
            requests: route,
            events,
            backend: Backend::Sysfs("/none".into()),
            class_net: None,
        },
        seen,
        sender,
    )
}

/// The lines where nothing goes wrong.
fn whole() -> Vec<Line> {
    let mut source = PlayedNamespace::with_dumps(Recorded::answer);
    source.read().unwrap();
    let lines = source.lines();
    assert_eq!(source.requests.take(), [ALL_LINKS, ALL_STATS]);
    let names = NAMES.map(|(ifindex, name)| (ifindex, name.to_owned()));
    assert_eq!(lines.iter().map(|line| (line.0, line.1.clone())).collect::<Vec<_>>(), names);
    assert_eq!(lines[2].2, Presence::Known(Flags(0x1_1043)));
    assert_eq!(lines[2].3.unwrap().bytes_sent, 308);
    assert_eq!(lines[9].3.unwrap().drop_in, 7);
    lines
}

#[test]
fn where_the_kernel_tells_of_no_device_sysfs_does() {
    // As before Linux 5.14: neither has a kind, and both may be devices.
    let older = |ifindex, name| PlayedInterface {
        has_parent_device: false,
        ..PlayedInterface::device(ifindex, name)
    };
    let (card, teql, other) = (older(2, "card"), older(3, "teql"), older(4, "other"));
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for (name, ifindex) in [("card", 2), ("teql", 3), ("other", 5)] {
        write(&format!("{name}/ifindex"), &format!("{ifindex}\n"));
        write(&format!("{name}/address"), "00:00:00:00:00:00\n");
    }
    for name in ["card", "other"] {
        std::fs::create_dir(folder.path().join(name).join("device")).unwrap();
        let driver = folder.path().join(name).join("device/driver");
        std::os::unix::fs::symlink("../../bus/pci/drivers/e1000e", driver).unwrap();
    }
    let speed_thread = SpeedThread::start().unwrap();
    let (mut sockets, _requests, _events) = sockets(move |request| {
        let all = [card, teql, other];
        let mut datagrams: Vec<_> = match request.asked {
            ALL_LINKS => all.iter().map(PlayedInterface::link).collect(),
            _ => all.iter().map(PlayedInterface::stats).collect(),
        };
        datagrams.push(done(0));
        datagrams
    });
    sockets.class_net = Some(folder.path().to_owned());
    let wants = Wants { kind: true, properties: true, ..Wants::default() };
    let mut netlink = Netlink::new(sockets, &speed_thread, wants);
    netlink.read_now(&mut Scratch::default()).unwrap();
    let told: Vec<_> = netlink
        .interfaces()
        .map(|interface| {
            let properties = &interface.details.as_ref().unwrap().properties;
            (String::from_utf8_lossy(&properties.driver).into_owned(), properties.is_physical)
        })
        .collect();
    // The last one's folder is that of another interface.
    let expected = [("e1000e", Some(true)), ("", Some(false)), ("", Some(true))];
    assert_eq!(told, expected.map(|(driver, is_physical)| (driver.to_owned(), is_physical)));
}

#[test]
fn drivers_that_cannot_be_read_are_reported_by_the_first_and_their_number() {
    let older = |ifindex, name| PlayedInterface {
        has_parent_device: false,
        ..PlayedInterface::device(ifindex, name)
    };
    let all = [older(2, "card0"), older(3, "card1"), older(4, "teql")];
    let sys = tempfile::tempdir().unwrap();
    let class_net = sys.path().join("class/net");
    for (name, ifindex) in [("card0", 2), ("card1", 3), ("teql", 4)] {
        let interface = class_net.join(name);
        std::fs::create_dir_all(&interface).unwrap();
        std::fs::write(interface.join("ifindex"), format!("{ifindex}\n")).unwrap();
        std::fs::write(interface.join("address"), "00:00:00:00:00:00\n").unwrap();
    }
    // No folder: that the driver is a link cannot be told.
    for name in ["card0", "card1"] {
        std::fs::write(class_net.join(name).join("device"), "").unwrap();
    }
    let speed_thread = SpeedThread::start().unwrap();
    let (mut sockets, _requests, _events) = sockets(move |request| {
        let mut datagrams: Vec<_> = match request.asked {
            ALL_LINKS => all.iter().map(PlayedInterface::link).collect(),
            _ => all.iter().map(PlayedInterface::stats).collect(),
        };
        datagrams.push(done(0));
        datagrams
    });
    // Speeds are read there too, where the kernel does not tell them.
    sockets.backend = Backend::Nowhere;
    let sockets = sockets.with_sysfs(sys.path());
    assert!(matches!(&sockets.backend, Backend::Sysfs(folder) if *folder == class_net));
    let wants = Wants { kind: true, properties: true, ..Wants::default() };
    let mut netlink = Netlink::new(sockets, &speed_thread, wants);
    netlink.read_now(&mut Scratch::default()).unwrap();
    let mut problems = Problems::new(Log { debug: false });
    take_records();
    netlink.report_unread(&mut problems);
    let link = class_net.join("card0/device/driver");
    let message = format!(
        "cannot read the driver {link:?} (2 in all): Not a directory (os error 20): the tag driver is left \
         out\n"
    );
    assert_eq!(take_records(), format!("W! {message}"));
    problems.end_of_gather();
    for name in ["card0", "card1"] {
        std::fs::remove_file(class_net.join(name).join("device")).unwrap();
    }
    netlink.read_now(&mut Scratch::default()).unwrap();
    netlink.report_unread(&mut problems);
    problems.end_of_gather();
    assert_eq!(take_records(), format!("I! resolved: {message}"));
}

#[test]
fn an_undisturbed_reading_takes_one_dump_once_the_table_is_there() {
    let mut source = PlayedNamespace::with_dumps(Recorded::answer);
    source.read().unwrap();
    source.requests.take();
    source.read().unwrap();
    assert_eq!(source.requests.take(), [ALL_STATS]);
    assert_eq!(source.lines(), whole());
}

#[test]
fn a_reading_that_the_kernel_kept_waiting_is_of_the_moment_when_it_told() {
    let delay = Duration::from_millis(50);
    let mut source = PlayedNamespace::with_dumps(move |recorded, request| {
        if request.asked == ALL_STATS {
            thread::sleep(delay);
        }
        recorded.answer(request)
    });
    let start = Instant::now();
    source.read().unwrap();
    assert!(source.netlink.reading().at.unwrap() >= start + delay);
}

#[test]
fn where_counters_cannot_be_read_it_stays_known_which_interfaces_there_are() {
    for failing in [RTM_GETLINK, RTM_GETSTATS] {
        let is_failing = Arc::new(AtomicBool::new(false));
        let fails = Arc::clone(&is_failing);
        let mut source = PlayedNamespace::with_dumps(move |recorded, request| {
            let fails = fails.load(Ordering::Relaxed) && request.asked == AskedFor::All(failing);
            if fails { vec![refusal(ENODEV)] } else { recorded.answer(request) }
        });
        assert!(!source.netlink.is_current());
        source.read().unwrap();
        assert!(source.netlink.is_current());
        is_failing.store(true, Ordering::Relaxed);
        // The table is filled already.
        assert_eq!(source.read().is_err(), failing == RTM_GETSTATS);
        assert!(source.netlink.is_current());
        source.netlink.following = Following::Lost;
        source.failure();
        assert_eq!(source.netlink.is_current(), failing == RTM_GETSTATS);
    }
}

#[test]
fn an_interrupted_dump_of_counters_is_repeated_once_and_completed_singly() {
    // The flag stands in some part, or only in the end.
    for at_end in [false, true] {
        let mut source = PlayedNamespace::with_dumps(move |recorded, request| {
            if request.asked == ALL_LINKS {
                return recorded.answer(request);
            }
            let mut parts = recorded.torn_parts(request, MACVLAN0);
            parts.push(done(0));
            let place = if at_end { parts.len() - 1 } else { 4 };
            parts[place] = interrupted(parts[place].clone());
            parts
        });
        source.read().unwrap();
        let asked = [ALL_LINKS, ALL_STATS, ALL_STATS, AskedFor::One(RTM_GETSTATS, MACVLAN0)];
        assert_eq!(source.requests.take(), asked);
        assert_eq!(source.lines(), whole());
    }
}

#[test]
fn a_dump_that_was_interrupted_only_the_first_time_is_whole_the_second_time() {
    let mut is_first = true;
    let mut source = PlayedNamespace::with_dumps(move |recorded, request| {
        if request.asked == ALL_STATS && std::mem::take(&mut is_first) {
            return vec![interrupted(done(0))];
        }
        recorded.answer(request)
    });
    source.read().unwrap();
    assert_eq!(source.requests.take(), [ALL_LINKS, ALL_STATS, ALL_STATS]);
    assert_eq!(source.lines(), whole());
}

#[test]
fn an_interface_that_interrupted_dumps_of_links_leave_out_is_found_by_its_counters() {
    let mut source = PlayedNamespace::with_dumps(|recorded, request| {
        if request.asked == ALL_STATS {
            return recorded.answer(request);
        }
        let mut parts = recorded.torn_parts(request, VETH0);
        parts.push(interrupted(done(0)));
        parts
    });
    source.read().unwrap();
    let single = |kind| AskedFor::One(kind, VETH0);
    let asked = [ALL_LINKS, ALL_LINKS, ALL_STATS, single(RTM_GETLINK), single(RTM_GETSTATS)];
    assert_eq!(source.requests.take(), asked);
    assert_eq!(source.lines(), whole());
}

#[test]
fn known_interfaces_that_interrupted_dumps_of_links_leave_out_are_asked_for_singly() {
    // Links are dumped again after events were lost, and at every reading where their state is wanted.
    for state in [false, true] {
        let is_torn = Arc::new(Mutex::new(false));
        let torn = Arc::clone(&is_torn);
        let mut recorded = Recorded::new();
        let wants = Wants { link_state: state, ..Wants::default() };
        let mut source = PlayedNamespace::with_wants(wants, move |request| {
            if !*torn.lock().unwrap() {
                return recorded.answer(request);
            }
            // One has really gone.
            recorded.links.remove(&IFB0);
            recorded.stats.remove(&IFB0);
            if request.asked != ALL_LINKS {
                return recorded.answer(request);
            }
            let mut parts = recorded.torn_parts(request, VETH0);
            parts.push(interrupted(done(0)));
            parts
        });
        source.read().unwrap();
        *is_torn.lock().unwrap() = true;
        if !state {
            source.netlink.following = Following::Lost;
        }
        source.requests.take();
        source.read().unwrap();
        let single = |ifindex| AskedFor::One(RTM_GETLINK, ifindex);
        let asked = [ALL_LINKS, ALL_LINKS, single(VETH0), single(IFB0), ALL_STATS];
        assert_eq!(source.requests.take(), asked);
        let mut expected = whole();
        expected.pop();
        assert_eq!(source.lines(), expected);
    }
}

#[test]
fn a_datagram_that_is_too_large_is_asked_for_again_with_more_room() {
    for large in [ALL_LINKS, ALL_STATS] {
        let mut source = PlayedNamespace::with_dumps(move |recorded, request| {
            let mut datagrams = recorded.answer(request);
            if request.asked == large {
                datagrams[1] = padded(recorded.parts(request).remove(4), 100_000);
                datagrams[1].extend(recorded.parts(request)[5..8].concat());
            }
            datagrams
        });
        source.read().unwrap();
        let twice = |asked| if asked == large { vec![asked; 2] } else { vec![asked] };
        assert_eq!(source.requests.take(), [ALL_LINKS, ALL_STATS].map(twice).concat());
        assert_eq!(source.lines(), whole());
        // There is room now.
        source.netlink.following = Following::Lost;
        source.read().unwrap();
        assert_eq!(source.requests.take(), [ALL_LINKS, ALL_STATS]);
        assert_eq!(source.lines(), whole());
    }
}

#[test]
fn a_dump_that_fails_on_its_way_is_repeated_once_and_completed_singly() {
    for end in [done as fn(i32) -> Vec<u8>, refusal] {
        let mut source = PlayedNamespace::with_dumps(move |recorded, request| {
            let mut datagrams = recorded.answer(request);
            if request.asked == ALL_STATS {
                let parts = recorded.parts(request);
                datagrams = vec![parts[..8].concat(), end(EOPNOTSUPP)];
            }
            datagrams
        });
        source.read().unwrap();
        let single = |ifindex| AskedFor::One(RTM_GETSTATS, ifindex);
        assert_eq!(
            source.requests.take(),
            [ALL_LINKS, ALL_STATS, ALL_STATS, single(16), single(IFB0)]
        );
        assert_eq!(source.lines(), whole());
    }
}

#[test]
fn a_reply_that_never_comes_or_never_ends_fails_the_reading_and_the_next_one_starts_anew() {
    for is_begun in [false, true] {
        let mut source = PlayedNamespace::with_dumps(move |recorded, request| {
            let mut datagrams = recorded.answer(request);
            if request.asked == ALL_STATS {
                datagrams.truncate(if is_begun { 2 } else { 0 });
            }
            datagrams
        });
        assert_eq!(source.failure(), NetlinkError::NoAnswer);
        source.replace();
        source.read().unwrap();
        assert_eq!(source.requests.take(), [ALL_LINKS, ALL_STATS]);
        assert_eq!(source.lines(), whole());
    }
}

#[test]
fn a_malformed_answer_fails_the_reading_and_the_next_one_starts_anew() {
    for damaged in [ALL_LINKS, ALL_STATS] {
        let mut source = PlayedNamespace::with_dumps(move |recorded, request| {
            let mut datagrams = recorded.answer(request);
            if request.asked == damaged {
                datagrams[1].pop();
            }
            datagrams
        });
        assert_eq!(source.failure(), NetlinkError::Malformed);
        source.replace();
        source.read().unwrap();
        assert_eq!(source.lines(), whole());
    }
}

#[test]
fn a_message_that_cannot_be_read_costs_only_itself() {
    let mut source = PlayedNamespace::with_dumps(|recorded, request| {
        let mut parts = recorded.parts(request);
        // Its first attribute ends before it begins, so that it has no name and no counters.
        let attributes = if request.asked == ALL_LINKS { 32 } else { 28 };
        let place = if request.asked == ALL_LINKS { 2 } else { 8 };
        parts[place][attributes] = 1;
        parts[place][attributes + 1] = 0;
        vec![parts.concat(), done(0)]
    });
    source.read().unwrap();
    // A name is found out by another request.
    let single = |kind| AskedFor::One(kind, VETH0);
    let asked = [ALL_LINKS, ALL_STATS, single(RTM_GETLINK), single(RTM_GETSTATS)];
    assert_eq!(source.requests.take(), asked);
    let mut expected = whole();
    expected[8].3 = None;
    assert_eq!(source.lines(), expected);
}

#[test]
fn malformed_events_cost_only_themselves() {
    let mut source = PlayedNamespace::with_dumps(Recorded::answer);
    source.read().unwrap();
    let renamed = |ifindex, name| PlayedInterface::device(ifindex, name).link();
    let mut cut = renamed(12, "cut0");
    cut.truncate(cut.len() - 4);
    source.send(&[renamed(10, "before0"), cut].concat());
    source.send(b"nonsense");
    source.send(&[]);
    source.send(&[0xff; 100]);
    source.send(&renamed(11, "after0"));
    source.netlink.follow(&mut source.scratch);
    source.read().unwrap();
    let names: Vec<_> = source.lines().into_iter().map(|line| line.1).collect();
    assert_eq!(names[..5], ["lo", "tun0", "before0", "after0", "veth2"]);
}

#[test]
fn events_that_came_before_the_dump_began_are_older_than_it_and_later_ones_count() {
    let recorded = Recorded::new();
    let (sender, receiver) = channel::<UnixDatagram>();
    let mut sender_of_kernel = None;
    let mut source = PlayedNamespace::new(move |request| {
        let events = sender_of_kernel.get_or_insert_with(|| receiver.recv().unwrap());
        let datagrams = recorded.answer(request);
        if request.asked == ALL_LINKS {
            let event = PlayedInterface::device(VETH0, "during0").link();
            assert_eq!(events.send(&event).unwrap(), event.len());
        }
        datagrams
    });
    sender.send(source.events.try_clone().unwrap()).unwrap();
    source.send(&PlayedInterface::device(MACVLAN0, "before0").link());
    source.read().unwrap();
    let mut expected = whole();
    expected[2].1 = "during0".into();
    expected[2].2 = Presence::Known(Flags(IFF_UP));
    assert_eq!(source.lines(), expected);
}

#[test]
fn where_events_were_lost_or_not_listened_to_no_interface_has_rates_at_first() {
    let recorded = Recorded::new();
    let wants = Wants { rates: true, ..Wants::default() };
    let mut source = PlayedNamespace::with_wants(wants, move |request| recorded.answer(request));
    let reads_rates = |source: &mut PlayedNamespace| {
        // On a busy machine, a gap may be a long one.
        source.netlink.reading.forget_gaps();
        source.read().unwrap();
        let rates = source.netlink.interfaces().flat_map(|interface| {
            interface.details.as_ref().unwrap().rates.per_second.map(|rate| rate.is_some())
        });
        let rates: Vec<_> = rates.collect();
        assert!(rates.iter().all(|one| *one == rates[0]), "{rates:?}");
        rates[0]
    };
    assert_eq!([(); 3].map(|()| reads_rates(&mut source)), [false, true, true]);
    // One that is too large for what there is room for.
    source.send(&vec![0; 100_000]);
    source.netlink.follow(&mut source.scratch);
    assert!(!source.netlink.is_current());
    assert_eq!([(); 2].map(|()| reads_rates(&mut source)), [false, true]);
    source.replace();
    assert_eq!([(); 2].map(|()| reads_rates(&mut source)), [false, true]);
}

#[test]
fn answers_to_other_requests_are_passed_over() {
    let mut source = PlayedNamespace::with_dumps(|recorded, request| {
        let liar = PlayedInterface::device(VETH0, "liar0");
        let foreign = request.sequence + 7;
        let mut datagrams = vec![
            with_sequence(liar.link(), foreign),
            with_sequence(liar.stats(), foreign),
            with_sequence(interrupted(done(0)), foreign),
            with_sequence(refusal(EOPNOTSUPP), foreign),
        ];
        datagrams.extend(recorded.answer(request));
        // Also in one datagram with what is ours.
        datagrams[4].extend(with_sequence(liar.stats(), foreign));
        datagrams
    });
    source.read().unwrap();
    assert_eq!(source.requests.take(), [ALL_LINKS, ALL_STATS]);
    assert_eq!(source.lines(), whole());
}

#[test]
fn a_kernel_that_has_no_getstats_refuses_and_says_so() {
    let mut source = PlayedNamespace::with_dumps(|recorded, request| match request.asked {
        ALL_STATS => vec![refusal(EOPNOTSUPP)],
        _ => recorded.answer(request),
    });
    let error = source.failure();
    assert_eq!(error, NetlinkError::Refused(Errno::OPNOTSUPP));
    // The C library has the words.
    let text = io::Error::from(Errno::OPNOTSUPP);
    assert_eq!(error.to_string(), format!("the kernel refused: {text}"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_dump_says_the_reading_ends(
        asked in prop_oneof![Just(ALL_LINKS), Just(ALL_STATS)],
        flips in vec((any::<Index>(), 1..=255_u8), 1..30),
    ) {
        let mut source = PlayedNamespace::with_dumps(move |recorded, request| {
            let mut datagrams = recorded.answer(request);
            if request.asked == asked {
                // A dump without an end would be waited for.
                let mut parts = recorded.parts(request).concat();
                for (place, flip) in &flips {
                    let place = place.index(parts.len());
                    parts[place] ^= flip;
                }
                datagrams = vec![parts, done(0)];
            }
            datagrams
        });
        match source.read() {
            Ok(()) => {
                let lines = source.lines();
                prop_assert!(lines.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", lines);
            }
            Err(ReadError::Failed(NetlinkError::Malformed | NetlinkError::Refused(_))) => {}
            Err(error) => prop_assert!(false, "{:?}", error),
        }
    }
}

#[test]
fn so_many_answers_to_other_requests_are_passed_over_and_no_more() {
    for (count, is_answered) in [(1000, true), (1001, false)] {
        let mut source = PlayedNamespace::with_dumps(move |recorded, request| {
            let mut datagrams = recorded.answer(request);
            if request.asked == ALL_STATS {
                let foreign = with_sequence(done(0), request.sequence + 7);
                datagrams.insert(0, foreign.repeat(count));
            }
            datagrams
        });
        if is_answered {
            source.read().unwrap();
            assert_eq!(source.lines(), whole());
        } else {
            assert_eq!(source.failure(), NetlinkError::NoAnswer);
        }
    }
}

#[test]
fn who_is_not_in_a_whole_dump_has_gone_and_is_not_asked_for() {
    let gone = Arc::new(AtomicBool::new(false));
    let has_gone = Arc::clone(&gone);
    let mut source = PlayedNamespace::with_dumps(move |recorded, request| {
        let mut parts = recorded.parts(request);
        parts.retain(|part| ifindex(part) != VETH0 || !has_gone.load(Ordering::SeqCst));
        vec![parts.concat(), done(0)]
    });
    source.read().unwrap();
    source.requests.take();
    gone.store(true, Ordering::SeqCst);
    source.netlink.following = Following::Lost;
    source.read().unwrap();
    assert_eq!(source.requests.take(), [ALL_LINKS, ALL_STATS]);
    let mut expected = whole();
    expected.retain(|line| line.0 != VETH0);
    assert_eq!(source.lines(), expected);
}

#[test]
fn who_comes_under_a_name_that_others_had_until_then_is_not_told_of_beside_them() {
    const NEW: u32 = 50;
    let recorded = Recorded::new();
    let (sender, receiver) = channel::<UnixDatagram>();
    let mut sender_of_kernel = None;
    let mut source = PlayedNamespace::new(move |request| {
        let events = sender_of_kernel.get_or_insert_with(|| receiver.recv().unwrap());
        let renamed = |ifindex, name| {
            let event = PlayedInterface::device(ifindex, name).link();
            assert_eq!(events.send(&event).unwrap(), event.len());
        };
        match request.asked {
            ALL_STATS => {
                renamed(VETH0, "before0");
                let mut parts = recorded.parts(request);
                parts.push(PlayedInterface::device(NEW, "").stats());
                vec![parts.concat(), done(0)]
            }
            AskedFor::One(RTM_GETLINK, NEW) => {
                renamed(MACVLAN0, "before1");
                vec![PlayedInterface::device(NEW, "veth0").link()]
            }
            AskedFor::One(RTM_GETSTATS, NEW) => vec![PlayedInterface::device(NEW, "").stats()],
            _ => recorded.answer(request),
        }
    });
    sender.send(source.events.try_clone().unwrap()).unwrap();
    source.read().unwrap();
    let names: BTreeMap<_, _> = source.lines().into_iter().map(|line| (line.0, line.1)).collect();
    assert_eq!(
        (&*names[&VETH0], &*names[&MACVLAN0], &*names[&NEW]),
        ("before0", "before1", "veth0")
    );
    assert!(source.lines().iter().all(|line| line.3.is_some()));
}

#[test]
fn events_that_nobody_may_wait_for_are_taken_in_by_the_next_reading() {
    let mut source = PlayedNamespace::with_dumps(Recorded::answer);
    source.netlink.fall_behind();
    assert!(!source.netlink.is_current());
    source.read().unwrap();
    assert!(source.netlink.awaits_events());
    source.netlink.fall_behind();
    assert!(!source.netlink.awaits_events() && source.netlink.is_current());
    source.send(&PlayedInterface::device(VETH0, "after0").link());
    source.requests.take();
    source.read().unwrap();
    assert_eq!(source.requests.take(), [ALL_STATS]);
    assert_eq!(source.lines()[2].1, "after0");
    assert!(source.netlink.awaits_events());
}

#[test]
fn an_event_that_fits_to_the_byte_is_not_lost() {
    let mut source = PlayedNamespace::with_dumps(Recorded::answer);
    source.read().unwrap();
    let mut event =
        with_attribute(PlayedInterface::device(VETH0, "large0").link(), 16_000, &vec![0; 32_000]);
    let rest = (64 << 10) - event.len() - 4;
    event = with_attribute(event, 16_000, &vec![0; rest]);
    assert_eq!(event.len(), 64 << 10);
    source.send(&event);
    source.netlink.follow(&mut source.scratch);
    assert!(source.netlink.is_current());
    source.requests.take();
    source.read().unwrap();
    assert_eq!(source.requests.take(), [ALL_STATS]);
    assert_eq!(source.lines()[2].1, "large0");
    // One that does not fit is lost, which the sockets have no part in.
    source.send(&vec![0; 100_000]);
    source.netlink.follow(&mut source.scratch);
    assert!(!source.netlink.is_current() && !source.netlink.is_broken());
}

/// The most datagrams of other processes that are passed over at once.
const STRAYS: usize = 256;

#[test]
fn so_many_datagrams_of_other_processes_are_passed_over_between_two_readings_and_no_more() {
    for (count, is_flooded) in [(1, false), (STRAYS, false), (STRAYS + 1, true)] {
        let mut source = PlayedNamespace::with_dumps(Recorded::answer);
        let (events, stranger) = pair_with_stranger();
        source.netlink.events = events;
        source.read().unwrap();
        // Nobody but the kernel is believed.
        (0..count).for_each(|_| stranger.send(&PlayedInterface::device(VETH0, "liar0").link()));
        source.netlink.follow(&mut source.scratch);
        let state = (source.netlink.is_broken(), source.netlink.awaits_events());
        assert_eq!(state, (is_flooded, !is_flooded), "{count}");
        source.requests.take();
        source.read().unwrap();
        let asked = if is_flooded { vec![ALL_LINKS, ALL_STATS] } else { vec![ALL_STATS] };
        assert_eq!(source.requests.take(), asked, "{count}");
        assert_eq!(source.lines(), whole());
    }
}

#[test]
fn so_many_datagrams_of_other_processes_are_passed_over_before_the_table_is_filled_and_no_more() {
    for (count, is_flooded) in [(1, false), (STRAYS, false), (STRAYS + 1, true)] {
        let mut source = PlayedNamespace::with_dumps(Recorded::answer);
        let (events, stranger) = pair_with_stranger();
        source.netlink.events = events;
        (0..count).for_each(|_| stranger.send(&PlayedInterface::device(VETH0, "liar0").link()));
        if is_flooded {
            assert_eq!(source.failure(), NetlinkError::Overrun);
            source.replace();
        }
        source.read().unwrap();
        assert_eq!(source.lines(), whole());
    }
}

#[test]
fn the_socket_of_events_has_room_for_four_mebibytes_of_them_or_what_the_kernel_gives() {
    let size = |socket: &Socket| sockopt::socket_recv_buffer_size(socket.fd()).unwrap();
    let greedy = Socket::route().unwrap();
    sockopt::set_socket_recv_buffer_size(greedy.fd(), 1 << 30).unwrap();
    // The kernel doubles what it is asked for, to count its own part in.
    assert_eq!(size(&Socket::link_events().unwrap()), size(&greedy).min(8 << 20));
}

#[test]
fn labels_that_change_without_an_event_are_looked_for_where_they_may_be_reported() {
    let down = PlayedInterface { flags: 0, ..PlayedInterface::device(2, "down0") };
    let labels = Wants { labels: true, ..Wants::default() };
    for wants in [labels, Wants::default()] {
        let mut source = PlayedNamespace::with_wants(wants, move |request| match request.asked {
            ALL_LINKS => vec![down.link(), done(0)],
            _ => vec![down.stats(), done(0)],
        });
        // After that, it is decided who is reported.
        let asked = |source: &mut PlayedNamespace| {
            source.read().unwrap();
            source.netlink.decided = Some(source.netlink.version());
            source.requests.take()
        };
        let looked_for = if wants.labels { vec![ALL_LINKS, ALL_STATS] } else { vec![ALL_STATS] };
        assert_eq!(asked(&mut source), [ALL_LINKS, ALL_STATS]);
        assert_eq!(asked(&mut source), []);
        // By another name, it may be.
        source.send(&PlayedInterface { name: "other0", ..down }.link());
        source.netlink.follow(&mut source.scratch);
        assert_eq!(asked(&mut source), looked_for);
        assert_eq!(asked(&mut source), []);
        for interface in source.netlink.interfaces_mut() {
            interface.set_reported(Some(Duration::ZERO));
        }
        assert_eq!(asked(&mut source), looked_for);
        assert_eq!(asked(&mut source), looked_for);
    }
}

#[test]
fn drivers_that_cannot_be_read_are_reported_with_one_of_them_and_how_many_there_are() {
    let class_net = tempfile::tempdir().unwrap();
    let older = |ifindex, name| PlayedInterface {
        has_parent_device: false,
        ..PlayedInterface::device(ifindex, name)
    };
    let all = [older(2, "card0"), older(3, "card1"), older(4, "none0")];
    for interface in &all[..2] {
        let folder = class_net.path().join(interface.name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("ifindex"), format!("{}\n", interface.ifindex)).unwrap();
        std::fs::write(folder.join("address"), "\n").unwrap();
        // No folder.
        std::fs::write(folder.join("device"), "").unwrap();
    }
    let link = class_net.path().join("card0/device/driver");
    let expected = format!(
        "cannot read the driver {link:?} (2 in all): Not a directory (os error 20): the tag driver is left \
         out"
    );
    for (properties, expected) in [(true, vec![&*expected]), (false, vec![])] {
        let (mut sockets, _requests, _events) = sockets(move |request| {
            let message = if request.asked == ALL_LINKS {
                PlayedInterface::link
            } else {
                PlayedInterface::stats
            };
            all.iter().map(message).chain([done(0)]).collect()
        });
        sockets.class_net = Some(class_net.path().to_owned());
        let wants = Wants { kind: true, properties, ..Wants::default() };
        let speed_thread = SpeedThread::start().unwrap();
        let mut netlink = Netlink::new(sockets, &speed_thread, wants);
        netlink.read_now(&mut Scratch::default()).unwrap();
        let mut problems = Problems::new(Log { debug: false });
        netlink.report_unread(&mut problems);
        assert_eq!(problems.messages(), expected);
    }
}
