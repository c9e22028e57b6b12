//! A kernel that a thread plays at the other end of a socket.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::io::ioctl_fionbio;
use rustix::net::netlink::{SocketAddrNetlink, USERSOCK};
use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, bind, getsockname, sendto, socket_with,
    socketpair, sockopt,
};

use super::super::socket::Socket;

pub(super) const NLMSG_ERROR: u16 = 2;
pub(super) const NLMSG_DONE: u16 = 3;
pub(super) const RTM_NEWLINK: u16 = 16;
pub(super) const RTM_DELLINK: u16 = 17;
pub(super) const RTM_GETLINK: u16 = 18;
pub(super) const RTM_NEWSTATS: u16 = 92;
pub(super) const RTM_GETSTATS: u16 = 94;
pub(super) const GENL_ID_CTRL: u16 = 16;
/// The number of the family in the recordings.
pub(super) const ETHTOOL: u16 = 21;

pub(super) const ENOENT: i32 = 2;
pub(super) const EIO: i32 = 5;
pub(super) const ENODEV: i32 = 19;
pub(super) const EOPNOTSUPP: i32 = 95;

pub(super) const IFF_UP: u32 = 1;
pub(super) const IFF_LOOPBACK: u32 = 8;

const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
pub(super) const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
pub(super) const IFLA_PARENT_DEV_NAME: u16 = 56;
pub(super) const IFLA_PARENT_DEV_BUS_NAME: u16 = 57;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_STATS_LINK_64: u16 = 1;
const ETHTOOL_A_LINKMODES_HEADER: u16 = 1;
const ETHTOOL_A_LINKMODES_SPEED: u16 = 5;
const ETHTOOL_A_HEADER_DEV_INDEX: u16 = 1;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AskedFor {
    All(u16),
    /// One interface, by its number.
    One(u16, u32),
}

#[derive(Debug)]
pub(super) struct PlayedRequest {
    pub(super) asked: AskedFor,
    pub(super) sequence: u32,
}

impl PlayedRequest {
    fn of(bytes: &[u8]) -> Self {
        let (kind, sequence) = (u16_at(bytes, 4), u32_at(bytes, 8));
        let is_dump = u16_at(bytes, 6) & NLM_F_DUMP == NLM_F_DUMP;
        let asked = match kind {
            _ if is_dump => AskedFor::All(kind),
            RTM_GETLINK | RTM_GETSTATS => AskedFor::One(kind, u32_at(bytes, 20)),
            GENL_ID_CTRL => AskedFor::One(kind, 0),
            // Behind genlmsghdr and the header attribute comes the number of the interface.
            _ => AskedFor::One(kind, u32_at(bytes, 28)),
        };
        Self { asked, sequence }
    }
}

/// The requests that a kernel has seen.
#[derive(Debug, Default, Clone)]
pub(super) struct Requests(Arc<Mutex<Vec<AskedFor>>>);

