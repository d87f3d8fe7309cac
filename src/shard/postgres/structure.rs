//! Reads what hangs on a table: constraints, indexes, what depends on it.

use super::Failure;
use super::catalog::ident;
use super::dialect::{Constraint, ConstraintKind, Index};
use super::error::own;
use super::sql;
use crate::base::{Ident, Untrusted};
use crate::migration::TableName;
use crate::worker::ErrorKind;
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// Whether a relation has this name.
pub(super) async fn is_taken(
    connection: &mut PgConnection,
    name: &TableName,
) -> Result<bool, Failure> {
    let statement = "SELECT (to_regclass($1) IS NOT NULL)::text";
    let found = sql::text(connection, statement, vec![name.to_string().into()]).await?;
    Ok(found.as_deref() == Some("true"))
}

/// A type with its schema, where it is not one of the server's own and is
/// written without: looked for where the table is, then in `public`.
pub(super) async fn full_type(
    connection: &mut PgConnection,
    written: &str,
    schema: Option<&Ident>,
) -> Result<Option<String>, Failure> {
    let plain = |c: char| c.is_alphanumeric() || c == '_';
    if !written.chars().all(plain) {
        return Ok(None);
    }
    let statement = "SELECT format('%I.%I', n.nspname, t.typname) FROM pg_type t
        JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE t.typname = lower($1) AND n.nspname IN ($2, 'public') AND to_regtype($1) IS NULL
        ORDER BY n.nspname <> $2 LIMIT 1";
    let schema = schema.map_or("public", Ident::as_str);
    Ok(sql::text(connection, statement, vec![written.into(), schema.into()]).await?)
}

/// The table that an index belongs to.
pub(super) async fn owner_of(
    connection: &mut PgConnection,
    index: &TableName,
) -> Result<Option<TableName>, Failure> {
    let statement = "SELECT n.nspname::text, c.relname::text FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE i.indexrelid = to_regclass($1)";
    let Some(row) = sql::row(connection, statement, vec![index.to_string().into()]).await? else {
        return Ok(None);
    };
    Ok(Some(TableName {
        schema: ident(&row, 0)?,
        table: ident(&row, 1)?,
    }))
}

pub(super) async fn constraints(
    connection: &mut PgConnection,
    oid: &str,
) -> Result<Vec<Constraint>, Failure> {
    // PostgreSQL 18 lists NOT NULL here too; that is the column's business.
    let statement = "SELECT conname::text, contype::text, pg_get_constraintdef(oid), convalidated,
            ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = conrelid AND a.attnum = ANY (conkey) ORDER BY a.attnum)
        FROM pg_constraint WHERE conrelid = $1::text::oid AND contype <> 'n' ORDER BY conname";
    let mut found = Vec::new();
    for row in sql::rows(connection, statement, vec![oid.into()]).await? {
        let kind: String = row.try_get(1)?;
        found.push(Constraint {
            name: ident(&row, 0)?,
            kind: match kind.as_str() {
                "c" => ConstraintKind::Check,
                "f" => ConstraintKind::ForeignKey,
                "p" | "u" => ConstraintKind::Key,
                _ => ConstraintKind::Other,
            },
            definition: row.try_get(2)?,
            is_validated: row.try_get(3)?,
            columns: idents(row.try_get(4)?)?,
        });
    }
    Ok(found)
}

pub(super) async fn indexes(
    connection: &mut PgConnection,
    oid: &str,
) -> Result<Vec<Index>, Failure> {
    // The definition begins with the name; what follows it is kept.
    let statement = "SELECT c.relname::text, i.indisunique,
            substr(pg_get_indexdef(i.indexrelid), length(format('CREATE %sINDEX %I ',
              CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname)) + 1),
            (SELECT 'constraint ' || k.conname FROM pg_constraint k
              WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x') LIMIT 1),
            i.indisreplident,
            (SELECT 'foreign key ' || k.conname || ' of ' || k.conrelid::regclass FROM pg_constraint k
              WHERE k.conindid = i.indexrelid AND k.contype = 'f' LIMIT 1),
            ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum > 0
              AND (a.attnum = ANY (i.indkey) OR EXISTS (SELECT 1 FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum))
              ORDER BY a.attnum)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = $1::text::oid AND i.indisvalid ORDER BY c.relname";
    let mut found = Vec::new();
    for row in sql::rows(connection, statement, vec![oid.into()]).await? {
        let (constraint, key): (Option<String>, Option<String>) =
            (row.try_get(3)?, row.try_get(5)?);
        let replica = row.try_get::<bool, _>(4)?;
        let bound = constraint
            .or(key)
            .map(|who| format!("{} needs it", Untrusted::new(who)))
            .or_else(|| replica.then(|| "it is the replica identity".to_owned()));
        found.push(Index {
            name: ident(&row, 0)?,
            is_unique: row.try_get(1)?,
            definition: row.try_get(2)?,
            bound,
            columns: idents(row.try_get(6)?)?,
        });
    }
    Ok(found)
}

