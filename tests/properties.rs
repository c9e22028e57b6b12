//! Whatever bytes come in: names survive, parsers stand, patterns mean what they say.

use influxdb_line_protocol::parse_lines;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use telegraf_net::config::Config;
use telegraf_net::encode::{Unsigned, interface_fields, interface_prefix, line_end, protocol_line};
use telegraf_net::filter::{PatternReason, Patterns};
use telegraf_net::interface::Counters;
use telegraf_net::parse::{proc_net_dev, proc_net_snmp, sysfs};
use telegraf_net::protocol::ProtocolStatistics;

/// Any name that Linux allows: one to fifteen bytes without `/`, `:` and white space, and neither
/// `.` nor `..`. Awkward bytes are common.
fn interface_name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![select(b",=\\\"'{}[]#!?*-. \x01\x7f\xff\xc3".as_slice()), any::<u8>()];
    let is_allowed = |byte: &u8| !byte.is_ascii_whitespace() && !b"/:\0\x0b\xa0".contains(byte);
    vec(byte.prop_filter("not in a name", is_allowed), 1..=15)
        .prop_filter("reserved", |name| !matches!(name.as_slice(), b"." | b".."))
}

/// The tag value of a line's `interface` tag, read by the rules of Telegraf's parser: a backslash
/// escapes a comma, an equals sign or a space, and is itself before anything else.
fn telegraf_tag(line: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut rest = line.strip_prefix(b"net,interface=").unwrap();
    let mut value = Vec::new();
    loop {
        match rest {
            [b'\\', escaped @ (b',' | b'=' | b' '), behind @ ..] => {
                value.push(*escaped);
                rest = behind;
            }
            [b' ', behind @ ..] => return (value, behind),
            [b',' | b'=', ..] | [] => panic!("the tag does not end in a space"),
            [byte, behind @ ..] => {
                value.push(*byte);
                rest = behind;
            }
        }
    }
}

fn line_of(name: &[u8], counters: &Counters, speed_mbits: i64) -> Vec<u8> {
    let mut line = Vec::new();
    interface_prefix(&mut line, name);
    interface_fields(&mut line, counters, Some(speed_mbits), Unsigned::AsUnsigned);
    line_end(&mut line, 1);
    line
}

fn without_trailing_backslashes(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|&byte| byte != b'\\').map_or(0, |last| last + 1);
    &name[..end]
}

fn counters() -> impl Strategy<Value = Counters> {
    any::<[u64; 8]>().prop_map(|[a, b, c, d, e, f, g, h]| Counters {
        bytes_sent: a,
        bytes_recv: b,
        packets_sent: c,
        packets_recv: d,
        err_in: e,
        err_out: f,
        drop_in: g,
        drop_out: h,
    })
}

/// What kernel files, patterns and configurations are made of.
const PIECES: &[&str] = &[
    "Inter-|",
    " face |bytes ",
    "\n",
    "\n\n",
    ":",
    "eth0",
    "lo:",
    " ",
    "\t",
    "0",
    "12x",
    "-1",
    "18446744073709551616",
    "Tcp:",
    "Tcp: A B\n",
    "Ip: 1 2\n",
    "\0",
    "\u{3000}",
    "1 2 3 4 5 6 7 8",
    "${",
    "}",
    "\"",
    "'''",
    "[[inputs.net]]\n",
    "interfaces = [",
    "]",
    "0x1003",
    "#",
    "\\",
];

/// Bytes that look like a kernel file, and then some.
fn almost_a_file() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A pattern of the language, as a tree.
#[derive(Debug, Clone)]
enum Part {
    Literal(char),
    Any,
    One,
    List(bool, Vec<char>),
    Range(bool, char, char),
    Alternatives(Vec<Vec<Part>>),
}

const ALPHABET: &[char] =
    &['a', 'b', 'c', '-', ']', '[', '!', '^', '*', '?', '{', '}', ',', '\\', '.', 'é'];

