//! Authorities and certificates that live as long as a test.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

/// Somebody who signs certificates.
pub struct Authority {
    name: String,
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, both PEM.
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let called = format!("authority {name}");
        params.distinguished_name.push(DnType::CommonName, called);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            name: name.to_owned(),
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Its certificate, as `NAME-ca.pem`.
    pub fn write(self, folder: &Path) -> Self {
        std::fs::write(folder.join(format!("{}-ca.pem", self.name)), &self.pem).unwrap();
        self
    }

    /// For a name or an address.
    pub fn issue(&self, host: &str) -> Issued {
        self.issue_until(host, 4_000)
    }

    /// Valid from the year 2000 to that one.
    pub fn issue_until(&self, host: &str, year: i32) -> Issued {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2_000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Issued {
            certificate,
            key: key.serialize_pem(),
        }
    }

    /// A connection with TLS to whoever the authority in `server-ca.pem` vouches
    /// for.
    pub fn stream(
        folder: &Path,
        host: &str,
        port: u16,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let pem = std::fs::read(folder.join("server-ca.pem")).unwrap();
        let mut roots = RootCertStore::empty();
        let authority = rustls::pki_types::CertificateDer::from_pem_slice(&pem).unwrap();
        roots.add(authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(client, TcpStream::connect((host, port)).unwrap())
    }
}

impl Issued {
    /// As `NAME.pem` and `NAME.key`; the names by which options call them.
    pub fn write(&self, folder: &Path, name: &str) -> (String, String) {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        std::fs::write(folder.join(&certificate), &self.certificate).unwrap();
        std::fs::write(folder.join(&key), &self.key).unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.join(&key), private).unwrap();
        (certificate, format!("file:{key}"))
    }
}

/// A port below those that the system gives to outgoing connections: a daemon
/// that is started again finds it free.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 8_000).unwrap();
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
