//! What the kernel tells of interfaces of our own network namespace by their names, without a file.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;

use telegraf_net_sys::netdevice;

use super::privileges::{self, LOAD_MODULES, Raised};
use crate::model::link::Flags;

/// Any socket does. Where there can be none, files have to tell.
#[derive(Debug, Default)]
pub(super) struct ByName {
    socket: Option<UnixDatagram>,
}

/// Questions that are asked one after the other, without the capabilities that would have the kernel
/// look for a module where there is no such interface any more.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    socket: &'a UnixDatagram,
    _without: Raised,
}

/// What an interface is: its number, and its flags with whether it works (`IFF_RUNNING`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) ifindex: u32,
    pub(super) flags: u16,
}

impl ByName {
    /// `None` where a sandbox forbids it.
    pub(super) fn ask(&mut self) -> Option<Asking<'_>> {
        if self.socket.is_none() {
            self.socket = UnixDatagram::unbound().ok();
        }
        let socket = self.socket.as_ref()?;
        Some(Asking { socket, _without: privileges::lay_down(LOAD_MODULES)? })
    }
}

/// Where nothing is told, files have to tell: while a name is given, the kernel does not find it for a
/// time.
impl Asking<'_> {
    /// The interface's flags.
    pub(super) fn flags(&self, name: &[u8]) -> Option<u16> {
        netdevice::flags(self.socket.as_fd(), name).ok()
    }

    /// The interface's number.
    pub(super) fn ifindex(&self, name: &[u8]) -> Option<u32> {
        netdevice::index(self.socket.as_fd(), name).ok()
    }

    /// What the interface is, whose flags and number may be known.
    pub(super) fn identity(
        &self,
        name: &[u8],
        flags: Option<u16>,
        ifindex: Option<u32>,
    ) -> Option<Identity> {
        let flags = flags.or_else(|| self.flags(name))?;
        let ifindex = ifindex.or_else(|| self.ifindex(name))?;
        Some(Identity { ifindex, flags })
    }
}

/// Those flags that select interfaces; the others come and go with carriers and sniffers.
pub(super) fn selecting(flags: u16) -> Flags {
    Flags(u32::from(flags) & (Flags::UP | Flags::LOOPBACK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_known_by_its_name_and_by_nothing_else() {
        let mut by_name = ByName::default();
        let asking = by_name.ask().unwrap();
        let flags = asking.flags(b"lo").unwrap();
        assert!(selecting(flags).is_loopback());
        assert_eq!(asking.ifindex(b"lo"), Some(1));
        let identity = asking.identity(b"lo", None, None).unwrap();
        assert_eq!(identity, Identity { ifindex: 1, flags });
        // What is known is not asked for.
        let known = Identity { ifindex: 7, flags: 0x1003 };
        assert_eq!(asking.identity(b"", Some(known.flags), Some(known.ifindex)), Some(known));
        assert_eq!(selecting(known.flags), Flags(Flags::UP));
        // Of these, files have to tell: the kernel would tell of the loopback, or cut the name.
        for name in [&b""[..], b"lo:1", b"lo\0", b"a-name-too-long-"] {
            assert_eq!(asking.flags(name), None, "{name:?}");
        }
        assert_eq!(asking.identity(b"no such, I hope", None, None), None);
    }
}
