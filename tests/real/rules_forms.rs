//! Keys, names, types, sessions: the rules hold for odd tables too.

use crate::bench::{Case, run_on};
use crate::support::require_postgres;
use pilothouse::base::Stop;

/// Rows without regard to the order of rows and columns: a column that was
/// dropped and brought back stands last.
fn sorted(text: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for row in text.split(", ") {
        let mut values: Vec<String> = row.split('|').map(str::to_owned).collect();
        values.sort();
        rows.push(values);
    }
    rows.sort();
    rows
}

/// There and back: retired, dropped, restored, undone.
async fn travel(case: &Case, table: &str) {
    let content = format!("SELECT * FROM {table}");
    let before = case.rows(&content).await;
    let mut host = case.host();
    host.advance_to(Stop::Drop).await;
    assert_ne!(sorted(&case.rows(&content).await), sorted(&before));
    assert!(host.concluded.iter().all(|e| e.stale == 0));
    host.undo_to(Stop::Snapshot).await;
    assert_eq!(sorted(&case.rows(&content).await), sorted(&before));
}

struct Change<'a> {
    table: &'a str,
    new: (&'a str, &'a str),
    up: &'a str,
    old: &'a str,
    down: &'a str,
}

impl Change<'_> {
    fn text(&self) -> String {
        let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        format!(
            "[[operation]]\n[operation.add_column]\ntable = {}\ncolumn = {{ name = {}, type = {} }}\nup = {}\ndown = {{ {} = {} }}\n",
            quote(self.table),
            quote(self.new.0),
            quote(self.new.1),
            quote(self.up),
            quote(self.old),
            quote(self.down)
        )
    }
}

const TAG: Change<'static> = Change {
    table: "t",
    new: ("tag", "text"),
    up: "'n:' || label",
    old: "label",
    down: "substr(tag, 3)",
};

#[tokio::test]
async fn keys_of_many_types_with_odd_characters() {
    if !require_postgres() {
        return;
    }
    let odd = "(ARRAY['', ' ', 'NULL', '{}', 'a,b', '\"', '\\', 'é', '日本', E'\\n', '''', '%'])[1 + n % 12] || n";
    for (a, b, key, value) in [
        ("integer", "text", "b, a", "n % 7, 'k' || n"),
        ("uuid", "text", "a", "md5(n::text)::uuid, NULL"),
        ("text", "text", "a", &*format!("{odd}, NULL")),
        (
            "text COLLATE \"C\"",
            "text COLLATE \"POSIX\"",
            "a, b",
            "'x' || n % 3, 'Y' || n",
        ),
        (
            "timestamptz",
            "text",
            "a",
            "timestamptz '2020-01-01' + n * interval '1 day 3 hours', NULL",
        ),
        ("numeric", "char(5)", "b, a", "n * 1.10, 'c' || n % 3"),
    ] {
        let setup = format!(
            "CREATE TABLE t (a {a}, b {b}, label text, PRIMARY KEY ({key}));
             INSERT INTO t SELECT {value}, nullif('v' || n, 'v3') FROM generate_series(1, 60) AS n"
        );
        let case = Case::new(&setup, &TAG.text()).await;
        travel(&case, "t").await;
    }
}

