//! What is known before the first write: refusals, listing, preflight.

use crate::contract_cases::cases::host;
use crate::contract_cases::host::Host;
use crate::contract_cases::{Fixture, route};
use crate::sqlite_fixture::{
    ITEMS, SqliteFixture, add_column, dump, labels, migration, open, texts,
};
use CheckVerdict::{Fail, Warn};
use pilothouse::base::{ShardName, Stop};
use pilothouse::migration::{Migration, Operation};
use pilothouse::shard::sqlite::dialect::compile;
use pilothouse::shard::{Direction, FleetFacts, Shapes};
use pilothouse::worker::{Check, CheckVerdict, Op, Reply};
use std::path::Path;
use std::sync::Arc;

/// Schema, the check that must speak up, `up`, and what it must say.
const OBSTACLES: &[(&str, &str, &str, CheckVerdict)] = &[
    (ITEMS, "preflight/expression", "lower(nosuch)", Fail),
    (ITEMS, "preflight/deterministic", "label || random()", Fail),
    (ITEMS, "preflight/deterministic", "datetime('now')", Fail),
    (
        ITEMS,
        "preflight/deterministic",
        "label || CURRENT_DATE",
        Fail,
    ),
    (
        "CREATE TABLE item (id INTEGER PRIMARY KEY, label, g AS (upper(label)))",
        "preflight/generated_column",
        "g",
        Fail,
    ),
    (
        "CREATE TABLE other (a)",
        "preflight/table_exists",
        "label",
        Fail,
    ),
    (
        "CREATE TABLE item (label)",
        "preflight/usable_key",
        "label",
        Fail,
    ),
    (
        "CREATE TABLE item (id TEXT PRIMARY KEY, label)",
        "preflight/usable_key",
        "label",
        Fail,
    ),
    (
        "CREATE TABLE item (id INTEGER PRIMARY KEY, label, tag)",
        "preflight/column_absent",
        "label",
        Fail,
    ),
    (
        "CREATE TABLE item (id INTEGER PRIMARY KEY, label UNIQUE)",
        "preflight/old_column_droppable",
        "label",
        Fail,
    ),
    (
        "CREATE TABLE item (id INTEGER PRIMARY KEY, label NOT NULL)",
        "preflight/old_column_optional",
        "label",
        Warn,
    ),
    (
        "CREATE TABLE item (id INTEGER PRIMARY KEY, label); CREATE TABLE pilothouse_x (a)",
        "preflight/leftovers",
        "label",
        Fail,
    ),
    (
        "CREATE TABLE item (id INTEGER PRIMARY KEY, label); INSERT INTO item VALUES (1, 'A')",
        "preflight/round_trip",
        "lower(label)",
        Warn,
    ),
    (
        "CREATE TABLE item (id INTEGER PRIMARY KEY, label); CREATE TRIGGER t AFTER UPDATE ON item BEGIN SELECT 1; END",
        "preflight/user_triggers",
        "label",
        Fail,
    ),
];

fn refusal(migration: &Migration) -> String {
    let name = ShardName::new("s1").unwrap();
    compile(migration, &route(), &name, None)
        .unwrap_err()
        .to_string()
}

#[test]
fn operations_for_postgresql_alone_are_refused_by_name() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/operations.toml");
    let example = pilothouse::migration::load(&example).unwrap().migration;
    assert!(refusal(&example).contains("versions = \"none\""));
    for operation in example.operations {
        let word = operation.word();
        if !matches!(operation, Operation::AddColumn(_) | Operation::Sql(_)) {
            let says = refusal(&migration(vec![operation]));
            assert!(says.contains(word), "{word}: {says}");
        }
    }
}

#[test]
fn what_sqlite_cannot_do_is_refused_before_it_is_tried() {
    let mut add = add_column("item", "tag", "label", &[]);
    add.nullable = false;
    let says = refusal(&migration(vec![Operation::AddColumn(add.clone())]));
    assert!(
        says.contains("NOT NULL") && says.contains("constant DEFAULT"),
        "{says}"
    );
    for default in ["CURRENT_TIMESTAMP", "(1 + 1)", "random()"] {
        add.default = Some(default.into());
        let says = refusal(&migration(vec![Operation::AddColumn(add.clone())]));
        assert!(says.contains(default), "{says}");
    }
    for default in ["0", "-1.5", "'x''y'", "x'00ff'", "TRUE"] {
        add.default = Some(default.into());
        let name = ShardName::new("s1").unwrap();
        let all = migration(vec![Operation::AddColumn(add.clone())]);
        compile(&all, &route(), &name, None).unwrap();
    }
    for up in [
        "label; DROP TABLE item",
        "label -- x",
        "(label",
        "label)",
        "",
        "?1",
        "tag || 'x'",
    ] {
        let add = add_column("item", "tag", up, &[]);
        refusal(&migration(vec![Operation::AddColumn(add)]));
    }
}

