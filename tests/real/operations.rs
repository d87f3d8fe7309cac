//! Every operation, there and back: a roll back from anywhere restores the
//! exact schema, contract gives what the direct statements give, and an
//! engine may die after any call on either way.

use crate::bench::{Case, connect, database, endpoint, open, run_on, spec};
use crate::contract_cases::host::Host;
use crate::operation_cases::{BOTH, Both, OPS, Op};
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::rollout::{Job, Report};
use pilothouse::shard::{Direction, Frame, Shard};

const SCHEMAS: [&str; 2] = ["public", "shop"];

fn fill(text: &str, schema: &str) -> String {
    text.replace("{s}", schema)
}

async fn two_versions(op: &Op, schema: &str) -> Case {
    let setup = format!(
        "CREATE SCHEMA IF NOT EXISTS shop; {}",
        fill(op.setup, schema)
    );
    let versions = "versions = \"schemas\"\nversion = \"v2\"";
    let migration = format!("{versions}\n{}", fill(op.migration, schema));
    Case::new(&setup, &migration).await
}

async fn case(op: &Op, schema: &str) -> Case {
    let setup = format!(
        "CREATE SCHEMA IF NOT EXISTS shop; {}",
        fill(op.setup, schema)
    );
    Case::new(&setup, &fill(op.migration, schema)).await
}

/// The schema after the direct statements.
async fn direct(op: &Op, schema: &str) -> String {
    let setup = format!(
        "CREATE SCHEMA IF NOT EXISTS shop; {}",
        fill(op.setup, schema)
    );
    let (_lab, port, name) = database(&setup).await;
    let mut conn = connect(port, &name, "postgres").await;
    run_on(&mut conn, "SET ROLE owner").await.unwrap();
    let search = format!("SET search_path = {schema}");
    run_on(&mut conn, &search).await.unwrap();
    let done = run_on(&mut conn, &fill(op.direct, schema)).await;
    assert_eq!(done, Ok(()), "{}", op.name);
    crate::oracle::schema(port, &name)
}

/// The first line in which two dumps differ, with what is around it.
fn difference(found: &str, wanted: &str) -> Option<String> {
    if found == wanted {
        return None;
    }
    let mut pairs = found.lines().zip(wanted.lines());
    let at = pairs.position(|(a, b)| a != b).unwrap_or(0);
    let around = |text: &str| {
        let lines: Vec<&str> = text.lines().skip(at.saturating_sub(3)).take(12).collect();
        lines.join("\n")
    };
    Some(format!("{}\n--- wanted\n{}", around(found), around(wanted)))
}

/// The dump with the columns of every table sorted: what went and came back
/// stands at the end.
fn sorted(dump: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut table: Option<Vec<String>> = None;
    for line in dump.lines() {
        match &mut table {
            Some(columns) if line.starts_with(')') => {
                columns.sort();
                out.append(columns);
                out.push(line.to_owned());
                table = None;
            }
            Some(columns) => columns.push(line.trim_end_matches(',').to_owned()),
            None => {
                table = line.starts_with("CREATE TABLE ").then(Vec::new);
                out.push(line.to_owned());
            }
        }
    }
    out.join("\n")
}

#[track_caller]
fn same(found: &str, wanted: &str, what: &str) {
    if let Some(difference) = difference(found, wanted) {
        panic!("{what}: {difference}");
    }
}

#[tokio::test]
async fn every_operation_goes_there_and_back_under_writes() {
    if !require_postgres() {
        return;
    }
    for op in OPS {
        for schema in SCHEMAS {
            let what = format!("{} in {schema}", op.name);
            let case = case(op, schema).await;
            let writes = fill(op.writes, schema);
            let before = case.dump();
            let mut host = case.host();
            for stop in [Stop::Expand, Stop::Verify, Stop::Shift(100)] {
                host.advance_to(stop).await;
                case.app(&writes).await;
            }
            host.undo_to(Stop::Preflight).await;
            same(
                &case.dump(),
                &before,
                &format!("{what}, rolled back from shift"),
            );
            case.app(&writes).await;
            host.advance_to(Stop::Drop).await;
            same(
                &case.dump(),
                &direct(op, schema).await,
                &format!("{what}, done"),
            );
            host.undo_to(Stop::Preflight).await;
            same(
                &case.dump(),
                &before,
                &format!("{what}, rolled back from the end"),
            );
            case.app(&writes).await;
        }
    }
}

