//! What stands in docs/, for tests to run.

use std::fs;
use std::path::Path;

/// A document.
pub(crate) fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

/// The blocks of a document in that language.
pub(crate) fn blocks(name: &str, language: &str) -> Vec<String> {
    let document = document(name);
    let blocks = document.split("\n```").filter_map(|part| {
        let block = part.strip_prefix(language)?.strip_prefix('\n')?;
        Some(format!("{block}\n"))
    });
    blocks.collect()
}

/// The rows of a document's table that has this header, cell by cell.
pub(crate) fn table(name: &str, header: &str) -> Vec<Vec<String>> {
    let document = document(name);
    let (_, rows) = document.split_once(header).unwrap_or_else(|| panic!("no table {header}"));
    let rows = rows.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect()
}
