//! How well we hear the engine.

use super::{Layer, Model, Screen};
use crate::base::{Period, Timestamp};

/// Silence after which nothing may be changed.
const STALE_AFTER: Period = Period::from_ms(3_000);

/// The way to the engine is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Since when.
    pub since: Timestamp,
    /// Why, as far as is known.
    pub why: String,
}

/// How well we hear the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing came yet.
    Connecting,
    /// All is heard.
    Live,
    /// Silence for so many seconds.
    Stale(u64),
    /// The way to it has been cut for so many seconds, and is looked for.
    Reconnecting(u64),
    /// What it shows must not be believed.
    Refused,
    /// Gone for good.
    Gone,
}

impl Model {
    /// How well we hear the engine.
    pub fn link(&self) -> Link {
        if self.refused.is_some() {
            return Link::Refused;
        }
        if self.gone {
            return Link::Gone;
        }
        if let Some(lost) = &self.lost {
            return Link::Reconnecting(self.now.since(lost.since).ms() / 1_000);
        }
        match self.heard_at {
            None => Link::Connecting,
            Some(_) if self.live.is_none() => Link::Connecting,
            Some(at) if self.now.since(at) >= STALE_AFTER => {
                Link::Stale(self.now.since(at).ms() / 1_000)
            }
            Some(_) => Link::Live,
        }
    }

    /// Where the operator looks, in a few words, for others to see.
    pub fn place(&self) -> String {
        if let Some(Layer::Dialog(dialog)) = &self.layer {
            return dialog.title.clone();
        }
        let screen = self.shown.screen.title().to_lowercase();
        match (self.shown.screen, &self.shard) {
            (Screen::Shard | Screen::Checks | Screen::Flags, Some(shard)) => {
                format!("{screen} of {shard}")
            }
            _ => screen,
        }
    }
}
