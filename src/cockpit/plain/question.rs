//! A question of the cockpit, put and answered in lines. The dialog decides;
//! here its fields are only filled, one line each.

use super::talk::Talk;
use crate::base::Timestamp;
use crate::cockpit::action::Tier;
use crate::cockpit::dialog::{Dialog, Field};
use crate::cockpit::model::Layer;
use crate::cockpit::msg::{Effect, Msg};
use crate::cockpit::update::update;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What the next line answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The stop to roll back to.
    To,
    /// Yes or no.
    Sure,
    /// The demanded name.
    Typed,
    /// The reason.
    Reason,
    /// It could not be confirmed: yes tries again.
    Again,
}

fn is_yes(text: &str) -> bool {
    ["y", "yes"]
        .iter()
        .any(|yes| text.eq_ignore_ascii_case(yes))
}

impl Talk {
    /// The question that is open.
    pub(super) fn dialog(&self) -> Option<&Dialog> {
        match &self.model.layer {
            Some(Layer::Dialog(dialog)) => Some(dialog),
            _ => None,
        }
    }

    /// Puts a question that has just opened.
    pub(super) fn ask(&mut self) {
        let Some(dialog) = self.dialog() else {
            return;
        };
        let mut lines = vec![dialog.title.clone()];
        for (name, radius) in &dialog.radius {
            lines.extend(radius.iter().map(|line| format!("{name}: {line}")));
        }
        let step = if dialog.stops.is_empty() {
            sure(dialog)
        } else {
            Step::To
        };
        lines.into_iter().for_each(|line| self.say(line));
        self.tell_question();
        self.await_answer(step);
    }

    /// What has changed under the question since it was put.
    pub(super) fn tell_question(&mut self) {
        let Some(dialog) = self.dialog() else {
            self.told.outlook.clear();
            self.told.changed = None;
            return;
        };
        let outlook = dialog.outlook.as_ref();
        let outlook = outlook.map(|o| o.lines.clone()).unwrap_or_default();
        let changed = dialog.changed.clone();
        if outlook != self.told.outlook {
            for line in &outlook {
                self.say(format!("Gives back: {line}"));
            }
            self.told.outlook = outlook;
        }
        if changed != self.told.changed {
            if let Some(changed) = &changed {
                self.say(format!("Cannot be confirmed any more: {changed}."));
            }
            self.told.changed = changed;
        }
    }

    fn await_answer(&mut self, step: Step) {
        let Some(dialog) = self.dialog() else {
            return;
        };
        let prompt = match step {
            Step::To => {
                let stops = dialog.stops.iter().zip(1..);
                let stops: Vec<String> = stops.map(|(stop, n)| format!("{n} {stop}")).collect();
                let chosen = dialog.stops.get(dialog.stop);
                let chosen = chosen.map_or_else(String::new, ToString::to_string);
                format!(
                    "Back to the end of which stage? {}. A number or a name; an empty line means {chosen}, n cancels.",
                    stops.join(", ")
                )
            }
            Step::Sure => format!("{} y/N", dialog.title),
            Step::Typed => {
                let demanded = dialog.demanded.as_deref().unwrap_or_default();
                format!("Type {demanded} to confirm; anything else cancels.")
            }
            Step::Reason if dialog.demands_reason() => "Reason? This act needs one.".into(),
            Step::Reason => "Reason? An empty line gives none.".into(),
            Step::Again => "Try again? y/N".into(),
        };
        self.say(prompt);
        self.step = Some(step);
    }

    /// Takes a line as the answer to the step.
    pub(super) fn answer(&mut self, step: Step, text: &str, at: Timestamp) -> Vec<Effect> {
        let Some(dialog) = self.dialog() else {
            return Vec::new();
        };
        if !dialog.hears(at) {
            self.say("That was typed before the question could be read; it still stands.");
            self.await_answer(step);
            return Vec::new();
        }
        match step {
            Step::To => self.chosen(text, at),
            Step::Sure | Step::Again if !is_yes(text) => self.press(KeyCode::Esc, at),
            Step::Sure if dialog.tier() == Tier::Line => self.confirm(at),
            Step::Sure => self.go_on(Step::Reason),
            Step::Again => self.confirm(at),
            Step::Typed => self.typed(text, at),
            Step::Reason => {
                self.focus(Field::Reason, at);
                let mut effects = update(&mut self.model, Msg::Paste(text.to_owned()));
                effects.extend(self.confirm(at));
                effects
            }
        }
    }

