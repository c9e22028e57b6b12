//! What IPv6 counts on interfaces: by netlink as by their files, gather after gather.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SendFlags, SocketType, ipproto};

use common::plugin::{Batch, Daemon, assert_same, parse, with_source};
use common::trace::{Trace, is_skipped_without_strace};
use common::{Netns, PLUGIN, eventually, is_skipped, is_skipped_without, run, text};

const BTF: &str = "/sys/kernel/btf/vmlinux";

const EVERY: &str = "[[inputs.net]]\ninterfaces = ['*']\nignore_protocol_stats = true\n\
                     interface_protocols = ['ip6', 'icmp6']\n";

/// Reports no interface, and a line that ends each batch.
const LAST_TABLE: &str = "[[inputs.net]]\ninterfaces = ['/']\nprotocols = ['udplite:noports']\n";
const LAST_LINE: &str = "net,interface=all udplite_noports=0i ";

/// Whether what these tests look at is not there, which they then say.
fn is_skipped_without_btf() -> bool {
    is_skipped() || is_skipped_without("the kernel's BTF", Path::new(BTF).exists())
}

/// A namespace in which interfaces have IPv6.
fn with_ipv6() -> Netns {
    let netns = Netns::new();
    for key in ["all", "default", "lo"] {
        let set = format!("echo 0 > /proc/sys/net/ipv6/conf/{key}/disable_ipv6");
        run(netns.command("sh").args(["-c", &set]));
    }
    netns.ip_lines("link set lo up");
    netns
}

/// Two of them, with a link between `v0` and `v1`.
fn two_with_ipv6() -> [Netns; 2] {
    let [here, there] = [with_ipv6(), with_ipv6()];
    here.ip_lines(&format!("link add v0 type veth peer name v1 netns {}", there.name));
    here.ip_lines("addr add fd00::1/64 dev v0 nodad\nlink set v0 up");
    there.ip_lines("addr add fd00::2/64 dev v1 nodad\nlink set v1 up");
    for (netns, name) in [(&here, "v0"), (&there, "v1")] {
        let state = format!("/sys/class/net/{name}/operstate");
        eventually("a link that is up", || {
            let is_up = run(netns.command("cat").arg(&state)).stdout == b"up\n";
            is_up.then_some(())
        });
    }
    [here, there]
}

/// Sends datagrams to where nobody listens, which is answered by a message of `ICMPv6`.
fn send(netns: &Netns, to: &str) {
    thread::scope(|scope| {
        scope.spawn(|| {
            netns.enter();
            let socket = UdpSocket::bind(("::", 0)).unwrap();
            for _ in 0..3 {
                let _ = socket.send_to(b"packet", (to, 9));
            }
        });
    });
}

/// Sends messages of `ICMPv6` of that type to all who listen on a link, the sender among them. Fails
/// while IPv6 has no address there.
fn send_to_all(netns: &Netns, name: &str, kind: u8, count: usize) -> rustix::io::Result<()> {
    let send = || {
        netns.enter();
        let (family, protocol) = (AddressFamily::INET6, Some(ipproto::ICMPV6));
        let socket = rustix::net::socket(family, SocketType::RAW, protocol)?;
        let link = rustix::net::netdevice::name_to_index(&socket, name)?;
        let all = SocketAddrV6::new(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1), 0, 0, link);
        let message = [kind, 0, 0, 0, 0, 0, 0, 0];
        (0..count).try_for_each(|_| {
            rustix::net::sendto(&socket, &message, SendFlags::empty(), &all).map(|_| ())
        })
    };
    thread::scope(|scope| scope.spawn(send).join().unwrap())
}

/// The plugin by each source, with the same tables.
struct Both {
    by_netlink: Daemon,
    by_files: Daemon,
}

impl Both {
    fn start(netns: &Netns, config: &str) -> Self {
        let start = |source| start(netns.command(PLUGIN), config, source);
        Self { by_netlink: start("netlink"), by_files: start("procfs") }
    }

