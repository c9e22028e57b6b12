//! `--watch`: a table that follows, until somebody has seen enough.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use super::history::History;
use super::screen::{Options, Scene};
use super::snapshot::Snapshot;
use super::terminal::{self, Screen};
use super::{Fold, Sort, widen};
use crate::config::Config;
use crate::format::influx::Influx;
use crate::gather::Collector;
use crate::log::{HeldLines, Log};
use crate::system::Host;
use crate::system::terminal::{follow, host_name, size, suspend};
use crate::system::terminal_event::{Size, TerminalEvent};

/// How often events of the kernel are taken in, and the size is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// A terminal that does not tell its size is as small as that.
const SMALLEST: Size = Size { columns: 80, lines: 24 };

/// What follows, and how it is shown.
struct Watch<H> {
    collector: Collector<H>,
    interval: Duration,
    options: Options,
    host: String,
    history: History,
    /// The last gather, in the kernel's order.
    last: Option<Snapshot>,
    before: Option<Snapshot>,
    held: HeldLines,
    /// What lines of the gathers are written to, of which nothing is shown.
    records: Vec<u8>,
    size: Size,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Wait,
    Draw,
    Suspend,
    End(Option<i32>),
}

/// Draws a table at every interval, until a key or a signal ends that, or the terminal is gone. Warnings of
/// meanwhile are written when the terminal is as it was. Returns the signal that the process is to end by, if
/// there is one.
///
/// # Errors
///
/// When stdout is no terminal that can be drawn on.
pub fn watch<H: Host>(
    mut config: Config,
    interval: Duration,
    options: Options,
    log: Log,
) -> Result<Option<i32>, String> {
    if !terminal::can_be_drawn_on() {
        return Err("'--watch' needs a terminal that can move its cursor, which stdout is not: \
                    '--once --format table' prints one table"
            .to_owned());
    }
    widen(&mut config, true);
    let held = HeldLines::begin();
    let mut watch = Watch {
        collector: Collector::<H>::new(config, &Influx, log),
        interval,
        options,
        host: host_name(),
        history: History::default(),
        last: None,
        before: None,
        held,
        records: Vec::new(),
        size: SMALLEST,
    };
    let (sender, events) = mpsc::channel();
    follow(move |event| sender.send(event).is_ok(), terminal::abandon)
        .and_then(|()| Screen::enter())
        .map(|screen| watch.run(screen, &events))
        .map_err(|error| format!("cannot draw on this terminal: {error}"))
}

impl<H: Host> Watch<H> {
    /// The loop. Returns the signal that the process is to end by, if there is one.
    fn run(&mut self, mut screen: Screen, events: &Receiver<TerminalEvent>) -> Option<i32> {
        let mut due = Instant::now();
        loop {
            let now = Instant::now();
            if now >= due {
                self.gather();
                // Those that were missed are left out.
                due = (due + self.interval).max(Instant::now());
                if self.draw(&screen).is_err() {
                    return None;
                }
                self.collector.after_write();
            }
            let until = due.min(now + LOOK).min(self.collector.next_look().unwrap_or(due));
            match self.wait(events, until) {
                Next::Wait => {}
                Next::Draw => {
                    if self.draw(&screen).is_err() {
                        return None;
                    }
                }
                Next::Suspend => {
                    drop(screen);
                    suspend();
                    match Screen::enter() {
                        Ok(again) => screen = again,
                        Err(_) => return None,
                    }
                    due = Instant::now();
                }
                Next::End(by) => return by,
            }
        }
    }

    /// Waits until that moment at the latest.
    fn wait(&mut self, events: &Receiver<TerminalEvent>, until: Instant) -> Next {
        let next = match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(event) => self.act(event),
            Err(RecvTimeoutError::Timeout) if size().unwrap_or(SMALLEST) != self.size => Next::Draw,
            // Without keys or signals it goes on.
            Err(RecvTimeoutError::Timeout) => Next::Wait,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(until.saturating_duration_since(Instant::now()));
                Next::Wait
            }
        };
        self.collector.follow_events();
        next
    }

    fn act(&mut self, event: TerminalEvent) -> Next {
        let options = &mut self.options;
        match event {
            TerminalEvent::End(by) => return Next::End(by),
            TerminalEvent::Typed(b'q' | b'Q') => return Next::End(None),
            TerminalEvent::Suspend => return Next::Suspend,
            TerminalEvent::Resized => {}
            TerminalEvent::Typed(b's') => options.sort = next_sort(options.sort),
            TerminalEvent::Typed(b'f') => {
                options.fold = if options.fold.is_none() { Some(Fold::Idle) } else { None };
            }
            TerminalEvent::Typed(_) => return Next::Wait,
        }
        Next::Draw
    }

    fn gather(&mut self) {
        let (at, time) = (Instant::now(), SystemTime::now());
        self.records.clear();
        self.collector.gather(&mut self.records, || false);
        let snapshot = Snapshot::of(&self.collector, at, time);
        self.history.take(&snapshot);
        self.before = self.last.replace(snapshot);
    }

    fn draw(&mut self, screen: &Screen) -> std::io::Result<()> {
        let Some(last) = &self.last else { return Ok(()) };
        self.size = size().unwrap_or(SMALLEST);
        let mut sorted = last.clone();
        if let Some(sort) = self.options.sort {
            sorted.sort(sort);
        }
        let warning = self.held.last();
        let scene = Scene {
            snapshot: &sorted,
            before: self.before.as_ref(),
            history: &self.history,
            host: &self.host,
            interval: self.interval,
            warning: warning.as_deref(),
            options: self.options,
        };
        screen.show(&scene.lines(self.size, terminal::look()))
    }
}

/// What the key for it makes of an order.
fn next_sort(sort: Option<Sort>) -> Option<Sort> {
    match sort {
        None => Some(Sort::Bytes),
        Some(Sort::Bytes) => Some(Sort::Drops),
        Some(Sort::Drops) => Some(Sort::Errors),
        Some(Sort::Errors) => Some(Sort::Name),
        Some(Sort::Name) => None,
    }
}
