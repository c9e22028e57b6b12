#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| telegraf_net_fuzz::run("records", bytes));
