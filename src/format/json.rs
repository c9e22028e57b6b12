//! Metrics -> JSON, an object on each line, in the shape of Telegraf's own `data_format = "json"`.
//!
//! ```text
//! {"name":"net","tags":{"interface":"eth0"},"fields":{"bytes_sent":1,"speed":1000},"timestamp":1700000000123456789}
//! ```
//!
//! Counters are whole numbers up to 18446744073709551615, floating-point numbers always have a point or an
//! exponent, and the time is in nanoseconds since 1970. What steers a terminal is escaped, `\u009b`, and not
//! only what JSON asks for. A text that is no UTF-8 has U+FFFD for what is
//! none, as Telegraf writes it; that two names may not become the same one by that, a member `tags_hex`
//! has the bytes of such values in hexadecimal.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serializer as _;
use serde::ser::{Serialize, SerializeMap as _};
use serde_json::ser::{Compound, Formatter};

use super::choice::Choice;
use super::{FieldKey, FieldSink, Fields, Format, Tags};
use crate::log::steers;
use crate::model::counters::Counters;
use crate::model::interface::Interface;
use crate::model::protocol::ProtocolStatistic;

/// JSON, an object on each line.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl Format for Json {
    fn typical_len(&self) -> usize {
        200
    }

    fn interface(&self, record: &mut Vec<u8>, name: &[u8], tags: Tags<'_, '_>) {
        begin(record, name, tags);
    }

    fn fields(
        &self,
        record: &mut Vec<u8>,
        counters: &Counters,
        interface: &Interface,
        fields: &Fields,
        choice: Option<&mut Choice>,
    ) {
        object(record, |object| fields.tell(counters, interface, choice, object));
    }

    fn protocols(
        &self,
        record: &mut Vec<u8>,
        tags: Tags<'_, '_>,
        statistics: &mut dyn Iterator<Item = ProtocolStatistic<'_>>,
    ) {
        let Some(first) = statistics.next() else { return };
        begin(record, b"all", tags);
        object(record, |object| {
            object.put(first.field, &first.value);
            statistics.for_each(|one| object.put(one.field, &one.value));
        });
    }

    fn end(&self, record: &mut Vec<u8>, timestamp_ns: i64) {
        // Writing to memory does not fail.
        let _ = writeln!(record, ",\"timestamp\":{timestamp_ns}}}");
    }
}

/// Appends all that stands before the fields.
fn begin(record: &mut Vec<u8>, name: &[u8], tags: Tags<'_, '_>) {
    let mut hexadecimals = Vec::new();
    record.extend_from_slice(b"{\"name\":\"net\",\"tags\":");
    object(record, |tags_object| {
        let mut put = |key, value: &[u8]| {
            let text = String::from_utf8_lossy(value);
            tags_object.put(key, &text);
            if text.as_bytes() != value {
                hexadecimals.push((key, hexadecimal(value)));
            }
        };
        put("interface", name);
        tags.filter(|(_, value)| !value.is_empty()).for_each(|(key, value)| put(key, value));
    });
    if !hexadecimals.is_empty() {
        record.extend_from_slice(b",\"tags_hex\":");
        object(record, |object| {
            for (key, value) in &hexadecimals {
                object.put(key, value);
            }
        });
    }
    record.extend_from_slice(b",\"fields\":");
}

/// Appends an object, which that fills.
fn object(record: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_, '_>)) {
    let mut serializer = serde_json::Serializer::with_formatter(record, Harmless);
    // Writing to memory does not fail, here and below.
    let Ok(map) = serializer.serialize_map(None) else { return };
    let mut object = Object(map);
    fill(&mut object);
    let _ = object.0.end();
}

/// An object that is being written.
struct Object<'a, 'r>(Compound<'a, &'r mut Vec<u8>, Harmless>);

