//! `GET /v1/events`: everything that happens, as server-sent events.
//!
//! Every event's data is one [`ServerMessage`]. The first of the stream is a
//! snapshot, then numbered differences: whoever misses a number comes again.
//! Each stream makes its differences when its reader takes them, so a slow
//! reader costs one view and one difference, never a queue.

use super::board::Ticket;
use super::caller::{Caller, Counted};
use super::state::Served;
use crate::api::embedded::{EmbeddedClient, attach};
use crate::wire::ServerMessage;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use std::convert::Infallible;

struct Reader {
    served: Served,
    caller: Caller,
    engine: EmbeddedClient,
    ticket: Ticket,
}

pub(super) async fn events(State(served): State<Served>, Counted(caller): Counted) -> Response {
    let now = crate::api::server::now();
    let ticket = served.board.enter(&caller, now);
    let engine = attach(&served.engine);
    let reader = Reader {
        served,
        caller,
        engine,
        ticket,
    };
    let stream = unfold(reader, |mut reader| async {
        let message = reader.next().await?;
        Some((Ok::<_, Infallible>(event(&message)?), reader))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(stream)).into_response()
}

impl Reader {
    /// Ends for whoever is revoked meanwhile.
    async fn next(&mut self) -> Option<ServerMessage> {
        let message = self.message().await?;
        let people = self.served.engine.newest()?.people;
        self.caller.is_still_welcome(&people).then_some(message)
    }

    async fn message(&mut self) -> Option<ServerMessage> {
        tokio::select! {
            biased;
            company = self.ticket.company() => Some(ServerMessage::Company(company)),
            message = self.engine.receive() => message,
        }
    }
}

/// One event; JSON has no line breaks of its own.
fn event(message: &ServerMessage) -> Option<Bytes> {
    let json = serde_json::to_string(message).ok()?;
    Some(Bytes::from(format!("data: {json}\n\n")))
}
