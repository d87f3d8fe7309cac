//! `pilothouse ask | approve | reject | withdraw | break-glass | review`.

use super::exit::{Ended, Exit};
use super::order::{self, OrderArgs, journal_view, view};
use super::prepare::load_fleet;
use crate::base::{Period, RingName, Secret};
use crate::rollout::{ApprovalAct, Scope, Verb};
use crate::wire::{ApprovalView, Verdict, words};
use std::path::{Path, PathBuf};

/// What every act of a person comes with.
#[derive(Debug)]
pub struct Given {
    /// Fleet file.
    pub fleet: PathBuf,
    /// Why.
    pub reason: String,
    /// Who gives it, if not the account of this process.
    pub token: Option<Secret>,
}

/// Asks for approval of a ring's next promotion.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn ask(given: Given, ring: RingName) -> Result<(String, Exit), Ended> {
    let fleet = given.fleet.clone();
    let scope = Scope::Ring(ring.clone());
    let (said, _) = give(given, scope, ApprovalAct::Request).await?;
    let asked = requests(&fleet).await?;
    let asked = asked.iter().rev().find(|a| a.ring == ring);
    let shown = asked.map_or_else(String::new, shown);
    Ok((said + &shown, Exit::Done))
}

/// Says yes to a request, after showing it.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn approve(given: Given, id: String, show: Show) -> Result<(String, Exit), Ended> {
    let all = requests(&given.fleet).await?;
    let Some(found) = all.iter().find(|a| a.id == id) else {
        let text = format!("there is no open request {id}; status lists them");
        return Err(Ended::new(Exit::Refused, text));
    };
    let text = shown(found) + &evidence(&given.fleet, found).await?;
    if show == Show::Only {
        return Ok((text, Exit::Done));
    }
    let act = ApprovalAct::Give {
        id,
        binding: found.binding,
    };
    let (said, exit) = give(given, Scope::Fleet, act).await?;
    Ok((text + &said, exit))
}

/// Whether an approver wants to see or to say yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// To see only.
    Only,
    /// To say yes to what is shown.
    AndApprove,
}

/// Says no, or takes one's own question back.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn end(given: Given, act: ApprovalAct) -> Result<(String, Exit), Ended> {
    give(given, Scope::Fleet, act).await
}

/// Does without approvals for a while.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn break_glass(
    given: Given,
    lasting: &str,
    confirm: Option<String>,
) -> Result<(String, Exit), Ended> {
    let lasting: Period = lasting
        .parse()
        .map_err(|e| Ended::new(Exit::BadInput, format!("--for {lasting}: {e}")))?;
    let args = OrderArgs {
        fleet: given.fleet,
        scope: Scope::Fleet,
        verb: Verb::BreakGlass { lasting },
        confirm,
        reason: given.reason,
        token: given.token,
    };
    order::give(args).await
}

async fn give(given: Given, scope: Scope, act: ApprovalAct) -> Result<(String, Exit), Ended> {
    let args = OrderArgs {
        fleet: given.fleet,
        scope,
        verb: Verb::Approval(act),
        confirm: None,
        reason: given.reason,
        token: given.token,
    };
    order::give(args).await
}

async fn requests(fleet: &Path) -> Result<Vec<ApprovalView>, Ended> {
    // From the journal: a view that an engine left is half a second old.
    let fleet = load_fleet(fleet)?;
    let rollout = journal_view(&fleet).await?.header.rollout;
    Ok(rollout.map_or_else(Vec::new, |r| r.approvals))
}

/// What an approver approves.
fn shown(approval: &ApprovalView) -> String {
    let ApprovalView {
        id,
        ring,
        stop,
        asked,
        given,
        needed,
        expires_at,
        binding,
    } = approval;
    let why = match asked.reason.as_str() {
        "" => "no reason given",
        reason => reason,
    };
    format!(
        "request {id}: promote ring {ring} to {stop}\n  asked by   {} at {}: {why}\n  given      {} of {needed}{}\n  expires    {expires_at}\n  digest     {binding}\n",
        asked.by,
        asked.at.clock(),
        given.len(),
        match given.is_empty() {
            true => String::new(),
            false => format!(" ({})", given.join(", ")),
        },
    )
}

/// Where it would run, and what the gates say.
async fn evidence(fleet: &Path, approval: &ApprovalView) -> Result<String, Ended> {
    let view = view(fleet).await?;
    let shards = view.shards.iter().filter(|s| s.ring == approval.ring);
    let names: Vec<&str> = shards.map(|s| s.name.as_str()).collect();
    let mut text = format!("  shards     {}: {}\n", names.len(), words::names(&names));
    let ring = view.rings.iter().find(|r| r.name == approval.ring);
    for gate in ring.map_or(&[][..], |r| &r.gates) {
        let mark = match gate.verdict {
            Verdict::Pass => "passed",
            _ => "closed",
        };
        text.push_str(&format!("  gate       {mark}: {gate}\n"));
    }
    let back = view.shards.iter().find(|s| s.ring == approval.ring);
    if let Some(shard) = back {
        text.push_str(&format!("  way back   {}\n", shard.way_back.word()));
    }
    Ok(text)
}
