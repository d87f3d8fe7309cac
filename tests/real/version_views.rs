//! What applications do through the views of a version: row security,
//! RETURNING, ON CONFLICT, identity columns, COPY; and who belongs to no
//! version is named.

use crate::bench::{Case, run_on, texts_on, told};
use crate::contract_cases::host::Host;
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::rollout::{Job, Report};
use sqlx::PgConnection;

const SETUP: &str = "CREATE SCHEMA shop;
    CREATE TABLE shop.person (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      tenant text NOT NULL DEFAULT current_setting('app.tenant'), name text NOT NULL, age integer,
      CONSTRAINT once UNIQUE (tenant, name));
    INSERT INTO shop.person (tenant, name, age) SELECT 't' || n % 2, 'n' || n, n FROM generate_series(1, 20) n;
    ALTER TABLE shop.person ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON shop.person USING (tenant = current_setting('app.tenant', true))";

const MIGRATION: &str = r#"versions = "schemas"
version = "v2"
[[operation]]
alter_column = { table = "shop.person", column = "age", type = "text", up = "age::text", down = "age::integer" }
[[operation]]
rename_column = { table = "shop.person", from = "name", to = "full_name" }
[[client]]
name = "the shop"
version = "old"
schema = "shop"
sql = "SELECT name, age FROM person WHERE id = $1"
[[client]]
name = "the new shop"
version = "new"
schema = "shop"
sql = "SELECT full_name, age FROM person WHERE id = $1"
"#;

/// A client of one version and one tenant.
async fn client(case: &Case, path: &str) -> PgConnection {
    let mut conn = case.connect("app").await;
    let set = format!("SET search_path = {path}; SET app.tenant = 't1'");
    run_on(&mut conn, &set).await.unwrap();
    conn
}

async fn answers(conn: &mut PgConnection, sql: &str, wanted: &[&str]) {
    let rows = texts_on(conn, sql).await;
    let row: Vec<&str> = rows[0]
        .iter()
        .map(|v| v.as_deref().unwrap_or("-"))
        .collect();
    assert_eq!(row, wanted, "{sql}");
}

async fn refuses(conn: &mut PgConnection, sql: &str, code: &str) {
    let done = run_on(conn, sql).await;
    assert!(
        done.as_ref().is_err_and(|e| e.starts_with(code)),
        "{sql}: {done:?}"
    );
}

#[tokio::test]
async fn applications_use_views_like_tables() {
    if !require_postgres() {
        return;
    }
    let (case, _host) = Case::at(SETUP, MIGRATION, Stop::Shift(100)).await;
    // Row security is that of whoever asks, through the view too.
    let mut new = client(&case, "shop_v2").await;
    answers(&mut new, "SELECT count(*) FROM person", &["10"]).await;
    let insert = "INSERT INTO person (full_name, age) VALUES ('eve', '41')";
    answers(
        &mut new,
        &format!("{insert} RETURNING tenant, age"),
        &["t1", "41"],
    )
    .await;
    let stranger = "INSERT INTO person (tenant, full_name) VALUES ('t0', 'mallory')";
    refuses(&mut new, stranger, "42501").await;
    answers(
        &mut new,
        &format!("{insert} ON CONFLICT (tenant, full_name) DO UPDATE SET age = '42' RETURNING age"),
        &["42"],
    )
    .await;
    let by_name = format!("{insert} ON CONFLICT ON CONSTRAINT once DO NOTHING");
    // PostgreSQL itself: a view has no constraints.
    refuses(&mut new, &by_name, "42704").await;
    let update = "UPDATE person SET age = '43' WHERE full_name = 'eve' RETURNING age, full_name";
    answers(&mut new, update, &["43", "eve"]).await;
    let mut old = client(&case, "shop").await;
    answers(
        &mut old,
        "SELECT age FROM person WHERE name = 'eve'",
        &["43"],
    )
    .await;
    // Identity.
    let given = "INSERT INTO person (id, full_name) VALUES (1000, 'x')";
    refuses(&mut new, given, "428C9").await;
    let overriding = given.replace(" VALUES", " OVERRIDING SYSTEM VALUE VALUES");
    answers(&mut new, &format!("{overriding} RETURNING id"), &["1000"]).await;
    answers(
        &mut old,
        "INSERT INTO person (name, age) VALUES ('bob', 7) RETURNING age, id > 20",
        &["7", "t"],
    )
    .await;
    answers(
        &mut new,
        "SELECT age FROM person WHERE full_name = 'bob'",
        &["7"],
    )
    .await;
    answers(
        &mut new,
        "DELETE FROM person WHERE full_name = 'bob' RETURNING age",
        &["7"],
    )
    .await;
}

