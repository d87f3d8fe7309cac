//! Which column is ours. A name says nothing: somebody may have added a column
//! of that name after preflight. Expand notes the number of the column that it
//! adds, in the transaction that adds it, and everything else asks for that.

use super::action::has_column;
use super::form::{Form, NewColumn};
use crate::base::{Ident, code, quote_literal};

/// "The table has this column, and it is the one that pilothouse added."
pub(super) fn is_ours(form: &Form, column: &NewColumn) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pg_attribute a JOIN pilothouse.added_column m ON m.relid = a.attrelid AND m.attnum = a.attnum
          WHERE a.attrelid = to_regclass({}) AND a.attname = {} AND NOT a.attisdropped AND {})",
        quote_literal(&form.qualified()),
        quote_literal(column.name.as_str()),
        is_note(form, column, "m.")
    )
}

fn is_note(form: &Form, column: &NewColumn, prefix: &str) -> String {
    format!(
        "{prefix}schema_name = {} AND {prefix}table_name = {} AND {prefix}column_name = {}",
        quote_literal(form.table.schema.as_str()),
        quote_literal(form.table.table.as_str()),
        quote_literal(column.name.as_str())
    )
}

/// "Somebody else's column has this name."
fn is_foreign(form: &Form, column: &NewColumn) -> String {
    format!(
        "({} AND NOT {})",
        has_column(&form.qualified(), column.name.as_str()),
        is_ours(form, column)
    )
}

fn block(body: &str) -> String {
    format!("DO {}", quote_literal(&format!("BEGIN {body} END")))
}

/// Fails if somebody else's column has this name. The caller holds a lock on
/// the table under which nobody can add one.
pub(super) fn demand_ours(form: &Form, column: &NewColumn) -> String {
    let (table, name) = (
        format!(
            "{}.{}",
            form.table.schema.as_str(),
            form.table.table.as_str()
        ),
        column.name.as_str(),
    );
    let message = format!(
        "table {table} has a column {name} that pilothouse did not add; it was left alone: \
         find out who added it, rename or drop it, then retry, or roll back and give the migration another name for its column"
    );
    block(&format!(
        "IF {} THEN RAISE EXCEPTION USING ERRCODE = '{}', MESSAGE = {}; END IF;",
        is_foreign(form, column),
        code::NAME_TAKEN,
        quote_literal(&message)
    ))
}

/// The grantee of row `g` of an exploded list of rights, as GRANT spells it.
pub(super) const GRANTEE: &str =
    "CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END";

/// Gives whoever has rights on one column of a table the same on another.
pub(super) fn copy_rights(qualified: &str, from: &Ident, to: &Ident) -> String {
    let body = format!(
        "DECLARE g record;
BEGIN
  FOR g IN SELECT a.privilege_type, a.grantee, a.is_grantable FROM pg_attribute t, LATERAL aclexplode(t.attacl) a
      WHERE t.attrelid = to_regclass({table}) AND t.attname = {from} AND NOT t.attisdropped LOOP
    EXECUTE format('GRANT %s (%I) ON %s TO %s%s', g.privilege_type, {to}, {table},
      {GRANTEE},
      CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
  END LOOP;
END",
        table = quote_literal(qualified),
        from = quote_literal(from.as_str()),
        to = quote_literal(to.as_str()),
    );
    format!("DO {}", quote_literal(&body))
}

/// Notes that the column of this name, as it is now, is ours.
pub(super) fn remember(form: &Form, column: &NewColumn) -> String {
    let (schema, table, name) = (
        quote_literal(form.table.schema.as_str()),
        quote_literal(form.table.table.as_str()),
        quote_literal(column.name.as_str()),
    );
    format!(
        "INSERT INTO pilothouse.added_column (schema_name, table_name, column_name, relid, attnum)
  SELECT {schema}, {table}, {name}, a.attrelid, a.attnum FROM pg_attribute a
  WHERE a.attrelid = to_regclass({}) AND a.attname = {name} AND NOT a.attisdropped
  ON CONFLICT (schema_name, table_name, column_name) DO UPDATE SET relid = excluded.relid, attnum = excluded.attnum",
        quote_literal(&form.qualified())
    )
}

/// Drops the column if it is ours, and the note in any case.
pub(super) fn drop_ours(form: &Form, column: &NewColumn) -> String {
    block(&format!(
        "IF {} THEN ALTER TABLE {} DROP COLUMN {}; END IF; DELETE FROM pilothouse.added_column WHERE {};",
        is_ours(form, column),
        form.qualified(),
        column.name,
        is_note(form, column, "")
    ))
}

/// Drops the column and adds it again, empty, unless it is somebody else's.
pub(super) fn remake_ours(form: &Form, column: &NewColumn) -> String {
    let (qualified, name) = (form.qualified(), &column.name);
    block(&format!(
        "IF NOT {} THEN ALTER TABLE {qualified} DROP COLUMN IF EXISTS {name}; ALTER TABLE {qualified} ADD COLUMN {name} {}; {}; END IF;",
        is_foreign(form, column),
        column.sql_type,
        remember(form, column)
    ))
}
