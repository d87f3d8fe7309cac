//! Watches the rollout as any client does, and makes the trouble happen at
//! its moments. Without a screen it also steers.

use super::steward::{Steered, Steward};
use crate::api::client::Client as _;
use crate::api::embedded::EmbeddedClient;
use crate::base::Timestamp;
use crate::cli::terminal::told_to_end;
use crate::lab::demo::{Cast, Trouble, TroubleSeen};
use crate::wire::{FleetView, ServerMessage, Stream, fold};
use tokio::sync::oneshot;

/// Everything around one rollout.
pub(super) struct Director {
    pub(super) client: EmbeddedClient,
    pub(super) cast: Cast,
    pub(super) trouble: Trouble,
    /// Where nobody sits at a screen.
    pub(super) steward: Option<Steward>,
}

/// What is left when the curtain has fallen.
pub(super) struct Directed {
    pub(super) cast: Cast,
    pub(super) trouble: TroubleSeen,
    /// Why the steward did not see it through.
    pub(super) gave_up: Option<String>,
}

impl Director {
    /// Directs until the curtain falls. `stop` ends the engine.
    pub(super) async fn direct(
        mut self,
        mut curtain: oneshot::Receiver<()>,
        mut stop: Option<oneshot::Sender<()>>,
    ) -> Directed {
        let mut newest: Option<FleetView> = None;
        let mut gave_up = None;
        loop {
            let message = tokio::select! {
                biased;
                // Only ever dropped, never sent to.
                _ = &mut curtain => break,
                () = told_to_end(), if stop.is_some() => {
                    end(&mut stop);
                    gave_up = Some("it was told to stop".to_owned());
                    continue;
                }
                message = self.client.receive() => message,
            };
            let Some(message) = message else {
                // The engine is gone; the curtain falls by itself.
                let _ = (&mut curtain).await;
                break;
            };
            let Some(at) = take_in(&mut newest, message) else {
                continue;
            };
            let Some(view) = &newest else {
                self.client.ask_snapshot();
                continue;
            };
            for act in self.trouble.step(view, at) {
                self.cast.act(&act).await;
            }
            let steward = self.steward.as_mut().filter(|_| stop.is_some());
            match steward.map(|steward| steward.step(view, at)) {
                None => {}
                Some(Steered::Orders(orders)) => {
                    for order in orders {
                        self.client.send(order);
                    }
                }
                Some(Steered::Done) => end(&mut stop),
                Some(Steered::GaveUp(why)) => {
                    gave_up = Some(why);
                    end(&mut stop);
                }
            }
        }
        Directed {
            cast: self.cast,
            trouble: self.trouble.seen().clone(),
            gave_up,
        }
    }
}

fn end(stop: &mut Option<oneshot::Sender<()>>) {
    if let Some(stop) = stop.take() {
        // The engine may have stopped by itself meanwhile.
        let _ = stop.send(());
    }
}

/// Folds a message; gives its moment if it says how things stand.
fn take_in(newest: &mut Option<FleetView>, message: ServerMessage) -> Option<Timestamp> {
    match message {
        ServerMessage::Stream(Stream::Snapshot { at, view, .. }) => {
            *newest = Some(*view);
            Some(at)
        }
        ServerMessage::Stream(Stream::Delta { at, delta, .. }) => {
            if let Some(view) = newest {
                // The engine is in this process: none of its messages is lost.
                fold(view, *delta).ok()?;
            }
            Some(at)
        }
        ServerMessage::Stream(Stream::Heartbeat { at, .. }) => Some(at),
        // What was refused is asked for again once the view still wants it.
        ServerMessage::Answer { .. } | ServerMessage::Sight(_) | ServerMessage::Company(_) => None,
    }
}
