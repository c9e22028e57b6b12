use super::*;
use crate::view::snapshot::tests::{grown, interface, snapshot, traffic};
use crate::view::text::{Charset, width};

const LOOK: Look = Look { width: None, has_colours: false, charset: Charset::Unicode };

const OPTIONS: Options = Options { sort: None, fold: None, all: false };

/// A container host: a physical one and so many veth, of which one is busy.
fn node(second: u64, veths: usize) -> Snapshot {
    let mut interfaces = vec![InterfaceView {
        speed_mbits: Some(1000),
        received: traffic(6_675_000.0, 4600.0),
        sent: Traffic { drops: Some(grown(11, 1.0)), ..traffic(1_250_000.0, 900.0) },
        ..interface("enp1s0f0", "physical")
    }];
    interfaces.extend((0..veths).map(|number| InterfaceView {
        speed_mbits: Some(10_000),
        is_speed_made_up: true,
        received: if number == 3 { traffic(1250.0, 1.0) } else { traffic(0.0, 0.0) },
        sent: Traffic { drops: Some(grown(2, 0.0)), ..traffic(0.0, 0.0) },
        ..interface(&format!("veth{number}"), "veth")
    }));
    snapshot(second, interfaces)
}

/// That gather after those, and nothing else.
fn scene<'a>(snapshot: &'a Snapshot, history: &'a History) -> Scene<'a> {
    Scene {
        snapshot,
        before: None,
        history,
        host: "node-1",
        interval: Duration::from_secs(2),
        warning: None,
        has_warning: false,
        why_empty: &[],
        options: OPTIONS,
    }
}

/// The lines of so many gathers, the last of which is like the others.
fn drawn(veths: usize, size: (usize, usize), options: Options) -> Vec<String> {
    let mut history = History::default();
    for second in 0..20 {
        history.take(&node(second, veths));
    }
    let last = node(20, veths);
    let scene = Scene { options, ..scene(&last, &history) };
    let size = Size { columns: size.0, lines: size.1 };
    let lines = scene.lines(size, LOOK);
    assert_eq!(lines.len(), size.lines);
    assert!(lines.iter().all(|line| width(line) <= size.columns), "{lines:#?}");
    lines
}

