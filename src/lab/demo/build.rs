//! Makes the files of a demo fleet.

use super::files;
use super::layout::DemoLayout;
use super::spec::DemoSpec;
use super::tables::{self, ACCOUNTS, CHANGE_LOG, REPLAYED, failed};
use crate::lab::LabError;
use sqlx::{Connection as _, SqliteConnection};
use std::path::Path;

/// The same arithmetic as `DemoSpec::opening_balance`.
const FILL: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
  INSERT INTO account (id, owner, balance)
  SELECT i, 'owner ' || i, (i * 7919 + ?2) % 1000003 FROM n WHERE i <= ?1";

/// Makes fleet file, migration file, shards and followers.
pub async fn build(layout: &DemoLayout, spec: &DemoSpec) -> Result<(), LabError> {
    for directory in layout.directories() {
        std::fs::create_dir_all(&directory).map_err(LabError::io("make", &directory))?;
    }
    files::write(layout, spec)?;
    let pairs = spec.shards().into_iter().map(|(name, _)| async move {
        make(&layout.shard(&name), spec, CHANGE_LOG).await?;
        make(&layout.follower(&name), spec, REPLAYED).await
    });
    futures_util::future::try_join_all(pairs).await?;
    Ok(())
}

/// The accounts, and then what else is in the file.
async fn make(path: &Path, spec: &DemoSpec, more: &'static str) -> Result<(), LabError> {
    let opened = tables::create(path).await;
    let mut conn = opened.map_err(failed("make a database", path))?;
    fill(&mut conn, path, spec).await?;
    let made = tables::run(&mut conn, more).await;
    made.map_err(failed("make the tables", path))?;
    conn.close().await.map_err(failed("close", path))
}

async fn fill(conn: &mut SqliteConnection, path: &Path, spec: &DemoSpec) -> Result<(), LabError> {
    let made = tables::run(conn, ACCOUNTS).await;
    made.map_err(failed("make the accounts", path))?;
    let filled = sqlx::query(FILL)
        .bind(i64::from(spec.rows))
        .bind(spec.offset())
        .execute(conn)
        .await;
    filled
        .map(|_| ())
        .map_err(failed("fill the accounts", path))
}
