//! The main job on real input: three shards with standbys under load, from
//! preflight to contract, and back from everywhere.

use crate::engine::{Operator, TO_THE_END, until};
use crate::load::Load;
use crate::oracle::{self, StaleWatch, columns, dumps, ended};
use crate::support::require_postgres;
use pilothouse::lab::ledger::Columns;
use pilothouse::lab::{Fill, Lab, LabSpec};
use rustix::process::Signal;

/// Rows of a shard: few, so that the test is quick.
const ROWS: u32 = 20_000;

/// The lab's rules with hardly any soak.
pub const QUICK: [(&str, &str); 3] = [
    ("soak = \"2s\"", "soak = \"100ms\""),
    ("quiet = \"3s\"", "quiet = \"1s\"\nattempts_max = 3"),
    ("steps = [1, 10, 50, 100]", "steps = [1, 100]"),
];

async fn fleet(shards: u32, standbys: u32) -> Lab {
    let spec = LabSpec::scratch().shards(shards).standbys(standbys);
    Lab::start(spec.fill(Fill::Rows(ROWS))).await.unwrap()
}

/// Every shard shows the end of this stop.
async fn all_ended(lab: &Lab, stop: &str) -> bool {
    for shard in lab.shards() {
        if ended(lab, shard).await != stop {
            return false;
        }
    }
    true
}

async fn rows_filled(lab: &Lab, shard: &str) -> i64 {
    let there = "SELECT to_regclass('pilothouse.checkpoint') IS NOT NULL";
    if oracle::ask::<bool>(lab, shard, there).await != Some(true) {
        return 0;
    }
    let sql =
        "SELECT coalesce(sum(rows), 0)::bigint FROM pilothouse.checkpoint WHERE job LIKE 'fill/%'";
    oracle::ask(lab, shard, sql).await.unwrap_or(0)
}

async fn logs_join(lab: &Lab) {
    for shard in lab.shards() {
        assert_eq!(oracle::log_gaps(lab, shard).await, None, "{shard}");
    }
}

/// `plan` and `status` in every shape change neither a shard nor the store.
async fn looking_changes_nothing(lab: &Lab, operator: &Operator, status: i32) {
    let state = || {
        let shards: Vec<String> = lab
            .shards()
            .iter()
            .map(|s| oracle::everything(lab, s))
            .collect();
        (shards, oracle::listing(&operator.store))
    };
    let before = state();
    operator
        .pilothouse("plan", &[])
        .await
        .is(0)
        .says("abalance_cents");
    let plan = operator.pilothouse("plan", &["--json"]).await.is(0).json();
    assert!(
        plan["shards"]["s01"]
            .as_array()
            .is_some_and(|steps| steps.len() > 10)
    );
    operator
        .pilothouse("plan", &["--sql"])
        .await
        .is(0)
        .says("ADD COLUMN");
    operator
        .pilothouse("plan", &["--undo"])
        .await
        .is(0)
        .says("DROP COLUMN");
    operator.pilothouse("status", &[]).await.is(status);
    let seen = operator.pilothouse("status", &["--json"]).await.is(status);
    if status == 0 {
        assert!(seen.json()["shards"].is_array() || seen.json().is_object());
    }
    let after = state();
    assert!(before.0 == after.0, "a shard has changed");
    let names =
        |s: &std::collections::BTreeMap<String, Vec<u8>>| s.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before.1), names(&after.1));
    assert!(before.1 == after.1, "a file of the store has changed");
}

