//! From files to an engine: reads, opens, checks, and touches nothing.

use super::exit::{Ended, Exit};
use crate::base::{Digest, RingName, ShardName, Stop};
use crate::engine::{Book, Opener, Shares, now, replay};
use crate::flags::FileFlags;
use crate::fleet::{Fleet, LoadedFleet};
use crate::journal::Entry;
use crate::migration::{LoadedMigration, Migration, load_kept};
use crate::rollout::{Fact, Member, Opening, State};
use crate::shard::{CompileError, Context, FleetFacts, RolloutIdentity, Shapes, Shard, open};
use crate::store::{Lease, LeaseError, Store, StoreError};
use crate::worker::Variant;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A fleet and a migration that belong together.
pub struct Job {
    /// The fleet, with its file.
    pub fleet: LoadedFleet,
    /// The migration, with its file.
    pub migration: LoadedMigration,
    /// The stops.
    pub route: Vec<Stop>,
    /// Who this engine is.
    pub engine: String,
    /// Which engine.
    pub variant: Variant,
    /// Where the migration was read from.
    pub migration_path: PathBuf,
    /// What the tables look like, shard by shard.
    shapes: Shapes,
}

/// Shards by name; those nobody answers at are missing.
pub struct Opened {
    /// Ready to work.
    pub shards: BTreeMap<ShardName, Arc<dyn Shard>>,
    /// Why the others are not.
    pub missing: BTreeMap<ShardName, CompileError>,
}

/// Loads a fleet file.
///
/// # Errors
/// Every mistake in it, each with its place.
pub fn load_fleet(path: &Path) -> Result<LoadedFleet, Ended> {
    crate::fleet::load(path).map_err(|d| Ended::new(Exit::BadInput, d.to_string()))
}

/// Loads a migration file.
///
/// # Errors
/// Every mistake in it, each with its place.
pub fn load_migration(path: &Path) -> Result<LoadedMigration, Ended> {
    crate::migration::load(path).map_err(|d| Ended::new(Exit::BadInput, d.to_string()))
}

/// Every stop of a rollout under this policy.
pub fn route(fleet: &Fleet) -> Vec<Stop> {
    let mut route = vec![
        Stop::Preflight,
        Stop::Snapshot,
        Stop::Expand,
        Stop::DualWrite,
        Stop::Backfill,
        Stop::Verify,
    ];
    route.extend(
        fleet
            .policy
            .shift_steps
            .iter()
            .map(|percent| Stop::Shift(*percent)),
    );
    route.extend([Stop::Retire, Stop::Drop]);
    route
}

/// Id of the rollout of a plan over a shard set: what an operator types to
/// confirm, and the same wherever it is computed.
pub fn rollout_id(fleet: &Fleet, migration: &Migration) -> String {
    let (plan, set) = (migration.plan_digest(), fleet.shard_set_digest());
    let digest = Digest::of("rollout-id/1", &[plan.bytes(), set.bytes()]);
    format!("{}-{}", migration.name, digest.short())
}

impl Job {
    /// Of a loaded fleet and a migration file.
    ///
    /// # Errors
    /// Every mistake in the migration file, each with its place.
    pub fn read(fleet: LoadedFleet, migration: &Path, variant: Variant) -> Result<Self, Ended> {
        let loaded = load_migration(migration)?;
        Ok(Self::of(fleet, loaded, migration, variant))
    }

    /// Of a loaded fleet and the migration that its store keeps.
    ///
    /// # Errors
    /// As [`Job::read`].
    pub fn read_kept(fleet: LoadedFleet, plan: &Digest, variant: Variant) -> Result<Self, Ended> {
        let store = &fleet.fleet.store;
        let path = kept_migration(store, plan);
        let loaded = load_kept(&path, &kept_runbook(store, plan))
            .map_err(|d| Ended::new(Exit::BadInput, d.to_string()))?;
        Ok(Self::of(fleet, loaded, &path, variant))
    }

    fn of(fleet: LoadedFleet, migration: LoadedMigration, path: &Path, variant: Variant) -> Self {
        let migration_path = path.to_path_buf();
        let route = route(&fleet.fleet);
        let seed = format!("{} {}", std::process::id(), now().0);
        let engine = Digest::of("engine-id/1", &[seed.as_bytes()]).short();
        Self {
            fleet,
            migration,
            route,
            engine,
            variant,
            migration_path,
            shapes: Shapes::default(),
        }
    }