    /// Gathers so many times by netlink while nothing moves, and returns the lines, which must be those of
    /// the files, byte for byte.
    fn gather(&mut self, count: usize, what: &str) -> Batch {
        let (lines, files) = eventually(what, || {
            let before = sorted(gather(&mut self.by_files));
            let lines: Vec<_> = (0..count).map(|_| sorted(gather(&mut self.by_netlink))).collect();
            (sorted(gather(&mut self.by_files)) == before).then_some((lines, before))
        });
        for lines in &lines {
            assert_same(lines, &files, what);
        }
        files
    }

    /// The same, also while it is learnt which counter is which, and after that.
    fn settle(&mut self, what: &str) -> Batch {
        self.gather(5, what)
    }
}

fn start(command: Command, config: &str, source: &str) -> Daemon {
    Daemon::start_as(command, &with_source(&format!("{config}{LAST_TABLE}"), source))
}

fn gather(daemon: &mut Daemon) -> Batch {
    daemon.batch_until(LAST_LINE)
}

fn sorted(mut lines: Batch) -> Batch {
    lines.sort();
    lines
}

/// The value of a field in an interface's line, if it is there.
fn value(lines: &Batch, name: &str, field: &str) -> Option<i64> {
    parse(lines)[name].get(field).copied()
}

#[test]
fn interfaces_of_all_kinds_have_the_statistics_of_their_files() {
    if is_skipped_without_btf() {
        return;
    }
    for groups in ["'ip6', 'icmp6'", "'ip6'", "'icmp6'"] {
        let [here, there] = two_with_ipv6();
        here.ip_lines(
            "link add br0 type bridge
             link add w0 type veth peer name w1
             link set w0 master br0
             link add link v0 name macvlan0 type macvlan
             link add ifb0 type ifb
             link add vxlan0 type vxlan id 7 remote fd00::2 dstport 4789
             addr add fd01::1/64 dev br0 nodad
             addr add fd02::1/64 dev macvlan0 nodad
             link set br0 up
             link set w0 up
             link set w1 up
             link set macvlan0 up
             link set ifb0 up",
        );
        let config = EVERY.replace("'ip6', 'icmp6'", groups);
        let mut both = Both::start(&here, &config);
        let lines = both.settle("before");
        assert_eq!(lines.len(), 8, "{groups}");
        for (number, to) in
            ["fd00::2", "::1", "fd00::1", "fd01::9", "fd02::9", "fd00::2"].into_iter().enumerate()
        {
            send(&here, to);
            send(&there, "fd00::1");
            both.gather(2, &format!("{groups} after {number} to {to}"));
        }
        let lines = both.settle("after");
        let has = |field: &str| value(&lines, "v0", field);
        assert_eq!(has("ip6_outrequests").is_some_and(|count| count > 0), groups.contains("ip6'"));
        // The other end answered, and was asked for its address before.
        for field in ["icmp6_indestunreachs", "icmp6_intype1", "icmp6_inneighboradvertisements"] {
            let is_there = has(field).is_some_and(|count| count > 0);
            assert_eq!(is_there, groups.contains("icmp6"), "{field} of {groups}");
        }
        assert!(!groups.contains("icmp6") || value(&lines, "lo", "icmp6_outtype1").is_some());
    }
}

#[test]
fn another_network_namespace_has_the_statistics_of_its_files() {
    if is_skipped_without_btf() {
        return;
    }
    let [here, there] = two_with_ipv6();
    let config = format!("{EVERY}namespace_include = ['{}']\n", there.name);
    let mut outside = start(here.command(PLUGIN), &config, "netlink");
    let mut inside = start(there.command(PLUGIN), EVERY, "procfs");
    for number in 0..4 {
        send(&here, "fd00::2");
        let [lines, expected] = eventually("stillness", || {
            let before = sorted(gather(&mut inside));
            let lines: Vec<_> = (0..4).map(|_| sorted(gather(&mut outside))).collect();
            let is_still = sorted(gather(&mut inside)) == before;
            is_still.then(|| [lines[number].clone(), before])
        });
        let tag = format!(",namespace={}", there.name);
        let without_tag = |line: &Vec<u8>| text(line).replace(&tag, "").into_bytes();
        let lines = sorted(lines.iter().map(without_tag).collect());
        assert_same(&lines, &expected, "outside, and inside");
        assert!(value(&lines, "v1", "icmp6_outtype1") > Some(0));
    }
}

