//! create_index and drop_index.

use super::index_steps::{Build, is_index};
use super::{Deed, Pair, Place, Scope, plain, quoted, spell, when};
use crate::migration::{CreateIndex, DropIndex, KeyOf, TableName};
use crate::shard::postgres::dialect::action::{Action, Mode, is_marked};
use crate::shard::postgres::dialect::form::{Impossible, impossible};

/// Its name changes hands in one transaction, never while it is half built.
const RENAME: &str = "SHARE UPDATE EXCLUSIVE on the index, short: catalog only";

pub(super) fn create(scope: &Scope<'_>, create: &CreateIndex) -> Result<Deed, Impossible> {
    let columns = create.keys.iter().filter_map(|key| match &key.of {
        KeyOf::Column(name) => Some(name),
        KeyOf::Expression(_) => None,
    });
    scope.demand_columns(&create.table, columns.chain(&create.include))?;
    scope.demand_whole(&create.table)?;
    scope.demand_free(&create.table.schema, &create.name)?;
    Ok(Deed {
        place: Place::Expand,
        ..built(
            scope,
            &create.table,
            &create.name,
            create.unique,
            definition(create),
        )
    })
}

/// What stands behind the name, from `ON` on.
fn definition(create: &CreateIndex) -> String {
    let keys: Vec<String> = create.keys.iter().map(spell::index_key).collect();
    let method = create.method.as_ref();
    let nulls = if create.nulls_not_distinct {
        " NULLS NOT DISTINCT"
    } else {
        ""
    };
    let only = create.predicate.as_ref();
    format!(
        "ON {}{} ({}){}{nulls}{}{}",
        quoted(&create.table.schema, &create.table.table),
        method.map_or_else(String::new, |m| format!(" USING {m}")),
        keys.join(", "),
        spell::include(&create.include),
        spell::with(create.with.as_ref()),
        only.map_or_else(String::new, |p| format!(" WHERE ({p})"))
    )
}

/// Builds an index, gives it its name, and takes both back.
fn built(
    scope: &Scope<'_>,
    table: &TableName,
    name: &crate::base::Ident,
    is_unique: bool,
    definition: String,
) -> Deed {
    let hidden = scope.hidden(name.as_str());
    let build = Build {
        table,
        hidden: hidden.clone(),
        is_unique,
        definition,
        what: format!("index {}", name.as_str()),
        finished: is_marked(&scope.id("name")),
    };
    let pair = Pair {
        step: "name".into(),
        title: format!("give index {} its name", name.as_str()),
        undo_title: format!("hide index {}", name.as_str()),
        run: vec![format!(
            "ALTER INDEX {} RENAME TO {name}",
            quoted(&table.schema, &hidden)
        )],
        undo: vec![format!(
            "ALTER INDEX IF EXISTS {} RENAME TO {hidden}",
            quoted(&table.schema, name)
        )],
        lock: RENAME,
    };
    let (give, take) = pair.actions(scope);
    Deed {
        place: Place::Expand,
        run: vec![build.action(scope, "build"), give],
        undo: vec![take, build.undo(scope, "build")],
    }
}

/// Contract drops it; the way back builds it again.
pub(super) fn drop(scope: &Scope<'_>, drop: &DropIndex) -> Result<Deed, Impossible> {
    let (schema, name) = (&drop.index.schema, &drop.index.table);
    let tables = scope.catalog.tables.iter();
    let mut owners = tables.filter(|table| table.name.schema == *schema);
    let found = owners.find_map(|table| table.index(name).map(|index| (table, index)));
    let Some((table, index)) = found else {
        return impossible(
            &scope.key("index"),
            format!("there is no index {}", plain(&drop.index)),
            "correct its schema and name, spelled as the catalog spells it",
        );
    };
    scope.demand_whole(&table.name)?;
    if let Some(bound) = &index.bound {
        return impossible(
            &scope.key("index"),
            format!("index {} cannot go by itself: {bound}", plain(&drop.index)),
            "drop or change what needs it",
        );
    }
    let definition = index.definition.clone();
    let back = built(scope, &table.name, name, index.is_unique, definition);
    let gone = format!("NOT {}", is_index(schema, name, ""));
    let drop = Action {
        id: scope.id("drop"),
        title: format!("drop index {}", name.as_str()),
        probe: when(&gone),
        statements: vec![format!(
            "DROP INDEX CONCURRENTLY IF EXISTS {}",
            quoted(schema, name)
        )],
        mode: Mode::Build,
        lock: "SHARE UPDATE EXCLUSIVE: reads and writes go on; waits for transactions that use it",
    };
    // The mark of the way back must not outlive another way there.
    let mut undo = back.run;
    let there = is_index(schema, name, "");
    for action in &mut undo {
        action.id = format!("undo/{}", action.id);
        action.probe = format!(
            "SELECT CASE WHEN {there} THEN 'already' ELSE ({}) END",
            action.probe
        );
    }
    Ok(Deed {
        place: Place::Drop,
        run: vec![drop],
        undo,
    })
}
