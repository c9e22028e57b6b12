//! The rates of the last gathers, of each interface: what sparklines and peaks are of.

use std::collections::{HashMap, VecDeque};

use super::snapshot::{Count, InterfaceView, Place, Snapshot};
use super::text::Charset;

/// How many gathers are remembered.
pub const LENGTH: usize = 240;

/// An interface is idle when nothing has grown for so many gathers.
const QUIET: u32 = 10;

/// The last gathers.
#[derive(Debug, Default)]
pub struct History {
    tracks: HashMap<(Place, u32, Vec<u8>), Track>,
    /// The number of the last gather.
    number: u64,
}

/// Those of one interface.
#[derive(Debug, Default)]
pub struct Track {
    /// What it received.
    pub received: Series,
    /// What it sent.
    pub sent: Series,
    /// For how many gathers nothing has grown; `None` before there were any rates.
    quiet: Option<u32>,
    /// The number of the last gather that had it.
    seen: u64,
}

/// Bits per second, gather by gather, the newest last; not a number where none are known.
#[derive(Debug, Default)]
pub struct Series(VecDeque<f32>);

impl History {
    /// Takes a gather in. Interfaces that it does not have are forgotten.
    pub fn take(&mut self, snapshot: &Snapshot) {
        self.number += 1;
        for interface in &snapshot.interfaces {
            let track = self.tracks.entry(key(interface)).or_default();
            track.seen = self.number;
            track.received.push(interface.received.bytes);
            track.sent.push(interface.sent.bytes);
            if interface.is_busy() {
                track.quiet = Some(0);
            } else if interface.has_rates() {
                track.quiet = Some(track.quiet.map_or(QUIET, |quiet| quiet.saturating_add(1)));
            }
        }
        self.tracks.retain(|_, track| track.seen == self.number);
    }

    /// That of an interface.
    #[must_use]
    pub fn of(&self, interface: &InterfaceView) -> Option<&Track> {
        self.tracks.get(&key(interface))
    }
}

/// It is told by its number, where that is known: it may get another name.
fn key(interface: &InterfaceView) -> (Place, u32, Vec<u8>) {
    let InterfaceView { place, ifindex, name, .. } = interface;
    let name = if *ifindex == 0 { name.clone() } else { Vec::new() };
    (place.clone(), *ifindex, name)
}

impl Track {
    /// Whether there were any rates.
    #[must_use]
    pub fn has_rates(&self) -> bool {
        self.received.peak().is_some() || self.sent.peak().is_some()
    }

    /// Whether there was no traffic, no error and no drop of late.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.quiet.is_some_and(|quiet| quiet >= QUIET)
    }
}

impl Series {
    #[expect(clippy::cast_possible_truncation, reason = "three digits are shown")]
    fn push(&mut self, bytes: Count) {
        if self.0.len() == LENGTH {
            self.0.pop_front();
        }
        self.0.push_back(bytes.per_second.map_or(f32::NAN, |bytes| (bytes * 8.0) as f32));
    }

    /// The most bits per second that there were, if any are known.
    #[must_use]
    pub fn peak(&self) -> Option<f32> {
        self.0.iter().copied().filter(|bits| !bits.is_nan()).max_by(f32::total_cmp)
    }

    /// The last ones as so many cells, the newest at the right, each as high as a part of the peak; a
    /// space where there was nothing, or nothing is known.
    #[must_use]
    pub fn sparkline(&self, cells: usize, charset: Charset) -> String {
        let levels: &[char] = match charset {
            Charset::Unicode => &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            Charset::Ascii => &['.', ':', '-', '=', '+', '*', '%', '#'],
        };
        let peak = self.peak().unwrap_or(0.0);
        let level = |bits: f32| {
            let is_shown = bits > 0.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "there are eight levels"
            )]
            let place = (bits / peak * levels.len() as f32).ceil() as usize;
            let level = levels.get(place.saturating_sub(1)).or(levels.last());
            level.copied().filter(|_| is_shown).unwrap_or(' ')
        };
        let missing = cells.saturating_sub(self.0.len());
        let known = self.0.iter().skip(self.0.len().saturating_sub(cells));
        std::iter::repeat_n(' ', missing).chain(known.map(|&bits| level(bits))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::snapshot::tests::{interface, snapshot, traffic};

    fn gather(history: &mut History, second: u64, bytes: &[f64]) {
        let names = ["a", "b", "c"];
        let interfaces = names.iter().zip(bytes).map(|(name, &bytes)| InterfaceView {
            received: traffic(bytes, if bytes > 0.0 { 1.0 } else { 0.0 }),
            sent: traffic(0.0, 0.0),
            ..interface(name, "veth")
        });
        history.take(&snapshot(second, interfaces.collect()));
    }

    #[test]
    fn a_sparkline_is_as_high_as_the_peak_and_blank_where_there_was_nothing() {
        let mut history = History::default();
        for (second, bytes) in [0.0, 1.0, 500.0, 1000.0, f64::NAN].into_iter().enumerate() {
            gather(&mut history, second as u64, &[bytes]);
        }
        let track = history.of(&interface("a", "veth")).unwrap();
        assert_eq!(track.received.peak(), Some(8000.0));
        assert_eq!(track.received.sparkline(7, Charset::Unicode), "   ▁▄█ ");
        assert_eq!(track.received.sparkline(3, Charset::Ascii), "=# ");
        assert_eq!(track.sent.sparkline(3, Charset::Unicode), "   ");
        assert_eq!(track.sent.peak(), Some(0.0));
    }

    #[test]
    fn it_forgets_what_is_long_ago_and_who_is_gone() {
        let mut history = History::default();
        gather(&mut history, 0, &[1000.0, 1.0]);
        for second in 1..=LENGTH {
            gather(&mut history, second as u64, &[1.0]);
        }
        let peak = |name| history.of(&interface(name, "veth")).map(|track| track.received.peak());
        assert_eq!(peak("a"), Some(Some(8.0)));
        assert_eq!(peak("b"), None);
    }

    #[test]
    fn who_gets_another_name_keeps_what_was_and_a_name_gives_it_to_no_other() {
        let one = |name, ifindex, bytes| InterfaceView {
            ifindex,
            received: traffic(bytes, 1.0),
            ..interface(name, "veth")
        };
        let mut history = History::default();
        history.take(&snapshot(0, vec![one("eth0", 7, 1000.0), one("eth1", 8, 1.0)]));
        let last = snapshot(1, vec![one("wan", 7, 1.0), one("eth0", 9, 1.0)]);
        history.take(&last);
        let peaks = last.interfaces.iter().map(|one| history.of(one).unwrap().received.peak());
        assert_eq!(peaks.collect::<Vec<_>>(), [Some(8000.0), Some(8.0)]);
    }

    #[test]
    fn who_was_busy_is_idle_a_while_later() {
        let mut history = History::default();
        gather(&mut history, 0, &[1.0, 0.0]);
        let is_idle =
            |history: &History, name| history.of(&interface(name, "veth")).unwrap().is_idle();
        assert!(!is_idle(&history, "a") && is_idle(&history, "b"));
        for second in 1..=10 {
            assert!(!is_idle(&history, "a"));
            gather(&mut history, second, &[0.0, 0.0]);
        }
        assert!(is_idle(&history, "a"));
    }
}