fn idents(names: Vec<String>) -> Result<Vec<Ident>, Failure> {
    let read = |name: String| {
        Ident::new(name).map_err(|e| Failure(own(ErrorKind::Refused, "identifier", e.to_string())))
    };
    names.into_iter().map(read).collect()
}

pub(super) async fn replica_identity(
    connection: &mut PgConnection,
    oid: &str,
) -> Result<String, Failure> {
    let statement = "SELECT c.relreplident::text, x.relname::text FROM pg_class c
        LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisreplident
        LEFT JOIN pg_class x ON x.oid = i.indexrelid WHERE c.oid = $1::text::oid";
    let Some(row) = sql::row(connection, statement, vec![oid.into()]).await? else {
        return Ok("DEFAULT".into());
    };
    let (word, index): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(
        match (word.as_str(), index.and_then(|i| Ident::new(i).ok())) {
            ("f", _) => "FULL".into(),
            ("n", _) => "NOTHING".into(),
            ("i", Some(index)) => format!("USING INDEX {index}"),
            _ => "DEFAULT".into(),
        },
    )
}

/// Foreign keys of other tables, and views.
pub(super) async fn dependents(
    connection: &mut PgConnection,
    oid: &str,
) -> Result<Vec<String>, Failure> {
    let statement = "SELECT format('foreign key %s of %s', k.conname, k.conrelid::regclass) AS who
          FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = $1::text::oid
            AND k.conrelid <> k.confrelid AND k.conparentid = 0
        UNION
        SELECT format('%s %s', CASE v.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, v.oid::regclass)
          FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
          WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = $1::text::oid AND v.oid <> d.refobjid
            -- Views of a version go with it.
            AND coalesce(obj_description(v.relnamespace, 'pg_namespace'), '') NOT LIKE 'pilothouse: version of %'
        UNION
        SELECT format('table %s, which inherits from it', i.inhrelid::regclass) FROM pg_inherits i
          JOIN pg_class c ON c.oid = i.inhparent WHERE i.inhparent = $1::text::oid AND c.relkind = 'r'
        ORDER BY who";
    let rows = sql::rows(connection, statement, vec![oid.into()]).await?;
    let text = |row: &sqlx::postgres::PgRow| -> Result<String, Failure> {
        Ok(Untrusted::new(row.try_get::<String, _>(0)?).to_string())
    };
    rows.iter().map(text).collect()
}

/// What depends on single columns of a table and is no index or constraint of
/// it: by column, ready to be shown. Version views of ours are left out, for
/// they go with their version.
pub(super) async fn column_dependents(
    connection: &mut PgConnection,
    oid: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let statement = "SELECT a.attname::text, CASE
              WHEN d.classid = 'pg_rewrite'::regclass
                THEN (SELECT format('view %s', r.ev_class::regclass) FROM pg_rewrite r WHERE r.oid = d.objid)
              ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END
          FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
          WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::text::oid AND d.refobjsubid > 0
            AND d.deptype = 'n' AND d.classid NOT IN ('pg_constraint'::regclass, 'pg_class'::regclass)
            AND NOT EXISTS (SELECT 1 FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class
              JOIN pg_namespace n ON n.oid = v.relnamespace
              WHERE d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
                AND obj_description(n.oid, 'pg_namespace') LIKE 'pilothouse: version of %')
        UNION
        SELECT a.attname::text, 'generated column ' || g.attname
          FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid AND d.classid = 'pg_attrdef'::regclass
          JOIN pg_attribute g ON g.attrelid = f.adrelid AND g.attnum = f.adnum AND g.attgenerated <> ''
          JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
          WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::text::oid AND a.attnum <> g.attnum
        UNION
        SELECT a.attname::text, format('foreign key %s of %s', k.conname, k.conrelid::regclass)
          FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)
          WHERE k.contype = 'f' AND k.confrelid = $1::text::oid
        UNION
        SELECT a.attname::text, format('partition key of %s', p.partrelid::regclass)
          FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs)
          WHERE p.partrelid = $1::text::oid
        ORDER BY 1, 2";
    let mut found = Vec::new();
    for row in sql::rows(connection, statement, vec![oid.into()]).await? {
        let who: Option<String> = row.try_get(1)?;
        let who = Untrusted::new(who.unwrap_or_default()).to_string();
        found.push((row.try_get(0)?, who));
    }
    Ok(found)
}
