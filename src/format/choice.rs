//! Which fields of a record are written: those that say something new, of options that leave others out.

/// What a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What every record has, the state of the link, and rates.
    Always,
    /// A counter of `counters = "all"`, or a protocol statistic: one that is zero may be left out.
    Counter,
}

/// What was told of the fields of one record, and which of them are written this time.
#[derive(Debug, Default)]
pub struct Choice {
    /// In the order in which they were first told, which is mostly that of each time.
    known: Vec<Known>,
    /// Where the next one is expected.
    next: usize,
    which: Which,
    written: usize,
}

/// Which fields are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which {
    /// Whether those are left out that equal what was written last.
    pub only_new: bool,
    /// `dump_zeros`: whether those are written that were zero all the time.
    pub zeros: bool,
}

/// What was told of one field.
#[derive(Debug)]
struct Known {
    /// A hash of its name.
    name: u64,
    /// The value that was written last, if it was told the last time.
    last: Option<u64>,
    was_nonzero: bool,
    /// Whether it is told this time.
    is_told: bool,
}

impl Choice {
    /// That of a record that is the first of its interface.
    #[must_use]
    pub fn first(zeros: bool) -> Self {
        Self { which: Which { only_new: false, zeros }, ..Self::default() }
    }

    /// Begins a record.
    pub fn begin(&mut self, which: Which) {
        (self.next, self.which, self.written) = (0, which, 0);
        for known in &mut self.known {
            if !std::mem::take(&mut known.is_told) {
                // What comes again after it was not there is new.
                known.last = None;
            }
        }
    }

    /// Whether that field is to be written; `value` is another one whenever its value is, and zero for
    /// zero.
    pub fn takes(&mut self, part: Part, name: &str, value: u64) -> bool {
        let Which { only_new, zeros } = self.which;
        let Some(known) = self.known(hash(name.as_bytes())) else { return true };
        known.is_told = true;
        known.was_nonzero |= value != 0;
        let is_wanted = zeros || part == Part::Always || known.was_nonzero;
        let is_written = is_wanted && !(only_new && known.last == Some(value));
        if is_wanted {
            known.last = Some(value);
        }
        self.written += usize::from(is_written);
        is_written
    }

    /// How many fields of the record are written.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }

    /// What is known of the field of that name.
    fn known(&mut self, name: u64) -> Option<&mut Known> {
        let is_it = |known: &Known| known.name == name;
        let (before, after) = self.known.split_at_checked(self.next)?;
        let ahead = after.iter().position(is_it).map(|place| self.next + place);
        let place = ahead.or_else(|| before.iter().position(is_it)).unwrap_or(self.next);
        if !self.known.get(place).is_some_and(is_it) {
            let new = Known { name, last: None, was_nonzero: false, is_told: false };
            self.known.insert(place, new);
        }
        self.next = place + 1;
        self.known.get_mut(place)
    }
}

/// What stands for a text where no two that differ by chance may be mixed up (FNV-1a).
pub(super) fn hash(text: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    text.iter().fold(OFFSET, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of those that are written.
    fn written<'a>(choice: &mut Choice, which: Which, told: &[(&'a str, u64)]) -> Vec<&'a str> {
        choice.begin(which);
        let takes = |&&(name, value): &&(&str, u64)| {
            let part = if name.starts_with("tcp") { Part::Counter } else { Part::Always };
            choice.takes(part, name, value)
        };
        let names: Vec<_> = told.iter().filter(takes).map(|(name, _)| *name).collect();
        assert_eq!(choice.written(), names.len());
        names
    }

    #[test]
    fn a_counter_that_was_never_other_than_zero_is_left_out_until_it_is() {
        let mut choice = Choice::default();
        let which = Which { only_new: false, zeros: false };
        let mut written = |told: &[(&'static str, u64)]| written(&mut choice, which, told);
        assert_eq!(written(&[("err_in", 0), ("tcp_a", 0), ("tcp_b", 1)]), ["err_in", "tcp_b"]);
        assert_eq!(
            written(&[("err_in", 0), ("tcp_a", 2), ("tcp_b", 0)]),
            ["err_in", "tcp_a", "tcp_b"]
        );
        // Also after it was not told for once.
        assert_eq!(written(&[("err_in", 0), ("tcp_b", 0)]), ["err_in", "tcp_b"]);
        assert_eq!(
            written(&[("err_in", 0), ("tcp_a", 0), ("tcp_b", 0)]),
            ["err_in", "tcp_a", "tcp_b"]
        );
    }

    #[test]
    fn what_equals_what_was_written_last_is_left_out() {
        let mut choice = Choice::default();
        let (new, all) =
            (Which { only_new: true, zeros: true }, Which { only_new: false, zeros: true });
        let told = [("a", 1), ("b", 0), ("c", 3)];
        assert_eq!(written(&mut choice, new, &told), ["a", "b", "c"]);
        assert!(written(&mut choice, new, &told).is_empty());
        assert_eq!(written(&mut choice, new, &[("a", 1), ("b", 2), ("c", 3)]), ["b"]);
        assert_eq!(written(&mut choice, all, &told), ["a", "b", "c"]);
        assert!(written(&mut choice, new, &told).is_empty());
        // In another order, and with one that is new among them.
        let other = [("c", 3), ("new", 0), ("a", 2), ("b", 0)];
        assert_eq!(written(&mut choice, new, &other), ["new", "a"]);
        for _ in 0..3 {
            assert!(written(&mut choice, new, &other).is_empty());
            assert_eq!(written(&mut choice, new, &told), ["a"]);
            assert_eq!(written(&mut choice, new, &other), ["new", "a"]);
        }
        assert_eq!(choice.known.len(), 4);
        // What was not told is new when it is told again.
        assert!(written(&mut choice, new, &other[..2]).is_empty());
        assert_eq!(written(&mut choice, new, &other), ["a", "b"]);
    }

    #[test]
    fn what_was_left_out_as_zero_is_new_when_it_is_written() {
        let mut choice = Choice::default();
        let which = Which { only_new: true, zeros: false };
        assert!(written(&mut choice, which, &[("tcp_a", 0)]).is_empty());
        assert_eq!(written(&mut choice, which, &[("tcp_a", 1)]), ["tcp_a"]);
        assert_eq!(written(&mut choice, which, &[("tcp_a", 0)]), ["tcp_a"]);
        assert!(written(&mut choice, which, &[("tcp_a", 0)]).is_empty());
    }
}
