//! Reads what the dialect needs to know of the tables.

use super::dialect::{Catalog, Column, Table, TriggerTime};
use super::error::own;
use super::registry::IDLE;
use super::sql::{self, Value};
use super::{Failure, client, structure, views};
use crate::base::Ident;
use crate::migration::{Migration, Operation, TableName};
use crate::shard::RolloutIdentity;
use crate::worker::ErrorKind;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use std::collections::{BTreeMap, BTreeSet};

/// The catalog of a migration, and whether nothing has begun on the shard yet.
pub(super) async fn known(
    connection: &mut PgConnection,
    migration: &Migration,
    rollout: &RolloutIdentity,
) -> Result<(Catalog, bool), Failure> {
    match kept(connection, rollout).await? {
        Some(kept) => Ok((kept, false)),
        None => Ok((read(connection, migration).await?, true)),
    }
}

/// Reads the tables of a migration. A table that is not there is left out.
async fn read(connection: &mut PgConnection, migration: &Migration) -> Result<Catalog, Failure> {
    let mut names: BTreeSet<TableName> = BTreeSet::new();
    let mut taken = Vec::new();
    let mut types = BTreeMap::new();
    for operation in &migration.operations {
        names.extend(operation.table().cloned());
        names.extend(operation.referenced().into_iter().cloned());
        if let Operation::DropIndex(drop) = operation {
            names.extend(structure::owner_of(connection, &drop.index).await?);
        }
        if let Some(written) = operation.column_type() {
            let schema = operation.table().map(|table| &table.schema);
            let found = structure::full_type(connection, written, schema).await?;
            types.extend(found.map(|full| (written.to_owned(), full)));
        }
        for name in operation.relations() {
            if sql::is_there(connection, &name.to_string()).await? {
                taken.push(name);
            }
        }
    }
    let mut catalog = Catalog {
        taken,
        types,
        server_version: views::server_version(connection).await?,
        ..Catalog::default()
    };
    if !migration.versions.is_none() {
        let schemas: BTreeSet<Ident> = names.iter().map(|name| name.schema.clone()).collect();
        for schema in &schemas {
            names.extend(views::tables(connection, schema).await?);
        }
        for schema in &schemas {
            let name = migration.versions.schema_of(schema);
            if let Some(name) = name.and_then(|name| Ident::new(name).ok())
                && views::is_schema(connection, &name).await?
            {
                catalog.taken_schemas.push(name);
            }
        }
        catalog.versions = views::old_versions(connection, &schemas).await?;
    }
    catalog.clients = client::before(connection, migration).await?;
    for name in &names {
        catalog.tables.extend(table(connection, name).await?);
    }
    Ok(catalog)
}

/// The catalog that an earlier engine kept on the shard, if any: it knows
/// the columns that a later stage has dropped. One of another rollout says
/// nothing, nor does one of a time before anything was done: the tables may
/// have changed since.
async fn kept(
    connection: &mut PgConnection,
    rollout: &RolloutIdentity,
) -> Result<Option<Catalog>, Failure> {
    if !sql::is_there(connection, "pilothouse.registry").await? {
        return Ok(None);
    }
    let statement = format!(
        "SELECT catalog FROM pilothouse.registry WHERE (rollout = $1 OR plan_digest = $2) AND NOT {IDLE}"
    );
    let values = vec![
        rollout.id.as_str().into(),
        rollout.plan_digest.to_string().into(),
    ];
    let text = sql::text(connection, &statement, values).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

async fn table(connection: &mut PgConnection, name: &TableName) -> Result<Option<Table>, Failure> {
    let qualified = format!("{}.{}", name.schema, name.table);
    let found =
        "SELECT c.oid::text, greatest(c.reltuples, 0)::bigint, c.relkind = 'p',
          (SELECT coalesce(sum(pg_table_size(t.relid)), 0)::bigint
            FROM (SELECT c.oid::regclass AS relid UNION SELECT relid FROM pg_partition_tree(c.oid)) t) FROM pg_class c
        WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')";
    let Some(row) = sql::row(connection, found, vec![qualified.into()]).await? else {
        return Ok(None);
    };
    let oid: String = row.try_get(0)?;
    let rows: i64 = row.try_get(1)?;
    Ok(Some(Table {
        name: name.clone(),
        columns: columns(connection, &oid).await?,
        key: key(connection, &oid).await?,
        triggers: triggers(connection, &oid).await?,
        rows_estimate: u64::try_from(rows).unwrap_or(0),
        is_partitioned: row.try_get(2)?,
        bytes: u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0),
        constraints: structure::constraints(connection, &oid).await?,
        indexes: structure::indexes(connection, &oid).await?,
        replica_identity: structure::replica_identity(connection, &oid).await?,
        dependents: structure::dependents(connection, &oid).await?,
    }))
}

pub(super) fn ident(row: &PgRow, place: usize) -> Result<Ident, Failure> {
    let name: String = row.try_get(place)?;
    Ident::new(name).map_err(|e| Failure(own(ErrorKind::Refused, "identifier", e.to_string())))
}

