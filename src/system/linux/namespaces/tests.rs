use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use tempfile::TempDir;

use super::search::{MAX_AGE, SPARE_FILES, report_no_main};
use super::*;
use crate::config::{Config, HostProc};
use crate::format::influx::Influx;
use crate::log::Log;
use crate::model::protocol::Group;
use crate::system::Source as _;
use crate::system::linux::netlink::Sockets;
use crate::system::linux::netlink::tests::{Kernel, eventually};
use crate::system::linux::netns::{Discovered, EnterOptions, MemberProcess};
use crate::system::linux::privileges::{LOOK_AT_PROCESSES, Needed};
use crate::system::linux::proc_net::ProcNet;
use crate::system::linux::procfs::Procfs;
use crate::system::linux::statistics;

/// A proc file system that a test makes, and the machine that it is of.
fn machine() -> (TempDir, Machine) {
    let proc = TempDir::new().unwrap();
    let machine = Machine::of(&HostProc::Of(proc.path().into()));
    (proc, machine)
}

/// The same with a process 1, and the folder of the names of its namespaces.
fn machine_with_names() -> (TempDir, Machine, PathBuf) {
    let (proc, machine) = machine();
    let names = machine.proc.join("1/root/run/netns");
    fs::create_dir_all(&names).unwrap();
    found(&machine, 1, "main0");
    (proc, machine, names)
}

