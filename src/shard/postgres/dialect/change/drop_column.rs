//! drop_column: what keeps rows whole while some clients do not know the
//! column any more, and what hangs on it.

use super::drop_constraint::dropped;
use super::index::dropped as index_dropped;
use super::{Deed, Pair, Place, Scope};
use crate::base::{Ident, code, quote_literal};
use crate::migration::{DropColumn, TableName};
use crate::shard::postgres::dialect::catalog::ConstraintKind;
use crate::shard::postgres::dialect::form::{Form, Impossible, Label, impossible};
use crate::shard::postgres::dialect::leaving::{
    Leaving, drop_trigger, trigger_drops, trigger_name,
};
use crate::shard::postgres::dialect::mapping::{Mapping, PINS, Volatility};
use crate::shard::postgres::dialect::trigger::{NOTE_PATH, read_label};

const WRITERS: &str = "SHARE ROW EXCLUSIVE, short: writers wait, readers do not";

/// A column that goes, and the trigger of ours that stands over it.
struct Going<'a> {
    scope: &'a Scope<'a>,
    qualified: String,
    leaving: &'a Leaving,
    label: Option<&'a Label>,
    name: String,
}

pub(super) fn deeds(
    scope: &Scope<'_>,
    drop: &DropColumn,
    forms: &[Form],
) -> Result<Vec<Deed>, Impossible> {
    let mine = forms.iter().filter(|form| form.table == drop.table);
    let leaving = mine.flat_map(|form| form.leaving.iter().map(move |l| (l, &form.label)));
    let mut deeds = Vec::new();
    for (leaving, label) in leaving.filter(|(leaving, _)| leaving.column.name == drop.column) {
        let going = Going {
            scope,
            qualified: drop.table.to_string(),
            leaving,
            label: label.as_ref(),
            name: trigger_name(scope.migration, scope.number),
        };
        deeds.extend(going.fill());
        deeds.push(going.guard());
        deeds.push(going.unhook());
    }
    deeds.extend(hanging(scope, &drop.table, &drop.column)?);
    Ok(deeds)
}

/// What hangs on a column that goes: before it, and back after it. What hangs
/// on several such columns goes once.
pub(super) fn hanging(
    scope: &Scope<'_>,
    at: &TableName,
    column: &Ident,
) -> Result<Vec<Deed>, Impossible> {
    let table = scope.existing(at)?;
    let going = scope.leaving(at);
    let mine = |columns: &[Ident]| {
        let first = going.iter().find(|name| columns.contains(name));
        first.is_some_and(|first| *first == column)
    };
    let mut deeds = Vec::new();
    for constraint in table.constraints.iter().filter(|c| mine(&c.columns)) {
        if constraint.kind == ConstraintKind::Other {
            return impossible(
                &scope.key("table"),
                format!(
                    "{} over {} is of a kind that could not be put back without blocking writers",
                    constraint.name.as_str(),
                    column.as_str()
                ),
                "drop it with an sql operation that says how it is put back, in an earlier migration",
            );
        }
        deeds.push(dropped(scope, at, table, constraint, Place::Unhook)?);
    }
    let free = table.indexes.iter().filter(|index| index.bound.is_none());
    for index in free.filter(|index| mine(&index.columns)) {
        deeds.push(index_dropped(scope, table, index, Place::Unhook)?);
    }
    Ok(deeds)
}

