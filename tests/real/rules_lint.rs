//! No rollout is opened with a hazard that nobody has waived; a waiver stands
//! in the journal.

use crate::engine::Operator;
use crate::main_job::QUICK;
use crate::oracle::{dumps, ended};
use crate::support::require_postgres;
use pilothouse::lab::{Fill, Lab, LabSpec};

const HAZARD: &str = "[[operation]]\nsql = { up = \"UPDATE pgbench_branches SET bbalance = bbalance\", down = \"SELECT 1\", schema = \"public\" }\n";
const WAIVER: &str = "[[waive]]\nrule = \"rows-in-one-transaction\"\noperation = 1\nreason = \"a table of ten rows\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_hazard_opens_no_rollout_until_it_is_waived() {
    if !require_postgres() {
        return;
    }
    let spec = LabSpec::scratch().shards(1).fill(Fill::Rows(100));
    let lab = Lab::start(spec).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let operator = Operator::of(&lab, &QUICK);
    let hazard = operator.with_migration(files.path(), "hazard.toml", HAZARD);
    let before = dumps(&lab);
    hazard
        .pilothouse("plan", &[])
        .await
        .is(0)
        .says("hazard rows-in-one-transaction");
    hazard
        .pilothouse("run", &["--headless"])
        .await
        .is(3)
        .says("hazard rows-in-one-transaction")
        .says("no rollout was opened");
    assert_eq!(dumps(&lab), before);
    let both = format!("{WAIVER}{HAZARD}");
    let waived = operator.with_migration(files.path(), "waived.toml", &both);
    waived.run_auto(&["--to", "expand"]).await.is(0);
    assert_eq!(ended(&lab, "s01").await, "expand");
    let said = "rows-in-one-transaction waived in operation 1: a table of ten rows";
    waived.pilothouse("report", &[]).await.is(0).says(said);
    lab.down().await.unwrap();
}
