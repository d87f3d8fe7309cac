//! A made-up schema and a made-up migration over it, with the direct
//! statements that must come to the same. All of it follows from a seed.

use crate::dice::Dice;
use std::fmt::Write as _;

#[derive(Clone)]
pub struct Column {
    pub name: String,
    pub sql_type: &'static str,
    pub not_null: bool,
    pub is_key: bool,
}

#[derive(Clone)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub constraints: Vec<String>,
    pub indexes: Vec<String>,
}

/// Types, each with a value made of the row's number `n`.
const TYPES: &[(&str, &str)] = &[
    ("text", "'v' || n"),
    ("character varying(20)", "'c' || n"),
    ("integer", "n * 3"),
    ("bigint", "n * 1000000007::bigint"),
    ("numeric(8,2)", "n / 4.0"),
    ("boolean", "n % 2 = 0"),
    (
        "timestamp with time zone",
        "timestamptz '2026-01-01 00:00:00+00' + n * interval '1 hour'",
    ),
    ("jsonb", "jsonb_build_object('n', n)"),
    ("uuid", "md5(n::text)::uuid"),
    ("text[]", "ARRAY['a', n::text]"),
];

/// Names that need quotes, are key words, or have many bytes.
const NAMES: &[&str] = &[
    "email",
    "select",
    "Größe",
    "two words",
    "order",
    "a\"b",
    "code",
    "état",
    "last",
    "note",
    "user",
    "größer als die größte Größe, aber nicht",
    "kind",
    "x",
    "id2",
    "Total",
];

pub struct RandomCase {
    pub setup: String,
    pub migration: String,
    pub direct: Vec<String>,
    /// Writes of the old version, the same on both sides.
    pub writes: String,
    /// Tables that are there in the end.
    pub tables: Vec<String>,
}

pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// As a TOML string.
pub fn toml(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub struct Maker {
    pub dice: Dice,
    schema: &'static str,
    /// Those that later operations may still name.
    pub tables: Vec<Table>,
    operations: String,
    direct: Vec<String>,
    names: usize,
}

impl Maker {
    pub fn fresh(&mut self) -> String {
        self.names += 1;
        let name = NAMES[self.dice.below(NAMES.len())];
        format!("{name} {}", self.names)
    }

    pub fn qualified(&self, table: &str) -> String {
        format!("{}.{}", quoted(self.schema), quoted(table))
    }

    /// `schema.table` as a migration file spells it.
    pub fn named(&self, table: &str) -> String {
        toml(&self.qualified(table))
    }

    pub fn column(&mut self) -> Column {
        let (sql_type, _) = TYPES[self.dice.below(TYPES.len())];
        Column {
            name: self.fresh(),
            sql_type,
            not_null: self.dice.chance(40),
            is_key: false,
        }
    }

    fn table(&mut self) -> String {
        let name = self.fresh();
        let (key_type, _) = [TYPES[3], TYPES[8]][self.dice.below(2)];
        let mut columns = vec![Column {
            name: "n".into(),
            sql_type: "integer",
            not_null: true,
            is_key: false,
        }];
        for _ in 0..1 + self.dice.below(2) {
            let key = Column {
                sql_type: key_type,
                not_null: true,
                is_key: true,
                ..self.column()
            };
            columns.push(key);
        }
        for _ in 0..2 + self.dice.below(4) {
            columns.push(self.column());
        }
        let mut parts: Vec<String> = columns
            .iter()
            .map(|c| {
                let null = if c.not_null { " NOT NULL" } else { "" };
                format!("{} {}{null}", quoted(&c.name), c.sql_type)
            })
            .collect();
        let keys: Vec<String> = columns
            .iter()
            .filter(|c| c.is_key)
            .map(|c| quoted(&c.name))
            .collect();
        parts.push(format!("PRIMARY KEY ({})", keys.join(", ")));
        let mut table = Table {
            name,
            columns,
            constraints: Vec::new(),
            indexes: Vec::new(),
        };
        let check = self.fresh();
        parts.push(format!("CONSTRAINT {} CHECK (n >= 0)", quoted(&check)));
        table.constraints.push(check);
        if self.dice.chance(60) {
            let (unique, at) = (self.fresh(), 1 + self.dice.below(table.columns.len() - 1));
            let column = table.columns[at].clone();
            if column.sql_type != "boolean" {
                parts.push(format!(
                    "CONSTRAINT {} UNIQUE ({}, n)",
                    quoted(&unique),
                    quoted(&column.name)
                ));
                table.constraints.push(unique);
            }
        }
        let at = self.qualified(&table.name);
        let mut setup = format!("CREATE TABLE {at} ({});\n", parts.join(", "));
        for _ in 0..self.dice.below(3) {
            let (index, place) = (self.fresh(), self.dice.below(table.columns.len()));
            let column = quoted(&table.columns[place].name);
            let partial = if self.dice.chance(30) {
                " WHERE n > 3"
            } else {
                ""
            };
            let _ = writeln!(
                setup,
                "CREATE INDEX {} ON {at} ({column}, n DESC){partial};",
                quoted(&index)
            );
            table.indexes.push(index);
        }
        let values: Vec<String> = table
            .columns
            .iter()
            .map(|c| match c.name.as_str() {
                "n" => "n".to_owned(),
                _ => value(c.sql_type),
            })
            .collect();
        let _ = writeln!(
            setup,
            "INSERT INTO {at} SELECT {} FROM generate_series(1, 40) n;",
            values.join(", ")
        );
        self.tables.push(table);
        setup
    }

    pub fn push(&mut self, operation: &str, direct: String) {
        let _ = write!(self.operations, "[[operation]]\n{operation}\n");
        self.direct.push(direct);
    }
}

/// A value of this type, made of the row's number.
pub fn value(sql_type: &str) -> String {
    let of = TYPES.iter().find(|(name, _)| *name == sql_type);
    of.map_or_else(|| "NULL".into(), |(_, value)| (*value).to_owned())
}

/// The case of a seed.
pub fn of(seed: u64) -> RandomCase {
    let mut dice = Dice::new(seed);
    let schema = ["public", "shop"][dice.below(2)];
    let has_versions = dice.chance(60);
    let mut maker = Maker {
        dice,
        schema,
        tables: Vec::new(),
        operations: String::new(),
        direct: Vec::new(),
        names: 0,
    };
    let mut setup = String::from("CREATE SCHEMA shop;\n");
    for _ in 0..1 + maker.dice.below(3) {
        setup.push_str(&maker.table());
    }
    let writes: Vec<String> = maker
        .tables
        .iter()
        .map(|table| {
            let at = maker.qualified(&table.name);
            format!("DELETE FROM {at} WHERE n % 5 = 0; UPDATE {at} SET n = n + 100 WHERE n % 7 = 1")
        })
        .collect();
    let wanted = 1 + maker.dice.below(4);
    while maker.direct.len() < wanted {
        maker.operation(has_versions);
        if maker.tables.is_empty() {
            break;
        }
    }
    let head = match has_versions {
        true => "versions = \"schemas\"\nversion = \"v2\"\n",
        false => "",
    };
    let tables = maker.tables.iter().map(|t| maker.qualified(&t.name));
    RandomCase {
        setup,
        migration: format!("{head}{}", maker.operations),
        writes: writes.join("; "),
        tables: tables.collect(),
        direct: maker.direct,
    }
}
