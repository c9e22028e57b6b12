//! The table of interfaces alone, by the clock that a test gives it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::links::{Links, MessageKind, Queries};
use super::super::speed::{Query, Reply, SLOW};
use super::kernel::{
    IFLA_ADDRESS, IFLA_PARENT_DEV_BUS_NAME, IFLA_PARENT_DEV_NAME, PlayedInterface, with_attribute,
};
use crate::model::interface::Wants;
use crate::model::link::{Flags, LinkModes};
use crate::model::properties::Properties;
use crate::parse::netlink::messages;
use crate::parse::netlink::rtnl_link::LinkMessage;

const HOUR: Duration = Duration::from_secs(3600);

/// More of them than it takes for a dump to be worth it.
const MANY: u32 = 40;

/// A table of these, all of them reported, with speeds that may grow as old as that.
fn table(interfaces: &[PlayedInterface], wants: Wants, speed_refresh: Duration) -> Links {
    let mut links = Links::new(wants, false, None);
    for interface in interfaces {
        tell(&mut links, &interface.link());
    }
    for interface in links.interfaces_mut() {
        interface.set_reported(Some(speed_refresh));
    }
    links.settle(1);
    links
}

fn tell(links: &mut Links, datagram: &[u8]) {
    for message in messages(datagram) {
        links.apply(&LinkMessage::of(&message.unwrap()).unwrap(), MessageKind::Change, 1);
    }
}

fn devices() -> Vec<PlayedInterface> {
    (1..=MANY).map(|ifindex| PlayedInterface::device(ifindex, "dev")).collect()
}

/// The numbers of those that are asked one by one.
fn singly(queries: &Queries) -> Vec<u32> {
    match queries {
        Queries::Single(queries) => queries.iter().map(|one| one.ifindex).collect(),
        Queries::Dump(..) => panic!("{queries:?}"),
    }
}

fn answer(links: &mut Links, query: &Query, took: Duration, now: Instant) {
    let link_modes = Some(LinkModes { speed_mbits: 1000, duplex: None });
    let (ifindex, id) = (query.ifindex, query.id);
    let answer = Reply { ifindex, id, link_modes, unread: None, took: Some(took) };
    links.set_reply(&answer, now, 1);
}

/// Answers them all.
fn answer_all(links: &mut Links, queries: Queries, took: Duration, now: Instant) {
    let Queries::Single(queries) = queries else { panic!("{queries:?}") };
    for query in queries {
        answer(links, &query, took, now);
    }
}

#[test]
fn what_has_a_device_is_one_though_software_made_it() {
    // As the kernel tells of a modem's interfaces.
    let modem = |ifindex| PlayedInterface {
        has_parent_device: true,
        ..PlayedInterface::software(ifindex, "wwan0", "wwan")
    };
    let modems: Vec<_> = (1..=MANY).map(modem).collect();
    let wants = Wants { kind: true, ..Wants::default() };
    let mut links = table(&modems, wants, HOUR);
    for interface in links.interfaces() {
        let properties = &interface.details.as_ref().unwrap().properties;
        assert_eq!((&*properties.kind, properties.is_physical), (b"wwan".as_slice(), Some(true)));
    }
    // Drivers that nobody has asked yet may be slow, and a dump would ask them in one go.
    assert_eq!(singly(&links.needed_queries(Instant::now())), (1..=MANY).collect::<Vec<_>>());
}

#[test]
fn drivers_that_are_slow_share_the_time_but_each_is_asked_once_an_hour() {
    let start = Instant::now();
    let slow = Duration::from_secs(3);
    let mut links = table(&devices(), Wants::default(), Duration::from_secs(1));
    let queries = links.needed_queries(start);
    answer_all(&mut links, queries, slow, start);
    // A hundred times what all of them take would be more than three hours.
    let almost = start + Duration::from_millis(3_599_999);
    assert!(singly(&links.due_queries(almost)).is_empty());
    assert_eq!(singly(&links.due_queries(start + HOUR)), (1..=MANY).collect::<Vec<_>>());
    // One that takes longer than a hundredth of an hour has its own rest all the same.
    let mut links = table(&devices()[..1], Wants::default(), Duration::from_secs(1));
    let queries = links.needed_queries(start);
    answer_all(&mut links, queries, Duration::from_secs(40), start);
    let [almost, rest] = [3_999_999, 4_000_000].map(Duration::from_millis);
    assert!(singly(&links.due_queries(start + almost)).is_empty());
    assert_eq!(singly(&links.due_queries(start + rest)), [1]);
}

