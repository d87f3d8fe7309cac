//! Everything the view reads.

mod filter;
mod history;
mod link;
mod order;
mod panel;
mod rows;
mod screen;

pub use history::{History, SAMPLE, Sample};
pub use link::{Link, Lost};
pub use order::Order;
pub use panel::Panel;
pub use rows::FleetRow;
pub use screen::{Screen, Seen, Shown};

use super::dialog::{Approved, Dialog};
use super::glyphs::GlyphSet;
use super::keymap::Keymap;
use super::msg::{Attention, Switch};
use super::theme::{Depth, Library, Theme};
use crate::base::{Actor, ShardName, Timestamp};
use crate::wire::{CommandEnvelope, Company, FleetView, RolloutView, Scope, Sign, Verb};
use ratatui::layout::Size;
use std::collections::{BTreeMap, BTreeSet};

/// Fixed for the life of a cockpit.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who acts.
    pub actor: Actor,
    /// Makes keys of acts unique between cockpits.
    pub session: String,
    /// Which characters may be drawn.
    pub glyphs: GlyphSet,
    /// How much colour there is.
    pub depth: Depth,
    /// Every theme.
    pub themes: Library,
    /// The one that is used.
    pub theme: String,
    /// Which key does what.
    pub keymap: Keymap,
    /// What was wrong with the person's own files.
    pub warnings: Vec<String>,
    /// What leaving does to the engine.
    pub leaving: Leaving,
    /// What a newcomer should press first.
    pub welcome: Vec<String>,
}

/// What leaving a cockpit does to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It is in this process, and stops; how one goes on from there.
    StopsTheEngine(&'static str),
    /// It goes on.
    LeavesTheEngine,
}

/// The cockpit's whole state.
#[derive(Clone, Debug)]
pub struct Model {
    /// Fixed.
    pub options: Options,
    /// How everything looks; a preview while one is being chosen.
    pub theme: Theme,
    /// The newest view.
    pub live: Option<FleetView>,
    /// Number of the stream message it stands at.
    pub seq: u64,
    /// A message is missing: everything was asked for again.
    pub resync: Option<Timestamp>,
    /// When the engine was last heard.
    pub heard_at: Option<Timestamp>,
    /// The way to the engine is cut.
    pub lost: Option<Lost>,
    /// What the engine shows must not be believed, and why.
    pub refused: Option<String>,
    /// The engine is gone for good.
    pub gone: bool,
    /// Who else is attached, if there is a server that knows.
    pub company: Option<Company>,
    /// The view that stands still, if it does.
    pub frozen: Option<Box<Frozen>>,
    /// The moment.
    pub now: Timestamp,
    /// Which pane has the keys.
    pub pane: Pane,
    /// Row of the ring pane: the fleet, or a ring by its name.
    pub ring: FleetRow,
    /// The shard in focus, by its name: rows may move under it.
    pub shard: Option<ShardName>,
    /// Marked shards.
    pub marks: BTreeSet<ShardName>,
    /// Which shards are shown.
    pub filter: String,
    /// In which order.
    pub order: Order,
    /// Whether somebody looks at the terminal.
    pub attention: Attention,
    /// Whether the mouse is heard.
    pub mouse: Switch,
    /// The first words, until the first key.
    pub welcome: Vec<String>,
    /// What lies over the fleet screen and gets keys first.
    pub layer: Option<Layer>,
    /// Acts without an answer.
    pub pending: Vec<Pending>,
    /// What of the last act of this cockpit was accepted.
    pub acted: Option<Done>,
    /// The newest word to the operator.
    pub status: Option<Status>,
    /// Which screen is shown.
    pub shown: Shown,
    /// What was seen last besides the views.
    pub seen: Seen,
    /// The runbook beside the screen.
    pub panel: Panel,
    /// How large the terminal is.
    pub size: Size,
    /// When it was asked for.
    pub looked_at: Option<Timestamp>,
    /// The last minutes.
    pub history: History,
    pub(super) ranks: Vec<Option<order::Rank>>,
    pub(super) visible: Vec<usize>,
    pub(super) places: BTreeMap<ShardName, usize>,
    pub(super) acts: u64,
    pub(super) calls: Calls,
    pub(super) row_before: Option<usize>,
}

