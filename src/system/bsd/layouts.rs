//! What the parsers assume of the system's structures and numbers, compared at compile time with those of
//! the `libc` crate, as far as it has them.

use std::mem::offset_of;

use crate::model::link::Flags;
use crate::parse::net_rt_iflist::{RTA_IFP, SDL_ALEN, SDL_DATA, SDL_NLEN};

/// Fails to compile where two numbers differ.
macro_rules! same {
    ($($assumed:expr, $real:expr;)*) => {
        $(const _: () = assert!($assumed as i128 == $real as i128, stringify!($real));)*
    };
}

same! {
    SDL_NLEN, offset_of!(libc::sockaddr_dl, sdl_nlen);
    SDL_ALEN, offset_of!(libc::sockaddr_dl, sdl_alen);
    SDL_DATA, offset_of!(libc::sockaddr_dl, sdl_data);
    Flags::UP, libc::IFF_UP;
    Flags::LOOPBACK, libc::IFF_LOOPBACK;
    RTA_IFP, libc::RTA_IFP;
}

#[cfg(any(target_os = "freebsd", target_os = "openbsd", target_os = "netbsd"))]
mod iflist {
    #[cfg(target_os = "freebsd")]
    use crate::parse::net_rt_iflist::FREEBSD as LAYOUT;
    #[cfg(target_os = "netbsd")]
    use crate::parse::net_rt_iflist::NETBSD as LAYOUT;
    #[cfg(target_os = "openbsd")]
    use crate::parse::net_rt_iflist::OPENBSD as LAYOUT;
    #[cfg(not(target_os = "netbsd"))]
    use crate::system::bsd::reader::IFLIST as MIB;
    #[cfg(target_os = "netbsd")]
    use crate::system::bsd::reader::IFLIST_NETBSD as MIB;

    same! {
        LAYOUT.version, libc::RTM_VERSION;
        LAYOUT.ifinfo, libc::RTM_IFINFO;
        MIB[0], libc::CTL_NET;
        MIB[1], libc::PF_ROUTE;
        MIB[4], libc::NET_RT_IFLIST;
    }

    /// NetBSD's are not in the `libc` crate.
    #[cfg(any(target_os = "freebsd", target_os = "openbsd"))]
    mod structures {
        use std::mem::offset_of;

        use super::LAYOUT;
        use crate::parse::net_rt_iflist::{
            COLLISIONS, IBYTES, IERRORS, IMCASTS, IPACKETS, IQDROPS, OBYTES, OERRORS, OMCASTS,
            OPACKETS, OQDROPS,
        };

        /// Where a counter lies in the data.
        const fn counter(number: usize) -> usize {
            LAYOUT.baudrate + number * 8
        }

        same! {
            LAYOUT.header, size_of::<libc::if_msghdr>();
            0, offset_of!(libc::if_msghdr, ifm_msglen);
            2, offset_of!(libc::if_msghdr, ifm_version);
            3, offset_of!(libc::if_msghdr, ifm_type);
            LAYOUT.addrs, offset_of!(libc::if_msghdr, ifm_addrs);
            LAYOUT.flags, offset_of!(libc::if_msghdr, ifm_flags);
            LAYOUT.index, offset_of!(libc::if_msghdr, ifm_index);
            LAYOUT.data, offset_of!(libc::if_msghdr, ifm_data);
            0, offset_of!(libc::if_data, ifi_type);
            LAYOUT.link_state.0, offset_of!(libc::if_data, ifi_link_state);
            LAYOUT.link_up, libc::LINK_STATE_UP;
            LAYOUT.mtu.0, offset_of!(libc::if_data, ifi_mtu);
            counter(0), offset_of!(libc::if_data, ifi_baudrate);
            counter(IPACKETS), offset_of!(libc::if_data, ifi_ipackets);
            counter(IERRORS), offset_of!(libc::if_data, ifi_ierrors);
            counter(OPACKETS), offset_of!(libc::if_data, ifi_opackets);
            counter(OERRORS), offset_of!(libc::if_data, ifi_oerrors);
            counter(COLLISIONS), offset_of!(libc::if_data, ifi_collisions);
            counter(IBYTES), offset_of!(libc::if_data, ifi_ibytes);
            counter(OBYTES), offset_of!(libc::if_data, ifi_obytes);
            counter(IMCASTS), offset_of!(libc::if_data, ifi_imcasts);
            counter(OMCASTS), offset_of!(libc::if_data, ifi_omcasts);
            counter(IQDROPS), offset_of!(libc::if_data, ifi_iqdrops);
            counter(OQDROPS), offset_of!(libc::if_data, ifi_oqdrops);
            LAYOUT.noproto, offset_of!(libc::if_data, ifi_noproto);
        }
    }

    #[cfg(target_os = "openbsd")]
    const _: () = {
        assert!(matches!(LAYOUT.hdrlen, Some(4)));
        assert!(std::mem::offset_of!(libc::if_msghdr, ifm_hdrlen) == 4);
        assert!(matches!(LAYOUT.link_duplex, Some((5, 6))));
        assert!(libc::LINK_STATE_HALF_DUPLEX == 5 && libc::LINK_STATE_FULL_DUPLEX == 6);
    };
}

#[cfg(target_os = "macos")]
mod ifalldata {
    use std::mem::offset_of;

    use crate::parse::ifalldata::{
        BAUDRATE, COLLISIONS, DATA, FLAGS, IBYTES, IERRORS, IMCASTS, IPACKETS, IQDROPS, MTU, NAME,
        NAME_LENGTH, NOPROTO, OBYTES, OERRORS, OMCASTS, OPACKETS, ROW, SND_DROPS, TYPE,
    };
    use crate::system::bsd::reader::IFALLDATA;

    same! {
        ROW, size_of::<libc::ifmibdata>();
        NAME, offset_of!(libc::ifmibdata, ifmd_name);
        NAME_LENGTH, libc::IFNAMSIZ;
        FLAGS, offset_of!(libc::ifmibdata, ifmd_flags);
        SND_DROPS, offset_of!(libc::ifmibdata, ifmd_snd_drops);
        DATA, offset_of!(libc::ifmibdata, ifmd_data);
        TYPE, offset_of!(libc::if_data64, ifi_type);
        MTU, offset_of!(libc::if_data64, ifi_mtu);
        BAUDRATE, offset_of!(libc::if_data64, ifi_baudrate);
        IPACKETS, offset_of!(libc::if_data64, ifi_ipackets);
        IERRORS, offset_of!(libc::if_data64, ifi_ierrors);
        OPACKETS, offset_of!(libc::if_data64, ifi_opackets);
        OERRORS, offset_of!(libc::if_data64, ifi_oerrors);
        COLLISIONS, offset_of!(libc::if_data64, ifi_collisions);
        IBYTES, offset_of!(libc::if_data64, ifi_ibytes);
        OBYTES, offset_of!(libc::if_data64, ifi_obytes);
        IMCASTS, offset_of!(libc::if_data64, ifi_imcasts);
        OMCASTS, offset_of!(libc::if_data64, ifi_omcasts);
        IQDROPS, offset_of!(libc::if_data64, ifi_iqdrops);
        NOPROTO, offset_of!(libc::if_data64, ifi_noproto);
        IFALLDATA[0], libc::CTL_NET;
        IFALLDATA[1], libc::AF_LINK;
        IFALLDATA[2], libc::NETLINK_GENERIC;
        IFALLDATA[3], libc::IFMIB_IFALLDATA;
        IFALLDATA[5], libc::IFDATA_GENERAL;
    }
}
