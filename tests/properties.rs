//! Whatever bytes come in: names survive, parsers stand, patterns mean what they say.

mod common;

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use common::converted;
use common::datagram::{self, Link, Told};
use common::grammar::{self, Value};
use common::line::{Line, as_tag};
use common::patterns::{Part, is_match, written};
use influxdb_line_protocol::{FieldValue, parse_lines};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use telegraf_net::config::Config;
use telegraf_net::config::systems::System;
use telegraf_net::convert::convert;
use telegraf_net::format::influx::Influx;
use telegraf_net::format::{Fields, Format as _};
use telegraf_net::model::counters::Counters;
use telegraf_net::model::interface::{Details, Interface};
use telegraf_net::model::link::{Flags, LinkModes};
use telegraf_net::model::protocol::{Group, ProtocolStatistics};
use telegraf_net::model::rates::{Rates, Reading, rounded};
use telegraf_net::parse::btf::{BtfHeader, NameSearch};
use telegraf_net::parse::netlink::ethtool;
use telegraf_net::parse::netlink::inet6_link::Inet6Link;
use telegraf_net::parse::netlink::messages;
use telegraf_net::parse::{
    proc_net_dev, proc_net_snmp, proc_net_snmp6, proc_net_sockstat, proc_net_softnet_stat, sysfs,
};
use telegraf_net::select::patterns::{PatternReason, Patterns};

/// Any name that Linux allows: one to fifteen bytes without `/`, `:` and white space, and neither
/// `.` nor `..`. Awkward bytes are common.
fn interface_name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![select(b",=\\\"'{}[]#!?*-. \x01\x7f\xff\xc3".as_slice()), any::<u8>()];
    let is_allowed = |byte: &u8| !byte.is_ascii_whitespace() && !b"/:\0\x0b\xa0".contains(byte);
    vec(byte.prop_filter("not in a name", is_allowed), 1..=15)
        .prop_filter("reserved", |name| !matches!(name.as_slice(), b"." | b".."))
}

/// What else can be a tag, whose text operators and file names give: any bytes.
fn tag_value() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        || prop_oneof![3 => select(b"\\\\,= \n\r\t\x0b\x0c\"a".as_slice()), 1 => any::<u8>()];
    prop_oneof![
        4 => vec(byte(), 0..12),
        3 => any::<String>().prop_map(String::into_bytes),
        2 => vec(select(b"\\,= \n\x0b\"a".as_slice()), 0..8),
        1 => vec(Just(b'\\'), 0..4),
    ]
}

fn tags() -> impl Strategy<Value = [(&'static str, Vec<u8>); 3]> {
    [tag_value(), tag_value(), tag_value()]
        .prop_map(|[a, b, c]| [("namespace", a), ("alias", b), ("altname", c)])
}

/// The like of it that the crate's parser reads as Telegraf does: it takes no invalid UTF-8, and has a
/// backslash escape another one, whatever stands behind that.
fn for_the_crate(value: &[u8]) -> Vec<u8> {
    let mut value = String::from_utf8_lossy(value).into_owned().into_bytes();
    for place in 1..value.len() {
        if value[place - 1] == b'\\' && b"\\,= \n\r\t\x0b\x0c".contains(&value[place]) {
            value[place - 1] = b'/';
        }
    }
    value
}

/// What Telegraf makes of the tags.
fn expected_tags(name: &[u8], tags: &[(&'static str, Vec<u8>)]) -> BTreeMap<String, Vec<u8>> {
    let tags = tags.iter().map(|(key, value)| (*key, value.as_slice()));
    let tags = tags.chain([("interface", name)]);
    tags.filter_map(|(key, value)| Some((key.to_owned(), as_tag(value)?))).collect()
}

fn as_slices<'a>(
    tags: &'a [(&'static str, Vec<u8>)],
) -> impl Iterator<Item = (&'static str, &'a [u8])> {
    tags.iter().map(|(key, value)| (*key, value.as_slice()))
}

