//! create_table, drop_table, set_replica_identity.

use super::drop_constraint::dropped;
use super::{Deed, Known, Pair, Place, Scope, path, quoted, spell};
use crate::base::{Ident, quote_literal};
use crate::migration::{
    CreateTable, DropTable, Operation, ReplicaIdentity, Rule, SetReplicaIdentity, TableName,
};
use crate::shard::postgres::dialect::catalog::ConstraintKind;
use crate::shard::postgres::dialect::form::{Impossible, impossible};

pub(super) fn create(scope: &Scope<'_>, create: &CreateTable) -> Result<Deed, Impossible> {
    let (schema, name) = (&create.table.schema, &create.table.table);
    let twice = |other: &Operation| matches!(other, Operation::CreateTable(other) if other.table == create.table);
    if scope.catalog.table(&create.table).is_some() || scope.earlier().any(twice) {
        return impossible(
            &scope.key("table"),
            format!("table {} is there already", create.table.plain()),
            "choose another name, or drop that table if it is a leftover",
        );
    }
    scope.demand_free(schema, name)?;
    for other in create.referenced().filter(|other| **other != create.table) {
        scope.table(other)?;
    }
    for constraint in &create.constraints {
        if let Rule::ForeignKey(key) = &constraint.rule
            && key.table != create.table
        {
            scope.demand_columns(&key.table, &key.referenced)?;
        }
    }
    let pair = Pair {
        id: scope.id("create"),
        title: format!("create table {}", name.as_str()),
        undo_title: format!("drop table {}, or keep its rows apart", name.as_str()),
        run: statements(create),
        undo: vec![take_away(scope, create)],
        lock: "none on your tables; SHARE ROW EXCLUSIVE, short, on those it refers to",
    };
    Ok(pair.deed(Place::Expand))
}

fn statements(create: &CreateTable) -> Vec<String> {
    let qualified = create.table.to_string();
    let mut parts: Vec<String> = create.columns.iter().map(spell::column).collect();
    parts.extend(create.constraints.iter().map(spell::constraint));
    let mut statements = vec![
        path(&create.table.schema),
        format!("CREATE TABLE {qualified} (\n  {}\n)", parts.join(",\n  ")),
    ];
    if let Some(comment) = &create.comment {
        let text = quote_literal(comment);
        statements.push(format!("COMMENT ON TABLE {qualified} IS {text}"));
    }
    for column in &create.columns {
        if let Some(comment) = &column.comment {
            let (name, text) = (&column.name, quote_literal(comment));
            statements.push(format!("COMMENT ON COLUMN {qualified}.{name} IS {text}"));
        }
    }
    statements
}

/// Drops the table if it is empty. Rows that somebody wrote are not lost:
/// the table is put away, closed to everyone, until `pilothouse forget`.
fn take_away(scope: &Scope<'_>, create: &CreateTable) -> String {
    let qualified = create.table.to_string();
    let kept = scope.hidden("kept");
    let body = format!(
        "DECLARE kept text; n integer := 0; gone record;
BEGIN
  IF to_regclass({literal}) IS NULL THEN RETURN; END IF;
  LOCK TABLE {qualified} IN ACCESS EXCLUSIVE MODE;
  IF NOT EXISTS (SELECT 1 FROM {qualified}) THEN DROP TABLE {qualified}; RETURN; END IF;
  FOR gone IN SELECT conname FROM pg_constraint WHERE conrelid = to_regclass({literal}) AND contype = 'f' LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', {literal}, gone.conname);
  END LOOP;
  LOOP
    n := n + 1;
    kept := format('%s_%s', {kept}, n);
    EXIT WHEN to_regclass('pilothouse.' || kept) IS NULL;
  END LOOP;
  EXECUTE format('ALTER TABLE %s RENAME TO %I', {literal}, kept);
  EXECUTE format('ALTER TABLE %I.%I SET SCHEMA pilothouse', {schema}, kept);
END",
        literal = quote_literal(&qualified),
        schema = quote_literal(create.table.schema.as_str()),
        kept = quote_literal(kept.as_str()),
    );
    format!("DO {}", quote_literal(&body))
}