#[test]
fn interfaces_and_their_ipv6_come_and_go_with_their_statistics() {
    if is_skipped_without_btf() {
        return;
    }
    for groups in ["'ip6', 'icmp6'", "'ip6'"] {
        let [here, there] = two_with_ipv6();
        let mut both = Both::start(&here, &EVERY.replace("'ip6', 'icmp6'", groups));
        send(&here, "fd00::2");
        both.settle("first");
        // One that comes has its own, and so has another one of its name and number.
        let comes = "link add w0 index 77 type veth peer name w1
                     addr add fd05::1/64 dev w0 nodad
                     link set w0 up
                     link set w1 up";
        for what in ["comes", "comes again"] {
            here.ip_lines(comes);
            both.gather(1, what);
            for _ in 0..2 {
                send(&here, "fd05::1");
                send(&here, "fd05::9");
                let lines = both.gather(2, what);
                assert!(value(&lines, "w0", "ip6_outoctets") > Some(0), "{what}");
            }
            here.ip_lines("link del w0");
            let lines = both.gather(2, "went");
            assert_eq!(parse(&lines).len(), 2);
        }
        // Below 1280 bytes there is no IPv6. When it is back, it counts anew.
        send(&there, "fd00::1");
        let before = both.gather(2, "before");
        here.ip_lines("link set v0 mtu 1200");
        for _ in 0..3 {
            let without = both.gather(1, "without IPv6");
            assert_eq!(value(&without, "v0", "ip6_inreceives"), None);
            assert!(value(&without, "lo", "ip6_inreceives").is_some());
        }
        here.ip_lines("link set v0 mtu 1500\naddr add fd00::1/64 dev v0 nodad");
        let after = both.gather(3, "IPv6 again");
        let requests =
            [&before, &after].map(|lines| value(lines, "v0", "ip6_outrequests").unwrap());
        assert!(requests[0] > requests[1], "{requests:?}");
        // The same within one gather.
        send(&here, "fd00::2");
        both.gather(2, "again");
        let anew = "link set v0 mtu 1200
                    link set v0 mtu 1500
                    addr add fd00::1/64 dev v0 nodad";
        here.ip_lines(anew);
        both.gather(3, "IPv6 anew");
        here.ip_lines("link set v0 down\nlink set v0 name x0\nlink set x0 up");
        assert!(value(&both.gather(3, "renamed"), "x0", "ip6_inreceives").is_some());
    }
}

#[test]
fn an_ipv6_that_began_anew_and_has_as_many_messages_has_them_of_their_own_types() {
    if is_skipped_without_btf() {
        return;
    }
    let netns = with_ipv6();
    // Who is there is told to others at once.
    for (key, value) in
        [("accept_dad", 0), ("router_solicitations", 0), ("mldv2_unsolicited_report_interval", 1)]
    {
        let set = format!("echo {value} > /proc/sys/net/ipv6/conf/default/{key}");
        run(netns.command("sh").args(["-c", &set]));
    }
    netns.ip_lines("link add x0 type vxlan id 9 dstport 4789\nlink set x0 up");
    let mut both = Both::start(&netns, EVERY);
    let types = |lines: &Batch| {
        ["icmp6_intype200", "icmp6_intype201"].map(|field| value(lines, "x0", field))
    };
    let messages =
        |lines: &Batch| ["icmp6_inmsgs", "icmp6_outmsgs"].map(|field| value(lines, "x0", field));
    let mut begin_anew = |kind| {
        // The kernel tells hundredths of a second.
        thread::sleep(Duration::from_millis(30));
        netns.ip_lines("link set x0 mtu 1200\nlink set x0 mtu 1400");
        eventually("an address", || send_to_all(&netns, "x0", kind, 7).ok());
        both.gather(2, "anew")
    };
    // Until what else was sent is as much.
    eventually("as many messages", || {
        let before = begin_anew(200);
        assert_eq!(types(&before), [Some(7), None]);
        let after = begin_anew(201);
        assert_eq!(types(&after), [None, Some(7)]);
        (messages(&before) == messages(&after)).then_some(())
    });
}

