//! Rates per second between two readings.
//!
//! Each counter has a rate of its own: what it grew by since the reading before, per second. It has
//! none, whatever the others have, where two readings do not tell how much it grew:
//!
//! - **First reading.** There is nothing to compare with. The same after the interface became another
//!   one: it went and came again, or may have, because the kernel's events were lost or not listened
//!   to, and a number or a name proves nothing. Whoever keeps the table
//!   forgets its rates then.
//! - **Long gap.** More than three times the usual one: a rate would flatten what happened.
//! - **Step back.** It is less than before: a reset, of a driver or of a device; a wrap, of 64 bits or
//!   at 2^32 in a driver that counts with no more; or a dip, which is a reading that is false, such as
//!   of zeros by firmware that does not answer. Nothing tells them apart yet, so nothing is guessed.
//! - **Below zero.** A value of 2^63 or more is a negative one, and false: no counter gets there. It
//!   counts as less than zero, and has no rate, nor has what follows it.
//! - **Back from a dip.** After a step back, it comes in a single step to where it was before or above,
//!   and grew more by that than in all the time since it stepped back. After a reset, or from one wrap
//!   to the next, it gets there as it always grows, and has its rates all the way.
//!
//! So a false reading costs a counter two rates: its own, and that of the reading after it. What cannot
//! be told is a false reading that is more than the one before it, or that is the first of all.

use std::time::{Duration, Instant};

use super::counters::Counters;

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

/// From here on, thousandths are not exact, and numbers are not [rounded].
pub const LARGE: f64 = 9e12;

/// A number as it is written: with three decimals, and with six below one, so that a single packet in days
/// is no zero.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    if value.abs() >= LARGE {
        return value;
    }
    let scale = if value < 1.0 { 1e6 } else { 1e3 };
    (value * scale).round() / scale
}

/// How fast the eight counters of one interface grow.
#[derive(Debug, Default)]
pub struct Rates {
    /// Of the reading before the last one that had any.
    before: Option<Sample>,
    /// Of the last one.
    last: Option<Sample>,
    /// Where each counter stepped back, as of the reading `before`; there since the first one did.
    marks: Option<Box<[Marks; Counters::COUNT]>>,
    /// Per second, in the order of [`Counters::TABLE`], [rounded]; `None` where two readings do
    /// not tell it.
    pub per_second: [Option<f64>; Counters::COUNT],
}

/// Counters of one reading.
#[derive(Debug)]
struct Sample {
    reading: u64,
    at: Instant,
    counters: Counters,
}

impl Sample {
    /// Those that are below zero, which no counter is, are negative.
    fn values(&self) -> [i64; Counters::COUNT] {
        self.counters.values().map(u64::cast_signed)
    }
}

/// Where a counter stepped back, as far as it was not there again since.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    /// The last time.
    near: Option<Mark>,
    /// The first time, from higher up.
    far: Option<Mark>,
}

/// A step back.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// From where.
    high: i64,
    /// From where it has grown since, zero or more.
    low: i64,
}

const NO_MARKS: &[Marks; Counters::COUNT] = &[Marks { near: None, far: None }; Counters::COUNT];

impl Marks {
    /// Takes in a step that is final.
    fn pass(&mut self, before: i64, now: i64) {
        if now < before {
            let low = now.max(0);
            let first = self.far.or(self.near);
            self.far = first.map(|far| Mark { low: far.low.min(low), ..far });
            self.near = Some(Mark { high: before, low });
        }
        while self.near.is_some_and(|near| near.high <= now) {
            self.near = self.far.take();
        }
    }

    /// Whether a step leads back from a dip.
    fn is_return(&self, before: i64, now: i64) -> bool {
        let is_return = |mark: &Mark| {
            mark.high <= now && now.saturating_sub(before) > before.saturating_sub(mark.low)
        };
        self.near.iter().chain(&self.far).any(is_return)
    }
}

