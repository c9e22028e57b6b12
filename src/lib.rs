//! The parts of `telegraf-net`, which reports network interface metrics to Telegraf.
//!
//! ```text
//! daemon --> gather --> system --> kernel
//!              | select, model
//!              '--> format --> daemon --> stdout
//! ```
//!
//! A trigger makes the [`daemon`] [`gather`]: every network namespace of the [`system`] tells its
//! interfaces, as the [`model`] has them; the tables of the [`config`] [`select`] some; and a [`mod@format`]
//! makes records of these, which the daemon writes to stdout. [`explain`] tells people what comes of
//! that, and why. ARCHITECTURE.md has the map and the rules between these parts.

// What these forbid is how a program panics on bytes from outside; tests may.
#![cfg_attr(
    not(test),
    warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used,)
)]

pub mod cli;
pub mod config;
pub mod convert;
pub mod daemon;
pub mod explain;
pub mod format;
pub mod gather;
pub mod log;
pub mod model;
pub mod parse;
pub mod quoted;
pub mod select;
pub mod system;
pub mod telegraf_conf;
pub mod view;