impl Requests {
    /// Those since the last call.
    pub(super) fn take(&self) -> Vec<AskedFor> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Whether no more can come: the socket is closed.
    pub(super) fn are_over(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// Plays a kernel that answers each request with these datagrams, whose messages get the request's
/// number unless they have one; what takes time there is a slow driver.
pub(super) fn play(
    mut answer: impl FnMut(&PlayedRequest) -> Vec<Vec<u8>> + Send + 'static,
) -> (Socket, Requests) {
    // Datagrams whose reader learns that the other end was closed.
    let kind = SocketType::SEQPACKET;
    let (ours, kernels) =
        socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
    ioctl_fionbio(&ours, true).unwrap();
    let kernels = UnixDatagram::from(kernels);
    let requests = Requests::default();
    let seen = requests.clone();
    thread::spawn(move || {
        let mut bytes = [0; 1024];
        while let Ok(length @ 1..) = kernels.recv(&mut bytes) {
            let request = PlayedRequest::of(&bytes[..length]);
            seen.0.lock().unwrap().push(request.asked);
            for mut datagram in answer(&request) {
                number(&mut datagram, request.sequence);
                // Nobody may listen any more.
                let _ = kernels.send(&datagram);
            }
        }
    });
    (Socket::over(ours), requests)
}

/// A socket, and the end of whoever plays the kernel.
pub(super) fn pair() -> (Socket, UnixDatagram) {
    let (ours, kernels) = UnixDatagram::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    kernels.set_nonblocking(true).unwrap();
    (Socket::over(ours.into()), kernels)
}

/// Another process, which sends to a socket.
#[derive(Debug)]
pub(super) struct Stranger {
    fd: OwnedFd,
    to: SocketAddrNetlink,
}

impl Stranger {
    pub(super) fn send(&self, datagram: &[u8]) {
        let sent = sendto(&self.fd, datagram, SendFlags::empty(), &self.to);
        assert_eq!(sent, Ok(datagram.len()));
    }
}

/// A socket of the protocol that processes talk to each other by, and one of them.
pub(super) fn pair_with_stranger() -> (Socket, Stranger) {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let [ours, unknown] = [(); 2].map(|()| {
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(USERSOCK));
        let fd = fd.unwrap();
        // Port 0 stands for any that is free.
        bind(&fd, &SocketAddrNetlink::new(0, 0)).unwrap();
        fd
    });
    // So that the queue holds all that a test sends.
    sockopt::set_socket_recv_buffer_size(&ours, 4 << 20).unwrap();
    let to = getsockname(&ours).unwrap().try_into().unwrap();
    (Socket::over(ours), Stranger { fd: unknown, to })
}

/// Gives a datagram's messages the number of a request, where they have none.
fn number(datagram: &mut [u8], sequence: u32) {
    let mut next = 0;
    while next + 16 <= datagram.len() {
        if u32_at(datagram, next + 8) == 0 {
            datagram[next + 8..next + 12].copy_from_slice(&sequence.to_ne_bytes());
        }
        next += usize::try_from(u32_at(datagram, next)).unwrap().next_multiple_of(4).max(16);
    }
}

/// The messages of a recording, without the numbers of their requests.
pub(super) fn recorded(recording: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = recording;
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let length = usize::try_from(u32_at(rest, 0)).unwrap().next_multiple_of(4);
        let (message, behind) = rest.split_at(length);
        messages.push(with_sequence(message.to_vec(), 0));
        rest = behind;
    }
    messages
}

pub(super) fn with_sequence(mut message: Vec<u8>, sequence: u32) -> Vec<u8> {
    message[8..12].copy_from_slice(&sequence.to_ne_bytes());
    message
}

pub(super) fn interrupted(mut message: Vec<u8>) -> Vec<u8> {
    let flags = u16_at(&message, 6) | NLM_F_DUMP_INTR;
    message[6..8].copy_from_slice(&flags.to_ne_bytes());
    message
}

/// The same message with more attributes of no meaning behind, so many bytes of them.
pub(super) fn padded(mut message: Vec<u8>, padding: usize) -> Vec<u8> {
    let value = vec![0; 40_000];
    for _ in 0..padding.div_ceil(value.len()) {
        message.extend(attribute(16_000, &value));
    }
    with_length(message)
}

/// The same message with another attribute behind.
pub(super) fn with_attribute(mut message: Vec<u8>, kind: u16, value: &[u8]) -> Vec<u8> {
    message.extend(attribute(kind, value));
    with_length(message)
}

pub(super) fn kind(message: &[u8]) -> u16 {
    u16_at(message, 4)
}

/// The interface that an rtnetlink message is about.
pub(super) fn ifindex(message: &[u8]) -> u32 {
    u32_at(message, 20)
}

