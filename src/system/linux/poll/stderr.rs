//! Log lines on stderr, which must not hold metrics up.

use std::io::Write as _;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::pipe::PIPE_BUF;

/// The longest line, with its end: what a pipe that can be written to takes without blocking, and in
/// one piece (`pipe(7)`).
pub const MAX_LINE: usize = PIPE_BUF;

/// Writes that line, or drops it unmade where stderr is closed or cannot take it now.
pub fn write_line(line: impl FnOnce() -> String) {
    let stderr = std::io::stderr();
    let mut is_writable = [PollFd::new(&stderr, PollFlags::OUT)];
    // Where the kernel refuses to tell, the line that says so comes before all else.
    if retry_on_intr(|| poll(&mut is_writable, Some(&Timespec::default()))) != Ok(0) {
        // One write, so that lines of several processes on one stderr do not mix.
        let _ = stderr.lock().write_all(line().as_bytes());
    }
}
