//! One POST.

use super::untold::{Untold, scrubbed};
use crate::base::{Period, Secret};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Most of an answer that is read, in bytes.
const ANSWER_MAX: usize = 512;
/// Most of it that is shown, in characters.
const SHOWN_MAX: usize = 120;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// What is sent.
pub(super) struct Post {
    pub(super) url: Secret,
    /// Everything else that must not come back.
    pub(super) secrets: Vec<Secret>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) timeout: Period,
}

/// Whether this can be an address at all.
pub(super) fn address(url: &Secret) -> Result<Url, Untold> {
    let url = Url::parse(url.reveal().trim()).map_err(|_| Untold::NotAUrl)?;
    match (url.scheme(), url.has_host(), is_here(&url)) {
        ("https", true, _) | ("http", true, true) => Ok(url),
        ("http", true, false) => Err(Untold::PlainText),
        _ => Err(Untold::NotAUrl),
    }
}

/// Whether nobody else is on the way.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|a| a.is_loopback())
}

/// Sends it once; gives the status of a success.
pub(super) async fn post(post: Post) -> Result<u16, Untold> {
    let url = address(&post.url)?;
    let client = client(&url, post.timeout)?;
    let mut request = client
        .post(url)
        .header("content-type", "application/json")
        .body(post.body);
    for (name, value) in post.headers {
        request = request.header(name, value);
    }
    let mut secrets = post.secrets;
    secrets.push(post.url);
    let told = |error: reqwest::Error| failed(&error, post.timeout, &secrets);
    let mut response = request.send().await.map_err(told)?;
    let status = response.status();
    if status.is_success() {
        return Ok(status.as_u16());
    }
    if status.is_redirection() {
        return Err(Untold::Redirected(status.as_u16()));
    }
    let mut said = Vec::new();
    while said.len() < ANSWER_MAX {
        // What it said is worth less than that it said no.
        let Ok(Some(chunk)) = response.chunk().await else {
            break;
        };
        said.extend_from_slice(&chunk[..chunk.len().min(ANSWER_MAX - said.len())]);
    }
    let said = scrubbed(&String::from_utf8_lossy(&said), &secrets);
    let shown: String = said.raw().trim().chars().take(SHOWN_MAX).collect();
    Err(Untold::Answered {
        status: status.as_u16(),
        said: crate::base::Untrusted::new(shown),
    })
}

fn client(url: &Url, timeout: Period) -> Result<Client, Untold> {
    let unready = |e: &dyn Error| Untold::Unready(format!("no HTTP client: {e}"));
    let mut client = Client::builder()
        .tls_backend_preconfigured(tls().map_err(|e| unready(&e))?)
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT.min(timeout.duration()))
        .timeout(timeout.duration())
        .pool_max_idle_per_host(0)
        .user_agent(concat!("pilothouse/", env!("CARGO_PKG_VERSION")));
    if is_here(url) {
        client = client.no_proxy();
    }
    client.build().map_err(|e| unready(&e))
}

/// The roots of this machine, as for databases.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The client's own words name the URL; only their root is told.
fn failed(error: &reqwest::Error, timeout: Period, secrets: &[Secret]) -> Untold {
    if error.is_timeout() {
        return Untold::Silent(timeout);
    }
    let mut root: Option<&dyn Error> = error.source();
    while let Some(deeper) = root.and_then(Error::source) {
        root = Some(deeper);
    }
    let why = root.map_or_else(|| "no reason given".to_owned(), ToString::to_string);
    let why = scrubbed(&why, secrets);
    match error.is_connect() {
        true => Untold::NotReached(why),
        false => Untold::Broken(why),
    }
}
