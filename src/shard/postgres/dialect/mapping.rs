//! `up` and `down` as functions of ours: how they are made, called and dropped.

use crate::base::Ident;

/// Settings fixed in every function of ours whose value could depend on them.
/// `pg_temp` comes last: unnamed it would come first, and whoever may make
/// temporary types could then run code with our rights.
pub(crate) const PINS: &str = "SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO, MDY' SET IntervalStyle = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex' SET lc_monetary = 'C' SET lc_numeric = 'C' SET lc_time = 'C'";

/// An expression over columns of the row, as a function of ours.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    /// `pilothouse.up_…` or `pilothouse.down_…`.
    pub(crate) function: String,
    /// The columns it reads.
    pub(crate) inputs: Vec<Input>,
    pub(crate) result_type: String,
    pub(crate) expression: String,
    /// Where it stands in the migration file.
    pub(crate) key: String,
}

/// A column that an expression reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// As the expression calls it.
    pub(crate) name: Ident,
    /// As the table calls it: a column that gets another form stands beside
    /// the old one, under a name of ours, until that goes.
    pub(crate) column: Ident,
    pub(crate) sql_type: String,
}

impl Mapping {
    /// A call with each input taken from `from`, such as `NEW` or a table name.
    pub(crate) fn call(&self, from: &str) -> String {
        self.call_in("pilothouse", from)
    }

    /// As [`Mapping::call`], with the function in another schema.
    pub(crate) fn call_in(&self, schema: &str, from: &str) -> String {
        let arguments: Vec<String> = self
            .inputs
            .iter()
            .map(|input| format!("{from}.{}", input.column))
            .collect();
        format!("{schema}.{}({})", self.function, arguments.join(", "))
    }

    /// Statement that creates the function. `volatility` is what preflight
    /// found out; a STABLE one pins what a session could change.
    pub(crate) fn create(&self, schema: &str, volatility: Volatility) -> String {
        let parameters: Vec<String> = self
            .inputs
            .iter()
            .map(|input| format!("{} {}", input.name, input.sql_type))
            .collect();
        format!(
            "CREATE OR REPLACE FUNCTION {schema}.{}({}) RETURNS {} LANGUAGE sql {} {}\n  RETURN ({})",
            self.function,
            parameters.join(", "),
            self.result_type,
            volatility.word(),
            volatility.pins(),
            self.value()
        )
    }

    /// The expression as the column will keep it. A function's result has no
    /// precision, so `1.234` would never equal what a `numeric(10,2)` keeps.
    /// Text is left alone: a cast would cut it without a word, while the
    /// column refuses what is too long.
    fn value(&self) -> String {
        let name = self.result_type.trim().to_ascii_lowercase();
        let cuts = [
            "char", "nchar", "national", "varchar", "bpchar", "bit", "varbit", "\"char",
        ];
        if !name.contains('(') || cuts.iter().any(|word| name.starts_with(word)) {
            return self.expression.clone();
        }
        format!("CAST(({}) AS {})", self.expression, self.result_type)
    }

    /// The bare expression as a function: it must have the column's type by
    /// itself, not because we cast it.
    pub(crate) fn create_plain(&self, schema: &str) -> String {
        let plain = Self {
            result_type: without_modifier(&self.result_type),
            ..self.clone()
        };
        plain.create(schema, Volatility::Volatile)
    }

    /// The trigger asks "is this row right already?" as the application, so
    /// everyone may call it; nobody can reach it by name, for our schema is
    /// closed.
    pub(crate) fn grant(&self) -> String {
        let types: Vec<&str> = self.inputs.iter().map(|i| i.sql_type.as_str()).collect();
        format!(
            "GRANT EXECUTE ON FUNCTION pilothouse.{}({}) TO PUBLIC",
            self.function,
            types.join(", ")
        )
    }

    /// Statement that drops it.
    pub(crate) fn drop(&self) -> String {
        let types: Vec<&str> = self.inputs.iter().map(|i| i.sql_type.as_str()).collect();
        format!(
            "DROP FUNCTION IF EXISTS pilothouse.{}({})",
            self.function,
            types.join(", ")
        )
    }
}

/// `numeric(10,2)` → `numeric`, `timestamp(0) with time zone` → `timestamp
/// with time zone`.
fn without_modifier(sql_type: &str) -> String {
    match (sql_type.find('('), sql_type.rfind(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", &sql_type[..open], &sql_type[close + 1..])
        }
        _ => sql_type.to_owned(),
    }
}

/// What an expression's value depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Volatility {
    Immutable,
    Stable,
    Volatile,
}

impl Volatility {
    /// For people.
    pub(crate) fn plain(self) -> &'static str {
        match self {
            Self::Immutable => "immutable",
            Self::Stable => "stable, with the session's settings fixed",
            Self::Volatile => "volatile",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Immutable => "IMMUTABLE PARALLEL SAFE",
            Self::Stable => "STABLE",
            Self::Volatile => "VOLATILE",
        }
    }

    /// An immutable function has no settings, so that it can be inlined.
    fn pins(self) -> &'static str {
        match self {
            Self::Immutable => "",
            Self::Stable | Self::Volatile => PINS,
        }
    }
}
