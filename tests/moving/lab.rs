//! A network whose counters move when the test says so.

use std::net::UdpSocket;
use std::thread;

use crate::common::Netns;

/// Two network namespaces with a link between them; everything is looked at in the first.
pub(crate) struct Lab {
    pub(crate) near: Netns,
    pub(crate) far: Netns,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let (near, far) = (Netns::new(), Netns::new());
        // Nobody has to ask for addresses.
        near.ip_lines(&format!(
            "link set lo up
             link add up0 address 02:00:00:00:00:01 type veth peer name far0 address 02:00:00:00:00:02 netns {}
             addr add 10.99.0.1/24 dev up0
             link set up0 up
             neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev up0
             link add down0 type ifb
             link add up1 type ifb
             link set up1 up
             link add c=d type ifb
             link set c=d up",
            far.name
        ));
        far.ip_lines(
            "addr add 10.99.0.2/24 dev far0
             link set far0 up
             neigh add 10.99.0.1 lladdr 02:00:00:00:00:01 dev far0",
        );
        Self { near, far }
    }

    /// Sends that many packets, which nobody takes: some are answered with a message of ICMP.
    pub(crate) fn send(&self, packets: usize) {
        thread::scope(|scope| {
            scope.spawn(|| {
                self.near.enter();
                for to in ["10.99.0.2:9", "127.0.0.1:9"] {
                    for _ in 0..packets {
                        // Not the same socket, which would be told that nobody takes them.
                        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                        socket.send_to(b"packet", to).unwrap();
                    }
                }
            });
        });
    }
}
