//! What each stop consists of, and what undoes it (DESIGN §5).

use super::action::{
    Action, Mode, has_column, has_constraint, is_armed, is_disarmed, is_marked, when,
};
use super::form::{Form, NewColumn, Volatility};
use super::trigger::{self, Authority};
use crate::base::{Ident, Stage, Stop, quote_literal};
use crate::migration::{Fill, Migration, Operation};
use crate::worker::{RowJob, RowJobKind, Step};
use std::collections::BTreeMap;

/// Both directions of one stop, with everything they may run.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    pub(super) run: Vec<Part>,
    pub(super) undo: Vec<Part>,
}

/// One step, still with its SQL.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Act(Action),
    Check {
        id: &'static str,
        title: &'static str,
    },
    Rows(RowJob),
    Share(u8),
}

impl Part {
    pub(super) fn step(&self) -> Step {
        match self {
            Self::Act(action) => Step::Act {
                id: action.id.clone(),
                title: action.title.clone(),
            },
            Self::Check { id, title } => Step::Check {
                id: (*id).to_owned(),
                title: (*title).to_owned(),
            },
            Self::Rows(job) => Step::Rows(job.clone()),
            Self::Share(percent) => Step::Share { percent: *percent },
        }
    }
}

/// What the stops are built from.
pub(super) struct Source<'a> {
    pub(super) migration: &'a Migration,
    pub(super) forms: &'a [Form],
    /// What preflight found out about each function.
    pub(super) volatility: &'a BTreeMap<String, Volatility>,
    pub(super) route: &'a [Stop],
}

