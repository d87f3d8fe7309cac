//! Answers that are not what was asked for.

use crate::api::message::Problem;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// A request that is not served, and why.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    problem: Problem,
    wait: Option<Duration>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &str, text: impl Into<String>) -> Self {
        Self {
            status,
            problem: Problem {
                code: code.to_owned(),
                text: text.into(),
            },
            wait: None,
        }
    }

    /// Nobody answered in time.
    pub(super) fn silent(what: &str) -> Self {
        let text = format!("the engine did not answer in time; {what}");
        Self::new(StatusCode::GATEWAY_TIMEOUT, "silent", text)
    }

    #[cfg(test)]
    pub(super) fn is_too_often(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// They have asked often enough for now.
    pub(super) fn too_often(wait: Duration, what: &str) -> Self {
        let text = format!("ask again in {} s: too many {what}", seconds(wait));
        Self {
            wait: Some(wait),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_often", text)
        }
    }
}

/// Whole seconds, as `Retry-After` counts (RFC 9110, 10.2.3).
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.problem)).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = self.wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait)));
            // Every further try costs them a connection.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
