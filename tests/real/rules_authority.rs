//! Who may write what, statement by statement, under each authority.

use crate::bench::{Case, run_on, texts_on};
use crate::contract_cases::host::Host;
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::shard::{SessionRole, Shard as _};
use pilothouse::worker::{ErrorKind, Key, Op, Reply, RowJob, ShardCall, Step};

pub const ACCOUNT: &str =
    "CREATE TABLE account (id bigint PRIMARY KEY, balance integer NOT NULL, note text);
    INSERT INTO account SELECT n, n, 'old' FROM generate_series(1, 20) AS n";

pub const CENTS: &str = r#"
[[operation]]
[operation.add_column]
table = "account"
column = { name = "cents", type = "bigint", nullable = false }
up = "balance::bigint * 100"
down = { balance = "(cents / 100)::int" }
"#;

async fn row(case: &Case, id: i64) -> String {
    let sql = format!("SELECT balance, cents FROM account WHERE id = {id}");
    case.rows(&sql).await
}

/// Writes that must succeed, and what the row looks like afterwards.
async fn write(case: &Case, writes: &[(&str, i64, &str)]) {
    for (sql, id, wanted) in writes {
        case.app(sql).await;
        assert_eq!(row(case, *id).await, *wanted, "{sql}");
    }
}

#[tokio::test]
async fn under_old_every_write_makes_the_new_form() {
    if !require_postgres() {
        return;
    }
    let (case, _host) = Case::at(ACCOUNT, CENTS, Stop::DualWrite).await;
    assert_eq!(row(&case, 1).await, "1|-", "not filled yet");
    let upsert = "INSERT INTO account (id, balance) VALUES (3, 7) ON CONFLICT (id) DO UPDATE SET balance = excluded.balance + 1";
    let savepoint = "BEGIN; INSERT INTO account (id, balance) VALUES (102, 1); SAVEPOINT s;
        UPDATE account SET balance = 9 WHERE id = 102; ROLLBACK TO s; COMMIT";
    write(
        &case,
        &[
            (
                "INSERT INTO account (id, balance) VALUES (100, 5)",
                100,
                "5|500",
            ),
            (
                "UPDATE account SET balance = 6 WHERE id = 100",
                100,
                "6|600",
            ),
            // Rows that the backfill has not reached.
            (
                "UPDATE account SET note = 'touched' WHERE id = 1",
                1,
                "1|100",
            ),
            ("UPDATE account SET id = 101 WHERE id = 2", 101, "2|200"),
            (upsert, 3, "8|800"),
            (savepoint, 102, "1|100"),
            // Exactly what up makes may be written by hand.
            (
                "INSERT INTO account (id, balance, cents) VALUES (103, 4, 400)",
                103,
                "4|400",
            ),
            (
                "UPDATE account SET balance = 5, cents = 500 WHERE id = 103",
                103,
                "5|500",
            ),
            ("UPDATE account SET cents = 400 WHERE id = 4", 4, "4|400"),
        ],
    )
    .await;
    let mut conn = case.connect("app").await;
    let copy = "COPY account (id, balance) FROM STDIN";
    let mut copy = conn.copy_in_raw(copy).await.unwrap();
    copy.send(b"104\t44\n105\t45\n".as_slice()).await.unwrap();
    copy.finish().await.unwrap();
    assert_eq!(row(&case, 105).await, "45|4500");
    // A logical subscriber writes as a replica; ENABLE ALWAYS fires for it.
    let replica =
        "SET session_replication_role = replica; UPDATE account SET balance = 46 WHERE id = 105";
    case.run("postgres", replica).await.unwrap();
    assert_eq!(row(&case, 105).await, "46|4600");
}

#[tokio::test]
async fn under_old_the_new_column_is_closed() {
    if !require_postgres() {
        return;
    }
    let (case, _host) = Case::at(ACCOUNT, CENTS, Stop::DualWrite).await;
    case.app("UPDATE account SET note = 'filled' WHERE id = 2")
        .await;
    let all = "SELECT * FROM account ORDER BY id";
    let before = case.rows(all).await;
    for sql in [
        "INSERT INTO account (id, balance, cents) VALUES (200, 5, 501)",
        "UPDATE account SET cents = 7 WHERE id = 1",
        "UPDATE account SET cents = 7 WHERE id = 2",
        "UPDATE account SET cents = NULL WHERE id = 2",
        "UPDATE account SET balance = 3, cents = 301 WHERE id = 2",
        "INSERT INTO account (id, balance) VALUES (2, 1) ON CONFLICT (id) DO UPDATE SET cents = 1",
        "SET pilothouse.writer = 'new'; UPDATE account SET cents = 7 WHERE id = 2",
    ] {
        case.refused("PH001", sql).await;
    }
    assert_eq!(case.rows(all).await, before);
}