    /// Id of the rollout.
    pub fn rollout_id(&self) -> String {
        rollout_id(&self.fleet.fleet, &self.migration.migration)
    }

    /// What a journal opens with.
    pub fn opening(&self) -> Opening {
        let fleet = &self.fleet.fleet;
        let members = |ring: &RingName| -> Vec<Member> {
            let shards = fleet.shards.iter().filter(|s| s.ring == *ring);
            shards
                .map(|s| Member {
                    shard: s.name.clone(),
                    instance: s.instance.clone(),
                })
                .collect()
        };
        Opening {
            id: self.rollout_id(),
            migration: self.migration.migration.name.clone(),
            plan_digest: self.migration.migration.plan_digest(),
            shard_set_digest: fleet.shard_set_digest(),
            policy: fleet.policy.clone(),
            guards: fleet.guards.clone(),
            route: self.route.clone(),
            rings: fleet
                .rings
                .iter()
                .map(|ring| (ring.clone(), members(ring)))
                .collect(),
            instance_caps: fleet.instances.clone(),
            production: fleet.environment.production,
            waived: self.migration.migration.waivers.clone(),
        }
    }

    fn identity(&self) -> RolloutIdentity {
        RolloutIdentity {
            id: self.rollout_id(),
            plan_digest: self.migration.migration.plan_digest(),
            shard_set_digest: self.fleet.fleet.shard_set_digest(),
        }
    }

    /// Opens one shard.
    ///
    /// # Errors
    /// It does not answer, or cannot do what the migration asks for.
    pub async fn open_shard(&self, name: &ShardName) -> Result<Arc<dyn Shard>, CompileError> {
        let fleet = &self.fleet.fleet;
        let migration = &self.migration.migration;
        let flags = Arc::new(Shares::new(Arc::new(FileFlags::new(fleet.flags.clone()))));
        let Some(spec) = fleet.shards.iter().find(|s| s.name == *name) else {
            return Err(CompileError::NotPossible {
                shard: name.clone(),
                what: "it is not in the fleet file".into(),
                remedy: "use the fleet file that the rollout was opened with".into(),
            });
        };
        let context = Context {
            rollout: self.identity(),
            route: self.route.clone(),
            engine: self.engine.clone(),
            flags,
            quiet: fleet.policy.quiet,
            variant: self.variant,
            fleet: FleetFacts {
                shapes: self.shapes.clone(),
                slot_wal_bytes_max: fleet.throttle.slot_wal_bytes,
                disk_free_bytes_min: fleet.throttle.disk_free_bytes,
            },
        };
        open(spec, migration, context).await
    }

    /// Opens every shard, side by side.
    pub async fn open_shards(&self) -> Opened {
        let names: Vec<ShardName> = self
            .fleet
            .fleet
            .shards
            .iter()
            .map(|s| s.name.clone())
            .collect();
        let openings = names.iter().map(|name| self.open_shard(name));
        let results = futures_util::future::join_all(openings).await;
        let mut opened = Opened {
            shards: BTreeMap::new(),
            missing: BTreeMap::new(),
        };
        for (name, result) in names.into_iter().zip(results) {
            match result {
                Ok(shard) => {
                    opened.shards.insert(name, shard);
                }
                Err(error) => {
                    opened.missing.insert(name, error);
                }
            }
        }
        opened
    }

    /// Turns shards that did not open into one message with their places. A
    /// mistake that several shards find in the migration is told once.
    pub fn not_opened(&self, missing: &BTreeMap<ShardName, CompileError>) -> Ended {
        let mut told: Vec<String> = Vec::new();
        let mut mistakes: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
        for error in missing.values() {
            match error {
                CompileError::NotPossible {
                    shard,
                    what,
                    remedy,
                } => {
                    let place = format!("shard.{shard}.candidates");
                    let message = format!("shard {shard}: {what}");
                    let source = &self.fleet.source;
                    told.push(source.diagnostic(&place, message, remedy).to_string());
                }
                CompileError::Migration {
                    shard,
                    key,
                    what,
                    remedy,
                } => mistakes
                    .entry((key, what, remedy))
                    .or_default()
                    .push(shard.as_str()),
            }
        }
        for ((key, what, remedy), shards) in mistakes {
            let message = format!("{what} (on {})", shards.join(", "));
            let source = &self.migration.source;
            told.push(source.diagnostic(key, message, remedy).to_string());
        }
        Ended::new(Exit::BadInput, told.join("\n\n"))
    }

