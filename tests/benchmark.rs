//! The benchmark as whoever runs it meets it: what it prints when programs fail. Figures are none of a
//! test's business.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use common::{PLUGIN, has, is_skipped, is_skipped_without, output, text};

/// Stands for the plugin: it notes the configuration of each start that is to last, and ends at once
/// where `speed_refresh` is in that.
const ENDS_AT_ONCE: &str = r#"#!/bin/sh
case $* in
*--once*) ;;
*)
    echo "$2" >>NOTES
    if grep -q speed_refresh "$2"; then
        echo "I! it has begun" >&2
        echo "E! it cannot go on" >&2
        exit 3
    fi
    ;;
esac
exec PLUGIN "$@"
"#;

/// Stands for Telegraf, and cannot be run.
const DOES_NOT_EXIST: &str = "#!/does/not/exist\n";

fn write_program(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The cells of a row of the table, from the program's name on.
fn cells<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    let mut rows = table.lines().map(|line| line.split(" | ").collect::<Vec<_>>());
    let row = rows.find(|cells| cells.get(1) == Some(&name));
    row.unwrap_or_else(|| panic!("no row {name} in\n{table}")).split_off(1)
}

#[test]
fn a_row_that_cannot_be_measured_says_so_and_costs_itself_alone() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    if is_skipped()
        || is_skipped_without("control groups of version 2", mounts.contains(" cgroup2 "))
        || is_skipped_without("cargo", has(env!("CARGO"), "--version"))
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name| folder.path().join(name);
    let notes = file("notes");
    let plugin =
        ENDS_AT_ONCE.replace("NOTES", &notes.display().to_string()).replace("PLUGIN", PLUGIN);
    write_program(&file("plugin"), &plugin);
    write_program(&file("telegraf"), DOES_NOT_EXIST);

    // A release, of which `make bench` makes figures, takes long to build.
    let cargo = || {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.args(["test", "--quiet", "--locked", "--offline", "--bench", "gather"]);
        command
    };
    let built = cargo().arg("--no-run").output().unwrap();
    assert!(built.status.success(), "{}", text(&built.stderr));
    let mut command = cargo();
    command.args(["--", "--quick", "--sizes", "4", "--rows", "steady"]);
    command.args(["--rows", "traffic everywhere", "--rows", "speed_refresh"]);
    command.args(["--rows", "inputs.net"]);
    command.arg("--plugin").arg(file("plugin")).arg("--telegraf").arg(file("telegraf"));
    let output = output(&mut command);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}: {stderr}", output.status);

    let (steady, traffic) = ("telegraf-net, steady", "telegraf-net, traffic everywhere");
    for name in ["floor", "floor, traffic everywhere", steady, traffic] {
        let cells = cells(&stdout, name);
        let warm_us: f64 = cells[1].parse().unwrap_or_else(|_| panic!("{cells:?}"));
        assert!(warm_us > 0.0, "{cells:?}");
    }
    let telegraf = file("telegraf");
    for (name, said) in [
        ("telegraf-net, speed_refresh = \"0s\"", "E! it cannot go on"),
        (
            "Telegraf with inputs.net",
            &format!("exec of \"{}\" failed: No such file or directory", telegraf.display()),
        ),
    ] {
        assert_eq!(cells(&stdout, name)[1], "not measured");
        let start = format!("Not measured: 4 interfaces, {name}: ");
        let why = stdout.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix('.'));
        let why = why.unwrap_or_else(|| panic!("no {start:?} in\n{stdout}"));
        assert!(why.starts_with("it has ended, exit status: "), "{why}");
        assert!(why.ends_with(&format!("; it said: {said}")), "{why}");
        let warning = format!("W! 4 interfaces: {name} is not measured: {why}\n");
        assert!(stderr.contains(&warning), "no {warning:?} in\n{stderr}");
    }

    // What one process reads, no other row writes.
    let notes = fs::read_to_string(notes).unwrap();
    let files: BTreeSet<_> = notes.lines().collect();
    assert_eq!(notes.lines().count(), 3, "{notes}");
    assert_eq!(files.len(), 3, "{notes}");
}
