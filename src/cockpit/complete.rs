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
    let text = text.as_str();
    let words: Vec<&str> = text.split_whitespace().collect();
    // No word has a space in it, so each lies within one piece of a command.
    let words = words.as_slice();
    let holds = |pieces: [&str; 2]| {
        let within = |word: &&str| pieces.iter().any(|p| p.to_lowercase().contains(*word));
        words.iter().all(within)
    };
    let mut found: Vec<Candidate> = Vec::new();
    for item in ACTIONS {
        if holds([item.name, ""]) {
            found.push(Candidate {
                command: item.name.into(),
                doc: item.doc.into(),
                reason: item.action.disabled_reason(model),
            });
        }
    }
    // Names only once something is typed: they would hide the actions.
    if !words.is_empty() {
        found.extend(named(model, holds).take(CANDIDATES_MAX));
    }
    // Stable: what begins with the text first, everything else in its order.
    found.sort_by_key(|candidate| !candidate.command.to_lowercase().starts_with(text.trim()));
    found.truncate(CANDIDATES_MAX);
    found
}

/// Commands with a name in them: acts over rings, shards to go to, themes. Of
/// ten thousand shards only those are spelt out that are wanted.
fn named<'a>(
    model: &'a Model,
    holds: impl Fn([&str; 2]) -> bool + Copy + 'a,
) -> impl Iterator<Item = Candidate> + 'a {
    let view = model.view();
    let rings = view.map_or(&[][..], |view| &view.rings);
    let shards = view.map_or(&[][..], |view| &view.shards);
    let candidate = |command: &str, name: &str, doc: String| Candidate {
        command: format!("{command} {name}"),
        doc,
        reason: None,
    };
    let scoped = |tier: Tier| matches!(tier, Tier::Line | Tier::Dialog);
    let over_rings = ACTIONS
        .iter()
        .filter(move |item| scoped(item.tier))
        .flat_map(move |item| {
            let wanted = rings
                .iter()
                .filter(move |r| holds([item.name, r.name.as_str()]));
            wanted.map(move |ring| candidate(item.name, ring.name.as_str(), item.doc.into()))
        });
    let show = Action::ShowShard.item().name;
    let to_shards = shards
        .iter()
        .filter(move |shard| holds([show, shard.name.as_str()]))
        .map(move |shard| {
            let doc = format!("{}, {}", shard.stop, shard.standing.word);
            candidate(show, shard.name.as_str(), doc)
        });
    let theme = Action::Theme.item();
    let themes = model.options.themes.names();
    let themes = themes
        .filter(move |name| holds([theme.name, name]))
        .map(move |name| candidate(theme.name, name, theme.doc.into()));
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
