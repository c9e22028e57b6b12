//! A netlink socket that never waits for ever.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect,
    getsockname, recvfrom, send, socket_with, sockopt,
};

use super::PATIENCE;
use super::interface_protocols::KernelSlots;
use crate::model::interface_protocols::SharedNames;
use crate::parse::netlink::{Message, Step, messages};
use crate::system::linux::is_shortage;

/// The kernel answers within the request, so that this much is for what is not the kernel's.
const ANSWER_LIMIT: Duration = Duration::from_millis(500).saturating_mul(PATIENCE);

/// The kernel makes a dump's datagrams as large as they are received with, up to 32 KiB; a single
/// message may be larger.
const DATAGRAM: usize = 64 << 10;

/// The largest datagram that room is made for.
const MAX_DATAGRAM: usize = 4 << 20;

/// What events may pile up between two gathers. The kernel gives as much of it as
/// `/proc/sys/net/core/rmem_max` says.
const EVENT_BUFFER: usize = 4 << 20;

/// The most datagrams that are passed over while an answer is waited for.
const MAX_STRAYS: usize = 1000;

/// `RTMGRP_LINK` of `linux/rtnetlink.h`.
const RTMGRP_LINK: u32 = 1;

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetlinkError {
    /// A system call on the socket failed; the call's name.
    Call(&'static str, Errno),
    /// The kernel answered with an error.
    Refused(Errno),
    /// A datagram did not fit; there is room for it the next time.
    Truncated,
    /// A datagram did not consist of messages.
    Malformed,
    /// Events came faster than they could be followed.
    Overrun,
    /// The answer did not come, or did not end, within half a second.
    NoAnswer,
}

impl NetlinkError {
    /// Whether it says nothing about what the kernel has and allows: memory is short, or too much is
    /// open at the moment.
    #[must_use]
    pub fn is_shortage(self) -> bool {
        matches!(self, Self::Call(_, errno) | Self::Refused(errno) if is_shortage(errno))
    }
}

impl fmt::Display for NetlinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call, errno) => write!(f, "{call}: {errno}"),
            Self::Refused(errno) => write!(f, "the kernel refused: {errno}"),
            Self::Truncated => f.write_str("a message was cut"),
            Self::Malformed => f.write_str("a message makes no sense"),
            Self::Overrun => f.write_str("events come faster than they can be followed"),
            Self::NoAnswer => write!(f, "no answer within {} ms", ANSWER_LIMIT.as_millis()),
        }
    }
}

/// Whether the answer to a dump is all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dump {
    Whole,
    /// Something changed meanwhile: entries may be missing or be there twice.
    Interrupted,
    /// It went well up to an entry that failed like this.
    CutOff(Errno),
}

/// What comes of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event<'a> {
    Datagram(&'a [u8]),
    /// There was no room for some.
    Lost,
    /// Another process sent something to the group, as who made the network namespace may.
    Stray,
}

/// What comes of a receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Received {
    /// A datagram of the kernel's, of that length.
    Datagram(usize),
    /// One of another process.
    Stray,
    Nothing,
}

/// Memory that all sockets of one thread share, and what they know of the kernel.
#[derive(Debug)]
pub struct Scratch {
    /// The names of interfaces' own protocol statistics.
    pub names: SharedNames,
    /// Where the kernel keeps these.
    pub(super) slots: KernelSlots,
    /// The datagram received last.
    datagram: Vec<u8>,
    request: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            names: SharedNames::default(),
            slots: KernelSlots::default(),
            datagram: vec![0; DATAGRAM],
            request: Vec::with_capacity(64),
        }
    }
}

/// A socket of one netlink protocol.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

impl Socket {
    /// For requests to `rtnetlink`.
    pub(super) fn route() -> Result<Self, NetlinkError> {
        Self::open(None, 0)
    }

    /// For requests to generic netlink families.
    pub(super) fn generic() -> Result<Self, NetlinkError> {
        Self::open(Some(netlink::GENERIC), 0)
    }

