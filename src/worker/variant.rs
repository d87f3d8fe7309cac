//! Engine variants that are wrong on purpose.
//!
//! Each drops one rule that stops a loss. The simulator and the tests on real
//! databases run them and must turn red; a rule whose removal nobody notices
//! is not tested. Without the `broken` feature only `Correct` exists.

/// Which engine runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// The real one.
    #[default]
    Correct,
    /// Chunks do not compare the fence epoch.
    #[cfg(feature = "broken")]
    NoFenceCheck,
    /// The checkpoint is committed in a transaction of its own, first.
    #[cfg(feature = "broken")]
    CheckpointApart,
    /// An error ends a range as if it were done.
    #[cfg(feature = "broken")]
    ErrorIsDone,
    /// Work starts before its intent is in the journal.
    #[cfg(feature = "broken")]
    EffectBeforeRecord,
}

impl Variant {
    /// By the name that a test gives on the command line.
    #[cfg(feature = "broken")]
    pub fn named(name: &str) -> Option<Self> {
        match name.replace('_', "-").as_str() {
            "no-fence-check" => Some(Self::NoFenceCheck),
            "checkpoint-apart" => Some(Self::CheckpointApart),
            "error-is-done" => Some(Self::ErrorIsDone),
            "effect-before-record" => Some(Self::EffectBeforeRecord),
            _ => None,
        }
    }

    /// Whether chunks leave out the fence check.
    pub fn skips_fence(self) -> bool {
        #[cfg(feature = "broken")]
        return self == Self::NoFenceCheck;
        #[cfg(not(feature = "broken"))]
        false
    }

    /// Whether the checkpoint has a transaction of its own.
    pub fn splits_checkpoint(self) -> bool {
        #[cfg(feature = "broken")]
        return self == Self::CheckpointApart;
        #[cfg(not(feature = "broken"))]
        false
    }

    /// Whether an error counts as completion.
    pub fn takes_error_for_done(self) -> bool {
        #[cfg(feature = "broken")]
        return self == Self::ErrorIsDone;
        #[cfg(not(feature = "broken"))]
        false
    }

    /// Whether effects run ahead of their record.
    pub fn acts_before_record(self) -> bool {
        #[cfg(feature = "broken")]
        return self == Self::EffectBeforeRecord;
        #[cfg(not(feature = "broken"))]
        false
    }
}
