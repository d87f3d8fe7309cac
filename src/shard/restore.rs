//! What a merge restore would give, counted before anybody confirms it.

use super::{SessionRole, Shard};
use crate::base::{Stop, code};
use crate::rollout::Restored;
use crate::worker::{CallError, ErrorKind, Op, Reply, RowJob, RowJobKind, ShardCall, Step};

/// Counts on one shard how many rows would get their exported value back and
/// how many `down(new)`, `window` rows at a time. Writes nothing, needs no
/// fence, and holds no snapshot for longer than one window. Zero of both while
/// nothing is dropped. Other writers go on: the count is true of its moment.
///
/// # Errors
/// The shard cannot be read, or what was exported is not there any more.
pub async fn count_restore(shard: &dyn Shard, window: u32) -> Result<Restored, CallError> {
    let mut session = shard.session(SessionRole::Lead);
    let mut sum = Restored::default();
    for job in jobs(shard) {
        let mut after = None;
        loop {
            let op = Op::CountRestore {
                job: job.clone(),
                after,
                rows: window.max(1),
            };
            let (restored, end) = match session.call(ShardCall { epoch: 0, op }).await {
                Reply::RestoreCounted { restored, after } => (restored, after),
                Reply::Error(error) => return Err(error),
                other => return Err(strange(&other)),
            };
            sum = sum.plus(restored);
            after = end;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(sum)
}

fn jobs(shard: &dyn Shard) -> Vec<RowJob> {
    let drop = shard.plan().plan.stops.get(&Stop::Drop);
    drop.map_or(&[][..], |stop| &stop.undo)
        .iter()
        .filter_map(|step| match step {
            Step::Rows(job) if job.kind == RowJobKind::Restore => Some(job.clone()),
            _ => None,
        })
        .collect()
}

fn strange(reply: &Reply) -> CallError {
    CallError {
        kind: ErrorKind::Refused,
        code: code::UNKNOWN_STEP.into(),
        message: format!("the count was answered with {reply:?}"),
    }
}
