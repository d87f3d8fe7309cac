//! A lab as tests and drills hold it.

use super::control::{Answer, ControlClient, Request};
use super::servers::{Servers, StopMode};
use super::sql::{self, CONNECT_MAX, DATABASE, LOOK_EVERY, SUPERUSER};
use super::{
    LabError, LabRecord, LabSpec, Layout, ServerAddress, ServerRecord, ServerStatus, build,
    teardown,
};
use sqlx::PgConnection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A standby has replayed by then what was there when it was asked.
const CATCH_UP_MAX: Duration = Duration::from_secs(30);

/// A fleet of real servers.
pub struct Lab {
    layout: Layout,
    record: LabRecord,
    hold: Hold,
}

/// Who holds the servers.
enum Hold {
    /// This process: they end with this value.
    Here(Arc<Servers>),
    /// A keeper process: they outlive this value.
    Keeper(ControlClient),
}

impl Lab {
    /// Raises a lab whose servers are children of this process. Dropping it
    /// ends them and removes its files.
    pub async fn start(spec: LabSpec) -> Result<Self, LabError> {
        let (layout, record) = sql::aside(move || build::claim(&spec)).await?;
        let (servers, record) = build::raise(&layout, record).await?;
        Ok(Self {
            layout,
            record,
            hold: Hold::Here(servers),
        })
    }

    /// Speaks to the keeper of a lab that stands.
    pub async fn attach(directory: &Path) -> Result<Self, LabError> {
        let layout = Layout::new(directory);
        let record = layout.read_record()?;
        let client = ControlClient::new(layout.keeper_socket());
        client.ask(&Request::Status).await?;
        Ok(Self {
            layout,
            record,
            hold: Hold::Keeper(client),
        })
    }

    /// Ends the lab and removes its files, telling what stayed.
    pub async fn down(self) -> Result<teardown::Down, LabError> {
        let directory = self.directory().to_owned();
        if let Hold::Here(servers) = &self.hold {
            let servers = Arc::clone(servers);
            sql::aside(move || {
                servers.shutdown(StopMode::Immediate);
                Ok(())
            })
            .await?;
        }
        teardown::down(&directory).await
    }

    /// The lab's directory.
    pub fn directory(&self) -> &Path {
        self.layout.root()
    }

    /// Its fleet file.
    pub fn fleet_file(&self) -> PathBuf {
        self.layout.fleet_file()
    }

    /// Where its files are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What it consists of.
    pub fn record(&self) -> &LabRecord {
        &self.record
    }

    /// Names of the shards in order.
    pub fn shards(&self) -> Vec<&str> {
        self.record.shards().collect()
    }

    /// The address of a server's `shop` database, running or not.
    pub fn address(&self, server: &str) -> Result<ServerAddress, LabError> {
        let record = self.record.server(server)?;
        Ok(ServerAddress::local(record.port, DATABASE))
    }

    /// Every place where a shard's primary may be.
    pub fn candidates(&self, shard: &str) -> Result<Vec<ServerAddress>, LabError> {
        let members = self.record.of_shard(shard)?;
        let addresses = members
            .into_iter()
            .map(|s| ServerAddress::local(s.port, DATABASE));
        Ok(addresses.collect())
    }

    /// The server of a shard that is not in recovery and answers.
    pub async fn primary(&self, shard: &str) -> Result<&ServerRecord, LabError> {
        for member in self.record.of_shard(shard)? {
            let found = timeout(CONNECT_MAX, self.in_recovery(&member.name)).await;
            if let Ok(Ok(false)) = found {
                return Ok(member);
            }
        }
        Err(LabError::Late {
            what: format!("an answer from a primary of {shard}"),
            waited: CONNECT_MAX,
        })
    }

    /// The URL of a shard's present primary for the migrator.
    pub async fn primary_url(&self, shard: &str) -> Result<String, LabError> {
        let primary = self.primary(shard).await?;
        Ok(ServerAddress::local(primary.port, DATABASE).url("migrator"))
    }

    /// A connection to the `shop` database of a server: as `postgres` (the
    /// superuser), `migrator` or `app`.
    pub async fn connect(&self, server: &str, user: &str) -> Result<PgConnection, LabError> {
        sql::connect(&self.address(server)?, user).await
    }

    /// What every server is doing.
    pub async fn status(&self) -> Result<Vec<ServerStatus>, LabError> {
        match &self.hold {
            Hold::Here(servers) => Ok(servers.status()),
            Hold::Keeper(client) => match client.ask(&Request::Status).await? {
                Answer::Status(lines) => Ok(lines),
                Answer::Done | Answer::Refused(_) => Ok(Vec::new()),
            },
        }
    }

    /// Kills a server with all its processes, as when a machine stops.
    pub async fn kill_server(&self, name: &str) -> Result<(), LabError> {
        self.order(Request::Kill(name.to_owned())).await
    }

