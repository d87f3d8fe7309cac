//! `end-blocker`: who waits for whom on a shard, and the end of one of those
//! that others wait for.

use super::args::EndBlockerCli;
use super::exit::{Ended, Exit};
use super::order::{self, OrderArgs};
use super::prepare::{Job, load_fleet, read_journal};
use super::verbs::{Answer, given};
use crate::base::{ShardName, Untrusted};
use crate::fleet::LoadedFleet;
use crate::rollout::{Blocker, Scope, Verb};
use crate::wire::{LockParty, LockWait, Locks, words};
use crate::worker::Variant;
use std::fmt::Write as _;

/// Lists, or gives the order.
///
/// # Errors
/// No rollout is open, the shard does not answer, or the order was refused.
pub async fn run(args: EndBlockerCli) -> Answer {
    let fleet = load_fleet(&args.act.fleet)?;
    let waits = waits(fleet, &args.shard).await?;
    let Some(pid) = args.pid else {
        return Ok((listed(&args.shard, &waits), Exit::Done));
    };
    let verb = Verb::EndBlocker(blocker(&args.shard, &waits, pid)?);
    let ordered = order::give(OrderArgs {
        given: given(args.act)?,
        scope: Scope::Shard(args.shard),
        verb,
        confirm: None,
    });
    ordered.await
}

async fn waits(fleet: LoadedFleet, shard: &ShardName) -> Result<Vec<LockWait>, Ended> {
    let refused = |text: String| Ended::new(Exit::Refused, text);
    let state = read_journal(&fleet.fleet.store).await?.state;
    let open = state.open().map(|rollout| rollout.opening.plan_digest);
    let plan = open.ok_or_else(|| refused("no rollout is open on this fleet".into()))?;
    let job = Job::read_kept(fleet, &plan, Variant::Correct)?;
    let opened = job.open_shard(shard).await;
    let opened = opened.map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    match opened.locks().await {
        Locks::Seen(waits) => Ok(waits),
        Locks::Unknown(why) => Err(Ended::new(Exit::Failed, format!("shard {shard}: {why}"))),
    }
}

fn blocker(shard: &ShardName, waits: &[LockWait], pid: i32) -> Result<Blocker, Ended> {
    let mut all = waits.iter().flat_map(|wait| &wait.blockers);
    let found = all.find(|party| party.pid == pid).ok_or_else(|| {
        let text = format!("nobody waits for session {pid} on {shard} now");
        Ended::new(Exit::Refused, text)
    })?;
    match found.began_us {
        Some(began_us) => Ok(Blocker { pid, began_us }),
        None => Err(Ended::new(
            Exit::Refused,
            format!(
                "it cannot be told which transaction session {pid} runs: the login role needs pg_monitor, a prepared transaction has no session, and one of another database is left alone"
            ),
        )),
    }
}

fn listed(shard: &ShardName, waits: &[LockWait]) -> String {
    let mut out = String::new();
    if waits.is_empty() {
        let _ = writeln!(out, "{shard}: nobody waits for a lock");
    }
    for wait in waits {
        let waits = words::ms(wait.waits_ms);
        let _ = writeln!(
            out,
            "{} waits {waits}{}",
            party(&wait.waiter),
            ran(&wait.waiter)
        );
        for blocker in &wait.blockers {
            let open = words::ms(blocker.open_ms);
            let _ = writeln!(out, "  for {}, open {open}{}", party(blocker), ran(blocker));
        }
    }
    out
}

fn party(party: &LockParty) -> String {
    let who = Untrusted::new(&party.who);
    match party.pid {
        0 => who.to_string(),
        pid => format!("{pid} {who}"),
    }
}

fn ran(party: &LockParty) -> String {
    match party.query.is_empty() {
        true => String::new(),
        false => format!(": {}", Untrusted::new(&party.query)),
    }
}
