//! Building and dropping an index beside running writes, in steps that may
//! end anywhere.
//!
//! An index is built under a name of ours and renamed when it is whole: an
//! invalid leftover is always ours to drop, and nobody ever finds half an
//! index under the real name.

use super::{RESET_PATH, Scope, quoted, session_path};
use crate::base::{Ident, quote_literal};
use crate::migration::TableName;
use crate::shard::postgres::dialect::action::{Action, Load, Mode};

const BUILD: &str =
    "SHARE UPDATE EXCLUSIVE: reads and writes go on; waits for every transaction older than it";

/// An index that is built under a hidden name.
pub(super) struct Build<'a> {
    pub(super) table: &'a TableName,
    pub(super) hidden: Ident,
    pub(super) is_unique: bool,
    /// What stands behind the name, from `ON` on.
    pub(super) definition: String,
    /// For people: `index customers_country`.
    pub(super) what: String,
    /// A condition that is true once the index has its real name.
    pub(super) finished: String,
}

impl Build<'_> {
    /// Builds it. An invalid leftover of an attempt before is dropped first.
    pub(super) fn action(&self, scope: &Scope<'_>, step: &str) -> Action {
        let (schema, hidden) = (&self.table.schema, &self.hidden);
        let unique = if self.is_unique { "UNIQUE " } else { "" };
        let state = |valid: &str| is_index(schema, hidden, valid);
        Action {
            id: scope.id(step),
            title: format!("build {}", self.what),
            probe: format!(
                "SELECT CASE WHEN {} OR {} THEN 'already' WHEN {} THEN 'half' ELSE 'absent' END",
                self.finished,
                state(" AND i.indisvalid"),
                state("")
            ),
            statements: vec![
                drop_hidden(schema, hidden),
                session_path(schema),
                format!(
                    "CREATE {unique}INDEX CONCURRENTLY {hidden} {}",
                    self.definition
                ),
                RESET_PATH.to_owned(),
            ],
            mode: Mode::Build,
            load: Load::Index(self.table.clone(), self.definition.clone()),
            lock: BUILD,
        }
    }

    /// Drops it under its hidden name.
    pub(super) fn undo(&self, scope: &Scope<'_>, step: &str) -> Action {
        let schema = &self.table.schema;
        Action {
            id: format!("undo/{}", scope.id(step)),
            title: format!("drop {}", self.what),
            probe: super::when(&format!("NOT {}", is_index(schema, &self.hidden, ""))),
            statements: vec![drop_hidden(schema, &self.hidden)],
            mode: Mode::Build,
            load: Load::Brief,
            lock: BUILD,
        }
    }
}

fn drop_hidden(schema: &Ident, hidden: &Ident) -> String {
    format!(
        "DROP INDEX CONCURRENTLY IF EXISTS {}",
        quoted(schema, hidden)
    )
}

/// "There is an index of this name."
fn is_index(schema: &Ident, name: &Ident, extra: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pg_index i WHERE i.indexrelid = to_regclass({}){extra})",
        quote_literal(&quoted(schema, name))
    )
}