#[test]
fn after_a_storm_of_interfaces_each_has_its_own() {
    if is_skipped_without_btf() {
        return;
    }
    let [here, there] = two_with_ipv6();
    let mut both = Both::start(&here, EVERY);
    both.settle("before");
    for round in 0..6 {
        thread::scope(|scope| {
            let storm = scope.spawn(|| {
                let pairs = |change: fn(usize) -> String| (0..30).map(change).collect::<String>();
                let come = pairs(|number| {
                    format!(
                        "link add w{number} type veth peer name y{number}
                         link set w{number} up
                         link set y{number} up\n"
                    )
                });
                here.ip_batch(&come);
                // Others have their numbers then, and some have none.
                let changes = pairs(|number| match number % 3 {
                    0 => format!("link del w{number}\n"),
                    1 => format!("link set w{number} mtu 1200\n"),
                    _ => String::new(),
                });
                here.ip_batch(&changes);
                send(&there, "fd00::1");
                let go = pairs(|number| match number % 3 {
                    0 => String::new(),
                    _ => format!("link del w{number}\n"),
                });
                if round < 5 {
                    here.ip_batch(&go);
                }
            });
            while !storm.is_finished() {
                gather(&mut both.by_netlink);
            }
        });
    }
    let lines = both.settle("after");
    assert_eq!(parse(&lines).len(), 2 + 40);
}

#[test]
fn in_a_steady_state_files_are_read_only_where_messages_of_icmpv6_came_or_went() {
    if is_skipped_without_strace() || is_skipped_without_btf() {
        return;
    }
    let netns = with_ipv6();
    // Without the kernel's own talk.
    netns.ip_lines(
        "link add v0 type veth peer name v1
         link set v0 arp off addrgenmode none
         link set v1 arp off addrgenmode none
         addr add fd00::1/64 dev v0 nodad
         link set v0 up
         link set v1 up",
    );
    let mut daemon = start(netns.command(PLUGIN), EVERY, "netlink");
    // While nothing was counted, and while it is found out which counter is which.
    (0..5).for_each(|_| drop(gather(&mut daemon)));
    send(&netns, "fd00::9");
    send(&netns, "::1");
    let answered = |count: usize| {
        eventually("answers", || {
            let file = run(netns.command("cat").arg("/proc/net/dev_snmp6/lo")).stdout;
            let file = text(&file);
            let row = file.lines().find_map(|row| row.strip_prefix("Icmp6InType1"))?;
            (row.trim() == count.to_string()).then_some(())
        });
    };
    answered(3);
    (0..5).for_each(|_| drop(gather(&mut daemon)));
    let trace = Trace::of_process(daemon.pid());
    let mut word = 0;
    let mut read = |daemon: &mut Daemon| {
        word += 1;
        let (first, last) = (format!("first{word}"), format!("last{word}"));
        daemon.trigger(&first);
        let lines = daemon.rest_until(LAST_LINE);
        daemon.trigger(&last);
        daemon.rest_until(LAST_LINE);
        let calls = trace.between(&format!("\"{first}\\n\""), &format!("\"{last}\\n\""));
        let opened =
            calls.iter().filter_map(|call| call.split_once("openat(")?.1.split('"').nth(1));
        let opened = opened.filter_map(|path| path.split_once("dev_snmp6/"));
        (lines, opened.map(|(_, name)| name.to_owned()).collect::<Vec<_>>())
    };
    let (before, opened) = read(&mut daemon);
    assert_eq!(opened, [""; 0]);
    // What is no message of ICMPv6 needs no file.
    send(&netns, "fd00::9");
    let (lines, opened) = read(&mut daemon);
    assert_eq!(opened, [""; 0]);
    let requests = [&before, &lines].map(|lines| value(lines, "v0", "ip6_outrequests").unwrap());
    assert_eq!(requests[1], requests[0] + 3);
    // These are of a type that there were some of already, and of no other interface.
    send(&netns, "::1");
    answered(6);
    let (lines, opened) = read(&mut daemon);
    assert_eq!(opened, ["lo"]);
    assert_eq!(value(&lines, "lo", "icmp6_outtype1"), Some(6));
    let (_, opened) = read(&mut daemon);
    assert_eq!(opened, [""; 0]);
}

