//! The plugin's configuration, with variables of any value.

use std::ffi::OsString;
use std::path::Path;

use telegraf_net::config::{Config, ConfigError};

use super::{assert_one_line, is_named, system};

pub(super) fn is_seed(path: &Path) -> bool {
    is_named(path, &["plugin.conf", "expected.conf"])
}

/// Some values that ask for more than they should, and for the others the variable's own name.
pub(super) fn hostile(name: &str) -> Option<OsString> {
    let value = match name.as_bytes().first()? {
        b'A' => String::new(),
        b'B' => "\"'\\\r\n[[inputs.net]]\n# \u{1b}".into(),
        b'C' => "\"]\n[[inputs.net]]\ninterfaces = [\"".into(),
        b'D' => "']\n[[inputs.net]]\ninterfaces = ['".into(),
        b'E' => "${A}${B}".into(),
        b'F' => "x".repeat(5000),
        b'G' => "1s".into(),
        b'N' => return None,
        _ => name.into(),
    };
    Some(value.into())
}

pub(super) fn run(bytes: &[u8]) {
    let system = system(bytes);
    let config = Config::parse_for(system, bytes, &hostile);
    check(bytes, &config);
    if !bytes.contains(&b'$') {
        return;
    }
    let plain = Config::parse_for(system, bytes, &|name| Some(name.into()));
    check(bytes, &plain);
    // No value makes another table of what follows it.
    if let (Ok(config), Ok(plain)) = (config, plain) {
        assert_eq!(config.tables.len(), plain.tables.len());
    }
}

fn check(bytes: &[u8], config: &Result<Config, ConfigError>) {
    let lines = bytes.split(|&byte| byte == b'\n').count();
    let is_line = |line: usize| (1..=lines).contains(&line);
    match config {
        Ok(config) => {
            assert!(
                (1..=lines).contains(&config.tables.len()) || config.tables.len() < bytes.len()
            );
            for warning in &config.warnings {
                assert!(is_line(warning.line), "{warning} of {lines} lines");
                assert_one_line(warning);
            }
            for table in &config.tables {
                let _ = (table.wants(), table.protocol_groups(), table.named_groups());
                let patterns = [&table.selection.interfaces, &table.selection.interface_exclude];
                for name in [&b"eth0"[..], b"", b"\xff", &bytes[..bytes.len().min(15)]] {
                    patterns.into_iter().flatten().for_each(|some| _ = some.matches(name));
                    let _ = table.namespaces.selects(name);
                }
            }
        }
        Err(error) => {
            assert_one_line(error);
            match error.line {
                Some(line) => assert!(is_line(line), "{error} of {lines} lines"),
                // Nothing stands where a table is missing.
                None => assert!(error.message.starts_with("no [[inputs.net]] table"), "{error}"),
            }
        }
    }
}