    /// For the events of interfaces.
    pub(super) fn link_events() -> Result<Self, NetlinkError> {
        let socket = Self::open(None, RTMGRP_LINK)?;
        // With less room, more is asked for anew.
        let _ = sockopt::set_socket_recv_buffer_size(&socket.fd, EVENT_BUFFER);
        Ok(socket)
    }

    /// Without a protocol it is `NETLINK_ROUTE`, which is number 0.
    fn open(protocol: Option<Protocol>, groups: u32) -> Result<Self, NetlinkError> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)
            .map_err(|errno| NetlinkError::Call("socket", errno))?;
        bind(&fd, &SocketAddrNetlink::new(0, groups))
            .map_err(|errno| NetlinkError::Call("bind", errno))?;
        // Of what others send to this socket's port, the kernel then lets nothing in: whoever may enter
        // the network namespace could fill the queue. (What is sent to a group still comes.)
        connect(&fd, &SocketAddrNetlink::new(0, 0))
            .map_err(|errno| NetlinkError::Call("connect", errno))?;
        Ok(Self::over(fd))
    }

    /// Over any non-blocking socket of datagrams, whose other end plays the kernel.
    pub(super) fn over(fd: OwnedFd) -> Self {
        Self { fd, sequence: 0 }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Its port and the number of its inode, which `/proc/net/netlink` shows.
    pub(super) fn identity(&self) -> Result<(u32, u64), NetlinkError> {
        let address = getsockname(&self.fd).and_then(SocketAddrNetlink::try_from);
        let address = address.map_err(|errno| NetlinkError::Call("getsockname", errno))?;
        let stat = fstat(&self.fd).map_err(|errno| NetlinkError::Call("fstat", errno))?;
        Ok((address.pid(), stat.st_ino))
    }

    /// Asks for all there are, and hands on the answer part by part.
    ///
    /// After [`NetlinkError::Refused`] and [`NetlinkError::Truncated`] the socket can be used again.
    pub(super) fn dump(
        &mut self,
        scratch: &mut Scratch,
        write_request: impl FnOnce(&mut Vec<u8>, u32),
        mut each: impl FnMut(&Message<'_>),
    ) -> Result<Dump, NetlinkError> {
        self.send(scratch, write_request)?;
        let deadline = Instant::now() + ANSWER_LIMIT;
        let (mut parts, mut is_interrupted, mut is_truncated) = (0_usize, false, false);
        let mut strays = 0;
        loop {
            let datagram = match self.receive_until(scratch, deadline, &mut strays) {
                Err(NetlinkError::Truncated) => {
                    is_truncated = true;
                    count_stray(&mut strays)?;
                    continue;
                }
                received => received?,
            };
            for message in messages(scratch.datagram.get(..datagram).unwrap_or_default()) {
                let message = message.map_err(|_| NetlinkError::Malformed)?;
                if message.sequence != self.sequence {
                    count_stray(&mut strays)?;
                    continue;
                }
                is_interrupted |= message.is_interrupted;
                match message.step() {
                    Step::Part => each(&message),
                    Step::End(_) if is_truncated => return Err(NetlinkError::Truncated),
                    Step::End(Some(number)) if parts == 0 => return Err(refused(number)),
                    Step::End(_) if is_interrupted => return Ok(Dump::Interrupted),
                    Step::End(Some(number)) => return Ok(Dump::CutOff(errno(number))),
                    Step::End(None) => return Ok(Dump::Whole),
                }
                parts += 1;
            }
        }
    }

    /// Asks for one thing, and hands its answer on.
    ///
    /// After [`NetlinkError::Refused`] and [`NetlinkError::Truncated`] the socket can be used again.
    pub(super) fn get<T>(
        &mut self,
        scratch: &mut Scratch,
        write_request: impl FnOnce(&mut Vec<u8>, u32),
        read: impl FnOnce(&Message<'_>) -> T,
    ) -> Result<T, NetlinkError> {
        self.send(scratch, write_request)?;
        let deadline = Instant::now() + ANSWER_LIMIT;
        let mut strays = 0;
        loop {
            let datagram = self.receive_until(scratch, deadline, &mut strays)?;
            for message in messages(scratch.datagram.get(..datagram).unwrap_or_default()) {
                let message = message.map_err(|_| NetlinkError::Malformed)?;
                if message.sequence != self.sequence {
                    count_stray(&mut strays)?;
                    continue;
                }
                return match message.step() {
                    Step::Part => Ok(read(&message)),
                    Step::End(errno) => Err(refused(errno.unwrap_or_default())),
                };
            }
        }
    }

    /// What there is of events, if anything.
    pub(super) fn next_event<'a>(
        &self,
        scratch: &'a mut Scratch,
    ) -> Result<Option<Event<'a>>, NetlinkError> {
        match self.receive(scratch) {
            Ok(Received::Nothing) => Ok(None),
            Ok(Received::Stray) => Ok(Some(Event::Stray)),
            Ok(Received::Datagram(length)) => {
                Ok(Some(Event::Datagram(scratch.datagram.get(..length).unwrap_or_default())))
            }
            Err(NetlinkError::Call(_, Errno::NOBUFS) | NetlinkError::Truncated) => {
                Ok(Some(Event::Lost))
            }
            Err(error) => Err(error),
        }
    }

    fn send(
        &mut self,
        scratch: &mut Scratch,
        write_request: impl FnOnce(&mut Vec<u8>, u32),
    ) -> Result<(), NetlinkError> {
        // Zero is the number of events.
        self.sequence = self.sequence.wrapping_add(1).max(1);
        write_request(&mut scratch.request, self.sequence);
        loop {
            match send(&self.fd, &scratch.request, SendFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(NetlinkError::Call("send", errno)),
            }
        }
    }

    /// Receives a datagram of the kernel's and returns its length. Each call may pass over a stray one;
    /// `strays` counts them.
    fn receive_until(
        &self,
        scratch: &mut Scratch,
        deadline: Instant,
        strays: &mut usize,
    ) -> Result<usize, NetlinkError> {
        loop {
            match self.receive(scratch)? {
                Received::Datagram(length) => return Ok(length),
                Received::Stray => count_stray(strays)?,
                Received::Nothing => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(NetlinkError::NoAnswer);
                    }
                    let timeout = Timespec::try_from(left).ok();
                    match poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], timeout.as_ref()) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(errno) => return Err(NetlinkError::Call("poll", errno)),
                    }
                }
            }
        }
    }

    /// Receives a datagram, if one is there.
    fn receive(&self, scratch: &mut Scratch) -> Result<Received, NetlinkError> {
        let flags = RecvFlags::TRUNC | RecvFlags::DONTWAIT;
        let received = loop {
            match recvfrom(&self.fd, &mut *scratch.datagram, flags) {
                Err(Errno::INTR) => {}
                received => break received,
            }
        };
        let (_, length, sender) = match received {
            Ok(received) => received,
            Err(Errno::AGAIN) => return Ok(Received::Nothing),
            Err(errno) => return Err(NetlinkError::Call("recvfrom", errno)),
        };
        // The kernel's port is 0.
        let port = sender.and_then(|sender| SocketAddrNetlink::try_from(sender).ok());
        if port.is_some_and(|address| address.pid() != 0) {
            return Ok(Received::Stray);
        }
        if length > scratch.datagram.len() {
            scratch.datagram.resize(length.next_power_of_two().min(MAX_DATAGRAM), 0);
            return Err(NetlinkError::Truncated);
        }
        Ok(Received::Datagram(length))
    }
}

/// Counts a datagram that is no part of the answer.
fn count_stray(strays: &mut usize) -> Result<(), NetlinkError> {
    *strays += 1;
    if *strays > MAX_STRAYS { Err(NetlinkError::NoAnswer) } else { Ok(()) }
}

fn refused(number: u16) -> NetlinkError {
    NetlinkError::Refused(errno(number))
}

fn errno(number: u16) -> Errno {
    Errno::from_raw_os_error(number.into())
}
