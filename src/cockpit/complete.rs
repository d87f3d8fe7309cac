//! What a typed command could become: the palette and the command line offer
//! the same candidates, out of the one action list.

use super::action::{ACTIONS, Action, Tier};
use super::model::Model;

/// Most candidates that are looked at for one text.
const CANDIDATES_MAX: usize = 200;

/// One command that can be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The command, complete.
    pub command: String,
    /// What it does.
    pub doc: String,
    /// Why it cannot be done now, if so.
    pub reason: Option<String>,
}

/// Commands that hold every word of the text, those that begin with it first.
pub fn candidates(model: &Model, text: &str) -> Vec<Candidate> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let holds = |command: &str| {
        words
            .iter()
            .all(|word| command.to_lowercase().contains(word))
    };
    let mut found: Vec<Candidate> = Vec::new();
    for item in ACTIONS {
        if holds(item.name) {
            found.push(Candidate {
                command: item.name.into(),
                doc: item.doc.into(),
                reason: item.action.disabled_reason(model),
            });
        }
    }
    // Names only once something is typed: they would hide the actions.
    if !words.is_empty() {
        let named = named(model).filter(|candidate| holds(&candidate.command));
        found.extend(named.take(CANDIDATES_MAX));
    }
    // Stable: what begins with the text first, everything else in its order.
    found.sort_by_key(|candidate| !candidate.command.to_lowercase().starts_with(text.trim()));
    found.truncate(CANDIDATES_MAX);
    found
}

/// Commands with a name in them: acts over rings, shards to go to, themes.
fn named(model: &Model) -> impl Iterator<Item = Candidate> + '_ {
    let view = model.view();
    let rings = view.map_or(&[][..], |view| &view.rings);
    let shards = view.map_or(&[][..], |view| &view.shards);
    let scoped = |tier: Tier| matches!(tier, Tier::Line | Tier::Dialog);
    let over_rings = ACTIONS
        .iter()
        .filter(move |item| scoped(item.tier))
        .flat_map(move |item| {
            rings.iter().map(move |ring| Candidate {
                command: format!("{} {}", item.name, ring.name),
                doc: item.doc.into(),
                reason: None,
            })
        });
    let to_shards = shards.iter().map(|shard| Candidate {
        command: format!("{} {}", Action::ShowShard.item().name, shard.name),
        doc: format!("{}, {}", shard.stop, shard.standing.word),
        reason: None,
    });
    let themes = model.options.themes.names().map(|name| Candidate {
        command: format!("{} {name}", Action::Theme.item().name),
        doc: "Change the colours.".into(),
        reason: None,
    });
    over_rings.chain(to_shards).chain(themes)
}

/// The text as far as it can only go on in one way.
pub fn complete(model: &Model, text: &str) -> String {
    let lower = text.to_lowercase();
    let found = candidates(model, text);
    let mut going_on = found
        .iter()
        .map(|candidate| candidate.command.as_str())
        .filter(|command| command.to_lowercase().starts_with(&lower));
    let Some(first) = going_on.next() else {
        return text.to_owned();
    };
    let mut common = first.to_owned();
    for command in going_on {
        let same = common
            .char_indices()
            .zip(command.chars())
            .find(|((_, a), b)| a != b)
            .map_or(common.len().min(command.len()), |((place, _), _)| place);
        common.truncate(same);
    }
    if common.len() > text.len() {
        common
    } else {
        text.to_owned()
    }
}
