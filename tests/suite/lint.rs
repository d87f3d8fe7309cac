//! The lint: every rule finds its hazard and is silent about the safe form;
//! a waiver needs a reason; exit codes are for scripts.

use pilothouse::migration::lint::{Finding, RULES, Weight, lint};
use pilothouse::migration::{self};
use std::path::Path;
use std::process::Command;

fn read(body: &str) -> Vec<Finding> {
    let text = format!("name = \"m\"\n{body}");
    let loaded = migration::parse(&text, Path::new("m.toml"));
    lint(
        &loaded
            .unwrap_or_else(|bad| panic!("{bad}\n{text}"))
            .migration,
    )
}

/// Statements as an sql operation that runs in a transaction.
fn statements(sql: &str) -> Vec<Finding> {
    read(&format!(
        "[[operation]]\n[operation.sql]\nirreversible = true\nup = '''\n{sql}'''"
    ))
}

fn names(found: &[Finding]) -> Vec<&'static str> {
    let mut names: Vec<&str> = found.iter().map(|finding| finding.rule.name).collect();
    names.dedup();
    names
}

/// A statement for each rule that looks at statements.
const STATEMENTS: &[(&str, &str)] = &[
    (
        "require-concurrent-index-creation",
        "CREATE INDEX i ON shop.t (a)",
    ),
    ("require-concurrent-index-deletion", "DROP INDEX shop.i"),
    ("require-concurrent-reindex", "REINDEX INDEX shop.i"),
    (
        "require-concurrent-partition-detach",
        "ALTER TABLE shop.t DETACH PARTITION shop.t1",
    ),
    (
        "require-concurrent-refresh",
        "REFRESH MATERIALIZED VIEW shop.v",
    ),
    (
        "constraint-missing-not-valid",
        "ALTER TABLE shop.t ADD CONSTRAINT c CHECK (a > 0)",
    ),
    (
        "adding-foreign-key-constraint",
        "ALTER TABLE shop.t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES shop.o (id)",
    ),
    (
        "disallowed-unique-constraint",
        "ALTER TABLE shop.t ADD CONSTRAINT c UNIQUE (a)",
    ),
    (
        "adding-serial-primary-key-field",
        "ALTER TABLE shop.t ADD COLUMN id serial PRIMARY KEY",
    ),
    (
        "adding-exclusion-constraint",
        "ALTER TABLE shop.t ADD CONSTRAINT c EXCLUDE USING gist (a WITH &&) ",
    ),
    (
        "adding-field-with-default",
        "ALTER TABLE shop.t ADD COLUMN b uuid DEFAULT gen_random_uuid()",
    ),
    (
        "adding-required-field",
        "ALTER TABLE shop.t ADD COLUMN b bigint NOT NULL",
    ),
    (
        "adding-not-nullable-field",
        "ALTER TABLE shop.t ALTER COLUMN a SET NOT NULL",
    ),
    (
        "changing-column-type",
        "ALTER TABLE shop.t ALTER COLUMN a TYPE bigint",
    ),
    ("renaming-column", "ALTER TABLE shop.t RENAME COLUMN a TO b"),
    ("renaming-table", "ALTER TABLE shop.t RENAME TO u"),
    ("renaming-schema", "ALTER SCHEMA shop RENAME TO store"),
    (
        "renaming-enum-value",
        "ALTER TYPE shop.mood RENAME VALUE 'ok' TO 'fine'",
    ),
    ("ban-drop-column", "ALTER TABLE shop.t DROP COLUMN a"),
    ("ban-drop-table", "DROP TABLE shop.t"),
    ("ban-drop-schema", "DROP SCHEMA shop"),
    ("ban-drop-database", "DROP DATABASE shop"),
    (
        "ban-drop-not-null",
        "ALTER TABLE shop.t ALTER COLUMN a DROP NOT NULL",
    ),
    ("ban-truncate", "TRUNCATE shop.t"),
    (
        "ban-create-domain-with-constraint",
        "CREATE DOMAIN shop.d AS text CHECK (value <> '')",
    ),
    (
        "ban-alter-domain-with-add-constraint",
        "ALTER DOMAIN shop.d ADD CONSTRAINT c CHECK (value <> '')",
    ),
    ("prefer-repack", "CLUSTER shop.t USING i"),
    ("table-rewrite", "ALTER TABLE shop.t SET UNLOGGED"),
    ("explicit-lock", "LOCK TABLE shop.t"),
    ("rows-in-one-transaction", "UPDATE shop.t SET a = 1"),
    (
        "rows-in-one-transaction",
        "WITH x AS (DELETE FROM shop.t RETURNING a) SELECT count(*) FROM x",
    ),
    ("ban-char-field", "CREATE TABLE shop.n (a char(3))"),
    ("prefer-text-field", "CREATE TABLE shop.n (a varchar(3))"),
    ("prefer-timestamp-tz", "CREATE TABLE shop.n (a timestamp)"),
    ("prefer-identity", "CREATE TABLE shop.n (a bigserial)"),
    ("prefer-bigint-over-int", "CREATE TABLE shop.n (a int)"),
    (
        "prefer-bigint-over-smallint",
        "CREATE TABLE shop.n (a smallint)",
    ),
    (
        "require-enum-value-ordering",
        "ALTER TYPE shop.mood ADD VALUE 'so so'",
    ),
    (
        "identifier-too-long",
        "CREATE TABLE shop.a_name_that_is_longer_than_what_the_server_keeps_of_it_by_a_few_bytes (a text)",
    ),
];

