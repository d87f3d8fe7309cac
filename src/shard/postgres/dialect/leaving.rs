//! Columns that go without anything in their place: their values are exported
//! by key first, and come back from there.

use super::action::{Action, Load, Mode, has_column, when};
use super::catalog::{Catalog, Column, Table};
use super::form::{Form, Impossible, impossible, tag};
use super::mapping::{Mapping, Volatility};
use super::second;
use super::version::Version;
use crate::base::{Ident, quote_literal};
use crate::migration::{DropColumn, Migration, Operation};

/// A column that goes.
#[derive(Clone, Debug)]
pub(crate) struct Leaving {
    pub(crate) column: Column,
    /// What a row has that was written without it.
    pub(crate) down: Option<Mapping>,
    /// How the names of its triggers begin.
    pub(crate) triggers: String,
}

/// How the names of the triggers begin that stand over a column which goes, by
/// the number of the operation.
pub(super) fn trigger_name(migration: &Migration, number: usize) -> String {
    let number = number.to_string();
    format!(
        "pilothouse_{}",
        tag(&[migration.name.as_str(), &number, "leaving"])
    )
}

pub(super) fn drop_trigger(qualified: &str, trigger: &str) -> [String; 2] {
    [
        format!("DROP TRIGGER IF EXISTS {trigger} ON {qualified}"),
        format!("DROP FUNCTION IF EXISTS pilothouse.{trigger}()"),
    ]
}

/// Takes all of them off.
pub(super) fn trigger_drops(qualified: &str, begins: &str) -> Vec<String> {
    ["guard", "fill", "trail"]
        .iter()
        .flat_map(|kind| drop_trigger(qualified, &format!("{begins}_{kind}")))
        .collect()
}

/// A form per table that loses columns.
pub(super) fn forms(migration: &Migration, catalog: &Catalog) -> Result<Vec<Form>, Impossible> {
    let mut forms: Vec<Form> = Vec::new();
    for (place, operation) in migration.operations.iter().enumerate() {
        let Operation::DropColumn(drop) = operation else {
            continue;
        };
        let at = format!("operation.{}.drop_column", place + 1);
        let (table, column) = find(catalog, drop, &at)?;
        demand_free((migration, table), column, drop, &at)?;
        let (schema, name) = (table.name.schema.as_str(), table.name.table.as_str());
        let own = tag(&[migration.name.as_str(), schema, name, "leaving"]);
        let down = match &drop.down {
            Some(text) => Some(second::expression(
                migration,
                table,
                (format!("{at}.down"), format!("down_{own}_{place}")),
                (text, &column.sql_type),
            )?),
            None => None,
        };
        let leaving = Leaving {
            column: column.clone(),
            down,
            triggers: trigger_name(migration, place + 1),
        };
        demand_present(migration, &leaving, drop, &at)?;
        match forms.iter_mut().find(|form| form.table == table.name) {
            Some(form) => form.leaving.push(leaving),
            None => forms.push(Form {
                leaving: vec![leaving],
                ..Form::of(table, own)
            }),
        }
    }
    Ok(forms)
}

fn find<'c>(
    catalog: &'c Catalog,
    drop: &DropColumn,
    at: &str,
) -> Result<(&'c Table, &'c Column), Impossible> {
    let table = catalog.table(&drop.table);
    let found = table.and_then(|table| Some((table, table.column(&drop.column)?)));
    found.ok_or_else(|| Impossible {
        key: format!("{at}.column"),
        what: format!(
            "there is no column {} in {}",
            drop.column.as_str(),
            drop.table.plain()
        ),
        remedy: "correct the names, spelled as the catalog spells them".into(),
    })
}

fn demand_free(
    (migration, table): (&Migration, &Table),
    column: &Column,
    drop: &DropColumn,
    at: &str,
) -> Result<(), Impossible> {
    let named = format!("{}.{}", table.name.table.as_str(), column.name.as_str());
    second::demand_unneeded(migration, table, column, &format!("{at}.column"))?;
    let fills_itself = column.default.is_some() || column.is_identity || column.generated;
    if column.not_null && !fills_itself && drop.down.is_none() {
        return impossible(
            &format!("{at}.down"),
            format!("{named} is NOT NULL, and clients that do not know it write no value"),
            "add down: what such rows get as long as the column is there",
        );
    }
    Ok(())
}

