//! Every action, once: help, footer, menu and command line come from here.

use super::keymap::Key;
use ratatui::crossterm::event::KeyCode;

/// Everything an operator can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the words are in ACTIONS, for people and programs alike"
)]
pub enum Action {
    Down,
    Up,
    First,
    Last,
    PageDown,
    PageUp,
    NextPane,
    Open,
    Back,
    MarkShard,
    Filter,
    Sort,
    CommandLine,
    Palette,
    Undo,
    Menu,
    Needs,
    ShowFleet,
    ShowShard,
    ShowPlan,
    ShowChecks,
    ShowFlags,
    ShowJournal,
    ShowHandover,
    Runbook,
    RunbookDown,
    RunbookUp,
    Promote,
    Hold,
    Release,
    Pause,
    Resume,
    Retry,
    RollBack,
    ThrottleUp,
    ThrottleDown,
    Abort,
    Abandon,
    EndBlocker,
    Ask,
    Approve,
    Reject,
    Withdraw,
    CancelPromotion,
    Freeze,
    Copy,
    Mouse,
    Theme,
    Help,
    Suspend,
    Quit,
    QuitNow,
}

/// How much it takes to do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// It changes the view only.
    Look,
    /// Reversible: one line, y or N.
    Line,
    /// A dialog with its blast radius, default No.
    Dialog,
    /// A dialog and a typed name.
    Typed,
}

/// One action with everything that is said about it.
#[derive(Debug)]
pub struct Item {
    /// Which.
    pub action: Action,
    /// Its name on the command line and in the menu.
    pub name: &'static str,
    /// What it does, one sentence.
    pub doc: &'static str,
    /// Direct keys, unless a person's own keymap says otherwise.
    pub keys: &'static [Key],
    /// Its letter in the operations menu.
    pub menu: Option<char>,
    /// How much it takes.
    pub tier: Tier,
}

impl Item {
    /// Whether it changes anything outside the screen.
    pub fn mutates(&self) -> bool {
        self.tier != Tier::Look
    }
}

const fn key(c: char) -> Key {
    Key::Plain(KeyCode::Char(c))
}

const fn code(code: KeyCode) -> Key {
    Key::Plain(code)
}

const fn look(action: Action, name: &'static str, keys: &'static [Key], doc: &'static str) -> Item {
    Item {
        action,
        name,
        doc,
        keys,
        menu: None,
        tier: Tier::Look,
    }
}

