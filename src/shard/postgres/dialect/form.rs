//! The two forms of a table: which columns are new, how each is made from the
//! other, and under which names our objects live.

use super::catalog::{Catalog, Column, Table};
use super::leaving::{self, Leaving};
use super::mapping::Mapping;
use super::second::{self, Ends, Over, mapping};
use super::view;
use crate::base::{Digest, Ident};
use crate::migration::{AddColumn, AlterColumn, Fill, Migration, Operation, TableName};
use std::collections::{BTreeMap, BTreeSet};

/// A table that gets a new form.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) table: TableName,
    pub(crate) key: Vec<Column>,
    pub(crate) columns: Vec<NewColumn>,
    /// Short hash in the names of our objects for this table.
    pub(crate) tag: String,
    /// By which schemas a writer's version is known, if versions have schemas.
    pub(crate) label: Option<Label>,
    /// Columns that go without anything in their place. A form has these or
    /// new columns, never both.
    pub(crate) leaving: Vec<Leaving>,
}

/// The schemas by which a writer's version is known.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    /// Of the new version.
    pub(crate) new: Ident,
    /// Of the old version: its schema, and the tables' own.
    pub(crate) old: Vec<Ident>,
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
    /// The column that it becomes in contract, if that has its name until then.
    pub(crate) becomes: Option<Ident>,
    /// Comment, for the view that shows it and for contract.
    pub(crate) comment: Option<String>,
    /// Name of the NOT NULL constraint of the column that it becomes.
    pub(crate) not_null_name: Option<Ident>,
}

impl NewColumn {
    /// The column as plans and screens call it.
    pub(crate) fn title(&self) -> String {
        match &self.becomes {
            Some(name) => format!("the new form of {}", name.as_str()),
            None => format!("column {}", self.name.as_str()),
        }
    }

    /// What the new form must be while the old one is the truth; `None` if it
    /// is filled once, or by nobody.
    pub(crate) fn rule(&self) -> Option<&Mapping> {
        self.up.as_ref().filter(|_| self.fill == Fill::Always)
    }

    /// What its users call it.
    pub(crate) fn shown(&self) -> &str {
        self.becomes.as_ref().unwrap_or(&self.name).as_str()
    }
}

/// Why a form cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Impossible {
    /// Where in the migration file.
    pub(crate) key: String,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

pub(super) fn impossible<T>(key: &str, what: String, remedy: &str) -> Result<T, Impossible> {
    Err(Impossible {
        key: key.to_owned(),
        what,
        remedy: remedy.to_owned(),
    })
}

pub(super) fn tag(parts: &[&str]) -> String {
    let bytes: Vec<&[u8]> = parts
        .iter()
        .flat_map(|p| [p.as_bytes(), b"\0".as_slice()])
        .collect();
    Digest::of("object-name/1", &bytes).short()
}

