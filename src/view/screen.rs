//! A snapshot and what went before -> the lines of the screen that follows.
//!
//! ```text
//! header                                who, when, by what, how many
//! titles
//! interfaces ...                        sorted, as many as there is room for
//! +147 veth idle ...                    those that are folded, by their kinds
//! = 150 veth ...                        the sums of kinds some of which are folded
//! 21 more interfaces are not shown
//! protocol statistics ...               those that grow, where there is room
//! what was just warned of, or what keys do
//! ```

use std::collections::HashMap;
use std::time::Duration;

use super::cells;
use super::grid::{Cell, Column, Layout};
use super::history::{History, Series, Track};
use super::snapshot::{Count, InterfaceView, ProtocolView, Snapshot, Traffic};
use super::style::{Look, Tone};
use super::table::{MOST_SIDE_BY_SIDE, side_by_side, time_of_day};
use super::text::{self, printable};
use super::units;
use super::{Fold, Sort};
use crate::log::{Kept, Level};
use crate::system::terminal_event::Size;

/// What there is to show.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The last gather, sorted.
    pub snapshot: &'a Snapshot,
    /// The one before it.
    pub before: Option<&'a Snapshot>,
    /// All that are remembered.
    pub history: &'a History,
    /// The name of this host.
    pub host: &'a str,
    /// How often there is another one.
    pub interval: Duration,
    /// A warning or an error, in place of what keys do.
    pub warning: Option<&'a Kept>,
    /// Whether a key shows one again.
    pub has_warning: bool,
    /// What says why there is no interface, where there is none.
    pub why_empty: &'a [String],
    /// How it was asked for.
    pub options: Options,
}

/// How the screen was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What interfaces are sorted by; `None`: they stand as the kernel has them.
    pub sort: Option<Sort>,
    /// What is folded.
    pub fold: Option<Fold>,
    /// Whether all protocol statistics are shown, and not only those that grow.
    pub all: bool,
}

/// No sparkline is longer.
const LONGEST: usize = 40;

/// No sparkline is shorter on a line of so many cells.
fn shortest(columns: usize) -> usize {
    if columns < 90 { 6 } else { 10 }
}

/// So much is shown of names at least.
const NAME: usize = 14;

/// So much is of the names of sums, as `+1000 wireguard idle`.
const LONGEST_SUM: usize = 24;

/// So much is shown of labels; the rest is the sparklines'.
const LABELS: usize = 40;

/// The places of what may have the mark of a speed that was made up.
const MARKED: [usize; 3] = [4, 6, 10];

/// The places of the sparklines.
const SPARKLINES: [usize; 2] = [7, 11];

