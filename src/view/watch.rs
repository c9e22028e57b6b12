//! `--watch`: a table that follows, until somebody has seen enough.

use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use super::history::History;
use super::keys::Keys;
use super::notices::Notices;
use super::screen::{Options, Scene};
use super::snapshot::Snapshot;
use super::terminal::{self, Screen};
use super::{Fold, GAP, Sort, widen};
use crate::config::Config;
use crate::format::influx::Influx;
use crate::gather::Collector;
use crate::log::{self, Level, Log};
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
    notices: Notices,
    keys: Keys,
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
    // What is logged for each gather would scroll the screen away.
    let is_terminal = io::stderr().is_terminal();
    let log = Log { debug: log.debug && !is_terminal };
    let mut notices = Notices::new(log, is_terminal);
    let (collector, records) = log::kept(|| Collector::<H>::new(config, &Influx, log));
    notices.take(records, Instant::now());
    // What counters are read by is in the first line.
    notices.forget_hints();
    let mut watch = Watch {
        collector,
        interval,
        options,
        host: host_name(),
        history: History::default(),
        last: None,
        before: None,
        notices,
        keys: Keys::default(),
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
                // Rates take a second reading. Those that were missed are left out.
                let is_first = self.before.is_none();
                let interval = if is_first { self.interval.min(GAP) } else { self.interval };
                due = (due + interval).max(Instant::now());
                if self.draw(&screen).is_err() {
                    return None;
                }
                self.ask(Collector::after_write);
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
                    // Rates over all that time would flatten what happened: they take two more.
                    self.last = None;
                }
                Next::End(by) => return by,
            }
        }
    }

    /// Has the collector do that, and takes in what it logs. Returns what came of it, and whether there is
    /// another warning to be shown.
    fn ask<T>(&mut self, work: impl FnOnce(&mut Collector<H>) -> T) -> (T, bool) {
        let (done, records) = log::kept(|| work(&mut self.collector));
        (done, self.notices.take(records, Instant::now()))
    }

    /// Waits until that moment at the latest.
    fn wait(&mut self, events: &Receiver<TerminalEvent>, until: Instant) -> Next {
        let mut next = match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(event) => self.act(event),
            Err(RecvTimeoutError::Timeout) if size().unwrap_or(SMALLEST) != self.size => Next::Draw,
            // Without keys or signals it goes on.
            Err(RecvTimeoutError::Timeout) => Next::Wait,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(until.saturating_duration_since(Instant::now()));
                Next::Wait
            }
        };
        let ((), is_other) = self.ask(Collector::follow_events);
        let is_over = self.notices.is_over(Instant::now());
        if next == Next::Wait && (is_other || is_over) {
            next = Next::Draw;
        }
        next
    }

    fn act(&mut self, event: TerminalEvent) -> Next {
        let key = match event {
            TerminalEvent::End(by) => return Next::End(by),
            TerminalEvent::Suspend => return Next::Suspend,
            TerminalEvent::Resized => return Next::Draw,
            TerminalEvent::Typed(byte) => self.keys.key(byte),
        };
        let options = &mut self.options;
        match key {
            Some(b'q' | b'Q') => return Next::End(None),
            Some(b's') => options.sort = next_sort(options.sort),
            Some(b'f') => {
                options.fold = if options.fold.is_none() { Some(Fold::Idle) } else { None };
            }
            Some(b'w') => self.notices.show_again(Instant::now()),
            _ => return Next::Wait,
        }
        Next::Draw
    }

    fn gather(&mut self) {
        let (at, time) = (Instant::now(), SystemTime::now());
        let mut lines = std::mem::take(&mut self.records);
        lines.clear();
        self.ask(|collector| collector.gather(&mut lines, || false));
        self.records = lines;
        let snapshot = Snapshot::of(&mut self.collector, at, time);
        self.history.take(&snapshot);
        self.before = self.last.replace(snapshot);
    }

    /// What says why there is no interface: what is left out, and which entries match nothing.
    fn why_empty(&self) -> Vec<String> {
        let why = format!("no interface to show: {}", self.collector.why_no_interface());
        let hints = self.notices.hints().iter().map(|hint| Level::Info.prefix().to_owned() + hint);
        [why].into_iter().chain(hints).collect()
    }

    fn draw(&mut self, screen: &Screen) -> std::io::Result<()> {
        let Some(last) = &self.last else { return Ok(()) };
        self.size = size().unwrap_or(SMALLEST);
        let mut sorted = last.clone();
        if let Some(sort) = self.options.sort {
            sorted.sort(sort);
        }
        let why_empty = if sorted.interfaces.is_empty() { self.why_empty() } else { Vec::new() };
        let scene = Scene {
            snapshot: &sorted,
            before: self.before.as_ref(),
            history: &self.history,
            host: &self.host,
            interval: self.interval,
            warning: self.notices.shown(),
            has_warning: self.notices.has_last(),
            why_empty: &why_empty,
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
