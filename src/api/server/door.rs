//! Where connections come in, so many at a time, and are given to the router.
//!
//! Each door has places of its own: a network that is full does not close the
//! socket of this machine. Taking a connection never waits for its sender: the
//! handshake is made in the connection's own task, and has a time limit.

use super::peer::{Crowd, Peer, Seat};
use super::socket::Socket;
use crate::api::address::Listen;
use crate::api::tls::TlsServer;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Connections at the same time and door; more wait.
const CONNECTIONS_MAX: usize = 512;
/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may take to say what it wants.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a request's first part.
const HEADERS_MAX: usize = 16 * 1024;
/// Rest after a connection that could not be taken.
const REST: Duration = Duration::from_millis(100);
/// The first byte of every TLS handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
/// For whoever begins without one.
const SPEAK_TLS: &str = "this address speaks TLS only; write https:// instead of http://\n";

/// One place where a daemon listens; nothing comes in before
/// [`Door::serve`]. Dropping it closes it.
#[derive(Debug)]
pub struct Door(Kind);

#[derive(Debug)]
enum Kind {
    Unix(Socket),
    Tcp {
        listener: TcpListener,
        tls: Option<TlsServer>,
    },
}

/// A door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The system refuses.
    #[error("cannot listen at {0}: {1}")]
    Closed(Listen, io::Error),
    /// Nothing to show there.
    #[error("{0} needs a certificate: name it with --tls-cert FILE and --tls-key REF")]
    NoCertificate(Listen),
}

impl Door {
    /// Takes an address.
    ///
    /// # Errors
    /// It cannot be used, or is used.
    pub async fn open(at: &Listen, tls: Option<&TlsServer>) -> Result<Self, DoorError> {
        let closed = |error| DoorError::Closed(at.clone(), error);
        let (address, tls) = match at {
            Listen::Unix(path) => {
                let socket = Socket::bind(path).await.map_err(closed)?;
                return Ok(Self(Kind::Unix(socket)));
            }
            Listen::Plain(address) => (address, None),
            Listen::Tls(address) => match tls {
                Some(tls) => (address, Some(tls.clone())),
                None => return Err(DoorError::NoCertificate(at.clone())),
            },
        };
        let listener = TcpListener::bind(address).await.map_err(closed)?;
        Ok(Self(Kind::Tcp { listener, tls }))
    }

    /// Where it really listens: the system may have chosen the port.
    pub fn is_at(&self, wanted: &Listen) -> Listen {
        let Kind::Tcp { listener, .. } = &self.0 else {
            return wanted.clone();
        };
        match (wanted, listener.local_addr()) {
            (Listen::Tls(_), Ok(at)) => Listen::Tls(at),
            (Listen::Plain(_), Ok(at)) => Listen::Plain(at),
            _ => wanted.clone(),
        }
    }

    /// Serves until the future is dropped; connections go with it.
    pub async fn serve(self, router: Router) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let crowd = Crowd::default();
        let mut connections = JoinSet::new();
        loop {
            // Never closed.
            let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            while connections.try_join_next().is_some() {}
            let Ok(caller) = self.accept(&crowd).await else {
                // Too many open files, say: it passes or it does not, and the
                // engine works all the same.
                tokio::time::sleep(REST).await;
                continue;
            };
            if let Some(caller) = caller {
                connections.spawn(caller.talk(router.clone(), place));
            }
        }
    }

    /// The next connection; nothing where its peer has enough of them.
    async fn accept(&self, crowd: &Crowd) -> io::Result<Option<Connection>> {
        match &self.0 {
            Kind::Unix(socket) => {
                let stream = socket.accept().await?;
                let uid = stream.peer_cred()?.uid();
                let peer = Peer::Local(uid);
                Ok(Some(Connection::Local(stream, peer)))
            }
            Kind::Tcp { listener, tls } => {
                let (stream, from) = listener.accept().await?;
                let peer = Peer::remote(from.ip(), stream.local_addr()?.ip());
                let seat = crowd.enter(peer.origin());
                Ok(seat.map(|seat| Connection::Remote {
                    stream,
                    peer,
                    seat,
                    tls: tls.clone(),
                }))
            }
        }
    }
}

/// A connection that has been taken, and nothing has been said on it.
enum Connection {
    Local(tokio::net::UnixStream, Peer),
    Remote {
        stream: TcpStream,
        peer: Peer,
        seat: Seat,
        tls: Option<TlsServer>,
    },
}

impl Connection {
    /// To its end; its place is kept as long.
    async fn talk(self, router: Router, place: OwnedSemaphorePermit) {
        match self {
            Self::Local(stream, peer) => talk(stream, peer, router).await,
            Self::Remote {
                stream,
                peer,
                seat,
                tls: None,
            } => {
                talk(stream, peer, router).await;
                drop(seat);
            }
            Self::Remote {
                stream,
                peer,
                seat,
                tls: Some(tls),
            } => {
                let secured = tokio::time::timeout(HANDSHAKE_WITHIN, secure(&tls, stream)).await;
                // Whoever fails the handshake was told why by it.
                if let Ok(Some(stream)) = secured {
                    talk(stream, peer, router).await;
                }
                drop(seat);
            }
        }
        drop(place);
    }
}

async fn secure(
    tls: &TlsServer,
    mut stream: TcpStream,
) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    let mut first = [0];
    stream.peek(&mut first).await.ok().filter(|n| *n > 0)?;
    if first != [HANDSHAKE] {
        let length = SPEAK_TLS.len();
        let answer = format!(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{SPEAK_TLS}"
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.shutdown().await.ok()?;
        return None;
    }
    tls.accept(stream).await.ok()
}

async fn talk<S>(stream: S, peer: Peer, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = router.layer(axum::Extension(peer));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that breaks off or talks nonsense harms itself only.
    let _ = served.await;
}
