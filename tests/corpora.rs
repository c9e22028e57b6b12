//! Every file of the fuzz targets' corpora, and of the fixtures that are such files, one test for each target.
//!
//! `FUZZ_SEEDS=folder` has the fixtures of each target written to a folder of its name there, for `make fuzz`.

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use targets::Target;

/// What is longer takes longer, and tells no more.
const MOST: u64 = 64 << 10;

fn main() -> ExitCode {
    let mut trials: Vec<_> = targets::ALL
        .into_iter()
        .map(|target| Trial::test(target.name, move || replay(&target)))
        .collect();
    trials.push(Trial::test("each_target_has_a_binary_and_a_corpus", check_folders));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A path in the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn replay(target: &Target) -> Result<(), Failed> {
    let seeds = seeds(target);
    let corpus = files(&path("fuzz/corpus").join(target.name));
    if corpus.is_empty() {
        return Err("it has no corpus".into());
    }
    for file in seeds.iter().chain(&corpus) {
        let bytes = fs::read(file).unwrap();
        if let Err(panic) = panic::catch_unwind(|| (target.run)(&bytes)) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            return Err(format!("{}: {}", file.display(), text.unwrap_or("?")).into());
        }
    }
    if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
        let folder = Path::new(&folder).join(target.name);
        fs::create_dir_all(&folder).unwrap();
        for (number, file) in seeds.iter().enumerate() {
            fs::copy(file, folder.join(number.to_string())).unwrap();
        }
    }
    Ok(())
}

/// The files of the project that a target takes, but for its corpus.
fn seeds(target: &Target) -> Vec<PathBuf> {
    let mut all = files(&path("fixtures"));
    all.extend(["plugin.conf", "packaging/execd.conf"].map(path));
    all.retain(|file| (target.is_seed)(file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap()));
    all
}

/// All files below a folder; links are not followed, for those of sysfs go in circles.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.is_file() && metadata.len() <= MOST {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

fn check_folders() -> Result<(), Failed> {
    let names: BTreeSet<_> = targets::ALL.iter().map(|target| target.name.to_owned()).collect();
    for folder in ["fuzz/fuzz_targets", "fuzz/corpus"] {
        let entries = fs::read_dir(path(folder))?.map(|entry| entry.map(|entry| entry.path()));
        let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        let found: BTreeSet<_> = entries.map(|path| path.map(stem)).collect::<Result<_, _>>()?;
        if found != names {
            return Err(format!("{folder} has {found:?}, not {names:?}").into());
        }
    }
    for target in &targets::ALL {
        let main = fs::read_to_string(path(&format!("fuzz/fuzz_targets/{}.rs", target.name)))?;
        if !main.contains(&format!("run({:?}, bytes)", target.name)) {
            return Err(format!("the binary {} runs another target", target.name).into());
        }
    }
    Ok(())
}
