//! The one task that writes the journal.
//!
//! It seals a batch on a copy of the chain and keeps the copy only when the
//! database has made the batch durable. After any failure the connection is
//! thrown away; the next batch connects anew and goes ahead only if the
//! journal still ends where this writer left it.

use super::database::{self, FileIdentity};
use super::error::StoreError;
use super::reader::{self, row_number};
use super::snapshot::{self, Snapshot};
use crate::journal::{Chain, Draft, Entry, Head};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot, watch};

/// How many callers may share one transaction; keeps the last one's wait short.
const BATCH_MAX: usize = 512;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Record these, all or none.
    Append {
        drafts: Vec<Draft>,
        reply: Reply<Vec<Entry>>,
    },
    /// Keep this state.
    Snapshot {
        snapshot: Snapshot,
        reply: Reply<()>,
    },
}

/// A caller whose entries are in the batch.
struct Waiting {
    reply: Reply<Vec<Entry>>,
    entries: Vec<Entry>,
}

pub(super) struct Writer {
    path: PathBuf,
    file: FileIdentity,
    connection: Option<SqliteConnection>,
    chain: Chain,
    commits: Arc<AtomicU64>,
    announce: watch::Sender<Head>,
}

impl Writer {
    pub(super) fn new(
        path: PathBuf,
        file: FileIdentity,
        connection: SqliteConnection,
        chain: Chain,
        commits: Arc<AtomicU64>,
        announce: watch::Sender<Head>,
    ) -> Self {
        Self {
            path,
            file,
            connection: Some(connection),
            chain,
            commits,
            announce,
        }
    }

    /// Works until every sender is gone and the queue is empty.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(BATCH_MAX);
        while queue.recv_many(&mut jobs, BATCH_MAX).await > 0 {
            let mut appends = Vec::with_capacity(jobs.len());
            let mut snapshots = Vec::new();
            for job in jobs.drain(..) {
                match job {
                    Job::Append { drafts, reply } => appends.push((drafts, reply)),
                    Job::Snapshot { snapshot, reply } => snapshots.push((snapshot, reply)),
                }
            }
            self.append(appends).await;
            for (snapshot, reply) in snapshots {
                let outcome = self.keep(&snapshot).await;
                // Whoever asked may be gone; the work is done all the same.
                let _ = reply.send(outcome);
            }
        }
        self.disconnect().await;
    }

    async fn append(&mut self, appends: Vec<(Vec<Draft>, Reply<Vec<Entry>>)>) {
        let mut chain = self.chain.clone();
        let mut lines = Vec::new();
        let mut waiting = Vec::with_capacity(appends.len());
        for (drafts, reply) in appends {
            match seal(&chain, drafts) {
                Ok((longer, entries, sealed)) => {
                    chain = longer;
                    lines.extend(sealed);
                    waiting.push(Waiting { reply, entries });
                }
                // One caller's bad draft is no reason to refuse the others.
                Err(error) => drop(reply.send(Err(error))),
            }
        }
        let outcome = if lines.is_empty() {
            Ok(())
        } else {
            self.write(&lines).await
        };
        match outcome {
            Ok(()) => {
                self.chain = chain;
                self.announce.send_replace(self.chain.head());
                for caller in waiting {
                    let _ = caller.reply.send(Ok(caller.entries));
                }
            }
            Err(error) => {
                self.disconnect().await;
                for caller in waiting {
                    let _ = caller.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Inserts the lines behind the chain's head and makes them durable.
    async fn write(&mut self, lines: &[String]) -> Result<(), StoreError> {
        self.connect().await?;
        let mut seq = self.chain.head().seq;
        let Some(connection) = self.connection.as_mut() else {
            return Err(StoreError::Closed);
        };
        let failed = StoreError::database("write to the journal, so nothing was appended");
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(&failed)?;
        for line in lines {
            seq += 1;
            sqlx::query("INSERT INTO entry (seq, line) VALUES (?, ?)")
                .bind(row_number(seq))
                .bind(line)
                .execute(&mut *transaction)
                .await
                .map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn keep(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let head = self.chain.head();
        if snapshot.seq > head.seq {
            return Err(StoreError::BeyondHead {
                seq: snapshot.seq,
                head,
            });
        }
        self.connect().await?;
        let Some(connection) = self.connection.as_mut() else {
            return Err(StoreError::Closed);
        };
        let outcome = snapshot::save(connection, snapshot).await;
        if outcome.is_err() {
            self.disconnect().await;
        }
        outcome
    }

    /// Makes sure of a connection to the very file that was opened, and, if
    /// it is a new one, that the journal still ends where we left it.
    async fn connect(&mut self) -> Result<(), StoreError> {
        // Writing into a deleted file would succeed and record nothing.
        if FileIdentity::at(&self.path) != Some(self.file) {
            return Err(StoreError::Replaced {
                path: self.path.clone(),
            });
        }
        if self.connection.is_some() {
            return Ok(());
        }
        let (mut connection, _) = database::open_journal(&self.path).await?;
        let found = reader::head(&mut connection).await?;
        let ours = self.chain.head();
        if found != ours {
            return Err(StoreError::Diverged { ours, found });
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// Closing rolls back whatever was open. Its own failure changes nothing:
    /// the connection is gone either way.
    async fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = connection.close().await;
        }
    }
}

fn seal(chain: &Chain, drafts: Vec<Draft>) -> Result<(Chain, Vec<Entry>, Vec<String>), StoreError> {
    let mut longer = chain.clone();
    let mut entries = Vec::with_capacity(drafts.len());
    let mut lines = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let (entry, line) = longer.append(draft)?;
        entries.push(entry);
        lines.push(line);
    }
    Ok((longer, entries, lines))
}
