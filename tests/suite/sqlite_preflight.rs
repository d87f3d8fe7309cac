//! What is known before the first write: refusals, listing, preflight.

use crate::contract_cases::cases::host;
use crate::contract_cases::{Fixture, route};
use crate::sqlite_fixture::{ITEMS, SqliteFixture, add_column, labels, migration};
use CheckVerdict::{Fail, Warn};
use pilothouse::base::{ShardName, Stop};
use pilothouse::migration::{Migration, Operation};
use pilothouse::shard::Direction;
use pilothouse::shard::sqlite::dialect::compile;
use pilothouse::worker::{CheckVerdict, Op, Reply};

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
    assert!(of(Stop::DualWrite, Direction::Undo).contains("DROP COLUMN \"tag\""));
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