    /// Two shards that turn out to be one database.
    pub fn same_database(&self, opened: &Opened) -> Option<Ended> {
        let mut seen: BTreeMap<String, &ShardName> = BTreeMap::new();
        for (name, shard) in &opened.shards {
            let Some(pin) = shard.pin() else { continue };
            if let Some(other) = seen.insert(pin, name) {
                let place = format!("shard.{name}.candidates");
                let found = self.fleet.source.diagnostic(
                    &place,
                    format!("shards {other} and {name} are one and the same database"),
                    "give every shard a database of its own",
                );
                return Some(Ended::new(Exit::BadInput, found.to_string()));
            }
        }
        None
    }
}

impl Opener for Job {
    fn open<'a>(&'a self, name: &'a ShardName) -> BoxFuture<'a, Option<Arc<dyn Shard>>> {
        Box::pin(async move { self.open_shard(name).await.ok() })
    }
}

/// Takes the lease of a store.
///
/// # Errors
/// Another engine has it.
pub fn lease(store: &Path, engine: &str) -> Result<Lease, Ended> {
    Store::lock(store, engine, now()).map_err(|error| match error {
        LeaseError::Owned(_) | LeaseError::OwnedByUnknown => {
            Ended::new(Exit::Owned, error.to_string())
        }
        other => Ended::new(Exit::Failed, other.to_string()),
    })
}

/// Opens the journal and folds it.
///
/// # Errors
/// It cannot be read or written.
pub async fn book(store: &Path, variant: Variant) -> Result<Book, Ended> {
    let failed = |error: String| {
        Ended::new(
            Exit::Failed,
            format!("journal in {}: {error}", store.display()),
        )
    };
    let opened = Store::open(store)
        .await
        .map_err(|e| failed(e.to_string()))?;
    Book::open(opened, variant)
        .await
        .map_err(|e| failed(e.to_string()))
}

/// Where the store keeps the migration that is under way.
pub fn kept_migration(store: &Path, plan: &Digest) -> PathBuf {
    store.join(format!("migration-{}.toml", plan.short()))
}

/// Where the store keeps a migration that is over and forgotten.
pub fn kept_done(store: &Path, plan: &Digest) -> PathBuf {
    store
        .join("done")
        .join(format!("migration-{}.toml", plan.short()))
}

/// Where the store keeps the runbook of that migration.
pub fn kept_runbook(store: &Path, plan: &Digest) -> PathBuf {
    store.join(format!("migration-{}.runbook.md", plan.short()))
}

/// The journal as it is now, read without touching it.
pub struct ReadJournal {
    /// Every entry.
    pub entries: Vec<Entry>,
    /// What they come to.
    pub state: State,
    /// The facts in them, with their numbers.
    pub facts: Vec<(u64, Fact)>,
}

/// There is nothing to look at, and nothing to order.
pub(super) const NEVER_OPENED: &str = "no rollout was ever opened on this fleet";

/// Reads the journal of a store; writes nothing.
///
/// # Errors
/// It cannot be read, or holds what this version does not know.
pub async fn read_journal(store: &Path) -> Result<ReadJournal, Ended> {
    let failed = |e: String| Ended::new(Exit::Failed, format!("journal: {e}"));
    let reader = match Store::open_read_only(store).await {
        Ok(reader) => reader,
        // Another process is about to open the first rollout.
        Err(StoreError::Empty { .. }) => return Err(Ended::new(Exit::Refused, NEVER_OPENED)),
        Err(error) => return Err(failed(error.to_string())),
    };
    let entries = reader.entries(1).await.map_err(|e| failed(e.to_string()))?;
    let (state, facts) = replay(&entries).map_err(|e| failed(e.to_string()))?;
    Ok(ReadJournal {
        entries,
        state,
        facts,
    })
}
