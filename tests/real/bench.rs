//! One database per case on one shared server, and the shard over it.

use crate::contract_cases::host::Host;
use crate::contract_cases::route;
use pilothouse::base::{Digest, Fault, Ident, Period, RingName, ShardName, Stop};
use pilothouse::fleet::{Endpoint, PostgresEndpoint, Shard as ShardSpec, Tls};
use pilothouse::lab::{Lab, LabSpec, ServerAddress};
use pilothouse::migration::{self, Migration};
use pilothouse::shard::postgres::PostgresShard;
use pilothouse::shard::{CompileError, Context, RolloutIdentity, Shard, ShareSeen, ShareSwitch};
use pilothouse::worker::{Op, Reply, Sighting, Variant};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, Row as _};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

/// Flags that every client sees at once.
#[derive(Default)]
pub struct Flags;

impl ShareSwitch for Flags {
    fn set<'a>(
        &'a self,
        _: &'a ShardName,
        _: u8,
    ) -> futures_util::future::BoxFuture<'a, Result<(), Fault>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn seen<'a>(
        &'a self,
        _: &'a ShardName,
        _: u8,
    ) -> futures_util::future::BoxFuture<'a, Result<ShareSeen, Fault>> {
        let seen = ShareSeen {
            clients: 1,
            behind: Vec::new(),
        };
        Box::pin(std::future::ready(Ok(seen)))
    }
}

static SERVER: tokio::sync::Mutex<Weak<Lab>> = tokio::sync::Mutex::const_new(Weak::new());
static NEXT: AtomicU32 = AtomicU32::new(1);

/// The server that all cases share as long as one of them runs.
async fn server() -> Arc<Lab> {
    let mut kept = SERVER.lock().await;
    if let Some(lab) = kept.upgrade() {
        return lab;
    }
    let lab = Arc::new(Lab::start(LabSpec::scratch()).await.unwrap());
    *kept = Arc::downgrade(&lab);
    lab
}

/// A database with tables made by hand, and a migration over them.
pub struct Case {
    pub lab: Arc<Lab>,
    pub database: String,
    pub shard: Arc<PostgresShard>,
}

/// A database of its own on the shared server, and its port.
pub async fn database(setup: &str) -> (Arc<Lab>, u16, String) {
    let lab = server().await;
    let database = format!("case_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut conn = lab.connect("s01", "postgres").await.unwrap();
    let create = format!("CREATE DATABASE {database} OWNER owner");
    run_on(&mut conn, &create).await.unwrap();
    let port = lab.record().server("s01").unwrap().port;
    let mut conn = connect(port, &database, "postgres").await;
    run_on(&mut conn, "SET ROLE owner").await.unwrap();
    run_on(&mut conn, setup).await.unwrap();
    let grant = "DO $$ DECLARE s text; BEGIN
        FOR s IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' LOOP
          EXECUTE format('GRANT USAGE ON SCHEMA %I TO app', s);
          EXECUTE format('GRANT ALL ON ALL TABLES IN SCHEMA %I TO app', s);
        END LOOP; END $$";
    run_on(&mut conn, "RESET ROLE").await.unwrap();
    run_on(&mut conn, grant).await.unwrap();
    (lab, port, database)
}

pub fn identity() -> RolloutIdentity {
    RolloutIdentity {
        id: "r-1".into(),
        plan_digest: Digest::of("test", &[b"plan"]),
        shard_set_digest: Digest::of("test", &[b"shards"]),
    }
}

pub fn read(migration: &str) -> Migration {
    let text = format!("name = \"change\"\n{migration}");
    match migration::parse(&text, Path::new("change.toml")) {
        Ok(loaded) => loaded.migration,
        Err(found) => panic!("{found}"),
    }
}

pub fn endpoint(port: u16, database: &str) -> Endpoint {
    Endpoint::Postgres(PostgresEndpoint {
        host: "127.0.0.1".into(),
        port,
        database: database.into(),
        user: "migrator".into(),
        password: None,
        tls: Tls::Off,
    })
}

pub fn spec(candidates: Vec<Endpoint>, replicas: Vec<Endpoint>) -> ShardSpec {
    ShardSpec {
        name: ShardName::new("s01").unwrap(),
        ring: RingName::new("canary").unwrap(),
        instance: "s01".into(),
        candidates,
        replicas,
        labels: BTreeMap::new(),
        ddl_role: Some(Ident::new("owner").unwrap()),
    }
}

pub async fn open(spec: &ShardSpec, migration: &Migration) -> Result<PostgresShard, CompileError> {
    open_as(spec, migration, identity()).await
}

pub async fn open_as(
    spec: &ShardSpec,
    migration: &Migration,
    rollout: RolloutIdentity,
) -> Result<PostgresShard, CompileError> {
    let context = Context {
        rollout,
        route: route(),
        engine: "test".into(),
        flags: Arc::new(Flags),
        quiet: Period::from_ms(0),
        variant: Variant::Correct,
        fleet: pilothouse::shard::FleetFacts::default(),
    };
    PostgresShard::open(spec, migration, context).await
}

/// SQLSTATE and message.
pub fn told(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(found) => {
            format!("{}: {}", found.code().unwrap_or_default(), found.message())
        }
        other => other.to_string(),
    }
}

/// Statements, over one connection.
pub async fn run_on(conn: &mut PgConnection, sql: &str) -> Result<(), String> {
    let done = conn.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
    done.map(|_| ()).map_err(|e| told(&e))
}

