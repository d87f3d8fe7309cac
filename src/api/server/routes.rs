//! Every route there is. The router and the OpenAPI document are both made of
//! this one list, so neither can have what the other lacks.

use super::state::Served;
use super::{act, events, health, metrics, openapi};
use crate::api::message::{Command, Here, Me, path};
use crate::wire::{Answer, FleetView, Look, ServerMessage, Sight};
use axum::routing::{MethodRouter, get, post, put};
use schemars::{Schema, SchemaGenerator};

pub(super) use crate::api::message::path::OPENAPI;

/// Makes the schema of a type.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// One route.
pub(super) struct Route {
    pub(super) path: &'static str,
    /// In small letters.
    pub(super) method: &'static str,
    /// Its name in the document.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) who: Who,
    /// The body it takes.
    pub(super) takes: Option<Shape>,
    /// What it answers when it serves a request.
    pub(super) gives: Vec<Gives>,
    pub(super) handler: MethodRouter<Served>,
}

/// Who is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Whoever asks.
    Anybody,
    /// Somebody who may look; for acts, the heart says who may what.
    Known,
}

/// One answer.
pub(super) struct Gives {
    pub(super) status: u16,
    pub(super) text: &'static str,
    pub(super) body: Body,
}

/// What an answer is made of.
pub(super) enum Body {
    Nothing,
    Text,
    Json(Shape),
    /// JSON of any shape: a document about shapes.
    AnyJson,
    /// Server-sent events, each with one of these.
    Events(Shape),
}

fn ok(text: &'static str, body: Body) -> Vec<Gives> {
    let status = 200;
    vec![Gives { status, text, body }]
}

/// A route that takes nothing and gives one thing.
fn reads(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    gives: Vec<Gives>,
    handler: MethodRouter<Served>,
) -> Route {
    Route {
        path,
        method: "get",
        id,
        summary,
        who: Who::Known,
        takes: None,
        gives,
        handler,
    }
}

/// All of them, in the order of the document.
pub(super) fn all() -> Vec<Route> {
    let mut all = for_machines();
    all.extend(for_people());
    all.extend([commands(), look(), here()]);
    all
}

fn for_machines() -> Vec<Route> {
    let anybody = |route| Route {
        who: Who::Anybody,
        ..route
    };
    let not_ready = Gives {
        status: 503,
        text: "Why not: the engine is not heard, or its journal cannot be written.",
        body: Body::Text,
    };
    let mut ready = ok("`ready`", Body::Text);
    ready.push(not_ready);
    vec![
        anybody(reads(
            path::HEALTHZ,
            "healthz",
            "Whether the process answers.",
            ok("`ok`", Body::Text),
            get(health::alive),
        )),
        anybody(reads(
            path::READYZ,
            "readyz",
            "Whether the engine works and its journal can be written.",
            ready,
            get(health::ready),
        )),
        reads(
            path::METRICS,
            "metrics",
            "How things stand, in the text format 0.0.4 of Prometheus.",
            ok("Figures.", Body::Text),
            get(metrics::metrics),
        ),
        reads(
            path::OPENAPI,
            "openapi",
            "This document.",
            ok("OpenAPI 3.1.", Body::AnyJson),
            get(openapi::openapi),
        ),
    ]
}

fn for_people() -> Vec<Route> {
    vec![
        reads(
            path::ME,
            "me",
            "Whom the daemon takes you for, and what you may in one place at least.",
            ok("You.", Body::Json(|g| g.subschema_for::<Me>())),
            get(act::me),
        ),
        reads(
            path::VIEW,
            "view",
            "Everything, once.",
            ok("The view.", Body::Json(|g| g.subschema_for::<FleetView>())),
            get(act::view),
        ),
        reads(
            path::EVENTS,
            "events",
            "Everything as it happens, without an end.",
            ok(
                "Server-sent events (WHATWG HTML, 9.2). Each event is one line `data: JSON` and an empty line; the JSON is one ServerMessage. The first message with `stream` is a snapshot, later ones are numbered differences or heartbeats: whoever misses a number connects again and gets a new snapshot. A reader that is too slow is skipped over, never waited for. The stream ends when its reader is revoked.",
                Body::Events(|g| g.subschema_for::<ServerMessage>()),
            ),
            get(events::events),
        ),
    ]
}

fn commands() -> Route {
    let answer: Shape = |g| g.subschema_for::<Answer>();
    let given = |status, text| Gives {
        status,
        text,
        body: Body::Json(answer),
    };
    Route {
        path: path::COMMANDS,
        method: "post",
        id: "command",
        summary: "An act. `key` is its idempotency key: sent again with the same key it is one act, and the answer is `repeated`. `seen` is the version of the scope that the sender saw, as the view shows it; when the scope has moved on since, the act is refused with the code `stale`. Pause, hold and throttle down are never refused for that, and have limits of their own.",
        who: Who::Known,
        takes: Some(|g| g.subschema_for::<Command>()),
        gives: vec![
            given(
                200,
                "It is in the journal, now or since an earlier request with this key.",
            ),
            given(202, "It works already; the journal cannot be written yet."),
            given(409, "It was not taken, and why."),
        ],
        handler: post(act::command),
    }
}

fn look() -> Route {
    let mut gives = ok("What is seen.", Body::Json(|g| g.subschema_for::<Sight>()));
    gives.push(Gives {
        status: 202,
        text: "What was asked for comes with the views.",
        body: Body::Nothing,
    });
    Route {
        path: path::LOOK,
        method: "post",
        id: "look",
        summary: "One shard, the plan or the journal, as the screens show them. Changes nothing.",
        who: Who::Known,
        takes: Some(|g| g.subschema_for::<Look>()),
        gives,
        handler: post(act::look),
    }
}

fn here() -> Route {
    Route {
        path: path::HERE,
        method: "put",
        id: "here",
        summary: "Where you look, for others to see; belongs to the stream of events that was opened with the same header `pilothouse-session`.",
        who: Who::Known,
        takes: Some(|g| g.subschema_for::<Here>()),
        gives: vec![Gives {
            status: 204,
            text: "Noted.",
            body: Body::Nothing,
        }],
        handler: put(act::here),
    }
}
