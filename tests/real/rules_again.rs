//! What a rollout that was taken back leaves for the next one: nothing, and
//! no picture of the tables that was true before.

use crate::bench::{Case, connect, database, identity, open_as, read, run_on};
use crate::contract_cases::host::Host;
use crate::contract_cases::route;
use crate::support::require_postgres;
use crate::there_and_back::{same, sorted};
use pilothouse::base::Stop;
use pilothouse::rollout::{Job, Report};
use pilothouse::shard::Shard;
use pilothouse::worker::Op;
use std::sync::Arc;

const SETUP: &str = "CREATE TABLE t (id bigint PRIMARY KEY, n integer);
    INSERT INTO t SELECT n, n FROM generate_series(1, 20) n";
const WIDER: &str = "versions = \"schemas\"\nversion = \"v2\"
[[operation]]
alter_column = { table = \"t\", column = \"n\", type = \"bigint\", up = \"n\", down = \"n::integer\" }
";
const BY_HAND: &str = "CREATE INDEX t_n ON t (n); ALTER TABLE t ADD CONSTRAINT n_pos CHECK (n > 0),
    ALTER n SET NOT NULL, ALTER n SET DEFAULT 7";

/// As another rollout of the same shard.
async fn another(case: &Case, migration: &str, id: &str) -> Host {
    let spec = crate::bench::spec(
        vec![crate::bench::endpoint(case.port(), &case.database)],
        Vec::new(),
    );
    let mut identity = identity();
    identity.id = id.into();
    identity.plan_digest = pilothouse::base::Digest::of("test", &[id.as_bytes()]);
    match open_as(&spec, &read(migration), identity).await {
        Ok(shard) => Host::new(Arc::new(shard) as Arc<dyn Shard>, &route(), id),
        Err(found) => panic!("{found}"),
    }
}

#[tokio::test]
async fn after_a_way_back_the_tables_are_read_anew() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(SETUP, WIDER, Stop::Shift(100)).await;
    host.undo_to(Stop::Preflight).await;
    let by_hand = format!("SET ROLE owner; {BY_HAND}");
    case.run("postgres", &by_hand).await.unwrap();
    let mut again = case.host_of(case.another(WIDER).await);
    again.advance_to(Stop::Drop).await;
    let (_lab, port, name) = database(SETUP).await;
    let mut direct = connect(port, &name, "postgres").await;
    run_on(&mut direct, &by_hand).await.unwrap();
    run_on(&mut direct, "ALTER TABLE t ALTER n TYPE bigint")
        .await
        .unwrap();
    let wanted = sorted(&crate::oracle::schema(port, &name));
    same(&sorted(&case.dump_without("public_v2")), &wanted, "done");
}

#[tokio::test]
async fn another_rollout_follows_one_that_was_taken_back_and_no_other() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(SETUP, WIDER, Stop::Shift(100)).await;
    let index = "[[operation]]\ncreate_index = { table = \"t\", name = \"t_n\", keys = [{ column = \"n\" }] }";
    let mut next = another(&case, index, "r-2").await;
    let refused = next.run(Job::Advance(Stop::Snapshot)).await;
    let Some(Report::Failed { fault }) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(fault.code, "PH011", "{fault:?}");
    host.undo_to(Stop::Preflight).await;
    let mut next = another(&case, index, "r-2").await;
    next.advance_to(Stop::Drop).await;
    // What the first one kept is not its own to forget any more.
    let forgotten = case.shard.forget().await;
    let refused = forgotten.is_err_and(|fault| fault.what.contains("belongs to rollout r-2"));
    assert!(refused);
    assert!(case.dump().contains("CREATE INDEX t_n"), "{}", case.dump());
    // The first one finds itself replaced, and nothing of the second is its own.
    let refused = host.run(Job::Advance(Stop::Snapshot)).await;
    assert!(
        matches!(refused, Some(Report::Failed { .. })),
        "{refused:?}"
    );
}

/// Registered, and nothing begun yet: such a shard is somebody's, too.
#[tokio::test]
async fn a_shard_that_was_just_taken_over_belongs_to_its_rollout() {
    if !require_postgres() {
        return;
    }
    let case = Case::new(SETUP, WIDER).await;
    let mut host = case.host();
    host.ask(Op::TakeOver { known_epoch: 0 }).await;
    let registry = "SELECT rollout, migration, begun, ended, md5(catalog) FROM pilothouse.registry";
    let before = case.rows(registry).await;
    assert!(before.starts_with("r-1|change|-|-|"), "{before}");
    let index = "[[operation]]\ncreate_index = { table = \"t\", name = \"t_n\", keys = [{ column = \"n\" }] }";
    let mut next = another(&case, index, "r-2").await;
    let refused = next.run(Job::Advance(Stop::Snapshot)).await;
    assert!(
        matches!(&refused, Some(Report::Failed { fault }) if fault.code == "PH011"),
        "{refused:?}"
    );
    assert_eq!(case.rows(registry).await, before);
    host.advance_to(Stop::Verify).await;
}
