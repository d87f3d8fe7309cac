//! What a seed makes: fleet, policy, plan, faults.

use super::fault::{self, FaultKind, Planned};
use super::{Calm, Options};
use crate::base::{Digest, MigrationName, Period, RingName, ShardName, Stage, Stop};
use crate::fleet::{Crew, Guard, GuardAction, Policy};
use crate::rollout::{Member, Opening};
use crate::shard::sim::{Dice, Image, ServerOptions, SimServer, plan};
use crate::worker::{ChunkLimits, ShardPlan};
use std::collections::{BTreeMap, BTreeSet};

/// How the run is meant to end once everything is healed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Forward,
    Abort,
}

pub(super) struct Shape {
    pub(super) opening: Opening,
    pub(super) plan: ShardPlan,
    pub(super) shards: Vec<ShardName>,
    pub(super) kinds: Vec<FaultKind>,
    pub(super) planned: Vec<Planned>,
    pub(super) limits: ChunkLimits,
    pub(super) ranges: u32,
    pub(super) heal_at_ms: u64,
    pub(super) ending: Ending,
    pub(super) operators: bool,
    pub(super) auto_from_start: bool,
    pub(super) writes_every_ms: u64,
}

#[expect(clippy::expect_used, reason = "the names are written here and valid")]
fn names(rings: usize, shards: usize) -> (Vec<RingName>, Vec<ShardName>) {
    let ring =
        |n: usize| RingName::new(format!("ring-{n}")).expect("letters, a hyphen and a number");
    let shard = |n: usize| ShardName::new(format!("s{n}")).expect("a letter and a number");
    (
        (0..rings).map(ring).collect(),
        (0..shards).map(shard).collect(),
    )
}

#[expect(clippy::expect_used, reason = "the name is written here and valid")]
fn migration() -> MigrationName {
    MigrationName::new("simulated").expect("letters only")
}

pub(super) fn shape(dice: &mut Dice, options: Options) -> Shape {
    let count = 1 + dice.place(4);
    let rings = 1 + dice.place(count.min(3));
    let (ring_names, shards) = names(rings, count);
    let mut members: Vec<(RingName, Vec<Member>)> =
        ring_names.into_iter().map(|r| (r, Vec::new())).collect();
    for (n, shard) in shards.iter().enumerate() {
        let ring = if n < rings { n } else { dice.place(rings) };
        members[ring].1.push(Member {
            shard: shard.clone(),
            instance: format!("i{}", dice.place(2)),
        });
    }
    let policy = policy(dice);
    let caps = if dice.chance(40) {
        BTreeMap::from([("i0".to_owned(), 1), ("i1".to_owned(), 1)])
    } else {
        BTreeMap::new()
    };
    let plan = plan(&policy.shift_steps);
    let calm = options.calm == Calm::Yes;
    let heal_at_ms = if calm {
        1_000
    } else {
        dice.between(3_000, 40_000)
    };
    let (kinds, planned) = if calm {
        (Vec::new(), Vec::new())
    } else {
        fault::plan(dice, shards.len(), heal_at_ms)
    };
    let opening = Opening {
        id: "r1".into(),
        migration: migration(),
        plan_digest: Digest::of("sim/plan", &[]),
        shard_set_digest: Digest::of("sim/shards", &[]),
        guards: guards(dice),
        route: plan.stops.keys().copied().collect(),
        rings: members,
        instance_caps: caps,
        production: dice.chance(30),
        waived: Vec::new(),
        policy,
    };
    Shape {
        opening,
        plan,
        shards,
        kinds,
        planned,
        limits: ChunkLimits {
            start: u32::try_from(dice.between(2, 12)).unwrap_or(4),
            floor: 1,
            ceiling: 20,
        },
        ranges: u32::try_from(dice.between(1, 3)).unwrap_or(1),
        heal_at_ms,
        ending: if dice.chance(75) || calm {
            Ending::Forward
        } else {
            Ending::Abort
        },
        operators: dice.chance(60) && !calm,
        auto_from_start: dice.chance(60) || calm,
        writes_every_ms: dice.between(30, 400),
    }
}

fn policy(dice: &mut Dice) -> Policy {
    let steps: [&[u8]; 4] = [&[100], &[50, 100], &[10, 50, 100], &[1, 10, 50, 100]];
    let ms = |dice: &mut Dice, high| Period::from_ms(dice.between(0, high));
    Policy {
        after: [Stage::Verify, Stage::Backfill, Stage::Expand][dice.place(3)],
        soak: ms(dice, 3_000),
        shift_steps: steps[dice.place(4)].to_vec(),
        shift_soak: ms(dice, 1_500),
        max_failed_shards: u32::try_from(dice.between(0, 2)).unwrap_or(0),
        verify_age_max: Period::from_ms(dice.between(20_000, 120_000)),
        quiet: ms(dice, 1_000),
        attempts_max: u32::try_from(dice.between(2, 8)).unwrap_or(3),
        approvals: BTreeMap::new(),
        signed: BTreeSet::new(),
        people: Crew::Several,
        approval_ttl: Period::from_ms(3_600_000),
    }
}

fn guards(dice: &mut Dice) -> Vec<Guard> {
    if !dice.chance(40) {
        return Vec::new();
    }
    let action = [GuardAction::Hold, GuardAction::Pause, GuardAction::RollBack][dice.place(3)];
    vec![Guard {
        name: "lag".into(),
        signal: "replica_lag_ms".into(),
        above: 1_000,
        lasting: Period::from_ms(dice.between(0, 3_000)),
        action,
    }]
}

/// One simulated server with its table.
pub(super) fn server(dice: &mut Dice, shape: &Shape, options: Options, n: usize) -> SimServer {
    let count = dice.between(10, 60);
    let image = Image::new((0..count).map(|_| {
        let key = i64::try_from(dice.between(1, 400)).unwrap_or(1);
        (key, i64::try_from(dice.between(0, 1_000)).unwrap_or(0))
    }));
    let loses = [FaultKind::Failover, FaultKind::Restore];
    SimServer::new(
        image,
        ServerOptions {
            pin: format!("sim/{n}"),
            rollout: shape.opening.id.clone(),
            variant: options.variant,
            history_max: if loses.iter().any(|kind| shape.kinds.contains(kind)) {
                12
            } else {
                0
            },
            quiet_ms: shape.opening.policy.quiet.ms(),
            client_delays_ms: (0..dice.between(1, 3))
                .map(|_| dice.between(0, 800))
                .collect(),
        },
    )
}

impl Shape {
    pub(super) fn has(&self, kind: FaultKind) -> bool {
        self.kinds.contains(&kind)
    }

    pub(super) fn last_stop(&self) -> Stop {
        self.opening.route.last().copied().unwrap_or(Stop::Drop)
    }
}
