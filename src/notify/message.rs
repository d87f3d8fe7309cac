//! What is told: notices, messages, and how they are written. Pure.
//!
//! Every text in them has been through [`Untrusted`]: what a database or a
//! person wrote drives no terminal that shows a message, and has a length.

use super::ledger::Group;
use crate::base::{Digest, Timestamp, Untrusted};
use crate::fleet::NotifyEvent;
use crate::wire::{Head, Header, Identity, Scope};
use serde_json::{Value, json};

/// Version of the body, field `version`. It grows when a field changes its
/// meaning or goes; new fields may come at any time.
pub const BODY_VERSION: u32 = 1;
/// Most notices in one message.
const NOTICES_MAX: usize = 50;
/// Most lines in its text.
const LINES_MAX: usize = 12;

/// One thing that needs a person, or that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The same for the same thing, also from another engine on the journal.
    pub id: String,
    /// What kind of thing.
    pub event: NotifyEvent,
    /// Over what.
    pub scope: Scope,
    /// What is wanted, or what happened.
    pub what: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// What clears it; empty where nothing has to.
    pub clears: String,
    /// Who acted, if somebody did.
    pub by: Option<String>,
}

impl Notice {
    /// Without words yet. The subject tells two things of one kind apart.
    pub(super) fn new(
        rollout: &str,
        event: NotifyEvent,
        scope: &Scope,
        (subject, since): (&str, Timestamp),
    ) -> Self {
        let scope_text = scope.to_string();
        let moment = since.0.to_string();
        let parts = [rollout, event.word(), &scope_text, subject, &moment].join("\0");
        Self {
            id: Digest::of("notice-id/1", &[parts.as_bytes()]).to_string()[..16].to_owned(),
            event,
            scope: scope.clone(),
            what: String::new(),
            why: String::new(),
            since,
            clears: String::new(),
            by: None,
        }
    }

    /// Why, since when, what clears it: one line.
    fn line(&self, state: State) -> String {
        let (what, since) = (clean(&self.what), self.since);
        let subject = format!("{}: {what}", self.scope);
        if state == State::Cleared {
            return format!("cleared: {subject}. It stood since {since}");
        }
        let when = match state {
            State::Raised => "Since",
            State::Ended | State::Cleared => "At",
        };
        let parts = [
            ("Why", clean(&self.why)),
            ("By", self.by.as_deref().map(clean).unwrap_or_default()),
            (when, since.to_string()),
            ("Clears when", clean(&self.clears)),
        ];
        let given = parts.into_iter().filter(|(_, text)| !text.is_empty());
        let given = given.map(|(word, text)| format!(". {word}: {text}"));
        subject + &given.collect::<String>()
    }

    fn json(&self, state: State) -> Value {
        json!({
            "id": self.id,
            "event": self.event.word(),
            "state": state.word(),
            "scope": self.scope.to_string(),
            "what": clean(&self.what),
            "why": clean(&self.why),
            "since": self.since.to_string(),
            "clears": clean(&self.clears),
            "by": self.by.as_deref().map(clean),
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Raised,
    Cleared,
    Ended,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Cleared => "cleared",
            Self::Ended => "ended",
        }
    }
}

/// What one of those outside is told in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Names it; the same on every try to deliver it.
    pub id: String,
    /// `pilothouse.notice`, or `pilothouse.test`.
    kind: &'static str,
    /// When it was made.
    pub at: Timestamp,
    identity: Identity,
    /// Id and migration.
    rollout: Option<(String, String)>,
    head: Option<Head>,
    group: Group,
    /// A sentence of its own.
    says: String,
}

impl Message {
    /// For one of those outside.
    pub fn new(name: &str, header: &Header, group: Group, at: Timestamp) -> Self {
        let rollout = header.rollout.as_ref();
        Self {
            id: message_id(name, &group, at),
            kind: "pilothouse.notice",
            at,
            identity: header.identity.clone(),
            rollout: rollout.map(|r| (r.id.clone(), r.migration.to_string())),
            head: header.head,
            group,
            says: String::new(),
        }
    }

