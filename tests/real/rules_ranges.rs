//! Ranges are cut evenly and taken up where they were left; what the server
//! is set to, and what its roles may, is taken as it is.

use crate::bench::{Case, connect, database, endpoint, open, read, run_on, spec};
use crate::rules_authority::{ACCOUNT, CENTS};
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::fleet::Endpoint;
use pilothouse::shard::{SessionRole, Shard as _};
use pilothouse::worker::{Check, CheckVerdict, Op, Reply, RowJob, ShardCall, Step};

fn job_of(case: &Case, stop: Stop) -> RowJob {
    let steps = case.shard.plan().plan.stops[&stop].run.clone();
    let job = steps.into_iter().find_map(|step| match step {
        Step::Rows(job) => Some(job),
        _ => None,
    });
    job.unwrap()
}

/// Rows of `account` in each range, in order.
const PER_RANGE: &str = "SELECT (SELECT count(*) FROM account a
      WHERE (c.lo IS NULL OR a.id > c.lo[1]::bigint) AND (c.hi IS NULL OR a.id <= c.hi[1]::bigint))
    FROM pilothouse.checkpoint c ORDER BY c.range";

#[tokio::test]
async fn sparse_keys_are_cut_into_equal_ranges() {
    if !require_postgres() {
        return;
    }
    let sparse = "CREATE TABLE account (id bigint PRIMARY KEY, balance integer NOT NULL);
        INSERT INTO account SELECT n, n FROM generate_series(1, 4000) AS n;
        INSERT INTO account VALUES (9000000000000, 1), (9000000000001, 1)";
    let (case, mut host) = Case::at(sparse, CENTS, Stop::DualWrite).await;
    let job = job_of(&case, Stop::Backfill);
    let cut = host.ask(Op::Split { job, ranges: 4 }).await;
    assert!(matches!(&cut, Reply::Ranges(r) if r.len() == 4), "{cut:?}");
    let rows: Vec<u64> = case
        .rows(PER_RANGE)
        .await
        .split(", ")
        .map(|n| n.parse().unwrap())
        .collect();
    assert_eq!(rows.iter().sum::<u64>(), 4_002);
    assert!(rows.iter().all(|n| (900..=1_100).contains(n)), "{rows:?}");
}

#[tokio::test]
async fn a_stop_is_taken_up_only_on_the_ground_it_was_left_on() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ACCOUNT, CENTS, Stop::DualWrite).await;
    let job = job_of(&case, Stop::Backfill);
    let begin = Op::BeginStop {
        stop: Stop::Backfill,
        warrant: Default::default(),
    };
    host.ask(begin.clone()).await;
    host.ask(Op::Split { job, ranges: 2 }).await;
    let notes = "SELECT count(*) FROM pilothouse.checkpoint";
    assert_eq!(case.rows(notes).await, "2");
    // The same stop again: taken up.
    host.ask(begin.clone()).await;
    assert_eq!(case.rows(notes).await, "2");
    // Finished, and not told: still the same.
    let finished = "UPDATE pilothouse.registry SET ended = 'backfill'";
    case.run("postgres", finished).await.unwrap();
    host.ask(begin.clone()).await;
    assert_eq!(case.rows(notes).await, "2");
    // The shard has fallen back behind the stop before it.
    let fallen = "UPDATE pilothouse.registry SET ended = 'expand'";
    case.run("postgres", fallen).await.unwrap();
    host.ask(begin).await;
    assert_eq!(case.rows(notes).await, "0");
}

#[tokio::test]
async fn a_login_role_that_inherits_nothing_is_enough_to_measure() {
    if !require_postgres() {
        return;
    }
    let (lab, port, name) = database(ACCOUNT).await;
    let mut admin = connect(port, &name, "postgres").await;
    let make = "CREATE ROLE shy LOGIN NOINHERIT; GRANT owner TO shy";
    run_on(&mut admin, make).await.unwrap();
    let at = match endpoint(port, &name) {
        Endpoint::Postgres(mut at) => {
            at.user = "shy".into();
            Endpoint::Postgres(at)
        }
        other => panic!("{other:?}"),
    };
    let shard = open(&spec(vec![at], Vec::new()), &read(CENTS))
        .await
        .unwrap();
    let op = Op::TakeOver { known_epoch: 0 };
    let taken = shard
        .session(SessionRole::Lead)
        .call(ShardCall { epoch: 0, op })
        .await;
    assert_eq!(taken, Reply::TakenOver { epoch: 1 });
    for poll in ["first", "second"] {
        let found = shard.measure().await;
        let unknown: Vec<_> = found.iter().filter(|m| m.value.is_none()).collect();
        assert!(unknown.is_empty(), "{poll} poll: {unknown:?}");
        assert!(
            found.iter().any(|m| m.signal == "old_form_writes"),
            "{found:?}"
        );
    }
    // The quiet check reads the same two things.
    let mut lead = shard.session(SessionRole::Lead);
    let op = Op::Check("quiet".into());
    let quiet = lead.call(ShardCall { epoch: 1, op }).await;
    assert!(matches!(quiet, Reply::Checked(_)), "{quiet:?}");
    drop(lab);
}

#[tokio::test]
async fn preflight_compares_the_chunk_with_the_deadlock_check() {
    if !require_postgres() {
        return;
    }
    let case = Case::new(ACCOUNT, CENTS).await;
    let deadlock = async |case: &Case| -> Check {
        match case.host().ask(Op::Check("preflight".into())).await {
            Reply::Checked(checks) => checks
                .into_iter()
                .find(|c| c.name == "preflight/deadlock")
                .unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(deadlock(&case).await.verdict, CheckVerdict::Pass);
    let impatient = format!(
        "ALTER DATABASE {} SET deadlock_timeout = '300ms'",
        case.database
    );
    case.run("postgres", &impatient).await.unwrap();
    let found = deadlock(&case).await;
    assert_eq!(found.verdict, CheckVerdict::Warn, "{found:?}");
    assert!(found.value.contains("300 ms"), "{found:?}");
}
