//! How a cockpit or a script talks to an engine.
//!
//! [`client`] is the trait that screens know; [`embedded`] is an engine in
//! the same process. Screens know [`client`] alone, which knows no
//! engine. Must not decide anything.

pub mod client;
pub mod embedded;
