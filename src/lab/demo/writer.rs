//! One writer of the application: changes accounts of one shard and notes
//! what was acknowledged. It owns the rows: nobody else writes them, but for
//! the migration.

use super::layout::DemoLayout;
use super::tables;
use crate::base::{ShardName, Untrusted, code};
use crate::flags::{Client, ReadForm, WriteForm};
use crate::lab::LabError;
use crate::lab::ledger::{Ledger, LedgerFile, Note, Write};
use crate::lab::writer::Random;
use sqlx::{Row as _, SqliteConnection};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Between two statements.
const PERIOD: Duration = Duration::from_millis(50);
/// Accounts that are changed, from the first one on.
const KEYS: i64 = 400;
/// Accounts of its own that it keeps at a time.
const OWN_MAX: usize = 100;

/// How a statement failed.
enum Failure {
    /// Surely not done: the shard writes the other form now.
    OtherForm(String),
    /// Surely not done.
    Refused(String),
    /// Perhaps done.
    CutOff,
}

enum Act {
    Read(i64),
    Write(i64, Write),
}

pub(super) struct Writer {
    shard: ShardName,
    path: PathBuf,
    flags: Arc<Client>,
    file: LedgerFile,
    conn: Option<SqliteConnection>,
    random: Random,
    rows: i64,
    own: Vec<i64>,
    next_own: i64,
    /// The form that this shard has taken last.
    taken: WriteForm,
}

impl Writer {
    pub(super) fn new(
        layout: &DemoLayout,
        shard: ShardName,
        flags: Arc<Client>,
        rows: u32,
        seed: u64,
    ) -> Result<Self, LabError> {
        let rows = i64::from(rows);
        Ok(Self {
            path: layout.shard(&shard),
            file: LedgerFile::open(&layout.ledger(&shard))?,
            shard,
            flags,
            conn: None,
            random: Random(seed),
            rows,
            own: Vec::new(),
            next_own: rows + 1,
            taken: WriteForm::Old,
        })
    }

