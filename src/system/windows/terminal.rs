//! The console that stdout is: its size, its modes and its keys.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::process;
use std::thread;
use std::time::Duration;

use telegraf_net_sys::console;

use crate::system::terminal_event::{Size, TerminalEvent};

pub use telegraf_net_sys::console::Modes;

/// What Ctrl-C types where it is no signal.
const CTRL_C: u8 = 3;

/// The size of the console that stdout is, if it is one.
#[must_use]
pub fn size() -> Option<Size> {
    let (columns, lines) = console::size()?;
    Some(Size { columns, lines })
}

/// Has it show styles and move its cursor as other terminals do, which those before Windows 10 cannot.
/// Returns whether it does.
#[must_use]
pub fn has_styles() -> bool {
    console::show_styles()
}

/// Whether it shows more than ASCII: what is written to a console is UTF-16.
#[must_use]
pub fn has_unicode() -> bool {
    true
}

/// Has each key come at once and unseen, Ctrl-C too. Returns the modes of before.
///
/// # Errors
///
/// When stdin is no console.
pub fn take_keys() -> io::Result<Modes> {
    console::take_keys()
}

/// Gives the console these modes.
pub fn set_modes(modes: &Modes) {
    console::set_modes(modes);
}

/// Writes to the console.
///
/// # Errors
///
/// Those of `WriteConsole`.
pub fn write(bytes: &[u8], _limit: Option<Duration>) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Tells of keys from now on, until `tell` says that nobody listens any more. The size is to be looked at
/// now and then: nothing tells of another one.
///
/// # Errors
///
/// When the system gives no more threads.
pub fn follow(
    tell: impl Fn(TerminalEvent) -> bool + Clone + Send + 'static,
    _abandon: impl Fn(Option<i32>) + Send + 'static,
) -> io::Result<()> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    thread::Builder::new().name("keys".into()).spawn(move || {
        let mut bytes = [0; 64];
        while let Ok(length @ 1..) = io::stdin().read(&mut bytes) {
            let event = |&byte: &u8| match byte {
                CTRL_C => TerminalEvent::End(None),
                byte => TerminalEvent::Typed(byte),
            };
            if !bytes.iter().take(length).map(event).all(&tell) {
                return;
            }
        }
        tell(TerminalEvent::End(None));
    })?;
    Ok(())
}

/// There is nothing of the kind.
pub fn suspend() {}

/// Ends this process with the status that other systems' shells have for that signal: there are none here.
pub fn end_by(signal: i32) -> ! {
    process::exit(128 + signal)
}

/// The name of this host.
#[must_use]
pub fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}
