//! How the interfaces of a system are read: by `sysctl(3)`, or else by the program `netstat`.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::time::Instant;

use crate::config::SourceOption;
use crate::config::systems::System;
use crate::log::{Level, Problems};
use crate::model::interface::Wants;
use crate::model::link::{Flags, LinkModes, LinkState, SPEED_UNKNOWN};
use crate::model::properties::{Properties, mac};
use crate::parse::if_types;
use crate::parse::ifalldata::{self, IfData, IfalldataError};
use crate::parse::net_rt_iflist::{
    FREEBSD, IfInfo, IflistError, IflistReason, Layout, NETBSD, OPENBSD, if_infos,
};
use crate::system::Capabilities;
use crate::system::polled::{NotRead, Reader, Row};

use super::netstat::{Netstat, Programs};

/// `{CTL_NET, PF_ROUTE, 0, 0, NET_RT_IFLIST, 0}`, which is the same on FreeBSD and OpenBSD.
pub(crate) const IFLIST: [i32; 6] = [4, 17, 0, 0, 3, 0];

/// The same on NetBSD.
pub(crate) const IFLIST_NETBSD: [i32; 6] = [4, 34, 0, 0, 6, 0];

/// `net.link.generic.ifalldata` of macOS: `{CTL_NET, PF_LINK, NETLINK_GENERIC, IFMIB_IFALLDATA, 0,
/// IFDATA_GENERAL}`.
pub(crate) const IFALLDATA: [i32; 6] = [4, 18, 0, 3, 0, 1];

/// What a system itself has to be asked for.
pub trait Platform: fmt::Debug {
    /// Which one it is.
    fn system() -> System;

    /// Where its programs lie.
    fn programs() -> Programs;

    /// Replaces the bytes by the value of the variable that has these numbers.
    ///
    /// # Errors
    ///
    /// Those of `sysctl(3)`.
    fn sysctl(mib: &[i32], table: &mut Vec<u8>) -> io::Result<()>;

    /// How many packets an interface of that name has dropped on transmit, where nothing else tells; `None`
    /// where this does not either.
    fn queue_drops(interface: &[u8]) -> Option<u64>;
}

/// Reads the interfaces of a system.
#[derive(Debug)]
pub struct BsdReader<P> {
    platform: PhantomData<P>,
    source: SourceOption,
    netstat: Netstat,
    /// The kernel's table, to be used again.
    table: Vec<u8>,
    /// Whether the last reading was by netstat, which tells no kinds.
    is_by_netstat: bool,
}

/// Why the kernel's table tells nothing.
#[derive(Debug)]
enum SysctlError {
    /// It cannot be had.
    Call(io::Error),
    /// It is none that this program knows.
    Iflist(IflistError),
    /// The same on macOS.
    Ifalldata(IfalldataError),
}

impl fmt::Display for SysctlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Iflist(error) => error.fmt(f),
            Self::Ifalldata(error) => error.fmt(f),
        }
    }
}

impl<P: Platform> Reader for BsdReader<P> {
    fn open(source: SourceOption) -> Self {
        Self {
            platform: PhantomData,
            source,
            netstat: Netstat::new(P::system(), P::programs()),
            table: Vec::new(),
            is_by_netstat: source == SourceOption::Netstat,
        }
    }

    fn name(&self) -> String {
        let table = match P::system() {
            System::MacOs => "sysctl net.link.generic.ifalldata",
            _ => "sysctl NET_RT_IFLIST",
        };
        match self.source {
            SourceOption::Netstat => self.netstat.path().display().to_string(),
            SourceOption::Sysctl => table.to_owned(),
            _ => format!("{table}, or else {}", self.netstat.path().display()),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { kinds: !self.is_by_netstat }
    }

    fn read(
        &mut self,
        wants: Wants,
        began: Instant,
        rows: &mut Vec<Row>,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) -> Result<(), NotRead> {
        // What fails by one source may do by another.
        let key = |way| format!("{} {way}", self.source.name());
        let (sysctl_key, netstat_key) = (key("sysctl"), key("netstat"));
        if self.source != SourceOption::Netstat {
            self.is_by_netstat = false;
            let Err(error) = self.read_sysctl(wants, rows, problems) else { return Ok(()) };
            rows.clear();
            if self.source == SourceOption::Sysctl {
                let message = format_args!(
                    "cannot read interfaces by sysctl: {error}: source = \"netstat\" is the other way"
                );
                problems.report(&sysctl_key, Level::Error, message);
                return Err(NotRead);
            }
            let message = format_args!(
                "cannot read interfaces by sysctl: {error}: reading them by netstat meanwhile, which \
                 tells no speed, kind and carrier"
            );
            problems.report(&sysctl_key, Level::Warn, message);
        }
        self.is_by_netstat = true;
        self.netstat.read(began, rows, problems, hurry).map_err(|error| {
            if error.is_hurry() {
                problems.keep();
            } else {
                let message = format_args!("cannot read interfaces by netstat: {error}");
                problems.report(&netstat_key, Level::Error, message);
            }
            NotRead
        })
    }
}

impl<P: Platform> BsdReader<P> {
    fn read_sysctl(
        &mut self,
        wants: Wants,
        rows: &mut Vec<Row>,
        problems: &mut Problems,
    ) -> Result<(), SysctlError> {
        let layout = match P::system() {
            System::MacOs => return self.read_ifalldata(wants, rows),
            System::OpenBsd => (&OPENBSD, &IFLIST),
            System::NetBsd => (&NETBSD, &IFLIST_NETBSD),
            _ => (&FREEBSD, &IFLIST),
        };
        self.read_iflist(layout, wants, rows, problems)
    }

