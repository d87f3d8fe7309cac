//! Reads the shape of the migration's tables, without what is ours and what
//! means nothing: order of columns, owners, names of constraints.

use super::past;
use crate::shard::postgres::Failure;
use crate::shard::postgres::dialect::{Form, by_table};
use crate::shard::postgres::sql;
use crate::shard::{Part, Shape};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use std::collections::BTreeSet;

/// The shape of every table of these forms.
pub(in crate::shard::postgres) async fn shape(
    connection: &mut PgConnection,
    forms: &[Form],
) -> Result<Shape, Failure> {
    let mut shape = Shape::default();
    let done = past::line(connection).await?;
    shape.note("the history of migrations", Part::Past, done);
    for form in by_table(forms) {
        let of_table = forms.iter().filter(|other| other.table == form.table);
        let touched: BTreeSet<&str> = of_table.flat_map(touched).collect();
        table(connection, form, &mut shape).await?;
        columns(connection, form, &touched, &mut shape).await?;
        constraints(connection, form, &touched, &mut shape).await?;
        triggers(connection, form, &mut shape).await?;
    }
    Ok(shape)
}

/// Columns that the migration reads, replaces, or finds rows by.
fn touched(form: &Form) -> BTreeSet<&str> {
    let ups = form.ruled().map(|(_, up)| up);
    let downs = form.replaced().map(|(_, _, down)| down);
    let read = ups.chain(downs).flat_map(|mapping| &mapping.inputs);
    let mut names: BTreeSet<&str> = read.map(|input| input.column.as_str()).collect();
    names.extend(form.replaced().map(|(_, old, _)| old.name.as_str()));
    names.extend(form.key.iter().map(|key| key.name.as_str()));
    for leaving in &form.leaving {
        names.insert(leaving.column.name.as_str());
        let read = leaving.down.iter().flat_map(|down| &down.inputs);
        names.extend(read.map(|input| input.column.as_str()));
    }
    names
}

fn part(is_touched: bool) -> Part {
    if is_touched {
        Part::Touched
    } else {
        Part::Beside
    }
}

/// `public.t`, for people.
fn name(form: &Form) -> String {
    format!(
        "{}.{}",
        form.table.schema.as_str(),
        form.table.table.as_str()
    )
}

async fn table(
    connection: &mut PgConnection,
    form: &Form,
    shape: &mut Shape,
) -> Result<(), Failure> {
    let statement =
        "SELECT CASE relkind WHEN 'p' THEN 'a partitioned table' ELSE 'an ordinary table' END
            || CASE WHEN relrowsecurity THEN ', row security on' ELSE '' END
            || CASE relpersistence WHEN 'u' THEN ', unlogged' ELSE '' END
        FROM pg_class WHERE oid = to_regclass($1)";
    if let Some(is) = sql::text(connection, statement, vec![form.qualified().into()]).await? {
        shape.note(name(form), Part::Touched, is);
    }
    shape.note(
        format!("{} key", name(form)),
        Part::Touched,
        form.key_list(),
    );
    Ok(())
}

async fn columns(
    connection: &mut PgConnection,
    form: &Form,
    touched: &BTreeSet<&str>,
    shape: &mut Shape,
) -> Result<(), Failure> {
    // An enum of the same name may have other values.
    let statement = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod)
            || coalesce((SELECT ' of ' || string_agg(enumlabel, '/' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = a.atttypid), '')
            || CASE WHEN a.attcollation <> t.typcollation THEN ' collate ' || a.attcollation::regcollation::text ELSE '' END
            || CASE WHEN a.attnotnull THEN ', not null' ELSE '' END
            || CASE WHEN a.attgenerated <> '' THEN ', generated' ELSE '' END
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped";
    for row in sql::rows(connection, statement, vec![form.qualified().into()]).await? {
        let column: String = row.try_get(0)?;
        if form.columns.iter().any(|new| new.name.as_str() == column) {
            continue;
        }
        let object = format!("{} column {column}", name(form));
        let is: String = row.try_get(1)?;
        shape.note(object, part(touched.contains(column.as_str())), is);
    }
    Ok(())
}

async fn constraints(
    connection: &mut PgConnection,
    form: &Form,
    touched: &BTreeSet<&str>,
    shape: &mut Shape,
) -> Result<(), Failure> {
    // A definition stands for itself: names are often made up by the server.
    let statement = "SELECT pg_get_constraintdef(c.oid), ARRAY(SELECT attname::text FROM pg_attribute
              WHERE attrelid = c.conrelid AND attnum = ANY (c.conkey))
          FROM pg_constraint c WHERE c.conrelid = to_regclass($1) AND c.contype IN ('c', 'f', 'u', 'x', 'p')
            AND c.conname NOT LIKE 'pilothouse\\_%'
        UNION ALL
        SELECT 'UNIQUE INDEX' || substr(pg_get_indexdef(i.indexrelid), position(' USING ' IN pg_get_indexdef(i.indexrelid))),
            ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = i.indrelid AND attnum = ANY (i.indkey))
          FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
          WHERE i.indrelid = to_regclass($1) AND i.indisunique AND x.relname NOT LIKE 'pilothouse\\_%'
            AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.conrelid = i.indrelid)";
    for row in sql::rows(connection, statement, vec![form.qualified().into()]).await? {
        let (definition, over): (String, Vec<String>) = (row.try_get(0)?, row.try_get(1)?);
        let is_new = |column: &String| form.columns.iter().any(|c| c.name.as_str() == column);
        if over.iter().any(is_new) {
            continue;
        }
        let is_touched = over.iter().any(|column| touched.contains(column.as_str()));
        let object = format!("{} {definition}", name(form));
        shape.note(object, part(is_touched), "there");
    }
    Ok(())
}

async fn triggers(
    connection: &mut PgConnection,
    form: &Form,
    shape: &mut Shape,
) -> Result<(), Failure> {
    let statement =
        "SELECT tgname::text, pg_get_triggerdef(oid) || CASE tgenabled WHEN 'D' THEN ' (disabled)'
            WHEN 'A' THEN ' (always)' WHEN 'R' THEN ' (replica)' ELSE '' END
        FROM pg_trigger WHERE tgrelid = to_regclass($1) AND NOT tgisinternal
          AND tgname NOT LIKE 'zzzz\\_pilothouse\\_%'";
    for row in sql::rows(connection, statement, vec![form.qualified().into()]).await? {
        let (trigger, is): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        shape.note(
            format!("{} trigger {trigger}", name(form)),
            Part::Touched,
            is,
        );
    }
    Ok(())
}
