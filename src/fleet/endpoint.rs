//! Addresses of databases, read and printed by us: nothing is guessed,
//! unknown parameters and inline passwords are refused.

use crate::fleet::model::{Endpoint, PostgresEndpoint, Tls};
use crate::fleet::percent::{decode, encode};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Component, Path, PathBuf};

/// Why a text is not an address. The text itself is never repeated: it may
/// hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndpointError {
    /// Neither `postgres:` nor `sqlite:`.
    #[error("this is not the address of a database")]
    Scheme,
    /// A password stands in the address.
    #[error("the address holds a password")]
    Password,
    /// A part is missing.
    #[error("the address has no {0}")]
    Missing(&'static str),
    /// A part is malformed.
    #[error("the {0} in the address cannot be right")]
    Malformed(&'static str),
    /// Several hosts in one address.
    #[error("the address names several hosts")]
    SeveralHosts,
    /// A parameter we do not know.
    #[error("the address has the unknown parameter \"{0}\"")]
    Parameter(String),
    /// A parameter given twice.
    #[error("the address has the parameter \"{0}\" twice")]
    Twice(String),
    /// A weaker `sslmode` than we accept.
    #[error("sslmode \"{0}\" is not accepted")]
    SslMode(String),
    /// Plain text over a network.
    #[error("sslmode=disable would send data and password in plain text over the network")]
    PlainText,
    /// TLS over a socket.
    #[error("a socket directory and TLS do not go together")]
    SocketTls,
}

impl EndpointError {
    /// What would be right.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Scheme | Self::Missing(_) | Self::Malformed(_) => {
                "write postgres://user@host:5432/database or sqlite:path/to/file.db; escape special characters as %XX"
            }
            Self::Password => "take it out and add a line such as: password = \"env:NAME\"",
            Self::SeveralHosts => "list each host as its own candidate",
            Self::Parameter(_) | Self::Twice(_) => {
                "known are sslmode, sslrootcert and host (a socket directory), each once"
            }
            Self::SslMode(_) => "use sslmode=verify-full, or sslmode=disable on this machine",
            Self::PlainText => {
                "leave sslmode out (verify-full is the default) and name the certificate with sslrootcert if needed"
            }
            Self::SocketTls => {
                "leave sslmode and sslrootcert out; a socket never leaves this machine"
            }
        }
    }
}

/// Reads an address; relative paths are taken from `base`.
pub fn parse_endpoint(text: &str, base: &Path) -> Result<Endpoint, EndpointError> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        return sqlite(path, base).map(Endpoint::Sqlite);
    }
    let rest = text
        .strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"))
        .ok_or(EndpointError::Scheme)?;
    postgres(rest, base).map(Endpoint::Postgres)
}

fn sqlite(path: &str, base: &Path) -> Result<PathBuf, EndpointError> {
    if path.is_empty() {
        return Err(EndpointError::Missing("file"));
    }
    let strange = path.starts_with("//") || path == ":memory:" || path.contains(['?', '\0']);
    if strange || path.ends_with('/') {
        return Err(EndpointError::Malformed("file"));
    }
    Ok(plain_path(&base.join(path)))
}

/// The path without `.` and `..`, by its letters only.
fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn postgres(rest: &str, base: &Path) -> Result<PostgresEndpoint, EndpointError> {
    if rest.contains('#') {
        return Err(EndpointError::Malformed("\"#\""));
    }
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    // Looked for before anything is cut at "/": a password may hold one.
    let user_info = address.rfind('@').map(|at| &address[..at]);
    if user_info.is_some_and(|user| user.contains(':')) {
        return Err(EndpointError::Password);
    }
    let (authority, database) = address
        .split_once('/')
        .ok_or(EndpointError::Missing("database"))?;
    let (user, place) = authority
        .rsplit_once('@')
        .ok_or(EndpointError::Missing("user"))?;
    let parameters = Parameters::parse(query)?;
    let (host, port) = host_and_port(place, parameters.host)?;
    let tls = tls(&host, parameters.sslmode, parameters.sslrootcert, base)?;
    Ok(PostgresEndpoint {
        host,
        port,
        database: required(database, "database")?,
        user: required(user, "user")?,
        password: None,
        tls,
    })
}

fn required(text: &str, part: &'static str) -> Result<String, EndpointError> {
    if text.is_empty() {
        return Err(EndpointError::Missing(part));
    }
    if text.contains(['/', '@']) {
        return Err(EndpointError::Malformed(part));
    }
    decode(text).ok_or(EndpointError::Malformed(part))
}

