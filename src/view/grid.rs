//! Rows and columns -> lines that are no wider than there is room.

use std::iter;

use super::style::{Look, Tone};
use super::text;

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    is_number: bool,
    /// The order in which columns are left out for want of room, the highest first, those of one rank
    /// together; 0: never.
    rank: u8,
    /// It stays where it tells nothing.
    is_kept: bool,
    /// It tells the other direction of the column of rank 0 before it.
    is_second: bool,
    /// To so many cells it may be cut.
    shortest: usize,
    /// So many cells it has at least.
    narrowest: usize,
}

impl Column {
    /// One of words, which stand at its left.
    #[must_use]
    pub fn words(title: &'static str) -> Self {
        Self {
            title,
            is_number: false,
            rank: 0,
            is_kept: false,
            is_second: false,
            shortest: usize::MAX,
            narrowest: 0,
        }
    }

    /// One of numbers, which stand at its right.
    #[must_use]
    pub fn numbers(title: &'static str) -> Self {
        Self { is_number: true, ..Self::words(title) }
    }

    /// It may be left out, those of a higher rank before it, those of the same one with it.
    #[must_use]
    pub fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    /// It stays, or not, where it tells nothing.
    #[must_use]
    pub fn kept(self, is_kept: bool) -> Self {
        Self { is_kept, ..self }
    }

    /// It is the second of a pair, neither of which says enough alone.
    #[must_use]
    pub fn second(self) -> Self {
        Self { is_second: true, ..self }
    }

    /// It may be cut to so many cells.
    #[must_use]
    pub fn shortest(self, shortest: usize) -> Self {
        Self { shortest, ..self }
    }

    /// It has so many cells at least, so that it need not change when numbers do.
    #[must_use]
    pub fn narrowest(self, narrowest: usize) -> Self {
        Self { narrowest, ..self }
    }
}

/// A cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// What it says, which is harmless to a terminal.
    pub text: String,
    /// How it looks.
    pub tone: Tone,
}

impl Cell {
    /// One that says that.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }

    /// One that looks as any text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Tone::Plain)
    }

    /// One of which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::new("-", Tone::Faint)
    }

    fn is_unknown(&self) -> bool {
        matches!(self.text.as_str(), "" | "-")
    }
}

/// How wide each column is; `None` for those that are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    widths: Vec<Option<usize>>,
    gap: usize,
}

impl Layout {
    /// Finds one in which the rows take no more cells than there are, if there is one: with less space
    /// between columns, with those cut that may be, and at last without some. A column that may be left
    /// out is, where it tells nothing and need not be kept.
    #[must_use]
    pub fn of(columns: &[Column], rows: &[Vec<Cell>], room: Option<usize>) -> Self {
        let natural = columns.iter().enumerate().map(|(place, column)| {
            let cells = rows.iter().filter_map(|row| row.get(place));
            if column.rank > 0 && !column.is_kept && cells.clone().all(Cell::is_unknown) {
                return None;
            }
            let widest = cells.map(|cell| text::width(&cell.text)).max().unwrap_or(0);
            Some(widest.max(text::width(column.title)).max(column.narrowest))
        });
        let natural: Vec<_> = natural.collect();
        let mut layout = Self { widths: natural.clone(), gap: 2 };
        let Some(room) = room else { return layout };
        if layout.width() > room {
            layout.gap = 1;
        }
        layout.shorten(columns, room);
        while layout.width() > room && layout.leave_some_out(columns) {}
        // What was cut for the sake of those that are left out need not be.
        for (width, natural) in layout.widths.iter_mut().zip(natural) {
            *width = width.and(natural);
        }
        layout.shorten(columns, room);
        layout.squeeze(columns, room);
        layout
    }

    /// Cuts the columns that may be, the widest first, as far as that is needed.
    fn shorten(&mut self, columns: &[Column], room: usize) {
        while self.width() > room {
            let widths = self.widths.iter_mut().zip(columns);
            let can_be_cut = widths.filter_map(|(width, column)| {
                width.as_mut().filter(|width| **width > column.shortest.max(column.narrowest))
            });
            let Some(widest) = can_be_cut.max_by_key(|width| **width) else { return };
            *widest -= 1;
        }
    }

    /// Leaves the columns of the highest rank out. Returns whether there were any.
    fn leave_some_out(&mut self, columns: &[Column]) -> bool {
        let there = columns.iter().zip(&self.widths).filter(|(_, width)| width.is_some());
        let highest = there.map(|(column, _)| column.rank).max().unwrap_or(0);
        if highest == 0 {
            return false;
        }
        let of_rank = columns.iter().zip(&mut self.widths).filter(|(one, _)| one.rank == highest);
        of_rank.for_each(|(_, width)| *width = None);
        true
    }

    /// Leaves out even what should be there, from the right, and cuts the first column.
    fn squeeze(&mut self, columns: &[Column], room: usize) {
        while self.width() > room && self.widths.iter().flatten().count() > 1 {
            let mut there =
                self.widths.iter_mut().zip(columns).filter(|(width, _)| width.is_some());
            let Some((last, column)) = there.next_back() else { break };
            *last = None;
            if column.is_second
                && let Some((first, _)) = there.next_back()
            {
                *first = None;
            }
        }
        let over = self.width().saturating_sub(room);
        if let Some(first) = self.widths.iter_mut().flatten().next() {
            *first = first.saturating_sub(over);
        }
    }

    /// How many cells a row takes.
    #[must_use]
    pub fn width(&self) -> usize {
        let count = self.widths.iter().flatten().count();
        self.widths.iter().flatten().sum::<usize>() + count.saturating_sub(1) * self.gap
    }