/// Rules that look at other operations, or at waivers.
const ELSEWHERE: &[&str] = &["prefer-jsonb", "wide-index", "unused-waiver"];

#[test]
fn every_rule_finds_its_hazard() {
    for (rule, sql) in STATEMENTS {
        let sql = match *rule {
            // The parser wants a probe for what no transaction can hold.
            "ban-drop-database" | "require-concurrent-reindex" | "prefer-repack" => {
                format!("{sql}'''\nprobe = '''SELECT false")
            }
            _ => (*sql).to_owned(),
        };
        let found = statements(&sql);
        assert!(names(&found).contains(rule), "{sql}: {found:?}");
    }
    for rule in RULES {
        let is_shown = STATEMENTS.iter().any(|(name, _)| *name == rule.name);
        assert!(is_shown || ELSEWHERE.contains(&rule.name), "{}", rule.name);
    }
}

#[test]
fn what_is_safe_is_silent() {
    for sql in [
        "CREATE TABLE shop.n (id bigint PRIMARY KEY, a text NOT NULL, b timestamptz, c jsonb)",
        "CREATE TABLE shop.n (id bigint, a text); CREATE INDEX i ON shop.n (a); ALTER TABLE shop.n ADD CONSTRAINT c CHECK (id > 0)",
        "CREATE INDEX CONCURRENTLY i ON shop.t (a)'''\nprobe = '''SELECT false",
        "ALTER TABLE shop.t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "ALTER TABLE shop.t VALIDATE CONSTRAINT c",
        "ALTER TABLE shop.t ADD COLUMN b bigint",
        "ALTER TABLE shop.t ADD COLUMN b bigint DEFAULT 7",
        "COMMENT ON TABLE shop.t IS 'UPDATE me; DROP TABLE t'",
        "CREATE FUNCTION shop.f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN UPDATE shop.t SET a = 1; RETURN NEW; END$$",
        "INSERT INTO shop.kind (id, name) VALUES (1, 'a')",
        "WITH x AS (SELECT a FROM shop.t WHERE a = 1 FOR UPDATE) SELECT count(*) FROM x",
        "WITH x AS (SELECT 1 AS id) INSERT INTO shop.kind (id) SELECT id FROM x ON CONFLICT (id) DO UPDATE SET name = 'a'",
        "GRANT UPDATE ON shop.t TO app",
        "CREATE VIEW shop.v AS SELECT a FROM shop.t",
        "CREATE TYPE shop.mood AS ENUM ('ok')",
        "ALTER TYPE shop.mood ADD VALUE 'bad' BEFORE 'ok'",
        "ALTER TABLE shop.t ALTER COLUMN a SET DEFAULT 1",
        "ALTER SCHEMA shop OWNER TO app",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY shop.v",
    ] {
        assert_eq!(names(&statements(sql)), Vec::<&str>::new(), "{sql}");
    }
}

#[test]
fn what_an_operation_before_creates_has_no_clients_yet() {
    let index =
        "[[operation]]\n[operation.sql]\nirreversible = true\nup = 'CREATE INDEX i ON shop.n (a)'";
    let table = "[[operation]]\ncreate_table = { table = \"shop.n\", columns = [{ name = \"a\", type = \"text\" }] }\n";
    assert_eq!(names(&read(index)), ["require-concurrent-index-creation"]);
    assert_eq!(names(&read(&format!("{table}{index}"))), Vec::<&str>::new());
}

#[test]
fn operations_are_advised() {
    let found = read(
        r#"[[operation]]
[operation.create_table]
table = "shop.n"
primary_key = ["id"]
columns = [
  { name = "id", type = "integer", nullable = false },
  { name = "pages", type = "integer" },
  { name = "data", type = "json" },
  { name = "code", type = "character(3)" },
  { name = "name", type = "character varying(3)" },
  { name = "at", type = "timestamp(3) without time zone" },
  { name = "seen", type = "timestamp with time zone" },
]
[[operation]]
create_index = { table = "shop.t", name = "i", keys = [{ column = "a" }, { column = "b" }, { column = "c" }, { column = "d" }] }"#,
    );
    let expected = [
        "prefer-bigint-over-int",
        "prefer-jsonb",
        "ban-char-field",
        "prefer-text-field",
        "prefer-timestamp-tz",
        "wide-index",
    ];
    assert_eq!(names(&found), expected);
    assert!(found.iter().all(|finding| !finding.forbids()));
}

