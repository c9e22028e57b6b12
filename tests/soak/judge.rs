//! What is asserted of every batch, whatever happens while it is made.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::churn::{frame_size, identity_of_mac, identity_of_word, peer_of};
use crate::common::line::{COUNTERS, Line};
use crate::common::namespaces::END_LINE;
use crate::common::text;
use crate::history::{Fact, History, Known, Window};
use crate::plugin::Answer;

/// A table of the configuration, by which its lines are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Table {
    /// All tags and all fields of all interfaces, always.
    Whole,
    /// With `dedup_fields`, and without what was never other than zero.
    NewFields,
    /// Those that are up, without any tag, by their numbers.
    Up,
    /// With `dedup_interval`.
    NewLines,
    /// With unsigned integers, by another `host_proc`.
    Unsigned,
    End,
}

/// A line taken apart.
struct Record {
    table: Table,
    line: Line,
    /// None of `interface=all`, and of those that are bare.
    identity: Option<u32>,
    /// By procfs, nothing tells more than a name and counters of those that are in another namespace, or are gone
    /// when they are asked for more.
    is_bare: bool,
    namespace: String,
    name: String,
    counters: [Option<i64>; 8],
    rates: [Option<f64>; 8],
}

/// What a table last said under some tags.
type Said = HashMap<(Table, String), BTreeMap<String, String>>;

/// A record, and when it was.
struct Told {
    record: Rc<Record>,
    batch: usize,
    window: Window,
}

/// For so many batches, one that is renamed all the time may have no line: while the kernel is busy, counters are
/// those of a name. Its rates then tell of all that time.
const MISSED: usize = 5;

