//! TLS 1.2 and 1.3, by rustls with ring.
//!
//! Certificates come from PEM files, keys as secrets. Who somebody is, a
//! token says; a certificate only says from which machines one may knock.
//! Must not decide who may what.

mod client;
mod server;
mod trouble;

pub use client::{TlsClient, Trust};
pub use server::{ServerTls, TlsServer};
pub use trouble::{explain, root_of};

use crate::base::{Secret, Untrusted};
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// Bytes of a file with certificates.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why TLS cannot be set up; nothing was opened.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file with certificates cannot be read.
    #[error("{option} {path}: {why}")]
    File {
        /// The option that names it.
        option: &'static str,
        /// The file.
        path: Untrusted,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// The key is none. It is never repeated.
    #[error(
        "--tls-key: no private key is in it; it begins with -----BEGIN PRIVATE KEY----- (PKCS #8, or the older EC and RSA forms), and is not encrypted. exec: gives one line only: use file: or env:"
    )]
    NoKey,
    /// The two do not belong together, or cannot be used.
    #[error("--tls-cert {path} and --tls-key cannot be used together: {why}")]
    Pair {
        /// The file of the certificate.
        path: Untrusted,
        /// What rustls says.
        why: String,
    },
    /// This machine trusts nobody.
    #[error(
        "this machine has no list of trusted authorities ({0}); name the one of the daemon with --tls-ca FILE"
    )]
    NoRoots(String),
    /// rustls refuses.
    #[error("TLS cannot be set up: {0}")]
    Refused(String),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn refused(error: impl ToString) -> TlsError {
    TlsError::Refused(error.to_string())
}

/// The certificates of a file, one at least.
fn certificates(
    option: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |why: String| TlsError::File {
        option,
        path: Untrusted::new(path.display().to_string()),
        why,
    };
    let unreadable = |e: std::io::Error| wrong(format!("it cannot be read: {e}"));
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut pem = Vec::new();
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut pem)
        .map_err(unreadable)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|e| wrong(format!("it is no PEM file: {e}")))?;
    if found.is_empty() {
        let why = "no certificate is in it; it begins with -----BEGIN CERTIFICATE-----";
        return Err(wrong(why.into()));
    }
    Ok(found)
}

fn key(secret: &Secret) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(secret.reveal().as_bytes()).map_err(|_| TlsError::NoKey)
}

/// The authorities of a file.
fn authorities(option: &'static str, path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(option, path)? {
        roots.add(certificate).map_err(|e| TlsError::File {
            option,
            path: Untrusted::new(path.display().to_string()),
            why: format!("a certificate in it is no authority's: {e}"),
        })?;
    }
    Ok(roots)
}
