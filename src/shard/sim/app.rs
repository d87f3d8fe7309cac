//! The application that goes on writing, and what others do to the server.

use super::image::{Authority, Image, Row, down, up};
use super::server::SimServer;
use crate::base::code;
use std::collections::BTreeSet;

/// Which form a writer uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Knows only the old column.
    Old,
    /// Knows only the new column.
    New,
}

/// One statement of the application. Values are in the old form's terms; a
/// new-form writer writes `up(value)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppWrite {
    /// A new row (an existing key is left alone).
    Insert {
        /// Its key.
        key: i64,
        /// Its value.
        value: i64,
    },
    /// A new value.
    Update {
        /// Which row.
        key: i64,
        /// Its value.
        value: i64,
    },
    /// The row goes.
    Delete {
        /// Which row.
        key: i64,
    },
    /// The row gets another key.
    Move {
        /// Its key.
        from: i64,
        /// Its new key.
        to: i64,
    },
}

impl AppWrite {
    /// Keys that the statement locks.
    pub fn keys(self) -> BTreeSet<i64> {
        match self {
            Self::Insert { key, .. } | Self::Update { key, .. } | Self::Delete { key } => {
                BTreeSet::from([key])
            }
            Self::Move { from, to } => BTreeSet::from([from, to]),
        }
    }
}

/// The database refused a write; the application was told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppRefusal {
    /// Our trigger, while the old form is the truth.
    #[error("{}: the new form cannot be written yet", code::NEW_TOO_EARLY)]
    NewTooEarly,
    /// Our trigger, once the new form is the truth.
    #[error("{}: the old form cannot be written any more", code::OLD_TOO_LATE)]
    OldTooLate,
    /// The statement names a column that is not there.
    #[error("there is no such column")]
    NoColumn,
    /// The statement names a key that is not there.
    #[error("there is no such row")]
    NoRow,
    /// The key is taken.
    #[error("there is a row with this key")]
    KeyTaken,
    /// Nobody fills the old column.
    #[error("the old column may not be null")]
    NotNull,
    /// The server died under the transaction.
    #[error("the transaction is gone")]
    NoTransaction,
}

impl SimServer {
    /// Opens a transaction of the application: its rows are locked. False:
    /// another transaction holds one of them.
    pub fn app_begin(&mut self, id: u64, write: AppWrite) -> bool {
        let keys = write.keys();
        let taken = self.locked.values().any(|held| !held.is_disjoint(&keys));
        if !taken {
            self.locked.insert(id, keys);
        }
        !taken
    }

    /// Commits it and acknowledges it: from now on it must never be lost.
    ///
    /// # Errors
    /// The database refused the statement; nothing was written.
    pub fn app_commit(
        &mut self,
        id: u64,
        write: AppWrite,
        form: Form,
        now_ms: u64,
    ) -> Result<(), AppRefusal> {
        if self.locked.remove(&id).is_none() {
            return Err(AppRefusal::NoTransaction);
        }
        write_row(&mut self.image, write, form)?;
        if form == Form::Old {
            self.old_write_at_ms = Some(now_ms);
        }
        self.commit();
        Ok(())
    }

    /// The server died: open transactions are rolled back.
    pub fn crash(&mut self) {
        self.locked.clear();
    }

    /// A replica that had not received the last `lost` commits takes over.
    pub fn fail_over(&mut self, lost: usize) {
        self.crash();
        for _ in 0..lost {
            if self.history.len() > 1 {
                self.history.pop_back();
            }
        }
        self.adopt_newest();
    }

    /// Somebody restores the backup of the day before.
    pub fn restore_backup(&mut self) {
        self.crash();
        self.history.truncate(1);
        self.adopt_newest();
    }

    fn adopt_newest(&mut self) {
        if let Some(newest) = self.history.back() {
            self.image = newest.clone();
        }
        self.unseen_loss = true;
    }

    /// Somebody disables our trigger. False: there was none.
    pub fn disable_trigger(&mut self) -> bool {
        self.touch_trigger(false)
    }

    /// Somebody enables it again.
    pub fn enable_trigger(&mut self) -> bool {
        self.touch_trigger(true)
    }

    fn touch_trigger(&mut self, enabled: bool) -> bool {
        let Some(trigger) = self.image.schema.trigger.as_mut() else {
            return false;
        };
        if trigger.enabled == enabled {
            return false;
        }
        trigger.enabled = enabled;
        trigger.version += 1;
        self.image.ghost.fresh.clear();
        self.commit();
        true
    }

    /// Somebody drops our trigger. False: there was none.
    pub fn drop_trigger(&mut self) -> bool {
        if self.image.schema.trigger.take().is_none() {
            return false;
        }
        self.image.ghost.fresh.clear();
        self.commit();
        true
    }

    /// Sets the new form of one row behind everybody's back. False: there is
    /// no such row or no new form.
    pub fn tamper(&mut self, key: i64, new: i64) -> bool {
        let there = self.image.schema.new_column;
        let Some(row) = self.image.rows.get_mut(&key).filter(|_| there) else {
            return false;
        };
        row.new = Some(new);
        if row.agrees() {
            self.image.ghost.corrupt.remove(&key);
        } else {
            self.image.ghost.corrupt.insert(key);
        }
        self.commit();
        true
    }

