//! What an engine would tell somebody who looks at the scenes: trends, one
//! shard in full, the plan, the journal.

use crate::scene::{Scene, shard};
use pilothouse::base::{Stop, Timestamp};
use pilothouse::cockpit::{Model, Msg, update};
use pilothouse::report::{Shift, handover};
use pilothouse::rollout::Scope;
use pilothouse::wire::{
    Check, CheckVerdict, EventView, Finding, Handover, Head, JournalPage, LockParty, LockWait,
    Locks, PlanStep, PlanWay, ServerMessage, ShardDetail, Sight, Sign, SignalView, Stream,
    concerns, entries,
};

/// Samples of the time before the scene.
const SAMPLES: u64 = 90;

/// The scene, watched for three minutes and then looked at closely.
pub fn watched(scene: &Scene) -> Model {
    let mut model = Model::new(crate::scene::options(), scene.now);
    for place in 0..SAMPLES {
        let at = before(scene, (SAMPLES - place) * 2_000);
        let mut view = scene.view();
        for (nth, shard) in (0_u64..).zip(&mut view.shards) {
            // Not a straight line, and always the same one.
            let swing = (place * 7 + nth * 13) % 23;
            let slow = shard.name.as_str() == "eu-05" && place > 60;
            shard.rows_per_s = shard.rows_per_s.map(|rate| {
                let rate = rate * (80 + swing) / 100;
                if slow { rate / 3 } else { rate }
            });
            if let Some(lag) = &mut shard.lag_ms {
                lag.value = if slow {
                    5_200 + swing * 40
                } else {
                    180 + swing * 9
                };
            }
        }
        view.totals.rows_per_s = Some(view.shards.iter().filter_map(|s| s.rows_per_s).sum());
        hear(&mut model, view, at);
    }
    hear(&mut model, scene.view(), scene.now);
    for sight in [
        Sight::Shard(Box::new(detail(scene))),
        Sight::Plan(plan()),
        Sight::Journal(journal(scene)),
        Sight::Handover(Box::new(shift(scene))),
        Sight::Runbook(Some(RUNBOOK.into())),
    ] {
        update(
            &mut model,
            Msg::Server(Box::new(ServerMessage::Sight(sight)), scene.now),
        );
    }
    model.shard = Some(shard("eu-05"));
    model
}

/// The runbook of the example.
pub const RUNBOOK: &str = include_str!("../../config/examples/runbook.md");

/// The shift that ends with the scene.
pub fn shift(scene: &Scene) -> Handover {
    handover(&Shift {
        view: &scene.view(),
        state: &scene.state,
        facts: &scene.facts,
        whole_since: None,
        since: before(scene, 8 * 3_600_000),
        at: scene.now,
    })
}

fn before(scene: &Scene, ms: u64) -> Timestamp {
    Timestamp(scene.now.0 - ms)
}

fn hear(model: &mut Model, view: pilothouse::wire::FleetView, at: Timestamp) {
    let snapshot = Stream::Snapshot {
        seq: model.seq + 1,
        at,
        view: Box::new(view),
    };
    update(
        model,
        Msg::Server(Box::new(ServerMessage::Stream(snapshot)), at),
    );
}

fn signal(
    scene: &Scene,
    name: &str,
    place: &str,
    value: Option<u64>,
    limit: Option<u64>,
) -> SignalView {
    SignalView {
        signal: name.into(),
        place: place.into(),
        value,
        limit,
        at: before(scene, 400),
    }
}

pub fn detail(scene: &Scene) -> ShardDetail {
    let lag = "replica_lag_ms";
    ShardDetail {
        shard: shard("eu-05"),
        at: scene.now,
        signals: vec![
            signal(
                scene,
                "active_sessions",
                "10.0.5.11:5432",
                Some(41),
                Some(200),
            ),
            signal(
                scene,
                "oldest_transaction_ms",
                "10.0.5.11:5432",
                Some(1_840),
                None,
            ),
            signal(
                scene,
                "slot_wal_bytes",
                "10.0.5.11:5432",
                Some(48_300_000),
                Some(8_000_000_000),
            ),
            signal(scene, lag, "eu-05-r1", Some(410), Some(5_000)),
            signal(scene, lag, "eu-05-r2", Some(6_100), Some(5_000)),
            signal(scene, "archive_segments", "10.0.5.11:5432", None, Some(64)),
        ],
        findings: findings(scene),
        events: happened(scene),
        locks: Locks::Seen(vec![LockWait {
            waiter: LockParty {
                pid: 5_120,
                who: "shop web".into(),
                query: "UPDATE customers SET email = $1 WHERE id = $2".into(),
                open_ms: 2_300,
                began_us: Some(1_790_000_000_000_000),
            },
            waits_ms: 2_100,
            blockers: vec![LockParty {
                pid: 4_711,
                who: "batch nightly idle in transaction".into(),
                query: "SELECT * FROM customers WHERE id = $1 FOR UPDATE".into(),
                open_ms: 312_000,
                began_us: Some(1_789_999_690_000_000),
            }],
        }]),
    }
}

