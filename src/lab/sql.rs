//! Short conversations with lab servers.

use super::servers::Servers;
use super::{LabError, ServerAddress, ServerState};
use sqlx::{ConnectOptions as _, PgConnection};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The superuser of every lab server.
pub(super) const SUPERUSER: &str = "postgres";
/// The database of every shard.
pub(super) const DATABASE: &str = "shop";
/// A server that is asked for a connection answers by then or not at all.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Recovery after a kill is over by then.
const READY_MAX: Duration = Duration::from_secs(60);
/// How often something awaited is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Opens a connection, or says within a few seconds that it cannot.
pub(super) async fn connect(address: &ServerAddress, user: &str) -> Result<PgConnection, LabError> {
    let options = address.options(user, "pilothouse-lab");
    let place = address.to_string();
    match timeout(CONNECT_MAX, options.connect()).await {
        Ok(outcome) => outcome.map_err(LabError::sql("connect", &place)),
        Err(_) => Err(LabError::Late {
            what: format!("a connection to {place}"),
            waited: CONNECT_MAX,
        }),
    }
}

/// Starts a server and waits until it takes connections.
pub(super) async fn start(servers: &Arc<Servers>, name: &str, port: u16) -> Result<(), LabError> {
    let (starter, owned) = (Arc::clone(servers), name.to_owned());
    aside(move || starter.spawn(&owned)).await?;
    let address = ServerAddress::local(port, "postgres");
    let options = address.options(SUPERUSER, "pilothouse-lab");
    let ready = async {
        loop {
            if options.connect().await.is_ok() {
                return Ok(());
            }
            if servers.state(name)? == ServerState::Down {
                return Err(LabError::Died {
                    name: name.to_owned(),
                    tail: servers.last_words(name),
                });
            }
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(READY_MAX, ready).await.unwrap_or_else(|_| {
        Err(LabError::Late {
            what: format!("the first connection to {name}"),
            waited: READY_MAX,
        })
    })
}

/// Runs blocking work off the runtime's threads.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LabError> + Send + 'static,
) -> Result<T, LabError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(LabError::Closing))
}
