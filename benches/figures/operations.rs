//! Operations with two versions at once against one plain UPDATE, against the
//! peers' SQL shape, and against a peer's program where one is on PATH.

use super::backfill::{peers_shape, plain};
use super::foreground::p99_ms;
use super::stage::Stage;
use super::{Figure, ratio, setting};
use pilothouse::base::Stop;
use pilothouse::lab::Lab;
use std::process::{Command, Stdio};
use std::time::Instant;

const ALTER: &str = r#"name = "wider"
versions = "schemas"
version = "v2"
[chunks]
ranges = 1
target = "200ms"
[[operation]]
alter_column = { table = "pgbench_accounts", column = "abalance", type = "bigint", up = "abalance::bigint * 100", down = "(abalance / 100)::integer" }
"#;

const ADD: &str = r#"name = "rated"
versions = "schemas"
version = "v2"
[chunks]
ranges = 1
target = "200ms"
[[operation]]
add_column = { table = "pgbench_accounts", column = { name = "rating", type = "bigint", nullable = false }, up = "abalance::bigint * 100" }
"#;

pub async fn figures(lab: &Lab) -> Vec<Figure> {
    let rounds = setting("PILOTHOUSE_BENCH_ROUNDS", 3);
    let (mut alter, mut add, mut peer, mut program) = (vec![], vec![], vec![], vec![]);
    for round in 0..rounds {
        let plain = plain(lab).await;
        let altered = until_verified(lab, ALTER).await;
        let added = until_verified(lab, ADD).await;
        let shape = peers_shape(lab).await;
        let theirs = pgroll(lab).await;
        eprintln!(
            "round {round}: plain {plain:.1} s, alter type {altered:.1} s, add column {added:.1} s, peers' shape {shape:.1} s, pgroll {theirs:?}"
        );
        alter.push(plain / altered);
        add.push(plain / added);
        peer.push(shape / altered);
        program.extend(theirs.map(|theirs| theirs / altered));
    }
    let mut figures = vec![
        ratio(
            "alter_column type, from expand to the end of verify, against one plain UPDATE",
            &alter,
            "–",
        ),
        ratio("add_column NOT NULL, the same", &add, "–"),
        ratio(
            "alter_column type against the peers' shape (backfill only; emulated)",
            &peer,
            "≥ 2",
        ),
    ];
    figures.push(match program.is_empty() {
        true => Figure::new(
            "alter_column type against pgroll",
            "pgroll is not on PATH",
            "≥ 2",
        ),
        false => ratio("alter_column type against pgroll itself", &program, "≥ 2"),
    });
    figures.extend(felt(lab).await);
    figures
}

/// Seconds from the beginning of expand to the end of verify: until clients of
/// the new version could come.
async fn until_verified(lab: &Lab, migration: &str) -> f64 {
    let stage = Stage::of(lab, migration);
    stage.reset().await;
    stage.run_to("verify");
    let mut ms = 0;
    for stop in [Stop::Expand, Stop::DualWrite, Stop::Backfill, Stop::Verify] {
        ms += stage.took_ms(stop).await;
    }
    // Milliseconds of a few stages fit a double exactly.
    #[allow(clippy::cast_precision_loss)]
    let seconds = ms as f64 / 1_000.0;
    seconds
}

/// What the old version's writes feel while both versions are written.
async fn felt(lab: &Lab) -> Vec<Figure> {
    let stage = Stage::of(lab, ALTER);
    stage.reset().await;
    let quiet = p99_ms(lab);
    stage.run_to("shift:1");
    let both = p99_ms(lab);
    stage.reset().await;
    let quiet_again = p99_ms(lab);
    let base = f64::midpoint(quiet, quiet_again);
    vec![Figure::new(
        "foreground p99 with both versions written, against off (before and after)",
        format!(
            "{:.2} ({both:.2} ms; {quiet:.2} ms, {quiet_again:.2} ms)",
            both / base
        ),
        "–",
    )]
}

/// pgroll's own start of the same change, in seconds, if it is there.
async fn pgroll(lab: &Lab) -> Option<f64> {
    let found = Command::new("pgroll")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    found.ok().filter(|status| status.success())?;
    Stage::of(lab, ALTER).reset().await;
    let file = lab.directory().join("wider.json");
    let change = r#"{"operations":[{"alter_column":{"table":"pgbench_accounts","column":"abalance","type":"bigint","up":"abalance::bigint * 100","down":"(abalance / 100)::integer"}}]}"#;
    std::fs::write(&file, change).unwrap();
    let url = lab.address("s01").unwrap().url("postgres") + "?sslmode=disable";
    let pgroll = |words: &[&str]| {
        let mut command = Command::new("pgroll");
        let done = command.args(["--postgres-url", &url]).args(words).status();
        assert!(done.unwrap().success(), "pgroll {words:?}");
    };
    pgroll(&["init"]);
    let started = Instant::now();
    pgroll(&["start", file.to_str().unwrap()]);
    let took = started.elapsed().as_secs_f64();
    pgroll(&["rollback"]);
    Some(took)
}
