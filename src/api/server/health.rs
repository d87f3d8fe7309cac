//! Whether it lives and works, for those who watch over processes.

use super::caller::Anybody;
use super::state::Served;
use axum::extract::State;
use axum::http::StatusCode;

/// The oldest view of an engine that works, in milliseconds.
const VIEW_AGE_MS_MAX: u64 = 5_000;

/// The process answers.
pub(super) async fn alive(_: Anybody) -> &'static str {
    "ok\n"
}

/// The engine goes round and its journal can be written.
pub(super) async fn ready(State(served): State<Served>, _: Anybody) -> (StatusCode, String) {
    let not = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why + "\n");
    let Some(published) = served.engine.newest() else {
        return not("the engine has not shown anything yet".into());
    };
    let age_ms = super::now().since(published.at).ms();
    if age_ms > VIEW_AGE_MS_MAX {
        return not(format!("the engine was last heard {age_ms} ms ago"));
    }
    if published.view.header.unwritten_since.is_some() {
        return not("the journal cannot be written".into());
    }
    (StatusCode::OK, "ready\n".into())
}
