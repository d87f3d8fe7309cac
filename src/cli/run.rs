//! `pilothouse run`: opens a rollout or resumes it, and drives it.

use super::exit::{Ended, Exit};
use super::lint;
use super::prepare::{Job, Opened, book, kept_migration, kept_runbook, lease, load_fleet};
use super::sign::Signer;
use super::summary::{Summary, summary};
use super::terminal::{say, told_to_end};
use crate::api::account::person;
use crate::base::{Cause, Stage, Stop};
use crate::engine::{Book, Engine, Goal, Print, Setup, Stopped, Taken, now, port};
use crate::notify::Notifier;
use crate::rollout::{Command, Observations, Order, Outcome, Scope, Verb};
use crate::shard::read_record;
use crate::store::{Inbox, Lease, replace};
use crate::wire::{Identity, describe};
use crate::worker::Variant;
use std::path::{Path, PathBuf};
use tokio::sync::oneshot;

/// What is run.
pub struct RunArgs {
    /// Fleet file.
    pub fleet: PathBuf,
    /// Migration file.
    pub migration: PathBuf,
    /// Whether rings are promoted without asking.
    pub promote: Promote,
    /// With a screen or without.
    pub face: Face,
    /// The last stop.
    pub to: Option<Stop>,
    /// Rollout id, typed: contract is allowed.
    pub confirm_contract: Option<String>,
    /// Which engine.
    pub variant: Variant,
    /// Signs approvals that are given on the screen.
    pub signer: Option<Signer>,
}

/// Who promotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promote {
    /// A person.
    ByHand,
    /// The engine, when every gate has passed.
    Auto,
}

/// With a screen or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// One event per line on stderr, one JSON object on stdout.
    Headless,
    /// The cockpit.
    Screen,
    /// The cockpit in lines.
    Plain,
}

/// Everything that is open while an engine runs.
pub struct Ready {
    /// The job.
    pub job: Job,
    /// Its shards.
    pub opened: Opened,
    /// The journal.
    pub book: Book,
    /// Held as long as the engine runs.
    pub lease: Lease,
}

/// An order by the person at this terminal.
pub fn order(scope: Scope, verb: Verb, reason: &str) -> Order {
    let key = format!("cli/{}/{}/{}", std::process::id(), now().0, verb.word());
    Order {
        key,
        actor: person(),
        cause: Cause::Operator,
        scope,
        verb,
        seen: None,
        confirm: None,
        reason: reason.to_owned(),
    }
}

/// Runs a migration; gives the object for stdout and the exit code.
///
/// # Errors
/// What kept it from starting.
pub async fn run(args: RunArgs) -> Result<(Summary, Exit), Ended> {
    let fleet = load_fleet(&args.fleet)?;
    let job = Job::read(fleet, &args.migration, args.variant)?;
    drive(job, args).await
}

/// The same, of a job that was read.
///
/// # Errors
/// What kept it from starting.
pub async fn drive(job: Job, args: RunArgs) -> Result<(Summary, Exit), Ended> {
    contract_is_allowed(&job, &args)?;
    let ready = make_ready(job).await?;
    if is_done(&ready) {
        say(format_args!(
            "rollout {} is done already; nothing was touched",
            ready.job.rollout_id()
        ));
        return finish(Stopped::Reached, ready.book).await;
    }
    let ready = open_or_resume(ready).await?;
    let goal = goal(&ready, &args);
    let ready = automate(ready, &args).await?;
    match args.face {
        Face::Headless => headless(ready, goal).await,
        Face::Screen | Face::Plain => super::screen::run(ready, args.face, args.signer).await,
    }
}

pub(super) fn contract_is_allowed(job: &Job, args: &RunArgs) -> Result<(), Ended> {
    let Some(confirmed) = &args.confirm_contract else {
        return Ok(());
    };
    if job.fleet.fleet.environment.production {
        let text = "contract is never automatic in production: leave --allow-contract out and promote by hand";
        return Err(Ended::new(Exit::Refused, text));
    }
    let opening = job.opening();
    if opening.is_named(confirmed) {
        return Ok(());
    }
    let id = opening.id;
    Err(Ended::new(
        Exit::Refused,
        format!("contract drops the old form: confirm it with --confirm {id} (not {confirmed})"),
    ))
}

