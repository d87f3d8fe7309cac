//! Keys that move a cursor, wherever there is one.

use crate::cockpit::action::Action;

/// Rows of one page.
const PAGE: usize = 10;

/// The row that a moving key leads to from `here`, before it is held to the
/// rows there are; `None` for any other key.
pub(super) fn moved(action: Action, here: usize) -> Option<usize> {
    Some(match action {
        Action::Down => here.saturating_add(1),
        Action::Up => here.saturating_sub(1),
        Action::First => 0,
        Action::Last => usize::MAX,
        Action::PageDown => here.saturating_add(PAGE),
        Action::PageUp => here.saturating_sub(PAGE),
        _ => return None,
    })
}