    fn notices(&self) -> impl Iterator<Item = (State, &Notice)> {
        let raised = self.group.raised.iter().map(|n| (State::Raised, n));
        let ended = self.group.ended.iter().map(|n| (State::Ended, n));
        let cleared = self.group.cleared.iter().map(|n| (State::Cleared, n));
        raised.chain(ended).chain(cleared)
    }

    /// As people read it, line by line.
    pub fn text(&self) -> String {
        let Identity {
            fleet,
            environment,
            production,
        } = &self.identity;
        let production = match production {
            true => ", PRODUCTION",
            false => "",
        };
        let mut lines = vec![clean(&format!("{fleet} ({environment}{production})"))];
        if !self.says.is_empty() {
            lines.push(clean(&self.says));
        }
        lines.extend(
            self.notices()
                .take(LINES_MAX)
                .map(|(s, n)| format!("- {}", n.line(s))),
        );
        let more = self.notices().count().saturating_sub(LINES_MAX);
        if more > 0 {
            lines.push(format!("and {more} more; `pilothouse status` lists them"));
        }
        let rollout = self.rollout.as_ref().map(|(id, _)| format!("rollout {id}"));
        let head = self.head.as_ref();
        let head = head.map(|h| format!("journal head {} {}", h.seq, h.hash.short()));
        let foot: Vec<String> = rollout.into_iter().chain(head).collect();
        if !foot.is_empty() {
            lines.push(clean(&foot.join(", ")));
        }
        lines.join("\n")
    }

    /// The JSON of webhooks and commands; `docs/notifications.md` has its
    /// fields.
    pub fn body(&self) -> Vec<u8> {
        let notices: Vec<Value> = self
            .notices()
            .take(NOTICES_MAX)
            .map(|(state, notice)| notice.json(state))
            .collect();
        let left_off = self.notices().count().saturating_sub(NOTICES_MAX);
        let (rollout, migration) = self.rollout.clone().unzip();
        let head = self.head.as_ref();
        let body = json!({
            "type": self.kind,
            "version": BODY_VERSION,
            "timestamp": self.at.to_string(),
            "data": {
                "id": self.id,
                "fleet": self.identity.fleet,
                "environment": self.identity.environment,
                "production": self.identity.production,
                "rollout": rollout,
                "migration": migration,
                "journal_head": head.map(|h| json!({"seq": h.seq, "hash": h.hash.short()})),
                "text": self.text(),
                "notices": notices,
                "left_off": left_off,
            },
        });
        body.to_string().into_bytes()
    }

    /// The JSON that Slack and its like take. `&`, `<` and `>` would begin
    /// links and calls to everybody there.
    pub fn slack(&self) -> Vec<u8> {
        let text = self.text();
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let text = text.replace('>', "&gt;");
        json!({ "text": text }).to_string().into_bytes()
    }
}

/// What an operator sends to see whether it arrives.
pub fn test_message(name: &str, identity: Identity, at: Timestamp) -> Message {
    Message {
        id: message_id(name, &Group::default(), at),
        kind: "pilothouse.test",
        at,
        identity,
        rollout: None,
        head: None,
        group: Group::default(),
        says: format!("this is a test of {name}; nobody needs to do anything"),
    }
}

fn message_id(name: &str, group: &Group, at: Timestamp) -> String {
    let all = [&group.raised, &group.ended, &group.cleared];
    let ids: Vec<&str> = all
        .iter()
        .flat_map(|l| l.iter().map(|n| n.id.as_str()))
        .collect();
    let moment = at.0.to_string();
    let parts = [name, &moment, &ids.join(" ")].join("\0");
    let digest = Digest::of("message-id/1", &[parts.as_bytes()]).to_string();
    format!("msg_{}", &digest[..32])
}

fn clean(text: &str) -> String {
    Untrusted::new(text).to_string()
}
