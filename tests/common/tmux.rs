//! A terminal of the test's own, in tmux, with a shell that waits for commands.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::machine::last_descendant;
use super::{PATIENCE, has, is_skipped_without, run, text};

/// Whether this test cannot run for want of tmux, which it then says.
pub(crate) fn is_skipped() -> bool {
    is_skipped_without("tmux", has("tmux", "-V"))
}

/// The terminal. It ends with the test.
pub(crate) struct Tmux {
    folder: TempDir,
}

/// What a terminal shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown(pub(crate) Vec<String>);

impl Tmux {
    /// One of that size. The shell is run by these words before its own, as by `ip netns exec NAME`.
    pub(crate) fn start(by: &[&str], (columns, lines): (usize, usize)) -> Self {
        let tmux = Self { folder: tempfile::tempdir().unwrap() };
        let config = tmux.folder.path().join("tmux.conf");
        fs::write(&config, "set -g status off\nset -g escape-time 0\n").unwrap();
        let mut command = Command::new(by.first().unwrap_or(&"tmux"));
        command.args(by.iter().skip(1));
        if !by.is_empty() {
            command.arg("tmux");
        }
        tmux.set_environment(&mut command);
        command.args(["-u", "-S"]).arg(tmux.socket()).arg("-f").arg(config);
        let (columns, lines) = (columns.to_string(), lines.to_string());
        run(command.args(["new-session", "-d", "-x", &columns, "-y", &lines, "env PS1='% ' sh"]));
        tmux.wait_for_prompt();
        tmux
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn set_environment(&self, command: &mut Command) {
        command.env("TMUX_TMPDIR", self.folder.path()).env("LANG", "C.UTF-8");
        let others = ["TMUX", "LC_ALL", "LC_CTYPE", "NO_COLOR", "HOST_PROC", "HOST_SYS", "COLUMNS"];
        for variable in others {
            command.env_remove(variable);
        }
    }

    fn tmux<S: AsRef<OsStr>>(&self, args: &[S]) -> String {
        let mut command = Command::new("tmux");
        self.set_environment(&mut command);
        text(&run(command.arg("-S").arg(self.socket()).args(args)).stdout)
    }

    /// A path for a file of the test's.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Types a command and Enter.
    pub(crate) fn type_line(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.press("Enter");
    }

    /// Presses a key by tmux's name for it, `C-c`.
    pub(crate) fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    pub(crate) fn resize(&self, (columns, lines): (usize, usize)) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &lines.to_string()]);
    }

    /// Closes the terminal, as if its window were closed.
    pub(crate) fn close(&self) {
        self.tmux(&["kill-pane"]);
    }

    /// What it shows, less the spaces at the ends of lines.
    pub(crate) fn shown(&self) -> Shown {
        let text = self.tmux(&["capture-pane", "-p"]);
        Shown(text.lines().map(|line| line.trim_end().to_owned()).collect())
    }

    /// The same with the codes of its colours.
    pub(crate) fn shown_in_colours(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// Waits until that is shown, whole: a look may find half a screen.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, what: &str, mut look: impl FnMut(&Shown) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            let shown = self.shown();
            if let Some(answer) = look(&shown) {
                return answer;
            }
            assert!(start.elapsed() < PATIENCE, "never: {what} in {shown:#?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The number of the process that runs there: the shell, or what it waits for.
    pub(crate) fn pid(&self) -> u32 {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        last_descendant(shell.trim().parse().unwrap())
    }

    /// Waits until its [state](Self::state) is that one: tmux may be behind with what was written.
    #[track_caller]
    pub(crate) fn wait_until_it_is(&self, expected: &(String, String)) {
        let start = Instant::now();
        while self.state() != *expected {
            assert!(start.elapsed() < PATIENCE, "{:#?} and not {expected:#?}", self.state());
        }
    }

    /// Waits until the shell asks for a command.
    #[track_caller]
    pub(crate) fn wait_for_prompt(&self) {
        self.wait_for("a prompt", |shown| {
            let last = shown.0.iter().rfind(|line| !line.is_empty())?;
            (last == "%").then_some(())
        });
    }

    /// Whether it is on its own screen, has a cursor, and goes on in the next line behind the last cell;
    /// and how it treats what is typed.
    pub(crate) fn state(&self) -> (String, String) {
        let flags = "#{alternate_on} #{cursor_flag} #{wrap_flag}";
        let flags = self.tmux(&["display-message", "-p", flags]).trim().to_owned();
        let tty = self.tmux(&["display-message", "-p", "#{pane_tty}"]);
        let stty = run(Command::new("stty").args(["-a", "-F", tty.trim()]));
        (flags, text(&stty.stdout))
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        self.set_environment(&mut command);
        let _ = command.arg("-S").arg(self.socket()).arg("kill-server").output();
    }
}

impl Shown {
    /// The only line that begins with that word.
    pub(crate) fn row(&self, name: &str) -> Option<&str> {
        let is_it = |line: &&String| line.split(' ').next() == Some(name);
        let mut rows = self.0.iter().filter(is_it).map(String::as_str);
        let row = rows.next();
        assert_eq!(rows.next(), None, "{name} twice in {self:#?}");
        row
    }

    /// What stands in that row below the end of a title, of which there may be several.
    pub(crate) fn cell(&self, name: &str, title: &str, number: usize) -> Option<&str> {
        let titles = self.row("INTERFACE")?;
        let (start, _) = titles.match_indices(title).nth(number)?;
        let end = start + title.len();
        let row = self.row(name)?;
        // Titles have no wide characters, and rows of the test's names have none but blocks of one cell.
        let end = row.char_indices().nth(end).map_or(row.len(), |(end, _)| end);
        row.get(..end)?.rsplit(' ').next()
    }
}
