//! Themes: a look for every role. Files in `themes/`; a person's own files
//! stand before those. Colour only repeats what glyph and word say already.
//!
//! A mistake in a theme is a warning, never an error: at 3 a.m. the screen
//! must come up.

mod load;
mod look;
mod role;

pub use load::{Library, Loaded};
pub use look::{Depth, Look};
pub use role::Role;

use ratatui::style::Style;

/// A look for every role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Its name.
    pub name: String,
    looks: [Look; Role::ALL.len()],
}

impl Theme {
    /// How a role looks.
    pub fn look(&self, role: Role) -> Look {
        self.looks[role.place()]
    }

    /// The same, for a buffer.
    pub fn style(&self, role: Role) -> Style {
        self.look(role).style()
    }

    /// The same theme on a terminal that shows less: a role whose colours it
    /// cannot show looks as it does in `fallback`.
    #[must_use]
    pub fn at(mut self, depth: Depth, fallback: &Self) -> Self {
        for (look, instead) in self.looks.iter_mut().zip(fallback.looks) {
            if !look.fits(depth) {
                *look = match depth {
                    Depth::Plain => look.plain(),
                    _ => instead,
                };
            }
        }
        self
    }
}
