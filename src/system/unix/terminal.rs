//! The terminal that stdout is: its size, its modes, its keys, and the signals that concern it.

use std::io::{self, IsTerminal as _, Read as _};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{
    Action, LocalModes, OptionalActions, Termios, tcflow, tcgetattr, tcgetwinsize, tcsetattr,
};
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGBUS, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGSYS, SIGTERM, SIGTRAP, SIGTSTP,
    SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::system::terminal_event::{Size, TerminalEvent};

/// The signals that end a process unless it does something else, beside those that people end one by. Those
/// of faults (SIGILL, SIGFPE, SIGSEGV) are not among them: safe code cannot take these over.
const FATAL: [i32; 11] = [
    SIGABRT, SIGALRM, SIGBUS, SIGPROF, SIGSYS, SIGTRAP, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
    SIGXFSZ,
];

/// Those that are of this system alone: of Linux its own, and the real-time ones, of which the C library
/// keeps some for itself.
fn fatal_here() -> impl Iterator<Item = i32> {
    #[cfg(target_os = "linux")]
    let here =
        [Signal::STKFLT, Signal::IO, Signal::POWER].map(Signal::as_raw).into_iter().chain(32..=64);
    #[cfg(not(target_os = "linux"))]
    let here = std::iter::empty();
    here
}

/// How a terminal treats what is typed and written.
#[derive(Debug, Clone)]
pub struct Modes(Termios);

/// The size of the terminal that stdout is, if it is one that has a size.
#[must_use]
pub fn size() -> Option<Size> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    let (columns, lines) = (usize::from(size.ws_col), usize::from(size.ws_row));
    (columns > 0 && lines > 0).then_some(Size { columns, lines })
}

/// Whether it can show styles and move its cursor.
#[must_use]
pub fn has_styles() -> bool {
    let term = std::env::var_os("TERM").unwrap_or_default();
    !term.is_empty() && term != "dumb"
}

/// Whether it shows more than ASCII, as its locale says.
#[must_use]
pub fn has_unicode() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| std::env::var(name).unwrap_or_default());
    let locale = set.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Has each key come at once and unseen. Ctrl-C, Ctrl-\ and Ctrl-Z stay signals. Returns the modes of
/// before.
///
/// # Errors
///
/// Those of `tcsetattr(3)`.
pub fn take_keys() -> io::Result<Modes> {
    let stdout = io::stdout();
    let before = tcgetattr(&stdout)?;
    let mut modes = before.clone();
    modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    tcsetattr(&stdout, OptionalActions::Now, &modes)?;
    Ok(Modes(before))
}

/// Gives the terminal these modes.
pub fn set_modes(modes: &Modes) {
    // One that is gone needs none.
    let _ = tcsetattr(io::stdout(), OptionalActions::Now, &modes.0);
}

/// Writes to the terminal, for as long as that takes, or no longer than that.
///
/// # Errors
///
/// Those of `write(2)`; [`io::ErrorKind::TimedOut`].
pub fn write(mut bytes: &[u8], limit: Option<Duration>) -> io::Result<()> {
    let stdout = io::stdout();
    let deadline = limit.map(|limit| Instant::now() + limit);
    while !bytes.is_empty() {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(&stdout, PollFlags::OUT)], left.as_ref()) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            // macOS does not poll terminals, and a write does.
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        // A terminal that can be written to takes some without blocking.
        let piece = bytes.get(..128).filter(|_| limit.is_some()).unwrap_or(bytes);
        match rustix::io::write(&stdout, piece) {
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Tells of keys and signals from now on, until `tell` says that nobody listens any more. Once the end is
/// told of, calls `abandon` with the signal that it is by a second later: whatever still keeps the process
/// is not waited for.
///
/// # Errors
///
/// When the system gives no more file descriptors or threads.
pub fn follow(
    tell: impl Fn(TerminalEvent) -> bool + Clone + Send + 'static,
    abandon: impl Fn(Option<i32>) + Send + 'static,
) -> io::Result<()> {
    const GRACE: Duration = Duration::from_secs(1);
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH])?;
    for signal in FATAL.into_iter().chain(fatal_here()) {
        // One that cannot be taken over ends the process as it always does.
        let _ = signals.add_signal(signal);
    }
    let tell_signal = tell.clone();
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let event = match signal {
                SIGWINCH => TerminalEvent::Resized,
                SIGTSTP => TerminalEvent::Suspend,
                SIGINT | SIGTERM | SIGHUP | SIGQUIT => TerminalEvent::End(None),
                fatal => TerminalEvent::End(Some(fatal)),
            };
            if let TerminalEvent::End(by) = event {
                resume();
                tell_signal(event);
                thread::sleep(GRACE);
                abandon(by);
            } else if !tell_signal(event) {
                return;
            }
        }
    })?;
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    thread::Builder::new().name("keys".into()).spawn(move || {
        let mut bytes = [0; 64];
        loop {
            match io::stdin().read(&mut bytes) {
                Ok(length @ 1..) => {
                    let typed = bytes.iter().take(length);
                    if !typed.copied().map(TerminalEvent::Typed).all(&tell) {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It hung up.
                Ok(0) | Err(_) => {
                    tell(TerminalEvent::End(None));
                    return;
                }
            }
        }
    })?;
    Ok(())
}

/// Has a terminal that is paused (Ctrl-S) go on.
fn resume() {
    // Linux takes the second alone for one that this process has paused.
    for action in [Action::OOff, Action::OOn] {
        let _ = tcflow(io::stdout(), action);
    }
}

/// Stops this process until it is continued, as Ctrl-Z does.
pub fn suspend() {
    // It can always signal itself.
    let _ = kill_process(getpid(), Signal::STOP);
}

/// Ends this process by that signal, as if it had never been taken over; by one of which that cannot be done,
/// with the status that a shell has for it.
pub fn end_by(signal: i32) -> ! {
    let _ = emulate_default_handler(signal);
    process::exit(128 + signal)
}

/// The name of this host.
#[must_use]
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
