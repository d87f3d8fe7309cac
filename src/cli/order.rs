//! Verbs as subcommands: handed to the engine that runs, or taken directly
//! when none does.

use super::attach::not_attached;
use super::dry_run::would;
use super::exit::{Ended, Exit};
use super::prepare::{
    Job, NEVER_OPENED, ReadJournal, book, kept_migration, kept_runbook, load_fleet, read_journal,
};
use super::restore;
use super::run::{headless, make_ready, make_store, order, recorded};
use super::status::render;
use crate::api::account::person;
use crate::api::address::Address;
use crate::api::http::{Access, give_act, who_am_i};
use crate::base::{Contacts, Digest, Period, Secret};
use crate::engine::{Book, Goal, Observer, Taken, now};
use crate::fleet::LoadedFleet;
use crate::journal::Entry;
use crate::migration::load_kept;
use crate::rollout::{
    Command, Fact, Gate, Observations, Order, Refusal, Scope, State, Verb, decide,
};
use crate::store::{Answered, Inbox, Lease, ORDER_AGE_MAX, Store};
use crate::wire::{
    Answer, CommandEnvelope, FleetView, Identity, Source, Telemetry, project, without_engine,
};
use crate::worker::Variant;
use std::path::{Path, PathBuf};

/// How an act of a person is given, whatever it is.
#[derive(Clone, Debug)]
pub struct Given {
    /// Fleet file.
    pub fleet: PathBuf,
    /// Why.
    pub reason: String,
    /// Who gives it, if not the account of this process: the daemon is asked.
    pub token: Option<Secret>,
    /// Whether it is meant.
    pub earnest: Earnest,
}

/// Whether an order is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earnest {
    /// It is.
    Meant,
    /// Only what it would do is wanted; nothing is written.
    DryRun,
}

/// What a verb needs.
pub struct OrderArgs {
    /// How it is given.
    pub given: Given,
    /// Over what.
    pub scope: Scope,
    /// What.
    pub verb: Verb,
    /// The rollout, typed, where the act demands it.
    pub confirm: Option<String>,
}

impl OrderArgs {
    /// What is asked for, in words.
    pub(super) fn what(&self) -> String {
        match &self.verb {
            Verb::People(change) => change.to_string(),
            verb => format!("{} {}", verb.word(), self.scope),
        }
    }

    pub(super) fn order(&self) -> Order {
        Order {
            confirm: self.confirm.clone(),
            ..order(self.scope.clone(), self.verb.clone(), &self.given.reason)
        }
    }
}

/// How long an engine may take to answer.
const ANSWER: Period = Period::from_ms(10_000);
/// How long it is waited for before it is seen whether one is there at all.
const LOOK_AGAIN: Period = Period::from_ms(500);

/// Whose name an order will stand under.
///
/// # Errors
/// The daemon does not know the token, or does not answer.
pub(super) async fn sender(fleet: &Path, token: Option<&Secret>) -> Result<String, Ended> {
    let Some(token) = token else {
        return Ok(person().name);
    };
    let fleet = load_fleet(fleet)?;
    let access = access(&fleet.fleet.store, token.clone())?;
    who_am_i(&access).await.map_err(not_attached)
}

/// Gives an order; the text is for stdout.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn give(args: OrderArgs) -> Result<(String, Exit), Ended> {
    let fleet = load_fleet(&args.given.fleet)?;
    let store = fleet.fleet.store.clone();
    if args.given.earnest == Earnest::DryRun {
        return would(&fleet, &args).await;
    }
    if !store.join(crate::store::JOURNAL_FILE).exists() {
        // People may be there before the first rollout is.
        match args.verb {
            Verb::People(_) => make_store(&store)?,
            _ => return Err(Ended::new(Exit::Refused, NEVER_OPENED)),
        }
    }
    restore::show_first(&fleet, &args).await?;
    let asked = args.order();
    if let Some(token) = args.given.token.clone() {
        let answer = by_daemon(&store, asked, token).await?;
        return said(&args, answer).map(|text| (text, Exit::Done));
    }
    let lease = match Store::lock(&store, "order", now()) {
        Ok(lease) => lease,
        Err(_) => match by_inbox(&store, &args, asked.clone()).await? {
            Posted::Answered(text) => return Ok((text, Exit::Done)),
            Posted::NobodyThere(lease) => lease,
        },
    };
    let carried = directly(fleet, &args, asked).await;
    drop(lease);
    match carried? {
        Direct::Recorded(text) => Ok((text, Exit::Done)),
        Direct::Undo(job) => undo(job).await,
    }
}

