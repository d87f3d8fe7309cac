//! The steps of the simulated migration: the plan, probes and effects.

use super::image::{Authority, Image, Index, Ours, Trigger};
use super::server::{broken, error, lost_sight};
use crate::base::{Stop, code};
use crate::worker::{ErrorKind, Probe, Reply, RowJob, RowJobKind, ShardPlan, Step, StopPlan};
use std::collections::BTreeMap;

fn act(id: &str) -> Step {
    Step::Act {
        id: id.into(),
        title: id.replace('_', " "),
    }
}

fn check(id: &str) -> Step {
    Step::Check {
        id: id.into(),
        title: id.replace('_', " "),
    }
}

fn rows(id: &str, kind: RowJobKind) -> Step {
    Step::Rows(RowJob {
        id: id.into(),
        title: format!("{id} every row"),
        kind,
    })
}

/// The one migration that simulated shards know, for these shift percentages.
pub fn plan(shift_steps: &[u8]) -> ShardPlan {
    let mut stops = BTreeMap::from([
        (Stop::Preflight, stop(vec![check("preflight")], vec![])),
        (Stop::Snapshot, stop(vec![check("snapshot")], vec![])),
        (
            Stop::Expand,
            stop(
                vec![act("column"), act("index")],
                vec![act("drop_index"), act("drop_column")],
            ),
        ),
        (
            Stop::DualWrite,
            stop(vec![act("trigger")], vec![act("drop_trigger")]),
        ),
        (
            Stop::Backfill,
            stop(
                vec![rows("fill", RowJobKind::Fill)],
                vec![act("clear:fill")],
            ),
        ),
        (
            Stop::Verify,
            stop(
                vec![act("constraint"), rows("verify", RowJobKind::Verify)],
                vec![act("drop_constraint"), act("clear:verify")],
            ),
        ),
    ]);
    stops.extend(contract());
    let mut before = 0;
    for percent in shift_steps {
        let share = |percent: u8| Step::Share { percent };
        let (mut run, mut undo) = (vec![share(*percent)], vec![share(before)]);
        if before == 0 {
            run.insert(0, act("publish"));
            undo.push(act("unpublish"));
        }
        stops.insert(Stop::Shift(*percent), stop(run, undo));
        before = *percent;
    }
    ShardPlan { stops }
}

fn stop(run: Vec<Step>, undo: Vec<Step>) -> StopPlan {
    StopPlan { run, undo }
}

fn contract() -> [(Stop, StopPlan); 2] {
    [
        (
            Stop::Retire,
            stop(
                vec![check("old_quiet"), act("retire")],
                vec![act("unretire")],
            ),
        ),
        (
            Stop::Drop,
            stop(
                vec![
                    rows("proof", RowJobKind::Verify),
                    rows("export", RowJobKind::Export),
                    act("drop_old"),
                ],
                vec![
                    act("restore_old"),
                    rows("restore", RowJobKind::Restore),
                    act("clear:proof"),
                    act("clear:export"),
                    act("clear:restore"),
                ],
            ),
        ),
    ]
}

/// Row jobs that belong to a stop, in either direction.
pub(super) fn jobs_of(stop: Stop) -> &'static [&'static str] {
    match stop {
        Stop::Backfill => &["fill"],
        Stop::Verify => &["verify"],
        Stop::Drop => &["proof", "export", "restore"],
        _ => &[],
    }
}

/// Whether the act needs the whole table for a moment.
pub(super) fn locks_table(id: &str) -> bool {
    !id.starts_with("clear:") && id != "index"
}

/// An index build that breaks off leaves an invalid index.
pub(super) fn breaks_off_half(image: &mut Image, id: &str) -> bool {
    let half = id == "index" && image.schema.new_column && image.schema.index == Index::Absent;
    if half {
        image.schema.index = Index::Invalid;
    }
    half
}

/// Is it so already?
pub(super) fn probe(image: &Image, id: &str) -> Probe {
    let schema = &image.schema;
    let authority = schema.trigger.map(|t| t.authority);
    let armed = |wanted| authority == Some(wanted) && image.dual_write_broken().is_none();
    let is_so = match id {
        "column" => schema.new_column,
        "drop_column" => !schema.new_column,
        "index" if schema.index == Index::Invalid => return Probe::Half,
        "index" => schema.index == Index::Valid,
        "drop_index" => schema.index == Index::Absent,
        "trigger" => authority.is_some() && image.dual_write_broken().is_none(),
        "drop_trigger" => authority.is_none() && witness(image).is_none(),
        "constraint" => schema.constraint,
        "drop_constraint" => !schema.constraint,
        "publish" => armed(Authority::Both),
        "unretire" => authority == Some(Authority::Both),
        // A shard that never published has nothing to take back.
        "unpublish" => !matches!(authority, Some(Authority::Both | Authority::New)),
        "retire" => armed(Authority::New),
        "drop_old" => !schema.old_column,
        "restore_old" => schema.old_column && armed(Authority::New),
        other => match other.strip_prefix("clear:") {
            Some(job) => !jobs(image).is_some_and(|jobs| jobs.contains_key(job)),
            None => false,
        },
    };
    if is_so { Probe::Already } else { Probe::Absent }
}

