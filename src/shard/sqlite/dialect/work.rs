//! A migration, sorted by table, checked against what SQLite can do.

use super::lex;
use crate::base::{Ident, ShardName};
use crate::migration::{
    AddColumn, Backfill, Fill, Invariant, Migration, Operation, Sql, TableName, UserTriggers,
};
use crate::shard::CompileError;
use std::collections::BTreeMap;

/// Everything a migration does on one SQLite shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The tables it changes, in the order of first mention.
    pub tables: Vec<TableWork>,
    /// What expand does, in the order of the file.
    pub expand: Vec<Expansion>,
    /// Hand-written statements.
    pub statements: Vec<Sql>,
    /// What must hold when verify ends.
    pub invariants: Vec<Invariant>,
    /// What user triggers may do.
    pub user_triggers: UserTriggers,
}

/// One thing that expand brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expansion {
    /// A column: table and column by position.
    Column(usize, usize),
    /// A hand-written statement by position.
    Statement(usize),
}

/// What happens to one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableWork {
    /// Its name.
    pub table: Ident,
    /// Columns that are added.
    pub columns: Vec<NewColumn>,
    /// Columns that are replaced, with their value from the new row.
    pub down: BTreeMap<Ident, String>,
}

/// A column that is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewColumn {
    /// Its name.
    pub name: Ident,
    /// Its type, as written.
    pub sql_type: String,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Its constant default.
    pub default: Option<String>,
    /// How it is filled.
    pub source: Source,
}

/// How a new column gets its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The application writes it.
    Application,
    /// A function of the old row, kept up by the triggers.
    Kept(String),
    /// Filled once where nobody has written it.
    Once(String),
}

impl NewColumn {
    /// What a row holds in this column before anybody has written it.
    pub fn blank(&self) -> &str {
        self.default.as_deref().unwrap_or("NULL")
    }

    /// The expression that the triggers keep up, if any.
    pub fn kept(&self) -> Option<&str> {
        match &self.source {
            Source::Kept(up) => Some(up),
            Source::Application | Source::Once(_) => None,
        }
    }
}

impl TableWork {
    /// Whether rows have to be filled.
    pub fn fills(&self) -> bool {
        self.columns
            .iter()
            .any(|column| column.source != Source::Application)
    }

    /// Every expression, with what it is.
    pub fn expressions(&self) -> Vec<(String, &str)> {
        let mut found: Vec<(String, &str)> = Vec::new();
        for column in &self.columns {
            if let Source::Kept(up) | Source::Once(up) = &column.source {
                found.push((format!("up of {}.{}", self.table, column.name), up));
            }
        }
        for (old, down) in &self.down {
            found.push((format!("down of {}.{old}", self.table), down));
        }
        found
    }
}

impl Work {
    /// Sorts a migration by table.
    pub fn new(migration: &Migration, shard: &ShardName) -> Result<Self, CompileError> {
        let mut work = Self {
            tables: Vec::new(),
            expand: Vec::new(),
            statements: Vec::new(),
            invariants: migration.invariants.clone(),
            user_triggers: migration.user_triggers,
        };
        let refusal = Refusal { shard };
        if !migration.versions.is_none() {
            return Err(refusal.of(
                "SQLite has no schemas that clients could choose a version by".into(),
                "say versions = \"none\", and let clients move by flag",
            ));
        }
        if let Some(client) = migration.clients.first() {
            return Err(refusal.of(
                format!(
                    "statements of clients ({}) are looked at on PostgreSQL only",
                    client.name
                ),
                "remove [[client]], and let the application's own tests speak for it",
            ));
        }
        for operation in &migration.operations {
            match operation {
                Operation::AddColumn(add) => work.add_column(add, &refusal)?,
                Operation::Sql(sql) if !sql.at.is_expand() || sql.schema.is_some() => {
                    return Err(refusal.of(
                        "on SQLite statements written by hand run in expand, and every name stands for itself".into(),
                        "leave out at and schema, or run them by hand after the rollout",
                    ));
                }
                Operation::Sql(sql) => {
                    work.expand
                        .push(Expansion::Statement(work.statements.len()));
                    work.statements.push(sql.clone());
                }
                Operation::Backfill(_) => {}
                other => {
                    return Err(refusal.of(
                        format!("{} is an operation for PostgreSQL alone", other.word()),
                        "write it as an sql operation with up and down",
                    ));
                }
            }
        }
        for operation in &migration.operations {
            if let Operation::Backfill(fill) = operation {
                work.backfill(fill, &refusal)?;
            }
        }
        work.check_expressions(&refusal)?;
        Ok(work)
    }

    fn table(&mut self, name: &TableName) -> usize {
        let found = self.tables.iter().position(|t| t.table == name.table);
        found.unwrap_or_else(|| {
            self.tables.push(TableWork {
                table: name.table.clone(),
                columns: Vec::new(),
                down: BTreeMap::new(),
            });
            self.tables.len() - 1
        })
    }

