//! An engine for many clients, over HTTP.
//!
//! Who calls is established before anything else; an act carries the caller's
//! name whatever its sender wrote. Must not hold the engine up: acts go into
//! its one bounded queue, views are taken from its one slot.

mod act;
mod answer;
mod board;
mod body;
mod caller;
mod door;
mod events;
mod gate;
mod health;
mod limits;
mod metrics;
mod openapi;
mod peer;
mod rate;
mod routes;
mod socket;
mod state;

pub use door::{Door, DoorError};
pub use gate::Names;
pub use openapi::document;

use crate::api::uses::TokenUses;
use crate::base::Timestamp;
use crate::engine::port::Publisher;
use answer::Refused;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use board::Board;
use caller::Anybody;
use rate::Rates;
use state::Served;
use std::time::{SystemTime, UNIX_EPOCH};

/// Everything that is served, under these names; which tokens were shown is
/// noted.
pub fn router(engine: Publisher, names: Names, uses: TokenUses) -> Router {
    let served = Served {
        engine,
        board: Board::default(),
        rates: Rates::default(),
        uses,
    };
    let mut router = Router::new();
    for route in routes::all() {
        router = router.route(route.path, route.handler);
    }
    router
        .fallback(nothing_there)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(limits::BODY_MAX))
        .layer(from_fn(limits::limited))
        .layer(from_fn_with_state(names, gate::guarded))
        .with_state(served)
}

async fn nothing_there(_: Anybody) -> Refused {
    let text = format!("there is nothing here; {} lists what is", routes::OPENAPI);
    Refused::new(StatusCode::NOT_FOUND, "unknown_path", text)
}

async fn not_so(_: Anybody) -> Refused {
    let text = format!("not with this method; {} lists them", routes::OPENAPI);
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "unknown_method", text)
}

/// By this machine's clock.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |d| d.as_millis());
    Timestamp(u64::try_from(ms).unwrap_or(u64::MAX))
}
