//! Acts: from a key to a question, from an approval to an answer.

use crate::base::{Period, ShardName, Timestamp};
use crate::cockpit::action::Action;
use crate::cockpit::dialog::{Answered, Approved, Dialog, Signer, prepare};
use crate::cockpit::keymap::Key;
use crate::cockpit::model::{Done, FleetRow, Layer, Level, Link, Model, Pane, Pending, Screen};
use crate::cockpit::msg::Effect;
use crate::wire::{Answer, CommandEnvelope, Scope};

/// Without an answer, the same act is sent again with the same key.
const SEND_AGAIN: Period = Period::from_ms(2_000);

/// What an action would be over: what is in focus, or what is marked.
///
/// # Errors
/// Why there is nothing that it could be over.
pub fn targets(model: &Model, action: Action) -> Result<Vec<Scope>, String> {
    let on_ring = matches!(
        action,
        Action::Promote
            | Action::Hold
            | Action::Release
            | Action::Ask
            | Action::Approve
            | Action::Reject
            | Action::Withdraw
    );
    if action == Action::Abort {
        return Ok(vec![Scope::Fleet]);
    }
    // A screen about one shard means that shard, whatever has the keys on the
    // fleet screen.
    let one_shard = matches!(
        model.shown.screen,
        Screen::Shard | Screen::Checks | Screen::Flags
    );
    if model.pane == Pane::Rings && !one_shard {
        return match (&model.ring, action) {
            (_, Action::Abandon | Action::EndBlocker) => {
                Err("works on one shard; Tab goes to the shards".into())
            }
            (FleetRow::Fleet, _) => Ok(vec![Scope::Fleet]),
            (FleetRow::Ring(name), _) => Ok(vec![Scope::Ring(name.clone())]),
        };
    }
    if !model.marks.is_empty() && !one_shard {
        if on_ring || matches!(action, Action::Abandon | Action::EndBlocker) {
            return Err("does not work on marked shards; Esc unmarks them".into());
        }
        return Ok(model.marks.iter().cloned().map(Scope::Shard).collect());
    }
    let shard = model
        .focused_shard()
        .ok_or_else(|| "no shard is selected".to_owned())?;
    Ok(vec![if on_ring {
        Scope::Ring(shard.ring.clone())
    } else {
        Scope::Shard(shard.name.clone())
    }])
}

/// Opens the question of a mutating action.
pub(super) fn ask(
    model: &mut Model,
    action: Action,
    scopes: Result<Vec<Scope>, String>,
) -> Vec<Effect> {
    // The general reasons first (stale, frozen, ended), then those of the
    // scope that is really meant.
    let prepared = match action.closed_reason(model) {
        Some(reason) => Err(reason),
        None => prepare(model, action, scopes),
    };
    match prepared {
        Ok(prepared) => {
            let mut dialog = Dialog::open(model, action, prepared);
            let asks = dialog.asks_count(model.now);
            model.layer = Some(Layer::Dialog(Box::new(dialog)));
            asks
        }
        Err(reason) => {
            model.layer = None;
            model.say(
                Level::Bad,
                format!("Cannot {}: {reason}", action.item().name),
            );
            Vec::new()
        }
    }
}

/// A key for the question on the screen.
pub(super) fn dialog_key(
    model: &mut Model,
    mut dialog: Box<Dialog>,
    key: Key,
    at: Timestamp,
) -> Vec<Effect> {
    let closed = match model.link() {
        Link::Live if model.frozen.is_none() => None,
        Link::Live => Some("the view is frozen; cancel, and z goes live again"),
        _ => Some("the engine is not heard; nothing can be sent now"),
    };
    let mut signer = Signer {
        actor: &model.options.actor,
        session: &model.options.session,
        acts: &mut model.acts,
        closed,
    };
    match dialog.key(key, at, &mut signer) {
        Answered::Open => {
            model.layer = Some(Layer::Dialog(dialog));
            Vec::new()
        }
        Answered::Cancelled => {
            model.say(
                Level::Note,
                format!("{}: cancelled, nothing was sent", dialog.action.item().name),
            );
            Vec::new()
        }
        Answered::Confirmed(approved) => send(model, approved),
    }
}

