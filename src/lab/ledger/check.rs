//! The ledger against the table.

use super::{Contradiction, Ledger};
use crate::lab::LabError;
use sqlx::{PgConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet};

/// Which columns of the table have to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// `abalance` only: before the backfill is verified.
    Old,
    /// Both, and they must agree.
    Both,
    /// `abalance_cents` only: after contract.
    New,
}

/// One row as it is in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// `abalance`, if asked for and not null.
    pub old: Option<i64>,
    /// `abalance_cents`, if asked for and not null.
    pub new_cents: Option<i64>,
}

/// Every row of the table, and which columns were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRows {
    /// The columns that were read.
    pub columns: Columns,
    /// By key.
    pub rows: BTreeMap<i64, Found>,
}

/// An acknowledged write that the table does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostWrite {
    /// The key.
    pub key: i64,
    /// What could be there; `None`: no such row.
    pub expected: BTreeSet<Option<i64>>,
    /// What is there.
    pub found: Option<Found>,
}

/// A row whose two forms say different things, or whose form is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongForm {
    /// The key.
    pub key: i64,
    /// What is there.
    pub found: Found,
}

/// What the comparison says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerReport {
    /// Keys that the ledger knows.
    pub keys: usize,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Acknowledged writes that the table does not have.
    pub lost_writes: Vec<LostWrite>,
    /// Rows whose forms disagree or are missing.
    pub wrong_forms: Vec<WrongForm>,
    /// What the writer itself had found impossible on its way.
    pub contradictions: Vec<Contradiction>,
    /// Keys with more than one possibility before the comparison.
    pub unknown: usize,
    /// Those of them that the table settles.
    pub unknown_resolved: usize,
}

impl LedgerReport {
    /// Whether every acknowledged write is there, in every form.
    pub fn is_clean(&self) -> bool {
        self.lost_writes.is_empty() && self.wrong_forms.is_empty() && self.contradictions.is_empty()
    }
}

/// Compares. The writer must have stopped, and so must whoever else writes.
pub fn check(ledger: &Ledger, table: &TableRows) -> LedgerReport {
    let mut report = LedgerReport {
        acknowledged: ledger.acknowledged(),
        contradictions: ledger.contradictions().to_vec(),
        ..LedgerReport::default()
    };
    for (key, possible) in ledger.keys() {
        report.keys += 1;
        let found = table.rows.get(&key).copied();
        let value = match found.map(|found| found.value(table.columns)) {
            None => Some(None),
            Some(Some(value)) => Some(Some(value)),
            Some(None) => None,
        };
        let (Some(value), true) = (value, !possible.is_empty()) else {
            report
                .wrong_forms
                .extend(found.map(|found| WrongForm { key, found }));
            continue;
        };
        let fits = possible.contains(&value);
        if possible.len() > 1 {
            report.unknown += 1;
            report.unknown_resolved += usize::from(fits);
        }
        if !fits {
            report.lost_writes.push(LostWrite {
                key,
                expected: possible.clone(),
                found,
            });
        }
    }
    report
}

impl Found {
    /// The balance that all asked-for forms agree on.
    fn value(self, columns: Columns) -> Option<i64> {
        let from_new = self.new_cents.filter(|cents| cents % 100 == 0);
        let from_new = from_new.map(|cents| cents / 100);
        match columns {
            Columns::Old => self.old,
            Columns::New => from_new,
            Columns::Both => self.old.filter(|old| Some(*old) == from_new),
        }
    }
}

const SELECT_OLD: &str = "SELECT aid::int8, abalance::int8 AS old, NULL::int8 AS new_cents \
     FROM pgbench_accounts";
const SELECT_BOTH: &str = "SELECT aid::int8, abalance::int8 AS old, \
     abalance_cents::int8 AS new_cents FROM pgbench_accounts";
const SELECT_NEW: &str = "SELECT aid::int8, NULL::int8 AS old, abalance_cents::int8 AS new_cents \
     FROM pgbench_accounts";

/// Reads the table in one statement, that is, in one snapshot.
pub async fn fetch(session: &mut PgConnection, columns: Columns) -> Result<TableRows, LabError> {
    let statement = match columns {
        Columns::Old => SELECT_OLD,
        Columns::Both => SELECT_BOTH,
        Columns::New => SELECT_NEW,
    };
    let failed = || LabError::sql("read the accounts", "the shard");
    let fetched = sqlx::query(statement)
        .persistent(false)
        .fetch_all(session)
        .await
        .map_err(failed())?;
    let mut rows = BTreeMap::new();
    for row in fetched {
        let found = Found {
            old: row.try_get("old").map_err(failed())?,
            new_cents: row.try_get("new_cents").map_err(failed())?,
        };
        rows.insert(row.try_get("aid").map_err(failed())?, found);
    }
    Ok(TableRows { columns, rows })
}
