//! The rules of the lint, each with its safe form.
//!
//! Where a rule is also squawk's it has squawk's name, so that what a team has
//! learnt of one holds for the other.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How much a rule weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// It blocks clients, loses something or cannot be taken back: no rollout
    /// is opened with one that is not waived.
    Hazard,
    /// Works, and is regretted later.
    Advice,
}

/// One rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, in a waiver too.
    pub name: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// What happens, as the rest of a sentence about the statement.
    pub what: &'static str,
    /// What to write instead.
    pub safe: &'static str,
}

/// The name of a rule that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleName(&'static Rule);

impl RuleName {
    /// The rule of this name.
    pub fn find(name: &str) -> Option<Self> {
        RULES.iter().find(|rule| rule.name == name).map(Self)
    }

    /// The rule itself.
    pub fn rule(self) -> &'static Rule {
        self.0
    }
}

impl Serialize for RuleName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for RuleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom(format!("there is no lint rule {name:?}"));
        Self::find(&name).ok_or_else(unknown)
    }
}

const fn hazard(name: &'static str, what: &'static str, safe: &'static str) -> Rule {
    Rule {
        name,
        weight: Weight::Hazard,
        what,
        safe,
    }
}

const fn advice(name: &'static str, what: &'static str, safe: &'static str) -> Rule {
    Rule {
        name,
        weight: Weight::Advice,
        what,
        safe,
    }
}

