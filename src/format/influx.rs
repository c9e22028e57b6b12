//! Metrics -> line protocol, as Telegraf's parser reads it.
//!
//! What its grammar (`plugins/parsers/influx/machine.go.rl`, and `escape.go` beside it) makes of each
//! byte, the same from Telegraf 1.36 to 1.39:
//!
//! | byte | in a tag's key or value | in a field's key | in a string field |
//! |---|---|---|---|
//! | comma, equals sign, space | ends it; behind a backslash, which is dropped, it stays | the same | stays |
//! | tab, vertical tab, form feed, behind a backslash too | ends the tags, as a space does, so that what follows is read as fields; or costs the line | costs the line; is dropped before the first key | stays |
//! | line feed, behind a backslash too | costs the line, and what follows is read as another one | the same | stays |
//! | carriage return, behind a backslash too | costs the line | the same | stays |
//! | backslash | stays, unless another row says what it does; at the end, it takes the comma, equals sign or space there along | the same, but two in a row take nothing along | of two, one stays; before any byte but a quote, one alone costs the line |
//! | quote | stays; a backslash before it is dropped only if the text has a comma, an equals sign or a space too | the same | ends it; behind a backslash, which is dropped, it stays |
//! | all others: NUL and other control bytes, 0x7f to 0xff, `#` ... | stays | stays | stays |
//!
//! A tag or a key must not be empty. What costs a line may cost more: read as fields, `="` opens a
//! string, which runs over the ends of lines up to the next quote.
//!
//! What is written here:
//!
//! - **A tag's value** is text from outside: `push_tag` writes each, and nothing else does.
//! - **A tag's key** is a word of this program, which its type says.
//! - **A field's key** is such a word, or a statistic's name, which is of letters, digits and `_`
//!   whatever the kernel's file has: [`ProtocolStatistics::push`] sees to that.
//! - **A string field** is one of the kernel's words as this program knows them, which its type says.
//!
//! [`ProtocolStatistics::push`]: crate::model::protocol::ProtocolStatistics::push

use std::io::Write as _;

use influxdb_line_protocol::LineProtocolBuilder;

use super::choice::Choice;
use super::{FieldKey, FieldSink, Fields, Format, Tags};
use crate::model::counters::Counters;
use crate::model::interface::Interface;
use crate::model::protocol::ProtocolStatistic;
use crate::model::rates;

/// `InfluxDB`'s line protocol.
#[derive(Debug, Clone, Copy)]
pub struct Influx;

impl Format for Influx {
    /// A line's, less its time, whose counters have few digits: as many as an allocator gives that rounds
    /// up to multiples of 16, of which it takes 8 for itself.
    fn typical_len(&self) -> usize {
        152
    }

    /// A name that is nothing but backslashes leaves a line without the tag.
    fn interface(&self, line: &mut Vec<u8>, name: &[u8], tags: Tags<'_, '_>) {
        line.extend_from_slice(b"net");
        push_tag(line, "interface", name);
        for (key, value) in tags {
            push_tag(line, key, value);
        }
    }

    fn fields(
        &self,
        line: &mut Vec<u8>,
        counters: &Counters,
        interface: &Interface,
        fields: &Fields,
        choice: Option<&mut Choice>,
    ) {
        let start = line.len();
        let influx_uint_support = fields.influx_uint_support;
        let mut sink = Line { line: &mut *line, influx_uint_support };
        fields.tell(counters, interface, choice, &mut sink);
        // No comma stands before the first one.
        if let Some(comma) = line.get_mut(start) {
            *comma = b' ';
        }
    }

    fn protocols(
        &self,
        line: &mut Vec<u8>,
        tags: Tags<'_, '_>,
        statistics: &mut dyn Iterator<Item = ProtocolStatistic<'_>>,
    ) {
        let Some(first) = statistics.next() else { return };
        let start = line.len();
        // The crate's builder is right here: no name needs an escape, of which it has others.
        let builder = LineProtocolBuilder::new_with(&mut *line)
            .measurement("net")
            .tag("interface", "all")
            .field(first.field, first.value);
        statistics.fold(builder, |builder, one| builder.field(one.field, one.value)).close_line();
        line.truncate(line.len() - 1);
        let mut text = Vec::new();
        for (key, value) in tags {
            push_tag(&mut text, key, value);
        }
        let behind = start + "net,interface=all".len();
        line.splice(behind..behind, text);
    }

    fn end(&self, line: &mut Vec<u8>, timestamp_ns: i64) {
        line.push(b' ');
        push_signed(line, timestamp_ns);
        line.push(b'\n');
    }
}

