//! Files of the kernel, and what other systems answer or print: every parser reads the same bytes.

use std::path::{Component, Path};

use telegraf_net::config::systems::System;
use telegraf_net::model::link::{Duplex, Operstate};
use telegraf_net::model::protocol::{Group, ProtocolStatistics};
use telegraf_net::parse::btf::{BtfError, BtfHeader, NameSearch};
use telegraf_net::parse::net_rt_iflist::{self, FREEBSD, NETBSD, OPENBSD};
use telegraf_net::parse::{
    if_types, ifalldata, netstat, proc_net_dev, proc_net_netlink, proc_net_snmp, proc_net_snmp6,
    proc_net_sockstat, proc_net_softnet_stat, proc_pid_cgroup, sysfs,
};

use super::records::assert_protocols;
use super::{Record, assert_one_line, assert_within};

/// What the names of the kernel's enumerators begin with that are looked for.
const PREFIXES: [&str; 2] = ["A_", "LINUX_MIB_"];

pub(super) fn is_seed(path: &Path) -> bool {
    let is_in =
        |folder: &str| path.components().any(|one| one == Component::Normal(folder.as_ref()));
    is_in("proc") || is_in("sys") || is_in("bsd")
}

pub(super) fn run(bytes: &[u8]) {
    proc_net_dev(bytes);
    protocols(bytes);
    sysfs(bytes);
    netstat(bytes);
    structures(bytes);
    btf(bytes);
    if let Some(id) = proc_pid_cgroup::container(bytes) {
        assert_within(id, bytes);
        assert!(id.len() == 64 && id.iter().all(u8::is_ascii_hexdigit));
    }
    let _ = proc_net_netlink::has_route_socket(bytes, 977, 6717);
}

fn proc_net_dev(bytes: &[u8]) {
    let Ok(rows) = proc_net_dev::rows(bytes).inspect_err(assert_one_line) else { return };
    let lines = bytes.split(|&byte| byte == b'\n').count();
    let mut count = 0;
    for row in rows {
        count += 1;
        match row {
            Ok(row) => {
                assert_within(row.name, bytes);
                assert!(!row.name.is_empty() && row.name.len() <= 255);
                Record { name: row.name, counters: row.counters, ..Record::default() }.check();
            }
            Err(error) => {
                assert!((3..=lines).contains(&error.line), "{error}");
                assert_one_line(&error);
            }
        }
    }
    assert!(count + 2 <= lines, "{count} rows in {lines} lines");
}

/// Those of every file make one line together.
fn protocols(bytes: &[u8]) {
    let mut statistics = ProtocolStatistics::default();
    let (mut values, mut said) = (Vec::new(), Vec::new());
    let mut push = |group, row: Option<&str>, column: &str, value| {
        values.push(value);
        statistics.push(group, row, column, value);
    };
    proc_net_snmp::statistics(
        bytes,
        Some,
        |row, one| push(Group::Tcp, Some(row), one.column, one.value),
        |error| said.push(error.to_string()),
    );
    proc_net_sockstat::statistics(
        bytes,
        |one| push(Group::Sockstat, Some(one.row), one.column, one.value),
        |error| said.push(error.to_string()),
    );
    for one in proc_net_snmp6::statistics(bytes) {
        match one {
            Ok(one) => push(one.group, None, one.column, one.value),
            Err(error) => said.push(error.to_string()),
        }
    }
    match proc_net_softnet_stat::sums(bytes) {
        Ok(sums) => sums.for_each(|(name, value)| push(Group::Softnet, None, name, value)),
        Err(error) => said.push(error.to_string()),
    }
    said.iter().for_each(assert_one_line);
    assert!(values.len() <= bytes.len() + 20, "{} in {} bytes", values.len(), bytes.len());
    assert_protocols(&mut statistics, &[], &values);
    let _ = proc_net_snmp6::ifindex(bytes);
}