impl Rates {
    /// Whether any counter has one.
    #[must_use]
    pub fn has_any(&self) -> bool {
        self.per_second.iter().any(Option::is_some)
    }

    /// Takes the counters of a reading in, and returns whether any rate is another one by that. When they
    /// come a second time, the latest ones hold.
    pub fn advance(&mut self, counters: &Counters, reading: &Reading) -> bool {
        let before = std::mem::take(&mut self.per_second);
        self.compute(counters, reading);
        self.per_second != before
    }

    fn compute(&mut self, counters: &Counters, reading: &Reading) {
        let Some(at) = reading.at else { return };
        let sample = Sample { reading: reading.number, at, counters: *counters };
        let values = sample.values();
        let last = self.last.replace(sample);
        if last.as_ref().is_none_or(|last| last.reading != reading.number) {
            self.pass_marks(last.as_ref());
            self.before = last;
        }
        let Some(before) = &self.before else { return };
        let gap = at.saturating_duration_since(before.at);
        if gap.is_zero() || reading.max_gap.is_some_and(|max_gap| gap > max_gap) {
            return;
        }
        let marks = self.marks.as_deref().unwrap_or(NO_MARKS);
        let steps = before.values().into_iter().zip(values).zip(marks);
        for (rate, ((before, now), marks)) in self.per_second.iter_mut().zip(steps) {
            let is_growth = 0 <= before && before <= now && !marks.is_return(before, now);
            #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
            let per_second = || now.saturating_sub(before) as f64 / gap.as_secs_f64();
            *rate = is_growth.then(|| rounded(per_second()));
        }
    }

