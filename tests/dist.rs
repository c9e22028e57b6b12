//! What `make dist` and `make install` have made, as those meet it who install it.
//!
//! `make test-dist` runs this, with the archives' folder in `TELEGRAF_NET_DIST`, and that of the
//! programs that made them in `TELEGRAF_NET_TOOLS`.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{is_skipped, is_skipped_without, run, text};
use tempfile::TempDir;

const SOURCE: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An archive of a release, unpacked.
struct Release {
    target: String,
    folder: PathBuf,
    _removed_at_the_end: TempDir,
}

impl Release {
    fn binary(&self) -> PathBuf {
        self.folder.join("telegraf-net")
    }

    /// What runs programs for its processor: nothing, where that is this machine's.
    fn emulator(&self) -> Option<&'static str> {
        let is_ours = self.target.starts_with(env::consts::ARCH);
        let others = [("aarch64-", "qemu-aarch64-static"), ("x86_64-", "qemu-x86_64-static")];
        let other = others.into_iter().find(|(processor, _)| self.target.starts_with(processor));
        (!is_ours).then(|| other.expect("a known processor").1)
    }

    /// Runs it in a folder as the root of all files.
    ///
    /// `before` is what a shell does first, with mounts of its own and the folder as `$1`.
    fn run_in(&self, root: &Path, before: &str, args: &[&str]) -> (String, String) {
        fs::copy(self.binary(), root.join("telegraf-net")).unwrap();
        let mut inside = Vec::new();
        if let Some(emulator) = self.emulator() {
            let file =
                text(&run(Command::new("sh").args(["-c", "command -v $0", emulator])).stdout);
            fs::copy(file.trim(), root.join("emulator")).unwrap();
            inside.push("/emulator");
        }
        inside.push("/telegraf-net");
        let shell = format!("{before}\nexec chroot \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", &shell, "sh"]).arg(root).args(inside).args(args);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let output = run(&mut command);
        (text(&output.stdout), text(&output.stderr))
    }

    fn is_skipped(&self) -> bool {
        is_skipped()
            || self.emulator().is_some_and(|emulator| {
                is_skipped_without(emulator, common::has(emulator, "--version"))
            })
    }
}

fn dist() -> PathBuf {
    env::var_os("TELEGRAF_NET_DIST").expect("TELEGRAF_NET_DIST: run this by make test-dist").into()
}

/// The names of the archives, from the list of their sums.
fn archives() -> Vec<String> {
    let sums = fs::read_to_string(dist().join("SHA256SUMS")).unwrap();
    let names = sums.lines().map(|line| line.split_once("  ").unwrap().1.to_owned());
    let names = names.collect::<Vec<_>>();
    assert!(!names.is_empty());
    names
}

fn releases() -> Vec<Release> {
    let unpack = |archive: String| {
        let folder = tempfile::tempdir().unwrap();
        let mut tar = Command::new("tar");
        run(tar.arg("-xzf").arg(dist().join(&archive)).arg("-C").arg(folder.path()));
        let name = archive.strip_suffix(".tar.gz").unwrap();
        let target = name.strip_prefix(&format!("telegraf-net-{VERSION}-")).unwrap();
        Release {
            target: target.into(),
            folder: folder.path().join(name),
            _removed_at_the_end: folder,
        }
    };
    archives().into_iter().map(unpack).collect()
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

#[test]
fn sums_are_those_of_the_archives_and_of_each_of_them() {
    run(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(dist()));
    let mut files = fs::read_dir(dist())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "SHA256SUMS")
        .collect::<Vec<_>>();
    files.sort();
    assert_eq!(archives(), files);
}

