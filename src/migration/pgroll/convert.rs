//! From pgroll's operations to ours.

use super::column::{add_column, alter_column, create_table};
use super::constraint::{create_constraint, drop_constraint, drop_multicolumn_constraint};
use super::file::{CreateIndex, DropColumn, File, Operation, SetReplicaIdentity, Sql};
use toml::{Table, Value};

/// What becomes of one file.
pub(super) struct Conversion {
    schema: String,
    pub(super) operations: Vec<Value>,
    /// Operations that are refused, with the reason.
    pub(super) refused: Vec<String>,
    /// The operation under way, counted from 1, and its word.
    at: (usize, &'static str),
}

impl Conversion {
    /// A table's or an index's name as our files write it.
    pub(super) fn named(&self, name: &str) -> Value {
        let part = |text: &str| match text.contains(['.', '"', ' ', ';']) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.to_owned(),
        };
        Value::String(format!("{}.{}", part(&self.schema), part(name)))
    }

    pub(super) fn push(&mut self, word: &str, table: Table) {
        let operation = Table::from_iter([(word.to_owned(), Value::Table(table))]);
        self.operations.push(Value::Table(operation));
    }

    pub(super) fn refuse(&mut self, why: impl Into<String>) {
        let (number, word) = self.at;
        self.refused
            .push(format!("operation {number}, {word}: {}", why.into()));
    }
}

/// A table of what is there.
pub(super) fn table<const N: usize>(entries: [(&str, Option<Value>); N]) -> Table {
    let given = entries
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    given.collect()
}

pub(super) fn text(value: &str) -> Option<Value> {
    Some(Value::String(value.to_owned()))
}

/// The text, unless it is empty: pgroll's empty text says nothing.
pub(super) fn given(value: Option<&String>) -> Option<Value> {
    value.filter(|v| !v.trim().is_empty()).and_then(|v| text(v))
}

pub(super) fn flag(value: bool) -> Option<Value> {
    value.then_some(Value::Boolean(true))
}

pub(super) fn list(names: &[String]) -> Option<Value> {
    let names: Vec<Value> = names.iter().map(|n| Value::String(n.clone())).collect();
    (!names.is_empty()).then_some(Value::Array(names))
}

/// An expression: pgroll puts it behind `SELECT`, so files often begin with
/// one of their own.
pub(super) fn expression(sql: &str) -> String {
    let sql = sql.trim();
    let words = sql.split_once(char::is_whitespace);
    match words {
        Some((first, rest)) if first.eq_ignore_ascii_case("select") => rest.trim().to_owned(),
        _ => sql.to_owned(),
    }
}

pub(super) fn convert(name: &str, schema: &str, file: &File) -> Result<String, Vec<String>> {
    let mut conversion = Conversion {
        schema: schema.to_owned(),
        operations: Vec::new(),
        refused: Vec::new(),
        at: (0, ""),
    };
    for (place, operation) in file.operations.iter().enumerate() {
        conversion.at = (place + 1, word(operation));
        one(&mut conversion, operation);
    }
    if !conversion.refused.is_empty() {
        return Err(conversion.refused);
    }
    let version = file.version_schema.as_ref();
    let migration = table([
        ("name", text(name)),
        ("versions", text("schemas")),
        ("version", version.and_then(|version| text(version))),
        ("operation", Some(Value::Array(conversion.operations))),
    ]);
    toml::to_string(&migration).map_err(|error| vec![error.to_string()])
}

fn word(operation: &Operation) -> &'static str {
    match operation {
        Operation::AddColumn(_) => "add_column",
        Operation::AlterColumn(_) => "alter_column",
        Operation::CreateConstraint(_) => "create_constraint",
        Operation::CreateIndex(_) => "create_index",
        Operation::CreateTable(_) => "create_table",
        Operation::DropColumn(_) => "drop_column",
        Operation::DropConstraint(_) => "drop_constraint",
        Operation::DropIndex(_) => "drop_index",
        Operation::DropMulticolumnConstraint(_) => "drop_multicolumn_constraint",
        Operation::DropTable(_) => "drop_table",
        Operation::RenameColumn(_) => "rename_column",
        Operation::RenameConstraint(_) => "rename_constraint",
        Operation::RenameTable(_) => "rename_table",
        Operation::SetReplicaIdentity(_) => "set_replica_identity",
        Operation::Sql(_) => "sql",
    }
}