impl Source<'_> {
    pub(super) fn stop(&self, stop: Stop) -> Parts {
        match stop {
            Stop::Preflight => Parts {
                run: vec![Part::Check {
                    id: "preflight",
                    title: "checks, nothing is written",
                }],
                undo: vec![],
            },
            Stop::Snapshot => Parts {
                run: vec![Part::Check {
                    id: "snapshot",
                    title: "a way back outside pilothouse",
                }],
                undo: vec![],
            },
            Stop::Expand => self.expand(),
            Stop::DualWrite => self.dual_write(),
            Stop::Backfill => self.backfill(),
            Stop::Verify => self.verify(),
            Stop::Shift(percent) => self.shift(percent),
            Stop::Retire => self.retire(),
            Stop::Drop => self.drop(),
        }
    }

    fn dual(&self) -> impl Iterator<Item = &Form> {
        self.forms.iter().filter(|form| form.is_dual())
    }

    fn expand(&self) -> Parts {
        let mut parts = Parts::default();
        for form in self.forms {
            for column in &form.columns {
                parts.run.push(Part::Act(add_column(form, column)));
                parts
                    .undo
                    .insert(0, Part::Act(drop_new_column(form, column)));
            }
        }
        for (place, operation) in self.migration.operations.iter().enumerate() {
            if let Operation::Sql(sql) = operation {
                let (up, down) = (
                    format!("expand/sql/{place}"),
                    format!("undo_expand/sql/{place}"),
                );
                let probe = match &sql.probe {
                    Some(probe) => when(&format!("coalesce(({probe}), false)")),
                    None => when(&is_marked(&up)),
                };
                let undone = match &sql.probe {
                    Some(probe) => when(&format!("NOT coalesce(({probe}), false)")),
                    None => when(&format!("NOT {}", is_marked(&up))),
                };
                let mode = if sql.probe.is_some() {
                    Mode::Alone
                } else {
                    Mode::Transaction
                };
                parts.run.push(Part::Act(Action {
                    id: up.clone(),
                    title: format!("sql {}", place + 1),
                    probe,
                    statements: vec![sql.up.clone()],
                    mode,
                    lock: "as your statement takes it",
                }));
                let unmark = format!(
                    "DELETE FROM pilothouse.step_done WHERE id = {}",
                    quote_literal(&up)
                );
                parts.undo.insert(
                    0,
                    Part::Act(Action {
                        id: down,
                        title: format!("undo sql {}", place + 1),
                        probe: undone,
                        statements: vec![sql.down.clone(), unmark],
                        mode,
                        lock: "as your statement takes it",
                    }),
                );
            }
        }
        parts
    }

    /// Everything that the trigger calls.
    pub(super) fn functions(&self, form: &Form) -> Vec<String> {
        let ups = form.ruled().map(|(_, up)| up);
        let downs = form.replaced().map(|(_, _, down)| down);
        ups.chain(downs)
            .flat_map(|mapping| {
                let found = self.volatility.get(&mapping.function).copied();
                let level = found.unwrap_or(Volatility::Stable);
                [mapping.create("pilothouse", level), mapping.grant()]
            })
            .collect()
    }

    fn dual_write(&self) -> Parts {
        let mut parts = Parts::default();
        for form in self.dual() {
            let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
            let mut statements = self.functions(form);
            statements.extend(trigger::install(form, Authority::Old));
            parts.run.push(Part::Act(Action {
                id: format!("dual_write/{}", form.tag),
                title: format!("write both forms of {table}"),
                probe: when(&is_armed(schema, table, "old")),
                statements,
                mode: Mode::Transaction,
                lock: "SHARE ROW EXCLUSIVE, short: writers wait, readers do not",
            }));
            parts.undo.insert(0, Part::Act(undo_dual_write(form)));
        }
        parts
    }

    fn backfill(&self) -> Parts {
        let mut parts = Parts::default();
        for form in self.dual() {
            let table = form.table.table.as_str();
            parts.run.push(Part::Rows(row_job(
                "fill",
                form,
                RowJobKind::Fill,
                &format!("fill {table}"),
            )));
        }
        parts
    }

    fn verify(&self) -> Parts {
        let mut parts = Parts::default();
        for form in self.dual() {
            for column in form.columns.iter().filter(|c| !c.nullable) {
                parts.run.extend(not_null(form, column).map(Part::Act));
                parts.undo.insert(0, Part::Act(drop_not_null(form, column)));
            }
            let table = form.table.table.as_str();
            let title = format!("compare every row of {table}");
            parts.run.push(Part::Rows(row_job(
                "verify",
                form,
                RowJobKind::Verify,
                &title,
            )));
        }
        if !self.migration.invariants.is_empty() {
            parts.run.push(Part::Check {
                id: "invariants",
                title: "invariants",
            });
        }
        parts
    }

    fn shift(&self, percent: u8) -> Parts {
        let mut parts = Parts::default();
        let earlier = self
            .route
            .iter()
            .copied()
            .rfind(|s| s.stage() == Stage::Shift && s.share_percent() < percent);
        if earlier.is_none() {
            parts.run.extend(
                self.dual()
                    .map(|f| Part::Act(self.switch("publish", f, Authority::Both))),
            );
        }
        parts.run.push(Part::Share(percent));
        parts
            .undo
            .push(Part::Share(earlier.map_or(0, Stop::share_percent)));
        if earlier.is_none() {
            parts.undo.extend(
                self.dual()
                    .map(|f| Part::Act(self.switch("unpublish", f, Authority::Old))),
            );
        }
        parts
    }

    fn switch(&self, prefix: &str, form: &Form, authority: Authority) -> Action {
        let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
        let mut statements = self.functions(form);
        statements.extend(trigger::install(form, authority));
        let nothing_to_keep = authority == Authority::New && form.replaced().next().is_none();
        let probe = if nothing_to_keep {
            when(&is_disarmed(
                &form.qualified(),
                &form.trigger(),
                schema,
                table,
            ))
        } else {
            when(&is_armed(schema, table, authority.word()))
        };
        Action {
            id: format!("{prefix}/{}", form.tag),
            title: format!("authority {} on {table}", authority.word()),
            probe,
            statements,
            mode: Mode::Transaction,
            lock: "SHARE ROW EXCLUSIVE, short: writers wait, readers do not",
        }
    }

    fn retire(&self) -> Parts {
        let mut parts = Parts::default();
        parts.run.push(Part::Check {
            id: "quiet",
            title: "old-form writers are quiet",
        });
        for form in self.dual() {
            parts
                .run
                .push(Part::Act(self.switch("retire", form, Authority::New)));
            parts
                .undo
                .insert(0, Part::Act(self.switch("unretire", form, Authority::Both)));
            if form.replaced().next().is_some() {
                let title = format!("compare {} strictly", form.table.table.as_str());
                parts.run.push(Part::Rows(row_job(
                    "strict",
                    form,
                    RowJobKind::Verify,
                    &title,
                )));
            }
        }
        parts
    }

    fn drop(&self) -> Parts {
        let mut parts = Parts::default();
        for form in self.dual() {
            let table = form.table.table.as_str();
            if form.replaced().next().is_some() {
                parts.run.push(Part::Act(create_export(form)));
                let export = format!("export what {table} loses");
                parts.run.push(Part::Rows(row_job(
                    "export",
                    form,
                    RowJobKind::Export,
                    &export,
                )));
                let proof = format!("compare {table} once more");
                parts.run.push(Part::Rows(row_job(
                    "final",
                    form,
                    RowJobKind::Verify,
                    &proof,
                )));
            }
            parts.run.push(Part::Act(drop_old(form)));
            if form.replaced().next().is_some() {
                let title = format!("bring dropped values of {table} back");
                parts.undo.push(Part::Act(create_export(form)));
                parts.undo.push(Part::Act(self.bring_columns_back(form)));
                parts.undo.push(Part::Rows(row_job(
                    "restore",
                    form,
                    RowJobKind::Restore,
                    &title,
                )));
                parts.undo.push(Part::Act(self.close_restore(form)));
            } else {
                parts.undo.push(Part::Act(loosen(form)));
            }
        }
        parts
    }

    fn bring_columns_back(&self, form: &Form) -> Action {
        let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
        let qualified = form.qualified();
        let mut statements = vec![format!("LOCK TABLE {qualified} IN ACCESS EXCLUSIVE MODE")];
        for (_, old, _) in form.replaced() {
            statements.push(format!(
                "ALTER TABLE {qualified} ADD COLUMN IF NOT EXISTS {} {}",
                old.name, old.sql_type
            ));
        }
        statements.extend(self.functions(form));
        statements.extend(trigger::install(form, Authority::Restore));
        let done = format!(
            "({} OR {})",
            is_armed(schema, table, "restore"),
            is_armed(schema, table, "new")
        );
        Action {
            id: format!("restore_columns/{}", form.tag),
            title: format!("add the old columns of {table} again"),
            probe: when(&done),
            statements,
            mode: Mode::Transaction,
            lock: "ACCESS EXCLUSIVE, short",
        }
    }

    fn close_restore(&self, form: &Form) -> Action {
        let mut action = self.switch("restored", form, Authority::New);
        let qualified = form.qualified();
        for (_, old, _) in form.replaced() {
            if let Some(default) = &old.default {
                action.statements.push(format!(
                    "ALTER TABLE {qualified} ALTER COLUMN {} SET DEFAULT {default}",
                    old.name
                ));
            }
            if old.not_null {
                action.statements.push(format!(
                    "ALTER TABLE {qualified} ALTER COLUMN {} SET NOT NULL",
                    old.name
                ));
            }
        }
        action.statements.extend(loosen(form).statements);
        action.title = format!("close the restore of {}", form.table.table.as_str());
        action.lock = "ACCESS EXCLUSIVE while NOT NULL is checked";
        action
    }
}