#[tokio::test]
async fn under_both_the_side_that_changed_wins() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ACCOUNT, CENTS, Stop::Shift(10)).await;
    let labelled = |label: &str, id: i64| {
        format!(
            "SET pilothouse.writer = '{label}'; INSERT INTO account (id, balance, cents) VALUES ({id}, 3, 999)"
        )
    };
    let upsert = "INSERT INTO account (id, cents) VALUES (306, 120) ON CONFLICT (id) DO UPDATE SET cents = excluded.cents";
    write(
        &case,
        &[
            ("UPDATE account SET balance = 7 WHERE id = 1", 1, "7|700"),
            // down is lossy: the new value stays as it was written.
            ("UPDATE account SET cents = 850 WHERE id = 1", 1, "8|850"),
            ("UPDATE account SET note = 'other' WHERE id = 1", 1, "8|850"),
            ("UPDATE account SET id = 301 WHERE id = 1", 301, "8|850"),
            (
                "UPDATE account SET balance = 9, cents = 900 WHERE id = 2",
                2,
                "9|900",
            ),
            (
                "UPDATE account SET balance = 9, cents = 950 WHERE id = 2",
                2,
                "9|950",
            ),
            (
                "INSERT INTO account (id, balance) VALUES (302, 3)",
                302,
                "3|300",
            ),
            (
                "INSERT INTO account (id, cents) VALUES (303, 350)",
                303,
                "3|350",
            ),
            (
                "INSERT INTO account (id, balance, cents) VALUES (304, 3, 350)",
                304,
                "3|350",
            ),
            (&labelled("old", 305), 305, "3|300"),
            (&labelled("new", 306), 306, "9|999"),
            (upsert, 306, "1|120"),
        ],
    )
    .await;
    for sql in [
        "UPDATE account SET balance = 1, cents = 999 WHERE id = 3",
        "INSERT INTO account (id, balance, cents) VALUES (307, 1, 999)",
    ] {
        case.refused("PH003", sql).await;
    }
    assert_eq!(row(&case, 3).await, "3|300");
    host.undo_to(Stop::Verify).await;
    case.refused("PH001", "UPDATE account SET cents = 1 WHERE id = 3")
        .await;
}

#[tokio::test]
async fn under_new_the_old_column_is_retired_and_still_right() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ACCOUNT, CENTS, Stop::Retire).await;
    write(
        &case,
        &[
            ("UPDATE account SET cents = 799 WHERE id = 1", 1, "7|799"),
            ("UPDATE account SET note = 'x' WHERE id = 1", 1, "7|799"),
            (
                "INSERT INTO account (id, cents) VALUES (400, 450)",
                400,
                "4|450",
            ),
            (
                "UPDATE account SET cents = 500, balance = 5 WHERE id = 400",
                400,
                "5|500",
            ),
        ],
    )
    .await;
    for sql in [
        "UPDATE account SET balance = 1 WHERE id = 2",
        "UPDATE account SET balance = 1, cents = 200 WHERE id = 2",
        "INSERT INTO account (id, balance) VALUES (401, 4)",
        "SET pilothouse.writer = 'old'; UPDATE account SET balance = 1 WHERE id = 2",
    ] {
        case.refused("PH002", sql).await;
    }
    assert_eq!(row(&case, 2).await, "2|200");
    host.undo_to(Stop::Shift(100)).await;
    write(
        &case,
        &[("UPDATE account SET balance = 1 WHERE id = 2", 2, "1|100")],
    )
    .await;
    assert_eq!(row(&case, 1).await, "7|799", "the undo overruled nobody");
}

#[tokio::test]
async fn the_application_needs_no_right_of_ours_and_gets_none() {
    if !require_postgres() {
        return;
    }
    // A hardened database: functions are for nobody by default.
    let setup =
        format!("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; {ACCOUNT}");
    let (case, mut host) = Case::at(&setup, CENTS, Stop::DualWrite).await;
    for (stop, sql) in [
        (
            Stop::DualWrite,
            "UPDATE account SET balance = balance + 1 WHERE id < 5",
        ),
        (
            Stop::Shift(10),
            "UPDATE account SET balance = balance + 1 WHERE id < 5",
        ),
        (
            Stop::Retire,
            "UPDATE account SET cents = cents + 100 WHERE id < 5",
        ),
    ] {
        host.advance_to(stop).await;
        case.app(sql).await;
        for sql in [
            "SELECT * FROM pilothouse.fence",
            "SELECT pilothouse.disarm()",
            "SELECT nextval('pilothouse.old_write_count')",
            "DELETE FROM pilothouse.dual_write",
        ] {
            case.refused("42501", sql).await;
        }
    }
    assert_eq!(row(&case, 4).await, "7|700");
}

