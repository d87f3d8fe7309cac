//! `pilothouse serve`: an engine that many cockpits attach to.

use super::args::ServeCli;
use super::attach::{bad_tls, referred};
use super::dispatch::promote;
use super::exit::{Ended, Exit};
use super::prepare::{Job, load_fleet, read_journal};
use super::run::{
    Face, Ready, RunArgs, automate, contract_is_allowed, engine, finish, is_done, make_ready,
    open_or_resume, printer,
};
use super::summary::Summary;
use super::terminal::{say, told_to_end};
use crate::api::address::Listen;
use crate::api::server::{Door, Names, router};
use crate::api::tls::{ServerTls, TlsServer};
use crate::api::uses::TokenUses;
use crate::base::Digest;
use crate::engine::Goal;
use crate::fleet::LoadedFleet;
use crate::store::keep_token_uses;
use crate::worker::Variant;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How often it is written down when tokens were last used.
const NOTE_EVERY: Duration = Duration::from_secs(2);

/// Where it listens, and as whom.
struct Surface {
    store: PathBuf,
    places: Vec<Listen>,
    tls: Option<TlsServer>,
    names: Names,
}

/// Serves until it is told to stop; gives the object for stdout and the exit
/// code.
///
/// # Errors
/// What kept it from starting.
pub async fn serve(args: ServeCli) -> Result<(Summary, Exit), Ended> {
    let fleet = load_fleet(&args.fleet)?;
    let surface = surface(&args, &fleet.fleet.store)?;
    let job = match &args.migration {
        Some(migration) => Job::read(fleet, migration, Variant::Correct)?,
        None => {
            let plan = plan_under_way(&fleet).await?;
            Job::read_kept(fleet, &plan, Variant::Correct)?
        }
    };
    let args = RunArgs {
        fleet: args.fleet,
        migration: job.migration_path.clone(),
        promote: promote(args.promote),
        face: Face::Headless,
        to: args.to,
        confirm_contract: None,
        variant: Variant::Correct,
        signer: None,
    };
    contract_is_allowed(&job, &args)?;
    let ready = make_ready(job).await?;
    // What is done is shown all the same: a merge restore may be ordered.
    let ready = match is_done(&ready) {
        true => ready,
        false => automate(open_or_resume(ready).await?, &args).await?,
    };
    drive(ready, surface).await
}

/// Everything that is said about listening, judged before anything is opened.
fn surface(args: &ServeCli, store: &Path) -> Result<Surface, Ended> {
    let bad = |text: String| Ended::new(Exit::BadInput, text);
    let mut places = args.listen.clone();
    if !places.iter().any(|at| matches!(at, Listen::Unix(_))) {
        let own = Listen::of_store(store);
        let own = own.map_err(|e| bad(format!("{e}; choose one with --listen unix:PATH")))?;
        places.insert(0, own);
    }
    let far = places.iter().find(|at| matches!(at, Listen::Tls(_)));
    let tls = match (far, &args.tls_cert, &args.tls_key) {
        (Some(_), Some(certificate), Some(key)) => {
            let tls = ServerTls {
                certificate: certificate.clone(),
                key: referred("--tls-key", key)?,
                client_ca: args.tls_client_ca.clone(),
            };
            Some(TlsServer::new(&tls).map_err(bad_tls)?)
        }
        (Some(at), ..) => {
            return Err(bad(format!(
                "--listen {at} needs a certificate: name it with --tls-cert FILE and --tls-key REF"
            )));
        }
        (None, Some(_), _) => {
            let text = "--tls-cert is for an address with TLS, and there is none; write --listen tls://ADDRESS:PORT";
            return Err(bad(text.into()));
        }
        (None, None, _) => None,
    };
    Ok(Surface {
        store: store.to_owned(),
        places,
        tls,
        names: Names::new(args.name.iter().cloned()),
    })
}

/// Without a migration file: the one that is open goes on.
async fn plan_under_way(fleet: &LoadedFleet) -> Result<Digest, Ended> {
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
    Ok(open.opening.plan_digest)
}

/// Keeps up to date when each token was last used.
async fn note(store: PathBuf, uses: TokenUses) {
    let mut ticks = tokio::time::interval(NOTE_EVERY);
    loop {
        ticks.tick().await;
        keep(store.clone(), &uses).await;
    }
}

/// On a thread of its own: a disk that hangs must not keep the engine from its
/// work.
async fn keep(store: PathBuf, uses: &TokenUses) {
    let seen = uses.take();
    if seen.is_empty() {
        return;
    }
    let kept = tokio::task::spawn_blocking(move || keep_token_uses(&store, seen));
    // It does not panic, and is not aborted.
    if let Ok(Err(error)) = kept.await {
        say(format_args!(
            "when tokens were last used is not kept: {error}"
        ));
    }
}

async fn drive(ready: Ready, surface: Surface) -> Result<(Summary, Exit), Ended> {
    let (engine, publisher, lease) = engine(ready, Goal::Told, printer()).await?;
    let mut doors = Vec::new();
    for at in &surface.places {
        let door = Door::open(at, surface.tls.as_ref()).await;
        let door = door.map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
        doors.push((door.is_at(at), door));
    }
    let uses = TokenUses::default();
    let router = router(publisher, surface.names, uses.clone());
    let noted = tokio::spawn(note(surface.store.clone(), uses.clone()));
    let mut served = JoinSet::new();
    for (at, door) in doors {
        say(format_args!("listening at {at}"));
        served.spawn(door.serve(router.clone()));
    }
    // Each has its own; the engine ends when nobody can reach it any more.
    drop(router);
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        told_to_end().await;
        // The engine may have stopped by itself meanwhile.
        let _ = stop.send(());
    });
    let (why, book, _) = engine.run(stopped).await;
    // The socket is removed whether it was still served or not.
    served.shutdown().await;
    noted.abort();
    // Whoever wants it to end does not wait for a disk that hangs.
    let last = keep(surface.store, &uses);
    let _ = tokio::time::timeout(NOTE_EVERY, last).await;
    let result = finish(why, book).await;
    drop(lease);
    result
}
