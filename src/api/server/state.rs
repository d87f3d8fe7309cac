//! What every handler is given.

use super::answer::Refused;
use super::board::Board;
use super::rate::Rates;
use crate::api::uses::TokenUses;
use crate::engine::port::Publisher;
use crate::wire::People;
use std::sync::Arc;
use std::time::Duration;

/// An engine, those who are attached to it, and how often each has asked.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) engine: Publisher,
    pub(super) board: Board,
    pub(super) rates: Rates,
    pub(super) uses: TokenUses,
}

/// How long a daemon that has only just begun may take to know its people.
const BEGINS_WITHIN: Duration = Duration::from_secs(5);

impl Served {
    /// Who there is. Until the engine has said so, nobody is anybody.
    pub(super) async fn people(&self) -> Result<Arc<People>, Refused> {
        let mut line = self.engine.line();
        let begun = async {
            loop {
                if let Some(published) = line.newest() {
                    return Some(published.people);
                }
                line.next().await?;
            }
        };
        match tokio::time::timeout(BEGINS_WITHIN, begun).await {
            Ok(Some(people)) => Ok(people),
            Ok(None) | Err(_) => Err(Refused::silent("ask again")),
        }
    }
}
