//! Addresses of lab servers: always loopback, never a password.

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::fmt;
use std::str::FromStr;

/// A server and a database, without a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Database name.
    pub database: String,
}

/// The text is not `postgres://USER@HOST:PORT/DATABASE`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a lab server's address reads postgres://USER@HOST:PORT/DATABASE, without a password and without parameters"
)]
pub struct AddressError;

impl ServerAddress {
    /// A database of a server of this machine.
    pub fn local(port: u16, database: &str) -> Self {
        Self {
            host: "127.0.0.1".into(),
            port,
            database: database.into(),
        }
    }

    /// As a URL for this user.
    pub fn url(&self, user: &str) -> String {
        format!(
            "postgres://{user}@{}:{}/{}",
            self.host, self.port, self.database
        )
    }

    /// Connection options for this user, from nothing but the arguments.
    pub fn options(&self, user: &str, application: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .username(user)
            .database(&self.database)
            .ssl_mode(PgSslMode::Disable)
            .application_name(application)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.host, self.port, self.database)
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let rest = text.strip_prefix("postgres://").ok_or(AddressError)?;
        let (user, place) = rest.split_once('@').ok_or(AddressError)?;
        let (host_port, database) = place.split_once('/').ok_or(AddressError)?;
        let (host, port) = host_port.split_once(':').ok_or(AddressError)?;
        let plain = |part: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty() && part.chars().all(fits)
        };
        if ![user, host, database].into_iter().all(plain) {
            return Err(AddressError);
        }
        Ok(Self {
            host: host.into(),
            port: port.parse().map_err(|_| AddressError)?,
            database: database.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_reads_back_and_nothing_else_is_taken() {
        let address = ServerAddress::local(5433, "shop");
        assert_eq!(address.url("app").parse(), Ok(address));
        for wrong in [
            "postgres://app:secret@127.0.0.1:5433/shop",
            "postgres://app@127.0.0.1:5433/shop?options=x",
            "postgres://app@127.0.0.1/shop",
            "postgres://app@127.0.0.1:99999/shop",
            "mysql://app@127.0.0.1:5433/shop",
        ] {
            assert_eq!(wrong.parse::<ServerAddress>(), Err(AddressError), "{wrong}");
        }
    }
}