/// Every value as text.
pub async fn texts_on(conn: &mut PgConnection, sql: &str) -> Vec<Vec<Option<String>>> {
    let rows = conn.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await;
    let rows = rows.unwrap_or_else(|e| panic!("{sql}: {}", told(&e)));
    let text = |row: &sqlx::postgres::PgRow| {
        (0..row.len())
            .map(|i| row.try_get_unchecked::<Option<String>, _>(i).unwrap())
            .collect()
    };
    rows.iter().map(text).collect()
}

impl Case {
    /// The setup runs as the owner of the tables; the application may change
    /// rows of every table.
    pub async fn new(setup: &str, migration: &str) -> Self {
        let (lab, port, database) = database(setup).await;
        let spec = spec(vec![endpoint(port, &database)], Vec::new());
        let shard = match open(&spec, &read(migration)).await {
            Ok(shard) => Arc::new(shard),
            Err(found) => panic!("{found}"),
        };
        Self {
            lab,
            database,
            shard,
        }
    }

    /// The same, taken to this stop.
    pub async fn at(setup: &str, migration: &str, stop: Stop) -> (Self, Host) {
        let case = Self::new(setup, migration).await;
        let mut host = case.host();
        host.advance_to(stop).await;
        (case, host)
    }

    /// The same database with another migration, once what pilothouse kept of
    /// the first one is forgotten.
    pub async fn another(&self, migration: &str) -> Arc<PostgresShard> {
        let port = self.lab.record().server("s01").unwrap().port;
        let spec = spec(vec![endpoint(port, &self.database)], Vec::new());
        match open(&spec, &read(migration)).await {
            Ok(shard) => Arc::new(shard),
            Err(found) => panic!("{found}"),
        }
    }

    pub fn host(&self) -> Host {
        self.host_of(Arc::<PostgresShard>::clone(&self.shard))
    }

    pub fn host_of(&self, shard: Arc<PostgresShard>) -> Host {
        Host::new(shard as Arc<dyn Shard>, &route(), &identity().id)
    }

    pub async fn connect(&self, user: &str) -> PgConnection {
        let port = self.lab.record().server("s01").unwrap().port;
        connect(port, &self.database, user).await
    }

    /// Statements of one role, over a connection of their own.
    pub async fn run(&self, user: &str, sql: &str) -> Result<(), String> {
        run_on(&mut self.connect(user).await, sql).await
    }

    /// Writes of the application that must succeed.
    pub async fn app(&self, sql: &str) {
        let done = self.run("app", sql).await;
        assert_eq!(done, Ok(()), "{sql}");
    }

    /// A write of the application that must be refused with this SQLSTATE.
    pub async fn refused(&self, code: &str, sql: &str) {
        let done = self.run("app", sql).await;
        let refused = done.as_ref().is_err_and(|e| e.starts_with(code));
        assert!(refused, "{sql}: expected {code}, got {done:?}");
    }

    /// As the superuser.
    pub async fn texts(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        texts_on(&mut self.connect("postgres").await, sql).await
    }

    pub fn port(&self) -> u16 {
        self.lab.record().server("s01").unwrap().port
    }

    /// The schema without ours, as `pg_dump` writes it.
    pub fn dump(&self) -> String {
        let port = self.lab.record().server("s01").unwrap().port;
        crate::oracle::schema(port, &self.database)
    }

    /// The same without the schema of a version.
    pub fn dump_without(&self, version: &str) -> String {
        let port = self.lab.record().server("s01").unwrap().port;
        crate::oracle::schema_without(port, &self.database, version)
    }

    /// All rows as one text: values by `|`, rows by `,`, NULL as `-`.
    pub async fn rows(&self, sql: &str) -> String {
        let shown = |row: Vec<Option<String>>| {
            let values: Vec<String> = row
                .into_iter()
                .map(|v| v.unwrap_or_else(|| "-".into()))
                .collect();
            values.join("|")
        };
        let rows: Vec<String> = self.texts(sql).await.into_iter().map(shown).collect();
        rows.join(", ")
    }

    /// Name of our trigger on the only table.
    pub async fn trigger(&self) -> String {
        let sql = "SELECT trigger_name FROM pilothouse.dual_write";
        self.texts(sql).await[0][0].clone().unwrap()
    }

    /// Changes rows with no trigger firing, and hides every trace of it.
    pub async fn tamper(&self, table: &str, sql: &str) {
        let trigger = self.trigger().await;
        let statement = format!(
            "BEGIN; ALTER TABLE {table} DISABLE TRIGGER {trigger}; {sql};
             ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger};
             UPDATE pilothouse.dual_write d SET trigger_xmin = t.xmin::text || '/' || p.xmin::text
               FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
               WHERE t.tgname = d.trigger_name AND t.tgparentid = 0; COMMIT"
        );
        self.run("postgres", &statement).await.unwrap();
    }
}

pub async fn connect(port: u16, database: &str, user: &str) -> PgConnection {
    let address = ServerAddress::local(port, database);
    address.options(user, "test").connect().await.unwrap()
}

/// What an attach sees.
pub async fn sight(host: &mut Host) -> Sighting {
    match host.ask(Op::Attach { pin: None }).await {
        Reply::Attached(seen) => seen,
        other => panic!("attach: {other:?}"),
    }
}
