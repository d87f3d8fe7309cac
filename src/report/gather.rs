//! Folds a journal's facts into a report.

use super::account::{
    Admission, Given, Glassed, Heading, Note, Proof, Report, Request, Run, Sealed,
};
use super::standstill::{Standstills, ring_times};
use super::timeline::Timeline;
use super::work::Work;
use super::{Deviation, deviation, open_end};
use crate::base::{Cause, ShardName, Stop, Timestamp};
use crate::journal::Head;
use crate::rollout::{
    Approval, ApprovalEnd, Event, Evidence, Fact, Glass, Mark, Opening, Outcome, Rollout, Scope,
    State, apply, policy_digest,
};

/// The circumstances of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// When it is made.
    pub at: Timestamp,
    /// Where the journal that was read ends.
    pub head: Head,
    /// What is wrong with that journal.
    pub warnings: Vec<String>,
}

/// Every rollout in a journal, oldest first.
pub fn runs(facts: &[(u64, Fact)]) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    for (seq, fact) in facts {
        match (&fact.event, found.last_mut()) {
            (Event::RolloutOpened(opening), _) => found.push(Run {
                id: opening.id.clone(),
                migration: opening.migration.clone(),
                first: *seq,
                opened_at: fact.at,
                outcome: None,
            }),
            (Event::RolloutEnded { outcome }, Some(run)) => run.outcome = Some(*outcome),
            // A merge restore goes on with one that was done.
            (Event::RollbackBegun { .. }, Some(run)) => run.outcome = None,
            _ => {}
        }
    }
    found
}

/// The report of the rollout that entry `first` opened; `None` if it opened
/// none.
pub fn gather(facts: &[(u64, Fact)], first: u64, made: Made) -> Option<Report> {
    let mut state = State::default();
    let mut before = facts.iter();
    let (seq, fact) = before.find(|(seq, fact)| {
        let here = *seq == first;
        if !here {
            apply(&mut state, fact);
        }
        here
    })?;
    let Event::RolloutOpened(opening) = &fact.event else {
        return None;
    };
    apply(&mut state, fact);
    let rollout = state.rollout.as_ref()?;
    let mut gathering = Gathering::open((*seq, fact), rollout);
    for (seq, fact) in before {
        if matches!(fact.event, Event::RolloutOpened(_)) {
            break;
        }
        if let Some(rollout) = &state.rollout {
            gathering.before(*seq, fact, rollout);
        }
        apply(&mut state, fact);
        if let Some(rollout) = &state.rollout {
            gathering.after(*seq, fact, rollout);
        }
    }
    let other_runs = runs(facts).into_iter().filter(|run| run.first != first);
    let other_runs = other_runs.filter(|run| run.id == opening.id).collect();
    let rollout = state.rollout.as_ref()?;
    Some(gathering.finish(rollout, opening, made, other_runs))
}

struct Gathering {
    opened: (u64, Timestamp, String),
    last: u64,
    ended: Option<(Outcome, Timestamp)>,
    timeline: Timeline,
    work: Work,
    standstills: Standstills,
    requests: Vec<Request>,
    glass: Vec<Glassed>,
    admissions: Vec<Admission>,
    proofs: Vec<Proof>,
    notes: Vec<Note>,
    deviations: Vec<Deviation>,
    sealed: Option<Sealed>,
}

impl Gathering {
    fn open((seq, fact): (u64, &Fact), rollout: &Rollout) -> Self {
        let mut timeline = Timeline::default();
        timeline.note(seq, fact, rollout);
        Self {
            opened: (seq, fact.at, fact.actor.to_string()),
            last: seq,
            ended: None,
            timeline,
            work: Work::default(),
            standstills: Standstills::default(),
            // Requests of an earlier run: kept where nothing changed, else void.
            requests: rollout.approvals.iter().map(request).collect(),
            // Times before this run whose review is owed.
            glass: rollout.reviews_owed().map(glassed).collect(),
            admissions: Vec::new(),
            proofs: Vec::new(),
            notes: Vec::new(),
            deviations: Vec::new(),
            sealed: None,
        }
    }

    /// What is told by what was so before the fact.
    fn before(&mut self, seq: u64, fact: &Fact, rollout: &Rollout) {
        self.last = seq;
        self.timeline.note(seq, fact, rollout);
        self.work.note(seq, fact, rollout);
        self.deviations.extend(deviation::of(seq, fact, rollout));
        self.approvals(fact);
        match &fact.event {
            Event::RingAdmitted {
                ring,
                stop,
                readings,
            } => {
                let unapproved =
                    rollout.approvals_needed(*stop) > 0 && rollout.broken_glass(fact.at).is_some();
                if let Some(glass) = self.glass.last_mut()
                    && unapproved
                {
                    glass.admitted.push((ring.clone(), *stop));
                }
                self.admissions.push(Admission {
                    at: fact.at,
                    ring: ring.clone(),
                    stop: *stop,
                    by: fact.actor.to_string(),
                    cause: fact.cause,
                    reason: fact.reason.clone(),
                    gates: readings
                        .iter()
                        .map(|r| format!("{}: {}", r.gate.word(), r.value))
                        .collect(),
                    seq,
                });
            }
            Event::HeadSealed(seal) => {
                self.sealed = Some(Sealed {
                    up_to: seal.head.seq,
                    at: fact.at,
                    key: seal.key().fingerprint().to_string(),
                    seq,
                });
            }
            Event::StageDone {
                stop,
                generation,
                evidence,
            } => {
                if let Scope::Shard(name) = &fact.scope {
                    self.evidence(seq, fact.at, name, (*stop, *generation), evidence);
                }
            }
            _ => {}
        }
    }

