//! What all systems of the Unix family have.

pub mod file;
pub mod output;
pub mod trigger;
