//! Prints what the parsers assume of a system's structures, for `packaging/layouts.c` to include.
//!
//! `make layouts` runs it, with the system's name.

use std::env;

use telegraf_net::parse::layouts;

fn main() -> Result<(), String> {
    let wanted = env::args().nth(1).ok_or("usage: layouts SYSTEM")?;
    let all = layouts::all();
    let found = all.iter().find(|(system, _)| *system == wanted);
    let (_, assumptions) = found.ok_or_else(|| format!("there is no table of {wanted}"))?;
    for assumption in assumptions {
        println!("{assumption}");
    }
    Ok(())
}
