//! Two versions at once: both are written, an engine may die, the old one comes
//! back, and the one before goes last.

use crate::bench::{Case, texts_on};
use crate::support::require_postgres;
use crate::there_and_back::{SCHEMAS, die_everywhere, direct, fill, same, sorted, two_versions};
use crate::version_cases::{BOTH, Both};
use pilothouse::base::Stop;

async fn in_both(case: &Case, both: &Both, schema: &str, what: &str) {
    let version = format!("{schema}_v2");
    let text = |sql: &str| fill(sql, schema).replace("{v}", &version);
    case.app(&text(both.op.writes)).await;
    // As clients of the new version come: by their path.
    let path = format!("SET search_path = {version}, {schema};");
    case.app(&format!("{path}{}", text(both.new_writes))).await;
    case.app(&text(both.op.writes)).await;
    for truth in both.truths {
        let truth = text(truth);
        let mut app = case.connect("app").await;
        let found = texts_on(&mut app, &truth).await;
        assert_eq!(found[0][0].as_deref(), Some("t"), "{what}: {truth}");
    }
    for (code, sql) in both.refused {
        case.refused(code, &format!("{path}{}", text(sql))).await;
    }
}

/// What a drop takes comes back, row by row, with what rows got that were
/// written in between.
#[tokio::test]
async fn a_dropped_column_comes_back_with_its_values() {
    if !require_postgres() {
        return;
    }
    let both = BOTH
        .iter()
        .find(|both| both.op.name.starts_with("drop_column"));
    let case = two_versions(&both.unwrap().op, "shop").await;
    let rows = "SELECT id, label, size, note FROM shop.item ORDER BY id";
    let before = case.rows(rows).await;
    let mut host = case.host();
    host.advance_to(Stop::Retire).await;
    let late = "UPDATE shop.item SET label = 'late' WHERE id = 4";
    case.refused("PH", late).await;
    host.advance_to(Stop::Drop).await;
    case.app("INSERT INTO shop.item (remark) VALUES ('between')")
        .await;
    case.app("DELETE FROM shop.item WHERE id = 7").await;
    host.undo_to(Stop::Preflight).await;
    let kept = before.replace("7|l7|7|n7, ", "");
    let between = ", 31|new 31|3|between";
    assert_eq!(case.rows(rows).await, format!("{kept}{between}"));
    case.app("UPDATE shop.item SET label = 'again' WHERE id = 4")
        .await;
}

#[tokio::test]
async fn two_versions_live_at_once_and_the_new_one_stays() {
    if !require_postgres() {
        return;
    }
    for both in BOTH {
        for schema in SCHEMAS {
            let what = format!("{} in {schema}", both.op.name);
            let case = two_versions(&both.op, schema).await;
            let before = case.dump();
            let mut host = case.host();
            let writes = fill(both.op.writes, schema);
            for stop in [Stop::Expand, Stop::DualWrite, Stop::Verify] {
                host.advance_to(stop).await;
                case.app(&writes).await;
                for table in ["person", "staff", "item"] {
                    let early = format!("SELECT 1 FROM {schema}_v2.{table}");
                    assert!(case.run("app", &early).await.is_err(), "{what}: {stop}");
                }
            }
            host.advance_to(Stop::Shift(100)).await;
            in_both(&case, both, schema, &what).await;
            host.undo_to(Stop::Preflight).await;
            same(
                &case.dump(),
                &before,
                &format!("{what}, rolled back from shift"),
            );
            case.app(&writes).await;
            host.advance_to(Stop::Shift(100)).await;
            in_both(&case, both, schema, &what).await;
            host.advance_to(Stop::Drop).await;
            let done = case.dump_without(&format!("{schema}_v2"));
            let wanted = sorted(&direct(&both.op, schema).await);
            same(&sorted(&done), &wanted, &format!("{what}, done"));
            host.undo_to(Stop::Preflight).await;
            let back = sorted(&case.dump());
            let what = format!("{what}, rolled back from the end");
            same(&back, &sorted(&before), &what);
            case.app(&writes).await;
        }
    }
}

/// A version over a version: the one before goes last, and a way back brings
/// it back with its views, defaults and rights.
#[tokio::test]
async fn the_version_before_goes_last_and_comes_back() {
    if !require_postgres() {
        return;
    }
    let first = BOTH
        .iter()
        .find(|both| both.op.name.contains("null allowed"));
    let case = two_versions(&first.unwrap().op, "shop").await;
    case.host().advance_to(Stop::Drop).await;
    let owner = "DROP SCHEMA pilothouse CASCADE;
        GRANT SELECT (rating) ON shop_v2.person TO PUBLIC; COMMENT ON COLUMN shop_v2.person.name IS 'who'";
    case.run("postgres", owner).await.unwrap();
    let before = case.dump();
    assert!(before.contains("CREATE VIEW shop_v2.person"), "{before}");
    let text = "versions = \"schemas\"\nversion = \"v3\"
[[operation]]
alter_column = { table = \"shop.person\", column = \"number\", type = \"bigint\", up = \"number::bigint\", down = \"number::integer\" }
[[operation]]
drop_column = { table = \"shop.person\", column = \"seen\" }
[[operation]]
rename_column = { table = \"shop.person\", from = \"name\", to = \"called\" }";
    let shard = case.another(text).await;
    let mut host = case.host_of(shard);
    host.advance_to(Stop::Shift(100)).await;
    let write = |version: &str, name: &str| {
        format!(
            "SET search_path = shop_{version}; INSERT INTO person ({name}, rating) VALUES ('{version}', '1')"
        )
    };
    case.app(&write("v2", "name")).await;
    case.app(&write("v3", "called")).await;
    let both = "SELECT (SELECT count(*) FROM shop_v2.person WHERE name IN ('v2', 'v3')), (SELECT count(number) FROM shop_v3.person WHERE called IN ('v2', 'v3'))";
    assert_eq!(case.rows(both).await, "2|2");
    host.undo_to(Stop::Preflight).await;
    same(&case.dump(), &before, "rolled back from shift");
    host.advance_to(Stop::Drop).await;
    let schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'shop\\_v%'";
    assert_eq!(case.rows(schemas).await, "shop_v3");
    case.app("SET search_path = shop_v3; INSERT INTO person (called) VALUES ('late')")
        .await;
    host.undo_to(Stop::Preflight).await;
    same(
        &sorted(&case.dump()),
        &sorted(&before),
        "rolled back from the end",
    );
    case.app("SET search_path = shop_v2; INSERT INTO person (name) VALUES ('again')")
        .await;
}

#[tokio::test]
async fn an_engine_may_die_after_any_effect_with_two_versions() {
    if !require_postgres() {
        return;
    }
    let mut cuts = 0;
    for both in BOTH {
        let op = &both.op;
        let case = two_versions(op, "public").await;
        cuts += die_everywhere(&case, op.name, &direct(op, "public").await).await;
    }
    assert!(cuts > 100, "only {cuts} cuts");
}
