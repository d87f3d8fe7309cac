//! Where a daemon listens, and where a client finds it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The socket's name in a store.
const SOCKET: &str = "daemon.sock";

/// Longest path of a socket, by the kernel's own limit.
const PATH_MAX: usize = 107;

/// Longest name of a machine (RFC 1035, 2.3.4).
const NAME_MAX: usize = 253;

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A socket on this machine, which its owner alone can open.
    Unix(PathBuf),
    /// An address of this machine, with TLS.
    Tls(SocketAddr),
    /// An address that only this machine can reach, without TLS.
    Plain(SocketAddr),
}

/// Where a client finds a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket on this machine.
    Unix(PathBuf),
    /// Somewhere, with TLS.
    Tls(Place),
    /// On this machine, without TLS.
    Plain(Place),
}

/// A name or an address of a machine, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    host: String,
    port: u16,
}

/// This is no address of a daemon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not one of the known forms.
    #[error("{0} is no address of a daemon; write unix:/path/to/daemon.sock or https://HOST:PORT")]
    Unknown(String),
    /// Nothing that one can listen at.
    #[error(
        "{0} is nothing to listen at; write unix:/path/to/daemon.sock or tls://ADDRESS:PORT, with an address of this machine, such as tls://0.0.0.0:7443"
    )]
    NoListen(String),
    /// The kernel would cut it.
    #[error("the socket's path has {0} bytes, and {PATH_MAX} are the most: {1}")]
    TooLong(usize, String),
    /// Tokens and orders would be readable on the way.
    #[error(
        "{0} leaves this machine without TLS, and whoever sees the token on the way could use it; write {1}"
    )]
    InTheClear(String, String),
}

impl Listen {
    /// Where the daemon of a store listens if nothing else was said.
    ///
    /// # Errors
    /// The store's path is too long for a socket.
    pub fn of_store(store: &Path) -> Result<Self, AddressError> {
        socket(store.join(SOCKET)).map(Self::Unix)
    }
}

impl Address {
    /// Where the daemon of a store listens if nothing else was said.
    ///
    /// # Errors
    /// The store's path is too long for a socket.
    pub fn of_store(store: &Path) -> Result<Self, AddressError> {
        socket(store.join(SOCKET)).map(Self::Unix)
    }
}

impl Place {
    /// The name or the address, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether nothing that is sent there leaves this machine.
    fn is_here(&self) -> bool {
        let address = self.host().parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|a| a.is_loopback())
    }
}

fn socket(path: PathBuf) -> Result<PathBuf, AddressError> {
    let bytes = path.as_os_str().len();
    if bytes > PATH_MAX {
        return Err(AddressError::TooLong(bytes, path.display().to_string()));
    }
    Ok(path)
}

impl FromStr for Listen {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no = || AddressError::NoListen(text.to_owned());
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => socket(PathBuf::from(path)).map(Self::Unix),
            Some(("tls", rest)) => {
                let address = rest.strip_prefix("//").ok_or_else(no)?;
                Ok(Self::Tls(address.parse().map_err(|_| no())?))
            }
            Some(("http", rest)) => {
                let address = rest.strip_prefix("//").ok_or_else(no)?;
                let at: SocketAddr = address.parse().map_err(|_| no())?;
                if !at.ip().is_loopback() {
                    let right = format!("tls://{at} with --tls-cert and --tls-key");
                    return Err(AddressError::InTheClear(text.to_owned(), right));
                }
                Ok(Self::Plain(at))
            }
            _ => Err(no()),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no = || AddressError::Unknown(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:").filter(|p| !p.is_empty()) {
            return socket(PathBuf::from(path)).map(Self::Unix);
        }
        if let Some(rest) = text.strip_prefix("https://") {
            return Ok(Self::Tls(place(rest).ok_or_else(no)?));
        }
        let rest = text.strip_prefix("http://").ok_or_else(no)?;
        let place = place(rest).ok_or_else(no)?;
        if !place.is_here() {
            let right = format!("https://{place}");
            return Err(AddressError::InTheClear(text.to_owned(), right));
        }
        Ok(Self::Plain(place))
    }
}

/// `NAME:PORT`, `1.2.3.4:PORT` or `[::1]:PORT`.
fn place(text: &str) -> Option<Place> {
    let (host, port) = text.trim_end_matches('/').rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let known = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_name(host),
    };
    let host = host.to_ascii_lowercase();
    known.then_some(Place { host, port })
}

/// A name of a machine or an IPv4 address, as far as its letters tell.
pub fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !text.is_empty() && text.len() <= NAME_MAX && text.chars().all(plain)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tls(at) => write!(f, "tls://{at}"),
            Self::Plain(at) => write!(f, "http://{at}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tls(place) => write!(f, "https://{place}"),
            Self::Plain(place) => write!(f, "http://{place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_meant() {
        for good in [
            "unix:/a.sock",
            "https://db1.example:7443",
            "https://[::1]:1",
            "http://127.0.0.1:80",
            "http://localhost:80",
        ] {
            let parsed = good.parse::<Address>().map(|a| a.to_string());
            assert_eq!(parsed.as_deref(), Ok(good));
        }
        for bad in [
            "",
            "unix:",
            "db1:7443",
            "https://db1",
            "https://db1:0",
            "https://user@db1:7443",
            "https://db1:7443/v1",
            "https://[db1]:7443",
            "http://db1.example:80",
            "http://10.0.0.1:80",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        for good in ["unix:/a.sock", "tls://0.0.0.0:7443", "http://[::1]:80"] {
            let parsed = good.parse::<Listen>().map(|a| a.to_string());
            assert_eq!(parsed.as_deref(), Ok(good));
        }
        for bad in [
            "tls://db1:7443",
            "tls:0.0.0.0:1",
            "tls://0.0.0.0",
            "https://0.0.0.0:1",
        ] {
            assert!(bad.parse::<Listen>().is_err(), "{bad}");
        }
        let clear = "http://0.0.0.0:80".parse::<Listen>();
        assert!(matches!(clear, Err(AddressError::InTheClear(..))));
    }
}
