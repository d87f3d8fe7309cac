//! Many operations at once, in a process that is killed at every stop, under
//! writers whose every acknowledged write is on a ledger. That of two processes
//! one wins and the other names it, `main_job` shows.

use crate::engine::{Operator, TO_THE_END, until};
use crate::load::Load;
use crate::main_job::QUICK;
use crate::oracle::dumps;
use crate::support::require_postgres;
use pilothouse::lab::ledger::Columns;
use pilothouse::lab::{Fill, Lab, LabSpec};
use rustix::process::Signal;

const MANY: &str = r#"name = "balance-cents"
versions = "schemas"
version = "v2"
[chunks]
rows_start = 200
rows_max = 400
rows_min = 50
[[operation]]
alter_column = { table = "pgbench_accounts", column = "abalance", type = "bigint", up = "abalance", down = "abalance::integer", comment = "in cents" }
[[operation]]
alter_column = { table = "pgbench_accounts", column = "filler", nullable = false, up = "coalesce(filler, '')" }
[[operation]]
rename_column = { table = "pgbench_tellers", from = "tbalance", to = "balance" }
[[operation]]
create_index = { table = "pgbench_accounts", name = "accounts_bid", keys = [{ column = "bid" }] }
[[operation]]
create_constraint = { table = "pgbench_accounts", constraint = { name = "a_branch", check = { expression = "bid > 0" } } }
[[operation]]
add_column = { table = "pgbench_tellers", column = { name = "rating", type = "text", default = "'new'" } }
[[operation]]
drop_column = { table = "pgbench_tellers", column = "filler" }
[[operation]]
create_table = { table = "visit", primary_key = ["id"], columns = [{ name = "id", type = "bigint", nullable = false }] }
"#;

/// Runs it again and again, and kills the process each time as soon as a stop
/// has begun, until it ends by itself. How often it was killed.
async fn killed_at_every_stop(operator: &Operator, words: &[&str]) -> u32 {
    for kills in 0..100 {
        let mut engine = operator.start_auto(words);
        until("a stop begins, or all is done", async || {
            engine.is_over() || engine.said().contains(" begins on ")
        })
        .await;
        if engine.is_over() {
            engine.ended().await.is(0);
            return kills;
        }
        engine.signal(Signal::KILL);
        let _ = engine.ended().await;
    }
    panic!("a hundred runs, and no end");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_stop_it_ends_as_if_nothing_had_been() {
    if !require_postgres() {
        return;
    }
    let spec = LabSpec::scratch().shards(2).fill(Fill::Rows(4_000));
    let lab = Lab::start(spec).await.unwrap();
    let plain = Operator::of(&lab, &QUICK);
    let migration = plain.fleet.with_file_name("many.toml");
    std::fs::write(&migration, MANY).unwrap();
    let operator = Operator { migration, ..plain };
    let before = dumps(&lab);
    let load = Load::old(&lab, 4_000);
    let to_shift = ["--to", "shift:100"];
    let kills = killed_at_every_stop(&operator, &to_shift).await;
    assert!(
        kills >= 10,
        "only {kills} kills: two rings, seven stops each"
    );
    let abort = ["--confirm", "balance-cents", "--reason", "not today"];
    operator.pilothouse("abort", &abort).await.is(0);
    assert_eq!(dumps(&lab), before, "taken back under load");
    let written = load.stop_and_check(&lab, Columns::Old).await;
    // How many is the machine's business: a speed is no promise.
    assert!(written > 10, "only {written} acknowledged writes");

    let kills = killed_at_every_stop(&operator, &TO_THE_END).await;
    assert!(kills >= 10, "only {kills} kills");
    let dump = &dumps(&lab)["s01"];
    for there in [
        "abalance bigint",
        "CREATE INDEX accounts_bid",
        "balance integer",
        "rating text DEFAULT 'new'::text",
        "CREATE TABLE public.visit",
    ] {
        assert!(dump.contains(there), "{there}: {dump}");
    }
    lab.down().await.unwrap();
}