#[test]
fn the_listing_shows_every_statement_and_its_lock() {
    let name = ShardName::new("s1").unwrap();
    let compiled = compile(&labels(), &route(), &name, None).unwrap();
    let all = compiled.plan.listing;
    let of = |stop, direction| {
        let wanted = all
            .iter()
            .filter(|l| l.stop == stop && l.direction == direction);
        wanted
            .flat_map(|l| l.sql.clone())
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(of(Stop::Expand, Direction::Run).contains("ADD COLUMN \"tag\" TEXT"));
    assert!(of(Stop::DualWrite, Direction::Run).contains("CREATE TRIGGER"));
    // A person who runs the way back meets every statement once.
    assert!(of(Stop::DualWrite, Direction::Undo).contains("DROP TRIGGER"));
    assert!(!of(Stop::DualWrite, Direction::Undo).contains("DROP COLUMN"));
    assert!(of(Stop::Expand, Direction::Undo).contains("DROP COLUMN \"tag\""));
    assert!(of(Stop::Preflight, Direction::Undo).contains("DROP TABLE IF EXISTS pilothouse_fence"));
    assert!(of(Stop::Backfill, Direction::Run).contains("UPDATE \"item\" SET"));
    assert!(of(Stop::Drop, Direction::Run).contains("DROP COLUMN \"label\""));
    assert!(of(Stop::Drop, Direction::Undo).contains("pilothouse_export_0"));
    assert!(all.iter().all(|l| !l.lock.is_empty()));
}

async fn preflight(fixture: &SqliteFixture) -> Vec<(String, CheckVerdict)> {
    let mut host = host(fixture);
    match host.ask(Op::Check("preflight".into())).await {
        Reply::Checked(checks) => checks.into_iter().map(|c| (c.name, c.verdict)).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn preflight_names_what_stands_in_the_way() {
    for (sql, name, up, verdict) in OBSTACLES {
        let add = add_column("item", "tag", up, &[("label", "tag")]);
        let fixture = SqliteFixture::with(sql, &migration(vec![Operation::AddColumn(add)])).await;
        let found = preflight(&fixture).await;
        assert!(
            found.contains(&((*name).to_owned(), *verdict)),
            "{sql}, {up}: {found:?}"
        );
    }
    let good = preflight(&SqliteFixture::new(5).await).await;
    assert!(
        good.iter().all(|(_, v)| *v == CheckVerdict::Pass),
        "{good:?}"
    );
}

fn fleet_of(shapes: &Shapes, disk_free_bytes_min: Option<u64>) -> FleetFacts {
    FleetFacts {
        shapes: shapes.clone(),
        slot_wal_bytes_max: None,
        disk_free_bytes_min,
    }
}

async fn told(fixture: &SqliteFixture, fleet: FleetFacts, name: &str) -> Vec<Check> {
    let shard = open(name, &fixture.path, &labels(), &fixture.flags).with_fleet(fleet);
    let mut host = Host::new(Arc::new(shard), &route(), "r-1");
    match host.ask(Op::Check("preflight".into())).await {
        Reply::Checked(checks) => checks,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_odd_file_is_told_what_differs() {
    let shapes = Shapes::default();
    let files = [
        ITEMS,
        "CREATE TABLE item (label TEXT, id INTEGER PRIMARY KEY)",
        "CREATE TABLE item (id INTEGER PRIMARY KEY, label BLOB)",
    ];
    let mut fixtures = Vec::new();
    for (n, sql) in files.iter().enumerate() {
        let fixture = SqliteFixture::with(sql, &labels()).await;
        let name = format!("s{n}");
        let shard = open(&name, &fixture.path, &labels(), &fixture.flags);
        shard.with_fleet(fleet_of(&shapes, None)).post_shape().await;
        fixtures.push((name, fixture));
    }
    let mut said = Vec::new();
    for (name, fixture) in &fixtures {
        let before = dump(&fixture.path).await;
        let checks = told(fixture, fleet_of(&shapes, None), name).await;
        let drift: Vec<_> = checks
            .iter()
            .filter(|c| c.name == "preflight/drift")
            .collect();
        assert_eq!(drift.len(), 1);
        said.push((drift[0].verdict, drift[0].value.clone()));
        assert_eq!(dump(&fixture.path).await, before);
    }
    assert_eq!(said[0].0, CheckVerdict::Pass, "{said:?}");
    assert_eq!(said[1].0, CheckVerdict::Pass, "{said:?}");
    let odd = "item column label is BLOB here, TEXT on 2 of 3 shards";
    assert_eq!(said[2], (Fail, odd.to_owned()));
}

#[tokio::test]
async fn a_disk_that_is_too_full_is_told_before_anything_is_written() {
    let fixture = SqliteFixture::new(5).await;
    let disk = |checks: Vec<Check>| {
        checks
            .into_iter()
            .find(|c| c.name == "preflight/disk")
            .unwrap()
    };
    let roomy = told(&fixture, fleet_of(&Shapes::default(), Some(1)), "s1").await;
    assert_eq!(disk(roomy).verdict, CheckVerdict::Pass);
    let full = told(&fixture, fleet_of(&Shapes::default(), Some(u64::MAX)), "s1").await;
    assert_eq!(disk(full).verdict, Fail);
}

#[tokio::test]
async fn the_file_keeps_receipts_and_heads_and_voids_them_with_the_generation() {
    let fixture = SqliteFixture::new(20).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Verify).await;
    let receipts = "SELECT stop, generation, rows, stale FROM pilothouse_receipts ORDER BY stop";
    let words = |row: [&str; 4]| row.map(|w| Some(w.to_owned())).to_vec();
    let whole = [
        words(["backfill", "1", "20", "0"]),
        words(["verify", "1", "20", "0"]),
    ];
    assert_eq!(texts(&fixture.path, receipts).await, whole);
    let head = format!("7:{}", "ab".repeat(32)).parse().unwrap();
    let stop = Stop::Verify;
    let warrant = pilothouse::worker::Warrant {
        head,
        approvals: vec!["1f00c2d3".into()],
    };
    host.ask(Op::BeginStop { stop, warrant }).await;
    let witness = "SELECT stop FROM pilothouse_witness WHERE seq = 7";
    assert_eq!(
        texts(&fixture.path, witness).await,
        [[Some("verify".to_owned())]]
    );
    host.ask(Op::MendDualWrite).await;
    assert!(texts(&fixture.path, receipts).await.is_empty());
}