    fn read_iflist(
        &mut self,
        (layout, mib): (&Layout, &[i32; 6]),
        wants: Wants,
        rows: &mut Vec<Row>,
        problems: &mut Problems,
    ) -> Result<(), SysctlError> {
        P::sysctl(mib, &mut self.table).map_err(SysctlError::Call)?;
        let mut errors = Vec::new();
        if_infos(&self.table, layout, |info| match info {
            Ok(info) => rows.push(Self::row_of_info(wants, &info)),
            Err(error) => errors.push(error),
        });
        let Some(&first) = errors.first() else { return Ok(()) };
        // Without a length that makes sense, nothing is known of what follows.
        let is_other = |error: &IflistError| {
            matches!(error.reason, IflistReason::Version { .. } | IflistReason::Length(_))
        };
        if let Some(&error) = errors.iter().find(|error| is_other(error)) {
            return Err(SysctlError::Iflist(error));
        }
        if rows.is_empty() {
            return Err(SysctlError::Iflist(first));
        }
        let message =
            format_args!("{first} ({} such messages): the others are reported", errors.len());
        problems.report("NET_RT_IFLIST", Level::Error, message);
        Ok(())
    }

    fn read_ifalldata(&mut self, wants: Wants, rows: &mut Vec<Row>) -> Result<(), SysctlError> {
        P::sysctl(&IFALLDATA, &mut self.table).map_err(SysctlError::Call)?;
        let found = ifalldata::rows(&self.table).map_err(SysctlError::Ifalldata)?;
        rows.extend(found.map(|data| row_of_data(wants, &data)));
        Ok(())
    }

    fn row_of_info(wants: Wants, info: &IfInfo<'_>) -> Row {
        let flags = Flags(info.flags);
        let mut counters = info.counters;
        let queue_drops = info.lacks_drop_out.then(|| P::queue_drops(info.name)).flatten();
        counters.drop_out = queue_drops.unwrap_or(counters.drop_out);
        Row {
            ifindex: info.ifindex,
            name: info.name.into(),
            flags: Some(flags),
            counters,
            lacks_drop_out: info.lacks_drop_out && queue_drops.is_none(),
            link_modes: LinkModes {
                speed_mbits: speed_mbits(info.baudrate, flags, info.carrier),
                duplex: info.duplex,
            },
            more: info.more,
            state: LinkState {
                ifindex: Some(info.ifindex),
                flags: Some(flags),
                // As on Linux, it is told while the interface is up.
                carrier: info.carrier.filter(|_| flags.is_up()),
                mtu: Some(info.mtu),
                ..LinkState::default()
            },
            properties: properties(wants, if_types::kind(P::system(), info.kind), info.address),
        }
    }
}

fn row_of_data(wants: Wants, data: &IfData<'_>) -> Row {
    let flags = Flags(data.flags);
    Row {
        // It is not told there.
        ifindex: 0,
        name: data.name.into(),
        flags: Some(flags),
        counters: data.counters,
        lacks_drop_out: false,
        link_modes: LinkModes {
            speed_mbits: speed_mbits(data.baudrate, flags, None),
            duplex: None,
        },
        more: data.more,
        state: LinkState { flags: Some(flags), mtu: Some(data.mtu), ..LinkState::default() },
        properties: properties(wants, if_types::kind(System::MacOs, data.kind), &[]),
    }
}

/// The speed in Mbit/s, where there is one: what loopbacks tell is none, and what an interface without a
/// carrier tells is left from before.
fn speed_mbits(baudrate: u64, flags: Flags, carrier: Option<bool>) -> i64 {
    let is_told = flags.is_up() && !flags.is_loopback() && carrier != Some(false);
    match i64::try_from(baudrate / 1_000_000) {
        Ok(speed_mbits @ 1..) if is_told => speed_mbits,
        _ => SPEED_UNKNOWN,
    }
}

fn properties(wants: Wants, kind: &str, address: &[u8]) -> Properties {
    let mut properties = Properties::default();
    if wants.kind || wants.properties {
        properties.kind = kind.as_bytes().into();
    }
    if wants.properties {
        properties.mac = mac(address);
    }
    properties
}
