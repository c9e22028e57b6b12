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

fn key(interface: &InterfaceView) -> (Place, u32, Vec<u8>) {
    let InterfaceView { place, ifindex, name, .. } = interface;
    (place.clone(), *ifindex, name.clone())
}

impl Track {
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