impl Scene<'_> {
    /// The lines of a screen of that size: never more, and none wider.
    #[must_use]
    pub fn lines(&self, size: Size, look: Look) -> Vec<String> {
        let look = Look { width: Some(size.columns), ..look };
        let Some(room) = size.lines.checked_sub(3) else {
            let mut lines = vec![self.header(look), self.bottom(false, look)];
            lines.truncate(size.lines);
            return lines;
        };
        let mut lines = vec![self.header(look)];
        let has_mark = self.body(room, look, &mut lines);
        lines.resize(size.lines - 1, String::new());
        lines.push(self.bottom(has_mark, look));
        lines
    }

    /// Who, when, by what and how many.
    fn header(&self, look: Look) -> String {
        let Snapshot { interfaces, known, time, sources, .. } = self.snapshot;
        let time = time_of_day(*time);
        let is_narrow = look.width.is_some_and(|width| width < 100);
        let time = time.split_once(' ').filter(|_| is_narrow).map_or(&*time, |(_, time)| time);
        let parts = [
            text::name(self.host.as_bytes(), look.charset),
            time.to_owned(),
            sources.join(", "),
            format!("{} of {known} interfaces", interfaces.len()),
            format!("every {}", humantime::format_duration(self.interval)),
        ];
        look.line(&parts.join("  "), Tone::Title)
    }

    /// What was just warned of, or else what keys do, and what signs mean that are shown.
    fn bottom(&self, has_mark: bool, look: Look) -> String {
        if let Some((level, message)) = self.warning {
            let tone = if *level == Level::Error { Tone::Alert } else { Tone::Notice };
            let text = level.prefix().to_owned() + &printable(message.as_bytes(), look.charset);
            return look.line(&text, tone);
        }
        let sorted = match self.options.sort {
            Some(Sort::Bytes) => "bytes",
            Some(Sort::Drops) => "drops",
            Some(Sort::Errors) => "errors",
            Some(Sort::Name) => "name",
            None => "none",
        };
        let folded = if self.options.fold.is_some() { "on" } else { "off" };
        let mut text = format!("q quit  s sort: {sorted}  f fold: {folded}");
        if self.has_warning {
            text.push_str("  w warning");
        }
        text.push_str("  ! grows now");
        if has_mark {
            text = text + "  " + cells::MADE_UP;
        }
        look.line(&text, Tone::Faint)
    }

    /// The titles and that many lines at most. Returns whether a speed that is shown has the mark of those that
    /// were made up.
    fn body(&self, room: usize, look: Look, lines: &mut Vec<String>) -> bool {
        if self.snapshot.interfaces.is_empty() {
            self.empty(room + 1, look, lines);
            return false;
        }
        let (folded, shown) = self.fold();
        let sums = sums(&folded, &shown);
        let all = shown.len() + sums.len();
        let of_rows = if all <= room { room } else { room.saturating_sub(1) };
        // Sums say more than single interfaces, but not alone.
        let of_sums = sums.len().min(of_rows.saturating_sub(shown.len()).max(of_rows.div_ceil(2)));
        let of_interfaces = shown.len().min(of_rows - of_sums);
        let hidden = all - of_sums - of_interfaces;
        let rows_of = |cells: usize| {
            let shown = shown.iter().copied().take(of_interfaces);
            let rows = shown.map(|one| self.row(one, cells, look));
            let sums = sums.iter().take(of_sums).map(|sum| self.sum_row(sum, cells, look));
            rows.chain(sums).collect::<Vec<_>>()
        };
        let shortest = shortest(look.width.unwrap_or_default());
        let longest_sum = sums.iter().take(of_sums).map(|sum| sum.name.len()).max();
        let longest_sum = longest_sum.unwrap_or(0).clamp(NAME, LONGEST_SUM);
        let columns = columns(longest_sum, shortest, self.had_rates(), self.had_use());
        let mut rows = rows_of(shortest);
        let mut layout = Layout::of(&columns, &rows, look.width);
        // What is left over is the sparklines'.
        let spare = look.width.unwrap_or_default().saturating_sub(layout.width());
        let kept = SPARKLINES.iter().filter(|&&place| layout.width_of(place).is_some()).count();
        if let Some(more) = spare.checked_div(kept) {
            rows = rows_of((shortest + more).min(LONGEST));
            layout = Layout::of(&columns, &rows, look.width);
        }
        if room > 0 {
            lines.push(layout.titles(&columns, look));
        }
        lines.extend(rows.iter().map(|row| layout.line(&columns, row, look)));
        if hidden == 0 {
            let left = room - rows.len();
            self.protocols(left, look, lines);
        } else {
            let text = match self.options.sort {
                Some(_) => format!("{hidden} more are not shown"),
                None => format!("{hidden} more are not shown; s sorts"),
            };
            lines.push(look.line(&text, Tone::Notice));
        }
        rows.iter().any(|row| {
            MARKED.iter().any(|&place| {
                let is_there = layout.width_of(place).is_some();
                is_there && row.get(place).is_some_and(|cell| cell.text.ends_with('*'))
            })
        })
    }

    /// Whether rates are known, or were: their columns stay, where they are not for a moment.
    fn had_rates(&self) -> bool {
        self.had(|_| true)
    }

    /// The same of the part of a speed.
    fn had_use(&self) -> bool {
        self.had(|one| one.speed_mbits.is_some())
    }

    fn had(&self, is_it: impl Fn(&InterfaceView) -> bool) -> bool {
        let interfaces = self.snapshot.interfaces.iter().filter(|one| is_it(one));
        interfaces.filter_map(|one| self.history.of(one)).any(Track::has_rates)
    }

    /// Why there is no interface, in that many lines at most.
    fn empty(&self, room: usize, look: Look, lines: &mut Vec<String>) {
        let cells = look.width.unwrap_or(usize::MAX);
        let texts = self.why_empty.iter().map(|text| printable(text.as_bytes(), look.charset));
        let texts: Vec<_> = texts.flat_map(|text| text::wrapped(&text, cells)).take(room).collect();
        lines.extend(texts.iter().map(|text| look.line(text, Tone::Notice)));
        self.protocols(room - texts.len(), look, lines);
    }

    /// The interfaces that are folded, and those that are not: all of a kind that are idle are, unless there
    /// is but one.
    fn fold(&self) -> (Vec<&InterfaceView>, Vec<&InterfaceView>) {
        let is_idle = |one: &InterfaceView| {
            let is_wanted = self.options.fold == Some(Fold::Idle);
            is_wanted && self.history.of(one).is_some_and(Track::is_idle)
        };
        let mut idle = HashMap::<&[u8], usize>::new();
        for interface in self.snapshot.interfaces.iter().filter(|one| is_idle(one)) {
            *idle.entry(&interface.kind).or_default() += 1;
        }
        let is_one_of_many = |kind: &[u8]| idle.get(kind).is_some_and(|&count| count > 1);
        let interfaces = self.snapshot.interfaces.iter();
        interfaces.partition(|one| is_one_of_many(&one.kind) && is_idle(one))
    }

    /// The row of several, of which much is not known together.
    fn sum_row(&self, sum: &InterfaceView, cells: usize, look: Look) -> Vec<Cell> {
        let row = self.row(sum, cells, look).into_iter();
        row.map(|cell| if cell == Cell::unknown() { Cell::default() } else { cell }).collect()
    }

    fn row(&self, interface: &InterfaceView, cells: usize, look: Look) -> Vec<Cell> {
        let InterfaceView { place, name, kind, received, sent, .. } = interface;
        let track = self.history.of(interface);
        let mut row = vec![
            Cell::plain(text::name(name, look.charset)),
            cells::outside(place, look.charset),
            cells::outside(kind, look.charset),
            cells::state(interface),
            cells::speed(interface),
        ];
        let directions = [
            (received, track.map(|track| &track.received)),
            (sent, track.map(|track| &track.sent)),
        ];
        for (traffic, series) in directions {
            row.push(cells::bits(traffic.bytes));
            row.push(cells::utilization(interface, traffic));
            row.extend(trend(series, cells, look));
        }
        let both = [received, sent];
        row.extend(both.map(|traffic| cells::rate(traffic.packets.per_second)));
        row.extend(both.map(|traffic| cells::total(traffic.bytes)));
        let (errors, drops) = (interface.errors(), interface.drops());
        row.extend([errors, drops].map(|count| now(count.per_second)));
        row.extend([errors, drops].map(|count| cells::trouble(Some(count))));
        let labels = cells::labels(interface, look.charset);
        row.push(Cell::new(text::cut(&labels, LABELS, look.charset), Tone::Faint));
        row
    }

    /// The protocol statistics in that many lines at most: those that grow, and by how much each second.
    fn protocols(&self, room: usize, look: Look, lines: &mut Vec<String>) {
        let Some(before) = self.before else { return };
        let seconds = self.snapshot.since(before).as_secs_f64();
        let same_place = before.protocols.iter().zip(&self.snapshot.protocols);
        let is_same = same_place
            .clone()
            .all(|(one, other)| (&one.place, &one.field) == (&other.place, &other.field))
            && before.protocols.len() == self.snapshot.protocols.len();
        if !is_same || seconds <= 0.0 {
            return;
        }
        let pair = |(before, now): (&ProtocolView, &ProtocolView)| {
            let grown = now.value.saturating_sub(before.value);
            let text = if now.place.is_empty() {
                now.field.clone()
            } else {
                format!("{} {}", text::name(&now.place, look.charset), now.field)
            };
            let rate = units::as_float(grown.max(0).cast_unsigned()) / seconds;
            let is_shown_as_rate = grown > 0 && !now.is_gauge;
            let value = if is_shown_as_rate {
                Cell::plain(format!("{}/s", units::human(rate)))
            } else {
                Cell::new(now.value.to_string(), Tone::Faint)
            };
            (is_shown_as_rate || self.options.all).then(|| [Cell::plain(text), value])
        };
        let pairs: Vec<_> = same_place.filter_map(pair).collect();
        if pairs.is_empty() || room == 0 {
            return;
        }
        let title = if self.options.all { "PROTOCOLS" } else { "PROTOCOLS that count now" };
        // One that is empty, and one for the title.
        let Some(room) = room.checked_sub(2).filter(|&room| room > 0) else {
            let text = format!("{title}: {} are not shown", pairs.len());
            lines.push(look.line(&text, Tone::Notice));
            return;
        };
        lines.extend([String::new(), look.line(title, Tone::Title)]);
        let mut rows = side_by_side(&pairs, look);
        if rows.len() > room {
            // As many columns of that height as there is room for.
            let room = room - 1;
            let shown = (1..=MOST_SIDE_BY_SIDE).rev().map(|count| pairs.len().min(count * room));
            let mut laid_out = shown
                .map(|shown| (shown, side_by_side(pairs.get(..shown).unwrap_or_default(), look)));
            let (shown, fitting) =
                laid_out.find(|(_, rows)| rows.len() <= room).unwrap_or_default();
            rows = fitting;
            let text = format!("{} more statistics are not shown", pairs.len() - shown);
            rows.push(look.line(&text, Tone::Notice));
        }
        lines.extend(rows);
    }
}

