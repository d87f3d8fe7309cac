//! `pilothouse serve`: an engine that many cockpits attach to.

use super::exit::{Ended, Exit};
use super::prepare::{Job, kept_migration, load_fleet, read_journal};
use super::run::{
    Ready, RunArgs, automate, contract_is_allowed, engine, finish, is_done, make_ready,
    open_or_resume, printer,
};
use super::summary::Summary;
use super::terminal::{say, told_to_end};
use crate::api::address::Address;
use crate::api::server::{Socket, router};
use crate::engine::Goal;
use crate::fleet::LoadedFleet;
use std::path::PathBuf;
use tokio::sync::oneshot;

/// Serves until it is told to stop; gives the object for stdout and the exit
/// code.
///
/// # Errors
/// What kept it from starting.
pub async fn serve(
    mut args: RunArgs,
    migration: Option<PathBuf>,
    address: Option<Address>,
) -> Result<(Summary, Exit), Ended> {
    let fleet = load_fleet(&args.fleet)?;
    let address = match address {
        Some(address) => address,
        None => Address::of_store(&fleet.fleet.store)
            .map_err(|e| Ended::new(Exit::BadInput, format!("{e}; choose one with --listen")))?,
    };
    args.migration = match migration {
        Some(migration) => migration,
        None => migration_under_way(&fleet).await?,
    };
    let job = Job::read(fleet, &args.migration, args.variant)?;
    contract_is_allowed(&job, &args)?;
    let ready = make_ready(job).await?;
    // What is done is shown all the same: a merge restore may be ordered.
    let ready = match is_done(&ready) {
        true => ready,
        false => automate(open_or_resume(ready).await?, &args).await?,
    };
    drive(ready, &address).await
}

/// Without a migration file: the one that is open goes on.
async fn migration_under_way(fleet: &LoadedFleet) -> Result<PathBuf, Ended> {
    let store = &fleet.fleet.store;
    let nothing = || {
        let text = "no rollout is open on this fleet: name a migration with --migration";
        Ended::new(Exit::BadInput, text)
    };
    if !store.join(crate::store::JOURNAL_FILE).exists() {
        return Err(nothing());
    }
    let journal = read_journal(store).await?;
    let open = journal.state.open().ok_or_else(nothing)?;
    Ok(kept_migration(store, &open.opening.plan_digest))
}

async fn drive(ready: Ready, address: &Address) -> Result<(Summary, Exit), Ended> {
    let (engine, publisher, lease) = engine(ready, Goal::Told, printer()).await?;
    let Address::Unix(path) = address;
    let socket = Socket::bind(path)
        .await
        .map_err(|e| Ended::new(Exit::Failed, format!("cannot listen at {address}: {e}")))?;
    say(format_args!("listening at {address}"));
    let served = tokio::spawn(socket.serve(router(publisher)));
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        told_to_end().await;
        // The engine may have stopped by itself meanwhile.
        let _ = stop.send(());
    });
    let (why, book, _) = engine.run(stopped).await;
    served.abort();
    // Gone, or it panicked: the socket is removed either way.
    let _ = served.await;
    let result = finish(why, book).await;
    drop(lease);
    result
}
