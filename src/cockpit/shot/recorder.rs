//! What a screen has shown, kept to be drawn as one film.

use super::film::{Frame, film};
use crate::base::{Period, Timestamp};
use ratatui::buffer::Buffer;

/// Most frames that are kept while something goes on: some 30 MB at 120 × 40.
const KEPT_MAX: usize = 128;

/// Most frames of the film: about a megabyte of drawing.
const FRAMES_MAX: usize = 48;

/// A film lasts no longer; what took longer is shown faster.
const LASTING: Period = Period::from_ms(60_000);

/// Keeps a frame now and then; ever less often, the longer it goes on.
#[derive(Debug)]
pub struct Recorder {
    kept: Vec<(Buffer, Timestamp)>,
    /// What came too soon to be kept: the film ends with it.
    newest: Option<(Buffer, Timestamp)>,
    every: Period,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            newest: None,
            every: Period::from_ms(500),
        }
    }
}

impl Recorder {
    /// Keeps what is on the screen now, if it is time for it. A screen of
    /// another size than the first is not kept.
    pub fn take(&mut self, buffer: &Buffer, now: Timestamp) {
        if let Some((last, at)) = self.kept.last() {
            if last.area != buffer.area || last.content == buffer.content {
                return;
            }
            if now.since(*at) < self.every {
                self.newest = Some((buffer.clone(), now));
                return;
            }
        }
        self.newest = None;
        if self.kept.len() == KEPT_MAX {
            self.every = Period::from_ms(self.every.ms() * 2);
            thin(&mut self.kept, KEPT_MAX / 2);
        }
        self.kept.push((buffer.clone(), now));
    }

    /// The film of all that was kept; `end` is when the last frame went away.
    pub fn film(mut self, title: &str, end: Timestamp) -> String {
        self.kept.extend(self.newest);
        thin(&mut self.kept, FRAMES_MAX);
        let ends = self.kept.iter().skip(1).map(|(_, at)| *at).chain([end]);
        let ends: Vec<Timestamp> = ends.collect();
        let begun = self.kept.first().map_or(end, |(_, at)| *at);
        let whole = end.since(begun).ms().max(1);
        let shown = whole.min(LASTING.ms());
        let frames: Vec<Frame> = self
            .kept
            .into_iter()
            .zip(ends)
            .map(|((buffer, at), until)| {
                let lasting = until.since(at).ms() * shown / whole;
                (buffer, Period::from_ms(lasting.max(1)))
            })
            .collect();
        film(&frames, title)
    }
}

/// Leaves out frames, evenly, until there are at most `most`; the first and
/// the last one stay.
fn thin(kept: &mut Vec<(Buffer, Timestamp)>, most: usize) {
    let all = kept.len();
    if all <= most {
        return;
    }
    let wanted = |place: usize| {
        let slot = |place: usize| place * (most - 1) / (all - 1);
        place == 0 || slot(place) != slot(place - 1)
    };
    let mut place = 0;
    kept.retain(|_| {
        place += 1;
        wanted(place - 1)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;

    fn screen(text: &str) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
        buffer.set_string(0, 0, text, ratatui::style::Style::default());
        buffer
    }

    #[test]
    fn a_long_flight_is_a_minute_with_its_first_and_last_moment() {
        let mut recorder = Recorder::default();
        for n in 0..10_000_u64 {
            recorder.take(&screen(&format!("t{n}")), Timestamp(n * 1_000));
        }
        assert!(recorder.kept.len() <= KEPT_MAX);
        recorder.take(&screen("late"), Timestamp(20_000_000));
        recorder.take(&screen("end"), Timestamp(20_000_100));
        let film = recorder.film("a flight", Timestamp(20_001_000));
        assert!(film.contains(">t0<") && film.contains(">end<"));
        assert!(film.contains("infinite") && film.matches("<text").count() <= FRAMES_MAX);
        // Each frame is rounded down to a millisecond.
        let minute = |ms: u64| film.contains(&format!(" {ms}ms step-end"));
        assert!((59_900..=60_000).any(minute), "{film}");
    }

    #[test]
    fn what_does_not_change_and_what_does_not_fit_is_not_kept() {
        let mut recorder = Recorder::default();
        recorder.take(&screen("a"), Timestamp(0));
        recorder.take(&screen("a"), Timestamp(5_000));
        recorder.take(&screen("b"), Timestamp(5_001));
        recorder.take(&screen("c"), Timestamp(5_002));
        recorder.take(&Buffer::empty(Rect::new(0, 0, 9, 1)), Timestamp(9_000));
        assert_eq!(recorder.kept.len(), 2);
    }
}
