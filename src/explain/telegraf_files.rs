//! Which files Telegraf's configuration is, and what there is at the paths that it names.

use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{self, Path, PathBuf};

use super::block::{Found, Start, TelegrafFile};
use super::check::Finding;
use crate::config::Env;
use crate::quoted::QuotedPath;
use crate::system::file;
use crate::telegraf_conf::{self, Variables};

/// The folder of further files that lies beside `telegraf.conf`.
const FOLDER: &str = "telegraf.d";

/// So many files are read, and folders so deep.
const MAX_FILES: usize = 1000;
const MAX_DEPTH: usize = 16;

/// Reads that file and the folder `telegraf.d` beside it, or all files of that folder; of a `telegraf.d`, the
/// `telegraf.conf` beside it too. What cannot be read of a folder is told of.
///
/// # Errors
///
/// Why the file, or the folder itself, cannot be read.
pub fn read_all(path: &Path, env: Env<'_>) -> Result<(Vec<TelegrafFile>, Vec<Finding>), String> {
    let mut findings = Vec::new();
    let mut paths = Vec::new();
    let is_folder = fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
    if is_folder {
        walk(path, 0, &mut paths)
            .map_err(|error| format!("cannot read {}: {error}", QuotedPath(path)))?;
        let beside = path.parent().map(|parent| parent.join("telegraf.conf"));
        let is_further = path.file_name().is_some_and(|name| name == FOLDER);
        paths.extend(beside.filter(|beside| is_further && beside.is_file()));
    } else {
        paths.push(path.to_owned());
        if file::lies_within(path, FOLDER) {
            findings.push(Finding::warn(format!(
                "{}: only this file was looked at, and Telegraf reads the others too: pass its folder telegraf.d, or \
                 telegraf.conf, to --telegraf",
                QuotedPath(path)
            )));
        }
        let folder = path.parent().unwrap_or(Path::new("")).join(FOLDER);
        if let Err(error) = walk(&folder, 0, &mut paths)
            && error.kind() != io::ErrorKind::NotFound
        {
            findings.push(Finding::warn(format!("cannot read {}: {error}", QuotedPath(&folder))));
        }
    }
    if paths.len() > MAX_FILES {
        findings.push(Finding::warn(format!(
            "{}: {} files, of which {MAX_FILES} were looked at",
            QuotedPath(path),
            paths.len()
        )));
        paths.truncate(MAX_FILES);
    }
    let mut files = Vec::new();
    for (number, file) in paths.into_iter().enumerate() {
        match read(&file, env) {
            Ok(document) => files.push(TelegrafFile { path: file, document }),
            Err(why) if number == 0 && !is_folder => return Err(why),
            // A link that leads nowhere, or to a folder.
            Err(why)
                if fs::metadata(&file).map_or_else(
                    |error| error.kind() == io::ErrorKind::NotFound,
                    |metadata| metadata.is_dir(),
                ) =>
            {
                findings.push(Finding::fail(format!("{why}: Telegraf does not start")));
            }
            Err(why) => findings.push(Finding::warn(format!("{why}: it was not looked at"))),
        }
    }
    Ok((files, findings))
}

fn read(path: &Path, env: Env<'_>) -> Result<telegraf_conf::Document, String> {
    let mut text = Vec::new();
    file::read(path, file::MAX_CONFIG, &mut text).map_err(|error| cannot_read(path, &error))?;
    telegraf_conf::read(&text, Variables::Replaced(env))
        .map_err(|why| format!("{}: {why}", QuotedPath(path)))
}

/// That a file cannot be read, why, and the way out where that is known.
#[must_use]
pub fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {error}{}", QuotedPath(path), why_denied(path, error))
}

/// Why it may not be read, where that is so, and the way out, to stand behind the error.
fn why_denied(path: &Path, error: &io::Error) -> String {
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let why = is_denied.then(|| file::why_denied(path)).flatten();
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

/// Appends the files that Telegraf reads in a folder, in its order: those that end in `.conf`, at any depth,
/// but in folders whose names begin with two dots.
fn walk(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries.into_iter().filter(|_| depth < MAX_DEPTH) {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !name.starts_with(b"..") {
            // What cannot be looked into, Telegraf passes over too.
            let _ = walk(&entry.path(), depth + 1, paths);
        } else if !is_folder && name.len() > ".conf".len() && name.ends_with(b".conf") {
            paths.push(entry.path());
        }
        if paths.len() > MAX_FILES {
            break;
        }
    }
    Ok(())
}

/// What there is at a path.
#[must_use]
pub fn look(path: &Path) -> Found {
    let found = fs::canonicalize(path);
    let read = found.and_then(|found| {
        match file::read(&found, file::MAX_CONFIG, &mut Vec::new()) {
            // A program is.
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(found),
            read => read.map(|()| found),
        }
    });
    match read {
        Ok(found) => Found::File(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Missing,
        Err(error) => Found::Unread(format!("{error}{}", why_denied(path, &error))),
    }
}

/// What becomes of a program that Telegraf would start by that name, which it looks for in `path` where it is a bare
/// one.
#[must_use]
pub fn start(program: &str, path: Option<&OsStr>) -> Start {
    let given = Path::new(program);
    if given.has_root() || given.is_absolute() {
        return start_of(given);
    }
    if program.is_empty() {
        return Start::Missing;
    }
    // Another is looked for where Telegraf was started, and one with a variable is not known.
    let is_bare = !program.contains(path::is_separator) && !program.contains('$');
    let Some(path) = path.filter(|_| is_bare) else { return Start::Unknown };
    let names = [program.to_owned(), format!("{program}{EXE_SUFFIX}")];
    let folders = env::split_paths(path);
    let mut found =
        folders.flat_map(|folder| names.clone().map(|name| start_of(&folder.join(name))));
    found.find(|found| matches!(found, Start::File(_))).unwrap_or(Start::NotInPath)
}

fn start_of(path: &Path) -> Start {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Start::NoFile,
        Ok(_) if !file::is_executable(path) => Start::Forbidden,
        Ok(_) => Start::File(path.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Start::Missing,
        Err(_) => Start::Unknown,
    }
}
