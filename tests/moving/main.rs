//! Moving over from `inputs.net`, `inputs.nstat` and `node_exporter`, and what reads the series then: with the real
//! Telegraf, a real `InfluxDB`, and the commands, blocks and queries that docs/ has.
//!
//! `make test-moving` runs these with the Telegrafs that `TELEGRAFS` names, separated by spaces, and the plugin
//! that `TELEGRAF_NET` names. All that is started lives in network namespaces of the test's own. Telegraf writes
//! to the database by a Unix socket, so that counters stand still unless the test moves them.

#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
mod convert;
mod database;
mod documents;
mod grafana;
mod http;
mod lab;
mod names;
mod prometheus;
mod running;
mod series;
