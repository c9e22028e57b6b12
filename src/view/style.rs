//! How cells look on a terminal.

use anstyle::{AnsiColor, Style};

use super::text::{self, Charset};

/// What a text is for, which says how it looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// As any text.
    #[default]
    Plain,
    /// A heading.
    Title,
    /// What matters less.
    Faint,
    /// What works.
    Good,
    /// What an operator may want to look at.
    Notice,
    /// What goes wrong now.
    Alert,
}

impl Tone {
    fn style(self) -> Style {
        let colored = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Title => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => colored(AnsiColor::Green),
            Self::Notice => colored(AnsiColor::Yellow),
            Self::Alert => colored(AnsiColor::Red).bold(),
        }
    }
}

/// What the output can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How many cells a line has; `None` where there is no end.
    pub width: Option<usize>,
    /// Whether it has styles and colours.
    pub has_colours: bool,
    /// Its characters.
    pub charset: Charset,
}

impl Look {
    /// A line that is cut where there is no more room.
    #[must_use]
    pub fn line(self, text: &str, tone: Tone) -> String {
        let mut line = String::new();
        let room = self.width.unwrap_or(usize::MAX);
        self.push(&mut line, &text::cut(text, room, self.charset), tone);
        line
    }

    /// Appends the text as it looks.
    pub fn push(self, line: &mut String, text: &str, tone: Tone) {
        if !self.has_colours || tone == Tone::Plain || text.trim().is_empty() {
            line.push_str(text);
            return;
        }
        let style = tone.style();
        for part in [&style.render().to_string(), text, &style.render_reset().to_string()] {
            line.push_str(part);
        }
    }
}
