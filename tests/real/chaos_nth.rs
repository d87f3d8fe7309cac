//! Crash at the Nth effect, for every N there is: after a restart everything
//! is as if nothing had happened.

use crate::chaos::{
    Recipe, Site, execute, keep_seed, lab_of, primary_of, reset, settled_violations,
};
use crate::support::require_postgres;
use pilothouse::lab::Lab;
use std::process::Command;
use std::time::{Duration, Instant};

const ROWS: u32 = 200;
/// Every N up to here, then in steps.
const EVERY_N: u64 = 60;
const STEP: u64 = 7;

fn quick() -> Recipe {
    Recipe {
        throttle: "poll = \"50ms\"\nstale_after = \"3s\"\nreplica_lag = \"off\"",
        chunks: "target = \"50ms\"\nrows_start = 50\nrows_min = 10\nrows_max = 50\nranges = 1",
        ..Recipe::default()
    }
}

/// Normalised schema outside of ours.
fn dump(lab: &Lab) -> String {
    let port = lab.record().server("s01").unwrap().port.to_string();
    let program = pilothouse::lab::Binaries::locate()
        .unwrap()
        .directory()
        .join("pg_dump");
    let out = Command::new(program)
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "postgres",
            "--schema-only",
        ])
        .args(["--exclude-schema=pilothouse", "--restrict-key=x", "shop"])
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

/// What must be the same at the end, whatever happened on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    dump: String,
    rows: String,
    decisions: Vec<String>,
}

async fn end(lab: &Lab, site: &Site) -> End {
    let mut session = primary_of(&lab.candidates("s01").unwrap()).await.unwrap();
    let rows = "SELECT md5(string_agg(a::text, ',' ORDER BY aid)) FROM pgbench_accounts a";
    End {
        dump: dump(lab),
        rows: sqlx::query_scalar(rows)
            .fetch_one(&mut session)
            .await
            .unwrap(),
        decisions: site.decisions("s01").await,
    }
}

async fn crash_everywhere(args: &[&str], name: &str, settled: bool) {
    let lab = lab_of(1, 0, ROWS).await;
    execute(
        &lab,
        "s01",
        "UPDATE pgbench_accounts SET abalance = aid * 7 % 1000",
    )
    .await;
    keep_seed(&lab).await;

    let site = Site::new(&lab, "calm", &quick());
    let mut engine = site.run(args);
    assert_eq!(
        engine.wait(Duration::from_secs(60)).await,
        0,
        "{}",
        engine.stderr()
    );
    let calm = end(&lab, &site).await;
    let points: u64 = site.points().values().sum();

    let (began, mut n, mut crashes, mut names) =
        (Instant::now(), 1, 0, std::collections::BTreeMap::new());
    loop {
        reset(&lab).await;
        let site = Site::new(&lab, &format!("n-{n}"), &quick());
        let mut engine = site.run_with(args, &[("PILOTHOUSE_DIE_AT", n.to_string())]);
        let code = engine.wait(Duration::from_secs(60)).await;
        let untouched = code != -9;
        if !untouched {
            crashes += 1;
            let point = std::fs::read_to_string(site.home.join("points")).unwrap_or_default();
            *names
                .entry(point.lines().last().unwrap_or("?").to_owned())
                .or_insert(0) += 1;
            let mut again = site.run(args);
            let code = again.wait(Duration::from_secs(60)).await;
            assert_eq!(
                code,
                0,
                "resumed after N = {n} ({:?}):\n{}",
                point.lines().last(),
                again.stderr()
            );
        } else {
            assert_eq!(code, 0, "{}", engine.stderr());
        }
        assert_eq!(end(&lab, &site).await, calm, "crash at point {n} shows");
        if settled {
            let found = settled_violations(&lab, &site, "s01").await;
            assert!(found.is_empty(), "crash at point {n}: {found:?}");
        }
        assert_eq!(site.verify_journal().await, 0, "journal after N = {n}");
        if untouched {
            break;
        }
        n += if n < EVERY_N { 1 } else { STEP };
    }
    eprintln!(
        "{name}: an undisturbed run passes {points} points; {crashes} crashes at {} kinds of points \
         until N = {n} went through untouched, in {} s: {names:?}",
        names.len(),
        began.elapsed().as_secs()
    );
    assert!(crashes >= 60);
    lab.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_point_does_not_show_in_the_end() {
    if !require_postgres() {
        return;
    }
    crash_everywhere(&["--to", "shift:100"], "to shift", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_point_of_contract_does_not_show_in_the_end() {
    if !require_postgres() {
        return;
    }
    let args = ["--allow-contract", "--confirm", "balance-cents"];
    crash_everywhere(&args, "to contract", false).await;
}