/// A view that stands still.
#[derive(Clone, Debug, PartialEq)]
pub struct Frozen {
    /// What it shows.
    pub view: FleetView,
    /// Since when.
    pub at: Timestamp,
}

/// Panes that can have the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// The flight plan: the fleet and its rings.
    Rings,
    /// The table of shards.
    Shards,
}

/// What lies over the fleet screen.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// Every action, from this line on.
    Help(u16),
    /// The operations menu, with its cursor.
    Menu(usize),
    /// Everything that needs a person, with its cursor.
    Needs(usize),
    /// A typed command.
    Command(String),
    /// Commands by a few letters, and which of them is chosen.
    Palette(String, usize),
    /// A filter while it is typed.
    Filter {
        /// What it was before.
        before: String,
        /// The shard that had the focus: hidden by half a word, it has it
        /// again as soon as it is shown.
        focus: Option<ShardName>,
    },
    /// Why the thing in focus moves or not.
    Detail,
    /// Whether to leave while something is under way; since when it is asked.
    Leave(Timestamp),
    /// A question.
    Dialog(Box<Dialog>),
}

/// An act without an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// What was sent.
    pub approved: Approved<CommandEnvelope>,
    /// When, the last time.
    pub sent_at: Timestamp,
    /// How often.
    pub times: u32,
    /// Number of the question that all of it was confirmed with.
    pub question: u64,
}

/// What was accepted of one question: `u` takes all of it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Its number.
    pub question: u64,
    /// What.
    pub verb: Verb,
    /// Over what.
    pub scopes: Vec<Scope>,
}

/// Whom we have called for what, while nobody looked.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    pub(super) at: Option<Timestamp>,
    /// What was seen, or called for.
    pub(super) known: Vec<(Scope, Sign)>,
    /// Called because the engine is not heard.
    pub(super) silence: bool,
}

/// One word to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How grave it is.
    pub level: Level,
    /// What.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// How grave a status is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For information.
    Note,
    /// Done.
    Good,
    /// Not done.
    Bad,
}

impl Model {
    /// Before the first message.
    pub fn new(options: Options, now: Timestamp) -> Self {
        let loaded = options.themes.load(&options.theme, options.depth);
        let mut model = Self {
            welcome: options.welcome.clone(),
            options,
            theme: loaded.theme,
            live: None,
            seq: 0,
            resync: None,
            heard_at: None,
            lost: None,
            refused: None,
            gone: false,
            company: None,
            frozen: None,
            now,
            pane: Pane::Shards,
            ring: FleetRow::Fleet,
            shard: None,
            marks: BTreeSet::new(),
            filter: String::new(),
            order: Order::default(),
            attention: Attention::Here,
            mouse: Switch::Off,
            layer: None,
            pending: Vec::new(),
            acted: None,
            status: None,
            shown: Shown::default(),
            seen: Seen::default(),
            panel: Panel::default(),
            size: Size::new(80, 24),
            looked_at: None,
            history: History::default(),
            ranks: Vec::new(),
            visible: Vec::new(),
            places: BTreeMap::new(),
            acts: 0,
            calls: Calls::default(),
            row_before: None,
        };
        let own = model.options.warnings.clone();
        let mut warnings = own.into_iter().chain(loaded.warnings);
        if let Some(first) = warnings.next() {
            let text = match warnings.count() {
                0 => first,
                more => format!("{first} (and {more} more in your own files)"),
            };
            model.say(Level::Bad, text);
        }
        model
    }

    /// Shows a theme without choosing it.
    pub(super) fn preview(&mut self, name: &str) {
        if self.theme.name != name {
            let loaded = self.options.themes.load(name, self.options.depth);
            self.theme = loaded.theme;
        }
    }

    /// The view on the screen: the frozen one, or the newest.
    pub fn view(&self) -> Option<&FleetView> {
        match &self.frozen {
            Some(frozen) => Some(&frozen.view),
            None => self.live.as_ref(),
        }
    }

    /// The rollout on the screen.
    pub fn rollout(&self) -> Option<&RolloutView> {
        self.view()?.header.rollout.as_ref()
    }

    pub(super) fn say(&mut self, level: Level, text: impl Into<String>) {
        self.status = Some(Status {
            level,
            text: text.into(),
            at: self.now,
        });
    }
}