impl Form {
    /// Of a table, with nothing new about it yet.
    pub(super) fn of(table: &Table, tag: String) -> Self {
        let key = table.key.iter().filter_map(|name| table.column(name));
        Self {
            table: table.name.clone(),
            key: key.cloned().collect(),
            columns: Vec::new(),
            tag,
            label: None,
            leaving: Vec::new(),
        }
    }

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

/// One form of each table: a table that gets new columns and loses others has
/// two.
pub(crate) fn by_table(forms: &[Form]) -> impl Iterator<Item = &Form> {
    let mut seen = BTreeSet::new();
    forms.iter().filter(move |form| seen.insert(&form.table))
}

/// Builds the forms of every table that the migration gives new columns.
pub(crate) fn forms(migration: &Migration, catalog: &Catalog) -> Result<Vec<Form>, Impossible> {
    let mut forms: BTreeMap<TableName, Form> = BTreeMap::new();
    for (place, operation) in migration.operations.iter().enumerate() {
        let at = format!("operation.{}.{}", place + 1, operation.word());
        let table = match operation {
            Operation::AddColumn(add) => free_place(catalog, add, &at)?,
            Operation::AlterColumn(alter) if alter.has_second_form() => {
                existing(catalog, &alter.table, &at)?
            }
            _ => continue,
        };
        let form = forms
            .entry(table.name.clone())
            .or_insert_with(|| empty_form(migration, table));
        let column = match operation {
            Operation::AlterColumn(alter) => second_form(migration, table, form, alter, &at)?,
            Operation::AddColumn(add) => new_column(migration, table, form, add, &at)?,
            _ => continue,
        };
        form.columns.push(column);
    }
    let mut forms: Vec<Form> = forms.into_values().collect();
    forms.iter().try_for_each(one_for_one)?;
    forms.extend(leaving::forms(migration, catalog)?);
    Ok(forms)
}

/// An old column that is replaced belongs to one new column: with two of them
/// a write of the one would look like an old-form write to the other.
fn one_for_one(form: &Form) -> Result<(), Impossible> {
    for (column, old, _) in form.replaced() {
        let shares = |other: &&NewColumn| {
            let reads = |up: &Mapping| up.inputs.iter().any(|input| input.column == old.name);
            other.name != column.name && other.up.as_ref().is_some_and(reads)
        };
        if let Some(other) = form.columns.iter().find(shares) {
            let key = other.up.as_ref().map_or("", |up| up.key.as_str());
            return impossible(
                key,
                format!(
                    "{} reads {}, which {} replaces",
                    other.name.as_str(),
                    old.name.as_str(),
                    column.name.as_str()
                ),
                "let one new column replace it; or add the new ones without down and drop the old one with drop_column, whose down says what its clients see",
            );
        }
    }
    Ok(())
}

fn existing<'a>(catalog: &'a Catalog, name: &TableName, at: &str) -> Result<&'a Table, Impossible> {
    catalog.table(name).ok_or_else(|| Impossible {
        key: format!("{at}.table"),
        what: format!("table {} is not there", name.plain()),
        remedy: "correct the table's name or schema, spelled as the catalog spells it".into(),
    })
}

/// The table, if it is there and has room for the column.
fn free_place<'a>(
    catalog: &'a Catalog,
    add: &AddColumn,
    at: &str,
) -> Result<&'a Table, Impossible> {
    let table = existing(catalog, &add.table, at)?;
    let named = format!("table {}", add.table.plain());
    if table.column(&add.column).is_some() {
        return impossible(
            &format!("{at}.column"),
            format!("{named} has a column {} already", add.column.as_str()),
            "choose another name, or drop that column if it is a leftover that nobody reads",
        );
    }
    Ok(table)
}

fn new_column(
    migration: &Migration,
    table: &Table,
    form: &Form,
    add: &AddColumn,
    at: &str,
) -> Result<NewColumn, Impossible> {
    let label = tag(&[migration.name.as_str(), &form.tag, add.column.as_str()]);
    let own = add.up.clone().map(|text| (format!("{at}.up"), text));
    let given = own.or_else(|| backfill_set(migration, &add.table, &add.column));
    // A default alone fills what nobody writes, as it will in the end.
    let default = || {
        let text = add.default.as_ref()?;
        let text = format!("CAST(({text}) AS {})", add.sql_type);
        Some((format!("{at}.column.default"), text))
    };
    let fill = if given.is_some() {
        add.fill
    } else {
        Fill::Once
    };
    let up_text = given.or_else(default);
    let up = match up_text {
        Some((key, expression)) => {
            let ends = Ends {
                key,
                function: format!("up_{label}"),
                result_type: add.sql_type.clone(),
                expression,
                over: Over::Old,
            };
            Some(mapping(migration, table, ends)?)
        }
        None => None,
    };
    let mut down = Vec::new();
    for (place, (old, text)) in add.down.iter().enumerate() {
        let key = format!("{at}.down.{}", old.as_str());
        let Some(column) = table.column(old) else {
            let what = format!(
                "down names column {} which {} does not have",
                old.as_str(),
                form.qualified()
            );
            return impossible(&key, what, "name an existing column in down");
        };
        demand_replaceable((migration, table), column, &key)?;
        let ends = Ends {
            key,
            function: format!("down_{label}_{place}"),
            result_type: column.sql_type.clone(),
            expression: text.clone(),
            over: Over::Both,
        };
        down.push((column.clone(), mapping(migration, table, ends)?));
    }
    Ok(NewColumn {
        name: add.column.clone(),
        sql_type: add.sql_type.clone(),
        nullable: add.nullable,
        default: add.default.clone(),
        fill,
        up,
        down,
        tag: label,
        becomes: None,
        comment: add.comment.clone(),
        not_null_name: None,
    })
}