#[test]
fn a_driver_is_slow_when_it_takes_longer_than_is_waited_for() {
    let start = Instant::now();
    let refresh = Duration::from_secs(10);
    for (took, is_slow) in [(SLOW, false), (SLOW + Duration::from_millis(1), true)] {
        let mut links = table(&devices()[..1], Wants::default(), refresh);
        let queries = links.needed_queries(start);
        answer_all(&mut links, queries, took, start);
        assert_eq!(links.has_slow(), is_slow, "{took:?}");
        let asked = if is_slow { vec![] } else { vec![1] };
        assert_eq!(singly(&links.due_queries(start + refresh)), asked, "{took:?}");
    }
}

#[test]
fn only_for_a_query_that_has_become_void_is_its_answer_waited_for_twice() {
    let (now, device) = (Instant::now(), PlayedInterface::device(1, "dev"));
    let mut links = table(&[device], Wants::default(), HOUR);
    // Void, and asked by nobody yet.
    assert!(!links.has_void_query());
    let queries = links.needed_queries(now);
    assert!(!links.has_void_query());
    tell(&mut links, &device.link());
    assert!(links.has_void_query());
    // Nobody waits for one that is down, or that is not reported.
    tell(&mut links, &PlayedInterface { flags: 0, ..device }.link());
    assert!(!links.has_void_query());
    tell(&mut links, &device.link());
    links.interfaces_mut().for_each(|interface| interface.set_reported(None));
    assert!(!links.has_void_query());
    links.interfaces_mut().for_each(|interface| interface.set_reported(Some(HOUR)));
    assert!(links.has_void_query());
    answer_all(&mut links, queries, Duration::ZERO, now);
    assert!(!links.has_void_query());
    // Nor for a slow one.
    let queries = links.needed_queries(now);
    answer_all(&mut links, queries, 2 * SLOW, now);
    tell(&mut links, &device.link());
    assert_eq!(singly(&links.due_queries(now + HOUR)), [1]);
    tell(&mut links, &device.link());
    assert!(!links.has_void_query());
}

fn properties(links: &Links, ifindex: u32) -> &Properties {
    let mut interfaces = links.interfaces();
    let interface = interfaces.find(|interface| interface.ifindex == ifindex).unwrap();
    &interface.details.as_ref().unwrap().properties
}

/// The numbers and generations of all.
fn generations(links: &Links) -> Vec<(u32, u64)> {
    links.interfaces().map(|interface| (interface.ifindex, interface.generation)).collect()
}

#[test]
fn the_version_is_another_one_though_as_many_went_as_came() {
    let [one, other] = [PlayedInterface::device(1, "one"), PlayedInterface::device(2, "other")];
    let mut links = table(&[one], Wants::default(), HOUR);
    let mut versions = vec![links.version()];
    tell(&mut links, &other.link());
    tell(&mut links, &one.gone());
    versions.push(links.version());
    tell(&mut links, &other.gone());
    versions.push(links.version());
    tell(&mut links, &one.link());
    versions.push(links.version());
    assert!(versions.is_sorted_by(|before, after| before < after), "{versions:?}");
    // What is told once more says nothing new, and a line that was decided stays.
    let before = generations(&links);
    tell(&mut links, &one.link());
    assert_eq!((links.version(), generations(&links)), (versions[3], before));
}

