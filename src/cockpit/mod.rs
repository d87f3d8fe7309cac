//! The cockpit: what an operator sees and steers with.
//!
//! `update(&mut Model, Msg) -> Vec<Effect>` and `view(&Model, &mut Frame)`,
//! both pure; [`run()`](run::run) is the only part that knows a clock, the environment, a
//! terminal or a task. Imports `wire`, `api::client` and `base` only: the
//! cockpit never sees an engine, not even the one in its own process.

pub mod action;
pub mod complete;
pub mod dialog;
mod disabled;
mod environment;
mod glyphs;
mod input;
pub mod keymap;
mod model;
mod msg;
pub mod plain;

pub mod run;
pub mod shot;
mod terminal;
pub mod theme;
mod update;
mod view;
mod widgets;

pub use glyphs::GlyphSet;
pub use model::{
    Done, FleetRow, Frozen, Layer, Leaving, Level, Link, Lost, Model, Options, Order, Pane,
    Pending, Screen, Status,
};
pub use msg::{Attention, Effect, Mouse, MouseDid, Msg, Switch};

pub use run::{Exit, RunError};
pub use update::update;
pub use view::view;
