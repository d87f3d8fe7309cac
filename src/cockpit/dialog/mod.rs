//! Danger is data that must pass a question: request, measured blast radius,
//! confirm (default No), and only then an approved value.
//!
//! Nothing outside this folder can build an [`Approved`].

mod blocker;
mod measure;
mod prepare;
mod request;
mod restore;

pub use prepare::{Prepared, Target, prepare};
pub use restore::Outlook;

use super::action::{Action, Tier};
use super::keymap::Key;
use super::model::Model;
use super::msg::Effect;
use crate::base::{Period, Stop, Timestamp};
use crate::wire::{CommandEnvelope, Look, Verb, words};
use ratatui::crossterm::event::KeyCode;

/// Keys read sooner than this after a question opened were meant for what was
/// there before.
const TYPE_AHEAD: Period = Period::from_ms(250);

/// How long to wait for a count to begin before asking again.
const COUNT_AGAIN: Period = Period::from_ms(2_000);

/// Most characters of a reason.
const REASON_CHARS_MAX: usize = 200;

/// A value that a person has confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved<T>(T);

impl<T> Approved<T> {
    /// What was confirmed.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// What was confirmed, for sending.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Where the focus is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The stop to roll back to.
    To,
    /// The typed name.
    Typed,
    /// The reason.
    Reason,
    /// The safe way out.
    Cancel,
    /// The act.
    Confirm,
}

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub struct Dialog {
    /// What is asked for.
    pub action: Action,
    /// The question.
    pub title: String,
    /// What the act is called on its button.
    pub button: String,
    /// What would be hit, measured when the question opened.
    pub radius: Vec<(&'static str, Vec<String>)>,
    /// What a merge restore would give, if it is one.
    pub outlook: Option<Outlook>,
    /// Stops to roll back to, the earliest first, and the chosen one.
    pub stops: Vec<Stop>,
    /// Which of them.
    pub stop: usize,
    /// The name to type, if one must be.
    pub demanded: Option<String>,
    /// What was typed.
    pub typed: String,
    /// The reason.
    pub reason: String,
    /// Where the focus is.
    pub focus: Field,
    /// What has changed since the question opened, if anything.
    pub changed: Option<String>,
    /// What to say to the operator below the fields.
    pub hint: Option<&'static str>,
    /// Keys of the act itself: they confirm it, too.
    pub keys: Vec<Key>,
    targets: Vec<Target>,
    opened_at: Timestamp,
    count_asked_at: Option<Timestamp>,
}

/// What became of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    /// The question stays.
    Open,
    /// It was answered with No.
    Cancelled,
    /// It was answered with Yes.
    Confirmed(Vec<Approved<CommandEnvelope>>),
}

impl Dialog {
    /// Opens a question with what [`prepare`] found.
    pub fn open(model: &Model, action: Action, prepared: Prepared) -> Self {
        let focus = match prepared.demanded {
            Some(_) => Field::Typed,
            None => Field::Cancel,
        };
        let stop = prepared.stops.len().saturating_sub(1);
        Self {
            action,
            title: prepared.title,
            button: prepared.button,
            radius: measure::radius(model, action, &prepared.targets),
            outlook: outlook(model, action, &prepared.targets, model.now),
            stops: prepared.stops,
            stop,
            demanded: prepared.demanded,
            typed: String::new(),
            reason: String::new(),
            focus,
            changed: None,
            hint: None,
            keys: model.options.keymap.keys(action).collect(),
            targets: prepared.targets,
            opened_at: model.now,
            count_asked_at: None,
        }
    }

    /// A merge restore is confirmed by people who have seen what it gives:
    /// asks for the count, and again while nobody seems to have heard it.
    pub fn asks_count(&mut self, now: Timestamp) -> Vec<Effect> {
        let unasked = self.outlook.as_ref().is_some_and(|o| o.unasked > 0);
        let lately = |at: Timestamp| now.since(at) < COUNT_AGAIN;
        if !unasked || self.count_asked_at.is_some_and(lately) {
            return Vec::new();
        }
        self.count_asked_at = Some(now);
        vec![Effect::Look(Look::Restore)]
    }