    /// Works until `stopped` is closed.
    pub(super) async fn run(
        mut self,
        mut stopped: watch::Receiver<()>,
    ) -> Result<Ledger, LabError> {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                // Only ever closed, never sent to.
                _ = stopped.changed() => break,
                _ = ticks.tick() => {}
            }
            match self.pick() {
                Act::Read(key) => self.read(key).await?,
                Act::Write(key, write) => self.write(key, write).await?,
            }
        }
        Ok(self.file.ledger().clone())
    }

    /// Mostly changes; then reads; then accounts of its own that come and go.
    fn pick(&mut self) -> Act {
        let amount = self.random.below(2_001) - 1_000;
        match self.random.below(100) {
            0..=59 => Act::Write(self.any_key(), Write::Add(amount)),
            60..=84 => Act::Read(self.any_key()),
            85..=94 if self.own.len() < OWN_MAX => {
                let key = self.next_own;
                self.next_own += 1;
                Act::Write(key, Write::Insert(amount))
            }
            _ if self.own.is_empty() => Act::Read(self.any_key()),
            _ => {
                let place = self.random.place(self.own.len());
                Act::Write(self.own.swap_remove(place), Write::Delete)
            }
        }
    }

    fn any_key(&mut self) -> i64 {
        if self.random.below(4) == 0 && !self.own.is_empty() {
            return self.own[self.random.place(self.own.len())];
        }
        // Every so-many-th account, so that the whole table is touched.
        let many = self.rows.clamp(1, KEYS);
        1 + self.random.below(many) * (self.rows / many).max(1)
    }

    async fn read(&mut self, key: i64) -> Result<(), LabError> {
        // The decision is held until the answer is there.
        let decision = self.flags.decide(&self.shard, &key.to_string());
        let sql = match decision.read {
            ReadForm::Old => "SELECT balance FROM account WHERE id = ?1",
            ReadForm::New => {
                "SELECT CASE WHEN balance_cents % 100 = 0 THEN balance_cents / 100 END \
                 FROM account WHERE id = ?1"
            }
        };
        let Some(mut conn) = self.connection().await else {
            return Ok(());
        };
        let answer = sqlx::query(sql)
            .bind(key)
            .fetch_optional(&mut conn)
            .await
            .and_then(|row| row.map(|row| row.try_get::<Option<i64>, _>(0)).transpose());
        match answer {
            Ok(found) => {
                self.conn = Some(conn);
                let known = self.file.ledger().possible(key).is_some();
                match found {
                    None if known => self.file.note(&Note::Saw(key, None)),
                    None => self.file.note(&Note::Base(key, None)),
                    // No whole unit: what is wrong with it shows at the end.
                    Some(None) => Ok(()),
                    Some(value) if known => self.file.note(&Note::Saw(key, value)),
                    Some(value) => self.file.note(&Note::Base(key, value)),
                }
            }
            // A read that failed has said nothing.
            Err(error) => {
                if is_certain(&error) {
                    self.conn = Some(conn);
                }
                Ok(())
            }
        }
    }

    async fn write(&mut self, key: i64, write: Write) -> Result<(), LabError> {
        let is_insert = matches!(write, Write::Insert(_));
        if self.file.ledger().possible(key).is_none() {
            if is_insert {
                self.file.note(&Note::Base(key, None))?;
            } else {
                return self.read(key).await;
            }
        }
        let flags = Arc::clone(&self.flags);
        let decision = flags.decide(&self.shard, &key.to_string());
        // On this kind of shard writing turns once, at 100 %: what the flag
        // allows is tried in the form that the shard took last, and the
        // shard's own word is the newer one.
        let first = match decision.write {
            WriteForm::Old => WriteForm::Old,
            WriteForm::New => self.taken,
        };
        let other = match first {
            WriteForm::Old => WriteForm::New,
            WriteForm::New => WriteForm::Old,
        };
        for form in [first, other] {
            self.file.note(&Note::Try(key, write))?;
            let note = match self.send(form, key, write).await {
                Ok(rows) => {
                    self.taken = form;
                    Note::Ack(key, rows)
                }
                Err(Failure::OtherForm(code)) => {
                    self.file.note(&Note::Refused(key, Untrusted::new(code)))?;
                    continue;
                }
                Err(Failure::Refused(code)) => Note::Refused(key, Untrusted::new(code)),
                Err(Failure::CutOff) => Note::Unknown(key),
            };
            self.file.note(&note)?;
            break;
        }
        let possible = self.file.ledger().possible(key);
        let is_own = key > self.rows && possible.is_some_and(|all| !all.contains(&None));
        if is_own && !self.own.contains(&key) {
            self.own.push(key);
        }
        Ok(())
    }

    async fn send(&mut self, form: WriteForm, key: i64, write: Write) -> Result<u64, Failure> {
        let amount = match write {
            Write::Add(amount) | Write::Insert(amount) => amount,
            Write::Delete => 0,
        };
        let Some(mut conn) = self.connection().await else {
            return Err(Failure::Refused("no connection".into()));
        };
        let query = sqlx::query(write_sql(form, write)).bind(amount).bind(key);
        match query.execute(&mut conn).await {
            Ok(done) => {
                self.conn = Some(conn);
                Ok(done.rows_affected())
            }
            Err(error) if is_certain(&error) => {
                self.conn = Some(conn);
                let said = error.to_string();
                for word in [code::NEW_TOO_EARLY, code::OLD_TOO_LATE] {
                    if said.contains(word) {
                        return Err(Failure::OtherForm(word.into()));
                    }
                }
                // The column is gone: a flag read a moment before contract.
                if said.contains("no such column") || said.contains("no column named") {
                    return Err(Failure::OtherForm("no such column".into()));
                }
                Err(Failure::Refused(said))
            }
            Err(_) => Err(Failure::CutOff),
        }
    }

    async fn connection(&mut self) -> Option<SqliteConnection> {
        match self.conn.take() {
            Some(conn) => Some(conn),
            None => tables::connect(&self.path).await.ok(),
        }
    }
}

fn write_sql(form: WriteForm, write: Write) -> &'static str {
    match (form, write) {
        (WriteForm::Old, Write::Add(_)) => {
            "UPDATE account SET balance = balance + ?1 WHERE id = ?2"
        }
        (WriteForm::New, Write::Add(_)) => {
            "UPDATE account SET balance_cents = balance_cents + ?1 * 100 WHERE id = ?2"
        }
        (WriteForm::Old, Write::Insert(_)) => {
            "INSERT INTO account (id, owner, balance) VALUES (?2, 'owner ' || ?2, ?1)"
        }
        (WriteForm::New, Write::Insert(_)) => {
            "INSERT INTO account (id, owner, balance_cents) VALUES (?2, 'owner ' || ?2, ?1 * 100)"
        }
        (_, Write::Delete) => "DELETE FROM account WHERE id = ?2 AND ?1 = 0",
    }
}

/// SQLite said no, so it is surely not done; but for an I/O error.
fn is_certain(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(database) = error else {
        return false;
    };
    let code = database.code().and_then(|code| code.parse::<i64>().ok());
    code.is_some_and(|code| code & 0xff != 10)
}
