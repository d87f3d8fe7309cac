//! One request over a connection of its own.

use crate::api::address::{Address, Place};
use crate::api::message::{Me, Problem, SESSION, SOCKET_NAME, path};
use crate::api::tls::{TlsClient, explain, root_of};
use crate::base::{Secret, Untrusted};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

/// How long a daemon may take to take a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// A daemon that asks for a longer rest is asked again after this one.
const REST_MAX: Duration = Duration::from_secs(60);
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
    /// The server asks for a rest.
    #[error("{text}")]
    TooOften {
        /// For how long.
        wait: Duration,
        /// In its words.
        text: String,
    },
    /// One end does not trust the other; nothing was sent.
    #[error("{0}")]
    NotTrusted(String),
    /// What came back is not ours.
    #[error("{0} is no pilothouse daemon: {1}")]
    Foreign(Address, String),
}

/// How one comes to a daemon.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where it listens.
    pub address: Address,
    /// Whom one trusts there; needed for [`Address::Tls`].
    pub tls: Option<TlsClient>,
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
        let wait = rest(response.headers());
        let body = whole(access, response).await?;
        // A verb that the engine refuses is an answer like any other.
        if status.is_success() || status == StatusCode::CONFLICT {
            return serde_json::from_slice(&body)
                .map_err(|error| RequestError::Foreign(access.address.clone(), error.to_string()));
        }
        Err(problem(status, wait, &body))
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
        .header(header::HOST, host(&access.address))
        .header(SESSION, &access.session);
    if let Some(token) = &access.token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()));
    }
    if has_body {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(Full::new(Bytes::from(bytes)));
    let request = request.map_err(|e| foreign(e.to_string()))?;
    let Connection { mut sender, task } = connect(access).await?;
    match sender.send_request(request).await {
        Ok(response) => Ok(response),
        Err(error) => {
            drop(sender);
            // What really happened, the connection knows.
            let why = task.await.ok().and_then(Result::err).unwrap_or(error);
            Err(broke(access, &why))
        }
    }
}

/// How the daemon is called: it answers to no other name.
fn host(address: &Address) -> String {
    match address {
        Address::Unix(_) => SOCKET_NAME.into(),
        Address::Tls(place) | Address::Plain(place) => place.to_string(),
    }
}

/// Both ends of a connection: where requests go in, and what carries them. It
/// ends when the answer was read or dropped.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<Result<(), hyper::Error>>,
}

async fn connect(access: &Access) -> Result<Connection, RequestError> {
    let address = &access.address;
    match address {
        Address::Unix(path) => {
            let stream = reached(address, UnixStream::connect(path)).await?;
            speak(access, stream).await
        }
        Address::Plain(place) => {
            let stream = reached(address, tcp(place)).await?;
            speak(access, stream).await
        }
        Address::Tls(place) => {
            let stream = reached(address, tcp(place)).await?;
            let Some(tls) = &access.tls else {
                let text = format!("{address} cannot be verified: nothing says whom to trust");
                return Err(RequestError::NotTrusted(text));
            };
            let shaken = tokio::time::timeout(HANDSHAKE_WITHIN, tls.connect(place.host(), stream));
            match shaken.await {
                Ok(Ok(stream)) => speak(access, stream).await,
                Ok(Err(error)) => {
                    Err(untrusted(access, &error).unwrap_or_else(|| unreachable(address, &error)))
                }
                Err(_) => {
                    let text = format!(
                        "{address} has not answered the handshake within {} s; does it speak TLS?",
                        HANDSHAKE_WITHIN.as_secs()
                    );
                    Err(RequestError::Unreachable(text))
                }
            }
        }
    }
}

async fn tcp(place: &Place) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((place.host(), place.port())).await?;
    // An act is small and must not wait for more.
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn reached<S>(
    address: &Address,
    connecting: impl Future<Output = io::Result<S>>,
) -> Result<S, RequestError> {
    match tokio::time::timeout(CONNECT_WITHIN, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(unreachable(address, &error)),
        Err(_) => {
            let text = format!("{address} does not take connections");
            Err(RequestError::Unreachable(text))
        }
    }
}

fn unreachable(address: &Address, error: &io::Error) -> RequestError {
    RequestError::Unreachable(format!(
        "no daemon listens at {address} ({error}); start one with: pilothouse serve"
    ))
}

async fn speak<S>(access: &Access, stream: S) -> Result<Connection, RequestError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let shaken = handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|error| broke(access, &error))?;
    let task = tokio::spawn(connection);
    Ok(Connection { sender, task })
}

/// In TLS 1.3 a server refuses a client's certificate after the handshake, so
/// that it is seen with the first answer.
fn broke(access: &Access, error: &hyper::Error) -> RequestError {
    let text = format!("the connection broke: {error}");
    untrusted(access, error).unwrap_or(RequestError::Unreachable(text))
}

fn untrusted(access: &Access, error: &(dyn std::error::Error + 'static)) -> Option<RequestError> {
    let Address::Tls(place) = &access.address else {
        return None;
    };
    let text = explain(&access.address.to_string(), place.host(), root_of(error)?);
    Some(RequestError::NotTrusted(text))
}

async fn whole(access: &Access, response: Response<Incoming>) -> Result<Bytes, RequestError> {
    let body = Limited::new(response.into_body(), ANSWER_MAX);
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => {
            let text = format!("the connection broke: {error}");
            let untrusted = untrusted(access, &*error);
            Err(untrusted.unwrap_or(RequestError::Unreachable(text)))
        }
    }
}

/// How long the server wants to be left alone (RFC 9110, 10.2.3, in seconds).
pub(super) fn rest(headers: &HeaderMap) -> Option<Duration> {
    let wait = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(wait.parse().ok()?).min(REST_MAX))
}

/// What a refusal says; of a server that is not ours, its own words.
pub(super) fn problem(status: StatusCode, wait: Option<Duration>, body: &[u8]) -> RequestError {
    let problem = serde_json::from_slice(body);
    let problem = problem.unwrap_or_else(|_| Problem {
        code: status.as_str().to_owned(),
        text: Untrusted::new(String::from_utf8_lossy(body)).to_string(),
    });
    let (code, text) = (problem.code, problem.text);
    match wait {
        Some(wait) if status == StatusCode::TOO_MANY_REQUESTS => {
            RequestError::TooOften { wait, text }
        }
        _ => RequestError::Refused { code, text },
    }
}