#[test]
fn who_is_stacked_on_one_that_has_another_name_is_decided_anew() {
    let wants = Wants { properties: true, ..Wants::default() };
    let bridge = PlayedInterface::software(1, "bridge", "bridge");
    let port = PlayedInterface { master: Some(1), ..PlayedInterface::device(2, "port") };
    let vlan = PlayedInterface { lower: Some(1), ..PlayedInterface::software(3, "vlan", "vlan") };
    let mut links = table(&[bridge, port, vlan], wants, HOUR);
    let names = |links: &Links| -> Vec<_> {
        let properties = (1..=3).map(|ifindex| properties(links, ifindex));
        properties.map(|one| [one.master.to_vec(), one.lower.to_vec()]).collect()
    };
    assert_eq!(names(&links), [[b"".as_slice(), b""], [b"bridge", b""], [b"", b"bridge"]]);
    let (before, version) = (generations(&links), links.version());
    tell(&mut links, &PlayedInterface { name: "switch", ..bridge }.link());
    links.settle(2);
    assert_eq!(names(&links), [[b"".as_slice(), b""], [b"switch", b""], [b"", b"switch"]]);
    let mut after: Vec<_> = generations(&links).into_iter().map(|(_, now)| now).collect();
    after.sort_unstable();
    // No two have the same, and none has what it, or another, had before.
    assert!(after.is_sorted_by(|one, other| one < other), "{before:?} {after:?}");
    assert!(version < after[0] && after[2] == links.version(), "{before:?} {after:?}");
    // Once they are known, nothing is looked up again.
    links.settle(3);
    assert_eq!(links.version(), after[2]);
}

#[test]
fn who_lies_upon_another_one_or_has_another_master_is_decided_anew() {
    let port =
        PlayedInterface { master: Some(7), lower: Some(8), ..PlayedInterface::device(1, "port") };
    for other in
        [PlayedInterface { master: Some(9), ..port }, PlayedInterface { lower: None, ..port }]
    {
        let mut links = table(&[port], Wants::default(), HOUR);
        let before = links.version();
        tell(&mut links, &other.link());
        assert!(before < links.version());
        assert_eq!(generations(&links), [(1, links.version())]);
    }
}

#[test]
fn a_state_that_changes_shows_in_the_next_line_and_in_no_other() {
    let wants = Wants { link_state: true, ..Wants::default() };
    let device = PlayedInterface::device(1, "dev");
    let mut links = table(&[device], wants, HOUR);
    let mut told = |flags, reading| {
        let datagram = PlayedInterface { flags, ..device }.link();
        let message = messages(&datagram).next().unwrap().unwrap();
        links.apply(&LinkMessage::of(&message).unwrap(), MessageKind::Snapshot, reading);
        let interface = links.interfaces().next().unwrap();
        (interface.details.as_ref().unwrap().state.flags, interface.changed)
    };
    assert_eq!(told(1, 2), (Some(Flags(1)), 1));
    assert_eq!(told(0x1001, 3), (Some(Flags(0x1001)), 3));
    assert_eq!(told(0x1001, 4), (Some(Flags(0x1001)), 3));
}

#[test]
fn whether_any_is_down_counts_all_or_those_that_are_reported() {
    let up = PlayedInterface::device(1, "up");
    let down = PlayedInterface { flags: 0, ..PlayedInterface::device(2, "down") };
    let mut links = table(&[up], Wants::default(), HOUR);
    assert_eq!([false, true].map(|is_reported| links.has_any_down(is_reported)), [false, false]);
    tell(&mut links, &down.link());
    assert_eq!([false, true].map(|is_reported| links.has_any_down(is_reported)), [true, false]);
    for interface in links.interfaces_mut() {
        interface.set_reported(Some(HOUR));
    }
    assert_eq!([false, true].map(|is_reported| links.has_any_down(is_reported)), [true, true]);
}

/// A sysfs that shows interface 1 as `dev`, with this address, and the path of its device.
fn sysfs(address: &str) -> (TempDir, PathBuf) {
    let class_net = TempDir::new().unwrap();
    let folder = class_net.path().join("dev");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("ifindex"), "1\n").unwrap();
    fs::write(folder.join("address"), format!("{address}\n")).unwrap();
    (class_net, folder.join("device"))
}

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x1f];

/// As kernels before 5.14 tell of a device.
fn old_device() -> Vec<u8> {
    let device = PlayedInterface { has_parent_device: false, ..PlayedInterface::device(1, "dev") };
    with_attribute(device.link(), IFLA_ADDRESS, &MAC)
}

