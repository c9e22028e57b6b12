//! What a terminal shows, with the codes of its colours, on stdin -> an SVG on stdout.

use std::io::{self, Read as _, Write as _};

use anstyle_svg::{Term, WIN10_CONSOLE};

fn main() -> io::Result<()> {
    let mut shown = String::new();
    io::stdin().read_to_string(&mut shown)?;
    let picture = Term::new().palette(WIN10_CONSOLE).render_svg(shown.trim_end());
    io::stdout().write_all(picture.as_bytes())
}
