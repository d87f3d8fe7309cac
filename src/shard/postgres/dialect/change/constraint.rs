//! create_constraint.

use super::index_steps::Build;
use super::not_null::NotNullCheck;
use super::{Deed, Known, Pair, Place, Scope, path, spell, when};
use crate::base::Ident;
use crate::migration::{CreateConstraint, ForeignKey, KeyRule, Rule, TableName};
use crate::shard::postgres::dialect::action::{Action, Load, Mode, has_constraint, is_marked};
use crate::shard::postgres::dialect::catalog::Constraint;
use crate::shard::postgres::dialect::form::{Impossible, impossible};

pub(super) const SHORT: &str = "ACCESS EXCLUSIVE, short: catalog only, no scan";
const BOTH: &str = "SHARE ROW EXCLUSIVE on both tables, short: catalog only, no scan";
const SCAN: &str = "SHARE UPDATE EXCLUSIVE for one scan: reads and writes go on";

pub(super) fn create(scope: &Scope<'_>, create: &CreateConstraint) -> Result<Deed, Impossible> {
    added(scope, &create.table, &create.name, &create.rule)
}

/// Adds a constraint once the rows fit.
pub(super) fn added(
    scope: &Scope<'_>,
    table: &TableName,
    name: &Ident,
    rule: &Rule,
) -> Result<Deed, Impossible> {
    scope.demand_columns(table, rule.columns())?;
    if let Known::Before(found) = scope.table(table)?
        && found.constraint(name).is_some()
    {
        return impossible(
            &scope.key("name"),
            format!(
                "{} has a constraint {} already",
                table.plain(),
                name.as_str()
            ),
            "choose another name, or drop that one first",
        );
    }
    add_rule(scope, table, name, rule)
}

/// The same over columns that only this migration knows.
pub(super) fn add_rule(
    scope: &Scope<'_>,
    table: &TableName,
    name: &Ident,
    rule: &Rule,
) -> Result<Deed, Impossible> {
    match rule {
        Rule::Check { .. } | Rule::ForeignKey(_) => {
            if let Rule::ForeignKey(key) = rule {
                demand_other(scope, table, key)?;
            }
            let body = spell::rule(rule);
            Ok(not_valid(scope, table, name, &body, name.as_str()))
        }
        Rule::Unique(key) => {
            demand_index(scope, table, name)?;
            let using = Using::of("UNIQUE", spell::deferral(key.deferral));
            let definition = key_definition(table, key);
            Ok(using_index(scope, table, name, definition, using))
        }
        Rule::PrimaryKey(key) => primary_key(scope, table, name, key),
        Rule::Exclude { .. } => impossible(
            &scope.key("constraint"),
            "an exclusion constraint cannot be added without blocking writers".into(),
            "create a new table with it, or use an sql operation in a quiet hour",
        ),
    }
}

/// Whether an index can be built for the constraint.
fn demand_index(scope: &Scope<'_>, table: &TableName, name: &Ident) -> Result<(), Impossible> {
    scope.demand_whole(table)?;
    scope.demand_free(&table.schema, name)
}

fn demand_other(scope: &Scope<'_>, table: &TableName, key: &ForeignKey) -> Result<(), Impossible> {
    scope.demand_columns(&key.table, &key.referenced)?;
    match scope.catalog.table(table) {
        Some(found) if found.is_partitioned => impossible(
            &scope.key("table"),
            format!(
                "{} is partitioned: a foreign key on it cannot be added without checking every row under a lock",
                table.plain()
            ),
            "add it to each partition",
        ),
        _ => Ok(()),
    }
}

/// Holds for new rows at once, for old ones after a scan that blocks nobody.
/// `body` is what stands behind the name, `shown` what people call it.
pub(super) fn not_valid(
    scope: &Scope<'_>,
    table: &TableName,
    name: &Ident,
    body: &str,
    shown: &str,
) -> Deed {
    let qualified = table.to_string();
    let (what, lock) = match body.starts_with("FOREIGN KEY") {
        true => (format!("foreign key {shown}"), BOTH),
        false => (format!("check {shown}"), SHORT),
    };
    let body = body.trim_end_matches(" NOT VALID");
    let pair = Pair {
        id: scope.id(&format!("add/{}", name.as_str())),
        title: format!("add {what}, for new rows"),
        undo_title: format!("drop {what}"),
        run: vec![
            path(&table.schema),
            format!("ALTER TABLE {qualified} ADD CONSTRAINT {name} {body} NOT VALID"),
        ],
        undo: vec![format!(
            "ALTER TABLE IF EXISTS {qualified} DROP CONSTRAINT IF EXISTS {name}"
        )],
        lock,
    };
    let (add, drop) = pair.actions();
    let id = scope.id(&format!("validate/{}", name.as_str()));
    Deed {
        place: Place::Verify,
        run: vec![add, validate(id, table, name, &what)],
        undo: vec![drop],
    }
}

/// Checks the rows that were there before the constraint.
pub(super) fn validate(id: String, table: &TableName, name: &Ident, what: &str) -> Action {
    let qualified = table.to_string();
    Action {
        id,
        title: format!("check every row for {what}"),
        probe: when(&has_constraint(
            &qualified,
            name.as_str(),
            " AND c.convalidated",
        )),
        statements: vec![format!(
            "ALTER TABLE {qualified} VALIDATE CONSTRAINT {name}"
        )],
        mode: Mode::Alone,
        load: Load::Scan(table.clone()),
        lock: SCAN,
    }
}

