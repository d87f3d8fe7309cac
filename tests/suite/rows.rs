//! The rows under the cursor: the focus follows its shard, whatever moves.

use crate::hands::{keys, tap};
use crate::scene::{healthy, options, shard, troubled};
use pilothouse::base::{Period, ShardName, Timestamp};
use pilothouse::cockpit::{Effect, Model, Msg, update};
use pilothouse::wire::{FleetView, Progress, Reading, ServerMessage, Sign, Stream, diff};
use proptest::prelude::*;
use ratatui::crossterm::event::KeyCode;

/// What can move rows.
#[derive(Clone, Debug)]
enum Move {
    /// A shard's lag and rate change.
    Measure(usize, u64, u64),
    /// A shard's mark and how far it is change.
    State(usize, Sign, u8),
    /// The list is turned, and a shard may be gone from it.
    Turn(usize, bool),
    /// Everything is sent again.
    Again,
    /// Another order.
    Sort,
    /// A filter.
    Filter(&'static str),
    /// The view stands still, or goes on.
    Freeze,
}

fn any_move() -> impl Strategy<Value = Move> {
    let filters = prop::sample::select(vec!["", "ring:early", "us", "lag>2s", "!is:done", "zzz"]);
    let signs = prop::sample::select(vec![Sign::Failed, Sign::Held, Sign::Running, Sign::Done]);
    prop_oneof![
        6 => (0..12usize, 0..6_000u64, 0..9_000u64).prop_map(|(s, lag, rate)| Move::Measure(s, lag, rate)),
        3 => (0..12usize, signs, 0..=100u8).prop_map(|(s, sign, done)| Move::State(s, sign, done)),
        1 => (0..12usize, prop::bool::weighted(0.2)).prop_map(|(by, gone)| Move::Turn(by, gone)),
        1 => Just(Move::Again),
        2 => Just(Move::Sort),
        2 => filters.prop_map(Move::Filter),
        1 => Just(Move::Freeze),
    ]
}

/// An engine's view, and the cockpit that is told of it.
struct Pair {
    view: FleetView,
    model: Model,
    seq: u64,
    at: Timestamp,
}

impl Pair {
    fn new(view: FleetView, at: Timestamp) -> Self {
        let model = Model::new(options(), at);
        let mut pair = Self {
            view,
            model,
            seq: 0,
            at,
        };
        pair.again();
        pair
    }

    fn tell(&mut self, stream: Stream) {
        let message = Box::new(ServerMessage::Stream(stream));
        let asked = update(&mut self.model, Msg::Server(message, self.at));
        assert_eq!(asked, [], "nothing was lost");
    }

    fn again(&mut self) {
        self.seq += 1;
        let (seq, at, view) = (self.seq, self.at, Box::new(self.view.clone()));
        self.tell(Stream::Snapshot { seq, at, view });
    }

    fn change(&mut self, change: impl FnOnce(&mut FleetView)) {
        let before = self.view.clone();
        change(&mut self.view);
        self.seq += 1;
        let delta = Box::new(diff(&before, &self.view));
        let (seq, at) = (self.seq, self.at);
        self.tell(Stream::Delta { seq, at, delta });
    }

    fn filter(&mut self, text: &str) {
        keys(&mut self.model, "/");
        while !self.model.filter.is_empty() {
            tap(&mut self.model, KeyCode::Backspace);
        }
        keys(&mut self.model, text);
        tap(&mut self.model, KeyCode::Enter);
    }

    fn play(&mut self, step: &Move) {
        self.at = self.at.after(Period::from_ms(700));
        match step {
            Move::Measure(place, lag, rate) => self.change(|view| {
                let place = place % view.shards.len();
                let shard = &mut view.shards[place];
                let at = Timestamp(1);
                shard.lag_ms = Some(Reading { value: *lag, at });
                shard.rows_per_s = Some(*rate);
            }),
            Move::State(place, sign, done) => self.change(|view| {
                let place = place % view.shards.len();
                let shard = &mut view.shards[place];
                shard.standing.sign = *sign;
                shard.progress = Progress::Percent(*done);
            }),
            Move::Turn(by, gone) => self.change(|view| {
                let by = by % view.shards.len();
                view.shards.rotate_left(by);
                if *gone && view.shards.len() > 4 {
                    view.shards.pop();
                }
            }),
            Move::Again => self.again(),
            Move::Sort => drop(keys(&mut self.model, "s")),
            Move::Filter(text) => self.filter(text),
            Move::Freeze => drop(keys(&mut self.model, "z")),
        }
    }

    fn shown(&self) -> Vec<ShardName> {
        self.model.shown_shards().map(|s| s.name.clone()).collect()
    }
}

/// The rows of a cockpit that has just come.
fn from_scratch(pair: &Pair) -> Vec<ShardName> {
    let view = pair.model.view().unwrap().clone();
    let mut fresh = Pair::new(view, pair.at);
    while fresh.model.order != pair.model.order {
        fresh.play(&Move::Sort);
    }
    fresh.filter(&pair.model.filter);
    fresh.shown()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn the_focus_follows_its_shard_and_the_rows_are_those_of_a_fresh_look(
        bad_night in any::<bool>(),
        focus in 0..12usize,
        moves in prop::collection::vec(any_move(), 1..30),
    ) {
        let scene = if bad_night { troubled() } else { healthy() };
        let mut pair = Pair::new(scene.view(), scene.now);
        keys(&mut pair.model, &"j".repeat(focus));
        for step in &moves {
            let before = pair.model.shard.clone();
            pair.play(step);
            let shown = pair.shown();
            prop_assert_eq!(&shown, &from_scratch(&pair), "{:?}", step);
            let after = pair.model.shard.clone();
            match before.filter(|name| shown.contains(name)) {
                Some(name) => prop_assert_eq!(after, Some(name), "{:?}", step),
                None => prop_assert_eq!(after.is_some(), !shown.is_empty()),
            }
            if let (Some(row), Some(name)) = (pair.model.shard_row(), &pair.model.shard) {
                prop_assert_eq!(&shown[row], name);
                prop_assert_eq!(&pair.model.focused_shard().unwrap().name, name);
            }
        }
    }
}

#[test]
fn a_difference_from_another_view_is_answered_with_a_question() {
    let scene = healthy();
    let mut turned = scene.view();
    turned.shards.reverse();
    let mut moved = turned.clone();
    moved.shards[3].rows_done += 1;
    let mut longer = scene.view();
    longer.shards.rotate_left(3);
    longer.shards[0].name = shard("eu-99");
    for (before, after) in [
        (turned, moved),
        (longer.clone(), {
            longer.shards.swap(1, 2);
            longer
        }),
    ] {
        let mut pair = Pair::new(scene.view(), scene.now);
        let (seq, at, delta) = (2, pair.at, Box::new(diff(&before, &after)));
        let message = Box::new(ServerMessage::Stream(Stream::Delta { seq, at, delta }));
        let effects = update(&mut pair.model, Msg::Server(message, at));
        assert_eq!(effects, [Effect::AskSnapshot]);
        assert_eq!(
            pair.model.view(),
            Some(&pair.view),
            "nothing of it was taken"
        );
        // Until it comes nothing is begun on this picture; what stops may be.
        keys(&mut pair.model, "xP");
        assert!(pair.model.layer.is_none());
        keys(&mut pair.model, "xp");
        assert!(pair.model.layer.is_some());
    }
}
