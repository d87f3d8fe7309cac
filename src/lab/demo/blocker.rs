//! An application batch that takes the write lock of one shard and keeps it:
//! the fault that makes a shard fail once.

use super::tables;
use std::path::PathBuf;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A batch at work. Dropping it lets go without a trace.
pub(super) struct Blocker {
    let_go: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Blocker {
    /// Takes the lock as soon as it is free. Needs a tokio runtime.
    pub(super) fn start(path: PathBuf) -> Self {
        let (let_go, told) = oneshot::channel();
        let task = tokio::spawn(hold(path, told));
        Self {
            let_go: Some(let_go),
            task,
        }
    }

    /// Lets go, and waits until the lock is free.
    pub(super) async fn let_go(mut self) {
        drop(self.let_go.take());
        // However it ended, the lock is gone with its connection.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Blocker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hold(path: PathBuf, told: oneshot::Receiver<()>) {
    let Ok(mut conn) = tables::connect(&path).await else {
        return;
    };
    if tables::run(&mut conn, "BEGIN IMMEDIATE").await.is_ok() {
        // Only ever dropped, never sent to.
        let _ = told.await;
        // Closing would roll back too.
        let _ = tables::run(&mut conn, "ROLLBACK").await;
    }
}