/// Looks at one daemon's batches.
pub(crate) struct Judge<'a> {
    history: &'a History,
    is_by_netlink: bool,
    /// Lines less their time, as they were taken apart, of the last batch.
    cache: HashMap<Vec<u8>, Rc<Record>>,
    /// By identity and namespace, what was told last, the newest at the end: one that moved may have been in both.
    last: HashMap<(u32, String), Vec<Told>>,
    /// What lines told lately that do not say whose they are.
    bare: Vec<Told>,
    /// By identity, its counters whenever they were told last.
    counters: HashMap<u32, [i64; 8]>,
    /// When the gather began that last told all of a namespace by netlink. While the kernel is busy, counters are
    /// those of `/proc/net/dev`, and what it has no event for, as of one that is down, is what it was before.
    told: HashMap<String, Instant>,
    last_time: i64,
    said: Said,
    new_fields: BTreeSet<String>,
    pub(crate) batches: usize,
    pub(crate) lines: usize,
    pub(crate) rates: usize,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(history: &'a History, is_by_netlink: bool) -> Self {
        Self {
            history,
            is_by_netlink,
            cache: HashMap::new(),
            last: HashMap::new(),
            bare: Vec::new(),
            counters: HashMap::new(),
            told: HashMap::new(),
            last_time: 0,
            said: HashMap::new(),
            new_fields: BTreeSet::new(),
            batches: 0,
            lines: 0,
            rates: 0,
        }
    }

    /// Fails with what proves that the batch is wrong.
    pub(crate) fn look_at(&mut self, answer: &Answer) {
        let known = self.history.lock();
        if let Err(what) = self.try_look_at(answer, &known) {
            let changes = known.last_changes(answer.window);
            drop(known);
            let last = self.last.values().flatten().map(|told| format!("{:?}\n", told.record.line));
            let last: String = last.collect();
            panic!(
                "{what}\n\nthe last changes:\n{changes}\n\nthe batch:\n{}\nthe interfaces in the one before:\n{last}",
                text(&answer.bytes)
            );
        }
    }

    fn try_look_at(&mut self, answer: &Answer, known: &Known) -> Result<(), String> {
        let window = answer.window;
        let lines = answer.bytes.strip_suffix(b"\n").ok_or("the last line is not whole")?;
        let mut records = Vec::new();
        let mut cache = HashMap::new();
        let mut time = None;
        for line in lines.split(|&byte| byte == b'\n') {
            let end = line.iter().rposition(|&byte| byte == b' ').ok_or("a line has no end")?;
            let (body, line_time) = (&line[..end], &line[end + 1..]);
            let line_time: i64 = text(line_time).parse().map_err(|_| "a line without time")?;
            if *time.get_or_insert(line_time) != line_time {
                return Err(format!("two times in one batch: {}", text(line)));
            }
            let (body, record) = match self.cache.remove_entry(body) {
                Some(known) => known,
                None => (body.to_vec(), Rc::new(Record::of(line, self.is_by_netlink))),
            };
            records.push(record.clone());
            cache.insert(body, record);
        }
        self.cache = cache;
        self.batches += 1;
        self.lines += records.len();
        self.check_time(time.unwrap_or_default(), answer)?;
        Self::check_order(&records)?;
        for record in &records {
            if record.table == Table::Whole && record.line.field("nohandler_in").is_some() {
                if let Some(told) = self.told.get_mut(&record.namespace) {
                    *told = window.from;
                } else {
                    self.told.insert(record.namespace.clone(), window.from);
                }
            }
        }
        let mut whole = HashMap::new();
        let mut seen = HashMap::new();
        for record in &records {
            if record.is_bare {
                Self::check_bare(record, known, window)?;
            }
            let Some(identity) = record.identity else { continue };
            if record.table == Table::Whole {
                whole.insert((&*record.namespace, &*record.name), record.clone());
            }
            seen.entry((record.table, identity)).or_insert_with(Vec::new).push(record);
            let place = format!("{}/{}", record.namespace, record.name);
            let fail =
                |what: &str| format!("{what}: interface {identity} as {place}: {:?}", record.line);
            self.check_facts(record, identity, &place, known, window)
                .map_err(|what| fail(&what))?;
            Self::check_counters(record, identity).map_err(|what| fail(&what))?;
        }
        for record in whole.values() {
            let identity = record.identity.unwrap_or_default();
            let fail = |what: String| format!("{what}: {:?}", record.line);
            self.check_growth(record, identity).map_err(fail)?;
            self.check_rates(record, identity, window).map_err(fail)?;
            let told = Told { record: record.clone(), batch: self.batches, window };
            self.last.entry((identity, record.namespace.clone())).or_default().push(told);
        }
        let bare = records.iter().filter(|record| record.is_bare).cloned();
        let batch = self.batches;
        self.bare.extend(bare.map(|record| Told { record, batch, window }));
        self.check_tables(&records, &whole)?;
        let batches = self.batches;
        self.bare.retain(|told| told.batch + MISSED > batches);
        self.last.retain(|_, all| {
            all.retain(|told| told.batch + MISSED > batches);
            !all.is_empty()
        });
        self.check_completeness(&seen, known, window)
    }

    fn check_time(&mut self, time: i64, answer: &Answer) -> Result<(), String> {
        let [from, until] = answer.clock;
        let last = std::mem::replace(&mut self.last_time, time);
        // Unless somebody set the clock.
        let elapsed =
            i64::try_from(answer.window.until.duration_since(answer.window.from).as_nanos());
        let is_steady = elapsed.is_ok_and(|elapsed| (until - from - elapsed).abs() < 1_000_000);
        if is_steady && !(from..=until).contains(&time) {
            return Err(format!("a time of {time}, asked for and answered at {from} and {until}"));
        }
        if last < from && time <= last {
            return Err(format!("a time of {time} after one of {last}"));
        }
        Ok(())
    }

    /// Tables come one after the other, the last one at the end and once, and no tags twice in one.
    fn check_order(records: &[Rc<Record>]) -> Result<(), String> {
        let mut tables = records.iter().map(|record| record.table);
        let mut pairs = records.iter().zip(records.iter().skip(1));
        if let Some((one, next)) = pairs.find(|(one, next)| one.table > next.table) {
            let what = "a line of one table after one of another";
            return Err(format!(
                "{what}: {:?} after {:?}: {:?} {:?}",
                next.table, one.table, next.line, one.line
            ));
        }
        if tables.position(|table| table == Table::End) != Some(records.len() - 1) {
            return Err("more than one batch".to_owned());
        }
        let mut tags = BTreeSet::new();
        match records.iter().find(|record| !tags.insert((record.table, &record.line.tags))) {
            Some(double) => Err(format!("twice in one batch: {:?}", double.line)),
            None => Ok(()),
        }
    }

    /// The tags and the state are those of one interface, as it was at some time while it was asked.
    fn check_facts(
        &self,
        record: &Record,
        identity: u32,
        place: &str,
        known: &Known,
        window: Window,
    ) -> Result<(), String> {
        let told = self.told.get(&record.namespace).filter(|_| self.is_by_netlink);
        let since_told = Window { from: told.copied().unwrap_or(window.from), ..window };
        let expect = |fact, value: &str| {
            let window = if fact == Fact::Place { window } else { since_told };
            if known.may_be(identity, fact, value, window) {
                return Ok(());
            }
            let values: Vec<_> = known.values(identity, fact, window).collect();
            Err(format!("{fact:?} is {value:?}, and was {values:?}"))
        };
        expect(Fact::Place, place)?;
        let line = &record.line;
        let tag = |key| line.tag(key).unwrap_or_default();
        // By procfs, the tags of one that went or was renamed before they were read are those of before.
        let is_staying = known.value(identity, Fact::Place, since_told).is_some();
        if !self.is_by_netlink && !is_staying {
            return Ok(());
        }
        if matches!(record.table, Table::Whole | Table::NewLines) {
            expect(Fact::Alias, &tag("alias"))?;
        }
        if matches!(record.table, Table::Whole | Table::Unsigned) {
            Self::check_master(identity, &tag("master"), &record.namespace, known, since_told)?;
        }
        if record.table == Table::Whole && self.is_by_netlink {
            expect(Fact::Altname, &tag("altname"))?;
        }
        if record.table == Table::Whole {
            Self::check_lower(identity, &tag("lower"), &record.namespace, known, since_told)?;
        }
        let Some(ifindex) = line.integer("ifindex") else { return Ok(()) };
        if ifindex != i64::from(identity) {
            return Err(format!("ifindex is {ifindex}"));
        }
        let numbers =
            [("mtu", Fact::Mtu), ("tx_queue_len", Fact::TxQueueLen), ("admin_up", Fact::AdminUp)];
        for (key, fact) in numbers {
            let value = line.field(key).ok_or_else(|| format!("no {key}"))?;
            // Its MTU is a bridge's own business.
            if known.values(identity, fact, window).next().is_some() {
                let value = match value {
                    "true" => "1",
                    "false" => "0",
                    number => number.trim_end_matches('i'),
                };
                expect(fact, value)?;
            }
        }
        let speed = line.integer("speed");
        // One that goes is set down before.
        let is_up = known.value(identity, Fact::AdminUp, since_told).filter(|_| is_staying);
        match (speed, is_up) {
            (Some(10_000), Some("0")) | (Some(-1), Some("1")) => {
                Err(format!("a speed of {speed:?} while up is {is_up:?}"))
            }
            (Some(10_000 | -1) | None, _) => Ok(()),
            _ => Err(format!("a speed of {speed:?}")),
        }
    }

    /// The name of a master is one that it had.
    fn check_master(
        identity: u32,
        name: &str,
        namespace: &str,
        known: &Known,
        window: Window,
    ) -> Result<(), String> {
        let mut masters = known.values(identity, Fact::Master, window);
        let place = format!("{namespace}/{name}");
        let is_it = |master: &str| match master.parse() {
            Ok(master) => known.may_be(master, Fact::Place, &place, window),
            Err(_) => name.is_empty(),
        };
        if masters.any(is_it) {
            return Ok(());
        }
        // Its master may have been removed at that time.
        let mut values = known.values(identity, Fact::Master, window);
        let is_going = |master: &str| {
            master.parse().is_ok_and(|master| known.value(master, Fact::Place, window).is_none())
        };
        if name.is_empty() && values.any(is_going) {
            return Ok(());
        }
        let values: Vec<_> = known.values(identity, Fact::Master, window).collect();
        Err(format!("its master is {name:?}, and was {values:?}"))
    }

    /// A pair's other end, if it is in the same namespace, by a name that it had.
    fn check_lower(
        identity: u32,
        name: &str,
        namespace: &str,
        known: &Known,
        window: Window,
    ) -> Result<(), String> {
        let peer = peer_of(identity);
        let place = format!("{namespace}/{name}");
        if name.is_empty() {
            let elsewhere = known.value(peer, Fact::Place, window);
            let is_here = elsewhere.is_some_and(|place| {
                place.split_once('/').is_some_and(|(other, _)| other == namespace)
            });
            let is_end = known.may_be(identity, Fact::Place, "", window);
            return if is_here && is_end {
                Err(format!("it has no peer, which is {elsewhere:?}"))
            } else {
                Ok(())
            };
        }
        if known.may_be(peer, Fact::Place, &place, window) {
            return Ok(());
        }
        let places: Vec<_> = known.values(peer, Fact::Place, window).collect();
        Err(format!("its peer is {name:?}, and was {places:?}"))
    }

    /// A line that nothing tells whose it is but its frames: it is that of one that had its name.
    fn check_bare(record: &Record, known: &Known, window: Window) -> Result<(), String> {
        let place = format!("{}/{}", record.namespace, record.name);
        let mut holders = known.holders(&place, window);
        if holders.any(|identity| Self::check_counters(record, identity).is_ok()) {
            return Ok(());
        }
        let holders: Vec<_> = known.holders(&place, window).collect();
        Err(format!("nobody's frames as {place}, who was {holders:?}: {:?}", record.line))
    }

    /// Each frame has the size that its sender's have.
    fn check_counters(record: &Record, identity: u32) -> Result<(), String> {
        let [sent, received, packets_sent, packets_received, ..] = record.counters;
        if record.table == Table::NewFields {
            return Ok(());
        }
        if record.counters.iter().any(Option::is_none) {
            return Err("a counter is missing".to_owned());
        }
        let size = |identity| i64::from(frame_size(identity));
        let expected = [
            (sent, packets_sent, size(identity)),
            (received, packets_received, size(peer_of(identity))),
        ];
        for (bytes, packets, size) in expected {
            if bytes != packets.map(|packets| packets * size) {
                return Err(format!("{bytes:?} bytes in {packets:?} frames of {size}"));
            }
        }
        Ok(())
    }

    fn check_growth(&mut self, record: &Record, identity: u32) -> Result<(), String> {
        let now = record.counters.map(Option::unwrap_or_default);
        let before = self.counters.insert(identity, now);
        match before {
            Some(before) if before.iter().zip(now).any(|(before, now)| now < *before) => {
                Err(format!("a step back from {before:?}"))
            }
            _ => Ok(()),
        }
    }

    /// A rate is what its counter grew by, over a time that is the same for all of them and may be that between
    /// the two readings.
    fn check_rates(
        &mut self,
        record: &Record,
        identity: u32,
        window: Window,
    ) -> Result<(), String> {
        if record.rates.iter().all(Option::is_none) {
            return Ok(());
        }
        self.rates += 1;
        let Some(told) = self.last.get(&(identity, record.namespace.clone())) else {
            // By procfs, nothing may have told whose line that was.
            return if self.is_by_netlink {
                Err("it has rates, and was not there before".to_owned())
            } else {
                Ok(())
            };
        };
        // By procfs, a name that is its again may have what it had under it before, also where it could not be
        // asked whose it was after its counters and its number were read.
        let count = if self.is_by_netlink { 1 } else { MISSED };
        let had_its_name = |told: &&Told| {
            (&told.record.namespace, &told.record.name) == (&record.namespace, &record.name)
        };
        let told = told.iter().rev().take(count).chain(self.bare.iter().filter(had_its_name));
        let results: Vec<_> = told.map(|told| check_rates_since(told, record, window)).collect();
        let is_right = results.iter().any(Result::is_ok);
        if is_right { Ok(()) } else { results.into_iter().next().unwrap_or(Ok(())) }
    }

    /// All tables tell of the same reading; and what one leaves out is what it said before.
    fn check_tables(
        &mut self,
        records: &[Rc<Record>],
        whole: &HashMap<(&str, &str), Rc<Record>>,
    ) -> Result<(), String> {
        for record in records.iter().filter(|record| record.identity.is_some()) {
            let Record { table, line, namespace, name, .. } = &**record;
            let fail = |what: &str, other: &dyn std::fmt::Debug| {
                Err(format!("{what}: {table:?}: {line:?}, and {other:?}"))
            };
            // What is read of another host_proc is another reading.
            if *table == Table::Unsigned {
                continue;
            }
            let Some(other) = whole.get(&(&**namespace, &**name)) else {
                return fail("not in the table with all", &whole.keys());
            };
            if other.identity != record.identity {
                return fail("another one has that name", &other.line);
            }
            if *table != Table::NewFields && record.counters != other.counters {
                return fail("the counters differ", &other.line);
            }
            match table {
                Table::NewFields => {
                    let said = self.said.entry((*table, key_of(other, &["mac"]))).or_default();
                    // Under a name that is its again, it is told as a whole.
                    let is_whole = record.counters.iter().all(Option::is_some);
                    for (field, value) in &line.fields {
                        // A speed that is not known in time is left out.
                        let may_be_again = is_whole || field == "speed";
                        if !may_be_again && said.get(field) == Some(value) {
                            return fail("a field that is not new", field);
                        }
                        said.insert(field.clone(), value.clone());
                        if !self.new_fields.contains(field) {
                            self.new_fields.insert(field.clone());
                        }
                    }
                }
                Table::NewLines => {
                    let key = (*table, key_of(other, &["alias"]));
                    self.said.insert(key, line.fields.clone());
                }
                _ => {}
            }
        }
        for other in whole.values() {
            let fail =
                |what: &str, field: &str| Err(format!("{what}: {field} of {:?}", other.line));
            if !self.is_by_netlink {
                continue;
            }
            if let Some(said) = self.said.get(&(Table::NewFields, key_of(other, &["mac"]))) {
                for field in &self.new_fields {
                    let (now, said) = (other.line.field(field), said.get(field));
                    if now.is_some_and(|now| now != said.map_or("0i", String::as_str)) {
                        return fail(&format!("it was told last to be {said:?}"), field);
                    }
                }
            } else {
                return fail("nothing was ever told of", "dedup_fields");
            }
            // By netlink, bridges are left out.
            if let Some(said) = self.said.get(&(Table::NewLines, key_of(other, &["alias"]))) {
                for (field, said) in said {
                    if other.line.field(field).is_some_and(|now| now != said) {
                        return fail(&format!("the last line said {said:?}"), field);
                    }
                }
            }
        }
        if self.said.len() > 10_000 {
            self.forget(whole);
        }
        Ok(())
    }

    /// Forgets what was said of tags that are no more, so that it is the plugin's memory that is tried.
    fn forget(&mut self, whole: &HashMap<(&str, &str), Rc<Record>>) {
        let identities: BTreeSet<_> = whole.values().filter_map(|record| record.identity).collect();
        self.counters.retain(|identity, _| identities.contains(identity));
        let is_there = |(table, key): &(Table, String)| {
            let identity = key.split('\0').nth(2).and_then(|tag| match table {
                Table::NewFields => identity_of_mac(tag),
                _ => identity_of_word(tag),
            });
            identity.is_none_or(|identity| identities.contains(&identity))
        };
        let newest: BTreeSet<_> = whole.values().map(|record| key_of(record, &["alias"])).collect();
        self.said.retain(|key, _| {
            is_there(key) && (key.0 != Table::NewLines || newest.contains(&key.1))
        });
    }

    /// Those that stood still are there, once in each table.
    fn check_completeness(
        &self,
        seen: &HashMap<(Table, u32), Vec<&Rc<Record>>>,
        known: &Known,
        window: Window,
    ) -> Result<(), String> {
        for (identity, place) in known.stable(window) {
            if !self.is_by_netlink && !place.starts_with('/') {
                continue;
            }
            let count = |table| seen.get(&(table, identity)).map_or(0, Vec::len);
            let fail = |table: Table| {
                Err(format!(
                    "interface {identity}, all the time {place}, in {table:?}: {}",
                    count(table)
                ))
            };
            if count(Table::Whole) != 1 {
                return fail(Table::Whole);
            }
            let expected = match known.value(identity, Fact::AdminUp, window) {
                Some("1") => 1,
                Some(_) => 0,
                None => continue,
            };
            if self.is_by_netlink && count(Table::Up) != expected {
                return fail(Table::Up);
            }
        }
        Ok(())
    }
}

