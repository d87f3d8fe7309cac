//! One mark, one meaning; and what each mark becomes in plain ASCII.

use crate::wire::Sign;

/// Which characters may be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GlyphSet {
    /// One-cell marks, lines and blocks.
    #[default]
    Unicode,
    /// ASCII only: for terminals that draw ambiguous marks two cells wide.
    Ascii,
}

/// The mark of a sign, one cell wide.
pub(super) fn mark(sign: Sign) -> char {
    match sign {
        Sign::NotYet => '·',
        Sign::Running => '►',
        Sign::Partly => '◐',
        Sign::Done => '✓',
        Sign::NeedsHuman => '!',
        Sign::Held => '≡',
        Sign::Paused => '‖',
        Sign::Throttled => '▲',
        Sign::Failed => '✗',
        Sign::Unknown => '?',
        Sign::RolledBack => '↺',
    }
}

/// The ASCII stand-in of one cell; foreign letters become `?`.
pub(super) fn ascii(symbol: &str) -> &str {
    if symbol.is_ascii() {
        return symbol;
    }
    match symbol {
        "·" | "…" => ".",
        "►" | "→" => ">",
        "◐" => "~",
        "✓" => "+",
        "≡" | "█" | "▉" | "▊" | "▋" | "▌" | "▍" | "▎" | "▏" => "#",
        "▁" => "_",
        "▂" => ".",
        "▃" => ":",
        "▄" => "-",
        "▅" => "=",
        "▆" => "+",
        "▇" => "*",
        "‖" => "=",
        "▲" => "^",
        "✗" | "×" => "x",
        "↺" | "←" => "<",
        "●" => "*",
        "–" | "─" | "░" => "-",
        "│" => "|",
        "┌" | "┐" | "└" | "┘" => "+",
        "▐" => "|",
        _ => "?",
    }
}
