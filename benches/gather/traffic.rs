//! Packets that move the counters of interfaces, so that no program can say again what it said
//! before.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

use rustix::net::netdevice::name_to_index;
use rustix::net::sockopt::set_ip_multicast_if_with_ifindex;

use crate::Result;
use crate::namespace::{Namespace, pair_names};

/// Every interface is a member of this group, address or not.
const EVERY_HOST: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 0, 1), 9);

/// A way to send through some interfaces of a namespace.
pub(crate) struct Traffic {
    socket: UdpSocket,
    senders: Vec<u32>,
}

impl Traffic {
    /// For that share of the interfaces.
    pub(crate) fn new(namespace: &Namespace, percent: usize) -> Result<Self> {
        let pairs = namespace.interfaces / 2 * percent / 100;
        let traffic = namespace.inside(move || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            let names = (0..pairs).map(pair_names).flat_map(|(one, other)| [one, other]);
            let index = |name: String| Ok(name_to_index(&socket, &name)?);
            let senders = names.map(index).collect::<io::Result<_>>()?;
            Ok(Self { socket, senders })
        });
        traffic.map_err(|error| format!("traffic: {error}"))
    }

    /// Sends one packet through each of them, which its peer receives.
    pub(crate) fn send(&self) -> io::Result<()> {
        for &sender in &self.senders {
            let any = Ipv4Addr::UNSPECIFIED;
            set_ip_multicast_if_with_ifindex(&self.socket, &any, &any, sender)?;
            self.socket.send_to(b"counted", EVERY_HOST)?;
        }
        Ok(())
    }
}
