//! The list of what came to its end on a shard, which outlives the rest of
//! what pilothouse keeps there.

/// Notes that a rollout came to its end here. A build before this one has
/// installed no place for it.
pub(crate) const NOTE: &str = "DO $$ BEGIN IF to_regclass('pilothouse.history') IS NOT NULL THEN
  INSERT INTO pilothouse.history (rollout, migration, plan_digest)
    SELECT rollout, migration, plan_digest FROM pilothouse.registry
    ON CONFLICT (rollout) DO UPDATE SET ended_at = clock_timestamp();
END IF; END $$";

/// It was taken back from the end.
pub(crate) const UNNOTE: &str = "DO $$ BEGIN IF to_regclass('pilothouse.history') IS NOT NULL THEN
  DELETE FROM pilothouse.history WHERE rollout IN (SELECT rollout FROM pilothouse.registry);
END IF; END $$";

/// Takes everything of ours away but the history, if there is any.
pub(crate) const FORGET: &str =
    "DO $$ DECLARE has boolean := to_regclass('pilothouse.history') IS NOT NULL; BEGIN
  -- Planned as a whole, one condition would look for a table that is not there.
  IF has THEN has := EXISTS (SELECT 1 FROM pilothouse.history); END IF;
  IF NOT has THEN
    DROP SCHEMA IF EXISTS pilothouse CASCADE;
  ELSE
    ALTER SCHEMA pilothouse RENAME TO pilothouse_gone;
    CREATE SCHEMA pilothouse;
    ALTER TABLE pilothouse_gone.history SET SCHEMA pilothouse;
    DROP SCHEMA pilothouse_gone CASCADE;
  END IF;
END $$";
