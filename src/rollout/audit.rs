//! Judges a journal afterwards, from its facts alone: whether what it says was
//! allowed was allowed.
//!
//! Written against the rules, not against [`super::decide`]: an engine that
//! decides wrongly, or a hand that forges entries and all their hashes, is
//! found here.

use super::apply;
use super::approval::{Approval, policy_digest};
use super::command::Scope;
use super::event::{Event, Fact};
use super::keys::Signed;
use super::pending::Pending;
use super::people::{Place, Right};
use super::state::{Opening, State};
use crate::base::{Cause, Digest, RingName, Stop};
use crate::journal::Head;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What is wrong at one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which entry.
    pub seq: u64,
    /// What, in words.
    pub wrong: Wrong,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: {}", self.seq, self.wrong)
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A promotion without the approvals that its policy asks for.
    Approval(String),
    /// A signature that does not hold.
    Signature(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approval(text) | Self::Signature(text) => f.write_str(text),
        }
    }
}

/// A request on its way through the journal.
struct Request<'a> {
    asked: &'a Fact,
    approval: &'a Approval,
    given: BTreeSet<&'a str>,
    over: bool,
}

/// See the module.
#[derive(Default)]
pub struct Audit<'a> {
    /// Folded along: what was so before every entry.
    state: State,
    hashes: BTreeMap<u64, Digest>,
    requests: BTreeMap<&'a str, Request<'a>>,
    /// A promotion that must be followed by the use of its approvals.
    owed: Option<(u64, &'a Fact, &'a RingName, Stop)>,
    findings: Vec<Finding>,
}

impl<'a> Audit<'a> {
    /// Judges the next fact, in the order of the journal; `hash` is its
    /// entry's.
    pub fn push(&mut self, seq: u64, fact: &'a Fact, hash: Digest) {
        self.settle(fact);
        match &fact.event {
            Event::ApprovalRequested(approval) => {
                let request = Request {
                    asked: fact,
                    approval,
                    given: BTreeSet::new(),
                    over: false,
                };
                self.requests.insert(&approval.id, request);
            }
            Event::ApprovalGiven { id, signed } => self.given(seq, fact, id, signed.as_deref()),
            Event::ApprovalRejected { id } | Event::ApprovalWithdrawn { id } => {
                if let Some(request) = self.requests.get_mut(id.as_str()) {
                    request.over = true;
                }
            }
            Event::RingAdmitted { ring, stop, .. } => self.admitted(seq, fact, ring, *stop),
            Event::ApprovalConsumed { id } => self.used(seq, fact, id),
            _ => {}
        }
        apply(&mut self.state, fact);
        self.hashes.insert(seq, hash);
    }

    /// What was found, in the order of the journal.
    pub fn finish(mut self) -> Vec<Finding> {
        self.unpaid();
        self.findings.sort_by_key(|finding| finding.seq);
        self.findings
    }

    fn find(&mut self, seq: u64, wrong: Wrong) {
        self.findings.push(Finding { seq, wrong });
    }

    /// A promotion and the use of its approvals are one order: nothing comes
    /// between them.
    fn settle(&mut self, fact: &Fact) {
        if !matches!(fact.event, Event::ApprovalConsumed { .. }) {
            self.unpaid();
        }
    }

    fn unpaid(&mut self) {
        if let Some((seq, _, ring, stop)) = self.owed.take() {
            let text = format!("ring {ring} was promoted to {stop} without an approval");
            self.find(seq, Wrong::Approval(text));
        }
    }

    fn opening(&self) -> Option<&Opening> {
        self.state.rollout.as_ref().map(|rollout| &rollout.opening)
    }

    fn needed(&self, stop: Stop) -> u32 {
        self.opening()
            .map_or(0, |opening| opening.approvals_needed(stop))
    }

    fn admitted(&mut self, seq: u64, fact: &'a Fact, ring: &'a RingName, stop: Stop) {
        let rollout = self.state.rollout.as_ref();
        let is_broken = rollout.is_some_and(|rollout| rollout.broken_glass(fact.at).is_some());
        let pending = rollout.and_then(|rollout| rollout.rings.get(ring)?.pending.as_ref());
        let covers =
            |p: &&Pending| p.stop == stop && p.window.is_open(fact.at) && p.asked.by == fact.actor;
        if fact.cause == Cause::Scheduled && pending.filter(covers).is_none() {
            let text = format!(
                "ring {ring} was promoted to {stop} as scheduled, and nobody had scheduled that"
            );
            self.find(seq, Wrong::Approval(text));
        }
        if self.needed(stop) > 0 && !is_broken {
            self.owed = Some((seq, fact, ring, stop));
        }
    }

