//! What the next shift has to know: ten lines, each wrapped.

use super::super::lines::{LABEL_CELLS, labelled, said};
use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, part, sign, wrap};
use ratatui::layout::Rect;

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let Some(handover) = &model.seen.handover else {
        return canvas.line(area, 0, &said("", "Waiting for the handover."));
    };
    // Where there is room the lines stand apart.
    let room = usize::from(area.width)
        .saturating_sub(LABEL_CELLS + 2)
        .max(20);
    let wrapped: Vec<_> = handover
        .lines
        .iter()
        .map(|line| wrap(&line.text, room))
        .collect();
    let rows: usize = wrapped.iter().map(Vec::len).sum();
    let gap = u16::from(rows + handover.lines.len() < usize::from(area.height));
    let mut y = 0;
    for (line, texts) in handover.lines.iter().zip(wrapped) {
        for (place, text) in texts.into_iter().enumerate() {
            let label = if place == 0 { line.topic.word() } else { "" };
            let mut parts = vec![labelled(label)];
            match line.sign.filter(|_| place == 0) {
                Some(mark) => parts.push(sign(mark, &text)),
                None if line.sign.is_some() => parts.push(part(Role::Text, format!("  {text}"))),
                None => parts.push(part(Role::Text, text)),
            }
            canvas.line(area, y, &parts);
            y += 1;
        }
        y += gap;
    }
}
