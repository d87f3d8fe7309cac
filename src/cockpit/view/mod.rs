//! The screen. Reads the model and nothing else: no clock, no environment.

mod bars;
mod detail;
mod dialog;
mod header;
mod leave;
mod lines;
mod lists;
mod palette;
mod place;
mod plan;
mod runbook;
mod screen;
mod table;
mod trend;

use super::model::{Layer, Model, Screen};
use super::theme::Role;
use super::widgets::{Canvas, part};
use place::Places;
pub(super) use place::{Hit, hit};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
pub(super) use runbook::{is_beside, rows as runbook_rows, section as runbook_section};
pub(super) use screen::{found as findings, journal_entries, rows as screen_rows};

/// Below this there is no room for a decision.
const WIDTH_MIN: u16 = 40;
/// See [`WIDTH_MIN`].
const HEIGHT_MIN: u16 = 10;

/// Draws the model.
pub fn view(model: &Model, frame: &mut Frame<'_>) {
    draw(model, frame.buffer_mut());
}

/// Draws the model on a buffer.
pub(super) fn draw(model: &Model, buffer: &mut Buffer) {
    let mut canvas = Canvas::new(buffer, &model.theme);
    let area = canvas.area();
    if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
        too_small(&mut canvas, area);
    } else {
        let (main, side) = runbook::split(model, area);
        match model.shown.screen {
            Screen::Fleet => fleet(&mut canvas, model, main),
            _ => screen::draw(&mut canvas, model, main),
        }
        if let Some(side) = side {
            runbook::draw(&mut canvas, model, side);
        }
        match &model.layer {
            Some(Layer::Help(from)) => lists::help(&mut canvas, &model.options.keymap, *from),
            Some(Layer::Menu(cursor)) => lists::menu(&mut canvas, model, *cursor),
            Some(Layer::Needs(cursor)) => bars::all_needs(&mut canvas, model, *cursor),
            Some(Layer::Palette(text, cursor)) => {
                palette::draw(&mut canvas, model, text, *cursor);
            }
            Some(Layer::Detail) => detail::draw(&mut canvas, model),
            Some(Layer::Leave(_)) => leave::draw(&mut canvas, model),
            Some(Layer::Dialog(question)) => dialog::draw(&mut canvas, question),
            Some(Layer::Command(_) | Layer::Filter { .. }) | None => {}
        }
        if let Some(why) = &model.refused {
            leave::refused(&mut canvas, why);
        }
    }
    canvas.finish(model.options.glyphs);
}

fn too_small(canvas: &mut Canvas<'_>, area: Rect) {
    let have = format!("{}×{} is too small.", area.width, area.height);
    canvas.line(area, 0, &[part(Role::Text, have)]);
    let need = format!("pilothouse needs {WIDTH_MIN}×{HEIGHT_MIN}.");
    canvas.line(area, 1, &[part(Role::Text, need)]);
}

fn fleet(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let places = Places::of(model, area);
    let room = places.room;
    header::draw(canvas, model, places.header);
    plan::draw(canvas, model, places.plan, room);
    bars::totals(canvas, model, places.totals);
    bars::needs(canvas, model, places.needs, room);
    table::draw(canvas, model, places.table, room);
    bars::feed(canvas, model, places.feed);
    bars::bottom(canvas, model, area);
    if !model.welcome.is_empty() {
        leave::welcome(canvas, &model.welcome, places.feed);
    }
}
