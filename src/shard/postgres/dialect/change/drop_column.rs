//! drop_column: what keeps rows whole while some clients do not know the
//! column any more, and what hangs on it.

use super::constraint::dropped;
use super::index::dropped as index_dropped;
use super::{Deed, Pair, Place, Scope};
use crate::base::{Ident, code, quote_literal};
use crate::migration::DropColumn;
use crate::shard::postgres::dialect::catalog::ConstraintKind;
use crate::shard::postgres::dialect::form::{Form, Impossible};
use crate::shard::postgres::dialect::leaving::Leaving;
use crate::shard::postgres::dialect::mapping::{PINS, Volatility};

const WRITERS: &str = "SHARE ROW EXCLUSIVE, short: writers wait, readers do not";

/// A column that goes, and the trigger of ours that stands over it.
struct Going<'a> {
    scope: &'a Scope<'a>,
    qualified: String,
    leaving: &'a Leaving,
    name: String,
}

pub(super) fn deeds(
    scope: &Scope<'_>,
    drop: &DropColumn,
    forms: &[Form],
) -> Result<Vec<Deed>, Impossible> {
    let table = scope.existing(&drop.table)?;
    let leaving = forms
        .iter()
        .filter(|form| form.table == drop.table)
        .flat_map(|form| &form.leaving);
    let mut deeds = Vec::new();
    for leaving in leaving.filter(|leaving| leaving.column.name == drop.column) {
        let going = Going {
            scope,
            qualified: drop.table.to_string(),
            leaving,
            name: scope.hidden("leaving").as_str().to_owned(),
        };
        deeds.extend(going.fill());
        deeds.push(going.guard());
        deeds.push(going.unhook());
    }
    // What hangs on several columns that go is dropped once.
    let going = scope.leaving(&drop.table);
    let mine = |columns: &[Ident]| {
        let first = going.iter().find(|name| columns.contains(name));
        first.is_some_and(|first| **first == drop.column)
    };
    for constraint in table.constraints.iter().filter(|c| mine(&c.columns)) {
        if constraint.kind != ConstraintKind::Other {
            let place = Place::Unhook;
            deeds.push(dropped(scope, &drop.table, table, constraint, place)?);
        }
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
        vec![
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
        ]
    }

    fn drop_statements(&self, kind: &str) -> Vec<String> {
        let trigger = self.trigger(kind);
        vec![
            format!("DROP TRIGGER IF EXISTS {trigger} ON {}", self.qualified),
            format!("DROP FUNCTION IF EXISTS pilothouse.{trigger}()"),
        ]
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
            undo: self.drop_statements("fill"),
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

    /// The triggers name the column: they go before it and come back after it.
    fn unhook(&self) -> Deed {
        let name = self.leaving.column.name.as_str();
        let mut run = self.drop_statements("guard");
        run.extend(self.drop_statements("fill"));
        let mut undo = self.fill_statements();
        undo.extend(self.guard_statements());
        let pair = Pair {
            id: self.scope.id(&format!("unhook/{name}")),
            title: format!("take our triggers off {name}"),
            undo_title: format!("put our triggers over {name} again"),
            run,
            undo,
            lock: WRITERS,
        };
        pair.deed(Place::Unhook)
    }
}
