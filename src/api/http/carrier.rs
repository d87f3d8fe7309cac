//! Carries everything between a client and its daemon.

use super::chance::chance;
use super::request::{Access, RequestError, read, rest, send, who_am_i};
use super::rest::Rest;
use super::sse::Events;
use crate::api::client::Told;
use crate::api::message::{Command, Here, path};
use crate::base::Backoff;
use crate::wire::{Answer, CommandEnvelope, Look, ServerMessage, Sight};
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use serde::de::IgnoredAny;
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A stream that is silent for so long is broken: a daemon speaks three times a
/// second.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How long an act is tried to be delivered. Its sender still means it then,
/// and the daemon knows it by its key.
const DELIVER_WITHIN: Duration = Duration::from_secs(20);
/// Rest between two tries to deliver an act.
const DELIVER_AGAIN: Duration = Duration::from_millis(500);

/// The first wait before a stream is opened again is at most this long.
const FIRST: Duration = Duration::from_millis(200);
/// And every later one at most this long.
const LONGEST: Duration = Duration::from_secs(10);

/// What a client wants.
#[derive(Debug)]
pub(super) enum Want {
    Act(Box<CommandEnvelope>),
    Look(Look),
    Snapshot,
    Here(String),
}

pub(super) struct Carrier {
    access: Access,
    tell: mpsc::Sender<Told>,
    place: String,
    /// While the daemon wants to be left alone.
    rest: Rest,
    /// Requests under way; they end with this.
    asked: JoinSet<()>,
}

impl Carrier {
    pub(super) fn new(access: Access, tell: mpsc::Sender<Told>) -> Self {
        Self {
            access,
            tell,
            place: String::new(),
            rest: Rest::default(),
            asked: JoinSet::new(),
        }
    }