fn pattern() -> impl Strategy<Value = Vec<Part>> {
    let character = || select(ALPHABET);
    let leaf = prop_oneof![
        4 => character().prop_map(Part::Literal),
        2 => Just(Part::Any),
        1 => Just(Part::One),
        1 => (any::<bool>(), vec(character(), 1..4)).prop_map(|(not, list)| Part::List(not, list)),
        // A range cannot start with "!" or a backslash, which mean something else there.
        1 => (any::<bool>(), character(), character())
            .prop_filter("not a range", |(_, low, high)| low <= high && !"!\\".contains(*low))
            .prop_map(|(not, low, high)| Part::Range(not, low, high)),
    ];
    let part = leaf
        .prop_recursive(2, 12, 3, |part| vec(vec(part, 0..3), 1..4).prop_map(Part::Alternatives));
    vec(part, 0..6)
}

fn written(parts: &[Part]) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Literal(character) => format!("\\{character}"),
            Part::Any => "*".into(),
            Part::One => "?".into(),
            Part::List(not, list) => {
                let mut list: String =
                    list.iter().flat_map(|&character| ['\\', character]).collect();
                // "[\-" would start a range at the backslash.
                if list.starts_with("\\-") {
                    list.remove(0);
                }
                format!("[{}{list}]", if *not { "!" } else { "" })
            }
            Part::Range(not, low, high) => format!("[{}{low}-{high}]", if *not { "!" } else { "" }),
            Part::Alternatives(alternatives) => {
                let alternatives: Vec<_> = alternatives.iter().map(|part| written(part)).collect();
                format!("{{{}}}", alternatives.join(","))
            }
        })
        .collect()
}