/// Files are read; opens shards, lease and journal.
///
/// # Errors
/// What is in the way; nothing was changed.
pub async fn make_ready(job: Job) -> Result<Ready, Ended> {
    let store = job.fleet.fleet.store.clone();
    let opened = job.open_shards().await;
    let resumes = store.join(crate::store::JOURNAL_FILE).exists();
    if !opened.missing.is_empty() && !resumes {
        return Err(job.not_opened(&opened.missing));
    }
    if let Some(ended) = job.same_database(&opened) {
        return Err(ended);
    }
    make_store(&store)?;
    let lease = lease(&store, &job.engine)?;
    let book = book(&store, job.variant).await?;
    if !opened.missing.is_empty() && book.state().open().is_none() {
        return Err(job.not_opened(&opened.missing));
    }
    Ok(Ready {
        job,
        opened,
        book,
        lease,
    })
}

/// A store that its owner alone can enter.
pub(super) fn make_store(store: &std::path::Path) -> Result<(), Ended> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(store)
        .and_then(|()| std::fs::set_permissions(store, std::fs::Permissions::from_mode(0o700)))
        .map_err(|e| Ended::new(Exit::Failed, format!("{}: {e}", store.display())))
}

/// Whether this very plan is done here and not forgotten: running it again
/// must not try to do it twice.
pub(super) fn is_done(ready: &Ready) -> bool {
    let opening = ready.job.opening();
    let kept = kept_migration(&ready.job.fleet.fleet.store, &opening.plan_digest);
    kept.exists()
        && ready.book.state().rollout.as_ref().is_some_and(|rollout| {
            rollout.outcome == Some(Outcome::Done)
                && rollout.opening.plan_digest == opening.plan_digest
                && rollout.opening.shard_set_digest == opening.shard_set_digest
        })
}

/// Opens the rollout, or goes on with the one that is open.
pub(super) async fn open_or_resume(mut ready: Ready) -> Result<Ready, Ended> {
    let opening = ready.job.opening();
    if let Some(rollout) = ready.book.state().open() {
        let same = rollout.opening.plan_digest == opening.plan_digest
            && rollout.opening.shard_set_digest == opening.shard_set_digest;
        if same {
            say(format_args!("going on with rollout {}", rollout.opening.id));
            // Whom to call and what to do may have been mended since.
            if let Err(ended) = keep(&ready.job) {
                say(format_args!(
                    "the newest runbook is not kept: {}",
                    ended.text
                ));
            }
            if let Some(mark) = &rollout.paused {
                let (by, why) = (&mark.by, &mark.reason);
                let failed = rollout.failed_now().len();
                let budget = mark.cause == Cause::FailedBudget;
                let can = match budget && failed > 0 {
                    true => "`pilothouse retry`, or roll the failed shards back and resume",
                    false => "`pilothouse resume` lets it go on",
                };
                say(format_args!("it is paused by {by}: {why}; {can}"));
            }
            return Ok(ready);
        }
        return Err(Ended::new(
            Exit::Refused,
            format!(
                "rollout {} is open on this fleet with another plan or shard set (plan {}, yours {}); finish or abort it first",
                rollout.opening.id,
                rollout.opening.plan_digest.short(),
                opening.plan_digest.short()
            ),
        ));
    }
    lint::allows(&ready.job)?;
    nobody_elses(&ready.job).await?;
    keep(&ready.job)?;
    let command = Command::Open(Box::new(opening), person());
    recorded(ready.book.take(&Observations::default(), &command).await)?;
    Ok(ready)
}

