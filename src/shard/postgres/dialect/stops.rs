//! What each stop consists of, and what undoes it (DESIGN §5).

use super::action::{Action, Load, Mode, is_armed, is_disarmed, when};
use super::change::{Deed, Place};
use super::column::demand_ours;
use super::form::Form;
use super::losses::Loss;
use super::mapping::Volatility;
use super::steps::{
    add_column, demand_intact, drop_new_column, drop_not_null, lock_writers, not_null, row_job,
    undo_dual_write, void_if_touched,
};
use super::trigger::{self, Authority};
use super::version::Version;
use crate::base::{Stage, Stop};
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

    pub(super) fn version(&self, form: &Form) -> Option<&Version> {
        self.versions.iter().find(|v| v.base == form.table.schema)
    }

    pub(super) fn dual(&self) -> impl Iterator<Item = &Form> {
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
    pub(super) fn act(&self, place: Place, parts: &mut Parts) {
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
                load: Load::Brief,
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
        if self.dual().any(|form| form.label.is_some()) {
            parts.run.push(Part::Check {
                id: "writers",
                title: "writers of no version",
            });
        }
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

    pub(super) fn forward(
        &self,
        prefix: &str,
        form: &Form,
        (from, to): (Authority, Authority),
    ) -> Action {
        self.switch(prefix, form, to, demand_intact(form, from, to))
    }

    pub(super) fn back(&self, prefix: &str, form: &Form, to: Authority) -> Action {
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
            load: Load::Brief,
            lock: "SHARE ROW EXCLUSIVE, short: writers wait, readers do not",
        }
    }
}
