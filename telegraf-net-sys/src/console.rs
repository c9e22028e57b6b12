//! The console that a person looks at.

use std::io;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Console::{
    CONSOLE_MODE, CONSOLE_SCREEN_BUFFER_INFO, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT,
    ENABLE_PROCESSED_INPUT, ENABLE_PROCESSED_OUTPUT, ENABLE_VIRTUAL_TERMINAL_PROCESSING,
    GetConsoleMode, GetConsoleScreenBufferInfo, GetStdHandle, STD_HANDLE, STD_INPUT_HANDLE,
    STD_OUTPUT_HANDLE, SetConsoleMode,
};

/// How a console treats what is typed and written.
#[derive(Debug, Clone, Copy)]
pub struct Modes {
    /// `None` where stdin is no console.
    input: Option<CONSOLE_MODE>,
    output: CONSOLE_MODE,
}

/// The columns and lines of the window that stdout is shown in, if it is.
#[must_use]
pub fn size() -> Option<(usize, usize)> {
    let mut info = CONSOLE_SCREEN_BUFFER_INFO::default();
    // SAFETY: the pointer is to a structure of the right type, which lives on.
    let is_told = unsafe { GetConsoleScreenBufferInfo(handle(STD_OUTPUT_HANDLE), &raw mut info) };
    if is_told == 0 {
        return None;
    }
    let length = |first: i16, last: i16| usize::try_from(i32::from(last) - i32::from(first) + 1);
    let window = info.srWindow;
    length(window.Left, window.Right).ok().zip(length(window.Top, window.Bottom).ok())
}

/// Has the console that stdout is obey escape sequences. Returns whether it does.
#[must_use]
pub fn show_styles() -> bool {
    let Ok(mode) = mode(STD_OUTPUT_HANDLE) else { return false };
    set_mode(STD_OUTPUT_HANDLE, mode | ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING)
        .is_ok()
}

/// Has each key come at once, unseen, and none be a signal. Returns the modes of before.
///
/// # Errors
///
/// When stdout is no console.
pub fn take_keys() -> io::Result<Modes> {
    let modes = Modes { input: mode(STD_INPUT_HANDLE).ok(), output: mode(STD_OUTPUT_HANDLE)? };
    if let Some(input) = modes.input {
        let cooked = ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT | ENABLE_PROCESSED_INPUT;
        set_mode(STD_INPUT_HANDLE, input & !cooked)?;
    }
    Ok(modes)
}

/// Gives the console these modes.
pub fn set_modes(modes: &Modes) {
    if let Some(input) = modes.input {
        let _ = set_mode(STD_INPUT_HANDLE, input);
    }
    let _ = set_mode(STD_OUTPUT_HANDLE, modes.output);
}

fn handle(name: STD_HANDLE) -> HANDLE {
    // SAFETY: it takes and returns plain numbers.
    unsafe { GetStdHandle(name) }
}

fn mode(name: STD_HANDLE) -> io::Result<CONSOLE_MODE> {
    let mut mode = 0;
    // SAFETY: the pointer is to a number of the right type, which lives on.
    let is_told = unsafe { GetConsoleMode(handle(name), &raw mut mode) };
    if is_told == 0 { Err(io::Error::last_os_error()) } else { Ok(mode) }
}

fn set_mode(name: STD_HANDLE, mode: CONSOLE_MODE) -> io::Result<()> {
    // SAFETY: it takes plain numbers.
    let is_set = unsafe { SetConsoleMode(handle(name), mode) };
    if is_set == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
