//! The system calls of `telegraf-net` that no safe crate has: the only place with `unsafe`.
//!
//! Each gives bytes or plain data as the system tells them; what they mean is decided elsewhere, by code
//! that is safe and tested on every system.

#[cfg(windows)]
pub mod console;
#[cfg(windows)]
pub mod iphlpapi;
#[cfg(any(
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "macos"
))]
pub mod kqueue;
#[cfg(target_os = "linux")]
pub mod netdevice;
#[cfg(windows)]
pub mod stdio;
#[cfg(any(
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "macos"
))]
pub mod sysctl;