fn row_job(word: &str, form: &Form, kind: RowJobKind, title: &str) -> RowJob {
    RowJob {
        id: format!("{word}/{}", form.tag),
        title: title.to_owned(),
        kind,
    }
}

fn add_column(form: &Form, column: &NewColumn) -> Action {
    let (qualified, name) = (form.qualified(), &column.name);
    Action {
        id: format!("expand/{}", column.tag),
        title: format!(
            "add column {} to {}",
            name.as_str(),
            form.table.table.as_str()
        ),
        probe: when(&has_column(&qualified, name.as_str())),
        statements: vec![format!(
            "ALTER TABLE {qualified} ADD COLUMN IF NOT EXISTS {name} {}",
            column.sql_type
        )],
        mode: Mode::Transaction,
        lock: "ACCESS EXCLUSIVE, short: catalog only, no rewrite",
    }
}

fn drop_new_column(form: &Form, column: &NewColumn) -> Action {
    let (qualified, name) = (form.qualified(), &column.name);
    Action {
        id: format!("undo_expand/{}", column.tag),
        title: format!(
            "drop column {} of {}",
            name.as_str(),
            form.table.table.as_str()
        ),
        probe: when(&format!("NOT {}", has_column(&qualified, name.as_str()))),
        statements: vec![format!(
            "ALTER TABLE {qualified} DROP COLUMN IF EXISTS {name}"
        )],
        mode: Mode::Transaction,
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    }
}

