use super::*;
use crate::view::Sort;
use crate::view::snapshot::tests::{grown, interface, snapshot, traffic};
use crate::view::snapshot::{Count, Labels, PeerView, Traffic};
use crate::view::text::{Charset, width};

fn look(width: Option<usize>) -> Look {
    Look { width, has_colours: false, charset: Charset::Unicode }
}

fn total(bytes: u64, packets: u64, errors: u64, drops: u64) -> Traffic {
    let count = |total| Count { total, per_second: None };
    Traffic {
        bytes: count(bytes),
        packets: count(packets),
        errors: count(errors),
        drops: Some(count(drops)),
    }
}

/// A router's.
fn router() -> Snapshot {
    let labels = Labels {
        alias: b"uplink ISP-A, 1G".to_vec(),
        altname: b"wan-port".to_vec(),
        driver: b"ixgbe".to_vec(),
        ..Labels::default()
    };
    let mut snapshot = snapshot(
        0,
        vec![
            InterfaceView {
                speed_mbits: Some(1000),
                received: total(5_340_000_000, 46_000_000, 0, 373),
                sent: total(27_600_000, 24_000, 0, 0),
                labels,
                ..interface("enp1s0f0", "physical")
            },
            InterfaceView {
                speed_mbits: Some(10_000),
                is_speed_made_up: true,
                state: "no-carrier",
                received: total(0, 0, 0, 0),
                sent: total(u64::MAX, 1, 12, 11),
                labels: Labels {
                    master: b"br-lan".to_vec(),
                    peer: Some(PeerView::Here(b"eth0".to_vec())),
                    ..Labels::default()
                },
                ..interface("veth17156075", "veth")
            },
            InterfaceView {
                state: "down",
                labels: Labels { peer: Some(PeerView::Elsewhere(2)), ..Labels::default() },
                ..interface("網路", "veth")
            },
        ],
    );
    snapshot.protocols = [("tcp_retranssegs", 5), ("tcp_maxconn", -1), ("udp_inerrors", 0)]
        .map(|(field, value)| ProtocolView {
            place: Vec::new(),
            field: field.to_owned(),
            value,
            is_gauge: false,
        })
        .to_vec();
    snapshot
}

#[test]
fn at_80_columns_there_is_what_an_operator_looks_for() {
    let expected = "\
r1  2026-11-27 16:19:50Z  netlink  3 of 5 interfaces
INTERFACE    KIND     STATE      SPEED IN B OUT B IN PKT OUT PKT ERR DROP
enp1s0f0     physical up            1G 5.3G 27.6M  46.0M   24.0k   0  373
  \"uplink ISP-A, 1G\"  altname wan-port  driver ixgbe
veth17156075 veth     no-carrier  10G*    0 18.4E      0       1  12   11
  port of br-lan  peer eth0
網路         veth     down           -    0     0      0       0   0    0
  peer is number 2 of another namespace
* speed made up by software

PROTOCOLS (--all shows those that are 0, too)
tcp_retranssegs  5  tcp_maxconn  -1
";
    assert_eq!(table(&router(), "r1", false, look(Some(80))), expected);
}

#[test]
fn without_an_end_to_lines_nothing_is_cut_and_directions_stand_apart() {
    let expected = "\
r1  2026-11-27 16:19:50Z  netlink  3 of 5 interfaces
INTERFACE     KIND      STATE       SPEED  IN B  OUT B  IN PKT  OUT PKT  ERR IN  ERR OUT  DROP IN  DROP OUT
enp1s0f0      physical  up             1G  5.3G  27.6M   46.0M    24.0k       0        0      373         0
  \"uplink ISP-A, 1G\"  altname wan-port  driver ixgbe
veth17156075  veth      no-carrier   10G*     0  18.4E       0        1       0       12        0        11
  port of br-lan  peer eth0
網路          veth      down            -     0      0       0        0       0        0        -         -
  peer is number 2 of another namespace
* speed made up by software

PROTOCOLS
tcp_retranssegs   5
tcp_maxconn      -1
udp_inerrors      0
";
    assert_eq!(table(&router(), "r1", true, look(None)), expected);
}

