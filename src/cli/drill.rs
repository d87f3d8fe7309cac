//! `pilothouse drill`: repeats a simulated run.

use crate::drill::sim::{Calm, Options, Outcome, replay_line, run_traced, variant_name};
use crate::worker::Variant;
use std::fmt::Write as _;

/// Events shown of a run.
const SHOWN_MAX: usize = 200;

/// The variants that this build knows.
pub fn variants() -> Vec<Variant> {
    vec![
        Variant::Correct,
        #[cfg(feature = "broken")]
        Variant::NoFenceCheck,
        #[cfg(feature = "broken")]
        Variant::CheckpointApart,
        #[cfg(feature = "broken")]
        Variant::ErrorIsDone,
        #[cfg(feature = "broken")]
        Variant::EffectBeforeRecord,
    ]
}

/// Runs one seed again and tells what happened: the text to print and the
/// exit code (0 nothing found, 1 a promise broken, 2 no such variant here).
pub fn replay(seed: u64, variant: &str) -> (String, i32) {
    let known = variants();
    let Some(variant) = known.iter().find(|v| variant_name(**v) == variant) else {
        let names: Vec<&str> = known.iter().map(|v| variant_name(*v)).collect();
        let text = format!(
            "there is no variant {:?} in this build; it knows {}",
            variant,
            names.join(", ")
        );
        return (text, 2);
    };
    let options = Options {
        variant: *variant,
        calm: Calm::No,
    };
    let outcome = run_traced(seed, options);
    let code = i32::from(!outcome.violations.is_empty());
    (tell(&outcome, *variant), code)
}

fn tell(outcome: &Outcome, variant: Variant) -> String {
    let from = outcome.trace.len().saturating_sub(SHOWN_MAX);
    let mut text = outcome.trace[from..].join("\n");
    let ended = outcome.ended.map_or_else(
        || "not ended".to_owned(),
        |o| format!("{o:?}").to_lowercase(),
    );
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\n\nseed {}: {ended} after {} virtual ms, {} steps, {} commits, {} journal entries\njournal hash {}\n",
        outcome.seed,
        outcome.virtual_ms,
        outcome.steps,
        outcome.commits,
        outcome.facts,
        outcome.journal_hash
    );
    for (kind, times) in &outcome.faults_injected {
        let _ = writeln!(text, "  {times:>4} × {kind:?}");
    }
    if outcome.violations.is_empty() {
        text.push_str("no promise was broken\n");
    }
    for violation in &outcome.violations {
        let _ = writeln!(text, "broken promise: {violation}");
    }
    text.push_str(&replay_line(outcome.seed, variant));
    text
}
