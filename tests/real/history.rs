//! What was done on a shard stays there, and where shards differ is told.

use crate::engine::{Operator, TO_THE_END};
use crate::main_job::QUICK;
use crate::oracle::act;
use crate::support::require_postgres;
use pilothouse::lab::{Fill, Lab, LabSpec};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_stays_and_what_differs_is_told() {
    if !require_postgres() {
        return;
    }
    let spec = LabSpec::scratch().shards(2).fill(Fill::Rows(100));
    let lab = Lab::start(spec).await.unwrap();
    let operator = Operator::of(&lab, &QUICK);
    let history = async |code: i32| operator.pilothouse("history", &[]).await.is(code);
    history(0)
        .await
        .says("no migration has come to its end here")
        .says("every shard that was read is the same");
    operator.run_auto(&["--to", "verify"]).await.is(0);
    history(0)
        .await
        .says("s01: balance-cents is not at its end; verify was the last to end");
    operator.run_auto(&TO_THE_END).await.is(0);
    history(0).await.says("balance-cents  on 2 shards");
    operator
        .pilothouse("forget", &[])
        .await
        .is(0)
        .says("s01: nothing of pilothouse remains but its history");
    history(0).await.says("balance-cents  on 2 shards");

    act(&lab, "s02", "ALTER TABLE pgbench_tellers ADD odd text").await;
    act(&lab, "s01", "DELETE FROM pilothouse.history").await;
    history(1)
        .await
        .says("balance-cents  on 1 shard, not on s01")
        .says("differs: column public.pgbench_tellers.odd")
        .says("s02: text")
        .says("shards differ");
    let told = operator.pilothouse("history", &["--json"]).await.is(1);
    assert_eq!(told.json()["drift"][0]["others"]["s02"], "text");
    lab.down().await.unwrap();
}
