//! `Check` steps other than preflight.

use super::act::is_true;
use super::dialect::work::Work;
use super::file::Place;
use crate::worker::{CallError, Check, CheckVerdict, ErrorKind};
use sqlx::SqliteConnection;

/// Runs the migration's own invariants.
pub(super) async fn invariants(
    conn: &mut SqliteConnection,
    work: &Work,
) -> Result<Vec<Check>, CallError> {
    let mut checks = Vec::new();
    for invariant in &work.invariants {
        let holds = match is_true(conn, &invariant.sql).await {
            Ok(holds) => holds,
            Err(error) if error.kind == ErrorKind::Refused => {
                checks.push(Check::new(
                    format!("invariant/{}", invariant.name),
                    CheckVerdict::Fail,
                    error.message,
                    "a statement that SQLite can run",
                    "correct the invariant in the migration file",
                ));
                continue;
            }
            Err(error) => return Err(error),
        };
        let (verdict, value) = if holds {
            (CheckVerdict::Pass, "true")
        } else {
            (CheckVerdict::Fail, "false")
        };
        checks.push(Check::new(
            format!("invariant/{}", invariant.name),
            verdict,
            value,
            "true",
            "find the rows that break it and mend what wrote them",
        ));
    }
    Ok(checks)
}

/// Whether every live client has left the old form. SQLite keeps no list of
/// sessions, so the flag's own word is all there is.
pub(super) async fn quiet(place: &Place) -> Vec<Check> {
    const NAME: &str = "retire/old_clients_quiet";
    const REMEDY: &str = "wait for these clients, or stop them";
    let check = match place.flags.seen(&place.name, 100).await {
        Err(fault) => Check::new(
            NAME,
            CheckVerdict::Wait,
            fault.to_string(),
            "an answer",
            REMEDY,
        ),
        Ok(seen) if seen.behind.is_empty() => Check::new(
            NAME,
            CheckVerdict::Pass,
            format!("{} clients, all at 100 %", seen.clients),
            "every live client at 100 %",
            "",
        ),
        Ok(seen) => Check::new(
            NAME,
            CheckVerdict::Wait,
            format!("not yet at 100 %: {}", seen.behind.join(", ")),
            "every live client at 100 %",
            REMEDY,
        ),
    };
    vec![check]
}
