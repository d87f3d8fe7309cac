//! create_index and drop_index.

use super::index_steps::Build;
use super::{Deed, Pair, Place, Scope, quoted, spell};
use crate::base::Ident;
use crate::migration::{CreateIndex, DropIndex, KeyOf};
use crate::shard::postgres::dialect::action::is_marked;
use crate::shard::postgres::dialect::catalog::{Index, Table};
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
    let (schema, name) = (&create.table.schema, &create.name);
    let hidden = scope.hidden(name.as_str());
    let id = scope.id(&format!("name/{}", name.as_str()));
    let build = Build {
        table: &create.table,
        hidden: hidden.clone(),
        is_unique: create.unique,
        definition: definition(create),
        what: format!("index {}", name.as_str()),
        finished: is_marked(&id),
    };
    let pair = Pair {
        id,
        title: format!("give index {} its name", name.as_str()),
        undo_title: format!("hide index {}", name.as_str()),
        run: vec![renamed(schema, &hidden, name)],
        undo: vec![renamed(schema, name, &hidden)],
        lock: RENAME,
    };
    let (give, take) = pair.actions();
    let step = format!("build/{}", name.as_str());
    Ok(Deed {
        place: Place::Expand,
        run: vec![build.action(scope, &step), give],
        undo: vec![take, build.undo(scope, &step)],
    })
}

/// Somebody may have dropped the index in the meantime.
fn renamed(schema: &Ident, from: &Ident, to: &Ident) -> String {
    format!(
        "ALTER INDEX IF EXISTS {} RENAME TO {to}",
        quoted(schema, from)
    )
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
        create.table,
        method.map_or_else(String::new, |m| format!(" USING {m}")),
        keys.join(", "),
        spell::include(&create.include),
        spell::with(create.with.as_ref()),
        only.map_or_else(String::new, |p| format!(" WHERE ({p})"))
    )
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
            format!("there is no index {}", drop.index.plain()),
            "correct its schema and name, spelled as the catalog spells it",
        );
    };
    // Before its table or columns get other names, and back after that.
    dropped(scope, table, index, Place::Unhook)
}

/// Drops an index; the way back builds it again.
pub(super) fn dropped(
    scope: &Scope<'_>,
    table: &Table,
    index: &Index,
    place: Place,
) -> Result<Deed, Impossible> {
    let (schema, name) = (&table.name.schema, &index.name);
    scope.demand_whole(&table.name)?;
    if let Some(bound) = &index.bound {
        return impossible(
            &scope.key("index"),
            format!("index {} cannot go by itself: {bound}", name.as_str()),
            "drop or change what needs it",
        );
    }
    let hidden = scope.hidden(name.as_str());
    let id = scope.id(&format!("hide/{}", name.as_str()));
    let build = Build {
        table: &table.name,
        hidden: hidden.clone(),
        is_unique: index.is_unique,
        definition: index.definition.clone(),
        what: format!("index {}", name.as_str()),
        finished: format!("NOT {}", is_marked(&id)),
    };
    // Under a name of ours first: another index may have its name before the
    // stop is over, and must not be taken for it.
    let pair = Pair {
        id,
        title: format!("hide index {}", name.as_str()),
        undo_title: format!("give index {} its name", name.as_str()),
        run: vec![renamed(schema, name, &hidden)],
        undo: [renamed(schema, &hidden, name)]
            .into_iter()
            .chain(index.settings(&table.name))
            .collect(),
        lock: RENAME,
    };
    let (hide, give) = pair.actions();
    let mut drop = build.undo(scope, &format!("drop/{}", name.as_str()));
    drop.id = scope.id(&format!("drop/{}", name.as_str()));
    let mut again = build.action(scope, &format!("build/{}", name.as_str()));
    again.id = format!("undo/{}", again.id);
    Ok(Deed {
        place,
        run: vec![hide, drop],
        undo: vec![again, give],
    })
}
