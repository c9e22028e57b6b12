//! What all systems of the Unix family have.

pub mod file;
pub mod signals;
pub(crate) mod stdio;
