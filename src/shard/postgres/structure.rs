//! Reads what hangs on a table: constraints, indexes, what depends on it.

use super::Failure;
use super::catalog::ident;
use super::dialect::{ColumnRight, Constraint, ConstraintKind, Index};
use super::error::own;
use super::sql;
use crate::base::{Ident, Untrusted};
use crate::migration::TableName;
use crate::worker::ErrorKind;
use sqlx::Row;
use sqlx::postgres::PgConnection;

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
              WHERE a.attrelid = conrelid AND a.attnum = ANY (conkey) ORDER BY a.attnum),
            obj_description(oid, 'pg_constraint')
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
            comment: row.try_get(5)?,
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
              ORDER BY a.attnum),
            obj_description(i.indexrelid, 'pg_class'), i.indisclustered
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
            comment: row.try_get(7)?,
            is_clustered: row.try_get(8)?,
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
            AND d.deptype = 'n' AND d.classid NOT IN ('pg_constraint'::regclass, 'pg_class'::regclass, 'pg_attrdef'::regclass)
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
    by_column(connection, statement, oid).await
}

/// What hangs on single columns and would be lost if another column took their
/// place: statistics objects, and what tables below this one have by
/// themselves. By column, ready to be shown.
pub(super) async fn not_carried(
    connection: &mut PgConnection,
    oid: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let statement = "SELECT a.attname::text, format('table %s, which inherits from it', i.inhrelid::regclass)
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent AND c.relkind = 'r'
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          WHERE c.oid = $1::text::oid
        UNION
        SELECT a.attname::text, format('%s of partition %s, which has that by itself', own.what, p.relid::regclass)
          FROM pg_partition_tree($1::text::oid) p JOIN pg_attribute c ON c.attrelid = p.relid AND c.attnum > 0 AND NOT c.attisdropped
          JOIN pg_attribute a ON a.attrelid = $1::text::oid AND a.attname = c.attname
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
          LEFT JOIN pg_attrdef e ON e.adrelid = c.attrelid AND e.adnum = c.attnum
          CROSS JOIN LATERAL (
            SELECT format('index %s', x.indexrelid::regclass) AS what FROM pg_index x
              WHERE x.indrelid = p.relid AND (c.attnum = ANY (x.indkey) OR EXISTS (SELECT 1 FROM pg_depend i
                  WHERE i.classid = 'pg_class'::regclass AND i.objid = x.indexrelid
                    AND i.refclassid = 'pg_class'::regclass AND i.refobjid = p.relid AND i.refobjsubid = c.attnum))
                AND NOT EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhrelid = x.indexrelid)
            UNION ALL SELECT format('constraint %s', k.conname) FROM pg_constraint k
              WHERE k.conrelid = p.relid AND c.attnum = ANY (k.conkey) AND k.coninhcount = 0 AND k.conislocal AND k.contype IN ('c', 'f')
            UNION ALL SELECT 'the default' WHERE pg_get_expr(e.adbin, e.adrelid) IS DISTINCT FROM pg_get_expr(d.adbin, d.adrelid)
            UNION ALL SELECT 'NOT NULL' WHERE c.attnotnull AND NOT a.attnotnull
            UNION ALL SELECT 'the comment' WHERE col_description(c.attrelid, c.attnum) IS DISTINCT FROM col_description(a.attrelid, a.attnum)
            UNION ALL SELECT 'rights' WHERE c.attacl IS DISTINCT FROM a.attacl) own
          WHERE p.relid <> $1::text::oid::regclass
        UNION
        SELECT a.attname::text, format('statistics %s', format('%I.%I', n.nspname, s.stxname))
          FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
          JOIN pg_attribute a ON a.attrelid = s.stxrelid AND (a.attnum = ANY (s.stxkeys) OR EXISTS (
            SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid
              AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum))
          WHERE s.stxrelid = $1::text::oid
        ORDER BY 1, 2";
    by_column(connection, statement, oid).await
}

async fn by_column(
    connection: &mut PgConnection,
    statement: &str,
    oid: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for row in sql::rows(connection, statement, vec![oid.into()]).await? {
        let who: Option<String> = row.try_get(1)?;
        let who = Untrusted::new(who.unwrap_or_default()).to_string();
        found.push((row.try_get(0)?, who));
    }
    Ok(found)
}

/// Rights on single columns, by the column's name.
pub(super) async fn column_rights(
    connection: &mut PgConnection,
    oid: &str,
) -> Result<Vec<(String, ColumnRight)>, Failure> {
    // Several may have given the same right.
    let statement = "SELECT a.attname::text, g.privilege_type,
            CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, bool_or(g.is_grantable)
        FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) g
        WHERE a.attrelid = $1::text::oid AND a.attnum > 0 AND NOT a.attisdropped
        GROUP BY a.attnum, 1, 2, 3 ORDER BY a.attnum, 3, 2";
    let mut rights = Vec::new();
    for row in sql::rows(connection, statement, vec![oid.into()]).await? {
        let right = ColumnRight {
            privilege: row.try_get(1)?,
            grantee: row.try_get(2)?,
            with_grant_option: row.try_get(3)?,
        };
        rights.push((row.try_get(0)?, right));
    }
    Ok(rights)
}
