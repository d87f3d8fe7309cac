//! What reaches the model, and what it wants done.

use super::dialog::Approved;
use crate::base::Timestamp;
use crate::wire::{CommandEnvelope, Look, ServerMessage};
use ratatui::crossterm::event::KeyEvent;

/// Everything that can happen to a cockpit.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// A key, and when it was read.
    Key(KeyEvent, Timestamp),
    /// Pasted text: never an answer to a question.
    Paste(String),
    /// From the engine, and when it came.
    Server(Box<ServerMessage>, Timestamp),
    /// The engine is gone for good.
    Gone,
    /// Time passes.
    Tick(Timestamp),
    /// The process is asked to end.
    Terminate,
}

/// What the shell does for the model. There is no other way out.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send an act that has passed its dialog.
    Send(Approved<CommandEnvelope>),
    /// Ask to look at something.
    Look(Look),
    /// A message is missing: ask for everything again.
    AskSnapshot,
    /// Give the terminal back and stop until continued.
    Suspend,
    /// Leave.
    Quit,
}
