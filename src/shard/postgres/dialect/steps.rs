//! The single steps that stops are made of.

use super::action::{
    Action, Load, Mode, has_column, has_constraint, is_armed, is_armed_as_left, is_disarmed,
    is_marked, when,
};
use super::catalog::name_not_null;
use super::change::unmark;
use super::column::{demand_ours, drop_ours, is_ours, remake_ours, remember};
use super::form::{Form, NewColumn};
use super::trigger::{self, Authority};
use super::version::Version;
use crate::base::{Ident, code, quote_literal};
use crate::worker::{RowJob, RowJobKind};

pub(super) fn row_job(word: &str, form: &Form, kind: RowJobKind, title: &str) -> RowJob {
    RowJob {
        id: format!("{word}/{}", form.tag),
        title: title.to_owned(),
        kind,
    }
}

pub(super) fn add_column(form: &Form, column: &NewColumn) -> Action {
    let (qualified, name) = (form.qualified(), &column.name);
    Action {
        id: format!("expand/{}", column.tag),
        title: format!("add {} to {}", column.title(), form.table.table.as_str()),
        probe: when(&is_ours(form, column)),
        statements: vec![
            // Nobody can add one between the look and the statement.
            format!("LOCK TABLE {qualified} IN ACCESS EXCLUSIVE MODE"),
            demand_ours(form, column),
            format!(
                "ALTER TABLE {qualified} ADD COLUMN IF NOT EXISTS {name} {}",
                column.sql_type
            ),
            remember(form, column),
        ]
        .into_iter()
        .chain(note(form, column))
        .collect(),
        mode: Mode::Transaction,
        load: Load::Brief,
        lock: "ACCESS EXCLUSIVE, short: catalog only, no rewrite",
    }
}

/// What people are told of the column.
fn note(form: &Form, column: &NewColumn) -> Option<String> {
    let text = column
        .comment
        .as_ref()
        .filter(|_| column.becomes.is_none())?;
    Some(format!(
        "COMMENT ON COLUMN {}.{} IS {}",
        form.qualified(),
        column.name,
        quote_literal(text)
    ))
}

pub(super) fn drop_new_column(form: &Form, column: &NewColumn) -> Action {
    let qualified = form.qualified();
    Action {
        id: format!("undo_expand/{}", column.tag),
        title: format!("drop {} of {}", column.title(), form.table.table.as_str()),
        probe: when(&format!("NOT {}", is_ours(form, column))),
        statements: vec![
            format!("LOCK TABLE {qualified} IN ACCESS EXCLUSIVE MODE"),
            drop_ours(form, column),
        ],
        mode: Mode::Transaction,
        load: Load::Brief,
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    }
}

/// Trigger and column go in one transaction: no write can find the one
/// without the other. The column comes back empty, as expand left it.
pub(super) fn undo_dual_write(form: &Form, version: Option<&Version>) -> Action {
    let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
    let qualified = form.qualified();
    let mut statements = vec![format!("LOCK TABLE {qualified} IN ACCESS EXCLUSIVE MODE")];
    statements.extend(trigger::remove(form));
    let table_name = &form.table.table;
    // The new version's view shows the column: it goes and comes with it.
    statements.extend(version.iter().flat_map(|v| v.drop_view(table_name)));
    statements.extend(form.ruled().map(|(column, _)| remake_ours(form, column)));
    statements.extend(version.iter().flat_map(|v| v.create_view(table_name)));
    Action {
        id: format!("undo_dual_write/{}", form.tag),
        title: format!("stop writing both forms of {table}"),
        probe: when(&is_disarmed(&qualified, &form.trigger(), schema, table)),
        statements,
        mode: Mode::Transaction,
        load: Load::Brief,
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    }
}

pub(super) fn constraint_name(column: &NewColumn) -> String {
    format!("pilothouse_not_null_{}", column.tag)
}

pub(super) fn not_null(form: &Form, column: &NewColumn) -> [Action; 2] {
    let (qualified, constraint) = (form.qualified(), constraint_name(column));
    let title = format!("{} is not null", column.shown());
    [
        Action {
            id: format!("not_null/{}", column.tag),
            title: title.clone(),
            probe: when(&has_constraint(&qualified, &constraint, "")),
            statements: vec![format!(
                "ALTER TABLE {qualified} DROP CONSTRAINT IF EXISTS {constraint}, ADD CONSTRAINT {constraint} CHECK ({} IS NOT NULL) NOT VALID",
                column.name
            )],
            mode: Mode::Transaction,
            load: Load::Brief,
            lock: "ACCESS EXCLUSIVE, short: catalog only",
        },
        Action {
            id: format!("not_null_valid/{}", column.tag),
            title: format!("validate: {title}"),
            probe: when(&has_constraint(
                &qualified,
                &constraint,
                " AND c.convalidated",
            )),
            statements: vec![format!(
                "ALTER TABLE {qualified} VALIDATE CONSTRAINT {constraint}"
            )],
            mode: Mode::Alone,
            load: Load::Scan(form.table.clone()),
            lock: "SHARE UPDATE EXCLUSIVE for one scan: reads and writes go on",
        },
    ]
}

