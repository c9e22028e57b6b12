//! The source against kernels that are played.

mod faults;
mod kernel;
mod links;
mod speeds;