/// Whoever comes by a token is known to the daemon alone.
async fn by_daemon(store: &Path, asked: Order, token: Secret) -> Result<Answer, Ended> {
    let access = access(store, token)?;
    give_act(&access, envelope(asked))
        .await
        .map_err(not_attached)
}

fn access(store: &Path, token: Secret) -> Result<Access, Ended> {
    let address = Address::of_store(store);
    let address = address.map_err(|e| Ended::new(Exit::BadInput, e.to_string()))?;
    Ok(Access {
        address,
        tls: None,
        session: String::new(),
        token: Some(token),
    })
}

fn envelope(asked: Order) -> CommandEnvelope {
    CommandEnvelope {
        key: asked.key,
        actor: asked.actor,
        scope: asked.scope,
        verb: asked.verb,
        seen: asked.seen,
        confirm: asked.confirm,
        reason: asked.reason,
    }
}

enum Posted {
    Answered(String),
    /// Whoever held the store has gone without an answer: another order, or an
    /// engine that ended. The order is no longer in the inbox.
    NobodyThere(Lease),
}

fn inbox_failed(e: impl std::fmt::Display) -> Ended {
    Ended::new(Exit::Failed, format!("inbox: {e}"))
}

/// An engine runs: it decides.
async fn by_inbox(store: &Path, args: &OrderArgs, asked: Order) -> Result<Posted, Ended> {
    let inbox = Inbox::open(store).await.map_err(inbox_failed)?;
    let envelope = envelope(asked);
    let json = serde_json::to_string(&envelope).map_err(inbox_failed)?;
    let id = inbox
        .post(&envelope.key, &json, now())
        .await
        .map_err(inbox_failed)?;
    let until = now().after(ANSWER);
    loop {
        let answer = inbox
            .await_answer(id, LOOK_AGAIN)
            .await
            .map_err(inbox_failed)?;
        if let Some(answer) = answer {
            let answer = serde_json::from_str(&answer).map_err(inbox_failed)?;
            return said(args, answer).map(Posted::Answered);
        }
        if let Ok(lease) = Store::lock(store, "order", now()) {
            // Answered for the engine that is not there: nobody takes it later.
            let withdrawn = serde_json::to_string(&withdrawn()).map_err(inbox_failed)?;
            let answered = inbox.answer(id, &withdrawn).await;
            if answered.map_err(inbox_failed)? == Answered::First {
                return Ok(Posted::NobodyThere(lease));
            }
        }
        if now() >= until {
            return Err(Ended::new(
                Exit::Failed,
                format!(
                    "the engine has not answered within {} s, and takes no order that is older than {} s; look with status",
                    ANSWER.ms() / 1_000,
                    ORDER_AGE_MAX.ms() / 1_000
                ),
            ));
        }
    }
}

/// What stands in the inbox for an order that its sender took back.
fn withdrawn() -> Answer {
    Answer::Refused {
        code: "withdrawn".into(),
        text: "its sender took it back: no engine was there".into(),
    }
}

