//! Kill anything, any time: engines and servers, under load, until the
//! rollout is done all the same.

use crate::chaos::{
    Dice, Engine, Recipe, Sampler, Site, lab_of, seed, settled_violations, tail, until,
};
use crate::support::require_postgres;
use pilothouse::base::ShardName;
use pilothouse::lab::Lab;
use pilothouse::lab::ledger::{Columns, check, fetch};
use pilothouse::lab::writer::{Forms, KeyClass, Writer, WriterSpec};
use std::time::{Duration, Instant};

const ROWS: u32 = 20_000;

fn writers(lab: &Lab, site: &Site) -> Vec<(String, Writer)> {
    let start = |shard: &str| {
        Writer::start(WriterSpec {
            forms: Forms::Auto(site.flags()),
            rate_per_s: 100,
            keys: ROWS,
            ..WriterSpec::new(
                ShardName::new(shard).unwrap(),
                lab.candidates(shard).unwrap(),
                lab.layout().ledger(shard),
                KeyClass::WHOLE,
            )
        })
        .unwrap()
    };
    lab.shards()
        .into_iter()
        .map(|shard| (shard.to_owned(), start(shard)))
        .collect()
}

struct Tally {
    engines: u32,
    servers: u32,
    runs: u32,
}

/// Kills until enough kills are done, then lets the rollout finish. Gives
/// the last engine's exit code.
async fn rampage(
    lab: &Lab,
    site: &Site,
    args: &[&str],
    dice: &mut Dice,
    want: (u32, u32),
) -> (Tally, i32) {
    let mut tally = Tally {
        engines: 0,
        servers: 0,
        runs: 1,
    };
    let mut engine = site.run(args);
    // Preflight rightly refuses a fleet with a standby down: it comes first.
    for shard in lab.shards() {
        until("preflight", Duration::from_secs(60), async || {
            let done = site.decisions(shard).await;
            done.contains(&"done preflight".to_owned()).then_some(())
        })
        .await;
    }
    let began = Instant::now();
    loop {
        assert!(
            began.elapsed() < Duration::from_secs(400),
            "no end in sight:\n{}",
            engine.stderr()
        );
        let enough = tally.engines >= want.0 && tally.servers >= want.1;
        if enough {
            let code = engine.wait(Duration::from_secs(150)).await;
            if code != 0 {
                eprintln!("{}", engine.stderr());
            }
            return (tally, code);
        }
        // The moment of the blow is drawn: nothing is waited for.
        tokio::time::sleep(Duration::from_millis(150 + dice.below(1_200))).await;
        if tally.servers < want.1 && dice.below(4) == 0 {
            let servers = lab.record().servers.clone();
            let place = usize::try_from(dice.below(servers.len() as u64)).unwrap();
            let name = servers[place].name.clone();
            lab.kill_server(&name).await.unwrap();
            tally.servers += 1;
            // For how long it stays away is drawn too.
            tokio::time::sleep(Duration::from_millis(dice.below(800))).await;
            if dice.below(2) == 0 && engine.kill() {
                tally.engines += 1;
                engine = restart(site, args, &mut tally);
            }
            lab.start_server(&name).await.unwrap();
        } else if engine.kill() {
            tally.engines += 1;
            engine = restart(site, args, &mut tally);
        } else {
            // It has ended by itself: early success or a failure.
            let code = engine.ended().unwrap();
            if code != 0 {
                eprintln!("{}", engine.stderr());
            }
            return (tally, code);
        }
    }
}

fn restart(site: &Site, args: &[&str], tally: &mut Tally) -> Engine {
    tally.runs += 1;
    site.run(args)
}

async fn kills(recipe: Recipe, args: &[&str], columns: Columns, want: (u32, u32), seed: u64) {
    let mut lab = lab_of(2, 1, ROWS).await;
    let site = Site::new(&lab, "chaos", &recipe);
    eprintln!("seed {seed} (PILOTHOUSE_SEED={seed} to repeat)");
    let writers = writers(&lab, &site);
    let sampler = Sampler::start(&lab, Duration::from_secs(1));
    let mut dice = Dice(seed);
    let (tally, code) = rampage(&lab, &site, args, &mut dice, want).await;
    let samples = sampler.stop().await;
    let (mut epochs, mut violations) = (0, samples.violations.clone());
    let (mut acknowledged, mut cut_off) = (0, 0);
    for (shard, writer) in writers {
        cut_off += writer.stats().cut_off;
        let ledger = writer.stop().await.unwrap();
        let mut session = lab.connect(&shard, "app").await.unwrap();
        let table = fetch(&mut session, columns).await.unwrap();
        let report = check(&ledger, &table);
        acknowledged += report.acknowledged;
        if !report.is_clean() {
            violations.push(format!("{shard}: ledger: {report:?}"));
        }
        epochs += crate::chaos::number(&lab, &shard, "SELECT epoch FROM pilothouse.fence").await;
        violations.extend(settled_violations(&lab, &site, &shard).await);
    }
    let points = site.points();
    eprintln!(
        "kills: {} of engines, {} of servers; {} runs; {epochs} take-overs; {} points hit {} times; \
         {} snapshots; {acknowledged} acknowledged writes, {cut_off} cut off",
        tally.engines,
        tally.servers,
        tally.runs,
        points.len(),
        points.values().sum::<u64>(),
        samples.looks
    );
    if code != 0 {
        for shard in ["s01", "s02"] {
            eprintln!(
                "{:?}\n{}",
                site.decisions(shard).await,
                tail(&lab.layout().log(shard))
            );
        }
    }
    assert_eq!(code, 0, "the rollout ends well");
    assert!(violations.is_empty(), "{violations:#?}");
    assert_eq!(site.verify_journal().await, 0);
    assert!(
        tally.engines >= want.0 && tally.servers >= want.1,
        "the run was too short to kill enough"
    );
    assert!(samples.looks > 10 && acknowledged > 200);
    #[cfg(feature = "broken")]
    assert!(points.len() >= 20, "{points:?}");
    lab.kill_server("s02-r1").await.unwrap();
    let _ = &mut lab;
    lab.down().await.unwrap();
}

/// Slow enough that the kills fall into every stage.
fn slow() -> Recipe {
    Recipe {
        rings: vec![("canary", vec!["s01"]), ("broad", vec!["s02"])],
        soak: "2s",
        steps: "10, 100",
        throttle: "poll = \"200ms\"\nstale_after = \"3s\"\nreplica_lag = \"20s\"",
        chunks: "target = \"50ms\"\nrows_start = 50\nrows_min = 10\nrows_max = 100\nranges = 3\nrows_per_s_max = 1500",
        ..Recipe::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_survives_fifty_kills_through_shift() {
    if !require_postgres() {
        return;
    }
    kills(
        slow(),
        &["--to", "shift:100"],
        Columns::Both,
        (40, 12),
        seed(1),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_survives_kills_through_contract() {
    if !require_postgres() {
        return;
    }
    let recipe = Recipe {
        chunks: "target = \"50ms\"\nrows_start = 200\nrows_min = 10\nrows_max = 500\nranges = 3\nrows_per_s_max = 6000",
        soak: "500ms",
        ..slow()
    };
    let args = ["--allow-contract", "--confirm", "balance-cents"];
    kills(recipe, &args, Columns::New, (15, 5), seed(2)).await;
}
