//! What `sysctl(3)` tells.

use std::io;
use std::ptr;

/// How often a table is asked for again that grew between the question for its size and the table.
const TRIES: usize = 8;

/// The largest table that is read, in bytes: ten thousand interfaces take 2 MB.
const MAX_SIZE: usize = 64 << 20;

/// Replaces `table` by the value of the variable that has these numbers.
///
/// # Errors
///
/// Those of `sysctl(3)`; and [`io::ErrorKind::FileTooLarge`] for a value that is larger than 64 MiB, or
/// that keeps growing faster than it can be read.
pub fn read(mib: &[i32], table: &mut Vec<u8>) -> io::Result<()> {
    for _ in 0..TRIES {
        let mut size = 0;
        call(mib, None, &mut size)?;
        // Interfaces may come in between.
        let room = size + size / 8 + 1024;
        if room > MAX_SIZE {
            break;
        }
        table.clear();
        table.resize(room, 0);
        size = table.len();
        match call(mib, Some(table), &mut size) {
            Ok(()) => {
                table.truncate(size);
                return Ok(());
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => {}
            Err(error) => return Err(error),
        }
    }
    *table = Vec::new();
    Err(io::ErrorKind::FileTooLarge.into())
}

/// Asks for the value, or without room, for its size alone; `size` is the room, and then what there is.
fn call(mib: &[i32], room: Option<&mut [u8]>, size: &mut usize) -> io::Result<()> {
    let room = room.map_or(ptr::null_mut(), <[u8]>::as_mut_ptr);
    let count = u32::try_from(mib.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: `mib` holds `count` numbers, which are only read, whatever the pointer's type says on some
    // systems. `room` is null, or has as many writable bytes as `size` says, and the kernel writes no more
    // than that. Nothing is set: the new value is null and has no length.
    let status = unsafe {
        libc::sysctl(mib.as_ptr().cast_mut(), count, room.cast(), size, ptr::null_mut(), 0)
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The number that the variable of that name has, which must be of 32 or 64 bits.
///
/// # Errors
///
/// Those of `sysctlbyname(3)`, and [`io::ErrorKind::InvalidData`] for a variable of another size.
#[cfg(target_os = "netbsd")]
pub fn number(name: &std::ffi::CStr) -> io::Result<u64> {
    let mut value = [0_u8; 8];
    let mut size = value.len();
    // SAFETY: `name` ends in a NUL byte, and `value` has as many writable bytes as `size` says; the kernel
    // writes no more than that. Nothing is set: the new value is null and has no length.
    let status = unsafe {
        libc::sysctlbyname(name.as_ptr(), value.as_mut_ptr().cast(), &raw mut size, ptr::null(), 0)
    };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    let [a, b, c, d, ..] = value;
    match size {
        8 => Ok(u64::from_ne_bytes(value)),
        4 => Ok(u32::from_ne_bytes([a, b, c, d]).into()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
