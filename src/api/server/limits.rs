//! What one request may take: bytes, and time.

use super::answer::Refused;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::time::Duration;

/// Bytes of a request's body.
pub(super) const BODY_MAX: usize = 64 * 1024;
/// From the end of the headers to the beginning of the answer; longer than an
/// engine is waited for.
const WITHIN: Duration = Duration::from_secs(15);

/// Refuses what is too much, and ends what takes too long: a sender that never
/// sends what it has announced would hold a connection for ever.
pub(super) async fn limited(request: Request, next: Next) -> Response {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|n| n.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > BODY_MAX) {
        let text = format!("a body has {BODY_MAX} bytes at most");
        return Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text).into_response();
    }
    match tokio::time::timeout(WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let text = format!("not served within {} s", WITHIN.as_secs());
            Refused::new(StatusCode::REQUEST_TIMEOUT, "too_slow", text).into_response()
        }
    }
}
