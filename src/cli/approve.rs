//! `pilothouse ask | approve | reject | withdraw | break-glass | review`.

use super::exit::{Ended, Exit};
use super::order::{self, Earnest, Given, OrderArgs, journal_view, sender, view};
use super::prepare::load_fleet;
use super::sign::Signer;
use crate::base::{Namespace, Period, RingName};
use crate::journal::Head;
use crate::rollout::{Approval, ApprovalAct, Scope, Signed, Verb};
use crate::wire::{ApprovalView, Verdict, words};
use std::path::Path;

/// Asks for approval of a ring's next promotion.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn ask(given: Given, ring: RingName) -> Result<(String, Exit), Ended> {
    let fleet = given.fleet.clone();
    let scope = Scope::Ring(ring.clone());
    let earnest = given.earnest;
    let (said, _) = give(given, scope, ApprovalAct::Request).await?;
    if earnest == Earnest::DryRun {
        return Ok((said, Exit::Done));
    }
    let asked = requests(&fleet).await?;
    let asked = asked.iter().rev().find(|a| a.request.ring == ring);
    let shown = asked.map_or_else(String::new, shown);
    Ok((said + &shown, Exit::Done))
}

/// Says yes to a request, after showing it, and signs that if there is a key.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn approve(
    given: Given,
    id: String,
    show: Show,
    signer: Option<Signer>,
) -> Result<(String, Exit), Ended> {
    let view = journal_view(&load_fleet(&given.fleet)?).await?;
    let open = view.header.rollout.map_or_else(Vec::new, |r| r.approvals);
    let Some(found) = open.iter().find(|a| a.request.id == id) else {
        let text = format!("there is no open request {id}; status lists them");
        return Err(Ended::new(Exit::Refused, text));
    };
    let text = shown(found) + &evidence(&given.fleet, found).await?;
    if show == Show::Only {
        return Ok((text, Exit::Done));
    }
    let head = view.header.head.unwrap_or(Head::EMPTY);
    let signed = match signer {
        Some(signer) => Some(signed(&given, &signer, &found.request, head).await?),
        None => None,
    };
    let act = ApprovalAct::Give {
        id,
        binding: found.binding,
        signed,
    };
    let (said, exit) = give(given, Scope::Fleet, act).await?;
    Ok((text + &said, exit))
}

/// What is signed names who signs: the daemon says whose a token is.
async fn signed(
    given: &Given,
    signer: &Signer,
    request: &Approval,
    head: Head,
) -> Result<Box<Signed>, Ended> {
    let who = sender(&given.fleet, given.token.as_ref()).await?;
    let statement = request.statement(&who, head);
    let signature = signer.sign(Namespace::Approval, &statement).await;
    let signature = signature.map_err(|why| Ended::new(Exit::Failed, why))?;
    Ok(Box::new(Signed { head, signature }))
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
        given,
        scope: Scope::Fleet,
        verb: Verb::BreakGlass { lasting },
        confirm,
    };
    order::give(args).await
}

/// Says that broken glass was looked at.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn review(given: Given) -> Result<(String, Exit), Ended> {
    let args = OrderArgs {
        given,
        scope: Scope::Fleet,
        verb: Verb::Review,
        confirm: None,
    };
    order::give(args).await
}

async fn give(given: Given, scope: Scope, act: ApprovalAct) -> Result<(String, Exit), Ended> {
    let args = OrderArgs {
        given,
        scope,
        verb: Verb::Approval(act),
        confirm: None,
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
        request,
        needed,
        binding,
    } = approval;
    let Approval {
        id,
        ring,
        stop,
        asked,
        expires_at,
        ..
    } = request;
    let given = approval.given();
    let why = match asked.reason.as_str() {
        "" => "no reason given",
        reason => reason,
    };
    let opens = request.window.map(|w| {
        format!(
            "  from       {} on BY ITSELF, once all have said yes and its gates pass\n",
            w.from
        )
    });
    let opens = opens.unwrap_or_default();
    format!(
        "request {id}: promote ring {ring} to {stop}\n  asked by   {} at {}: {why}\n  given      {} of {needed}{}\n{opens}  expires    {expires_at}\n  digest     {binding}\n",
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
    let shards = view
        .shards
        .iter()
        .filter(|s| s.ring == approval.request.ring);
    let names: Vec<&str> = shards.map(|s| s.name.as_str()).collect();
    let mut text = format!("  shards     {}: {}\n", names.len(), words::names(&names));
    let ring = view.rings.iter().find(|r| r.name == approval.request.ring);
    for gate in ring.map_or(&[][..], |r| &r.gates) {
        let mark = match gate.verdict {
            Verdict::Pass => "passed",
            _ => "closed",
        };
        text.push_str(&format!("  gate       {mark}: {gate}\n"));
    }
    let back = view.shards.iter().find(|s| s.ring == approval.request.ring);
    if let Some(shard) = back {
        text.push_str(&format!("  way back   {}\n", shard.way_back.word()));
    }
    Ok(text)
}
