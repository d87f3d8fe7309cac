//! A wire that turns every message into JSON and back, and loses some.

use crate::scene::{Scene, Steps, healthy, letter, options, shard, show};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pilothouse::api::client::{Client, Told};
use pilothouse::api::embedded::attach;
use pilothouse::base::{Period, Timestamp};
use pilothouse::cockpit::{Effect, Model, Msg, update};
use pilothouse::engine::port;
use pilothouse::rollout::People;
use pilothouse::wire::{Answer, CommandEnvelope, Look, ServerMessage};
use std::collections::BTreeMap;

/// Loses by a rule that a seed decides: the same seed loses the same.
struct Lossy<C> {
    inner: C,
    dice: u64,
    lost: u32,
    snapshots_asked: u32,
}

impl<C: Client> Lossy<C> {
    fn new(inner: C, seed: u64) -> Self {
        Self {
            inner,
            dice: seed * 2 + 1,
            lost: 0,
            snapshots_asked: 0,
        }
    }

    fn loses(&mut self) -> bool {
        // A linear congruential generator: nothing here needs better.
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let lost = (self.dice >> 33).is_multiple_of(3);
        self.lost += u32::from(lost);
        lost
    }
}

impl<C: Client> Client for Lossy<C> {
    fn send(&mut self, command: CommandEnvelope) {
        if !self.loses() {
            let text = serde_json::to_string(&command).unwrap();
            self.inner.send(serde_json::from_str(&text).unwrap());
        }
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Told>> {
        Box::pin(async {
            loop {
                let Told::Message(message) = self.inner.next().await? else {
                    panic!("an engine in this process is never lost");
                };
                if !self.loses() {
                    let text = serde_json::to_string(&message).unwrap();
                    return Some(Told::Message(serde_json::from_str(&text).unwrap()));
                }
            }
        })
    }

    fn here(&mut self, _: &str) {}

    fn look(&mut self, look: Look) {
        if !self.loses() {
            self.inner.look(look);
        }
    }

    fn ask_snapshot(&mut self) {
        self.snapshots_asked += 1;
        if !self.loses() {
            self.inner.ask_snapshot();
        }
    }
}

/// Takes everything that waits, as the loop of the cockpit does.
fn drain<C: Client>(client: &mut Lossy<C>, model: &mut Model, now: Timestamp) {
    let mut effects = update(model, Msg::Tick(now));
    while let Some(told @ Some(_)) = client.next().now_or_never() {
        effects.extend(update(model, Msg::told(told, now)));
        perform(client, std::mem::take(&mut effects));
    }
    perform(client, effects);
}

fn perform<C: Client>(client: &mut Lossy<C>, effects: Vec<Effect>) {
    for effect in effects {
        match effect {
            Effect::Send(approved) => client.send(approved.into_inner()),
            Effect::AskSnapshot => client.ask_snapshot(),
            Effect::Look(look) => client.look(look),
            other => panic!("nobody asked for {other:?}"),
        }
    }
}

/// An engine's ear: every key is one act.
#[derive(Default)]
struct Acts(BTreeMap<String, (CommandEnvelope, u32)>);

impl Acts {
    fn hear(&mut self, orders: &mut port::Orders) {
        while let Ok(port::Request::Act(asked)) = orders.try_recv() {
            let envelope = asked.envelope().clone();
            let heard = self.0.entry(envelope.key.clone()).or_insert((envelope, 0));
            heard.1 += 1;
            let answer = match heard.1 {
                1 => Answer::Accepted { seq: 7 },
                _ => Answer::Repeated,
            };
            asked.answer(answer);
        }
    }
}

fn converges(seed: u64) -> (u32, u32) {
    let (publisher, mut orders) = port::channel();
    let mut client = Lossy::new(attach(&publisher), seed);
    let mut scene = healthy();
    let mut model = Model::new(options(), scene.now);
    let mut acts = Acts::default();
    let mut asked = false;
    for round in 0..80_u64 {
        // Work goes on for a while; then only heartbeats come.
        if round < 40 {
            scene.measure("eu-07", 900_000 + round * 5_000, 4_200_000);
        }
        scene.now = scene.now.after(Period::from_ms(500));
        publisher.publish(scene.view(), People::default(), scene.now);
        drain(&mut client, &mut model, scene.now);
        if round == 20 || (round > 20 && !asked) {
            asked = ask_pause(&mut client, &mut model, scene.now);
        }
        acts.hear(&mut orders);
    }
    assert!(asked, "seed {seed}: the pause was never confirmed");
    assert_eq!(model.live.as_ref(), Some(&scene.view()), "seed {seed}");
    assert_eq!(model.pending, [], "seed {seed}: an act without an answer");
    assert_eq!(acts.0.len(), 1, "seed {seed}: one act, one key");
    let status = model.status.unwrap();
    assert!(
        status.text.starts_with("pause shard eu-07: accepted"),
        "seed {seed}: {}",
        status.text
    );
    let times = acts.0.values().map(|(_, times)| *times).sum();
    (client.snapshots_asked, times)
}

fn ask_pause<C: Client>(client: &mut Lossy<C>, model: &mut Model, now: Timestamp) -> bool {
    for c in [':', 'p', 'a', 'u', 's', 'e', ' ', 'e', 'u', '-', '0', '7'] {
        update(model, Msg::Key(letter(c), now));
    }
    update(
        model,
        Msg::Key(
            crate::scene::press(ratatui::crossterm::event::KeyCode::Enter),
            now,
        ),
    );
    let late = now.after(Period::from_ms(300));
    let effects = update(model, Msg::Key(letter('y'), late));
    let sent = !effects.is_empty();
    perform(client, effects);
    sent
}

#[test]
fn a_cockpit_over_a_lossy_wire_ends_at_the_engines_view() {
    let runs: Vec<(u32, u32)> = (0..40).map(converges).collect();
    for (seed, (snapshots, _)) in runs.iter().enumerate() {
        assert!(
            *snapshots > 0,
            "seed {seed}: nothing was lost, so nothing was shown"
        );
    }
    // Answers were lost too: some act was heard more than once, as one act.
    assert!(runs.iter().any(|(_, times)| *times > 1));
}

#[test]
fn a_slow_client_costs_one_difference_not_a_queue() {
    let (publisher, _orders) = port::channel();
    let mut client = attach(&publisher);
    let mut scene = healthy();
    publisher.publish(scene.view(), People::default(), scene.now);
    let first = client.receive().now_or_never().flatten().unwrap();
    for round in 0..1_000 {
        scene.measure("eu-07", round, 4_200_000);
        publisher.publish(scene.view(), People::default(), scene.now);
    }
    let second = client.receive().now_or_never().flatten().unwrap();
    assert!(
        client.receive().now_or_never().is_none(),
        "everything is told"
    );
    let mut model = Model::new(options(), scene.now);
    update(&mut model, Msg::Server(Box::new(first), scene.now));
    update(&mut model, Msg::Server(Box::new(second), scene.now));
    assert_eq!(model.live, Some(scene.view()));
}

#[test]
fn an_act_that_the_engine_drops_is_answered() {
    let (publisher, mut orders) = port::channel();
    let mut client = attach(&publisher);
    let scene: Scene = healthy();
    let mut model = Model::new(options(), scene.now);
    show(&mut model, 1, &scene);
    client.send(CommandEnvelope {
        key: "k".into(),
        actor: options().actor,
        scope: pilothouse::wire::Scope::Shard(shard("eu-07")),
        verb: pilothouse::wire::Verb::Pause,
        seen: None,
        confirm: None,
        reason: String::new(),
    });
    drop(orders.try_recv().unwrap());
    let told = client.receive().now_or_never().flatten();
    assert!(
        matches!(&told, Some(ServerMessage::Answer { answer: Answer::Refused { code, .. }, .. }) if code == "engine_gone"),
        "{told:?}"
    );
    drop(publisher);
    assert_eq!(client.receive().now_or_never(), Some(None));
}
