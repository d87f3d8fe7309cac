//! An engine in the same process.
//!
//! The engine publishes whole views into one slot, where the newest wins.
//! Each client keeps the view it has told last and makes the difference when
//! it is read: a slow client skips views, it never holds memory or the engine.

use super::client::Client;
use crate::base::Timestamp;
use crate::wire::{Answer, CommandEnvelope, FleetView, ServerMessage, Stream, diff};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Acts that may wait for the engine, of all clients together.
const ORDERS_MAX: usize = 64;

/// Answers that may wait for one client.
const ANSWERS_MAX: usize = 256;

#[derive(Clone, Debug)]
struct Published {
    at: Timestamp,
    view: Arc<FleetView>,
}

/// The engine's end: publishes views and lets clients attach.
#[derive(Clone, Debug)]
pub struct Publisher {
    newest: watch::Sender<Option<Published>>,
    orders: mpsc::Sender<Asked>,
}

/// The engine's end: acts to decide, in the order in which they came.
pub type Orders = mpsc::Receiver<Asked>;

/// The two engine ends.
pub fn channel() -> (Publisher, Orders) {
    let (orders, receiver) = mpsc::channel(ORDERS_MAX);
    let (newest, _) = watch::channel(None);
    (Publisher { newest, orders }, receiver)
}

impl Publisher {
    /// Makes a view the newest one. Never waits. Publish at least once a
    /// second: an unchanged view becomes a heartbeat.
    pub fn publish(&self, view: FleetView, at: Timestamp) {
        let view = Arc::new(view);
        self.newest.send_replace(Some(Published { at, view }));
    }

    /// Attaches a client.
    pub fn client(&self) -> EmbeddedClient {
        let (answers, answered) = mpsc::channel(ANSWERS_MAX);
        let mut newest = self.newest.subscribe();
        newest.mark_changed();
        EmbeddedClient {
            newest,
            // Weak: a client that lives longer must not keep the engine's
            // queue open, and sees the end when the publisher is gone.
            orders: self.orders.downgrade(),
            answers,
            answered,
            told: None,
            seq: 0,
        }
    }
}

/// An act that waits for its answer. Dropping it unanswered tells the client.
#[derive(Debug)]
pub struct Asked {
    envelope: CommandEnvelope,
    answers: Option<mpsc::Sender<(String, Answer)>>,
}

impl Asked {
    /// What is asked.
    pub fn envelope(&self) -> &CommandEnvelope {
        &self.envelope
    }

    /// Answers. Never waits: a client that does not read its answers asks
    /// again with the same key.
    pub fn answer(mut self, answer: Answer) {
        self.tell(answer);
    }

    fn tell(&mut self, answer: Answer) {
        if let Some(answers) = self.answers.take() {
            // A client that went away needs no answer.
            let _ = answers.try_send((self.envelope.key.clone(), answer));
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.tell(engine_gone());
    }
}

fn engine_gone() -> Answer {
    Answer::Refused {
        code: "engine_gone".into(),
        text: "the engine is stopping and did not take it; start it again and look".into(),
    }
}

/// A client in the engine's process.
#[derive(Debug)]
pub struct EmbeddedClient {
    newest: watch::Receiver<Option<Published>>,
    orders: mpsc::WeakSender<Asked>,
    answers: mpsc::Sender<(String, Answer)>,
    answered: mpsc::Receiver<(String, Answer)>,
    told: Option<Arc<FleetView>>,
    seq: u64,
}

impl EmbeddedClient {
    /// The next stream message out of the newest view, if there is one.
    fn tell(&mut self) -> Option<Stream> {
        let Published { at, view } = self.newest.borrow_and_update().clone()?;
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

    async fn receive(&mut self) -> Option<ServerMessage> {
        loop {
            tokio::select! {
                biased;
                Some((key, answer)) = self.answered.recv() => {
                    return Some(ServerMessage::Answer { key, answer });
                }
                changed = self.newest.changed() => {
                    changed.ok()?;
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
        let asked = Asked {
            envelope: command,
            answers: Some(self.answers.clone()),
        };
        let Some(orders) = self.orders.upgrade() else {
            return asked.answer(engine_gone());
        };
        if let Err(mpsc::error::TrySendError::Full(mut back)) = orders.try_send(asked) {
            back.tell(Answer::Refused {
                code: "busy".into(),
                text: format!("{ORDERS_MAX} acts wait already; wait for their answers"),
            });
        }
    }

    fn next(&mut self) -> BoxFuture<'_, Option<ServerMessage>> {
        Box::pin(self.receive())
    }

    fn ask_snapshot(&mut self) {
        self.told = None;
        self.newest.mark_changed();
    }
}
