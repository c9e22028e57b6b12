//! What metrics are written as: a format turns what a gather has selected into bytes.

pub mod choice;
pub mod influx;
pub mod json;

use std::fmt;

use self::choice::{Choice, Part};
use crate::model::counters::{Counters, MoreCounters};
use crate::model::interface::Interface;
use crate::model::link::{LinkState, StateField, StateValue, is_known_speed};
use crate::model::protocol::{Groups, ProtocolStatistic};
use crate::model::rates::rounded;

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

    /// Appends the fields of an interface, those that the choice takes, if there is one. What is not known is
    /// left out.
    fn fields(
        &self,
        record: &mut Vec<u8>,
        counters: &Counters,
        interface: &Interface,
        fields: &Fields,
        choice: Option<&mut Choice>,
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

/// What the fields of a record are told to, each by its type.
pub trait FieldSink {
    /// A counter.
    fn unsigned(&mut self, key: FieldKey, value: u64);

    /// An integer.
    fn signed(&mut self, name: &str, value: i64);

    /// A finite number.
    fn float(&mut self, key: FieldKey, value: f64);

    /// A word of the kernel's, which needs no escapes.
    fn word(&mut self, name: &str, word: &'static str);

    /// Says what those that follow belong to.
    #[inline]
    fn begin_part(&mut self, _part: Part) {}
}

/// Tells a sink of those fields that a choice takes.
struct Chosen<'a, S> {
    sink: &'a mut S,
    choice: &'a mut Choice,
    part: Part,
}

impl<S: FieldSink> FieldSink for Chosen<'_, S> {
    fn unsigned(&mut self, key: FieldKey, value: u64) {
        if self.choice.takes(self.part, key.0, value) {
            self.sink.unsigned(key, value);
        }
    }

    fn signed(&mut self, name: &str, value: i64) {
        if self.choice.takes(self.part, name, value.cast_unsigned()) {
            self.sink.signed(name, value);
        }
    }

    fn float(&mut self, key: FieldKey, value: f64) {
        if self.choice.takes(self.part, key.0, value.to_bits()) {
            self.sink.float(key, value);
        }
    }

    fn word(&mut self, name: &str, word: &'static str) {
        if self.choice.takes(self.part, name, choice::hash(word.as_bytes())) {
            self.sink.word(name, word);
        }
    }

    fn begin_part(&mut self, part: Part) {
        self.part = part;
    }
}

/// A field's name as it stands in a line of line protocol behind another field, `,bytes_sent=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldKey(pub &'static str);

impl FieldKey {
    /// The name alone.
    #[must_use]
    pub fn name(self) -> &'static str {
        let name = self.0.strip_prefix(',').and_then(|key| key.strip_suffix('='));
        name.unwrap_or(self.0)
    }
}

impl Fields {
    /// Tells the fields of an interface's record, in the order of the README, those that the choice takes, if
    /// there is one. What is not known is left out.
    #[inline]
    pub fn tell(
        self,
        counters: &Counters,
        interface: &Interface,
        choice: Option<&mut Choice>,
        sink: &mut impl FieldSink,
    ) {
        match choice {
            None => self.tell_all(counters, interface, sink),
            Some(choice) => {
                let part = Part::Always;
                self.tell_all(counters, interface, &mut Chosen { sink, choice, part });
            }
        }
    }

    #[inline]
    fn tell_all(self, counters: &Counters, interface: &Interface, sink: &mut impl FieldSink) {
        let told = interface.counters_told();
        for (counter, value) in Counters::TABLE.iter().zip(counters.values()).take(told) {
            sink.unsigned(FieldKey(counter.key), value);
        }
        let speed_mbits = interface.speed_mbits();
        if let Some(speed_mbits) = speed_mbits {
            sink.signed("speed", speed_mbits);
        }
        let Some(details) = &interface.details else { return };
        if self.all_counters {
            sink.begin_part(Part::Counter);
            for (counter, value) in MoreCounters::TABLE.iter().zip(details.more.values()) {
                if let Some(value) = value {
                    sink.unsigned(FieldKey(counter.key), value);
                }
            }
        }
        sink.begin_part(Part::Always);
        if self.link_state {
            let duplex = interface.duplex();
            for StateField { name, value, .. } in &LinkState::FIELDS {
                match value(&details.state, duplex) {
                    Some(StateValue::Number(number)) => sink.signed(name, number.into()),
                    Some(StateValue::Word(word)) => sink.word(name, word),
                    None => {}
                }
            }
        }
        if self.rates {
            let rates = &details.rates.per_second;
            for (counter, rate) in Counters::TABLE.iter().zip(rates).take(told) {
                if let Some(rate) = rate {
                    sink.float(FieldKey(counter.rate_key), *rate);
                }
            }
            let [bytes_sent, bytes_recv, ..] = *rates;
            for (key, bytes) in
                [(",utilization_in=", bytes_recv), (",utilization_out=", bytes_sent)]
            {
                if let Some(percent) = utilization(bytes, speed_mbits) {
                    sink.float(FieldKey(key), percent);
                }
            }
        }
        sink.begin_part(Part::Counter);
        // Another table may have asked for more of them.
        let is_wanted = |one: &ProtocolStatistic<'_>| self.interface_protocols.contains(one.group);
        for statistic in details.protocols.iter().filter(is_wanted) {
            sink.signed(statistic.field, statistic.value);
        }
    }
}

/// How much of a speed that many bytes a second are, in percent, where both are known.
#[must_use]
pub fn utilization(bytes_per_second: Option<f64>, speed_mbits: Option<i64>) -> Option<f64> {
    let speed_mbits = speed_mbits.filter(|&speed_mbits| is_known_speed(speed_mbits))?;
    #[expect(clippy::cast_precision_loss, reason = "speeds have few digits")]
    let bits_per_second = speed_mbits as f64 * 1e6;
    Some(rounded(bytes_per_second? * 8.0 / bits_per_second * 100.0))
}