    /// What is told by what is so after it.
    fn after(&mut self, seq: u64, fact: &Fact, rollout: &Rollout) {
        self.standstills.note(seq, fact, rollout);
        self.ended = match (&fact.event, rollout.outcome) {
            (Event::RolloutEnded { outcome }, _) => Some((*outcome, fact.at)),
            // A merge restore goes on with one that was done.
            (_, None) => None,
            (_, Some(_)) => self.ended,
        };
        if matches!(fact.event, Event::RolloutEnded { .. }) {
            self.deviations
                .extend(deviation::left_out(rollout, fact, seq));
        }
    }

    fn approvals(&mut self, fact: &Fact) {
        let mark = || fact.mark();
        let end = match &fact.event {
            Event::ApprovalRequested(asked) => return self.requests.push(request(asked)),
            Event::ApprovalGiven { id, signed } => {
                let asked = self.requests.iter_mut().rev().find(|r| r.id == *id);
                let key = signed.as_ref().map(|s| s.signature.key().fingerprint());
                let key = key.map(|key| key.to_string());
                let given = Given { mark: mark(), key };
                return asked.into_iter().for_each(|r| r.given.push(given.clone()));
            }
            Event::ApprovalRejected { id } => Some((id, ApprovalEnd::Rejected(mark()))),
            Event::ApprovalWithdrawn { id } => Some((id, ApprovalEnd::Withdrawn(mark()))),
            Event::ApprovalConsumed { id } => Some((id, ApprovalEnd::Consumed(fact.at))),
            _ => None,
        };
        if let Some((id, end)) = end {
            let asked = self.requests.iter_mut().rev().find(|r| r.id == *id);
            return asked.into_iter().for_each(|r| r.end = Some(end.clone()));
        }
        match &fact.event {
            Event::GlassBroken { until } => self.glass.push(Glassed {
                broken: mark(),
                until: *until,
                reviewed: None,
                admitted: Vec::new(),
            }),
            Event::GlassReviewed => {
                let owed = self.glass.iter_mut().filter(|g| g.reviewed.is_none());
                owed.for_each(|glass| glass.reviewed = Some(mark()));
            }
            _ => {}
        }
    }

    fn evidence(
        &mut self,
        seq: u64,
        at: Timestamp,
        name: &ShardName,
        (stop, generation): (Stop, u64),
        found: &Evidence,
    ) {
        if stop == Stop::Verify {
            self.proofs.push(Proof {
                at,
                shard: name.clone(),
                rows: found.rows,
                chunks: found.chunks,
                stale: found.stale,
                generation,
                digest: found.digest,
                seq,
            });
        }
        for text in &found.notes {
            let same = |note: &&mut Note| note.stop == stop && note.text == *text;
            match self.notes.iter_mut().find(same) {
                Some(note) if note.shards.contains(name) => {}
                Some(note) => note.shards.push(name.clone()),
                None => self.notes.push(Note {
                    stop,
                    text: text.clone(),
                    shards: vec![name.clone()],
                }),
            }
        }
    }

    fn finish(
        self,
        rollout: &Rollout,
        opening: &Opening,
        made: Made,
        other_runs: Vec<Run>,
    ) -> Report {
        let until = self.ended.map_or(made.at, |(_, at)| at);
        let (figures, rows, failures) = self.work.finish();
        let (standstills, caps) = self.standstills.finish(self.ended.map(|(_, at)| at));
        let (first, opened_at, opened_by) = self.opened;
        Report {
            heading: Heading {
                id: opening.id.clone(),
                migration: opening.migration.clone(),
                production: opening.production,
                opened_by,
                opened_at,
                ended: self.ended,
                rings: opening
                    .rings
                    .iter()
                    .map(|(name, members)| (name.clone(), members.len()))
                    .collect(),
                plan: opening.plan_digest,
                shard_set: opening.shard_set_digest,
                policy: policy_digest(&opening.policy),
                head: made.head,
                entries: (first, self.last),
                sealed: self.sealed,
                made_at: made.at,
                other_runs,
            },
            warnings: made.warnings,
            timeline: self.timeline.finish(&figures),
            requests: self.requests,
            glass: self.glass,
            ring_times: ring_times(rollout, &standstills, &caps, &rows, until),
            standstills,
            admissions: self.admissions,
            proofs: self.proofs,
            notes: self.notes,
            figures,
            rows,
            failures,
            deviations: self.deviations,
            open_ends: open_end::open_ends(rollout, made.at),
        }
    }
}

fn request(asked: &Approval) -> Request {
    Request {
        id: asked.id.clone(),
        ring: asked.ring.clone(),
        stop: asked.stop,
        window: asked.window,
        asked: asked.asked.clone(),
        given: asked.given.iter().map(unsigned).collect(),
        end: asked.end.clone(),
        expires_at: asked.expires_at,
    }
}

fn glassed(glass: &Glass) -> Glassed {
    Glassed {
        broken: glass.broken.clone(),
        until: glass.until,
        reviewed: None,
        admitted: Vec::new(),
    }
}

/// A yes that came with its request from an earlier run.
fn unsigned(mark: &Mark) -> Given {
    Given {
        mark: mark.clone(),
        key: None,
    }
}

impl Admission {
    /// Whether the engine promoted by itself.
    pub fn is_automatic(&self) -> bool {
        self.cause == Cause::Automatic
    }
}
