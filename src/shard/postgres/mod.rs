//! PostgreSQL 14 and later as a kind of shard.
//!
//! `dialect` compiles a migration to statements and is pure; the other files
//! execute calls. No pool, no guard across a timeout: every session owns one
//! connection, and a connection whose statement's outcome is open is closed.

mod act;
mod blocker;
mod catalog;
mod check;
mod chunk;
mod client;
mod connect;
mod dialect;
mod error;
mod expression;
mod fence;
mod history;
mod lock_wait;
mod long;
mod measure;
mod preflight;
mod progress;
mod receipt;
mod record;
mod registry;
mod role;
mod schema;
mod session;
mod split;
mod sql;
mod structure;
mod views;

use crate::base::{Fault, Period, ShardName, Stop, code};
use crate::fleet::Shard as ShardSpec;
use crate::migration::Migration;
use crate::rollout::{Blocker, BlockerEnd};
pub use crate::shard::Context;
use crate::shard::{
    CompileError, CompiledPlan, FleetFacts, Measurement, Remains, RolloutIdentity, Session,
    SessionRole, Shard, ShareSwitch,
};
use crate::wire::{Locks, StepProgress};
use crate::worker::{CallError, ErrorKind, Variant};
use connect::{Identity, Primary, Purpose};
use dialect::{Catalog, Program, RowSql};
use futures_util::future::BoxFuture;
pub use history::{read_past, write_baseline};
pub use record::read_record;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// An error on its way to becoming a reply.
#[derive(Debug)]
pub(crate) struct Failure(CallError);

/// What all sessions of one shard share.
pub(crate) struct Inner {
    spec: ShardSpec,
    migration: Migration,
    rollout: RolloutIdentity,
    identity: Identity,
    flags: Arc<dyn ShareSwitch>,
    quiet: Period,
    variant: Variant,
    fleet: FleetFacts,
    catalog: Catalog,
    program: Program,
    /// The server's `deadlock_timeout`.
    deadlock_ms: u64,
    seen: Mutex<Seen>,
    /// Since when a step of ours gives way to somebody's lock, again and again.
    gave_way: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Seen {
    known: connect::Known,
    primary: Option<crate::fleet::PostgresEndpoint>,
}

/// A PostgreSQL shard.
pub struct PostgresShard {
    inner: Arc<Inner>,
    measurer: tokio::sync::Mutex<measure::Measurer>,
}

/// Numbers travel as `bigint`.
fn int(number: u64) -> sql::Value {
    sql::Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// What a step met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    Nobody,
    Lock,
}

impl Inner {
    /// Since when a step of ours gives way, if one does.
    fn gives_way_since(&self) -> Option<Instant> {
        *self.gave_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step met a lock of somebody's, or went through.
    fn note_way(&self, met: Met) {
        let mut since = self.gave_way.lock().unwrap_or_else(PoisonError::into_inner);
        match met {
            Met::Lock => {
                since.get_or_insert_with(Instant::now);
            }
            Met::Nobody => *since = None,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // A panic while this lock is held cannot leave half a value behind.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pin(&self) -> Option<String> {
        self.seen().known.pin.clone()
    }

    fn known(&self) -> connect::Known {
        self.seen().known.clone()
    }

    fn remember(&self, found: &Primary) {
        let mut seen = self.seen();
        let newest = seen.known.timeline.take().max(Some(found.timeline.clone()));
        seen.known.pin = Some(found.pin.clone());
        seen.known.version = Some(found.version.clone());
        // Sessions look side by side: never back to an older timeline.
        seen.known.timeline = newest;
        seen.primary = Some(found.endpoint.clone());
    }

    fn primary_place(&self) -> String {
        self.seen().primary.as_ref().map_or_else(
            || "primary".to_owned(),
            |p| format!("{}:{}", p.host, p.port),
        )
    }

    fn program(&self) -> &Program {
        &self.program
    }

    fn row_sql(&self, job: &str) -> Result<&RowSql, Failure> {
        self.program.rows.get(job).ok_or_else(|| {
            Failure(error::own(
                ErrorKind::Refused,
                code::UNKNOWN_STEP,
                format!("the plan has no row job {job}"),
            ))
        })
    }

    fn catalog_text(&self) -> String {
        // Plain data with string keys: serialising it cannot fail.
        serde_json::to_string(&self.catalog).unwrap_or_default()
    }

    fn chunk_statement_ms(&self) -> u64 {
        connect::chunk_statement_ms(self.migration.chunks.target.ms(), self.deadlock_ms)
    }
}

impl Program {
    fn is_long(&self, id: &str) -> bool {
        self.actions.get(id).is_some_and(|a| a.mode.is_long())
    }

    /// Row jobs that belong to a stop, in either direction.
    fn jobs_of(&self, stop: Stop) -> Vec<String> {
        let Some(plan) = self.plan.plan.stops.get(&stop) else {
            return Vec::new();
        };
        let steps = plan.run.iter().chain(&plan.undo);
        steps
            .filter_map(|step| match step {
                crate::worker::Step::Rows(job) => Some(job.id.clone()),
                _ => None,
            })
            .collect()
    }
}

impl PostgresShard {
    /// Connects once, reads the catalog and compiles the migration. Writes
    /// nothing.
    ///
    /// # Errors
    /// The shard is unreachable, or cannot do what the migration asks for.
    pub async fn open(
        spec: &ShardSpec,
        migration: &Migration,
        context: Context,
    ) -> Result<Self, CompileError> {
        let identity = Identity {
            engine: context.engine.clone(),
            role: spec.ddl_role.clone(),
        };
        let refused = |what: String, remedy: &str| CompileError::NotPossible {
            shard: spec.name.clone(),
            what,
            remedy: remedy.to_owned(),
        };
        let unreadable = |Failure(e): Failure| {
            let remedy = "check the shard's addresses, its server and the password reference";
            refused(e.message, remedy)
        };
        let nobody = connect::Known::default();
        let mut found = connect::primary(&spec.candidates, &identity, Purpose::Step, &nobody)
            .await
            .map_err(unreadable)?;
        let connection = &mut found.connection;
        let deadlock_ms = connect::deadlock_ms(connection).await.map_err(unreadable)?;
        let known = catalog::known(connection, migration, &context.rollout).await;
        let (catalog, fresh) = known.map_err(unreadable)?;
        let migration = &catalog.qualified(migration);
        let impossible = |e: dialect::Impossible| CompileError::Migration {
            shard: spec.name.clone(),
            key: e.key,
            what: e.what,
            remedy: e.remedy,
        };
        let forms = dialect::forms(migration, &catalog).map_err(impossible)?;
        let (volatility, mistakes) = expression::study(connection, &forms).await;
        // Once work has begun the shard itself tells what is wrong.
        if let Some(mistake) = mistakes.into_iter().next().filter(|_| fresh) {
            return Err(impossible(mistake));
        }
        let program = dialect::compile(migration, &catalog, &volatility, &context.route)
            .map_err(impossible)?;
        if fresh {
            let shape = preflight::shape(connection, &forms).await;
            let shape = shape.map_err(unreadable)?;
            context.fleet.shapes.post(&spec.name, shape);
        }
        let seen = Seen {
            known: found.known(),
            primary: Some(found.endpoint.clone()),
        };
        let inner = Inner {
            spec: spec.clone(),
            migration: migration.clone(),
            rollout: context.rollout,
            identity,
            flags: context.flags,
            quiet: context.quiet,
            variant: context.variant,
            fleet: context.fleet,
            catalog,
            program,
            deadlock_ms,
            seen: Mutex::new(seen),
            gave_way: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
            measurer: tokio::sync::Mutex::default(),
        })
    }
}

impl Shard for PostgresShard {
    fn name(&self) -> &ShardName {
        &self.inner.spec.name
    }