/// Every rule there is.
pub static RULES: &[Rule] = &[
    hazard(
        "require-concurrent-index-creation",
        "blocks every write to the table for as long as the index is built",
        "use create_index, which builds it beside the writers",
    ),
    hazard(
        "require-concurrent-index-deletion",
        "waits for every reader and writer of the table, and everybody waits behind it",
        "use drop_index",
    ),
    hazard(
        "require-concurrent-reindex",
        "blocks every write to the table for as long as the index is built",
        "write REINDEX … CONCURRENTLY, with a probe",
    ),
    hazard(
        "require-concurrent-partition-detach",
        "locks the partitioned table against everybody",
        "write DETACH PARTITION … CONCURRENTLY, with a probe",
    ),
    hazard(
        "require-concurrent-refresh",
        "locks the materialized view against every reader until it is refreshed",
        "write REFRESH MATERIALIZED VIEW CONCURRENTLY",
    ),
    hazard(
        "constraint-missing-not-valid",
        "reads every row under a lock that blocks every write",
        "use create_constraint, which checks old rows without blocking anybody",
    ),
    hazard(
        "adding-foreign-key-constraint",
        "blocks every write to both tables while every row is checked",
        "use create_constraint, which checks old rows without blocking anybody",
    ),
    hazard(
        "disallowed-unique-constraint",
        "builds an index under a lock that blocks every reader and writer",
        "use create_constraint, which builds the index first, beside the writers",
    ),
    hazard(
        "adding-serial-primary-key-field",
        "rewrites the table or builds an index under a lock that blocks everybody",
        "add the column with add_column, and the key with create_constraint in a later migration",
    ),
    hazard(
        "adding-exclusion-constraint",
        "builds an index under a lock that blocks every reader and writer; PostgreSQL has no other way",
        "create a new table with it, or waive this for a quiet hour",
    ),
    hazard(
        "adding-field-with-default",
        "rewrites the table under a lock that blocks everybody",
        "use add_column with up, which fills the rows in chunks",
    ),
    hazard(
        "adding-required-field",
        "fails on a table with rows, and breaks every client that does not know the column",
        "use add_column with up, or with a default",
    ),
    hazard(
        "adding-not-nullable-field",
        "reads every row under a lock that blocks everybody",
        "use alter_column with nullable = false, which validates a check first",
    ),
    hazard(
        "changing-column-type",
        "rewrites the table under a lock that blocks everybody, and breaks clients that run",
        "use alter_column with a type, and with up and down where values change",
    ),
    hazard(
        "renaming-column",
        "breaks every client that knows the old name, at once",
        "use rename_column with versions = \"schemas\"",
    ),
    hazard(
        "renaming-table",
        "breaks every client that knows the old name, at once",
        "use rename_table with versions = \"schemas\"",
    ),
    hazard(
        "renaming-schema",
        "breaks every client that knows the old name, at once",
        "create a new schema, and move its tables one migration at a time",
    ),
    hazard(
        "renaming-enum-value",
        "breaks every client that knows the old value, at once",
        "use alter_column to another type, with up and down",
    ),
    hazard(
        "ban-drop-column",
        "breaks every client that still names the column, and its values are gone",
        "use drop_column, which hides it first and keeps its values for a way back",
    ),
    hazard(
        "ban-drop-table",
        "breaks every client that still names the table, and its rows are gone",
        "use drop_table, which puts it away first once nobody uses it",
    ),
    hazard(
        "ban-drop-schema",
        "takes everything in the schema with it, or fails",
        "drop its tables with drop_table, and the empty schema with at = \"contract\"",
    ),
    hazard(
        "ban-drop-database",
        "takes a whole database with it",
        "leave that to the people who run the server",
    ),
    hazard(
        "ban-drop-not-null",
        "lets NULL in before clients that run expect it",
        "use alter_column with nullable = true, which waits for the publication",
    ),
    hazard(
        "ban-truncate",
        "takes every row, locks the table against everybody and fires no row triggers",
        "drop the table with drop_table and create a new one, or delete in chunks by hand",
    ),
    hazard(
        "ban-create-domain-with-constraint",
        "makes every later change of the check a scan of every table that uses the domain, under a lock",
        "use a plain type, and a check on the table with create_constraint",
    ),
    hazard(
        "ban-alter-domain-with-add-constraint",
        "reads every row of every table that uses the domain, under a lock that blocks writes",
        "use a check on the table with create_constraint",
    ),
    hazard(
        "prefer-repack",
        "rewrites the table under a lock that blocks everybody",
        "use pg_repack or pg_squeeze, outside of a migration",
    ),
    hazard(
        "table-rewrite",
        "rewrites the table under a lock that blocks everybody",
        "create a new table so, and fill it beside the old one",
    ),
    hazard(
        "explicit-lock",
        "locks the table against others until the transaction ends",
        "leave the lock to the statement that needs it",
    ),
    hazard(
        "rows-in-one-transaction",
        "keeps every row that it changes locked until all are changed, in the same transaction as the rest, and standbys fall behind",
        "use backfill, or up of add_column and alter_column, which go in throttled chunks",
    ),
    advice(
        "ban-char-field",
        "pads every value with spaces",
        "use text, and a check for its length",
    ),
    advice(
        "prefer-text-field",
        "makes every later change of the length a change of the type",
        "use text, and a check for its length",
    ),
    advice(
        "prefer-timestamp-tz",
        "keeps a time of which nobody knows the zone",
        "use timestamptz",
    ),
    advice(
        "prefer-jsonb",
        "keeps JSON as text: it is parsed at every read, and has no equality",
        "use jsonb",
    ),
    advice(
        "prefer-identity",
        "brings a sequence with rights and an owner of its own",
        "use an identity column",
    ),
    advice(
        "prefer-bigint-over-int",
        "ends at 2,147,483,647, and changing the type of a key later is a migration of every table that names it",
        "use bigint",
    ),
    advice(
        "prefer-bigint-over-smallint",
        "ends at 32,767",
        "use bigint, or integer for what is not a key",
    ),
    advice(
        "require-enum-value-ordering",
        "puts the new value last, which is rarely where it sorts",
        "say BEFORE or AFTER",
    ),
    advice(
        "identifier-too-long",
        "is cut off by the server after 63 bytes",
        "choose a shorter name",
    ),
    advice(
        "wide-index",
        "has more than three columns: writes pay for each, and reads rarely use the last",
        "index what is searched for, and carry the rest with include",
    ),
    advice(
        "unused-waiver",
        "waives what the lint does not find",
        "remove the waiver",
    ),
];