#[tokio::test]
async fn names_that_need_quotes_are_long_or_not_ascii() {
    if !require_postgres() {
        return;
    }
    let (long, wide, most) = ("é".repeat(31) + "x", "日".repeat(21), "n".repeat(63));
    for (schema, table, key, old, new) in [
        ("we.ird", "T a\"b", "the key", "my old", "my new"),
        ("s", &*long, "kéy", &*wide, &*most),
        ("odd", "$dual$", "pilothouse.up_x", "$dual$ old", "found"),
        ("odd", "select", "from", "NEW", "OLD"),
    ] {
        let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let qualified = format!("{}.{}", quote(schema), quote(table));
        let (s, k, o, n) = (quote(schema), quote(key), quote(old), quote(new));
        let setup = format!(
            "CREATE SCHEMA {s}; CREATE TABLE {qualified} ({k} bigint PRIMARY KEY, {o} text DEFAULT '$dual$');
             INSERT INTO {qualified} SELECT n, 'v' || n FROM generate_series(1, 30) AS n"
        );
        let change = Change {
            table: &qualified,
            new: (new, "text"),
            up: &format!("'n:' || {o}"),
            old,
            down: &format!("substr({n}, 3)"),
        };
        let case = Case::new(&setup, &change.text()).await;
        let mut host = case.host();
        host.advance_to(Stop::Shift(10)).await;
        case.app(&format!("UPDATE {qualified} SET {o} = 'x' WHERE {k} = 1"))
            .await;
        case.app(&format!("UPDATE {qualified} SET {n} = 'n:y' WHERE {k} = 2"))
            .await;
        let rows = format!("SELECT {o}, {n} FROM {qualified} WHERE {k} < 3 ORDER BY {k}");
        assert_eq!(case.rows(&rows).await, "x|n:x, y|n:y");
        host.advance_to(Stop::Retire).await;
        host.undo_to(Stop::Snapshot).await;
    }
}

#[tokio::test]
async fn a_column_keeps_its_precision_and_its_length() {
    if !require_postgres() {
        return;
    }
    let setup = "CREATE TABLE price (id bigint PRIMARY KEY, amount integer, at timestamptz);
        INSERT INTO price SELECT n, n, timestamptz '2020-01-01' + n * interval '0.37 s' FROM generate_series(1, 50) AS n";
    let third = Change {
        table: "price",
        new: ("third", "numeric(10,2)"),
        up: "amount / 3.0",
        old: "amount",
        down: "round(third * 3)::int",
    };
    let second = Change {
        table: "price",
        new: ("at_s", "timestamp(0)"),
        up: "at at time zone 'UTC'",
        old: "at",
        down: "timezone('UTC', at_s)",
    };
    let both = third.text() + &second.text();
    let (case, _host) = Case::at(setup, &both, Stop::Verify).await;
    case.app("INSERT INTO price (id, amount) VALUES (100, 10); UPDATE price SET amount = 11 WHERE id = 1").await;
    let rows = "SELECT amount, third FROM price WHERE id IN (1, 100) ORDER BY id";
    assert_eq!(case.rows(rows).await, "11|3.67, 10|3.33");

    let setup = "CREATE TABLE name (id bigint PRIMARY KEY, whole varchar(40)); INSERT INTO name VALUES (1, 'Ada'), (2, NULL)";
    let size = Change {
        table: "name",
        new: ("size", "integer"),
        up: "length(whole)",
        old: "whole",
        down: "repeat('x', size)",
    };
    let (case, _host) = Case::at(setup, &size.text(), Stop::Shift(10)).await;
    case.app(
        "UPDATE name SET size = 5 WHERE id = 2; INSERT INTO name (id, whole) VALUES (3, 'Grace')",
    )
    .await;
    let rows = "SELECT whole, size FROM name ORDER BY id";
    assert_eq!(case.rows(rows).await, "Ada|3, xxxxx|5, Grace|5");

    let setup = "CREATE TABLE short (id bigint PRIMARY KEY, whole text); INSERT INTO short VALUES (1, 'abc')";
    let cut = Change {
        table: "short",
        new: ("cut", "varchar(3)"),
        up: "whole",
        old: "whole",
        down: "cut",
    };
    let (case, _host) = Case::at(setup, &cut.text(), Stop::Verify).await;
    // Too long is an error, never a silent cut.
    case.refused("22001", "UPDATE short SET whole = 'abcd'")
        .await;
}

