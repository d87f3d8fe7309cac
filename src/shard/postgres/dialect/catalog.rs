//! What the dialect needs to know of the tables, as plain data.
//!
//! Read once before anything is touched, and kept on the shard in the
//! registry: the way back must know what was there.

use crate::base::{Ident, quote_literal};
use crate::migration::{Migration, Operation, TableName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The tables of a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// One per table of the migration.
    pub tables: Vec<Table>,
    /// Names that the migration gives to new relations and that somebody has
    /// taken already.
    #[serde(default)]
    pub taken: Vec<TableName>,
    /// The server's version as a number, 150018 for 15.18.
    #[serde(default)]
    pub server_version: u32,
    /// Types outside the server's own that the migration names without their
    /// schema: as written, and with it.
    #[serde(default)]
    pub types: BTreeMap<String, String>,
    /// Schemas that have the name of a version to be.
    #[serde(default)]
    pub taken_schemas: Vec<Ident>,
    /// Version schemas that are there already.
    #[serde(default)]
    pub versions: Vec<OldVersion>,
    /// What the statements of old clients returned, by the client's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clients: BTreeMap<String, Described>,
}

/// What a client's statement returns, and how it is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Name and type of each column, in order.
    pub columns: Vec<(String, String)>,
    /// What the planner thinks it costs, in its own units.
    pub cost: u64,
    /// The indexes of its plan, sorted.
    pub indexes: Vec<String>,
}

/// A version schema of an earlier migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldVersion {
    /// The schema that it shows.
    pub base: Ident,
    /// Its own name.
    pub schema: Ident,
    /// Its views by name.
    pub views: Vec<OldView>,
    /// Statements that give it back its rights.
    pub grants: Vec<String>,
}

/// A view of an earlier version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldView {
    /// Its name.
    pub name: Ident,
    /// The table that it shows.
    pub table: Ident,
    /// Statements that make it again.
    pub statements: Vec<String>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Where.
    pub name: TableName,
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// Columns of the primary key, or of the first unique index whose columns
    /// are all NOT NULL; empty when there is none.
    pub key: Vec<Ident>,
    /// Row triggers that are not ours: name, and whether BEFORE.
    pub triggers: Vec<(String, TriggerTime)>,
    /// Planner's estimate of its rows.
    pub rows_estimate: u64,
    /// What it takes on disk, without indexes.
    #[serde(default)]
    pub bytes: u64,
    /// Whether it is partitioned.
    #[serde(default)]
    pub is_partitioned: bool,
    /// Its constraints, by name.
    #[serde(default)]
    pub constraints: Vec<Constraint>,
    /// Its indexes, by name.
    #[serde(default)]
    pub indexes: Vec<Index>,
    /// `DEFAULT`, `FULL`, `NOTHING` or `USING INDEX …`.
    #[serde(default)]
    pub replica_identity: String,
    /// What would not outlive it: foreign keys of other tables, views.
    #[serde(default)]
    pub dependents: Vec<String>,
}

/// One constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Name.
    pub name: Ident,
    /// What it is.
    pub kind: ConstraintKind,
    /// As the server spells it: what stands behind the name.
    pub definition: String,
    /// Whether every row was checked.
    pub is_validated: bool,
    /// Columns of the table that it is about.
    #[serde(default)]
    pub columns: Vec<Ident>,
    /// COMMENT.
    #[serde(default)]
    pub comment: Option<String>,
}

impl Constraint {
    /// Statement that gives it its comment again.
    pub(super) fn commented(&self, qualified: &str) -> Option<String> {
        let text = quote_literal(self.comment.as_ref()?);
        let name = &self.name;
        Some(format!(
            "COMMENT ON CONSTRAINT {name} ON {qualified} IS {text}"
        ))
    }

    /// Whether it is the primary key.
    pub fn is_primary(&self) -> bool {
        self.definition.starts_with("PRIMARY KEY")
    }
}

/// What a constraint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    /// `CHECK`.
    Check,
    /// `FOREIGN KEY`.
    ForeignKey,
    /// `PRIMARY KEY` or `UNIQUE`: an index of the same name keeps it.
    Key,
    /// Any other.
    Other,
}

/// One index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Name.
    pub name: Ident,
    /// No key twice.
    pub is_unique: bool,
    /// As the server spells it: what stands behind the name, from `ON` on.
    pub definition: String,
    /// Why it cannot go by itself: a constraint, the replica identity.
    pub bound: Option<String>,
    /// Columns of the table that it is about, in expressions too.
    #[serde(default)]
    pub columns: Vec<Ident>,
    /// COMMENT.
    #[serde(default)]
    pub comment: Option<String>,
    /// Whether the table was put in its order last.
    #[serde(default)]
    pub is_clustered: bool,
}

impl Index {
    /// Statements that give it again what hangs on its name.
    pub(super) fn settings(&self, table: &TableName) -> Vec<String> {
        let index = format!("{}.{}", table.schema, self.name);
        let comment = self.comment.as_ref();
        let comment =
            comment.map(|text| format!("COMMENT ON INDEX {index} IS {}", quote_literal(text)));
        let cluster = self
            .is_clustered
            .then(|| format!("ALTER TABLE {table} CLUSTER ON {}", self.name));
        comment.into_iter().chain(cluster).collect()
    }
}

