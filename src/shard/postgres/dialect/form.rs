//! The two forms of a table: which columns are new, how each is made from the
//! other, and under which names our objects live.

use super::catalog::{Catalog, Column, Table};
use crate::base::{Digest, Ident};
use crate::migration::{Fill, Migration, Operation, TableName};
use std::collections::BTreeMap;

/// A table that gets a new form.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) table: TableName,
    pub(crate) key: Vec<Column>,
    pub(crate) columns: Vec<NewColumn>,
    /// Short hash in the names of our objects for this table.
    pub(crate) tag: String,
}

/// A column that is added.
#[derive(Clone, Debug)]
pub(crate) struct NewColumn {
    pub(crate) name: Ident,
    pub(crate) sql_type: String,
    pub(crate) nullable: bool,
    pub(crate) default: Option<String>,
    pub(crate) fill: Fill,
    /// How it is made from the row.
    pub(crate) up: Option<Mapping>,
    /// Old columns it replaces, each with the way back.
    pub(crate) down: Vec<(Column, Mapping)>,
    /// Short hash in the names of its constraint.
    pub(crate) tag: String,
}

/// An expression over columns of the row, as a function of ours.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    /// `pilothouse.up_…` or `pilothouse.down_…`.
    pub(crate) function: String,
    /// The columns it reads: name and type.
    pub(crate) inputs: Vec<(Ident, String)>,
    pub(crate) result_type: String,
    pub(crate) expression: String,
}

/// Why a form cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Impossible {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

fn impossible<T>(what: String, remedy: &str) -> Result<T, Impossible> {
    Err(Impossible {
        what,
        remedy: remedy.to_owned(),
    })
}

fn tag(parts: &[&str]) -> String {
    let bytes: Vec<&[u8]> = parts
        .iter()
        .flat_map(|p| [p.as_bytes(), b"\0".as_slice()])
        .collect();
    Digest::of("object-name/1", &bytes).short()
}

impl Form {
    /// Name of the one trigger; sorts after every ordinary name.
    pub(crate) fn trigger(&self) -> String {
        format!("zzzz_pilothouse_{}", self.tag)
    }

    /// Schema-qualified, quoted table.
    pub(crate) fn qualified(&self) -> String {
        format!("{}.{}", self.table.schema, self.table.table)
    }

    /// Quoted key columns, comma-separated.
    pub(crate) fn key_list(&self) -> String {
        self.key
            .iter()
            .map(|c| c.name.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// New columns that are filled by rule at every write.
    pub(crate) fn ruled(&self) -> impl Iterator<Item = (&NewColumn, &Mapping)> {
        self.columns
            .iter()
            .filter_map(|c| c.up.as_ref().map(|up| (c, up)))
    }

    /// Old columns that are replaced, with their way back.
    pub(crate) fn replaced(&self) -> impl Iterator<Item = (&NewColumn, &Column, &Mapping)> {
        self.columns
            .iter()
            .flat_map(|c| c.down.iter().map(move |(old, down)| (c, old, down)))
    }

    /// Whether both forms are written while they live side by side.
    pub(crate) fn is_dual(&self) -> bool {
        self.ruled().next().is_some()
    }
}

impl Mapping {
    /// A call with each input taken from `from`, such as `NEW` or a table name.
    pub(crate) fn call(&self, from: &str) -> String {
        let arguments: Vec<String> = self
            .inputs
            .iter()
            .map(|(name, _)| format!("{from}.{name}"))
            .collect();
        format!("pilothouse.{}({})", self.function, arguments.join(", "))
    }

    /// Statement that creates the function. `volatility` is what preflight
    /// found out; a STABLE one pins what a session could change.
    pub(crate) fn create(&self, schema: &str, volatility: Volatility) -> String {
        let parameters: Vec<String> = self
            .inputs
            .iter()
            .map(|(name, sql_type)| format!("{name} {sql_type}"))
            .collect();
        format!(
            "CREATE OR REPLACE FUNCTION {schema}.{}({}) RETURNS {} LANGUAGE sql {}{}\n  RETURN ({})",
            self.function,
            parameters.join(", "),
            self.result_type,
            volatility.word(),
            volatility.pins(),
            self.expression
        )
    }

    /// Statement that drops it.
    pub(crate) fn drop(&self) -> String {
        let types: Vec<&str> = self.inputs.iter().map(|(_, t)| t.as_str()).collect();
        format!(
            "DROP FUNCTION IF EXISTS pilothouse.{}({})",
            self.function,
            types.join(", ")
        )
    }
}

/// What an expression's value depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Volatility {
    Immutable,
    Stable,
    Volatile,
}

impl Volatility {
    fn word(self) -> &'static str {
        match self {
            Self::Immutable => "IMMUTABLE PARALLEL SAFE",
            Self::Stable => "STABLE",
            Self::Volatile => "VOLATILE",
        }
    }

