//! `/proc/net/netlink`: the netlink sockets of a network namespace (`netlink_native_seq_show` in
//! `net/netlink/af_netlink.c`).

use crate::parse::{decimal, words};

/// Whether there is a socket of `NETLINK_ROUTE` with that port and the inode of that number.
#[must_use]
pub fn has_route_socket(text: &[u8], port: u32, inode: u64) -> bool {
    text.split(|&byte| byte == b'\n').any(|row| {
        let mut columns = words(row).skip(1);
        // In between: groups, memory read and written, dump, locks, drops.
        let (protocol, row_port, row_inode) = (columns.next(), columns.next(), columns.nth(6));
        protocol == Some(b"0")
            && row_port.and_then(decimal) == Some(port.into())
            && row_inode.and_then(decimal) == Some(inode)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux 6.18.
    const TEXT: &[u8] = b"\
sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode   
0000000000000000 0   4294962988 00000001 0        0        0     2        0        67108   
0000000000000000 0   977        00000000 0        0        0     2        0        6717    
0000000000000000 16  977        00000000 0        0        0     2        0        6718    
0000000000000000 0   0          00000000 0        0        0     2        0        4099    
";

    #[test]
    fn a_socket_is_told_by_its_protocol_its_port_and_its_inode() {
        assert!(has_route_socket(TEXT, 977, 6717));
        assert!(has_route_socket(TEXT, 4_294_962_988, 67_108));
        for (port, inode) in [(977, 6718), (977, 67_108), (0, 6717), (16, 977), (978, 6717)] {
            assert!(!has_route_socket(TEXT, port, inode), "{port} {inode}");
        }
        for text in [&b""[..], b"\n\n", b"0 0 977", b"a 0 977 b c d e f g x", &TEXT[..100]] {
            assert!(!has_route_socket(text, 977, 6717));
        }
    }
}
