//! The command line.

mod daemon;
mod lab;
mod people;

pub use daemon::{AttachCli, ServeCli};
pub use lab::{FormsCli, LabCli, WriterCli};
pub use people::{
    ApproveCli, AskCli, GlassCli, OperatorCli, RequestCli, ReviewCli, RoleCli, WhoCli,
};

use crate::base::{RingName, ShardName, Stop};
use crate::rollout::Scope;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Takes one schema or data migration safely across a fleet of database shards.
#[derive(Debug, Parser)]
#[command(
    name = "pilothouse",
    version,
    arg_required_else_help = true,
    after_help = "Example:\n  pilothouse plan --fleet fleet.toml --migration change.toml\n  pilothouse run  --fleet fleet.toml --migration change.toml\n\nExit codes: 0 done, 1 failed or a promise broken, 2 bad input and nothing touched,\n3 refused, 4 waiting for a human, 5 another engine owns it."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Commands,
    /// Where your token is: env:NAME, file:PATH (readable by its owner only) or
    /// exec:COMMAND; the daemon is asked then. Without one you are who your
    /// account is.
    #[arg(long, value_name = "REF", global = true)]
    pub token: Option<String>,
}

/// Everything there is.
#[derive(Debug, Subcommand)]
pub enum Commands {
    /// Watch a real migration on a throw-away fleet; nothing else is needed.
    #[command(
        after_help = "Examples:\n  pilothouse demo\n  pilothouse demo --headless --rate 10000"
    )]
    Demo(DemoCli),
    /// Show everything that will run, before it runs. Writes nothing.
    #[command(
        after_help = "Example:\n  pilothouse plan --fleet fleet.toml --migration change.toml --sql"
    )]
    Plan(PlanCli),
    /// Open a rollout, or go on with it.
    #[command(
        after_help = "Examples:\n  pilothouse run --fleet fleet.toml --migration change.toml\n  pilothouse run --fleet fleet.toml --migration change.toml --headless --promote auto --to verify"
    )]
    Run(RunCli),
    /// Run the engine for many cockpits, until it is told to stop.
    #[command(
        after_help = "Examples:\n  pilothouse serve --fleet fleet.toml --migration change.toml\n  pilothouse serve --fleet fleet.toml\n\nWithout --migration the open rollout goes on. Cockpits come with: pilothouse attach"
    )]
    Serve(ServeCli),
    /// Open a cockpit on a daemon; leaving it stops nothing.
    #[command(
        after_help = "Examples:\n  pilothouse attach --fleet fleet.toml\n  pilothouse attach unix:/srv/shop/.pilothouse/daemon.sock"
    )]
    Attach(AttachCli),
    /// Show where everything stands.
    #[command(after_help = "Example:\n  pilothouse status --fleet fleet.toml --json")]
    Status(StatusCli),
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
        after_help = "Examples:\n  pilothouse promote --fleet fleet.toml --ring canary\n  pilothouse promote --fleet fleet.toml --confirm balance-cents --reason \"old clients are gone\"\n\nContract (retire, drop) must be confirmed with the rollout's id or its migration's name."
    )]
    Promote(ConfirmCli),
    /// Ask for approval of a ring's next promotion.
    #[command(
        after_help = "Example:\n  pilothouse ask --ring canary --reason \"old clients are gone\" --fleet fleet.toml"
    )]
    Ask(AskCli),
    /// Approve what somebody else asked for; shows it first.
    #[command(
        after_help = "Examples:\n  pilothouse approve 1f00c2d3 --show --fleet fleet.toml\n  pilothouse approve 1f00c2d3 --fleet fleet.toml"
    )]
    Approve(ApproveCli),
    /// Reject what somebody else asked for.
    #[command(
        after_help = "Example:\n  pilothouse reject 1f00c2d3 --reason \"not tonight\" --fleet fleet.toml"
    )]
    Reject(RequestCli),
    /// Take back what you asked for yourself.
    #[command(after_help = "Example:\n  pilothouse withdraw 1f00c2d3 --fleet fleet.toml")]
    Withdraw(RequestCli),
    /// Do without approvals for a while: loud, and a review is owed.
    #[command(
        after_help = "Example:\n  pilothouse break-glass --for 15m --confirm balance-cents --reason \"site is down\" --fleet fleet.toml"
    )]
    BreakGlass(GlassCli),
    /// Review what somebody else did behind broken glass.
    #[command(
        after_help = "Example:\n  pilothouse review --reason \"looked at all three promotions\" --fleet fleet.toml"
    )]
    Review(ReviewCli),
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
    /// Cap the rows per second and shard; no number lifts the cap.
    #[command(after_help = "Example:\n  pilothouse throttle --fleet fleet.toml --rows-per-s 20000")]
    Throttle(ThrottleCli),
    /// Remove what pilothouse keeps on the shards, once no rollout is open.
    #[command(after_help = "Example:\n  pilothouse forget --fleet fleet.toml")]
    Forget(FleetCli),
    /// Who there is, and what they may.
    #[command(
        subcommand,
        after_help = "Example:\n  pilothouse operator add ana --role operator --role approver:stage=contract --fleet fleet.toml"
    )]
    Operator(OperatorCli),
    /// Those outside who are told when somebody is needed.
    #[command(
        subcommand,
        after_help = "Example:\n  pilothouse notify test --fleet fleet.toml"
    )]
    Notify(NotifyCli),
    /// Look at, export or verify a journal.
    #[command(
        subcommand,
        after_help = "Example:\n  pilothouse journal verify export.jsonl --head 42:9f3c…"
    )]
    Journal(JournalCli),
    /// Throw-away real PostgreSQL fleets.
    #[command(
        subcommand,
        after_help = "Example:\n  pilothouse lab up /tmp/lab --shards 3 --standbys 1 --scale 10"
    )]
    Lab(LabCli),
    /// Replay a seed of the simulator.
    #[command(hide = true)]
    Drill {
        /// What to replay.
        #[command(subcommand)]
        drill: DrillCli,
    },
}

