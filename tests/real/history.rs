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

/// A fleet of two shards of a lab of three, and the same once the third one was
/// added.
fn two_and_three(lab: &Lab) -> (Operator, String) {
    let operator = Operator::of(lab, &QUICK);
    let whole = std::fs::read_to_string(&operator.fleet).unwrap();
    let whole = whole.replace("\n[[ring]]\nname = \"broad\"\n", "");
    let whole = whole.replace("ring = \"broad\"", "ring = \"early\"");
    let at = whole.find("\n[[shard]]\nname = \"s03\"").unwrap();
    std::fs::write(&operator.fleet, &whole[..at]).unwrap();
    (operator, whole)
}

fn another(operator: &Operator, name: &str, column: &str) -> Operator {
    let text = format!(
        "name = \"{name}\"\n[[operation]]\n[operation.add_column]\ntable = \"pgbench_tellers\"\ncolumn = {{ name = \"{column}\", type = \"bigint\" }}\nup = \"tid * 2\"\n"
    );
    let migration = operator.fleet.with_file_name(format!("{name}.toml"));
    std::fs::write(&migration, text).unwrap();
    Operator {
        migration,
        ..operator.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_was_added_later_catches_up_by_the_same_steps() {
    if !require_postgres() {
        return;
    }
    let spec = LabSpec::scratch().shards(3).fill(Fill::Rows(100));
    let lab = Lab::start(spec).await.unwrap();
    let (operator, whole) = two_and_three(&lab);
    let baseline = ["--name", "start", "--reason", "before all"];
    operator
        .pilothouse("baseline", &baseline)
        .await
        .is(0)
        .says("the history of 2 shards begins here");
    operator.pilothouse("baseline", &baseline).await.is(0);
    let other = operator.pilothouse("baseline", &["--name", "other"]).await;
    other
        .is(3)
        .says("has a history already; its newest is start");
    operator.run_auto(&TO_THE_END).await.is(0);
    operator.pilothouse("forget", &[]).await.is(0);
    let doubled = another(&operator, "doubled", "twice");
    let to_the_end = ["--allow-contract", "--confirm", "doubled"];
    doubled.run_auto(&to_the_end).await.is(0);
    operator.pilothouse("forget", &[]).await.is(0);

    // The third shard comes: nothing goes on without it.
    std::fs::write(&operator.fleet, &whole).unwrap();
    let next = another(&operator, "next", "more");
    next.run_auto(&["--to", "verify"])
        .await
        .is(1)
        .says("the history of migrations is empty here, start, balance-cents, doubled on 2 of 3 shards")
        .says("pilothouse catch-up");
    let abort = ["--confirm", "next", "--reason", "s03 has to catch up"];
    operator.pilothouse("abort", &abort).await.is(0);
    operator.pilothouse("forget", &[]).await.is(0);
    let catch_up = async |more: &[&str]| {
        let all: Vec<&str> = ["--shard", "s03"].iter().chain(more).copied().collect();
        operator.pilothouse("catch-up", &all).await
    };
    let list = catch_up(&["--dry-run"]).await.is(0);
    let order: Vec<usize> = ["start", "balance-cents", "doubled"]
        .iter()
        .map(|name| list.out.find(&format!("  {name}  ")).unwrap())
        .collect();
    assert!(order.is_sorted(), "{list}");
    catch_up(&["--confirm", "s02"])
        .await
        .is(3)
        .says("--confirm s03");
    // Without a confirmation it waits before contract, and goes on from there.
    catch_up(&[])
        .await
        .is(4)
        .says("balance-cents has not come to its end");
    catch_up(&["--confirm", "s03"])
        .await
        .is(0)
        .says("s03 has caught up");
    catch_up(&["--confirm", "s03"])
        .await
        .is(0)
        .says("has every migration");
    operator
        .pilothouse("history", &[])
        .await
        .is(0)
        .says("start (baseline)  on 3 shards")
        .says("doubled  on 3 shards")
        .says("every shard that was read is the same");
    next.run_auto(&["--to", "verify"]).await.is(0);

    // A migration is done once.
    let abort = ["--confirm", "next", "--reason", "enough"];
    operator.pilothouse("abort", &abort).await.is(0);
    operator.pilothouse("forget", &[]).await.is(0);
    let again = another(&operator, "doubled", "thrice");
    again
        .run_auto(&["--to", "verify"])
        .await
        .is(1)
        .says("doubled was done here");
    lab.down().await.unwrap();
}
