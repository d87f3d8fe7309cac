//! The first line: what, where, how well we hear the engine, when.

use crate::cockpit::model::{Link, Model};
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, part, sign};
use crate::wire::Sign;
use ratatui::layout::Rect;

/// From here on there is room for who promotes, and for the plan's digest.
const WIDE: u16 = 100;

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let mut parts = vec![part(Role::Title, " pilothouse  ")];
    if let Some(view) = model.view() {
        let identity = &view.header.identity;
        let role = if identity.production {
            Role::Prod
        } else {
            Role::Title
        };
        let word = if identity.production { "PROD " } else { "" };
        parts.push(part(role, format!(" {word}{} ", identity.environment)));
        parts.push(part(Role::Text, "  "));
    }
    parts.extend(link(model));
    parts.push(part(Role::Text, format!("  {} UTC", model.now.clock())));
    if let Some(rollout) = model.rollout() {
        let auto = match &rollout.auto {
            Some(auto) => format!("auto to {}", auto.to),
            None => "by hand".into(),
        };
        parts.push(part(Role::Text, format!("  {}", rollout.migration)));
        // Who acts, and who else is there, matters more than the rest of it.
        if area.width >= WIDE {
            let rest = format!("  {auto}  plan {}", rollout.plan);
            parts.push(part(Role::Muted, rest));
        }
    }
    parts.push(part(Role::Muted, format!("  {}", model.options.actor)));
    let others = model.company.as_ref().map_or(0, |c| c.others.len());
    if others > 0 {
        let count = format!("  {} attached", others + 1);
        parts.push(part(Role::Text, count));
    }
    canvas.line(area, 0, &parts);
}

fn link(model: &Model) -> Vec<crate::cockpit::widgets::Part> {
    if let Some(frozen) = &model.frozen {
        return vec![sign(Sign::Paused, &format!("FROZEN {}", frozen.at.clock()))];
    }
    vec![match model.link() {
        Link::Live if model.resync.is_some() => sign(Sign::Unknown, "RESYNC"),
        Link::Live => part(Role::Ok, "● LIVE"),
        Link::Connecting => sign(Sign::Unknown, "CONNECTING"),
        Link::Stale(seconds) => part(Role::Fail, format!("? STALE {seconds} s")),
        Link::Reconnecting(seconds) => part(Role::Fail, format!("? RECONNECTING {seconds} s")),
        Link::Refused => part(Role::Fail, "✗ JOURNAL REFUSED"),
        Link::Gone => part(Role::Fail, "✗ ENGINE GONE"),
    }]
}