    /// Starts a server that is down and waits until it takes connections.
    pub async fn start_server(&self, name: &str) -> Result<(), LabError> {
        self.order(Request::Start(name.to_owned())).await
    }

    /// Stops every process of a server where it stands: connections stay
    /// open, nothing answers.
    pub async fn freeze(&self, name: &str) -> Result<(), LabError> {
        self.order(Request::Stop(name.to_owned())).await
    }

    /// Lets a frozen server go on.
    pub async fn thaw(&self, name: &str) -> Result<(), LabError> {
        self.order(Request::Cont(name.to_owned())).await
    }

    async fn order(&self, request: Request) -> Result<(), LabError> {
        match &self.hold {
            Hold::Here(servers) => obey(servers, &self.record, request).await,
            Hold::Keeper(client) => client.ask(&request).await.map(drop),
        }
    }

    /// Lets a standby receive but not replay.
    pub async fn pause_replay(&self, name: &str) -> Result<(), LabError> {
        let mut session = self.connect(name, SUPERUSER).await?;
        sqlx::query("SELECT pg_wal_replay_pause()")
            .execute(&mut session)
            .await
            .map_err(LabError::sql("pause replay", name))?;
        // A request only, until the replaying process has noticed.
        until(&format!("the pause of replay on {name}"), async || {
            sqlx::query_scalar("SELECT pg_get_wal_replay_pause_state() = 'paused'")
                .fetch_one(&mut session)
                .await
                .map_err(LabError::sql("look at replay", name))
        })
        .await
    }

    /// Lets a standby replay again.
    pub async fn resume_replay(&self, name: &str) -> Result<(), LabError> {
        let mut session = self.connect(name, SUPERUSER).await?;
        sqlx::query("SELECT pg_wal_replay_resume()")
            .execute(&mut session)
            .await
            .map(drop)
            .map_err(LabError::sql("resume replay", name))
    }

    /// Makes a standby the primary and waits until it writes. The former
    /// primary is not ended: that is the caller's business.
    pub async fn promote(&self, name: &str) -> Result<(), LabError> {
        let mut session = self.connect(name, SUPERUSER).await?;
        let done: bool = sqlx::query_scalar("SELECT pg_promote(true, 60)")
            .fetch_one(&mut session)
            .await
            .map_err(LabError::sql("promote", name))?;
        match done {
            true => Ok(()),
            false => Err(LabError::Late {
                what: format!("the promotion of {name}"),
                waited: Duration::from_secs(60),
            }),
        }
    }

    /// Waits until a standby has replayed what its primary has written so far.
    pub async fn catch_up(&self, standby: &str) -> Result<(), LabError> {
        let record = self.record.server(standby)?;
        let source = record.follows.as_deref().unwrap_or(standby);
        let mut primary = self.connect(source, SUPERUSER).await?;
        let position: String = sqlx::query_scalar("SELECT pg_current_wal_lsn()::text")
            .fetch_one(&mut primary)
            .await
            .map_err(LabError::sql("read the WAL position", source))?;
        let mut session = self.connect(standby, SUPERUSER).await?;
        until(&format!("replay of {position} on {standby}"), async || {
            sqlx::query_scalar("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn")
                .bind(&position)
                .fetch_one(&mut session)
                .await
                .map_err(LabError::sql("look at replay", standby))
        })
        .await
    }

    /// Whether a server is a standby now.
    pub async fn in_recovery(&self, name: &str) -> Result<bool, LabError> {
        let mut session = self.connect(name, SUPERUSER).await?;
        sqlx::query_scalar("SELECT pg_is_in_recovery()")
            .fetch_one(&mut session)
            .await
            .map_err(LabError::sql("ask for recovery", name))
    }
}

/// Asks again and again until the answer is yes.
async fn until(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<bool, LabError>,
) -> Result<(), LabError> {
    let watch = async {
        while !look().await? {
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    };
    timeout(CATCH_UP_MAX, watch).await.unwrap_or_else(|_| {
        Err(LabError::Late {
            what: what.to_owned(),
            waited: CATCH_UP_MAX,
        })
    })
}

/// Carries out a command on servers of this process.
pub(super) async fn obey(
    servers: &Arc<Servers>,
    record: &LabRecord,
    request: Request,
) -> Result<(), LabError> {
    if let Request::Start(name) = &request {
        return sql::start(servers, name, record.server(name)?.port).await;
    }
    let servers = Arc::clone(servers);
    sql::aside(move || match request {
        Request::Kill(name) => servers.kill(&name),
        Request::Stop(name) => servers.freeze(&name),
        Request::Cont(name) => servers.thaw(&name),
        Request::Shutdown => {
            servers.shutdown(StopMode::Fast);
            Ok(())
        }
        Request::Start(_) | Request::Status => Ok(()),
    })
    .await
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Hold::Here(servers) = &self.hold {
            servers.shutdown(StopMode::Immediate);
            // A destructor has nobody to tell; `down` tells what stayed.
            let _ = teardown::remove_files(&self.layout);
        }
    }
}
