//! What a client wants done, shown or known.

use super::answer::Refused;
use super::body::Given;
use super::caller::{Caller, Counted};
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
    command: Result<Given<Command>, Refused>,
) -> Result<Response, Refused> {
    let Given(command) = counted(&served, &caller, command)?;
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

/// Whoever wants to calm is counted apart, so that they are always heard.
fn counted(
    served: &Served,
    caller: &Caller,
    command: Result<Given<Command>, Refused>,
) -> Result<Given<Command>, Refused> {
    match &command {
        Ok(Given(command)) if command.verb.is_calming() => {
            served.rates.calms(caller.actor.name.clone())?;
        }
        Ok(_) | Err(_) => served.rates.asks(caller.asker())?,
    }
    command
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
    _: Counted,
    Given(look): Given<Look>,
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
    Counted(caller): Counted,
    Given(here): Given<Here>,
) -> StatusCode {
    let Caller { actor, session, .. } = caller;
    served.board.moved(&actor.name, &session, &here.place);
    StatusCode::NO_CONTENT
}

pub(super) async fn me(Counted(caller): Counted) -> Json<Me> {
    Json(Me {
        name: caller.actor.name,
        may: caller.may,
    })
}

pub(super) async fn view(
    State(served): State<Served>,
    _: Counted,
) -> Result<Json<FleetView>, Refused> {
    let newest = served.engine.newest();
    let published = newest.ok_or_else(|| Refused::silent("it has only just begun; ask again"))?;
    Ok(Json((*published.view).clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::server::board::Board;
    use crate::api::server::rate::Rates;
    use crate::engine::port::channel;
    use crate::wire::{Scope, Verb};

    #[test]
    fn stopping_work_is_heard_when_nothing_else_is() {
        let (engine, _orders) = channel();
        let served = Served {
            engine,
            board: Board::default(),
            rates: Rates::default(),
            uses: Default::default(),
        };
        let ana = Caller::named("ana");
        let asks = |verb| {
            let command = Command {
                key: "k".into(),
                scope: Scope::Fleet,
                verb,
                seen: None,
                confirm: None,
                reason: String::new(),
            };
            counted(&served, &ana, Ok(Given(command))).is_ok()
        };
        let cap = |rows_per_s_max| Verb::Throttle { rows_per_s_max };
        while asks(Verb::Promote) {}
        for _ in 0..60 {
            assert!(asks(Verb::Pause) && asks(Verb::Hold) && asks(cap(Some(1))));
        }
        // Speeding up is no calming; and what nobody can read counts as well.
        while asks(cap(None)) {}
        let unread = || Err(Refused::silent("it"));
        while counted(&served, &ana, unread()).is_err_and(|e| !e.is_too_often()) {}
    }
}
