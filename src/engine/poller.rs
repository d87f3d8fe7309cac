//! Polls the throttle signals of one shard.

use crate::base::{Period, ShardName};
use crate::shard::{Measurement, Shard};
use crate::wire::StepProgress;
use std::sync::Arc;
use tokio::sync::mpsc;

/// One poll.
pub struct Polled {
    /// The shard.
    pub shard: ShardName,
    /// Every signal.
    pub measured: Vec<Measurement>,
    /// How far a statement of ours is that the server counts.
    pub progress: Option<StepProgress>,
}

/// Polls until nobody listens any more. A poll that is slow delays only its
/// own shard: its readings grow stale, and stale closes the throttle.
pub async fn poll(shard: Arc<dyn Shard>, every: Period, polled: mpsc::Sender<Polled>) {
    let mut ticks = tokio::time::interval(every.duration());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let measured = shard.measure().await;
        let message = Polled {
            shard: shard.name().clone(),
            measured,
            progress: shard.step_progress().await,
        };
        if polled.send(message).await.is_err() {
            return;
        }
    }
}
