//! One SQLite file as a shard.

use super::dialect::{Compiled, compile};
use super::pulse::Pulse;
use super::session::{SqliteSession, connect};
use super::statement::{number, rows, run, text};
use super::{drift, install};
use crate::base::{Fault, ShardName, Stop, Untrusted, code};
use crate::migration::Migration;
use crate::rollout::{Blocker, BlockerEnd};
use crate::shard::{
    CompileError, CompiledPlan, FleetFacts, Measurement, Remains, RolloutIdentity, Session,
    SessionRole, Shard, ShareSwitch,
};
use crate::wire::Locks;
use crate::worker::{CallError, Variant};
use futures_util::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a shard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlitePlace {
    /// Its name.
    pub name: ShardName,
    /// Its file.
    pub path: PathBuf,
    /// Files that follow it.
    pub replicas: Vec<PathBuf>,
}

/// A shard in one SQLite file. Any number of sessions share it.
pub struct SqliteShard {
    place: Arc<Place>,
    pulse: Pulse,
}

/// What all sessions of a shard share.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) name: ShardName,
    pub(super) path: PathBuf,
    pub(super) replicas: Vec<PathBuf>,
    pub(super) compiled: Compiled,
    pub(super) rollout: RolloutIdentity,
    pub(super) flags: Arc<dyn ShareSwitch>,
    pub(super) variant: Variant,
    pub(super) fleet: FleetFacts,
    /// Counts cancels; a statement that began under an older number stops.
    pub(super) cancels: Arc<AtomicU64>,
}

impl Place {
    /// Identity before we are installed: the path without links and dots.
    pub(super) fn path_pin(&self) -> String {
        let path = self.path.canonicalize();
        let path = path.as_ref().unwrap_or(&self.path);
        format!("sqlite:file:{}", path.display())
    }

    /// What is free on the disk of the file, for this user.
    pub(super) fn disk_free_bytes(&self) -> Option<u64> {
        let found = rustix::fs::statvfs(&self.path).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn log_bytes(&self) -> Option<u64> {
        let mut path = self.path.clone().into_os_string();
        path.push("-wal");
        match std::fs::metadata(path) {
            Ok(found) => Some(found.len()),
            // No log is an empty log, as long as the database is there.
            Err(_) => self.path.exists().then_some(0),
        }
    }
}

impl SqliteShard {
    /// Compiles the migration for this file. Opens nothing yet.
    pub fn open(
        place: SqlitePlace,
        migration: &Migration,
        rollout: RolloutIdentity,
        route: &[Stop],
        flags: Arc<dyn ShareSwitch>,
    ) -> Result<Self, CompileError> {
        let compiled = compile(migration, route, &place.name, None)?;
        Ok(Self {
            pulse: Pulse::default(),
            place: Arc::new(Place {
                name: place.name,
                path: place.path,
                replicas: place.replicas,
                compiled,
                rollout,
                flags,
                variant: Variant::Correct,
                fleet: FleetFacts::default(),
                cancels: Arc::default(),
            }),
        })
    }

    /// The same shard, driven by an engine that is wrong on purpose.
    pub fn with_variant(self, variant: Variant) -> Self {
        self.with(|place| place.variant = variant)
    }

    /// The same shard, as one of a fleet.
    pub fn with_fleet(self, fleet: FleetFacts) -> Self {
        self.with(|place| place.fleet = fleet)
    }

    fn with(self, change: impl FnOnce(&mut Place)) -> Self {
        let mut place = Place::clone(&self.place);
        change(&mut place);
        Self {
            place: Arc::new(place),
            pulse: Pulse::default(),
        }
    }

    /// The same shard, with an estimate of its rows, so that progress has a
    /// total. What cannot be estimated counts as nothing.
    pub async fn with_estimate(self) -> Self {
        let Ok(mut conn) = connect(&self.place, SessionRole::Lead).await else {
            return self;
        };
        let mut rows = 0;
        for table in &self.place.compiled.work.tables {
            // Both ends of the key are one look each; a count would read the
            // whole file. Gaps make it too many.
            let name = &table.table;
            let sql = format!(
                "SELECT (SELECT max(rowid) FROM {name}) - (SELECT min(rowid) FROM {name}) + 1"
            );
            rows += number(&mut conn, sql).await.unwrap_or(0);
        }
        // The estimate stands whether or not the file closes cleanly.
        let _closed = conn.close().await;
        self.with(|place| place.compiled.plan.rows_estimate = rows)
    }