#[tokio::test]
async fn a_session_cannot_change_what_is_written() {
    if !require_postgres() {
        return;
    }
    let setup = "CREATE TABLE stamp (id bigint PRIMARY KEY, at timestamptz, f float8, i interval, b bytea, label text);
        CREATE SCHEMA evil;
        CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'pwned';
        CREATE FUNCTION evil.glue(text, text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'pwned';
        CREATE OPERATOR evil.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.glue);
        CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN true;
        CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same);
        INSERT INTO stamp VALUES (1, '2021-03-04 05:06:07.89+00', 0.1::float8 + 0.2::float8, '1 year 2 days 3 hours', '\\x5c00ff', 'A')";
    let said = Change {
        table: "stamp",
        new: ("said", "text"),
        up: "at::text || f::text || i::text || b::text || lower(label) || to_char(at, 'TMMonth')",
        old: "label",
        down: "left(said, 9)",
    };
    let (case, mut host) = Case::at(setup, &said.text(), Stop::DualWrite).await;
    let hostile = "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'iso_8601';
        SET extra_float_digits = -10; SET bytea_output = 'escape'; SET standard_conforming_strings = off;
        SET search_path = evil, pg_catalog, public";
    let copy = |id: i64| {
        format!(
            "INSERT INTO stamp (id, at, f, i, b, label) SELECT {id}, at, f, i, b, label FROM stamp WHERE id = 1"
        )
    };
    let (mut plain, mut bent) = (case.connect("app").await, case.connect("app").await);
    run_on(&mut bent, hostile).await.unwrap();
    run_on(&mut plain, &copy(2)).await.unwrap();
    run_on(&mut bent, &copy(3)).await.unwrap();
    host.advance_to(Stop::Verify).await;
    let said = "SELECT DISTINCT said FROM stamp";
    let wanted =
        "2021-03-04 05:06:07.89+000.300000000000000041 year 2 days 03:00:00\\x5c00ffaMarch";
    assert_eq!(case.rows(said).await, wanted);
    host.advance_to(Stop::Shift(10)).await;
    run_on(&mut bent, &copy(4)).await.unwrap();
    let there_and_back = "UPDATE stamp SET i = i + '1 day' WHERE id = 2; UPDATE stamp SET i = i - '1 day' WHERE id = 2";
    run_on(&mut bent, there_and_back).await.unwrap();
    assert_eq!(case.rows(said).await, wanted);
}

#[tokio::test]
async fn partitions_have_the_rule_and_rows_may_move_between_them() {
    if !require_postgres() {
        return;
    }
    let setup = "CREATE TABLE part (id bigint, region text, balance integer NOT NULL, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
        CREATE TABLE part_eu PARTITION OF part FOR VALUES IN ('eu');
        CREATE TABLE part_us PARTITION OF part FOR VALUES IN ('us');
        INSERT INTO part SELECT n, CASE n % 2 WHEN 0 THEN 'eu' ELSE 'us' END, n FROM generate_series(1, 20) AS n";
    let cents = Change {
        table: "part",
        new: ("cents", "bigint"),
        up: "balance::bigint * 100",
        old: "balance",
        down: "(cents / 100)::int",
    };
    let (case, mut host) = Case::at(setup, &cents.text(), Stop::DualWrite).await;
    let row = |id: i64| format!("SELECT region, balance, cents FROM part WHERE id = {id}");
    case.app("UPDATE part SET region = 'us' WHERE id = 2").await;
    assert_eq!(case.rows(&row(2)).await, "us|2|200");
    let replica =
        "SET session_replication_role = replica; UPDATE part SET balance = 5 WHERE id = 4";
    case.run("postgres", replica).await.unwrap();
    assert_eq!(case.rows(&row(4)).await, "eu|5|500");
    host.advance_to(Stop::Shift(10)).await;
    // A row right by its new form moves without losing it, whoever moves it.
    case.app("UPDATE part SET cents = 650 WHERE id = 6").await;
    case.app("SET pilothouse.writer = 'old'; UPDATE part SET region = 'us' WHERE id = 6")
        .await;
    assert_eq!(case.rows(&row(6)).await, "us|6|650");
    case.app("INSERT INTO part_eu (id, region, balance) VALUES (50, 'eu', 1)")
        .await;
    assert_eq!(case.rows(&row(50)).await, "eu|1|100");
}