/// A shard that keeps what another rollout needs on its way back takes no new
/// one; found out before a rollout is open that could not begin.
async fn nobody_elses(job: &Job) -> Result<(), Ended> {
    let mine = job.rollout_id();
    let shards = job.fleet.fleet.shards.iter();
    let looks = shards.map(|spec| async { (&spec.name, read_record(spec).await) });
    for (name, record) in futures_util::future::join_all(looks).await {
        // What cannot be read now is found out by preflight.
        let Ok(Some(record)) = record else { continue };
        let was_before_expand = record.ended.is_some_and(|stop| stop <= Stop::Snapshot);
        let is_undone = record.begun.is_none() && was_before_expand;
        if record.rollout != mine && !is_undone {
            return Err(Ended::new(
                Exit::Refused,
                format!(
                    "{name} still keeps what rollout {} needs to be taken back: once it is over, `pilothouse forget` first; nothing was opened",
                    record.rollout
                ),
            ));
        }
    }
    Ok(())
}

/// Keeps the migration file and its runbook in the store, for whoever goes on
/// without them; a way back depends on it.
fn keep(job: &Job) -> Result<(), Ended> {
    let (store, plan) = (
        &job.fleet.fleet.store,
        job.migration.migration.plan_digest(),
    );
    let (kept, runbook) = (kept_migration(store, &plan), kept_runbook(store, &plan));
    if job.migration_path == kept {
        return Ok(());
    }
    let failed = |path: &Path, e: std::io::Error| {
        Ended::new(Exit::Failed, format!("{}: {e}", path.display()))
    };
    replace(&kept, job.migration.text.as_bytes()).map_err(|e| failed(&kept, e))?;
    let kept = match &job.migration.runbook {
        Some(text) => replace(&runbook, text.as_bytes()),
        None if runbook.exists() => std::fs::remove_file(&runbook),
        None => Ok(()),
    };
    kept.map_err(|e| failed(&runbook, e))
}

/// A command that must have been taken.
///
/// # Errors
/// Why it was not.
pub fn recorded(taken: Taken) -> Result<(), Ended> {
    match taken {
        Taken::Recorded(..) | Taken::Repeated => Ok(()),
        Taken::Refused(refusal) => Err(Ended::new(Exit::Refused, refusal.to_string())),
        // Here is no engine for which it could work.
        Taken::Unrecorded => Err(Ended::new(
            Exit::Failed,
            "the journal cannot be written and no engine runs: nothing was changed",
        )),
        Taken::NotTaken(why) | Taken::Unrecordable(why) => Err(Ended::new(Exit::Failed, why)),
        Taken::InDoubt(_) => Err(Ended::new(
            Exit::Failed,
            "the journal's disk does not answer: it may be recorded or not; look with status",
        )),
    }
}

fn last_stop(ready: &Ready, args: &RunArgs) -> Stop {
    let before_contract = ready
        .job
        .route
        .iter()
        .copied()
        .rfind(|s| s.stage() < Stage::Contract);
    let last = if args.confirm_contract.is_some() {
        ready.job.route.last().copied()
    } else {
        before_contract
    };
    let last = last.unwrap_or(Stop::Verify);
    args.to.map_or(last, |to| to.min(last))
}

fn goal(ready: &Ready, args: &RunArgs) -> Goal {
    match args.face {
        Face::Screen | Face::Plain => Goal::Told,
        Face::Headless => Goal::Reached(
            args.to
                .unwrap_or_else(|| ready.job.route.last().copied().unwrap_or(Stop::Drop)),
        ),
    }
}

/// Says who promotes, and how far.
pub(super) async fn automate(mut ready: Ready, args: &RunArgs) -> Result<Ready, Ended> {
    if args.promote == Promote::ByHand {
        // What an earlier run was allowed to do by itself, this one is not.
        if ready.book.state().open().is_some_and(|r| r.auto.is_some()) {
            let verb = Verb::Automate { to: None };
            let off = order(Scope::Fleet, verb, "run without --promote auto");
            let command = Command::Order(off);
            recorded(ready.book.take(&Observations::default(), &command).await)?;
        }
        return Ok(ready);
    }
    let to = last_stop(&ready, args);
    let verb = Verb::Automate { to: Some(to) };
    let order = Order {
        confirm: args.confirm_contract.clone(),
        ..order(Scope::Fleet, verb, "run --promote auto")
    };
    recorded(
        ready
            .book
            .take(&Observations::default(), &Command::Order(order))
            .await,
    )?;
    Ok(ready)
}

