//! Scenes: fleets in a known state at a fixed moment, from scenario files.
//!
//! A scene is made of the very facts a journal would hold, folded and
//! projected by the program's own code: a screen that shows one shows what it
//! would show at night. Screens, pictures and drills start from them.

mod build;
mod read;
mod step;

pub use read::SceneError;
pub use step::Step;

use crate::base::{Contacts, Digest, Period, Timestamp};
use crate::journal::Head;
use crate::rollout::{Fact, Observations, State};
use crate::wire::{FleetView, Identity, NotifyView, Source, Telemetry, project};

/// Made up, and always the same.
const SCENE_HEAD: &str = "5b1c09aa00000000000000000000000000000000000000000000000000000000";

/// As a fleet file has it that does not say.
const STALL_AFTER: Period = Period::from_ms(600_000);

/// A fleet and all that is known of it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Whose fleet.
    pub identity: Identity,
    /// Whom to call.
    pub contacts: Contacts,
    /// What the journal says.
    pub state: State,
    /// What was read off the shards.
    pub observations: Observations,
    /// What was measured.
    pub telemetry: Telemetry,
    /// The journal, with its numbers.
    pub facts: Vec<(u64, Fact)>,
    /// How telling those outside goes.
    pub notify: Vec<NotifyView>,
    /// The moment.
    pub now: Timestamp,
}

impl Scene {
    /// What a client of the engine is shown.
    pub fn view(&self) -> FleetView {
        let head = Head {
            seq: self.facts.len() as u64,
            hash: SCENE_HEAD.parse().unwrap_or(Digest::ZERO),
        };
        let source = Source {
            identity: &self.identity,
            contacts: &self.contacts,
            state: &self.state,
            observations: &self.observations,
            telemetry: &self.telemetry,
            recent: &self.facts,
            head: Some(head),
            log: None,
            stall_after: STALL_AFTER,
            notify: &self.notify,
            journal_trouble: None,
        };
        project(&source, self.now)
    }
}
