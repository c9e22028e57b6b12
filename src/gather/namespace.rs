//! One network namespace as its tables report it.

use std::time::Instant;

use super::entries::Seen;
use super::report::{Batch, Report, Reported, Shown};
use crate::config::Table;
use crate::format::Format;
use crate::log::Problems;
use crate::model::protocol::ProtocolStatistics;
use crate::select::Tally;
use crate::system::Source;

/// A network namespace: what tells of it, and what is reported.
#[derive(Debug)]
pub struct Namespace<S> {
    source: S,
    report: Report,
    /// The source's, as of the last gather that read it.
    epoch: Option<u64>,
    /// Whether the gather has it.
    is_read: bool,
}

impl<S: Source> Namespace<S> {
    /// One that nothing was read of. Its tables are still to be [added](Self::add_table).
    pub fn new(source: S, format: &'static dyn Format) -> Self {
        Self { source, report: Report::new(format), epoch: None, is_read: false }
    }

    /// Has that table, by its number in the configuration, report it. Its lines have these tags
    /// beside those of their interfaces.
    pub fn add_table(&mut self, number: usize, tags: Vec<(&'static str, Vec<u8>)>) {
        self.report.add_table(number, tags);
    }

    /// What tells of it.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// What tells of it.
    pub fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// The numbers of the tables that report it.
    pub fn tables(&self) -> impl Iterator<Item = usize> {
        self.report.tables()
    }

    /// Whether the gather has it.
    pub fn is_read(&self) -> bool {
        self.is_read
    }

    /// When this gather read its counters, by the monotonic clock, if it did.
    pub fn read_at(&self) -> Option<Instant> {
        self.source.reading().at.filter(|_| self.is_read)
    }

    /// A gather begins, which may not come to it.
    pub fn start_gather(&mut self) {
        self.is_read = false;
    }

    /// Reads the counters of its interfaces, and decides which are reported.
    pub fn read(
        &mut self,
        shared: &mut S::Shared<'_>,
        tables: &[Table],
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) {
        if self.source.read(shared, problems, hurry).is_ok() {
            self.is_read = true;
            self.choose(tables);
        }
    }

    /// Reads what else is wanted of those that are reported, as
    /// [the source does](Source::read_details).
    pub fn read_details(
        &mut self,
        shared: &mut S::Shared<'_>,
        tables: &[Table],
        deadline: Instant,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) {
        if self.is_read {
            self.source.read_details(shared, deadline, problems, hurry);
            // That may have changed their tags.
            self.choose(tables);
        }
    }

    /// Decides who is reported, where that may have changed.
    fn choose(&mut self, tables: &[Table]) {
        let Self { source, report, epoch, .. } = self;
        if epoch.replace(source.epoch()) != Some(source.epoch()) {
            report.start_anew();
        }
        if report.choose(tables, source.version(), &source.interfaces()) {
            for (place, interface) in source.interfaces_mut().enumerate() {
                interface.set_reported(report.speed_refresh(tables, place));
            }
        }
    }

    /// Appends the lines of one table: those of the interfaces, then that of the protocol statistics.
    pub fn append(
        &mut self,
        batch: &mut Batch<'_>,
        numbered: (usize, &Table),
        statistics: &ProtocolStatistics,
    ) {
        let Self { source, report, is_read, .. } = self;
        if *is_read {
            report.append_interfaces(batch, numbered, source.interfaces(), source.reading());
            report.append_protocols(batch, numbered, statistics);
        }
    }

    /// Shows what there is in this gather for each table that reports it, by the tables' numbers.
    pub(super) fn show<'a>(
        &'a self,
        statistics: &'a ProtocolStatistics,
        see: &mut impl FnMut(usize, Seen<'a>),
    ) {
        let tells_kinds = self.source.capabilities().kinds;
        for table in self.tables().filter(|_| self.is_read) {
            let interfaces = self.source.interfaces();
            interfaces.for_each(|one| see(table, Seen::Interface(one, tells_kinds)));
            statistics.iter().for_each(|one| see(table, Seen::Statistic(one)));
        }
    }

    /// Shows what a table reports of it in this gather.
    pub(super) fn show_reported<'a>(
        &'a self,
        numbered: (usize, &'a Table),
        statistics: &'a ProtocolStatistics,
        see: &mut impl FnMut(Reported<'a>),
    ) {
        if self.is_read {
            let Self { source, report, .. } = self;
            report.show(numbered, source.interfaces(), source.reading(), statistics, see);
        }
    }

    /// Shows all that a table could report of it in this gather, and what it makes of that.
    pub fn show_all<'a>(
        &'a self,
        numbered: (usize, &'a Table),
        statistics: &'a ProtocolStatistics,
        see: &mut dyn FnMut(Shown<'a>),
    ) {
        if self.is_read {
            let Self { source, report, .. } = self;
            report.show_all(numbered, source.interfaces(), source.reading(), statistics, see);
        }
    }

    /// Counts what its tables make of its interfaces.
    pub fn count(&self, tally: &mut Tally) {
        if self.is_read {
            self.report.count(tally);
        }
    }
}
