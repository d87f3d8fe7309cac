//! The filter language: words that must all hold.
//!
//! `ring:early`, `stage:backfill`, `is:failed`, `instance:db-0`, `lag>5s`,
//! `lag<200ms`, any other word is looked for in name, instance and state; `!`
//! before a word turns it round.

use crate::wire::ShardView;
use memchr::memmem::Finder;

/// A parsed filter.
pub(super) struct Filter<'a> {
    words: Vec<(bool, Word<'a>)>,
}

enum Word<'a> {
    Ring(&'a str),
    Stage(&'a str),
    Is(&'a str),
    Instance(&'a str),
    LagOver(u64),
    LagUnder(u64),
    Text(Box<Finder<'a>>),
}

impl<'a> Filter<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let words = text
            .split_whitespace()
            .map(|word| match word.strip_prefix('!') {
                Some(word) if !word.is_empty() => (false, Word::parse(word)),
                _ => (true, Word::parse(word)),
            });
        Self {
            words: words.collect(),
        }
    }

    pub(super) fn passes(&self, shard: &ShardView) -> bool {
        self.words
            .iter()
            .all(|(wanted, word)| word.holds(shard) == *wanted)
    }
}

impl<'a> Word<'a> {
    fn parse(word: &'a str) -> Self {
        let lag = |sign: char| {
            let limit = word.strip_prefix("lag")?.strip_prefix(sign)?;
            milliseconds(limit)
        };
        if let Some(ring) = word.strip_prefix("ring:") {
            Self::Ring(ring)
        } else if let Some(stage) = word.strip_prefix("stage:") {
            Self::Stage(stage)
        } else if let Some(state) = word.strip_prefix("is:") {
            Self::Is(state)
        } else if let Some(instance) = word.strip_prefix("instance:") {
            Self::Instance(instance)
        } else if let Some(limit) = lag('>') {
            Self::LagOver(limit)
        } else if let Some(limit) = lag('<') {
            Self::LagUnder(limit)
        } else {
            Self::Text(Box::new(Finder::new(word)))
        }
    }

    fn holds(&self, shard: &ShardView) -> bool {
        let lag = shard.lag_ms.map(|lag| lag.value);
        match self {
            Self::Ring(ring) => shard.ring.as_str().starts_with(ring),
            Self::Stage(stage) => shard.stop.to_string().starts_with(stage),
            Self::Is(state) => {
                shard.standing.word.starts_with(state) || shard.phase.word().starts_with(state)
            }
            Self::Instance(instance) => shard.instance.starts_with(instance),
            Self::LagOver(limit) => lag.is_some_and(|lag| lag > *limit),
            Self::LagUnder(limit) => lag.is_some_and(|lag| lag < *limit),
            Self::Text(text) => {
                let within = |place: &str| text.find(place.as_bytes()).is_some();
                within(shard.name.as_str())
                    || within(&shard.instance)
                    || within(&shard.standing.word)
            }
        }
    }
}

/// `5s`, `200ms`, `200`.
fn milliseconds(text: &str) -> Option<u64> {
    if let Some(ms) = text.strip_suffix("ms") {
        return ms.parse().ok();
    }
    match text.strip_suffix('s') {
        Some(seconds) => seconds.parse::<u64>().ok()?.checked_mul(1_000),
        None => text.parse().ok(),
    }
}
