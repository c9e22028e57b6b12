//! What metrics are written as: a format turns what a gather has selected into bytes.

pub mod influx;

use std::fmt;

use crate::model::counters::Counters;
use crate::model::interface::Interface;
use crate::model::protocol::{Groups, ProtocolStatistic};

/// The tags of a record beside its interface: words of this program, and what is told of it.
pub type Tags<'i, 't> = &'i mut (dyn Iterator<Item = (&'static str, &'t [u8])> + 'i);

/// A format of the output.
///
/// A record of an interface is written in two parts, of which the gather keeps the first as long as the
/// interface stays what it is, and both as long as nothing that it shows has changed. What a record ends
/// in is the same for all of a gather.
pub trait Format: fmt::Debug {
    /// About how many bytes the record of an idle interface takes.
    fn typical_len(&self) -> usize;

    /// Appends what a record of an interface begins with: its name, as Telegraf has it, and its tags.
    fn interface(&self, record: &mut Vec<u8>, name: &[u8], tags: Tags<'_, '_>);

    /// Appends the fields of an interface. What is not known is left out.
    fn fields(
        &self,
        record: &mut Vec<u8>,
        counters: &Counters,
        interface: &Interface,
        fields: &Fields,
    );

    /// Appends the record of protocol statistics; nothing when there are none.
    fn protocols(
        &self,
        record: &mut Vec<u8>,
        tags: Tags<'_, '_>,
        statistics: &mut dyn Iterator<Item = ProtocolStatistic<'_>>,
    );

    /// Appends what a record ends in; its time is in nanoseconds since 1970.
    fn end(&self, record: &mut Vec<u8>, timestamp_ns: i64);

    /// Lays out what the records of a gather make together, such as columns, once all are there.
    fn finish(&self, _batch: &mut Vec<u8>) {}
}

/// Which fields an interface's line has, beside the nine of `inputs.net`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are options that know nothing of each other"
)]
pub struct Fields {
    /// `influx_uint_support`, as Telegraf's influx serializer has it: counters as `123u`, which `InfluxDB` 2
    /// and later takes, rather than as `123i`, which ends at 9223372036854775807.
    pub influx_uint_support: bool,
    /// `counters = "all"`.
    pub all_counters: bool,
    /// `link_state`.
    pub link_state: bool,
    /// `rates`.
    pub rates: bool,
    /// `interface_protocols`: which statistics of its own.
    pub interface_protocols: Groups,
}