/// When a trigger fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerTime {
    /// Before the row is written.
    Before,
    /// After it.
    After,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name.
    pub name: Ident,
    /// Type as `format_type` spells it, schema-qualified.
    pub sql_type: String,
    /// NOT NULL.
    pub not_null: bool,
    /// DEFAULT expression.
    pub default: Option<String>,
    /// GENERATED … STORED.
    pub generated: bool,
    /// COMMENT.
    #[serde(default)]
    pub comment: Option<String>,
    /// Collation, where it is not the type's own.
    #[serde(default)]
    pub collation: Option<String>,
    /// GENERATED … AS IDENTITY.
    #[serde(default)]
    pub is_identity: bool,
    /// The sequence that goes with the column, quoted.
    #[serde(default)]
    pub sequence: Option<String>,
    /// What would not outlive the column and is not an index or a constraint
    /// of its table.
    #[serde(default)]
    pub dependents: Vec<String>,
    /// Name of the NOT NULL constraint; PostgreSQL has such names from 18 on.
    #[serde(default)]
    pub not_null_name: Option<Ident>,
    /// Whether a view of an earlier version shows it.
    #[serde(default)]
    pub is_in_version: bool,
    /// Bytes that a value takes on average, by the server's statistics.
    #[serde(default)]
    pub width: Option<u32>,
    /// Rights on this column alone.
    #[serde(default)]
    pub rights: Vec<ColumnRight>,
    /// What hangs on it and would be lost if another column took its place.
    #[serde(default)]
    pub not_carried: Vec<String>,
    /// SET STATISTICS.
    #[serde(default)]
    pub statistics: Option<i64>,
    /// SET (…), such as `n_distinct=-0.5`.
    #[serde(default)]
    pub options: Vec<String>,
}

/// A right on one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnRight {
    /// `SELECT`, `UPDATE`, …
    pub privilege: String,
    /// Who has it, quoted; `PUBLIC` for all.
    pub grantee: String,
    /// Whether they may give it away.
    pub with_grant_option: bool,
}

impl Column {
    /// Statements that give the column its planner's settings again.
    pub(super) fn settings(&self, qualified: &str) -> Vec<String> {
        let alter = format!("ALTER TABLE {qualified} ALTER COLUMN {}", self.name);
        let target = self
            .statistics
            .map(|n| format!("{alter} SET STATISTICS {n}"));
        let options = (!self.options.is_empty())
            .then(|| format!("{alter} SET ({})", self.options.join(", ")));
        target.into_iter().chain(options).collect()
    }

    /// Statements that give the column its rights again.
    pub(super) fn grants(&self, qualified: &str) -> Vec<String> {
        let grant = |right: &ColumnRight| {
            let option = match right.with_grant_option {
                true => " WITH GRANT OPTION",
                false => "",
            };
            format!(
                "GRANT {} ({}) ON {qualified} TO {}{option}",
                right.privilege, self.name, right.grantee
            )
        };
        self.rights.iter().map(grant).collect()
    }

    /// Statements that make the column NOT NULL again, as it was.
    pub(super) fn not_null_again(&self, qualified: &str) -> Vec<String> {
        if !self.not_null {
            return Vec::new();
        }
        let set = format!(
            "ALTER TABLE {qualified} ALTER COLUMN {} SET NOT NULL",
            self.name
        );
        let named = self.not_null_name.as_ref();
        let named = named.map(|name| name_not_null(qualified, &self.name, name));
        [set].into_iter().chain(named).collect()
    }
}

/// Gives the NOT NULL constraint of a column a name. The server makes one up
/// out of the name that the column has at that time.
pub(super) fn name_not_null(qualified: &str, column: &Ident, name: &Ident) -> String {
    let body = format!(
        "DECLARE has text; BEGIN
  SELECT c.conname INTO has FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
    WHERE c.conrelid = to_regclass({}) AND c.contype = 'n' AND a.attname = {};
  IF has <> {wanted} THEN EXECUTE {} || quote_ident(has) || {}; END IF;
END",
        quote_literal(qualified),
        quote_literal(column.as_str()),
        quote_literal(&format!("ALTER TABLE {qualified} RENAME CONSTRAINT ")),
        quote_literal(&format!(" TO {name}")),
        wanted = quote_literal(name.as_str()),
    );
    format!("DO {}", quote_literal(&body))
}

impl Catalog {
    /// The migration with the schema of every type.
    pub fn qualified(&self, migration: &Migration) -> Migration {
        let full = |written: &mut String| {
            if let Some(full) = self.types.get(written.as_str()) {
                written.clone_from(full);
            }
        };
        let mut migration = migration.clone();
        for operation in &mut migration.operations {
            match operation {
                Operation::AddColumn(add) => full(&mut add.sql_type),
                Operation::AlterColumn(alter) => alter.sql_type.iter_mut().for_each(full),
                _ => {}
            }
        }
        migration
    }

    /// One table.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == *name)
    }
}

impl Table {
    /// One constraint.
    pub fn constraint(&self, name: &Ident) -> Option<&Constraint> {
        self.constraints.iter().find(|c| c.name == *name)
    }

    /// The primary key.
    pub fn primary_key(&self) -> Option<&Constraint> {
        self.constraints.iter().find(|c| c.is_primary())
    }

    /// One index.
    pub fn index(&self, name: &Ident) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == *name)
    }

    /// One column.
    pub fn column(&self, name: &Ident) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == *name)
    }
}

impl Column {
    /// The type with its collation, as a column definition has it.
    pub fn full_type(&self) -> String {
        match &self.collation {
            Some(collation) => format!("{} COLLATE {collation}", self.sql_type),
            None => self.sql_type.clone(),
        }
    }
}
