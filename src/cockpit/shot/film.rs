//! Screens one after the other as one picture that moves.

use super::svg::{begin, row};
use crate::base::Period;
use ratatui::buffer::Buffer;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// One screen and how long it is shown.
pub type Frame = (Buffer, Period);

/// The frames in a loop, all of one size. A row that does not change from one
/// frame to the next is drawn once. Who asked their system for less motion
/// sees the last frame.
pub fn film(frames: &[Frame], title: &str) -> String {
    let Some((first, _)) = frames.first() else {
        return String::new();
    };
    let (mut out, ground) = begin(first, title);
    let mut drawn = String::new();
    let mut spans = BTreeSet::new();
    for y in 0..first.area.height {
        let mut from = 0;
        while from < frames.len() {
            let line = line(&frames[from].0, y);
            let same = frames[from..]
                .iter()
                .take_while(|(b, _)| self::line(b, y) == line);
            let until = from + same.count();
            // Nothing here can fail: a String takes every write.
            let _ = writeln!(drawn, "<g class=\"{}\">", class((from, until)));
            row(&mut drawn, &frames[from].0, y, &ground);
            drawn.push_str("</g>\n");
            spans.insert((from, until));
            from = until;
        }
    }
    style(&mut out, frames, &spans);
    out.push_str(&drawn);
    out.push_str("</svg>\n");
    out
}

fn line(buffer: &Buffer, y: u16) -> &[ratatui::buffer::Cell] {
    let wide = usize::from(buffer.area.width);
    let from = usize::from(y) * wide;
    buffer.content.get(from..from + wide).unwrap_or(&[])
}

fn class((from, until): (usize, usize)) -> String {
    format!("f{from}-{until}")
}

fn style(out: &mut String, frames: &[Frame], spans: &BTreeSet<(usize, usize)>) {
    let total: u64 = frames.iter().map(|(_, shown)| shown.ms()).sum();
    let at = |place: usize| -> f64 {
        let before: u64 = frames[..place].iter().map(|(_, shown)| shown.ms()).sum();
        // Parts of a hundred with two digits: far finer than a frame.
        (before as f64 * 10_000.0 / total.max(1) as f64).round() / 100.0
    };
    out.push_str("<style>\n");
    for span @ (from, until) in spans {
        if (*from, *until) == (0, frames.len()) {
            continue;
        }
        let name = class(*span);
        let (start, end) = (at(*from), at(*until));
        let before = if *from == 0 { "" } else { "0%{opacity:0}" };
        let after = match *until == frames.len() {
            true => String::new(),
            false => format!("{end}%{{opacity:0}}"),
        };
        let rest = u8::from(*until == frames.len());
        let _ = writeln!(
            out,
            "@keyframes {name}{{{before}{start}%{{opacity:1}}{after}}}\n\
             .{name}{{animation:{name} {total}ms step-end infinite}}\n\
             @media (prefers-reduced-motion:reduce){{.{name}{{animation:none;opacity:{rest}}}}}"
        );
    }
    out.push_str("</style>\n");
}
