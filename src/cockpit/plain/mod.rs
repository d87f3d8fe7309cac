//! The cockpit as a conversation in lines, for screen readers and terminals
//! that can only print.
//!
//! The same model, the same update, the same commands and the same questions
//! as on the screen: a line that comes in is typed into them, and what they
//! show is said. No rule of the cockpit is written here a second time.

mod question;
mod shell;
mod talk;
mod words;

pub use shell::run;
pub use talk::Talk;