/// Trigger and column go in one transaction: no write can find the one
/// without the other. The column comes back empty, as expand left it.
fn undo_dual_write(form: &Form) -> Action {
    let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
    let qualified = form.qualified();
    let mut statements = vec![format!("LOCK TABLE {qualified} IN ACCESS EXCLUSIVE MODE")];
    statements.extend(trigger::remove(form));
    for (column, _) in form.ruled() {
        statements.push(format!(
            "ALTER TABLE {qualified} DROP COLUMN IF EXISTS {}",
            column.name
        ));
        statements.push(format!(
            "ALTER TABLE {qualified} ADD COLUMN {} {}",
            column.name, column.sql_type
        ));
    }
    Action {
        id: format!("undo_dual_write/{}", form.tag),
        title: format!("stop writing both forms of {table}"),
        probe: when(&is_disarmed(&qualified, &form.trigger(), schema, table)),
        statements,
        mode: Mode::Transaction,
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    }
}

fn constraint_name(column: &NewColumn) -> String {
    format!("pilothouse_not_null_{}", column.tag)
}

fn not_null(form: &Form, column: &NewColumn) -> [Action; 2] {
    let (qualified, constraint) = (form.qualified(), constraint_name(column));
    let title = format!("{} is not null", column.name.as_str());
    [
        Action {
            id: format!("not_null/{}", column.tag),
            title: title.clone(),
            probe: when(&has_constraint(&qualified, &constraint, "")),
            statements: vec![format!(
                "ALTER TABLE {qualified} DROP CONSTRAINT IF EXISTS {constraint}, ADD CONSTRAINT {constraint} CHECK ({} IS NOT NULL) NOT VALID",
                column.name
            )],
            mode: Mode::Transaction,
            lock: "ACCESS EXCLUSIVE, short: catalog only",
        },
        Action {
            id: format!("not_null_valid/{}", column.tag),
            title: format!("validate: {title}"),
            probe: when(&has_constraint(
                &qualified,
                &constraint,
                " AND c.convalidated",
            )),
            statements: vec![format!(
                "ALTER TABLE {qualified} VALIDATE CONSTRAINT {constraint}"
            )],
            mode: Mode::Alone,
            lock: "SHARE UPDATE EXCLUSIVE for one scan: reads and writes go on",
        },
    ]
}

fn drop_not_null(form: &Form, column: &NewColumn) -> Action {
    let (qualified, constraint) = (form.qualified(), constraint_name(column));
    Action {
        id: format!("undo_not_null/{}", column.tag),
        title: format!("{} may be null again", column.name.as_str()),
        probe: when(&format!(
            "NOT {}",
            has_constraint(&qualified, &constraint, "")
        )),
        statements: vec![format!(
            "ALTER TABLE {qualified} DROP CONSTRAINT IF EXISTS {constraint}"
        )],
        mode: Mode::Transaction,
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    }
}

/// Name of the table that keeps what a drop loses.
pub(super) fn export_table(form: &Form) -> String {
    format!("pilothouse.export_{}", form.tag)
}

