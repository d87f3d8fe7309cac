//! What a simulated database holds once a transaction is committed.
//!
//! Data only. A failover or a restore replaces the whole image by an older
//! one; the ghost part (what the application was promised) goes back with it,
//! which is how asynchronous replication is accounted for.

use crate::base::Stop;
use crate::worker::{Key, RangeAt};
use std::collections::{BTreeMap, BTreeSet};

/// Value of the new form.
pub fn up(old: i64) -> i64 {
    old.wrapping_mul(3).wrapping_add(7)
}

/// Value of the old form; `down(up(x)) = x`.
pub fn down(new: i64) -> i64 {
    /// The inverse of 3 modulo 2^64.
    const THIRD: i64 = 0xaaaa_aaaa_aaaa_aaab_u64 as i64;
    new.wrapping_sub(7).wrapping_mul(THIRD)
}

/// One row of the application's table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The old form.
    pub old: Option<i64>,
    /// The new form.
    pub new: Option<i64>,
}

impl Row {
    /// Whether both forms say the same.
    pub fn agrees(self) -> bool {
        self.new == self.old.map(up)
    }
}

/// Who may write what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The old form is the truth.
    Old,
    /// The side a statement changes wins.
    Both,
    /// The new form is the truth.
    New,
}

/// Our row trigger, as the catalog shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Its function.
    pub authority: Authority,
    /// Whether it fires.
    pub enabled: bool,
    /// Changes with every change to it, whoever makes it.
    pub version: u64,
}

/// An index that is built outside a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Index {
    /// Not there.
    #[default]
    Absent,
    /// A build that broke off left this behind.
    Invalid,
    /// Usable.
    Valid,
}

/// Everything the migration may add or take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The old column.
    pub old_column: bool,
    /// The new column.
    pub new_column: bool,
    /// The index on it.
    pub index: Index,
    /// The constraint on it.
    pub constraint: bool,
    /// The trigger between them.
    pub trigger: Option<Trigger>,
}

impl Schema {
    /// What the migration finds.
    pub const BEFORE: Self = Self {
        old_column: true,
        new_column: false,
        index: Index::Absent,
        constraint: false,
        trigger: None,
    };
}

/// Our own schema on the shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ours {
    /// The fence.
    pub epoch: u64,
    /// Voids checkpoints when it moves.
    pub generation: u64,
    /// Whose registry this is.
    pub rollout: Option<String>,
    /// Newest stop that began.
    pub began: Option<Stop>,
    /// Newest stop that ended.
    pub ended: Option<Stop>,
    /// The trigger we left, if there should be one.
    pub witness: Option<Trigger>,
    /// Row jobs by their id.
    pub jobs: BTreeMap<String, JobTable>,
    /// Old values kept before a drop.
    pub exported: BTreeMap<i64, i64>,
}

/// Checkpoints and chunk log of one row job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobTable {
    /// Ranges in key order.
    pub ranges: Vec<RangeRow>,
    /// Chunks in the order of their commits.
    pub log: Vec<LogRow>,
}

/// One checkpoint row: keys over `low` up to `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeRow {
    /// Last key before the range.
    pub low: i64,
    /// Last key of the range.
    pub high: i64,
    /// Last key done.
    pub after: Option<i64>,
    /// Whether it is finished.
    pub closed: bool,
    /// Rows done.
    pub rows: u64,
    /// Chunks done.
    pub chunks: u64,
}

impl RangeRow {
    /// Where the next chunk begins: the last key before it.
    pub fn cursor(&self) -> i64 {
        self.after.unwrap_or(self.low)
    }

    /// As the worker is told.
    pub fn at(&self, range: u32) -> RangeAt {
        RangeAt {
            range,
            after: self.after.map(key_of),
            closed: self.closed,
            rows: self.rows,
            chunks: self.chunks,
        }
    }
}

/// One row of the chunk log: keys over `low` up to `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// Its range.
    pub range: u32,
    /// Number within the range.
    pub n: u64,
    /// Last key before the chunk.
    pub low: i64,
    /// Last key of the chunk.
    pub high: i64,
    /// The fence epoch that wrote it.
    pub epoch: u64,
    /// Rows in it.
    pub rows: u64,
    /// Rows found wrong.
    pub stale: u64,
    /// Rows that got their exported value back.
    pub exact: u64,
    /// Digest of the old forms, first seed, and of the new ones, second seed.
    pub digests: (u64, u64),
}

/// What only the judges of a simulation see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ghost {
    /// Every acknowledged write of the application, in old-form values.
    pub ledger: BTreeMap<i64, i64>,
    /// Keys written while somebody had switched dual write off: the loss is
    /// theirs, and the operator is told.
    pub exempt: BTreeSet<i64>,
    /// Rows written through the trigger or a chunk since it was last put up.
    pub fresh: BTreeSet<i64>,
    /// Rows damaged on purpose: a check must find them.
    pub corrupt: BTreeSet<i64>,
}

/// One committed state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The application's table.
    pub rows: BTreeMap<i64, Row>,
    /// What stands around it.
    pub schema: Schema,
    /// Our schema, once installed.
    pub ours: Option<Ours>,
    /// For the judges.
    pub ghost: Ghost,
}

impl Image {
    /// A table with these old values, before any migration.
    pub fn new(values: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let ledger: BTreeMap<i64, i64> = values.into_iter().collect();
        let row = |old: i64| Row {
            old: Some(old),
            new: None,
        };
        Self {
            rows: ledger.iter().map(|(key, old)| (*key, row(*old))).collect(),
            schema: Schema::BEFORE,
            ours: None,
            ghost: Ghost {
                ledger,
                ..Ghost::default()
            },
        }
    }

    /// Why dual write is not what we left, if so.
    pub fn dual_write_broken(&self) -> Option<String> {
        let witness = self.ours.as_ref()?.witness?;
        match self.schema.trigger {
            None => Some("the trigger is gone".into()),
            Some(trigger) if !trigger.enabled => Some("the trigger is disabled".into()),
            Some(trigger) if trigger != witness => Some("the trigger was off for a while".into()),
            Some(_) => None,
        }
    }

    /// The trigger, if it fires.
    pub fn firing(&self) -> Option<Authority> {
        let trigger = self.schema.trigger.filter(|t| t.enabled)?;
        Some(trigger.authority)
    }
}

/// A key as the worker is told.
pub fn key_of(key: i64) -> Key {
    Key(vec![key.to_string()])
}
