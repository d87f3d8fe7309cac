//! `pilothouse run` on a terminal: engine and cockpit in one process.

use super::exit::{Ended, Exit};
use super::run::{Ready, engine, finish};
use super::summary::Summary;
use crate::engine::Goal;
use tokio::sync::oneshot;

/// Runs engine and cockpit; leaving the cockpit stops the engine in order.
///
/// # Errors
/// What kept it from starting.
pub async fn run(ready: Ready) -> Result<(Summary, Exit), Ended> {
    let session = format!("{}/{}", std::process::id(), crate::engine::now().0);
    let options = crate::cockpit::Options::from_environment(super::run::person(), session);
    let (engine, publisher, lease) = engine(ready, Goal::Told, Box::new(|_, _| {})).await?;
    let (stop, stopped) = oneshot::channel();
    let client = Box::new(crate::api::embedded::attach(&publisher));
    let running = tokio::spawn(engine.run(stopped));
    let left = crate::cockpit::run::run(client, options).await;
    // The engine may have stopped by itself meanwhile.
    let _ = stop.send(());
    let (why, book, _) = running
        .await
        .map_err(|e| Ended::new(Exit::Failed, format!("the engine ended badly: {e}")))?;
    let result = finish(why, book).await;
    drop(lease);
    left.map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    result
}
