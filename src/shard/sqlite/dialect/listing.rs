//! Every statement, for people.

use super::ddl;
use super::rows;
use super::shape::TableShape;
use super::steps::{Action, JobTarget, Steps};
use super::trigger::Authority;
use super::work::{Expansion, Work};
use crate::shard::{Direction, Frame, Listed};
use crate::worker::{RowJobKind, Step};

/// The tables of our own that are always there.
const OUR_TABLES: [&str; 9] = [
    "pilothouse_fence",
    "pilothouse_registry",
    "pilothouse_checkpoint",
    "pilothouse_chunk_log",
    "pilothouse_step_done",
    "pilothouse_dropped",
    "pilothouse_heartbeat",
    "pilothouse_receipts",
    "pilothouse_witness",
];

const RANGE: &str = "/* after the cursor, up to the end of the chunk */ 1";

pub(super) fn listing(work: &Work, steps: &Steps, shapes: &[TableShape]) -> Vec<Listed> {
    let mut listed = Vec::new();
    for (stop, plan) in &steps.plan.stops {
        let run = plan.run.iter().map(|s| (Direction::Run, s));
        let undo = plan.undo.iter().map(|s| (Direction::Undo, s));
        for (direction, step) in run.chain(undo) {
            let (sql, lock) = step_sql(work, steps, shapes, step);
            listed.push(Listed {
                stop: *stop,
                direction,
                title: step.title(),
                sql,
                lock,
                frame: Frame::Transaction,
                estimate: None,
            });
        }
    }
    listed.push(Listed {
        stop: crate::base::Stop::Preflight,
        direction: Direction::Undo,
        title: "forget what pilothouse keeps here, exported values too".into(),
        sql: forget(work),
        lock: "the file's write lock, for milliseconds".into(),
        frame: Frame::Transaction,
        estimate: None,
    });
    listed
}

fn forget(work: &Work) -> Vec<String> {
    let exports = (0..work.tables.len()).map(rows::export_table);
    let kept = OUR_TABLES.iter().map(|name| (*name).to_owned());
    kept.chain(exports)
        .map(|name| format!("DROP TABLE IF EXISTS {name}"))
        .collect()
}

fn step_sql(
    work: &Work,
    steps: &Steps,
    shapes: &[TableShape],
    step: &Step,
) -> (Vec<String>, String) {
    match step {
        Step::Act { id, .. } => match steps.actions.get(id) {
            // What it also removes of expand is listed with expand: run by
            // hand, each statement stands once.
            Some(Action::Remove) => {
                let triggers = work
                    .tables
                    .iter()
                    .flat_map(|t| ddl::drop_triggers(&t.table));
                (triggers.collect(), action_lock(Action::Remove))
            }
            Some(action) => (ddl::action(work, shapes, *action), action_lock(*action)),
            None => (Vec::new(), String::new()),
        },
        Step::Check { id, .. } => {
            let sql = if id.ends_with("/invariants") {
                work.invariants.iter().map(|i| i.sql.clone()).collect()
            } else {
                Vec::new()
            };
            (sql, "none: reads one snapshot".into())
        }
        Step::Rows(job) => match steps.jobs.get(&job.id) {
            Some(target) => (job_sql(work, shapes, target), job_lock(target)),
            None => (Vec::new(), String::new()),
        },
        Step::Share { .. } => (Vec::new(), "none: the flag is outside the database".into()),
    }
}

fn job_sql(work: &Work, shapes: &[TableShape], target: &JobTarget) -> Vec<String> {
    let (table, shape) = (&work.tables[target.table], &shapes[target.table]);
    match target.kind {
        RowJobKind::Fill => vec![rows::fill(table, RANGE)],
        RowJobKind::Verify => vec![rows::read(table, shape, RANGE, authority_at(target))],
        RowJobKind::Export => vec![
            rows::create_export(target.table, table, shape),
            rows::export(target.table, table, shape, RANGE),
        ],
        RowJobKind::Restore => rows::restore(target.table, table, shape, RANGE),
    }
}

fn authority_at(target: &JobTarget) -> Authority {
    if target.stop == crate::base::Stop::Drop {
        Authority::New
    } else {
        Authority::Old
    }
}

fn action_lock(action: Action) -> String {
    let text = match action {
        Action::Expand(Expansion::Column(..)) | Action::DualWrite | Action::Switch(_) => {
            "the file's write lock, for milliseconds: only the catalog changes; readers go on"
        }
        Action::Expand(Expansion::Statement(_)) | Action::Unexpand(Expansion::Statement(_)) => {
            "the file's write lock, for as long as the statement takes; readers go on (WAL)"
        }
        Action::Unexpand(Expansion::Column(..))
        | Action::Remove
        | Action::DropOld
        | Action::BringBack => {
            "the file's write lock while the table is rewritten (grows with its size); readers go on (WAL)"
        }
    };
    text.into()
}

fn job_lock(target: &JobTarget) -> String {
    let text = match target.kind {
        RowJobKind::Verify => "none while reading; the write lock for one row of notes",
        RowJobKind::Fill | RowJobKind::Export | RowJobKind::Restore => {
            "the file's write lock, one chunk at a time; readers go on (WAL)"
        }
    };
    text.into()
}
