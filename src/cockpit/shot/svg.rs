//! A buffer as SVG: the same bytes for the same buffer, on every machine.

use super::shape::{CELL_HIGH, CELL_WIDE, Drawing, arms, block, drawing};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;

/// Space around the screen.
const MARGIN: f32 = 10.0;

/// Letters and ground of a terminal that says nothing of its own.
const INK: &str = "#d6dee8";
const GROUND: &str = "#10151c";

/// A picture of a screen; `title` is what a screen reader says of it.
pub fn svg(buffer: &Buffer, title: &str) -> String {
    let (mut out, ground) = begin(buffer, title);
    for y in 0..buffer.area.height {
        row(&mut out, buffer, y, &ground);
    }
    out.push_str("</svg>\n");
    out
}

/// Up to the ground of the screen; and its colour.
pub(super) fn begin(buffer: &Buffer, title: &str) -> (String, String) {
    let area = buffer.area;
    let wide = f32::from(area.width) * CELL_WIDE + 2.0 * MARGIN;
    let high = f32::from(area.height) * CELL_HIGH + 2.0 * MARGIN;
    let ground = buffer.content.first().map_or(GROUND.to_owned(), ground);
    let out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" \
         font-family=\"JetBrains Mono, DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"15\">\n\
         <title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{ground}\"/>\n",
        escape(title)
    );
    (out, ground)
}

pub(super) fn row(out: &mut String, buffer: &Buffer, y: u16, ground: &str) {
    let mut x = 0;
    while x < buffer.area.width {
        let first = &buffer[(x, y)];
        let kind = kind(first);
        let mut end = x + 1;
        while end < buffer.area.width {
            let next = &buffer[(end, y)];
            if kind != self::kind(next) || look(next) != look(first) || kind == Kind::Drawn {
                break;
            }
            end += 1;
        }
        run(out, buffer, (x, end, y), ground);
        x = end;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Letters,
    Drawn,
}

fn kind(cell: &Cell) -> Kind {
    let symbol = cell.symbol();
    if symbol.trim().is_empty() && !cell.modifier.contains(Modifier::UNDERLINED) {
        Kind::Blank
    } else if block(symbol).is_some()
        || arms(symbol).is_some()
        || drawing(symbol).is_some()
        || symbol == "░"
    {
        Kind::Drawn
    } else {
        Kind::Letters
    }
}

fn look(cell: &Cell) -> (Color, Color, Modifier) {
    (cell.fg, cell.bg, cell.modifier)
}

fn run(out: &mut String, buffer: &Buffer, (from, end, y): (u16, u16, u16), ground: &str) {
    let cell = &buffer[(from, y)];
    let left = MARGIN + f32::from(from) * CELL_WIDE;
    let top = MARGIN + f32::from(y) * CELL_HIGH;
    let wide = f32::from(end - from) * CELL_WIDE;
    let (ink, behind) = colours(cell);
    // Nothing here can fail: a String takes every write.
    if behind != ground {
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{CELL_HIGH}\" fill=\"{behind}\"/>"
        );
    }
    match kind(cell) {
        Kind::Blank => {}
        Kind::Drawn => drawn(out, cell.symbol(), (left, top), &ink),
        Kind::Letters => {
            let base = top + CELL_HIGH * 0.74;
            let look = format!("fill=\"{ink}\"{}", attributes(cell.modifier));
            for (x, word) in words(buffer, (from, end, y)) {
                let left = MARGIN + f32::from(x) * CELL_WIDE;
                let wide = f32::from(cells(&word)) * CELL_WIDE;
                let _ = writeln!(
                    out,
                    "<text x=\"{left}\" y=\"{base:.2}\" textLength=\"{wide}\" \
                     lengthAdjust=\"spacingAndGlyphs\" {look}>{}</text>",
                    escape(&word)
                );
            }
        }
    }
}

/// The words of a run, each where it stands: a viewer with another font keeps
/// the columns.
fn words(buffer: &Buffer, (from, end, y): (u16, u16, u16)) -> Vec<(u16, String)> {
    let mut words: Vec<(u16, String)> = Vec::new();
    let mut inside = false;
    for x in from..end {
        let symbol = buffer[(x, y)].symbol();
        if symbol.trim().is_empty() {
            inside = false;
            continue;
        }
        match words.last_mut() {
            Some((_, word)) if inside => word.push_str(symbol),
            _ => words.push((x, symbol.to_owned())),
        }
        inside = true;
    }
    words
}

