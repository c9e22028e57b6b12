//! Cells that the table and the screen have in common.

use super::grid::Cell;
use super::snapshot::{Count, InterfaceView, Labels, PeerView, Traffic};
use super::style::Tone;
use super::text::{self, Charset, printable};
use super::units;

/// What is said of speeds that [`speed`] marks.
pub const MADE_UP: &str = "* speed made up by software";

/// Whether its speed has the mark.
#[must_use]
pub fn is_marked(interface: &InterfaceView) -> bool {
    interface.speed_mbits.is_some() && interface.is_speed_made_up
}

/// The name of something that an interface need not have.
#[must_use]
pub fn outside(name: &[u8], charset: Charset) -> Cell {
    match name {
        b"" => Cell::unknown(),
        // It would look like none.
        b"-" => Cell::plain(r"\u{2d}"),
        name => Cell::plain(text::name(name, charset)),
    }
}

/// Its state.
#[must_use]
pub fn state(interface: &InterfaceView) -> Cell {
    match interface.state {
        "" => Cell::unknown(),
        "up" => Cell::new("up", Tone::Good),
        "down" => Cell::new("down", Tone::Faint),
        other => Cell::new(other, Tone::Notice),
    }
}

/// Its speed, `10G*`: the star marks one that was made up.
#[must_use]
pub fn speed(interface: &InterfaceView) -> Cell {
    let Some(mbits) = interface.speed_mbits else { return Cell::unknown() };
    let speed = units::speed(mbits);
    if interface.is_speed_made_up {
        Cell::new(format!("{speed}*"), Tone::Faint)
    } else {
        Cell::plain(speed)
    }
}

/// Bits per second.
#[must_use]
pub fn bits(bytes: Count) -> Cell {
    rate(bytes.per_second.map(|bytes| bytes * 8.0))
}

/// Something per second.
#[must_use]
pub fn rate(per_second: Option<f64>) -> Cell {
    match per_second {
        Some(rate) if rate > 0.0 => Cell::plain(units::human(rate)),
        Some(_) => Cell::new("0", Tone::Faint),
        None => Cell::unknown(),
    }
}

/// A count since the interface was made.
#[must_use]
pub fn total(count: Count) -> Cell {
    let tone = if count.total > 0 { Tone::Plain } else { Tone::Faint };
    Cell::new(units::human(units::as_float(count.total)), tone)
}

/// How much of its speed one direction takes, `12%`, or `12*` where the speed was made up.
#[must_use]
pub fn utilization(interface: &InterfaceView, traffic: &Traffic) -> Cell {
    let percent = crate::format::utilization(traffic.bytes.per_second, interface.speed_mbits);
    let Some(percent) = percent else { return Cell::unknown() };
    let mark = if interface.is_speed_made_up { "*" } else { "%" };
    let text = match percent {
        0.0 => "0".to_owned(),
        ..0.5 => "<1".to_owned(),
        _ => units::human(percent.round()),
    };
    let tone = match percent {
        _ if interface.is_speed_made_up => Tone::Faint,
        90.0.. => Tone::Notice,
        _ => Tone::Plain,
    };
    Cell::new(text + mark, tone)
}

/// Errors or drops since the interface was made, `373`, or `373!` while there are more and more.
#[must_use]
pub fn trouble(count: Option<Count>) -> Cell {
    let Some(count) = count else { return Cell::unknown() };
    let text = units::count(count.total);
    match count {
        _ if count.grows() => Cell::new(text + "!", Tone::Alert),
        Count { total: 0, .. } => Cell::new(text, Tone::Faint),
        _ => Cell::new(text, Tone::Notice),
    }
}

/// What is told beside an interface, on one line; empty where there is nothing.
#[must_use]
pub fn labels(interface: &InterfaceView, charset: Charset) -> String {
    let Labels { alias, altname, lower, master, peer, driver } = &interface.labels;
    let container = interface.container.get(..12).unwrap_or(&interface.container);
    let mut labels = Vec::new();
    if !alias.is_empty() {
        // It is any text: its end has to be known from what it says.
        let parts = alias.split_inclusive(|byte| matches!(byte, b'"' | b'\\'));
        let escaped: Vec<u8> = parts
            .flat_map(|part| match part {
                [before @ .., last @ (b'"' | b'\\')] => [before, b"\\", &[*last]].concat(),
                part => part.to_vec(),
            })
            .collect();
        labels.push(format!("\"{}\"", printable(&escaped, charset)));
    }
    for (before, name) in [
        ("altname", altname.as_slice()),
        ("on", lower),
        ("port of", master),
        ("driver", driver),
        ("container", container),
    ] {
        if !name.is_empty() {
            labels.push(format!("{before} {}", text::name(name, charset)));
        }
    }
    let named = |place: &[u8]| match place {
        b"" => "our own namespace".to_owned(),
        place => format!("namespace {}", text::name(place, charset)),
    };
    labels.extend(peer.as_ref().map(|peer| match peer {
        PeerView::In(place, _, Some(name)) => {
            format!("peer {} of {}", text::name(name, charset), named(place))
        }
        PeerView::In(place, ifindex, None) => {
            format!("peer is number {ifindex} of {}", named(place))
        }
        PeerView::Here(name) => format!("peer {}", text::name(name, charset)),
        PeerView::Elsewhere(ifindex) => format!("peer is number {ifindex} of another namespace"),
    }));
    labels.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_forges_no_other_label() {
        let labels = |alias: &[u8]| {
            let labels =
                Labels { alias: alias.to_vec(), master: b"br0".to_vec(), ..Labels::default() };
            super::labels(&InterfaceView { labels, ..InterfaceView::default() }, Charset::Unicode)
        };
        for (alias, expected) in [
            (&b"uplink"[..], r#""uplink"  port of br0"#),
            (b"a\"  port of br1  \"b", r#""a\"  port of br1  \"b"  port of br0"#),
            (b"a\\\"", r#""a\\\""  port of br0"#),
            (b"\x1b\\u{1b}", r#""\u{1b}\\u{1b}"  port of br0"#),
        ] {
            assert_eq!(labels(alias), expected);
        }
    }

    #[test]
    fn a_name_forges_no_label_and_none_looks_like_no_name() {
        let labels = Labels { lower: b"a  port of br1\\".to_vec(), ..Labels::default() };
        let labels =
            super::labels(&InterfaceView { labels, ..InterfaceView::default() }, Charset::Unicode);
        assert_eq!(labels, r"on a\u{20}\u{20}port of br1\\");
        assert_eq!(outside(b"", Charset::Unicode), Cell::unknown());
        assert_eq!(outside(b"-", Charset::Unicode).text, r"\u{2d}");
    }
}
