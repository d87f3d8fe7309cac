//! drop_constraint, and the constraints that an altered column does without.

use super::constraint::{SHORT, deferral_of, key_word, validate};
use super::index_steps::Build;
use super::{Deed, Pair, Place, Scope};
use crate::base::Ident;
use crate::migration::{AlterColumn, DropConstraint, TableName};
use crate::shard::postgres::dialect::action::{Action, is_marked};
use crate::shard::postgres::dialect::catalog::{Constraint, ConstraintKind, Table};
use crate::shard::postgres::dialect::form::{Impossible, impossible};

/// Clients of the new form count on it being gone: it goes when that is
/// published.
pub(super) fn drop(scope: &Scope<'_>, drop: &DropConstraint) -> Result<Deed, Impossible> {
    let table = scope.existing(&drop.table)?;
    let found = the_constraint(scope, table, &drop.name)?;
    dropped(scope, &drop.table, table, found, Place::Publish)
}

/// The constraints that an altered column loses.
pub(super) fn going<'t>(
    scope: &Scope<'_>,
    table: &'t Table,
    alter: &AlterColumn,
) -> Result<Vec<&'t Constraint>, Impossible> {
    let mut going = Vec::new();
    for name in &alter.drop_constraints {
        let found = the_constraint(scope, table, name)?;
        if !found.columns.contains(&alter.column) {
            return impossible(
                &scope.key("drop_constraints"),
                format!(
                    "{} is not over column {}",
                    name.as_str(),
                    alter.column.as_str()
                ),
                "name it where its column is altered, or use drop_constraint",
            );
        }
        going.push(found);
    }
    Ok(going)
}

pub(super) fn the_constraint<'t>(
    scope: &Scope<'_>,
    table: &'t Table,
    name: &Ident,
) -> Result<&'t Constraint, Impossible> {
    table.constraint(name).ok_or_else(|| Impossible {
        key: scope.key("name"),
        what: format!("{} has no constraint {}", table.name.plain(), name.as_str()),
        remedy: "correct its name, spelled as the catalog spells it".into(),
    })
}

/// Drops a constraint of a table that stands at `at` then.
pub(super) fn dropped(
    scope: &Scope<'_>,
    at: &TableName,
    table: &Table,
    found: &Constraint,
    place: Place,
) -> Result<Deed, Impossible> {
    let (qualified, name) = (at.to_string(), &found.name);
    let id = scope.id(&format!("drop/{}", name.as_str()));
    let (mut first, add, last) = again((scope, at), table, found, &id)?;
    let settings = table.index(name).into_iter();
    let settings = settings.filter(|_| found.kind == ConstraintKind::Key);
    let add = format!("ALTER TABLE {qualified} ADD CONSTRAINT {name} {add}");
    let undo = [add].into_iter().chain(found.commented(&qualified));
    let pair = Pair {
        id,
        title: format!("drop constraint {}", name.as_str()),
        undo_title: format!("put constraint {} back", name.as_str()),
        run: vec![format!("ALTER TABLE {qualified} DROP CONSTRAINT {name}")],
        undo: undo.chain(settings.flat_map(|i| i.settings(at))).collect(),
        lock: SHORT,
    };
    let (run, back) = pair.actions();
    first.push(back);
    first.extend(last);
    Ok(Deed {
        place,
        run: vec![run],
        undo: first,
    })
}

/// How a constraint comes back: what is done before it is added, what stands
/// behind its name then, and what is done after that.
fn again(
    (scope, at): (&Scope<'_>, &TableName),
    table: &Table,
    found: &Constraint,
    id: &str,
) -> Result<(Vec<Action>, String, Vec<Action>), Impossible> {
    let name = &found.name;
    let (mut first, mut last) = (Vec::new(), Vec::new());
    let bare = found.definition.trim_end_matches(" NOT VALID");
    let add = match (found.kind, table.index(name)) {
        (ConstraintKind::Check | ConstraintKind::ForeignKey, _) => {
            if found.is_validated {
                let id = format!("undo/{}", scope.id(&format!("validate/{}", name.as_str())));
                last.push(validate(id, at, name, name.as_str()));
            }
            format!("{bare} NOT VALID")
        }
        (ConstraintKind::Key, Some(index)) => {
            let build = Build {
                table: at,
                hidden: scope.hidden(name.as_str()),
                is_unique: true,
                definition: index.definition.clone(),
                what: format!("the index of {}", name.as_str()),
                finished: format!("NOT {}", is_marked(id)),
            };
            let mut action = build.action(scope, &format!("build/{}", name.as_str()));
            action.id = format!("undo/{}", action.id);
            first.push(action);
            let (word, deferral) = (key_word(found), deferral_of(found));
            format!("{word} USING INDEX {}{deferral}", build.hidden)
        }
        _ => {
            return impossible(
                &scope.key("name"),
                format!(
                    "{} of {} is of a kind that could not be put back without blocking writers",
                    name.as_str(),
                    at.plain()
                ),
                "drop it with an sql operation that says how it is put back",
            );
        }
    };
    Ok((first, add, last))
}
