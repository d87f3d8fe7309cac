//! Rights: those that are missing, and those that are more than needed.

use super::{finding, pass_or};
use crate::base::Untrusted;
use crate::shard::postgres::dialect::by_table;
use crate::shard::postgres::sql;
use crate::shard::postgres::{Failure, Inner};
use crate::worker::{Check, CheckVerdict};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use std::collections::BTreeSet;

/// Roles of PostgreSQL itself that let a member do what no migration needs.
const MIGHTY: &str = "'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files', \
    'pg_read_all_data', 'pg_write_all_data', 'pg_maintain', 'pg_checkpoint', \
    'pg_create_subscription', 'pg_use_reserved_connections'";

pub(super) async fn checks(
    connection: &mut PgConnection,
    shard: &Inner,
) -> Result<Vec<Check>, Failure> {
    let mut out = missing(connection).await?;
    for form in by_table(&shard.program().forms) {
        out.push(schema_usage(connection, form.table.schema.as_str()).await?);
    }
    for schema in schemas_grown(shard) {
        out.push(schema_create(connection, &schema).await?);
    }
    out.push(surplus(connection).await?);
    out.push(given_by_default(connection).await?);
    out.extend(closed(connection, "preflight").await?);
    Ok(out)
}

async fn missing(connection: &mut PgConnection) -> Result<Vec<Check>, Failure> {
    let statement =
        "SELECT current_user::text, session_user::text, has_database_privilege(current_database(), 'CREATE'),
        has_database_privilege(current_database(), 'TEMP'), pg_has_role(session_user, 'pg_monitor', 'USAGE')";
    let Some(row) = sql::row(connection, statement, vec![]).await? else {
        return Ok(Vec::new());
    };
    let user = Untrusted::new(row.try_get::<String, _>(0)?);
    let login = Untrusted::new(row.try_get::<String, _>(1)?);
    let (create, temp): (bool, bool) = (row.try_get(2)?, row.try_get(3)?);
    let monitor: bool = row.try_get(4)?;
    Ok(vec![
        finding(
            "grant_create",
            pass_or(CheckVerdict::Fail, create && temp),
            format!("role {user} has CREATE: {create}, TEMP: {temp}"),
            "CREATE and TEMP on the database",
            &format!("GRANT CREATE, TEMP ON DATABASE … TO {user} (the database of this shard)"),
        ),
        finding(
            "grant_monitor",
            pass_or(CheckVerdict::Fail, monitor),
            if monitor {
                "member of pg_monitor"
            } else {
                "no member of pg_monitor, or one that does not inherit its rights"
            },
            "pg_monitor, to read the throttle signals",
            &format!(
                "GRANT pg_monitor TO {login}; a role that does not inherit: ALTER ROLE {login} INHERIT (from PostgreSQL 16: GRANT … WITH INHERIT TRUE)"
            ),
        ),
    ])
}

/// Schemas in which the migration creates something.
fn schemas_grown(shard: &Inner) -> BTreeSet<String> {
    let relations = shard
        .migration
        .operations
        .iter()
        .flat_map(|o| o.relations());
    relations
        .map(|name| name.schema.as_str().to_owned())
        .collect()
}

/// A failure if there is no such schema.
async fn no_schema(connection: &mut PgConnection, schema: &str) -> Result<Option<Check>, Failure> {
    let there = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)::text";
    let found = sql::text(connection, there, vec![schema.into()]).await?;
    let schema = Untrusted::new(schema);
    Ok((found.as_deref() != Some("true")).then(|| {
        finding(
            "schema",
            CheckVerdict::Fail,
            format!("there is no schema {schema}"),
            "the schema is there before the migration",
            "create it in an earlier migration: what an sql operation makes is not there yet when the others are prepared",
        )
    }))
}

async fn schema_create(connection: &mut PgConnection, schema: &str) -> Result<Check, Failure> {
    if let Some(missing) = no_schema(connection, schema).await? {
        return Ok(missing);
    }
    let statement = "SELECT current_user::text, has_schema_privilege($1, 'CREATE')";
    let row = sql::row(connection, statement, vec![schema.into()]).await?;
    let (user, create) = match row {
        Some(row) => (row.try_get::<String, _>(0)?, row.try_get::<bool, _>(1)?),
        None => (String::new(), false),
    };
    let (user, schema) = (Untrusted::new(user), Untrusted::new(schema));
    Ok(finding(
        "grant_schema_create",
        pass_or(CheckVerdict::Fail, create),
        format!("role {user} has CREATE on schema {schema}: {create}"),
        "CREATE on the schema of what is created",
        &format!("GRANT CREATE ON SCHEMA {schema} TO {user}"),
    ))
}

