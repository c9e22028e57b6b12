//! Records what the kernel of this machine says by netlink, for the tests that have no kernel:
//!
//! ```text
//! make record
//! ```
//!
//! writes `fixtures/netlink-linux-VERSION/`, as root; `make lab-record` does so for other kernels.

#![cfg(target_os = "linux")]

mod common;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use common::{Netns, run, text};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send,
    socket_with,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use telegraf_net::parse::netlink::rtnl_link::LinkMessage;
use telegraf_net::parse::netlink::{Step, ethtool, messages, rtnl_link, rtnl_stats};

/// The folder to write to, instead of `fixtures`.
const ELSEWHERE: &str = "TELEGRAF_NET_RECORD";
const RTMGRP_LINK: u32 = 1;

/// Interfaces of the kinds that most kernels have, and some traffic.
const INTERFACES: &str = "
    link set lo up
    link add veth0 index 10 type veth peer name veth1 index 11
    link set veth0 address 02:00:00:00:00:10 up
    link set veth1 address 02:00:00:00:00:11 up
    addr add 10.99.0.1/24 dev veth0
    neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev veth0
    link add veth2 index 12 type veth peer name veth3 index 13
    link add br0 index 14 address 02:00:00:00:00:14 type bridge
    link set veth3 address 02:00:00:00:00:13 master br0
    link set br0 up
    link set veth3 up
    link add macvlan0 index 15 link veth1 address 02:00:00:00:00:15 type macvlan mode bridge
    link set macvlan0 up
    link add vxlan0 index 16 address 02:00:00:00:00:16 type vxlan id 7 dstport 4789 local 10.99.0.1 group 239.1.1.1 dev veth0
    link add ifb0 index 17 type ifb
    link set ifb0 up
    addr add 10.98.0.1/24 dev ifb0
    neigh add 10.98.0.2 lladdr 02:00:00:00:00:02 dev ifb0
    tuntap add dev tun0 mode tun";

/// Something of everything that can happen to an interface.
const CHANGES: &str = "
    link add new0 index 20 type veth peer name new1 index 21
    link set new0 up
    link set new0 master br0
    link set new0 down
    link set new0 name renamed
    link set renamed nomaster
    link del renamed";

#[test]
fn record() {
    let netns = Netns::new();
    netns.ip_lines(INTERFACES);
    for address in ["10.99.0.2", "127.0.0.1", "10.98.0.2"] {
        let script = format!("for n in 1 2 3 4 5 6 7; do echo $n > /dev/udp/{address}/9; done");
        netns.command("bash").args(["-c", &script]).output().unwrap();
    }
    let folder = folder();
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, bytes: Vec<u8>| fs::write(folder.join(name), bytes).unwrap();
    // A device on a bus stays outside of namespaces that are made.
    let (device, speed) = device_of_this_machine();
    write("device-link.bin", device);
    write("device-linkmodes.bin", speed);
    thread::scope(|scope| {
        scope.spawn(|| {
            let namespace = File::open(Path::new("/run/netns").join(&netns.name)).unwrap();
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind).unwrap();
            let route = Socket::open(None, 0);
            write("links.bin", route.ask(rtnl_link::request_all));
            write(
                "link.bin",
                route.ask(|buffer, number| rtnl_link::request_one(buffer, number, 10)),
            );
            write("stats.bin", route.ask(rtnl_stats::request_all));
            write(
                "stat.bin",
                route.ask(|buffer, number| rtnl_stats::request_one(buffer, number, 10)),
            );
            write(
                "refusal.bin",
                route.ask(|buffer, number| rtnl_link::request_one(buffer, number, 99)),
            );
            let generic = Socket::open(Some(netlink::GENERIC), 0);
            let family = generic.ask(ethtool::request_family);
            let number = family_number(&family);
            write("family.bin", family);
            write(
                "linkmodes.bin",
                generic.ask(|buffer, sequence| ethtool::request_all(buffer, sequence, number)),
            );
            let events = Socket::open(None, RTMGRP_LINK);
            netns.ip_lines(CHANGES);
            write("events.bin", events.all_there_are());
        });
    });
    let uname = |option| text(&run(std::process::Command::new("uname").arg(option)).stdout);
    let by = if std::env::var_os(ELSEWHERE).is_some() { "lab-record" } else { "record" };
    let origin = format!(
        "Recorded by `make {by}` on {}, Linux {} {}.

Each file has the messages of one answer, one datagram behind the other; `tests/record.rs` says what
was asked, and what `events.bin` tells of. They are in the byte order of that machine.
",
        text(&run(std::process::Command::new("date").args(["-u", "+%F"])).stdout).trim(),
        uname("-r").trim(),
        uname("-m").trim(),
    );
    write("ORIGIN.md", origin.into_bytes());
}

fn folder() -> PathBuf {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let version = release.split(['.', '-']).take(2).collect::<Vec<_>>().join(".");
    let name = format!("netlink-linux-{version}");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    std::env::var_os(ELSEWHERE).map_or(fixtures, PathBuf::from).join(name)
}

/// What the kernel says of the first interface of this machine that belongs to a device.
fn device_of_this_machine() -> (Vec<u8>, Vec<u8>) {
    let route = Socket::open(None, 0);
    let links = route.ask(rtnl_link::request_all);
    // Netlink does not tell in Linux before 5.14.
    let is_device =
        |name| Path::new("/sys/class/net").join(OsStr::from_bytes(name)).join("device").exists();
    let ifindex = messages(&links)
        .find_map(|message| match LinkMessage::of(&message.unwrap()) {
            Some(LinkMessage::New(link)) if is_device(link.name) => Some(link.ifindex),
            _ => None,
        })
        .expect("a machine with a network device");
    let generic = Socket::open(Some(netlink::GENERIC), 0);
    let family = family_number(&generic.ask(ethtool::request_family));
    (
        route.ask(|buffer, sequence| rtnl_link::request_one(buffer, sequence, ifindex)),
        generic.ask(|buffer, sequence| ethtool::request_one(buffer, sequence, family, ifindex)),
    )
}

fn family_number(answer: &[u8]) -> u16 {
    ethtool::family(&messages(answer).next().unwrap().unwrap()).unwrap()
}

struct Socket(std::os::fd::OwnedFd);

impl Socket {
    fn open(protocol: Option<Protocol>, groups: u32) -> Self {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, protocol).unwrap();
        bind(&socket, &SocketAddrNetlink::new(0, groups)).unwrap();
        Self(socket)
    }

    fn ask(&self, write: impl FnOnce(&mut Vec<u8>, u32)) -> Vec<u8> {
        let mut request = Vec::new();
        write(&mut request, 1);
        let is_dump = request[7] != 0;
        send(&self.0, &request, SendFlags::empty()).unwrap();
        let mut answer = self.datagram();
        let is_over = |answer: &[u8]| {
            messages(answer).any(|message| matches!(message.unwrap().step(), Step::End(_)))
        };
        while is_dump && !is_over(&answer) {
            answer.extend(self.datagram());
        }
        answer
    }

    fn datagram(&self) -> Vec<u8> {
        let mut bytes = vec![0; 64 << 10];
        let (length, _) = recv(&self.0, &mut *bytes, RecvFlags::empty()).unwrap();
        bytes.truncate(length);
        bytes
    }

    fn all_there_are(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let wait = Timespec { tv_sec: 1, tv_nsec: 0 };
        while poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&wait)).unwrap() > 0 {
            all.extend(self.datagram());
        }
        all
    }
}
