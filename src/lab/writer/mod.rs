//! The writer program: a small application whose every acknowledged write is
//! on its ledger.
//!
//! It changes balances of `pgbench_accounts`, inserts and deletes accounts of
//! its own and reads rows back, in the form that the flag says for the key.
//! It owns its keys: nobody else may write them.

mod keys;
mod session;
mod spec;
mod work;

pub(in crate::lab) use keys::Random;
pub use spec::{FormSettings, Forms, KeyClass, WriterSpec, WriterStats};

use super::LabError;
use super::ledger::Ledger;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running writer.
pub struct Writer {
    stop: watch::Sender<()>,
    stats: watch::Receiver<WriterStats>,
    task: JoinHandle<Result<Ledger, LabError>>,
}

impl Writer {
    /// Starts writing. Needs a tokio runtime.
    pub fn start(spec: WriterSpec) -> Result<Self, LabError> {
        if spec.class.index >= spec.class.of || spec.rate_per_s == 0 || spec.candidates.is_empty() {
            return Err(LabError::Spec(
                "a writer needs a key class below its count, a rate above 0 and a candidate",
            ));
        }
        let (stop, stopped) = watch::channel(());
        let (publish, stats) = watch::channel(WriterStats::default());
        let work = work::Work::new(spec, publish)?;
        let task = tokio::spawn(work.run(stopped));
        Ok(Self { stop, stats, task })
    }

    /// What it has done so far.
    pub fn stats(&self) -> WriterStats {
        self.stats.borrow().clone()
    }

    /// Waits until this holds; `false` if the writer ended before.
    pub async fn wait(&mut self, holds: impl FnMut(&WriterStats) -> bool) -> bool {
        self.stats.wait_for(holds).await.is_ok()
    }

    /// Ends it after the statement it is at, and gives its ledger.
    pub async fn stop(self) -> Result<Ledger, LabError> {
        drop(self.stop);
        self.task.await.unwrap_or(Err(LabError::Closing))
    }

    /// Ends it in the middle of whatever it does, as a kill would. Its ledger
    /// is in its file.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
