//! The application: a few processes' worth of clients of the flags, and one
//! writer per shard.

use super::layout::DemoLayout;
use super::spec::DemoSpec;
use super::writer::Writer;
use crate::base::ShardName;
use crate::flags::{Client, ClientSpec};
use crate::lab::LabError;
use crate::lab::ledger::Ledger;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Clients of the flags; the shards are dealt out among them.
const CLIENTS: usize = 3;

/// A running application. Dropping it ends it in the middle of whatever it
/// does; the ledgers are in their files.
pub(super) struct Application {
    stop: Option<watch::Sender<()>>,
    writers: BTreeMap<ShardName, JoinHandle<Result<Ledger, LabError>>>,
}

impl Application {
    /// Starts every writer. Needs a tokio runtime.
    pub(super) fn start(layout: &DemoLayout, spec: &DemoSpec) -> Result<Self, LabError> {
        let (stop, stopped) = watch::channel(());
        let shards: Vec<ShardName> = spec.shards().into_iter().map(|(name, _)| name).collect();
        let mut application = Self {
            stop: Some(stop),
            writers: BTreeMap::new(),
        };
        for client in 0..CLIENTS {
            let dealt = shards.iter().enumerate();
            let own: Vec<(usize, ShardName)> = dealt
                .filter(|(place, _)| place % CLIENTS == client)
                .map(|(place, name)| (place, name.clone()))
                .collect();
            let flags = register(layout, client, &own)?;
            for (place, name) in own {
                let seed = spec.seed.wrapping_mul(1_000).wrapping_add(place as u64);
                let flags = Arc::clone(&flags);
                let writer = Writer::new(layout, name.clone(), flags, spec.rows, seed)?;
                let task = tokio::spawn(writer.run(stopped.clone()));
                application.writers.insert(name, task);
            }
        }
        Ok(application)
    }

    /// Ends every writer after the statement it is at, and gives the ledgers.
    pub(super) async fn stop(mut self) -> Result<BTreeMap<ShardName, Ledger>, LabError> {
        drop(self.stop.take());
        let mut ledgers = BTreeMap::new();
        for (name, writer) in std::mem::take(&mut self.writers) {
            let ledger = writer.await.unwrap_or(Err(LabError::Closing))?;
            ledgers.insert(name, ledger);
        }
        Ok(ledgers)
    }
}

fn register(
    layout: &DemoLayout,
    client: usize,
    own: &[(usize, ShardName)],
) -> Result<Arc<Client>, LabError> {
    let directory = layout.flags();
    let registered = Client::register(ClientSpec {
        id: format!("app-{}", client + 1),
        directory: directory.clone(),
        shards: own.iter().map(|(_, name)| name.clone()).collect(),
    });
    registered.map(Arc::new).map_err(|err| LabError::Io {
        doing: "register as a flag client in",
        path: directory,
        source: std::io::Error::other(err),
    })
}

impl Drop for Application {
    fn drop(&mut self) {
        for writer in self.writers.values() {
            writer.abort();
        }
    }
}
