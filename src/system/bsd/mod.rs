//! FreeBSD, OpenBSD, NetBSD and macOS.
