//! Metrics -> line protocol, as Telegraf's parser reads it.

use std::io::Write as _;

use influxdb_line_protocol::LineProtocolBuilder;

use crate::interface::{Counters, Duplex, Interface, LinkState, MoreCounters};
use crate::protocol::{Groups, ProtocolStatistic};

/// How integers that Telegraf holds as `uint64` are written, `influx_uint_support` of Telegraf's
/// influx serializer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// `123i`, at most 9223372036854775807: what every version of `InfluxDB` takes.
    AsSigned,
    /// `123u`: `InfluxDB` 2 and later.
    AsUnsigned,
}

/// Which fields an interface's line has, beside the nine of `inputs.net`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// How counters are written.
    pub unsigned: Unsigned,
    /// `counters = "all"`.
    pub more: bool,
    /// `link_state`.
    pub state: bool,
    /// `rates`.
    pub rates: bool,
    /// `interface_protocols`: which statistics of its own.
    pub protocols: Groups,
}

/// Appends what an interface's line begins with: the measurement and the tag `interface`.
///
/// A name that is nothing but backslashes leaves a line without the tag.
pub fn interface_prefix(line: &mut Vec<u8>, name: &[u8]) {
    line.extend_from_slice(b"net");
    tag(line, "interface", name);
}

/// Appends a tag; none when its value is empty.
///
/// A tag value cannot end in a backslash, so those at its end are dropped, as Telegraf itself does.
pub fn tag(line: &mut Vec<u8>, key: &str, value: &[u8]) {
    let Some(last) = value.iter().rposition(|&byte| byte != b'\\') else { return };
    line.push(b',');
    line.extend_from_slice(key.as_bytes());
    line.push(b'=');
    // Exactly comma, equals sign and space are escaped: a backslash stands for itself there, and
    // Telegraf never undoes a doubled one. Its grammar has no line break, tab and form feed
    // in a tag: they would cost the line.
    for &byte in value.iter().take(last + 1) {
        match byte {
            b',' | b'=' | b' ' => line.extend_from_slice(&[b'\\', byte]),
            b'\n' | b'\r' | b'\t' | b'\x0c' => line.extend_from_slice(b"\\ "),
            _ => line.push(byte),
        }
    }
}

/// Appends the fields of one interface. What is not known is left out.
pub fn interface_fields(
    line: &mut Vec<u8>,
    counters: &Counters,
    interface: &Interface,
    fields: &Fields,
) {
    let keys = [
        " bytes_sent=",
        ",bytes_recv=",
        ",packets_sent=",
        ",packets_recv=",
        ",err_in=",
        ",err_out=",
        ",drop_in=",
        ",drop_out=",
    ];
    for (key, value) in keys.into_iter().zip(counters.values()) {
        line.extend_from_slice(key.as_bytes());
        push_unsigned(line, value, fields.unsigned);
    }
    let speed_mbits = interface.speed_mbits();
    if let Some(speed_mbits) = speed_mbits {
        line.extend_from_slice(b",speed=");
        push_signed(line, speed_mbits);
        line.push(b'i');
    }
    let Some(details) = &interface.details else { return };
    if fields.more {
        for (key, value) in MoreCounters::NAMES.into_iter().zip(details.more.values) {
            if let Some(value) = value {
                push_key(line, key, "");
                push_unsigned(line, value, fields.unsigned);
            }
        }
    }
    if fields.state {
        push_state(line, &details.state, interface);
    }
    if fields.rates
        && let Some(rates) = details.rates.per_second
    {
        push_rates(line, rates, speed_mbits);
    }
    // Another table may have asked for more of them.
    let is_wanted = |one: &ProtocolStatistic<'_>| fields.protocols.contains(one.group);
    for statistic in details.protocols.iter().filter(is_wanted) {
        push_key(line, statistic.field, "");
        push_signed(line, statistic.value);
        line.push(b'i');
    }
}

fn push_state(line: &mut Vec<u8>, state: &LinkState, interface: &Interface) {
    let numbers = [
        ("admin_up", state.flags.map(|flags| u32::from(flags.is_up()))),
        ("carrier", state.carrier.map(u32::from)),
        ("mtu", state.mtu),
        ("carrier_changes", state.carrier_changes),
        ("carrier_up_count", state.carrier_up_count),
        ("carrier_down_count", state.carrier_down_count),
        ("promiscuity", state.promiscuity),
        ("tx_queue_len", state.tx_queue_len),
        ("ifindex", state.ifindex),
    ];
    for (key, value) in numbers {
        if let Some(value) = value {
            push_key(line, key, "");
            push_signed(line, value.into());
            line.push(b'i');
        }
    }
    // Both are words of the kernel, which need no escapes.
    let duplex = interface.duplex().map(Duplex::name);
    for (key, value) in [("operstate", state.operstate), ("duplex", duplex)] {
        if let Some(value) = value {
            push_key(line, key, "");
            line.push(b'"');
            line.extend_from_slice(value.as_bytes());
            line.push(b'"');
        }
    }
}

