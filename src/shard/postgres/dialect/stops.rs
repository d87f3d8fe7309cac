//! What each stop consists of, and what undoes it (DESIGN §5).

use super::action::{Action, Mode, is_armed, is_disarmed, when};
use super::change::{Deed, Place};
use super::column::{copy_rights, demand_ours};
use super::export::create_export;
use super::form::Form;
use super::leaving;
use super::losses::Loss;
use super::mapping::Volatility;
use super::steps::{
    add_column, demand_intact, drop_new_column, drop_not_null, drop_old, give_way, lock_writers,
    loosen, not_null, row_job, undo_dual_write, void_if_touched,
};
use super::trigger::{self, Authority};
use super::version::Version;
use crate::base::{Stage, Stop, quote_literal};
use crate::migration::{ClientVersion, Migration};
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
    pub(super) deeds: &'a [Deed],
    pub(super) versions: &'a [Version],
    /// What preflight found out about each function.
    pub(super) volatility: &'a BTreeMap<String, Volatility>,
    pub(super) route: &'a [Stop],
    pub(super) losses: &'a [Loss],
}

impl Source<'_> {
    pub(super) fn stop(&self, stop: Stop) -> Parts {
        let mut parts = self.parts(stop);
        parts.run.extend(self.clients(stop));
        parts
    }

    /// From expand on every stop ends with a look at the clients of that time.
    fn clients(&self, stop: Stop) -> Option<Part> {
        let clients = &self.migration.clients;
        let (id, versions): (_, &[_]) = match stop.stage() {
            Stage::Preflight | Stage::Snapshot => return None,
            Stage::Shift => ("clients/both", &[ClientVersion::Old, ClientVersion::New]),
            Stage::Contract => ("clients/new", &[ClientVersion::New]),
            _ => ("clients/old", &[ClientVersion::Old]),
        };
        let title = "statements of clients";
        let concerned = clients.iter().any(|c| versions.contains(&c.version));
        concerned.then_some(Part::Check { id, title })
    }

    fn parts(&self, stop: Stop) -> Parts {
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

    fn version(&self, form: &Form) -> Option<&Version> {
        self.versions.iter().find(|v| v.base == form.table.schema)
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
        self.act(Place::Expand, &mut parts);
        parts
    }

    /// What the operations do that rewrite no row: there in their order, back
    /// in the reverse one.
    fn act(&self, place: Place, parts: &mut Parts) {
        for deed in self.deeds.iter().filter(|deed| deed.place == place) {
            parts.run.extend(deed.run.iter().cloned().map(Part::Act));
            let undo = deed.undo.iter().cloned().map(Part::Act);
            parts.undo.splice(0..0, undo);
        }
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
            // Ours may have been dropped, and another one added, since expand.
            let lock = "IN SHARE ROW EXCLUSIVE MODE";
            statements.push(format!("LOCK TABLE {} {lock}", form.qualified()));
            statements.extend(form.ruled().map(|(column, _)| demand_ours(form, column)));
            statements.extend(trigger::install(form, Authority::Old));
            parts.run.push(Part::Act(Action {
                id: format!("dual_write/{}", form.tag),
                title: format!("write both forms of {table}"),
                probe: when(&is_armed(schema, table, "old")),
                statements,
                mode: Mode::Transaction,
                lock: "SHARE ROW EXCLUSIVE, short: writers wait, readers do not",
            }));
            parts
                .undo
                .insert(0, Part::Act(undo_dual_write(form, self.version(form))));
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
        self.act(Place::Verify, &mut parts);
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
                self.dual().map(|f| {
                    Part::Act(self.forward("publish", f, (Authority::Old, Authority::Both)))
                }),
            );
            self.act(Place::Publish, &mut parts);
        }
        parts.run.push(Part::Share(percent));
        let is_last =
            self.route.iter().rfind(|s| s.stage() == Stage::Shift) == Some(&Stop::Shift(percent));
        if is_last && !self.losses.is_empty() {
            parts.run.push(Part::Check {
                id: "losses",
                title: "what a way back would lose",
            });
        }
        // The flag goes back first: nobody may count on what is taken back.
        let back = Part::Share(earlier.map_or(0, Stop::share_percent));
        parts.undo.insert(0, back);
        if earlier.is_none() {
            parts.undo.extend(
                self.dual()
                    .map(|f| Part::Act(self.back("unpublish", f, Authority::Old))),
            );
        }
        parts
    }

    fn forward(&self, prefix: &str, form: &Form, (from, to): (Authority, Authority)) -> Action {
        self.switch(prefix, form, to, demand_intact(form, from, to))
    }

    fn back(&self, prefix: &str, form: &Form, to: Authority) -> Action {
        self.switch(prefix, form, to, void_if_touched(form))
    }

    /// Puts an authority in place. A switch covers up that the trigger was
    /// away, so `first` looks at that in the same transaction.
    fn switch(&self, prefix: &str, form: &Form, authority: Authority, first: String) -> Action {
        let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
        let mut statements = vec![lock_writers(form), first];
        statements.extend(self.functions(form));
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
        for form in self.dual().filter(|f| f.replaced().next().is_some()) {
            // Before the switch: under the new authority a touch of a row would
            // overwrite an old value that `down` does not give.
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
                let title = format!("compare {} strictly", form.table.table.as_str());
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
        for (_, old, _) in form.replaced() {
            action.statements.extend(old.not_null_again(&qualified));
        }
        action.title = format!("close the restore of {}", form.table.table.as_str());
        action.lock = "ACCESS EXCLUSIVE while NOT NULL is checked";
        action
    }
}