/// An engine over what is ready, with its end of the clients' channel.
///
/// # Errors
/// The inbox cannot be opened.
pub async fn engine(
    ready: Ready,
    goal: Goal,
    print: Print,
) -> Result<(Engine, port::Publisher, Lease), Ended> {
    let Ready {
        job,
        opened,
        book,
        lease,
    } = ready;
    let fleet = &job.fleet.fleet;
    let inbox = Inbox::open(&fleet.store)
        .await
        .map_err(|e| Ended::new(Exit::Failed, format!("inbox: {e}")))?;
    let (publisher, orders) = port::channel();
    let setup = Setup {
        book,
        inbox: Some(inbox),
        identity: Identity {
            fleet: fleet.name.clone(),
            environment: fleet.environment.name.clone(),
            production: fleet.environment.production,
        },
        contacts: job.migration.contacts.clone(),
        runbook: job.migration.runbook.clone(),
        shards: opened.shards,
        missing: opened.missing.into_keys().collect(),
        throttle: fleet.throttle.clone(),
        chunks: job.migration.migration.chunks.clone(),
        stall_after: fleet.stall_after,
        notifier: Notifier::new(&fleet.notify),
        publisher: publisher.clone(),
        orders,
        variant: job.variant,
        opener: Some(std::sync::Arc::new(job)),
    };
    Ok((Engine::new(setup, goal, print), publisher, lease))
}

/// Prints one event per line on stderr.
pub fn printer() -> Print {
    Box::new(|seq: u64, fact: &crate::rollout::Fact| {
        say(format_args!(
            "{} #{seq} {} ({}): {}",
            fact.at.clock(),
            fact.scope,
            fact.actor,
            describe(fact)
        ));
    })
}

/// Drives an engine without a screen.
///
/// # Errors
/// The inbox cannot be opened.
pub async fn headless(ready: Ready, goal: Goal) -> Result<(Summary, Exit), Ended> {
    let (engine, _publisher, lease) = engine(ready, goal, printer()).await?;
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        told_to_end().await;
        // The engine may have stopped by itself meanwhile.
        let _ = stop.send(());
    });
    let (why, book, _) = engine.run(stopped).await;
    let result = finish(why, book).await;
    drop(lease);
    result
}

/// Sums up and says how it ended, and how it goes on.
///
/// # Errors
/// The journal cannot be read back.
pub async fn finish(why: Stopped, book: Book) -> Result<(Summary, Exit), Ended> {
    match &why {
        Stopped::NeedsHuman(text) => say(format_args!("waiting for a human: {text}")),
        Stopped::Fenced(shard) => say(format_args!(
            "another engine has taken shard {shard} over; this one stops"
        )),
        Stopped::Told => say(format_args!("stopped; run it again to go on")),
        Stopped::Reached => {}
    }
    conclude(&why, book).await
}

/// Sums up.
///
/// # Errors
/// The journal cannot be read back.
pub async fn conclude(why: &Stopped, book: Book) -> Result<(Summary, Exit), Ended> {
    let outcome = book.state().rollout.as_ref().and_then(|r| r.outcome);
    let failed = book
        .state()
        .open()
        .is_some_and(|r| !r.failed_now().is_empty());
    let (word, exit) = match (why, outcome) {
        (_, Some(Outcome::Done)) => ("done", Exit::Done),
        (_, Some(Outcome::Aborted)) => ("aborted", Exit::Done),
        (Stopped::Fenced(_), _) => ("fenced", Exit::Owned),
        (Stopped::Reached, None) => ("reached", Exit::Done),
        (Stopped::Told, None) => ("stopped", Exit::Waiting),
        (Stopped::NeedsHuman(_), None) if failed => ("failed", Exit::Failed),
        (Stopped::NeedsHuman(_), None) => ("waiting", Exit::Waiting),
    };
    for text in book.left() {
        say(format_args!(
            "not recorded, because the journal cannot be written: {text}"
        ));
    }
    for text in book.untold() {
        say(format_args!("not told to those outside: {text}"));
    }
    let summary = summary(word, &book).await?;
    let exit = if summary.promise_is_broken() {
        Exit::Failed
    } else {
        exit
    };
    book.close()
        .await
        .map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    Ok((summary, exit))
}
