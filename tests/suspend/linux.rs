//! A host that was suspended. It is a program of its own, because only one without threads can be moved
//! to where the clocks say that this happened.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::process::Command;

use super::common::machine::Sleeper;
use super::common::{is_skipped_without, proc_net_dev, text};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use telegraf_net::config::Config;
use telegraf_net::format::influx::Influx;
use telegraf_net::gather::Collector;
use telegraf_net::log::Log;
use telegraf_net::system::CurrentHost;

pub(crate) fn main() {
    // The log has one, and no thread can be moved then.
    if cfg!(feature = "threads") {
        return;
    }
    the_time_that_a_host_was_suspended_for_counts_for_dedup_interval();
    println!("test the_time_that_a_host_was_suspended_for_counts_for_dedup_interval ... ok");
}

fn the_time_that_a_host_was_suspended_for_counts_for_dedup_interval() {
    // As after two hours, which CLOCK_MONOTONIC does not count.
    let suspended = || {
        let mut command = Command::new("unshare");
        command.args(["--time", "--boottime", "7200", "--fork"]);
        command
    };
    let output = suspended().arg("true").output();
    let can = output.is_ok_and(|output| output.status.success());
    if is_skipped_without("root, and time namespaces", can) {
        return;
    }
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("net")).unwrap();
    fs::write(host.path().join("net/dev"), proc_net_dev(3)).unwrap();
    let folder = host.path().display();
    let config = format!(
        "[[inputs.net]]\nsource = 'procfs'\nhost_proc = '{folder}'\nhost_sys = '{folder}'\n\
         ignore_protocol_stats = true\ndedup_interval = '1h'\n"
    );
    let config = Config::parse(config.as_bytes(), &|_| None).unwrap();
    let mut collector = Collector::<CurrentHost>::new(config, &Influx, Log { debug: false });
    let mut count_lines = || {
        let mut batch = Vec::new();
        collector.gather(&mut batch, || false);
        text(&batch).lines().count()
    };
    assert_eq!([count_lines(), count_lines()], [3, 0]);
    let living = Sleeper::start(suspended().arg("cat"));
    let clocks = File::open(format!("/proc/{}/ns/time", living.pid)).unwrap();
    move_into_link_name_space(clocks.as_fd(), Some(LinkNameSpaceType::Time)).unwrap();
    assert_eq!([count_lines(), count_lines()], [3, 0], "after two hours");
}