fn sysfs(bytes: &[u8]) {
    // A number is one line of digits, whatever it is a number of.
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let has_digits = line.iter().any(u8::is_ascii_digit) && !line.contains(&b'\n');
    let numbers = [
        sysfs::flags(bytes).is_some(),
        sysfs::speed(bytes).is_some(),
        sysfs::number(bytes).is_some(),
        sysfs::count(bytes).is_some(),
    ];
    assert!(has_digits || numbers.iter().all(|is_number| !is_number));
    let word = sysfs::duplex(bytes).map(Duplex::name);
    assert!(word.is_none_or(|word| word.as_bytes() == line));
    let word = sysfs::operstate(bytes).map(Operstate::name);
    assert!(word.is_none_or(|word| word.as_bytes() == line));
    assert_within(sysfs::kind(bytes).unwrap_or_default(), bytes);
}

fn netstat(bytes: &[u8]) {
    let Ok(rows) = netstat::link_rows(bytes).inspect_err(assert_one_line) else { return };
    for row in rows {
        match row {
            Ok(row) => {
                assert!(!row.name.is_empty());
                assert_within(row.name, bytes);
                assert_within(row.address, bytes);
                let _ = row.cells.or(row.cells);
            }
            Err(error) => {
                assert_within(error.name, bytes);
                assert_one_line(&error);
            }
        }
    }
}

/// What `sysctl` answers.
fn structures(bytes: &[u8]) {
    for layout in [FREEBSD, OPENBSD, NETBSD] {
        let mut count = 0;
        net_rt_iflist::if_infos(bytes, &layout, |info| {
            count += 1;
            match info {
                Ok(info) => {
                    assert!(!info.name.is_empty());
                    assert_within(info.name, bytes);
                    assert_within(info.address, bytes);
                    let counters = info.counters;
                    Record { name: info.name, counters, ..Record::default() }.check();
                    for system in System::ALL {
                        let _ = if_types::kind(system, info.kind);
                    }
                }
                Err(error) => {
                    assert!(error.at < bytes.len());
                    assert_one_line(&error);
                }
            }
        });
        assert!(count <= bytes.len() / 4 + 1, "{count} in {} bytes", bytes.len());
    }
    // Most bytes are no multiple of its rows.
    let whole = &bytes[..bytes.len() - bytes.len() % ifalldata::ROW];
    for bytes in [bytes, whole] {
        let Ok(rows) = ifalldata::rows(bytes).inspect_err(assert_one_line) else { continue };
        for row in rows {
            assert!(!row.name.is_empty() && !row.name.contains(&0));
            assert_within(row.name, bytes);
        }
    }
}

/// What the kernel says of its types, whatever pieces it is read in.
fn btf(bytes: &[u8]) {
    let header = match BtfHeader::of(bytes) {
        Ok(header) => header,
        Err(error) => return assert_one_line(&error),
    };
    assert!(header.types.start <= header.types.end && header.strings.start <= header.strings.end);
    let part = |range: std::ops::Range<u64>| {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        &bytes[place(range.start)..place(range.end)]
    };
    let (types, strings) = (part(header.types), part(header.strings));
    let read = |piece: usize| -> Result<Vec<(String, i32)>, BtfError> {
        let mut names = NameSearch::new(&PREFIXES);
        strings.chunks(piece).try_for_each(|piece| names.take(piece))?;
        let mut values = names.into_values();
        types.chunks(piece).try_for_each(|piece| values.take(piece))?;
        values.into_enumerators()
    };
    let whole = read(usize::MAX);
    for piece in [1, 7, 64] {
        assert_eq!(whole, read(piece));
    }
    match whole {
        Ok(enumerators) => {
            assert!(enumerators.len() <= bytes.len() / 8 + 1);
            let has_prefix = |name: &str| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            assert!(enumerators.iter().all(|(name, _)| has_prefix(name)));
        }
        Err(error) => assert_one_line(&error),
    }
}
