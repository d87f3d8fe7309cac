//! Backfill against one plain UPDATE, and against batches of the peers' shape.

use super::stage::{Stage, run};
use super::{Figure, ratio, setting, spread};
use pilothouse::base::Stop;
use pilothouse::lab::Lab;
use sqlx::{PgConnection, Row};
use std::time::Instant;

pub async fn figures(lab: &Lab) -> Vec<Figure> {
    let rounds = setting("PILOTHOUSE_BENCH_ROUNDS", 3);
    let (mut one, mut several, mut peer, mut plain_s) = (vec![], vec![], vec![], vec![]);
    let mut rows = 0_u64;
    for round in 0..rounds {
        let plain = plain(lab).await;
        let ours_one = ours(lab, 1).await;
        let ours_several = ours(lab, 4).await;
        let theirs = peers_shape(lab).await;
        eprintln!(
            "round {round}: plain {plain:.1} s, one range {ours_one:.1} s, four {ours_several:.1} s, peers' shape {theirs:.1} s"
        );
        one.push(plain / ours_one);
        several.push(plain / ours_several);
        peer.push(theirs / ours_one);
        plain_s.push(plain);
        rows = count(lab).await;
    }
    let (_, middle, _) = spread(&plain_s);
    let mut figures = vec![
        Figure::new(
            "one plain UPDATE, no trigger",
            format!("{middle:.1} s for {rows} rows"),
            "–",
        ),
        ratio(
            "backfill speed, one range, all bookkeeping on, against it",
            &one,
            "≥ 0.75",
        ),
        ratio(
            "backfill speed, four ranges, against it",
            &several,
            "aim 0.9",
        ),
        ratio(
            "backfill speed, one range, against the peers' shape (two triggers, flag column, batches of 1,000; emulated)",
            &peer,
            "≥ 2",
        ),
    ];
    figures.extend(digest(lab).await);
    figures
}

async fn count(lab: &Lab) -> u64 {
    let mut connection = lab.connect("s01", "postgres").await.unwrap();
    let row = sqlx::query("SELECT count(*) FROM pgbench_accounts")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    u64::try_from(row.get::<i64, _>(0)).unwrap()
}

pub async fn plain(lab: &Lab) -> f64 {
    let stage = Stage::new(lab, "ranges = 1");
    stage.reset().await;
    let mut connection = stage.connect().await;
    run(
        &mut connection,
        "ALTER TABLE pgbench_accounts ADD COLUMN plain_cents bigint",
    )
    .await;
    let started = Instant::now();
    run(
        &mut connection,
        "UPDATE pgbench_accounts SET plain_cents = abalance::bigint * 100",
    )
    .await;
    let took = started.elapsed().as_secs_f64();
    run(
        &mut connection,
        "ALTER TABLE pgbench_accounts DROP COLUMN plain_cents",
    )
    .await;
    took
}

async fn ours(lab: &Lab, ranges: u32) -> f64 {
    let stage = Stage::new(lab, &format!("ranges = {ranges}\ntarget = \"200ms\""));
    stage.reset().await;
    stage.run_to("backfill");
    let took = stage.took_ms(Stop::Backfill).await;
    // Milliseconds of one stage fit a double exactly.
    #[allow(clippy::cast_precision_loss)]
    let seconds = took as f64 / 1_000.0;
    seconds
}

/// Two BEFORE triggers that compare the search path, every column a variable,
/// a flag column that says what is still to do, batches of 1,000 by key.
pub async fn peers_shape(lab: &Lab) -> f64 {
    let stage = Stage::new(lab, "ranges = 1");
    stage.reset().await;
    let mut connection = stage.connect().await;
    for statement in PEER_SETUP {
        run(&mut connection, statement).await;
    }
    let started = Instant::now();
    peer_batches(&mut connection).await;
    let took = started.elapsed().as_secs_f64();
    for statement in PEER_CLEAN {
        run(&mut connection, statement).await;
    }
    took
}

