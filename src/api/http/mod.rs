//! An engine behind a socket or far away.
//!
//! One stream brings what happens; every act and every look is a request of
//! its own. A stream that breaks is opened again, after a wait that grows, and
//! begins with a snapshot: nothing of an old stream is mixed with a new one.

mod carrier;
mod chance;
mod request;
mod rest;
mod sse;

pub use carrier::deliver as give_act;
pub use request::{Access, RequestError, who_am_i};

use super::client::{Client, Told};
use crate::wire::{CommandEnvelope, Look};
use carrier::{Carrier, Want};
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Messages that wait to be read; then the stream waits, and the server skips.
const TOLD_MAX: usize = 64;
/// Wants that wait to be sent.
const WANTS_MAX: usize = 256;

/// A client of a daemon.
#[derive(Debug)]
pub struct HttpClient {
    told: mpsc::Receiver<Told>,
    wants: mpsc::Sender<Want>,
    task: JoinHandle<()>,
}

impl HttpClient {
    /// Begins to look for a daemon; never waits.
    pub fn attach(access: Access) -> Self {
        let (tell, told) = mpsc::channel(TOLD_MAX);
        let (wants, wanted) = mpsc::channel(WANTS_MAX);
        let carrier = Carrier::new(access, tell);
        let task = tokio::spawn(carrier.carry(wanted));
        Self { told, wants, task }
    }

    fn want(&self, want: Want) {
        // A cockpit that nobody can hear: its acts are called lost after a
        // while, its looks are repeated.
        let _ = self.wants.try_send(want);
    }
}

impl Drop for HttpClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client for HttpClient {
    fn send(&mut self, command: CommandEnvelope) {
        self.want(Want::Act(Box::new(command)));
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Told>> {
        Box::pin(self.told.recv())
    }

    fn look(&mut self, look: Look) {
        self.want(Want::Look(look));
    }

    fn ask_snapshot(&mut self) {
        self.want(Want::Snapshot);
    }

    fn here(&mut self, place: &str) {
        self.want(Want::Here(place.to_owned()));
    }
}