pub(super) fn drop_not_null(form: &Form, column: &NewColumn) -> Action {
    let (qualified, constraint) = (form.qualified(), constraint_name(column));
    Action {
        id: format!("undo_not_null/{}", column.tag),
        title: format!("{} may be null again", column.shown()),
        probe: when(&format!(
            "NOT {}",
            has_constraint(&qualified, &constraint, "")
        )),
        statements: vec![format!(
            "ALTER TABLE {qualified} DROP CONSTRAINT IF EXISTS {constraint}"
        )],
        mode: Mode::Transaction,
        load: Load::Brief,
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    }
}

/// Writers wait, readers do not.
pub(super) fn lock_writers(form: &Form) -> String {
    let table = form.qualified();
    format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
}

/// Under the lock: whatever was proved while the trigger was not as we left
/// it is void.
pub(super) fn void_if_touched(form: &Form) -> String {
    let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
    let kept = format!(
        "EXISTS (SELECT 1 FROM pilothouse.dual_write d WHERE d.schema_name = {} AND d.table_name = {})",
        quote_literal(schema),
        quote_literal(table)
    );
    let body = format!(
        "BEGIN IF {kept} AND NOT ({armed}) THEN UPDATE pilothouse.fence SET generation = generation + 1; DELETE FROM pilothouse.checkpoint; DELETE FROM pilothouse.chunk_log; DELETE FROM pilothouse.receipts; END IF; END",
        armed = is_armed_as_left(schema, table)
    );
    format!("DO {}", quote_literal(&body))
}

/// Under the lock: nobody has touched the trigger since the switch before this
/// one, or since this one, should it run twice.
pub(super) fn demand_intact(form: &Form, from: Authority, to: Authority) -> String {
    let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
    let body = format!(
        "BEGIN IF NOT ({before} OR {after} OR ({gone})) THEN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = 'our trigger is not as it was left'; END IF; END",
        before = is_armed(schema, table, from.word()),
        after = is_armed(schema, table, to.word()),
        gone = is_disarmed(&form.qualified(), &form.trigger(), schema, table),
        code = code::DUAL_WRITE_BROKEN,
    );
    format!("DO {}", quote_literal(&body))
}

/// Under the lock, in the dropping transaction itself: dual write is intact
/// and the last comparison is whole, clean and of this generation.
fn demand_proof(form: &Form) -> String {
    let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
    let job = quote_literal(&format!("final/{}", form.tag));
    let body = format!(
        "BEGIN IF NOT ({armed}) OR NOT EXISTS (SELECT 1 FROM pilothouse.checkpoint WHERE job = {job})
           OR EXISTS (SELECT 1 FROM pilothouse.checkpoint c, pilothouse.fence f
               WHERE c.job = {job} AND (NOT c.closed OR c.stale > 0 OR c.generation <> f.generation))
         THEN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = 'no valid proof: nothing is dropped'; END IF; END",
        code = code::NO_PROOF,
        armed = is_armed(schema, table, "new")
    );
    format!("DO {}", quote_literal(&body))
}