/// Goes on after the engine died, until the job is done.
async fn finish(host: &mut Host, job: Job) -> bool {
    let report = host.run(job).await;
    match (&report, &job) {
        (Some(Report::Finished { .. }), Job::Advance(_))
        | (Some(Report::Undone { .. }), Job::Undo(_)) => true,
        (Some(Report::Failed { .. }) | None, _) => false,
        other => panic!("{other:?}"),
    }
}

/// Does the jobs; after its nth effect the first engine is gone, and another
/// one takes over. Whether there was another effect after the nth.
async fn die_after(host: &mut Host, jobs: &[Job], effects: u32) -> bool {
    host.gone_after_effect = Some(host.effects + effects);
    let mut died = false;
    for job in jobs {
        if !finish(host, *job).await {
            assert!(!died, "{job:?} fails with an engine that lives");
            died = true;
            host.gone_after_effect = None;
            assert!(finish(host, *job).await, "{job:?} cannot be resumed");
        }
    }
    host.gone_after_effect = None;
    died
}

/// There and back on one database, once for every effect after which the
/// engine may die. How many there were.
async fn die_everywhere(case: &Case, name: &str, wanted: &str) -> u32 {
    let before = sorted(&case.dump());
    let mut host = case.host();
    let there: Vec<Job> = host.route.iter().copied().map(Job::Advance).collect();
    let back: Vec<Job> = host.route.iter().rev().copied().map(Job::Undo).collect();
    // Preflight has nothing to undo.
    let back = &back[..back.len() - 1];
    for effects in 1.. {
        let died = die_after(&mut host, &there, effects).await;
        let done = sorted(&case.dump_without("public_v2"));
        let what = format!("{name}, died after effect {effects} there");
        same(&done, &sorted(wanted), &what);
        let died = die_after(&mut host, back, effects).await || died;
        let what = format!("{name}, died after effect {effects} on the way back");
        same(&sorted(&case.dump()), &before, &what);
        if !died {
            return effects;
        }
    }
    0
}