/// `ON "s"."t" ("a") …`, for an index that becomes a constraint.
fn key_definition(table: &TableName, key: &KeyRule) -> String {
    let nulls = if key.nulls_not_distinct {
        " NULLS NOT DISTINCT"
    } else {
        ""
    };
    format!(
        "ON {} ({}){}{nulls}{}",
        table,
        spell::list(&key.columns),
        spell::include(&key.include),
        spell::with(key.with.as_ref())
    )
}

/// A key like one that is there, over other columns.
pub(super) fn key_constraint(
    scope: &Scope<'_>,
    table: &TableName,
    name: &Ident,
    like: &Constraint,
    definition: String,
) -> Deed {
    let using = Using::of(key_word(like), deferral_of(like));
    using_index(scope, table, name, definition, using)
}

pub(super) fn key_word(constraint: &Constraint) -> &'static str {
    if constraint.is_primary() {
        "PRIMARY KEY"
    } else {
        "UNIQUE"
    }
}

pub(super) fn deferral_of(constraint: &Constraint) -> &str {
    let definition = &constraint.definition;
    definition
        .find(" DEFERRABLE")
        .map_or("", |at| &definition[at..])
}

/// What an index becomes.
struct Using<'a> {
    word: &'static str,
    deferral: &'a str,
    /// Statements of the same transaction: there, and on the way back.
    also: (Vec<String>, Vec<String>),
}

impl<'a> Using<'a> {
    fn of(word: &'static str, deferral: &'a str) -> Self {
        Self {
            word,
            deferral,
            also: (Vec::new(), Vec::new()),
        }
    }
}

/// Builds an index beside the writers, then makes it a constraint.
fn using_index(
    scope: &Scope<'_>,
    table: &TableName,
    name: &Ident,
    definition: String,
    using: Using<'_>,
) -> Deed {
    let qualified = table.to_string();
    let id = scope.id(&format!("add/{}", name.as_str()));
    let build = Build {
        table,
        hidden: scope.hidden(name.as_str()),
        is_unique: true,
        definition,
        what: format!("the index of {}", name.as_str()),
        finished: is_marked(&id),
    };
    let mut run = vec![format!(
        "ALTER TABLE {qualified} ADD CONSTRAINT {name} {} USING INDEX {}{}",
        using.word, build.hidden, using.deferral
    )];
    let mut undo = vec![format!(
        "ALTER TABLE IF EXISTS {qualified} DROP CONSTRAINT IF EXISTS {name}"
    )];
    run.extend(using.also.0);
    undo.extend(using.also.1);
    let kind = using.word.to_lowercase();
    let pair = Pair {
        id,
        title: format!("add {kind} constraint {}", name.as_str()),
        undo_title: format!("drop {kind} constraint {}", name.as_str()),
        run,
        undo,
        lock: SHORT,
    };
    let (add, drop) = pair.actions();
    let step = format!("build/{}", name.as_str());
    Deed {
        place: Place::Verify,
        run: vec![build.action(scope, &step), add],
        undo: vec![drop, build.undo(scope, &step)],
    }
}

/// The columns of a key that may still be NULL.
fn nullable<'k>(
    scope: &Scope<'_>,
    table: &TableName,
    key: &'k KeyRule,
) -> Result<Vec<&'k Ident>, Impossible> {
    let known = scope.table(table)?;
    let may = |name: &&Ident| match known {
        Known::Before(table) => table.column(name).is_none_or(|c| !c.not_null),
        Known::Created(create) => create
            .columns
            .iter()
            .any(|c| c.name == **name && c.nullable),
    };
    Ok(key.columns.iter().filter(may).collect())
}

/// Its columns are NOT NULL by a validated check before it is added, which
/// spares it the scan; it makes them so itself.
fn primary_key(
    scope: &Scope<'_>,
    table: &TableName,
    name: &Ident,
    key: &KeyRule,
) -> Result<Deed, Impossible> {
    if let Known::Before(found) = scope.table(table)?
        && let Some(other) = found.primary_key()
    {
        return impossible(
            &scope.key("constraint"),
            format!(
                "{} has a primary key already: {}",
                table.plain(),
                other.name.as_str()
            ),
            "drop that one in an earlier migration",
        );
    }
    demand_index(scope, table, name)?;
    let loose = nullable(scope, table, key)?;
    let of = |column| NotNullCheck::of(scope, table, column);
    let checks: Vec<NotNullCheck<'_>> = loose.iter().copied().map(of).collect();
    let loosen =
        |column: &&Ident| format!("ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL");
    let using = Using {
        also: (
            checks.iter().map(NotNullCheck::drop).collect(),
            loose.iter().map(loosen).collect(),
        ),
        ..Using::of("PRIMARY KEY", spell::deferral(key.deferral))
    };
    let mut deed = using_index(scope, table, name, key_definition(table, key), using);
    deed.run
        .splice(0..0, checks.iter().flat_map(NotNullCheck::run));
    deed.undo.extend(checks.iter().map(NotNullCheck::undo));
    Ok(deed)
}
