//! One standby: a base backup that follows its primary through a slot.

use super::servers::Servers;
use super::sql::{self, LOOK_EVERY, SUPERUSER};
use super::{LabError, ServerAddress, ServerRecord, binaries, cluster};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A standby streams by then.
const STREAM_MAX: Duration = Duration::from_secs(30);

/// Copies the primary; blocking. The slot keeps the WAL for as long as the
/// standby is away.
pub(super) fn make(servers: &Servers, name: &str, primary_port: u16) -> Result<(), LabError> {
    cluster::make_home(servers, name)?;
    let layout = servers.layout();
    let home = layout.server(name);
    let mut command = servers
        .binaries()
        .command("pg_basebackup", servers.account(), &home);
    command.arg("-D").arg(layout.data(name));
    command.args([
        "--dbname",
        &format!("host=127.0.0.1 port={primary_port} user={SUPERUSER} application_name={name}"),
        "--write-recovery-conf",
        "--create-slot",
        "--slot",
        &slot_name(name),
        "--wal-method=stream",
        "--checkpoint=fast",
        "--no-sync",
    ]);
    binaries::run(command, name)
}

/// Slot names take no hyphen.
fn slot_name(name: &str) -> String {
    name.replace('-', "_")
}

/// Waits until the primary sees this standby streaming.
pub(super) async fn wait_streaming(
    standby: &ServerRecord,
    primary_port: u16,
) -> Result<(), LabError> {
    let address = ServerAddress::local(primary_port, "postgres");
    let mut session = sql::connect(&address, SUPERUSER).await?;
    let streaming = async {
        loop {
            let found: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM pg_stat_replication \
                 WHERE application_name = $1 AND state = 'streaming')",
            )
            .bind(&standby.name)
            .fetch_one(&mut session)
            .await
            .map_err(LabError::sql("look at replication", &standby.shard))?;
            if found {
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(STREAM_MAX, streaming).await.unwrap_or_else(|_| {
        Err(LabError::Late {
            what: format!("streaming to {}", standby.name),
            waited: STREAM_MAX,
        })
    })
}