/// JSON without spaces, harmless to a terminal.
#[derive(Debug, Clone, Copy)]
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((place, character)) = rest.char_indices().find(|(_, one)| steers(*one)) {
            let (before, behind) = rest.split_at(place);
            writer.write_all(before.as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = behind.strip_prefix(character).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

impl Object<'_, '_> {
    /// Appends a member.
    fn put(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        let _ = self.0.serialize_entry(key, value);
    }
}

impl FieldSink for Object<'_, '_> {
    fn unsigned(&mut self, key: FieldKey, value: u64) {
        self.put(key.name(), &value);
    }

    fn signed(&mut self, name: &str, value: i64) {
        self.put(name, &value);
    }

    fn float(&mut self, key: FieldKey, value: f64) {
        self.put(key.name(), &value);
    }

    fn word(&mut self, name: &str, word: &'static str) {
        self.put(name, word);
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::interface::Wants;
    use crate::model::link::{Duplex, LinkModes};
    use crate::model::protocol::{Group, ProtocolStatistics};

    fn read(record: &[u8]) -> Value {
        assert_eq!(record.split(|&byte| byte == b'\n').count(), 2);
        assert!(record.ends_with(b"\n"));
        serde_json::from_slice(record).unwrap()
    }

    #[test]
    fn values_keep_their_types_and_every_digit() {
        let wants = Wants { link_state: true, rates: true, ..Wants::default() };
        let mut interface = Interface::new(7, b"eth0", wants);
        let duplex = Some(Duplex::Full);
        interface.set_link_modes(Some(LinkModes { speed_mbits: -1, duplex }), 1);
        let details = interface.details.as_mut().unwrap();
        details.state.mtu = Some(1500);
        details.rates.per_second =
            [Some(2.0), Some(0.1), Some(1e300), None, None, None, None, None];
        let counters =
            Counters { bytes_sent: u64::MAX, bytes_recv: 1 << 53, ..Counters::default() };
        let mut record = Vec::new();
        let tags = [("alias", &b"a \"b\"\n\x1b"[..]), ("kind", b"")];
        Json.interface(&mut record, b"eth0", &mut tags.into_iter());
        let fields = Fields { link_state: true, rates: true, ..Fields::default() };
        Json.fields(&mut record, &counters, &interface, &fields, None);
        Json.end(&mut record, 1_700_000_000_123_456_789);
        let expected = json!({
            "name": "net",
            "tags": {"interface": "eth0", "alias": "a \"b\"\n\u{1b}"},
            "fields": {
                "bytes_sent": u64::MAX, "bytes_recv": 1_u64 << 53,
                "packets_sent": 0, "packets_recv": 0,
                "err_in": 0, "err_out": 0, "drop_in": 0, "drop_out": 0,
                "speed": -1, "mtu": 1500, "duplex": "full",
                "bytes_sent_rate": 2.0, "bytes_recv_rate": 0.1, "packets_sent_rate": 1e300,
            },
            "timestamp": 1_700_000_000_123_456_789_i64,
        });
        assert_eq!(read(&record), expected);
        let text = String::from_utf8(record).unwrap();
        assert!(text.contains("\"bytes_sent\":18446744073709551615,"), "{text}");
        // Not the whole number 2.
        assert!(text.contains("\"bytes_sent_rate\":2.0,"), "{text}");
    }

    #[test]
    fn what_steers_a_terminal_is_escaped_and_read_as_it_was() {
        let text: String =
            (0..0x3000).chain([0xfeff, 0x1_f980]).filter_map(char::from_u32).collect();
        let (mut record, interface) = (Vec::new(), Interface::default());
        Json.interface(&mut record, text.as_bytes(), &mut [("alias", text.as_bytes())].into_iter());
        Json.fields(&mut record, &Counters::default(), &interface, &Fields::default(), None);
        Json.end(&mut record, 1);
        assert_eq!(read(&record)["tags"], json!({"interface": text, "alias": text}));
        let written = String::from_utf8(record).unwrap();
        let written = written.trim_end_matches('\n');
        assert!(!written.contains(steers), "{written}");
        assert!(
            written.contains(r"~\u007f\u0080") && written.contains("ü") && written.contains('🦀')
        );
    }

    #[test]
    fn a_value_that_is_no_utf_8_is_there_as_text_and_in_hexadecimal() {
        let tags = [("alias", &b"x\xc3"[..]), ("master", b"br0")];
        let (mut record, interface) = (Vec::new(), Interface::default());
        Json.interface(&mut record, b"bad\xff\xfe", &mut tags.into_iter());
        Json.fields(&mut record, &Counters::default(), &interface, &Fields::default(), None);
        Json.end(&mut record, 1);
        let read = read(&record);
        let expected =
            json!({"interface": "bad\u{fffd}\u{fffd}", "alias": "x\u{fffd}", "master": "br0"});
        assert_eq!(read["tags"], expected);
        assert_eq!(read["tags_hex"], json!({"interface": "626164fffe", "alias": "78c3"}));
        assert_eq!(read.as_object().unwrap().len(), 5);
    }

    #[test]
    fn protocol_statistics_are_one_object_and_none_makes_none() {
        let (mut statistics, mut record) = (ProtocolStatistics::default(), Vec::new());
        Json.protocols(&mut record, &mut std::iter::empty(), &mut statistics.iter());
        assert!(record.is_empty());
        statistics.push(Group::Tcp, None, "MaxConn", -1);
        statistics.push(Group::Udp, None, "InDatagrams", i64::MAX);
        let tags = [("namespace", &b"blue one"[..])];
        Json.protocols(&mut record, &mut tags.into_iter(), &mut statistics.iter());
        Json.end(&mut record, 1);
        let expected = json!({
            "name": "net",
            "tags": {"interface": "all", "namespace": "blue one"},
            "fields": {"tcp_maxconn": -1, "udp_indatagrams": i64::MAX},
            "timestamp": 1,
        });
        assert_eq!(read(&record), expected);
    }
}
