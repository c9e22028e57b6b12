//! The standard streams.

use windows_sys::Win32::Foundation::{CloseHandle, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Console::{
    GetStdHandle, STD_ERROR_HANDLE, STD_OUTPUT_HANDLE, SetStdHandle,
};

/// Closes stdout and stderr, so that their readers see the end before the process is gone. What is
/// written to them later goes nowhere.
pub fn close_outputs() {
    let mut closed = INVALID_HANDLE_VALUE;
    for name in [STD_OUTPUT_HANDLE, STD_ERROR_HANDLE] {
        // SAFETY: it takes and returns plain numbers.
        let handle = unsafe { GetStdHandle(name) };
        // Rust's streams ask for the handle at each write, and take none for a stream without effect.
        // SAFETY: a null handle is allowed, and means none.
        unsafe { SetStdHandle(name, std::ptr::null_mut()) };
        // Both may be the same one.
        if !handle.is_null() && handle != INVALID_HANDLE_VALUE && handle != closed {
            // SAFETY: the process owns the handle, nobody can ask for it any more, and nobody keeps a
            // copy: what the plugin writes by is a duplicate.
            unsafe { CloseHandle(handle) };
            closed = handle;
        }
    }
}
