//! What is known of interfaces and protocols: plain data, which knows nothing of where it is from or
//! where it goes.

pub mod counters;
pub mod interface;
pub mod interface_protocols;
pub mod link;
pub mod properties;
pub mod protocol;
pub mod rates;

/// What a field counts or tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Packets, or frames.
    Packets,
    /// How often something happened.
    Count,
    /// Something's number.
    Number,
    /// 1 or 0.
    YesNo,
    /// A word.
    Word,
}
