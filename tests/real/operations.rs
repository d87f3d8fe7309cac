//! Every operation, there and back: a roll back from anywhere restores the
//! exact schema, contract gives what the direct statements give, and an
//! engine may die after any call on either way.

use crate::bench::{Case, database, endpoint, open, run_on, spec};
use crate::operation_cases::OPS;
use crate::support::require_postgres;
use crate::there_and_back::{
    SCHEMAS, case, die_everywhere, direct, fill, same, sorted, two_versions,
};
use crate::version_cases::BOTH;
use pilothouse::base::Stop;
use pilothouse::shard::{Direction, Frame, Shard};

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
async fn what_cannot_be_is_refused_by_name_before_anything_is_touched() {
    if !require_postgres() {
        return;
    }
    let setup = "CREATE SCHEMA shop_v2;
        CREATE TABLE public.parent (id bigint PRIMARY KEY, a text UNIQUE, g text GENERATED ALWAYS AS (lower(a)) STORED, n integer);
        CREATE TABLE public.child (p text REFERENCES parent (a), v varchar(3), w varchar(3)); CREATE VIEW public.narrow AS SELECT w FROM public.child;
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
            "alter_column = { table = 'parent', column = 'n', drop_constraints = ['parent_a_key'] }",
            "parent_a_key is not over column n",
        ),
        (
            "alter_column = { table = 'shop.t', column = 'n', drop_constraints = ['x'] }",
            "no constraint x",
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
            "V alter_column = { table = 'child', column = 'v', type = 'varchar(9)' }",
            "shown by a version's view",
        ),
        (
            "alter_column = { table = 'child', column = 'w', type = 'varchar(9)' }",
            "needed by view public.narrow",
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
