//! Requests that change interfaces, in microseconds each, where a process of `ip` takes a millisecond.

use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, recv, send,
    socket_with,
};

// `linux/netlink.h`
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;

// `linux/rtnetlink.h`
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_NEWLINKPROP: u16 = 108;
const RTM_DELLINKPROP: u16 = 109;

// `linux/if_link.h`
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
const IFLA_TXQLEN: u16 = 13;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const NLA_F_NESTED: u16 = 0x8000;

const IFF_UP: u32 = 1;

/// An interface to be made.
pub(crate) struct New<'a> {
    pub(crate) index: u32,
    pub(crate) name: &'a str,
    pub(crate) mac: [u8; 6],
    pub(crate) mtu: u32,
    pub(crate) tx_queue_len: u32,
}

impl New<'_> {
    fn attributes(&self) -> Vec<u8> {
        let mut attributes = Vec::new();
        attribute(&mut attributes, IFLA_IFNAME, &with_nul(self.name));
        attribute(&mut attributes, IFLA_ADDRESS, &self.mac);
        attribute(&mut attributes, IFLA_MTU, &self.mtu.to_ne_bytes());
        attribute(&mut attributes, IFLA_TXQLEN, &self.tx_queue_len.to_ne_bytes());
        attributes
    }
}

/// A socket in one network namespace.
pub(crate) struct Rtnetlink {
    fd: OwnedFd,
    sequence: u32,
}

