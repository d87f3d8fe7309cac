//! Connections: whom to talk to, and with which settings.

use super::Failure;
use super::error::{own, plain};
use super::sql::{self, Value};
use crate::base::{Ident, code};
use crate::fleet::{Endpoint, PostgresEndpoint, Tls};
use crate::worker::ErrorKind;
use sqlx::Row;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use std::time::Duration;

/// How long a connection attempt may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a chunk waits for a lock before it gives way, in milliseconds.
pub(super) const CHUNK_LOCK_MS: u64 = 100;

/// How long a chunk's statement may run, in milliseconds. The application's
/// deadlock check comes `deadlock_ms` after it began to wait for one of our
/// rows; if the chunk is over by then, it never finds a deadlock with us and
/// is never the victim. Waiting for a lock is the last thing a chunk does
/// before it gives way, so the two limits together must fit. A chunk needs
/// twice its target, though: preflight tells where both cannot be had.
pub(super) fn chunk_statement_ms(target_ms: u64, deadlock_ms: u64) -> u64 {
    let fits = deadlock_ms.saturating_sub(CHUNK_LOCK_MS + CHUNK_LOCK_MS);
    (target_ms * 4)
        .clamp(400, 8_000)
        .min(fits.max(target_ms * 2))
}

/// Whether the application can never be a deadlock's victim because of us.
pub(super) fn chunk_fits(target_ms: u64, deadlock_ms: u64) -> bool {
    chunk_statement_ms(target_ms, deadlock_ms) + CHUNK_LOCK_MS <= deadlock_ms
}

/// The server's `deadlock_timeout`.
pub(super) async fn deadlock_ms(connection: &mut PgConnection) -> Result<u64, Failure> {
    let statement = "SELECT setting FROM pg_settings WHERE name = 'deadlock_timeout'";
    let text = sql::text(connection, statement, vec![]).await?;
    // One second is the default; it is also what we believe if nobody tells.
    Ok(text.and_then(|ms| ms.parse().ok()).unwrap_or(1_000))
}

/// Session settings by purpose. They are in the startup packet, so no
/// statement ever runs without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Steps, checks and bookkeeping.
    Step,
    /// Chunks: give way at once, so that the application never has to.
    Chunk {
        /// Longest a chunk statement may run, in milliseconds.
        statement_ms: u64,
    },
    /// Signals.
    Measure,
}

impl Purpose {
    fn settings(self) -> Vec<(&'static str, String)> {
        let (lock_ms, statement_ms) = match self {
            Self::Step => (1_500, 60_000),
            Self::Chunk { statement_ms } => (CHUNK_LOCK_MS, statement_ms),
            Self::Measure => (500, 2_000),
        };
        let mut settings = vec![
            ("lock_timeout", format!("{lock_ms}ms")),
            ("statement_timeout", format!("{statement_ms}ms")),
            ("idle_in_transaction_session_timeout", "5s".into()),
            ("client_connection_check_interval", "1s".into()),
            ("tcp_keepalives_idle", "2".into()),
            ("tcp_keepalives_interval", "1".into()),
            ("tcp_keepalives_count", "2".into()),
            ("tcp_user_timeout", "3000".into()),
            ("search_path", "pg_catalog".into()),
            // Every row or an error: a policy must not hide rows from us.
            ("row_security", "off".into()),
            ("standard_conforming_strings", "on".into()),
            // Short statements only. With a scan type switched off (below) the
            // planner's costs are so high that even the fence row would be
            // compiled first: hundreds of milliseconds in every chunk.
            ("jit", "off".into()),
            ("IntervalStyle", "postgres".into()),
            ("default_transaction_isolation", "read committed".into()),
        ];
        if let Self::Chunk { .. } = self {
            // A chunk walks its key in order; anything else is a plan gone wrong.
            settings.push(("enable_seqscan", "off".into()));
            settings.push(("enable_bitmapscan", "off".into()));
        }
        settings
    }
}

