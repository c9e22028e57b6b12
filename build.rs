//! Tells the program which commit it is built from, and for which target: `--version` says both.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TELEGRAF_NET_COMMIT");
    let given = env::var("TELEGRAF_NET_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(commit_of_the_clone).unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env=TELEGRAF_NET_COMMIT={commit}");
    println!("cargo::rustc-env=TELEGRAF_NET_TARGET={}", env::var("TARGET").unwrap());
}

/// What git says, in a release build of a clone. Other builds do not ask: every commit would have
/// the tests built anew.
fn commit_of_the_clone() -> Option<String> {
    let folder = env::var_os("CARGO_MANIFEST_DIR")?;
    let is_release = env::var_os("PROFILE")? == "release";
    // Not somebody else's repository, into which an archive of the source was unpacked.
    if !is_release || !Path::new(&folder).join(".git").exists() {
        return None;
    }
    let git = |args: &[&str]| {
        let output = Command::new("git").current_dir(&folder).args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // HEAD names a branch, whose commit stands in a file of its own or among the packed ones.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    let names = ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref());
    for file in names.filter_map(|name| git(&["rev-parse", "--git-path", name])) {
        // Cargo would take a file that is not there for one that has changed.
        if Path::new(&folder).join(&file).exists() {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}
