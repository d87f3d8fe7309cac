//! What a shard itself knows of its past, and everything that is in it: read
//! without a migration, for those who compare shards.

use super::Failure;
use super::connect;
use super::dialect::FORGET;
use super::error::own;
use super::schema::{FENCE_KEY, HISTORY, SCHEMA};
use super::sql;
use crate::base::code;
use crate::fleet::Shard as ShardSpec;
use crate::shard::{
    Baseline, Object, Objects, OpenRollout, Past, PastRollout, Remains, RolloutIdentity,
};
use crate::worker::{CallError, ErrorKind};
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

/// Takes everything away but the history.
pub(super) async fn forget(
    connection: &mut PgConnection,
    mine: &RolloutIdentity,
) -> Result<Remains, Failure> {
    sql::run(connection, "BEGIN").await?;
    // As a take-over does: nobody's rollout begins meanwhile.
    let locked = "SELECT pg_advisory_xact_lock($1)";
    sql::execute(connection, locked, vec![FENCE_KEY.into()]).await?;
    if sql::is_there(connection, "pilothouse.registry").await? {
        let others =
            "SELECT rollout FROM pilothouse.registry WHERE rollout <> $1 AND plan_digest <> $2";
        let values = vec![mine.id.as_str().into(), mine.plan_digest.to_string().into()];
        if let Some(other) = sql::text(connection, others, values).await? {
            let message = format!("what is kept there belongs to rollout {other} now");
            return Err(Failure(own(ErrorKind::Refused, code::NOT_OURS, message)));
        }
    }
    sql::run(connection, FORGET).await?;
    sql::run(connection, "COMMIT").await?;
    Ok(
        match sql::is_there(connection, "pilothouse.history").await? {
            true => Remains::History,
            false => Remains::Nothing,
        },
    )
}

/// Connects once and reads; writes nothing.
///
/// # Errors
/// The shard does not answer, or its catalog cannot be read.
pub async fn read_past(spec: &ShardSpec) -> Result<Past, CallError> {
    let read = async {
        let mut found = connect::once(spec, "history").await?;
        read(&mut found.connection).await
    };
    read.await.map_err(|Failure(error)| error)
}

/// Notes where the history begins; what is there stays.
///
/// # Errors
/// The shard does not answer, or a rollout is on it.
pub async fn write_baseline(spec: &ShardSpec, baseline: &Baseline) -> Result<(), CallError> {
    let written = async {
        let mut found = connect::once(spec, "baseline").await?;
        begin(&mut found.connection, baseline).await
    };
    written.await.map_err(|Failure(error)| error)
}

async fn begin(connection: &mut PgConnection, baseline: &Baseline) -> Result<(), Failure> {
    sql::run(connection, "BEGIN").await?;
    // As a take-over does, so that no rollout begins meanwhile.
    let locked = "SELECT pg_advisory_xact_lock($1)";
    sql::execute(connection, locked, vec![FENCE_KEY.into()]).await?;
    if let Some(open) = open(connection).await? {
        let message = format!("{} is under way on this shard", open.migration);
        return Err(Failure(own(ErrorKind::Refused, code::NOT_OURS, message)));
    }
    for statement in [SCHEMA, HISTORY] {
        sql::run(connection, statement).await?;
    }
    let note = "INSERT INTO pilothouse.history (rollout, migration, plan_digest)
        VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let values = vec![
        Baseline::rollout_of(&baseline.name).into(),
        baseline.name.as_str().into(),
        baseline.schema.to_string().into(),
    ];
    sql::execute(connection, note, values).await?;
    let kept =
        "SELECT plan_digest FROM pilothouse.history WHERE rollout = $1 AND plan_digest <> $2";
    let values = vec![
        Baseline::rollout_of(&baseline.name).into(),
        baseline.schema.to_string().into(),
    ];
    if sql::text(connection, kept, values).await?.is_some() {
        let message = format!("baseline {} is there with another schema", baseline.name);
        return Err(Failure(own(ErrorKind::Refused, code::NOT_OURS, message)));
    }
    sql::run(connection, "COMMIT").await?;
    Ok(())
}