pub(super) fn drop_old(form: &Form, version: Option<&Version>) -> Action {
    let (schema, table) = (form.table.schema.as_str(), form.table.table.as_str());
    let qualified = form.qualified();
    let mut statements = vec![format!("LOCK TABLE {qualified} IN ACCESS EXCLUSIVE MODE")];
    if form.replaced().next().is_some() {
        statements.push(demand_proof(form));
    }
    statements.extend(trigger::remove(form));
    statements.extend(
        version
            .iter()
            .flat_map(|v| v.drop_old_view(&form.table.table)),
    );
    let mut gone = vec![is_disarmed(&qualified, &form.trigger(), schema, table)];
    for (column, old, _) in form.replaced() {
        match &column.becomes {
            Some(name) => {
                statements.push(take_place(form, column, name));
                let hidden = has_column(&qualified, column.name.as_str());
                gone.push(format!("NOT {hidden}"));
            }
            None => {
                let name = &old.name;
                let drop = format!("ALTER TABLE {qualified} DROP COLUMN IF EXISTS {name}");
                statements.push(drop);
                gone.push(format!("NOT {}", has_column(&qualified, name.as_str())));
            }
        }
    }
    for column in &form.columns {
        statements.extend(finish(&qualified, column));
    }
    // A form that has the old one's name is planned as that was.
    for (_, old, _) in form.replaced().filter(|(c, _, _)| c.becomes.is_some()) {
        statements.extend(old.settings(&qualified));
    }
    let id = format!("drop/{}", form.tag);
    // Where nothing is replaced, nothing is gone: only the mark tells.
    gone.push(is_marked(&id));
    Action {
        id,
        title: format!("drop the old form of {table}"),
        probe: when(&gone.join(" AND ")),
        statements,
        mode: Mode::Transaction,
        load: Load::Brief,
        lock: "ACCESS EXCLUSIVE, short: the validated check spares the scan",
    }
}

/// What a new column has from contract on. It has its own name by now: the
/// server names NOT NULL after it.
fn finish(qualified: &str, column: &NewColumn) -> Vec<String> {
    let name = column.becomes.as_ref().unwrap_or(&column.name);
    let mut statements = Vec::new();
    if !column.nullable {
        statements.push(format!(
            "ALTER TABLE {qualified} ALTER COLUMN {name} SET NOT NULL"
        ));
        statements.push(format!(
            "ALTER TABLE {qualified} DROP CONSTRAINT IF EXISTS {}",
            constraint_name(column)
        ));
        let named = column.not_null_name.as_ref();
        statements.extend(named.map(|wanted| name_not_null(qualified, name, wanted)));
    }
    if let Some(default) = &column.default {
        statements.push(format!(
            "ALTER TABLE {qualified} ALTER COLUMN {name} SET DEFAULT {default}"
        ));
    }
    statements
}

/// The old form goes and the new one gets its name; nothing happens where
/// that is so already, for then the name is the new one's.
fn take_place(form: &Form, column: &NewColumn, name: &Ident) -> String {
    let (qualified, hidden) = (form.qualified(), &column.name);
    let comment = column
        .comment
        .as_ref()
        .map_or_else(|| "NULL".to_owned(), |text| quote_literal(text));
    let body = format!(
        "BEGIN IF {there} THEN
  ALTER TABLE {qualified} DROP COLUMN {name};
  ALTER TABLE {qualified} RENAME COLUMN {hidden} TO {name};
  COMMENT ON COLUMN {qualified}.{name} IS {comment};
END IF; END",
        there = has_column(&qualified, hidden.as_str()),
    );
    format!("DO {}", quote_literal(&body))
}

/// The new form lives under its hidden name again, so that the old one can
/// have its own.
pub(super) fn give_way(form: &Form, column: &NewColumn) -> Option<String> {
    let name = column.becomes.as_ref()?;
    let (qualified, hidden) = (form.qualified(), &column.name);
    let body = format!(
        "BEGIN IF NOT {there} THEN ALTER TABLE {qualified} RENAME COLUMN {name} TO {hidden};
  COMMENT ON COLUMN {qualified}.{hidden} IS NULL; END IF; END",
        there = has_column(&qualified, hidden.as_str()),
    );
    Some(format!("DO {}", quote_literal(&body)))
}

/// Back to what retire left: nullable with a check, no default.
pub(super) fn loosen(form: &Form) -> Action {
    let qualified = form.qualified();
    let mut statements = Vec::new();
    for column in &form.columns {
        if !column.nullable {
            statements.push(format!(
                "ALTER TABLE {qualified} DROP CONSTRAINT IF EXISTS {0}, ADD CONSTRAINT {0} CHECK ({1} IS NOT NULL)",
                constraint_name(column),
                column.name
            ));
            statements.push(format!(
                "ALTER TABLE {qualified} ALTER COLUMN {} DROP NOT NULL",
                column.name
            ));
        }
        if column.default.is_some() {
            statements.push(format!(
                "ALTER TABLE {qualified} ALTER COLUMN {} DROP DEFAULT",
                column.name
            ));
        }
    }
    let done = format!("drop/{}", form.tag);
    statements.push(unmark(&done));
    Action {
        id: format!("loosen/{}", form.tag),
        title: format!("{} as retire left it", form.table.table.as_str()),
        probe: when(&format!("NOT {}", is_marked(&done))),
        statements,
        mode: Mode::Transaction,
        load: Load::Brief,
        lock: "ACCESS EXCLUSIVE while the check is scanned",
    }
}
