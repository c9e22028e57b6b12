//! What an interface is, as its tags tell.

/// What an interface is: what tags and filters by kind go by. What is empty or `None` it does not
/// have, or the source does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// What the operator wrote into its `ifalias`.
    pub alias: Box<[u8]>,
    /// Its alternative names, separated by commas.
    pub altname: Box<[u8]>,
    /// Its link-layer address in hexadecimal, `02:00:00:00:00:01`.
    pub mac: Box<[u8]>,
    /// The kind that it was made as, `veth`, `bridge`; most physical ones have none.
    pub kind: Box<[u8]>,
    /// The name of the bridge, bond, team or VRF that it is a port of.
    pub master: Box<[u8]>,
    /// The name of the interface that it lies upon, as a VLAN does.
    pub lower: Box<[u8]>,
    /// The other end of a pair that it belongs to, as a veth does.
    pub peer: Option<Peer>,
    /// The name of its device's driver, `virtio_net`.
    pub driver: Box<[u8]>,
    /// Whether it is a device on a bus, such as PCI, and not made by software.
    pub is_physical: Option<bool>,
}

/// The other end of a pair of interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The kernel's number of it, in its own network namespace.
    pub ifindex: u32,
    /// The number by which the interface's own network namespace names that one, where it is another;
    /// below zero where it has none.
    pub elsewhere: Option<i32>,
}

/// A link-layer address in hexadecimal; empty when it is none.
#[must_use]
pub fn mac(address: &[u8]) -> Box<[u8]> {
    let bytes: Vec<_> = address.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = bytes.join(":").into_bytes();
    if is_address(&text) { text.into() } else { Box::default() }
}

/// Whether a text of hexadecimal bytes is a link-layer address: a loopback has one of zeros alone, and
/// a tunnel may have none.
#[must_use]
pub fn is_address(text: &[u8]) -> bool {
    let is_hexadecimal = text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b':');
    is_hexadecimal && text.iter().any(|byte| !matches!(byte, b'0' | b':'))
}
