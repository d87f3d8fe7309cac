//! Somebody outside, for real: an HTTP server on loopback that keeps what it is
//! sent and answers as it is told. It checks signatures with its own arithmetic.

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How it answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With a status and a text.
    Says(u16, String),
    /// Elsewhere.
    Points(String),
    /// With 500, and all that it was sent.
    Echoes,
    /// Never.
    Hangs,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Says(status, String::new())
    }
}

/// One request, as it came.
#[derive(Debug)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .unwrap_or_else(|| panic!("no {name}"))
            .to_str()
            .unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether it is signed with the key (`whsec_…`), by RFC 2104 as it is
    /// written there.
    pub fn is_signed_with(&self, key: &str) -> bool {
        let key = key.strip_prefix("whsec_").unwrap();
        let key = base64::engine::general_purpose::STANDARD
            .decode(key)
            .unwrap();
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let mut signed = format!("{id}.{at}.").into_bytes();
        signed.extend_from_slice(&self.body);
        let mut block = [0_u8; 64];
        block[..key.len()].copy_from_slice(&key);
        let padded = |with: u8| block.map(|byte| byte ^ with);
        let inner = Sha256::new()
            .chain_update(padded(0x36))
            .chain_update(&signed);
        let outer = Sha256::new()
            .chain_update(padded(0x5c))
            .chain_update(inner.finalize());
        let expected = base64::engine::general_purpose::STANDARD.encode(outer.finalize());
        self.header("webhook-signature") == format!("v1,{expected}")
    }
}

/// The server; it ends with the test.
pub struct Peer {
    port: u16,
    received: mpsc::UnboundedReceiver<Received>,
    task: JoinHandle<()>,
}

impl Peer {
    /// Answers with these in order; the last one stays.
    pub async fn start(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (keep, received) = mpsc::unbounded_channel();
        let replies = Arc::new(Mutex::new(replies.to_vec()));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (keep, replies) = (keep.clone(), Arc::clone(&replies));
                let answers = hyper::service::service_fn(move |request| {
                    answer(request, keep.clone(), Arc::clone(&replies))
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answers),
                );
            }
        });
        Self {
            port,
            received,
            task,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The next request.
    pub async fn next(&mut self) -> Received {
        let next = crate::slow_shard::soon("a request", self.received.recv());
        next.await.unwrap()
    }

    /// What has come so far.
    pub fn so_far(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    keep: mpsc::UnboundedSender<Received>,
    replies: Arc<Mutex<Vec<Reply>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let said = format!("{} {:?}", parts.uri, parts.headers);
    let received = Received {
        path: parts.uri.to_string(),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    };
    keep.send(received).unwrap();
    let reply = {
        let mut replies = replies.lock().unwrap();
        match replies.len() {
            1 => replies[0].clone(),
            _ => replies.remove(0),
        }
    };
    let with = |status: u16| Response::builder().status(StatusCode::from_u16(status).unwrap());
    Ok(match reply {
        Reply::Echoes => with(500).body(Full::from(said)).unwrap(),
        Reply::Hangs => std::future::pending().await,
        Reply::Says(status, text) => with(status).body(Full::from(text)).unwrap(),
        Reply::Points(to) => with(307)
            .header("location", to)
            .body(Full::default())
            .unwrap(),
    })
}
