//! The engine's end: sees every view, never waits.

use super::deliver::{Carrier, Retry};
use super::due::{Due, due, event_of};
use super::ledger::{Ledger, Pace};
use super::message::Message;
use crate::base::Timestamp;
use crate::fleet::Notify;
use crate::rollout::Fact;
use crate::wire::{Delivery, FleetView, Header, NotifyView};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Messages that may wait for one of those outside. At one in five minutes
/// that is more than an hour; what does not fit is given up.
const MESSAGES_MAX: usize = 16;
/// How long an engine that leaves waits for what is on its way.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

/// Tells those outside.
#[derive(Debug, Default)]
pub struct Notifier {
    channels: Vec<Channel>,
    /// Facts that are told and were not yet, with their numbers.
    heard: Vec<(u64, Fact)>,
    /// What was due when last looked.
    due: Option<(Header, Due)>,
}

#[derive(Debug)]
struct Channel {
    ledger: Ledger,
    messages: mpsc::Sender<Message>,
    shown: watch::Sender<NotifyView>,
    leaving: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Notifier {
    /// Begins; must be called within a runtime unless nobody is to be told.
    pub fn new(all: &[Notify]) -> Self {
        Self::with(all, Retry::default())
    }

    /// With other waits.
    pub fn with(all: &[Notify], retry: Retry) -> Self {
        Self {
            channels: all.iter().map(|to| Channel::open(to, retry)).collect(),
            ..Self::default()
        }
    }

    /// A new fact.
    pub fn hear(&mut self, seq: u64, fact: &Fact) {
        if !self.channels.is_empty() && event_of(fact).is_some() {
            self.heard.push((seq, fact.clone()));
        }
    }

    /// A new view: what is due in it goes on its way.
    pub fn see(&mut self, view: &FleetView, now: Timestamp) {
        if self.channels.is_empty() {
            return;
        }
        let due = due(view, &std::mem::take(&mut self.heard), now);
        self.tell(&view.header, &due, now, Pace::Grouped);
        let open = Due {
            ended: Vec::new(),
            ..due
        };
        self.due = Some((view.header.clone(), open));
    }

    fn tell(&mut self, header: &Header, due: &Due, now: Timestamp, pace: Pace) {
        for channel in &mut self.channels {
            channel.tell(header, due, now, pace);
        }
    }

    /// How it goes, for the screens.
    pub fn shown(&self) -> Vec<NotifyView> {
        let shown = |c: &Channel| c.shown.borrow().clone();
        self.channels.iter().map(shown).collect()
    }

    /// Tells what still waits to be grouped, and waits a little for all that is
    /// on its way. Says what did not arrive.
    pub async fn close(&mut self, now: Timestamp) -> Vec<String> {
        if let Some((header, due)) = self.due.take() {
            self.tell(&header, &due, now, Pace::Last);
        }
        let channels = std::mem::take(&mut self.channels);
        let closed = channels.into_iter().map(Channel::close);
        let untold = futures_util::future::join_all(closed).await;
        untold.into_iter().flatten().collect()
    }
}

impl Channel {
    fn open(to: &Notify, retry: Retry) -> Self {
        let (messages, waiting) = mpsc::channel(MESSAGES_MAX);
        let (shown, _) = watch::channel(NotifyView {
            name: to.name.clone(),
            kind: to.to.word().to_owned(),
            delivery: Delivery::Idle,
            delivered: 0,
            given_up: 0,
            waiting: 0,
        });
        let (leaving, left) = watch::channel(false);
        let carrier = Carrier {
            to: to.clone(),
            retry,
            messages: waiting,
            shown: shown.clone(),
            leaving: left,
        };
        Self {
            ledger: Ledger::new(to.events.clone()),
            messages,
            shown,
            leaving,
            task: tokio::spawn(carrier.carry()),
        }
    }

    fn tell(&mut self, header: &Header, due: &Due, now: Timestamp, pace: Pace) {
        let Some(group) = self.ledger.see(due, now, pace) else {
            return;
        };
        let name = self.shown.borrow().name.clone();
        let message = Message::new(&name, header, group, now);
        // Counted first: the carrier may be quicker.
        self.shown.send_modify(|shown| shown.waiting += 1);
        if self.messages.try_send(message).is_err() {
            self.shown.send_modify(|shown| {
                shown.waiting = shown.waiting.saturating_sub(1);
                shown.given_up += 1;
            });
        }
    }

    async fn close(self) -> Option<String> {
        let Self {
            messages,
            shown,
            leaving,
            mut task,
            ..
        } = self;
        drop(messages);
        // It hears that when it waits.
        let _ = leaving.send(true);
        if tokio::time::timeout(LEAVE_WITHIN, &mut task).await.is_err() {
            task.abort();
        }
        let shown = shown.borrow().clone();
        let lost = shown.given_up + shown.waiting;
        let why = match &shown.delivery {
            Delivery::Failing { why, .. } => why.as_str(),
            Delivery::Idle | Delivery::Delivered(_) => "no time was left",
        };
        let NotifyView { kind, name, .. } = &shown;
        (lost > 0).then(|| format!("{kind} {name}: {lost} of what it should hear, {why}"))
    }
}

/// By this machine's clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |d| d.as_millis());
    Timestamp(u64::try_from(ms).unwrap_or(u64::MAX))
}
