//! `--watch` in a real terminal: what the screen shows is what the kernel counts, and the terminal is left
//! as it was, whatever ends it. And what else is written to one.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::plugin::config_file;
use common::tmux::{self, Shown, Tmux};
use common::{Netns, PLUGIN, eventually, is_skipped, proc_net_dev, run, text};
use telegraf_net::view::terminal::Screen;
use telegraf_net::view::units::{as_float, human};

const SMALL: (usize, usize) = (80, 24);
const LARGE: (usize, usize) = (200, 60);

/// How many bytes a packet is counted as: its payload, and the headers of Ethernet, IP and UDP.
const PACKET: f64 = 1000.0 + 14.0 + 20.0 + 8.0;

/// A namespace with `v0`, which sends to a host that is not there, and so many others, of which `i1` drops
/// whatever it is to send.
fn with_interfaces(others: usize) -> Netns {
    let netns = Netns::new();
    netns.ip_lines(
        "link add v0 type veth peer name w0
         addr add 10.99.0.1/24 dev v0
         link set w0 up
         link set v0 up
         neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev v0",
    );
    let add = |number| format!("link add i{number} type ifb\nlink set i{number} up\n");
    netns.ip_batch(&(1..=others).map(add).collect::<String>());
    if others > 0 {
        netns.ip_lines(
            "addr add 10.98.0.1/24 dev i1
             neigh add 10.98.0.2 lladdr 02:00:00:00:00:02 dev i1",
        );
    }
    netns
}