/// The columns of [`Scene::row`], with names of that length where they are cut, and sparklines of that length
/// at least. Those of rates stay even where they tell nothing, if there were any, or of what they are a part of.
fn columns(name: usize, sparkline: usize, had_rates: bool, had_use: bool) -> [Column; 22] {
    let number = |title| Column::numbers(title).narrowest(5);
    let utilization = Column::numbers("USE").narrowest(4).rank(4).kept(had_use);
    let sparkline = Column::words("TREND").narrowest(sparkline).rank(2);
    let peak = number("PEAK").rank(3);
    [
        Column::words("INTERFACE").shortest(name),
        // Without it, names say little where there are several.
        Column::words("NAMESPACE").shortest(10).rank(1),
        Column::words("KIND").rank(7),
        Column::words("STATE").rank(5),
        Column::numbers("SPEED").rank(6),
        number("IN b/s"),
        utilization,
        sparkline,
        peak,
        number("OUT b/s").second(),
        utilization,
        sparkline,
        peak,
        number("IN p/s").rank(8).kept(had_rates),
        number("OUT p/s").rank(8).kept(had_rates),
        number("IN B").rank(10),
        number("OUT B").rank(10),
        number("ERR/s").rank(9).kept(had_rates),
        number("DROP/s").rank(9).kept(had_rates),
        Column::numbers("ERR").narrowest(4),
        Column::numbers("DROP").narrowest(4),
        Column::words("").shortest(12).rank(11),
    ]
}

