//! What is said about a model, and what a typed line does to it. Pure.

use super::question::Step;
use super::words;
use crate::base::{Timestamp, Untrusted};
use crate::cockpit::glyphs::{GlyphSet, ascii};
use crate::cockpit::model::{Layer, Link, Model, Options, Screen};
use crate::cockpit::msg::{Effect, Msg};
use crate::cockpit::update::update;
use crate::cockpit::view::runbook_section;
use crate::wire::{Need, Sign};
use ratatui::crossterm::event::KeyCode;

/// A cockpit that speaks in lines.
#[derive(Clone, Debug)]
pub struct Talk {
    pub(super) model: Model,
    pub(super) told: Told,
    /// What the next line answers, if a question is open.
    pub(super) step: Option<Step>,
    lines: Vec<String>,
}

/// What the person knows already.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// The newest event; `None` before the first summary.
    event: Option<u64>,
    state: Option<(Sign, String)>,
    needs: Vec<Need>,
    heard: Heard,
    pub(super) outlook: Vec<String>,
    pub(super) changed: Option<String>,
}

/// How the engine is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Heard {
    #[default]
    Well,
    Badly,
    Never,
}

impl Talk {
    /// Before the first message.
    pub fn new(options: Options, now: Timestamp) -> Self {
        let mut talk = Self {
            model: Model::new(options, now),
            told: Told::default(),
            step: None,
            lines: Vec::new(),
        };
        talk.tell();
        talk
    }

    /// What it is about.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Whether there is anything to give commands over.
    pub fn has_begun(&self) -> bool {
        self.told.event.is_some() || self.model.gone || self.model.refused.is_some()
    }

    /// Takes what is not typed; what comes back is to be done outside.
    pub fn hear(&mut self, msg: Msg) -> Vec<Effect> {
        let effects = update(&mut self.model, msg);
        self.tell();
        effects
    }

    /// Takes a typed line that was read at `at`.
    pub fn line(&mut self, text: &str, at: Timestamp) -> Vec<Effect> {
        let text = text.trim();
        let effects = match self.step.take() {
            Some(step) if self.dialog().is_some() => self.answer(step, text, at),
            _ => self.command(text, at),
        };
        for effect in &effects {
            if let Effect::Send(approved) = effect {
                let sent = approved.get();
                let act = format!("{} {}", sent.verb.word(), sent.scope);
                self.say(format!("{act}: sent, waiting for the answer"));
            }
        }
        self.tell();
        effects
    }

