//! The client's end.

use super::{TlsError, authorities, certificates, key, provider, refused};
use crate::base::{Secret, Untrusted};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Whom a client trusts, and what it shows.
#[derive(Debug, Default)]
pub struct Trust {
    /// PEM: the daemon's authority; this machine's own list if absent.
    pub ca: Option<PathBuf>,
    /// PEM: a certificate and its private key, for a daemon that demands one.
    pub own: Option<(PathBuf, Secret)>,
}

/// Ready to connect.
#[derive(Clone, Debug)]
pub struct TlsClient(Arc<ClientConfig>);

impl TlsClient {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`]; nothing was opened.
    pub fn new(trust: &Trust) -> Result<Self, TlsError> {
        let roots = match &trust.ca {
            Some(path) => authorities("--tls-ca", path)?,
            None => native()?,
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_root_certificates(roots);
        let mut config = match &trust.own {
            None => builder.with_no_client_auth(),
            Some((path, secret)) => {
                let chain = certificates("--tls-cert", path)?;
                let config = builder.with_client_auth_cert(chain, key(secret)?);
                config.map_err(|error| TlsError::Pair {
                    path: Untrusted::new(path.display().to_string()),
                    why: error.to_string(),
                })?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// The handshake; the server's certificate must be in order and for `host`.
    pub(in crate::api) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::clone(&self.0));
        connector.connect(name, stream).await
    }
}

fn native() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some systems list certificates that no verifier can read.
    let (good, _) = roots.add_parsable_certificates(found.certs);
    match (good, found.errors.first()) {
        (0, Some(error)) => Err(TlsError::NoRoots(error.to_string())),
        (0, None) => Err(TlsError::NoRoots("the list is empty".into())),
        _ => Ok(roots),
    }
}
