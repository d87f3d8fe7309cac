//! Raising a lab: claim the directory, then every shard side by side.

use super::servers::{Servers, StopMode};
use super::sql;
use super::{
    Account, Binaries, LabError, LabRecord, LabSpec, Layout, ServerRecord, cluster, fill,
    fleet_file, ports, standby, teardown,
};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// `initdb` and base backups at a time: more only wait for each other's disk.
const HEAVY_AT_A_TIME: usize = 2;

/// Takes an absent or empty directory for a lab. Nothing runs yet.
pub(super) fn claim(spec: &LabSpec) -> Result<(Layout, LabRecord), LabError> {
    spec.check()?;
    let layout = Layout::new(&spec.directory);
    let root = layout.root();
    let made_directory = match fs::read_dir(root) {
        Ok(mut entries) => match (entries.next().is_some(), layout.record_file().exists()) {
            (_, true) => return Err(LabError::AlreadyALab(root.to_owned())),
            (true, false) => return Err(LabError::NotEmpty(root.to_owned())),
            (false, false) => false,
        },
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(root).map_err(LabError::io("make", root))?;
            true
        }
        Err(source) => return Err(LabError::io("look into", root)(source)),
    };
    let record = LabRecord {
        spec: LabSpec {
            directory: root.to_owned(),
            ..spec.clone()
        },
        made_directory,
        servers: Vec::new(),
    };
    layout.write_record(&record)?;
    Ok((layout, record))
}

/// Raises everything in a claimed directory. On failure what was started has
/// been ended and what was made has been removed.
pub(super) async fn raise(
    layout: &Layout,
    mut record: LabRecord,
) -> Result<(Arc<Servers>, LabRecord), LabError> {
    let servers = match prepare(layout, &mut record) {
        Ok(servers) => Arc::new(servers),
        Err(cause) => return Err(clean_up(layout, cause)),
    };
    match raise_shards(&servers, &record).await {
        Ok(()) => Ok((servers, record)),
        Err(cause) => {
            let ending = Arc::clone(&servers);
            sql::aside(move || {
                ending.shutdown(StopMode::Immediate);
                Ok(())
            })
            .await?;
            Err(clean_up(layout, cause))
        }
    }
}

fn clean_up(layout: &Layout, cause: LabError) -> LabError {
    let left = teardown::remove_files(layout);
    match left.is_empty() {
        true => cause,
        false => LabError::Leftovers {
            cause: Box::new(cause),
            left,
        },
    }
}

/// Everything before the first server: programs, user, ports, fleet file.
fn prepare(layout: &Layout, record: &mut LabRecord) -> Result<Servers, LabError> {
    let binaries = Binaries::locate()?;
    let account = Account::for_servers()?;
    let root = layout.root();
    // The servers' user must get through; the rest stays closed to it.
    let mode = fs::metadata(root)
        .map_err(LabError::io("look at", root))?
        .permissions()
        .mode();
    fs::set_permissions(root, fs::Permissions::from_mode(mode | 0o711))
        .map_err(LabError::io("open", root))?;
    account.check_reach(root)?;
    let count = record.spec.shards * (1 + record.spec.standbys);
    let ports = ports::find(count as usize)?;
    record.servers = name_servers(&record.spec, &ports);
    layout.write_record(record)?;
    for directory in [layout.servers(), layout.flags(), layout.ledgers()] {
        fs::create_dir_all(&directory).map_err(LabError::io("make", &directory))?;
    }
    let path = layout.fleet_file();
    fs::write(&path, fleet_file::text(record)).map_err(LabError::io("write", &path))?;
    Servers::new(binaries, account, layout.clone(), record)
}

/// Primaries first, then every shard's first standby, and so on.
pub(super) fn name_servers(spec: &LabSpec, ports: &[u16]) -> Vec<ServerRecord> {
    let mut servers = Vec::with_capacity(ports.len());
    for copy in 0..=spec.standbys {
        for number in 1..=spec.shards {
            let shard = format!("s{number:02}");
            let (name, follows) = match copy {
                0 => (shard.clone(), None),
                _ => (format!("{shard}-r{copy}"), Some(shard.clone())),
            };
            servers.push((name, shard, follows));
        }
    }
    let named = servers.into_iter().zip(ports);
    named
        .map(|((name, shard, follows), port)| ServerRecord {
            name,
            shard,
            follows,
            port: *port,
        })
        .collect()
}

async fn raise_shards(servers: &Arc<Servers>, record: &LabRecord) -> Result<(), LabError> {
    let heavy = Arc::new(Semaphore::new(HEAVY_AT_A_TIME));
    let mut work = JoinSet::new();
    for shard in record.shards() {
        let members: Vec<ServerRecord> = record.of_shard(shard)?.into_iter().cloned().collect();
        let (servers, spec) = (Arc::clone(servers), record.spec.clone());
        let heavy = Arc::clone(&heavy);
        work.spawn(async move { raise_shard(servers, members, spec, heavy).await });
    }
    // All of them are awaited also after a failure: what still runs would
    // make files while they are being removed.
    let mut outcome = Ok(());
    while let Some(ended) = work.join_next().await {
        let ended = ended.unwrap_or(Err(LabError::Closing));
        if outcome.is_ok() && ended.is_err() {
            outcome = ended;
            let ending = Arc::clone(servers);
            sql::aside(move || {
                ending.shutdown(StopMode::Immediate);
                Ok(())
            })
            .await?;
        }
    }
    outcome
}

async fn raise_shard(
    servers: Arc<Servers>,
    members: Vec<ServerRecord>,
    spec: LabSpec,
    heavy: Arc<Semaphore>,
) -> Result<(), LabError> {
    let Some((primary, standbys)) = members.split_first() else {
        return Ok(());
    };
    let turn = heavy.acquire().await.map_err(|_| LabError::Closing)?;
    let (maker, name, plan) = (Arc::clone(&servers), primary.name.clone(), spec.clone());
    sql::aside(move || cluster::make(&maker, &name, &plan)).await?;
    drop(turn);
    sql::start(&servers, &primary.name, primary.port).await?;
    fill::fill(&servers, primary, spec.fill).await?;
    for copy in standbys {
        let turn = heavy.acquire().await.map_err(|_| LabError::Closing)?;
        let (maker, name, port) = (Arc::clone(&servers), copy.name.clone(), primary.port);
        sql::aside(move || standby::make(&maker, &name, port)).await?;
        drop(turn);
        sql::start(&servers, &copy.name, copy.port).await?;
        standby::wait_streaming(copy, primary.port).await?;
    }
    Ok(())
}
