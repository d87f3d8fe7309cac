//! Where an engine keeps its record: the journal, its state snapshots, the
//! lease that makes one engine its owner, and the inbox for orders.
//!
//! SQLite files in one directory, readable by their owner only. The journal
//! file takes inserts and nothing else; the inbox is a file of its own, so
//! that a busy inbox never holds the journal up. This room must not decide
//! anything: what an entry, an order or a state means is not known here.

mod database;
mod engine_key;
mod error;
mod inbox;
mod lease;
mod reader;
mod replace;
mod snapshot;
mod token_uses;
mod writer;

pub use engine_key::ENGINE_KEY_FILE;
pub use error::StoreError;
pub use inbox::{Answered, Inbox, ORDER_AGE_MAX, Order, Published, View};
pub use lease::{Lease, LeaseError, Owner};
pub use reader::{Reader, StoredLine};
pub use replace::replace;
pub use snapshot::{IgnoredSnapshot, SNAPSHOT_EVERY, Snapshot, SnapshotFault, Snapshots};
pub use token_uses::{keep_token_uses, token_uses};

use crate::base::{SigningKey, Timestamp};
use crate::journal::{Chain, Draft, Entry, Head, LogId};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use writer::{Job, Writer};

/// The journal's file name in the store's directory.
pub const JOURNAL_FILE: &str = "journal.db";

/// How many callers may wait for the writer before more have to queue outside.
const JOBS_MAX: usize = 1_024;

/// What becomes of an append that was submitted.
pub type Appending = oneshot::Receiver<Result<Vec<Entry>, StoreError>>;

/// The journal of one engine, open for appending.
///
/// All appends go through one writer task. It takes whatever has queued up
/// while the last transaction was being made durable and commits that as one:
/// nobody waits for company, and many callers share the cost of one `fsync`.
#[derive(Debug)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    task: JoinHandle<()>,
    head: watch::Receiver<Head>,
    commits: Arc<AtomicU64>,
    reader: Arc<Reader>,
    key: SigningKey,
}

impl Store {
    /// Opens the store in `dir`, creating both as needed. Whoever appends must
    /// hold the [`Lease`] of the same directory.
    pub async fn open(dir: &Path) -> Result<Self, StoreError> {
        database::prepare_dir(dir)?;
        let key = engine_key::open(dir)?;
        let path = dir.join(JOURNAL_FILE);
        let file = database::create_private(&path)?;
        let (connection, log) = database::open_journal(&path).await?;
        let reader = Arc::new(Reader::open(&path).await?);
        let head = reader.head().await?;
        let commits = Arc::new(AtomicU64::new(0));
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        let (announce, watched) = watch::channel(head);
        let writer = Writer::new(
            path,
            file,
            connection,
            Chain::resume(log, head),
            Arc::clone(&commits),
            announce,
        );
        Ok(Self {
            jobs,
            task: tokio::spawn(writer.run(queue)),
            head: watched,
            commits,
            reader,
            key,
        })
    }

    /// Opens the journal in `dir` for reading while an engine may be writing.
    pub async fn open_read_only(dir: &Path) -> Result<Reader, StoreError> {
        Reader::open(&dir.join(JOURNAL_FILE)).await
    }

    /// Makes this process the one engine of the store in `dir`.
    pub fn lock(dir: &Path, engine: &str, now: Timestamp) -> Result<Lease, LeaseError> {
        lease::lock(dir, engine, now)
    }

    /// Records the drafts, all or none; they are durable when this returns.
    ///
    /// After an error the journal ends where it ended before. A caller that is
    /// dropped while waiting has still appended.
    pub async fn append(&self, drafts: Vec<Draft>) -> Result<Vec<Entry>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Append { drafts, reply }).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// As [`Store::append`], for a caller that cannot wait as long as a disk
    /// may hang: the answer comes by the receiver. Whoever drops that has
    /// still appended.
    pub fn submit(&self, drafts: Vec<Draft>) -> Result<Appending, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Append { drafts, reply };
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        Ok(answer)
    }

    /// Keeps the state as it was after entry `seq`, so that the next start
    /// need not fold from the first entry. Due every [`SNAPSHOT_EVERY`].
    pub async fn snapshot_save(&self, seq: u64, state_json: String) -> Result<(), StoreError> {
        let snapshot = Snapshot { seq, state_json };
        let (reply, answer) = oneshot::channel();
        self.send(Job::Snapshot { snapshot, reply }).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn send(&self, job: Job) -> Result<(), StoreError> {
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)
    }

    /// The newest sound snapshot; see [`Reader::snapshot_latest`].
    pub async fn snapshot_latest(&self) -> Result<Snapshots, StoreError> {
        self.reader.snapshot_latest().await
    }

    /// All entries from `from_seq` on; see [`Reader::entries`].
    pub async fn entries(&self, from_seq: u64) -> Result<Vec<Entry>, StoreError> {
        self.reader.entries(from_seq).await
    }

    /// Writes the journal as JSON Lines; see [`Reader::lines`].
    pub async fn lines(&self, out: &mut (dyn std::io::Write + Send)) -> Result<Head, StoreError> {
        self.reader.lines(out).await
    }

    /// Where the durable journal ends.
    pub fn head(&self) -> Head {
        *self.head.borrow()
    }

    /// The key that seals this journal's heads.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The journal's name.
    pub fn log(&self) -> &LogId {
        self.reader.log()
    }

    /// For reading in pages.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// For a task that reads by itself.
    pub fn reader_shared(&self) -> Arc<Reader> {
        Arc::clone(&self.reader)
    }

    /// How many transactions have been committed for appends since opening.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Waits until everything queued is durable and the files are closed.
    pub async fn close(self) -> Result<(), StoreError> {
        // The writer goes last: only a writing connection can move what is in
        // the write-ahead log into the journal file when it closes.
        let read = match Arc::into_inner(self.reader) {
            Some(reader) => reader.close().await,
            // Its last reader closes it.
            None => Ok(()),
        };
        drop(self.jobs);
        self.task.await.map_err(|_| StoreError::Closed)?;
        read
    }
}
