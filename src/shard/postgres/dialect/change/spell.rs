//! SQL of keys, rules and columns. Names only through [`Ident`].

use crate::base::Ident;
use crate::migration::{
    Deferral, ForeignKey, ForeignKeyAction, Generated, IdentityMode, IndexKey, KeyOf, KeyRule,
    Nulls, Rule, TableColumn, TableConstraint,
};

/// `"a", "b"`.
pub(super) fn list(names: &[Ident]) -> String {
    let names: Vec<String> = names.iter().map(Ident::to_string).collect();
    names.join(", ")
}

/// A rule as a table or column constraint has it, without its name.
pub(super) fn rule(rule: &Rule) -> String {
    match rule {
        Rule::PrimaryKey(key) => key_rule("PRIMARY KEY", key),
        Rule::Unique(key) => key_rule("UNIQUE", key),
        Rule::Check {
            expression,
            no_inherit,
        } => {
            let end = if *no_inherit { " NO INHERIT" } else { "" };
            format!("CHECK ({expression}){end}")
        }
        Rule::ForeignKey(key) => foreign_key(key),
        Rule::Exclude {
            method,
            elements,
            predicate,
        } => {
            let only = predicate
                .as_ref()
                .map_or_else(String::new, |p| format!(" WHERE ({p})"));
            format!("EXCLUDE USING {method} ({elements}){only}")
        }
    }
}

fn key_rule(word: &str, key: &KeyRule) -> String {
    let nulls = if key.nulls_not_distinct {
        " NULLS NOT DISTINCT"
    } else {
        ""
    };
    format!(
        "{word}{nulls} ({}){}{}{}",
        list(&key.columns),
        include(&key.include),
        with(key.with.as_ref()),
        deferral(key.deferral)
    )
}

pub(super) fn include(names: &[Ident]) -> String {
    match names {
        [] => String::new(),
        names => format!(" INCLUDE ({})", list(names)),
    }
}

pub(super) fn with(parameters: Option<&String>) -> String {
    parameters.map_or_else(String::new, |p| format!(" WITH ({p})"))
}

pub(super) fn deferral(deferral: Deferral) -> &'static str {
    match deferral {
        Deferral::Never => "",
        Deferral::InitiallyImmediate => " DEFERRABLE",
        Deferral::InitiallyDeferred => " DEFERRABLE INITIALLY DEFERRED",
    }
}

fn foreign_key(key: &ForeignKey) -> String {
    let word = |action| match action {
        ForeignKeyAction::NoAction => "NO ACTION",
        ForeignKeyAction::Restrict => "RESTRICT",
        ForeignKeyAction::Cascade => "CASCADE",
        ForeignKeyAction::SetNull => "SET NULL",
        ForeignKeyAction::SetDefault => "SET DEFAULT",
    };
    let only = match key.on_delete_set.as_slice() {
        [] => String::new(),
        names => format!(" ({})", list(names)),
    };
    let full = if key.match_full { " MATCH FULL" } else { "" };
    format!(
        "FOREIGN KEY ({}) REFERENCES {}.{} ({}){full} ON DELETE {}{only} ON UPDATE {}{}",
        list(&key.columns),
        key.table.schema,
        key.table.table,
        list(&key.referenced),
        word(key.on_delete),
        word(key.on_update),
        deferral(key.deferral)
    )
}

/// `CONSTRAINT "name" CHECK (…)`.
pub(super) fn constraint(constraint: &TableConstraint) -> String {
    let rule = rule(&constraint.rule);
    match &constraint.name {
        Some(name) => format!("CONSTRAINT {name} {rule}"),
        None => rule,
    }
}

/// A column of CREATE TABLE.
pub(super) fn column(column: &TableColumn) -> String {
    let mut sql = format!("{} {}", column.name, column.sql_type);
    match &column.generated {
        Some(Generated::Stored(expression)) => {
            sql.push_str(&format!(" GENERATED ALWAYS AS ({expression}) STORED"));
        }
        Some(Generated::Identity { mode, options }) => {
            let mode = match mode {
                IdentityMode::Always => "ALWAYS",
                IdentityMode::ByDefault => "BY DEFAULT",
            };
            sql.push_str(&format!(" GENERATED {mode} AS IDENTITY"));
            if let Some(options) = options {
                sql.push_str(&format!(" ({options})"));
            }
        }
        None => {}
    }
    if let Some(default) = &column.default {
        sql.push_str(&format!(" DEFAULT {default}"));
    }
    if !column.nullable {
        sql.push_str(" NOT NULL");
    }
    sql
}

/// A key of CREATE INDEX.
pub(super) fn index_key(key: &IndexKey) -> String {
    let mut sql = match &key.of {
        KeyOf::Column(name) => name.to_string(),
        KeyOf::Expression(expression) => format!("({expression})"),
    };
    if let Some(collation) = &key.collate {
        sql.push_str(&format!(" COLLATE {collation}"));
    }
    if let Some(class) = &key.opclass {
        sql.push_str(&format!(" {}", class.name));
        if !class.parameters.is_empty() {
            sql.push_str(&format!(" ({})", class.parameters.join(", ")));
        }
    }
    if key.descending {
        sql.push_str(" DESC");
    }
    sql.push_str(match key.nulls {
        Some(Nulls::First) => " NULLS FIRST",
        Some(Nulls::Last) => " NULLS LAST",
        None => "",
    });
    sql
}
