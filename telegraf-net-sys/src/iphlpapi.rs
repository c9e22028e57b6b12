//! What `iphlpapi` tells of network adapters.
//!
//! Not by `GetIfTable2`, which lists a card once more for every filter driver that is bound to it.

use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_BUFFER_OVERFLOW, ERROR_FILE_NOT_FOUND, ERROR_NO_DATA, ERROR_NOT_FOUND, ERROR_SUCCESS,
    WIN32_ERROR,
};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GAA_FLAG_SKIP_ANYCAST, GAA_FLAG_SKIP_DNS_SERVER, GAA_FLAG_SKIP_MULTICAST,
    GAA_FLAG_SKIP_UNICAST, GetAdaptersAddresses, GetIfEntry2, IP_ADAPTER_ADDRESSES_LH, MIB_IF_ROW2,
};
use windows_sys::Win32::NetworkManagement::Ndis::NET_LUID_LH;
use windows_sys::Win32::Networking::WinSock::AF_UNSPEC;

/// Addresses are not asked for: all adapters are listed without them as well.
const FLAGS: u32 = GAA_FLAG_SKIP_UNICAST
    | GAA_FLAG_SKIP_ANYCAST
    | GAA_FLAG_SKIP_MULTICAST
    | GAA_FLAG_SKIP_DNS_SERVER;

/// How often the list is asked for: it may have grown since its size was told.
const TRIES: usize = 8;

/// The room for the first try, in bytes, as Microsoft recommends.
const FIRST_SIZE: usize = 15_000;

/// The most room that is given, in bytes: an adapter takes 1 to 2 KiB.
const MAX_SIZE: usize = 64 << 20;

/// The longest name of an adapter, in 16-bit units (`IF_MAX_STRING_SIZE`).
const MAX_NAME: usize = 256;

/// An adapter, with the numbers that `ipifcons.h` and `ifdef.h` have for kinds and states.
#[derive(Debug)]
pub struct Adapter {
    /// Its name, as `ipconfig` and the control panel show it (`FriendlyName`).
    pub name: String,
    /// Its number: of IPv4, or where it has that not, of IPv6.
    pub ifindex: u32,
    /// `IfType`, `IF_TYPE_*`.
    pub kind: u32,
    /// `OperStatus`, 1 for up.
    pub oper_status: i32,
    /// What else is told of it, and its counters.
    pub entry: io::Result<Entry>,
}

/// What `MIB_IF_ROW2` has of an adapter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the names of the structure, but for their case")]
pub struct Entry {
    pub physical_address: Vec<u8>,
    pub mtu: u32,
    /// 1 for up, 2 for down, 3 for testing.
    pub admin_status: i32,
    /// 0 for unknown, 1 for connected, 2 for disconnected.
    pub media_connect_state: i32,
    pub hardware_interface: bool,
    /// In bits per second; all ones where it is not known.
    pub transmit_link_speed: u64,
    pub in_octets: u64,
    pub in_ucast_pkts: u64,
    pub in_nucast_pkts: u64,
    pub in_discards: u64,
    pub in_errors: u64,
    pub in_unknown_protos: u64,
    pub out_octets: u64,
    pub out_ucast_pkts: u64,
    pub out_nucast_pkts: u64,
    pub out_discards: u64,
    pub out_errors: u64,
}

