//! What no request gets past, whatever it asks for: it must be meant for this
//! daemon, and must not come from a page in a browser.
//!
//! A page can make a browser call any address, and can have its own name point
//! to ours (DNS rebinding); then the browser takes us for the page's server.
//! Neither can hide the name it has called, nor where it comes from.

use super::answer::Refused;
use super::peer::Peer;
use crate::api::message::SOCKET_NAME;
use crate::base::Untrusted;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// Names that a daemon answers to, besides the addresses it listens at.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<BTreeSet<String>>);

impl Names {
    /// As they are written on the command line.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().map(|name| plain(&name));
        Self(Arc::new(names.collect()))
    }

    fn holds(&self, name: &str, peer: Peer) -> bool {
        let own = match peer {
            Peer::Local(_) => name == SOCKET_NAME || name == "localhost",
            Peer::Remote { to, .. } => {
                let address = name.parse::<IpAddr>();
                let called = address.is_ok_and(|address| address.to_canonical() == to);
                called || (name == "localhost" && to.is_loopback())
            }
        };
        own || self.0.contains(name)
    }
}

/// Small letters, without the dot of the root and without brackets.
fn plain(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    bare.unwrap_or(name).to_ascii_lowercase()
}

pub(super) async fn guarded(State(names): State<Names>, request: Request, next: Next) -> Response {
    match meant_for_us(&names, &request).and_then(|()| not_a_browser(request.headers())) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

fn meant_for_us(names: &Names, request: &Request) -> Result<(), Refused> {
    let Some(peer) = request.extensions().get::<Peer>() else {
        let text = "nobody vouches for this connection";
        return Err(Refused::new(StatusCode::FORBIDDEN, "no_peer", text));
    };
    let called = host(request.headers())?;
    // A request to a proxy names its host twice.
    let in_line = request.uri().authority().map(Authority::host);
    for name in std::iter::once(called.host()).chain(in_line) {
        if !names.holds(&plain(name), *peer) {
            let name = Untrusted::new(name);
            let text = format!(
                "this daemon does not answer to the name {name}; call it by the address it listens at, or start it with --name {name}"
            );
            let status = StatusCode::MISDIRECTED_REQUEST;
            return Err(Refused::new(status, "wrong_host", text));
        }
    }
    Ok(())
}

fn host(headers: &HeaderMap) -> Result<Authority, Refused> {
    let no = |text: &str| Refused::new(StatusCode::BAD_REQUEST, "no_host", text);
    let mut all = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (all.next(), all.next()) else {
        return Err(no("a request names the host it is for, once"));
    };
    let host = host.to_str().ok().and_then(|h| h.parse::<Authority>().ok());
    // A name that is no name is repeated nowhere.
    host.ok_or_else(|| no("the header Host is no name and no address"))
}

/// A page in a browser must not speak for the person who reads it.
fn not_a_browser(headers: &HeaderMap) -> Result<(), Refused> {
    if headers.contains_key(header::ORIGIN) {
        return Err(Refused::new(
            StatusCode::FORBIDDEN,
            "origin",
            "requests from web pages are not served",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_answers_to_what_it_was_called_and_was_told() {
        let names = Names::new(["DB1.Example.".to_owned()]);
        let here = |to: [u8; 4]| Peer::remote(IpAddr::from([10, 9, 9, 9]), IpAddr::from(to));
        for (name, peer, answers) in [
            ("pilothouse", Peer::Local(0), true),
            ("db1.example", Peer::Local(0), true),
            ("evil.example", Peer::Local(0), false),
            ("10.0.0.1", here([10, 0, 0, 1]), true),
            ("10.0.0.2", here([10, 0, 0, 1]), false),
            ("db1.example", here([10, 0, 0, 1]), true),
            ("localhost", here([10, 0, 0, 1]), false),
            ("localhost", here([127, 0, 0, 1]), true),
            ("pilothouse", here([127, 0, 0, 1]), false),
            ("db1.example.evil.example", here([127, 0, 0, 1]), false),
        ] {
            assert_eq!(names.holds(&plain(name), peer), answers, "{name}");
        }
        assert!(names.holds(&plain("dB1.example."), Peer::Local(0)));
        let v6 = Peer::remote(IpAddr::from([0; 16]), Ipv6::LOCALHOST.into());
        assert!(names.holds(&plain("[::1]"), v6));
    }

    use std::net::Ipv6Addr as Ipv6;
}
