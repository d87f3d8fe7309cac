//! Which screen is shown, and where each of them stands.

use crate::base::Period;
use crate::wire::{Handover, JournalPage, Look, PlanStep, Runbook, ShardDetail, Sight};

/// The shift that the handover looks back on.
const SHIFT: Period = Period::from_ms(8 * 3_600_000);

/// The screens, in the order of their number keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// Every ring and every shard.
    #[default]
    Fleet,
    /// The shard in focus: why it moves or not.
    Shard,
    /// What the rollout runs, stop by stop.
    Plan,
    /// What the checks of the shard in focus found.
    Checks,
    /// Who reads and writes which form.
    Flags,
    /// Who did what, when, and why.
    Journal,
    /// What the next shift has to know.
    Handover,
}

impl Screen {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Fleet,
        Self::Shard,
        Self::Plan,
        Self::Checks,
        Self::Flags,
        Self::Journal,
        Self::Handover,
    ];

    /// Its name on the screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Fleet => "Fleet",
            Self::Shard => "Shard",
            Self::Plan => "Plan",
            Self::Checks => "Checks",
            Self::Flags => "Flags",
            Self::Journal => "Journal",
            Self::Handover => "Handover",
        }
    }

    fn place(self) -> usize {
        Self::ALL.iter().position(|s| *s == self).unwrap_or(0)
    }
}

/// The screen that is shown, and a cursor on each.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Which.
    pub screen: Screen,
    /// Whether the row under the cursor is open.
    pub open: bool,
    /// Which journal entries are shown.
    pub filter: String,
    cursors: [usize; 7],
}

impl Shown {
    /// The row of the screen's cursor, not more than its last.
    pub fn cursor(&self, rows: usize) -> usize {
        self.cursors[self.screen.place()].min(rows.saturating_sub(1))
    }

    /// Moves it.
    pub(in crate::cockpit) fn put(&mut self, row: usize) {
        self.cursors[self.screen.place()] = row;
    }

    /// Shows another screen.
    pub(in crate::cockpit) fn go(&mut self, screen: Screen) {
        self.screen = screen;
        self.open = false;
    }
}

/// What was seen last of what is not part of the views.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The shard that was looked at last.
    pub shard: Option<ShardDetail>,
    /// The plan.
    pub plan: Option<Vec<PlanStep>>,
    /// The journal.
    pub journal: Option<JournalPage>,
    /// The last shift.
    pub handover: Option<Handover>,
    /// The runbook; the inner `None`: the migration names none.
    pub runbook: Option<Option<Runbook>>,
}

impl Seen {
    pub(in crate::cockpit) fn take(&mut self, sight: Sight) {
        match sight {
            Sight::Shard(detail) => self.shard = Some(*detail),
            Sight::Plan(steps) => self.plan = Some(steps),
            Sight::Journal(page) => self.journal = Some(page),
            // For the one who watches over the journal, not for the screen.
            Sight::Head(_) => {}
            Sight::Handover(shift) => self.handover = Some(*shift),
            Sight::Runbook(text) => {
                self.runbook = Some(text.map(|text| Runbook::read(&text)));
            }
        }
    }
}

impl super::Model {
    /// What the screen needs that the views do not carry.
    pub(in crate::cockpit) fn wanted(&self) -> Option<Look> {
        if self.panel.is_open() && self.seen.runbook.is_none() {
            return Some(Look::Runbook);
        }
        match self.shown.screen {
            Screen::Shard | Screen::Checks => self.shard.clone().map(Look::Shard),
            Screen::Plan if self.seen.plan.is_none() => Some(Look::Plan),
            Screen::Journal => Some(Look::Journal),
            Screen::Handover => Some(Look::Handover(SHIFT)),
            Screen::Fleet | Screen::Plan | Screen::Flags => None,
        }
    }

    /// The newest look at the shard in focus.
    pub fn detail(&self) -> Option<&ShardDetail> {
        let name = self.shard.as_ref()?;
        self.seen.shard.as_ref().filter(|d| d.shard == *name)
    }
}
