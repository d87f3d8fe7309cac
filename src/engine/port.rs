//! The engine's side of the channel to its clients.
//!
//! The engine publishes whole views into one slot, where the newest wins, and
//! takes acts from one bounded queue: a slow client skips views, it never
//! holds memory or the engine. What a client makes of it is not known here.

use crate::base::Timestamp;
use crate::rollout::People;
use crate::wire::{Answer, CommandEnvelope, FleetView, Look, Sight};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Acts and looks that may wait for the engine, of all clients together.
const ORDERS_MAX: usize = 64;

/// Places beyond those that only calming acts may take: however many others
/// wait, somebody can stop the work.
const CALMING_MAX: usize = 64;

/// Answers that may wait for one client.
const ANSWERS_MAX: usize = 256;

/// A view and when it was made.
#[derive(Clone, Debug)]
pub struct Published {
    /// When.
    pub at: Timestamp,
    /// The view.
    pub view: Arc<FleetView>,
    /// Who there is, and what they may.
    pub people: Arc<People>,
}

/// The engine's end: publishes views and lets clients attach.
#[derive(Clone, Debug)]
pub struct Publisher {
    newest: watch::Sender<Option<Published>>,
    orders: mpsc::Sender<Request>,
}

/// The engine's end: what clients want, in the order in which they came.
pub type Orders = mpsc::Receiver<Request>;

/// What a client wants.
#[derive(Debug)]
pub enum Request {
    /// An act to decide.
    Act(Asked),
    /// To look at something.
    Look(Looked),
}

/// A question that waits for its answer.
#[derive(Debug)]
pub struct Looked {
    look: Look,
    answers: mpsc::Sender<News>,
}

impl Looked {
    /// What is asked.
    pub fn look(&self) -> &Look {
        &self.look
    }

    /// Answers. Never waits: whoever still looks asks again.
    pub fn answer(self, sight: Sight) {
        let _ = self.answers.try_send(News::Sight(Box::new(sight)));
    }
}

/// The two engine ends.
pub fn channel() -> (Publisher, Orders) {
    let (orders, receiver) = mpsc::channel(ORDERS_MAX + CALMING_MAX);
    let (newest, _) = watch::channel(None);
    (Publisher { newest, orders }, receiver)
}

impl Publisher {
    /// Makes a view the newest one. Never waits. Publish at least once a
    /// second: an unchanged view becomes a heartbeat.
    pub fn publish(&self, view: FleetView, people: People, at: Timestamp) {
        let (view, people) = (Arc::new(view), Arc::new(people));
        let published = Published { at, view, people };
        self.newest.send_replace(Some(published));
    }

    /// The newest view, if there is one yet.
    pub fn newest(&self) -> Option<Published> {
        self.newest.borrow().clone()
    }

    /// Attaches a client.
    pub fn line(&self) -> Line {
        let (answers, answered) = mpsc::channel(ANSWERS_MAX);
        let mut newest = self.newest.subscribe();
        newest.mark_changed();
        Line {
            newest,
            // Weak: a client that lives longer must not keep the engine's
            // queue open, and sees the end when the publisher is gone.
            orders: self.orders.downgrade(),
            answers,
            answered,
        }
    }
}

/// An act that waits for its answer. Dropping it unanswered tells the client.
#[derive(Debug)]
pub struct Asked {
    envelope: CommandEnvelope,
    answers: Option<mpsc::Sender<News>>,
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
            let _ = answers.try_send(News::Answer(self.envelope.key.clone(), answer));
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

/// Whether only the places for calming acts are left.
fn is_full(orders: &mpsc::Sender<Request>) -> bool {
    orders.capacity() <= CALMING_MAX
}

fn busy() -> Answer {
    Answer::Refused {
        code: "busy".into(),
        text: format!("{ORDERS_MAX} acts wait already; wait for their answers"),
    }
}

/// What comes over a line.
#[derive(Clone, Debug)]
pub enum News {
    /// The answer to the act with this key.
    Answer(String, Answer),
    /// What was looked at.
    Sight(Box<Sight>),
    /// There is a newer view; [`Line::newest`] has it.
    View,
}

/// A client's end.
#[derive(Debug)]
pub struct Line {
    newest: watch::Receiver<Option<Published>>,
    orders: mpsc::WeakSender<Request>,
    answers: mpsc::Sender<News>,
    answered: mpsc::Receiver<News>,
}

impl Line {
    /// Asks for an act; the answer comes by [`Line::next`]. Never waits.
    pub fn ask(&self, envelope: CommandEnvelope) {
        let asked = Asked {
            envelope,
            answers: Some(self.answers.clone()),
        };
        let Some(orders) = self.orders.upgrade() else {
            return asked.answer(engine_gone());
        };
        if !asked.envelope.verb.is_calming() && is_full(&orders) {
            return asked.answer(busy());
        }
        let sent = orders.try_send(Request::Act(asked));
        if let Err(mpsc::error::TrySendError::Full(Request::Act(back))) = sent {
            back.answer(busy());
        }
    }

    /// Asks to look at something; what is seen comes by [`Line::next`] or with
    /// the views. Never waits; whoever sees nothing coming asks again.
    pub fn look(&self, look: Look) {
        if let Some(orders) = self.orders.upgrade().filter(|o| !is_full(o)) {
            let answers = self.answers.clone();
            let _ = orders.try_send(Request::Look(Looked { look, answers }));
        }
    }

    /// What comes next; `None` when the engine is gone for good. Dropping the
    /// future loses nothing.
    pub async fn next(&mut self) -> Option<News> {
        tokio::select! {
            biased;
            Some(answered) = self.answered.recv() => Some(answered),
            changed = self.newest.changed() => changed.ok().map(|()| News::View),
        }
    }

    /// The newest view.
    pub fn newest(&mut self) -> Option<Published> {
        self.newest.borrow_and_update().clone()
    }

    /// Makes the newest view count as new again.
    pub fn look_again(&mut self) {
        self.newest.mark_changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Actor;
    use crate::rollout::{Scope, Verb};

    fn envelope(key: usize, verb: Verb) -> CommandEnvelope {
        CommandEnvelope {
            key: key.to_string(),
            actor: Actor::person("lee"),
            scope: Scope::Fleet,
            verb,
            seen: None,
            confirm: None,
            reason: String::new(),
        }
    }

    /// An engine that takes nothing, and a client in a loop.
    #[tokio::test]
    async fn however_many_acts_wait_somebody_can_stop_the_work() {
        let (publisher, mut orders) = channel();
        let mut line = publisher.line();
        for key in 0..=ORDERS_MAX {
            line.look(Look::Plan);
            line.ask(envelope(key, Verb::Retry));
        }
        let Some(News::Answer(_, Answer::Refused { code, .. })) = line.next().await else {
            panic!("there is no end to what may wait");
        };
        assert_eq!(code, "busy");
        let other = publisher.line();
        other.ask(envelope(1_000, Verb::Pause));
        let mut taken = Vec::new();
        while let Ok(request) = orders.try_recv() {
            taken.push(request);
        }
        assert_eq!(taken.len(), ORDERS_MAX + 1);
        let last = taken.pop();
        let Some(Request::Act(asked)) = last else {
            panic!("the pause was not taken: {last:?}");
        };
        assert_eq!(asked.envelope().verb, Verb::Pause);
    }
}
