//! What touches a system: its interfaces, its files, its streams.

pub mod linux;
pub mod unix;