/// The plugin in a namespace, after that is done to its `/sys`.
fn with_sys(netns: &Netns, script: &str, config: &str) -> Daemon {
    let mut command = netns.command("unshare");
    let script = format!("{script}; exec \"$0\" --debug \"$@\"");
    command.args(["--mount", "sh", "-ec", &script, PLUGIN]);
    start(command, config, "netlink")
}

#[test]
fn where_the_kernel_does_not_tell_which_counter_is_which_files_are_read() {
    if is_skipped_without_btf() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        format!("mount --bind {} {BTF}", path.display())
    };
    let btf = fs::read(BTF).unwrap();
    let cut = format!("cannot read {BTF:?}: failed to fill whole buffer");
    for (script, why) in [
        (
            "mount -t tmpfs tmpfs /sys/kernel/btf".to_owned(),
            format!("cannot read {BTF:?}: No such file or directory (os error 2)"),
        ),
        (file("other", &[b'x'; 5000]), format!("cannot read {BTF:?}: no BTF of this machine")),
        (file("empty", b""), cut.clone()),
        (file("cut", &btf[..btf.len() / 2]), cut),
        (
            file("nameless", &replaced(&btf, b"\0ICMP6_MIB_INMSGS\0", b"\0ICMP6_MIB_INXXXX\0")),
            format!("{BTF:?} does not name them"),
        ),
        (
            file("new", &replaced(&btf, b"\0IPSTATS_MIB_CEPKTS\0", b"\0IPSTATS_MIB_XXPKTS\0")),
            "this kernel has some that are not known here".to_owned(),
        ),
        // It says that one is another one.
        (
            file("false", &swapped(&btf, ["IPSTATS_MIB_INOCTETS", "IPSTATS_MIB_INPKTS"])),
            "netlink and the files differ".to_owned(),
        ),
    ] {
        let [here, there] = two_with_ipv6();
        let daemon = with_sys(&here, &script, EVERY);
        let mut both =
            Both { by_netlink: daemon, by_files: start(here.command(PLUGIN), EVERY, "procfs") };
        for _ in 0..3 {
            send(&here, "fd00::2");
            send(&here, "::1");
            send(&there, "fd00::1");
            both.settle(&why);
        }
        let log = both.by_netlink.end_and_tell_all();
        let said = log.lines().filter(|line| line.contains("interface_protocols"));
        let expected = format!("D! interface_protocols are read file by file: {why}");
        assert_eq!(said.collect::<Vec<_>>(), [expected]);
    }
}

/// The bytes with these in the place of those, which are there once.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let place = bytes.windows(old.len()).position(|part| part == old).expect("a name");
    let mut bytes = bytes.to_vec();
    bytes[place..place + new.len()].copy_from_slice(new);
    bytes
}

/// The BTF in which each of two names has the other's place, and so the other's value.
fn swapped(btf: &[u8], names: [&str; 2]) -> Vec<u8> {
    let word = |place: usize| u32::from_ne_bytes(btf[place..place + 4].try_into().unwrap());
    let (types, strings) = ((word(4) + word(8)) as usize, (word(4) + word(16)) as usize);
    let places = names.map(|name| {
        let name = format!("\0{name}\0");
        let strings = &btf[strings..];
        let place = strings.windows(name.len()).position(|part| part == name.as_bytes());
        u32::try_from(place.expect("a name") + 1).unwrap()
    });
    let mut swapped = btf.to_vec();
    let mut count = 0;
    for start in (types..types + word(12) as usize).step_by(4) {
        // Only in the midst of the enumerators, the word before is a small value.
        let (before, here) = (word(start - 4), word(start));
        let Some(one) = places.iter().position(|&place| place == here) else { continue };
        if before < 100 {
            swapped[start..start + 4].copy_from_slice(&places[1 - one].to_ne_bytes());
            count += 1;
        }
    }
    assert_eq!(count, 2);
    swapped
}
