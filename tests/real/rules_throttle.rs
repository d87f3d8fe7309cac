//! The throttle, fed by real servers.