async fn schema_usage(connection: &mut PgConnection, schema: &str) -> Result<Check, Failure> {
    if let Some(missing) = no_schema(connection, schema).await? {
        return Ok(missing);
    }
    let statement = "SELECT current_user::text, has_schema_privilege($1, 'USAGE')";
    let row = sql::row(connection, statement, vec![schema.into()]).await?;
    let (user, usage) = match row {
        Some(row) => (row.try_get::<String, _>(0)?, row.try_get::<bool, _>(1)?),
        None => (String::new(), false),
    };
    let (user, schema) = (Untrusted::new(user), Untrusted::new(schema));
    Ok(finding(
        "grant_schema",
        pass_or(CheckVerdict::Fail, usage),
        format!("role {user} has USAGE on schema {schema}: {usage}"),
        "USAGE on the table's schema",
        &format!("GRANT USAGE ON SCHEMA {schema} TO {user}"),
    ))
}

/// More than a migration needs: it does not stop one, but a mistake of ours,
/// or a stolen password, would reach further than it has to.
async fn surplus(connection: &mut PgConnection) -> Result<Check, Failure> {
    let statement = format!(
        "SELECT string_agg(said, ', ' ORDER BY said) FROM (
            SELECT format('%s: %s', rolname, word) AS said FROM pg_roles,
              LATERAL (VALUES ('superuser', rolsuper), ('CREATEROLE', rolcreaterole), ('CREATEDB', rolcreatedb),
                ('REPLICATION', rolreplication), ('BYPASSRLS', rolbypassrls)) AS v(word, has)
              WHERE rolname IN (current_user, session_user) AND has AND (rolsuper = (word = 'superuser'))
            UNION ALL
            SELECT format('%s: member of %s', session_user, r.rolname) FROM pg_roles r
              WHERE r.rolname IN ({MIGHTY}) AND pg_has_role(session_user, r.oid, 'MEMBER')
                AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user)) s"
    );
    let found = sql::text(connection, &statement, vec![]).await?;
    Ok(finding(
        "grant_surplus",
        pass_or(CheckVerdict::Warn, found.is_none()),
        found.map_or_else(
            || "no more than needed".to_owned(),
            |f| Untrusted::new(f).to_string(),
        ),
        "no more rights than needed",
        "use a role that is only a member of the tables' owner and of pg_monitor",
    ))
}

fn who(column: &str) -> String {
    format!("CASE {column} WHEN 0 THEN 'PUBLIC' ELSE {column}::regrole::text END")
}

/// Default privileges would open our schema as soon as it is made.
async fn given_by_default(connection: &mut PgConnection) -> Result<Check, Failure> {
    let statement = format!(
        "SELECT string_agg(DISTINCT format('%s on new %s to %s', a.privilege_type,
            CASE d.defaclobjtype WHEN 'n' THEN 'schemas' WHEN 'r' THEN 'tables' ELSE 'sequences' END, {}), ', ')
        FROM pg_default_acl d CROSS JOIN LATERAL aclexplode(d.defaclacl) a
        WHERE d.defaclrole = (SELECT oid FROM pg_roles WHERE rolname = current_user) AND d.defaclnamespace = 0
          AND d.defaclobjtype IN ('n', 'r', 'S') AND a.grantee <> d.defaclrole",
        who("a.grantee")
    );
    let found = sql::text(connection, &statement, vec![]).await?;
    Ok(finding(
        "grant_default",
        pass_or(CheckVerdict::Warn, found.is_none()),
        found.map_or_else(
            || "no default privileges".to_owned(),
            |f| Untrusted::new(f).to_string(),
        ),
        "default privileges that give nothing of schema pilothouse away",
        "ALTER DEFAULT PRIVILEGES … REVOKE, or REVOKE on schema pilothouse once it is there",
    ))
}

/// Nothing of our schema is granted to anybody. Of functions the right to
/// execute may stand: without USAGE on the schema nobody can name them.
pub(in crate::shard::postgres) async fn closed(
    connection: &mut PgConnection,
    stop: &str,
) -> Result<Option<Check>, Failure> {
    let there = "SELECT to_regnamespace('pilothouse')::text";
    if sql::text(connection, there, vec![]).await?.is_none() {
        return Ok(None);
    }
    let statement = format!(
        "SELECT string_agg(DISTINCT format('%s on %s to %s', a.privilege_type, o.name, {}), ', ')
        FROM (SELECT 'schema pilothouse' AS name, nspacl AS acl, nspowner AS owner
                FROM pg_namespace WHERE nspname = 'pilothouse'
              UNION ALL SELECT 'pilothouse.' || relname, relacl, relowner
                FROM pg_class WHERE relnamespace = to_regnamespace('pilothouse')) o
        CROSS JOIN LATERAL aclexplode(o.acl) a WHERE a.grantee <> o.owner",
        who("a.grantee")
    );
    let found = sql::text(connection, &statement, vec![]).await?;
    let mut check = finding(
        "",
        pass_or(CheckVerdict::Warn, found.is_none()),
        found.map_or_else(
            || "granted to nobody".to_owned(),
            |f| Untrusted::new(f).to_string(),
        ),
        "nothing in schema pilothouse is granted to anyone else",
        "REVOKE what is named here: whoever may write there can undo the fence",
    );
    check.name = format!("{stop}/grant_pilothouse");
    Ok(Some(check))
}