async fn read(connection: &mut PgConnection) -> Result<Past, Failure> {
    // One snapshot; nothing but the server's own names is looked up without
    // a schema, so that definitions spell theirs out.
    sql::run(
        connection,
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    )
    .await?;
    sql::run(connection, "SET LOCAL search_path = pg_catalog").await?;
    let past = Past {
        done: done(connection).await?,
        open: open(connection).await?,
        objects: objects(connection).await?,
    };
    sql::run(connection, "ROLLBACK").await?;
    Ok(past)
}

pub(super) async fn done(connection: &mut PgConnection) -> Result<Vec<PastRollout>, Failure> {
    if !sql::is_there(connection, "pilothouse.history").await? {
        return Ok(Vec::new());
    }
    let statement = "SELECT migration, rollout, plan_digest, to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
        FROM pilothouse.history ORDER BY place";
    let mut done = Vec::new();
    for row in sql::rows(connection, statement, vec![]).await? {
        done.push(PastRollout {
            migration: row.try_get(0)?,
            rollout: row.try_get(1)?,
            plan: row.try_get(2)?,
            ended_at: row.try_get(3)?,
        });
    }
    Ok(done)
}

/// The migration that is under way or was taken back, and how far it is.
async fn open(connection: &mut PgConnection) -> Result<Option<OpenRollout>, Failure> {
    if !sql::is_there(connection, "pilothouse.registry").await? {
        return Ok(None);
    }
    let history = match sql::is_there(connection, "pilothouse.history").await? {
        true => "rollout NOT IN (SELECT rollout FROM pilothouse.history)",
        false => "true",
    };
    let statement = format!("SELECT migration, ended FROM pilothouse.registry WHERE {history}");
    let row = sql::row(connection, &statement, vec![]).await?;
    row.map(|row| {
        Ok(OpenRollout {
            migration: row.try_get(0)?,
            ended: row.try_get(1)?,
        })
    })
    .transpose()
}

