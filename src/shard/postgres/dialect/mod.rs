//! Compiles operations to steps. Pure: no connection, only a catalog.

mod action;
mod catalog;
mod change;
mod column;
mod contract;
mod estimate;
mod export;
mod form;
mod history;
mod leaving;
mod losses;
mod mapping;
mod retired;
mod rows;
mod second;
mod steps;
mod stops;
mod trigger;
mod version;
mod view;

pub(super) use action::{Action, Load, MARK, Mode, SILENT_PARTITION};
pub(super) use catalog::{
    Catalog, Column, ColumnRight, Constraint, ConstraintKind, Described, Index, OldVersion,
    OldView, Table, TriggerTime,
};
pub(super) use form::{Form, Impossible, NewColumn, by_table, forms};
pub(super) use history::{FORGET, NOTE, UNNOTE};
pub(super) use losses::{Loss, in_brackets};
pub(super) use mapping::{Mapping, Volatility};
pub(super) use rows::{Bound, RowSql};
pub(super) use trigger::{Authority, install};
pub(super) use version::version_comment;

use crate::base::Stop;
use crate::migration::{Migration, Operation, TableName};
use crate::shard::{CompiledPlan, Direction, Frame, Listed};
use crate::worker::{RowJobKind, StopPlan};
use std::collections::BTreeMap;
use stops::{Part, Source};

/// A migration, ready to run on one PostgreSQL shard.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub(super) plan: CompiledPlan,
    pub(super) actions: BTreeMap<String, Action>,
    pub(super) rows: BTreeMap<String, RowSql>,
    pub(super) forms: Vec<Form>,
    /// What each form's trigger calls, by the form's tag.
    pub(super) functions: BTreeMap<String, Vec<String>>,
    /// Tables that are changed and get no second form.
    pub(super) restructured: Vec<TableName>,
    /// Those of them that go in contract.
    pub(super) leaving: Vec<TableName>,
    /// What a way back would lose once the new form is used.
    pub(super) losses: Vec<Loss>,
}

/// Compiles. `volatility` is what is known of each expression; what is not
/// known counts as STABLE, which is right but slower.
pub(super) fn compile(
    migration: &Migration,
    catalog: &Catalog,
    volatility: &BTreeMap<String, Volatility>,
    route: &[Stop],
) -> Result<Program, Impossible> {
    let mut forms = forms(migration, catalog)?;
    let versions = version::versions(migration, catalog, &forms)?;
    for form in &mut forms {
        let version = versions.iter().find(|v| v.base == form.table.schema);
        form.label = version.map(version::Version::label);
    }
    let mut deeds = change::deeds(migration, catalog, &forms)?;
    deeds.extend(versions.iter().flat_map(|version| version.deeds()));
    let losses = losses::losses(migration, catalog, &forms);
    let mut program = Program::default();
    let source = Source {
        migration,
        forms: &forms,
        deeds: &deeds,
        versions: &versions,
        volatility,
        route,
        losses: &losses,
    };
    for form in &forms {
        let made = source.functions(form);
        program.functions.insert(form.tag.clone(), made);
    }
    for stop in route {
        let parts = source.stop(*stop);
        for (direction, list) in [(Direction::Run, &parts.run), (Direction::Undo, &parts.undo)] {
            for part in list {
                program.add((&forms, catalog), *stop, direction, part);
            }
        }
        let plan = StopPlan {
            run: parts.run.iter().map(Part::step).collect(),
            undo: parts.undo.iter().map(Part::step).collect(),
        };
        program.plan.plan.stops.insert(*stop, plan);
    }
    program.plan.listing.push(Listed {
        stop: Stop::Preflight,
        direction: Direction::Undo,
        title: "forget what pilothouse keeps here, exported values too".into(),
        sql: vec![UNNOTE.into(), FORGET.into()],
        lock: "none on your tables".into(),
        frame: Frame::Transaction,
        estimate: None,
    });
    let estimate = |form: &Form| catalog.table(&form.table).map_or(0, |t| t.rows_estimate);
    program.plan.rows_estimate = forms.iter().filter(|f| f.is_dual()).map(estimate).sum();
    let changed = |table: &&Table| {
        let has_form = forms.iter().any(|form| form.table == table.name);
        !has_form && migration.operations.iter().any(|o| works_on(o, table))
    };
    let restructured = catalog.tables.iter().filter(changed);
    program.restructured = restructured.map(|table| table.name.clone()).collect();
    let leaves = |operation: &Operation| match operation {
        Operation::DropTable(drop) => Some(drop.table.clone()),
        _ => None,
    };
    program.leaving = migration.operations.iter().filter_map(leaves).collect();
    program.losses = losses;
    program.forms = forms;
    Ok(program)
}

fn works_on(operation: &Operation, table: &Table) -> bool {
    match operation {
        Operation::DropIndex(drop) => {
            drop.index.schema == table.name.schema && table.index(&drop.index.table).is_some()
        }
        other => other.table() == Some(&table.name),
    }
}

impl Program {
    fn add(
        &mut self,
        (forms, catalog): (&[Form], &Catalog),
        stop: Stop,
        direction: Direction,
        part: &Part,
    ) {
        let mut listed = Listed {
            stop,
            direction,
            title: part.step().title(),
            sql: Vec::new(),
            lock: "none".into(),
            frame: Frame::Transaction,
            estimate: None,
        };
        match part {
            Part::Act(action) => {
                listed.sql.clone_from(&action.statements);
                listed.lock = action.lock.into();
                listed.estimate = estimate::of_action(&action.load, catalog);
                if action.mode.is_long() {
                    listed.frame = Frame::Alone;
                }
                self.actions.insert(action.id.clone(), action.clone());
            }
            Part::Rows(job) => {
                let (word, tag) = job.id.split_once('/').unwrap_or((job.id.as_str(), ""));
                if let Some(form) = forms.iter().find(|form| form.tag == tag) {
                    let sql = rows::row_sql(form, word, job.kind);
                    listed.estimate = estimate::of_job(job.kind, form, catalog);
                    listed.sql = vec![match direction {
                        Direction::Run => sql.filled(&sql.work, Bound::Given, Bound::Given),
                        Direction::Undo => sql.whole(&sql.work),
                    }];
                    listed.lock = match job.kind {
                        RowJobKind::Fill | RowJobKind::Restore => {
                            "row locks of one chunk, for at most the chunk target".into()
                        }
                        RowJobKind::Verify | RowJobKind::Export => "none: reads only".into(),
                    };
                    self.rows.insert(job.id.clone(), sql);
                }
            }
            Part::Check { .. } | Part::Share(_) => {}
        }
        self.plan.listing.push(listed);
    }
}