    fn given(&mut self, seq: u64, fact: &'a Fact, id: &str, signed: Option<&Signed>) {
        let who = fact.actor.name.as_str();
        let Some(request) = self.requests.get_mut(id) else {
            let text = format!("{who} approved {id}, which nobody asked for");
            return self.find(seq, Wrong::Approval(text));
        };
        let approval = request.approval;
        let own = request.asked.actor.name == who;
        let late = request.over || fact.at >= approval.expires_at;
        if !own && !late {
            request.given.insert(who);
        }
        let at = Place {
            ring: Some(&approval.ring),
            stage: Some(approval.stop.stage()),
        };
        if own {
            let text = format!("{who} approved {id}, which they had asked for");
            self.find(seq, Wrong::Approval(text));
        } else if late {
            let text = format!("{who} approved {id} when it was over");
            self.find(seq, Wrong::Approval(text));
        } else if let Err(denied) = self.state.people.may(who, Right::Approve, at) {
            self.find(seq, Wrong::Approval(format!("{id}: {denied}")));
        }
        match signed {
            Some(signed) => self.signed(seq, who, approval, signed),
            None if self.must_be_signed(approval) => {
                let text =
                    format!("{who} approved {id} without the signature that its policy demands");
                self.find(seq, Wrong::Signature(text));
            }
            None => {}
        }
    }

    fn must_be_signed(&self, approval: &Approval) -> bool {
        let stage = approval.stop.stage();
        self.opening()
            .is_some_and(|opening| opening.policy.signed.contains(&stage))
    }

    fn signed(&mut self, seq: u64, who: &str, approval: &Approval, signed: &Signed) {
        if let Err(why) = signed.check(&self.state.people, who, approval) {
            let text = format!("the approval of {} by {who}: {why}", approval.id);
            self.find(seq, Wrong::Signature(text));
        }
        let Head { seq: saw, hash } = signed.head;
        if self.hashes.get(&saw) != Some(&hash) {
            let text = format!(
                "{who} signed {} over another journal: theirs had {} as entry {saw}",
                approval.id,
                hash.short()
            );
            self.find(seq, Wrong::Signature(text));
        }
    }

    fn used(&mut self, seq: u64, fact: &'a Fact, id: &'a str) {
        let mut wrong = Vec::new();
        let owed = self.owed.take();
        let needed = owed.map_or(0, |(.., stop)| self.needed(stop));
        let opening = self.state.rollout.as_ref().map(|r| &r.opening);
        match (owed, self.requests.get_mut(id)) {
            (None, _) => wrong.push(format!("{id} was used for no promotion")),
            (_, None) => wrong.push(format!("{id} was used, and nobody asked for it")),
            (Some((_, admitted, ring, stop)), Some(request)) => {
                let approval = request.approval;
                if fact.scope != admitted.scope || fact.scope != Scope::Ring(ring.clone()) {
                    wrong.push(format!("{id} was used for another ring"));
                }
                if approval.ring != *ring || approval.stop != stop {
                    let (ring, stop) = (&approval.ring, approval.stop);
                    wrong.push(format!("{id} was asked for ring {ring} and {stop}"));
                }
                if std::mem::replace(&mut request.over, true) {
                    wrong.push(format!("{id} was over when it was used"));
                }
                if !approval.is_in_time(fact.at) {
                    wrong.push(format!("{id} was used before its window opened"));
                }
                if fact.at >= approval.expires_at {
                    wrong.push(format!("{id} had expired"));
                }
                let given = request.given.len();
                if given < needed as usize {
                    wrong.push(format!("{id} had {given} of {needed} approvals"));
                }
                let same = opening.is_some_and(|o| {
                    approval.plan == o.plan_digest
                        && approval.shard_set == o.shard_set_digest
                        && approval.policy == policy_digest(&o.policy)
                });
                if !same {
                    wrong.push(format!(
                        "{id} was given for another plan, other shards or another policy"
                    ));
                }
            }
        }
        for text in wrong {
            self.find(seq, Wrong::Approval(text));
        }
    }
}
