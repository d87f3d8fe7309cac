//! Operations that rewrite no row: what each does at which stage, and how it
//! is undone.
//!
//! What is added comes in expand; what restricts comes in verify, once the
//! rows fit; what loosens comes when the new form is published, because its
//! clients count on it; what takes away comes in contract.

mod column;
mod constraint;
mod drop_column;
mod drop_constraint;
mod index;
mod index_steps;
mod not_null;
mod rename;
mod safe_type;
mod second;
mod spell;
mod sql;
mod table;

use super::action::{Action, Load, Mode, is_marked, when};
use super::catalog::{Catalog, Table};
use super::form::{Form, Impossible, impossible, tag};
use crate::base::{Ident, quote_literal};
use crate::migration::{CreateTable, Migration, Operation, TableName};

/// Where on the way an operation acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Expand,
    Verify,
    Publish,
    Retire,
    /// Before the old form goes: what hangs on it.
    Unhook,
    /// After it has gone: what stood guard over it.
    Unguard,
    Drop,
    /// After everything else.
    Settle,
}

/// What an operation does at one place. `undo` is in the order in which it
/// is run, and takes back the whole of `run`, however far that came.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) place: Place,
    pub(super) run: Vec<Action>,
    pub(super) undo: Vec<Action>,
}

/// Every deed of a migration, in the order of its operations.
pub(super) fn deeds(
    migration: &Migration,
    catalog: &Catalog,
    forms: &[Form],
) -> Result<Vec<Deed>, Impossible> {
    let mut deeds = Vec::new();
    for (place, operation) in migration.operations.iter().enumerate() {
        let scope = Scope {
            migration,
            catalog,
            number: place + 1,
            word: operation.word(),
        };
        match operation {
            Operation::AddColumn(add) => {
                for column in add.down.keys() {
                    deeds.extend(drop_column::hanging(&scope, &add.table, column)?);
                }
            }
            Operation::Backfill(_) => {}
            Operation::AlterColumn(alter) if alter.has_second_form() => {
                deeds.extend(second::deeds(&scope, alter)?);
            }
            Operation::AlterColumn(alter) => deeds.extend(column::alter(&scope, alter)?),
            Operation::CreateConstraint(create) => {
                deeds.push(constraint::create(&scope, create)?);
            }
            Operation::CreateIndex(create) => deeds.push(index::create(&scope, create)?),
            Operation::CreateTable(create) => deeds.push(table::create(&scope, create)?),
            Operation::DropColumn(drop) => {
                deeds.extend(drop_column::deeds(&scope, drop, forms)?);
            }
            Operation::DropConstraint(drop) => deeds.push(drop_constraint::drop(&scope, drop)?),
            Operation::DropIndex(drop) => deeds.push(index::drop(&scope, drop)?),
            Operation::DropTable(drop) => deeds.extend(table::drop(&scope, drop)?),
            Operation::RenameColumn(op) => deeds.push(rename::column(&scope, op)?),
            Operation::RenameTable(op) => deeds.push(rename::table(&scope, op)?),
            Operation::RenameConstraint(rename) => {
                deeds.push(rename::constraint(&scope, rename)?);
            }
            Operation::SetReplicaIdentity(set) => {
                deeds.push(table::replica_identity(&scope, set)?);
            }
            Operation::Sql(statements) => deeds.push(sql::run(&scope, statements)),
        }
    }
    Ok(deeds)
}

/// One operation among the others.
struct Scope<'a> {
    migration: &'a Migration,
    catalog: &'a Catalog,
    /// Counted from 1, as in the file.
    number: usize,
    word: &'static str,
}

