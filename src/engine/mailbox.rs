//! Carries orders and views between the engine and the inbox file.
//!
//! In a task of its own: the file lies on the journal's disk, and a disk that
//! hangs must not keep the engine from its work.

use super::clock;
use super::port::{Line, News};
use crate::base::{Period, Timestamp};
use crate::store::{self, Inbox, ORDER_AGE_MAX};
use crate::wire::{Answer, CommandEnvelope};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How often the inbox is read.
const READ: Duration = Duration::from_millis(200);
/// Views are posted for other processes at most this often.
const POST: Period = Period::from_ms(500);
/// How long the file may take to be closed.
const CLOSE: Duration = Duration::from_secs(2);

/// The task.
pub(super) struct Mailbox {
    leave: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Mailbox {
    pub(super) fn open(inbox: Inbox, line: Line) -> Self {
        let (leave, left) = oneshot::channel();
        let carrier = Carrier {
            inbox,
            line,
            after: 0,
            waiting: BTreeMap::new(),
            posted_at: Timestamp::default(),
        };
        let task = tokio::spawn(carrier.carry(left));
        Self { leave, task }
    }

    /// An engine that has stopped shows nothing any more: `status` is to read
    /// the journal.
    pub(super) async fn close(mut self) {
        // The task may have ended by itself; a view that stays is too old
        // within seconds.
        let _ = self.leave.send(());
        if tokio::time::timeout(CLOSE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

struct Carrier {
    inbox: Inbox,
    line: Line,
    after: i64,
    /// Numbers of the orders that wait for an answer, by key.
    waiting: BTreeMap<String, Vec<i64>>,
    posted_at: Timestamp,
}

impl Carrier {
    async fn carry(mut self, mut leave: oneshot::Receiver<()>) {
        let mut ticks = tokio::time::interval(READ);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = &mut leave => break,
                news = self.line.next() => match news {
                    Some(News::Answer(key, answer)) => self.answer(&key, &answer).await,
                    Some(News::View) => self.post().await,
                    // Nobody looks through the inbox.
                    Some(News::Sight(_)) => {}
                    None => break,
                },
                _ = ticks.tick() => self.read().await,
            }
        }
        while let Some(Some(News::Answer(key, answer))) = self.last_news() {
            self.answer(&key, &answer).await;
        }
        // Nothing can be done about a file that cannot be written now.
        let _ = self.inbox.withdraw_view().await;
        let _ = self.inbox.close().await;
    }

    /// What waits on the line already.
    fn last_news(&mut self) -> Option<Option<News>> {
        futures_util::FutureExt::now_or_never(self.line.next())
    }

    async fn read(&mut self) {
        let Ok(orders) = self.inbox.take_new(self.after).await else {
            return;
        };
        for order in orders {
            self.after = order.id;
            if let Some(late) = too_old(&order, clock::now()) {
                self.write(order.id, &late).await;
                continue;
            }
            match serde_json::from_str::<CommandEnvelope>(&order.order_json) {
                Ok(envelope) => {
                    let waiting = self.waiting.entry(envelope.key.clone()).or_default();
                    waiting.push(order.id);
                    self.line.ask(envelope);
                }
                Err(error) => {
                    let refused = Answer::Refused {
                        code: "unreadable".into(),
                        text: format!("the order cannot be read: {error}"),
                    };
                    self.write(order.id, &refused).await;
                }
            }
        }
    }

    async fn answer(&mut self, key: &str, answer: &Answer) {
        for id in self.waiting.remove(key).unwrap_or_default() {
            self.write(id, answer).await;
        }
    }

    async fn write(&self, id: i64, answer: &Answer) {
        let json = serde_json::to_string(answer).unwrap_or_default();
        // Whoever waits asks again with the same key.
        let _ = self.inbox.answer(id, &json).await;
    }

    /// Leaves the view where `status` in another process finds it.
    async fn post(&mut self) {
        let now = clock::now();
        let Some(published) = self.line.newest() else {
            return;
        };
        if now.since(self.posted_at) < POST {
            return;
        }
        self.posted_at = now;
        let json = serde_json::to_string(&*published.view).unwrap_or_default();
        // `status` reads the journal when there is no fresh view. An old view
        // must not look fresh because the disk was slow.
        let _ = self.inbox.post_view(&json, published.at).await;
    }
}

/// The answer to an order that nobody took while its sender still meant it: an
/// abort of last night must not come true this morning.
fn too_old(order: &store::Order, now: Timestamp) -> Option<Answer> {
    let age = now.since(order.at);
    (age > ORDER_AGE_MAX).then(|| Answer::Refused {
        code: "too_old".into(),
        text: format!(
            "posted {} s ago, when nobody took it; order it again if it is still meant",
            age.ms() / 1_000
        ),
    })
}
