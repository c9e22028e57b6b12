//! What `iphlpapi` tells of network adapters.
