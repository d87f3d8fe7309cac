//! One primary: its directories, its cluster, its settings.
//!
//! Every primary gets an `initdb` of its own. A copied template would be
//! quicker, but copies share the system identifier, by which pilothouse tells
//! two servers apart.

use super::servers::Servers;
use super::sql::SUPERUSER;
use super::{Durability, LabError, LabSpec, binaries};
use std::fs::OpenOptions;
use std::io::Write as _;

/// Makes the directories of one server.
pub(super) fn make_home(servers: &Servers, name: &str) -> Result<(), LabError> {
    let (layout, account) = (servers.layout(), servers.account());
    account.make_private_directory(&layout.server(name))?;
    match layout.socket_directory(name) {
        Some(sockets) => account.make_private_directory(&sockets),
        None => Ok(()),
    }
}

/// Makes the cluster of one primary; blocking, about a second of one core.
pub(super) fn make(servers: &Servers, name: &str, spec: &LabSpec) -> Result<(), LabError> {
    make_home(servers, name)?;
    let layout = servers.layout();
    let data = layout.data(name);
    let home = layout.server(name);
    let mut command = servers
        .binaries()
        .command("initdb", servers.account(), &home);
    command.arg("-D").arg(&data);
    command.args(["--no-sync", "--auth=trust", "--username", SUPERUSER]);
    command.args(["--encoding=UTF8", "--locale=C.UTF-8"]);
    binaries::run(command, name)?;

    let path = data.join("postgresql.conf");
    OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(settings(spec).as_bytes()))
        .map_err(LabError::io("write", &path))
}

/// What a lab adds to `postgresql.conf`. Port, socket directory and cluster
/// name come on the command line, since a standby copies this file.
fn settings(spec: &LabSpec) -> String {
    let fsync = match spec.durability {
        Durability::ProcessCrash => "off",
        Durability::PowerLoss => "on",
    };
    format!(
        "\n# Written for a throw-away lab.\n\
         listen_addresses = '127.0.0.1'\n\
         unix_socket_permissions = 0700\n\
         max_connections = 200\n\
         shared_buffers = {buffers}MB\n\
         # Files, so that a killed server leaves nothing in /dev/shm.\n\
         dynamic_shared_memory_type = mmap\n\
         fsync = {fsync}\n\
         wal_level = replica\n\
         max_wal_senders = 16\n\
         max_replication_slots = 16\n\
         hot_standby = on\n\
         wal_receiver_status_interval = 1s\n\
         wal_retrieve_retry_interval = 200ms\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n",
        buffers = spec.shared_buffers_mib,
    )
}
