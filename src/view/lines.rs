//! Line protocol on a terminal: shown and never obeyed.

use super::text::{Charset, printable};
use crate::format::influx::Influx;
use crate::format::{Fields, Format, Tags};
use crate::model::counters::Counters;
use crate::model::interface::Interface;
use crate::model::protocol::ProtocolStatistic;

/// [`Influx`] in these characters, for people.
#[derive(Debug, Clone, Copy)]
pub struct Lines(pub Charset);

impl Format for Lines {
    fn typical_len(&self) -> usize {
        Influx.typical_len()
    }

    fn interface(&self, line: &mut Vec<u8>, name: &[u8], tags: Tags<'_, '_>) {
        Influx.interface(line, name, tags);
    }

    fn fields(
        &self,
        line: &mut Vec<u8>,
        counters: &Counters,
        interface: &Interface,
        fields: &Fields,
    ) {
        Influx.fields(line, counters, interface, fields);
    }

    fn protocols(
        &self,
        line: &mut Vec<u8>,
        tags: Tags<'_, '_>,
        statistics: &mut dyn Iterator<Item = ProtocolStatistic<'_>>,
    ) {
        Influx.protocols(line, tags, statistics);
    }

    fn end(&self, line: &mut Vec<u8>, timestamp_ns: i64) {
        Influx.end(line, timestamp_ns);
    }

    fn finish(&self, batch: &mut Vec<u8>) {
        let lines = batch
            .strip_suffix(b"\n")
            .into_iter()
            .flat_map(|lines| lines.split(|&byte| byte == b'\n'));
        *batch = lines.flat_map(|line| (printable(line, self.0) + "\n").into_bytes()).collect();
    }
}