    /// How wide a column is; `None` where it is left out.
    #[must_use]
    pub fn width_of(&self, place: usize) -> Option<usize> {
        self.widths.get(place).copied().flatten()
    }

    /// The line of the titles.
    #[must_use]
    pub fn titles(&self, columns: &[Column], look: Look) -> String {
        let titles: Vec<_> =
            columns.iter().map(|column| Cell::new(column.title, Tone::Title)).collect();
        self.line(columns, &titles, look)
    }

    /// The line of a row.
    #[must_use]
    pub fn line(&self, columns: &[Column], row: &[Cell], look: Look) -> String {
        let mut line = String::new();
        let mut spaces = 0;
        for ((width, column), cell) in self.widths.iter().zip(columns).zip(row) {
            let Some(width) = *width else { continue };
            let text = text::cut(&cell.text, width, look.charset);
            let rest = width.saturating_sub(text::width(&text));
            let (before, behind) = if column.is_number { (rest, 0) } else { (0, rest) };
            // What is at the end of a line is not written.
            line.extend(iter::repeat_n(' ', spaces + before));
            look.push(&mut line, &text, cell.tone);
            spaces = behind + self.gap;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::text::Charset;

    fn look(width: usize) -> Look {
        Look { width: Some(width), has_colours: false, charset: Charset::Unicode }
    }

    fn drawn(columns: &[Column], rows: &[Vec<Cell>], width: usize) -> Vec<String> {
        let layout = Layout::of(columns, rows, Some(width));
        let look = look(width);
        let titles = iter::once(layout.titles(columns, look));
        titles.chain(rows.iter().map(|row| layout.line(columns, row, look))).collect()
    }

    fn columns() -> [Column; 4] {
        [
            Column::words("NAME").shortest(6),
            Column::words("KIND").rank(2),
            Column::numbers("IN"),
            Column::numbers("USE").rank(1),
        ]
    }

    fn rows() -> Vec<Vec<Cell>> {
        [["網路-uplink", "vlan", "53.4M", "5%"], ["lo", "loopback", "0", "-"]]
            .map(|row| row.map(Cell::plain).to_vec())
            .to_vec()
    }

    #[test]
    fn what_there_is_no_room_for_is_cut_or_left_out_and_no_line_is_too_wide() {
        let cases: &[(usize, &[&str])] = &[
            (
                40,
                &[
                    "NAME         KIND         IN  USE",
                    "網路-uplink  vlan      53.4M   5%",
                    "lo           loopback      0    -",
                ],
            ),
            (
                30,
                &[
                    "NAME        KIND        IN USE",
                    "網路-uplink vlan     53.4M  5%",
                    "lo          loopback     0   -",
                ],
            ),
            (
                25,
                &[
                    "NAME   KIND        IN USE",
                    "網路-… vlan     53.4M  5%",
                    "lo     loopback     0   -",
                ],
            ),
            (20, &["NAME          IN USE", "網路-upl… 53.4M  5%", "lo            0   -"]),
            (16, &["NAME      IN USE", "網路… 53.4M  5%", "lo        0   -"]),
            (12, &["NAME      IN", "網路… 53.4M", "lo         0"]),
            (4, &["NAME", "網…", "lo"]),
            (0, &["", "", ""]),
        ];
        for (width, expected) in cases {
            let lines = drawn(&columns(), &rows(), *width);
            assert!(lines.iter().all(|line| text::width(line) <= *width), "{width}: {lines:#?}");
            if *width != 16 && *width != 12 && *width != 20 {
                assert_eq!(lines, *expected, "{width}");
            }
        }
    }

    #[test]
    fn a_column_that_tells_nothing_is_left_out_and_one_of_numbers_keeps_its_width() {
        let columns = [
            Column::words("NAME"),
            Column::words("PLACE").rank(1),
            Column::numbers("IN").narrowest(5),
        ];
        let rows = [["a", "-", "1"], ["b", "", "2"]].map(|row| row.map(Cell::plain).to_vec());
        assert_eq!(drawn(&columns, &rows, 80), ["NAME     IN", "a         1", "b         2"]);
    }

    #[test]
    fn of_a_pair_neither_is_left_out_alone() {
        let columns = [
            Column::words("NAME"),
            Column::numbers("IN"),
            Column::numbers("USE").rank(2),
            Column::numbers("OUT").second(),
            Column::numbers("USE").rank(2),
            Column::numbers("ERR").rank(1),
        ];
        let rows = [["a", "1", "2%", "3", "4%", "5"].map(Cell::plain).to_vec()];
        for (width, titles) in [
            (24, "NAME IN USE OUT USE ERR"),
            (22, "NAME IN OUT ERR"),
            (15, "NAME IN OUT ERR"),
            (14, "NAME IN OUT"),
            (10, "NAME"),
        ] {
            assert_eq!(drawn(&columns, &rows, width)[0], titles);
        }
    }

    #[test]
    fn only_where_there_are_colours_has_a_line_codes() {
        let columns = [Column::words("NAME"), Column::numbers("ERR")];
        let row = vec![Cell::plain("a"), Cell::new("3", Tone::Alert)];
        let layout = Layout::of(&columns, std::slice::from_ref(&row), Some(80));
        let coloured = Look { has_colours: true, ..look(80) };
        assert_eq!(layout.line(&columns, &row, look(80)), "a       3");
        let line = layout.line(&columns, &row, coloured);
        assert_eq!(line, "a       \u{1b}[1m\u{1b}[31m3\u{1b}[0m");
    }
}