fn push_rates(line: &mut Vec<u8>, rates: [f64; 8], speed_mbits: Option<i64>) {
    for (name, rate) in Counters::NAMES.into_iter().zip(rates) {
        push_key(line, name, "_rate");
        push_float(line, rate);
    }
    let [bytes_sent, bytes_recv, ..] = rates;
    if let Some(speed_mbits @ 1..) = speed_mbits {
        #[expect(clippy::cast_precision_loss, reason = "speeds have few digits")]
        let percent = |bytes: f64| bytes * 8.0 / (speed_mbits as f64 * 1e6) * 100.0;
        push_key(line, "utilization_in", "");
        push_float(line, percent(bytes_recv));
        push_key(line, "utilization_out", "");
        push_float(line, percent(bytes_sent));
    }
}

/// Appends what ends a line: its time, in nanoseconds since 1970.
pub fn line_end(line: &mut Vec<u8>, timestamp_ns: i64) {
    line.push(b' ');
    push_signed(line, timestamp_ns);
    line.push(b'\n');
}

/// Appends the line `net,interface=all` of protocol statistics, less its end, with these tags;
/// nothing when there are no statistics.
pub fn protocol_line<'a>(
    line: &mut Vec<u8>,
    tags: &[(&str, Vec<u8>)],
    mut statistics: impl Iterator<Item = ProtocolStatistic<'a>>,
) {
    let Some(first) = statistics.next() else { return };
    let start = line.len();
    // The crate's builder is right here: no name holds a backslash, which it would double.
    let builder = LineProtocolBuilder::new_with(&mut *line)
        .measurement("net")
        .tag("interface", "all")
        .field(first.field, first.value);
    statistics.fold(builder, |builder, one| builder.field(one.field, one.value)).close_line();
    line.truncate(line.len() - 1);
    if !tags.is_empty() {
        let mut text = Vec::new();
        for (key, value) in tags {
            tag(&mut text, key, value);
        }
        let behind = start + "net,interface=all".len();
        line.splice(behind..behind, text);
    }
}

fn push_key(line: &mut Vec<u8>, name: &str, ending: &str) {
    line.push(b',');
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(ending.as_bytes());
    line.push(b'=');
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

/// A finite number, with as many digits as tell it from others.
fn push_float(line: &mut Vec<u8>, value: f64) {
    // Writing to memory does not fail.
    let _ = write!(line, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::LinkModes;
    use crate::protocol::{Group, ProtocolStatistics};

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

    const PLAIN: Fields = Fields {
        unsigned: Unsigned::AsSigned,
        more: false,
        state: false,
        rates: false,
        protocols: Groups::NONE,
    };

    fn line(name: &[u8], speed_mbits: Option<i64>, unsigned: Unsigned) -> String {
        let mut line = Vec::new();
        let link_modes = speed_mbits.map(|speed_mbits| LinkModes { speed_mbits, duplex: None });
        let mut interface = Interface::default();
        interface.set_link_modes(link_modes, 1);
        interface_prefix(&mut line, name);
        interface_fields(&mut line, &COUNTERS, &interface, &Fields { unsigned, ..PLAIN });
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
        protocol_line(&mut line, &[], statistics.iter());
        assert_eq!(line, b"before\n");
        statistics.push(Group::Tcp, None, "MaxConn", -1);
        statistics.push(Group::IcmpMsg, None, "InType3", 7);
        protocol_line(&mut line, &[], statistics.iter());
        let expected = "before\nnet,interface=all tcp_maxconn=-1i,icmpmsg_intype3=7i";
        assert_eq!(String::from_utf8_lossy(&line), expected);
        line.clear();
        let tags = [("namespace", b"blue one".to_vec())];
        protocol_line(&mut line, &tags, statistics.iter().take(1));
        let expected = r"net,interface=all,namespace=blue\ one tcp_maxconn=-1i";
        assert_eq!(String::from_utf8_lossy(&line), expected);
    }
}
