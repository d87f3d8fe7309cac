//! Codes of our own refusals and errors: the one table, the same on every
//! kind of database. Codes of a database (SQLSTATEs) stand beside them as
//! they are.

/// A statement wrote the new form while the old one is the truth.
pub const NEW_TOO_EARLY: &str = "PH001";
/// A statement wrote the old form while the new one is the truth.
pub const OLD_TOO_LATE: &str = "PH002";
/// A statement wrote both forms and they do not agree.
pub const FORMS_DISAGREE: &str = "PH003";
/// Dual write was off while both forms were written: nothing is proved.
pub const DUAL_WRITE_WAS_OFF: &str = "PH010";
/// Another database, another rollout or another plan.
pub const NOT_OURS: &str = "PH011";
/// A comparison found wrong rows.
pub const ROWS_WRONG: &str = "PH012";
/// Dual write is not as we left it: nothing is finished on top of that.
pub const DUAL_WRITE_BROKEN: &str = "PH013";
/// Nothing is dropped without a valid proof.
pub const NO_PROOF: &str = "PH014";
/// Something of that name is there and is not ours.
pub const NAME_TAKEN: &str = "PH016";
/// Our tables cannot go while dual write needs them.
pub const STILL_ARMED: &str = "PH017";
/// The fence holds another epoch.
pub const FENCED: &str = "PH020";
/// The fence row is gone.
pub const FENCE_GONE: &str = "PH021";
/// A newer version of this program has written our tables.
pub const NEWER_TABLES: &str = "PH022";
/// The plan has no such step, check or row job.
pub const UNKNOWN_STEP: &str = "PH023";
/// Ranges or chunk log do not cover the table.
pub const GAP: &str = "PH024";
/// The range is not there, or void: it has to be cut again.
pub const RANGE_GONE: &str = "PH025";
/// The comparison gave no digest.
pub const NO_DIGEST: &str = "PH026";
/// An older engine's statement still runs.
pub const OLDER_STATEMENT: &str = "PH028";
/// The flag cannot be read or set.
pub const FLAG: &str = "PH030";
/// A finding that no journal takes, for example one of megabytes.
pub const UNRECORDABLE: &str = "PH031";
/// What a shard keeps of a rollout holds what is never written there.
pub const RECORD_SPOILED: &str = "PH033";
/// The engine's own driver of a shard broke.
pub const DRIVER_BROKE: &str = "PH032";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_has_two_meanings() {
        let all = [
            NEW_TOO_EARLY,
            OLD_TOO_LATE,
            FORMS_DISAGREE,
            DUAL_WRITE_WAS_OFF,
            NOT_OURS,
            ROWS_WRONG,
            DUAL_WRITE_BROKEN,
            NO_PROOF,
            NAME_TAKEN,
            STILL_ARMED,
            FENCED,
            FENCE_GONE,
            NEWER_TABLES,
            UNKNOWN_STEP,
            GAP,
            RANGE_GONE,
            NO_DIGEST,
            OLDER_STATEMENT,
            FLAG,
            UNRECORDABLE,
            DRIVER_BROKE,
            RECORD_SPOILED,
        ];
        let different: std::collections::BTreeSet<&str> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
