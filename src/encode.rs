//! Metrics -> line protocol, as Telegraf's parser reads it.

use influxdb_line_protocol::LineProtocolBuilder;

use crate::interface::Counters;
use crate::protocol::ProtocolStatistics;

/// How integers that Telegraf holds as `uint64` are written, `influx_uint_support` of Telegraf's
/// influx serializer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// `123i`, at most 9223372036854775807: what every version of `InfluxDB` takes.
    AsSigned,
    /// `123u`: `InfluxDB` 2 and later.
    AsUnsigned,
}

/// Appends what stands before the fields in the line of an interface: the measurement and the tag.
///
/// A tag value cannot end in a backslash, so those at the end of a name are dropped, as Telegraf
/// itself does; a name that is nothing else leaves a line without the tag.
pub fn interface_prefix(line: &mut Vec<u8>, name: &[u8]) {
    line.extend_from_slice(b"net");
    push_interface_tag(line, name);
}

/// Appends the fields of one interface behind its [prefix](interface_prefix). A speed of `None`
/// leaves the field out.
pub fn interface_fields(
    line: &mut Vec<u8>,
    counters: &Counters,
    speed_mbits: Option<i64>,
    unsigned: Unsigned,
) {
    let fields = [
        (" bytes_sent=", counters.bytes_sent),
        (",bytes_recv=", counters.bytes_recv),
        (",packets_sent=", counters.packets_sent),
        (",packets_recv=", counters.packets_recv),
        (",err_in=", counters.err_in),
        (",err_out=", counters.err_out),
        (",drop_in=", counters.drop_in),
        (",drop_out=", counters.drop_out),
    ];
    for (key, value) in fields {
        line.extend_from_slice(key.as_bytes());
        push_unsigned(line, value, unsigned);
    }
    if let Some(speed_mbits) = speed_mbits {
        line.extend_from_slice(b",speed=");
        push_signed(line, speed_mbits);
        line.push(b'i');
    }
}

/// Appends what ends a line: its time, in nanoseconds since 1970.
pub fn line_end(line: &mut Vec<u8>, timestamp_ns: i64) {
    line.push(b' ');
    push_signed(line, timestamp_ns);
    line.push(b'\n');
}

/// Appends the line `net,interface=all` of the protocol statistics; nothing when there are none.
pub fn protocol_line(line: &mut Vec<u8>, statistics: &ProtocolStatistics, timestamp_ns: i64) {
    let mut fields = statistics.iter();
    let Some((first_name, first_value)) = fields.next() else { return };
    // The crate's builder is right here: no name holds a backslash, which it would double.
    let builder = LineProtocolBuilder::new_with(line)
        .measurement("net")
        .tag("interface", "all")
        .field(first_name, first_value);
    fields
        .fold(builder, |builder, (name, value)| builder.field(name, value))
        .timestamp(timestamp_ns)
        .close_line();
}

/// Exactly comma, equals sign and space are escaped in a tag value: a backslash stands for itself
/// there, and Telegraf never undoes a doubled one.
fn push_interface_tag(line: &mut Vec<u8>, name: &[u8]) {
    let Some(last) = name.iter().rposition(|&byte| byte != b'\\') else { return };
    line.extend_from_slice(b",interface=");
    for &byte in name.iter().take(last + 1) {
        if matches!(byte, b',' | b'=' | b' ') {
            line.push(b'\\');
        }
        line.push(byte);
    }
}

fn push_unsigned(line: &mut Vec<u8>, value: u64, unsigned: Unsigned) {
    let (value, suffix) = match unsigned {
        Unsigned::AsSigned => (value.min(i64::MAX.cast_unsigned()), b'i'),
        Unsigned::AsUnsigned => (value, b'u'),
    };
    line.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    line.push(suffix);
}

fn push_signed(line: &mut Vec<u8>, value: i64) {
    line.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn line(name: &[u8], speed_mbits: Option<i64>, unsigned: Unsigned) -> String {
        let mut line = Vec::new();
        interface_prefix(&mut line, name);
        interface_fields(&mut line, &COUNTERS, speed_mbits, unsigned);
        line_end(&mut line, 1_700_000_000_123_456_789);
        String::from_utf8_lossy(&line).into_owned()
    }

    #[test]
    fn an_interface_line_has_the_nine_fields_in_the_documented_order() {
        assert_eq!(
            line(b"eth0", Some(1000), Unsigned::AsSigned),
            "net,interface=eth0 bytes_sent=1i,bytes_recv=2i,packets_sent=3i,packets_recv=4i,\
             err_in=5i,err_out=6i,drop_in=7i,drop_out=9223372036854775807i,speed=1000i \
             1700000000123456789\n"
        );
        assert_eq!(
            line(b"eth0", Some(-1), Unsigned::AsUnsigned),
            "net,interface=eth0 bytes_sent=1u,bytes_recv=2u,packets_sent=3u,packets_recv=4u,\
             err_in=5u,err_out=6u,drop_in=7u,drop_out=18446744073709551615u,speed=-1i \
             1700000000123456789\n"
        );
        assert!(line(b"eth0", None, Unsigned::AsSigned).contains("807i 1700000000123456789\n"));
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
            (br"i\", "net,interface=i "),
            (br"i\\\", "net,interface=i "),
            (br"\", "net "),
            ("🦀".as_bytes(), "net,interface=🦀 "),
        ];
        for (name, start) in cases {
            let line = line(name, None, Unsigned::AsSigned);
            assert!(line.starts_with(&format!("{start}bytes_sent=")), "{line}");
        }
    }

    #[test]
    fn protocol_statistics_are_one_line_of_signed_integers() {
        let mut statistics = ProtocolStatistics::default();
        let mut line = b"before\n".to_vec();
        protocol_line(&mut line, &statistics, 5);
        assert_eq!(line, b"before\n");
        statistics.push("Tcp", "MaxConn", -1);
        statistics.push("IcmpMsg", "InType3", 7);
        protocol_line(&mut line, &statistics, 5);
        let expected = "before\nnet,interface=all tcp_maxconn=-1i,icmpmsg_intype3=7i 5\n";
        assert_eq!(String::from_utf8_lossy(&line), expected);
    }
}