    /// An immutable function has no settings, so that it can be inlined.
    fn pins(self) -> &'static str {
        match self {
            Self::Immutable => "",
            Self::Stable | Self::Volatile => {
                " SET search_path = pg_catalog SET TimeZone = 'UTC' SET DateStyle = 'ISO, MDY' SET IntervalStyle = 'postgres'"
            }
        }
    }
}

/// Builds the forms of every table that the migration gives new columns.
pub(crate) fn forms(migration: &Migration, catalog: &Catalog) -> Result<Vec<Form>, Impossible> {
    let mut forms: BTreeMap<TableName, Form> = BTreeMap::new();
    for operation in &migration.operations {
        let Operation::AddColumn(add) = operation else {
            continue;
        };
        let Some(table) = catalog.table(&add.table) else {
            return impossible(
                format!(
                    "table {}.{} is not there",
                    add.table.schema.as_str(),
                    add.table.table.as_str()
                ),
                "check the table's name and schema in the migration",
            );
        };
        let form = forms
            .entry(add.table.clone())
            .or_insert_with(|| empty_form(migration, table));
        let up_text = add
            .up
            .clone()
            .or_else(|| backfill_set(migration, &add.table, &add.column));
        let label = tag(&[migration.name.as_str(), &form.tag, add.column.as_str()]);
        let added: Vec<(Ident, String)> = added_columns(migration, &add.table);
        let up = match up_text {
            Some(text) => Some(mapping(
                table,
                &added,
                Ends {
                    function: format!("up_{label}"),
                    result_type: add.sql_type.clone(),
                    expression: text,
                    over: Over::Old,
                },
            )?),
            None => None,
        };
        let mut down = Vec::new();
        for (place, (old, text)) in add.down.iter().enumerate() {
            let Some(column) = table.column(old) else {
                return impossible(
                    format!(
                        "down names column {} which {} does not have",
                        old.as_str(),
                        form.qualified()
                    ),
                    "name an existing column in down",
                );
            };
            let ends = Ends {
                function: format!("down_{label}_{place}"),
                result_type: column.sql_type.clone(),
                expression: text.clone(),
                over: Over::Both,
            };
            down.push((column.clone(), mapping(table, &added, ends)?));
        }
        form.columns.push(NewColumn {
            name: add.column.clone(),
            sql_type: add.sql_type.clone(),
            nullable: add.nullable,
            default: add.default.clone(),
            fill: add.fill,
            up,
            down,
            tag: label,
        });
    }
    Ok(forms.into_values().collect())
}

fn empty_form(migration: &Migration, table: &Table) -> Form {
    let key = table
        .key
        .iter()
        .filter_map(|name| table.column(name))
        .cloned()
        .collect();
    let (schema, name) = (table.name.schema.as_str(), table.name.table.as_str());
    Form {
        table: table.name.clone(),
        key,
        columns: Vec::new(),
        tag: tag(&[migration.name.as_str(), schema, name]),
    }
}

fn backfill_set(migration: &Migration, table: &TableName, column: &Ident) -> Option<String> {
    migration
        .operations
        .iter()
        .find_map(|operation| match operation {
            Operation::Backfill(fill) if fill.table == *table => fill.set.get(column).cloned(),
            _ => None,
        })
}

fn added_columns(migration: &Migration, table: &TableName) -> Vec<(Ident, String)> {
    let added = migration
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::AddColumn(add) if add.table == *table => {
                Some((add.column.clone(), add.sql_type.clone()))
            }
            _ => None,
        });
    added.collect()
}

/// Which columns an expression may read.
enum Over {
    Old,
    Both,
}

struct Ends {
    function: String,
    result_type: String,
    expression: String,
    over: Over,
}

/// The inputs of an expression are the columns whose names it mentions: a
/// superset is harmless, because inputs are parameters.
fn mapping(table: &Table, added: &[(Ident, String)], ends: Ends) -> Result<Mapping, Impossible> {
    let mentioned = crate::migration::mentioned(&ends.expression).map_err(|e| Impossible {
        what: format!("expression `{}`: {e}", ends.expression),
        remedy: "correct the expression in the migration".into(),
    })?;
    let mut inputs = Vec::new();
    for column in table
        .columns
        .iter()
        .filter(|c| mentioned.contains(c.name.as_str()))
    {
        if column.generated {
            return impossible(
                format!(
                    "expression `{}` reads generated column {}",
                    ends.expression,
                    column.name.as_str()
                ),
                "read the columns it is generated from",
            );
        }
        inputs.push((column.name.clone(), column.sql_type.clone()));
    }
    if matches!(ends.over, Over::Both) {
        let new = added
            .iter()
            .filter(|(name, _)| mentioned.contains(name.as_str()));
        inputs.extend(new.cloned());
    }
    Ok(Mapping {
        function: ends.function,
        inputs,
        result_type: ends.result_type,
        expression: ends.expression,
    })
}
