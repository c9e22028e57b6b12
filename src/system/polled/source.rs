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
    type Shared<'a> = ();
    type Error = NotRead;

    fn capabilities(&self) -> Capabilities {
        self.reader.capabilities()
    }

    fn read(
        &mut self,
        (): &mut (),
        problems: &mut Problems,
        _hurry: &mut dyn FnMut() -> bool,
    ) -> Result<(), NotRead> {
        self.rows.clear();
        let now = Instant::now();
        self.reader.read(self.wants, &mut self.rows, problems)?;
        self.reading.begin(now);
        self.take_rows();
        Ok(())
    }

    /// They were all read with the counters.
    fn read_details(
        &mut self,
        (): &mut (),
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