    /// Puts the shape of the tables up for the fleet, before any shard
    /// compares. A file that cannot be read now is told by its preflight.
    pub async fn post_shape(&self) {
        let Ok(mut conn) = connect(&self.place, SessionRole::Lead).await else {
            return;
        };
        // Once work has begun the tables are not what they were.
        if let Ok(false) = install::is_installed(&mut conn).await
            && let Ok(shape) = drift::shape(&mut conn, &self.place.compiled.work).await
        {
            self.place.fleet.shapes.post(&self.place.name, shape);
        }
        // What was read stands whether or not the file closes cleanly.
        let _closed = conn.close().await;
    }

    fn fault(&self, error: &CallError, did: &str) -> Fault {
        Fault {
            code: error.code.clone(),
            what: Untrusted::new(error.message.clone()).to_string(),
            place: format!("shard {}", self.place.name),
            why: None,
            did: did.into(),
            can: "mend the cause and run forget again".into(),
        }
    }
}

impl Shard for SqliteShard {
    fn name(&self) -> &ShardName {
        &self.place.name
    }

    fn pin(&self) -> Option<String> {
        Some(self.place.path_pin())
    }

    fn server(&self) -> Option<String> {
        let file = self.place.path.file_name()?;
        Some(format!("SQLite {}", file.display()))
    }

    fn plan(&self) -> &CompiledPlan {
        &self.place.compiled.plan
    }

    fn session(&self, role: SessionRole) -> Box<dyn Session> {
        Box::new(SqliteSession::new(Arc::clone(&self.place), role))
    }

    fn cancel(&self) -> BoxFuture<'_, ()> {
        self.place.cancels.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }

    fn measure(&self) -> BoxFuture<'_, Vec<Measurement>> {
        let mut read = vec![Measurement {
            signal: "wal_bytes".into(),
            place: self.place.name.to_string(),
            value: self.place.log_bytes(),
        }];
        read.push(Measurement {
            signal: "disk_free_bytes".into(),
            place: self.place.name.to_string(),
            value: self.place.disk_free_bytes(),
        });
        if !self.place.path.exists() {
            // As on a server that does not answer.
            read.push(Measurement {
                signal: "primary".into(),
                place: self.place.path.display().to_string(),
                value: None,
            });
        }
        // One direction at a time: once the flag stands at 100 % an old-form
        // write is refused, so there is never one to wait for.
        read.push(Measurement {
            signal: "old_form_writes".into(),
            place: String::new(),
            value: Some(0),
        });
        Box::pin(async move {
            read.extend(self.pulse.take(&self.place).await);
            read
        })
    }

    fn end_blocker(&self, _: Blocker) -> BoxFuture<'_, BlockerEnd> {
        let why = "SQLite has no sessions that could be ended";
        Box::pin(std::future::ready(BlockerEnd::Failed(why.into())))
    }

    fn locks(&self) -> BoxFuture<'_, Locks> {
        Box::pin(std::future::ready(Locks::Unknown(
            "a SQLite file has one writer at a time and does not say who it is".into(),
        )))
    }

    fn forget(&self) -> BoxFuture<'_, Result<Remains, Fault>> {
        Box::pin(async move {
            let connected = connect(&self.place, SessionRole::Lead).await;
            let mut conn = connected.map_err(|error| self.fault(&error, "nothing was removed"))?;
            let answer = forget(&mut conn).await;
            // The answer stands whether or not the file closes cleanly.
            let _closed = conn.close().await;
            answer
                .map(|()| Remains::Nothing)
                .map_err(|error| self.fault(&error, "it was rolled back"))
        })
    }
}

async fn forget(conn: &mut SqliteConnection) -> Result<(), CallError> {
    run(conn, "BEGIN IMMEDIATE".to_owned()).await?;
    let done = remove_tables(conn).await;
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    run(conn, end.to_owned()).await?;
    done
}

async fn remove_tables(conn: &mut SqliteConnection) -> Result<(), CallError> {
    let registry = install::registry(conn).await?;
    if registry.is_some_and(|r| r.authority.is_some()) {
        return Err(super::failure::refused(
            code::STILL_ARMED,
            "dual write is on: removing our tables would leave its triggers without an owner; roll back or finish first",
        ));
    }
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'pilothouse\\_%' ESCAPE '\\'";
    for row in rows(conn, sql.to_owned()).await? {
        let name = text(&row, 0).unwrap_or_default().replace('"', "\"\"");
        run(conn, format!("DROP TABLE \"{name}\"")).await?;
    }
    Ok(())
}
