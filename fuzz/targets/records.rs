//! What is told of an interface -> a record in each format -> what its readers make of it.

use influxdb_line_protocol::parse_lines;
use telegraf_net::format::influx::Influx;
use telegraf_net::format::json::Json;
use telegraf_net::format::{Fields, Format};
use telegraf_net::model::counters::Counters;
use telegraf_net::model::interface::{Details, Interface};
use telegraf_net::model::link::LinkModes;
use telegraf_net::model::protocol::{Group, ProtocolStatistics};
use telegraf_net::model::rates::rounded;

use super::grammar::{self, Metric, Value};
use super::json::assert_is_line;
use super::line::as_tag;
use super::pieces::Pieces;
use super::text;

/// In nanoseconds since 1970.
const TIME: i64 = 1_795_796_390_123_456_789;

/// What a record tells.
#[derive(Default)]
pub(crate) struct Record<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) tags: Vec<(&'static str, &'a [u8])>,
    pub(crate) counters: Counters,
    pub(crate) speed_mbits: Option<i64>,
    pub(crate) per_second: [Option<f64>; Counters::COUNT],
    pub(crate) influx_uint_support: bool,
}

pub(super) fn run(bytes: &[u8]) {
    let mut pieces = Pieces(bytes);
    let record = Record::of(&mut pieces);
    record.check();
    let (mut statistics, values) = protocols_of(&mut pieces);
    assert_protocols(&mut statistics, &record.tags, &values);
}

/// The lines that the target has checked of these bytes.
pub(crate) fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Pieces(bytes);
    let record = Record::of(&mut pieces);
    let [line, _] = lines_of(&record);
    let [protocols, _] = protocol_lines(&mut protocols_of(&mut pieces).0, &record.tags);
    [line, protocols].into_iter().filter(|line| !line.is_empty()).collect()
}

impl<'a> Record<'a> {
    fn of(pieces: &mut Pieces<'a>) -> Self {
        let name = pieces.text();
        let tags = ["namespace", "alias", "altname"].map(|key| (key, pieces.text())).to_vec();
        let choices = pieces.byte();
        let influx_uint_support = choices & 1 != 0;
        let mut record = Self { name, tags, influx_uint_support, ..Self::default() };
        record.speed_mbits = (choices & 2 != 0).then(|| pieces.number().cast_signed());
        if choices & 4 != 0 {
            let mut numbers = Counters::TABLE.map(|_| pieces.number()).into_iter();
            record.counters =
                Counters::try_of(|_| numbers.next().ok_or(())).expect("there are as many");
        }
        if choices & 8 != 0 {
            // No rate is below zero, and a percentage of what is far beyond any would be infinite.
            let rate = |float: f64| (float.abs() < 1e307).then(|| rounded(float.abs()));
            record.per_second = [(); Counters::COUNT].map(|()| rate(pieces.float()));
        }
        record
    }
}

impl Record<'_> {
    /// Fails unless Telegraf reads of it what it tells, and the other readers the same.
    pub(crate) fn check(&self) {
        let [line, object] = lines_of(self);
        let metric = read(&line);
        assert_eq!(metric.tags, arriving(&self.tags, self.name));
        let number = |value: u64| {
            if self.influx_uint_support {
                format!("{value}u")
            } else {
                format!("{}i", value.min(i64::MAX.cast_unsigned()))
            }
        };
        let counters = self.counters.values().map(number);
        let mut expected: Vec<_> =
            Counters::TABLE.iter().map(|one| one.name.to_owned()).zip(counters).collect();
        expected.extend(self.speed_mbits.map(|speed| ("speed".to_owned(), format!("{speed}i"))));
        let fields = as_written(&metric);
        assert_eq!(fields[..expected.len()], expected, "{}", line.escape_ascii());
        for (key, value) in &fields[expected.len()..] {
            let value: f64 = value.parse().expect("it is a rate or a part of the speed");
            assert!(value.is_finite() && value >= 0.0, "{key}={value}");
            let place = Counters::TABLE.iter().position(|one| format!("{}_rate", one.name) == *key);
            let rate = place.map(|place| self.per_second[place]);
            assert!(rate.is_none_or(|rate| rate == Some(value)), "{key}={value}");
        }
        let rates = self.per_second.iter().flatten().count();
        assert!((expected.len() + rates..=expected.len() + rates + 2).contains(&fields.len()));
        assert_is_line(object.trim_ascii_end(), &line[..line.len() - 1]);
        self.check_by_the_crate(&line);
    }

    /// The crate's parser takes no invalid UTF-8, has a backslash escape another one, and ends a tag at less.
    fn check_by_the_crate(&self, line: &[u8]) {
        let (Ok(line), false) = (str::from_utf8(line), line.contains(&b'\\')) else { return };
        let parsed: Vec<_> = parse_lines(line).collect::<Result<_, _>>().expect(line);
        let [parsed] = parsed.as_slice() else { panic!("{} lines: {line}", parsed.len()) };
        let tags = parsed.series.tag_set.iter().flatten();
        let tags: Vec<_> = tags
            .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
            .collect::<Vec<(Vec<u8>, Vec<u8>)>>();
        assert_eq!(tags, arriving(&self.tags, self.name));
        assert_eq!(parsed.timestamp, Some(TIME));
    }
}

