//! What all systems of the Unix family have.

pub mod file;
