//! The interfaces of a system that tells all of them at every reading, from one reading to the next.

use std::collections::HashMap;
use std::time::Instant;

use super::{NotRead, Reader, Row};
use crate::log::Problems;
use crate::model::interface::{Interface, Name, Presence, Wants};
use crate::model::rates::Reading;
use crate::system::{Capabilities, Source};

/// What reads the interfaces, and what is known of them.
#[derive(Debug)]
pub struct PolledSource<R> {
    reader: R,
    wants: Wants,
    /// In the system's order.
    interfaces: Vec<Interface>,
    /// What the last reading told; empty between readings, to be used again.
    rows: Vec<Row>,
    reading: Reading,
    /// Grows with every change of what an interface is.
    version: u64,
}

impl<R: Reader> PolledSource<R> {
    /// One that has read nothing yet, for tables that want this.
    #[must_use]
    pub fn new(reader: R, wants: Wants) -> Self {
        Self {
            reader,
            wants,
            interfaces: Vec::new(),
            rows: Vec::new(),
            reading: Reading::default(),
            version: 1,
        }
    }

    /// What reads them.
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// Also for a table that wants this; before the first reading.
    pub fn also_wants(&mut self, wants: Wants) {
        self.wants = self.wants.or(wants);
    }

    /// Takes in what the reading told.
    fn take_rows(&mut self) {
        let Self { wants, interfaces, rows, reading, version, .. } = self;
        let is_of = |interface: &Interface, row: &Row| {
            interface.ifindex == row.ifindex && interface.name == row.name
        };
        let are_the_same = interfaces.len() == rows.len()
            && interfaces.iter().zip(&*rows).all(|(interface, row)| is_of(interface, row));
        let mut is_other = !are_the_same;
        if !are_the_same {
            let before = std::mem::take(interfaces).into_iter();
            let mut before: HashMap<(u32, Name), Interface> =
                before.map(|one| ((one.ifindex, one.name.clone()), one)).collect();
            interfaces.extend(rows.iter().map(|row| {
                let known = before.remove(&(row.ifindex, row.name.clone()));
                known.unwrap_or_else(|| Interface::new(row.ifindex, &row.name, *wants))
            }));
        }
        for (interface, row) in interfaces.iter_mut().zip(rows.drain(..)) {
            if update(interface, row, reading, *wants) || interface.generation == 0 {
                *version += 1;
                interface.generation = *version;
                is_other = true;
            }
        }
        if is_other {
            *version += 1;
        }
    }
}

/// Takes in what a reading told of an interface, and returns whether it is another one by that.
fn update(interface: &mut Interface, row: Row, reading: &Reading, wants: Wants) -> bool {
    let presence = row.flags.map_or(Presence::Unknown, Presence::Known);
    let mut is_other = interface.presence != presence;
    interface.presence = presence;
    is_other |= interface.lacks_drop_out != row.lacks_drop_out;
    interface.lacks_drop_out = row.lacks_drop_out;
    interface.set_link_modes(Some(row.link_modes), reading.number);
    interface.set_counters(&row.counters, reading, wants);
    if wants.all_counters {
        interface.set_more(&row.more, reading);
    }
    if let Some(details) = &mut interface.details {
        if details.properties != row.properties {
            details.properties = row.properties;
            is_other = true;
        }
        if details.state != row.state {
            details.state = row.state;
            interface.changed = reading.number;
        }
    }
    // A speed is told of those alone that are up.
    if is_other {
        interface.changed = reading.number;
    }
    is_other
}

impl<R: Reader> Source for PolledSource<R> {
    /// When the gather began.
    type Shared<'a> = Instant;
    type Error = NotRead;

    fn name(&self) -> String {
        self.reader.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.reader.capabilities()
    }

    fn read(
        &mut self,
        began: &mut Instant,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) -> Result<(), NotRead> {
        self.rows.clear();
        let now = Instant::now();
        self.reader.read(self.wants, *began, &mut self.rows, problems, hurry)?;
        self.reading.begin(now);
        self.take_rows();
        Ok(())
    }

    /// They were all read with the counters.
    fn read_details(
        &mut self,
        _began: &mut Instant,
        _deadline: Instant,
        _problems: &mut Problems,
        _hurry: &mut dyn FnMut() -> bool,
    ) {
    }

    fn refresh(&mut self) {}