#[test]
fn archives_hold_what_it_takes_to_install_it() {
    for release in releases() {
        for file in ["LICENSE", "CHANGELOG.md", "plugin.conf"] {
            let ours = fs::read(Path::new(SOURCE).join(file)).unwrap();
            assert_eq!(fs::read(release.folder.join(file)).unwrap(), ours, "{file}");
        }
        links_lead_somewhere(&release.folder);
        let notices = fs::read_to_string(release.folder.join("copyright")).unwrap();
        let linked = linked(&release.target);
        let crates = linked.iter().filter_map(|line| line.split(' ').next());
        // What is ours has the notice that stands first.
        for crate_name in crates.filter(|name| !name.starts_with("telegraf-net")) {
            let has_it = notices.lines().any(|line| line.trim_start().starts_with(crate_name));
            assert!(has_it, "{crate_name}: {notices}");
        }
        let block = release.folder.join("telegraf.d/telegraf-net.conf");
        let block = fs::read_to_string(block).unwrap();
        assert!(block.lines().any(|line| line == "[[inputs.execd]]"), "{block}");
        let mode = fs::metadata(release.binary()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
    }
}

/// Whether what the documents of a folder link to is there.
fn links_lead_somewhere(folder: &Path) {
    for folder in [folder, &folder.join("docs")] {
        let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        for document in files.filter(|file| file.extension().is_some_and(|end| end == "md")) {
            let text = fs::read_to_string(&document).unwrap();
            // Every second part is a block of code.
            let prose: String = text.split("```").step_by(2).collect();
            let links = prose.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
            for link in links.filter(|link| !link.is_empty() && !link.contains(':')) {
                assert!(folder.join(link).exists(), "{}: {link}", document.display());
            }
        }
    }
}

/// The crates that are linked into the binary: name and version.
fn linked(target: &str) -> BTreeSet<String> {
    let mut tree = Command::new(env!("CARGO"));
    let edges = "normal,no-proc-macro";
    tree.args(["tree", "--locked", "--edges", edges, "--prefix", "none", "--format", "{p}"]);
    let output = run(tree.args(["--target", target]).current_dir(SOURCE));
    let words = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    text(&output.stdout)
        .lines()
        .map(words)
        .filter(|one| !one.starts_with("telegraf-net "))
        .collect()
}

#[test]
fn the_list_of_components_names_what_the_binary_is_made_of_and_no_more() {
    for release in releases() {
        let sbom = fs::read_to_string(release.folder.join("telegraf-net.cdx.json")).unwrap();
        assert!(sbom.contains("\"bomFormat\": \"CycloneDX\""), "{sbom}");
        let purls = sbom.lines().filter_map(|line| line.trim().strip_prefix("\"purl\": \"pkg:"));
        let purls = purls.map(|purl| purl.trim_end_matches([',', '"']));
        let (crates, others): (Vec<_>, Vec<_>) = purls.partition(|purl| purl.starts_with("cargo/"));
        let crates = crates.iter().filter(|purl| !purl.starts_with("cargo/telegraf-net@"));
        let crates = crates.map(|purl| purl.trim_start_matches("cargo/").replace('@', " v"));
        assert_eq!(crates.collect::<BTreeSet<_>>(), linked(&release.target));
        // What a static binary has of the system that it was built on.
        let is_versioned = |name: &str| {
            let rest =
                others.iter().find_map(|purl| purl.strip_prefix(&format!("generic/{name}@")));
            rest.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
        };
        assert!(is_versioned("rust-std") && is_versioned("glibc"), "{others:?}");
    }
}

#[test]
fn binaries_need_no_library_and_no_loader() {
    for release in releases() {
        let readelf = |option| {
            text(&run(Command::new("readelf").args(["-W", option]).arg(release.binary())).stdout)
        };
        let header = readelf("-h");
        let processor = if release.target.starts_with("x86_64") { "X86-64" } else { "AArch64" };
        assert!(header.contains(processor), "{header}");
        let segments = readelf("-l");
        assert!(segments.contains("LOAD") && !segments.contains("INTERP"), "{segments}");
        let dynamic = readelf("-d");
        assert!(!dynamic.contains("NEEDED"), "{dynamic}");
    }
}

#[test]
fn binaries_run_where_there_is_no_other_file() {
    for release in releases() {
        if release.is_skipped() {
            continue;
        }
        let root = tempfile::tempdir().unwrap();
        let (version, _) = release.run_in(root.path(), "", &["--version"]);
        let start = format!("telegraf-net {VERSION} (commit ");
        let end = format!(", {})\n", release.target);
        assert!(version.starts_with(&start) && version.ends_with(&end), "{version}");

        for folder in ["proc", "sys"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let mounts = "mount --rbind /proc \"$1/proc\"; mount --rbind /sys \"$1/sys\"";
        let (lines, said) = release.run_in(root.path(), mounts, &["--once"]);
        assert!(lines.contains("net,interface=all ip_forwarding="), "{lines}{said}");
        assert!(said.starts_with("I! reading counters "), "{said}");
    }
}

#[test]
fn binaries_run_where_the_c_library_is_musl() {
    let loader = "/lib/ld-musl-x86_64.so.1";
    for release in releases() {
        // Debian has musl for this machine's own processor only.
        if release.emulator().is_some() || !release.target.starts_with("x86_64") {
            continue;
        }
        let has_them = Path::new(loader).exists() && common::has("/bin/busybox", "--help");
        if release.is_skipped() || is_skipped_without("musl and busybox", has_them) {
            continue;
        }
        let root = tempfile::tempdir().unwrap();
        for folder in ["bin", "lib", "proc"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        fs::copy(loader, root.path().join("lib/ld-musl-x86_64.so.1")).unwrap();
        fs::copy("/bin/busybox", root.path().join("bin/sh")).unwrap();
        fs::copy(release.binary(), root.path().join("telegraf-net")).unwrap();
        let mut command = Command::new("unshare");
        let shell = "mount --rbind /proc \"$1/proc\"; exec chroot \"$@\"";
        command.args(["--mount", "sh", "-ec", shell, "sh"]).arg(root.path());
        command.args(["/bin/sh", "-c", "/telegraf-net --once"]).stdin(Stdio::null());
        let output = run(&mut command);
        let lines = text(&output.stdout);
        assert!(lines.contains("net,interface=all ip_forwarding="), "{lines}");
    }
}

/// For this machine's processor alone: it takes as long as `make dist` took.
#[test]
fn another_folder_gives_the_same_bytes() {
    let other = tempfile::tempdir().unwrap();
    // A file that was removed may still stand in the index.
    let copy = "git ls-files -z --cached --others --exclude-standard \
        | tar --create --null --files-from - --ignore-failed-read \
        | tar --extract --directory \"$1\"";
    let mut shell = Command::new("sh");
    run(shell.current_dir(SOURCE).args(["-ec", copy, "sh"]).arg(other.path()));
    // The folder is no clone, so that it must be told which commit it is.
    let release = releases().into_iter().find(|release| release.emulator().is_none()).unwrap();
    let version = text(&run(Command::new(release.binary()).arg("--version")).stdout);
    let commit = version.split_once("(commit ").unwrap().1.split_once(',').unwrap().0;

    // By a link, which no file may tell of.
    let link = other.path().join("a link");
    symlink(other.path(), &link).unwrap();
    let mut make = Command::new("make");
    make.current_dir(&link)
        .env("PWD", &link)
        .arg("dist")
        .arg(format!("DIST_TARGETS={}", release.target));
    make.arg(format!("TOOLS={}", env::var("TELEGRAF_NET_TOOLS").unwrap()));
    // Make's own, of the make that runs this.
    make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").env_remove("MFLAGS");
    // A build takes as long as it takes.
    let built = make.env("TELEGRAF_NET_COMMIT", commit).output().unwrap();
    assert!(built.status.success(), "{}", text(&built.stderr));
    let sums = |dist: &Path| fs::read_to_string(dist.join("SHA256SUMS")).unwrap();
    let (ours, theirs) = (sums(&dist()), sums(&other.path().join("target/dist")));
    assert_eq!(theirs.lines().count(), 1, "{theirs}");
    assert!(ours.contains(&theirs), "{ours}{theirs}");
}

#[test]
fn nothing_tells_of_the_machine_that_built_it() {
    for release in releases() {
        let folders = [SOURCE.to_owned(), env::var("HOME").unwrap() + "/.cargo"];
        for file in ["telegraf-net", "telegraf-net.cdx.json"] {
            let bytes = fs::read(release.folder.join(file)).unwrap();
            for folder in folders.iter().map(String::as_str).chain(["registry/src", "/rustlib/"]) {
                assert!(!contains(&bytes, folder), "{}: {file}: {folder}", release.target);
            }
        }
    }
}

#[test]
fn install_puts_everything_below_destdir_and_keeps_a_changed_configuration() {
    const RELATIVE: &str = "target/install to";
    let root = tempfile::tempdir().unwrap();
    let install = || {
        let mut make = Command::new("make");
        make.current_dir(SOURCE).args(["install", "PREFIX=/opt/net"]);
        // As packagers write it, and with a space.
        let link = Path::new(SOURCE).join(RELATIVE);
        let _ = fs::remove_file(&link);
        symlink(root.path(), &link).unwrap();
        run(make.arg(format!("DESTDIR={RELATIVE}")));
        fs::remove_file(link).unwrap();
    };
    install();
    let installed = |file: &str| root.path().join(file);
    let config = installed("etc/telegraf-net/plugin.conf");
    assert_eq!(fs::read(&config).unwrap(), fs::read(format!("{SOURCE}/plugin.conf")).unwrap());
    let block = installed("opt/net/share/doc/telegraf-net/examples/telegraf.d/telegraf-net.conf");
    let block = fs::read_to_string(block).unwrap();
    let command = r#"["/opt/net/bin/telegraf-net", "--config", "/etc/telegraf-net/plugin.conf"]"#;
    assert!(block.contains(&format!("\n  command = {command}\n")), "{block}");
    for document in [
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "docs/BENCHMARKS.md",
        "docs/grafana-dashboard.json",
        "docs/grafana-alerts.yaml",
        "docs/table.svg",
    ] {
        let file = installed("opt/net/share/doc/telegraf-net").join(document);
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o7777, 0o644);
    }
    let page = installed("opt/net/share/man/man1/telegraf-net.1.gz");
    assert!(page.exists());
    let entries = fs::read_dir(root.path()).unwrap();
    let mut entries = entries.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    entries.sort();
    assert_eq!(entries, ["etc", "opt"]);

    fs::write(&config, "[[inputs.net]]\n  interfaces = ['lo']\n").unwrap();
    install();
    let binary = installed("opt/net/bin/telegraf-net");
    let output = run(Command::new(binary).args(["--once", "--config"]).arg(&config));
    assert!(text(&output.stdout).starts_with("net,interface=lo "), "{}", text(&output.stdout));
}