impl Rtnetlink {
    /// Opens it where this thread is.
    pub(crate) fn open() -> Self {
        let family = AddressFamily::NETLINK;
        let fd = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None).unwrap();
        bind(&fd, &SocketAddrNetlink::new(0, 0)).unwrap();
        connect(&fd, &SocketAddrNetlink::new(0, 0)).unwrap();
        Self { fd, sequence: 0 }
    }

    /// Makes a pair, the second one in another network namespace, or here.
    pub(crate) fn make_pair(
        &mut self,
        first: &New<'_>,
        second: &New<'_>,
        elsewhere: Option<BorrowedFd<'_>>,
    ) -> Result<(), Errno> {
        let mut peer = header(second.index, 0, 0);
        peer.extend(second.attributes());
        if let Some(netns) = elsewhere {
            attribute(&mut peer, IFLA_NET_NS_FD, &netns.as_raw_fd().to_ne_bytes());
        }
        let mut data = Vec::new();
        attribute(&mut data, VETH_INFO_PEER | NLA_F_NESTED, &peer);
        self.make(first, "veth", &data)
    }

    pub(crate) fn make_bridge(&mut self, bridge: &New<'_>) -> Result<(), Errno> {
        self.make(bridge, "bridge", &[])
    }

    fn make(&mut self, new: &New<'_>, kind: &str, data: &[u8]) -> Result<(), Errno> {
        let mut info = Vec::new();
        attribute(&mut info, IFLA_INFO_KIND, kind.as_bytes());
        if !data.is_empty() {
            attribute(&mut info, IFLA_INFO_DATA | NLA_F_NESTED, data);
        }
        let mut message = header(new.index, 0, 0);
        message.extend(new.attributes());
        attribute(&mut message, IFLA_LINKINFO | NLA_F_NESTED, &info);
        self.request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &message)
    }

    pub(crate) fn remove(&mut self, index: u32) -> Result<(), Errno> {
        self.request(RTM_DELLINK, 0, &header(index, 0, 0))
    }

    /// Whether there is such an interface here.
    pub(crate) fn has(&mut self, index: u32) -> bool {
        match self.request(RTM_GETLINK, 0, &header(index, 0, 0)) {
            Ok(()) => true,
            Err(Errno::NODEV) => false,
            Err(error) => panic!("RTM_GETLINK of {index}: {error}"),
        }
    }

    pub(crate) fn set_up(&mut self, index: u32, is_up: bool) -> Result<(), Errno> {
        self.request(RTM_NEWLINK, 0, &header(index, u32::from(is_up), IFF_UP))
    }

    pub(crate) fn rename(&mut self, index: u32, name: &str) -> Result<(), Errno> {
        self.set(index, IFLA_IFNAME, &with_nul(name))
    }

    pub(crate) fn set_alias(&mut self, index: u32, alias: &str) -> Result<(), Errno> {
        self.set(index, IFLA_IFALIAS, alias.as_bytes())
    }

    pub(crate) fn set_mtu(&mut self, index: u32, mtu: u32) -> Result<(), Errno> {
        self.set(index, IFLA_MTU, &mtu.to_ne_bytes())
    }

    pub(crate) fn set_tx_queue_len(&mut self, index: u32, length: u32) -> Result<(), Errno> {
        self.set(index, IFLA_TXQLEN, &length.to_ne_bytes())
    }

    /// Makes it a port of another one, or of none, which is number 0.
    pub(crate) fn set_master(&mut self, index: u32, master: u32) -> Result<(), Errno> {
        self.set(index, IFLA_MASTER, &master.to_ne_bytes())
    }

    /// Moves it to another network namespace, where it has that name.
    pub(crate) fn move_to(
        &mut self,
        index: u32,
        netns: BorrowedFd<'_>,
        name: &str,
    ) -> Result<(), Errno> {
        let mut message = header(index, 0, 0);
        attribute(&mut message, IFLA_NET_NS_FD, &netns.as_raw_fd().to_ne_bytes());
        attribute(&mut message, IFLA_IFNAME, &with_nul(name));
        self.request(RTM_NEWLINK, 0, &message)
    }

    pub(crate) fn add_altname(&mut self, index: u32, name: &str) -> Result<(), Errno> {
        self.change_altname(RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL, index, name)
    }

    pub(crate) fn remove_altname(&mut self, index: u32, name: &str) -> Result<(), Errno> {
        self.change_altname(RTM_DELLINKPROP, 0, index, name)
    }

    fn change_altname(
        &mut self,
        kind: u16,
        flags: u16,
        index: u32,
        name: &str,
    ) -> Result<(), Errno> {
        let mut list = Vec::new();
        attribute(&mut list, IFLA_ALT_IFNAME, &with_nul(name));
        let mut message = header(index, 0, 0);
        attribute(&mut message, IFLA_PROP_LIST | NLA_F_NESTED, &list);
        self.request(kind, flags, &message)
    }

    fn set(&mut self, index: u32, key: u16, value: &[u8]) -> Result<(), Errno> {
        let mut message = header(index, 0, 0);
        attribute(&mut message, key, value);
        self.request(RTM_NEWLINK, 0, &message)
    }

    /// Sends a request, and returns what the kernel says of it.
    fn request(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<(), Errno> {
        self.sequence += 1;
        let length = u32::try_from(16 + body.len()).unwrap();
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(body);
        send(&self.fd, &message, SendFlags::empty())?;
        let mut answer = vec![0; 64 << 10];
        loop {
            let (_, length) = recv(&self.fd, &mut answer[..], RecvFlags::empty())?;
            assert!(length >= 20, "an answer of {length} bytes");
            let kind = u16::from_ne_bytes([answer[4], answer[5]]);
            // What was asked for comes before the end of the request.
            if kind == NLMSG_ERROR {
                let code = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
                return if code == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(-code)) };
            }
        }
    }
}

/// `struct ifinfomsg`
fn header(index: u32, flags: u32, change: u32) -> Vec<u8> {
    [[0; 4], index.to_ne_bytes(), flags.to_ne_bytes(), change.to_ne_bytes()].concat()
}

fn attribute(message: &mut Vec<u8>, key: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap();
    message.extend(length.to_ne_bytes());
    message.extend(key.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn with_nul(name: &str) -> Vec<u8> {
    [name.as_bytes(), b"\0"].concat()
}