/// The same since one reading.
fn check_rates_since(told: &Told, record: &Record, window: Window) -> Result<(), String> {
    let Told { record: last, window: last_window, .. } = told;
    let deltas: Vec<_> = record.counters.iter().zip(&last.counters).collect();
    let deltas: Vec<_> =
        deltas.into_iter().map(|(now, then)| Some(now.as_ref()? - then.as_ref()?)).collect();
    let mut most: Option<(f64, f64)> = None;
    for (delta, rate) in deltas.iter().zip(record.rates) {
        let (Some(delta), Some(rate)) = (delta, rate) else {
            return Err("some have no rate".to_owned());
        };
        if (*delta == 0) != (rate == 0.0) {
            return Err(format!("a rate of {rate} for {delta}, after {:?}", last.line));
        }
        #[expect(clippy::cast_precision_loss, reason = "some thousand frames")]
        let delta = *delta as f64;
        if most.is_none_or(|(other, _)| delta > other) {
            most = Some((delta, rate));
        }
    }
    let Some((delta, rate)) = most.filter(|(delta, _)| *delta > 0.0) else { return Ok(()) };
    let seconds = delta / rate;
    let shortest = window.from.saturating_duration_since(last_window.until);
    let longest = window.until.duration_since(last_window.from) + Duration::from_micros(10);
    if seconds < shortest.as_secs_f64() * 0.999 || seconds > longest.as_secs_f64() * 1.001 {
        return Err(format!(
            "a rate of {rate} for {delta}, so {seconds} s, which were {shortest:?} to {longest:?}"
        ));
    }
    for (other, other_rate) in deltas.iter().zip(record.rates) {
        let (Some(other), Some(other_rate)) = (other, other_rate) else { continue };
        #[expect(clippy::cast_precision_loss, reason = "some thousand frames")]
        let expected = *other as f64 / seconds;
        // Both are rounded, the first one also for this.
        if (other_rate - expected).abs() > 0.002 + expected * 0.001 / rate {
            return Err(format!("a rate of {other_rate} for {other} in {seconds} s"));
        }
    }
    Ok(())
}

