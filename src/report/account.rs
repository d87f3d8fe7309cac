//! What a report holds, before it is text.

use crate::base::{Cause, Digest, MigrationName, Period, RingName, ShardName, Stop, Timestamp};
use crate::journal::Head;
use crate::rollout::{ApprovalEnd, Mark, Outcome, Scope, Window};

/// One rollout, accounted for.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What was run, by whom, and how it ended.
    pub heading: Heading,
    /// What is wrong with the record itself; loud, and first.
    pub warnings: Vec<String>,
    /// What happened, in the order in which it ended.
    pub timeline: Vec<Moment>,
    /// Requests for approval.
    pub requests: Vec<Request>,
    /// Times when approvals were set aside.
    pub glass: Vec<Glassed>,
    /// Holds and pauses.
    pub standstills: Vec<Standstill>,
    /// How long each ring stood still.
    pub ring_times: Vec<RingTime>,
    /// Promotions, and what their gates said.
    pub admissions: Vec<Admission>,
    /// Proofs that every row was right.
    pub proofs: Vec<Proof>,
    /// What checks found worth knowing.
    pub notes: Vec<Note>,
    /// What each ring's stops took.
    pub figures: Vec<Figure>,
    /// Rows, shard by shard.
    pub rows: Vec<RowFigure>,
    /// Shards that failed.
    pub failures: Vec<AtFault>,
    /// What was not as planned.
    pub deviations: Vec<Deviation>,
    /// What is still to be done by somebody.
    pub open_ends: Vec<String>,
}

/// What was run, by whom, and how it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Heading {
    /// Its id.
    pub id: String,
    /// Its migration.
    pub migration: MigrationName,
    /// Whether it ran in production.
    pub production: bool,
    /// Who opened it.
    pub opened_by: String,
    /// When.
    pub opened_at: Timestamp,
    /// How it ended, and when, if it has.
    pub ended: Option<(Outcome, Timestamp)>,
    /// Rings in order, each with how many shards.
    pub rings: Vec<(RingName, usize)>,
    /// Digest of what ran.
    pub plan: Digest,
    /// Digest of where.
    pub shard_set: Digest,
    /// Digest of the rules.
    pub policy: Digest,
    /// Where the journal ends, and how many entries were read.
    pub head: Head,
    /// First and last entry of this rollout.
    pub entries: (u64, u64),
    /// The newest signed head in this rollout.
    pub sealed: Option<Sealed>,
    /// When the report was made.
    pub made_at: Timestamp,
    /// Runs of this rollout before and after this one, in one journal.
    pub other_runs: Vec<Run>,
}

/// A signed head.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// Up to which entry.
    pub up_to: u64,
    /// When.
    pub at: Timestamp,
    /// Fingerprint of the engine's key.
    pub key: String,
    /// Its own entry.
    pub seq: u64,
}

/// One run of a rollout within a journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Its migration.
    pub migration: MigrationName,
    /// Its first entry.
    pub first: u64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// How it ended, if it has.
    pub outcome: Option<Outcome>,
}

/// One line of the timeline; one or many facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// When it began.
    pub from: Timestamp,
    /// When the last of it happened.
    pub to: Timestamp,
    /// Its last entry.
    pub seq: u64,
    /// Over what.
    pub scope: Scope,
    /// What.
    pub what: String,
    /// Who.
    pub who: String,
}

/// A request for approval.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Names it.
    pub id: String,
    /// Which ring was to be promoted.
    pub ring: RingName,
    /// To which stop.
    pub stop: Stop,
    /// For which window, if it was scheduled.
    pub window: Option<Window>,
    /// Who asked, when and why.
    pub asked: Mark,
    /// Who approved.
    pub given: Vec<Given>,
    /// How it ended, if it did before its time.
    pub end: Option<ApprovalEnd>,
    /// When it ends or ended by itself.
    pub expires_at: Timestamp,
}

/// A yes.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Who, when and why.
    pub mark: Mark,
    /// Fingerprint of the key that it was signed with, where it was. Whether
    /// the signature holds is for `journal verify` to say.
    pub key: Option<String>,
}

/// A time when approvals were set aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Glassed {
    /// Who, when and why.
    pub broken: Mark,
    /// Until when.
    pub until: Timestamp,
    /// Who looked at it afterwards.
    pub reviewed: Option<Mark>,
    /// What was admitted meanwhile.
    pub admitted: Vec<(RingName, Stop)>,
}

/// What kind of standing still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stood {
    /// The next stage was closed.
    Held,
    /// Work stopped.
    Paused,
}

impl Stood {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Paused => "paused",
        }
    }
}

