//! Acts on a rollout.

use crate::base::{RingName, ShardName, Stop};
use crate::rollout::Scope;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// How an act is given, whatever it is.
#[derive(Debug, Args)]
pub struct ActCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// Why; goes on the record.
    #[arg(long, default_value = "")]
    pub reason: String,
    /// Where your token is: env:NAME, file:PATH (readable by its owner only) or
    /// exec:COMMAND; the daemon is asked then. Without one you are who your
    /// account is.
    #[arg(long, value_name = "REF")]
    pub token: Option<String>,
    /// Say what would be recorded, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object on stdout, however it ends.
    #[arg(long)]
    pub json: bool,
}

/// A scope: the whole fleet unless one is named.
#[derive(Debug, Args)]
pub struct ScopeCli {
    /// One ring.
    #[arg(long, value_parser = ring)]
    pub ring: Option<RingName>,
    /// One shard.
    #[arg(long, value_parser = shard, conflicts_with = "ring")]
    pub shard: Option<ShardName>,
}

impl ScopeCli {
    /// As the heart spells it.
    pub fn scope(&self) -> Scope {
        match (&self.ring, &self.shard) {
            (Some(ring), _) => Scope::Ring(ring.clone()),
            (None, Some(shard)) => Scope::Shard(shard.clone()),
            (None, None) => Scope::Fleet,
        }
    }
}

pub(super) fn ring(text: &str) -> Result<RingName, String> {
    RingName::new(text).map_err(|e| e.to_string())
}

pub(in crate::cli::args) fn shard(text: &str) -> Result<ShardName, String> {
    ShardName::new(text).map_err(|e| e.to_string())
}

