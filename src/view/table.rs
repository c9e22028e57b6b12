//! A snapshot -> the table of `--format table`.

use std::fmt::Write as _;
use std::time::SystemTime;

use super::cells;
use super::grid::{Cell, Column, Layout};
use super::snapshot::{InterfaceView, ProtocolView, Snapshot};
use super::style::{Look, Tone};
use super::text;

/// How the line below an interface begins.
const INDENT: &str = "  ";

/// The table of a snapshot on that host, with the statistics that are zero too, or not: lines that are no
/// wider than the look says.
#[must_use]
pub fn table(snapshot: &Snapshot, host: &str, all: bool, look: Look) -> String {
    let mut lines = vec![header(snapshot, host, look)];
    if !snapshot.interfaces.is_empty() {
        let has_rates = snapshot.interfaces.iter().any(InterfaceView::has_rates);
        interfaces(snapshot, has_rates, look, &mut lines);
    }
    protocols(snapshot, all, look, &mut lines);
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

/// Who, when, by what and how many.
fn header(snapshot: &Snapshot, host: &str, look: Look) -> String {
    let Snapshot { interfaces, known, time, sources, .. } = snapshot;
    let parts = [
        text::name(host.as_bytes(), look.charset),
        time_of_day(*time),
        sources.join(", "),
        format!("{} of {known} interfaces", interfaces.len()),
    ];
    look.line(&parts.join("  "), Tone::Title)
}

/// A time, in UTC: `2026-11-27 16:19:50Z`.
#[must_use]
pub fn time_of_day(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string().replace('T', " ")
}

/// How many columns tell of errors and drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Troubles {
    /// One for each direction.
    Apart,
    /// One for both.
    Together,
}

fn interfaces(snapshot: &Snapshot, has_rates: bool, look: Look, lines: &mut Vec<String>) {
    let laid_out = |troubles| {
        let columns = columns(has_rates, troubles);
        let row = |one: &InterfaceView| row(one, has_rates, troubles, look);
        let rows: Vec<_> = snapshot.interfaces.iter().map(row).collect();
        let layout = Layout::of(&columns, &rows, None);
        let fits = look.width.is_none_or(|width| layout.width() <= width);
        (columns, rows, fits)
    };
    let (mut columns, mut rows, fits) = laid_out(Troubles::Apart);
    if !fits {
        (columns, rows, _) = laid_out(Troubles::Together);
    }
    let layout = Layout::of(&columns, &rows, look.width);
    lines.push(layout.titles(&columns, look));
    for (interface, row) in snapshot.interfaces.iter().zip(&rows) {
        lines.push(layout.line(&columns, row, look));
        let labels = cells::labels(interface, look.charset);
        if !labels.is_empty() {
            lines.push(look.line(&format!("{INDENT}{labels}"), Tone::Faint));
        }
    }
    if layout.width_of(SPEED).is_some() && snapshot.interfaces.iter().any(cells::is_marked) {
        lines.push(look.line(cells::MADE_UP, Tone::Faint));
    }
}

/// The place of the column of speeds.
const SPEED: usize = 4;

fn columns(has_rates: bool, troubles: Troubles) -> Vec<Column> {
    let mut columns = vec![
        Column::words("INTERFACE").shortest(15),
        Column::words("NAMESPACE").shortest(12).rank(1),
        Column::words("KIND").rank(3),
        Column::words("STATE").rank(2),
        Column::numbers("SPEED").rank(4),
    ];
    let [bytes, packets] = if has_rates {
        [["IN b/s", "OUT b/s"], ["IN p/s", "OUT p/s"]]
    } else {
        [["IN B", "OUT B"], ["IN PKT", "OUT PKT"]]
    };
    let [received, sent] = bytes.map(Column::numbers);
    columns.extend([received, sent.second()]);
    if has_rates {
        columns.extend(["IN USE", "OUT USE"].map(|title| Column::numbers(title).rank(6)));
    }
    columns.extend(packets.map(|title| Column::numbers(title).rank(5)));
    columns.extend(match troubles {
        Troubles::Apart => {
            ["ERR IN", "ERR OUT", "DROP IN", "DROP OUT"].map(Column::numbers).to_vec()
        }
        Troubles::Together => ["ERR", "DROP"].map(Column::numbers).to_vec(),
    });
    columns
}