/// Every object outside of our schema, with what it is. Left out is what may
/// differ without harm: owners, who granted, the order of columns, comments,
/// statistics and storage settings; and what an open rollout of ours has put
/// beside the rest under names of its own.
const OBJECTS: &str = r"
WITH n AS (SELECT oid, nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'pilothouse')
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = pg_namespace.oid AND d.deptype = 'e')),
  r AS (SELECT c.*, format('%I.%I', n.nspname, c.relname) AS named, format('schema %I', n.nspname) AS inside,
      CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'f' THEN 'foreign table ' WHEN 'S' THEN 'sequence ' ELSE 'table ' END || format('%I.%I', n.nspname, c.relname) AS object
    FROM pg_class c JOIN n ON n.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
SELECT format('schema %I', nspname), '', NULL FROM n
UNION ALL SELECT 'extension ' || extname, extversion, NULL FROM pg_extension
UNION ALL SELECT object,
    concat_ws(', ', CASE relpersistence WHEN 'u' THEN 'unlogged' END, 'partitioned by ' || pg_get_partkeydef(oid), pg_get_expr(relpartbound, oid),
      CASE WHEN relrowsecurity THEN 'row security' END, CASE WHEN relforcerowsecurity THEN 'forced' END,
      'replica identity ' || nullif(relreplident::text, 'd'), CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END), inside
  FROM r WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL SELECT format('column %s.%I', r.named, a.attname),
    concat_ws(' ', format_type(a.atttypid, a.atttypmod),
      (SELECT format('COLLATE %I.%I', cn.nspname, co.collname) FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
        JOIN pg_type t ON t.oid = a.atttypid WHERE co.oid = a.attcollation AND a.attcollation <> t.typcollation),
      CASE WHEN a.attnotnull THEN 'NOT NULL' END,
      CASE a.attgenerated WHEN '' THEN 'DEFAULT ' ELSE 'GENERATED ' END || (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum),
      CASE a.attidentity WHEN 'a' THEN 'IDENTITY ALWAYS' WHEN 'd' THEN 'IDENTITY BY DEFAULT' END), r.object
  FROM pg_attribute a JOIN r ON r.oid = a.attrelid
  WHERE r.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND a.attname !~ '^pilothouse_new_'
UNION ALL SELECT format('constraint %I of %s', c.conname, r.named), pg_get_constraintdef(c.oid), r.object
  FROM pg_constraint c JOIN r ON r.oid = c.conrelid WHERE c.contype <> 'n' AND c.conname !~ '^pilothouse_'
UNION ALL SELECT format('index %s', r.named), pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END, t.object
  FROM pg_index i JOIN r ON r.oid = i.indexrelid JOIN r t ON t.oid = i.indrelid WHERE r.relname !~ '^pilothouse_'
    AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
UNION ALL SELECT format('trigger %I of %s', t.tgname, r.named), pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text, r.object
  FROM pg_trigger t JOIN r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal AND t.tgname !~ '^zzzz_pilothouse_' AND t.tgname !~ '^pilothouse_'
UNION ALL SELECT r.object, concat_ws(' ', format_type(s.seqtypid, NULL), 'START', s.seqstart, 'BY', s.seqincrement, 'MIN', s.seqmin, 'MAX', s.seqmax, 'CACHE', s.seqcache, CASE WHEN s.seqcycle THEN 'CYCLE' END),
    coalesce((SELECT format('column %s.%I', t.named, a.attname) FROM pg_depend d JOIN r t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
      WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i') LIMIT 1), r.inside)
  FROM pg_sequence s JOIN r ON r.oid = s.seqrelid
UNION ALL SELECT format('function %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
    CASE WHEN p.prokind IN ('f', 'p') THEN pg_get_functiondef(p.oid) ELSE p.prosrc END, format('schema %I', n.nspname)
  FROM pg_proc p JOIN n ON n.oid = p.pronamespace
  WHERE NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL SELECT format('type %I.%I', n.nspname, t.typname),
    CASE t.typtype WHEN 'e' THEN (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)
      ELSE concat_ws(' ', format_type(t.typbasetype, t.typtypmod), CASE WHEN t.typnotnull THEN 'NOT NULL' END, t.typdefault,
        (SELECT string_agg(pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype <> 'n')) END, format('schema %I', n.nspname)
  FROM pg_type t JOIN n ON n.oid = t.typnamespace WHERE t.typtype IN ('e', 'd')
UNION ALL SELECT format('policy %I of %s', p.polname, r.named),
    concat_ws(' ', p.polcmd, CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
      (SELECT string_agg(q.who, ',' ORDER BY q.who) FROM (SELECT CASE o WHEN 0 THEN 'public' ELSE pg_get_userbyid(o)::text END AS who FROM unnest(p.polroles) o) q),
      pg_get_expr(p.polqual, p.polrelid), 'CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid)), r.object
  FROM pg_policy p JOIN r ON r.oid = p.polrelid
UNION ALL SELECT format('rule %I of %s', w.rulename, r.named), pg_get_ruledef(w.oid), r.object FROM pg_rewrite w JOIN r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
UNION ALL SELECT format('rights of %s on %s', CASE x.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(x.grantee) END, r.named),
    string_agg(x.privilege_type || CASE WHEN x.is_grantable THEN ' with grant option' ELSE '' END, ', ' ORDER BY x.privilege_type), r.object
  FROM r CROSS JOIN LATERAL aclexplode(r.relacl) x WHERE r.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND x.grantee <> r.relowner GROUP BY 1, r.named, r.object
";

async fn objects(connection: &mut PgConnection) -> Result<Objects, Failure> {
    let mut objects = Objects::new();
    for row in sql::rows(connection, OBJECTS, vec![]).await? {
        let what: Option<String> = row.try_get(1)?;
        let object = Object::new(&what.unwrap_or_default(), row.try_get(2)?);
        objects.insert(row.try_get(0)?, object);
    }
    Ok(objects)
}
