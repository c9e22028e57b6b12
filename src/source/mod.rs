//! The rooms that touch a kernel, siblings that know nothing of each other, of the configuration
//! file's format or of the encoder.
//!
//! What the collector asks of one: read the counters of all interfaces at one moment, then, for
//! those that are reported, the flags and the speed. [`procfs`] is the way by `/proc` and `/sys`.

pub mod procfs;