    fn take_asked(&mut self) -> usize {
        0
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn interfaces(&self) -> impl Iterator<Item = &Interface> + Clone {
        self.interfaces.iter()
    }

    fn interfaces_mut(&mut self) -> impl Iterator<Item = &mut Interface> {
        self.interfaces.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SourceOption;
    use crate::log::Log;
    use crate::model::counters::{Counters, MoreCounters};
    use crate::model::link::{Flags, LinkModes, LinkState};
    use crate::model::properties::Properties;

    /// Tells what it was given for the next reading.
    #[derive(Debug, Default)]
    struct Told {
        next: Option<Vec<Row>>,
    }

    impl Reader for Told {
        fn open(_source: SourceOption) -> Self {
            Self::default()
        }

        fn name(&self) -> String {
            "a test".to_owned()
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities { kinds: true }
        }

        fn read(
            &mut self,
            _wants: Wants,
            _began: Instant,
            rows: &mut Vec<Row>,
            _problems: &mut Problems,
            _hurry: &mut dyn FnMut() -> bool,
        ) -> Result<(), NotRead> {
            rows.append(&mut self.next.take().ok_or(NotRead)?);
            Ok(())
        }
    }

    fn row(ifindex: u32, name: &str, bytes_recv: u64) -> Row {
        Row {
            ifindex,
            name: name.as_bytes().into(),
            flags: Some(Flags(1)),
            counters: Counters { bytes_recv, ..Counters::default() },
            lacks_drop_out: false,
            link_modes: LinkModes { speed_mbits: 1000, duplex: None },
            more: MoreCounters::default(),
            state: LinkState::default(),
            properties: Properties::default(),
        }
    }

    /// A source, and what it is read into.
    struct Readings(PolledSource<Told>, Problems);

    /// An interface of a reading: its name, whether a rate is told of it, and its generation, which stays
    /// as long as it is the same one.
    type Seen = (String, bool, u64);

    impl Readings {
        fn start() -> Self {
            let wants = Wants { flags: true, rates: true, link_state: true, ..Wants::default() };
            let source = PolledSource::new(Told::default(), wants);
            Self(source, Problems::new(Log { debug: false }))
        }

        /// Reads these, and returns what the reading has.
        fn read(&mut self, rows: Vec<Row>) -> Vec<Seen> {
            self.0.reader.next = Some(rows);
            self.0.read(&mut Instant::now(), &mut self.1, &mut || false).unwrap();
            let reading = self.0.reading();
            let there = self.0.interfaces().filter(|one| one.counters(reading).is_some());
            there
                .map(|one| {
                    let name = String::from_utf8(one.name.to_vec()).unwrap();
                    let rates = &one.details.as_ref().unwrap().rates.per_second;
                    (name, rates.iter().any(Option::is_some), one.generation)
                })
                .collect()
        }
    }

    fn names(seen: &[Seen]) -> Vec<&str> {
        seen.iter().map(|(name, ..)| &**name).collect()
    }

    /// Whether these are the same interface.
    fn is_same(before: &Seen, now: &Seen) -> bool {
        before.2 == now.2
    }

    #[test]
    fn interfaces_come_and_go_and_the_others_stay_what_they_are() {
        let mut readings = Readings::start();
        let first = readings.read(vec![row(1, "em0", 1)]);
        let both = readings.read(vec![row(2, "em1", 1), row(1, "em0", 2)]);
        assert_eq!(names(&both), ["em1", "em0"]);
        assert!(is_same(&first[0], &both[1]) && both[1].1);
        assert!(!both[0].1);
        let one = readings.read(vec![row(2, "em1", 2)]);
        assert_eq!(names(&one), ["em1"]);
        assert!(is_same(&both[0], &one[0]));
        assert_eq!(names(&readings.read(vec![])), [""; 0]);
        let back = readings.read(vec![row(2, "em1", 3), row(1, "em0", 3)]);
        assert!(!is_same(&both[0], &back[0]) && !back[0].1);
        assert!(!is_same(&both[1], &back[1]) && !back[1].1);
    }

    #[test]
    fn an_interface_that_was_renamed_or_made_anew_is_another_one_and_starts_its_rates() {
        for other in [row(1, "lan0", 3), row(7, "em0", 3)] {
            let mut readings = Readings::start();
            let first = readings.read(vec![row(1, "em0", 1), row(2, "em1", 1)]);
            let second = readings.read(vec![row(1, "em0", 2), row(2, "em1", 2)]);
            assert!(is_same(&first[0], &second[0]) && second[0].1);
            let version = readings.0.version();
            let third = readings.read(vec![other.clone(), row(2, "em1", 3)]);
            assert!(!is_same(&second[0], &third[0]) && !third[0].1);
            assert!(is_same(&second[1], &third[1]));
            assert_ne!(readings.0.version(), version);
            let fourth = readings.read(vec![other, row(2, "em1", 4)]);
            assert!(is_same(&third[0], &fourth[0]));
        }
    }

    #[test]
    fn interfaces_that_only_change_places_stay_what_they_are() {
        let mut readings = Readings::start();
        let first = readings.read(vec![row(1, "em0", 1), row(2, "em1", 1)]);
        let turned = readings.read(vec![row(2, "em1", 2), row(1, "em0", 2)]);
        assert!(is_same(&first[0], &turned[1]) && is_same(&first[1], &turned[0]));
        assert!(turned[0].1 && turned[1].1);
    }

    #[test]
    fn what_is_the_same_leaves_the_version_and_the_line_as_they_are() {
        let mut source = PolledSource::new(Told::default(), Wants::default());
        let mut problems = Problems::new(Log { debug: false });
        let mut changed = |row: Row| {
            source.reader.next = Some(vec![row]);
            source.read(&mut Instant::now(), &mut problems, &mut || false).unwrap();
            let interface = source.interfaces().next().unwrap();
            (source.version(), interface.changed)
        };
        let (version, reading) = changed(row(1, "em0", 1));
        assert_eq!(changed(row(1, "em0", 1)), (version, reading));
        // Counters change the line alone; flags and what is told change what it is.
        assert_eq!(changed(row(1, "em0", 2)), (version, reading + 2));
        assert_eq!(changed(row(1, "em0", 2)), (version, reading + 2));
        let down = Row { flags: Some(Flags(0)), ..row(1, "em0", 2) };
        let (later, changed_at) = changed(down.clone());
        assert!(later > version && changed_at == reading + 4);
        let (last, changed_at) = changed(Row { lacks_drop_out: true, ..down });
        assert!(last > later && changed_at == reading + 5);
    }

    #[test]
    fn a_reading_that_fails_is_none_and_the_next_one_goes_on() {
        let mut readings = Readings::start();
        let first = readings.read(vec![row(1, "em0", 1)]);
        let number = readings.0.reading().number;
        let failed = readings.0.read(&mut Instant::now(), &mut readings.1, &mut || false);
        assert_eq!((failed, readings.0.reading().number), (Err(NotRead), number));
        let next = readings.read(vec![row(1, "em0", 2)]);
        assert!(is_same(&first[0], &next[0]) && next[0].1);
    }
}