#[derive(Default)]
struct Parameters {
    host: Option<String>,
    sslmode: Option<String>,
    sslrootcert: Option<String>,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, EndpointError> {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match name {
                "host" => &mut parameters.host,
                "sslmode" => &mut parameters.sslmode,
                "sslrootcert" => &mut parameters.sslrootcert,
                "password" => return Err(EndpointError::Password),
                _ => return Err(EndpointError::Parameter(name.to_owned())),
            };
            if place.is_some() {
                return Err(EndpointError::Twice(name.to_owned()));
            }
            let value = decode(value).filter(|value| !value.is_empty());
            *place = Some(value.ok_or(EndpointError::Malformed("parameter value"))?);
        }
        Ok(parameters)
    }
}

fn host_and_port(place: &str, directory: Option<String>) -> Result<(String, u16), EndpointError> {
    if place.contains(',') {
        return Err(EndpointError::SeveralHosts);
    }
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest
                .split_once(']')
                .ok_or(EndpointError::Malformed("host"))?;
            let address: Ipv6Addr = address
                .parse()
                .map_err(|_| EndpointError::Malformed("host"))?;
            let port = match after {
                "" => None,
                after => Some(
                    after
                        .strip_prefix(':')
                        .ok_or(EndpointError::Malformed("port"))?,
                ),
            };
            (address.to_string(), port)
        }
        None => {
            let (host, port) = match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            };
            (decode(host).ok_or(EndpointError::Malformed("host"))?, port)
        }
    };
    let port = match port {
        None => 5432,
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => port,
            _ => return Err(EndpointError::Malformed("port")),
        },
    };
    Ok((checked_host(host, directory)?, port))
}

fn checked_host(host: String, directory: Option<String>) -> Result<String, EndpointError> {
    let host = match (host.is_empty(), directory) {
        (false, None) => host,
        (true, Some(directory)) => {
            if !directory.starts_with('/') {
                return Err(EndpointError::Malformed("socket directory"));
            }
            directory
        }
        (true, None) => return Err(EndpointError::Missing("host")),
        (false, Some(_)) => return Err(EndpointError::SeveralHosts),
    };
    if host.starts_with('/') {
        return match host.contains(char::is_control) {
            true => Err(EndpointError::Malformed("socket directory")),
            false => Ok(host),
        };
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let address = host.parse::<IpAddr>().is_ok();
    match address || host.chars().all(plain) {
        true => Ok(host.to_ascii_lowercase()),
        false => Err(EndpointError::Malformed("host")),
    }
}

fn tls(
    host: &str,
    sslmode: Option<String>,
    root: Option<String>,
    base: &Path,
) -> Result<Tls, EndpointError> {
    let socket = host.starts_with('/');
    let local = socket || is_loopback(host);
    let root = root.map(|path| plain_path(&base.join(path)));
    match sslmode.as_deref() {
        Some("disable") if root.is_some() => Err(EndpointError::SslMode("disable".into())),
        Some("disable") if local => Ok(Tls::Off),
        Some("disable") => Err(EndpointError::PlainText),
        Some("verify-full") if socket => Err(EndpointError::SocketTls),
        None if socket && root.is_some() => Err(EndpointError::SocketTls),
        None if local && root.is_none() => Ok(Tls::Off),
        Some("verify-full") | None => Ok(Tls::VerifyFull { root }),
        Some(other) => Err(EndpointError::SslMode(other.to_owned())),
    }
}

/// Whether the host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The address without the password reference; [`parse_endpoint`] reads it back.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(endpoint) => endpoint.fmt(f),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl fmt::Display for PostgresEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = self.host.starts_with('/');
        let host = match self.host.as_str() {
            _ if socket => String::new(),
            host if host.contains(':') => format!("[{host}]"),
            host => host.to_owned(),
        };
        let (user, database) = (encode(&self.user), encode(&self.database));
        write!(f, "postgres://{user}@{host}:{}/{database}", self.port)?;
        let mut parameters = Vec::new();
        if socket {
            parameters.push(format!("host={}", encode(&self.host)));
        }
        if let Tls::VerifyFull { root } = &self.tls {
            parameters.push("sslmode=verify-full".to_owned());
            let root = root.as_ref().map(|path| path.display().to_string());
            parameters.extend(root.map(|path| format!("sslrootcert={}", encode(&path))));
        }
        match parameters.is_empty() {
            true => Ok(()),
            false => write!(f, "?{}", parameters.join("&")),
        }
    }
}