fn cells(word: &str) -> u16 {
    // A word is no longer than its line, which is a u16 wide.
    u16::try_from(crate::cockpit::widgets::width(word)).unwrap_or(u16::MAX)
}

fn attributes(modifier: Modifier) -> String {
    let mut out = String::new();
    if modifier.contains(Modifier::BOLD) {
        out.push_str(" font-weight=\"bold\"");
    }
    if modifier.contains(Modifier::DIM) {
        out.push_str(" opacity=\"0.6\"");
    }
    if modifier.contains(Modifier::UNDERLINED) {
        out.push_str(" text-decoration=\"underline\"");
    }
    out
}

fn drawn(out: &mut String, symbol: &str, (left, top): (f32, f32), ink: &str) {
    if symbol == "░" {
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{CELL_WIDE}\" height=\"{CELL_HIGH}\" fill=\"{ink}\" opacity=\"0.25\"/>"
        );
    }
    if let Some((x, y, wide, high)) = block(symbol) {
        let (x, y) = (left + x * CELL_WIDE, top + y * CELL_HIGH);
        let (wide, high) = (wide * CELL_WIDE, high * CELL_HIGH);
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\" fill=\"{ink}\"/>"
        );
    }
    if let Some(mark) = drawing(symbol) {
        marked(out, &mark, (left, top), ink);
    }
    if let Some([to_left, to_right, up, down]) = arms(symbol) {
        let (x, y) = (left + CELL_WIDE / 2.0, top + CELL_HIGH / 2.0);
        let mut path = String::new();
        let ends = [
            (to_left, left, y),
            (to_right, left + CELL_WIDE, y),
            (up, x, top),
            (down, x, top + CELL_HIGH),
        ];
        for (_, to_x, to_y) in ends.into_iter().filter(|(there, ..)| *there) {
            let _ = write!(path, "M{x} {y}L{to_x} {to_y}");
        }
        let _ = writeln!(out, "<path d=\"{path}\" stroke=\"{ink}\" fill=\"none\"/>");
    }
}

fn marked(out: &mut String, mark: &Drawing, (left, top): (f32, f32), ink: &str) {
    let Drawing { stroked, filled } = mark;
    let begin = format!("<path transform=\"translate({left} {top})\" d=");
    let _ = writeln!(
        out,
        "{begin}\"{stroked}\" stroke=\"{ink}\" stroke-width=\"1.4\" fill=\"none\"/>"
    );
    if !filled.is_empty() {
        let _ = writeln!(out, "{begin}\"{filled}\" fill=\"{ink}\"/>");
    }
}

fn ground(cell: &Cell) -> String {
    colour(cell.bg).unwrap_or_else(|| GROUND.into())
}

/// Letters and ground, exchanged where they are reversed.
fn colours(cell: &Cell) -> (String, String) {
    let ink = colour(cell.fg).unwrap_or_else(|| INK.into());
    let behind = ground(cell);
    if cell.modifier.contains(Modifier::REVERSED) {
        (behind, ink)
    } else {
        (ink, behind)
    }
}

/// Of the 16 colours, the values of a night-blue terminal.
fn colour(colour: Color) -> Option<String> {
    let named = match colour {
        Color::Reset => return None,
        Color::Rgb(r, g, b) => return Some(format!("#{r:02x}{g:02x}{b:02x}")),
        Color::Black => "#000000",
        Color::Red => "#c0392b",
        Color::Green => "#3fae6a",
        Color::Yellow => "#e0b050",
        Color::Blue => "#4a7fd0",
        Color::Magenta => "#a070d0",
        Color::Cyan => "#4fc4cf",
        Color::Gray => "#c8d0d8",
        Color::DarkGray => "#7f8b99",
        Color::LightRed => "#ff7a70",
        Color::LightGreen => "#7ee0a0",
        Color::LightYellow => "#ffe08a",
        Color::LightBlue => "#7cb8ff",
        Color::LightMagenta => "#d0a0ff",
        Color::LightCyan => "#8ae8f0",
        Color::White => "#ffffff",
        // No theme names one of the 256.
        Color::Indexed(_) => return None,
    };
    Some(named.to_owned())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
