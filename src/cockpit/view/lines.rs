//! Lines with a label in front, as every closer look has them.

use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Part, fit, part, sign};
use crate::wire::{Sign, Standing, Verified, words};

/// Cells of the label.
pub(super) const LABEL_CELLS: usize = 14;

/// Lines of parts.
pub(super) type Lines = Vec<Vec<Part>>;

/// One labelled line.
pub(super) fn said(label: &str, text: impl Into<String>) -> Vec<Part> {
    vec![labelled(label), part(Role::Text, text)]
}

/// The label alone.
pub(super) fn labelled(label: &str) -> Part {
    part(Role::Muted, fit(&format!(" {label}"), LABEL_CELLS))
}

/// Why something stands as it stands, and what comes next.
pub(super) fn standing(model: &Model, standing: &Standing) -> Lines {
    let since = words::ago(model.now, standing.since);
    let mut rows = vec![vec![
        labelled("State"),
        sign(standing.sign, &standing.word),
        part(
            Role::Muted,
            format!("  since {} ({since})", standing.since.clock()),
        ),
    ]];
    rows.push(said("Why", standing.cause.clone()));
    if let Some(by) = &standing.by {
        rows.push(said("By", by.clone()));
    }
    rows.push(said("Clears when", standing.clears.clone()));
    let next = match standing.at.filter(|at| *at > model.now) {
        Some(at) => format!("at {}: {}", at.clock(), standing.next),
        None => standing.next.clone(),
    };
    rows.push(said("Next", next));
    // Where somebody wonders whom to wake.
    let grave = matches!(
        standing.sign,
        Sign::Failed | Sign::Unknown | Sign::Held | Sign::Paused | Sign::NeedsHuman
    );
    let contacts = model.view().map(|view| &view.header.contacts);
    if let Some(contacts) = contacts.filter(|_| grave) {
        rows.extend(contacts.owner.iter().map(|who| said("Call", who.clone())));
        rows.extend(
            contacts
                .escalation
                .iter()
                .map(|who| said("Then call", who.clone())),
        );
    }
    rows
}

/// The newest proof of a shard.
pub(super) fn proof(model: &Model, proof: &Verified) -> String {
    format!(
        "{} rows at {} ({}), evidence {}",
        words::count(proof.rows),
        proof.at.clock(),
        words::ended(model.now, proof.at),
        proof.evidence.short()
    )
}
