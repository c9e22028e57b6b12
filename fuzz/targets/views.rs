//! What people see of names from outside: on a terminal and in the log.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use telegraf_net::log::{self, Level};
use telegraf_net::quoted::{Quoted, QuotedPath};
use telegraf_net::system::terminal_event::Size;
use telegraf_net::view::history::History;
use telegraf_net::view::lines::harmless;
use telegraf_net::view::screen::{Options, Scene};
use telegraf_net::view::snapshot::{
    Count, InterfaceView, Labels, PeerView, ProtocolView, Snapshot, Traffic,
};
use telegraf_net::view::style::Look;
use telegraf_net::view::table::table;
use telegraf_net::view::text::{self, Charset};
use telegraf_net::view::{Fold, Sort};

use super::pieces::Pieces;

pub(super) fn run(bytes: &[u8]) {
    texts(&bytes[..bytes.len().min(200)]);
    let mut pieces = Pieces(bytes);
    let look = Look {
        width: Some(usize::from(pieces.byte())),
        has_colours: false,
        charset: pieces.one_of(&[Charset::Unicode, Charset::Ascii]),
    };
    let lines = (pieces.byte() % 50).into();
    let options = Options {
        sort: pieces.one_of(&[None, Some(Sort::Bytes), Some(Sort::Drops), Some(Sort::Name)]),
        fold: pieces.one_of(&[None, Some(Fold::Idle)]),
        all: pieces.byte() & 1 != 0,
    };
    let host = super::text(pieces.text());
    let warning = (Level::Warn, log::escaped(&super::text(pieces.text())));
    let (first, second) = (snapshot(&mut pieces, 0), snapshot(&mut pieces, 1));
    tables(&first, &host, options.all, look);
    let mut history = History::default();
    let mut before = None;
    for snapshot in [&first, &second] {
        history.take(snapshot);
        let scene = Scene {
            snapshot,
            before,
            history: &history,
            host: &host,
            interval: Duration::from_secs(1),
            warning: before.is_some().then_some(&warning),
            has_warning: true,
            why_empty: &[],
            options,
        };
        let columns = look.width.unwrap_or_default();
        let size = Size { columns, lines };
        let plain = scene.lines(size, look);
        assert!(plain.len() <= lines, "{} lines of {lines}", plain.len());
        for line in &plain {
            assert_shown(line, look);
        }
        let coloured = scene.lines(size, Look { has_colours: true, ..look });
        assert_eq!(coloured.iter().map(|line| uncoloured(line)).collect::<Vec<_>>(), plain);
        before = Some(snapshot);
    }
}

fn tables(snapshot: &Snapshot, host: &str, all: bool, look: Look) {
    let plain = table(snapshot, host, all, look);
    plain.lines().for_each(|line| assert_shown(line, look));
    let coloured = table(snapshot, host, all, Look { has_colours: true, ..look });
    assert_eq!(uncoloured(&coloured), plain);
    let endless = Look { width: None, ..look };
    let endless_table = table(snapshot, host, all, endless);
    endless_table.lines().for_each(|line| assert_shown(line, endless));
    // Where lines have no end, each interface is named whole.
    for interface in &snapshot.interfaces {
        let name = text::name(&interface.name, look.charset);
        assert!(endless_table.lines().any(|line| line.starts_with(&name)), "{name}");
    }
}

/// Fails unless that is harmless to a terminal, and takes no more of its cells than there are.
#[track_caller]
fn assert_shown(line: &str, look: Look) {
    assert!(!line.contains(steers), "{line:?}");
    let width = text::width(line);
    assert!(look.width.is_none_or(|most| width <= most), "{width} cells: {line:?}");
    assert!(look.charset == Charset::Unicode || line.is_ascii(), "{line:?}");
}

