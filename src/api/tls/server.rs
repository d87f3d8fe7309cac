//! The daemon's end.

use super::{TlsError, authorities, certificates, key, provider, refused};
use crate::base::{Secret, Untrusted};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a daemon shows, and what it demands.
#[derive(Debug)]
pub struct ServerTls {
    /// PEM: its certificate first, then those between it and its authority.
    pub certificate: PathBuf,
    /// PEM: the certificate's private key.
    pub key: Secret,
    /// PEM: the authorities of clients. Whoever has no certificate of theirs
    /// gets no further than the handshake.
    pub client_ca: Option<PathBuf>,
}

/// Ready to take connections.
#[derive(Clone)]
pub struct TlsServer(TlsAcceptor);

impl std::fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsServer(…)")
    }
}

impl TlsServer {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`]; nothing was opened.
    pub fn new(tls: &ServerTls) -> Result<Self, TlsError> {
        let chain = certificates("--tls-cert", &tls.certificate)?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(refused)?;
        let builder = match &tls.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(authorities("--tls-client-ca", path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                builder.with_client_cert_verifier(verifier.build().map_err(refused)?)
            }
        };
        let config = builder.with_single_cert(chain, key(&tls.key)?);
        let mut config = config.map_err(|error| TlsError::Pair {
            path: Untrusted::new(tls.certificate.display().to_string()),
            why: error.to_string(),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// The handshake. It has no time limit of its own.
    pub(in crate::api) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}
