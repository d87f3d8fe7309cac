//! Actions: statements with a probe that says whether they are done.

use crate::base::quote_literal;
use crate::migration::TableName;

/// One idempotent action of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) id: String,
    pub(crate) title: String,
    /// One `SELECT` that gives `already`, `absent` or `half`.
    pub(crate) probe: String,
    pub(crate) statements: Vec<String>,
    pub(crate) mode: Mode,
    /// What it costs besides the lock.
    pub(crate) load: Load,
    /// For people: the strongest lock.
    pub(crate) lock: &'static str,
}

/// What a step does to a table's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Nothing that grows with them.
    Brief,
    /// Reads them all.
    Scan(TableName),
    /// Builds an index of this definition over them.
    Index(TableName, String),
}

/// How the statements are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All in one transaction, with the fence check and a done-mark.
    Transaction,
    /// One by one, each outside a transaction, after a fence check; they may
    /// run long.
    Alone,
    /// As `Alone`, and they wait for locks as long as it takes: a concurrent
    /// index build that gives up leaves an invalid index, and blocks nobody
    /// while it waits.
    Build,
}

impl Mode {
    /// Whether the statements run outside a transaction.
    pub(crate) fn is_long(self) -> bool {
        self != Self::Transaction
    }
}

/// A probe from a condition.
pub(crate) fn when(condition: &str) -> String {
    format!("SELECT CASE WHEN {condition} THEN 'already' ELSE 'absent' END")
}

/// "The table has this column."
pub(crate) fn has_column(qualified: &str, column: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = to_regclass({}) AND a.attname = {} AND NOT a.attisdropped)",
        quote_literal(qualified),
        quote_literal(column)
    )
}

/// "The table has this constraint", validated or not.
pub(crate) fn has_constraint(qualified: &str, constraint: &str, extra: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conrelid = to_regclass({}) AND c.conname = {}{extra})",
        quote_literal(qualified),
        quote_literal(constraint)
    )
}

/// What changes when somebody touches our trigger `t` or its function: the row
/// versions of both. It tells a trigger that was switched off and on again,
/// or made anew, from one that never was.
pub(crate) const MARK: &str =
    "(t.xmin::text || '/' || (SELECT p.xmin::text FROM pg_proc p WHERE p.oid = t.tgfoid))";

/// Partitions on which our trigger `t` does not fire: switched off there
/// alone, or missing.
pub(crate) const SILENT_PARTITION: &str = "EXISTS (SELECT 1 FROM pg_partition_tree(t.tgrelid) l \
    WHERE l.relid <> t.tgrelid AND l.isleaf AND NOT EXISTS (SELECT 1 FROM pg_trigger c \
      WHERE c.tgrelid = l.relid AND c.tgname = t.tgname AND c.tgenabled = 'A'))";

/// "Our trigger is there, fires always, nobody has touched it, sorts last,
/// and works under this authority."
pub(crate) fn is_armed(schema: &str, table: &str, authority: &str) -> String {
    armed(schema, table, &quote_literal(authority))
}

/// The same under whatever authority was left.
pub(crate) fn is_armed_as_left(schema: &str, table: &str) -> String {
    armed(schema, table, "d.authority")
}

fn armed(schema: &str, table: &str, authority: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pilothouse.dual_write d JOIN pg_trigger t
            ON t.tgrelid = to_regclass(format('%I.%I', d.schema_name, d.table_name)) AND t.tgname = d.trigger_name
          WHERE d.schema_name = {} AND d.table_name = {} AND d.authority = {authority}
            AND t.tgenabled = 'A' AND {MARK} = d.trigger_xmin AND NOT {SILENT_PARTITION}
            AND NOT EXISTS (SELECT 1 FROM pg_trigger o WHERE o.tgrelid = t.tgrelid AND NOT o.tgisinternal
                AND o.tgtype & 3 = 3 AND o.tgname > t.tgname))",
        quote_literal(schema),
        quote_literal(table)
    )
}

/// "Our trigger is not there."
pub(crate) fn is_disarmed(qualified: &str, trigger: &str, schema: &str, table: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = to_regclass({}) AND t.tgname = {})
          AND NOT EXISTS (SELECT 1 FROM pilothouse.dual_write d WHERE d.schema_name = {} AND d.table_name = {})",
        quote_literal(qualified),
        quote_literal(trigger),
        quote_literal(schema),
        quote_literal(table)
    )
}

/// "This step carries its done-mark."
pub(crate) fn is_marked(id: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pilothouse.step_done s WHERE s.id = {})",
        quote_literal(id)
    )
}