/// What does something to a terminal rather than be shown (Unicode's categories Cc, Zl and Zp, and marks of
/// direction).
fn steers(one: char) -> bool {
    one.is_control()
        || matches!(one, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

/// A text without its colours.
fn uncoloured(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |uncoloured, part| {
        let (style, rest) = part.split_once('m').expect("a style ends");
        assert!(style.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'), "{part:?}");
        uncoloured + rest
    })
}

fn texts(bytes: &[u8]) {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    for charset in [Charset::Unicode, Charset::Ascii] {
        let look = Look { width: None, has_colours: false, charset };
        for text in [text::printable(bytes, charset), text::name(bytes, charset)] {
            assert_shown(&text, look);
            for cells in [0, 1, 7] {
                let cut = text::cut(&text, cells, charset);
                assert_shown(&cut, Look { width: Some(cells), ..look });
                let wrapped = text::wrapped(&text, cells);
                // A wide character takes two cells, wherever it stands.
                for line in &wrapped {
                    assert_shown(line, Look { width: Some(cells.max(2)), ..look });
                }
                let letters = |text: &str| text.replace(' ', "");
                assert_eq!(letters(&wrapped.concat()), letters(&text));
            }
        }
        let names = [one, other].map(|name| text::name(name, charset));
        assert_eq!(names[0] == names[1], one == other, "{names:?}");
        let shown = harmless(bytes, charset);
        assert!(!shown.contains(|one| steers(one) && !"\n\t".contains(one)), "{shown:?}");
        let lines = |text: &[u8]| text.split(|&byte| byte == b'\n').count();
        assert_eq!(lines(shown.as_bytes()), lines(bytes));
    }
    let quoted = Quoted(bytes).to_string();
    assert!(!quoted.contains(steers) && quoted.len() < 1000, "{quoted}");
    let lossy = super::text(bytes);
    let quoted = QuotedPath(Path::new(&lossy)).to_string();
    assert!(!quoted.contains(steers), "{quoted}");
    let escaped = log::escaped(&lossy);
    assert!(!escaped.contains(steers), "{escaped:?}");
    assert_eq!(log::escaped(&escaped), escaped);
}

fn snapshot(pieces: &mut Pieces<'_>, second: u64) -> Snapshot {
    let count = pieces.byte() % 4;
    let interfaces: Vec<_> = (0..count).map(|_| interface(pieces)).collect();
    let count = pieces.byte() % 4;
    let protocol = |pieces: &mut Pieces<'_>| ProtocolView {
        place: pieces.text().to_vec(),
        field: ["tcp_retranssegs", "udp_inerrors", "ip_forwarding"][usize::from(count) % 3].into(),
        value: pieces.number().cast_signed(),
        is_gauge: pieces.byte() & 1 != 0,
    };
    let time = Duration::from_secs(1_795_796_390 + second);
    Snapshot {
        at: Instant::now() + Duration::from_secs(second),
        time: SystemTime::UNIX_EPOCH + time,
        sources: vec!["netlink".to_owned()],
        known: interfaces.len(),
        interfaces,
        protocols: (0..count).map(|_| protocol(pieces)).collect(),
    }
}

fn interface(pieces: &mut Pieces<'_>) -> InterfaceView {
    let choices = pieces.byte();
    let has = |bit: u8| choices & bit != 0;
    let place = if has(1) { pieces.text().to_vec() } else { Vec::new() };
    let labels = if has(2) {
        Labels {
            alias: pieces.text().to_vec(),
            altname: pieces.text().to_vec(),
            lower: pieces.text().to_vec(),
            master: pieces.text().to_vec(),
            peer: match pieces.byte() % 4 {
                0 => None,
                1 => Some(PeerView::Here(pieces.text().to_vec())),
                2 => Some(PeerView::Elsewhere(pieces.byte().into())),
                _ => Some(PeerView::In(pieces.text().to_vec(), 7, Some(pieces.text().to_vec()))),
            },
            driver: pieces.text().to_vec(),
        }
    } else {
        Labels::default()
    };
    InterfaceView {
        place,
        container: if has(4) { pieces.text().to_vec() } else { Vec::new() },
        ifindex: pieces.byte().into(),
        name: pieces.text().to_vec(),
        kind: pieces.text().to_vec(),
        state: pieces.one_of(&["up", "down", "lower-down", ""]),
        speed_mbits: has(8).then(|| pieces.number().cast_signed()),
        is_speed_made_up: has(16),
        received: traffic(pieces, has(32)),
        sent: traffic(pieces, has(32)),
        labels,
    }
}

fn traffic(pieces: &mut Pieces<'_>, has_rates: bool) -> Traffic {
    let count = |pieces: &mut Pieces<'_>| Count {
        total: pieces.number(),
        per_second: has_rates.then(|| pieces.float().abs()),
    };
    Traffic {
        bytes: count(pieces),
        packets: count(pieces),
        errors: count(pieces),
        drops: (pieces.byte() & 1 != 0).then(|| count(pieces)),
    }
}
