//! The parts of `telegraf-net`, which reports network interface metrics to Telegraf.
//!
//! ```text
//! trigger --> daemon --> collector --> source --> kernel
//!                |           | filter, interface, protocol
//!                |           '--> encode
//!                '--> output
//! ```
//!
//! A [`trigger`] makes the [`daemon`] gather: the [`collector`] reads a [`source`], whose files
//! [`parse`] understands, selects by [`filter`], and has [`encode`] append a line for each
//! [`interface`] and for the [`protocol`] statistics. The daemon writes the batch to stdout by
//! [`output`]. ARCHITECTURE.md has the map and the rules between these parts.

// What these forbid is how a program panics on bytes from outside; tests may.
#![cfg_attr(
    not(test),
    warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used,)
)]

pub mod cli;
pub mod config;
pub mod daemon;
pub mod format;
pub mod gather;
pub mod log;
pub mod model;
pub mod parse;
pub mod quoted;
pub mod select;
pub mod system;
