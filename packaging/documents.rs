//! Writes the man page and the shells' completions, from the command line's own definition.
//!
//! `make documents` runs it, with the folder to write them to. It is an example, and no part of the
//! program, so that the crates that it takes are none of the program's.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;
use telegraf_net::cli::Args;

/// What the definition has no place for, in the man page's own language.
const MORE_SECTIONS: &str = include_str!("sections.man");

/// The block for Telegraf's configuration, as the packages install it.
const EXECD_BLOCK: &str = include_str!("execd.conf");

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).map(PathBuf::from).ok_or("usage: documents FOLDER")?;
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("telegraf-net.1"), man_page()?)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Args::command(), "telegraf-net", &folder)?;
    }
    Ok(())
}

fn man_page() -> Result<Vec<u8>, Box<dyn Error>> {
    // The commit that the program's version tells is not that of a debug build.
    let version = concat!("telegraf-net ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(Args::command().name("telegraf-net")).source(version);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    // The one that is made from the definition has options without their values.
    page.extend_from_slice(b".SH SYNOPSIS\n.B telegraf\\-net\n.RI [ OPTION ]...\n");
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let (before, after) = MORE_SECTIONS
        .split_once("@EXECD_BLOCK@\n")
        .ok_or("sections.man has no place for the block")?;
    page.extend_from_slice(before.as_bytes());
    let options = EXECD_BLOCK.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    for line in options {
        page.extend_from_slice(line.replace('\\', "\\e").replace('-', "\\-").as_bytes());
        page.push(b'\n');
    }
    page.extend_from_slice(after.as_bytes());
    Ok(page)
}
