//! How a cockpit or a script talks to an engine.
//!
//! [`client`] is the trait that screens know; [`embedded`] is an engine in
//! the same process, [`http`] one behind a socket or far away over [`tls`], and
//! [`server`] its other end. Screens know [`client`] alone, which knows no engine. Must not decide
//! anything about a rollout.

pub mod account;
pub mod address;
pub mod client;
pub mod embedded;
pub mod http;
mod message;
pub mod server;
pub mod tls;
pub mod token;
pub mod uses;