    /// What there is to say since this was asked last.
    pub fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// The one way out for text. A line of ours stays one line, whatever a
    /// name or an error in it holds.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        let one = text.into().replace(['\n', '\r'], " ");
        let mut shown = Untrusted::new(one).in_full().to_string();
        if self.model.options.glyphs == GlyphSet::Ascii {
            let letters = shown.chars();
            shown = letters
                .map(|c| ascii(c.encode_utf8(&mut [0; 4])).to_owned())
                .collect();
        }
        self.lines.push(shown);
    }

    fn say_all(&mut self, lines: Vec<String>) {
        lines.into_iter().for_each(|line| self.say(line));
    }

    fn command(&mut self, text: &str, at: Timestamp) -> Vec<Effect> {
        let text = text.strip_prefix(':').unwrap_or(text).trim();
        let text = match text {
            "" => return Vec::new(),
            "status" => {
                self.say_all(words::summary(&self.model));
                return Vec::new();
            }
            "copy" | "mouse" | "runbook up" | "runbook down" => {
                self.say(format!("{text} is for the screen; help lists the commands"));
                return Vec::new();
            }
            "?" => "help",
            text => text,
        };
        // Lines have no screens to be on: whoever has asked for one and not
        // been told yet has moved on.
        self.model.shown.go(Screen::Fleet);
        let (focus, frozen) = (words::focus(&self.model), self.model.frozen.is_some());
        self.model.layer = Some(Layer::Command(text.to_owned()));
        let effects = self.press(KeyCode::Enter, at);
        match self.model.layer.take() {
            Some(Layer::Dialog(dialog)) => {
                self.model.layer = Some(Layer::Dialog(dialog));
                self.ask();
            }
            Some(Layer::Help(_)) => self.say_all(words::help()),
            Some(Layer::Menu(_)) => self.say_all(words::operations(&self.model)),
            Some(Layer::Detail) => self.say_all(words::detail(&self.model)),
            Some(_) => self.say(format!("{text} is for the screen; help lists the commands")),
            None => {}
        }
        if self.model.shown.screen == Screen::Shard {
            // Signals and locks follow when the engine has looked.
            self.say_all(words::detail(&self.model));
        }
        if words::focus(&self.model) != focus {
            self.say(words::focus(&self.model));
        }
        match (frozen, self.model.frozen.is_some()) {
            (false, true) => self.say(
                "Frozen: nothing new is told and nothing can be changed; freeze goes live again.",
            ),
            (true, false) => self.say("Live again."),
            _ => {}
        }
        effects
    }

    /// Says what is new in the model.
    fn tell(&mut self) {
        if let Some(status) = self.model.status.take() {
            self.say(status.text);
        }
        self.tell_link();
        if self.model.view().is_none() {
            return;
        }
        match self.told.event {
            None => self.begin(),
            Some(told) => {
                self.tell_events(told);
                self.tell_state();
                self.tell_needs();
            }
        }
        self.tell_screen();
        self.tell_runbook();
        self.tell_question();
    }

    /// A screen that was asked for is told once, as soon as it is known.
    fn tell_screen(&mut self) {
        let seen = &self.model.seen;
        let known = match self.model.shown.screen {
            Screen::Fleet => return,
            Screen::Shard | Screen::Checks => self.model.detail().is_some(),
            Screen::Plan => seen.plan.is_some(),
            Screen::Journal => seen.journal.is_some(),
            Screen::Handover => seen.handover.is_some(),
            Screen::Flags => true,
        };
        if known {
            let lines = match self.model.shown.screen {
                Screen::Shard => words::closer(&self.model),
                _ => words::screen(&self.model),
            };
            self.say_all(lines);
            self.model.shown.go(Screen::Fleet);
            // The next one who asks is told what is so then.
            let seen = &mut self.model.seen;
            (seen.shard, seen.journal, seen.handover) = (None, None, None);
        }
    }

    /// So is the section of the runbook that was asked for.
    fn tell_runbook(&mut self) {
        if self.model.panel.is_open() && self.model.seen.runbook.is_some() {
            self.say_all(runbook_section(&self.model));
            self.model.panel.close();
        }
    }

    fn begin(&mut self) {
        self.say_all(words::summary(&self.model));
        self.say("Type help for every command, status for this again, quit to leave.");
        let Some(view) = self.model.view() else {
            return;
        };
        let newest = view.events.last().map_or(0, |event| event.seq);
        let state = view.header.rollout.as_ref();
        let state = state.map(|r| (r.standing.sign, r.standing.word.clone()));
        (self.told.event, self.told.needs) = (Some(newest), view.needs_you.clone());
        self.told.state = state;
    }

    fn tell_link(&mut self) {
        let heard = match self.model.link() {
            Link::Live | Link::Connecting => Heard::Well,
            Link::Stale(_) | Link::Reconnecting(_) => Heard::Badly,
            Link::Gone | Link::Refused => Heard::Never,
        };
        if heard == self.told.heard {
            return;
        }
        self.told.heard = heard;
        match words::link(&self.model) {
            Some(line) => self.say(line),
            None => self.say("The engine is heard again."),
        }
    }

    fn tell_events(&mut self, told: u64) {
        let events = self.model.view().map_or(&[][..], |view| &view.events);
        let new: Vec<&_> = events.iter().filter(|event| event.seq > told).collect();
        let Some((first, last)) = new.first().zip(new.last()) else {
            return;
        };
        let (newest, missed) = (last.seq, first.seq - told - 1);
        let lines: Vec<String> = new.into_iter().map(words::event).collect();
        if missed > 0 {
            self.say(format!(
                "{missed} events went by too fast; journal show has them"
            ));
        }
        self.say_all(lines);
        self.told.event = Some(newest);
    }

    fn tell_state(&mut self) {
        let Some(rollout) = self.model.rollout() else {
            return;
        };
        let standing = &rollout.standing;
        let state = Some((standing.sign, standing.word.clone()));
        if state == self.told.state {
            return;
        }
        let mut lines = vec![words::state(&self.model, rollout)];
        lines.extend(words::next(&self.model, standing));
        self.say_all(lines);
        self.told.state = state;
    }

    fn tell_needs(&mut self) {
        let needs = self.model.view().map_or(&[][..], |view| &view.needs_you);
        let same = |a: &Need, b: &Need| (&a.scope, a.sign, &a.what) == (&b.scope, b.sign, &b.what);
        let lacks = |list: &[Need], need: &Need| !list.iter().any(|other| same(other, need));
        let settled = self.told.needs.iter().filter(|need| lacks(needs, need));
        let mut lines: Vec<String> = settled
            .map(|need| format!("No longer needs you: {}: {}", need.scope, need.what))
            .collect();
        let new = needs.iter().filter(|need| lacks(&self.told.needs, need));
        lines.extend(new.map(|need| words::needed(&self.model, need)));
        if !self.told.needs.is_empty() && needs.is_empty() {
            lines.push("Needs you: nothing.".into());
        }
        let needs = needs.to_vec();
        self.say_all(lines);
        self.told.needs = needs;
    }
}