fn witness(image: &Image) -> Option<Trigger> {
    image.ours.as_ref().and_then(|ours| ours.witness)
}

fn jobs(image: &Image) -> Option<&BTreeMap<String, super::image::JobTable>> {
    image.ours.as_ref().map(|ours| &ours.jobs)
}

/// Brings it about.
pub(super) fn apply(image: &mut Image, id: &str) -> Result<(), Reply> {
    match id {
        "column" => image.schema.new_column = true,
        "drop_column" => {
            // In one transaction with whatever of the trigger is still there
            // or has come back: without its column it would stop every write.
            if image.schema.trigger.is_some() || witness(image).is_some() {
                drop_trigger(image);
            }
            image.schema.new_column = false;
            image.schema.constraint = false;
            image.schema.index = Index::Absent;
            image.rows.values_mut().for_each(|row| row.new = None);
        }
        "index" | "constraint" if !image.schema.new_column => {
            return Err(no_such("there is no column"));
        }
        "index" => image.schema.index = Index::Valid,
        "drop_index" => image.schema.index = Index::Absent,
        "constraint" => image.schema.constraint = true,
        "drop_constraint" => image.schema.constraint = false,
        "trigger" => set_trigger(image, Authority::Old)?,
        "publish" => set_authority(image, Authority::Both)?,
        "unretire" => set_authority_back(image, Authority::Both)?,
        "unpublish" => set_authority_back(image, Authority::Old)?,
        "retire" => set_authority(image, Authority::New)?,
        "drop_trigger" => drop_trigger(image),
        "drop_old" => drop_old(image)?,
        "restore_old" => {
            image.schema.old_column = true;
            set_authority_back(image, Authority::New)?;
        }
        other => match (other.strip_prefix("clear:"), image.ours.as_mut()) {
            (Some(job), Some(ours)) => clear(ours, job),
            _ => {
                let message = format!("the plan has no step {other}");
                return Err(error(ErrorKind::Refused, code::UNKNOWN_STEP, &message));
            }
        },
    }
    Ok(())
}

fn clear(ours: &mut Ours, job: &str) {
    ours.jobs.remove(job);
    if job == "export" {
        ours.exported.clear();
    }
}

fn no_such(what: &str) -> Reply {
    error(ErrorKind::Refused, "42703", what)
}

fn set_trigger(image: &mut Image, authority: Authority) -> Result<(), Reply> {
    if !image.schema.new_column || !image.schema.old_column {
        return Err(no_such("a column is missing"));
    }
    let version = image.schema.trigger.map_or(1, |t| t.version + 1);
    let Some(ours) = image.ours.as_mut() else {
        return Err(lost_sight());
    };
    let version = version.max(ours.witness.map_or(1, |t| t.version + 1));
    let trigger = Trigger {
        authority,
        enabled: true,
        version,
    };
    ours.witness = Some(trigger);
    image.schema.trigger = Some(trigger);
    Ok(())
}

/// A switch forward would cover up that the trigger was away.
fn set_authority(image: &mut Image, authority: Authority) -> Result<(), Reply> {
    match image.dual_write_broken() {
        Some(why) => Err(broken(&why)),
        None => set_trigger(image, authority),
    }
}

/// A switch back works on whatever is there. Whatever was proved while the
/// trigger was not as we left it is void.
fn set_authority_back(image: &mut Image, authority: Authority) -> Result<(), Reply> {
    let touched = image.dual_write_broken().is_some();
    set_trigger(image, authority)?;
    if touched {
        void(image);
    }
    Ok(())
}

fn void(image: &mut Image) {
    image.ghost.fresh.clear();
    if let Some(ours) = image.ours.as_mut() {
        ours.generation += 1;
        ours.jobs.clear();
    }
}

fn drop_trigger(image: &mut Image) {
    image.schema.trigger = None;
    void(image);
    if let Some(ours) = image.ours.as_mut() {
        ours.witness = None;
    }
}

fn drop_old(image: &mut Image) -> Result<(), Reply> {
    if let Some(why) = image.dual_write_broken() {
        return Err(error(ErrorKind::Refused, code::NO_PROOF, &why));
    }
    let Some(ours) = image.ours.as_mut() else {
        return Err(lost_sight());
    };
    // Proved under this very lock: nothing of this generation becomes void.
    ours.witness = None;
    image.schema.trigger = None;
    image.schema.old_column = false;
    image.rows.values_mut().for_each(|row| row.old = None);
    image.ghost.fresh.clear();
    Ok(())
}

/// Puts the trigger back, bumps the generation, voids checkpoints.
pub(super) fn mend(image: &mut Image) -> Result<(), Reply> {
    let Some(wanted) = witness(image) else {
        return Ok(());
    };
    set_trigger(image, wanted.authority)?;
    void(image);
    if let Some(ours) = image.ours.as_mut() {
        ours.began = None;
        // While the old form is the truth, filling and proving start again.
        // What is published is undone as such.
        let old = wanted.authority == Authority::Old;
        if old && matches!(ours.ended, Some(Stop::Backfill | Stop::Verify)) {
            ours.ended = Some(Stop::DualWrite);
        }
    }
    Ok(())
}