/// PostgreSQL copies into tables only; what the old version's COPY brings, the
/// new version sees, and what is copied out is a query.
#[tokio::test]
async fn copy_works_for_the_old_version_and_is_the_servers_refusal_for_a_view() {
    if !require_postgres() {
        return;
    }
    let (case, _host) = Case::at(SETUP, MIGRATION, Stop::Shift(10)).await;
    // Row security keeps COPY from everybody but the owner.
    let mut conn = case.connect("postgres").await;
    run_on(&mut conn, "SET ROLE owner; SET app.tenant = 't1'")
        .await
        .unwrap();
    let mut copy = conn
        .copy_in_raw("COPY shop.person (name, age) FROM STDIN")
        .await
        .unwrap();
    copy.send("carol\t50\n".as_bytes()).await.unwrap();
    assert_eq!(copy.finish().await.unwrap(), 1);
    let mut new = client(&case, "shop_v2").await;
    answers(
        &mut new,
        "SELECT age FROM person WHERE full_name = 'carol'",
        &["50"],
    )
    .await;
    let into_view = "COPY shop_v2.person (full_name) FROM STDIN";
    let refused = match conn.copy_in_raw(into_view).await {
        Ok(copy) => copy.finish().await,
        Err(error) => Err(error),
    };
    let refused = refused.map_err(|e| told(&e));
    assert!(
        refused.as_ref().is_err_and(|e| e.starts_with("42809")),
        "{refused:?}"
    );
}

/// What the newest stop has to tell about writers.
fn told_of_writers(host: &Host) -> Vec<String> {
    let Some(Report::Finished { evidence, .. }) = host.reports.last() else {
        panic!("{:?}", host.reports.last());
    };
    let notes = evidence.notes.iter();
    notes
        .filter(|n| n.starts_with("shift/writers"))
        .cloned()
        .collect()
}

#[tokio::test]
async fn writers_of_no_version_are_counted_and_named() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(SETUP, MIGRATION, Stop::Shift(10)).await;
    for path in ["shop_v2", "shop", "pg_catalog, shop_v2, shop"] {
        let mut conn = client(&case, path).await;
        let write = "UPDATE shop.person SET age = age + 1 WHERE tenant = 't1'";
        run_on(&mut conn, write).await.unwrap();
    }
    let mut labelled = client(&case, "pg_catalog").await;
    let write = "SET pilothouse.writer = 'old'; UPDATE shop.person SET age = age + 1 WHERE id = 1";
    run_on(&mut labelled, write).await.unwrap();
    let noted = "SELECT count(*) FROM pilothouse.unlabelled_writer";
    assert_eq!(case.rows(noted).await, "0");
    assert_eq!(told_of_writers(&host), Vec::<String>::new());
    let mut job = client(&case, "pg_catalog").await;
    let write = "SET application_name = 'nightly job'; UPDATE shop.person SET age = age + 1 WHERE id IN (1, 3)";
    run_on(&mut job, write).await.unwrap();
    host.advance_to(Stop::Shift(100)).await;
    let told = told_of_writers(&host);
    assert_eq!(told.len(), 1, "{told:?}");
    let wanted = "2 writes by sessions of no version: nightly job as app (1)";
    assert!(told[0].contains(wanted), "{told:?}");
}

