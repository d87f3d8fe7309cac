//! Schema `pilothouse` on a shard: fence, registry, checkpoints, log.
//!
//! Nothing is granted to anyone; the schema is left out of the dump that a
//! rollback restores, and goes with `pilothouse forget`.

/// Lock key of the fence: chunks hold it shared, a take-over exclusively.
/// Queued fairly by the server, so a take-over waits for one chunk at most.
pub(super) const FENCE_KEY: i64 = 0x7069_6c6f_7468_6f75;

/// Lock key of statements that run outside a transaction: their session holds
/// it shared as long as they run, a take-over takes it exclusively.
pub(super) const LONG_KEY: i64 = FENCE_KEY + 1;

/// The schema itself.
pub(super) const SCHEMA: &str = "CREATE SCHEMA IF NOT EXISTS pilothouse";

/// What came to its end here; stays when the rest is forgotten.
pub(super) const HISTORY: &str = "CREATE TABLE IF NOT EXISTS pilothouse.history (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, rollout text NOT NULL UNIQUE,
    migration text NOT NULL, plan_digest text NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp())";

/// Creates what is missing. Each entry is one statement.
pub(super) const INSTALL: [&str; 18] = [
    SCHEMA,
    "CREATE TABLE IF NOT EXISTS pilothouse.fence (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        epoch bigint NOT NULL, generation bigint NOT NULL, engine text NOT NULL,
        taken_at timestamptz NOT NULL)",
    "CREATE TABLE IF NOT EXISTS pilothouse.registry (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        version integer NOT NULL, rollout text NOT NULL, migration text NOT NULL,
        plan_digest text NOT NULL, shard_set_digest text NOT NULL,
        begun text, ended text, approval_ids text[] NOT NULL DEFAULT '{}',
        catalog text NOT NULL, changed_at timestamptz NOT NULL)",
    "CREATE TABLE IF NOT EXISTS pilothouse.checkpoint (
        job text NOT NULL, range integer NOT NULL, generation bigint NOT NULL,
        lo text[], hi text[], cursor text[], rows bigint NOT NULL DEFAULT 0,
        chunks bigint NOT NULL DEFAULT 0, stale bigint NOT NULL DEFAULT 0,
        exact bigint NOT NULL DEFAULT 0,
        digest_1 numeric NOT NULL DEFAULT 0, digest_2 numeric NOT NULL DEFAULT 0,
        note text, closed boolean NOT NULL DEFAULT false, PRIMARY KEY (job, range))",
    "CREATE TABLE IF NOT EXISTS pilothouse.chunk_log (
        job text NOT NULL, range integer NOT NULL, n bigint NOT NULL,
        lo text[], hi text[] NOT NULL, epoch bigint NOT NULL, rows bigint NOT NULL,
        chunks bigint NOT NULL DEFAULT 1, at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (job, range, n))",
    "CREATE TABLE IF NOT EXISTS pilothouse.step_done (
        id text PRIMARY KEY, epoch bigint NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp())",
    // Which columns are ours, by number: a stranger's column of that name is not.
    "CREATE TABLE IF NOT EXISTS pilothouse.added_column (
        schema_name text NOT NULL, table_name text NOT NULL, column_name text NOT NULL,
        relid oid NOT NULL, attnum smallint NOT NULL,
        PRIMARY KEY (schema_name, table_name, column_name))",
    "CREATE TABLE IF NOT EXISTS pilothouse.dual_write (
        schema_name text NOT NULL, table_name text NOT NULL, trigger_name text NOT NULL,
        authority text NOT NULL, trigger_xmin text NOT NULL, PRIMARY KEY (schema_name, table_name))",
    "CREATE TABLE IF NOT EXISTS pilothouse.heartbeat (
        one boolean PRIMARY KEY DEFAULT true CHECK (one), at timestamptz NOT NULL)",
    "CREATE TABLE IF NOT EXISTS pilothouse.old_writer (
        pid integer PRIMARY KEY, application_name text NOT NULL, user_name text NOT NULL,
        first_at timestamptz NOT NULL)",
    "CREATE SEQUENCE IF NOT EXISTS pilothouse.old_write_count",
    // Writers of tables with two versions that belong to neither.
    "CREATE TABLE IF NOT EXISTS pilothouse.unlabelled_writer (
        pid integer PRIMARY KEY, application_name text NOT NULL, user_name text NOT NULL,
        first_at timestamptz NOT NULL)",
    "CREATE SEQUENCE IF NOT EXISTS pilothouse.unlabelled_write_count",
    "CREATE TABLE IF NOT EXISTS pilothouse.witness (
        seq bigint NOT NULL, head text NOT NULL, stop text NOT NULL, epoch bigint NOT NULL,
        approvals text NOT NULL, rollout text,
        at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (seq, head, stop))",
    // A build before this one knew one rollout per shard.
    "ALTER TABLE pilothouse.witness ADD COLUMN IF NOT EXISTS rollout text",
    "CREATE TABLE IF NOT EXISTS pilothouse.receipts (
        stop text NOT NULL, job text NOT NULL, generation bigint NOT NULL, epoch bigint NOT NULL,
        ranges bigint NOT NULL, rows bigint NOT NULL, chunks bigint NOT NULL, stale bigint NOT NULL,
        exact bigint NOT NULL, digest_1 numeric NOT NULL, digest_2 numeric NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (stop, job))",
    HISTORY,
    DISARM,
];

/// For the night when the tool itself is broken: takes our triggers away,
/// fences every engine out and voids all proof. Callable by the role that
/// owns the schema; no engine needed.
const DISARM: &str = "CREATE OR REPLACE FUNCTION pilothouse.disarm() RETURNS text LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $disarm$
DECLARE
    armed record;
    gone integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(8100124630752718709);
    FOR armed IN SELECT * FROM pilothouse.dual_write LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS %I ON %I.%I',
            armed.trigger_name, armed.schema_name, armed.table_name);
        gone := gone + 1;
    END LOOP;
    UPDATE pilothouse.fence SET epoch = epoch + 1, generation = generation + 1, engine = 'disarmed';
    DELETE FROM pilothouse.checkpoint;
    DELETE FROM pilothouse.chunk_log;
    DELETE FROM pilothouse.receipts;
    RETURN format('%s trigger(s) dropped, every engine is fenced out, all proof is void', gone);
END $disarm$";

/// First rows, so that every later statement finds one.
pub(super) const FIRST_ROWS: &str =
    "INSERT INTO pilothouse.fence (epoch, generation, engine, taken_at)
     VALUES (0, 1, '', clock_timestamp()) ON CONFLICT DO NOTHING";
