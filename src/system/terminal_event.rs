//! What happens at a terminal, on whatever system.

/// Something that a person or the system does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminalEvent {
    /// A key was pressed, or a byte of what one sends.
    Typed(u8),
    /// The window has another size.
    Resized,
    /// The process is to stop until it is continued (Ctrl-Z).
    Suspend,
    /// The process is to end, by the signal of that number if there is one, or the terminal is gone.
    End(Option<i32>),
}

/// How many cells it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// In a line.
    pub columns: usize,
    /// Lines.
    pub lines: usize,
}