/// A policy that holds for the migrating role would hide rows from backfill and
/// proof.
#[tokio::test]
async fn rows_that_a_policy_hides_from_us_stop_the_migration() {
    if !require_postgres() {
        return;
    }
    let forced = format!("{SETUP}; ALTER TABLE shop.person FORCE ROW LEVEL SECURITY");
    let case = Case::new(&forced, MIGRATION).await;
    let mut host = case.host();
    let report = host.run(Job::Advance(Stop::Preflight)).await;
    let Some(Report::Failed { fault }) = &report else {
        panic!("{report:?}");
    };
    let what = "row security of \"shop\".\"person\" holds for its owner too";
    assert!(fault.what.contains(what), "{fault:?}");
    // Without the check it would be an error, never a part of the rows.
    case.run(
        "postgres",
        "ALTER TABLE shop.person NO FORCE ROW LEVEL SECURITY",
    )
    .await
    .unwrap();
    host.advance_to(Stop::DualWrite).await;
    case.run(
        "postgres",
        "ALTER TABLE shop.person FORCE ROW LEVEL SECURITY",
    )
    .await
    .unwrap();
    let report = host.run(Job::Advance(Stop::Backfill)).await;
    let Some(Report::Failed { fault }) = &report else {
        panic!("{report:?}");
    };
    assert!(fault.what.contains("row-level security"), "{fault:?}");
}

/// What the new version changes, the old one sees in the column that goes.
#[tokio::test]
async fn a_column_that_goes_follows_what_the_new_version_writes() {
    if !require_postgres() {
        return;
    }
    let setup = "CREATE SCHEMA shop; CREATE TABLE shop.person (id bigint PRIMARY KEY, given text, family text, full_name text NOT NULL);
        INSERT INTO shop.person SELECT n, 'g' || n, 'f' || n, 'g' || n || ' f' || n FROM generate_series(1, 5) n";
    let migration = "versions = \"schemas\"\nversion = \"v2\"\n[[operation]]
drop_column = { table = \"shop.person\", column = \"full_name\", down = \"given || ' ' || family\" }";
    let (case, mut host) = Case::at(setup, migration, Stop::Shift(100)).await;
    let name = async |id: u8| {
        let rows = format!("SELECT full_name FROM shop.person WHERE id = {id}");
        case.rows(&rows).await
    };
    let mut new = client(&case, "shop_v2").await;
    run_on(&mut new, "UPDATE person SET family = 'New' WHERE id = 1")
        .await
        .unwrap();
    assert_eq!(name(1).await, "g1 New");
    run_on(&mut new, "INSERT INTO person VALUES (9, 'a', 'b')")
        .await
        .unwrap();
    assert_eq!(name(9).await, "a b");
    // Who knows the column says what it is, or leaves it alone on purpose.
    let mut old = client(&case, "shop").await;
    run_on(&mut old, "UPDATE person SET family = 'Old' WHERE id = 2")
        .await
        .unwrap();
    assert_eq!(name(2).await, "g2 f2");
    let both = "UPDATE person SET family = 'Old', full_name = 'X' WHERE id = 3";
    run_on(&mut old, both).await.unwrap();
    assert_eq!(name(3).await, "X");
    let mut job = client(&case, "pg_catalog").await;
    run_on(&mut job, "UPDATE shop.person SET family = 'J' WHERE id = 4")
        .await
        .unwrap();
    assert_eq!(name(4).await, "g4 f4");
    // Retired, it cannot be changed by clients, and follows all the same.
    host.advance_to(Stop::Retire).await;
    run_on(&mut new, "UPDATE person SET given = 'N' WHERE id = 1")
        .await
        .unwrap();
    assert_eq!(name(1).await, "N New");
    refuses(
        &mut old,
        "UPDATE person SET full_name = 'late' WHERE id = 3",
        "PH",
    )
    .await;
    host.undo_to(Stop::Shift(100)).await;
    run_on(
        &mut old,
        "UPDATE person SET full_name = 'again' WHERE id = 3",
    )
    .await
    .unwrap();
    host.advance_to(Stop::Drop).await;
    host.undo_to(Stop::Preflight).await;
    assert_eq!(name(1).await, "N New");
    assert_eq!(name(3).await, "again");
}