/// Any verb with a scope.
#[derive(Debug, Args)]
pub struct VerbCli {
    /// How it is given.
    #[command(flatten)]
    pub act: ActCli,
    /// Over what.
    #[command(flatten)]
    pub scope: ScopeCli,
    /// Wait this long until what was ordered has come about; exit 4 if it has
    /// not, 1 if a shard has failed.
    #[arg(long, value_name = "TIME", conflicts_with = "dry_run")]
    pub wait: Option<String>,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct RollbackCli {
    /// Over what, and why.
    #[command(flatten)]
    pub verb: VerbCli,
    /// The stop whose end is the goal; snapshot means before expand.
    #[arg(long, value_name = "STOP", default_value = "snapshot")]
    pub to: Stop,
    /// Rollout id (see status) or migration name: needed once drop has begun.
    #[arg(long, value_name = "ID")]
    pub confirm: Option<String>,
}

/// `promote`, `abort`.
#[derive(Debug, Args)]
pub struct ConfirmCli {
    /// Over what, and why.
    #[command(flatten)]
    pub verb: VerbCli,
    /// Rollout id (see status) or migration name: needed to enter contract and
    /// to abort.
    #[arg(long, value_name = "ID")]
    pub confirm: Option<String>,
}

/// `throttle`.
#[derive(Debug, Args)]
pub struct ThrottleCli {
    /// Over what, and why.
    #[command(flatten)]
    pub verb: VerbCli,
    /// The cap.
    #[arg(long, value_name = "N")]
    pub rows_per_s: Option<u64>,
}

/// `schedule`.
#[derive(Debug, Args)]
pub struct ScheduleCli {
    /// How it is given.
    #[command(flatten)]
    pub act: ActCli,
    /// Which ring.
    #[arg(long, value_parser = ring)]
    pub ring: RingName,
    /// When the window opens: 02:00 (the next one) or 2026-11-23T02:00, UTC.
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// When it closes: 04:00 (the next one after that) or 2026-11-23T04:00, UTC.
    #[arg(long, value_name = "TIME")]
    pub until: String,
}

/// `end-blocker`.
#[derive(Debug, Args)]
pub struct EndBlockerCli {
    /// How it is given.
    #[command(flatten)]
    pub act: ActCli,
    /// On which shard.
    #[arg(long, value_parser = shard)]
    pub shard: ShardName,
    /// Which session; without one, those that others wait for are listed.
    #[arg(long, value_name = "PID")]
    pub pid: Option<i32>,
}

/// The verbs that work on a scope.
#[derive(Debug, Subcommand)]
pub enum VerbsCli {
    /// Stop work; safe at any time.
    #[command(
        after_help = "Example:\n  pilothouse pause --fleet fleet.toml --shard s02 --reason \"disk is filling\""
    )]
    Pause(VerbCli),
    /// Let paused work go on.
    #[command(after_help = "Example:\n  pilothouse resume --fleet fleet.toml --shard s02")]
    Resume(VerbCli),
    /// Admit a ring to its next stop, or every ready ring.
    #[command(
        after_help = "Examples:\n  pilothouse promote --fleet fleet.toml --ring canary --wait 30m\n  pilothouse promote --fleet fleet.toml --confirm balance-cents --reason \"old clients are gone\"\n\nContract (retire, drop) must be confirmed with the rollout's id or its migration's name."
    )]
    Promote(ConfirmCli),
    /// Promote a ring to its next stop within a window, once its gates pass.
    #[command(
        after_help = "Examples:\n  pilothouse schedule --ring early --from 02:00 --until 04:00 --reason \"quiet hours\" --fleet fleet.toml\n  pilothouse cancel --ring early --fleet fleet.toml\n\nWhere approvals are needed they are asked for with it, and hold for that window. It is in your name: if you may not promote any more when the window opens, it comes to nothing. A stage that has begun goes on past the window's end. Retire and drop are not scheduled."
    )]
    Schedule(ScheduleCli),
    /// Take a scheduled promotion back; without a ring, all of them.
    #[command(
        after_help = "Example:\n  pilothouse cancel --ring early --reason \"deploy is late\" --fleet fleet.toml"
    )]
    Cancel(VerbCli),
    /// Close the next stage until release.
    #[command(
        after_help = "Example:\n  pilothouse hold --fleet fleet.toml --ring early --reason \"wait for the morning\""
    )]
    Hold(VerbCli),
    /// Open the next stage again.
    #[command(after_help = "Example:\n  pilothouse release --fleet fleet.toml --ring early")]
    Release(VerbCli),
    /// Try failed shards again, from the probe of the step that failed.
    #[command(after_help = "Example:\n  pilothouse retry --fleet fleet.toml --shard s02")]
    Retry(VerbCli),
    /// Undo to the end of a stop; ends held.
    #[command(
        after_help = "Example:\n  pilothouse rollback --fleet fleet.toml --to dual_write --reason \"lag\"\n\nOnce drop has begun it is a merge restore: it shows what comes back, and goes on with --confirm."
    )]
    Rollback(RollbackCli),
    /// Undo everything and end the rollout.
    #[command(
        after_help = "Example:\n  pilothouse abort --fleet fleet.toml --confirm ROLLOUT --reason \"not today\""
    )]
    Abort(ConfirmCli),
    /// While aborting: give an unreachable shard up.
    #[command(
        after_help = "Example:\n  pilothouse abandon --fleet fleet.toml --shard s02 --reason \"server is gone\""
    )]
    Abandon(VerbCli),
    /// End a session that others wait for; its transaction is rolled back.
    #[command(
        after_help = "Examples:\n  pilothouse end-blocker --fleet fleet.toml --shard s02\n  pilothouse end-blocker --fleet fleet.toml --shard s02 --pid 4711 --reason \"forgotten in a console\"\n\nWithout --pid it lists who waits for whom and changes nothing. A transaction that has written for more than 10 minutes is left alone."
    )]
    EndBlocker(EndBlockerCli),
    /// Cap the rows per second and shard; no number lifts the cap.
    #[command(after_help = "Example:\n  pilothouse throttle --fleet fleet.toml --rows-per-s 20000")]
    Throttle(ThrottleCli),
}

impl VerbsCli {
    /// How it is given.
    pub fn act(&self) -> &ActCli {
        match self {
            Self::Pause(verb)
            | Self::Resume(verb)
            | Self::Hold(verb)
            | Self::Cancel(verb)
            | Self::Release(verb)
            | Self::Retry(verb)
            | Self::Abandon(verb) => &verb.act,
            Self::Promote(args) | Self::Abort(args) => &args.verb.act,
            Self::Schedule(args) => &args.act,
            Self::EndBlocker(args) => &args.act,
            Self::Rollback(args) => &args.verb.act,
            Self::Throttle(args) => &args.verb.act,
        }
    }
}