    fn go_on(&mut self, step: Step) -> Vec<Effect> {
        self.await_answer(step);
        Vec::new()
    }

    fn chosen(&mut self, text: &str, at: Timestamp) -> Vec<Effect> {
        if ["n", "no"].iter().any(|no| text.eq_ignore_ascii_case(no)) {
            return self.press(KeyCode::Esc, at);
        }
        let Some(dialog) = self.dialog() else {
            return Vec::new();
        };
        let next = sure(dialog);
        let numbered = || text.parse::<usize>().ok()?.checked_sub(1);
        let named = || {
            dialog
                .stops
                .iter()
                .position(|stop| stop.to_string() == text)
        };
        let wanted = match text {
            "" => Some(dialog.stop),
            _ => numbered().or_else(named),
        };
        let Some(wanted) = wanted.filter(|place| *place < dialog.stops.len()) else {
            self.say(format!("There is no stage {text} to go back to."));
            return self.go_on(Step::To);
        };
        let (mut here, mut effects) = (dialog.stop, Vec::new());
        self.focus(Field::To, at);
        while here != wanted {
            let (key, to) = match here < wanted {
                true => (KeyCode::Right, here + 1),
                false => (KeyCode::Left, here - 1),
            };
            effects.extend(self.press(key, at));
            here = to;
        }
        self.await_answer(next);
        effects
    }

    fn typed(&mut self, text: &str, at: Timestamp) -> Vec<Effect> {
        let demanded = self.dialog().and_then(|dialog| dialog.demanded.clone());
        if demanded.is_some_and(|demanded| demanded != text) {
            return self.press(KeyCode::Esc, at);
        }
        self.focus(Field::Typed, at);
        let keys = text.chars().map(KeyCode::Char);
        let effects = keys.flat_map(|key| self.press(key, at)).collect();
        self.await_answer(Step::Reason);
        effects
    }

    /// Says yes. The dialog may have its reasons not to send.
    fn confirm(&mut self, at: Timestamp) -> Vec<Effect> {
        let line = self
            .dialog()
            .is_some_and(|dialog| dialog.tier() == Tier::Line);
        let key = if line {
            KeyCode::Char('y')
        } else {
            self.focus(Field::Confirm, at);
            KeyCode::Enter
        };
        let mut effects = self.press(key, at);
        let Some(dialog) = self.dialog() else {
            return effects;
        };
        let hint = dialog.hint.map(str::to_owned);
        let reason = hint.or_else(|| dialog.blocked()).unwrap_or_default();
        let (moved, needs_reason) = (dialog.changed.is_some(), dialog.lacks_reason());
        self.say(format!("Cannot be confirmed: {reason}."));
        if moved {
            effects.extend(self.press(KeyCode::Esc, at));
        } else if needs_reason {
            self.await_answer(Step::Reason);
        } else {
            self.await_answer(Step::Again);
        }
        effects
    }

    /// Goes to a field, as Tab does.
    fn focus(&mut self, field: Field, at: Timestamp) {
        let rounds = self.dialog().map_or(0, |dialog| dialog.fields().len());
        for _ in 0..rounds {
            if self.dialog().is_some_and(|dialog| dialog.focus == field) {
                return;
            }
            // Going round sends nothing.
            let _ = self.press(KeyCode::Tab, at);
        }
    }

    pub(super) fn press(&mut self, code: KeyCode, at: Timestamp) -> Vec<Effect> {
        let key = KeyEvent::new(code, KeyModifiers::NONE);
        update(&mut self.model, Msg::Key(key, at))
    }
}

fn sure(dialog: &Dialog) -> Step {
    match dialog.demanded {
        Some(_) => Step::Typed,
        None => Step::Sure,
    }
}