/// `demo`.
#[derive(Debug, Args)]
pub struct DemoCli {
    /// Where; absent or empty, and it stays. Otherwise nothing is left behind.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Chooses rows, writes and the moments of trouble.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Rows of every shard.
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub rows: u32,
    /// Most rows per second and shard.
    #[arg(long, value_name = "N", default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(80..=400_000))]
    pub rate: u32,
    /// No screen: it steers itself to the end; one JSON object on stdout.
    #[arg(long)]
    pub headless: bool,
    /// The cockpit in lines, for screen readers; commands on stdin, help lists them.
    #[arg(long, conflicts_with = "headless")]
    pub plain: bool,
    /// Draw what the screen showed as a moving SVG of a minute.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["headless", "plain"])]
    pub film: Option<PathBuf>,
}

/// A fleet file.
#[derive(Debug, Args)]
pub struct FleetCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// Migration file.
    #[arg(long, value_name = "FILE")]
    pub migration: PathBuf,
    /// Every statement, per stage and shard.
    #[arg(long, conflicts_with_all = ["json", "undo"])]
    pub sql: bool,
    /// One JSON object.
    #[arg(long, conflicts_with = "undo")]
    pub json: bool,
    /// A script that undoes everything by hand.
    #[arg(long)]
    pub undo: bool,
}

/// Who promotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PromoteCli {
    /// A person.
    Manual,
    /// The engine, when every gate has passed; never into contract unless allowed.
    Auto,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// Migration file.
    #[arg(long, value_name = "FILE")]
    pub migration: PathBuf,
    /// No screen: events on stderr, one JSON object on stdout.
    #[arg(long)]
    pub headless: bool,
    /// The cockpit in lines, for screen readers; commands on stdin, help lists them.
    #[arg(long, conflicts_with = "headless")]
    pub plain: bool,
    /// Who promotes.
    #[arg(long, value_enum, default_value = "manual")]
    pub promote: PromoteCli,
    /// Last stop: a stage, shift:PERCENT, retire or drop.
    #[arg(long, value_name = "STOP")]
    pub to: Option<Stop>,
    /// Allow automatic promotion into contract; needs --confirm.
    #[arg(long, requires = "confirm")]
    pub allow_contract: bool,
    /// Rollout id (see plan) or migration name.
    #[arg(long, value_name = "ID", requires = "allow_contract")]
    pub confirm: Option<String>,
    /// A broken engine, for tests of the tests.
    #[cfg(feature = "broken")]
    #[arg(long, hide = true)]
    pub variant: Option<String>,
}

/// `status`.
#[derive(Debug, Args)]
pub struct StatusCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// One JSON object.
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

fn ring(text: &str) -> Result<RingName, String> {
    RingName::new(text).map_err(|e| e.to_string())
}

fn shard(text: &str) -> Result<ShardName, String> {
    ShardName::new(text).map_err(|e| e.to_string())
}

/// Any verb with a scope and a reason.
#[derive(Debug, Args)]
pub struct VerbCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// Over what.
    #[command(flatten)]
    pub scope: ScopeCli,
    /// Why; goes on the record.
    #[arg(long, default_value = "")]
    pub reason: String,
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

/// `notify …`.
#[derive(Debug, Subcommand)]
pub enum NotifyCli {
    /// Send everybody a test, once, and say what came back; exit 0 if all of it arrived.
    #[command(
        after_help = "Examples:\n  pilothouse notify test --fleet fleet.toml\n  pilothouse notify test --only ops --fleet fleet.toml"
    )]
    Test {
        /// Fleet file.
        #[arg(long, value_name = "FILE")]
        fleet: PathBuf,
        /// Only this one, by its name in the fleet file.
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
}

/// `journal …`.
#[derive(Debug, Subcommand)]
pub enum JournalCli {
    /// Show entries.
    #[command(after_help = "Example:\n  pilothouse journal show .pilothouse --last 20")]
    Show {
        /// A store directory, a journal.db or an exported file.
        file: PathBuf,
        /// Only the newest entries.
        #[arg(long)]
        last: Option<usize>,
        /// Only this kind of event.
        #[arg(long)]
        kind: Option<String>,
    },
    /// Write every entry, one line each.
    #[command(after_help = "Example:\n  pilothouse journal export .pilothouse > journal.jsonl")]
    Export {
        /// A store directory, a journal.db or an exported file.
        file: PathBuf,
    },
    /// Verify the chain; exit 0 intact, 10 broken, 11 truncated, 12 unreadable.
    #[command(after_help = "Example:\n  pilothouse journal verify journal.jsonl --head 42:9f3c…")]
    Verify {
        /// A store directory, a journal.db or an exported file.
        file: PathBuf,
        /// The head it must reach, SEQ:HEX.
        #[arg(long, value_name = "SEQ:HEX")]
        head: Option<String>,
    },
}

/// `drill …`.
#[derive(Debug, Subcommand)]
pub enum DrillCli {
    /// Replay one seed.
    Replay {
        /// The seed.
        seed: u64,
        /// A broken engine.
        #[arg(long)]
        variant: Option<String>,
    },
}
