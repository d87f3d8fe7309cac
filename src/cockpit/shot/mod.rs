//! Pictures of screens, drawn from the same buffers as the screens. Pure.

mod film;
mod grid;
mod recorder;
mod shape;
mod svg;

pub use grid::roles;
pub use recorder::Recorder;
pub use svg::svg;

use super::model::Model;
use super::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The screen of a model at a size.
pub fn buffer(model: &Model, wide: u16, high: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, wide, high));
    view::draw(model, &mut buffer);
    buffer
}
