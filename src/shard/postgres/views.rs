//! Reads the version schemas of earlier migrations, with what it takes to make
//! them again.
//!
//! A version schema is known by its comment: it outlives `pilothouse forget`.

use super::Failure;
use super::catalog::ident;
use super::dialect::{OldVersion, OldView, version_comment};
use super::sql;
use crate::base::{Ident, quote_literal};
use crate::migration::TableName;
use sqlx::Row;
use sqlx::postgres::PgConnection;
use std::collections::BTreeSet;

pub(super) async fn server_version(connection: &mut PgConnection) -> Result<u32, Failure> {
    let statement = "SELECT current_setting('server_version_num')";
    let found = sql::text(connection, statement, vec![]).await?;
    Ok(found.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Whether there is a schema of this name.
pub(super) async fn is_schema(
    connection: &mut PgConnection,
    name: &Ident,
) -> Result<bool, Failure> {
    let statement = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)::text";
    let found = sql::text(connection, statement, vec![name.as_str().into()]).await?;
    Ok(found.as_deref() == Some("true"))
}

/// Every table of a schema that a version shows.
pub(super) async fn tables(
    connection: &mut PgConnection,
    schema: &Ident,
) -> Result<Vec<TableName>, Failure> {
    let statement =
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
            AND d.objid = c.oid AND d.deptype = 'e')
        ORDER BY c.relname";
    let mut found = Vec::new();
    for row in sql::rows(connection, statement, vec![schema.as_str().into()]).await? {
        found.push(TableName {
            schema: schema.clone(),
            table: ident(&row, 0)?,
        });
    }
    Ok(found)
}

/// The version schemas that show these schemas.
pub(super) async fn old_versions(
    connection: &mut PgConnection,
    bases: &BTreeSet<Ident>,
) -> Result<Vec<OldVersion>, Failure> {
    let mut found = Vec::new();
    for base in bases {
        let statement = "SELECT n.nspname::text FROM pg_namespace n
            WHERE obj_description(n.oid, 'pg_namespace') = $1 ORDER BY n.nspname";
        let comment = version_comment(base);
        for row in sql::rows(connection, statement, vec![comment.into()]).await? {
            let schema = ident(&row, 0)?;
            found.push(OldVersion {
                base: base.clone(),
                views: views(connection, &schema).await?,
                grants: grants(connection, &schema).await?,
                schema,
            });
        }
    }
    Ok(found)
}

async fn views(connection: &mut PgConnection, schema: &Ident) -> Result<Vec<OldView>, Failure> {
    let statement = "SELECT v.relname::text,
            (SELECT t.relname::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
               JOIN pg_class t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p')
               WHERE d.classid = 'pg_rewrite'::regclass AND r.ev_class = v.oid
                 AND d.refclassid = 'pg_class'::regclass LIMIT 1),
            format('CREATE VIEW %I.%I%s AS %s', n.nspname, v.relname,
              ' WITH (' || array_to_string(v.reloptions, ', ') || ')', pg_get_viewdef(v.oid)),
            ARRAY(SELECT format('ALTER VIEW %I.%I ALTER COLUMN %I SET DEFAULT %s',
                n.nspname, v.relname, a.attname, pg_get_expr(f.adbin, f.adrelid))
              FROM pg_attribute a JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
              WHERE a.attrelid = v.oid ORDER BY a.attnum),
            ARRAY(SELECT format('COMMENT ON COLUMN %I.%I.%I IS %L', n.nspname, v.relname, a.attname,
                col_description(v.oid, a.attnum))
              FROM pg_attribute a WHERE a.attrelid = v.oid AND a.attnum > 0
                AND col_description(v.oid, a.attnum) IS NOT NULL ORDER BY a.attnum)
        FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace
        WHERE n.nspname = $1 AND v.relkind = 'v' ORDER BY v.relname";
    let mut found = Vec::new();
    for row in sql::rows(connection, statement, vec![schema.as_str().into()]).await? {
        let table: Option<String> = row.try_get(1)?;
        let Some(table) = table.and_then(|name| Ident::new(name).ok()) else {
            continue;
        };
        let create: String = row.try_get(2)?;
        let mut statements = vec![create.trim_end_matches(';').to_owned()];
        statements.extend(row.try_get::<Vec<String>, _>(3)?);
        statements.extend(row.try_get::<Vec<String>, _>(4)?);
        found.push(OldView {
            name: ident(&row, 0)?,
            table,
            statements,
        });
    }
    Ok(found)
}

/// Rights on the schema, its views and their columns, but for the owner's.
async fn grants(connection: &mut PgConnection, schema: &Ident) -> Result<Vec<String>, Failure> {
    let statement = format!(
        "WITH it AS (SELECT * FROM pg_namespace WHERE nspname = {})
        SELECT format('GRANT %s ON %s TO %s%s', what, place,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
            CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM (
          SELECT a.privilege_type AS what, format('SCHEMA %I', nspname) AS place, a.grantee, a.is_grantable
            FROM it, LATERAL aclexplode(nspacl) a WHERE a.grantee <> nspowner
          UNION ALL SELECT a.privilege_type, format('%I.%I', it.nspname, c.relname), a.grantee, a.is_grantable
            FROM it JOIN pg_class c ON c.relnamespace = it.oid, LATERAL aclexplode(c.relacl) a
            WHERE a.grantee <> c.relowner
          UNION ALL SELECT format('%s (%I)', a.privilege_type, t.attname), format('%I.%I', it.nspname, c.relname),
              a.grantee, a.is_grantable
            FROM it JOIN pg_class c ON c.relnamespace = it.oid JOIN pg_attribute t ON t.attrelid = c.oid,
              LATERAL aclexplode(t.attacl) a WHERE a.grantee <> c.relowner) g ORDER BY 1",
        quote_literal(schema.as_str())
    );
    let rows = sql::rows(connection, &statement, vec![]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
