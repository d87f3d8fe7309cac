//! Answers that are not what was asked for.

use crate::api::message::Problem;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// A request that is not served, and why.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    problem: Problem,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &str, text: impl Into<String>) -> Self {
        Self {
            status,
            problem: Problem {
                code: code.to_owned(),
                text: text.into(),
            },
        }
    }

    /// Nobody answered in time.
    pub(super) fn silent(what: &str) -> Self {
        let text = format!("the engine did not answer in time; {what}");
        Self::new(StatusCode::GATEWAY_TIMEOUT, "silent", text)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(self.problem)).into_response()
    }
}
