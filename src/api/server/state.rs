//! What every handler is given.

use super::board::Board;
use crate::engine::port::Publisher;

/// An engine and those who are attached to it.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) engine: Publisher,
    pub(super) board: Board,
}
