//! FreeBSD, OpenBSD, NetBSD and macOS: their interfaces by `sysctl(3)`, or else by the program `netstat`.
//!
//! [`reader`] has both ways for all four systems, and [`netstat`] the second one, which runs a
//! [`program`]: these are built and tested on every system of the Unix family. On one of the four itself,
//! `native` gives them its system calls, and `layouts` compares what the parsers assume with the `libc`
//! crate. What the daemon waits for and writes to is by threads.

pub mod netstat;
pub mod program;
pub mod reader;

#[cfg(any(
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "macos"
))]
mod layouts;
#[cfg(any(
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "macos"
))]
mod native;
#[cfg(test)]
mod tests;

#[cfg(any(
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "macos"
))]
pub use self::native::{
    Await, CurrentHost, EMPTY_POLL, Events, NO_EVENTS, Output, Ready, Triggers, close_output,
    cpu_time, file, lower_privileges, outlive_full_files, process_facts, since_boot, stderr,
    terminal,
};
