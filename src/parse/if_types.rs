//! What kind of interface a number stands for in `ifi_type`, by `net/if_types.h`; and in `IfType` of Windows,
//! by `ipifcons.h`.
//!
//! Most are those of IANA's ifType and the same everywhere; those that the systems chose themselves differ.

use crate::config::systems::System;

/// The kinds that are told everywhere by the same number: Linux's words for what Linux has too, and else
/// what each system's own programs call it.
const EVERYWHERE: [(u8, &str); 14] = [
    (0x06, "ether"),
    (0x17, "ppp"),
    (0x1c, "slip"),
    (0x35, "propvirtual"),
    (0x47, "wlan"),
    (0x83, "tunnel"),
    (0x87, "vlan"),
    (0x90, "ieee1394"),
    (0xa0, "usb"),
    (0xa1, "bond"),
    (0xa6, "mpls"),
    (0xc7, "ipoib"),
    (0xd1, "bridge"),
    (0xd7, "stf"),
];

const FREEBSD: [(u8, &str); 6] = [
    (0xf0, "gif"),
    (0xf4, "enc"),
    (0xf6, "pflog"),
    (0xf7, "pfsync"),
    (0xf8, "wireguard"),
    (0xf9, "mbim"),
];

const OPENBSD: [(u8, &str); 8] = [
    (0xf0, "gif"),
    (0xf4, "enc"),
    (0xf5, "pflog"),
    (0xf6, "pfsync"),
    (0xf7, "carp"),
    (0xf9, "pflow"),
    (0xfa, "mbim"),
    (0xfb, "wireguard"),
];

const NETBSD: [(u8, &str); 6] = [
    (0xf0, "gif"),
    (0xf5, "pflog"),
    (0xf6, "pfsync"),
    (0xf8, "carp"),
    (0xf9, "ipsec"),
    (0xfa, "mbim"),
];

const MACOS: [(u8, &str); 8] = [
    (0x37, "gif"),
    (0x39, "stf"),
    (0x88, "bond"),
    (0xf4, "enc"),
    (0xf5, "pflog"),
    (0xf6, "pfsync"),
    (0xfe, "pktap"),
    (0xff, "cellular"),
];

const WINDOWS: [(u8, &str); 2] = [(0xf3, "wwan"), (0xf4, "wwan")];

/// The kind that the number stands for on that system; empty where it stands for none, or for a loopback,
/// which is no kind on Linux either.
#[must_use]
pub fn kind(system: System, ifi_type: u8) -> &'static str {
    let own: &[(u8, &str)] = match system {
        System::FreeBsd => &FREEBSD,
        System::OpenBsd => &OPENBSD,
        System::NetBsd => &NETBSD,
        System::MacOs => &MACOS,
        System::Windows => &WINDOWS,
        System::Linux => &[],
    };
    let mut all = own.iter().chain(&EVERYWHERE);
    all.find(|(number, _)| *number == ifi_type).map_or("", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::systems::BSD;
    use crate::select::kinds::KindClass;

    #[test]
    fn no_kind_has_the_word_for_a_class() {
        for system in System::ALL {
            for kind in (0..=u8::MAX).map(|number| kind(system, number)) {
                assert_eq!(KindClass::of_name(kind), None, "{}: {kind}", system.name());
            }
        }
    }

    #[test]
    fn a_number_stands_for_what_the_system_says() {
        for &system in BSD.iter().chain(&[System::Windows]) {
            let kinds = [0x06, 0xd1, 0x87, 0x18, 0x01].map(|number| kind(system, number));
            assert_eq!(kinds, ["ether", "bridge", "vlan", "", ""], "{}", system.name());
        }
        let each = |number| [BSD[0], BSD[1], BSD[2], BSD[3]].map(|system| kind(system, number));
        assert_eq!(each(0xf8), ["wireguard", "", "carp", ""]);
        assert_eq!(each(0xfb), ["", "wireguard", "", ""]);
        assert_eq!(each(0x37), ["", "", "", "gif"]);
        assert_eq!(each(0xf6), ["pflog", "pfsync", "pfsync", "pfsync"]);
    }
}