/// The namespace, without a name, that a new process of that number lives in, with an interface of
/// that name.
fn found(machine: &Machine, pid: u32, name: &str) -> Discovered {
    let process = machine.proc.join(pid.to_string());
    fs::create_dir_all(process.join("ns")).unwrap();
    fs::create_dir_all(process.join("net")).unwrap();
    let file = process.join("ns/net");
    fs::write(&file, "").unwrap();
    let row = format!("{name}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
    fs::write(process.join("net/dev"), format!("Inter-| |\n face |bytes\n{row}\n")).unwrap();
    Discovered {
        inode: fs::metadata(&file).unwrap().ino(),
        name: b"1".to_vec(),
        is_named: false,
        file,
        is_mounted: false,
        member: Some(MemberProcess::alone(process)),
    }
}

fn entered(found: &Discovered, by_process: bool) -> OtherNamespace {
    OtherNamespace {
        found: found.clone(),
        by_netlink: false,
        by_process,
        key: 1,
        is_watched: false,
        end: EndWatch::Look,
        files: ProcNet::of_process(found.process().unwrap()),
        namespace: Namespace::new(LinuxSource::new(None, Procfs::without_sysfs()), &Influx),
    }
}

/// A table that reports all namespaces of that proc file system.
fn tables(proc: &TempDir, discovery: &str) -> Vec<Table> {
    let config = format!(
        "[[inputs.net]]\nhost_proc = '{}'\nnamespace_include = ['?*']\n\
         namespace_discovery = '{discovery}'\nignore_protocol_stats = true\n",
        proc.path().display()
    );
    Config::parse(config.as_bytes(), &|_| None).unwrap().tables
}

/// When the last gather read the first counters of any.
fn read_at(others: &OtherNamespaces) -> Option<Instant> {
    others.namespaces().filter_map(|(namespace, _)| namespace.read_at()).min()
}

/// How many drivers were asked since the last call.
fn take_asked(others: &mut OtherNamespaces) -> usize {
    others.namespaces_mut().map(|(namespace, _)| namespace.source_mut().take_asked()).sum()
}

/// Two of processes, over kernels that are played.
fn two_by_netlink(
    proc: &TempDir,
    machine: &Machine,
    speed_thread: &SpeedThread,
) -> (OtherNamespaces, [Kernel; 2]) {
    found(machine, 1, "main0");
    let mut others =
        OtherNamespaces::open(&tables(proc, "processes"), &Influx, true).unwrap().unwrap();
    let kernels = [10, 11].map(|pid| {
        let mut one = found(machine, pid, "eth0");
        one.name = one.inode.to_string().into_bytes();
        let (netlink, kernel) = Kernel::start(speed_thread);
        let source = LinuxSource::new(Some(netlink), Procfs::without_sysfs());
        let mut namespace = Namespace::new(source, &Influx);
        namespace.add_table(0, Vec::new());
        let key = u64::from(pid);
        others.entered.push(OtherNamespace {
            by_netlink: true,
            key,
            namespace,
            ..entered(&one, false)
        });
        kernel
    });
    (others, kernels)
}

/// Runs this test once more, in a process of its own that may have so many files open, and may let
/// itself have twice as many. Returns whether this is the one.
fn is_limited_to(files: usize, test: &str) -> bool {
    const IS_LIMITED: &str = "TEST_IS_LIMITED";
    if env::var_os(IS_LIMITED).is_some() {
        return true;
    }
    let limits = format!("ulimit -Sn {files} && ulimit -Hn {} && exec \"$@\"", 2 * files);
    let output = Command::new("sh")
        .args(["-c", &limits, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", &format!("system::linux::namespaces::tests::{test}")])
        .env(IS_LIMITED, "")
        .output();
    let output = output.unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
    false
}

#[test]
fn a_process_that_lives_elsewhere_by_now_does_not_speak_for_the_namespace() {
    let (_proc, machine) = machine();
    let here = found(&machine, 10, "eth0");
    assert!(entered(&here, true).is_there());
    // Its number is another one's.
    assert!(!entered(&Discovered { inode: here.inode + 1, ..here.clone() }, true).is_there());
    fs::remove_dir_all(here.process().unwrap()).unwrap();
    assert!(!entered(&here, true).is_there());
}

#[test]
fn a_process_that_moves_elsewhere_while_it_is_looked_for_is_not_read() {
    let (proc, machine) = machine();
    let main = found(&machine, 1, "main0");
    let config = format!(
        "[[inputs.net]]\nhost_proc = '{}'\nnamespace_include = ['?*']\n\
         namespace_discovery = 'processes'\n",
        proc.path().display()
    );
    let tables = Config::parse(config.as_bytes(), &|_| None).unwrap().tables;
    let mut problems = Problems::new(Log { debug: false });
    for moves in [false, true] {
        let one = found(&machine, 10, "eth0");
        assert_ne!(one.inode, main.inode);
        let mut others = OtherNamespaces::open(&tables, &Influx, false).unwrap().unwrap();
        // As where this process may not enter it.
        others.forbidden.insert(one.key(), "operation not permitted".into());
        let mut moved = || {
            if moves {
                // Made before the old one goes, so that it has another number.
                fs::write(proc.path().join("other"), "").unwrap();
                fs::rename(proc.path().join("other"), &one.file).unwrap();
            }
            false
        };
        others.read(&tables, None, &mut Scratch::default(), &mut problems, &mut moved);
        assert_eq!(others.entered.len(), 1);
        assert_eq!((read_at(&others).is_none()), moves);
    }
}

#[test]
fn names_are_looked_for_again_when_they_have_not_been_for_long() {
    let (proc, machine) = machine();
    found(&machine, 1, "main0");
    for folder in ["run/netns", "run/docker/netns"] {
        fs::create_dir_all(machine.proc.join("1/root").join(folder)).unwrap();
    }
    let config = format!(
        "[[inputs.net]]\nhost_proc = '{}'\nnamespace_include = ['?*']\n",
        proc.path().display()
    );
    let tables = Config::parse(config.as_bytes(), &|_| None).unwrap().tables;
    let mut problems = Problems::new(Log { debug: false });
    let mut others = OtherNamespaces::open(&tables, &Influx, false).unwrap().unwrap();
    let mut looked = |others: &mut OtherNamespaces, age: Duration| {
        let before = Instant::now().checked_sub(age)?;
        others.searched = before;
        others.discover(&tables, None, &mut problems);
        Some(others.searched != before)
    };
    // At first, whoever there is, is not known.
    assert_eq!(looked(&mut others, Duration::ZERO), Some(true));
    assert_eq!(looked(&mut others, Duration::ZERO), Some(false));
    // On a system that has just started, there is no moment so long ago.
    assert_ne!(looked(&mut others, MAX_AGE + Duration::from_secs(1)), Some(false));
}

#[test]
fn where_one_process_has_ended_the_next_one_is_read() {
    let (_proc, machine) = machine();
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let [first, next] = [(10, "one"), (11, "other")].map(|(pid, name)| found(&machine, pid, name));
    let mut problems = Problems::new(Log { debug: false });
    let mut one = entered(&first, true);
    let mut names = |one: &mut OtherNamespace| -> Vec<_> {
        one.files.start_gather();
        one.files.read_interfaces(&mut problems);
        one.files.rows().map(|(name, ..)| name.to_vec()).collect()
    };
    assert_eq!(names(&mut one), [b"one"]);
    one.update(next.clone(), &machine, &epoll);
    assert_eq!(names(&mut one), [b"other"]);
    assert_eq!(one.found, next);
    // What was opened inside stays open, whoever lives there.
    let mut one = entered(&first, false);
    one.update(next, &machine, &epoll);
    assert_eq!(names(&mut one), [b"one"]);
}

#[test]
fn the_end_of_a_namespace_is_told_by_what_keeps_it_alive() {
    let (proc, machine) = machine();
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let pid = std::process::id();
    let [ours, other] = [pid, pid + 1].map(|pid| found(&machine, pid, "eth0"));
    let end = |one: &OtherNamespace| match one.end {
        EndWatch::Name => "name",
        EndWatch::Process(_) => "process",
        EndWatch::Ended => "ended",
        EndWatch::Look => "look",
    };
    let watched = |found: &Discovered, by_process| {
        let mut one = entered(found, by_process);
        one.end = EndWatch::Ended;
        one.watch_end(&machine, &epoll);
        end(&one)
    };
    let mounted = Discovered { is_mounted: true, ..ours.clone() };
    assert_eq!([watched(&mounted, false), watched(&ours, true)], ["name", "name"]);
    // Numbers of that proc file system may be others than ours.
    assert_eq!(watched(&ours, false), "look");
    symlink(pid.to_string(), proc.path().join("self")).unwrap();
    let has_pidfd = machine.watch_end(&ours).is_some();
    assert_eq!(watched(&ours, false), if has_pidfd { "process" } else { "look" });
    // It is watched anew only for another process, and after the end of the one before.
    let mut one = entered(&ours, false);
    one.end = EndWatch::Name;
    one.update(ours.clone(), &machine, &epoll);
    assert_eq!(end(&one), "name");
    one.update(Discovered { is_mounted: true, ..other.clone() }, &machine, &epoll);
    assert_eq!(end(&one), "name");
    fs::remove_file(proc.path().join("self")).unwrap();
    one.update(ours.clone(), &machine, &epoll);
    assert_eq!(end(&one), "look");
    one.end = EndWatch::Ended;
    one.update(ours, &machine, &epoll);
    assert_eq!(end(&one), "look");
}

#[test]
fn the_end_of_a_process_is_told_and_has_it_looked_soon() {
    let (proc, machine) = machine();
    let ours = std::process::id().to_string();
    symlink(ours, proc.path().join("self")).unwrap();
    let mut process = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let one = found(&machine, process.id(), "eth0");
    let mut others =
        OtherNamespaces::open(&tables(&proc, "processes"), &Influx, false).unwrap().unwrap();
    others.entered.push(entered(&one, false));
    others.entered[0].watch_end(&machine, &others.epoll);
    let next_look = |others: &OtherNamespaces| others.next_look().map(|next| next - others.looked);
    assert_eq!(next_look(&others), Some(LOOK));
    let is_told = matches!(others.entered[0].end, EndWatch::Process(_));
    // It ends with its input.
    drop(process.stdin.take());
    // From Linux 5.3 on.
    if is_told {
        eventually(|| {
            others.take_events(&mut Scratch::default());
            next_look(&others) == Some(LOOK_AFTER_END)
        });
    }
    process.wait().unwrap();
}

#[test]
fn nobody_waits_for_events_that_cannot_be_told() {
    let (proc, machine) = machine();
    let speed_thread = SpeedThread::start().unwrap();
    let (mut others, _kernels) = two_by_netlink(&proc, &machine, &speed_thread);
    let mut problems = Problems::new(Log { debug: false });
    let (tables, mut scratch) = (tables(&proc, "processes"), Scratch::default());
    others.read(&tables, None, &mut scratch, &mut problems, &mut || false);
    assert!(others.events().is_some());
    assert!(
        others.entered.iter().all(|one| one.is_watched && one.namespace.source().awaits_events())
    );
    others.epoll = File::open("/dev/null").unwrap().into();
    others.follow(&mut scratch);
    assert!(others.events().is_none());
    assert!(!others.entered.iter().any(|one| one.namespace.source().awaits_events()));
    // The next gather takes them in, and waits anew.
    others.read(&tables, None, &mut scratch, &mut problems, &mut || false);
    assert!(others.events().is_some() && read_at(&others).is_some());
    assert!(others.entered.iter().all(|one| one.namespace.source().awaits_events()));
}

#[test]
fn namespaces_whose_netlink_fails_are_counted() {
    let (proc, machine) = machine();
    let speed_thread = SpeedThread::start().unwrap();
    let (mut others, kernels) = two_by_netlink(&proc, &machine, &speed_thread);
    let tables = tables(&proc, "processes");
    let mut problems = Problems::new(Log { debug: false });
    let mut read = || {
        others.read(&tables, None, &mut Scratch::default(), &mut problems, &mut || false);
        problems.messages().join("\n")
    };
    assert_eq!(read(), "");
    for kernel in &kernels {
        kernel.set_failing(true);
    }
    let message = read();
    assert!(message.starts_with("netlink failed in 2 network namespaces, such as "), "{message}");
    assert!(message.ends_with("; falling back to /proc/net/dev"), "{message}");
}

#[test]
fn speeds_that_have_grown_old_are_asked_for_after_the_writing() {
    let (proc, machine) = machine();
    let speed_thread = SpeedThread::start().unwrap();
    let (mut others, _kernels) = two_by_netlink(&proc, &machine, &speed_thread);
    let mut tables = tables(&proc, "processes");
    tables[0].speed_refresh = Duration::from_nanos(1);
    let mut problems = Problems::new(Log { debug: false });
    eventually(|| {
        others.read(&tables, None, &mut Scratch::default(), &mut problems, &mut || false);
        let deadline = Instant::now() + Duration::from_secs(1);
        let mut scratch = Scratch::default();
        others.read_details(&tables, deadline, &mut scratch, &mut problems, &mut || false);
        take_asked(&mut others);
        others.namespaces_mut().for_each(|(namespace, _)| namespace.source_mut().refresh());
        take_asked(&mut others) == 2
    });
}

#[test]
fn names_that_may_change_without_an_event_are_looked_for_at_every_gather() {
    let looked = |prepare: &dyn Fn(&Path)| {
        let (proc, machine) = machine();
        found(&machine, 1, "main0");
        let run = machine.proc.join("1/root/run");
        for folder in ["netns", "docker/netns"] {
            fs::create_dir_all(run.join(folder)).unwrap();
        }
        prepare(&run);
        let tables = tables(&proc, "named");
        let mut problems = Problems::new(Log { debug: false });
        let mut others = OtherNamespaces::open(&tables, &Influx, false).unwrap().unwrap();
        let mut look = || {
            others.discover(&tables, None, &mut problems);
            others.searched
        };
        look() != look()
    };
    assert!(!looked(&|_| {}));
    // A symbolic link, whatever it leads to.
    assert!(looked(&|run| symlink("/proc/self/ns/net", run.join("netns/link")).unwrap()));
    // A folder that cannot be listed.
    assert!(looked(&|run| {
        fs::remove_dir(run.join("netns")).unwrap();
        fs::write(run.join("netns"), "").unwrap();
    }));
}

#[test]
fn those_that_are_left_out_are_counted_and_looked_for_again() {
    let (proc, machine, names) = machine_with_names();
    found(&machine, 10, "eth0");
    let mut tables = tables(&proc, "processes");
    // As where others take all the room.
    tables[0].namespaces.limit = 0;
    let look = || {
        let mut problems = Problems::new(Log { debug: false });
        let mut others = OtherNamespaces::open(&tables, &Influx, false).unwrap().unwrap();
        others.search(&tables, None, &mut problems).unwrap();
        assert!(others.entered.is_empty());
        (others.is_stale, problems.messages().join("\n"))
    };
    let (is_stale, message) = look();
    let is_told = message.starts_with("1 network namespace is left out, such as ");
    assert!(is_told && message.ends_with(": raise namespace_limit"), "{message}");
    // There may be room the next time.
    assert!(is_stale);
    symlink("/proc/self/ns/net", names.join("link")).unwrap();
    let (is_stale, message) = look();
    let is_told = message.starts_with("2 network namespaces are left out, such as \"link\": ");
    assert!(is_told && is_stale, "{message}");
}

#[test]
fn a_name_without_a_namespace_is_told_of_as_long_as_it_is_there() {
    let (proc, _, names) = machine_with_names();
    let left_over = names.join("blue");
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    File::create(&left_over).unwrap().set_modified(long_ago).unwrap();
    let tables = tables(&proc, "named");
    let mut others = OtherNamespaces::open(&tables, &Influx, false).unwrap().unwrap();
    let mut look = || {
        let mut problems = Problems::new(Log { debug: false });
        others.search(&tables, None, &mut problems).unwrap();
        problems.messages().join("\n")
    };
    for _ in 0..2 {
        let message = look();
        let is_told = message.starts_with("1 name has no network namespace, such as ");
        assert!(
            is_told && message.ends_with("a plain file: remove what is left over"),
            "{message}"
        );
    }
    fs::remove_file(&left_over).unwrap();
    assert_eq!(look(), "");
}

#[test]
fn a_folder_that_cannot_be_listed_costs_no_namespace_that_is_still_there() {
    let (proc, machine) = machine();
    let tables = tables(&proc, "named");
    let mut others = OtherNamespaces::open(&tables, &Influx, false).unwrap().unwrap();
    let [stays, goes] = [(10, "one"), (11, "other")].map(|(pid, name)| found(&machine, pid, name));
    let unread = || vec![(machine.proc.clone(), io::Error::from(io::ErrorKind::PermissionDenied))];
    let mut kept = |unread: &[_]| {
        others.entered = [&stays, &goes].map(|found| entered(found, false)).into();
        assert!(others.keep(Vec::new(), unread).is_empty());
        others.entered.iter().map(|one| one.found.clone()).collect::<Vec<_>>()
    };
    assert_eq!(kept(&unread()).len(), 2);
    fs::remove_dir_all(goes.process().unwrap()).unwrap();
    assert_eq!(kept(&unread()), std::slice::from_ref(&stays));
    // A folder that was listed shows all that there are.
    assert_eq!(kept(&[]), []);
}

#[test]
fn who_is_there_stays_whoever_is_found_first() {
    let (proc, machine) = machine();
    let [_main, nameless @ ..] = [1, 10, 11].map(|pid| found(&machine, pid, "eth0"));
    let mut tables = tables(&proc, "processes");
    tables[0].namespaces.limit = 1;
    for found in nameless {
        let stays = Discovered { name: found.inode.to_string().into(), ..found };
        let mut others = OtherNamespaces::open(&tables, &Influx, false).unwrap().unwrap();
        others.entered = vec![entered(&stays, false)];
        let mut problems = Problems::new(Log { debug: false });
        others.search(&tables, None, &mut problems).unwrap();
        let there: Vec<_> = others.entered.iter().map(|one| one.found.inode).collect();
        assert_eq!(there, [stays.inode]);
    }
}

#[test]
fn namespaces_that_cannot_be_read_are_counted() {
    let (proc, machine) = machine();
    for pid in [1, 10, 11] {
        // No namespace is behind these files.
        found(&machine, pid, "eth0");
    }
    let tables = tables(&proc, "processes");
    let mut problems = Problems::new(Log { debug: false });
    let mut others = OtherNamespaces::open(&tables, &Influx, false).unwrap().unwrap();
    others.discover(&tables, None, &mut problems);
    let message = problems.messages().join("\n");
    assert!(message.starts_with("cannot read 2 network namespaces, such as "), "{message}");
    assert!(others.is_stale);
}

#[test]
fn what_is_missing_to_look_at_processes_is_said() {
    let (proc, _) = machine();
    let others =
        OtherNamespaces::open(&tables(&proc, "processes"), &Influx, false).unwrap().unwrap();
    let unseen = |denied| {
        let mut problems = Problems::new(Log { debug: false });
        others.report_unseen(denied, &mut problems);
        problems.messages().join("\n")
    };
    let needed = Needed(LOOK_AT_PROCESSES);
    let told = |processes| {
        format!(
            "cannot determine the network namespace of {processes} of other users: needs {needed}"
        )
    };
    let expected = [String::new(), told("1 process"), told("2 processes")];
    assert_eq!([0, 1, 2].map(unseen), expected);
    let no_main = |errno: Errno| {
        let mut problems = Problems::new(Log { debug: false });
        report_no_main(Path::new("/proc/self"), &errno.into(), &mut problems);
        problems.messages().join("\n").ends_with(&format!(": needs {needed}"))
    };
    assert_eq!([Errno::ACCESS, Errno::NOENT].map(no_main), [true, false]);
}

#[test]
fn as_many_are_read_as_there_may_be_files_open_and_nobody_is_taken_for_another() {
    const FILES: usize = 200;
    let test = "as_many_are_read_as_there_may_be_files_open_and_nobody_is_taken_for_another";
    if !is_limited_to(FILES, test) {
        return;
    }
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let (proc, machine) = machine();
    found(&machine, 1, "main0");
    for pid in 10..110 {
        let one = found(&machine, pid, "eth0");
        fs::write(one.process().unwrap().join("cgroup"), "0::/init.scope\n").unwrap();
    }
    assert_eq!(netns::file_limit(), FILES);
    let tables = tables(&proc, "processes");
    let mut others = OtherNamespaces::open(&tables, &Influx, true).unwrap().unwrap();
    assert_eq!(netns::file_limit(), 2 * FILES);
    // What one takes: three sockets, and each of its files below `/proc/net`.
    let few = EnterOptions { by_netlink: true, ..EnterOptions::default() };
    let groups = Group::ALL.into_iter().collect();
    let many = EnterOptions { by_netlink: true, groups, interface_protocols: true };
    let statistics = statistics::FILES.len();
    assert_eq!([few, many].map(|all| all.files()), [4, 4 + statistics + 1]);
    let before = open();
    let opened = (ProcNet::enter(groups, true).unwrap(), Sockets::open());
    assert!(open() - before <= many.files());
    drop(opened);
    // That many were given to it, say, when it was started.
    let given: Vec<_> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
    let mut problems = Problems::new(Log { debug: false });
    // Where a thread writes the log, it opens its own with the first line.
    problems.log().info(format_args!("many files were given"));
    others.discover(&tables, None, &mut problems);
    let read = (2 * FILES - SPARE_FILES - open()) / (few.files() + 1);
    let messages = problems.messages();
    let [left_out, unread] = messages.as_slice() else { panic!("{messages:?}") };
    let expected = format!("{} network namespaces are left out, such as ", 100 - read);
    assert!(left_out.starts_with(&expected), "{left_out}");
    assert!(left_out.ends_with(": raise the limit of open files (LimitNOFILE)"), "{left_out}");
    assert!(unread.starts_with(&format!("cannot read {read} network namespaces")), "{unread}");
    // A container that cannot be told for want of files is not taken for none.
    let (of_processes, _) = netns::of_processes(&machine).unwrap();
    let mut all = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        all.push(file);
    }
    assert!(others.add_processes(Vec::new(), of_processes.clone(), Some(0)).is_err());
    drop((given, all));
    assert_eq!(others.add_processes(Vec::new(), of_processes, Some(0)).unwrap().len(), 101);
}
