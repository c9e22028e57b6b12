//! Rates per second between two readings.

use std::time::{Duration, Instant};

use crate::interface::Counters;

/// How many gaps between readings are remembered, to know the usual one.
const GAPS: usize = 5;

/// A gap so many times as long as the usual one has no rates: it would flatten what happened.
const MAX_GAP: u32 = 3;

/// One reading of a source.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Counts them, from 1.
    pub number: u64,
    /// When it began, by the monotonic clock; `None` before the first.
    pub at: Option<Instant>,
    /// The last gaps between two, the newest last.
    gaps: [Option<Duration>; GAPS],
    /// The longest gap that has rates, as of this reading.
    max_gap: Option<Duration>,
}

impl Reading {
    /// Begins the next one.
    pub fn begin(&mut self, now: Instant) {
        self.max_gap = self.usual_gap().map(|gap| gap.saturating_mul(MAX_GAP));
        let gap = self.at.map(|then| now.saturating_duration_since(then));
        if gap.is_some() {
            self.gaps.rotate_left(1);
            if let Some(newest) = self.gaps.last_mut() {
                *newest = gap;
            }
        }
        self.number += 1;
        self.at = Some(now);
    }

    /// Has the same one begin at a later moment, such as when the kernel kept it waiting.
    pub fn restart(&mut self, now: Instant) {
        self.at = Some(now);
    }

    /// Goes on counting, as if this were the first.
    pub fn forget_gaps(&mut self) {
        *self = Self { number: self.number, ..Self::default() };
    }

    /// The one in the middle of the last gaps, so that a single long or short one does not count.
    fn usual_gap(&self) -> Option<Duration> {
        let mut gaps = self.gaps;
        gaps.sort_unstable_by_key(|gap| gap.unwrap_or(Duration::MAX));
        let last = gaps.iter().flatten().count().checked_sub(1)?;
        gaps.get(last / 2).copied().flatten()
    }
}

/// How fast the eight counters of one interface grow.
#[derive(Debug, Default)]
pub struct Rates {
    /// Of the reading before the last one that had any.
    before: Option<Sample>,
    /// Of the last one.
    last: Option<Sample>,
    /// Per second, in the order of [`Counters::NAMES`]. `None` where there is nothing to compare with:
    /// in the first reading, after a counter went backwards, and after a gap of more than three times
    /// the usual one.
    pub per_second: Option<[f64; 8]>,
}

/// Counters of one reading.
#[derive(Debug)]
struct Sample {
    reading: u64,
    at: Instant,
    counters: Counters,
}

impl Rates {
    /// Takes the counters of a reading in. When they come a second time, the latest ones hold.
    pub fn advance(&mut self, counters: &Counters, reading: &Reading) {
        self.per_second = None;
        let Some(at) = reading.at else { return };
        let sample = Sample { reading: reading.number, at, counters: *counters };
        let last = self.last.replace(sample);
        if last.as_ref().is_none_or(|last| last.reading != reading.number) {
            self.before = last;
        }
        let Some(before) = &self.before else { return };
        let gap = at.saturating_duration_since(before.at);
        if gap.is_zero() || reading.max_gap.is_some_and(|max_gap| gap > max_gap) {
            return;
        }
        let mut rates = [0.0; 8];
        let pairs = counters.values().into_iter().zip(before.counters.values());
        for (rate, (now, before)) in rates.iter_mut().zip(pairs) {
            // A wrap looks like a reset, and is not guessed.
            let Some(growth) = now.checked_sub(before) else { return };
            #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
            let growth = growth as f64;
            *rate = growth / gap.as_secs_f64();
        }
        self.per_second = Some(rates);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate of `bytes_recv` after each reading: seconds since the last one, and the counter.
    fn rates(readings: &[(f64, u64)]) -> Vec<Option<f64>> {
        let (mut reading, mut rates) = (Reading::default(), Rates::default());
        let mut now = Instant::now();
        readings
            .iter()
            .map(|&(seconds, bytes_recv)| {
                now += Duration::from_secs_f64(seconds);
                reading.begin(now);
                rates.advance(&Counters { bytes_recv, ..Counters::default() }, &reading);
                rates.per_second.map(|per_second| per_second[1])
            })
            .collect()
    }

    #[test]
    fn a_rate_is_growth_per_second_since_the_reading_before() {
        let steady = [(0.0, 5), (10.0, 105), (10.0, 105), (5.0, 110)];
        assert_eq!(rates(&steady), [None, Some(10.0), Some(0.0), Some(1.0)]);
    }

    #[test]
    fn after_a_step_back_there_is_none_and_a_wrap_is_not_guessed() {
        let steps = [(0.0, u64::MAX), (10.0, 50), (10.0, 60)];
        assert_eq!(rates(&steps), [None, None, Some(1.0)]);
    }

    #[test]
    fn counters_that_come_twice_in_a_reading_are_compared_with_the_one_before() {
        let (mut reading, mut rates) = (Reading::default(), Rates::default());
        let start = Instant::now();
        let mut rate = |reading: &Reading, bytes_recv| {
            rates.advance(&Counters { bytes_recv, ..Counters::default() }, reading);
            rates.per_second.map(|per_second| per_second[1])
        };
        reading.begin(start);
        assert_eq!(rate(&reading, 0), None);
        reading.begin(start + Duration::from_secs(10));
        assert_eq!(rate(&reading, 100), Some(10.0));
        reading.restart(start + Duration::from_secs(20));
        assert_eq!(rate(&reading, 400), Some(20.0));
        reading.begin(start + Duration::from_secs(30));
        assert_eq!(rate(&reading, 500), Some(10.0));
    }

    #[test]
    fn after_a_gap_of_more_than_three_times_the_usual_one_there_is_none() {
        let gaps = [(0.0, 0), (10.0, 10), (30.0, 40), (31.0, 71), (10.0, 81)];
        assert_eq!(rates(&gaps), [None, Some(1.0), Some(1.0), None, Some(1.0)]);
        // Two triggers in a row do not make an ordinary gap a long one.
        let twice = [(0.0, 0), (10.0, 10), (10.0, 20), (0.001, 20), (10.0, 30)];
        assert_eq!(rates(&twice)[4], Some(1.0));
    }
}