/// Appends a tag, whose value may be any bytes; none when nothing is left of it.
///
/// | byte | is written as | arrives as |
/// |---|---|---|
/// | comma, equals sign, space | itself behind a backslash | itself |
/// | tab, line feed, vertical tab, form feed, carriage return | a space behind a backslash | a space |
/// | backslashes at the end | nothing, as by Telegraf itself | nothing |
/// | quote behind a backslash, in a value that has one of the first two rows | itself behind another backslash | itself |
/// | all others, NUL among them | itself | itself |
fn push_tag(line: &mut Vec<u8>, key: &'static str, value: &[u8]) {
    let Some(last) = value.iter().rposition(|&byte| byte != b'\\') else { return };
    line.push(b',');
    line.extend_from_slice(key.as_bytes());
    line.push(b'=');
    let is_space = |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r');
    let has_escapes = value.iter().any(|&byte| is_space(byte) || matches!(byte, b',' | b'='));
    let mut before = b'=';
    for &byte in value.iter().take(last + 1) {
        match byte {
            b',' | b'=' => line.extend_from_slice(&[b'\\', byte]),
            _ if is_space(byte) => line.extend_from_slice(b"\\ "),
            // Telegraf undoes escapes only where a value has one of those above, but then this too.
            b'"' if before == b'\\' && has_escapes => line.extend_from_slice(b"\\\""),
            _ => line.push(byte),
        }
        before = byte;
    }
}

/// A line that fields are appended to, each behind a comma.
struct Line<'a> {
    line: &'a mut Vec<u8>,
    influx_uint_support: bool,
}

impl FieldSink for Line<'_> {
    fn unsigned(&mut self, FieldKey(key): FieldKey, value: u64) {
        self.line.extend_from_slice(key.as_bytes());
        push_unsigned(self.line, value, self.influx_uint_support);
    }

    fn signed(&mut self, name: &str, value: i64) {
        push_key(self.line, name);
        push_signed(self.line, value);
        self.line.push(b'i');
    }

    fn float(&mut self, FieldKey(key): FieldKey, value: f64) {
        self.line.extend_from_slice(key.as_bytes());
        push_float(self.line, value);
    }

    fn word(&mut self, name: &str, word: &'static str) {
        push_key(self.line, name);
        self.line.push(b'"');
        self.line.extend_from_slice(word.as_bytes());
        self.line.push(b'"');
    }
}

fn push_key(line: &mut Vec<u8>, name: &str) {
    line.push(b',');
    line.extend_from_slice(name.as_bytes());
    line.push(b'=');
}

fn push_unsigned(line: &mut Vec<u8>, value: u64, influx_uint_support: bool) {
    let (value, suffix) = if influx_uint_support {
        (value, b'u')
    } else {
        (value.min(i64::MAX.cast_unsigned()), b'i')
    };
    line.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    line.push(suffix);
}

