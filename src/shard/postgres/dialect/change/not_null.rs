//! NOT NULL without a scan under the lock.

use super::constraint::{SHORT, validate};
use super::{Scope, when};
use crate::base::{Ident, quote_literal};
use crate::migration::TableName;
use crate::shard::postgres::dialect::action::{Action, Load, Mode, has_constraint};

/// A check of ours that stands for NOT NULL until that can be set without a
/// scan under the lock.
pub(super) struct NotNullCheck<'a> {
    scope: &'a Scope<'a>,
    pub(super) table: TableName,
    qualified: String,
    column: &'a Ident,
    pub(super) name: Ident,
}

impl<'a> NotNullCheck<'a> {
    pub(super) fn of(scope: &'a Scope<'a>, table: &TableName, column: &'a Ident) -> Self {
        Self {
            scope,
            table: table.clone(),
            qualified: table.to_string(),
            column,
            name: scope.hidden(&format!("not null {}", column.as_str())),
        }
    }

    fn what(&self) -> String {
        format!("{} is not null", self.column.as_str())
    }

    pub(super) fn add(&self) -> String {
        format!(
            "ALTER TABLE {0} DROP CONSTRAINT IF EXISTS {1}, ADD CONSTRAINT {1} CHECK ({2} IS NOT NULL) NOT VALID",
            self.qualified, self.name, self.column
        )
    }

    pub(super) fn drop(&self) -> String {
        format!(
            "ALTER TABLE IF EXISTS {} DROP CONSTRAINT IF EXISTS {}",
            self.qualified, self.name
        )
    }

    pub(super) fn is_there(&self, extra: &str) -> String {
        has_constraint(&self.qualified, self.name.as_str(), extra)
    }

    /// "The column is NOT NULL by itself."
    pub(super) fn is_set(&self) -> String {
        format!(
            "EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = to_regclass({}) AND a.attname = {} AND a.attnotnull)",
            quote_literal(&self.qualified),
            quote_literal(self.column.as_str())
        )
    }

    /// The check, for new rows and then for all of them.
    pub(super) fn run(&self) -> [Action; 2] {
        let step = |word: &str| self.scope.id(&format!("{word}/{}", self.column.as_str()));
        let what = self.what();
        let set = self.is_set();
        let add = Action {
            id: step("not_null"),
            title: format!("{what}, for new rows"),
            probe: when(&format!("{set} OR {}", self.is_there(""))),
            statements: vec![self.add()],
            mode: Mode::Transaction,
            load: Load::Brief,
            lock: SHORT,
        };
        let mut all = validate(step("not_null_valid"), &self.table, &self.name, &what);
        all.probe = when(&format!(
            "{set} OR {}",
            self.is_there(" AND c.convalidated")
        ));
        [add, all]
    }

    pub(super) fn undo(&self) -> Action {
        Action {
            id: self
                .scope
                .id(&format!("undo_not_null/{}", self.column.as_str())),
            title: format!("{} may be null again", self.column.as_str()),
            probe: when(&format!("NOT {}", self.is_there(""))),
            statements: vec![self.drop()],
            mode: Mode::Transaction,
            load: Load::Brief,
            lock: SHORT,
        }
    }
}
