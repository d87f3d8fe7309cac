//! Orders from other processes to the engine, and the engine's view for them.
//!
//! `pilothouse pause …` posts an order here and waits for its answer; the
//! engine takes orders in the order of their ids. A key is used once: posting
//! it again finds the first order and its answer. Nothing here is the record;
//! an order counts once the engine has journalled what came of it.

use super::database;
use super::error::StoreError;
use crate::base::{Period, Timestamp, Untrusted};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Mutex;

/// The inbox's file name in the store's directory.
const INBOX_FILE: &str = "inbox.db";

/// How often a waiting process looks for its answer.
const POLL: Duration = Duration::from_millis(50);

/// The least time between two published views.
const VIEW_EVERY: Period = Period::from_ms(500);

/// Older orders are not taken: whoever sent one gave up long ago.
pub const ORDER_AGE_MAX: Period = Period::from_ms(30_000);

/// The most orders taken at once.
const TAKE_MAX: i64 = 256;

/// An order that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its place in the queue.
    pub id: i64,
    /// Its idempotency key.
    pub key: String,
    /// When it was posted, by the poster's clock.
    pub at: Timestamp,
    /// The order itself.
    pub order_json: String,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It was written.
    First,
    /// The order had an answer already, which stays.
    Before,
}

/// What became of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It was written.
    Written,
    /// The last one is less than half a second old.
    TooSoon,
}

/// The engine's latest view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// When it was taken, by the engine's clock.
    pub at: Timestamp,
    /// The view itself.
    pub json: String,
}

/// The inbox of a store.
#[derive(Debug)]
pub struct Inbox {
    connection: Mutex<SqliteConnection>,
    view_at: Mutex<Option<Timestamp>>,
}

impl Inbox {
    /// Opens the inbox in `dir`, creating it as needed; engine and posters
    /// alike.
    pub async fn open(dir: &Path) -> Result<Self, StoreError> {
        database::prepare_dir(dir)?;
        let path = dir.join(INBOX_FILE);
        database::create_private(&path)?;
        Ok(Self {
            connection: Mutex::new(database::open_inbox(&path).await?),
            view_at: Mutex::new(None),
        })
    }

    /// Posts an order and returns its id. The same order under the same key is
    /// posted once, however often this is called.
    pub async fn post(
        &self,
        key: &str,
        order_json: &str,
        at: Timestamp,
    ) -> Result<i64, StoreError> {
        let failed = StoreError::database("post the order");
        let mut connection = self.connection.lock().await;
        sqlx::query(
            "INSERT INTO inbox (key, at, order_json) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING",
        )
        .bind(key)
        .bind(sql_time(at))
        .bind(order_json)
        .execute(&mut *connection)
        .await
        .map_err(&failed)?;
        let (id, posted): (i64, String) =
            sqlx::query_as("SELECT id, order_json FROM inbox WHERE key = ?")
                .bind(key)
                .fetch_one(&mut *connection)
                .await
                .map_err(&failed)?;
        if posted != order_json {
            return Err(StoreError::KeyReused {
                key: Untrusted::new(key),
            });
        }
        Ok(id)
    }

    /// Unanswered orders behind `after_id`, oldest first. After a restart the
    /// engine starts from 0 again and meets only what it has not answered.
    pub async fn take_new(&self, after_id: i64) -> Result<Vec<Order>, StoreError> {
        let rows: Vec<(i64, String, i64, String)> = sqlx::query_as(
            "SELECT id, key, at, order_json FROM inbox
             WHERE id > ? AND answer_json IS NULL ORDER BY id LIMIT ?",
        )
        .bind(after_id)
        .bind(TAKE_MAX)
        .fetch_all(&mut *self.connection.lock().await)
        .await
        .map_err(StoreError::database("read the inbox"))?;
        Ok(rows
            .into_iter()
            .map(|(id, key, at, order_json)| Order {
                id,
                key,
                at: from_sql_time(at),
                order_json,
            })
            .collect())
    }