fn one(to: &mut Conversion, operation: &Operation) {
    match operation {
        Operation::AddColumn(add) => add_column(to, add),
        Operation::AlterColumn(alter) => alter_column(to, alter),
        Operation::CreateConstraint(create) => create_constraint(to, create),
        Operation::CreateIndex(create) => create_index(to, create),
        Operation::CreateTable(create) => create_table(to, create),
        Operation::DropColumn(drop) => drop_column(to, drop),
        Operation::DropConstraint(drop) => drop_constraint(to, drop),
        Operation::DropMulticolumnConstraint(drop) => drop_multicolumn_constraint(to, drop),
        Operation::DropIndex(drop) => {
            let index = to.named(&drop.name);
            to.push("drop_index", table([("index", Some(index))]));
        }
        Operation::DropTable(drop) => {
            let name = to.named(&drop.name);
            to.push("drop_table", table([("table", Some(name))]));
        }
        Operation::RenameColumn(rename) | Operation::RenameConstraint(rename) => {
            let name = to.named(&rename.table);
            let entries = table([
                ("table", Some(name)),
                ("from", text(&rename.from)),
                ("to", text(&rename.to)),
            ]);
            to.push(word(operation), entries);
        }
        Operation::RenameTable(rename) => {
            let name = to.named(&rename.from);
            let entries = table([("table", Some(name)), ("to", text(&rename.to))]);
            to.push("rename_table", entries);
        }
        Operation::SetReplicaIdentity(set) => replica_identity(to, set),
        Operation::Sql(sql) => statements(to, sql),
    }
}

fn drop_column(to: &mut Conversion, drop: &DropColumn) {
    let entries = table([
        ("table", Some(to.named(&drop.table))),
        ("column", text(&drop.column)),
        (
            "down",
            drop.down.as_ref().and_then(|down| text(&expression(down))),
        ),
    ]);
    to.push("drop_column", entries);
}

fn create_index(to: &mut Conversion, create: &CreateIndex) {
    let keys = create.columns.iter().map(|field| {
        let lower = |word: &Option<String>| {
            let word = word.as_ref().map(|word| word.to_ascii_lowercase());
            given(word.as_ref())
        };
        let class = field.opclass.as_ref();
        Value::Table(table([
            ("column", text(&field.column)),
            ("collate", given(field.collate.as_ref())),
            ("opclass", class.and_then(|c| text(&c.name))),
            ("opclass_parameters", class.and_then(|c| list(&c.params))),
            ("sort", lower(&field.sort)),
            ("nulls", lower(&field.nulls)),
        ]))
    });
    let keys = Value::Array(keys.collect());
    let entries = table([
        ("table", Some(to.named(&create.table))),
        ("name", text(&create.name)),
        ("keys", Some(keys)),
        ("unique", flag(create.unique)),
        ("method", given(create.method.as_ref())),
        ("with", given(create.storage_parameters.as_ref())),
        ("where", given(create.predicate.as_ref())),
    ]);
    to.push("create_index", entries);
}

fn replica_identity(to: &mut Conversion, set: &SetReplicaIdentity) {
    let index = set.identity.index.as_ref();
    let entries = table([
        ("table", Some(to.named(&set.table))),
        ("identity", text(&set.identity.kind.to_ascii_lowercase())),
        ("index", given(index)),
    ]);
    to.push("set_replica_identity", entries);
}

fn statements(to: &mut Conversion, sql: &Sql) {
    let down = given(sql.down.as_ref());
    let at = sql.on_complete.then(|| Value::String("contract".into()));
    let irreversible = down.is_none() && at.is_none();
    let entries = table([
        ("up", text(&sql.up)),
        ("down", down),
        ("at", at),
        ("irreversible", flag(irreversible)),
        ("schema", text(&to.schema)),
    ]);
    to.push("sql", entries);
}
