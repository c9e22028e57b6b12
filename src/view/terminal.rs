//! The terminal that is drawn on: how it looks, and how it is left as it was.

use std::env;
use std::io::{self, IsTerminal as _};
use std::panic;
use std::process;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use super::style::Look;
use super::text::Charset;
use crate::system::terminal::{self, Modes};

/// Another screen, without a cursor, on which a line that is too long does not go on in the next.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";

/// All as it was.
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l\x1b[0m";

/// How long a terminal may take to be left. One that is paused takes nothing.
const LEAVE_LIMIT: Duration = Duration::from_millis(300);

/// The modes that the terminal had before it was entered, while it is.
static ENTERED: Mutex<Option<Modes>> = Mutex::new(None);

/// What stdout can show: where it is no terminal, lines have no end, or that of the variable `COLUMNS`.
#[must_use]
pub fn look() -> Look {
    let is_terminal = io::stdout().is_terminal();
    let columns = || env::var("COLUMNS").ok()?.parse().ok().filter(|&columns| columns > 0);
    let width = if is_terminal { terminal::size().map(|size| size.columns) } else { None };
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Look {
        width: width.or_else(columns),
        has_colours: is_terminal && !no_color && terminal::has_styles(),
        charset: if terminal::has_unicode() { Charset::Unicode } else { Charset::Ascii },
    }
}

/// Whether stdout is a terminal whose cursor can be moved.
#[must_use]
pub fn can_be_drawn_on() -> bool {
    io::stdout().is_terminal() && terminal::has_styles()
}

/// Ends the process, by that signal if there is one, whatever keeps it, and leaves the terminal as it was.
pub fn abandon(by: Option<i32>) {
    leave();
    match by {
        Some(signal) => terminal::end_by(signal),
        None => process::exit(0),
    }
}

/// The terminal, while it is drawn on. It is left when this is dropped, before the message of a panic, and
/// when the process is [abandoned](abandon).
#[derive(Debug)]
pub struct Screen(());

impl Screen {
    /// Enters it.
    ///
    /// # Errors
    ///
    /// When stdout is no terminal that can be drawn on.
    pub fn enter() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                leave();
                before(info);
            }));
        });
        let modes = terminal::take_keys()?;
        *ENTERED.lock().unwrap_or_else(PoisonError::into_inner) = Some(modes);
        let screen = Self(());
        terminal::write(ENTER.as_bytes(), None)?;
        Ok(screen)
    }

    /// Has the terminal show these lines, from its first one.
    ///
    /// # Errors
    ///
    /// When it cannot be written to any more.
    pub fn show(&self, lines: &[String]) -> io::Result<()> {
        // At once, by those that can. What stood in a line goes first: behind a line of full width, the
        // cursor still stands on its last cell.
        let mut frame = String::from("\x1b[?2026h\x1b[H");
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                frame.push_str("\r\n");
            }
            frame.push_str("\x1b[K");
            frame.push_str(line);
        }
        frame.push_str("\x1b[?2026l");
        terminal::write(frame.as_bytes(), None)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Leaves the terminal as it was, if it was entered.
pub fn leave() {
    let modes = ENTERED.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(modes) = modes {
        // One that is gone needs nothing.
        let _ = terminal::write(LEAVE.as_bytes(), Some(LEAVE_LIMIT));
        terminal::set_modes(&modes);
    }
}
