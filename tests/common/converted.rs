//! What `--convert` prints, as it has to be whatever it is made of.

use telegraf_net::config::systems::System;
use telegraf_net::config::{Config, ConfigError};
use telegraf_net::convert::convert;

/// Fails unless what becomes of a `telegraf.conf` has its shape and can be read, or is an error on one line.
pub(crate) fn check(conf: &[u8], system: System) -> Result<(), ConfigError> {
    let shown = || conf.escape_ascii();
    let converted = convert(conf, system).inspect_err(|error| {
        assert!(!error.to_string().contains('\n'), "{error}: {}", shown());
    })?;
    let [plugin_conf, telegraf_d] =
        [&*system.plugin_conf("plugin"), system.telegraf_d()].map(|path| format!("# ---- {path}"));
    let heads = [
        "# Converted ",
        &plugin_conf,
        &telegraf_d,
        "## In place of ",
        "[[inputs.net]]",
        "[[inputs.execd]]",
    ];
    // What is copied stands at no margin, where a line can be taken for the head of a file.
    for line in converted.lines() {
        let is_at_margin = !line.is_empty() && !line.starts_with(char::is_whitespace);
        let is_head = heads.iter().any(|head| line.starts_with(*head));
        assert!(!is_at_margin || is_head, "{line:?} of {}", shown());
    }
    // A variable can be anything, and not even Telegraf knows.
    if conf.contains(&b'$') {
        return Ok(());
    }
    let parts: Vec<_> = converted.split("\n# ---- ").skip(1).collect();
    let (telegraf_conf, plugin_confs) = parts.split_last().expect("it has parts");
    let body = |part: &'_ str| part.split_once('\n').expect("a part has a head").1.to_owned();
    let error = convert(body(telegraf_conf).as_bytes(), system).expect_err("nothing is left");
    assert!(error.to_string().starts_with("no [[inputs.net]] "), "{error}: {}", shown());
    for part in plugin_confs {
        let config = Config::parse_for(system, body(part).as_bytes(), &|_| None);
        assert!(config.is_ok(), "{config:?}: {part}\n{}", shown());
    }
    Ok(())
}