/// Marks on the time axis: it began, was throttled, was looked at.
fn happened(scene: &Scene) -> Vec<EventView> {
    let mut events = scene.view().events;
    events.retain(|e| concerns(e, &shard("eu-05"), Some(&crate::scene::ring("early"))));
    for (ago, text, sign) in [
        (170_000, "backfill begins", Sign::Running),
        (
            60_000,
            "replica lag 6.1 s over 5 s on eu-05-r2",
            Sign::Throttled,
        ),
    ] {
        events.push(EventView {
            seq: 61,
            at: before(scene, ago),
            scope: Scope::Shard(shard("eu-05")),
            actor: "engine".into(),
            text: text.into(),
            sign: Some(sign),
        });
    }
    events
}

fn findings(scene: &Scene) -> Vec<Finding> {
    let at = before(scene, 1_300_000);
    let found = |name: &str, verdict, value: &str, limit: &str, remedy: &str| Finding {
        check: Check::new(name, verdict, value, limit, remedy),
        at,
    };
    use CheckVerdict::{Pass, Wait, Warn};
    vec![
        found(
            "preflight/usable_key",
            Pass,
            "primary key (id)",
            "unique, not null, b-tree",
            "",
        ),
        found(
            "preflight/no_foreign_trigger",
            Pass,
            "none",
            "no trigger that writes the row",
            "",
        ),
        found(
            "preflight/disk",
            Warn,
            "free disk space is not visible over SQL; the tables take 1.2 GB",
            "room for a second copy of the changed columns and for WAL",
            "look at the server; or set a limit on disk_free_bytes where it can be read",
        ),
        found(
            "preflight/lock_timeout",
            Pass,
            "100 ms",
            "100 ms or less",
            "",
        ),
        found(
            "quiet/old_form",
            Wait,
            "batch (pid 4711) wrote the old form 40 s ago",
            "no old-form write for 10 min",
            "deploy the new form there, or stop it; then it is quiet by itself",
        ),
    ]
}

fn plan() -> Vec<PlanStep> {
    let step = |stop, way, title: &str, lock: &str, sql: &[&str]| PlanStep {
        stop,
        way,
        title: title.into(),
        sql: sql.iter().map(|s| (*s).to_owned()).collect(),
        lock: lock.into(),
        estimate: None,
    };
    use PlanWay::{Back, There};
    vec![
        step(
            Stop::Expand,
            There,
            "add customers.email_v2",
            "ACCESS EXCLUSIVE, short",
            &["ALTER TABLE customers ADD COLUMN email_v2 text"],
        ),
        step(
            Stop::Expand,
            Back,
            "drop customers.email_v2",
            "ACCESS EXCLUSIVE, short",
            &["ALTER TABLE customers DROP COLUMN IF EXISTS email_v2"],
        ),
        step(
            Stop::DualWrite,
            There,
            "install the trigger, the old form rules",
            "SHARE ROW EXCLUSIVE, short",
            &[
                "CREATE FUNCTION pilothouse.keep_3f() ...",
                "CREATE TRIGGER pilothouse_3f BEFORE INSERT OR UPDATE ON customers ...",
            ],
        ),
        step(
            Stop::DualWrite,
            Back,
            "remove the trigger",
            "ACCESS EXCLUSIVE, short",
            &["DROP TRIGGER IF EXISTS pilothouse_3f ON customers"],
        ),
        step(
            Stop::Backfill,
            There,
            "fill customers.email_v2",
            "rows of one chunk, 100 ms at most",
            &[
                "UPDATE customers AS t SET email_v2 = lower(t.email) WHERE (id) > ($1) AND (id) <= ($2) AND (t.email_v2 IS DISTINCT FROM lower(t.email))",
            ],
        ),
        step(
            Stop::Verify,
            There,
            "compare every row of customers",
            "none",
            &["SELECT count(*), ... FROM customers AS t WHERE (id) > ($1) AND (id) <= ($2)"],
        ),
        step(Stop::Shift(10), There, "flag to 10 %", "none", &[]),
        step(
            Stop::Retire,
            There,
            "the new form rules",
            "SHARE ROW EXCLUSIVE, short",
            &["CREATE OR REPLACE FUNCTION pilothouse.keep_3f() ..."],
        ),
        step(
            Stop::Drop,
            There,
            "export what customers loses",
            "none on your tables",
            &["INSERT INTO pilothouse.export_3f ..."],
        ),
        step(
            Stop::Drop,
            There,
            "drop the old form of customers",
            "ACCESS EXCLUSIVE, short",
            &["ALTER TABLE customers DROP COLUMN IF EXISTS email"],
        ),
        step(
            Stop::Drop,
            Back,
            "bring dropped values of customers back",
            "rows of one chunk, 100 ms at most",
            &[
                "UPDATE customers AS t SET email = CASE WHEN ... THEN e.email ELSE t.email_v2 END ...",
            ],
        ),
    ]
}

pub fn journal(scene: &Scene) -> JournalPage {
    JournalPage {
        entries: entries(&scene.facts),
        head: Some(Head {
            seq: scene.facts.len() as u64,
            hash: format!("{:0<64}", "5b1c09aa").parse().unwrap(),
        }),
        trouble: None,
    }
}
