//! A writer's connections and statements, one connection per form, so that
//! the server's own list of sessions tells which forms are in use.

use super::{FormSettings, WriterSpec};
use crate::lab::ServerAddress;
use crate::lab::ledger::Write;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A form that nobody asked for that long loses its connection.
const IDLE_MAX: Duration = Duration::from_secs(1);
/// A statement without an answer by then counts as cut off.
const ANSWER_MAX: Duration = Duration::from_secs(15);
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// The form of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Old,
    New,
}

/// How a statement failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server refused it: surely not done.
    Refused(String),
    /// The connection broke: perhaps done.
    CutOff(String),
    /// No primary took a connection: surely not done.
    NoPrimary,
}

struct Session {
    connection: PgConnection,
    used: Instant,
}

/// The connections of one writer.
pub(super) struct Sessions {
    candidates: Vec<ServerAddress>,
    next: usize,
    application: String,
    settings: FormSettings,
    old: Option<Session>,
    new: Option<Session>,
}

impl Form {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }

    fn write_sql(self, write: Write) -> &'static str {
        match (self, write) {
            (Self::Old, Write::Add(_)) => {
                "UPDATE pgbench_accounts SET abalance = abalance + $1::int8 WHERE aid = $2::int8"
            }
            (Self::New, Write::Add(_)) => {
                "UPDATE pgbench_accounts SET abalance_cents = abalance_cents + $1::int8 * 100 \
                 WHERE aid = $2::int8"
            }
            (Self::Old, Write::Insert(_)) => {
                "INSERT INTO pgbench_accounts (aid, bid, abalance, filler) \
                 VALUES ($2::int8, 1, $1::int8, '')"
            }
            (Self::New, Write::Insert(_)) => {
                "INSERT INTO pgbench_accounts (aid, bid, abalance_cents, filler) \
                 VALUES ($2::int8, 1, $1::int8 * 100, '')"
            }
            (_, Write::Delete) => {
                "DELETE FROM pgbench_accounts WHERE aid = $2::int8 AND $1::int8 = 0"
            }
        }
    }

    fn read_sql(self) -> &'static str {
        match self {
            Self::Old => {
                "SELECT abalance::int8 AS value FROM pgbench_accounts WHERE aid = $1::int8"
            }
            Self::New => {
                "SELECT abalance_cents::int8 AS value FROM pgbench_accounts WHERE aid = $1::int8"
            }
        }
    }
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// This row, or none, in the unit of the old form.
    Row(Option<i64>),
    /// A row whose form is null or no whole unit.
    NoValue,
}

impl Sessions {
    pub(super) fn new(spec: &WriterSpec) -> Self {
        Self {
            candidates: spec.candidates.clone(),
            next: 0,
            application: format!("lab-writer/{}", spec.id),
            settings: spec.settings.clone(),
            old: None,
            new: None,
        }
    }

    fn slot(&mut self, form: Form) -> &mut Option<Session> {
        match form {
            Form::Old => &mut self.old,
            Form::New => &mut self.new,
        }
    }

    /// Sends a write; gives the number of rows it touched.
    pub(super) async fn write(
        &mut self,
        form: Form,
        key: i64,
        write: Write,
    ) -> Result<u64, Failure> {
        let amount = match write {
            Write::Add(amount) | Write::Insert(amount) => amount,
            Write::Delete => 0,
        };
        let connection = self.ready(form).await?;
        let query = sqlx::query(form.write_sql(write)).bind(amount).bind(key);
        let answer = timeout(ANSWER_MAX, query.execute(connection)).await;
        let done = self.judge(form, answer)?;
        Ok(done.rows_affected())
    }

    /// Reads one row.
    pub(super) async fn read(&mut self, form: Form, key: i64) -> Result<Seen, Failure> {
        let connection = self.ready(form).await?;
        let query = sqlx::query(form.read_sql()).bind(key);
        let answer = timeout(ANSWER_MAX, query.fetch_optional(connection)).await;
        let Some(row) = self.judge(form, answer)? else {
            return Ok(Seen::Row(None));
        };
        let value: Option<i64> = row.try_get("value").unwrap_or_default();
        Ok(match (form, value) {
            (_, None) => Seen::NoValue,
            (Form::Old, Some(value)) => Seen::Row(Some(value)),
            (Form::New, Some(cents)) if cents % 100 == 0 => Seen::Row(Some(cents / 100)),
            (Form::New, Some(_)) => Seen::NoValue,
        })
    }

    /// Sorts an outcome; a connection that is in doubt is closed.
    fn judge<T>(
        &mut self,
        form: Form,
        answer: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, Failure> {
        let failure = match answer {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(err)) => failure_of(&err),
            Err(_) => Failure::CutOff("no answer".into()),
        };
        // 0A000: a cached plan that no longer fits; 25006: the server was
        // demoted. A new connection helps in both cases.
        let stale = |code: &str| code == "0A000" || code == "25006";
        match &failure {
            Failure::Refused(code) if !stale(code) => {}
            _ => *self.slot(form) = None,
        }
        Err(failure)
    }

    async fn ready(&mut self, form: Form) -> Result<&mut PgConnection, Failure> {
        if self.slot(form).is_none() {
            let connection = self.connect(form).await.ok_or(Failure::NoPrimary)?;
            *self.slot(form) = Some(Session {
                connection,
                used: Instant::now(),
            });
        }
        match self.slot(form) {
            Some(session) => {
                session.used = Instant::now();
                Ok(&mut session.connection)
            }
            None => Err(Failure::NoPrimary),
        }
    }

    /// The first candidate that is not in recovery, starting with the one
    /// that worked last.
    async fn connect(&mut self, form: Form) -> Option<PgConnection> {
        for step in 0..self.candidates.len() {
            let place = (self.next + step) % self.candidates.len();
            let application = format!("{}/{}", self.application, form.word());
            let options = self.candidates[place].options("app", &application);
            let options = options.options(self.settings.of(form).iter().cloned());
            let attempt = async {
                let mut connection = options.connect().await?;
                let standby: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()")
                    .fetch_one(&mut connection)
                    .await?;
                Ok::<_, sqlx::Error>((!standby).then_some(connection))
            };
            if let Ok(Ok(Some(connection))) = timeout(CONNECT_MAX, attempt).await {
                self.next = place;
                return Some(connection);
            }
        }
        None
    }

    /// Closes connections of forms that are no longer asked for.
    pub(super) async fn close_idle(&mut self) {
        for form in [Form::Old, Form::New] {
            let idle = |session: &mut Session| session.used.elapsed() > IDLE_MAX;
            if let Some(session) = self.slot(form).take_if(idle) {
                let _ = timeout(CONNECT_MAX, session.connection.close()).await;
            }
        }
    }

    /// Closes everything in good order.
    pub(super) async fn close(mut self) {
        for session in [self.old.take(), self.new.take()].into_iter().flatten() {
            let _ = timeout(CONNECT_MAX, session.connection.close()).await;
        }
    }
}

fn failure_of(err: &sqlx::Error) -> Failure {
    let Some(database) = err.as_database_error() else {
        return Failure::CutOff("connection".into());
    };
    let code = database
        .code()
        .map_or("?".to_owned(), |code| code.into_owned());
    // Classes of errors that also come when the commit itself was cut off.
    match code.starts_with("57P") || code.starts_with("08") || code == "40003" {
        true => Failure::CutOff(code),
        false => Failure::Refused(code),
    }
}