async fn columns(connection: &mut PgConnection, oid: &str) -> Result<Vec<Column>, Failure> {
    let statement = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> '',
            col_description(a.attrelid, a.attnum),
            CASE WHEN a.attcollation <> t.typcollation
              THEN (SELECT format('%I.%I', n.nspname, c.collname) FROM pg_collation c
                JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation) END,
            a.attidentity <> '',
            (SELECT format('%I.%I', n.nspname, s.relname) FROM pg_depend o
              JOIN pg_class s ON s.oid = o.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
              WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass
                AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum AND o.deptype = 'a' LIMIT 1),
            (SELECT c.conname::text FROM pg_constraint c
              WHERE c.conrelid = a.attrelid AND c.contype = 'n' AND c.conkey = ARRAY[a.attnum]),
            EXISTS (SELECT 1 FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
              WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
                AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
                AND obj_description(v.relnamespace, 'pg_namespace') LIKE 'pilothouse: version of %'),
            (SELECT max(s.avg_width)::bigint FROM pg_stats s JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname),
            nullif(a.attstattarget, -1)::bigint, coalesce(a.attoptions, '{}')
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = $1::text::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let needed = structure::column_dependents(connection, oid).await?;
    let lost = structure::not_carried(connection, oid).await?;
    let rights = structure::column_rights(connection, oid).await?;
    let mut columns = Vec::new();
    for row in sql::rows(connection, statement, vec![oid.into()]).await? {
        let name = ident(&row, 0)?;
        let by = needed.iter().filter(|(column, _)| column == name.as_str());
        let hangs = lost.iter().filter(|(column, _)| column == name.as_str());
        let on = rights.iter().filter(|(column, _)| column == name.as_str());
        columns.push(Column {
            not_carried: hangs.map(|(_, what)| what.clone()).collect(),
            rights: on.map(|(_, right)| right.clone()).collect(),
            dependents: by.map(|(_, who)| who.clone()).collect(),
            name,
            sql_type: row.try_get(1)?,
            not_null: row.try_get(2)?,
            default: row.try_get(3)?,
            generated: row.try_get(4)?,
            comment: row.try_get(5)?,
            collation: row.try_get(6)?,
            is_identity: row.try_get(7)?,
            sequence: row.try_get(8)?,
            not_null_name: row
                .try_get::<Option<String>, _>(9)?
                .and_then(|name| Ident::new(name).ok()),
            is_in_version: row.try_get(10)?,
            statistics: row.try_get(12)?,
            options: row.try_get(13)?,
            width: row
                .try_get::<Option<i64>, _>(11)?
                .and_then(|width| u32::try_from(width).ok()),
        });
    }
    Ok(columns)
}

/// The primary key, or the narrowest unique index over NOT NULL columns.
async fn key(connection: &mut PgConnection, oid: &str) -> Result<Vec<Ident>, Failure> {
    let statement = "SELECT a.attname::text FROM (
            SELECT i.indexrelid, i.indkey FROM pg_index i
            WHERE i.indrelid = $1::text::oid AND i.indisunique AND i.indisvalid AND i.indimmediate
              AND i.indpred IS NULL AND i.indexprs IS NULL
              -- Ranges compare keys with the operators of pg_catalog: a type
              -- that sorts by its own (citext) would lose rows.
              AND NOT EXISTS (SELECT 1 FROM unnest(i.indclass) AS c(oid) JOIN pg_opclass o ON o.oid = c.oid
                  WHERE o.opcnamespace <> 'pg_catalog'::regnamespace)
              AND NOT EXISTS (SELECT 1 FROM pg_attribute n WHERE n.attrelid = i.indrelid
                  AND n.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) AND NOT n.attnotnull)
            ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) i
        JOIN pg_index x ON x.indexrelid = i.indexrelid
        CROSS JOIN LATERAL unnest(i.indkey[0:x.indnkeyatts - 1]) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_attribute a ON a.attrelid = $1::text::oid AND a.attnum = k.attnum
        ORDER BY k.place";
    let rows = sql::rows(connection, statement, vec![oid.into()]).await?;
    rows.iter().map(|row| ident(row, 0)).collect()
}

async fn triggers(
    connection: &mut PgConnection,
    oid: &str,
) -> Result<Vec<(String, TriggerTime)>, Failure> {
    // Bit 0: row trigger; bit 1: BEFORE; bits 2 and 4: INSERT, UPDATE.
    let statement = "SELECT tgname::text, (tgtype & 2) <> 0 FROM pg_trigger
        WHERE tgrelid = $1::text::oid AND NOT tgisinternal AND (tgtype & 1) <> 0
          AND (tgtype & 20) <> 0 AND tgenabled <> 'D' AND tgname NOT LIKE 'zzzz\\_pilothouse\\_%'
        ORDER BY tgname";
    let mut triggers = Vec::new();
    for row in sql::rows(connection, statement, vec![Value::from(oid)]).await? {
        let before: bool = row.try_get(1)?;
        let time = if before {
            TriggerTime::Before
        } else {
            TriggerTime::After
        };
        triggers.push((row.try_get(0)?, time));
    }
    Ok(triggers)
}
