//! One shard stands still; nobody else notices.

use crate::chaos::{Engine, Recipe, Site, await_rows, lab_of, settled_violations, until};
use crate::support::require_postgres;
use pilothouse::lab::Lab;
use std::time::Duration;

fn recipe(rings: Vec<(&'static str, Vec<&'static str>)>) -> Recipe {
    Recipe {
        rings,
        chunks: "target = \"50ms\"\nrows_start = 20\nrows_min = 10\nrows_max = 50\nranges = 2\nrows_per_s_max = 600",
        ..Recipe::default()
    }
}

async fn status(site: &Site) -> serde_json::Value {
    let (_, text) = site.command(&["status"], &["--json"]).await;
    let line = text.lines().find(|line| line.starts_with('{'));
    line.and_then(|line| serde_json::from_str(line).ok())
        .unwrap_or_default()
}

/// Freezes `frozen` in its backfill and waits until `others` have done
/// `reach`; then thaws it and lets the rollout end.
async fn freeze(
    lab: &Lab,
    site: &Site,
    engine: &mut Engine,
    frozen: &'static str,
    others: &[&str],
    reach: &str,
) {
    await_rows(lab, frozen, 200).await;
    lab.freeze(frozen).await.unwrap();
    for other in others {
        until(
            &format!("{reach} on {other}"),
            Duration::from_secs(90),
            async || {
                let done = site.decisions(other).await;
                done.iter().any(|d| d == reach).then_some(())
            },
        )
        .await;
    }
    let shown = until(
        "the frozen shard is shown as unreachable",
        Duration::from_secs(20),
        async || {
            let text = status(site).await.to_string();
            text.contains("unreachable").then_some(text)
        },
    )
    .await;
    assert!(shown.contains(frozen));
    assert!(engine.ended().is_none(), "{}", engine.stderr());
    assert!(
        !site
            .decisions(frozen)
            .await
            .contains(&"done backfill".to_owned())
    );
    lab.thaw(frozen).await.unwrap();
    assert_eq!(
        engine.wait(Duration::from_secs(120)).await,
        0,
        "{}",
        engine.stderr()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_shard_does_not_keep_its_ring_from_finishing_the_stage() {
    if !require_postgres() {
        return;
    }
    let all = ["s01", "s02", "s03"];
    let layout = || recipe(vec![("all", all.to_vec())]);
    let calm = undisturbed(layout(), &all).await;
    let lab = lab_of(3, 0, 4_000).await;
    let site = Site::new(&lab, "frozen", &layout());
    let mut engine = site.run(&["--to", "shift:100"]);
    freeze(
        &lab,
        &site,
        &mut engine,
        "s02",
        &["s01", "s03"],
        "done backfill",
    )
    .await;
    for shard in all {
        assert_eq!(calm, site.decisions(shard).await, "{shard}");
        assert!(settled_violations(&lab, &site, shard).await.is_empty());
    }
    lab.down().await.unwrap();
}

/// The sequence that every shard takes when nothing happens.
async fn undisturbed(recipe: Recipe, shards: &[&'static str]) -> Vec<String> {
    let lab = lab_of(u32::try_from(shards.len()).unwrap(), 0, 200).await;
    let site = Site::new(&lab, "calm", &recipe);
    let mut engine = site.run(&["--to", "shift:100"]);
    assert_eq!(
        engine.wait(Duration::from_secs(90)).await,
        0,
        "{}",
        engine.stderr()
    );
    let first = site.decisions(shards[0]).await;
    for shard in shards {
        assert_eq!(first, site.decisions(shard).await);
    }
    assert_eq!(first.last().unwrap(), "done shift:100");
    lab.down().await.unwrap();
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_shard_does_not_stop_rings_before_it() {
    if !require_postgres() {
        return;
    }
    let rings = || {
        recipe(vec![
            ("canary", vec!["s01"]),
            ("early", vec!["s02"]),
            ("broad", vec!["s03"]),
        ])
    };
    let lab = lab_of(3, 0, 4_000).await;
    let site = Site::new(&lab, "frozen", &rings());
    let mut engine = site.run(&["--to", "shift:100"]);
    // The ring before goes on to its end; the ring after may not overtake.
    freeze(&lab, &site, &mut engine, "s02", &["s01"], "done shift:100").await;
    let first = site.decisions("s01").await;
    assert_eq!(first.last().unwrap(), "done shift:100");
    for shard in ["s02", "s03"] {
        assert_eq!(first, site.decisions(shard).await, "{shard}");
        assert!(settled_violations(&lab, &site, shard).await.is_empty());
    }
    lab.down().await.unwrap();
}