/// Who we are to the server.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Engine id, shown in `pg_stat_activity`.
    pub(super) engine: String,
    /// Role that owns the tables, and so our schema. Signals are read as the
    /// login role, which has the right to see other sessions.
    pub(super) role: Option<Ident>,
}

fn settings(identity: &Identity, purpose: Purpose) -> Vec<(&'static str, String)> {
    let mut settings = purpose.settings();
    if let Some(role) = identity
        .role
        .as_ref()
        .filter(|_| purpose != Purpose::Measure)
    {
        settings.push(("role", role.as_str().to_owned()));
    }
    settings
}

/// Opens one connection to one address.
pub(super) async fn open(
    endpoint: &PostgresEndpoint,
    identity: &Identity,
    purpose: Purpose,
) -> Result<PgConnection, Failure> {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&endpoint.host)
        .port(endpoint.port)
        .database(&endpoint.database)
        .username(&endpoint.user)
        .application_name(&format!("pilothouse/{}", identity.engine))
        .statement_cache_capacity(0)
        .options(settings(identity, purpose))
        .disable_statement_logging();
    options = match &endpoint.tls {
        Tls::Off => options.ssl_mode(PgSslMode::Disable),
        Tls::VerifyFull { root } => {
            let options = options.ssl_mode(PgSslMode::VerifyFull);
            match root {
                Some(root) => options.ssl_root_cert(root),
                None => options,
            }
        }
    };
    if endpoint.host.starts_with('/') {
        options = options.socket(&endpoint.host);
    }
    if let Some(reference) = &endpoint.password {
        let secret = reference
            .resolve()
            .map_err(|e| Failure(own(ErrorKind::Refused, "secret", e.to_string())))?;
        options = options.password(secret.reveal());
    }
    let unreachable = |why: String| {
        let place = format!("{}:{}/{}", endpoint.host, endpoint.port, endpoint.database);
        Failure(own(
            ErrorKind::Unreachable,
            "unreachable",
            format!("{place}: {why}"),
        ))
    };
    match tokio::time::timeout(CONNECT, PgConnection::connect_with(&options)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(unreachable(plain(&error))),
        Err(_) => Err(unreachable(format!(
            "no answer within {} s",
            CONNECT.as_secs()
        ))),
    }
}

/// The primary, for one look that needs no migration.
pub(super) async fn once(spec: &crate::fleet::Shard, engine: &str) -> Result<Primary, Failure> {
    let identity = Identity {
        engine: engine.into(),
        role: spec.ddl_role.clone(),
    };
    primary(
        &spec.candidates,
        &identity,
        Purpose::Step,
        &Known::default(),
    )
    .await
}

/// A primary that was found.
pub(super) struct Primary {
    pub(super) connection: PgConnection,
    /// `system identifier/database`.
    pub(super) pin: String,
    pub(super) endpoint: PostgresEndpoint,
    pub(super) timeline: String,
    pub(super) version: String,
}

impl Primary {
    /// What it teaches about the shard.
    pub(super) fn known(&self) -> Known {
        Known {
            pin: Some(self.pin.clone()),
            timeline: Some(self.timeline.clone()),
            version: Some(self.version.clone()),
        }
    }
}

/// What is known of a shard's primary.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// `system identifier/database`.
    pub(super) pin: Option<String>,
    /// Newest timeline that was seen: a server on an older one is a former
    /// primary that came back, also while the present one does not answer.
    pub(super) timeline: Option<String>,
    /// The server's, without what its packager adds.
    pub(super) version: Option<String>,
}