    /// Loses one entry in the middle of a job's chunk log. False: there is
    /// none that has one before and one after it.
    pub fn lose_log_entry(&mut self, job: &str) -> bool {
        let ours = self.image.ours.as_mut();
        let Some(table) = ours.and_then(|ours| ours.jobs.get_mut(job)) else {
            return false;
        };
        let inner = table.log.iter().position(|row| {
            let with = |n: u64| table.log.iter().any(|r| (r.range, r.n) == (row.range, n));
            row.n > 0 && with(row.n + 1)
        });
        let Some(place) = inner else {
            return false;
        };
        table.log.remove(place);
        self.commit();
        true
    }

    /// Damages the new form of one row behind everybody's back.
    pub fn corrupt(&mut self, place: usize) -> bool {
        if !self.image.schema.new_column || self.image.rows.is_empty() {
            return false;
        }
        let place = place % self.image.rows.len();
        let Some((key, row)) = self.image.rows.iter_mut().nth(place) else {
            return false;
        };
        // Once the old form is gone there would be nothing to tell it by.
        if row.old.is_none() {
            return false;
        }
        row.new = row.new.map(|value| value ^ 0x40);
        let damaged = row.new.is_some();
        if damaged {
            self.image.ghost.corrupt.insert(*key);
            self.commit();
        }
        damaged
    }

    /// A step fails for good from now on, or (with `None`) the cause is mended.
    pub fn break_step(&mut self, id: Option<String>) {
        self.broken_step = id;
    }
}

fn write_row(image: &mut Image, write: AppWrite, form: Form) -> Result<(), AppRefusal> {
    let missing = match (write, form) {
        // These name the key only.
        (AppWrite::Delete { .. } | AppWrite::Move { .. }, _) => false,
        (_, Form::Old) => !image.schema.old_column,
        (_, Form::New) => !image.schema.new_column,
    };
    if missing {
        return Err(AppRefusal::NoColumn);
    }
    match write {
        AppWrite::Insert { key, value } => {
            if image.rows.contains_key(&key) {
                return Err(AppRefusal::KeyTaken);
            }
            let row = through_trigger(image, None, form, value)?;
            put(image, key, row, value);
        }
        AppWrite::Update { key, value } => {
            let before = image.rows.get(&key).copied().ok_or(AppRefusal::NoRow)?;
            let row = through_trigger(image, Some(before), form, value)?;
            put(image, key, row, value);
        }
        AppWrite::Delete { key } => {
            image.rows.remove(&key).ok_or(AppRefusal::NoRow)?;
            forget(image, key);
        }
        AppWrite::Move { from, to } => {
            if image.rows.contains_key(&to) {
                return Err(AppRefusal::KeyTaken);
            }
            let row = image.rows.remove(&from).ok_or(AppRefusal::NoRow)?;
            let exempt = image.ghost.exempt.contains(&from);
            let corrupt = image.ghost.corrupt.contains(&from);
            let value = image.ghost.ledger.get(&from).copied();
            forget(image, from);
            let row = moved(image, row);
            put(image, to, row, value.unwrap_or(0));
            // A move carries the value it found, right or wrong.
            if exempt || corrupt || value.is_none() {
                image.ghost.exempt.insert(to);
            }
            if corrupt {
                image.ghost.corrupt.insert(to);
            }
        }
    }
    Ok(())
}

/// A statement that changes only the key still fires the trigger.
fn moved(image: &Image, row: Row) -> Row {
    match image.firing() {
        Some(Authority::Old) => Row {
            new: row.old.map(up),
            ..row
        },
        Some(Authority::New) => Row {
            old: row.new.map(down),
            ..row
        },
        // Neither side changed: left as it is.
        Some(Authority::Both) | None => row,
    }
}

fn through_trigger(
    image: &Image,
    before: Option<Row>,
    form: Form,
    value: i64,
) -> Result<Row, AppRefusal> {
    let both = Row {
        old: Some(value),
        new: Some(up(value)),
    };
    match (image.firing(), form) {
        (Some(Authority::Old | Authority::Both), Form::Old)
        | (Some(Authority::Both | Authority::New), Form::New) => Ok(both),
        (Some(Authority::Old), Form::New) => Err(AppRefusal::NewTooEarly),
        (Some(Authority::New), Form::Old) => Err(AppRefusal::OldTooLate),
        (None, Form::Old) => Ok(Row {
            old: Some(value),
            new: before.and_then(|row| row.new),
        }),
        // Without a trigger an old column that is still there stays NOT NULL.
        (None, Form::New) if before.is_none() && image.schema.old_column => {
            Err(AppRefusal::NotNull)
        }
        (None, Form::New) => Ok(Row {
            old: before.and_then(|row| row.old),
            new: Some(up(value)),
        }),
    }
}

fn put(image: &mut Image, key: i64, row: Row, value: i64) {
    image.rows.insert(key, row);
    image.ghost.ledger.insert(key, value);
    image.ghost.corrupt.remove(&key);
    let witness = image.ours.as_ref().and_then(|ours| ours.witness);
    let should_fire = image.schema.trigger.or(witness).is_some();
    if should_fire && image.firing().is_none() {
        image.ghost.exempt.insert(key);
    } else {
        image.ghost.exempt.remove(&key);
    }
    if image.firing().is_some() && row.agrees() {
        image.ghost.fresh.insert(key);
    } else {
        image.ghost.fresh.remove(&key);
    }
}

fn forget(image: &mut Image, key: i64) {
    image.ghost.ledger.remove(&key);
    image.ghost.exempt.remove(&key);
    image.ghost.fresh.remove(&key);
    image.ghost.corrupt.remove(&key);
}
