//! What every stop consists of on SQLite, and what each step id means.

use super::trigger::Authority;
use super::work::{Expansion, TableWork, Work};
use crate::base::Stop;
use crate::worker::{RowJob, RowJobKind, ShardPlan, Step, StopPlan};
use std::collections::BTreeMap;

/// What an `Act` step brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// One thing of expand.
    Expand(Expansion),
    /// Undoes one thing of expand.
    Unexpand(Expansion),
    /// Installs the triggers for the first time.
    DualWrite,
    /// Triggers and everything expand added go in one transaction.
    Remove,
    /// Turns the direction of all triggers in one transaction.
    Switch(Authority),
    /// Drops the triggers and what is replaced.
    DropOld,
    /// Adds what was dropped again, empty, with the triggers over it.
    BringBack,
}

/// What a `Check` step looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Everything before the first write.
    Preflight,
    /// The migration's own invariants.
    Invariants,
    /// Whether every client has left the old form.
    Quiet,
}

/// Which rows a row job works on, and for which stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobTarget {
    /// The table, by position.
    pub table: usize,
    /// The stop that it belongs to.
    pub stop: Stop,
    /// What is done.
    pub kind: RowJobKind,
}

/// The steps of a migration with their meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// What the worker drives.
    pub plan: ShardPlan,
    /// Meaning of `Act` ids.
    pub actions: BTreeMap<String, Action>,
    /// Meaning of `Check` ids.
    pub looks: BTreeMap<String, Look>,
    /// Meaning of row job ids.
    pub jobs: BTreeMap<String, JobTarget>,
}

/// The steps of every stop of the route.
pub fn steps(work: &Work, route: &[Stop]) -> Steps {
    let mut steps = Steps::default();
    for stop in route {
        let plan = match *stop {
            Stop::Preflight => StopPlan {
                run: vec![steps.look("preflight", "preflight checks", Look::Preflight)],
                undo: Vec::new(),
            },
            Stop::Snapshot => StopPlan::default(),
            Stop::Expand => StopPlan {
                run: steps.expand(work),
                undo: steps.unexpand(work),
            },
            Stop::DualWrite => steps.dual_write(work),
            Stop::Backfill => StopPlan {
                run: steps.rows(work, *stop, RowJobKind::Fill, TableWork::fills),
                undo: Vec::new(),
            },
            Stop::Verify => StopPlan {
                run: steps.verify(work, *stop),
                undo: Vec::new(),
            },
            Stop::Shift(percent) => steps.shift(route, percent),
            Stop::Retire => steps.retire(route),
            Stop::Drop => steps.drop_old(work),
        };
        steps.plan.stops.insert(*stop, plan);
    }
    steps
}

/// The id of an expand step, also the key of its done-mark.
pub fn expansion_id(work: &Work, expansion: Expansion) -> String {
    match expansion {
        Expansion::Column(t, c) => {
            let table = &work.tables[t];
            let column = &table.columns[c];
            format!(
                "expand/column/{}/{}",
                table.table.as_str(),
                column.name.as_str()
            )
        }
        Expansion::Statement(i) => format!("expand/statement/{}", i + 1),
    }
}

fn expansion_title(work: &Work, expansion: Expansion) -> String {
    match expansion {
        Expansion::Column(t, c) => {
            let table = &work.tables[t];
            let column = &table.columns[c];
            format!("column {}.{}", table.table.as_str(), column.name.as_str())
        }
        Expansion::Statement(i) => format!("statement {}", i + 1),
    }
}

impl Steps {
    fn act(&mut self, id: impl Into<String>, title: impl Into<String>, action: Action) -> Step {
        let id = id.into();
        self.actions.insert(id.clone(), action);
        Step::Act {
            id,
            title: title.into(),
        }
    }

    fn look(&mut self, id: &str, title: &str, look: Look) -> Step {
        self.looks.insert(id.to_owned(), look);
        Step::Check {
            id: id.to_owned(),
            title: title.to_owned(),
        }
    }

    fn expand(&mut self, work: &Work) -> Vec<Step> {
        let one = |expansion: &Expansion| {
            let title = format!("add {}", expansion_title(work, *expansion));
            self.act(
                expansion_id(work, *expansion),
                title,
                Action::Expand(*expansion),
            )
        };
        work.expand.iter().map(one).collect()
    }