fn row(interface: &InterfaceView, has_rates: bool, troubles: Troubles, look: Look) -> Vec<Cell> {
    let InterfaceView { place, name, kind, received, sent, .. } = interface;
    let both = [received, sent];
    let mut row = vec![
        Cell::plain(text::name(name, look.charset)),
        cells::outside(place, look.charset),
        cells::outside(kind, look.charset),
        cells::state(interface),
        cells::speed(interface),
    ];
    if has_rates {
        row.extend(both.map(|traffic| cells::bits(traffic.bytes)));
        row.extend(both.map(|traffic| cells::utilization(interface, traffic)));
        row.extend(both.map(|traffic| cells::rate(traffic.packets.per_second)));
    } else {
        row.extend(both.map(|traffic| cells::total(traffic.bytes)));
        row.extend(both.map(|traffic| cells::total(traffic.packets)));
    }
    match troubles {
        Troubles::Apart => {
            row.extend(both.map(|traffic| cells::trouble(Some(traffic.errors))));
            row.extend(both.map(|traffic| cells::trouble(traffic.drops)));
        }
        Troubles::Together => {
            row.push(cells::trouble(Some(interface.errors())));
            row.push(cells::trouble(Some(interface.drops())));
        }
    }
    row
}

/// The statistics of each place, in as many columns as there is room for, one below the other.
fn protocols(snapshot: &Snapshot, all: bool, look: Look, lines: &mut Vec<String>) {
    let mut places: Vec<_> = snapshot.protocols.iter().map(|one| &one.place).collect();
    places.dedup();
    for place in places {
        let of_place = snapshot.protocols.iter().filter(|one| one.place == *place);
        let shown: Vec<_> = of_place.filter(|one| all || one.value != 0).collect();
        if shown.is_empty() {
            continue;
        }
        let mut title = "PROTOCOLS".to_owned();
        if !place.is_empty() {
            let _ = write!(title, " of {}", text::name(place, look.charset));
        }
        if !all {
            title.push_str(" (--all shows those that are 0, too)");
        }
        lines.extend([String::new(), look.line(&title, Tone::Title)]);
        let cells = |one: &&ProtocolView| {
            [Cell::plain(one.field.clone()), Cell::plain(one.value.to_string())]
        };
        let pairs: Vec<_> = shown.iter().map(cells).collect();
        lines.extend(side_by_side(&pairs, look));
    }
}

/// So many names and values stand beside each other at most.
pub const MOST_SIDE_BY_SIDE: usize = 8;

/// Names and values in as many columns as there is room for, read from top to bottom.
#[must_use]
pub fn side_by_side(pairs: &[[Cell; 2]], look: Look) -> Vec<String> {
    // Where there is no end to a line, one on each can be searched best.
    let most = if look.width.is_some() { pairs.len().min(MOST_SIDE_BY_SIDE) } else { 1 };
    for count in (1..=most).rev() {
        let columns: Vec<_> = (0..count)
            .flat_map(|_| [Column::words("").shortest(10), Column::numbers("")])
            .collect();
        let height = pairs.len().div_ceil(count);
        let row = |line: usize| {
            let pairs = pairs.iter().skip(line).step_by(height.max(1));
            pairs.flatten().cloned().collect::<Vec<_>>()
        };
        let rows: Vec<_> = (0..height).map(row).collect();
        let natural = Layout::of(&columns, &rows, None);
        if count == 1 || look.width.is_none_or(|width| natural.width() <= width) {
            let layout = Layout::of(&columns, &rows, look.width);
            return rows.iter().map(|row| layout.line(&columns, row, look)).collect();
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests;