#[test]
fn the_way_back_may_drop_what_the_way_there_made() {
    let of = |at: &str, up: &str, down: &str| {
        read(&format!(
            "[[operation]]\nsql = {{ up = \"{up}\", down = \"{down}\", at = \"{at}\" }}"
        ))
    };
    let made = of(
        "expand",
        "CREATE TABLE shop.n (a text)",
        "DROP TABLE shop.n",
    );
    assert_eq!(names(&made), Vec::<&str>::new());
    // What goes with the old form has waited for it.
    let late = of(
        "contract",
        "DROP TABLE shop.old",
        "CREATE TABLE shop.old (a text)",
    );
    assert_eq!(names(&late), Vec::<&str>::new());
    let slow = of("expand", "SELECT 1", "DELETE FROM shop.t");
    assert_eq!(names(&slow), ["rows-in-one-transaction"]);
    assert_eq!(slow[0].key, "operation[1].down");
}

#[test]
fn a_waiver_is_for_one_rule_and_may_be_for_one_operation() {
    let drop = "[[operation]]\nsql = { up = 'DROP TABLE shop.a; DROP TABLE shop.b', irreversible = true }\n";
    let waive = |rule: &str, operation: &str| {
        let waiver =
            format!("[[waive]]\nrule = \"{rule}\"\n{operation}\nreason = \"nobody has it\"");
        read(&format!("{drop}{drop}{waiver}"))
    };
    let forbids = |found: &[Finding]| found.iter().filter(|finding| finding.forbids()).count();
    assert_eq!(forbids(&waive("ban-drop-table", "")), 0);
    let one = waive("ban-drop-table", "operation = 2");
    assert_eq!(forbids(&one), 2);
    assert_eq!(one[3].waived.as_deref(), Some("nobody has it"));
    let other = waive("ban-drop-column", "");
    assert_eq!(forbids(&other), 4);
    assert_eq!(other.last().unwrap().rule.name, "unused-waiver");
    assert_eq!(other.last().unwrap().rule.weight, Weight::Advice);

    let bad = |waiver: &str| {
        let text = format!("name = \"m\"\n{drop}[[waive]]\n{waiver}");
        migration::parse(&text, Path::new("m.toml"))
            .unwrap_err()
            .to_string()
    };
    let unknown = bad("rule = \"ban-drop-tabel\"\nreason = \"x\"");
    assert!(unknown.contains("ban-drop-table"), "{unknown}");
    assert!(bad("rule = \"ban-drop-table\"\nreason = \" \"").contains("there is no reason"));
    let far = bad("rule = \"ban-drop-table\"\noperation = 2\nreason = \"x\"");
    assert!(far.contains("choose from 1 to 1"), "{far}");
}

fn pilothouse(words: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    let output = command.args(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_command_has_codes_for_scripts() {
    let scratch = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let bad = "name = \"m\"\n[[operation]]\nsql = { up = 'SELECT 1;\n  DROP TABLE shop.t', irreversible = true }\n".replace('\'', "'''");
    let hazard = write("hazard.toml", &bad);
    let reason = "[[waive]]\nrule = \"ban-drop-table\"\nreason = \"empty since May\"\n";
    let waived = write("waived.toml", &format!("{bad}{reason}"));
    let broken = write("broken.toml", "name = ");

    let (code, said, _) = pilothouse(&["lint", &hazard, &waived]);
    assert_eq!(code, 3, "{said}");
    let said = said.replace(&scratch.path().display().to_string(), "");
    insta::assert_snapshot!("lint", said);
    let (code, said, _) = pilothouse(&["lint", &waived, "--json"]);
    assert_eq!(code, 0, "{said}");
    let object: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(object["hazards"], 0);
    assert_eq!(object["findings"][0]["rule"], "ban-drop-table");
    assert_eq!(object["findings"][0]["waived"], "empty since May");
    let (code, _, said) = pilothouse(&["lint", &broken]);
    assert_eq!(code, 2, "{said}");
    let (code, said, _) = pilothouse(&["lint", "--rules"]);
    assert_eq!(code, 0);
    assert!(RULES.iter().all(|rule| said.contains(rule.name)));
}

#[test]
fn the_examples_hold_their_own_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    let mut looked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(loaded) = migration::load(&path) else {
            continue;
        };
        looked += 1;
        let forbids: Vec<Finding> = lint(&loaded.migration)
            .into_iter()
            .filter(|finding| finding.forbids() || finding.rule.name == "unused-waiver")
            .collect();
        assert!(forbids.is_empty(), "{}: {forbids:?}", path.display());
    }
    assert!(looked >= 3, "{looked}");
}