/// What `down` reads must be there in every row that it is asked for: another
/// old column that is replaced gets its value only after it.
fn demand_present(
    migration: &Migration,
    leaving: &Leaving,
    drop: &DropColumn,
    at: &str,
) -> Result<(), Impossible> {
    let reads = |name: &Ident| {
        let down = leaving.down.iter().flat_map(|down| &down.inputs);
        down.clone().any(|input| input.column == *name)
    };
    let replaced = migration
        .operations
        .iter()
        .find_map(|operation| match operation {
            Operation::AddColumn(add) if add.table == drop.table => {
                let name = add.down.keys().find(|name| reads(name))?;
                Some((name, &add.column))
            }
            _ => None,
        });
    match replaced {
        None => Ok(()),
        Some((old, new)) => impossible(
            &format!("{at}.down"),
            format!(
                "down reads {}, which {} replaces",
                old.as_str(),
                new.as_str()
            ),
            &format!("read {} instead", new.as_str()),
        ),
    }
}

/// The columns go, with what the version before shows of the table.
pub(super) fn drop_columns(form: &Form, version: Option<&Version>) -> Action {
    let (table, qualified) = (form.table.table.as_str(), form.qualified());
    let mut statements = vec![format!("LOCK TABLE {qualified} IN ACCESS EXCLUSIVE MODE")];
    let views = version
        .iter()
        .flat_map(|v| v.drop_old_view(&form.table.table));
    statements.extend(views);
    let mut gone = Vec::new();
    for leaving in &form.leaving {
        let name = &leaving.column.name;
        // In one transaction with it: no row is ever written without it while
        // it is there.
        statements.extend(trigger_drops(&qualified, &leaving.triggers));
        statements.push(format!(
            "ALTER TABLE {qualified} DROP COLUMN IF EXISTS {name}"
        ));
        gone.push(format!("NOT {}", has_column(&qualified, name.as_str())));
    }
    Action {
        id: format!("drop/{}", form.tag),
        title: format!("drop columns of {table}"),
        probe: when(&gone.join(" AND ")),
        statements,
        mode: Mode::Transaction,
        load: Load::Brief,
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    }
}

/// The columns are there again, empty.
pub(super) fn add_columns(form: &Form) -> Action {
    let (table, qualified) = (form.table.table.as_str(), form.qualified());
    let mut statements = Vec::new();
    let mut there = Vec::new();
    for leaving in &form.leaving {
        let name = &leaving.column.name;
        statements.push(format!(
            "ALTER TABLE {qualified} ADD COLUMN IF NOT EXISTS {name} {}",
            leaving.column.full_type()
        ));
        if let Some(down) = &leaving.down {
            statements.push(down.create("pilothouse", Volatility::Stable));
            statements.push(down.grant());
        }
        there.push(has_column(&qualified, name.as_str()));
    }
    Action {
        id: format!("restore_columns/{}", form.tag),
        title: format!("add the columns of {table} again"),
        probe: when(&there.join(" AND ")),
        statements,
        mode: Mode::Transaction,
        load: Load::Brief,
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    }
}

/// Default, NOT NULL, comment and rights, once the values are there.
pub(super) fn close(form: &Form) -> Action {
    let qualified = form.qualified();
    let mut statements = Vec::new();
    let mut done = vec!["true".to_owned()];
    for leaving in &form.leaving {
        let (column, name) = (&leaving.column, &leaving.column.name);
        if let Some(default) = &column.default {
            statements.push(format!(
                "ALTER TABLE {qualified} ALTER COLUMN {name} SET DEFAULT {default}"
            ));
        }
        if let Some(comment) = &column.comment {
            let text = quote_literal(comment);
            statements.push(format!("COMMENT ON COLUMN {qualified}.{name} IS {text}"));
        }
        statements.extend(column.not_null_again(&qualified));
        statements.extend(column.grants(&qualified));
        statements.extend(column.settings(&qualified));
        done.push(format!(
            "EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = to_regclass({}) AND a.attname = {}
              AND a.attnotnull = {} AND a.atthasdef = {} AND (col_description(a.attrelid, a.attnum) IS NOT NULL) = {}
              AND (SELECT count(DISTINCT (g.grantee, g.privilege_type)) FROM aclexplode(a.attacl) g) >= {} AND coalesce(a.attstattarget, -1) = {} AND (a.attoptions IS NOT NULL) = {})",
            quote_literal(&qualified),
            quote_literal(name.as_str()),
            column.not_null,
            column.default.is_some(),
            column.comment.is_some(),
            column.rights.len(),
            column.statistics.unwrap_or(-1),
            !column.options.is_empty()
        ));
    }
    Action {
        id: format!("restored/{}", form.tag),
        title: format!("close the restore of {}", form.table.table.as_str()),
        probe: when(&done.join(" AND ")),
        statements,
        mode: Mode::Transaction,
        load: Load::Brief,
        lock: "ACCESS EXCLUSIVE while NOT NULL is checked",
    }
}
