//! Every statement, for people.

use super::ddl;
use super::rows;
use super::shape::TableShape;
use super::steps::{Action, JobTarget, Steps};
use super::trigger::Authority;
use super::work::{Expansion, Work};
use crate::shard::{Direction, Listed};
use crate::worker::{RowJobKind, Step};

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
            });
        }
    }
    listed
}

fn step_sql(
    work: &Work,
    steps: &Steps,
    shapes: &[TableShape],
    step: &Step,
) -> (Vec<String>, String) {
    match step {
        Step::Act { id, .. } => match steps.actions.get(id) {
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
