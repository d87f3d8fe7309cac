//! What an order would do, without doing it: the heart decides on what is
//! known now, and what it decides is said instead of recorded.

use super::exit::{Ended, Exit};
use super::order::{OrderArgs, sender, view};
use super::prepare::read_journal;
use super::wait::how;
use crate::base::Actor;
use crate::engine::now;
use crate::fleet::LoadedFleet;
use crate::rollout::{
    Command, Decision, Fact, Observations, Order, Refusal, Scope, State, Verb, decide,
};
use crate::store::JOURNAL_FILE;
use crate::wire::{FleetView, Verdict, describe};

/// What the order would put on the record. Writes nothing, not even an inbox.
///
/// # Errors
/// It would be refused.
pub(super) async fn would(fleet: &LoadedFleet, args: &OrderArgs) -> Result<(String, Exit), Ended> {
    let store = &fleet.fleet.store;
    let state = match store.join(JOURNAL_FILE).exists() {
        true => read_journal(store).await?.state,
        false => State::default(),
    };
    let mut order = args.order();
    let token = args.given.token.as_ref();
    if token.is_some() {
        order.actor = Actor::person(sender(&args.given.fleet, token).await?);
    }
    let command = Command::Order(order.clone());
    match decide(&state, &Observations::default(), &command, now()) {
        Ok(Decision::Facts(facts)) => Ok((told(args, &facts), Exit::Done)),
        Ok(Decision::Repeated) => Ok((
            format!("{}: was accepted before\n", args.what()),
            Exit::Done,
        )),
        // What the engine has measured stands in its view.
        Err(Refusal::Gates(_)) if args.verb == Verb::Promote => promotion(args, &order).await,
        Err(refusal) => Err(Ended::new(
            Exit::Refused,
            format!("{}: {refusal}", args.what()),
        )),
    }
}

fn told(args: &OrderArgs, facts: &[Fact]) -> String {
    let mut text = format!("{}: would be recorded, nothing is:\n", args.what());
    for fact in facts {
        text.push_str(&format!("  {}: {}\n", fact.scope, describe(fact)));
    }
    text
}

async fn promotion(args: &OrderArgs, order: &Order) -> Result<(String, Exit), Ended> {
    let view = view(&args.given.fleet).await?;
    let (ready, closed) = gates(&view, &order.scope);
    if ready.is_empty() {
        let text = format!("{}: {}", args.what(), closed.join("; "));
        return Err(Ended::new(Exit::Refused, text));
    }
    let text = format!("{}: would be recorded, nothing is:\n", args.what());
    Ok((text + &ready.concat(), Exit::Done))
}

/// What would be admitted, and what stands in the way of the rest.
fn gates(view: &FleetView, scope: &Scope) -> (Vec<String>, Vec<String>) {
    let (mut ready, mut closed) = (Vec::new(), Vec::new());
    for ring in &view.rings {
        let covered = match scope {
            Scope::Fleet => true,
            Scope::Ring(name) => *name == ring.name,
            Scope::Shard(_) => false,
        };
        let Some(next) = ring.next.filter(|_| covered) else {
            continue;
        };
        let shut: Vec<String> = ring
            .gates
            .iter()
            .filter(|gate| gate.verdict != Verdict::Pass)
            .map(|gate| format!("ring {}: {gate}", ring.name))
            .collect();
        match shut.is_empty() && !ring.gates.is_empty() {
            true => ready.push(format!("  ring {}: admitted to {next}\n", ring.name)),
            false if shut.is_empty() => {
                closed.push(format!("ring {}: {}", ring.name, how(&ring.standing)));
            }
            false => closed.extend(shut),
        }
    }
    (ready, closed)
}
