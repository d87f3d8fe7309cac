//! Roles, not colours. Colour only repeats what glyph and word say already.

use crate::wire::Sign;
use ratatui::style::{Color, Modifier, Style};

/// How much colour there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// The terminal's own 16 colours.
    #[default]
    Sixteen,
    /// None: bold, dim and reverse only.
    Plain,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Text,
    Muted,
    Title,
    Border,
    Focus,
    Key,
    Production,
    Live,
    Sign(Sign),
    Alarm,
}

impl Palette {
    pub(super) fn style(self, role: Role) -> Style {
        let (colour, modifier) = look(role);
        let style = Style::new().add_modifier(modifier);
        match (self, colour) {
            (Self::Sixteen, Some(colour)) => style.fg(colour),
            _ => style,
        }
    }
}

fn look(role: Role) -> (Option<Color>, Modifier) {
    match role {
        Role::Text => (None, Modifier::empty()),
        Role::Muted => (Some(Color::DarkGray), Modifier::empty()),
        Role::Title | Role::Key => (None, Modifier::BOLD),
        Role::Border => (Some(Color::DarkGray), Modifier::empty()),
        Role::Focus => (None, Modifier::REVERSED),
        Role::Production => (Some(Color::Red), Modifier::BOLD.union(Modifier::REVERSED)),
        Role::Live => (Some(Color::Green), Modifier::empty()),
        Role::Alarm => (Some(Color::Red), Modifier::BOLD),
        Role::Sign(sign) => of_sign(sign),
    }
}

fn of_sign(sign: Sign) -> (Option<Color>, Modifier) {
    match sign {
        Sign::NotYet => (Some(Color::DarkGray), Modifier::empty()),
        Sign::Running | Sign::Partly => (Some(Color::Cyan), Modifier::empty()),
        Sign::Done => (Some(Color::Blue), Modifier::empty()),
        Sign::NeedsHuman => (Some(Color::Yellow), Modifier::BOLD),
        Sign::Held | Sign::Paused => (Some(Color::Magenta), Modifier::empty()),
        Sign::Throttled => (Some(Color::Yellow), Modifier::empty()),
        Sign::Failed => (Some(Color::Red), Modifier::BOLD),
        Sign::Unknown => (Some(Color::DarkGray), Modifier::BOLD),
        Sign::RolledBack => (Some(Color::Magenta), Modifier::BOLD),
    }
}