/// Kills the engine in the middle of the backfill, stops the next one at
/// verify's door, and leaves the third one running.
async fn run_with_interruptions(lab: &Lab, operator: &Operator) -> crate::engine::Running {
    let engine = operator.start_auto(&TO_THE_END);
    until("the backfill is under way", async || {
        rows_filled(lab, "s01").await > 0
    })
    .await;
    engine.signal(Signal::KILL);
    assert_eq!(engine.ended().await.code, -1);

    let engine = operator.start_auto(&TO_THE_END);
    until("the second ring has begun", async || {
        ended(lab, "s02").await == "dual_write"
    })
    .await;
    engine.signal(Signal::TERM);
    engine.ended().await.is(4).says("run it again");
    operator.start_auto(&TO_THE_END)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_shards_from_preflight_to_contract_under_load() {
    if !require_postgres() {
        return;
    }
    let lab = fleet(3, 1).await;
    let operator = Operator::of(&lab, &QUICK);
    looking_changes_nothing(&lab, &operator, 3).await;
    let mut load = Load::half_old(&lab, ROWS);
    let watch = StaleWatch::start(&lab).await;
    let mut engine = run_with_interruptions(&lab, &operator).await;
    until("every shard is at 100 %", async || {
        all_ended(&lab, "shift:100").await
    })
    .await;

    // Nobody else gets in meanwhile, and everybody may look.
    let second = operator.run_auto(&[]).await.is(5);
    second.says(&format!("pid {} on", engine.pid()));
    operator
        .pilothouse("status", &[])
        .await
        .is(0)
        .says("lab-writer/s01-1/old");
    let mut said = String::new();
    until("only the quiet gate is closed", async || {
        let refused = operator
            .pilothouse("promote", &["--ring", "canary"])
            .await
            .is(3);
        said = refused.err;
        said.contains("still writing: lab-writer/s01-1/old") && !said.contains("soak")
    })
    .await;
    assert!(
        !engine.is_over() && all_ended(&lab, "shift:100").await,
        "{said}"
    );

    load.swap_old_for_new().await;
    let done = engine.ended().await.is(0);
    let summary = done.json();
    assert_eq!(summary["outcome"], "done", "{done}");
    assert_eq!(summary["journal_verified"], true);
    assert_eq!(
        (&summary["stale_rows"], &summary["mismatches"]),
        (&0.into(), &0.into())
    );
    assert_eq!(summary["shards"], 3);
    let seen = watch.stop().await;
    assert!(seen.looks > 30 && seen.wrong == 0, "{seen:?}");
    let acknowledged = load.stop_and_check(&lab, Columns::New).await;
    assert!(acknowledged > 100, "{acknowledged}");
    logs_join(&lab).await;
    for shard in lab.shards() {
        let columns = columns(&lab, shard).await;
        assert!(
            columns.contains("abalance_cents bigint t") && !columns.contains("abalance integer"),
            "{columns}"
        );
    }
    let head = summary["journal_head"].as_str().unwrap();
    operator.verify_journal(head).await.is(0);
    let (seq, hash) = head.split_once(':').unwrap();
    let longer = format!("{}:{hash}", seq.parse::<u64>().unwrap() + 1);
    operator.verify_journal(&longer).await.is(11);
    looking_changes_nothing(&lab, &operator, 0).await;
    lab.down().await.unwrap();
}

/// From each stop there and back; the next round runs the same plan again.
#[tokio::test(flavor = "multi_thread")]
async fn rolled_back_from_every_stage_the_schema_is_as_it_was() {
    if !require_postgres() {
        return;
    }
    let lab = fleet(3, 1).await;
    // A ring follows at once, so that the whole fleet gets to every stop.
    let [soak, quiet, steps] = QUICK;
    let after = ("after = \"verify\"", "after = \"expand\"");
    let operator = Operator::of(&lab, &[soak, quiet, steps, after]);
    let id = operator.rollout_id().await;
    let before = dumps(&lab);
    let watch = StaleWatch::start(&lab).await;
    let stops = [
        "expand",
        "dual_write",
        "backfill",
        "verify",
        "shift:1",
        "shift:100",
        "retire",
    ];
    for stop in stops {
        let load = Load::by_flag(&lab, ROWS);
        let mut words = vec!["--to", stop];
        words.extend(TO_THE_END);
        let there = operator.run_auto(&words).await;
        if stop == "shift:1" {
            // A later ring waits until the first one has finished shift.
            let there = there.is(4).says("shift:100 waits for promote");
            assert_eq!(ended(&lab, "s01").await, stop, "{there}");
        } else {
            let there = there.is(0);
            assert_eq!(there.json()["outcome"], "reached", "{there}");
            assert!(all_ended(&lab, stop).await, "{stop}: {there}");
        }
        logs_join(&lab).await;
        let back = operator
            .pilothouse("rollback", &["--reason", "drill"])
            .await
            .is(0);
        assert_eq!(back.json()["outcome"], "rolled_back", "{back}");
        load.stop_and_check(&lab, Columns::Old).await;
        assert_same(&before, &dumps(&lab), stop);
        // Nothing is left to run; a rollout of the same plan may begin anew.
        operator.run_auto(&[]).await.is(4).says("rolled back");
        operator
            .pilothouse("abort", &["--confirm", &id])
            .await
            .is(0)
            .says("aborted");
    }
    let seen = watch.stop().await;
    assert!(seen.looks > 30 && seen.wrong == 0, "{seen:?}");
    operator
        .pilothouse("forget", &[])
        .await
        .is(0)
        .says("nothing of pilothouse remains");
    for shard in lab.shards() {
        assert!(!oracle::everything(&lab, shard).contains("pilothouse"));
    }
    lab.down().await.unwrap();
}

fn assert_same(
    before: &std::collections::BTreeMap<String, String>,
    after: &std::collections::BTreeMap<String, String>,
    what: &str,
) {
    for (shard, text) in before {
        let found = &after[shard];
        let more: Vec<&str> = found.lines().filter(|l| !text.contains(l)).collect();
        let less: Vec<&str> = text.lines().filter(|l| !found.contains(l)).collect();
        assert!(
            text == found,
            "{what}: {shard}: more {more:?}, less {less:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_is_taken_back_by_merge_restore() {
    if !require_postgres() {
        return;
    }
    let lab = fleet(3, 0).await;
    let operator = Operator::of(&lab, &QUICK);
    let id = operator.rollout_id().await;
    let mut before = Vec::new();
    for shard in lab.shards() {
        before.push(columns(&lab, shard).await);
    }
    let load = Load::by_flag(&lab, ROWS);
    let done = operator.run_auto(&TO_THE_END).await.is(0);
    assert_eq!(done.json()["outcome"], "done");
    // What it gives is shown first, and nothing is ordered by looking.
    let looked = operator
        .pilothouse("rollback", &["--to", "retire"])
        .await
        .is(3);
    for shard in lab.shards() {
        assert!(looked.err.contains(&format!("  {shard} ")), "{looked}");
    }
    for word in ["exported value", "down(new)", "--confirm", &id] {
        assert!(looked.err.contains(word), "{word}: {looked}");
    }
    assert!(all_ended(&lab, "drop").await);
    // Writes of the new form go on after the drop and while it is undone.
    let back = ["--to", "retire", "--reason", "drill", "--confirm", &id];
    let back = operator.pilothouse("rollback", &back).await.is(0);
    assert_eq!(back.json()["outcome"], "rolled_back", "{back}");
    assert!(all_ended(&lab, "retire").await);
    for shard in lab.shards() {
        assert_eq!(oracle::stale(&lab, shard).await, Some(0), "{shard}");
        let columns = columns(&lab, shard).await;
        assert!(
            columns.contains("abalance integer") && columns.contains("abalance_cents bigint f"),
            "{columns}"
        );
    }
    let back = operator
        .pilothouse("rollback", &["--reason", "drill"])
        .await
        .is(0);
    assert_eq!(back.json()["outcome"], "rolled_back", "{back}");
    load.stop_and_check(&lab, Columns::Old).await;
    for (shard, before) in lab.shards().into_iter().zip(&before) {
        assert_eq!(&columns(&lab, shard).await, before, "{shard}");
    }
    operator
        .pilothouse("abort", &["--confirm", &id])
        .await
        .is(0);
    operator.pilothouse("forget", &[]).await.is(0);
    operator.pilothouse("rollback", &[]).await.is(3);

    // A second run afterwards: there, and straight back from after the drop.
    operator.run_auto(&TO_THE_END).await.is(0);
    let id = operator.rollout_id().await;
    let back = operator
        .pilothouse("rollback", &["--reason", "drill", "--confirm", &id])
        .await
        .is(0);
    assert_eq!(back.json()["outcome"], "rolled_back", "{back}");
    for (shard, before) in lab.shards().into_iter().zip(&before) {
        assert_eq!(&columns(&lab, shard).await, before, "{shard}");
    }
    lab.down().await.unwrap();
}
