//! Lines and blocks as shapes: fonts leave gaps between them.

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
