//! Windows.

pub mod file;
