//! What metrics are written as.

pub mod influx;