    fn add_column(&mut self, add: &AddColumn, refusal: &Refusal<'_>) -> Result<(), CompileError> {
        let place = format!("{}.{}", add.table.table, add.column);
        if let Some(default) = &add.default
            && !lex::is_constant(default)
        {
            return Err(refusal.of(
                format!(
                    "{place}: SQLite adds a column only with a constant DEFAULT, not {default}"
                ),
                "write a literal, or leave DEFAULT out and let the application write the value",
            ));
        }
        let null_default = |d: &str| d.trim().eq_ignore_ascii_case("null");
        if !add.nullable && add.default.as_deref().is_none_or(null_default) {
            return Err(refusal.of(
                format!("{place}: SQLite cannot add NOT NULL to a table that has rows, nor later"),
                "give a constant DEFAULT, or say nullable = true and add an invariant",
            ));
        }
        if add.comment.is_some() {
            return Err(refusal.of(
                format!("{place}: SQLite keeps no comments on columns"),
                "leave the comment out",
            ));
        }
        check_type(&add.sql_type).map_err(|why| {
            refusal.of(
                format!("{place}: type {}: {why}", add.sql_type),
                "write a plain type name",
            )
        })?;
        let source = match (&add.up, add.fill) {
            (None, _) => Source::Application,
            (Some(up), Fill::Always) => Source::Kept(up.clone()),
            (Some(up), Fill::Once) => Source::Once(up.clone()),
        };
        let index = self.table(&add.table);
        let table = &mut self.tables[index];
        if table.columns.iter().any(|c| c.name == add.column) {
            return Err(refusal.of(format!("{place} is added twice"), "remove one of them"));
        }
        for (old, down) in &add.down {
            if table.down.insert(old.clone(), down.clone()).is_some() {
                return Err(refusal.of(
                    format!("{}.{old} is replaced twice", add.table.table),
                    "keep one down for it",
                ));
            }
        }
        table.columns.push(NewColumn {
            name: add.column.clone(),
            sql_type: add.sql_type.clone(),
            nullable: add.nullable,
            default: add.default.clone(),
            source,
        });
        let column = table.columns.len() - 1;
        self.expand.push(Expansion::Column(index, column));
        Ok(())
    }

    fn backfill(&mut self, fill: &Backfill, refusal: &Refusal<'_>) -> Result<(), CompileError> {
        let index = self.table(&fill.table);
        for (name, expression) in &fill.set {
            let place = format!("{}.{name}", fill.table.table);
            let columns = &mut self.tables[index].columns;
            let column = columns.iter_mut().find(|c| c.name == *name);
            match column {
                Some(column) if column.source == Source::Application => {
                    column.source = Source::Once(expression.clone());
                }
                Some(_) => {
                    return Err(refusal.of(
                        format!("{place} has an up of its own"),
                        "remove it from the backfill",
                    ));
                }
                None => {
                    return Err(refusal.of(
                        format!("{place} is not added by this migration"),
                        "a backfill writes only columns that the same migration adds",
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_expressions(&self, refusal: &Refusal<'_>) -> Result<(), CompileError> {
        for table in &self.tables {
            for (place, expression) in table.expressions() {
                let tokens = lex::tokens(expression).map_err(|why| {
                    refusal.of(format!("{place}: {why}"), "write one plain expression")
                })?;
                let reads = |c: &&NewColumn| lex::names(&tokens, c.name.as_str());
                if place.starts_with("up")
                    && let Some(column) = table.columns.iter().find(reads)
                {
                    return Err(refusal.of(
                        format!("{place} reads {}, which is new itself", column.name),
                        "write it over the columns that are there today",
                    ));
                }
                let reads = |old: &&Ident| lex::names(&tokens, old.as_str());
                if place.starts_with("down")
                    && let Some(old) = table.down.keys().find(reads)
                {
                    return Err(refusal.of(
                        format!("{place} reads {old}, which is dropped in the end"),
                        "write it over the columns that remain",
                    ));
                }
            }
        }
        Ok(())
    }
}

fn check_type(sql_type: &str) -> Result<(), String> {
    let tokens = lex::tokens(sql_type).map_err(|why| why.to_string())?;
    let plain = |token: &lex::Token| {
        matches!(
            token,
            lex::Token::Word(_) | lex::Token::Sign('(' | ')' | ',')
        )
    };
    let forbidden = [
        "default",
        "not",
        "unique",
        "primary",
        "references",
        "check",
        "collate",
        "generated",
        "as",
    ];
    let clause = |token: &&lex::Token| matches!(token, lex::Token::Word(w) if forbidden.contains(&w.as_str()));
    if let Some(lex::Token::Word(word)) = tokens.iter().find(clause) {
        return Err(format!("{word} is a clause, not a type"));
    }
    if tokens.iter().all(plain) {
        Ok(())
    } else {
        Err("not a type name".into())
    }
}

struct Refusal<'a> {
    shard: &'a ShardName,
}

impl Refusal<'_> {
    fn of(&self, what: String, remedy: &str) -> CompileError {
        CompileError::NotPossible {
            shard: self.shard.clone(),
            what,
            remedy: remedy.into(),
        }
    }
}