/// A record as a line and as an object, each with its end.
pub(crate) fn lines_of(record: &Record<'_>) -> [Vec<u8>; 2] {
    let mut interface = Interface::default();
    let link_modes = |speed_mbits| LinkModes { speed_mbits, duplex: None };
    interface.set_link_modes(record.speed_mbits.map(link_modes), 1);
    let mut details = Details::default();
    details.rates.per_second = record.per_second;
    interface.details = Some(Box::new(details));
    let fields = Fields {
        influx_uint_support: record.influx_uint_support,
        rates: record.per_second.iter().any(Option::is_some),
        ..Fields::default()
    };
    [&Influx as &dyn Format, &Json].map(|format| {
        let mut written = Vec::new();
        format.interface(&mut written, record.name, &mut record.tags.iter().copied());
        format.fields(&mut written, &record.counters, &interface, &fields, None);
        format.end(&mut written, TIME);
        written
    })
}

/// Protocol statistics whose names and values the rest of the bytes has, and these values.
fn protocols_of(pieces: &mut Pieces<'_>) -> (ProtocolStatistics, Vec<i64>) {
    let mut statistics = ProtocolStatistics::default();
    let mut values = Vec::new();
    while !pieces.is_empty() {
        let group = pieces.one_of(&Group::ALL);
        let [row, column] = [pieces.text(), pieces.text()].map(text);
        let value = pieces.number().cast_signed();
        let row = Some(row.as_str()).filter(|row| !row.is_empty());
        statistics.push(group, row, &column, value);
        values.push(value);
    }
    (statistics, values)
}

fn protocol_lines(
    statistics: &mut ProtocolStatistics,
    tags: &[(&'static str, &[u8])],
) -> [Vec<u8>; 2] {
    [&Influx as &dyn Format, &Json].map(|format| {
        let mut written = Vec::new();
        format.protocols(&mut written, &mut tags.iter().copied(), &mut statistics.iter());
        if !written.is_empty() {
            format.end(&mut written, TIME);
        }
        written
    })
}

/// Fails unless these statistics are a line, or none, in each format.
pub(super) fn assert_protocols(
    statistics: &mut ProtocolStatistics,
    tags: &[(&'static str, &[u8])],
    values: &[i64],
) {
    let mut names: Vec<_> = statistics.iter().map(|one| one.field.to_owned()).collect();
    let [line, object] = protocol_lines(statistics, tags);
    if values.is_empty() {
        assert!(line.is_empty() && object.is_empty());
        return;
    }
    let metric = read(&line);
    assert_eq!(metric.tags, arriving(tags, b"all"));
    let written = values.iter().map(|value| format!("{value}i"));
    let expected: Vec<_> = names.iter().cloned().zip(written).collect();
    assert_eq!(as_written(&metric), expected, "{}", line.escape_ascii());
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    // An object has each name once.
    if names.len() == count {
        assert_is_line(object.trim_ascii_end(), &line[..line.len() - 1]);
    }
}

/// The only metric of a line.
fn read(line: &[u8]) -> Metric {
    assert!(!line[..line.len() - 1].iter().any(|byte| b"\n\r\t\x0b\x0c".contains(byte)));
    let Ok([Ok(metric)]) = <[_; 1]>::try_from(grammar::read(line)) else {
        panic!("{}", line.escape_ascii());
    };
    assert_eq!((&*metric.name, metric.time), (&b"net"[..], Some(TIME)));
    metric
}

/// What Telegraf has to make of the tags.
fn arriving(tags: &[(&'static str, &[u8])], name: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let tags = [("interface", name)].into_iter().chain(tags.iter().copied());
    tags.filter_map(|(key, value)| Some((key.as_bytes().to_vec(), as_tag(value)?))).collect()
}

fn as_written(metric: &Metric) -> Vec<(String, String)> {
    let written = |value: &Value| match value {
        Value::Other(value) => text(value),
        Value::String(value) => panic!("{} is a string", value.escape_ascii()),
    };
    metric.fields.iter().map(|(key, value)| (text(key), written(value))).collect()
}
