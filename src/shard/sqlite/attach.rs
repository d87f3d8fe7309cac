//! Looking at a file, taking it over, and keeping the registry.

use super::dialect::trigger::Authority;
use super::dialect::{ddl, work::Work};
use super::failure::refused;
use super::file::Place;
use super::install::{self, stop_literal, write_registry};
use super::statement::run;
use super::{catalog, intact, receipt};
use crate::base::{Stage, Stop, code, quote_literal};
use crate::worker::{CallError, RowJobKind, Sighting};
use sqlx::SqliteConnection;

/// Looks. Before we are installed a file is known by its path, afterwards by
/// the random identity in our table; a journal that knows only the path is
/// told the identity.
pub(super) async fn look(
    conn: &mut SqliteConnection,
    place: &Place,
    pin: Option<&str>,
) -> Result<Sighting, CallError> {
    let by_path = place.path_pin();
    let Some(fence) = install::fence(conn).await? else {
        check_pin(pin, &[&by_path])?;
        return Ok(Sighting {
            pin: by_path,
            ..Sighting::default()
        });
    };
    let by_identity = format!("sqlite:{}", fence.identity);
    check_pin(pin, &[&by_path, &by_identity])?;
    let registry = install::registry(conn).await?;
    let dual_write_broken = match &registry {
        Some(registry) => intact::broken(conn, &place.compiled.work, registry).await?,
        None => None,
    };
    Ok(Sighting {
        pin: by_identity,
        installed: true,
        epoch: fence.epoch,
        generation: fence.generation,
        rollout: registry.as_ref().map(|r| r.rollout.clone()),
        ended: registry.and_then(|r| r.ended),
        dual_write_broken,
    })
}

fn check_pin(pin: Option<&str>, known: &[&String]) -> Result<(), CallError> {
    match pin {
        Some(pin) if !known.iter().any(|k| *k == pin) => Err(refused(
            code::NOT_OURS,
            format!(
                "this is another file: the journal knows {pin}, here is {}",
                known[known.len() - 1]
            ),
        )),
        _ => Ok(()),
    }
}

/// Ends every older engine's rights.
pub(super) async fn take_over(
    conn: &mut SqliteConnection,
    place: &Place,
    known_epoch: u64,
) -> Result<u64, CallError> {
    let version = install::schema_version(conn).await?;
    install::install(conn).await?;
    let identity = &place.rollout;
    match install::registry(conn).await? {
        Some(there) if there.rollout != identity.id => {
            return Err(refused(
                code::NOT_OURS,
                format!("the file's registry belongs to rollout {}", there.rollout),
            ));
        }
        Some(there) if there.plan_digest != identity.plan_digest.to_string() => {
            return Err(refused(
                code::NOT_OURS,
                format!(
                    "the file's registry holds another plan ({})",
                    there.plan_digest
                ),
            ));
        }
        Some(_) => {}
        None => {
            let sql = format!(
                "INSERT INTO pilothouse_registry (one, rollout, plan_digest, shard_set_digest, schema_version) \
                 VALUES (1, {}, {}, {}, 0)",
                quote_literal(&identity.id),
                quote_literal(&identity.plan_digest.to_string()),
                quote_literal(&identity.shard_set_digest.to_string()),
            );
            run(conn, sql).await?;
        }
    }
    intact::note_own_change(conn, version).await?;
    let there = install::fence(conn).await?.map_or(0, |fence| fence.epoch);
    let epoch = known_epoch.max(there) + 1;
    run(
        conn,
        format!("UPDATE pilothouse_fence SET epoch = {epoch} WHERE one = 1"),
    )
    .await?;
    Ok(epoch)
}

pub(super) async fn begin_stop(conn: &mut SqliteConnection, stop: Stop) -> Result<(), CallError> {
    write_registry(conn, format!("begun = {}", stop_literal(Some(stop)))).await
}

pub(super) async fn end_stop(conn: &mut SqliteConnection, stop: Stop) -> Result<(), CallError> {
    let stop = stop_literal(Some(stop));
    write_registry(conn, format!("begun = NULL, ended = {stop}")).await
}

/// A stop is undone: what its jobs have proved is worth nothing any more.
pub(super) async fn end_undo(
    conn: &mut SqliteConnection,
    place: &Place,
    undone: Stop,
    remains: Option<Stop>,
) -> Result<(), CallError> {
    let version = install::schema_version(conn).await?;
    receipt::void(conn, undone).await?;
    for (id, target) in &place.compiled.steps.jobs {
        if target.stop != undone {
            continue;
        }
        install::void_job(conn, id).await?;
        if target.kind == RowJobKind::Export {
            let export = super::dialect::rows::export_table(target.table);
            run(conn, format!("DROP TABLE IF EXISTS {export}")).await?;
        }
    }
    intact::note_own_change(conn, version).await?;
    write_registry(
        conn,
        format!("begun = NULL, ended = {}", stop_literal(remains)),
    )
    .await
}

/// Puts dual write back. Everything that was proved while nobody knows whether
/// it was on is void.
pub(super) async fn mend(conn: &mut SqliteConnection, work: &Work) -> Result<u64, CallError> {
    let registry = install::registry(conn).await?.unwrap_or_default();
    let authority = registry.authority.unwrap_or(Authority::Old);
    let shapes = catalog::shapes(conn, work).await?;
    for (table, shape) in work.tables.iter().zip(&shapes) {
        for sql in ddl::set_triggers(table, shape, authority) {
            run(conn, sql).await?;
        }
    }
    let generation = install::void_all(conn).await?;
    if let Some(ended) = registry.ended
        && authority == Authority::Old
        && ended > Stop::DualWrite
        && ended.stage() < Stage::Shift
    {
        // The journal falls back to dual write, too.
        let stop = stop_literal(Some(Stop::DualWrite));
        write_registry(conn, format!("ended = {stop}")).await?;
    }
    intact::note(conn, work, Some(authority)).await?;
    Ok(generation)
}