fn links_beside(class_net: &TempDir) -> Links {
    let wants = Wants { kind: true, properties: true, ..Wants::default() };
    Links::new(wants, false, Some(class_net.path().into()))
}

#[test]
fn where_the_kernel_tells_of_no_device_sysfs_tells_it_and_its_driver() {
    let (class_net, device) = sysfs("02:00:00:00:00:1f");
    let mut links = links_beside(&class_net);
    let driver = device.join("driver");
    fs::create_dir(&device).unwrap();
    tell(&mut links, &old_device());
    let told = |links: &Links| {
        let Properties { mac, driver, is_physical, .. } = properties(links, 1);
        (String::from_utf8(mac.to_vec()).unwrap(), driver.to_vec(), *is_physical)
    };
    let mac = "02:00:00:00:00:1f".to_owned();
    assert_eq!(told(&links), (mac.clone(), b"".to_vec(), Some(true)));
    // What is told once more says nothing new.
    let version = links.version();
    tell(&mut links, &old_device());
    assert_eq!(links.version(), version);
    symlink("../../drivers/virtio_net", &driver).unwrap();
    tell(&mut links, &old_device());
    assert_eq!(told(&links), (mac.clone(), b"virtio_net".to_vec(), Some(true)));
    assert!(version < links.version());
    assert_eq!(generations(&links), [(1, links.version())]);
    // It has the same one, and is a device, all its life.
    fs::remove_dir_all(&device).unwrap();
    tell(&mut links, &old_device());
    assert_eq!(told(&links), (mac, b"virtio_net".to_vec(), Some(true)));
}

#[test]
fn what_software_made_or_the_kernel_tells_the_device_of_needs_no_sysfs() {
    let (class_net, device) = sysfs("");
    let mut links = links_beside(&class_net);
    fs::create_dir(&device).unwrap();
    tell(&mut links, &PlayedInterface::software(1, "dev", "veth").link());
    assert_eq!(properties(&links, 1).is_physical, Some(false));
    let mut links = links_beside(&class_net);
    fs::remove_dir(&device).unwrap();
    tell(&mut links, &PlayedInterface::device(1, "dev").link());
    assert_eq!(properties(&links, 1).is_physical, Some(true));
}

#[test]
fn a_driver_that_could_not_be_read_is_read_at_the_next_gather() {
    let (class_net, device) = sysfs("02:00:00:00:00:1f");
    let mut links = links_beside(&class_net);
    fs::write(&device, "no folder").unwrap();
    tell(&mut links, &old_device());
    let unread = |links: &Links| links.unread_drivers().map(|(link, _)| link.clone()).next();
    assert_eq!(unread(&links), Some(device.join("driver")));
    let version = links.version();
    links.read_drivers();
    assert_eq!((unread(&links), links.version()), (Some(device.join("driver")), version));
    fs::remove_file(&device).unwrap();
    fs::create_dir(&device).unwrap();
    symlink("../../drivers/e1000e", device.join("driver")).unwrap();
    links.read_drivers();
    assert_eq!(&*properties(&links, 1).driver, b"e1000e");
    assert_eq!(unread(&links), None);
    assert!(version < links.version());
    assert_eq!(generations(&links), [(1, links.version())]);
}

#[test]
fn the_driver_of_a_device_on_a_bus_is_had_by_its_name_there() {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let buses = entries(Path::new("/sys/bus"));
    let devices = buses.flat_map(|bus| entries(&bus.path().join("devices")));
    let mut drivers = devices.filter_map(|device| {
        Some((device.path(), fs::read_link(device.path().join("driver")).ok()?))
    });
    // Any device will do, if this machine shows one.
    let Some((device, driver)) = drivers.next() else { return };
    let name = |path: &Path| path.file_name().map(OsStr::as_bytes).unwrap().to_vec();
    let bus = name(device.parent().unwrap().parent().unwrap());
    let link = with_attribute(old_device(), IFLA_PARENT_DEV_BUS_NAME, &bus);
    let link = with_attribute(link, IFLA_PARENT_DEV_NAME, &name(&device));
    let mut links = links_beside(&TempDir::new().unwrap());
    tell(&mut links, &link);
    assert_eq!(*properties(&links, 1).driver, *name(&driver));
}
