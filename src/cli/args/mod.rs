//! The command line.

mod daemon;
mod history;
mod import;
mod journal;
mod lab;
mod lint;
mod people;
mod report;
mod scripts;
mod verbs;

pub use daemon::{AttachCli, ServeCli};
pub use history::{BaselineCli, CatchUpCli, HistoryCli};
pub use import::ImportCli;
pub use journal::JournalCli;
pub use lab::{FormsCli, LabCli, WriterCli};
pub use lint::LintCli;
pub use people::{
    ApprovalsCli, ApproveCli, AskCli, GlassCli, KeyChangeCli, KeyCli, OperatorCli, RequestCli,
    ReviewCli, RoleCli, WhoCli,
};
pub use report::{HandoverCli, ReportCli};
pub use scripts::{ManCli, ReadyCli, ShellCli};
pub use verbs::{
    ActCli, ConfirmCli, EndBlockerCli, RollbackCli, ScheduleCli, ScopeCli, ThrottleCli, VerbCli,
    VerbsCli,
};

use crate::base::Stop;
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
    /// Look for hazards in migration files, without a database.
    #[command(
        after_help = "Examples:\n  pilothouse lint change.toml\n  pilothouse lint migrations/*.toml --json\n  pilothouse lint --rules\n\nExit codes: 0 no hazard, or all of them waived; 3 a hazard, with which no rollout is opened;\n2 a file that cannot be read. A waiver is [[waive]] in the migration, with rule and reason."
    )]
    Lint(LintCli),
    /// Turn a folder of pgroll's migrations into migrations of ours.
    #[command(
        after_help = "Examples:\n  pilothouse import pgroll/ --to migrations/\n  pilothouse plan --fleet fleet.toml --migration pgroll/03_add_column.yaml\n\nA file of pgroll's can also be planned and run as it is. What is refused is refused by name,\nwith the reason; the exit code is then 3, and every other file was imported."
    )]
    Import(ImportCli),
    /// Open a rollout, or go on with it.
    #[command(
        after_help = "Examples:\n  pilothouse run --fleet fleet.toml --migration change.toml\n  pilothouse run --fleet fleet.toml --migration change.toml --headless --promote auto --to verify"
    )]
    Run(RunCli),
    /// Run the engine for many cockpits, until it is told to stop.
    #[command(
        after_help = "Examples:\n  pilothouse serve --fleet fleet.toml --migration change.toml\n  pilothouse serve --fleet fleet.toml\n  pilothouse serve --fleet fleet.toml --listen tls://0.0.0.0:7443 --name db1.example \\\n    --tls-cert server.pem --tls-key file:server.key\n\nWithout --migration the open rollout goes on. Cockpits come with: pilothouse attach"
    )]
    Serve(ServeCli),
    /// Open a cockpit on a daemon; leaving it stops nothing.
    #[command(
        after_help = "Examples:\n  pilothouse attach --fleet fleet.toml\n  pilothouse attach unix:/srv/shop/.pilothouse/daemon.sock\n  pilothouse attach https://db1.example:7443 --token file:ana.token"
    )]
    Attach(AttachCli),
    /// Print what a daemon serves, as an OpenAPI document.
    #[command(after_help = "Example:\n  pilothouse api > openapi.json")]
    Api,
    /// Show where everything stands.
    #[command(after_help = "Example:\n  pilothouse status --fleet fleet.toml --json")]
    Status(StatusCli),
    /// What was done on each shard, by its own account, and where shards differ.
    #[command(
        after_help = "Examples:\n  pilothouse history --fleet fleet.toml\n  pilothouse history --json\n\nWrites nothing and needs no engine. Differences are told object by object, against what most shards\nhave; owners, comments, the order of columns and layout do not count.\n\nExit codes: 0 every shard is the same, 1 shards differ, 3 a shard could not be read."
    )]
    History(HistoryCli),
    /// Begin the history of a fleet that was there before: its schema as it is now.
    #[command(
        after_help = "Example:\n  pilothouse baseline --name start-2026 --reason \"before our first rollout\"\n\nEvery shard must have the same schema and no history yet. Nothing but a row in schema pilothouse is written."
    )]
    Baseline(BaselineCli),
    /// Bring a shard that was added later or restored to what the others have.
    #[command(
        after_help = "Examples:\n  pilothouse catch-up --shard s07 --dry-run\n  pilothouse catch-up --shard s07 --confirm s07 --reason \"new shard\"\n\nRuns every migration that the shard lacks, in the others' order, on this shard only. Without --confirm\n(and in production) it stops before contract; promote by hand and say it again."
    )]
    CatchUp(CatchUpCli),
    /// Account for a rollout in Markdown, out of its journal. Writes nothing.
    #[command(
        after_help = "Examples:\n  pilothouse report --fleet fleet.toml > report.md\n  pilothouse report split-contact --journal journal.jsonl\n\nA damaged journal is reported as far as it can be read, and the exit code is that of journal verify."
    )]
    Report(ReportCli),
    /// Tell the next shift what it has to know, in ten lines.
    #[command(
        after_help = "Examples:\n  pilothouse handover --fleet fleet.toml\n  pilothouse handover --fleet fleet.toml --since 12h"
    )]
    Handover(HandoverCli),
    /// Acts on a rollout.
    #[command(flatten)]
    Verbs(VerbsCli),
    /// Approvals.
    #[command(flatten)]
    Approvals(ApprovalsCli),
    /// Whether a stage is reached everywhere: for init containers and probes.
    #[command(
        after_help = "Examples:\n  pilothouse ready --stage dual_write --fleet fleet.toml\n  pilothouse ready --version balance-cents --wait 30m --fleet fleet.toml\n\nExit codes: 0 it is, 4 it is not (yet), 1 a shard has failed on the way."
    )]
    Ready(ReadyCli),
    /// Remove what pilothouse keeps on the shards, once no rollout is open.
    #[command(
        after_help = "Example:\n  pilothouse forget --reason \"two weeks have passed\" --fleet fleet.toml\n\nWhat was dropped cannot be brought back from then on. It needs the right to act on the fleet, and is recorded before anything is removed."
    )]
    Forget(ForgetCli),
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
        after_help = "Example:\n  pilothouse journal verify export.jsonl --since 42:9f3c…"
    )]
    Journal(JournalCli),
    /// Throw-away real PostgreSQL fleets.
    #[command(
        subcommand,
        after_help = "Example:\n  pilothouse lab up /tmp/lab --shards 3 --standbys 1 --scale 10"
    )]
    Lab(LabCli),
    /// What a shell needs to complete commands; on stdout.
    #[command(
        after_help = "Example:\n  pilothouse completions bash > ~/.local/share/bash-completion/completions/pilothouse"
    )]
    Completions(ShellCli),
    /// Write a manual page for every command.
    #[command(after_help = "Example:\n  pilothouse man ~/.local/share/man/man1")]
    Man(ManCli),
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

/// `forget`.
#[derive(Debug, Args)]
pub struct ForgetCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// Why; goes on the record.
    #[arg(long, default_value = "")]
    pub reason: String,
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
    /// Sign approvals given on the screen with this SSH key; nobody is asked for a passphrase.
    #[arg(long, value_name = "KEYFILE", conflicts_with = "headless")]
    pub sign: Option<PathBuf>,
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
