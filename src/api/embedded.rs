//! An engine in the same process.
//!
//! Each client keeps the view it has told last and makes the difference when
//! it is read: a slow client skips views.

use super::client::{Client, Told};
use crate::engine::port::{Line, News, Published, Publisher};
use crate::wire::{CommandEnvelope, FleetView, Look, ServerMessage, Stream, diff};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// A client in the engine's process.
#[derive(Debug)]
pub struct EmbeddedClient {
    line: Line,
    told: Option<Arc<FleetView>>,
    seq: u64,
}

/// Attaches a client to an engine.
pub fn attach(engine: &Publisher) -> EmbeddedClient {
    EmbeddedClient {
        line: engine.line(),
        told: None,
        seq: 0,
    }
}

impl EmbeddedClient {
    /// The next stream message out of the newest view, if there is one.
    fn tell(&mut self) -> Option<Stream> {
        let Published { at, view, .. } = self.line.newest()?;
        let Some(told) = self.told.replace(Arc::clone(&view)) else {
            self.seq += 1;
            return Some(Stream::Snapshot {
                seq: self.seq,
                at,
                view: Box::new((*view).clone()),
            });
        };
        let delta = diff(&told, &view);
        if delta.is_empty() {
            return Some(Stream::Heartbeat { seq: self.seq, at });
        }
        self.seq += 1;
        Some(Stream::Delta {
            seq: self.seq,
            at,
            delta: Box::new(delta),
        })
    }

    /// The next message; `None` when the engine is gone for good. Dropping
    /// the future loses nothing.
    pub async fn receive(&mut self) -> Option<ServerMessage> {
        loop {
            match self.line.next().await? {
                News::Answer(key, answer) => return Some(ServerMessage::Answer { key, answer }),
                News::Sight(sight) => return Some(ServerMessage::Sight(*sight)),
                News::View => {
                    if let Some(stream) = self.tell() {
                        return Some(ServerMessage::Stream(stream));
                    }
                }
            }
        }
    }
}

impl Client for EmbeddedClient {
    fn send(&mut self, command: CommandEnvelope) {
        self.line.ask(command);
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Told>> {
        Box::pin(async { Some(Told::Message(Box::new(self.receive().await?))) })
    }

    fn look(&mut self, look: Look) {
        self.line.look(look);
    }

    fn ask_snapshot(&mut self) {
        self.told = None;
        self.line.look_again();
    }

    /// Nobody else is in this process.
    fn here(&mut self, _place: &str) {}
}