    /// Until nobody listens any more.
    pub(super) async fn carry(mut self, mut wants: mpsc::Receiver<Want>) {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        loop {
            let why = match self.open(&mut wants).await {
                Ok(Some(body)) => {
                    backoff.reset();
                    self.here();
                    match self.listen(body, &mut wants).await {
                        ControlFlow::Break(()) => return,
                        ControlFlow::Continue(None) => continue,
                        ControlFlow::Continue(Some(why)) => why,
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    self.rest.note(&error);
                    error.to_string()
                }
            };
            if self.tell.send(Told::Lost(why)).await.is_err() {
                return;
            }
            if self
                .wait(backoff.next(chance()).max(self.rest.left()), &mut wants)
                .await
                .is_break()
            {
                return;
            }
        }
    }

    /// A new stream; nothing when nobody listens any more.
    async fn open(
        &mut self,
        wants: &mut mpsc::Receiver<Want>,
    ) -> Result<Option<Incoming>, RequestError> {
        let access = self.access.clone();
        let opened = async move { send(&access, Method::GET, path::EVENTS, &()).await };
        tokio::pin!(opened);
        let response = loop {
            tokio::select! {
                response = &mut opened => break response?,
                want = wants.recv() => match want {
                    Some(want) => { self.want(want); }
                    None => return Ok(None),
                },
            }
        };
        if !response.status().is_success() {
            let status = response.status();
            let wait = rest(response.headers());
            let body = response.into_body().collect().await;
            let body = body.map(|b| b.to_bytes()).unwrap_or_default();
            return Err(super::request::problem(status, wait, &body));
        }
        Ok(Some(response.into_body()))
    }

    /// Reads a stream to its end; says why it ended, or nothing if another was
    /// asked for.
    async fn listen(
        &mut self,
        mut body: Incoming,
        wants: &mut mpsc::Receiver<Want>,
    ) -> ControlFlow<(), Option<String>> {
        let mut events = Events::default();
        loop {
            tokio::select! {
                biased;
                want = wants.recv() => match want {
                    Some(want) => if self.want(want) { return ControlFlow::Continue(None) },
                    None => return ControlFlow::Break(()),
                },
                frame = tokio::time::timeout(SILENCE_MAX, body.frame()) => {
                    let bytes = match frame {
                        Err(_) => return broken("the daemon has gone silent"),
                        Ok(None) => return broken("the daemon ended the stream"),
                        Ok(Some(Err(error))) => return broken(error),
                        Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                    };
                    match self.pass(&mut events, &bytes).await {
                        Ok(ControlFlow::Continue(())) => {}
                        Ok(ControlFlow::Break(())) => return ControlFlow::Break(()),
                        Err(why) => return broken(why),
                    }
                }
            }
            while self.asked.try_join_next().is_some() {}
        }
    }

    async fn pass(&self, events: &mut Events, bytes: &[u8]) -> Result<ControlFlow<()>, String> {
        events.push(bytes).map_err(|e| e.to_string())?;
        while let Some(data) = events.next().map_err(|e| e.to_string())? {
            let message = serde_json::from_str(&data)
                .map_err(|e| format!("the daemon speaks another version: {e}"))?;
            if self.tell.send(Told::Message(message)).await.is_err() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn wait(&mut self, time: Duration, wants: &mut mpsc::Receiver<Want>) -> ControlFlow<()> {
        let rested = tokio::time::sleep(time);
        tokio::pin!(rested);
        loop {
            tokio::select! {
                () = &mut rested => return ControlFlow::Continue(()),
                want = wants.recv() => match want {
                    Some(want) => { self.want(want); }
                    None => return ControlFlow::Break(()),
                },
            }
        }
    }

    /// Begins what is wanted. True: a new stream is.
    fn want(&mut self, want: Want) -> bool {
        match want {
            Want::Snapshot => return true,
            Want::Here(place) => {
                self.place = place;
                self.here();
            }
            Want::Act(envelope) => {
                let access = self.access.clone();
                let tell = self.tell.clone();
                self.asked.spawn(async move {
                    let key = envelope.key.clone();
                    let answer = insist(&access, *envelope).await;
                    let message = ServerMessage::Answer { key, answer };
                    let _ = tell.send(Told::Message(Box::new(message))).await;
                });
            }
            Want::Look(look) => {
                let access = self.access.clone();
                let tell = self.tell.clone();
                let rest = self.rest.clone();
                self.asked.spawn(async move {
                    // Whoever still looks asks again; a count comes with views.
                    let seen: Option<Sight> = rest
                        .unless(|| read(&access, Method::POST, path::LOOK, &look))
                        .await;
                    if let Some(sight) = seen {
                        let message = ServerMessage::Sight(sight);
                        let _ = tell.send(Told::Message(Box::new(message))).await;
                    }
                });
            }
        }
        false
    }

    fn here(&mut self) {
        let access = self.access.clone();
        let here = Here {
            place: self.place.clone(),
        };
        let rest = self.rest.clone();
        self.asked.spawn(async move {
            // A courtesy: nothing depends on it.
            let _: Option<IgnoredAny> = rest
                .unless(|| read(&access, Method::PUT, path::HERE, &here))
                .await;
        });
    }
}

fn broken(why: impl ToString) -> ControlFlow<(), Option<String>> {
    ControlFlow::Continue(Some(why.to_string()))
}

/// Sends an act until it is answered or not meant any more. The key makes it
/// one act however often it arrives.
///
/// # Errors
/// Nobody listens there: it was taken by nobody.
pub async fn deliver(access: &Access, envelope: CommandEnvelope) -> Result<Answer, RequestError> {
    match who_am_i(access).await {
        // Somebody is there, and an act that calms is taken all the same.
        Ok(_) | Err(RequestError::TooOften { .. }) => Ok(insist(access, envelope).await),
        Err(error) => Err(error),
    }
}

async fn insist(access: &Access, envelope: CommandEnvelope) -> Answer {
    let command = Command {
        key: envelope.key,
        scope: envelope.scope,
        verb: envelope.verb,
        seen: envelope.seen,
        confirm: envelope.confirm,
        reason: envelope.reason,
    };
    let tries = async {
        loop {
            let answered = read(access, Method::POST, path::COMMANDS, &command).await;
            match answered {
                Ok(answer) => return answer,
                // Whether it was taken is not known: the key makes it one act.
                Err(RequestError::Refused { code, .. })
                    if ["silent", "too_slow"].contains(&code.as_str()) =>
                {
                    tokio::time::sleep(DELIVER_AGAIN).await;
                }
                Err(RequestError::TooOften { wait, .. }) => tokio::time::sleep(wait).await,
                Err(RequestError::Refused { code, text }) => {
                    return Answer::Refused { code, text };
                }
                Err(_) => tokio::time::sleep(DELIVER_AGAIN).await,
            }
        }
    };
    let answered = tokio::time::timeout(DELIVER_WITHIN, tries).await;
    answered.unwrap_or_else(|_| Answer::Refused {
        code: "no_answer".into(),
        text: format!(
            "no answer within {} s: it may have been taken or not; look before you repeat it",
            DELIVER_WITHIN.as_secs()
        ),
    })
}
