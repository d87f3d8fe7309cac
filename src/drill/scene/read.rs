//! Scenario files.

use super::{Scene, Step};
use crate::base::Stop;
use crate::base::{Contacts, Digest, MigrationName, RingName, ShardName, Timestamp};
use crate::fleet::Policy;
use crate::rollout::{Event, Member, Observations, Opening, Scope, State};
use crate::wire::{Identity, Telemetry};
use serde::Deserialize;

/// A scenario that cannot be read or played.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// The file is not what it should be.
    #[error("{0}")]
    File(#[from] toml::de::Error),
    /// A name that is not in the file.
    #[error("there is no {0} in this scenario")]
    Unknown(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    start_ms: u64,
    fleet: String,
    environment: String,
    production: bool,
    #[serde(default)]
    contacts: Contacts,
    rollout: String,
    migration: MigrationName,
    policy: Policy,
    route: Vec<Stop>,
    ring: Vec<Ring>,
    #[serde(default)]
    step: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ring {
    name: RingName,
    #[serde(default)]
    shards: Vec<ShardName>,
    /// So many more, numbered: `eu-0001`.
    #[serde(default)]
    more: u32,
    #[serde(default)]
    prefix: String,
}

/// Shards that live on one server in a scenario.
const INSTANCES: usize = 4;

impl Ring {
    fn members(&self) -> Vec<Member> {
        let numbered = (1..=self.more).filter_map(|n| {
            // A prefix that makes no name makes no shard; the ring is short.
            ShardName::new(format!("{}{n:04}", self.prefix)).ok()
        });
        let names = self.shards.iter().cloned().chain(numbered);
        let member = |(place, shard): (usize, ShardName)| Member {
            shard,
            instance: format!("db-{}", place % INSTANCES),
        };
        names.enumerate().map(member).collect()
    }
}

impl Scene {
    /// Reads a scenario and plays it to its end.
    ///
    /// # Errors
    /// The file is not what it should be, or names what is not in it.
    pub fn read(text: &str) -> Result<Self, SceneError> {
        let scenario: Scenario = toml::from_str(text)?;
        let mut scene = Self {
            identity: Identity {
                fleet: scenario.fleet,
                environment: scenario.environment,
                production: scenario.production,
            },
            contacts: scenario.contacts,
            state: State::default(),
            observations: Observations::default(),
            telemetry: Telemetry::default(),
            facts: Vec::new(),
            notify: Vec::new(),
            now: Timestamp(scenario.start_ms),
        };
        let opening = Opening {
            id: scenario.rollout,
            migration: scenario.migration,
            plan_digest: Digest::of("scene", &[b"plan"]),
            shard_set_digest: Digest::of("scene", &[b"shards"]),
            policy: scenario.policy,
            guards: Vec::new(),
            route: scenario.route,
            rings: scenario
                .ring
                .iter()
                .map(|ring| (ring.name.clone(), ring.members()))
                .collect(),
            instance_caps: Default::default(),
            production: scenario.production,
            waived: Vec::new(),
        };
        let opened = Event::RolloutOpened(Box::new(opening));
        scene.by("lee", Scope::Fleet, opened, "");
        for step in scenario.step {
            scene.play(step)?;
        }
        Ok(scene)
    }
}
