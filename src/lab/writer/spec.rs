//! What a writer shall do, and what it has done.

use super::session::Form;
use crate::base::ShardName;
use crate::lab::ServerAddress;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Which form a writer uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forms {
    /// What the flags in this directory say, key by key.
    Auto(PathBuf),
    /// The old form only.
    Old,
    /// The new form only.
    New,
}

/// The keys with `key % of == index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyClass {
    /// Which class.
    pub index: u32,
    /// How many classes there are.
    pub of: u32,
}

impl KeyClass {
    /// All keys.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
}

/// Settings of the session of each form, such as a label or a search path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormSettings {
    /// For the old form.
    pub old: Vec<(String, String)>,
    /// For the new form.
    pub new: Vec<(String, String)>,
}

impl FormSettings {
    pub(super) fn of(&self, form: Form) -> &[(String, String)] {
        match form {
            Form::Old => &self.old,
            Form::New => &self.new,
        }
    }
}

/// What a writer shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterSpec {
    /// Unique among the writers of a fleet; in `application_name`.
    pub id: String,
    /// The shard.
    pub shard: ShardName,
    /// Where its primary may be.
    pub candidates: Vec<ServerAddress>,
    /// The ledger's file; gone on with if it is there.
    pub ledger: PathBuf,
    /// Which form to use.
    pub forms: Forms,
    /// Session settings per form.
    pub settings: FormSettings,
    /// Statements per second.
    pub rate_per_s: u32,
    /// The accounts that were there before have the keys 1 to this number.
    pub keys: u32,
    /// The keys that this writer owns.
    pub class: KeyClass,
    /// The same seed makes the same choices.
    pub seed: u64,
}

impl WriterSpec {
    /// A writer of the old form at 200 statements per second over 1,000 keys.
    pub fn new(
        shard: ShardName,
        candidates: Vec<ServerAddress>,
        ledger: PathBuf,
        class: KeyClass,
    ) -> Self {
        Self {
            id: format!("{shard}-{}", class.index),
            shard,
            candidates,
            ledger,
            forms: Forms::Old,
            settings: FormSettings::default(),
            rate_per_s: 200,
            keys: 1_000,
            class,
            seed: 1,
        }
    }
}

/// What a writer has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Writes acknowledged, in the old form.
    pub acknowledged_old: u64,
    /// Writes acknowledged, in the new form.
    pub acknowledged_new: u64,
    /// Reads answered, by either form.
    pub reads: u64,
    /// Statements without a known outcome.
    pub cut_off: u64,
    /// Attempts that found no primary.
    pub no_primary: u64,
    /// Errors by SQLSTATE (`40P01` is a deadlock).
    pub errors: BTreeMap<String, u64>,
    /// Reads of a row whose form was null or no whole unit.
    pub without_value: u64,
    /// Results that the ledger says are impossible.
    pub contradictions: usize,
}

impl WriterStats {
    /// Writes acknowledged in either form.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged_old + self.acknowledged_new
    }
}
