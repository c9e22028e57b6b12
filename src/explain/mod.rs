//! `--explain` and `--check`: what is reported here and why, for people, and whether the configuration, and
//! Telegraf's, do what they are for.
//!
//! [`facts`] asks a collector, once, for all that these say, and makes plain data of it; [`cost`] measures
//! what options take. From these, [`screen`] makes the text of `--explain`, and [`check`] the lines of
//! `--check`. [`telegraf_conf`](crate::telegraf_conf) reads Telegraf's configuration, and [`block`] says what is wrong with its
//! blocks for this plugin, `execd_options` what Telegraf does not start with, and `filters` what theirs take away. Whatever an entry matches, and which interface is reported, comes from the same
//! code that reports: [`EntryOf`](crate::gather::entries::EntryOf), [`Selection`](crate::select::Selection).

mod agent;
pub mod block;
pub mod check;
pub mod cost;
mod execd_options;
pub mod facts;
mod filters;
pub mod screen;
pub mod telegraf_files;

use std::fmt;

use crate::log;

/// Bytes from outside as a screen shows them: on one line, and harmless to a terminal; bytes that are no
/// UTF-8 become U+FFFD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain<'a>(pub &'a [u8]);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&log::escaped(&String::from_utf8_lossy(self.0)))
    }
}

/// A number of things: `1 line`, `2 lines`.
fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