/// Sends packets of 1000 bytes to these hosts while that is done.
fn while_sending<T>(netns: &Netns, to: &[&str], work: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            netns.enter();
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            while !is_over.load(Ordering::Relaxed) {
                for host in to {
                    // What is dropped is an error.
                    let _ = socket.send_to(&[0; 1000], (*host, 9));
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_over.store(true, Ordering::Relaxed);
        sending.join().unwrap();
        worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A counter of the kernel's.
fn counted(netns: &Netns, interface: &str, statistic: &str) -> u64 {
    let file = format!("/sys/class/net/{interface}/statistics/{statistic}");
    text(&run(netns.command("cat").arg(file)).stdout).trim().parse().unwrap()
}

/// A terminal in the namespace.
fn terminal(netns: &Netns, size: (usize, usize)) -> Tmux {
    Tmux::start(&["ip", "netns", "exec", &netns.name], size)
}

/// How many interfaces are shown, and how many are told to be not.
fn shown_and_hidden(shown: &Shown) -> (usize, usize) {
    let rows = shown.0.iter().filter(|line| {
        line.starts_with(['v', 'i']) && line.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
    });
    let hidden = shown.0.iter().find_map(|line| line.split_once(" more are not shown"));
    (rows.count(), hidden.map_or(0, |(count, _)| count.parse().unwrap()))
}

/// A number as it is shown, `53.4M`.
fn number(shown: &str) -> f64 {
    let units = [('k', 1e3), ('M', 1e6), ('G', 1e9)];
    let unit = units.iter().find(|(unit, _)| shown.ends_with(*unit));
    let digits = shown.trim_end_matches(['k', 'M', 'G']);
    digits.parse::<f64>().unwrap_or(f64::NAN) * unit.map_or(1.0, |(_, unit)| *unit)
}

#[track_caller]
fn check_screen(interfaces: usize) {
    if is_skipped() || tmux::is_skipped() {
        return;
    }
    let netns = with_interfaces(interfaces - 1);
    let config =
        config_file("[[inputs.net]]\ninterfaces = ['v0', 'i*']\nignore_protocol_stats = true\n");
    let terminal = terminal(&netns, SMALL);
    let path = config.path().display();
    terminal.type_line(&format!("{PLUGIN} --watch 1s --sort drops --config {path}"));
    // A loopback, and the other end of the pair.
    let header = format!("  {interfaces} of {} interfaces  every 1s", interfaces + 2);
    terminal.wait_for("the header", |shown| shown.0.first()?.ends_with(&header).then_some(()));
    let hosts = if interfaces > 1 { &["10.99.0.2", "10.98.0.2"][..] } else { &["10.99.0.2"] };
    while_sending(&netns, hosts, || {
        terminal.wait_for("traffic", |shown| {
            let is_sending = !matches!(shown.cell("v0", "OUT b/s", 0)?, "-" | "0");
            let is_dropping = interfaces == 1
                || shown.cell("i1", "DROP", 0).is_some_and(|cell| cell.ends_with('!'));
            let has_trend = shown.row("v0")?.contains(['▁', '█']);
            let is_first = shown.0.get(2)?.starts_with(if interfaces > 1 { "i1 " } else { "v0 " });
            let is_in_idle = shown.cell("v0", "IN b/s", 0)? == "0";
            (is_sending && is_dropping && has_trend && is_first && is_in_idle).then_some(())
        });
        // What goes wrong now has a colour of its own.
        assert!(interfaces == 1 || terminal.shown_in_colours().contains("\x1b[31m"));
    });
    let dropping = if interfaces > 1 { "i1" } else { "v0" };
    let drops = || counted(&netns, dropping, "rx_dropped");
    assert!(interfaces == 1 || drops() > 0);
    // All lines but the header, the titles, the last one, and the one that counts the others.
    let visible = if interfaces <= 21 { interfaces } else { 20 };
    terminal.wait_for("silence after what the kernel has counted", |shown| {
        let is_silent = shown.cell("v0", "OUT b/s", 0)? == "0"
            && shown.cell(dropping, "DROP", 0)? == drops().to_string();
        let has_peak = number(shown.cell("v0", "PEAK", 1)?) > 0.0;
        let has_peak_in = shown.cell("v0", "PEAK", 0)? != "0";
        let counts = shown_and_hidden(shown);
        (is_silent && has_peak && !has_peak_in && counts == (visible, interfaces - visible))
            .then_some(())
    });
    terminal.resize(LARGE);
    let sent = human(as_float(counted(&netns, "v0", "tx_bytes")));
    let visible = if interfaces <= 57 { interfaces } else { 56 };
    terminal.wait_for("what was sent", |shown| {
        let is_sent = shown.cell("v0", "OUT B", 0)? == sent && shown.cell("v0", "IN B", 0)? == "0";
        let has_labels = shown.row("v0")?.ends_with("peer w0");
        let counts = shown_and_hidden(shown);
        (is_sent && has_labels && counts == (visible, interfaces - visible) && shown.0.len() == 60)
            .then_some(())
    });
    // Both rates are of the same packets in the same time.
    while_sending(&netns, &["10.99.0.2"], || {
        terminal.wait_for("rates", |shown| {
            let [bits, packets] = ["OUT b/s", "OUT p/s"].map(|title| shown.cell("v0", title, 0));
            let size = number(bits?) / 8.0 / number(packets?);
            ((size / PACKET - 1.0).abs() < 0.06).then_some(())
        });
    });
    terminal.press("q");
    terminal.wait_for_prompt();
}

#[test]
fn one_interface_is_shown_as_the_kernel_counts() {
    check_screen(1);
}

#[test]
fn thirty_interfaces_are_shown_as_the_kernel_counts() {
    check_screen(30);
}

#[test]
fn a_thousand_interfaces_are_shown_as_the_kernel_counts() {
    check_screen(1000);
}

/// Files of a host with two interfaces, and what starts the watch of it.
fn of_files(terminal: &Tmux) -> String {
    let proc = terminal.file("proc");
    fs::create_dir_all(format!("{proc}/net")).unwrap();
    fs::write(format!("{proc}/net/dev"), proc_net_dev(2)).unwrap();
    fs::write(format!("{proc}/net/snmp"), "").unwrap();
    format!("HOST_PROC={proc} HOST_SYS={proc} {PLUGIN} --watch 50ms")
}

fn wait_for_screen(terminal: &Tmux) {
    terminal.wait_for("the screen", |shown| shown.row("if1").map(drop));
}

/// The signals that end a process unless it does something else, and that are not for people to end the
/// watch by, but for those of faults and those that cannot be caught; two of the real-time ones.
fn others_that_end() -> impl Iterator<Item = i32> {
    let named = [
        libc::SIGTRAP,
        libc::SIGABRT,
        libc::SIGBUS,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
        libc::SIGSTKFLT,
        libc::SIGXCPU,
        libc::SIGXFSZ,
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGIO,
        libc::SIGPWR,
        libc::SIGSYS,
    ];
    named.into_iter().chain([libc::SIGRTMIN() + 1, libc::SIGRTMAX()])
}

#[test]
fn the_terminal_is_left_as_it_was_whatever_ends_it() {
    if tmux::is_skipped() {
        return;
    }
    let terminal = Tmux::start(&[], SMALL);
    let watch = of_files(&terminal);
    let before = terminal.state();
    assert_eq!(before.0, "0 1 1");
    let ends = ["q", "C-c", "C-\\", "TERM", "INT", "HUP", "QUIT", "paused"].map(str::to_owned);
    // Those whose default action ends a process, by numbers: it ends by them.
    let others = others_that_end().map(|signal| signal.to_string());
    for (number, end) in ends.into_iter().chain(others).enumerate() {
        let status = terminal.file(&format!("status{number}"));
        terminal.type_line(&format!("{watch}; echo $? >{status}"));
        wait_for_screen(&terminal);
        let (flags, modes) = terminal.state();
        assert_eq!(flags, "1 0 0");
        assert_ne!(modes, before.1);
        let kill = |signal: &str| {
            run(Command::new("kill").args(["-s", signal, &terminal.pid().to_string()]));
        };
        // This one does not.
        kill("PIPE");
        match &*end {
            "q" | "C-c" | "C-\\" => terminal.press(&end),
            "paused" => {
                terminal.press("C-s");
                // Even the clock in the first line stands still.
                eventually("a pause", || {
                    let shown = terminal.shown();
                    thread::sleep(Duration::from_millis(1100));
                    (terminal.shown() == shown).then_some(())
                });
                kill("TERM");
            }
            signal => kill(signal),
        }
        let status =
            eventually(&end, || fs::read_to_string(&status).ok().filter(|text| !text.is_empty()));
        let expected = end.parse::<i32>().map_or(0, |signal| 128 + signal);
        assert_eq!(status, format!("{expected}\n"), "{end}");
        terminal.wait_until_it_is(&before);
        terminal.wait_for("a prompt", |shown| {
            let last = shown.0.iter().rfind(|line| !line.is_empty())?;
            (last == "%" && !shown.0.iter().any(|line| line.starts_with("if1 "))).then_some(())
        });
    }
}

#[test]
fn it_can_be_suspended_and_continued() {
    if tmux::is_skipped() {
        return;
    }
    let terminal = Tmux::start(&[], SMALL);
    let watch = of_files(&terminal);
    let before = terminal.state();
    terminal.type_line(&watch);
    wait_for_screen(&terminal);
    for _ in 0..2 {
        terminal.press("C-z");
        terminal.wait_for_prompt();
        terminal.wait_until_it_is(&before);
        terminal.type_line("fg");
        wait_for_screen(&terminal);
        assert_eq!(terminal.state().0, "1 0 0");
    }
    terminal.press("q");
    terminal.wait_for_prompt();
    terminal.wait_until_it_is(&before);
}

#[test]
fn a_pause_changes_no_columns_and_rates_come_back_soon() {
    if is_skipped() || tmux::is_skipped() {
        return;
    }
    let netns = with_interfaces(1);
    let terminal = terminal(&netns, SMALL);
    let titles = |shown: &Shown| {
        let titles = shown.row("INTERFACE")?;
        Some(titles.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    terminal.type_line(&format!("{PLUGIN} --watch 1s"));
    let before = terminal.wait_for("what is used of a speed", |shown| {
        titles(shown).filter(|titles| titles.contains(" USE "))
    });
    terminal.press("C-z");
    terminal.wait_for_prompt();
    // Longer than a gap that has rates.
    thread::sleep(Duration::from_secs(4));
    terminal.type_line("clear; fg");
    assert_eq!(terminal.wait_for("the screen", titles), before);
    terminal.wait_for("rates", |shown| {
        shown.cell("v0", "IN b/s", 0).filter(|rate| *rate != "-").map(drop)
    });
    terminal.press("q");
    terminal.wait_for_prompt();
}

#[test]
fn it_ends_with_its_terminal() {
    if tmux::is_skipped() {
        return;
    }
    let terminal = Tmux::start(&[], SMALL);
    terminal.type_line(&of_files(&terminal));
    wait_for_screen(&terminal);
    let process = format!("/proc/{}", terminal.pid());
    terminal.close();
    eventually("the end", || (!Path::new(&process).exists()).then_some(()));
}

/// Not a test, but what the next one runs: the process of a test, which panics while it draws, and has
/// nobody to clean up behind it, as where a panic aborts.
#[test]
#[ignore = "the next test runs it in a terminal"]
fn panics_while_it_draws() {
    let screen = Screen::enter().unwrap();
    screen.show(&["drawn".to_owned()]).unwrap();
    std::mem::forget(screen);
    while !Path::new(&std::env::var("TELEGRAF_NET_GO").unwrap()).exists() {
        thread::sleep(Duration::from_millis(5));
    }
    panic!("what went wrong");
}

#[test]
fn the_terminal_is_left_as_it_was_before_the_message_of_a_panic() {
    if tmux::is_skipped() {
        return;
    }
    let terminal = Tmux::start(&[], SMALL);
    let before = terminal.state();
    let (go, test) = (terminal.file("go"), std::env::current_exe().unwrap());
    let args = "--exact panics_while_it_draws --ignored --nocapture";
    terminal.type_line(&format!("TELEGRAF_NET_GO={go} RUST_BACKTRACE=0 {} {args}", test.display()));
    terminal.wait_for("the screen", |shown| (shown.0[0] == "drawn").then_some(()));
    assert_eq!(terminal.state().0, "1 0 0");
    fs::write(go, "").unwrap();
    terminal.wait_for("the message", |shown| {
        shown.0.iter().any(|line| line == "what went wrong").then_some(())
    });
    terminal.wait_for_prompt();
    terminal.wait_until_it_is(&before);
}

#[test]
fn a_warning_stands_in_the_last_line_and_in_the_terminal_when_it_is_over() {
    if tmux::is_skipped() {
        return;
    }
    let terminal = Tmux::start(&[], SMALL);
    let watch = of_files(&terminal);
    terminal.type_line(&watch);
    wait_for_screen(&terminal);
    fs::remove_file(terminal.file("proc/net/dev")).unwrap();
    let message = "E! cannot read ";
    terminal.wait_for("the error", |shown| shown.0.last()?.starts_with(message).then_some(()));
    let shown = terminal.shown();
    assert!(shown.0[0].contains("  0 of "), "{shown:#?}");
    assert_eq!(shown.0.iter().filter(|line| line.contains(message)).count(), 1, "{shown:#?}");
    terminal.press("q");
    terminal.wait_for("the error", |shown| {
        let (before, _) = shown.0.split_at(shown.0.iter().rposition(|line| line == "%")?);
        before.iter().any(|line| line.starts_with(message)).then_some(())
    });
}

#[test]
fn keys_are_told_again_once_a_warning_is_resolved() {
    if tmux::is_skipped() {
        return;
    }
    let terminal = Tmux::start(&[], SMALL);
    let (watch, file) = (of_files(&terminal), terminal.file("proc/net/dev"));
    terminal.type_line(&watch);
    wait_for_screen(&terminal);
    let text = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let wait_for_bottom = |text: &str| {
        terminal.wait_for(text, |shown| shown.0.last()?.starts_with(text).then_some(()));
    };
    wait_for_bottom("E! cannot read ");
    let why = "no interface to show: no interface can be read";
    terminal.wait_for(why, |shown| (shown.0[1] == why).then_some(()));
    fs::write(&file, text).unwrap();
    wait_for_bottom("q quit ");
    wait_for_screen(&terminal);
    terminal.press("q");
    terminal.wait_for_prompt();
}

#[test]
fn where_nothing_is_to_be_shown_it_says_why() {
    if tmux::is_skipped() {
        return;
    }
    let terminal = Tmux::start(&[], SMALL);
    let config = config_file("[[inputs.net]]\ninterfaces = ['nosuch']\n");
    let watch = format!("{} --config {}", of_files(&terminal), config.path().display());
    terminal.type_line(&watch);
    terminal.wait_for("why", |shown| {
        let why = [
            "no interface to show: all 2 interfaces are left out (2 not in interfaces)",
            "I! interfaces \"nosuch\" matches no interface at the start (line 2 of the",
            "configuration)",
        ];
        (shown.0[0].contains("  0 of 2 interfaces") && shown.0[1..4] == why).then_some(())
    });
    terminal.press("q");
    terminal.wait_for_prompt();
}

#[test]
fn rates_are_there_after_a_second_however_long_the_interval() {
    if tmux::is_skipped() {
        return;
    }
    let terminal = Tmux::start(&[], SMALL);
    terminal.type_line(&of_files(&terminal).replace("50ms", "1h"));
    terminal.wait_for("rates", |shown| (shown.cell("if1", "IN b/s", 0)? == "0").then_some(()));
    assert!(terminal.shown().0[0].ends_with("  every 1h"));
    terminal.press("q");
    terminal.wait_for_prompt();
}

#[test]
fn keys_sort_and_fold() {
    if tmux::is_skipped() {
        return;
    }
    let terminal = Tmux::start(&[], SMALL);
    terminal.type_line(&of_files(&terminal));
    wait_for_screen(&terminal);
    let wait_for_bottom = |text: &str| {
        terminal.wait_for(text, |shown| shown.0.last()?.contains(text).then_some(()));
    };
    wait_for_bottom("s sort: none  f fold: off");
    // What these send ends in letters, the first one in Q.
    for key in ["F2", "S-F2", "Up", "Home"] {
        terminal.press(key);
    }
    for sorted in ["bytes", "drops", "errors", "name", "none"] {
        terminal.press("s");
        wait_for_bottom(&format!("s sort: {sorted} "));
    }
    terminal.press("f");
    wait_for_bottom("f fold: on");
    terminal.wait_for("a fold", |shown| {
        (shown.row("+2")?.starts_with("+2 others idle") && shown.row("if0").is_none()).then_some(())
    });
    terminal.press("f");
    wait_for_screen(&terminal);
}

#[test]
fn it_takes_a_terminal_that_can_be_drawn_on() {
    if tmux::is_skipped() {
        return;
    }
    let terminal = Tmux::start(&[], (200, 24));
    let watch = of_files(&terminal);
    let before = terminal.state();
    for (watch, end) in [(format!("TERM=dumb; {watch}"), ""), (watch, " | cat")] {
        terminal.type_line(&format!("clear; ({watch}{end}); echo end"));
        let line = terminal.wait_for("an error", |shown| {
            let is_over = shown.0.iter().any(|line| line == "end");
            is_over.then(|| shown.0[0].clone())
        });
        let expected = "E! '--watch' needs a terminal that can move its cursor, which stdout is not: '--once \
                        --format table' prints one table";
        assert_eq!(line, expected);
        terminal.wait_until_it_is(&before);
    }
}

#[test]
fn no_name_steers_the_terminal_that_lines_are_written_to() {
    if is_skipped() || tmux::is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip(&["link", "add", "v\x1b[2J\x7f\u{202e}", "type", "ifb"]);
    netns.ip(&["link", "set", "v\x1b[2J\x7f\u{202e}", "up", "alias", "b\u{9b}31m\x1b[31m"]);
    let config =
        config_file("[[inputs.net]]\ninterface_tags = ['alias']\nignore_protocol_stats = true\n");
    let terminal = terminal(&netns, LARGE);
    let command = format!("{PLUGIN} --config {}", config.path().display());
    let line = r"net,interface=v\u{1b}[2J\u{7f}\u{202e},alias=b\u{9b}31m\u{1b}[31m bytes_sent=";
    let object = r#"{"name":"net","tags":{"interface":"v\u001b[2J\u007f\u202e","alias":"b\u009b31m\u001b[31m"},"#;
    for (args, ends, expected) in [
        ("--once", false, line),
        ("", true, line),
        ("--once --format json", false, object),
        ("--format json", true, object),
    ] {
        terminal.type_line(&format!("clear; {command} {args}"));
        if ends {
            terminal.wait_for("a prompt", |shown| {
                shown.0.iter().any(|line| line == "I! Enter gathers, Ctrl-C ends").then_some(())
            });
            terminal.press("Enter");
        }
        terminal.wait_for(expected, |shown| {
            shown.0.iter().any(|line| line.starts_with(expected)).then_some(())
        });
        if ends {
            terminal.press("C-c");
            terminal.press("Enter");
        }
        terminal.wait_for_prompt();
    }
    // Elsewhere, a name has its bytes.
    let output = run(netns.command(PLUGIN).args(["--once", "--config"]).arg(config.path()));
    assert!(text(&output.stdout).starts_with("net,interface=v\x1b[2J\x7f\u{202e},alias="));
}

#[test]
fn nothing_that_is_converted_steers_the_terminal_that_it_is_written_to() {
    if tmux::is_skipped() {
        return;
    }
    let terminal = Tmux::start(&[], LARGE);
    let file = terminal.file("telegraf.conf");
    let conf = "[[inputs.net]]\n  interfaces = [\"eth*\", \"a\u{9b}31m\u{202e}b\"]\n";
    fs::write(&file, conf).unwrap();
    let converted = terminal.file("converted");
    terminal.type_line(&format!("clear; {PLUGIN} --convert {file} | cat >{converted}"));
    terminal.wait_for_prompt();
    let raw = eventually("a conversion", || {
        fs::read_to_string(&converted).ok().filter(|text| text.contains("eth*"))
    });
    terminal.type_line(&format!("clear; {PLUGIN} --convert {file}"));
    terminal.wait_for("what is converted", |shown| {
        let mut lines = shown.0.iter().filter(|line| line.contains("eth*"));
        lines.any(|line| line.contains(r"\u{9b}31m\u{202e}b")).then_some(())
    });
    // Elsewhere it has its characters.
    assert!(raw.contains("a\u{9b}31m\u{202e}b"), "{raw:?}");
}
