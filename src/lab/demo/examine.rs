//! What was promised, against what is in the files. Nobody may write any
//! more; nothing here believes what pilothouse says about itself.

use super::layout::DemoLayout;
use super::spec::DemoSpec;
use super::tables::{self, Forms, failed};
use crate::base::{ShardName, Stop};
use crate::lab::LabError;
use crate::lab::ledger::{Columns, Found, Ledger, TableRows, check};
use serde::Serialize;
use sqlx::{Row as _, SqliteConnection};
use std::collections::BTreeMap;
use std::path::Path;

const COLUMNS: &str = "SELECT name FROM pragma_table_info('account')";
const ENDED: &str = "SELECT ended FROM pilothouse_registry WHERE one = 1 AND ended IS NOT NULL";

/// What the comparison of all shards says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Examined {
    /// Writes that the application got an acknowledgement for.
    pub writes_acknowledged: u64,
    /// Acknowledged writes that the shards do not have, and answers that
    /// contradicted them on the way.
    pub lost_writes: u64,
    /// Rows that were looked at.
    pub rows_compared: u64,
    /// Rows whose forms disagree, or that are not what they were opened with
    /// although nobody wrote them.
    pub wrong_rows: u64,
    /// Followers that are not equal to their shard.
    pub followers_unequal: u64,
    /// The first findings, in words.
    pub findings: Vec<String>,
}

/// Findings that are told in words.
const TOLD_MAX: usize = 20;

impl Examined {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.lost_writes == 0 && self.wrong_rows == 0 && self.followers_unequal == 0
    }

    fn tell(&mut self, finding: String) {
        if self.findings.len() < TOLD_MAX {
            self.findings.push(finding);
        }
    }
}

/// Compares every row of every shard and of every follower.
pub async fn examine(
    layout: &DemoLayout,
    spec: &DemoSpec,
    ledgers: &BTreeMap<ShardName, Ledger>,
) -> Result<Examined, LabError> {
    let mut found = Examined::default();
    let nothing = Ledger::default();
    for (name, _) in spec.shards() {
        let table = read(&layout.shard(&name)).await?;
        let ledger = ledgers.get(&name).unwrap_or(&nothing);
        against_ledger(&mut found, &name, ledger, &table);
        against_opening(&mut found, &name, spec, ledger, &table);
        let follower = read_columns(&layout.follower(&name), table.columns).await;
        match follower {
            Ok(follower) if follower == table.rows => {}
            Ok(follower) => {
                found.followers_unequal += 1;
                let (have, want) = (follower.len(), table.rows.len());
                found.tell(format!(
                    "{name}: its follower differs ({have} rows, the shard has {want})"
                ));
            }
            Err(why) => {
                found.followers_unequal += 1;
                found.tell(format!("{name}: its follower cannot be compared: {why}"));
            }
        }
    }
    Ok(found)
}

fn against_ledger(found: &mut Examined, name: &ShardName, ledger: &Ledger, table: &TableRows) {
    let report = check(ledger, table);
    found.writes_acknowledged += report.acknowledged;
    found.lost_writes += (report.lost_writes.len() + report.contradictions.len()) as u64;
    found.wrong_rows += report.wrong_forms.len() as u64;
    for lost in &report.lost_writes {
        let (key, expected, there) = (lost.key, &lost.expected, &lost.found);
        found.tell(format!(
            "{name}: account {key}: acknowledged {expected:?}, found {there:?}"
        ));
    }
    for odd in &report.contradictions {
        let (key, expected, said) = (odd.key, &odd.expected, odd.found);
        found.tell(format!(
            "{name}: account {key}: acknowledged {expected:?}, the shard said {said:?}"
        ));
    }
    for wrong in &report.wrong_forms {
        let (key, there) = (wrong.key, wrong.found);
        found.tell(format!(
            "{name}: account {key}: its forms disagree: {there:?}"
        ));
    }
}

/// Rows that no ledger knows are as they were opened, in every form.
fn against_opening(
    found: &mut Examined,
    name: &ShardName,
    spec: &DemoSpec,
    ledger: &Ledger,
    table: &TableRows,
) {
    found.rows_compared += table.rows.len() as u64;
    for key in 1..=i64::from(spec.rows) {
        if ledger.possible(key).is_some() {
            continue;
        }
        let balance = spec.opening_balance(key);
        let wanted = match table.columns {
            Columns::Old => (Some(balance), None),
            Columns::Both => (Some(balance), Some(balance * 100)),
            Columns::New => (None, Some(balance * 100)),
        };
        let there = table.rows.get(&key);
        if there.map(|row| (row.old, row.new_cents)) != Some(wanted) {
            found.wrong_rows += 1;
            found.tell(format!(
                "{name}: account {key}: opened with {balance}, found {there:?}"
            ));
        }
    }
    let strange = |key: &i64| *key > i64::from(spec.rows) && ledger.possible(*key).is_none();
    for key in table.rows.keys().filter(|key| strange(key)) {
        found.wrong_rows += 1;
        found.tell(format!("{name}: account {key}: nobody has inserted it"));
    }
}

/// The rows of a shard, in the forms that must be right by now.
async fn read(path: &Path) -> Result<TableRows, LabError> {
    let opened = tables::connect(path).await;
    let mut conn = opened.map_err(failed("open", path))?;
    let names = tables::texts(&mut conn, COLUMNS).await;
    let names = names.map_err(failed("read the columns", path))?;
    let columns = match Forms::of(&names) {
        Some(Forms::New) => Columns::New,
        Some(Forms::Both) if is_filled(&mut conn).await => Columns::Both,
        _ => Columns::Old,
    };
    let rows = fetch(&mut conn, columns).await;
    let rows = rows.map_err(failed("read the accounts", path))?;
    Ok(TableRows { columns, rows })
}

/// Until the backfill is done the new form is nobody's promise. Only the
/// stage is read here; no table of pilothouse's means that it never began.
async fn is_filled(conn: &mut SqliteConnection) -> bool {
    let ended = tables::texts(conn, ENDED).await.unwrap_or_default();
    let ended = ended.first().and_then(|word| word.parse::<Stop>().ok());
    ended >= Some(Stop::Backfill)
}

async fn read_columns(path: &Path, columns: Columns) -> Result<BTreeMap<i64, Found>, LabError> {
    let opened = tables::connect(path).await;
    let mut conn = opened.map_err(failed("open", path))?;
    let rows = fetch(&mut conn, columns).await;
    rows.map_err(failed("read the accounts", path))
}

async fn fetch(
    conn: &mut SqliteConnection,
    columns: Columns,
) -> Result<BTreeMap<i64, Found>, sqlx::Error> {
    let sql = match columns {
        Columns::Old => "SELECT id, balance, NULL FROM account",
        Columns::Both => "SELECT id, balance, balance_cents FROM account",
        Columns::New => "SELECT id, NULL, balance_cents FROM account",
    };
    let fetched = sqlx::query(sql).fetch_all(conn).await?;
    let row = |row: &sqlx::sqlite::SqliteRow| {
        let found = Found {
            old: row.try_get(1)?,
            new_cents: row.try_get(2)?,
        };
        Ok((row.try_get(0)?, found))
    };
    fetched.iter().map(row).collect()
}
