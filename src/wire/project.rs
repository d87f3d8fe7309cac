//! State, observations and telemetry in; everything a screen shows out.

use super::approval::{project_approvals, project_glass};
use super::describe;
use super::event::moment;
use super::need::{journal_need, project_needs};
use super::notify::{self, NotifyView};
use super::ring::project_ring;
use super::shard::project_shard;
use super::standing::{self, Sign, Standing};
use super::telemetry::Telemetry;
use super::totals::project_totals;
use super::view::{EventView, FleetView, Header, Identity, RingView, RolloutView};
use crate::base::{Contacts, Period, RingName, ShardName, Timestamp};
use crate::journal::{Head, LogId};
use crate::rollout::{Fact, Observations, Rollout, Scope, State};
use std::collections::BTreeMap;

/// Most events that a view carries.
const EVENTS_MAX: usize = 50;

/// What a view is made from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Which fleet.
    pub identity: &'a Identity,
    /// Whom to call.
    pub contacts: &'a Contacts,
    /// What the journal says.
    pub state: &'a State,
    /// What is observed.
    pub observations: &'a Observations,
    /// What the drivers measure.
    pub telemetry: &'a Telemetry,
    /// The newest facts with their numbers, oldest first.
    pub recent: &'a [(u64, Fact)],
    /// Where the journal ends.
    pub head: Option<Head>,
    /// Which journal it is.
    pub log: Option<&'a LogId>,
    /// Why the journal cannot be written, and since when, if it cannot.
    pub journal_trouble: Option<(Timestamp, &'a str)>,
    /// A shard at work that has not moved for so long has stalled.
    pub stall_after: Period,
    /// How telling those outside goes.
    pub notify: &'a [NotifyView],
}

/// Makes the view. Pure: the same input gives the same view.
pub fn project(source: &Source<'_>, now: Timestamp) -> FleetView {
    let mut view = FleetView {
        header: Header {
            identity: source.identity.clone(),
            contacts: source.contacts.clone(),
            rollout: None,
            log: source.log.cloned(),
            head: source.head,
            sealed: source.state.sealed,
            unwritten_since: source.journal_trouble.map(|(since, _)| since),
            notify: source.notify.to_vec(),
        },
        events: events(source.recent),
        ..FleetView::default()
    };
    let Some(rollout) = &source.state.rollout else {
        return view;
    };
    view.rings = rings(source, rollout, now);
    let standings: BTreeMap<&RingName, &Standing> =
        view.rings.iter().map(|r| (&r.name, &r.standing)).collect();
    let members = rollout
        .opening
        .rings
        .iter()
        .flat_map(|(_, members)| members);
    for member in members {
        let Some(shard) = rollout.shards.get_key_value(&member.shard) else {
            continue;
        };
        let Some(ring) = standings.get(&shard.1.ring) else {
            continue;
        };
        view.shards
            .push(project_shard(source, rollout, shard, ring, now));
    }
    for ring in &mut view.rings {
        standing::stalls(ring, &view.shards);
    }
    view.totals = project_totals(&view.shards, source.telemetry);
    let header = project_rollout(rollout, &view.rings, now);
    view.needs_you = project_needs(&header, &view.rings, &view.shards, now);
    view.needs_you.extend(notify::needs(source.notify));
    view.header.rollout = Some(header);
    if let Some((since, why)) = source.journal_trouble {
        view.needs_you.insert(0, journal_need(since, why));
    }
    view
}

fn rings(source: &Source<'_>, rollout: &Rollout, now: Timestamp) -> Vec<RingView> {
    rollout
        .ring_order()
        .filter_map(|name| rollout.rings.get_key_value(name))
        .map(|ring| project_ring(rollout, source.observations, source.telemetry, ring, now))
        .map(|mut ring| {
            if rollout.outcome.is_some() {
                ring.standing.next = standing::NOTHING_MORE.into();
            }
            ring
        })
        .collect()
}

fn project_rollout(rollout: &Rollout, rings: &[RingView], now: Timestamp) -> RolloutView {
    let standings: Vec<Standing> = rings.iter().map(|r| r.standing.clone()).collect();
    let opening = &rollout.opening;
    RolloutView {
        id: opening.id.clone(),
        migration: opening.migration.clone(),
        plan: opening.plan_digest.short(),
        opened_at: rollout.opened_at,
        route: opening.route.clone(),
        outcome: rollout.outcome,
        paused: rollout.paused.clone(),
        hold: rollout.hold.clone(),
        aborting: rollout.aborting.clone(),
        auto: rollout.auto.clone(),
        rows_per_s_max: rollout.rows_per_s_max,
        failed_allowed: opening.policy.max_failed_shards,
        approvals: project_approvals(rollout, now),
        glass: project_glass(rollout),
        version: rollout.version,
        standing: standing::of_fleet(rollout, &standings),
    }
}

fn events(recent: &[(u64, Fact)]) -> Vec<EventView> {
    let skip = recent.len().saturating_sub(EVENTS_MAX);
    recent[skip..].iter().map(event).collect()
}

fn event((seq, fact): &(u64, Fact)) -> EventView {
    EventView {
        seq: *seq,
        at: fact.at,
        scope: fact.scope.clone(),
        actor: fact.actor.to_string(),
        text: describe(fact),
        sign: moment(&fact.event),
    }
}

/// The newest of the record that is about one shard, oldest first. Only what
/// is about it is spelt out.
pub fn events_of(
    recent: &[(u64, Fact)],
    shard: &ShardName,
    ring: Option<&RingName>,
) -> Vec<EventView> {
    let here = recent
        .iter()
        .rev()
        .filter(|(_, fact)| about(&fact.scope, moment(&fact.event), shard, ring));
    let mut newest: Vec<EventView> = here.take(EVENTS_MAX).map(event).collect();
    newest.reverse();
    newest
}

/// Whether an event is about a shard of this ring.
pub fn concerns(event: &EventView, shard: &ShardName, ring: Option<&RingName>) -> bool {
    about(&event.scope, event.sign, shard, ring)
}

fn about(scope: &Scope, sign: Option<Sign>, shard: &ShardName, ring: Option<&RingName>) -> bool {
    match scope {
        // That a stage begins on others says nothing about this shard.
        Scope::Fleet => sign.is_some(),
        Scope::Ring(name) => ring == Some(name),
        Scope::Shard(name) => name == shard,
    }
}
