//! Any bytes -> numbers, choices and texts, of which a target makes what it wants.

/// What is left of the bytes. At their end, every number is zero and every text empty.
pub(crate) struct Pieces<'b>(pub(crate) &'b [u8]);

impl<'b> Pieces<'b> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.up_to(1).first().copied().unwrap_or_default()
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.up_to(8).iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    /// One that is finite.
    pub(crate) fn float(&mut self) -> f64 {
        Some(f64::from_bits(self.number())).filter(|float| float.is_finite()).unwrap_or(0.5)
    }

    /// So many bytes as the next one says.
    pub(crate) fn text(&mut self) -> &'b [u8] {
        let length = self.byte();
        self.up_to(length.into())
    }

    fn up_to(&mut self, length: usize) -> &'b [u8] {
        let (first, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        first
    }
}
