//! The screen. Reads the model and nothing else: no clock, no environment.

mod bars;
mod detail;
mod dialog;
mod header;
mod lines;
mod lists;
mod palette;
mod plan;
mod screen;
mod table;
mod trend;

use super::model::{Layer, Model, Screen};
use super::theme::Role;
use super::widgets::{Canvas, part};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
pub(super) use screen::rows as screen_rows;

/// Below this there is no room for a decision.
const WIDTH_MIN: u16 = 40;
/// See [`WIDTH_MIN`].
const HEIGHT_MIN: u16 = 10;

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// 80×24: everything, in fewer columns.
    Compact,
    /// 100×30 and more.
    Full,
}

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
        match model.shown.screen {
            Screen::Fleet => fleet(&mut canvas, model, area),
            _ => screen::draw(&mut canvas, model, area),
        }
        match &model.layer {
            Some(Layer::Help(from)) => lists::help(&mut canvas, &model.options.keymap, *from),
            Some(Layer::Menu(cursor)) => lists::menu(&mut canvas, model, *cursor),
            Some(Layer::Palette(text, cursor)) => {
                palette::draw(&mut canvas, model, text, *cursor);
            }
            Some(Layer::Detail) => detail::draw(&mut canvas, model),
            Some(Layer::Dialog(question)) => dialog::draw(&mut canvas, question),
            Some(Layer::Command(_) | Layer::Filter(_)) | None => {}
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
    let room = if area.width >= 100 && area.height >= 30 {
        Room::Full
    } else {
        Room::Compact
    };
    let mut below = area;
    let mut take = |rows: u16| {
        let rows = rows.min(below.height);
        let part = Rect {
            height: rows,
            ..below
        };
        below.y += rows;
        below.height -= rows;
        part
    };
    let top = take(1);
    let plan_area = take(plan::height(model, room));
    let totals = take(1);
    let needs = take(bars::needs_height(model, room));
    header::draw(canvas, model, top);
    plan::draw(canvas, model, plan_area, room);
    bars::totals(canvas, model, totals);
    bars::needs(canvas, model, needs, room);
    let feed_rows = match room {
        Room::Full => 5,
        Room::Compact => 2.min(below.height.saturating_sub(5)),
    };
    let bottom = 2 + feed_rows;
    let table_area = Rect {
        height: below.height.saturating_sub(bottom),
        ..below
    };
    table::draw(canvas, model, table_area, room);
    let rest = Rect {
        y: table_area.bottom(),
        height: below.height - table_area.height,
        ..below
    };
    bars::feed(canvas, model, rest, feed_rows);
    bars::bottom(canvas, model, area);
}
