//! What reaches the model, and what it wants done.

use super::dialog::Approved;
use crate::api::client::Told;
use crate::base::Timestamp;
use crate::wire::{CommandEnvelope, Look, ServerMessage};
use ratatui::crossterm::event::KeyEvent;
use ratatui::layout::{Position, Size};

/// Everything that can happen to a cockpit.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// A key, and when it was read.
    Key(KeyEvent, Timestamp),
    /// The terminal has this size now.
    Resized(Size),
    /// The mouse did something.
    Mouse(Mouse),
    /// The terminal's window is looked at, or no longer.
    Attention(Attention),
    /// Pasted text: never an answer to a question.
    Paste(String),
    /// From the engine, and when it came.
    Server(Box<ServerMessage>, Timestamp),
    /// The way to the engine is cut, and why; it is looked for.
    Lost(String, Timestamp),
    /// What the engine shows must not be believed, and why.
    Refused(String),
    /// The engine is gone for good.
    Gone,
    /// Time passes.
    Tick(Timestamp),
    /// The process is asked to end.
    Terminate,
}

impl Msg {
    /// What a client was told, at a moment; `None` is the end of it.
    pub fn told(told: Option<Told>, at: Timestamp) -> Self {
        match told {
            Some(Told::Message(message)) => Self::Server(message, at),
            Some(Told::Lost(why)) => Self::Lost(why, at),
            Some(Told::Refused(why)) => Self::Refused(why),
            None => Self::Gone,
        }
    }
}

/// Whether somebody looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attention {
    /// As far as is known.
    #[default]
    Here,
    /// The terminal said that another window has the keys.
    Away,
}

/// On or off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// It is on.
    On,
    /// It is off.
    #[default]
    Off,
}

/// What the mouse did, and on a screen of which size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    /// What.
    pub did: MouseDid,
    /// Where, in cells.
    pub at: Position,
    /// Columns and rows of the screen.
    pub size: Size,
}

/// What a mouse can do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseDid {
    /// The left button went down.
    Press,
    /// The wheel was turned away from the hand.
    WheelUp,
    /// The wheel was turned towards the hand.
    WheelDown,
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
    /// Put a text on the clipboard of the terminal.
    Copy(String),
    /// Call somebody who looks elsewhere.
    Call(String),
    /// Let the terminal report its mouse, or leave it alone.
    Mouse(Switch),
    /// Give the terminal back and stop until continued.
    Suspend,
    /// Leave.
    Quit,
}
