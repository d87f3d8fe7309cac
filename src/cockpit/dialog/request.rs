//! Requests for approval: what may be asked and answered, and what an approver
//! is shown.

use super::prepare::Target;
use crate::base::RingName;
use crate::cockpit::action::Action;
use crate::cockpit::model::Model;
use crate::wire::{ApprovalAct, ApprovalView, Gate, Pending, Scope, Verb, Verdict, words};

/// The open request for a ring.
fn open<'a>(model: &'a Model, ring: &RingName) -> Option<&'a ApprovalView> {
    let approvals = &model.rollout()?.approvals;
    approvals.iter().rev().find(|a| a.request.ring == *ring)
}

/// The fleet means the rings for which somebody has asked.
pub(super) fn asked_rings(model: &Model, scopes: Vec<Scope>) -> Result<Vec<Scope>, String> {
    if scopes != [Scope::Fleet] {
        return Ok(scopes);
    }
    let approvals = model.rollout().map_or(&[][..], |r| &r.approvals);
    let mut rings: Vec<Scope> = approvals
        .iter()
        .map(|a| Scope::Ring(a.request.ring.clone()))
        .collect();
    rings.sort();
    rings.dedup();
    match rings.is_empty() {
        true => Err("nobody has asked for approval".into()),
        false => Ok(rings),
    }
}

/// What is scheduled for a ring.
pub(super) fn scheduled<'a>(model: &'a Model, scope: &Scope) -> Result<&'a Pending, String> {
    let Scope::Ring(name) = scope else {
        return Err("works on one ring".into());
    };
    let ring = model.ring_named(name);
    let pending = ring.and_then(|ring| ring.pending.as_ref());
    pending.ok_or_else(|| format!("nothing is scheduled for ring {name}"))
}

/// The fleet means the rings for which something is scheduled.
pub(super) fn scheduled_rings(model: &Model, scopes: Vec<Scope>) -> Result<Vec<Scope>, String> {
    if scopes != [Scope::Fleet] {
        return Ok(scopes);
    }
    let rings = model.view().map_or(&[][..], |v| &v.rings).iter();
    let waiting = rings.filter(|ring| ring.pending.is_some());
    let rings: Vec<Scope> = waiting.map(|r| Scope::Ring(r.name.clone())).collect();
    match rings.is_empty() {
        true => Err("nothing is scheduled".into()),
        false => Ok(rings),
    }
}

pub(super) fn verb(model: &Model, action: Action, scope: &Scope) -> Result<Verb, String> {
    let Scope::Ring(name) = scope else {
        return Err("works on one ring".into());
    };
    if action == Action::Ask {
        return ask(model, name);
    }
    let open = open(model, name).ok_or_else(|| format!("nobody has asked for ring {name}"))?;
    let request = &open.request;
    let id = request.id.clone();
    let me = &model.options.actor.name;
    let mine = request.asked.by.name == *me;
    let act = match action {
        Action::Withdraw if mine => ApprovalAct::Withdraw { id },
        Action::Withdraw => {
            let who = &request.asked.by;
            return Err(format!("{who} asked for it, who alone withdraws it"));
        }
        _ if mine => return Err("you asked for it yourself; somebody else decides on it".into()),
        Action::Reject => ApprovalAct::Reject { id },
        _ if open.given().contains(&me.as_str()) => {
            return Err("you have approved it already".into());
        }
        _ => ApprovalAct::Give {
            signed: None,
            id,
            binding: open.binding,
        },
    };
    Ok(Verb::Approval(act))
}

fn ask(model: &Model, name: &RingName) -> Result<Verb, String> {
    let ring = model.ring_named(name);
    let ring = ring.ok_or_else(|| format!("there is no ring {name}"))?;
    if let Some(request) = open(model, name).filter(|a| Some(a.request.stop) == ring.next) {
        let request = &request.request;
        let (who, id) = (&request.asked.by, &request.id);
        return Err(format!("{who} has asked for it already: {id}"));
    }
    let gate = ring.gates.iter().find(|g| g.gate == Gate::Approval);
    match gate {
        Some(gate) if gate.verdict != Verdict::Pass => Ok(Verb::Approval(ApprovalAct::Request)),
        _ => Err(format!(
            "the next stage of ring {name} needs no approval now"
        )),
    }
}

/// The question, where it is about a request.
pub(super) fn title(model: &Model, action: Action, targets: &[Target]) -> Option<String> {
    let word = match action {
        Action::Approve => "Approve",
        Action::Reject => "Reject",
        Action::Withdraw => "Withdraw",
        Action::Ask => "Ask for approval of",
        Action::CancelPromotion => "Cancel the promotion of",
        _ => return None,
    };
    let goals = targets.iter().filter_map(|target| {
        let Scope::Ring(ring) = &target.scope else {
            return None;
        };
        let to = match action {
            Action::Ask => model.ring_named(ring)?.next?,
            Action::CancelPromotion => {
                let pending = scheduled(model, &target.scope).ok()?;
                return Some(format!("{ring} to {}, {}", pending.stop, pending.window));
            }
            _ => open(model, ring)?.request.stop,
        };
        Some(format!("{ring} to {to}"))
    });
    let goals: Vec<String> = goals.collect();
    Some(format!("{word} {}?", goals.join(", ")))
}

/// Whether one of them is for a window, in which nobody need promote.
pub(super) fn are_scheduled(model: &Model, targets: &[Target]) -> bool {
    targets.iter().any(|target| match &target.scope {
        Scope::Ring(ring) => open(model, ring).is_some_and(|a| a.request.window.is_some()),
        _ => false,
    })
}

/// What was asked, by whom, and who said yes.
pub(super) fn shown(model: &Model, targets: &[Target]) -> Vec<String> {
    let mut lines = Vec::new();
    for target in targets {
        let Scope::Ring(ring) = &target.scope else {
            continue;
        };
        let Some(open) = open(model, ring) else {
            continue;
        };
        let (request, given) = (&open.request, open.given());
        let ago = words::ms(model.now.since(request.asked.at).ms());
        let why = match request.asked.reason.as_str() {
            "" => "no reason given".to_owned(),
            reason => reason.to_owned(),
        };
        lines.push(format!("{} asked {ago} ago: {why}", request.asked.by));
        let by = match given.is_empty() {
            true => String::new(),
            false => format!(" ({})", given.join(", ")),
        };
        lines.push(format!(
            "{} of {} given{by}; {}; digest {}",
            given.len(),
            open.needed,
            request.lasts(),
            open.binding.short()
        ));
    }
    lines
}