fn create_export(form: &Form) -> Action {
    let table = export_table(form);
    let mut columns: Vec<String> = form
        .key
        .iter()
        .map(|c| format!("{} {} NOT NULL", c.name, c.sql_type))
        .collect();
    let mut named: Vec<&Ident> = form.key.iter().map(|c| &c.name).collect();
    for (column, old, _) in form.replaced() {
        for (name, sql_type) in [(&column.name, &column.sql_type), (&old.name, &old.sql_type)] {
            if !named.contains(&name) {
                named.push(name);
                columns.push(format!("{name} {sql_type}"));
            }
        }
    }
    Action {
        id: format!("export_table/{}", form.tag),
        title: format!("a place for what {} loses", form.table.table.as_str()),
        probe: when(&format!(
            "to_regclass({}) IS NOT NULL",
            quote_literal(&table)
        )),
        statements: vec![format!(
            "CREATE TABLE IF NOT EXISTS {table} ({}, PRIMARY KEY ({}))",
            columns.join(", "),
            form.key_list()
        )],
        mode: Mode::Transaction,
        lock: "none on your tables",
    }
}

fn drop_old(form: &Form) -> Action {
    let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
    let qualified = form.qualified();
    let mut statements = vec![format!("LOCK TABLE {qualified} IN ACCESS EXCLUSIVE MODE")];
    statements.extend(trigger::remove(form));
    let mut gone = vec![is_disarmed(&qualified, &form.trigger(), schema, table)];
    for column in &form.columns {
        if !column.nullable {
            statements.push(format!(
                "ALTER TABLE {qualified} ALTER COLUMN {} SET NOT NULL",
                column.name
            ));
            statements.push(format!(
                "ALTER TABLE {qualified} DROP CONSTRAINT IF EXISTS {}",
                constraint_name(column)
            ));
        }
        if let Some(default) = column
            .default
            .as_ref()
            .filter(|_| column.fill == Fill::Always)
        {
            statements.push(format!(
                "ALTER TABLE {qualified} ALTER COLUMN {} SET DEFAULT {default}",
                column.name
            ));
        }
    }
    for (_, old, _) in form.replaced() {
        statements.push(format!(
            "ALTER TABLE {qualified} DROP COLUMN IF EXISTS {}",
            old.name
        ));
        gone.push(format!("NOT {}", has_column(&qualified, old.name.as_str())));
    }
    Action {
        id: format!("drop/{}", form.tag),
        title: format!("drop the old form of {table}"),
        probe: when(&gone.join(" AND ")),
        statements,
        mode: Mode::Transaction,
        lock: "ACCESS EXCLUSIVE, short: the validated check spares the scan",
    }
}

/// Back to what retire left: nullable with a check, no default.
fn loosen(form: &Form) -> Action {
    let qualified = form.qualified();
    let mut statements = Vec::new();
    for column in &form.columns {
        if !column.nullable {
            statements.push(format!(
                "ALTER TABLE {qualified} DROP CONSTRAINT IF EXISTS {0}, ADD CONSTRAINT {0} CHECK ({1} IS NOT NULL)",
                constraint_name(column),
                column.name
            ));
            statements.push(format!(
                "ALTER TABLE {qualified} ALTER COLUMN {} DROP NOT NULL",
                column.name
            ));
        }
        if column.default.is_some() {
            statements.push(format!(
                "ALTER TABLE {qualified} ALTER COLUMN {} DROP DEFAULT",
                column.name
            ));
        }
    }
    let probe = form
        .columns
        .iter()
        .filter(|c| !c.nullable)
        .map(|c| has_constraint(&qualified, &constraint_name(c), ""))
        .collect::<Vec<_>>();
    let probe = if probe.is_empty() {
        "true".to_owned()
    } else {
        probe.join(" AND ")
    };
    Action {
        id: format!("loosen/{}", form.tag),
        title: format!("{} as retire left it", form.table.table.as_str()),
        probe: when(&probe),
        statements,
        mode: Mode::Transaction,
        lock: "ACCESS EXCLUSIVE while the check is scanned",
    }
}
