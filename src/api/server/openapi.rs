//! The OpenAPI document, made of the routes and of the types themselves.

use super::caller::Counted;
use super::limits::BODY_MAX;
use super::routes::{self, Body, Gives, Route, Who};
use crate::api::message::Problem;
use axum::Json;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

const ABOUT: &str = "One engine of pilothouse, for many clients.\n\n**Who you are.** On the daemon's socket you are your account; a token (`Authorization: Bearer pht_…`) makes you its owner there, and is needed everywhere else. While nobody is enrolled, only the daemon's own account and root are served, and nobody over a network.\n\n**Host.** A request must name the daemon as it was called when it was started: an address it listens at, a `--name`, or `pilothouse` on the socket. A request with an `Origin` is refused.\n\n**Problems.** Whatever is not served is answered with one shape: a stable `code` for programs and a `text` for people. An act that the engine refuses is an answer like any other, with status 409.\n\n**Limits.** 64 KiB a body, 15 seconds a request, and so many requests a second; beyond that 429 with `Retry-After` in seconds.";

/// `GET /v1/openapi.json`.
pub(super) async fn openapi(_: Counted) -> Json<Value> {
    Json(document())
}

/// What is served and how, for programs that are not ours.
pub fn document() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut shapes = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes::all() {
        let operation = operation(&route, &mut shapes);
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = entry.as_object_mut() {
            methods.insert(route.method.into(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "pilothouse",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": shapes.take_definitions(true),
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "`pilothouse operator token NAME` makes one. Not needed on the socket.",
            } },
        },
    })
}

fn operation(route: &Route, shapes: &mut SchemaGenerator) -> Value {
    let mut answers = Map::new();
    for given in &route.gives {
        answers.insert(given.status.to_string(), answer(given, shapes));
    }
    let problem = shapes.subschema_for::<Problem>();
    for (status, text) in problems(route) {
        let known = answers.contains_key(&status.to_string());
        debug_assert!(!known, "{status} has two meanings");
        let mut told = json!({
            "description": text,
            "content": { "application/json": { "schema": problem } },
        });
        if status == 429 {
            told["headers"] = json!({ "Retry-After": {
                "description": "Seconds to wait.",
                "schema": { "type": "integer", "minimum": 1 },
            } });
        }
        answers.insert(status.to_string(), told);
    }
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "responses": answers,
    });
    if route.who == Who::Known {
        operation["security"] = json!([{ "token": [] }]);
    }
    if let Some(shape) = route.takes {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": shape(shapes) } },
        });
    }
    operation
}

fn answer(given: &Gives, shapes: &mut SchemaGenerator) -> Value {
    let content = match given.body {
        Body::Nothing => return json!({ "description": given.text }),
        Body::Text => json!({ "text/plain": { "schema": { "type": "string" } } }),
        Body::AnyJson => json!({ "application/json": { "schema": { "type": "object" } } }),
        Body::Json(shape) => json!({ "application/json": { "schema": shape(shapes) } }),
        Body::Events(shape) => json!({ "text/event-stream": { "schema": {
            "type": "string",
            // OpenAPI 3.1 has no word for the data of one event.
            "x-event-data": shape(shapes),
        } } }),
    };
    json!({ "description": given.text, "content": content })
}

/// What any request may be answered with instead.
fn problems(route: &Route) -> Vec<(u16, String)> {
    let mut all = vec![
        (400, "The request cannot be read.".to_owned()),
        (
            403,
            "It comes from a web page, or you may not even look.".into(),
        ),
        (408, "It took too long.".into()),
        (413, format!("A body has {BODY_MAX} bytes at most.")),
        (
            421,
            "The daemon does not answer to the name in `Host`.".into(),
        ),
        (429, "Too many requests.".into()),
    ];
    if route.who == Who::Known {
        all.push((
            401,
            "The token is missing, wrong, expired or revoked.".into(),
        ));
        all.push((504, "The engine did not answer in time.".into()));
    }
    if route.takes.is_some() {
        all.push((
            415,
            "The body is not announced as `application/json`.".into(),
        ));
        all.push((422, "The body is JSON of another shape.".into()));
        all.push((503, "The engine has stopped.".into()));
    }
    all
}