fn said(args: &OrderArgs, answer: Answer) -> Result<String, Ended> {
    let what = args.what();
    match answer {
        Answer::Accepted { seq } => Ok(format!("{what}: accepted, journal #{seq}\n")),
        Answer::Repeated => Ok(format!("{what}: accepted before\n")),
        Answer::Refused { text, .. } => Err(Ended::new(Exit::Refused, format!("{what}: {text}"))),
        Answer::NotRecorded => Ok(format!(
            "{what}: works already, not yet recorded: the journal cannot be written\n"
        )),
    }
}

enum Direct {
    Recorded(String),
    Undo(Box<Job>),
}

/// No engine runs: the order is decided and recorded here; undoing is also
/// carried out, because a rollback that waits is no rollback.
async fn directly(fleet: LoadedFleet, args: &OrderArgs, asked: Order) -> Result<Direct, Ended> {
    let store = fleet.fleet.store.clone();
    let mut book = book(&store, Variant::Correct).await?;
    if let Some(why) = forgotten(&book, &store, args) {
        return Err(Ended::new(Exit::Refused, why));
    }
    if let Verb::EndBlocker(blocker) = args.verb {
        return Err(Ended::new(
            Exit::Refused,
            format!(
                "no engine runs on this fleet that could do it; on the server: SELECT pg_terminate_backend({})",
                blocker.pid
            ),
        ));
    }
    let command = Command::Order(asked);
    let plan = book.state().rollout.as_ref().map(|r| r.opening.plan_digest);
    let seen = match plan {
        Some(plan) if args.verb == Verb::Promote => {
            let job = Job::read_kept(fleet.clone(), &plan, Variant::Correct)?;
            look(&job, &book, &command).await
        }
        _ => Observations::default(),
    };
    let taken = book.take(&seen, &command).await;
    let place = match &taken {
        Taken::Recorded(seq, _) => format!("recorded as #{seq}"),
        _ => "recorded before".into(),
    };
    recorded(taken)?;
    book.close()
        .await
        .map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    let undoes = matches!(args.verb, Verb::RollBack { .. } | Verb::Abort);
    match plan {
        Some(plan) if undoes => {
            let job = Job::read_kept(fleet, &plan, Variant::Correct)?;
            Ok(Direct::Undo(Box::new(job)))
        }
        _ => {
            let on = match args.verb {
                Verb::People(_) => "",
                _ => "; no engine is running, `pilothouse run` goes on from here",
            };
            Ok(Direct::Recorded(format!("{}: {place}{on}\n", args.what())))
        }
    }
}

/// No engine has looked at the shards, and a gate that was not read is closed:
/// reads every signal, and again while only the quiet period is wanting.
async fn look(job: &Job, book: &Book, command: &Command) -> Observations {
    let fleet = &job.fleet.fleet;
    let opened = job.open_shards().await;
    let mut observer = Observer::new(fleet.throttle.clone());
    let mut seen = Observations::default();
    let poll = fleet.throttle.poll;
    let until = now().after(fleet.policy.quiet).after(poll).after(poll);
    loop {
        for (name, shard) in &opened.shards {
            observer.note(&mut seen, name, &shard.measure().await, now());
        }
        let waits = match decide(book.state(), &seen, command, now()) {
            Err(Refusal::Gates(readings)) => readings.iter().all(|r| r.gate == Gate::Quiet),
            _ => false,
        };
        if !waits || now() >= until {
            return seen;
        }
        tokio::time::sleep(poll.duration()).await;
    }
}

/// Once everything is forgotten there is nothing to undo with: neither the
/// exported values on the shards nor the migration here.
fn forgotten(book: &Book, store: &Path, args: &OrderArgs) -> Option<String> {
    let ended = book.state().rollout.as_ref()?;
    let undoes = matches!(args.verb, Verb::RollBack { .. });
    let kept = kept_migration(store, &ended.opening.plan_digest).exists();
    (undoes && ended.outcome.is_some() && !kept).then(|| {
        format!(
            "rollout {} is over and forgotten: nothing is left to roll back with",
            ended.opening.id
        )
    })
}

