//! The only place that writes cells. Every text goes through `Untrusted`.

mod canvas;
mod text;

pub(super) use canvas::{Canvas, Part, part, sign};
pub(super) use text::{bar, fit, fit_right, spark, width, wrap};