#[tokio::test]
async fn an_engine_may_die_after_any_effect_of_any_operation() {
    if !require_postgres() {
        return;
    }
    let mut cuts = 0;
    for op in OPS {
        let case = case(op, "public").await;
        cuts += die_everywhere(&case, op.name, &direct(op, "public").await).await;
    }
    assert!(cuts > 100, "only {cuts} cuts");
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
        let found = crate::bench::texts_on(&mut app, &truth).await;
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
async fn what_cannot_be_is_refused_by_name_before_anything_is_touched() {
    if !require_postgres() {
        return;
    }
    let setup = "CREATE SCHEMA shop_v2;
        CREATE TABLE public.parent (id bigint PRIMARY KEY, a text UNIQUE, g text GENERATED ALWAYS AS (lower(a)) STORED, n integer);
        CREATE TABLE public.child (p text REFERENCES parent (a));
        CREATE VIEW public.seen AS SELECT n FROM parent;
        CREATE TABLE public.split (id bigint PRIMARY KEY, n integer) PARTITION BY RANGE (id);
        CREATE TABLE shop_v2.t (id bigint PRIMARY KEY); CREATE SCHEMA shop; CREATE TABLE shop.t (id bigint PRIMARY KEY, n integer)";
    let (_lab, port, name) = database(setup).await;
    let spec = spec(vec![endpoint(port, &name)], Vec::new());
    let versions = "versions = \"schemas\"\nversion = \"v2\"\n";
    for (migration, says) in [
        (
            "drop_table = { table = 'parent' }",
            "foreign key child_p_fkey of public.child",
        ),
        ("drop_table = { table = 'nobody' }", "not there"),
        (
            "drop_column = { table = 'parent', column = 'n' }",
            "view public.seen",
        ),
        ("drop_column = { table = 'parent', column = 'id' }", "key"),
        (
            "drop_index = { index = 'parent_a_key' }",
            "constraint parent_a_key needs it",
        ),
        (
            "create_index = { table = 'parent', name = 'child', keys = [{ column = 'n' }] }",
            "there is a public.child already",
        ),
        (
            "create_index = { table = 'split', name = 'i', keys = [{ column = 'n' }] }",
            "partitioned",
        ),
        (
            "create_index = { table = 'parent', name = 'i', keys = [{ column = 'x' }] }",
            "no column x",
        ),
        (
            "create_table = { table = 'parent', columns = [{ name = 'a', type = 'text' }] }",
            "there already",
        ),
        (
            "rename_column = { table = 'parent', from = 'n', to = 'a' }",
            "versions",
        ),
        (
            "rename_constraint = { table = 'parent', from = 'x', to = 'y' }",
            "no constraint x",
        ),
        (
            "set_replica_identity = { table = 'parent', identity = 'index', index = 'x' }",
            "no index x",
        ),
        (
            "alter_column = { table = 'parent', column = 'n', type = 'bigint' }",
            "rewrites",
        ),
        (
            "alter_column = { table = 'parent', column = 'id', nullable = true }",
            "primary key",
        ),
        (
            "alter_column = { table = 'parent', column = 'n', up = 'n + 1' }",
            "versions",
        ),
        (
            "V alter_column = { table = 'parent', column = 'a', up = 'a' }",
            "foreign key child_p_fkey of public.child",
        ),
        (
            "V alter_column = { table = 'parent', column = 'g', up = 'g' }",
            "filled in by the server",
        ),
        (
            "V alter_column = { table = 'shop.t', column = 'n', up = 'n' }",
            "there is a schema shop_v2 already",
        ),
        (
            "V rename_table = { table = 'parent', to = 'child' }",
            "there is a public.child already",
        ),
    ] {
        let (head, operation) = match migration.strip_prefix("V ") {
            Some(operation) => (versions, operation),
            None => ("", migration),
        };
        let text = format!("{head}[[operation]]\n{operation}");
        let refused = match open(&spec, &crate::bench::read(&text)).await {
            Ok(_) => panic!("accepted: {migration}"),
            Err(refused) => refused.to_string(),
        };
        assert!(refused.contains(says), "{migration}: {refused}");
    }
}

/// The way back by hand, as `plan --undo` prints it, for the night when
/// pilothouse itself is broken.
async fn undo_by_hand(case: &Case, from: Stop, what: &str) {
    let mut conn = case.connect("postgres").await;
    run_on(&mut conn, "SET ROLE owner; SET search_path = pg_catalog")
        .await
        .unwrap();
    let mut steps: Vec<_> = case.shard.plan().listing.iter().collect();
    steps.retain(|s| s.direction == Direction::Undo && (Stop::Expand..=from).contains(&s.stop));
    // Stops from the last to the first, the steps of each in their order.
    steps.sort_by_key(|step| std::cmp::Reverse(step.stop));
    for step in steps {
        let whole = step.sql.join(";\n");
        let statements = match step.frame {
            Frame::Transaction => vec![format!("BEGIN; {whole}; COMMIT")],
            Frame::Alone => step.sql.clone(),
        };
        for statement in statements {
            let done = run_on(&mut conn, &statement).await;
            assert_eq!(done, Ok(()), "{what}: {}: {statement}", step.title);
        }
    }
}

#[tokio::test]
async fn every_operation_can_be_undone_by_hand() {
    if !require_postgres() {
        return;
    }
    let both = BOTH.iter().map(|both| (&both.op, true));
    for (op, has_versions) in OPS.iter().map(|op| (op, false)).chain(both) {
        let case = match has_versions {
            true => two_versions(op, "shop").await,
            false => case(op, "shop").await,
        };
        let before = case.dump();
        let mut host = case.host();
        for from in [Stop::Shift(100), Stop::Drop] {
            host.advance_to(from).await;
            undo_by_hand(&case, from, op.name).await;
            let what = format!("{}, undone by hand from {from}", op.name);
            same(&sorted(&case.dump()), &sorted(&before), &what);
            // What pilothouse keeps of it is void now.
            let mut conn = case.connect("postgres").await;
            run_on(&mut conn, "DROP SCHEMA pilothouse CASCADE")
                .await
                .unwrap();
            host = case.host();
        }
    }
}
