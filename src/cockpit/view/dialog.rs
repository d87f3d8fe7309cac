//! The question on the screen.

use crate::cockpit::action::Tier;
use crate::cockpit::dialog::{Dialog, Field};
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, Part, fit, part, width, wrap};

const LABEL_CELLS: usize = 14;
/// Cells of the text beside it, on the smallest screen that is promised.
const TEXT_CELLS: usize = 63;

pub(super) fn draw(canvas: &mut Canvas<'_>, dialog: &Dialog) {
    if dialog.tier() == Tier::Line {
        return line(canvas, dialog);
    }
    let rows = rows(dialog);
    let high = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX);
    let area = canvas.clear_middle(84, high);
    let inner = canvas.frame(area, &dialog.title, Role::Danger);
    // What must be decided on is at the bottom: on a small screen the
    // evidence is cut, never the buttons.
    let cut = rows.len().saturating_sub(usize::from(inner.height));
    let keep = rows.len() - fields_rows(dialog);
    let kept = rows
        .iter()
        .enumerate()
        .filter(|(place, _)| *place >= keep || *place < keep.saturating_sub(cut))
        .map(|(_, parts)| parts);
    for (row, parts) in (0..inner.height).zip(kept) {
        canvas.line(inner, row, parts);
    }
}

/// One line at the bottom: reversible, y or N.
fn line(canvas: &mut Canvas<'_>, dialog: &Dialog) {
    let whole = canvas.area();
    let mut area = whole;
    area.y = whole.bottom().saturating_sub(2);
    area.height = 1;
    let blank = part(Role::Text, " ".repeat(usize::from(area.width)));
    canvas.line(area, 0, &[blank]);
    let what = dialog
        .radius
        .first()
        .and_then(|(_, lines)| lines.first())
        .cloned()
        .unwrap_or_default();
    let parts = [
        part(Role::Key, format!(" {} y/N  ", dialog.title)),
        part(Role::Text, format!("shards {what}")),
    ];
    canvas.line(area, 0, &parts);
}

fn label(text: &str) -> Part {
    part(Role::Muted, fit(&format!(" {text}"), LABEL_CELLS))
}

fn fields_rows(dialog: &Dialog) -> usize {
    let to = usize::from(!dialog.stops.is_empty());
    let typed = usize::from(dialog.demanded.is_some());
    to + typed + 3
}

fn rows(dialog: &Dialog) -> Vec<Vec<Part>> {
    let mut rows = Vec::new();
    let outlook = dialog.outlook.as_ref().map(|o| ("Gives back", &o.lines));
    let radius = dialog.radius.iter().map(|(name, lines)| (*name, lines));
    for (name, lines) in radius.chain(outlook) {
        let wrapped = lines.iter().flat_map(|text| wrap(text, TEXT_CELLS));
        for (place, text) in wrapped.enumerate() {
            let name = if place == 0 { name } else { "" };
            rows.push(vec![label(name), part(Role::Text, text)]);
        }
    }
    if let Some(stop) = dialog.stops.get(dialog.stop) {
        let choice = format!("< {stop} >");
        let hint = format!(
            "  {} of {}, Left Right",
            dialog.stop + 1,
            dialog.stops.len()
        );
        rows.push(vec![
            label("Back to"),
            field(dialog, Field::To, choice),
            part(Role::Muted, hint),
        ]);
    }
    if let Some(demanded) = &dialog.demanded {
        let typed = format!("{:_<24}", dialog.typed);
        rows.push(vec![
            label("Type"),
            part(Role::Title, format!("{demanded}  ")),
            field(dialog, Field::Typed, typed),
        ]);
    }
    let reason = format!("{:_<40}", dialog.reason);
    rows.push(vec![label("Reason"), field(dialog, Field::Reason, reason)]);
    rows.push(vec![hint(dialog)]);
    rows.push(buttons(dialog));
    rows
}

fn field(dialog: &Dialog, field: Field, text: String) -> Part {
    let role = if dialog.focus == field {
        Role::Selection
    } else {
        Role::Text
    };
    part(role, text)
}

fn hint(dialog: &Dialog) -> Part {
    if let Some(hint) = dialog.hint {
        return part(Role::Fail, format!(" {hint}"));
    }
    match dialog.blocked() {
        Some(reason) => part(Role::Fail, format!(" Cannot be confirmed: {reason}")),
        None => part(Role::Muted, " Tab goes round; Esc cancels"),
    }
}

fn buttons(dialog: &Dialog) -> Vec<Part> {
    let key = dialog.keys.first();
    let key = key.map_or_else(String::new, |key| format!(" ({key})"));
    // The focus is a bracket too, not only a colour.
    let (no, yes) = match dialog.focus {
        Field::Confirm => ("  Cancel  ".into(), format!("[ {}{key} ]", dialog.button)),
        Field::Cancel => (
            "[ Cancel ]".to_owned(),
            format!("  {}{key}  ", dialog.button),
        ),
        _ => ("  Cancel  ".into(), format!("  {}{key}  ", dialog.button)),
    };
    let room = 82_usize.saturating_sub(width(&no) + width(&yes) + 6);
    vec![
        part(Role::Text, " ".repeat(room.min(30))),
        field(dialog, Field::Cancel, no),
        part(Role::Text, "    "),
        field(dialog, Field::Confirm, yes),
    ]
}
