//! Delivers messages to one of those outside, one after the other.

use super::http::{self, Post};
use super::message::Message;
use super::sign::Key;
use super::untold::Untold;
use super::{command, notifier};
use crate::base::{Backoff, Digest, Secret, Timestamp};
use crate::fleet::{Notify, NotifyTo, SecretRef};
use crate::wire::{Delivery, NotifyView};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How often and when a message is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The first wait is at most this long; later ones double.
    pub first: Duration,
    /// And at most this long.
    pub longest: Duration,
    /// After so many tries a message is given up.
    pub tries_max: u32,
}

impl Default for Retry {
    /// Ten tries within about a quarter of an hour. What has not arrived by
    /// then is old news; what still needs somebody stands on the screen.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            longest: Duration::from_secs(300),
            tries_max: 10,
        }
    }
}

/// Once an engine leaves, waits are cut to this.
const LEAVING: Duration = Duration::from_secs(1);

/// Delivers to one of those outside until nobody sends any more.
pub(super) struct Carrier {
    pub(super) to: Notify,
    pub(super) retry: Retry,
    pub(super) messages: mpsc::Receiver<Message>,
    pub(super) shown: watch::Sender<NotifyView>,
    /// Set once the engine leaves.
    pub(super) leaving: watch::Receiver<bool>,
}

impl Carrier {
    pub(super) async fn carry(mut self) {
        // Whoever forgot a secret is to see it now, not at the first alarm.
        if let Err(why) = ready(&self.to).await {
            self.failing(&why);
        }
        while let Some(message) = self.messages.recv().await {
            self.deliver(&message).await;
        }
    }

    async fn deliver(&mut self, message: &Message) {
        let mut backoff = Backoff::new(self.retry.first, self.retry.longest);
        for tried in 1..=self.retry.tries_max {
            match try_once(&self.to, message, notifier::now()).await {
                Ok(_) => {
                    return self.shown.send_modify(|shown| {
                        shown.delivery = Delivery::Delivered(notifier::now());
                        shown.delivered += 1;
                        shown.waiting = shown.waiting.saturating_sub(1);
                    });
                }
                Err(why) => self.failing(&why),
            }
            if tried < self.retry.tries_max {
                self.rest(backoff.next(chance(message, tried))).await;
            }
        }
        self.shown.send_modify(|shown| {
            shown.given_up += 1;
            shown.waiting = shown.waiting.saturating_sub(1);
        });
    }

    fn failing(&self, why: &Untold) {
        self.shown.send_modify(|shown| {
            let since = match &shown.delivery {
                Delivery::Failing { since, .. } => *since,
                Delivery::Idle | Delivery::Delivered(_) => notifier::now(),
            };
            let why = why.to_string();
            shown.delivery = Delivery::Failing { since, why };
        });
    }

    async fn rest(&mut self, period: Duration) {
        let mut leaving = self.leaving.clone();
        let left = async {
            // Whoever would tell has gone: nothing is waited for.
            let _ = leaving.wait_for(|leaving| *leaving).await;
        };
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            () = left => tokio::time::sleep(period.min(LEAVING)).await,
        }
    }
}

/// Chance that needs no source: messages differ, and so do tries.
fn chance(message: &Message, tried: u32) -> u16 {
    let digest = Digest::of("jitter/1", &[message.id.as_bytes(), &tried.to_be_bytes()]);
    u16::from_be_bytes([digest.bytes()[0], digest.bytes()[1]])
}

/// Fetches a secret. It may run a program, so not on this thread.
async fn secret(reference: &SecretRef) -> Result<Secret, Untold> {
    let reference = reference.clone();
    let fetched = tokio::task::spawn_blocking(move || reference.resolve()).await;
    let secret =
        fetched.map_err(|e| Untold::Unready(format!("a secret cannot be fetched: {e}")))?;
    Ok(secret?)
}

/// Whether all that is needed to try is there.
async fn ready(to: &Notify) -> Result<(), Untold> {
    match &to.to {
        NotifyTo::Webhook { url, key } => {
            http::address(&secret(url).await?)?;
            Key::read(secret(key).await?.reveal())?;
        }
        NotifyTo::Slack { url } => {
            http::address(&secret(url).await?)?;
        }
        NotifyTo::Command { .. } => {}
    }
    Ok(())
}

/// Tries once to deliver a message; says what came back.
///
/// # Errors
/// Why it did not arrive.
pub async fn try_once(to: &Notify, message: &Message, now: Timestamp) -> Result<String, Untold> {
    let timeout = to.timeout;
    let status = match &to.to {
        NotifyTo::Webhook { url, key } => {
            let (url, key) = (secret(url).await?, secret(key).await?);
            let body = message.body();
            let at_s = now.0 / 1_000;
            let signature = Key::read(key.reveal())?.sign(&message.id, at_s, &body);
            http::post(Post {
                url,
                secrets: vec![key],
                headers: vec![
                    ("webhook-id", message.id.clone()),
                    ("webhook-timestamp", at_s.to_string()),
                    ("webhook-signature", signature),
                ],
                body,
                timeout,
            })
            .await?
        }
        NotifyTo::Slack { url } => {
            http::post(Post {
                url: secret(url).await?,
                secrets: Vec::new(),
                headers: Vec::new(),
                body: message.slack(),
                timeout,
            })
            .await?
        }
        NotifyTo::Command { argv, directory } => {
            command::run(argv, directory, &message.body(), timeout).await?;
            return Ok("exit status 0".into());
        }
    };
    Ok(format!("HTTP {status}"))
}