    /// Answers an order; the first answer stays.
    pub async fn answer(&self, id: i64, answer_json: &str) -> Result<Answered, StoreError> {
        let failed = StoreError::database("answer the order");
        let mut connection = self.connection.lock().await;
        let written =
            sqlx::query("UPDATE inbox SET answer_json = ? WHERE id = ? AND answer_json IS NULL")
                .bind(answer_json)
                .bind(id)
                .execute(&mut *connection)
                .await
                .map_err(&failed)?;
        if written.rows_affected() == 1 {
            return Ok(Answered::First);
        }
        let known: Option<i64> = sqlx::query_scalar("SELECT id FROM inbox WHERE id = ?")
            .bind(id)
            .fetch_optional(&mut *connection)
            .await
            .map_err(&failed)?;
        known
            .map(|_| Answered::Before)
            .ok_or(StoreError::NoOrder(id))
    }

    /// The answer to an order, if there is one yet.
    pub async fn answer_of(&self, id: i64) -> Result<Option<String>, StoreError> {
        let found: Option<(Option<String>,)> =
            sqlx::query_as("SELECT answer_json FROM inbox WHERE id = ?")
                .bind(id)
                .fetch_optional(&mut *self.connection.lock().await)
                .await
                .map_err(StoreError::database("read the answer"))?;
        found.map(|(answer,)| answer).ok_or(StoreError::NoOrder(id))
    }

    /// Waits for the answer to an order; `None` once `timeout` is over. The
    /// order stays posted and may still be answered.
    pub async fn await_answer(
        &self,
        id: i64,
        timeout: Period,
    ) -> Result<Option<String>, StoreError> {
        let look = async {
            loop {
                if let Some(answer) = self.answer_of(id).await? {
                    return Ok(answer);
                }
                tokio::time::sleep(POLL).await;
            }
        };
        match tokio::time::timeout(timeout.duration(), look).await {
            Ok(answer) => answer.map(Some),
            // It may have come between the last look and the end.
            Err(_) => self.answer_of(id).await,
        }
    }

    /// Publishes the engine's view, at most twice a second.
    pub async fn post_view(&self, json: &str, at: Timestamp) -> Result<Published, StoreError> {
        let mut last = self.view_at.lock().await;
        // A clock that was set back must not silence the view.
        if last.is_some_and(|last| at >= last && at.since(last) < VIEW_EVERY) {
            return Ok(Published::TooSoon);
        }
        sqlx::query("INSERT OR REPLACE INTO view (one, at, json) VALUES (1, ?, ?)")
            .bind(sql_time(at))
            .bind(json)
            .execute(&mut *self.connection.lock().await)
            .await
            .map_err(StoreError::database("publish the view"))?;
        *last = Some(at);
        Ok(Published::Written)
    }

    /// Takes the view away: nobody keeps it up any more.
    pub async fn withdraw_view(&self) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM view")
            .execute(&mut *self.connection.lock().await)
            .await
            .map_err(StoreError::database("withdraw the view"))?;
        *self.view_at.lock().await = None;
        Ok(())
    }

    /// Opens an inbox that must be there, for reading alone.
    pub async fn open_read_only(dir: &Path) -> Result<Self, StoreError> {
        let connection = database::open_inbox_read_only(&dir.join(INBOX_FILE)).await?;
        Ok(Self {
            connection: Mutex::new(connection),
            view_at: Mutex::new(None),
        })
    }

    /// The view published last, however old.
    pub async fn view(&self) -> Result<Option<View>, StoreError> {
        let found: Option<(i64, String)> = sqlx::query_as("SELECT at, json FROM view")
            .fetch_optional(&mut *self.connection.lock().await)
            .await
            .map_err(StoreError::database("read the view"))?;
        Ok(found.map(|(at, json)| View {
            at: from_sql_time(at),
            json,
        }))
    }

    /// Closes the file.
    pub async fn close(self) -> Result<(), StoreError> {
        self.connection
            .into_inner()
            .close()
            .await
            .map_err(StoreError::database("close the inbox"))
    }
}

fn sql_time(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

fn from_sql_time(at: i64) -> Timestamp {
    Timestamp(u64::try_from(at).unwrap_or(0))
}
