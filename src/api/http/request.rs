//! One request over a connection of its own.

use crate::api::address::Address;
use crate::api::message::{Me, Problem, SESSION, path};
use crate::base::{Secret, Untrusted};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::net::UnixStream;

/// How long a daemon may take to take a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a request may take; longer than the server gives its engine.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Bytes of an answer.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nobody listens there, or the connection broke. What was asked for may
    /// have happened.
    #[error("{0}")]
    Unreachable(String),
    /// The server says no.
    #[error("{text}")]
    Refused {
        /// Stable word for programs.
        code: String,
        /// Why.
        text: String,
    },
    /// What came back is not ours.
    #[error("{0} is no pilothouse daemon: {1}")]
    Foreign(Address, String),
}

/// How one comes to a daemon.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where it listens.
    pub address: Address,
    /// Names this client among others of the same person.
    pub session: String,
    /// Who one is; without it, who one's account is.
    pub token: Option<Secret>,
}

/// Whom the daemon takes us for.
///
/// # Errors
/// Nobody answers, or not to us.
pub async fn who_am_i(access: &Access) -> Result<String, RequestError> {
    let me: Me = read(access, Method::GET, path::ME, &()).await?;
    Ok(me.name)
}

/// Asks and reads the answer, whatever its status is.
pub(super) async fn read<T: DeserializeOwned>(
    access: &Access,
    method: Method,
    path: &str,
    body: &(impl Serialize + Sync),
) -> Result<T, RequestError> {
    let asked = async {
        let response = send(access, method, path, body).await?;
        let status = response.status();
        let body = whole(response).await?;
        // A verb that the engine refuses is an answer like any other.
        if status.is_success() || status == StatusCode::CONFLICT {
            return serde_json::from_slice(&body)
                .map_err(|error| RequestError::Foreign(access.address.clone(), error.to_string()));
        }
        Err(problem(status, &body))
    };
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(RequestError::Unreachable(format!(
            "no answer within {} s",
            ANSWER_WITHIN.as_secs()
        ))),
    }
}

/// Asks, and waits for the first part of the answer.
pub(super) async fn send(
    access: &Access,
    method: Method,
    path: &str,
    body: &(impl Serialize + Sync),
) -> Result<Response<Incoming>, RequestError> {
    let foreign = |what: String| RequestError::Foreign(access.address.clone(), what);
    let has_body = method != Method::GET;
    let bytes = match has_body {
        true => serde_json::to_vec(body).map_err(|e| foreign(e.to_string()))?,
        false => Vec::new(),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "pilothouse")
        .header(SESSION, &access.session);
    if let Some(token) = &access.token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()));
    }
    if has_body {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(Full::new(Bytes::from(bytes)));
    let request = request.map_err(|e| foreign(e.to_string()))?;
    let mut connection = connect(&access.address).await?;
    connection.send_request(request).await.map_err(broke)
}

async fn connect(address: &Address) -> Result<SendRequest<Full<Bytes>>, RequestError> {
    let Address::Unix(path) = address;
    let connected = tokio::time::timeout(CONNECT_WITHIN, UnixStream::connect(path)).await;
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let text = format!(
                "no daemon listens at {address} ({error}); start one with: pilothouse serve"
            );
            return Err(RequestError::Unreachable(text));
        }
        Err(_) => {
            let text = format!("{address} does not take connections");
            return Err(RequestError::Unreachable(text));
        }
    };
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broke)?;
    // It ends when the answer was read or dropped.
    tokio::spawn(connection);
    Ok(sender)
}

fn broke(error: hyper::Error) -> RequestError {
    RequestError::Unreachable(format!("the connection broke: {error}"))
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, RequestError> {
    let body = Limited::new(response.into_body(), ANSWER_MAX);
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(RequestError::Unreachable(format!(
            "the connection broke: {error}"
        ))),
    }
}

/// What a refusal says; of a server that is not ours, its own words.
pub(super) fn problem(status: StatusCode, body: &[u8]) -> RequestError {
    let problem = serde_json::from_slice(body);
    let problem = problem.unwrap_or_else(|_| Problem {
        code: status.as_str().to_owned(),
        text: Untrusted::new(String::from_utf8_lossy(body)).to_string(),
    });
    RequestError::Refused {
        code: problem.code,
        text: problem.text,
    }
}