const fn act(
    (action, name): (Action, &'static str),
    tier: Tier,
    keys: &'static [Key],
    menu: char,
    doc: &'static str,
) -> Item {
    Item {
        action,
        name,
        doc,
        keys,
        menu: Some(menu),
        tier,
    }
}

use Action as A;
use KeyCode as C;

/// The one list.
pub const ACTIONS: &[Item] = &[
    look(A::Down, "down", &[key('j'), code(C::Down)], "One row down."),
    look(A::Up, "up", &[key('k'), code(C::Up)], "One row up."),
    look(
        A::First,
        "first",
        &[key('g'), code(C::Home)],
        "To the first row.",
    ),
    look(
        A::Last,
        "last",
        &[key('G'), code(C::End)],
        "To the last row.",
    ),
    look(
        A::PageDown,
        "page down",
        &[Key::Ctrl('d'), code(C::PageDown)],
        "Ten rows down.",
    ),
    look(
        A::PageUp,
        "page up",
        &[Key::Ctrl('u'), code(C::PageUp)],
        "Ten rows up.",
    ),
    look(
        A::NextPane,
        "pane",
        &[code(C::Tab)],
        "Between rings and shards; or the next shard.",
    ),
    look(
        A::Open,
        "open",
        &[code(C::Enter)],
        "Look closer: the shard, the ring, the row.",
    ),
    look(
        A::Back,
        "back",
        &[code(C::Esc)],
        "Close; or clear marks, then the filter.",
    ),
    look(A::ShowFleet, "fleet", &[key('1')], "Every ring and shard."),
    look(
        A::ShowShard,
        "shard",
        &[key('2')],
        "Why it moves or not: signals, locks, trends.",
    ),
    look(
        A::ShowPlan,
        "plan",
        &[key('3')],
        "What is run, stage by stage, and undone.",
    ),
    look(
        A::ShowChecks,
        "checks",
        &[key('4')],
        "What the checks of the shard found.",
    ),
    look(
        A::ShowFlags,
        "flags",
        &[key('5')],
        "Who uses the new form, who has seen it.",
    ),
    look(
        A::ShowJournal,
        "journal",
        &[key('6')],
        "Who did what, when, and why.",
    ),
    look(
        A::ShowHandover,
        "handover",
        &[key('7')],
        "What the next shift has to know.",
    ),
    look(
        A::Runbook,
        "runbook",
        &[key('r')],
        "The runbook where it speaks of the focus.",
    ),
    look(
        A::RunbookDown,
        "runbook down",
        &[key(']')],
        "Read on in the runbook.",
    ),
    look(
        A::RunbookUp,
        "runbook up",
        &[key('[')],
        "Read back in the runbook.",
    ),
    look(
        A::MarkShard,
        "mark",
        &[key(' ')],
        "Mark the shard; acts then mean all marked.",
    ),
    look(
        A::Filter,
        "filter",
        &[key('/')],
        "ring: stage: is: instance: lag>5s text !not",
    ),
    look(A::Sort, "sort", &[key('s')], "Another order of the shards."),
    look(
        A::CommandLine,
        "command",
        &[key(':')],
        "Type an act: pause early, retry eu-05.",
    ),
    look(
        A::Palette,
        "palette",
        &[Key::Ctrl('p')],
        "Find any command by a few letters.",
    ),
    look(
        A::Undo,
        "undo",
        &[key('u')],
        "Propose the inverse of your last act.",
    ),
    look(
        A::Needs,
        "needs",
        &[key('n')],
        "Everything that needs you; Enter goes there.",
    ),
    look(
        A::Menu,
        "operations",
        &[key('x')],
        "The menu of all that changes something.",
    ),
    act(
        (A::Promote, "promote"),
        Tier::Dialog,
        &[key('P')],
        'P',
        "Admit the ring to its next stage, once.",
    ),
    act(
        (A::Hold, "hold"),
        Tier::Line,
        &[key('H')],
        'H',
        "Work ends its stage; the next stays closed.",
    ),
    act(
        (A::Release, "release"),
        Tier::Line,
        &[],
        'l',
        "Open a held ring or fleet again.",
    ),
    act(
        (A::Pause, "pause"),
        Tier::Line,
        &[],
        'p',
        "Stop work; triggers stay, guards stay armed.",
    ),
    act(
        (A::Resume, "resume"),
        Tier::Line,
        &[],
        'r',
        "Let paused work go on.",
    ),
    act(
        (A::Retry, "retry"),
        Tier::Dialog,
        &[key('R')],
        'R',
        "Failed shards: the same step again.",
    ),
    act(
        (A::RollBack, "roll back"),
        Tier::Dialog,
        &[key('B')],
        'B',
        "Undo to the end of an earlier stage.",
    ),
    act(
        (A::ThrottleUp, "throttle up"),
        Tier::Line,
        &[],
        '+',
        "Raise the cap of rows per second by half.",
    ),
    act(
        (A::ThrottleDown, "throttle down"),
        Tier::Line,
        &[],
        '-',
        "Lower the cap of rows per second by a third.",
    ),
    act(
        (A::Abort, "abort"),
        Tier::Typed,
        &[],
        'A',
        "Roll everything back and end the rollout.",
    ),
    act(
        (A::Abandon, "abandon"),
        Tier::Typed,
        &[],
        'N',
        "While aborting: give up a shard.",
    ),
    act(
        (A::EndBlocker, "end blocker"),
        Tier::Dialog,
        &[],
        'e',
        "End the session that others wait for.",
    ),
    act(
        (A::Ask, "ask for approval"),
        Tier::Line,
        &[],
        'q',
        "Ask others to approve the ring's next stage.",
    ),
    act(
        (A::Approve, "approve"),
        Tier::Dialog,
        &[key('A')],
        'v',
        "Approve what somebody else asked for.",
    ),
    act(
        (A::Reject, "reject"),
        Tier::Dialog,
        &[],
        'j',
        "Say no to what somebody else asked for.",
    ),
    act(
        (A::Withdraw, "withdraw"),
        Tier::Line,
        &[],
        'w',
        "Take back what you asked for yourself.",
    ),
    act(
        (A::CancelPromotion, "cancel"),
        Tier::Line,
        &[],
        'c',
        "Take a scheduled promotion back.",
    ),
    look(
        A::Freeze,
        "freeze",
        &[key('z')],
        "Freeze the view only; work goes on.",
    ),
    look(
        A::Copy,
        "copy",
        &[key('y')],
        "Copy what is in focus (OSC 52).",
    ),
    look(
        A::Mouse,
        "mouse",
        &[],
        "Hear the mouse, or leave it to the terminal.",
    ),
    look(A::Theme, "theme", &[], "Change the colours: theme light."),
    look(
        A::Help,
        "help",
        &[key('?')],
        "Every action, its keys, and what it does.",
    ),
    look(
        A::Suspend,
        "suspend",
        &[Key::Ctrl('z')],
        "Back to the shell; fg returns.",
    ),
    look(
        A::Quit,
        "quit",
        &[key('q')],
        "Back out one level, then leave.",
    ),
    look(
        A::QuitNow,
        "quit now",
        &[key('Q'), Key::Ctrl('c')],
        "Leave at once; committed work stays.",
    ),
];

impl Action {
    /// Its entry in the list.
    pub fn item(self) -> &'static Item {
        let found = ACTIONS.iter().find(|item| item.action == self);
        // A test holds that every action is listed; help is harmless.
        found.unwrap_or(&ACTIONS[0])
    }
}