/// Finds the primary: the candidate that is not in recovery and matches the
/// pin. Of two (an old primary came back), the newer timeline is the one.
pub(super) async fn primary(
    candidates: &[Endpoint],
    identity: &Identity,
    purpose: Purpose,
    known: &Known,
) -> Result<Primary, Failure> {
    let mut found: Option<Primary> = None;
    let mut problems = Vec::new();
    let (mut strangers, mut silent) = (0, 0);
    for candidate in candidates {
        let Endpoint::Postgres(endpoint) = candidate else {
            continue;
        };
        match look(endpoint, identity, purpose).await {
            Ok(Some(primary)) => {
                if let Some(pin) = known.pin.as_ref().filter(|pin| **pin != primary.pin) {
                    strangers += 1;
                    problems.push(format!(
                        "{}:{} is another database: it is {}, this shard was {pin}",
                        endpoint.host, endpoint.port, primary.pin
                    ));
                } else if known.timeline.as_ref() > Some(&primary.timeline) {
                    problems.push(format!(
                        "{}:{} is a former primary, on timeline {}",
                        endpoint.host, endpoint.port, primary.timeline
                    ));
                } else if found.as_ref().is_none_or(|f| f.timeline < primary.timeline) {
                    found = Some(primary);
                }
            }
            Ok(None) => problems.push(format!(
                "{}:{} is in recovery",
                endpoint.host, endpoint.port
            )),
            Err(failure) => {
                silent += 1;
                problems.push(failure.0.message);
            }
        }
    }
    found.ok_or_else(|| {
        let message = format!("no primary found: {}", problems.join(", "));
        // Waiting helps while ours may still be at an address that is silent.
        let (kind, code) = match (strangers, silent) {
            (1.., 0) => (ErrorKind::Refused, code::NOT_OURS),
            _ => (ErrorKind::Unreachable, "unreachable"),
        };
        Failure(own(kind, code, message))
    })
}

async fn look(
    endpoint: &PostgresEndpoint,
    identity: &Identity,
    purpose: Purpose,
) -> Result<Option<Primary>, Failure> {
    let mut connection = open(endpoint, identity, purpose).await?;
    let found = tokio::time::timeout(CONNECT, identify(&mut connection)).await;
    let seen = match found {
        Ok(seen) => seen?,
        Err(_) => {
            return Err(Failure(own(
                ErrorKind::Unreachable,
                "unreachable",
                format!(
                    "{}:{} accepted us but does not answer",
                    endpoint.host, endpoint.port
                ),
            )));
        }
    };
    Ok(seen.map(|(pin, timeline, version)| Primary {
        connection,
        pin,
        endpoint: endpoint.clone(),
        timeline,
        version,
    }))
}

/// Pin, timeline and version; `None` of a server in recovery.
async fn identify(
    connection: &mut PgConnection,
) -> Result<Option<(String, String, String)>, Failure> {
    let recovering = sql::text(connection, "SELECT pg_is_in_recovery()::text", vec![]).await?;
    if recovering.as_deref() != Some("false") {
        return Ok(None);
    }
    let statement = "SELECT (SELECT system_identifier::text FROM pg_control_system()) || '/' || current_database(), \
                     substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), \
                     split_part(current_setting('server_version'), ' ', 1)";
    let row = sql::row(connection, statement, Vec::<Value>::new())
        .await?
        .ok_or_else(|| {
            Failure(own(
                ErrorKind::Unknown,
                "identity",
                "the server did not say who it is",
            ))
        })?;
    Ok(Some((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
}

#[cfg(test)]
mod tests {
    use super::{chunk_fits, chunk_statement_ms};

    #[test]
    fn a_chunk_is_over_before_the_application_looks_for_a_deadlock() {
        // The defaults: four times the target, and it fits.
        assert_eq!(chunk_statement_ms(200, 1_000), 800);
        assert!(chunk_fits(200, 1_000));
        // A longer target is held to what fits, as long as twice of it does.
        assert_eq!(chunk_statement_ms(400, 1_000), 800);
        assert!(chunk_fits(400, 1_000));
        // Both cannot be had: the chunk gets its time, preflight warns.
        assert_eq!(chunk_statement_ms(2_000, 1_000), 4_000);
        assert!(!chunk_fits(2_000, 1_000));
        assert_eq!(chunk_statement_ms(200, 100), 400);
        assert!(!chunk_fits(200, 100));
        // A patient server changes nothing.
        assert_eq!(chunk_statement_ms(200, 10_000), 800);
        assert_eq!(chunk_statement_ms(2_000, 60_000), 8_000);
    }
}
