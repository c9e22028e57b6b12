//! The least that a program can do for a gather: ask the kernel for the counters of all interfaces
//! in one dump, and for those of IPv6 in another one where that is wanted, receive them, and write a
//! batch of the right size. It looks at no counter and formats none, so what the plugin takes above it
//! is the plugin's own.

use std::fs;
use std::io::{stdin, stdout};
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::Result;

/// What the receive buffer holds. The kernel fills at most half of it at a time.
const RECEIVE_BYTES: usize = 64 * 1024;

/// What a pipe may hold unless an administrator has set something else.
const MAX_PIPE_BYTES: usize = 1 << 20;

// From linux/netlink.h, linux/rtnetlink.h and linux/if_link.h.
// The protocol's number is 0, as that of a default is.
const NETLINK_ROUTE: Option<Protocol> = None;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const RTM_GETLINK: u16 = 18;
const RTM_GETSTATS: u16 = 94;
const IFLA_STATS_LINK_64: u32 = 1;
const AF_INET6: u8 = 10;

/// Bytes of `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// Of `struct if_stats_msg`.
const STATS_BYTES: usize = 12;
/// Of `struct ifinfomsg`.
const LINK_BYTES: usize = 16;

/// For each newline on stdin, dumps the counters, those of IPv6 too where these are wanted, and writes the
/// batch that stands in the file, until stdin ends.
pub(crate) fn run(batch: &Path, with_ipv6: bool) -> Result<()> {
    let batch = fs::read(batch).map_err(|error| format!("{}: {error}", batch.display()))?;
    // As the plugin does, so that mostly one write is enough.
    rustix::pipe::fcntl_setpipe_size(stdout(), batch.len().min(MAX_PIPE_BYTES))
        .map_err(|error| format!("the pipe's size: {error}"))?;
    let socket = open().map_err(|error| format!("netlink: {error}"))?;
    let mut received = vec![0; RECEIVE_BYTES];
    let mut newlines = [0; 64];
    loop {
        let count =
            rustix::io::read(stdin(), &mut newlines).map_err(|error| format!("stdin: {error}"))?;
        if count == 0 {
            return Ok(());
        }
        for _ in newlines[..count].iter().filter(|&&byte| byte == b'\n') {
            dump(&socket, &stats_request(), &mut received)?;
            if with_ipv6 {
                dump(&socket, &ipv6_request(), &mut received)?;
            }
            write(&batch)?;
        }
    }
}

fn open() -> rustix::io::Result<OwnedFd> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        NETLINK_ROUTE,
    )?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    Ok(socket)
}

/// One request, and what the kernel has to say. It writes each part of a dump when it is asked for
/// it, so that no receive ever waits.
fn dump(socket: &OwnedFd, request: &[u8], received: &mut [u8]) -> Result<()> {
    rustix::net::send(socket, request, SendFlags::empty())
        .map_err(|error| format!("netlink: {error}"))?;
    loop {
        let (count, _) = rustix::net::recv(socket, &mut *received, RecvFlags::DONTWAIT)
            .map_err(|error| format!("netlink: {error}"))?;
        if is_end(&received[..count])? {
            return Ok(());
        }
    }
}

/// `RTM_GETSTATS` for `IFLA_STATS_LINK_64` of every interface.
fn stats_request() -> [u8; HEADER_BYTES + STATS_BYTES] {
    let filter_mask = 1_u32 << (IFLA_STATS_LINK_64 - 1);
    let mut request = request(RTM_GETSTATS);
    request[24..].copy_from_slice(&filter_mask.to_ne_bytes());
    request
}

/// `RTM_GETLINK` for what IPv6 has of every interface.
fn ipv6_request() -> [u8; HEADER_BYTES + LINK_BYTES] {
    let mut request = request(RTM_GETLINK);
    request[HEADER_BYTES] = AF_INET6;
    request
}

/// A request of that type and so many bytes, for all that there is.
fn request<const BYTES: usize>(kind: u16) -> [u8; BYTES] {
    let length = u32::try_from(BYTES).unwrap_or_default();
    let mut request = [0; BYTES];
    request[..4].copy_from_slice(&length.to_ne_bytes());
    request[4..6].copy_from_slice(&kind.to_ne_bytes());
    request[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    request
}

/// Whether these messages are the last ones.
fn is_end(mut messages: &[u8]) -> Result<bool> {
    while let [l0, l1, l2, l3, t0, t1, ..] = *messages {
        match u16::from_ne_bytes([t0, t1]) {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => return Err("the kernel refuses a dump".into()),
            _ => {}
        }
        let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let aligned = length.max(HEADER_BYTES).next_multiple_of(4);
        messages = messages.get(aligned..).unwrap_or_default();
    }
    Ok(false)
}

fn write(mut batch: &[u8]) -> Result<()> {
    while !batch.is_empty() {
        let count =
            rustix::io::write(stdout(), batch).map_err(|error| format!("stdout: {error}"))?;
        batch = &batch[count..];
    }
    Ok(())
}
