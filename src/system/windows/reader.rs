//! The network adapters of Windows, as Telegraf has them: by `GetAdaptersAddresses`, and `GetIfEntry2` for
//! each. Their friendly names are their tags.

use std::time::Instant;

use telegraf_net_sys::iphlpapi::{Adapter, Entry, adapters};

use crate::config::SourceOption;
use crate::config::systems::System;
use crate::log::{Level, Problems};
use crate::model::counters::{Counters, MoreCounters};
use crate::model::interface::Wants;
use crate::model::link::{Flags, LinkModes, LinkState, Operstate, SPEED_UNKNOWN, is_known_speed};
use crate::model::properties::{Properties, mac};
use crate::parse::if_types;
use crate::quoted::Quoted;
use crate::system::Capabilities;
use crate::system::polled::{NotRead, Reader, Row};

/// `IF_TYPE_SOFTWARE_LOOPBACK` (`ipifcons.h`).
const LOOPBACK: u32 = 24;

/// `IfOperStatusUp` and `NET_IF_ADMIN_STATUS_UP`.
const UP: i32 = 1;

/// `NET_IF_ADMIN_STATUS_TESTING`.
const TESTING: i32 = 3;

/// Asks Windows for all adapters.
#[derive(Debug)]
pub struct AdapterReader;

impl Reader for AdapterReader {
    fn open(_source: SourceOption) -> Self {
        Self
    }

    fn name(&self) -> String {
        "GetIfEntry2".into()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { kinds: true }
    }

    fn read(
        &mut self,
        wants: Wants,
        _began: Instant,
        rows: &mut Vec<Row>,
        problems: &mut Problems,
        _hurry: &mut dyn FnMut() -> bool,
    ) -> Result<(), NotRead> {
        let adapters = adapters().map_err(|error| {
            let message = format_args!("cannot list the network adapters: {error}");
            problems.report("adapters", Level::Error, message);
            NotRead
        })?;
        for adapter in &adapters {
            match &adapter.entry {
                Ok(entry) => rows.push(row(adapter, entry, wants)),
                Err(error) => {
                    let key = format!("adapter {}", adapter.name);
                    let name = Quoted(adapter.name.as_bytes());
                    let message = format_args!("cannot read the counters of {name}: {error}");
                    problems.report(&key, Level::Error, message);
                }
            }
        }
        Ok(())
    }
}

/// The row of an adapter. Telegraf goes by the state that it is in, not by the one that it shall be in.
fn row(adapter: &Adapter, entry: &Entry, wants: Wants) -> Row {
    let is_up = adapter.oper_status == UP;
    let is_admin_up = entry.admin_status == UP;
    let is_loopback = adapter.kind == LOOPBACK;
    Row {
        ifindex: adapter.ifindex,
        name: adapter.name.as_bytes().into(),
        flags: Some(Flags::of(is_up, is_loopback)),
        counters: Counters {
            bytes_sent: entry.out_octets,
            bytes_recv: entry.in_octets,
            packets_sent: entry.out_ucast_pkts,
            packets_recv: entry.in_ucast_pkts,
            err_in: entry.in_errors,
            err_out: entry.out_errors,
            drop_in: entry.in_discards,
            drop_out: entry.out_discards,
        },
        lacks_drop_out: false,
        link_modes: LinkModes {
            speed_mbits: if is_up { speed_mbits(entry) } else { SPEED_UNKNOWN },
            duplex: None,
        },
        more: MoreCounters {
            nonunicast_in: Some(entry.in_nucast_pkts),
            nonunicast_out: Some(entry.out_nucast_pkts),
            noproto_in: Some(entry.in_unknown_protos),
            ..MoreCounters::default()
        },
        state: LinkState {
            ifindex: Some(adapter.ifindex),
            flags: Some(Flags::of(is_admin_up, is_loopback)),
            is_admin_testing: entry.admin_status == TESTING,
            carrier: match entry.media_connect_state {
                1 if is_admin_up => Some(true),
                2 if is_admin_up => Some(false),
                _ => None,
            },
            operstate: operstate(adapter),
            // A loopback has no largest packet.
            mtu: Some(entry.mtu).filter(|&mtu| mtu != u32::MAX),
            ..LinkState::default()
        },
        properties: if wants.kind || wants.properties {
            properties(adapter, entry)
        } else {
            Properties::default()
        },
    }
}

