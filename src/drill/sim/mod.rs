//! The deterministic simulator: the real heart and the real workers, a fleet
//! of simulated shards, one virtual clock, one queue of events, one seed.
//!
//! Must not read a clock or a random source, start a thread or perform I/O:
//! the same seed gives the same journal, on every machine.

mod drive;
mod engine;
mod fault;
mod heal;
mod journal;
mod oracle;
mod person;
mod post;
mod process;
mod shape;
mod strike;
mod world;

use crate::base::Digest;
use crate::rollout;
use crate::worker::Variant;
use std::collections::BTreeMap;
use std::fmt;

pub use fault::FaultKind;

/// What is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Which engine.
    pub variant: Variant,
    /// No faults, no operators: a calm day.
    pub calm: Calm,
}

/// Whether faults and operators take part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calm {
    /// Everything the seed says.
    #[default]
    No,
    /// Nothing goes wrong and nobody interferes.
    Yes,
}

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise, for example `I3`.
    pub promise: &'static str,
    /// What was seen.
    pub what: String,
    /// Virtual milliseconds since the start.
    pub at_ms: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} ms: {}", self.promise, self.at_ms, self.what)
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Hash over every fact of the journal, in order.
    pub journal_hash: Digest,
    /// Promises that did not hold; the first one ends the run.
    pub violations: Vec<Violation>,
    /// How often each kind of fault really happened.
    pub faults_injected: BTreeMap<FaultKind, u64>,
    /// Other things worth counting, by name: orders taken, outcomes, findings.
    pub marks: BTreeMap<String, u64>,
    /// Events worked through.
    pub steps: u64,
    /// Facts in the journal.
    pub facts: usize,
    /// Transactions committed on all shards.
    pub commits: u64,
    /// Virtual milliseconds.
    pub virtual_ms: u64,
    /// How the rollout ended, if it did.
    pub ended: Option<rollout::Outcome>,
    /// The newest events, oldest first, for people.
    pub trace: Vec<String>,
}

/// Runs one seed. A run that broke a promise is run once more, to tell how.
pub fn run(seed: u64, options: Options) -> Outcome {
    let outcome = world::World::new(seed, options).run();
    if outcome.violations.is_empty() {
        return outcome;
    }
    run_traced(seed, options)
}

/// Runs one seed and keeps its newest events, whatever comes of it.
pub fn run_traced(seed: u64, options: Options) -> Outcome {
    world::World::new(seed, options).traced().run()
}

/// The line that repeats a failing run.
pub fn replay_line(seed: u64, variant: Variant) -> String {
    let variant = match variant_name(variant) {
        "correct" => String::new(),
        name => format!(" --variant {name}"),
    };
    format!("replay: cargo run -- drill replay {seed}{variant}")
}

/// A variant's name on the command line.
pub fn variant_name(variant: Variant) -> &'static str {
    match variant {
        Variant::Correct => "correct",
        #[cfg(feature = "broken")]
        Variant::NoFenceCheck => "no-fence-check",
        #[cfg(feature = "broken")]
        Variant::CheckpointApart => "checkpoint-apart",
        #[cfg(feature = "broken")]
        Variant::ErrorIsDone => "error-is-done",
        #[cfg(feature = "broken")]
        Variant::EffectBeforeRecord => "effect-before-record",
    }
}