    /// Takes in the step from the reading before the last one, which is final once there is another.
    fn pass_marks(&mut self, last: Option<&Sample>) {
        let Some((before, last)) = self.before.as_ref().zip(last) else { return };
        let (before, last) = (before.values(), last.values());
        let is_back = || before.iter().zip(&last).any(|(before, last)| last < before);
        if self.marks.is_none() && !is_back() {
            return;
        }
        let steps = before.into_iter().zip(last);
        for (marks, (before, last)) in self.marks.get_or_insert_default().iter_mut().zip(steps) {
            marks.pass(before, last);
        }
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
                rates.per_second[1]
            })
            .collect()
    }

    /// The same, a second after each other.
    fn each_second(values: &[u64]) -> Vec<Option<f64>> {
        rates(&values.iter().map(|&value| (1.0, value)).collect::<Vec<_>>())
    }

    #[test]
    fn a_rate_is_growth_per_second_since_the_reading_before() {
        let steady = [(0.0, 5), (10.0, 105), (10.0, 105), (5.0, 110)];
        assert_eq!(rates(&steady), [None, Some(10.0), Some(0.0), Some(1.0)]);
    }

    #[test]
    fn after_a_step_back_there_is_none_and_a_wrap_is_not_guessed() {
        for high in [u64::MAX, u64::from(u32::MAX), 100] {
            let steps = [(0.0, high), (10.0, 50), (10.0, 60)];
            assert_eq!(rates(&steps), [None, None, Some(1.0)]);
        }
    }

    #[test]
    fn a_counter_that_steps_back_takes_no_other_rate_with_it() {
        let (mut reading, mut rates) = (Reading::default(), Rates::default());
        let start = Instant::now();
        for (second, bytes_recv) in [(1, 100), (2, 50)] {
            reading.begin(start + Duration::from_secs(second));
            let counters = Counters { bytes_recv, bytes_sent: second, ..Counters::default() };
            rates.advance(&counters, &reading);
        }
        let [bytes_sent, bytes_recv, others @ ..] = rates.per_second;
        assert_eq!((bytes_sent, bytes_recv, others), (Some(1.0), None, [Some(0.0); 6]));
    }

    #[test]
    fn a_counter_that_is_back_where_it_was_before_a_step_back_has_dipped() {
        const TERABYTES: u64 = 44_000_000_000_000;
        let none = None;
        // Readings of zeros, one and several.
        let zeros = [TERABYTES, 0, TERABYTES + 7, TERABYTES + 9];
        assert_eq!(each_second(&zeros), [none, none, none, Some(2.0)]);
        let more_zeros = [TERABYTES, 0, 0, TERABYTES, TERABYTES + 2];
        assert_eq!(each_second(&more_zeros), [none, none, Some(0.0), none, Some(2.0)]);
        // A device that counts from zero until it has its counters again, and does so twice.
        let grown = [1000, 0, 5, 0, 5, 1010, 1020];
        let expected = [none, none, Some(5.0), none, none, none, Some(10.0)];
        assert_eq!(each_second(&grown), expected);
        // Not to zero.
        assert_eq!(each_second(&[1000, 990, 1010, 1020]), [none, none, none, Some(10.0)]);
        assert_eq!(each_second(&[1000, 0, 5, 0, 0, 6])[4..], [Some(0.0), none]);
        // After a reset that was one.
        let later = [1000, 0, 300, 0, 320, 330];
        let expected = [none, none, Some(300.0), none, none, Some(10.0)];
        assert_eq!(each_second(&later), expected);
    }

    #[test]
    fn a_counter_below_zero_is_false() {
        let none = None;
        let below = |value: u64| 0_u64.wrapping_sub(value);
        assert_eq!(each_second(&[0, below(54), 100, 200]), [none, none, none, Some(100.0)]);
        assert_eq!(
            each_second(&[0, below(54), below(4), 0, 1]),
            [none, none, none, none, Some(1.0)]
        );
        assert_eq!(each_second(&[below(54), below(50), 9, 10]), [none, none, none, Some(1.0)]);
        let reset = [1000, below(2000), 0, 1010, 1020];
        assert_eq!(each_second(&reset), [none, none, none, none, Some(10.0)]);
    }

    #[test]
    fn a_counter_that_was_reset_or_wraps_has_rates_all_the_way_back_to_where_it_was() {
        let none = None;
        let reset = [100, 10, 60, 110, 160];
        assert_eq!(each_second(&reset), [none, none, Some(50.0), Some(50.0), Some(50.0)]);
        // Twice before it is there again.
        let twice = [1000, 500, 600, 0, 300, 600, 1000];
        let expected = [none, none, Some(100.0), none, Some(300.0), Some(300.0), Some(400.0)];
        assert_eq!(each_second(&twice), expected);
        // Bytes of 1 Gbit/s in ten seconds, by a driver that counts with 32 bits.
        let laps: Vec<_> = (0..24).map(|lap| lap * 1_250_000_000 % (1 << 32)).collect();
        let with = each_second(&laps).into_iter().flatten().collect::<Vec<_>>();
        assert_eq!(with, [1.25e9; 17]);
    }

    #[test]
    fn only_the_last_counters_of_a_reading_can_be_a_dip() {
        let (mut reading, mut rates) = (Reading::default(), Rates::default());
        let start = Instant::now();
        let mut rate = |second, values: &[u64]| {
            reading.begin(start + Duration::from_secs(second));
            for &bytes_recv in values {
                rates.advance(&Counters { bytes_recv, ..Counters::default() }, &reading);
            }
            rates.per_second[1]
        };
        assert_eq!(rate(1, &[1000]), None);
        assert_eq!(rate(2, &[0, 1010]), Some(10.0));
        assert_eq!(rate(3, &[1020]), Some(10.0));
        assert_eq!(rate(4, &[1030, 0]), None);
        assert_eq!(rate(5, &[0, 1040]), None);
        assert_eq!(rate(6, &[1050]), Some(10.0));
    }

    #[test]
    fn counters_that_come_twice_in_a_reading_are_compared_with_the_one_before() {
        let (mut reading, mut rates) = (Reading::default(), Rates::default());
        let start = Instant::now();
        let mut rate = |reading: &Reading, bytes_recv| {
            rates.advance(&Counters { bytes_recv, ..Counters::default() }, reading);
            rates.per_second[1]
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
