//! Roles: what a piece of text is. A theme gives each a look; none is named
//! after a place on the screen.

use crate::wire::Sign;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// What is read.
    Text,
    /// What may be overlooked.
    Muted,
    /// Heads and names.
    Title,
    /// Lines around things.
    Border,
    /// Lines around what has the keys.
    BorderFocus,
    /// The row or the button in focus.
    Selection,
    /// What was marked.
    Mark,
    /// A key that does something.
    Key,
    /// What is being typed.
    Input,
    /// What a filter found.
    Match,
    /// Bars and charts.
    Accent,
    /// As it should be.
    Ok,
    /// At work.
    Running,
    /// Not its turn yet.
    NotYet,
    /// Needs a person.
    Waiting,
    /// Held by a rule.
    Held,
    /// Paused by a person.
    Paused,
    /// Throttled, near a limit.
    Warn,
    /// Failed, over a limit.
    Fail,
    /// Rolling back, rolled back.
    RolledBack,
    /// Unknown, or too old to trust.
    Stale,
    /// A question about something dangerous.
    Danger,
    /// Production.
    Prod,
    /// Nothing can be changed from here.
    ReadOnly,
}

impl Role {
    /// Every role, in the order of the theme files.
    pub const ALL: [Self; 24] = [
        Self::Text,
        Self::Muted,
        Self::Title,
        Self::Border,
        Self::BorderFocus,
        Self::Selection,
        Self::Mark,
        Self::Key,
        Self::Input,
        Self::Match,
        Self::Accent,
        Self::Ok,
        Self::Running,
        Self::NotYet,
        Self::Waiting,
        Self::Held,
        Self::Paused,
        Self::Warn,
        Self::Fail,
        Self::RolledBack,
        Self::Stale,
        Self::Danger,
        Self::Prod,
        Self::ReadOnly,
    ];

    /// Its name in theme files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Muted => "muted",
            Self::Title => "title",
            Self::Border => "border",
            Self::BorderFocus => "border_focus",
            Self::Selection => "selection",
            Self::Mark => "mark",
            Self::Key => "key",
            Self::Input => "input",
            Self::Match => "match",
            Self::Accent => "accent",
            Self::Ok => "ok",
            Self::Running => "running",
            Self::NotYet => "not_yet",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Paused => "paused",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::RolledBack => "rolled_back",
            Self::Stale => "stale",
            Self::Danger => "danger",
            Self::Prod => "prod",
            Self::ReadOnly => "read_only",
        }
    }

    /// The role of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    pub(super) fn place(self) -> usize {
        // Roles are listed in the order of their declaration; a test holds it.
        self as usize
    }
}

impl From<Sign> for Role {
    fn from(sign: Sign) -> Self {
        match sign {
            Sign::NotYet => Self::NotYet,
            Sign::Running | Sign::Partly => Self::Running,
            Sign::Done => Self::Ok,
            Sign::NeedsHuman => Self::Waiting,
            Sign::Held => Self::Held,
            Sign::Paused => Self::Paused,
            Sign::Throttled => Self::Warn,
            Sign::Failed => Self::Fail,
            Sign::Unknown => Self::Stale,
            Sign::RolledBack => Self::RolledBack,
        }
    }
}
