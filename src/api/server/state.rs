//! What every handler is given.

use super::answer::Refused;
use super::board::Board;
use crate::engine::port::Publisher;
use crate::wire::People;
use std::sync::Arc;

/// An engine and those who are attached to it.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) engine: Publisher,
    pub(super) board: Board,
}

impl Served {
    /// Who there is. Until the engine has said so, nobody is anybody.
    pub(super) fn people(&self) -> Result<Arc<People>, Refused> {
        let newest = self.engine.line().newest();
        let newest = newest.ok_or_else(|| Refused::silent("it has only just begun; ask again"))?;
        Ok(newest.people)
    }
}
