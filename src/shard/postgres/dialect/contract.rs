//! What the two stops of contract consist of, and what undoes them: the old
//! form is retired, then exported and dropped; the way back merges it again.

use super::action::{Action, Load, Mode, is_armed, when};
use super::change::Place;
use super::column::copy_rights;
use super::export::create_export;
use super::form::Form;
use super::leaving;
use super::steps::{drop_old, give_way, loosen, row_job, void_if_touched};
use super::stops::{Part, Parts, Source};
use super::trigger::{self, Authority};
use crate::base::quote_literal;
use crate::worker::RowJobKind;

impl Source<'_> {
    pub(super) fn retire(&self) -> Parts {
        let mut parts = Parts::default();
        parts.run.push(Part::Check {
            id: "quiet",
            title: "old-form writers are quiet",
        });
        for form in self.dual().filter(|f| f.replaced().next().is_some()) {
            // Before the switch: what neither form explains must not be taken
            // for the truth.
            let title = format!("compare {} before the switch", form.table.table.as_str());
            let job = row_job("ready", form, RowJobKind::Verify, &title);
            parts.run.push(Part::Rows(job));
        }
        for form in self.dual() {
            parts.run.push(Part::Act(self.forward(
                "retire",
                form,
                (Authority::Both, Authority::New),
            )));
            parts
                .undo
                .insert(0, Part::Act(self.back("unretire", form, Authority::Both)));
            if form.replaced().next().is_some() {
                let title = format!("compare {} after the switch", form.table.table.as_str());
                parts.run.push(Part::Rows(row_job(
                    "strict",
                    form,
                    RowJobKind::Verify,
                    &title,
                )));
            }
        }
        self.act(Place::Retire, &mut parts);
        parts
    }

    pub(super) fn drop(&self) -> Parts {
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
            parts
                .run
                .push(Part::Act(drop_old(form, self.version(form))));
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
        for form in self.forms.iter().filter(|form| !form.leaving.is_empty()) {
            let table = form.table.table.as_str();
            let (export, back) = (
                format!("export the columns that {table} loses"),
                format!("bring dropped values of {table} back"),
            );
            parts.run.extend([
                Part::Act(create_export(form)),
                Part::Rows(row_job("export", form, RowJobKind::Export, &export)),
                Part::Act(leaving::drop_columns(form, self.version(form))),
            ]);
            parts.undo.extend([
                Part::Act(create_export(form)),
                Part::Act(leaving::add_columns(form)),
                Part::Rows(row_job("restore", form, RowJobKind::Restore, &back)),
                Part::Act(leaving::close(form)),
            ]);
        }
        let mut guards = Parts::default();
        self.act(Place::Unguard, &mut guards);
        parts.run.extend(guards.run);
        parts.undo.extend(guards.undo);
        // What hangs on the old form goes before it, and comes back after it.
        let mut hooks = Parts::default();
        self.act(Place::Unhook, &mut hooks);
        parts.run.splice(0..0, hooks.run);
        parts.undo.extend(hooks.undo);
        self.act(Place::Drop, &mut parts);
        self.act(Place::Settle, &mut parts);
        parts
    }

    fn bring_columns_back(&self, form: &Form) -> Action {
        let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
        let qualified = form.qualified();
        let mut statements = vec![
            format!("LOCK TABLE {qualified} IN ACCESS EXCLUSIVE MODE"),
            void_if_touched(form),
        ];
        // A new form that has taken the old name steps aside first.
        statements.extend(form.columns.iter().filter_map(|c| give_way(form, c)));
        for (_, old, _) in form.replaced() {
            statements.push(format!(
                "ALTER TABLE {qualified} ADD COLUMN IF NOT EXISTS {} {}",
                old.name,
                old.full_type()
            ));
        }
        for (column, old, _) in form.replaced().filter(|(c, _, _)| c.becomes.is_some()) {
            statements.push(copy_rights(&qualified, &column.name, &old.name));
        }
        statements.extend(self.functions(form));
        statements.extend(trigger::install(form, Authority::Restore));
        // If this puts a broken trigger back, rows have changed unseen: what
        // an earlier pass has restored may be out of date.
        let job = quote_literal(&format!("restore/{}", form.tag));
        for notes in ["checkpoint", "chunk_log"] {
            statements.push(format!("DELETE FROM pilothouse.{notes} WHERE job = {job}"));
        }
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
            load: Load::Brief,
            lock: "ACCESS EXCLUSIVE, short",
        }
    }

    fn close_restore(&self, form: &Form) -> Action {
        let mut action = self.back("restored", form, Authority::New);
        let qualified = form.qualified();
        for (_, old, _) in form.replaced() {
            if let Some(default) = &old.default {
                action.statements.push(format!(
                    "ALTER TABLE {qualified} ALTER COLUMN {} SET DEFAULT {default}",
                    old.name
                ));
            }
            if let Some(comment) = &old.comment {
                action.statements.push(format!(
                    "COMMENT ON COLUMN {qualified}.{} IS {}",
                    old.name,
                    quote_literal(comment)
                ));
            }
        }
        // The new form's NOT NULL goes first: it has the name.
        action.statements.extend(loosen(form).statements);
        for (column, old, _) in form.replaced() {
            action.statements.extend(old.not_null_again(&qualified));
            action.statements.extend(old.settings(&qualified));
            if column.becomes.is_none() {
                // Those of a column with a new form were copied from that.
                action.statements.extend(old.grants(&qualified));
            }
        }
        action.title = format!("close the restore of {}", form.table.table.as_str());
        action.lock = "ACCESS EXCLUSIVE while NOT NULL is checked";
        action
    }
}