/// How standing still ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Until {
    /// It has not.
    Now,
    /// With the rollout.
    TheEnd(Timestamp),
    /// Somebody, or a rule, lifted it.
    Lifted(Mark),
}

/// A hold or a pause.
#[derive(Clone, Debug, PartialEq)]
pub struct Standstill {
    /// Which of the two.
    pub stood: Stood,
    /// Over what.
    pub scope: Scope,
    /// Who, when, why, and by what rule.
    pub mark: Mark,
    /// How it ended.
    pub until: Until,
    /// Its entry.
    pub seq: u64,
}

impl Standstill {
    /// How long, counted up to `now` where it lasts.
    pub fn lasted(&self, now: Timestamp) -> Period {
        self.end(now).since(self.mark.at)
    }

    pub(super) fn end(&self, now: Timestamp) -> Timestamp {
        match &self.until {
            Until::Now => now,
            Until::TheEnd(at) => *at,
            Until::Lifted(mark) => mark.at,
        }
    }
}

/// How long a ring stood still.
#[derive(Clone, Debug, PartialEq)]
pub struct RingTime {
    /// Which.
    pub ring: RingName,
    /// It, or the fleet, was held.
    pub held: Period,
    /// It, or the fleet, was paused.
    pub paused: Period,
    /// Its shards waited for the throttle, all of their time together, in
    /// milliseconds; as far as it is on record.
    pub throttled_ms: u64,
    /// Caps of rows per second that were ordered.
    pub caps: Vec<Cap>,
}

/// A cap that was ordered.
#[derive(Clone, Debug, PartialEq)]
pub struct Cap {
    /// When.
    pub at: Timestamp,
    /// Over what.
    pub scope: Scope,
    /// Rows per second and shard; `None`: lifted.
    pub rows_per_s_max: Option<u64>,
}

/// A promotion.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    /// When.
    pub at: Timestamp,
    /// Which ring.
    pub ring: RingName,
    /// To which stop.
    pub stop: Stop,
    /// Who.
    pub by: String,
    /// Why the engine took it: by hand, or automatic.
    pub cause: Cause,
    /// Their reason.
    pub reason: String,
    /// What every gate said.
    pub gates: Vec<String>,
    /// Its entry.
    pub seq: u64,
}

/// A proof.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// When.
    pub at: Timestamp,
    /// Of which shard.
    pub shard: ShardName,
    /// Rows compared.
    pub rows: u64,
    /// In so many chunks.
    pub chunks: u64,
    /// Wrong rows.
    pub stale: u64,
    /// For which generation it holds.
    pub generation: u64,
    /// Digest of what was compared.
    pub digest: Option<Digest>,
    /// Its entry.
    pub seq: u64,
}

/// A finding worth knowing.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// In which stop.
    pub stop: Stop,
    /// What.
    pub text: String,
    /// On which shards.
    pub shards: Vec<ShardName>,
}

/// What a ring's stop took.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Which ring.
    pub ring: RingName,
    /// Which stop.
    pub stop: Stop,
    /// Whether it is about the way back.
    pub undone: bool,
    /// Shards that began it, where that is on record.
    pub begun: usize,
    /// Shards that finished it.
    pub done: usize,
    /// From the first to begin to the last to finish.
    pub from: Timestamp,
    /// See `from`.
    pub to: Timestamp,
    /// Rows of all of them.
    pub rows: u64,
    /// The last entry.
    pub seq: u64,
}

/// Rows of one shard in one stop.
#[derive(Clone, Debug, PartialEq)]
pub struct RowFigure {
    /// Which shard.
    pub shard: ShardName,
    /// Which stop.
    pub stop: Stop,
    /// Rows.
    pub rows: u64,
    /// Chunks.
    pub chunks: u64,
    /// From its begin to its end, if the begin is on record.
    pub took: Option<Period>,
    /// How long it waited for the throttle, in milliseconds, as far as known.
    pub throttled_ms: u64,
    /// Its entry.
    pub seq: u64,
}

/// A failure, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AtFault {
    /// Which shard.
    pub shard: ShardName,
    /// When.
    pub at: Timestamp,
    /// Where it stood.
    pub stop: Option<Stop>,
    /// Its code.
    pub code: String,
    /// What happened.
    pub what: String,
    /// Why, if known.
    pub why: Option<String>,
    /// What followed: retries, a rollback, the end of the stop.
    pub then: Vec<String>,
    /// Its entry.
    pub seq: u64,
}

/// What was not as planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    /// When.
    pub at: Timestamp,
    /// Over what.
    pub scope: Scope,
    /// What.
    pub what: String,
    /// Its entry.
    pub seq: u64,
}
