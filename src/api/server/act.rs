//! What a client wants done, shown or known.

use super::answer::Refused;
use super::caller::Caller;
use super::state::Served;
use crate::api::message::{Command, Here, Me};
use crate::engine::port::{Line, News};
use crate::wire::{Answer, CommandEnvelope, FleetView, Look, Sight};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// How long the engine may take to answer.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest text that goes on the record, in bytes.
const TEXT_MAX: usize = 4_000;

pub(super) async fn command(
    State(served): State<Served>,
    caller: Caller,
    Json(command): Json<Command>,
) -> Result<Response, Refused> {
    let too_long = |text: &str| text.len() > TEXT_MAX;
    let confirm = command.confirm.as_deref().unwrap_or_default();
    if too_long(&command.key) || too_long(&command.reason) || too_long(confirm) {
        let text = format!("key, reason and confirm have {TEXT_MAX} bytes at most");
        return Err(Refused::new(StatusCode::BAD_REQUEST, "too_long", text));
    }
    // Keys of different people never meet.
    let key = format!("{}/{}", caller.actor.name, command.key);
    let envelope = CommandEnvelope {
        key: key.clone(),
        actor: caller.actor,
        scope: command.scope,
        verb: command.verb,
        seen: command.seen,
        confirm: command.confirm,
        reason: command.reason,
    };
    let mut line = served.engine.line();
    line.ask(envelope);
    let answered = tokio::time::timeout(WITHIN, answer(&mut line, &key)).await;
    match answered {
        Ok(Some(answer)) => Ok((status(&answer), Json(answer)).into_response()),
        Ok(None) => Err(gone()),
        Err(_) => Err(Refused::silent("send it again with the same key")),
    }
}

async fn answer(line: &mut Line, key: &str) -> Option<Answer> {
    loop {
        if let News::Answer(answered, answer) = line.next().await?
            && answered == key
        {
            return Some(answer);
        }
    }
}

fn status(answer: &Answer) -> StatusCode {
    match answer {
        Answer::Refused { .. } => StatusCode::CONFLICT,
        Answer::NotRecorded => StatusCode::ACCEPTED,
        Answer::Accepted { .. } | Answer::Repeated => StatusCode::OK,
    }
}

fn gone() -> Refused {
    let text = "the engine has stopped; start it again and look";
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, "engine_gone", text)
}

pub(super) async fn look(
    State(served): State<Served>,
    _: Caller,
    Json(look): Json<Look>,
) -> Result<Response, Refused> {
    let mut line = served.engine.line();
    let comes_with_views = look == Look::Restore;
    line.look(look);
    if comes_with_views {
        return Ok(StatusCode::ACCEPTED.into_response());
    }
    match tokio::time::timeout(WITHIN, sight(&mut line)).await {
        Ok(Some(sight)) => Ok(Json(sight).into_response()),
        Ok(None) => Err(gone()),
        Err(_) => Err(Refused::silent("ask again")),
    }
}

async fn sight(line: &mut Line) -> Option<Sight> {
    loop {
        if let News::Sight(sight) = line.next().await? {
            return Some(*sight);
        }
    }
}

pub(super) async fn here(
    State(served): State<Served>,
    caller: Caller,
    Json(here): Json<Here>,
) -> StatusCode {
    let Caller { actor, session, .. } = caller;
    served.board.moved(&actor.name, &session, &here.place);
    StatusCode::NO_CONTENT
}

pub(super) async fn me(caller: Caller) -> Json<Me> {
    Json(Me {
        name: caller.actor.name,
        may: caller.may,
    })
}

pub(super) async fn view(
    State(served): State<Served>,
    _: Caller,
) -> Result<Json<FleetView>, Refused> {
    let newest = served.engine.newest();
    let published = newest.ok_or_else(|| Refused::silent("it has only just begun; ask again"))?;
    Ok(Json((*published.view).clone()))
}