/// A sparkline and its peak.
fn trend(series: Option<&Series>, cells: usize, look: Look) -> [Cell; 2] {
    let Some(series) = series else { return [Cell::default(), Cell::unknown()] };
    let sparkline = Cell::plain(series.sparkline(cells, look.charset));
    [sparkline, cells::rate(series.peak().map(f64::from))]
}

/// What goes wrong now, per second.
fn now(per_second: Option<f64>) -> Cell {
    let cell = cells::rate(per_second);
    if per_second > Some(0.0) { Cell { tone: Tone::Alert, ..cell } } else { cell }
}

/// For each kind some of which are folded, these in one, and if others are shown, all in one.
fn sums(folded: &[&InterfaceView], shown: &[&InterfaceView]) -> Vec<InterfaceView> {
    let mut kinds: Vec<_> = folded.iter().map(|one| &one.kind).collect();
    kinds.sort();
    kinds.dedup();
    let mut sums = Vec::new();
    for kind in kinds {
        let of_kind = |from: &[&InterfaceView]| -> Vec<InterfaceView> {
            from.iter().filter(|one| one.kind == *kind).map(|&one| one.clone()).collect()
        };
        let (folded, shown) = (of_kind(folded), of_kind(shown));
        let name = if kind.is_empty() { b"others".as_slice() } else { kind };
        let named = |sign: char, of: &[InterfaceView], behind: &str| {
            let name =
                [format!("{sign}{} ", of.len()).as_bytes(), name, behind.as_bytes()].concat();
            InterfaceView { name, ..sum(of) }
        };
        sums.push(named('+', &folded, " idle"));
        if !shown.is_empty() {
            sums.push(named('=', &[folded, shown].concat(), ""));
        }
    }
    sums
}

/// All of them as one.
fn sum(of: &[InterfaceView]) -> InterfaceView {
    let add = |one: Option<Count>, other: Option<Count>| match (one, other) {
        (Some(one), Some(other)) => Some(one.and(other)),
        (one, other) => one.or(other),
    };
    let traffic = |one: Traffic, other: Traffic| Traffic {
        bytes: one.bytes.and(other.bytes),
        packets: one.packets.and(other.packets),
        errors: one.errors.and(other.errors),
        drops: add(one.drops, other.drops),
    };
    of.iter().fold(InterfaceView::default(), |sum, one| InterfaceView {
        received: traffic(sum.received, one.received),
        sent: traffic(sum.sent, one.sent),
        ..sum
    })
}

#[cfg(test)]
mod tests;