    /// How much it takes.
    pub fn tier(&self) -> Tier {
        match self.demanded {
            Some(_) => Tier::Typed,
            None => self.action.item().tier,
        }
    }

    /// The fields in the order in which Tab goes round.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        if !self.stops.is_empty() {
            fields.push(Field::To);
        }
        if self.demanded.is_some() {
            fields.push(Field::Typed);
        }
        fields.extend([Field::Reason, Field::Cancel, Field::Confirm]);
        fields
    }

    /// Why it cannot be confirmed yet.
    pub fn blocked(&self) -> Option<String> {
        if let Some(changed) = &self.changed {
            return Some(changed.clone());
        }
        if let Some(outlook) = self.outlook.as_ref().filter(|o| o.open > 0) {
            let open = words::shards(outlook.open);
            return Some(format!("what it gives back is being counted on {open}"));
        }
        if let Some(demanded) = &self.demanded
            && self.typed != *demanded
        {
            return Some(format!("type {demanded} to confirm"));
        }
        if self.lacks_reason() {
            return Some(format!("{} needs a reason", self.action.item().name));
        }
        None
    }

    /// Whether the act goes on the record with a reason or not at all.
    pub fn demands_reason(&self) -> bool {
        matches!(self.action, Action::Abandon | Action::EndBlocker)
    }

    /// Whether it has none yet.
    pub fn lacks_reason(&self) -> bool {
        self.demands_reason() && self.reason.trim().is_empty()
    }

    /// Looks whether what the question shows is still so.
    pub fn recheck(&mut self, model: &Model) {
        self.outlook = outlook(model, self.action, &self.targets, self.opened_at);
        let moved = self.targets.iter().find(|target| {
            !target.verb.is_calming() && model.version_of(&target.scope) != Some(target.seen)
        });
        if let Some(target) = moved {
            self.changed = Some(format!(
                "{} has changed since this opened; cancel and look again",
                target.scope
            ));
        }
    }

    /// Pasted text is never an answer.
    pub fn paste(&mut self, text: &str) {
        if self.focus == Field::Reason {
            let room = REASON_CHARS_MAX.saturating_sub(self.reason.chars().count());
            let plain = text.chars().filter(|c| !c.is_control());
            self.reason.extend(plain.take(room));
        } else {
            self.hint = Some("paste is refused here: type it");
        }
    }

    /// Whether what was read at `at` can be meant for this question.
    pub fn hears(&self, at: Timestamp) -> bool {
        heard(self.opened_at, at)
    }

    /// Takes a key that was read at `at`.
    pub fn key(&mut self, key: Key, at: Timestamp, signer: &mut Signer<'_>) -> Answered {
        if !self.hears(at) {
            return Answered::Open;
        }
        self.hint = None;
        match (self.tier(), key) {
            (_, Key::Plain(KeyCode::Esc)) | (_, Key::Ctrl('c')) => Answered::Cancelled,
            (Tier::Line, Key::Plain(KeyCode::Char('y' | 'Y'))) => self.confirm(signer),
            (Tier::Line, _) => Answered::Cancelled,
            (_, key) => self.in_field(key, signer),
        }
    }

    fn in_field(&mut self, key: Key, signer: &mut Signer<'_>) -> Answered {
        match (key, self.focus) {
            (Key::Plain(KeyCode::Tab | KeyCode::Down), _) => self.turn(Turn::Next),
            (Key::Plain(KeyCode::BackTab | KeyCode::Up), _) => self.turn(Turn::Previous),
            (Key::Plain(KeyCode::Left), Field::To) => self.stop = self.stop.saturating_sub(1),
            (Key::Plain(KeyCode::Right), Field::To) => {
                self.stop = (self.stop + 1).min(self.stops.len().saturating_sub(1));
            }
            (Key::Plain(KeyCode::Left | KeyCode::Right), Field::Cancel) => {
                self.focus = Field::Confirm;
            }
            (Key::Plain(KeyCode::Left | KeyCode::Right), Field::Confirm) => {
                self.focus = Field::Cancel;
            }
            (Key::Plain(KeyCode::Enter), Field::Cancel) => return Answered::Cancelled,
            (Key::Plain(KeyCode::Enter), Field::Confirm) => return self.confirm(signer),
            (Key::Plain(KeyCode::Enter), _) => self.turn(Turn::Next),
            (Key::Plain(KeyCode::Backspace), Field::Typed) => drop(self.typed.pop()),
            (Key::Plain(KeyCode::Backspace), Field::Reason) => drop(self.reason.pop()),
            (key, field) => return self.letter(key, field, signer),
        }
        Answered::Open
    }

    fn letter(&mut self, key: Key, field: Field, signer: &mut Signer<'_>) -> Answered {
        let Some(letter) = key.typed() else {
            return Answered::Open;
        };
        match field {
            Field::Typed if self.typed.chars().count() < REASON_CHARS_MAX => {
                self.typed.push(letter);
            }
            Field::Reason if self.reason.chars().count() < REASON_CHARS_MAX => {
                self.reason.push(letter);
            }
            Field::Typed | Field::Reason => {}
            // The act's own capital confirms it; anything typed by mistake
            // is answered with No or with nothing.
            _ if matches!(letter, 'n' | 'N' | 'q') => return Answered::Cancelled,
            _ if self.keys.contains(&key) => return self.confirm(signer),
            _ => {}
        }
        Answered::Open
    }

    fn turn(&mut self, by: Turn) {
        let fields = self.fields();
        let place = fields.iter().position(|f| *f == self.focus).unwrap_or(0);
        let next = match by {
            Turn::Next => place + 1,
            Turn::Previous => place + fields.len() - 1,
        };
        self.focus = fields[next % fields.len()];
    }

    fn confirm(&mut self, signer: &mut Signer<'_>) -> Answered {
        if self.blocked().is_some() || signer.closed.is_some() {
            self.hint = signer.closed;
            return Answered::Open;
        }
        let to = self.stops.get(self.stop).copied();
        let approved = self.targets.iter().map(|target| {
            let verb = match (&target.verb, to) {
                (Verb::RollBack { .. }, Some(to)) => Verb::RollBack { to },
                (verb, _) => verb.clone(),
            };
            Approved(CommandEnvelope {
                key: signer.next_key(),
                actor: signer.actor.clone(),
                scope: target.scope.clone(),
                verb,
                seen: Some(target.seen),
                confirm: self.demanded.as_ref().map(|_| self.typed.clone()),
                reason: self.reason.trim().to_owned(),
            })
        });
        Answered::Confirmed(approved.collect())
    }
}

/// Whether a key that was read at `at` can be meant for a question that stands
/// since `asked`.
pub fn heard(asked: Timestamp, at: Timestamp) -> bool {
    at >= asked.after(TYPE_AHEAD)
}

fn outlook(
    model: &Model,
    action: Action,
    targets: &[Target],
    opened: Timestamp,
) -> Option<Outlook> {
    match action {
        Action::RollBack => restore::outlook(model, targets, opened),
        _ => None,
    }
}

enum Turn {
    Next,
    Previous,
}

/// Who signs an act, and under which key.
#[derive(Debug)]
pub struct Signer<'a> {
    /// Who acts.
    pub actor: &'a crate::base::Actor,
    /// Makes keys unique between cockpits.
    pub session: &'a str,
    /// Counts acts of this cockpit.
    pub acts: &'a mut u64,
    /// Why nothing can be confirmed now, if so.
    pub closed: Option<&'static str>,
}

impl Signer<'_> {
    fn next_key(&mut self) -> String {
        *self.acts += 1;
        format!("{}/{}", self.session, self.acts)
    }
}