/// Retire puts the table away, drop cuts its foreign keys. The rows stay, in
/// a schema closed to everyone, until `pilothouse forget`: that is the export.
pub(super) fn drop(scope: &Scope<'_>, drop: &DropTable) -> Result<Vec<Deed>, Impossible> {
    let table = scope.existing(&drop.table)?;
    if !table.dependents.is_empty() {
        return impossible(
            &scope.key("table"),
            format!(
                "{} is needed by {}",
                drop.table.plain(),
                table.dependents.join(", ")
            ),
            "drop what needs it first, in an earlier migration",
        );
    }
    if table.is_partitioned {
        return impossible(
            &scope.key("table"),
            format!(
                "{} is partitioned, and its partitions would stay where they are",
                drop.table.plain()
            ),
            "drop it with an sql operation at = \"contract\"",
        );
    }
    let (schema, name) = (&drop.table.schema, &drop.table.table);
    let hidden = scope.hidden("gone");
    let pair = Pair {
        id: scope.id("hide"),
        title: format!("put table {} away", name.as_str()),
        undo_title: format!("bring table {} back", name.as_str()),
        run: vec![
            format!("ALTER TABLE {} RENAME TO {hidden}", quoted(schema, name)),
            format!(
                "ALTER TABLE {} SET SCHEMA pilothouse",
                quoted(schema, &hidden)
            ),
        ],
        undo: vec![
            format!("ALTER TABLE pilothouse.{hidden} SET SCHEMA {schema}"),
            format!("ALTER TABLE {} RENAME TO {name}", quoted(schema, &hidden)),
        ],
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    };
    let mut deeds = vec![pair.deed(Place::Retire)];
    let away = TableName {
        schema: pilothouse(),
        table: hidden,
    };
    let keys = table.constraints.iter();
    for key in keys.filter(|c| c.kind == ConstraintKind::ForeignKey) {
        deeds.push(dropped(scope, &away, table, key, Place::Drop)?);
    }
    Ok(deeds)
}

fn pilothouse() -> Ident {
    #[expect(clippy::expect_used, reason = "a plain word")]
    Ident::new("pilothouse").expect("a plain word")
}

pub(super) fn replica_identity(
    scope: &Scope<'_>,
    set: &SetReplicaIdentity,
) -> Result<Deed, Impossible> {
    let before = match scope.table(&set.table)? {
        Known::Before(table) => table.replica_identity.clone(),
        Known::Created(_) => "DEFAULT".to_owned(),
    };
    let after = match &set.identity {
        ReplicaIdentity::Default => "DEFAULT".to_owned(),
        ReplicaIdentity::Full => "FULL".to_owned(),
        ReplicaIdentity::Nothing => "NOTHING".to_owned(),
        ReplicaIdentity::Index(name) => {
            demand_index(scope, &set.table, name)?;
            format!("USING INDEX {name}")
        }
    };
    let qualified = set.table.to_string();
    let pair = Pair {
        id: scope.id("set"),
        title: format!("replica identity of {}", set.table.table.as_str()),
        undo_title: format!("replica identity of {} as it was", set.table.table.as_str()),
        run: vec![format!("ALTER TABLE {qualified} REPLICA IDENTITY {after}")],
        undo: vec![format!(
            "ALTER TABLE IF EXISTS {qualified} REPLICA IDENTITY {before}"
        )],
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    };
    Ok(pair.deed(Place::Expand))
}

fn demand_index(scope: &Scope<'_>, table: &TableName, name: &Ident) -> Result<(), Impossible> {
    let Known::Before(found) = scope.table(table)? else {
        // Its constraints name their indexes when it is created.
        return Ok(());
    };
    let creates = |operation: &Operation| matches!(operation, Operation::CreateIndex(create) if create.table == *table && create.name == *name);
    if found.index(name).is_some() || scope.earlier().any(creates) {
        return Ok(());
    }
    impossible(
        &scope.key("index"),
        format!("{} has no index {}", table.plain(), name.as_str()),
        "name a unique index over columns that are NOT NULL",
    )
}
