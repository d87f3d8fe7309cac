//! Lines, blocks and some marks as shapes: fonts leave gaps between the first
//! two, and many lack the marks.

/// Width of a cell in a picture, in SVG user units.
pub(super) const CELL_WIDE: f32 = 9.0;
/// Height of a cell.
pub(super) const CELL_HIGH: f32 = 19.0;

/// A filled rectangle inside a cell: x, y, width, height, as shares of it.
pub(super) type Block = (f32, f32, f32, f32);

/// What is filled of a cell that holds a block; `None` if it holds a letter.
pub(super) fn block(symbol: &str) -> Option<Block> {
    let eighths = |n: u8| Some((0.0, 0.0, f32::from(n) / 8.0, 1.0));
    let rising = |n: u8| {
        let high = f32::from(n) / 8.0;
        Some((0.0, 1.0 - high, 1.0, high))
    };
    match symbol {
        "▏" => eighths(1),
        "▎" => eighths(2),
        "▍" => eighths(3),
        "▌" => eighths(4),
        "▋" => eighths(5),
        "▊" => eighths(6),
        "▉" => eighths(7),
        "█" => eighths(8),
        "▐" => Some((0.5, 0.0, 0.5, 1.0)),
        "▁" => rising(1),
        "▂" => rising(2),
        "▃" => rising(3),
        "▄" => rising(4),
        "▅" => rising(5),
        "▆" => rising(6),
        "▇" => rising(7),
        _ => None,
    }
}

/// The arms of a line: left, right, up, down.
pub(super) fn arms(symbol: &str) -> Option<[bool; 4]> {
    Some(match symbol {
        "─" => [true, true, false, false],
        "│" => [false, false, true, true],
        "┌" => [false, true, false, true],
        "┐" => [true, false, false, true],
        "└" => [false, true, true, false],
        "┘" => [true, false, true, false],
        "├" => [false, true, true, true],
        "┤" => [true, false, true, true],
        "┬" => [true, true, false, true],
        "┴" => [true, true, true, false],
        "┼" => [true, true, true, true],
        _ => return None,
    })
}

/// A mark drawn in a cell, from the cell's upper left corner: what is stroked,
/// and what is filled.
pub(super) struct Drawing {
    pub(super) stroked: &'static str,
    pub(super) filled: &'static str,
}

/// The marks that are not left to a font.
pub(super) fn drawing(symbol: &str) -> Option<Drawing> {
    let (stroked, filled) = match symbol {
        "‖" => ("M3 4.5v10M6 4.5v10", ""),
        "◐" => (
            "M4.5 6a3.5 3.5 0 0 0 0 7a3.5 3.5 0 0 0 0 -7",
            "M4.5 6a3.5 3.5 0 0 0 0 7z",
        ),
        "↺" => ("M1.9 7.2a3.4 3.4 0 1 1 -0.7 3", "M0.6 4.6v3.8h3.8z"),
        _ => return None,
    };
    Some(Drawing { stroked, filled })
}