fn push_signed(line: &mut Vec<u8>, value: i64) {
    line.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A finite number that was [rounded](rates::rounded), without zeros at its end.
fn push_float(line: &mut Vec<u8>, value: f64) {
    if !(0.0..rates::LARGE).contains(&value) {
        // Writing to memory does not fail.
        let _ = write!(line, "{value}");
        return;
    }
    let unit: u32 = if value < 1.0 { 1_000_000 } else { 1000 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
    let parts = (value * f64::from(unit)).round() as u64;
    let (whole, rest) = (parts / u64::from(unit), parts % u64::from(unit));
    let mut buffer = itoa::Buffer::new();
    line.extend_from_slice(buffer.format(whole).as_bytes());
    if rest != 0 {
        // With the digit 1 in front, so that all others are there.
        let digits = buffer.format(u64::from(unit) + rest).trim_end_matches('0');
        line.push(b'.');
        line.extend_from_slice(digits.get(1..).unwrap_or_default().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::interface::Wants;
    use crate::model::link::LinkModes;
    use crate::model::protocol::{Group, ProtocolStatistics};

    const COUNTERS: Counters = Counters {
        bytes_sent: 1,
        bytes_recv: 2,
        packets_sent: 3,
        packets_recv: 4,
        err_in: 5,
        err_out: 6,
        drop_in: 7,
        drop_out: u64::MAX,
    };

    fn line(name: &[u8], speed_mbits: Option<i64>, influx_uint_support: bool) -> String {
        let mut line = Vec::new();
        let link_modes = speed_mbits.map(|speed_mbits| LinkModes { speed_mbits, duplex: None });
        let mut interface = Interface::default();
        interface.set_link_modes(link_modes, 1);
        Influx.interface(&mut line, name, &mut std::iter::empty());
        let fields = Fields { influx_uint_support, ..Fields::default() };
        Influx.fields(&mut line, &COUNTERS, &interface, &fields, None);
        Influx.end(&mut line, 1_700_000_000_123_456_789);
        String::from_utf8_lossy(&line).into_owned()
    }

    #[test]
    fn an_interface_line_has_the_nine_fields_in_the_documented_order() {
        assert_eq!(
            line(b"eth0", Some(1000), false),
            "net,interface=eth0 bytes_sent=1i,bytes_recv=2i,packets_sent=3i,packets_recv=4i,\
             err_in=5i,err_out=6i,drop_in=7i,drop_out=9223372036854775807i,speed=1000i \
             1700000000123456789\n"
        );
        assert_eq!(
            line(b"eth0", Some(-1), true),
            "net,interface=eth0 bytes_sent=1u,bytes_recv=2u,packets_sent=3u,packets_recv=4u,\
             err_in=5u,err_out=6u,drop_in=7u,drop_out=18446744073709551615u,speed=-1i \
             1700000000123456789\n"
        );
        assert!(line(b"eth0", None, false).contains("807i 1700000000123456789\n"));
    }

    #[test]
    fn packets_dropped_on_transmit_that_are_not_told_are_no_zero() {
        let wants = Wants { rates: true, ..Wants::default() };
        let mut interface = Interface::new(1, b"eth0", wants);
        interface.lacks_drop_out = true;
        interface.details.as_mut().unwrap().rates.per_second = [Some(1.0); Counters::COUNT];
        let mut line = Vec::new();
        let fields = Fields { rates: true, ..Fields::default() };
        Influx.fields(&mut line, &COUNTERS, &interface, &fields, None);
        let line = String::from_utf8(line).unwrap();
        assert!(line.contains(",drop_in=7i,bytes_sent_rate=1,"), "{line}");
        assert!(line.contains(",drop_in_rate=1") && !line.contains("drop_out"), "{line}");
        interface.lacks_drop_out = false;
        let mut line = Vec::new();
        Influx.fields(&mut line, &COUNTERS, &interface, &fields, None);
        assert_eq!(String::from_utf8(line).unwrap().matches(",drop_out").count(), 2);
    }

    #[test]
    fn names_are_escaped_as_telegraf_unescapes_them() {
        let cases: &[(&[u8], &str)] = &[
            (b"a,b", r"net,interface=a\,b "),
            (b"c=d e", r"net,interface=c\=d\ e "),
            (br#"e"f"#, r#"net,interface=e"f "#),
            (br"g\h", r"net,interface=g\h "),
            (br"p\,q", r"net,interface=p\\,q "),
            (br"\\dd", r"net,interface=\\dd "),
            (br#"q\"r"#, r#"net,interface=q\"r "#),
            (br#"q\"=\\"r"#, r#"net,interface=q\\"\=\\\"r "#),
            (br#"\" " "#, r#"net,interface=\\"\ "\  "#),
            (b"t\tn\nv\x0bf\x0cr\r", r"net,interface=t\ n\ v\ f\ r\  "),
            (b"\\\x0b\\\"\\", r#"net,interface=\\ \\" "#),
            (b"\0\x01\x1f\x7f#", "net,interface=\0\x01\x1f\x7f# "),
            (br"i\", "net,interface=i "),
            (br"i\\\", "net,interface=i "),
            (br"\", "net "),
            ("🦀".as_bytes(), "net,interface=🦀 "),
        ];
        for (name, start) in cases {
            let line = line(name, None, false);
            assert!(line.starts_with(&format!("{start}bytes_sent=")), "{line}");
        }
    }

    #[test]
    fn a_number_has_three_decimals_and_six_below_one_and_no_zeros_at_its_end() {
        let cases = [
            (0.0, "0"),
            (1e-9, "0"),
            (1.0 / 86_400.0, "0.000012"),
            (0.1, "0.1"),
            (0.999_999_9, "1"),
            (1.0, "1"),
            (1.0004, "1"),
            (1.0005, "1.001"),
            (2.0 / 3.0, "0.666667"),
            (20.0 / 3.0, "6.667"),
            (12.05, "12.05"),
            (1_250_000_000.010_1, "1250000000.01"),
            (8_999_999_999_999.5, "8999999999999.5"),
            (1.8e19, "18000000000000000000"),
        ];
        for (value, expected) in cases {
            let mut text = Vec::new();
            push_float(&mut text, rates::rounded(value));
            assert_eq!(String::from_utf8_lossy(&text), expected, "{value}");
            // It is the number that other formats write, too.
            assert_eq!(
                String::from_utf8_lossy(&text).parse(),
                Ok(rates::rounded(value)),
                "{value}"
            );
        }
    }

    #[test]
    fn protocol_statistics_are_one_line_of_signed_integers() {
        let mut statistics = ProtocolStatistics::default();
        let mut line = b"before\n".to_vec();
        Influx.protocols(&mut line, &mut std::iter::empty(), &mut statistics.iter());
        assert_eq!(line, b"before\n");
        statistics.push(Group::Tcp, None, "MaxConn", -1);
        statistics.push(Group::IcmpMsg, None, "InType3", 7);
        Influx.protocols(&mut line, &mut std::iter::empty(), &mut statistics.iter());
        let expected = "before\nnet,interface=all tcp_maxconn=-1i,icmpmsg_intype3=7i";
        assert_eq!(String::from_utf8_lossy(&line), expected);
        line.clear();
        let tags = [("namespace", &b"blue one"[..])];
        Influx.protocols(&mut line, &mut tags.into_iter(), &mut statistics.iter().take(1));
        let expected = r"net,interface=all,namespace=blue\ one tcp_maxconn=-1i";
        assert_eq!(String::from_utf8_lossy(&line), expected);
    }
}