/// Whether an old column can go and come back.
fn demand_replaceable(
    (migration, table): (&Migration, &Table),
    column: &Column,
    key: &str,
) -> Result<(), Impossible> {
    let named = format!("{}.{}", table.name.table.as_str(), column.name.as_str());
    if column.generated || column.is_identity {
        return impossible(
            key,
            format!("{named} is filled in by the server, and would not come back so"),
            "leave it out of down, and drop it in a later migration",
        );
    }
    second::demand_unneeded(migration, table, column, key)
}

/// The new form of a column that is altered.
fn second_form(
    migration: &Migration,
    table: &Table,
    form: &Form,
    alter: &AlterColumn,
    at: &str,
) -> Result<NewColumn, Impossible> {
    let Some(old) = table.column(&alter.column) else {
        let named = alter.column.as_str();
        return impossible(
            &format!("{at}.column"),
            format!(
                "table {} has no column {named} before this migration",
                alter.table.plain()
            ),
            "correct the column's name, spelled as the catalog spells it",
        );
    };
    second::demand_movable(migration, table, old, at)?;
    let label = tag(&[migration.name.as_str(), &form.tag, alter.column.as_str()]);
    let sql_type = second::new_type(alter, old);
    let own =
        |text: &Option<String>, name: &Ident| text.clone().unwrap_or_else(|| name.to_string());
    let up = Ends {
        key: format!("{at}.up"),
        function: format!("up_{label}"),
        result_type: second::bare_type(&sql_type),
        expression: own(&alter.up, &old.name),
        over: Over::Old,
    };
    let after = view::renamed_column(&migration.operations, &table.name, &old.name);
    let down = Ends {
        key: format!("{at}.down"),
        function: format!("down_{label}"),
        result_type: old.sql_type.clone(),
        expression: own(&alter.down, &after),
        over: Over::Both,
    };
    Ok(NewColumn {
        name: second::hidden(migration, &table.name, &old.name),
        sql_type,
        nullable: alter.nullable.unwrap_or(!old.not_null),
        default: second::new_default(alter, old),
        fill: Fill::Always,
        up: Some(mapping(migration, table, up)?),
        down: vec![(old.clone(), mapping(migration, table, down)?)],
        tag: label,
        becomes: Some(old.name.clone()),
        comment: second::new_comment(alter, old),
        not_null_name: old.not_null_name.clone(),
    })
}

fn empty_form(migration: &Migration, table: &Table) -> Form {
    let (schema, name) = (table.name.schema.as_str(), table.name.table.as_str());
    Form::of(table, tag(&[migration.name.as_str(), schema, name]))
}

/// Key and expression of the backfill that fills this column.
fn backfill_set(
    migration: &Migration,
    table: &TableName,
    column: &Ident,
) -> Option<(String, String)> {
    let mut operations = migration.operations.iter().enumerate();
    operations.find_map(|(place, operation)| match operation {
        Operation::Backfill(fill) if fill.table == *table => {
            let key = format!("operation.{}.backfill.set.{}", place + 1, column.as_str());
            fill.set.get(column).map(|text| (key, text.clone()))
        }
        _ => None,
    })
}
