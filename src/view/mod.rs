//! What a gather has read, for people: as a table, or as a screen that follows.
//!
//! ```text
//! Collector --> snapshot --> table          --> once
//!                  |-> history --> screen   --> watch --> terminal
//! ```
//!
//! [`snapshot`] is plain data. [`table`] and [`screen`] make text of it, of a given width, by the rows and
//! columns of [`grid`] and the [`cells`] that both have; they know nothing of a terminal. [`watch`] has the
//! loop, [`keys`] what is typed meanwhile, [`notices`] what is logged, and [`terminal`] the screen that it
//! draws on. [`lines`] are what Telegraf gets, on a terminal. Whatever comes from outside goes through
//! [`text::printable`].

pub mod cells;
pub mod grid;
pub mod history;
pub mod keys;
pub mod lines;
pub mod notices;
pub mod screen;
pub mod snapshot;
pub mod style;
pub mod table;
pub mod terminal;
pub mod text;
pub mod units;
pub mod watch;

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use clap::ValueEnum;

use self::snapshot::Snapshot;
use crate::config::Config;
use crate::format::influx::Influx;
use crate::gather::Collector;
use crate::log::Log;
use crate::model::interface::Wants;
use crate::system::Host;

/// What a table is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// Bytes received and sent, or their rates
    Bytes,
    /// Packets dropped
    Drops,
    /// Errors
    Errors,
    /// The interface's name
    Name,
}

/// What a table folds into one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fold {
    /// Interfaces without traffic
    Idle,
}

/// Two readings so far apart make rates.
const GAP: Duration = Duration::from_secs(1);

/// Has sources tell what views show beside what the tables' lines have.
fn widen(config: &mut Config, rates: bool) {
    for table in &mut config.tables {
        table.view_wants = Wants {
            flags: true,
            kind: true,
            properties: true,
            labels: true,
            link_state: true,
            rates,
            ..Wants::default()
        };
    }
}

/// Gathers once, or twice where a table has rates, which takes a second more.
///
/// # Errors
///
/// Why there is nothing to report.
pub fn once<H: Host>(mut config: Config, log: Log) -> Result<Snapshot, String> {
    let has_rates = config.tables.iter().any(|table| table.fields.rates);
    widen(&mut config, has_rates);
    let mut collector = Collector::<H>::new(config, &Influx, log);
    // What a table shows is no record.
    let mut records = Vec::new();
    if collector.gather(&mut records, || false) == 0 {
        return Err(collector.why_nothing());
    }
    let (mut at, mut time) = (Instant::now(), SystemTime::now());
    if has_rates {
        thread::sleep(GAP);
        (at, time) = (Instant::now(), SystemTime::now());
        records.clear();
        collector.gather(&mut records, || false);
    }
    Ok(Snapshot::of(&mut collector, at, time))
}