const PEER_SETUP: [&str; 6] = [
    "ALTER TABLE pgbench_accounts ADD COLUMN peer_cents bigint",
    "ALTER TABLE pgbench_accounts ADD COLUMN peer_todo boolean DEFAULT true",
    "CREATE FUNCTION peer_up() RETURNS trigger LANGUAGE plpgsql AS $$
       DECLARE aid pgbench_accounts.aid%TYPE := NEW.aid; bid pgbench_accounts.bid%TYPE := NEW.bid;
         abalance pgbench_accounts.abalance%TYPE := NEW.abalance; filler pgbench_accounts.filler%TYPE := NEW.filler;
         latest text; path text;
       BEGIN
         SELECT current_setting INTO path FROM current_setting('search_path');
         IF path <> 'public_new' THEN NEW.peer_cents := abalance::bigint * 100; NEW.peer_todo := false; END IF;
         RETURN NEW; END $$",
    "CREATE FUNCTION peer_down() RETURNS trigger LANGUAGE plpgsql AS $$
       DECLARE aid pgbench_accounts.aid%TYPE := NEW.aid; bid pgbench_accounts.bid%TYPE := NEW.bid;
         peer_cents pgbench_accounts.peer_cents%TYPE := NEW.peer_cents; path text;
       BEGIN
         SELECT current_setting INTO path FROM current_setting('search_path');
         IF path = 'public_new' THEN NEW.abalance := (peer_cents / 100)::int; NEW.peer_todo := false; END IF;
         RETURN NEW; END $$",
    "CREATE TRIGGER peer_a BEFORE INSERT OR UPDATE ON pgbench_accounts FOR EACH ROW EXECUTE FUNCTION peer_up()",
    "CREATE TRIGGER peer_b BEFORE INSERT OR UPDATE ON pgbench_accounts FOR EACH ROW EXECUTE FUNCTION peer_down()",
];

const PEER_CLEAN: [&str; 3] = [
    "DROP FUNCTION peer_up() CASCADE",
    "DROP FUNCTION peer_down() CASCADE",
    "ALTER TABLE pgbench_accounts DROP COLUMN peer_cents, DROP COLUMN peer_todo",
];

async fn peer_batches(connection: &mut PgConnection) {
    let mut last = -1_i32;
    loop {
        let row = sqlx::query(
            "WITH batch AS (SELECT aid FROM pgbench_accounts WHERE peer_todo AND aid > $1 ORDER BY aid LIMIT 1000 FOR NO KEY UPDATE),
               done AS (UPDATE pgbench_accounts p SET aid = p.aid FROM batch WHERE p.aid = batch.aid RETURNING p.aid)
             SELECT max(aid) FROM done",
        )
        .bind(last)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        match row.get::<Option<i32>, _>(0) {
            Some(aid) => last = aid,
            None => return,
        }
    }
}

/// The statement that verify runs, over the whole table in one go, against a
/// plain scan; both warm, both in one process of the server.
async fn digest(lab: &Lab) -> Vec<Figure> {
    let stage = Stage::new(lab, "ranges = 1");
    stage.reset().await;
    stage.run_to("backfill");
    let mut connection = stage.connect().await;
    run(&mut connection, "VACUUM (ANALYZE) pgbench_accounts").await;
    run(&mut connection, "SET max_parallel_workers_per_gather = 0").await;
    run(&mut connection, "SET jit = off").await;
    let verify = "SELECT count(*), count(*) FILTER (WHERE t.abalance_cents IS DISTINCT FROM t.abalance::bigint * 100),
        sum(hash_record_extended(ROW(t.aid, t.abalance_cents), 1)), sum(hash_record_extended(ROW(t.aid, t.abalance_cents), 2))
        FROM pgbench_accounts t";
    let scan = "SELECT count(t.abalance_cents) FROM pgbench_accounts t";
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let mut times = Vec::new();
        for statement in [scan, verify] {
            let started = Instant::now();
            run(&mut connection, statement).await;
            times.push(started.elapsed().as_secs_f64());
        }
        ratios.push(times[0] / times[1]);
    }
    vec![ratio(
        "digest of key and changed columns, in cache, against a plain scan",
        &ratios,
        "≥ 0.25",
    )]
}