fn send(model: &mut Model, approved: Vec<Approved<CommandEnvelope>>) -> Vec<Effect> {
    let sent_at = model.now;
    model.marks.clear();
    // Keys of acts are numbered: no two questions end at the same number.
    let question = model.acts;
    let mut effects = Vec::new();
    for approved in approved {
        model.pending.push(Pending {
            approved: approved.clone(),
            sent_at,
            times: 1,
            question,
        });
        effects.push(Effect::Send(approved));
    }
    effects
}

/// Sends again what has no answer, while the engine is heard.
pub(super) fn tick(model: &mut Model) -> Vec<Effect> {
    if model.link() != Link::Live {
        return Vec::new();
    }
    let now = model.now;
    let mut effects = Vec::new();
    if let Some(Layer::Dialog(dialog)) = &mut model.layer {
        effects = dialog.asks_count(now);
    }
    let late = |p: &&mut Pending| now.since(p.sent_at) >= SEND_AGAIN;
    for pending in model.pending.iter_mut().filter(late) {
        pending.sent_at = now;
        pending.times += 1;
        effects.push(Effect::Send(pending.approved.clone()));
    }
    effects
}

/// What was confirmed together is one act.
fn remember(model: &mut Model, pending: &Pending) {
    let asked = pending.approved.get();
    let (question, scope) = (pending.question, asked.scope.clone());
    match &mut model.acted {
        Some(done) if done.question == question => done.scopes.push(scope),
        _ => {
            model.acted = Some(Done {
                question,
                verb: asked.verb.clone(),
                scopes: vec![scope],
            });
        }
    }
}

/// The answer to an act. A second answer to the same act is not told.
pub(super) fn answered(model: &mut Model, key: &str, answer: &Answer) {
    let place = model
        .pending
        .iter()
        .position(|p| p.approved.get().key == key);
    let Some(place) = place else {
        return;
    };
    let pending = model.pending.remove(place);
    let asked = pending.approved.get();
    let act = format!("{} {}", asked.verb.word(), asked.scope);
    if !matches!(answer, Answer::Refused { .. }) {
        remember(model, &pending);
    }
    match answer {
        Answer::Accepted { seq } => model.say(Level::Good, format!("{act}: accepted, entry {seq}")),
        Answer::Repeated => model.say(Level::Good, format!("{act}: accepted before")),
        Answer::NotRecorded => model.say(
            Level::Good,
            format!("{act}: in effect, not yet recorded (the journal cannot be written)"),
        ),
        Answer::Refused { text, .. } => model.say(Level::Bad, format!("{act}: refused: {text}")),
    }
}

/// What a typed command is over: `fleet`, a ring, a shard; nothing typed
/// means what is in focus.
pub(super) fn typed_scope(model: &Model, action: Action, text: &str) -> Result<Vec<Scope>, String> {
    let bare = text
        .strip_prefix("ring ")
        .or_else(|| text.strip_prefix("shard "))
        .unwrap_or(text)
        .trim();
    if bare.is_empty() {
        return targets(model, action);
    }
    if bare == "fleet" {
        return Ok(vec![Scope::Fleet]);
    }
    let view = model.view().ok_or("nothing is on the screen yet")?;
    if let Some(ring) = view.rings.iter().find(|r| r.name.as_str() == bare) {
        return Ok(vec![Scope::Ring(ring.name.clone())]);
    }
    let shard = ShardName::new(bare)
        .ok()
        .filter(|name| model.shard_named(name).is_some());
    match shard {
        Some(name) => Ok(vec![Scope::Shard(name)]),
        None => Err(format!("there is no ring or shard {bare}")),
    }
}