/// The adapters of this moment, in the system's order. One that vanishes meanwhile is left out.
///
/// # Errors
///
/// Those of `GetAdaptersAddresses`, and [`io::ErrorKind::FileTooLarge`] for a list that does not fit
/// into 64 MiB, or that keeps growing faster than it can be read.
pub fn adapters() -> io::Result<Vec<Adapter>> {
    // Of this, the room is aligned as the structures need it.
    const UNIT: usize = size_of::<u64>();
    const _: () = assert!(align_of::<IP_ADAPTER_ADDRESSES_LH>() <= align_of::<u64>());
    let mut room = vec![0_u64; FIRST_SIZE / UNIT];
    for _ in 0..TRIES {
        let mut size = u32::try_from(room.len() * UNIT).unwrap_or(u32::MAX);
        let first = room.as_mut_ptr().cast::<IP_ADAPTER_ADDRESSES_LH>();
        // SAFETY: at `first`, there are at least `size` bytes that can be written, and no more are. The
        // reserved pointer is null, as it has to be.
        let status = unsafe {
            GetAdaptersAddresses(AF_UNSPEC.into(), FLAGS, ptr::null(), first, &raw mut size)
        };
        match status {
            // SAFETY: the call has made a list of what lies at `first`. All that its pointers lead to lies
            // in `room` as well, which nobody changes meanwhile.
            ERROR_SUCCESS => return Ok(unsafe { read(first, entry) }),
            ERROR_NO_DATA => return Ok(Vec::new()),
            ERROR_BUFFER_OVERFLOW => {
                // Adapters may come in between.
                let wanted = (room.len() * UNIT).max(size as usize).saturating_mul(2);
                if wanted > MAX_SIZE {
                    break;
                }
                room.resize(wanted.div_ceil(UNIT), 0);
            }
            error => return Err(error_of(error)),
        }
    }
    Err(io::ErrorKind::FileTooLarge.into())
}

/// Reads a list, and asks for the entry of each adapter in it. One that has none has vanished.
///
/// # Safety
///
/// The list must be one of `GetAdaptersAddresses`, at whose end `Next` is null, with all that it points to.
unsafe fn read(
    first: *const IP_ADAPTER_ADDRESSES_LH,
    entry: impl Fn(NET_LUID_LH, u32) -> Option<io::Result<Entry>>,
) -> Vec<Adapter> {
    let mut adapters = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: this is the first of the list, or what another one of it calls the next.
        let adapter = unsafe { &*next };
        next = adapter.Next;
        // SAFETY: all that this union can hold is numbers, and any bits are some.
        let ipv4 = unsafe { adapter.Anonymous1.Anonymous };
        let ifindex = if ipv4.IfIndex == 0 { adapter.Ipv6IfIndex } else { ipv4.IfIndex };
        let Some(entry) = entry(adapter.Luid, ifindex) else { continue };
        adapters.push(Adapter {
            // SAFETY: the list has the name too, and a NUL at its end.
            name: unsafe { text(adapter.FriendlyName) },
            ifindex,
            kind: adapter.IfType,
            oper_status: adapter.OperStatus,
            entry,
        });
    }
    adapters
}

/// What `GetIfEntry2` tells of an adapter; `None` when that has vanished.
fn entry(luid: NET_LUID_LH, ifindex: u32) -> Option<io::Result<Entry>> {
    let mut row =
        MIB_IF_ROW2 { InterfaceLuid: luid, InterfaceIndex: ifindex, ..MIB_IF_ROW2::default() };
    // SAFETY: the row can be written, and says whose it is to be.
    let status = unsafe { GetIfEntry2(&raw mut row) };
    match status {
        ERROR_SUCCESS => Some(Ok(Entry::from(&row))),
        ERROR_FILE_NOT_FOUND | ERROR_NOT_FOUND => None,
        error => Some(Err(error_of(error))),
    }
}

impl From<&MIB_IF_ROW2> for Entry {
    fn from(row: &MIB_IF_ROW2) -> Self {
        /// `HardwareInterface`, the first bit of its byte.
        const HARDWARE_INTERFACE: u8 = 1;
        let address = row.PhysicalAddress.iter().take(row.PhysicalAddressLength as usize);
        let flags = row.InterfaceAndOperStatusFlags._bitfield;
        Self {
            physical_address: address.copied().collect(),
            mtu: row.Mtu,
            admin_status: row.AdminStatus,
            media_connect_state: row.MediaConnectState,
            hardware_interface: flags & HARDWARE_INTERFACE != 0,
            transmit_link_speed: row.TransmitLinkSpeed,
            in_octets: row.InOctets,
            in_ucast_pkts: row.InUcastPkts,
            in_nucast_pkts: row.InNUcastPkts,
            in_discards: row.InDiscards,
            in_errors: row.InErrors,
            in_unknown_protos: row.InUnknownProtos,
            out_octets: row.OutOctets,
            out_ucast_pkts: row.OutUcastPkts,
            out_nucast_pkts: row.OutNUcastPkts,
            out_discards: row.OutDiscards,
            out_errors: row.OutErrors,
        }
    }
}