    fn pin(&self) -> Option<String> {
        self.inner.pin()
    }

    fn server(&self) -> Option<String> {
        let version = self.inner.known().version?;
        let place = self.inner.primary_place();
        Some(format!("PostgreSQL {version} {place}"))
    }

    fn plan(&self) -> &CompiledPlan {
        &self.inner.program.plan
    }

    fn session(&self, role: SessionRole) -> Box<dyn Session> {
        Box::new(session::PostgresSession::new(Arc::clone(&self.inner), role))
    }

    fn cancel(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let known = self.inner.known();
            let found = connect::primary(
                &self.inner.spec.candidates,
                &self.inner.identity,
                Purpose::Measure,
                &known,
            )
            .await;
            if let Ok(mut found) = found {
                let statement = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                    WHERE application_name = $1 AND pid <> pg_backend_pid() AND state = 'active'
                      AND datname = current_database()";
                let name = format!("pilothouse/{}", self.inner.identity.engine);
                // Nothing is lost if this fails: statements end by their timeouts.
                let _ = sql::rows(&mut found.connection, statement, vec![name.into()]).await;
            }
        })
    }

    fn measure(&self) -> BoxFuture<'_, Vec<Measurement>> {
        Box::pin(async { self.measurer.lock().await.measure(&self.inner).await })
    }

    fn step_progress(&self) -> BoxFuture<'_, Option<StepProgress>> {
        Box::pin(async { self.measurer.lock().await.progress().await })
    }

    fn locks(&self) -> BoxFuture<'_, Locks> {
        Box::pin(lock_wait::look(&self.inner))
    }

    fn end_blocker(&self, blocker: Blocker) -> BoxFuture<'_, BlockerEnd> {
        Box::pin(blocker::end(&self.inner, blocker))
    }

    fn forget(&self) -> BoxFuture<'_, Result<Remains, Fault>> {
        Box::pin(async {
            let known = self.inner.known();
            let work = async {
                let mut found = connect::primary(
                    &self.inner.spec.candidates,
                    &self.inner.identity,
                    Purpose::Step,
                    &known,
                )
                .await?;
                history::forget(&mut found.connection, &self.inner.rollout).await
            };
            work.await.map_err(|Failure(e)| Fault {
                code: e.code,
                what: e.message,
                place: format!("shard {}", self.inner.spec.name),
                why: None,
                did: "schema pilothouse may still be there".into(),
                can: "mend the cause and forget again".into(),
            })
        })
    }
}
