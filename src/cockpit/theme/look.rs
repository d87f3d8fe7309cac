//! A look: colours and modifiers, and how much of them a terminal can show.

use ratatui::style::{Color, Modifier, Style};

/// How much colour a terminal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// None: bold, dim, underline and reverse only.
    Plain,
    /// The terminal's own 16 colours.
    #[default]
    Sixteen,
    /// 24 bits.
    True,
}

/// How a role looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Letters.
    pub fg: Option<Color>,
    /// Behind them.
    pub bg: Option<Color>,
    /// Bold, dim, reverse, underline.
    pub modifier: Modifier,
}

impl Look {
    /// For a terminal.
    pub fn style(self) -> Style {
        let mut style = Style::new().add_modifier(self.modifier);
        style.fg = self.fg;
        style.bg = self.bg;
        style
    }

    /// Whether a terminal of this depth shows it as it is meant.
    pub(super) fn fits(self, depth: Depth) -> bool {
        let sixteen = |c: Option<Color>| !matches!(c, Some(Color::Rgb(..) | Color::Indexed(_)));
        match depth {
            Depth::True => true,
            Depth::Sixteen => sixteen(self.fg) && sixteen(self.bg),
            Depth::Plain => self.fg.is_none() && self.bg.is_none(),
        }
    }

    /// Without its colours.
    pub(super) fn plain(self) -> Self {
        Self {
            fg: None,
            bg: None,
            ..self
        }
    }
}