impl Going<'_> {
    fn trigger(&self, kind: &str) -> String {
        format!("{}_{kind}", self.name)
    }

    /// A row that is written without the column gets what `down` says.
    fn fill_statements(&self) -> Vec<String> {
        let Some(down) = &self.leaving.down else {
            return Vec::new();
        };
        let (trigger, column) = (self.trigger("fill"), &self.leaving.column.name);
        let body = format!(
            "BEGIN NEW.{column} := {}; RETURN NEW; END",
            down.call("NEW")
        );
        let mut statements = vec![
            down.create("pilothouse", Volatility::Stable),
            down.grant(),
            format!(
                "CREATE OR REPLACE FUNCTION pilothouse.{trigger}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {PINS} AS {}",
                quote_literal(&body)
            ),
            format!(
                "CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT ON {} FOR EACH ROW WHEN (NEW.{column} IS NULL) EXECUTE FUNCTION pilothouse.{trigger}()",
                self.qualified
            ),
            format!(
                "ALTER TABLE {} ENABLE ALWAYS TRIGGER {trigger}",
                self.qualified
            ),
        ];
        statements.extend(self.follow_statements(down));
        statements
    }

    /// What a client of the new version changes, the old one sees: `down` once
    /// more (named to fire after the guard, which judges clients only), unless the statement sets the column itself. Who belongs to no
    /// version may well mean to leave it alone.
    fn follow_statements(&self, down: &Mapping) -> Vec<String> {
        let Some(label) = self.label.filter(|_| !down.inputs.is_empty()) else {
            return Vec::new();
        };
        let (trigger, column) = (self.trigger("trail"), &self.leaving.column.name);
        let of = |row: &str| {
            let inputs = down.inputs.iter();
            let names: Vec<String> = inputs.map(|i| format!("{row}.{}", i.column)).collect();
            format!("ROW({})", names.join(", "))
        };
        let body = format!(
            "DECLARE
  writer text := nullif(current_setting('pilothouse.writer', true), '');
BEGIN
{}
  IF writer IN ('new', 'new version') THEN NEW.{column} := {}; END IF;
  RETURN NEW;
END",
            read_label(label, ""),
            down.call("NEW")
        );
        vec![
            format!(
                "CREATE OR REPLACE FUNCTION pilothouse.{trigger}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {PINS} AS {}",
                quote_literal(&body)
            ),
            format!(
                "CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {} FOR EACH ROW WHEN (record_image_eq(ROW(NEW.{column}), ROW(OLD.{column})) AND NOT record_image_eq({}, {}) AND {NOTE_PATH}) EXECUTE FUNCTION pilothouse.{trigger}()",
                self.qualified,
                of("NEW"),
                of("OLD")
            ),
            format!(
                "ALTER TABLE {} ENABLE ALWAYS TRIGGER {trigger}",
                self.qualified
            ),
        ]
    }

    fn drop_statements(&self, kind: &str) -> Vec<String> {
        drop_trigger(&self.qualified, &self.trigger(kind)).into()
    }

    fn unfill_statements(&self) -> Vec<String> {
        let mut statements = self.drop_statements("fill");
        statements.extend(self.drop_statements("trail"));
        statements
    }

    /// Clients of the new form do not know the column: from publication on.
    fn fill(&self) -> Option<Deed> {
        self.leaving.down.as_ref()?;
        let name = self.leaving.column.name.as_str();
        let pair = Pair {
            id: self.scope.id(&format!("fill/{name}")),
            title: format!("{name} gets a value where a client does not write it"),
            undo_title: format!("{name} is written by clients alone"),
            run: self.fill_statements(),
            undo: self.unfill_statements(),
            lock: WRITERS,
        };
        Some(pair.deed(Place::Publish))
    }

    /// Once it is retired nobody changes it: what is exported is what is lost.
    fn guard_statements(&self) -> Vec<String> {
        let (trigger, column) = (self.trigger("guard"), &self.leaving.column.name);
        let body = format!(
            "BEGIN RAISE EXCEPTION USING ERRCODE = '{}', MESSAGE = {}, HINT = 'leave it out: it is about to be dropped'; END",
            code::OLD_TOO_LATE,
            quote_literal(&format!(
                "pilothouse: column {} is retired",
                column.as_str()
            ))
        );
        vec![
            format!(
                "CREATE OR REPLACE FUNCTION pilothouse.{trigger}() RETURNS trigger LANGUAGE plpgsql {PINS} AS {}",
                quote_literal(&body)
            ),
            format!("GRANT EXECUTE ON FUNCTION pilothouse.{trigger}() TO PUBLIC"),
            format!(
                "CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {} FOR EACH ROW WHEN (NOT record_image_eq(ROW(NEW.{column}), ROW(OLD.{column}))) EXECUTE FUNCTION pilothouse.{trigger}()",
                self.qualified
            ),
            format!(
                "ALTER TABLE {} ENABLE ALWAYS TRIGGER {trigger}",
                self.qualified
            ),
        ]
    }

    fn guard(&self) -> Deed {
        let name = self.leaving.column.name.as_str();
        let pair = Pair {
            id: self.scope.id(&format!("guard/{name}")),
            title: format!("{name} cannot be changed any more"),
            undo_title: format!("{name} can be changed again"),
            run: self.guard_statements(),
            undo: self.drop_statements("guard"),
            lock: WRITERS,
        };
        pair.deed(Place::Retire)
    }

    /// The triggers go with the column, in its own transaction, and come back
    /// after it.
    fn unhook(&self) -> Deed {
        let name = self.leaving.column.name.as_str();
        let run = trigger_drops(&self.qualified, &self.name);
        let mut undo = self.fill_statements();
        undo.extend(self.guard_statements());
        let pair = Pair {
            id: self.scope.id(&format!("unhook/{name}")),
            title: format!("our triggers are off {name}"),
            undo_title: format!("put our triggers over {name} again"),
            run,
            undo,
            lock: WRITERS,
        };
        pair.deed(Place::Unguard)
    }
}
