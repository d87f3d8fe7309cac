//! How a cockpit or a script talks to an engine.
//!
//! [`client`] is the trait that screens know; [`embedded`] is an engine in
//! the same process. Must not decide anything, and must never let a slow
//! client slow the engine.

pub mod client;
pub mod embedded;