/// A table that is there when the operation runs.
#[derive(Clone, Copy)]
enum Known<'a> {
    /// It was there before.
    Before(&'a Table),
    /// An earlier operation of the same migration creates it.
    Created(&'a CreateTable),
}

impl<'a> Scope<'a> {
    /// A key of the operation, for errors.
    fn key(&self, key: &str) -> String {
        format!("operation.{}.{}.{key}", self.number, self.word)
    }

    /// What stands before this operation in the migration.
    fn earlier(&self) -> impl Iterator<Item = &'a Operation> {
        self.migration.operations.iter().take(self.number - 1)
    }

    /// Id of a step.
    fn id(&self, step: &str) -> String {
        format!("{}/{}/{step}", self.word, self.number)
    }

    /// A short name of ours that nobody else has.
    fn hidden(&self, what: &str) -> Ident {
        let number = self.number.to_string();
        let tag = tag(&[self.migration.name.as_str(), &number, what]);
        #[expect(
            clippy::expect_used,
            reason = "a prefix and a short hexadecimal number: never empty, long or odd"
        )]
        Ident::new(format!("pilothouse_{tag}")).expect("a plain name")
    }

    /// The table, if it is there when the operation runs.
    fn table(&self, name: &TableName) -> Result<Known<'a>, Impossible> {
        if let Some(table) = self.catalog.table(name) {
            return Ok(Known::Before(table));
        }
        let created = self.earlier().find_map(|operation| match operation {
            Operation::CreateTable(create) if create.table == *name => Some(create),
            _ => None,
        });
        created.map(Known::Created).ok_or_else(|| Impossible {
            key: self.key("table"),
            what: format!("table {} is not there", name.plain()),
            remedy: "correct the table's name or schema, spelled as the catalog spells it".into(),
        })
    }

    /// A table that was there before the migration.
    fn existing(&self, name: &TableName) -> Result<&'a Table, Impossible> {
        match self.table(name)? {
            Known::Before(table) => Ok(table),
            Known::Created(_) => impossible(
                &self.key("table"),
                format!("{} is created by this migration itself", name.plain()),
                "write it into create_table",
            ),
        }
    }

    /// Columns of a table that go, with what hangs on them: dropped, or
    /// replaced by a column of another name.
    fn leaving(&self, table: &TableName) -> Vec<&'a Ident> {
        let operations = self.migration.operations.iter();
        let leaves = operations.flat_map(|operation| match operation {
            Operation::DropColumn(drop) if drop.table == *table => vec![&drop.column],
            Operation::AddColumn(add) if add.table == *table => add.down.keys().collect(),
            _ => Vec::new(),
        });
        leaves.collect()
    }

    /// Fails if the table will not have one of these columns.
    fn demand_columns<'i>(
        &self,
        table: &TableName,
        columns: impl IntoIterator<Item = &'i Ident>,
    ) -> Result<(), Impossible> {
        let known = self.table(table)?;
        let added = |name: &Ident| {
            let adds = |operation: &Operation| matches!(operation, Operation::AddColumn(add) if add.table == *table && add.column == *name);
            self.migration.operations.iter().any(adds)
        };
        let has = |name: &Ident| match known {
            Known::Before(table) => table.column(name).is_some() || added(name),
            Known::Created(create) => create.columns.iter().any(|c| c.name == *name),
        };
        match columns.into_iter().find(|name| !has(name)) {
            None => Ok(()),
            Some(name) => impossible(
                &self.key("table"),
                format!("table {} has no column {}", table.plain(), name.as_str()),
                "correct the column's name, spelled as the catalog spells it",
            ),
        }
    }

    /// Fails if somebody has this name already.
    fn demand_free(&self, schema: &Ident, name: &Ident) -> Result<(), Impossible> {
        let wanted = TableName {
            schema: schema.clone(),
            table: name.clone(),
        };
        if self.catalog.taken.contains(&wanted) {
            return impossible(
                &self.key("name"),
                format!("there is a {} already", wanted.plain()),
                "choose another name, or drop what has it if it is a leftover",
            );
        }
        Ok(())
    }

    /// An index over a partitioned table cannot be built beside its writers
    /// in one go.
    fn demand_whole(&self, table: &TableName) -> Result<(), Impossible> {
        match self.catalog.table(table) {
            Some(found) if found.is_partitioned => impossible(
                &self.key("table"),
                format!(
                    "{} is partitioned: PostgreSQL cannot build an index over it beside its writers",
                    table.plain()
                ),
                "create the index on each partition with create_index, then attach them with an sql operation",
            ),
            _ => Ok(()),
        }
    }
}

/// `"shop"."customers_country"`, of what stands beside a table.
fn quoted(schema: &Ident, name: &Ident) -> String {
    format!("{schema}.{name}")
}

/// Names in the migration's own SQL are looked up where its table is, after
/// those of the server itself, which stand before every path. What others may
/// create comes last.
fn path(schema: &Ident) -> String {
    format!("SET LOCAL search_path = {schema}, public, pg_temp")
}

/// The same, for statements that cannot run in a transaction.
fn session_path(schema: &Ident) -> String {
    format!("SET search_path = {schema}, public, pg_temp")
}

const RESET_PATH: &str = "RESET search_path";

/// Statements in one transaction, and those that take them back in one: the
/// done-mark tells which of the two holds.
pub(super) struct Pair {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) undo_title: String,
    pub(super) run: Vec<String>,
    pub(super) undo: Vec<String>,
    pub(super) lock: &'static str,
}

impl Pair {
    /// The two steps as all that is done at one place.
    pub(super) fn deed(self, place: Place) -> Deed {
        let (run, undo) = self.actions();
        Deed {
            place,
            run: vec![run],
            undo: vec![undo],
        }
    }

    fn actions(self) -> (Action, Action) {
        let id = self.id;
        let mut undo = self.undo;
        undo.push(unmark(&id));
        let back = Action {
            id: format!("undo/{id}"),
            title: self.undo_title,
            probe: when(&format!("NOT {}", is_marked(&id))),
            statements: undo,
            mode: Mode::Transaction,
            load: Load::Brief,
            lock: self.lock,
        };
        let there = Action {
            probe: when(&is_marked(&id)),
            id,
            title: self.title,
            statements: self.run,
            mode: Mode::Transaction,
            load: Load::Brief,
            lock: self.lock,
        };
        (there, back)
    }
}

/// Takes a done-mark away.
pub(super) fn unmark(id: &str) -> String {
    format!(
        "DELETE FROM pilothouse.step_done WHERE id = {}",
        quote_literal(id)
    )
}