    fn unexpand(&mut self, work: &Work) -> Vec<Step> {
        let one = |expansion: &Expansion| {
            let title = format!("remove {}", expansion_title(work, *expansion));
            let id = format!("undo/{}", expansion_id(work, *expansion));
            self.act(id, title, Action::Unexpand(*expansion))
        };
        work.expand.iter().rev().map(one).collect()
    }

    /// Undoing dual write takes the columns along, so coming here again may
    /// have to expand first; otherwise the probes find that done.
    fn dual_write(&mut self, work: &Work) -> StopPlan {
        let mut run = self.expand(work);
        run.push(self.act(
            "dual_write/triggers",
            "triggers write both forms",
            Action::DualWrite,
        ));
        let title = "triggers and columns go in one transaction";
        StopPlan {
            run,
            undo: vec![self.act("undo/dual_write", title, Action::Remove)],
        }
    }

    fn rows(
        &mut self,
        work: &Work,
        stop: Stop,
        kind: RowJobKind,
        wanted: fn(&TableWork) -> bool,
    ) -> Vec<Step> {
        let word = match kind {
            RowJobKind::Fill => "fill",
            RowJobKind::Verify => "compare",
            RowJobKind::Export => "export",
            RowJobKind::Restore => "restore",
        };
        let mut found = Vec::new();
        for (table, what) in work.tables.iter().enumerate().filter(|(_, t)| wanted(t)) {
            let id = format!("{stop}/{word}/{}", what.table.as_str());
            self.jobs
                .insert(id.clone(), JobTarget { table, stop, kind });
            let title = format!("{word} {}", what.table.as_str());
            found.push(Step::Rows(RowJob { id, title, kind }));
        }
        found
    }

    fn verify(&mut self, work: &Work, stop: Stop) -> Vec<Step> {
        let mut run = self.rows(work, stop, RowJobKind::Verify, |_| true);
        if !work.invariants.is_empty() {
            let id = format!("{stop}/invariants");
            run.push(self.look(&id, "invariants", Look::Invariants));
        }
        run
    }

    fn shift(&mut self, route: &[Stop], percent: u8) -> StopPlan {
        let before = route
            .iter()
            .filter_map(|stop| match stop {
                Stop::Shift(p) if *p < percent => Some(*p),
                _ => None,
            })
            .max();
        let mut run = vec![Step::Share { percent }];
        let mut undo = vec![Step::Share {
            percent: before.unwrap_or(0),
        }];
        if percent == 100 {
            run.push(self.switch(Authority::New));
            undo.push(self.switch(Authority::Old));
        }
        StopPlan { run, undo }
    }

    fn switch(&mut self, authority: Authority) -> Step {
        let (id, title) = match authority {
            Authority::Old => ("switch/old", "the old form is written again"),
            Authority::New => ("switch/new", "the new form is written, the old one kept up"),
        };
        self.act(id, title, Action::Switch(authority))
    }

    fn retire(&mut self, route: &[Stop]) -> StopPlan {
        let quiet = self.look("retire/quiet", "old clients are quiet", Look::Quiet);
        let run = vec![quiet, self.switch(Authority::New)];
        // Where shift went to 100 %, the switch is shift's to undo.
        let undo = if route.contains(&Stop::Shift(100)) {
            Vec::new()
        } else {
            vec![self.switch(Authority::Old)]
        };
        StopPlan { run, undo }
    }

    fn drop_old(&mut self, work: &Work) -> StopPlan {
        let replaced = |table: &TableWork| !table.down.is_empty();
        let mut run = self.rows(work, Stop::Drop, RowJobKind::Export, replaced);
        run.extend(self.verify(work, Stop::Drop));
        run.push(self.act("drop/old", "drop what is replaced", Action::DropOld));
        let title = "add what was dropped again";
        let mut undo = vec![self.act("undo/drop", title, Action::BringBack)];
        undo.extend(self.rows(work, Stop::Drop, RowJobKind::Restore, replaced));
        StopPlan { run, undo }
    }
}