#[test]
fn at_80_columns_there_are_rates_use_and_trends_and_what_drops_now() {
    let lines = drawn(2, (80, 6), OPTIONS);
    let expected = [
        "node-1  16:20:10Z  netlink  3 of 5 interfaces  every 2s",
        "INTERFACE STATE IN b/s  USE TREND     PEAK OUT b/s  USE TREND     PEAK  ERR DROP",
        "enp1s0f0  up     53.4M   5% ████████ 53.4M   10.0M   1% ████████ 10.0M    0  11!",
        "veth0     up         0   0*              0       0   0*              0    0    2",
        "veth1     up         0   0*              0       0   0*              0    0    2",
        "q quit  s sort: none  f fold: off  ! grows now  * speed made up by software",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn namespaces_outlast_trends() {
    let mut node = node(20, 2);
    for (interface, place) in node.interfaces.iter_mut().zip(["", "cni-0f1e2d3c-4b5a", "blue"]) {
        interface.place = place.as_bytes().to_vec();
    }
    let mut history = History::default();
    history.take(&node);
    let scene = scene(&node, &history);
    let titles = |columns| {
        let lines = scene.lines(Size { columns, lines: 6 }, LOOK);
        assert!(lines.iter().all(|line| width(line) <= columns), "{lines:#?}");
        let names = lines[2..5].iter().filter_map(|line| line.split_whitespace().nth(1));
        let are_there = columns < 40
            || names.map(|name| name.get(..9).unwrap_or(name)).eq(["-", "cni-0f1e2", "blue"]);
        assert!(are_there, "{columns}: {lines:#?}");
        lines[1]
            .split("  ")
            .flat_map(|part| part.split(' '))
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(titles(80), "INTERFACE NAMESPACE IN b/s TREND PEAK OUT b/s TREND PEAK ERR DROP");
    assert_eq!(titles(66), "INTERFACE NAMESPACE IN b/s TREND OUT b/s TREND ERR DROP");
    assert_eq!(titles(50), "INTERFACE NAMESPACE IN b/s OUT b/s ERR DROP");
    assert_eq!(titles(39), "INTERFACE IN b/s OUT b/s ERR DROP");
    assert_eq!(titles(27), "INTERFACE IN b/s OUT b/s");
    assert_eq!(titles(22), "INTERFACE");
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let lines = drawn(1000, (80, 24), OPTIONS);
    assert!(lines[21].starts_with("veth18 "), "{lines:#?}");
    assert_eq!(lines[22], "981 more are not shown; s sorts");
    let lines = drawn(1000, (200, 60), Options { sort: Some(Sort::Bytes), ..OPTIONS });
    assert_eq!(lines[58], "945 more are not shown");
    // All of them fit.
    let lines = drawn(20, (80, 24), OPTIONS);
    assert!(lines[22].starts_with("veth19 "), "{lines:#?}");
}

#[test]
fn idle_ones_are_folded_by_kind_and_sums_tell_of_all() {
    let fold = Options { fold: Some(Fold::Idle), ..OPTIONS };
    let lines = drawn(1000, (80, 24), fold);
    let names: Vec<_> = lines[2..6].iter().map(|line| line.get(..14).unwrap().trim()).collect();
    assert_eq!(names, ["enp1s0f0", "veth3", "+999 veth idle", "=1000 veth"]);
    // 10 kbit/s, and 2 drops of each.
    assert!(lines[5].contains(" 10.0k ") && lines[5].ends_with(" 2000"), "{lines:#?}");
    assert!(lines[4].ends_with(" 1998"), "{lines:#?}");
    assert_eq!(lines[6], "");
    // One alone is not folded: that would save nothing, and hide its name.
    let lines = drawn(1, (80, 24), fold);
    assert!(lines[3].starts_with("veth0 ") && lines[4].is_empty(), "{lines:#?}");
}

#[test]
fn the_names_of_sums_are_whole() {
    let busy = |name: &str| InterfaceView {
        received: traffic(6_675_000.0, 4600.0),
        sent: traffic(6_675_000.0, 4600.0),
        speed_mbits: Some(1000),
        ..interface(name, "wireguard")
    };
    let idle = |number| InterfaceView {
        received: traffic(0.0, 0.0),
        sent: traffic(0.0, 0.0),
        ..interface(&format!("wg{number}"), "wireguard")
    };
    let interfaces = [busy("wireguard-to-berlin")].into_iter().chain((0..1200).map(idle));
    let node = snapshot(0, interfaces.collect());
    let mut history = History::default();
    history.take(&node);
    let options = Options { fold: Some(Fold::Idle), ..OPTIONS };
    let scene = Scene { options, ..scene(&node, &history) };
    for columns in [80, 200] {
        let lines = scene.lines(Size { columns, lines: 10 }, LOOK);
        assert!(lines[3].starts_with("+1200 wireguard idle "), "{lines:#?}");
        assert!(lines[4].starts_with("=1201 wireguard "), "{lines:#?}");
        assert!(lines.iter().all(|line| width(line) <= columns), "{lines:#?}");
    }
}

#[test]
fn nothing_is_folded_before_it_is_known_to_be_idle() {
    let options = Options { fold: Some(Fold::Idle), ..OPTIONS };
    let mut history = History::default();
    let mut first = node(0, 30);
    for interface in &mut first.interfaces {
        for traffic in [&mut interface.received, &mut interface.sent] {
            traffic.bytes.per_second = None;
            traffic.packets.per_second = None;
            traffic.errors.per_second = None;
            traffic.drops = None;
        }
    }
    history.take(&first);
    let scene = Scene { options, ..scene(&first, &history) };
    let lines = scene.lines(Size { columns: 80, lines: 50 }, LOOK);
    assert!(lines[32].starts_with("veth29 "), "{lines:#?}");
}

#[test]
fn a_warning_takes_the_last_line_and_steers_nothing() {
    let (history, snapshot) = (History::default(), node(0, 1));
    let scene = Scene {
        host: "node\x1b[2J",
        interval: Duration::from_millis(500),
        warning: Some(&(Level::Warn, "about \x1b[31m".to_owned())),
        ..scene(&snapshot, &history)
    };
    let lines = scene.lines(Size { columns: 120, lines: 10 }, LOOK);
    assert_eq!(lines[9], "W! about \\u{1b}[31m");
    assert!(
        lines[0].starts_with("node\\u{1b}[2J  2026-11-27 16:19:50Z  ")
            && lines[0].ends_with("  every 500ms"),
        "{}",
        lines[0]
    );
}

#[test]
fn keys_are_named_and_one_for_a_warning_where_there_was_one() {
    let (history, snapshot) = (History::default(), node(0, 1));
    let scene = Scene { has_warning: true, ..scene(&snapshot, &history) };
    let lines = scene.lines(Size { columns: 80, lines: 10 }, LOOK);
    assert!(lines[9].starts_with("q quit  s sort: none  f fold: off  w warning  ! "), "{lines:#?}");
}

#[test]
fn where_there_is_no_interface_it_is_said_why() {
    let (history, empty) = (History::default(), snapshot(0, Vec::new()));
    let why = ["no interface to show: \x1b", "I! interfaces \"nosuch\" matches no interface"];
    let why = why.map(str::to_owned);
    let scene = Scene { why_empty: &why, ..scene(&empty, &history) };
    let lines = scene.lines(Size { columns: 30, lines: 7 }, LOOK);
    let expected = [
        "no interface to show: \\u{1b}",
        "I! interfaces \"nosuch\" matches",
        "no interface",
        "",
        "",
    ];
    assert_eq!(lines[1..6], expected);
    assert_eq!(scene.lines(Size { columns: 30, lines: 4 }, LOOK)[1..3], expected[..2]);
}

#[test]
fn protocol_statistics_that_grow_are_shown_where_there_is_room() {
    let with = |second, values: [i64; 3]| {
        let mut snapshot = node(second, 1);
        snapshot.protocols = ["tcp_retranssegs", "tcp_outrsts", "tcp_currestab"]
            .into_iter()
            .zip(values)
            .map(|(field, value)| ProtocolView {
                place: Vec::new(),
                field: field.to_owned(),
                value,
                is_gauge: field == "tcp_currestab",
            })
            .collect();
        snapshot
    };
    let (before, now, history) = (with(0, [5, 1, 7]), with(2, [25, 1, 9]), History::default());
    let lines = |lines, all| {
        let options = Options { all, ..OPTIONS };
        let scene = Scene { before: Some(&before), options, ..scene(&now, &history) };
        scene.lines(Size { columns: 80, lines }, LOOK)
    };
    assert_eq!(lines(8, false)[4..7], ["", "PROTOCOLS that count now", "tcp_retranssegs  10/s"]);
    assert_eq!(lines(8, true)[6], "tcp_retranssegs  10/s  tcp_outrsts  1  tcp_currestab  9");
    assert_eq!(lines(7, false)[4..6], ["PROTOCOLS that count now: 1 are not shown", ""]);
    assert_eq!(lines(6, true)[4], "PROTOCOLS: 3 are not shown");
    assert!(lines(5, true)[4].starts_with("q quit "));
}

#[test]
fn no_size_is_too_small_or_too_large() {
    for lines in [0, 1, 2, 3, 4, 5, 24, 100] {
        for columns in [0, 1, 5, 20, 39, 60, 80, 100, 133, 200, 500] {
            for fold in [None, Some(Fold::Idle)] {
                drawn(50, (columns, lines), Options { fold, ..OPTIONS });
            }
        }
    }
}

#[test]
fn protocol_statistics_that_there_is_no_room_for_are_counted() {
    let with = |second| {
        let mut snapshot = node(second, 1);
        let named = |number: usize| ProtocolView {
            place: Vec::new(),
            field: format!("tcpext_{}{number}", "x".repeat(number % 30)),
            value: 0,
            is_gauge: false,
        };
        snapshot.protocols = (0..200).map(named).collect();
        snapshot
    };
    let (before, now, history) = (with(0), with(2), History::default());
    let options = Options { all: true, ..OPTIONS };
    let scene = Scene { before: Some(&before), options, ..scene(&now, &history) };
    for size in [(80, 8), (80, 9), (80, 24), (200, 24), (40, 40), (500, 12)] {
        let (columns, lines) = size;
        let lines = scene.lines(Size { columns, lines }, LOOK);
        let names = lines.iter().map(|line| line.matches("tcpext_").count()).sum::<usize>();
        let notice = lines.iter().rfind(|line| line.ends_with(" shown")).unwrap();
        let hidden = notice
            .strip_suffix(" more statistics are not shown")
            .unwrap()
            .parse::<usize>()
            .unwrap();
        assert_eq!(names + hidden, 200, "{lines:#?}");
        assert!(lines.iter().all(|line| width(line) <= columns), "{lines:#?}");
        // Those that are shown fill the lines that there are, or nearly so.
        assert!(lines[..lines.len() - 3].iter().skip(6).all(|line| !line.is_empty()), "{lines:#?}");
    }
}

#[test]
fn on_three_lines_it_is_said_that_there_are_more() {
    let lines = drawn(2, (80, 3), OPTIONS);
    assert_eq!(lines[1], "3 more are not shown; s sorts");
    let lines = drawn(2, (80, 4), OPTIONS);
    assert!(lines[1].starts_with("INTERFACE "), "{lines:#?}");
    assert_eq!(lines[2], "3 more are not shown; s sorts");
}

#[test]
fn sums_that_there_is_no_room_for_are_counted_too() {
    let idle = |number: usize| InterfaceView {
        received: traffic(0.0, 0.0),
        sent: traffic(0.0, 0.0),
        ..interface(&format!("if{number}"), ["veth", "ifb", "tun", "wireguard"][number % 4])
    };
    let node = snapshot(0, (0..16).map(idle).collect());
    let mut history = History::default();
    history.take(&node);
    let options = Options { fold: Some(Fold::Idle), ..OPTIONS };
    let scene = Scene { options, ..scene(&node, &history) };
    let lines = scene.lines(Size { columns: 80, lines: 6 }, LOOK);
    assert!(lines[2].starts_with("+4 ifb idle ") && lines[3].starts_with("+4 tun idle "));
    assert_eq!(lines[4], "2 more are not shown; s sorts");
}

#[test]
fn a_sign_is_explained_where_it_is_shown() {
    let explained = |size| drawn(30, size, OPTIONS).pop().unwrap().contains('*');
    assert!(explained((80, 24)));
    // There is no room for what would have it.
    assert!(!explained((50, 24)) && !explained((80, 3)) && !explained((80, 2)));
    // Nor is it at those that are shown.
    assert!(!explained((80, 5)) && explained((80, 6)));
}

#[test]
fn a_reading_without_rates_changes_no_columns() {
    let mut history = History::default();
    let node = node(0, 2);
    history.take(&node);
    let mut later = node.clone();
    for interface in &mut later.interfaces {
        for Traffic { bytes, packets, errors, drops } in
            [&mut interface.received, &mut interface.sent]
        {
            [bytes, packets, errors].into_iter().chain(drops).for_each(|one| one.per_second = None);
        }
    }
    let titles = |snapshot: &Snapshot, history: &History, columns| {
        scene(snapshot, history).lines(Size { columns, lines: 10 }, LOOK)[1].clone()
    };
    for columns in [60, 80, 100, 133, 200] {
        let expected = titles(&node, &history, columns);
        assert_eq!(titles(&later, &history, columns), expected);
        // Without any there is room for other things.
        assert_ne!(titles(&later, &History::default(), columns), expected);
    }
    history.take(&later);
    assert_eq!(titles(&later, &history, 80), titles(&node, &history, 80));
}
