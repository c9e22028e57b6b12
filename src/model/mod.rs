//! What is known of interfaces and protocols: plain data, which knows nothing of where it is from or
//! where it goes.

pub mod counters;
pub mod interface;
pub mod link;
pub mod properties;
pub mod protocol;
pub mod rates;