/// The plain recursive matcher.
fn is_match(parts: &[Part], text: &[char]) -> bool {
    let Some((part, behind)) = parts.split_first() else { return text.is_empty() };
    let one = |fits: &dyn Fn(char) -> bool| {
        text.split_first().is_some_and(|(first, rest)| fits(*first) && is_match(behind, rest))
    };
    match part {
        Part::Literal(character) => one(&|first| first == *character),
        Part::One => one(&|_| true),
        Part::List(not, list) => one(&|first| list.contains(&first) != *not),
        Part::Range(not, low, high) => one(&|first| (*low..=*high).contains(&first) != *not),
        Part::Any => (0..=text.len()).any(|length| is_match(behind, &text[length..])),
        Part::Alternatives(alternatives) => alternatives
            .iter()
            .any(|alternative| is_match(&[alternative.as_slice(), behind].concat(), text)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_name_survives_telegrafs_parser(name in interface_name(), counters in counters(), speed in any::<i64>()) {
        let line = line_of(&name, &counters, speed);
        prop_assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
        let expected = without_trailing_backslashes(&name);
        if expected.is_empty() {
            prop_assert!(line.starts_with(b"net bytes_sent="));
        } else {
            let (value, rest) = telegraf_tag(&line);
            prop_assert_eq!(value, expected);
            prop_assert!(rest.starts_with(b"bytes_sent="));
        }
    }

    #[test]
    fn a_name_and_its_counters_survive_the_crates_parser(name in interface_name(), counters in counters(), speed in any::<i64>()) {
        // It takes no invalid UTF-8, no control characters, and reads a doubled backslash as one.
        let Ok(text) = str::from_utf8(&name) else { return Ok(()) };
        prop_assume!(!text.contains('\\') && !text.contains(char::is_control));
        let line = String::from_utf8(line_of(&name, &counters, speed)).unwrap();
        let parsed: Vec<_> = parse_lines(&line).collect::<Result<_, _>>().unwrap();
        let [parsed] = parsed.as_slice() else { panic!("{} lines", parsed.len()) };
        prop_assert_eq!(parsed.series.measurement.as_str(), "net");
        prop_assert_eq!(parsed.tag_value("interface").unwrap().as_str(), text);
        prop_assert_eq!(parsed.timestamp, Some(1));
        let fields: Vec<_> = parsed.field_set.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let expected = [
            format!("bytes_sent={}u", counters.bytes_sent),
            format!("bytes_recv={}u", counters.bytes_recv),
            format!("packets_sent={}u", counters.packets_sent),
            format!("packets_recv={}u", counters.packets_recv),
            format!("err_in={}u", counters.err_in),
            format!("err_out={}u", counters.err_out),
            format!("drop_in={}u", counters.drop_in),
            format!("drop_out={}u", counters.drop_out),
            format!("speed={speed}i"),
        ];
        prop_assert_eq!(fields, expected);
    }

    #[test]
    fn a_row_that_the_kernel_writes_is_read_as_it_is(name in interface_name(), values in any::<[u64; 16]>()) {
        let header = "Inter-|   Receive  |  Transmit\n face |bytes    packets|bytes\n";
        let values_text: Vec<_> = values.iter().map(u64::to_string).collect();
        let mut text = [header.as_bytes(), b"  ", &name, b":"].concat();
        text.extend_from_slice(values_text.join(" ").as_bytes());
        let rows: Vec<_> = proc_net_dev::rows(&text).unwrap().collect();
        let [Ok(row)] = rows.as_slice() else { panic!("{rows:?}") };
        prop_assert_eq!(row.name, name.as_slice());
        let expected = Counters {
            bytes_recv: values[0],
            packets_recv: values[1],
            err_in: values[2],
            drop_in: values[3],
            bytes_sent: values[8],
            packets_sent: values[9],
            err_out: values[10],
            drop_out: values[11],
        };
        prop_assert_eq!(row.counters, expected);
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop_oneof![almost_a_file(), vec(any::<u8>(), 0..300)]) {
        let with_header = [b"Inter-|\n face |bytes\n".as_slice(), &bytes].concat();
        for text in [&bytes, &with_header] {
            for row in proc_net_dev::rows(text).into_iter().flatten() {
                match row {
                    Ok(row) => {
                        prop_assert!(!row.name.is_empty());
                        line_of(row.name, &row.counters, -1);
                    }
                    Err(error) => prop_assert!(!error.to_string().contains('\n')),
                }
            }
        }
        let mut protocols = ProtocolStatistics::default();
        let mut errors = Vec::new();
        proc_net_snmp::statistics(
            &bytes,
            |_| true,
            |statistic| protocols.push(statistic.group, statistic.column, statistic.value),
            |error| errors.push(error.to_string()),
        );
        prop_assert!(errors.iter().all(|error| !error.contains('\n')));
        let mut line = Vec::new();
        protocol_line(&mut line, &protocols, 1);
        let line = String::from_utf8(line).unwrap();
        prop_assert!(parse_lines(&line).all(|parsed| parsed.is_ok()), "{}", line);
        let _ = (sysfs::flags(&bytes), sysfs::speed(&bytes));
        let _ = Patterns::new(&[String::from_utf8_lossy(&bytes)]).is_ok_and(|patterns| patterns.matches(&bytes));
        let config = Config::parse(&bytes, &|_| Some("x\"'\n".into()));
        if let Err(error) = config {
            prop_assert!(!error.to_string().contains('\n'), "{}", error);
        }
    }

    #[test]
    fn a_pattern_matches_what_the_plain_matcher_matches(
        parts in pattern(),
        names in vec(vec(select(ALPHABET), 0..6), 1..20),
    ) {
        let pattern = written(&parts);
        // Beside another one that has a wildcard, so that none counts as literal text.
        let patterns = Patterns::new(&[pattern.as_str(), "none?such*"]);
        let is_too_many = patterns.as_ref().is_err_and(|error| error.reason == PatternReason::TooMany);
        prop_assume!(!is_too_many);
        let patterns = patterns.unwrap();
        for name in names {
            let text: String = name.iter().collect();
            let expected = is_match(&parts, &name);
            prop_assert_eq!(patterns.matches(text.as_bytes()), expected, "{} {}", pattern, text);
        }
    }
}
