//! What is in a shard at the beginning: roles, rights, the pgbench tables.
//!
//! As in a well-kept shop: `owner` owns the tables and cannot log in,
//! `migrator` is a member of it and may read the server's statistics, `app`
//! may change rows and nothing else. Nobody has a password; the servers
//! listen on loopback only.

use super::servers::Servers;
use super::sql::{self, DATABASE, SUPERUSER};
use super::{Fill, LabError, ServerAddress, ServerRecord, binaries};
use std::sync::Arc;

/// On the server, one statement each.
const ROLES: [&str; 7] = [
    "CREATE ROLE owner NOLOGIN",
    "CREATE ROLE migrator LOGIN",
    "GRANT owner TO migrator",
    "GRANT pg_monitor TO migrator",
    "GRANT pg_signal_backend TO migrator",
    "CREATE ROLE app LOGIN",
    "CREATE DATABASE shop OWNER owner",
];

/// In the database, before there are tables.
const RIGHTS: [&str; 1] = ["ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public \
     GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app"];

/// Rows for a small shard; pgbench itself only knows hundreds of thousands.
const FEW_ACCOUNTS: &str = "INSERT INTO pgbench_accounts (aid, bid, abalance, filler) \
     SELECT n, 1, 0, '' FROM generate_series(1, $1::int4) AS n";
const FEW_TELLERS: &str = "INSERT INTO pgbench_tellers (tid, bid, tbalance) SELECT n, 1, 0 FROM generate_series(1, 10) AS n";
const ONE_BRANCH: &str = "INSERT INTO pgbench_branches (bid, bbalance) VALUES (1, 0)";

/// Makes roles, database and tables on a fresh primary.
pub(super) async fn fill(
    servers: &Arc<Servers>,
    primary: &ServerRecord,
    fill: Fill,
) -> Result<(), LabError> {
    let place = primary.name.as_str();
    let mut server =
        sql::connect(&ServerAddress::local(primary.port, "postgres"), SUPERUSER).await?;
    for statement in ROLES {
        sqlx::raw_sql(statement)
            .execute(&mut server)
            .await
            .map_err(LabError::sql("make roles and database", place))?;
    }
    let mut shop = sql::connect(&ServerAddress::local(primary.port, DATABASE), SUPERUSER).await?;
    for statement in RIGHTS {
        sqlx::raw_sql(statement)
            .execute(&mut shop)
            .await
            .map_err(LabError::sql("grant rights", place))?;
    }
    let (runner, record) = (Arc::clone(servers), primary.clone());
    sql::aside(move || pgbench(&runner, &record, fill)).await?;
    if let Fill::Rows(rows) = fill {
        few_rows(&mut shop, rows, place).await?;
    }
    Ok(())
}

async fn few_rows(shop: &mut sqlx::PgConnection, rows: u32, place: &str) -> Result<(), LabError> {
    let failed = || LabError::sql("fill the accounts", place);
    sqlx::raw_sql(ONE_BRANCH)
        .execute(&mut *shop)
        .await
        .map_err(failed())?;
    sqlx::raw_sql(FEW_TELLERS)
        .execute(&mut *shop)
        .await
        .map_err(failed())?;
    sqlx::query(FEW_ACCOUNTS)
        // The specification allows at most a hundred million.
        .bind(i32::try_from(rows).unwrap_or(i32::MAX))
        .execute(&mut *shop)
        .await
        .map_err(failed())?;
    sqlx::raw_sql("VACUUM (ANALYZE) pgbench_accounts")
        .execute(shop)
        .await
        .map_err(failed())?;
    Ok(())
}

/// Runs pgbench as the migrator who has become `owner`, so that `owner` owns
/// the tables.
fn pgbench(servers: &Servers, primary: &ServerRecord, fill: Fill) -> Result<(), LabError> {
    let home = servers.layout().server(&primary.name);
    let mut command = servers
        .binaries()
        .command("pgbench", servers.account(), &home);
    command.env("PGOPTIONS", "-c role=owner");
    command.args(["-h", "127.0.0.1", "-p", &primary.port.to_string()]);
    command.args(["-U", "migrator", "-i", "-q"]);
    match fill {
        Fill::Scale(scale) => command.args(["-I", "dtgvp", "-s", &scale.to_string()]),
        Fill::Rows(_) => command.args(["-I", "dtp"]),
    };
    command.arg(DATABASE);
    binaries::run(command, &primary.name)
}