/// The end of a dump, with an error number of the kernel or zero.
pub(super) fn done(errno: i32) -> Vec<u8> {
    message(NLMSG_DONE, &(-errno).to_ne_bytes())
}

pub(super) fn refusal(errno: i32) -> Vec<u8> {
    message(NLMSG_ERROR, &(-errno).to_ne_bytes())
}

/// An interface as a test invents it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlayedInterface {
    pub(super) ifindex: u32,
    pub(super) name: &'static str,
    pub(super) flags: u32,
    /// The kind that software made it as.
    pub(super) kind: Option<&'static str>,
    pub(super) has_parent_device: bool,
    pub(super) lower: Option<u32>,
    pub(super) master: Option<u32>,
}

impl PlayedInterface {
    pub(super) fn device(ifindex: u32, name: &'static str) -> Self {
        Self {
            ifindex,
            name,
            flags: IFF_UP,
            kind: None,
            has_parent_device: true,
            lower: None,
            master: None,
        }
    }

    pub(super) fn software(ifindex: u32, name: &'static str, kind: &'static str) -> Self {
        Self { kind: Some(kind), has_parent_device: false, ..Self::device(ifindex, name) }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        let number = |kind, number: Option<u32>| {
            number.map(|number| attribute(kind, &number.to_ne_bytes())).unwrap_or_default()
        };
        let kind = self.kind.map(|kind| attribute(IFLA_INFO_KIND, kind.as_bytes()));
        let device = self.has_parent_device.then(|| {
            let name = attribute(IFLA_PARENT_DEV_NAME, b"none0\0");
            [name, attribute(IFLA_PARENT_DEV_BUS_NAME, b"none\0")].concat()
        });
        let attributes = [
            attribute(IFLA_IFNAME, self.name.as_bytes()),
            number(IFLA_LINK, self.lower),
            number(IFLA_MASTER, self.master),
            kind.map(|kind| attribute(IFLA_LINKINFO, &kind)).unwrap_or_default(),
            device.unwrap_or_default(),
        ];
        message(RTM_NEWLINK, &[self.fixed().as_slice(), &attributes.concat()].concat())
    }

    pub(super) fn gone(&self) -> Vec<u8> {
        message(RTM_DELLINK, &self.fixed())
    }

    /// Its counters, which are its number.
    pub(super) fn stats(&self) -> Vec<u8> {
        let number = self.ifindex.to_ne_bytes();
        let counters = u64::from(self.ifindex).to_ne_bytes().repeat(24);
        let stats = attribute(IFLA_STATS_LINK_64, &counters);
        message(RTM_NEWSTATS, &[[0; 4].as_slice(), &number, &[0; 4], &stats].concat())
    }

    fn fixed(&self) -> [u8; 16] {
        let mut fixed = [0; 16];
        fixed[4..8].copy_from_slice(&self.ifindex.to_ne_bytes());
        fixed[8..12].copy_from_slice(&self.flags.to_ne_bytes());
        fixed
    }
}

/// A reply to `ETHTOOL_MSG_LINKMODES_GET`.
pub(super) fn link_modes(ifindex: u32, speed_mbits: i32) -> Vec<u8> {
    let header = attribute(ETHTOOL_A_HEADER_DEV_INDEX, &ifindex.to_ne_bytes());
    let attributes = [
        attribute(ETHTOOL_A_LINKMODES_HEADER, &header),
        attribute(ETHTOOL_A_LINKMODES_SPEED, &speed_mbits.to_ne_bytes()),
    ];
    message(ETHTOOL, &[[4, 1, 0, 0].as_slice(), &attributes.concat()].concat())
}

fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 16];
    message[4..6].copy_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(body);
    with_length(message)
}

fn with_length(mut message: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn u16_at(bytes: &[u8], place: usize) -> u16 {
    u16::from_ne_bytes(bytes[place..place + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], place: usize) -> u32 {
    u32::from_ne_bytes(bytes[place..place + 4].try_into().unwrap())
}