/// The tags of a line with fewer of them.
fn key_of(record: &Record, tags: &[&str]) -> String {
    let mut key = format!("{}\0{}", record.namespace, record.name);
    for tag in tags {
        key.push('\0');
        key += &record.line.tag(tag).unwrap_or_default();
    }
    key
}

impl Record {
    fn of(line: &[u8], is_by_netlink: bool) -> Self {
        let is_end = line.starts_with(END_LINE.as_bytes());
        let line = Line::parse(line);
        let tag = |key| line.tag(key).unwrap_or_default();
        let (name, namespace, mac) = (tag("interface"), tag("namespace"), line.tag("mac"));
        let ifindex = line.integer("ifindex");
        let has_unsigned = line.fields.values().any(|value| value.ends_with('u'));
        let is_udplite = line.fields.keys().all(|key| key.starts_with("udplite_"));
        let is_bare = !is_by_netlink && mac.is_none() && name != "all";
        let table = match (&mac, ifindex) {
            _ if is_end => Table::End,
            _ if has_unsigned => Table::Unsigned,
            _ if !is_by_netlink => Table::Whole,
            _ if name == "all" && is_udplite => Table::NewFields,
            _ if name == "all" => Table::Whole,
            (Some(_), Some(_)) => Table::Whole,
            (Some(_), None) => Table::NewFields,
            (None, Some(_)) => Table::Up,
            (None, None) => Table::NewLines,
        };
        let identity = match table {
            _ if name == "all" || is_bare => None,
            Table::Up => ifindex.and_then(|ifindex| u32::try_from(ifindex).ok()),
            Table::NewLines => identity_of_word(&tag("alias")),
            _ => mac.as_deref().and_then(identity_of_mac),
        };
        let number = |key: &str| {
            let value = line.field(key)?;
            let digits = value.strip_suffix(['i', 'u']).unwrap_or_else(|| panic!("{key}={value}"));
            Some(digits.parse().unwrap_or_else(|_| panic!("{key}={value}")))
        };
        Self {
            table,
            identity,
            is_bare,
            namespace,
            name,
            counters: COUNTERS.map(number),
            rates: COUNTERS.map(|counter| line.float(&format!("{counter}_rate"))),
            line,
        }
    }
}
