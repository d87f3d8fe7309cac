//! An engine for many clients, over HTTP.
//!
//! Who calls is established before anything else; an act carries the caller's
//! name whatever its sender wrote. Must not hold the engine up: acts go into
//! its one bounded queue, views are taken from its one slot.

mod act;
mod answer;
mod board;
mod caller;
mod events;
mod health;
mod limits;
mod listen;
mod metrics;
mod state;

pub use listen::Socket;

use super::message::path;
use crate::base::Timestamp;
use crate::engine::port::Publisher;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use board::Board;
use state::Served;
use std::time::{SystemTime, UNIX_EPOCH};

/// Everything that is served.
pub fn router(engine: Publisher) -> Router {
    let served = Served {
        engine,
        board: Board::default(),
    };
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route(path::ME, get(act::me))
        .route(path::VIEW, get(act::view))
        .route(path::EVENTS, get(events::events))
        .route(path::COMMANDS, post(act::command))
        .route(path::LOOK, post(act::look))
        .route(path::HERE, put(act::here))
        .layer(DefaultBodyLimit::max(limits::BODY_MAX))
        .layer(axum::middleware::from_fn(limits::limited))
        .with_state(served)
}

/// By this machine's clock.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |d| d.as_millis());
    Timestamp(u64::try_from(ms).unwrap_or(u64::MAX))
}
