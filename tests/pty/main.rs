//! The program as a person has it: in a real terminal, with keys, signals and
//! another size now and then.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod actions;
mod around;
mod crew;
mod foreign;
mod leaving;
mod panic;
mod paste;
mod plain;
mod resize;
mod scanner;
mod terminal;
