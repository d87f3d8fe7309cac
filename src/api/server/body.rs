//! What a request brings.

use super::answer::Refused;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

/// A body of JSON; what is wrong with one is told as every problem is.
#[derive(Debug)]
pub(super) struct Given<T>(pub(super) T);

impl<S, T> FromRequest<S> for Given<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let read = Json::<T>::from_request(request, state).await;
        read.map(|Json(given)| Self(given)).map_err(refused)
    }
}

fn refused(error: JsonRejection) -> Refused {
    let code = match &error {
        JsonRejection::JsonDataError(_) => "wrong_shape",
        JsonRejection::JsonSyntaxError(_) => "no_json",
        JsonRejection::MissingJsonContentType(_) => "no_json_announced",
        _ => "unreadable",
    };
    Refused::new(error.status(), code, error.body_text())
}
