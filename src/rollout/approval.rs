//! Approvals: what was asked for, exactly, and who said yes.
//!
//! A request names digests of the plan, of the shards and of the policy, one
//! ring and one stop. It counts only while all of these are what will really
//! run, until it expires, and for one promotion.

use super::keys::Signed;
use super::pending::Window;
use super::state::{Mark, Opening, Rollout};
use crate::base::{Actor, Digest, Period, RingName, Stage, Stop, Timestamp};
use crate::fleet::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is done about approvals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalAct {
    /// Asks for the next promotion of a ring.
    Request,
    /// Says yes to a request.
    Give {
        /// Which.
        id: String,
        /// What was seen: the request's own digest.
        binding: Digest,
        /// With a signature, where one is demanded or given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Box<Signed>>,
    },
    /// Says no to a request: it is over.
    Reject {
        /// Which.
        id: String,
    },
    /// Takes one's own request back.
    Withdraw {
        /// Which.
        id: String,
    },
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Names it among others.
    pub id: String,
    /// Who asked, when and why.
    pub asked: Mark,
    /// Which ring is to be promoted.
    pub ring: RingName,
    /// To which stop.
    pub stop: Stop,
    /// Digest of what will run.
    pub plan: Digest,
    /// Digest of where.
    pub shard_set: Digest,
    /// Digest of the rules.
    pub policy: Digest,
    /// When it may be used, if not at any time until it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// When it ends by itself: with its window, or when its time to live is
    /// over.
    pub expires_at: Timestamp,
    /// Who said yes, each once.
    pub given: Vec<Mark>,
    /// How it ended, if it has.
    pub end: Option<ApprovalEnd>,
}

/// How a request ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalEnd {
    /// It was used, once.
    Consumed(Timestamp),
    /// Its sender took it back.
    Withdrawn(Mark),
    /// Somebody said no.
    Rejected(Mark),
    /// What it was given for is not what would run now.
    Void {
        /// When that was seen.
        at: Timestamp,
        /// What changed, in words.
        changed: Vec<String>,
    },
}

/// The rules were set aside for a while, openly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Glass {
    /// Who broke it, when and why.
    pub broken: Mark,
    /// Until when no approval is needed.
    pub until: Timestamp,
    /// Who looked at it afterwards.
    pub reviewed: Option<Mark>,
}

/// Digest of the rules as they are.
pub fn policy_digest(policy: &Policy) -> Digest {
    // Plain data with string keys: it always has a JSON form.
    let json = serde_json::to_vec(policy).unwrap_or_default();
    Digest::of("policy/1", &[&json])
}

impl Approval {
    /// A request for a ring's promotion, not yet given.
    pub(super) fn request(
        opening: &Opening,
        (ring, stop): (RingName, Stop),
        (asked, window): (Mark, Option<Window>),
        key: &str,
    ) -> Self {
        let lives = asked.at.after(opening.policy.approval_ttl);
        let expires_at = window.map_or(lives, |window| window.until);
        let mut request = Self {
            id: String::new(),
            asked,
            ring,
            stop,
            plan: opening.plan_digest,
            shard_set: opening.shard_set_digest,
            policy: policy_digest(&opening.policy),
            window,
            expires_at,
            given: Vec::new(),
            end: None,
        };
        let binding = request.binding();
        let parts = [binding.bytes().as_slice(), key.as_bytes()];
        request.id = Digest::of("approval-id/1", &parts).short();
        request
    }

    /// Digest of all that is approved: what an approver confirms to have seen.
    pub fn binding(&self) -> Digest {
        let stop = self.stop.to_string();
        let expires_at = self.expires_at.0.to_string();
        let opens = self.window.map(|window| window.from.0.to_string());
        let mut parts: Vec<&[u8]> = vec![
            self.plan.bytes(),
            self.shard_set.bytes(),
            self.policy.bytes(),
            self.ring.as_str().as_bytes(),
            b"\0",
            stop.as_bytes(),
            b"\0",
            self.id.as_bytes(),
            b"\0",
            expires_at.as_bytes(),
        ];
        // A window closes where its request expires.
        if let Some(opens) = &opens {
            parts.extend([b"\0", opens.as_bytes()]);
        }
        Digest::of("approval/1", &parts)
    }

    /// How long it lasts, in words.
    pub fn lasts(&self) -> String {
        match self.window {
            None => format!("expires {}", self.expires_at.clock()),
            Some(window) => format!("for {window}"),
        }
    }

    /// Whether it may be used now, if it was given.
    pub fn is_in_time(&self, now: Timestamp) -> bool {
        self.window.is_none_or(|window| window.is_open(now))
    }

    /// What of it is not what would run now, in words.
    pub fn changed(&self, opening: &Opening) -> Vec<String> {
        let parts = [
            ("the plan", self.plan == opening.plan_digest),
            ("the shards", self.shard_set == opening.shard_set_digest),
            ("the policy", self.policy == policy_digest(&opening.policy)),
        ];
        let differ = parts.iter().filter(|(_, same)| !same);
        differ.map(|(what, _)| (*what).to_owned()).collect()
    }

    /// Whether it can still be given or used.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.end.is_none() && now < self.expires_at
    }

    /// How long it lasts from now on.
    pub fn left(&self, now: Timestamp) -> Period {
        self.expires_at.since(now)
    }

    /// Whether somebody said yes.
    pub fn has(&self, who: &Actor) -> bool {
        self.given.iter().any(|mark| mark.by.name == who.name)
    }
}

impl Opening {
    /// See [`Rollout::approvals_needed`].
    pub(super) fn approvals_needed(&self, stop: Stop) -> u32 {
        let before = self.stop_before(stop).map(Stop::stage);
        if stop.stage() == Stage::Shift && before == Some(Stage::Shift) {
            return 0;
        }
        let approvals = &self.policy.approvals;
        approvals.get(&stop.stage()).copied().unwrap_or(0)
    }
}

impl Rollout {
    /// How many approvals a stop needs. Shift is approved once, where it is
    /// entered; in contract retire and drop are each approved.
    pub fn approvals_needed(&self, stop: Stop) -> u32 {
        self.opening.approvals_needed(stop)
    }

    /// Ids of the requests that were used for a ring's way to a stop: in shift
    /// those of its entry.
    pub fn approvals_used(&self, ring: &RingName, stop: Stop) -> Vec<String> {
        let used = |a: &&Approval| {
            let same =
                a.stop == stop || (stop.stage() == Stage::Shift && a.stop.stage() == Stage::Shift);
            a.ring == *ring && same && matches!(a.end, Some(ApprovalEnd::Consumed(_)))
        };
        let used = self.approvals.iter().filter(used);
        used.map(|a| a.id.clone()).collect()
    }

    /// The open request for a ring's promotion to a stop.
    pub fn request_for(&self, ring: &RingName, stop: Stop, now: Timestamp) -> Option<&Approval> {
        let wanted = |a: &&Approval| a.ring == *ring && a.stop == stop && a.is_open(now);
        self.approvals.iter().rev().find(wanted)
    }

    /// Every time glass was broken and nobody has reviewed it, oldest first.
    pub fn reviews_owed(&self) -> impl Iterator<Item = &Glass> {
        self.glass.iter().filter(|glass| glass.reviewed.is_none())
    }

    /// The glass, while it is broken.
    pub fn broken_glass(&self, now: Timestamp) -> Option<&Glass> {
        self.glass.iter().rev().find(|glass| now < glass.until)
    }
}