#[tokio::test]
async fn a_temporary_type_of_the_application_runs_nothing_with_our_rights() {
    if !require_postgres() {
        return;
    }
    let (case, _host) = Case::at(ACCOUNT, CENTS, Stop::Shift(10)).await;
    let mut conn = case.connect("app").await;
    let trap =
        "CREATE FUNCTION pg_temp.spring(x pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'ran as %', current_user; END $$;
        CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.spring(VALUE))";
    run_on(&mut conn, trap).await.unwrap();
    let write = "SET pilothouse.writer = 'old'; INSERT INTO account (id, balance) VALUES (500, 5)";
    assert_eq!(run_on(&mut conn, write).await, Ok(()));
}

fn fill(host: &Host) -> RowJob {
    let steps = &host.shard.plan().plan.stops[&Stop::Backfill].run;
    let job = steps.iter().find_map(|step| match step {
        Step::Rows(job) => Some(job.clone()),
        _ => None,
    });
    job.unwrap()
}

#[tokio::test]
async fn during_the_backfill_keys_move_both_ways_and_the_new_form_stays_closed() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ACCOUNT, CENTS, Stop::DualWrite).await;
    let job = fill(&host);
    let ranges = 1;
    host.ask(Op::Split {
        job: job.clone(),
        ranges,
    })
    .await;
    let (range, after, rows) = (0, None, 10);
    let Reply::Chunk(done) = host
        .ask(Op::Chunk {
            job,
            range,
            after,
            rows,
        })
        .await
    else {
        panic!("no chunk")
    };
    assert_eq!(done.after, Some(Key(vec!["10".into()])));
    case.app("UPDATE account SET id = -5 WHERE id = 15; UPDATE account SET id = 50 WHERE id = 5")
        .await;
    case.refused("PH001", "UPDATE account SET cents = 1 WHERE id = 3")
        .await;
    case.refused("PH001", "UPDATE account SET cents = 1 WHERE id = 16")
        .await;
    host.advance_to(Stop::Verify).await;
    let wrong = "SELECT count(*) FROM account WHERE cents IS DISTINCT FROM balance * 100";
    assert_eq!(case.rows(wrong).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_lock_cycle_we_give_way_and_the_application_never_does() {
    if !require_postgres() {
        return;
    }
    const ROUNDS: i64 = 15;
    let setup = ACCOUNT.replace("series(1, 20)", "series(1, 400)");
    let (case, mut host) = Case::at(&setup, CENTS, Stop::DualWrite).await;
    let job = fill(&host);
    let ranges = 1;
    host.ask(Op::Split {
        job: job.clone(),
        ranges,
    })
    .await;
    let epoch = host.epoch.unwrap();
    let (mut app, mut watch) = (case.connect("app").await, case.connect("postgres").await);
    for round in 1..=ROUNDS {
        let high = format!(
            "BEGIN; UPDATE account SET note = 'a' WHERE id = {}",
            400 - round
        );
        run_on(&mut app, &high).await.unwrap();
        let mut session = case.shard.session(SessionRole::Range);
        let (job, range, after, rows) = (job.clone(), 0, None, 400);
        let op = Op::Chunk {
            job,
            range,
            after,
            rows,
        };
        let chunk = tokio::spawn(async move { session.call(ShardCall { epoch, op }).await });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND application_name LIKE 'pilothouse/%' AND wait_event_type = 'Lock'";
        while !chunk.is_finished()
            && texts_on(&mut watch, waits).await[0][0].as_deref() == Some("0")
        {
            tokio::task::yield_now().await;
        }
        // The chunk holds the low rows and waits for the high one.
        let low = format!("UPDATE account SET note = 'b' WHERE id = {round}; COMMIT");
        assert_eq!(run_on(&mut app, &low).await, Ok(()), "round {round}");
        match chunk.await.unwrap() {
            Reply::Error(error) => {
                assert_eq!(error.kind, ErrorKind::Yielded, "{error:?}");
            }
            other => panic!("round {round}: {other:?}"),
        }
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(case.rows(deadlocks).await, "0");
    host.advance_to(Stop::Verify).await;
}