#[test]
fn where_there_are_rates_they_are_what_people_ask_for() {
    let mut snapshot = snapshot(
        0,
        vec![
            InterfaceView {
                speed_mbits: Some(100),
                received: Traffic { drops: Some(grown(373, 2.5)), ..traffic(6_675_000.0, 4600.0) },
                sent: traffic(0.0, 0.0),
                ..interface("enp1s0f0", "physical")
            },
            InterfaceView {
                speed_mbits: Some(10_000),
                is_speed_made_up: true,
                received: traffic(125_000_000.0, 9.0),
                sent: Traffic { bytes: Count { total: 5, per_second: None }, ..traffic(1.0, 0.4) },
                ..interface("veth0", "veth")
            },
        ],
    );
    snapshot.sort(Sort::Bytes);
    let expected = "\
r1  2026-11-27 16:19:50Z  netlink  2 of 4 interfaces
INTERFACE  KIND      STATE  SPEED  IN b/s  OUT b/s  IN USE  OUT USE  IN p/s  OUT p/s  ERR  DROP
veth0      veth      up      10G*    1.0G        -     10*        -       9      0.4    0     0
enp1s0f0   physical  up      100M   53.4M        0     53%       0%    4.6k        0    0  373!
* speed made up by software
";
    assert_eq!(table(&snapshot, "r1", false, look(Some(100))), expected);
    let narrow = table(&snapshot, "r1", false, look(Some(70)));
    assert!(
        narrow.contains("INTERFACE KIND     STATE SPEED IN b/s OUT b/s IN p/s OUT p/s ERR DROP\n"),
        "{narrow}"
    );
}

#[test]
fn other_namespaces_have_a_column_and_statistics_of_their_own() {
    let mut snapshot = router();
    for name in ["blue", "a\x1b[2Jb"] {
        let place = name.as_bytes().to_vec();
        let container = b"0123456789abcdef".to_vec();
        snapshot.interfaces.push(InterfaceView {
            place: place.clone(),
            container,
            ..interface("eth0", "veth")
        });
        let field = "ip_inreceives".to_owned();
        snapshot.protocols.push(ProtocolView { place, field, value: 7, is_gauge: false });
    }
    let table = table(&snapshot, "r1", false, look(Some(120)));
    assert!(table.contains("\nINTERFACE     NAMESPACE    KIND"), "{table}");
    assert!(table.contains("\nenp1s0f0      -            physical"), "{table}");
    assert!(table.contains("\neth0          blue         veth"), "{table}");
    assert!(table.contains("\neth0          a\\u{1b}[2Jb  veth"), "{table}");
    assert!(table.contains("\n  container 0123456789ab\n"), "{table}");
    assert!(
        table.contains(
            "\nPROTOCOLS of blue (--all shows those that are 0, too)\nip_inreceives  7\n"
        ),
        "{table}"
    );
    assert!(!table.contains('\x1b'));
}

#[test]
fn no_line_is_wider_than_the_terminal_and_the_name_is_there_to_the_last() {
    let mut snapshot = router();
    snapshot.interfaces[0].labels.alias = "網".repeat(200).into_bytes();
    for columns in 0..=200 {
        let table = table(&snapshot, "a-host-with-a-long-name", true, look(Some(columns)));
        for line in table.lines() {
            assert!(width(line) <= columns, "{columns}: {line:?}");
        }
        assert!(columns < 20 || table.contains("\nenp1s0f0"), "{columns}: {table}");
        assert!(columns < 40 || table.contains(" DROP"), "{columns}: {table}");
    }
}

#[test]
fn errors_and_drops_stand_out_where_there_are_colours() {
    let mut snapshot = router();
    snapshot.interfaces[0].received.drops = Some(grown(373, 1.0));
    let coloured = table(&snapshot, "r1", false, Look { has_colours: true, ..look(Some(80)) });
    assert!(coloured.contains("\x1b[1m\x1b[31m373!\x1b[0m"), "{coloured:?}");
    assert!(coloured.contains("\x1b[33m12\x1b[0m"), "{coloured:?}");
    let (mut plain, mut rest) = (String::new(), coloured.as_str());
    while let Some((before, behind)) = rest.split_once('\x1b') {
        plain += before;
        rest = behind.split_once('m').unwrap().1;
    }
    assert_eq!(plain + rest, table(&snapshot, "r1", false, look(Some(80))));
}

#[test]
fn pairs_stand_in_as_many_columns_as_fit_and_read_from_top_to_bottom() {
    let pair = |number: usize| [Cell::plain(format!("statistic_{number}")), Cell::plain("1")];
    let pairs: Vec<_> = (1..=5).map(pair).collect();
    let expected =
        ["statistic_1  1  statistic_3  1  statistic_5  1", "statistic_2  1  statistic_4  1"];
    assert_eq!(side_by_side(&pairs, look(Some(47))), expected);
    assert_eq!(side_by_side(&pairs, look(Some(30))).len(), 3);
    assert_eq!(side_by_side(&pairs, look(Some(20))).len(), 5);
    assert!(side_by_side(&[], look(Some(20))).is_empty());
}
