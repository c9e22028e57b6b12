//! What Linux tells of an interface by its name (`netdevice(7)`).

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

// From linux/sockios.h.
const SIOCGIFFLAGS: u16 = 0x8913;
const SIOCGIFINDEX: u16 = 0x8933;

/// Bytes of an interface's name, with the NUL byte that ends it.
const IFNAMSIZ: usize = 16;

/// `struct ifreq`, which on 32-bit systems is shorter.
#[repr(C)]
struct Request {
    name: [u8; IFNAMSIZ],
    value: [u8; 24],
}

/// The lower 16 bits of the interface's flags (`IFF_*`), `IFF_RUNNING` among them.
///
/// # Errors
///
/// Those of `ioctl(2)`, `ENODEV` where there is no such interface; and
/// [`io::ErrorKind::InvalidInput`] for what can be no interface's name, or would be taken for another one's.
pub fn flags(socket: BorrowedFd<'_>, name: &[u8]) -> io::Result<u16> {
    let [a, b, ..] = get(socket, SIOCGIFFLAGS, name)?;
    Ok(u16::from_ne_bytes([a, b]))
}

/// The interface's number in its network namespace.
///
/// # Errors
///
/// As [`flags`].
pub fn index(socket: BorrowedFd<'_>, name: &[u8]) -> io::Result<u32> {
    let [a, b, c, d, ..] = get(socket, SIOCGIFINDEX, name)?;
    Ok(u32::from_ne_bytes([a, b, c, d]))
}

fn get(socket: BorrowedFd<'_>, question: u16, name: &[u8]) -> io::Result<[u8; 24]> {
    let mut request = Request { name: [0; IFNAMSIZ], value: [0; 24] };
    let room = request.name.get_mut(..name.len()).filter(|room| room.len() < IFNAMSIZ);
    // What follows a colon is an alias, which the kernel leaves off.
    let is_name = !name.is_empty() && !name.iter().any(|byte| matches!(byte, 0 | b':'));
    let Some(room) = room.filter(|_| is_name) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    room.copy_from_slice(name);
    // SAFETY: The kernel reads and writes a `struct ifreq`, which is as large as `Request` or smaller, and
    // starts with a name that ends in a NUL byte. No part of it is a pointer for these questions.
    let status = unsafe { libc::ioctl(socket.as_raw_fd(), question.into(), &raw mut request) };
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(request.value) }
}