async fn undo(job: Box<Job>) -> Result<(String, Exit), Ended> {
    let ready = make_ready(*job).await?;
    let (mut summary, exit) = headless(ready, Goal::RolledBack).await?;
    if summary.outcome == "reached" {
        summary.outcome = "rolled_back".into();
    }
    let text =
        serde_json::to_string(&summary).map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    Ok((text + "\n", exit))
}

/// How `status` is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// For people.
    Text,
    /// One object.
    Json,
}

/// What is known now: live from the engine that runs, otherwise from the
/// journal. Never writes.
///
/// # Errors
/// Nothing was ever opened here.
pub async fn status(fleet: &Path, shape: Shape) -> Result<String, Ended> {
    let view = view(fleet).await?;
    match shape {
        Shape::Text => Ok(render(&view, now())),
        Shape::Json => serde_json::to_string(&view)
            .map(|text| text + "\n")
            .map_err(|e| Ended::new(Exit::Failed, e.to_string())),
    }
}

/// What is known now. Never writes.
///
/// # Errors
/// Nothing was ever opened here.
pub(super) async fn view(fleet: &Path) -> Result<FleetView, Ended> {
    let fleet = load_fleet(fleet)?;
    match live_view(&fleet.fleet.store).await {
        Some(view) => Ok(view),
        None => journal_view(&fleet).await,
    }
}

/// A view that an engine published within the last seconds.
pub(super) async fn live_view(store: &Path) -> Option<FleetView> {
    let inbox = Inbox::open_read_only(store).await.ok()?;
    let view = inbox.view().await.ok();
    // Closed in order, so that nothing of this look stays behind.
    let _ = inbox.close().await;
    let view = view??;
    if now().since(view.at) > Period::from_ms(3_000) {
        return None;
    }
    serde_json::from_str(&view.json).ok()
}

pub(super) async fn journal_view(fleet: &LoadedFleet) -> Result<FleetView, Ended> {
    let store = &fleet.fleet.store;
    let path = store.join(crate::store::JOURNAL_FILE);
    if !path.exists() {
        return Err(Ended::new(Exit::Refused, NEVER_OPENED));
    }
    let ReadJournal {
        entries,
        state,
        facts,
    } = read_journal(store).await?;
    Ok(view_of(fleet, &state, &facts, entries.last()))
}

/// What a journal alone can say: no engine is heard.
pub(super) fn view_of(
    fleet: &LoadedFleet,
    state: &State,
    facts: &[(u64, Fact)],
    last: Option<&Entry>,
) -> FleetView {
    let recent = &facts[facts.len().saturating_sub(50)..];
    let head = last.map(Entry::head);
    let plan = state.rollout.as_ref().map(|r| r.opening.plan_digest);
    let contacts = plan.map_or_else(Contacts::default, |plan| contacts(fleet, &plan));
    let identity = Identity {
        fleet: fleet.fleet.name.clone(),
        environment: fleet.fleet.environment.name.clone(),
        production: fleet.fleet.environment.production,
    };
    let source = Source {
        identity: &identity,
        contacts: &contacts,
        state,
        observations: &Observations::default(),
        telemetry: &Telemetry::default(),
        recent,
        head,
        log: last.map(|entry| &entry.log),
        journal_trouble: None,
        stall_after: fleet.fleet.stall_after,
        notify: &[],
    };
    let mut view = project(&source, now());
    let last = facts.last().map(|(_, fact)| fact.at).unwrap_or_default();
    without_engine(&mut view, last);
    view
}

/// Whom the migration under way says to call. It is asked at night: what
/// cannot be read is left out.
fn contacts(fleet: &LoadedFleet, plan: &Digest) -> Contacts {
    let store = &fleet.fleet.store;
    let kept = load_kept(&kept_migration(store, plan), &kept_runbook(store, plan));
    kept.map_or_else(|_| Contacts::default(), |kept| kept.contacts)
}