/// What it sends at; where it receives at another speed, as by radio, that is as good a guess.
fn speed_mbits(entry: &Entry) -> i64 {
    let told = Some(entry.transmit_link_speed).filter(|&speed| speed != u64::MAX);
    let mbits = told.and_then(|speed| i64::try_from(speed / 1_000_000).ok());
    mbits.filter(|&mbits| is_known_speed(mbits)).unwrap_or(SPEED_UNKNOWN)
}

fn properties(adapter: &Adapter, entry: &Entry) -> Properties {
    let kind = u8::try_from(adapter.kind).ok().map(|kind| if_types::kind(System::Windows, kind));
    Properties {
        mac: mac(&entry.physical_address),
        kind: kind.unwrap_or_default().as_bytes().into(),
        is_physical: Some(entry.hardware_interface),
        ..Properties::default()
    }
}

/// `IF_OPER_STATUS` has the numbers of the IF-MIB.
fn operstate(adapter: &Adapter) -> Option<Operstate> {
    let status = u32::try_from(adapter.oper_status).ok()?;
    Operstate::ALL.into_iter().find(|state| state.if_mib() == status)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::log::Log;
    use crate::log::tests::take_records;

    const ALL: Wants = Wants {
        flags: true,
        kind: true,
        properties: true,
        labels: true,
        link_state: true,
        all_counters: true,
        rates: true,
        interface_protocols: crate::model::protocol::Groups::NONE,
    };

    fn adapter() -> Adapter {
        let error = io::Error::from(io::ErrorKind::Other);
        Adapter {
            name: "Ethernet 2".into(),
            ifindex: 7,
            kind: 6,
            oper_status: UP,
            entry: Err(error),
        }
    }

    fn entry() -> Entry {
        Entry {
            physical_address: vec![2, 0, 0, 0, 0, 0xab],
            mtu: 1500,
            admin_status: 1,
            media_connect_state: 1,
            hardware_interface: true,
            transmit_link_speed: 2_500_000_000,
            in_octets: 1,
            in_ucast_pkts: 2,
            in_nucast_pkts: 3,
            in_discards: 4,
            in_errors: 5,
            in_unknown_protos: 6,
            out_octets: 7,
            out_ucast_pkts: 8,
            out_nucast_pkts: 9,
            out_discards: 10,
            out_errors: 11,
        }
    }

    #[test]
    fn every_counter_comes_from_its_own_place_and_packets_are_unicast() {
        let row = row(&adapter(), &entry(), ALL);
        assert_eq!(row.name.as_slice(), b"Ethernet 2");
        let expected = Counters {
            bytes_sent: 7,
            bytes_recv: 1,
            packets_sent: 8,
            packets_recv: 2,
            err_in: 5,
            err_out: 11,
            drop_in: 4,
            drop_out: 10,
        };
        assert_eq!(row.counters, expected);
        let expected = MoreCounters {
            nonunicast_in: Some(3),
            nonunicast_out: Some(9),
            noproto_in: Some(6),
            ..MoreCounters::default()
        };
        assert_eq!(row.more, expected);
    }

    #[test]
    fn it_is_up_when_it_operates_and_a_loopback_by_its_kind() {
        for (oper_status, kind, is_up, is_loopback) in [
            (1, 6, true, false),
            (2, 6, false, false),
            (5, 24, false, true),
            (0, 131, false, false),
        ] {
            let adapter = Adapter { oper_status, kind, ..adapter() };
            let flags = row(&adapter, &entry(), ALL).flags.unwrap();
            assert_eq!((flags.is_up(), flags.is_loopback()), (is_up, is_loopback), "{adapter:?}");
        }
    }

    #[test]
    fn a_speed_is_told_in_megabits_of_an_adapter_that_is_up() {
        for (bits, mbits) in [
            (2_500_000_000, 2500),
            (1_000_000, 1),
            (400_000_000_000, 400_000),
            (999_999, -1),
            (0, -1),
            (u64::MAX, -1),
        ] {
            let entry = Entry { transmit_link_speed: bits, ..entry() };
            let speed = |adapter| row(&adapter, &entry, ALL).link_modes.speed_mbits;
            assert_eq!(speed(adapter()), mbits, "{bits}");
            assert_eq!(speed(Adapter { oper_status: 2, ..adapter() }), -1, "{bits}");
        }
    }

    #[test]
    fn the_state_of_a_link_is_what_windows_tells_and_nothing_else() {
        let state = |adapter: &Adapter, entry: &Entry| row(adapter, entry, ALL).state;
        let expected = LinkState {
            ifindex: Some(7),
            flags: Some(Flags::of(true, false)),
            carrier: Some(true),
            operstate: Some(Operstate::Up),
            mtu: Some(1500),
            ..LinkState::default()
        };
        assert_eq!(state(&adapter(), &entry()), expected);
        for (media_connect_state, admin_status, carrier) in
            [(0, 1, None), (2, 1, Some(false)), (3, 1, None), (1, 2, None), (2, 3, None)]
        {
            let entry = Entry { media_connect_state, admin_status, ..entry() };
            let state = state(&adapter(), &entry);
            assert_eq!(state.carrier, carrier, "{entry:?}");
            assert_eq!(state.flags.unwrap().is_up(), admin_status == 1, "{entry:?}");
            assert_eq!(state.is_admin_testing, admin_status == 3, "{entry:?}");
        }
        let unlimited = Entry { mtu: u32::MAX, ..entry() };
        assert_eq!(state(&adapter(), &unlimited).mtu, None);
        let states: Vec<_> = (0..=8)
            .map(|oper_status| state(&Adapter { oper_status, ..adapter() }, &entry()).operstate)
            .collect();
        assert_eq!((states[0], states[6], states[8]), (None, Some(Operstate::NotPresent), None));
        let states: Vec<_> = states.into_iter().flatten().collect();
        assert!(Operstate::ALL.iter().all(|state| states.contains(state)), "{states:?}");
    }

    #[test]
    fn a_kind_has_the_word_of_other_systems_and_an_address_is_hexadecimal() {
        let properties = |kind, physical_address: &[u8]| {
            let entry = Entry { physical_address: physical_address.to_vec(), ..entry() };
            row(&Adapter { kind, ..adapter() }, &entry, ALL).properties
        };
        let of = |kind, address| {
            let Properties { kind, mac, .. } = properties(kind, address);
            (String::from_utf8(kind.into()).unwrap(), String::from_utf8(mac.into()).unwrap())
        };
        let text = |kind: &str, mac: &str| (kind.to_owned(), mac.to_owned());
        assert_eq!(of(71, &[2, 0, 0, 0, 0, 0xab]), text("wlan", "02:00:00:00:00:ab"));
        assert_eq!(of(131, &[]), text("tunnel", ""));
        assert_eq!(of(6, &[0; 6]), text("ether", ""));
        assert_eq!(of(259, &[]), text("", ""));
        assert_eq!(properties(6, &[]).is_physical, Some(true));
        // Nobody asks for them, mostly.
        let nothing = row(&adapter(), &entry(), Wants::default()).properties;
        assert_eq!(nothing, Properties::default());
    }

    #[test]
    fn the_adapters_of_this_machine_can_be_read() {
        let (mut rows, mut problems) = (Vec::new(), Problems::new(Log { debug: false }));
        AdapterReader.read(ALL, Instant::now(), &mut rows, &mut problems, &mut || false).unwrap();
        assert_eq!(take_records(), "");
        assert!(rows.iter().all(|row| !row.name.is_empty() && row.ifindex > 0), "{rows:?}");
        assert!(rows.iter().any(|row| row.flags.unwrap().is_loopback()), "{rows:?}");
    }
}