/// A text of UTF-16, with a mark for what is none in it.
///
/// # Safety
///
/// It must have a NUL at its end, or be null itself.
unsafe fn text(utf16: *const u16) -> String {
    let unit = |place: usize| {
        // SAFETY: it is not null, and no place before this one has the NUL.
        unsafe { utf16.wrapping_add(place).read() }
    };
    let length = if utf16.is_null() { 0 } else { MAX_NAME };
    let units: Vec<_> = (0..length).map(unit).take_while(|&unit| unit != 0).collect();
    String::from_utf16_lossy(&units)
}

fn error_of(status: WIN32_ERROR) -> io::Error {
    io::Error::from_raw_os_error(status.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_that_vanishes_costs_itself_alone() -> io::Result<()> {
        const ACCESS_DENIED: WIN32_ERROR = 5;
        let mut names = [(1, "Ethernet"), (2, "gone"), (3, "WLAN")]
            .map(|(number, name)| (number, name.encode_utf16().chain([0]).collect::<Vec<_>>()));
        let mut next = ptr::null_mut();
        let mut list = [(); 3].map(|()| Box::new(IP_ADAPTER_ADDRESSES_LH::default()));
        for (adapter, (number, name)) in list.iter_mut().zip(&mut names).rev() {
            adapter.Anonymous1.Anonymous.IfIndex = if *number == 3 { 0 } else { *number };
            adapter.Ipv6IfIndex = *number;
            adapter.FriendlyName = name.as_mut_ptr();
            adapter.Next = next;
            next = &raw mut **adapter;
        }
        let told = |of_the_last: fn() -> io::Result<Entry>| {
            let entry = |_, ifindex| match ifindex {
                2 => None,
                3 => Some(of_the_last()),
                _ => Some(Ok(Entry { mtu: ifindex, ..Entry::default() })),
            };
            // SAFETY: the list is as the system makes them, and nobody changes it or its names.
            let adapters = unsafe { read(next, entry) };
            adapters.into_iter().map(|one| (one.name, one.entry.map(|entry| entry.mtu)))
        };
        let whole = told(|| Ok(Entry { mtu: 3, ..Entry::default() }));
        let whole = whole.map(|(name, mtu)| Ok((name, mtu?))).collect::<io::Result<Vec<_>>>()?;
        assert_eq!(whole, [("Ethernet".to_owned(), 1), ("WLAN".to_owned(), 3)]);
        // One that cannot be read is told of with the reason.
        let names = told(|| Err(error_of(ACCESS_DENIED))).map(|(name, mtu)| (name, mtu.is_ok()));
        let expected = [("Ethernet".to_owned(), true), ("WLAN".to_owned(), false)];
        assert_eq!(names.collect::<Vec<_>>(), expected);
        Ok(())
    }

    #[test]
    fn an_adapter_that_is_not_there_has_no_entry() -> io::Result<()> {
        let entry_of = |ifindex| entry(NET_LUID_LH { Value: 0 }, ifindex).transpose();
        assert_eq!(entry_of(u32::MAX >> 1)?, None);
        for Adapter { ifindex, entry, .. } in adapters()? {
            let (found, expected) = (entry_of(ifindex)?, entry?);
            assert_eq!(found.map(|entry| entry.physical_address), Some(expected.physical_address));
        }
        Ok(())
    }
}
