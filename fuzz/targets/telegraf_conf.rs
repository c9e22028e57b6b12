//! Telegraf's configuration, as `--convert` and `--check` read it.

use std::path::{Path, PathBuf};

use telegraf_net::config::systems::System;
use telegraf_net::explain::block::{self, Context, Found, Start, TelegrafFile};
use telegraf_net::explain::check;
use telegraf_net::telegraf_conf::{self, Block, BlockOption, Document, Variables};

use super::plugin_conf::hostile;
use super::{assert_one_line, converted, is_named, system};

pub(super) fn is_seed(path: &Path) -> bool {
    is_named(path, &["telegraf.conf", "expected.conf", "execd.conf"])
}

pub(super) fn run(bytes: &[u8]) {
    if let Err(error) = converted::check(bytes, system(bytes))
        && let Some(line) = error.line
    {
        assert_line(bytes, line);
    }
    match telegraf_conf::read(bytes, Variables::AsWritten) {
        Ok(document) => {
            check_document(bytes, &document);
            for option in blocks(&document).flat_map(|block| &block.options) {
                let _ = (document.key(option), document.written(option));
                let _ = document.is_inline_table(option);
            }
        }
        Err(error) => assert_one_line(&error),
    }
    match telegraf_conf::read(bytes, Variables::Replaced(&hostile)) {
        Ok(document) => {
            check_document(bytes, &document);
            check_blocks(document);
        }
        Err(error) => assert_one_line(&error),
    }
}

fn blocks(document: &Document) -> impl Iterator<Item = &Block> {
    let inputs = document.inputs.iter().map(|input| &input.block);
    inputs.chain(&document.agent).chain(&document.global_tags)
}

fn check_document(bytes: &[u8], document: &Document) {
    assert!(document.mistakes.len() <= 20);
    for mistake in &document.mistakes {
        assert_one_line(mistake);
        mistake.line.into_iter().for_each(|line| assert_line(bytes, line));
    }
    for block in blocks(document) {
        assert_line(bytes, block.line);
        for BlockOption { key, line, value, .. } in &block.options {
            assert_line(bytes, *line);
            assert!(block.get(key).is_some());
            let _ = (value.agent_duration(), value.block_duration(), value.is_negative());
            let _ = (value.texts(), value.entries());
            assert!(value.variable().is_none_or(|variable| variable.starts_with('$')));
        }
    }
}

/// What `--check` says of it: lines that nothing in them breaks.
fn check_blocks(document: Document) {
    let files = [TelegrafFile { path: PathBuf::from("/etc/telegraf/telegraf.conf"), document }];
    let program = Path::new("/usr/bin/telegraf-net");
    let _ = block::environment(&files, Some(program));
    let start = |name: &str| match name {
        "telegraf-net" | "/usr/bin/telegraf-net" => Start::File(program.to_owned()),
        _ => Start::Missing,
    };
    let context = Context {
        config: Some(Path::new("/etc/telegraf-net/plugin.conf")),
        tables: &[],
        program: Some(program),
        look: &|path| match path.extension() {
            Some(_) => Found::File(path.to_owned()),
            None => Found::Missing,
        },
        start: &start,
        system: System::Linux,
    };
    let findings = block::check(&files, &context);
    let expected: usize = findings.iter().map(|finding| 1 + finding.more.len()).sum();
    let (said, _) = check::text(&findings);
    assert_eq!(said.lines().count(), expected + 1, "{said:?}");
    let steers = |one: char| one.is_control() && one != '\n';
    assert!(!said.contains(steers), "{said:?}");
}

/// Fails unless there is such a line; Telegraf ends one by a carriage return, too.
#[track_caller]
fn assert_line(bytes: &[u8], line: usize) {
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    assert!((1..=lines).contains(&line), "line {line} of {lines}");
}