fn line_of(
    name: &[u8],
    tags: &[(&'static str, Vec<u8>)],
    counters: &Counters,
    speed_mbits: i64,
) -> Vec<u8> {
    let mut line = Vec::new();
    Influx.interface(&mut line, name, &mut as_slices(tags));
    let mut interface = Interface::default();
    interface.set_link_modes(Some(LinkModes { speed_mbits, duplex: None }), 1);
    let fields = Fields { influx_uint_support: true, ..Fields::default() };
    Influx.fields(&mut line, counters, &interface, &fields, None);
    Influx.end(&mut line, 1);
    line
}

/// The fields of a line that has these rates, as the crate's parser reads them.
fn floats_of(per_second: [Option<f64>; 8], speed_mbits: i64) -> Vec<(String, f64)> {
    let mut interface = Interface::default();
    interface.set_link_modes(Some(LinkModes { speed_mbits, duplex: None }), 1);
    let mut details = Details::default();
    details.rates.per_second = per_second;
    interface.details = Some(Box::new(details));
    let mut line = b"net".to_vec();
    let fields = Fields { rates: true, ..Fields::default() };
    Influx.fields(&mut line, &Counters::default(), &interface, &fields, None);
    Influx.end(&mut line, 1);
    let line = String::from_utf8(line).unwrap();
    let mut parsed: Vec<_> = parse_lines(&line).collect::<Result<_, _>>().unwrap();
    assert_eq!(parsed.len(), 1, "{line}");
    let fields = parsed.remove(0).field_set.into_iter().filter_map(|(key, value)| match value {
        FieldValue::F64(value) => Some((key.to_string(), value)),
        _ => None,
    });
    fields.collect()
}

fn counters() -> impl Strategy<Value = Counters> {
    any::<[u64; 8]>().prop_map(counters_of)
}

/// In the order of [`Counters::values`].
fn counters_of(values: [u64; 8]) -> Counters {
    Counters {
        bytes_sent: values[0],
        bytes_recv: values[1],
        packets_sent: values[2],
        packets_recv: values[3],
        err_in: values[4],
        err_out: values[5],
        drop_in: values[6],
        drop_out: values[7],
    }
}

/// The rates after each of these readings, a second after each other.
fn rates_of(readings: &[[u64; 8]]) -> Vec<[Option<f64>; 8]> {
    let (mut reading, mut rates) = (Reading::default(), Rates::default());
    let mut now = Instant::now();
    let mut advance = |values: &[u64; 8]| {
        now += Duration::from_secs(1);
        reading.begin(now);
        rates.advance(&counters_of(*values), &reading);
        rates.per_second
    };
    readings.iter().map(&mut advance).collect()
}

/// The rate of a counter that grew in a second.
#[expect(clippy::cast_precision_loss, reason = "as rates are")]
fn grown(before: u64, now: u64) -> f64 {
    (now - before) as f64
}

fn after(mut values: [u64; 8], growth: [u64; 8]) -> [u64; 8] {
    for (value, growth) in values.iter_mut().zip(growth) {
        *value += growth;
    }
    values
}

/// What counters grow by from one reading to the next: of any length, also zero.
fn growth() -> impl Strategy<Value = [u64; 8]> {
    any::<[u32; 8]>().prop_map(|growth| growth.map(|one| u64::from(one >> (one & 31))))
}

/// Some readings in a row that are false, of some counters.
#[derive(Debug, Clone)]
struct FalseReading {
    first: usize,
    count: usize,
    counters: [bool; 8],
    value: FalseValue,
}

#[derive(Debug, Clone)]
enum FalseValue {
    Zero,
    LessBy(u64),
    BelowZeroBy(u64),
}

/// Where a reading stands that a false one concerns.
enum Place {
    False,
    Next,
}

fn false_reading() -> impl Strategy<Value = FalseReading> {
    let value = prop_oneof![
        Just(FalseValue::Zero),
        (0..1_u64 << 40).prop_map(FalseValue::LessBy),
        (1..1000_u64).prop_map(FalseValue::LessBy),
        (1..1_u64 << 40).prop_map(FalseValue::BelowZeroBy),
        (1..100_u64).prop_map(FalseValue::BelowZeroBy),
    ];
    (1..5_usize, 1..3_usize, any::<[bool; 8]>(), value)
        .prop_map(|(first, count, counters, value)| FalseReading { first, count, counters, value })
}

impl FalseReading {
    /// What is read where this is the truth.
    fn told(&self, truth: &[[u64; 8]]) -> Vec<[u64; 8]> {
        let mut told = truth.to_vec();
        for values in told.iter_mut().skip(self.first).take(self.count) {
            for counter in (0..8).filter(|&counter| self.counters[counter]) {
                values[counter] = match self.value {
                    FalseValue::Zero => 0,
                    FalseValue::LessBy(less) => truth[self.first - 1][counter].saturating_sub(less),
                    FalseValue::BelowZeroBy(below) => 0_u64.wrapping_sub(below),
                };
            }
        }
        told
    }

    fn place(&self, number: usize) -> Option<Place> {
        match number.checked_sub(self.first)? {
            behind if behind < self.count => Some(Place::False),
            behind if behind == self.count => Some(Place::Next),
            _ => None,
        }
    }
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

/// Another folder of recordings than `fixtures`.
const ELSEWHERE: &str = "TELEGRAF_NET_RECORDED";

/// What a kernel said by netlink; see `ORIGIN.md` in its folder.
struct Recorded {
    folder: String,
    answers: BTreeMap<String, Vec<u8>>,
}

impl Recorded {
    fn read(folder: &Path) -> Self {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let answers = files.filter_map(|file| {
            let name = file.file_name()?.to_str()?.strip_suffix(".bin")?.to_owned();
            Some((name, fs::read(file).unwrap()))
        });
        let answers = answers.collect();
        Self { folder: folder.file_name().unwrap().to_str().unwrap().to_owned(), answers }
    }

    fn told(&self, answer: &str) -> Vec<Told<'_>> {
        told(&self.answers[answer])
    }

    fn family(&self) -> u16 {
        let mut messages = messages(&self.answers["family"]);
        ethtool::family(&messages.next().unwrap().unwrap()).expect(&self.folder)
    }
}

/// What each kernel said.
static KERNELS: LazyLock<Vec<Recorded>> = LazyLock::new(|| {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let folder = env::var_os(ELSEWHERE).map_or(fixtures, PathBuf::from);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let is_recording =
        |entry: &DirEntry| entry.file_name().as_encoded_bytes().starts_with(b"netlink-linux-");
    let kernels: Vec<_> =
        entries.filter(is_recording).map(|entry| Recorded::read(&entry.path())).collect();
    assert!(!kernels.is_empty(), "nothing was recorded");
    kernels
});
static RECORDINGS: LazyLock<Vec<&[u8]>> = LazyLock::new(|| {
    KERNELS.iter().flat_map(|kernel| kernel.answers.values()).map(Vec::as_slice).collect()
});
/// The numbers that the family `ethtool` has there.
static FAMILIES: LazyLock<Vec<u16>> =
    LazyLock::new(|| KERNELS.iter().map(Recorded::family).collect());
const ENODEV: u16 = 19;
const EOPNOTSUPP: u16 = 95;

fn told(datagram: &[u8]) -> Vec<Told<'_>> {
    datagram::told(datagram, &FAMILIES)
}

/// Where each message of a recording begins.
fn starts(recording: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut next = 0;
    while next < recording.len() {
        starts.push(next);
        let length = u32::from_ne_bytes(recording[next..next + 4].try_into().unwrap());
        next += usize::try_from(length).unwrap().next_multiple_of(4);
    }
    starts
}

/// Something that happens to bytes on their way.
#[derive(Debug, Clone)]
enum Damage {
    Flips(Vec<(Index, u8)>),
    /// Numbers in the places where lengths stand, or kinds.
    Lengths(Vec<(Index, u16)>),
    /// A message's own length.
    Length(Index, u32),
    Cut(Index),
    /// A piece of another recording in the place of one's own.
    Splice(&'static [u8], [Index; 4]),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<Index>;
    let length = || prop_oneof![0..40_u16, any::<u16>()];
    prop_oneof![
        vec((index(), 1..=255_u8), 1..20).prop_map(Damage::Flips),
        vec((index(), length()), 1..20).prop_map(Damage::Lengths),
        (index(), prop_oneof![length().prop_map(u32::from), any::<u32>()])
            .prop_map(|(place, length)| Damage::Length(place, length)),
        index().prop_map(Damage::Cut),
        (select(RECORDINGS.as_slice()), [index(), index(), index(), index()])
            .prop_map(|(other, places)| Damage::Splice(other, places)),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.len() < 4 {
            return;
        }
        match self {
            Self::Flips(flips) => {
                for (place, flip) in flips {
                    let place = place.index(bytes.len());
                    bytes[place] ^= flip;
                }
            }
            Self::Lengths(lengths) => {
                for (place, length) in lengths {
                    let place = place.index(bytes.len() / 4) * 4;
                    bytes[place..place + 2].copy_from_slice(&length.to_ne_bytes());
                }
            }
            Self::Length(place, length) => {
                let starts = starts_of_any(bytes);
                let place = starts[place.index(starts.len())];
                bytes[place..place + 4].copy_from_slice(&length.to_ne_bytes());
            }
            Self::Cut(place) => bytes.truncate(place.index(bytes.len())),
            Self::Splice(other, places) => {
                let range = |length: usize, one: Index, two: Index| {
                    let (one, two) = (one.index(length + 1), two.index(length + 1));
                    one.min(two)..one.max(two)
                };
                let [to0, to1, from0, from1] = *places;
                let from = &other[range(other.len(), from0, from1)];
                bytes.splice(range(bytes.len(), to0, to1), from.iter().copied());
            }
        }
    }
}

/// Where messages begin in bytes that may be damaged; at least one place with four bytes.
fn starts_of_any(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![0];
    loop {
        let start = starts[starts.len() - 1];
        let length = u32::from_ne_bytes(bytes[start..start + 4].try_into().unwrap());
        let next = usize::try_from(length).unwrap().checked_next_multiple_of(4);
        let next = next.and_then(|length| start.checked_add(length));
        match next {
            Some(next) if next > start && next + 4 <= bytes.len() => starts.push(next),
            _ => return starts,
        }
    }
}

#[test]
fn line_protocol_makes_of_each_byte_what_the_encoders_table_says() {
    // What arrives of a text in each place, if it arrives whole.
    let arrive = |text: &[u8]| -> [Option<Vec<u8>>; 4] {
        let read = |before: &str, behind: &str| {
            let line = [before.as_bytes(), text, behind.as_bytes(), b"\n"].concat();
            match <[_; 1]>::try_from(grammar::read(&line)) {
                Ok([Ok(metric)]) => Some((metric.tags, metric.fields)),
                _ => None,
            }
        };
        let tag = read("net,x", "=v n=1i 5").map(|(mut tags, _)| tags.remove(0).0);
        let value = read("net,k=x", " n=1i 5").map(|(mut tags, _)| tags.remove(0).1);
        let field = read("net x", "=1i 5").map(|(_, mut fields)| fields.remove(0).0);
        let string = read("net s=\"x", "\" 5").map(|(_, mut fields)| match fields.remove(0).1 {
            Value::String(string) => string,
            Value::Other(_) => unreachable!("in quotes"),
        });
        [tag, value, field, string].map(|whole| Some(whole?.strip_prefix(b"x")?.to_vec()))
    };
    for byte in 0..=u8::MAX {
        let (itself, behind_backslash) = ([byte, b'y'], [b'\\', byte, b'y']);
        let (one, both) = (Some(&itself[..]), Some(&behind_backslash[..]));
        // In names as it is and behind a backslash, then in strings.
        let [name, escaped_name, string, escaped_string] = match byte {
            b',' | b'=' | b' ' => [None, one, one, None],
            b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r' => [None, None, one, None],
            b'\\' | b'"' => [one, both, None, one],
            _ => [one, both, one, None],
        };
        for (text, name, string) in
            [(&itself[..], name, string), (&behind_backslash[..], escaped_name, escaped_string)]
        {
            let expected = [name, name, name, string].map(|text| text.map(<[u8]>::to_vec));
            assert_eq!(arrive(text), expected, "{}", text.escape_ascii());
        }
    }
    // A backslash before a quote is dropped where there is another escape, and one at an end takes it
    // along.
    let names = |text: &[u8]| [Some(text.to_vec()), Some(text.to_vec()), Some(text.to_vec())];
    assert_eq!(arrive(br#"\"\ "#)[..3], names(b"\" "));
    assert_eq!(arrive(br#"\\"\ "#)[..2], names(br#"\" "#)[..2]);
    assert_eq!(arrive(br"y\")[..3], [None, None, None]);
    assert_eq!(arrive(br"y\\")[..3], [None, None, Some(br"y\\".to_vec())]);
}

#[test]
fn what_each_kernel_said_is_read_as_it_was() {
    KERNELS.iter().for_each(is_read_as_it_was);
}

fn is_read_as_it_was(kernel: &Recorded) {
    let link = |ifindex, name: &'static str, flags, kind: &'static str| Link {
        ifindex,
        flags: Flags(flags),
        name: name.as_bytes(),
        kind: (!kind.is_empty()).then_some(kind.as_bytes()),
        lower: None,
        master: None,
        has_parent_device: false,
    };
    let on = |link: Link<'static>, lower| Link { lower: Some(lower), ..link };
    let in_bridge = |link: Link<'static>| Link { master: Some(14), ..link };
    let new = Told::Link;
    let links = [
        link(1, "lo", 0x1_0049, ""),
        link(2, "tun0", 0x1090, "tun"),
        // A pair of veths is linked, and neither lies upon the other.
        link(10, "veth0", 0x1_1043, "veth"),
        link(11, "veth1", 0x1_1043, "veth"),
        link(12, "veth2", 0x1002, "veth"),
        in_bridge(link(13, "veth3", 0x1003, "veth")),
        link(14, "br0", 0x1003, "bridge"),
        on(link(15, "macvlan0", 0x1_1043, "macvlan"), 11),
        on(link(16, "vxlan0", 0x1002, "vxlan"), 10),
        link(17, "ifb0", 0x1_00c3, "ifb"),
    ];
    let dump: Vec<_> = links.into_iter().map(new).chain([Told::End(None)]).collect();
    assert_eq!(kernel.told("links"), dump);
    assert_eq!(kernel.told("link"), [new(links[2])]);
    let [Told::Link(device)] = kernel.told("device-link")[..] else { panic!("{}", kernel.folder) };
    // The attribute is there since Linux 5.14.
    assert_eq!(device.has_parent_device, kernel.folder != "netlink-linux-5.10");
    assert_eq!(device.kind, None);
    assert!(device.name.starts_with(b"eth"), "{device:?}");
    let pair = |name, flags| link(20, name, flags, "veth");
    let gone = Told::Gone;
    let events = [
        new(link(21, "new1", 0x1002, "veth")),
        new(pair("new0", 0x1002)),
        new(pair("new0", 0x1003)),
        new(in_bridge(pair("new0", 0x1003))),
        new(in_bridge(pair("new0", 0x1003))),
        Told::Nothing,
        new(in_bridge(pair("new0", 0x1002))),
        Told::Nothing,
        new(in_bridge(pair("renamed", 0x1002))),
        new(in_bridge(pair("renamed", 0x1002))),
        Told::Nothing,
        // It leaves the bridge, and is not gone.
        Told::Nothing,
        new(pair("renamed", 0x1002)),
        gone(20),
        gone(21),
    ];
    assert_eq!(kernel.told("events"), events);

    let none = Counters::default();
    let told_counters = kernel.told("stats");
    // The bridge asks for members of groups of its own accord.
    let bridge = told_counters.iter().find_map(|told| match *told {
        Told::Stats(14, counters) => Some(counters.drop_out),
        _ => None,
    });
    assert!(matches!(bridge, Some(0..10)), "{}: {told_counters:?}", kernel.folder);
    let counters = [
        (
            1,
            Counters {
                packets_recv: 14,
                packets_sent: 14,
                bytes_recv: 616,
                bytes_sent: 616,
                ..none
            },
        ),
        (2, none),
        (10, Counters { packets_sent: 7, bytes_sent: 308, ..none }),
        (11, Counters { packets_recv: 7, bytes_recv: 308, ..none }),
        (12, none),
        (13, none),
        (14, Counters { drop_out: bridge.unwrap_or_default(), ..none }),
        (15, none),
        (16, none),
        (17, Counters { packets_recv: 7, bytes_recv: 308, drop_in: 7, ..none }),
    ];
    let stats = |(ifindex, counters)| Told::Stats(ifindex, counters);
    let dump: Vec<_> = counters.into_iter().map(stats).chain([Told::End(None)]).collect();
    assert_eq!(told_counters, dump);
    assert_eq!(kernel.told("stat"), [stats(counters[2])]);

    let speed = |(ifindex, speed_mbits)| Told::Speed(ifindex, speed_mbits);
    // What a tun makes up has become more.
    let tun = kernel.told("linkmodes").first().map(|told| match told {
        Told::Speed(2, speed_mbits @ (10 | 10_000)) => *speed_mbits,
        told => panic!("{told:?}"),
    });
    let ten_gigabits = [10, 11, 12, 13].map(|ifindex| (ifindex, 10_000));
    let speeds = [(2, tun.unwrap())].into_iter().chain(ten_gigabits);
    let speeds = speeds.chain([(14, -1), (15, 10_000), (16, 10_000)]);
    // The last one tells none, with which Linux 5.10 ends.
    let end = (kernel.folder == "netlink-linux-5.10").then_some(EOPNOTSUPP);
    let dump: Vec<_> = speeds.map(speed).chain([Told::End(end)]).collect();
    assert_eq!(kernel.told("linkmodes"), dump);
    let is_the_devices =
        |told: &Told<'_>| matches!(told, Told::Speed(number, _) if *number == device.ifindex);
    assert!(kernel.told("device-linkmodes").iter().all(is_the_devices));
    assert_eq!(kernel.told("refusal"), [Told::End(Some(ENODEV))]);
}

#[test]
fn a_datagram_that_is_cut_anywhere_reads_the_same_up_to_there() {
    for recording in RECORDINGS.iter().copied() {
        let (whole, starts) = (told(recording), starts(recording));
        for length in 0..recording.len() {
            let cut = told(&recording[..length]);
            let messages_before = starts.iter().filter(|&&start| start < length).count();
            let is_whole = starts.contains(&length);
            let before = messages_before - usize::from(!is_whole && messages_before > 0);
            assert_eq!(cut[..before], whole[..before]);
            let rest = &cut[before..];
            assert!(matches!(rest, []) == (is_whole || length == 0), "{length}: {rest:?}");
            assert!(matches!(rest, [] | [Told::Malformed]), "{length}: {rest:?}");
        }
    }
}

/// Of what a `telegraf.conf` may be made.
const CONF_PIECES: &[&str] = &[
    "interfaces = ",
    "['a{,b', \"\\\\x\"]\n",
    "['eth*', 'c,d{e,f}']\n",
    "['[a-z]', '[']\n",
    "[\"${X}\", '$Y']\n",
    "${X:-['a']}\n",
    "ignore_protocol_stats = ",
    "true\n",
    "'no'\n",
    "interval = ",
    "\"1m0.5s\"\n",
    "'x'\n",
    "10\n",
    "precision = ",
    "tags = {a = 'b'}\n",
    "[inputs.net.tags]\n",
    "a = [1, # c\n 2]\n",
    "namepass = ",
    "[ # x\n# ---- /x\n'net', \"\"\"\n# ---- /x\n\"\"\",\n# ---- /x\n]\n",
    "'''\n# ---- /x\n'''\n",
    "# ---- /x\n",
    "\"${K} \\\"\" = '''\n# x\n'''\n",
    "[[inputs.net]]\n",
    "[[inputs.nstat]]\n",
    "[inputs.nstat.tagpass]\n",
    "name = ['snmp*']\n",
    "fieldpass = ['TcpExt*', '[A-Z]*']\n",
    "proc_net_snmp = '/x/net/snmp'\n",
    "[agent]\n",
    "unknown = 1e3\n",
    "# comment '\"\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tags_survive_telegrafs_parser(name in interface_name(), tags in tags(), counters in counters(), speed in any::<i64>()) {
        let mut statistics = ProtocolStatistics::default();
        statistics.push(Group::Tcp, None, "MaxConn", -1);
        let mut all = Vec::new();
        Influx.protocols(&mut all, &mut as_slices(&tags), &mut statistics.iter());
        Influx.end(&mut all, 1);
        for (name, line) in [(&name[..], line_of(&name, &tags, &counters, speed)), (b"all", all)] {
            let (last, line) = line.split_last().unwrap();
            prop_assert_eq!(*last, b'\n');
            prop_assert!(!line.iter().any(|byte| b"\n\r\t\x0b\x0c".contains(byte)));
            let line = Line::parse(line);
            prop_assert_eq!(line.tags, expected_tags(name, &tags));
            prop_assert!(line.fields.contains_key("bytes_sent") || line.fields.contains_key("tcp_maxconn"));
        }
    }

    #[test]
    fn tags_and_counters_survive_the_crates_parser(name in interface_name(), tags in tags(), counters in counters(), speed in any::<i64>()) {
        let (name, tags) = (for_the_crate(&name), tags.map(|(key, value)| (key, for_the_crate(&value))));
        let expected = expected_tags(&name, &tags);
        let line = String::from_utf8(line_of(&name, &tags, &counters, speed)).unwrap();
        let parsed: Vec<_> = parse_lines(&line).collect::<Result<_, _>>().unwrap();
        let [parsed] = parsed.as_slice() else { panic!("{} lines", parsed.len()) };
        prop_assert_eq!(parsed.series.measurement.as_str(), "net");
        let tags = parsed.series.tag_set.iter().flatten();
        let tags: BTreeMap<_, _> = tags.map(|(key, value)| (key.to_string(), value.to_string().into_bytes())).collect();
        prop_assert_eq!(tags, expected);
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
    fn the_crates_parser_reads_the_same_rates(
        per_second in any::<[Option<f64>; 8]>(),
        speed in prop_oneof![any::<i64>(), Just(65535), Just(4_294_967_295), 0..5_i64],
    ) {
        // None is below zero.
        let per_second = per_second.map(|rate| rate.map(|rate| rounded(rate.abs())));
        // Far beyond what there can be, a percentage of the speed would be infinite.
        prop_assume!(per_second.iter().flatten().all(|rate| rate.abs() < 1e307));
        let fields = floats_of(per_second, speed);
        prop_assert!(fields.iter().all(|(_, value)| value.is_finite()));
        let is_speed = speed > 0 && ![65535, 4_294_967_295].contains(&speed);
        #[expect(clippy::cast_precision_loss, reason = "as the plugin does")]
        let percent = |rate: Option<f64>| rate.filter(|_| is_speed).map(|rate| rate * 8.0 / (speed as f64 * 1e6) * 100.0).map(rounded);
        let rates = Counters::TABLE.map(|counter| format!("{}_rate", counter.name)).into_iter().zip(per_second);
        let utilization = [
            ("utilization_in".to_owned(), percent(per_second[1])),
            ("utilization_out".to_owned(), percent(per_second[0])),
        ];
        let expected = rates.chain(utilization).filter_map(|(key, value)| Some((key, value?.to_bits())));
        let fields = fields.into_iter().map(|(key, value)| (key, value.to_bits()));
        prop_assert_eq!(fields.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_false_reading_costs_only_its_own_counters_rates_and_none_after_the_next(
        start in any::<[u64; 8]>().prop_map(|start| start.map(|start| start % (1 << 50))),
        growth in vec(growth(), 5..12),
        false_one in false_reading(),
    ) {
        let mut truth = vec![start];
        for growth in growth {
            truth.push(after(truth[truth.len() - 1], growth));
        }
        let told = false_one.told(&truth);
        for (number, (reading, rates)) in truth.iter().zip(rates_of(&told)).enumerate().skip(1) {
            for (counter, rate) in rates.into_iter().enumerate() {
                let before = truth[number - 1][counter];
                let exact = grown(before, reading[counter]);
                match false_one.place(number).filter(|_| false_one.counters[counter]) {
                    None => prop_assert_eq!(rate, Some(exact), "{} of {}", counter, number),
                    Some(Place::False) => {
                        prop_assert!(rate.is_none_or(|rate| rate <= exact), "{} of {}: {:?}", counter, number, rate);
                    }
                    Some(Place::Next) => {
                        let last_true = truth[false_one.first - 1][counter];
                        let most = grown(last_true, reading[counter]);
                        prop_assert!(rate.is_none_or(|rate| rate <= most), "{} of {}: {:?}", counter, number, rate);
                    }
                }
            }
        }
    }

    #[test]
    fn no_rate_exceeds_what_two_true_readings_allow_whatever_is_reset(
        start in any::<[u64; 8]>().prop_map(|start| start.map(|start| start % (1 << 50))),
        steps in vec((growth(), proptest::bool::weighted(0.2), any::<[bool; 8]>()), 5..20),
        false_one in false_reading(),
    ) {
        let mut truth = vec![start];
        let mut resets = [0; 8];
        for (growth, is_reset, counters) in steps {
            let mut from = truth[truth.len() - 1];
            for counter in (0..8).filter(|&counter| is_reset && counters[counter]) {
                from[counter] = 0;
                resets[counter] += 1;
            }
            truth.push(after(from, growth));
        }
        let told = false_one.told(&truth);
        let rates = rates_of(&told);
        for (number, reading) in truth.iter().enumerate().skip(1) {
            for (counter, &now) in reading.iter().enumerate() {
                let Some(rate) = rates[number][counter] else { continue };
                let place = false_one.place(number).filter(|_| false_one.counters[counter]);
                let last_true = if place.is_some() { false_one.first - 1 } else { number - 1 };
                let before = truth[last_true][counter];
                // If it went back, it grew from zero.
                let most = if now < before { grown(0, now) } else { grown(before, now) };
                match place {
                    None => prop_assert_eq!(Some(rate), Some(most), "{} of {}", counter, number),
                    Some(_) => prop_assert!(rate <= most, "{} of {}: {} > {}", counter, number, rate, most),
                }
            }
        }
        // Each step back costs two rates at most, and each reading that is false by itself one.
        for (counter, resets) in resets.into_iter().enumerate() {
            let missing = rates.iter().skip(1).filter(|rates| rates[counter].is_none()).count();
            let most = 2 * resets + false_one.count + 1;
            prop_assert!(missing <= most, "{} are missing after {} resets", missing, resets);
        }
    }

    #[test]
    fn a_driver_that_counts_with_32_bits_costs_a_counter_the_rate_of_each_wrap_and_no_other(
        start in any::<[u32; 8]>(),
        growth in vec(any::<[u32; 8]>().prop_map(|growth| growth.map(|growth| u64::from(growth >> 2))), 5..60),
    ) {
        let mut truth = vec![start.map(u64::from)];
        for growth in growth {
            truth.push(after(truth[truth.len() - 1], growth));
        }
        let told: Vec<_> = truth.iter().map(|values| values.map(|value| value % (1 << 32))).collect();
        for (number, rates) in rates_of(&told).into_iter().enumerate().skip(1) {
            for (counter, rate) in rates.into_iter().enumerate() {
                let [before, now] = [number - 1, number].map(|number| truth[number][counter]);
                let is_wrap = before >> 32 != now >> 32;
                prop_assert_eq!(rate, (!is_wrap).then(|| grown(before, now)), "{} of {}", counter, number);
            }
        }
    }

    #[test]
    fn a_rate_is_finite_whatever_the_counters_and_the_time_between(
        steps in vec((any::<[u64; 8]>(), prop_oneof![0..3_u64, 0..u64::MAX / 8]), 2..8),
        speed in any::<i64>(),
    ) {
        let (mut reading, mut rates) = (Reading::default(), Rates::default());
        let (mut now, mut values) = (Instant::now(), [0_u64; 8]);
        for (growth, gap_ns) in steps {
            now += Duration::from_nanos(gap_ns);
            for (value, growth) in values.iter_mut().zip(growth) {
                *value = value.saturating_add(growth);
            }
            reading.begin(now);
            rates.advance(&counters_of(values), &reading);
            let fields = floats_of(rates.per_second, speed);
            prop_assert!(fields.iter().all(|(_, value)| value.is_finite() && *value >= 0.0), "{:?}", fields);
        }
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
                        line_of(row.name, &[], &row.counters, -1);
                    }
                    Err(error) => prop_assert!(!error.to_string().contains('\n')),
                }
            }
        }
        let mut protocols = ProtocolStatistics::default();
        let mut errors = Vec::new();
        proc_net_snmp::statistics(
            &bytes,
            Some,
            |group, statistic| protocols.push(Group::Tcp, Some(group), statistic.column, statistic.value),
            |error| errors.push(error.to_string()),
        );
        proc_net_sockstat::statistics(
            &bytes,
            |one| protocols.push(Group::Sockstat, Some(one.row), one.column, one.value),
            |error| errors.push(error.to_string()),
        );
        for statistic in proc_net_snmp6::statistics(&bytes) {
            match statistic {
                Ok(one) => protocols.push(one.group, None, one.column, one.value),
                Err(error) => errors.push(error.to_string()),
            }
        }
        match proc_net_softnet_stat::sums(&bytes) {
            Ok(sums) => sums.for_each(|(name, value)| protocols.push(Group::Softnet, None, name, value)),
            Err(error) => errors.push(error.to_string()),
        }
        prop_assert!(errors.iter().all(|error| !error.contains('\n')));
        let mut line = Vec::new();
        Influx.protocols(&mut line, &mut std::iter::empty(), &mut protocols.iter());
        let line = String::from_utf8(line).unwrap();
        prop_assert!(parse_lines(&line).all(|parsed| parsed.is_ok()), "{}", line);
        let _ = (sysfs::flags(&bytes), sysfs::speed(&bytes), sysfs::number(&bytes));
        let _ = (sysfs::kind(&bytes), sysfs::duplex(&bytes), sysfs::operstate(&bytes));
        let _ = Patterns::new(&[String::from_utf8_lossy(&bytes)]).is_ok_and(|patterns| patterns.matches(&bytes));
        let config = Config::parse(&bytes, &|_| Some("x\"'\n".into()));
        if let Err(error) = config {
            prop_assert!(!error.to_string().contains('\n'), "{}", error);
        }
        if let Err(error) = convert(&bytes, System::Linux) {
            prop_assert!(!error.to_string().contains('\n'), "{}", error);
        }
    }

    #[test]
    fn whatever_is_converted_can_be_read(pieces in vec(select(CONF_PIECES), 0..20)) {
        let conf = format!("[[inputs.net]]\n{}", pieces.concat());
        if let Err(error) = converted::check(conf.as_bytes(), System::Linux) {
            prop_assert!(error.line.is_some(), "{}", error);
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

    #[test]
    fn damaged_netlink_messages_neither_panic_nor_hold_the_reader_up(
        recording in select(RECORDINGS.as_slice()),
        damages in vec(damage(), 1..4),
    ) {
        let mut bytes = recording.to_vec();
        for damage in &damages {
            damage.apply(&mut bytes);
        }
        told(&bytes);
    }

    #[test]
    fn random_bytes_are_no_trouble_as_netlink_messages(bytes in vec(any::<u8>(), 0..300), kind in select([2_u16, 3, 16, 17, 21, 92].as_slice())) {
        told(&bytes);
        // With a proper header, they get as far as the attributes.
        let length = u32::try_from(bytes.len() + 16).unwrap().to_ne_bytes();
        told(&[&length, kind.to_ne_bytes().as_slice(), &[0; 10], &bytes].concat());
    }

    #[test]
    fn random_bytes_are_no_trouble_as_counters_of_ipv6(bytes in vec(prop_oneof![Just(0_u8), 0..9_u8, any::<u8>()], 0..300)) {
        // With the header of a message, its family, and the attribute that holds the others.
        let nested = u16::try_from(bytes.len() + 4).unwrap().to_ne_bytes();
        let length = u32::try_from(bytes.len() + 36).unwrap().to_ne_bytes();
        let mut message = [&length[..], &16_u16.to_ne_bytes(), &[0; 10], &[10], &[0; 15]].concat();
        message.extend([&nested[..], &12_u16.to_ne_bytes(), &bytes].concat());
        let message = messages(&message).next().unwrap().unwrap();
        let link = Inet6Link::of(&message).unwrap();
        for group in Group::ALL {
            let mut counters = (0..60).chain([u16::MAX]).map(|number| link.counter(group, number));
            prop_assert!(counters.all(|counter| counter.is_none_or(|counter| counter >= 0)));
            prop_assert!(link.counter(group, 1).is_none_or(|first| first == 0 || link.has_any(group)));
        }
    }

    #[test]
    fn random_bytes_are_no_trouble_as_types_of_the_kernel(
        header in vec(any::<u8>(), 0..30),
        strings in vec(prop_oneof![Just("A_"), Just("A_B"), Just("\0"), Just("B"), Just("é")], 0..60),
        types in vec(prop_oneof![0..20_u32, (0..32_u32, 0..5_u32).prop_map(|(kind, members)| kind << 24 | members), any::<u32>()], 0..60),
        piece in 1..50_usize,
        cut in 0..4_usize,
    ) {
        if let Ok(header) = BtfHeader::of(&header) {
            prop_assert!(header.types.start <= header.types.end && header.strings.start <= header.strings.end);
        }
        let strings = strings.concat().into_bytes();
        let types: Vec<_> = types.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let types = &types[..types.len().saturating_sub(cut)];
        let read = |piece: usize| {
            let mut names = NameSearch::new(&["A_"]);
            for piece in strings.chunks(piece) {
                names.take(piece)?;
            }
            let mut values = names.into_values();
            for piece in types.chunks(piece) {
                values.take(piece)?;
            }
            values.into_enumerators()
        };
        let whole = read(1 << 20);
        prop_assert_eq!(&whole, &read(piece));
        prop_assert!(whole.is_err() || whole.unwrap().iter().all(|(name, _)| name.starts_with("A_")));
    }

    #[test]
    fn a_damaged_message_costs_only_itself(
        recording in select(RECORDINGS.as_slice()),
        message in any::<Index>(),
        flips in vec((any::<Index>(), 1..=255_u8), 1..20),
    ) {
        let starts = starts(recording);
        let number = message.index(starts.len());
        let end = starts.get(number + 1).copied().unwrap_or(recording.len());
        let mut bytes = recording.to_vec();
        // All but its length.
        let damaged = &mut bytes[starts[number] + 4..end];
        for (place, flip) in &flips {
            damaged[place.index(damaged.len())] ^= flip;
        }
        let (mut before, mut after) = (told(recording), told(&bytes));
        prop_assert_eq!(before.len(), after.len());
        before.remove(number);
        after.remove(number);
        prop_assert_eq!(before, after);
    }
}
