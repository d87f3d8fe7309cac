//! Lines of styled parts on a buffer, with every access checked.

use super::text::{fit, width};
use crate::base::Untrusted;
use crate::cockpit::glyphs::{GlyphSet, ascii, mark};
use crate::cockpit::theme::{Role, Theme};
use crate::wire::Sign;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// A piece of one line.
#[derive(Clone, Debug)]
pub(in crate::cockpit) struct Part {
    role: Role,
    text: String,
}

/// A piece of text in a role.
pub(in crate::cockpit) fn part(role: Role, text: impl Into<String>) -> Part {
    Part {
        role,
        text: text.into(),
    }
}

/// A mark and a word beside it.
pub(in crate::cockpit) fn sign(sign: Sign, word: &str) -> Part {
    let text = if word.is_empty() {
        mark(sign).to_string()
    } else {
        format!("{} {word}", mark(sign))
    };
    part(Role::from(sign), text)
}

/// Where a view draws.
pub(in crate::cockpit) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
}

impl<'a> Canvas<'a> {
    pub(in crate::cockpit) fn new(buffer: &'a mut Buffer, theme: &'a Theme) -> Self {
        buffer.set_style(buffer.area, theme.style(Role::Text));
        Self { buffer, theme }
    }

    pub(in crate::cockpit) fn area(&self) -> Rect {
        self.buffer.area
    }

    /// Draws one line; what does not fit is cut with `…`.
    pub(in crate::cockpit) fn line(&mut self, area: Rect, row: u16, parts: &[Part]) {
        let area = area.intersection(self.buffer.area);
        if row >= area.height {
            return;
        }
        let y = area.y + row;
        let mut x = area.x;
        for Part { role, text } in parts {
            let room = usize::from(area.right().saturating_sub(x));
            if room == 0 {
                return;
            }
            let clean = Untrusted::new(text.as_str()).to_string();
            let clean = if width(&clean) > room {
                fit(&clean, room)
            } else {
                clean
            };
            let style = self.theme.style(*role);
            x = self.buffer.set_stringn(x, y, clean, room, style).0;
        }
    }

    /// Draws the row in focus: reverse over its whole width.
    pub(in crate::cockpit) fn focus(&mut self, area: Rect, row: u16) {
        let area = area.intersection(self.buffer.area);
        if row < area.height {
            let line = Rect {
                y: area.y + row,
                height: 1,
                ..area
            };
            self.buffer
                .set_style(line, self.theme.style(Role::Selection));
        }
    }

    /// Draws a frame with a title and returns what is inside.
    pub(in crate::cockpit) fn frame(&mut self, area: Rect, title: &str, role: Role) -> Rect {
        let area = area.intersection(self.buffer.area);
        if area.width < 2 || area.height < 2 {
            return Rect { height: 0, ..area };
        }
        let inner = usize::from(area.width - 2);
        let title = match title {
            "" => String::new(),
            title => format!(" {title} "),
        };
        let title = fit(&title, width(&title).min(inner));
        let rest = "─".repeat(inner - width(&title));
        let edge = |text: String| part(role, text);
        let top = [
            edge("┌".into()),
            part(Role::Title, title),
            edge(format!("{rest}┐")),
        ];
        self.line(area, 0, &top);
        for row in 1..area.height - 1 {
            self.line(area, row, &[edge("│".into())]);
            let right = Rect {
                x: area.right() - 1,
                width: 1,
                ..area
            };
            self.line(right, row, &[edge("│".into())]);
        }
        let bottom = edge(format!("└{}┘", "─".repeat(inner)));
        self.line(area, area.height - 1, &[bottom]);
        Rect {
            x: area.x + 1,
            y: area.y + 1,
            width: area.width - 2,
            height: area.height - 2,
        }
    }

    /// Empties a box in the middle for a layer, and returns it.
    pub(in crate::cockpit) fn clear_middle(&mut self, wide: u16, high: u16) -> Rect {
        let whole = self.area();
        let (wide, high) = (wide.min(whole.width), high.min(whole.height));
        let area = Rect {
            x: whole.x + (whole.width - wide) / 2,
            y: whole.y + (whole.height - high) / 2,
            width: wide,
            height: high,
        };
        self.clear(area);
        area
    }

    /// Empties a box for what is drawn there instead.
    pub(in crate::cockpit) fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for row in 0..area.height {
            let blank = part(Role::Text, " ".repeat(usize::from(area.width)));
            self.buffer.set_style(
                Rect {
                    y: area.y + row,
                    height: 1,
                    ..area
                },
                Style::reset().patch(self.theme.style(Role::Text)),
            );
            self.line(area, row, &[blank]);
        }
    }

    /// The last thing done to a screen: every cell in the wanted characters.
    pub(in crate::cockpit) fn finish(self, glyphs: GlyphSet) {
        if glyphs == GlyphSet::Unicode {
            return;
        }
        for cell in &mut self.buffer.content {
            let plain = ascii(cell.symbol()).to_owned();
            cell.set_symbol(&plain);
        }
    }
}
