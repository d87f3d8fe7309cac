//! From a parsed command line to an exit code.

use super::args::{
    AttachCli, Cli, Commands, DemoCli, DrillCli, FormsCli, JournalCli, LabCli, NotifyCli, PlanCli,
    PromoteCli, ReportCli, RunCli, WriterCli,
};
use super::demo::{self, DemoArgs};
use super::exit::{Ended, Exit};
use super::forget;
use super::order;
use super::plan::{self, PlanArgs};
use super::run::{self, Face, Promote, RunArgs};
use super::sign::{Asks, Signer};
use super::summary::Summary;
use super::terminal::say;
use super::verbs::{shape, shaped};
use super::{
    api, attach, baseline, catch_up, drill, history, import, journal, lab, lint, manual, notify,
    operator, ready, report, serve, verbs,
};
use crate::journal::Head;
use crate::lab::demo::{DemoSpec, Pace};
use crate::lab::writer::KeyClass;
use crate::lab::{Durability, Fill, LabSpec, Load};
use crate::worker::Variant;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

/// Statements per second of a lab's writers.
const LAB_RATE: u32 = 50;

/// Runs a command; gives its exit code.
pub async fn dispatch(cli: Cli) -> u8 {
    match cli.command {
        Commands::Drill {
            drill: DrillCli::Replay { seed, variant },
        } => {
            let variant = variant.unwrap_or_else(|| "correct".into());
            let (text, code) = drill::replay(seed, &variant);
            print(&format!("{}\n", text.trim_end()));
            u8::try_from(code).unwrap_or(1)
        }
        Commands::Journal(command) => journal_command(command).await,
        Commands::Report(args) => said(report_of(args).await),
        Commands::Handover(args) => said(report::handover(&args.fleet, args.since).await),
        Commands::Lab(command) => u8::try_from(lab_command(command).await).unwrap_or(1),
        other => match command(other).await {
            Ok((text, exit)) => {
                print(&text);
                exit.code()
            }
            Err(Ended { exit, text }) => {
                say(text);
                exit.code()
            }
        },
    }
}

/// A reader that has closed its end has seen enough.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The text goes to stdout whatever the journal is worth; the code says that.
fn said(said: Result<report::Said, Ended>) -> u8 {
    match said {
        Ok(said) => {
            print(&said.text);
            for warning in said.warnings {
                say(format_args!("NOT TO BE TRUSTED: {warning}"));
            }
            said.code
        }
        Err(Ended { exit, text }) => {
            say(text);
            exit.code()
        }
    }
}

async fn report_of(args: ReportCli) -> Result<report::Said, Ended> {
    let head = args.since.as_deref().map(str::parse::<Head>).transpose();
    let head = head.map_err(|e| Ended::new(Exit::BadInput, format!("--since: {e}")))?;
    let from = match (args.journal, args.fleet) {
        (Some(journal), _) => report::From::Journal(journal),
        (None, fleet) => report::From::Fleet(fleet.unwrap_or_default()),
    };
    report::report(from, args.rollout.as_deref(), head).await
}

async fn command(command: Commands) -> Result<(String, Exit), Ended> {
    let done = |text: String| (text, Exit::Done);
    match command {
        Commands::Plan(args) => plan::plan(&plan_args(args)).await.map(done),
        Commands::History(args) => history::run(&args).await,
        Commands::Baseline(args) => baseline::run(args).await,
        Commands::CatchUp(args) => catch_up::run(args).await,
        Commands::Lint(args) => lint::run(&args),
        Commands::Import(args) => import::run(&import::ImportArgs {
            folder: args.folder,
            to: args.to,
            schema: args.schema,
            json: args.json,
        }),
        Commands::Demo(args) => demo::run(demo_args(args)).await,
        Commands::Run(args) => {
            let (summary, exit) = run::run(run_args(args)?).await?;
            Ok((object(&summary)?, exit))
        }
        Commands::Serve(args) => {
            let (summary, exit) = serve::serve(args).await?;
            Ok((object(&summary)?, exit))
        }
        Commands::Attach(args) => attached(args).await,
        Commands::Api => api::api().map(done),
        Commands::Status(args) => {
            let shape = if args.json {
                order::Shape::Json
            } else {
                order::Shape::Text
            };
            order::status(&args.fleet, shape).await.map(done)
        }
        Commands::Operator(command) => operator::operator(command).await,
        Commands::Verbs(command) => {
            let shape = shape(command.act());
            shaped(shape, verbs::verb(command).await)
        }
        Commands::Approvals(command) => {
            let shape = shape(command.act());
            shaped(shape, verbs::approval(command).await)
        }
        Commands::Ready(args) => ready::ready(args).await,
        Commands::Completions(args) => Ok(done(manual::completions(args.shell))),
        Commands::Man(args) => manual::pages(&args.directory).map(done),
        Commands::Notify(NotifyCli::Test { fleet, only }) => {
            notify::test(&fleet, only.as_deref()).await
        }
        Commands::Forget(args) => forget::forget(&args.fleet, args.reason).await.map(done),
        // `dispatch` handles these itself.
        Commands::Journal(_)
        | Commands::Lab(_)
        | Commands::Drill { .. }
        | Commands::Report(_)
        | Commands::Handover(_) => Ok(done(String::new())),
    }
}

async fn attached(args: AttachCli) -> Result<(String, Exit), Ended> {
    let address = match (&args.address, &args.fleet) {
        (Some(address), _) => address.clone(),
        (None, Some(fleet)) => attach::address_of(fleet)?,
        // The parser demands one of them.
        (None, None) => return Ok((String::new(), Exit::Done)),
    };
    let face = match face(false, args.plain) {
        Face::Headless => Face::Plain,
        face => face,
    };
    let tls = attach::tls(&address, &args)?;
    let signer = args.sign.map(|path| Signer::new(path, Asks::Nobody));
    attach::attach(address, tls, args.token.as_deref(), face, signer).await
}

/// One JSON object on a line of its own.
fn object(summary: &Summary) -> Result<String, Ended> {
    let text = serde_json::to_string(summary);
    let text = text.map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    Ok(text + "\n")
}

fn plan_args(args: PlanCli) -> PlanArgs {
    let shape = match (args.sql, args.json, args.undo) {
        (true, _, _) => plan::Shape::Sql,
        (_, true, _) => plan::Shape::Json,
        (_, _, true) => plan::Shape::Undo,
        _ => plan::Shape::Table,
    };
    PlanArgs {
        fleet: args.fleet,
        migration: args.migration,
        shape,
    }
}

fn demo_args(args: DemoCli) -> DemoArgs {
    DemoArgs {
        directory: args.dir,
        spec: DemoSpec {
            rows: args.rows,
            rows_per_s_max: args.rate,
            seed: args.seed,
            pace: Pace::WATCHED,
        },
        film: args.film,
        face: face(args.headless, args.plain),
    }
}

fn face(headless: bool, plain: bool) -> Face {
    match (headless, plain, std::io::stdout().is_terminal()) {
        (_, true, _) => Face::Plain,
        (true, ..) | (.., false) => Face::Headless,
        (false, false, true) => Face::Screen,
    }
}

pub(super) fn promote(promote: PromoteCli) -> Promote {
    match promote {
        PromoteCli::Manual => Promote::ByHand,
        PromoteCli::Auto => Promote::Auto,
    }
}

fn run_args(args: RunCli) -> Result<RunArgs, Ended> {
    let face = face(args.headless, args.plain);
    let promote = promote(args.promote);
    let variant = variant(&args)?;
    Ok(RunArgs {
        fleet: args.fleet,
        migration: args.migration,
        promote,
        face,
        to: args.to,
        confirm_contract: args.confirm.filter(|_| args.allow_contract),
        variant,
        signer: args.sign.map(|path| Signer::new(path, Asks::Nobody)),
    })
}

#[cfg(not(feature = "broken"))]
#[expect(clippy::unnecessary_wraps, reason = "the broken build can refuse")]
fn variant(_: &RunCli) -> Result<Variant, Ended> {
    Ok(Variant::Correct)
}

#[cfg(feature = "broken")]
fn variant(args: &RunCli) -> Result<Variant, Ended> {
    match args.variant.as_deref() {
        None => Ok(Variant::Correct),
        Some(name) => Variant::named(name).ok_or_else(|| {
            Ended::new(Exit::BadInput, format!("no broken engine is called {name}"))
        }),
    }
}

async fn journal_command(command: JournalCli) -> u8 {
    let outcome = match command {
        JournalCli::Show { file, last, kind } => {
            let filter = journal::Filter {
                last,
                kind,
                ..journal::Filter::default()
            };
            journal::show(&file, &filter).await
        }
        JournalCli::Export { file } => {
            let mut out = std::io::stdout();
            let outcome = journal::export(&file, &mut out).await;
            if outcome.code == 0 {
                return 0;
            }
            outcome
        }
        JournalCli::Verify {
            file,
            since,
            allowed_signers,
            witness,
        } => match since.as_deref().map(str::parse::<Head>).transpose() {
            Err(error) => {
                say(format_args!("--since: {error}"));
                return journal::EXIT_BAD_INPUT;
            }
            Ok(since) => {
                let against = journal::Against {
                    since,
                    allowed_signers,
                    witness,
                };
                journal::verify(&file, &against).await
            }
        },
        JournalCli::Approval { file, id, out } => journal::approval(&file, &id, &out).await,
        JournalCli::Reconcile { fleet } => journal::reconcile(&fleet).await,
    };
    if outcome.code == 0 {
        print(&format!("{}\n", outcome.text.trim_end()));
    } else {
        say(outcome.text.trim_end());
    }
    outcome.code
}

async fn lab_command(command: LabCli) -> i32 {
    match command {
        LabCli::Up {
            directory,
            shards,
            standbys,
            scale,
            load,
            durable,
        } => {
            let load = if load {
                Load::Writers {
                    rate_per_s: LAB_RATE,
                }
            } else {
                Load::None
            };
            let durability = if durable {
                Durability::PowerLoss
            } else {
                Durability::ProcessCrash
            };
            let spec = LabSpec::new(absolute(&directory))
                .shards(shards)
                .standbys(standbys)
                .fill(Fill::Scale(scale))
                .durability(durability)
                .load(load);
            match lab::UpArgs::new(spec) {
                Ok(args) => lab::up(args).await,
                Err(error) => {
                    say(format_args!(
                        "the lab cannot find this program's own file: {error}"
                    ));
                    1
                }
            }
        }
        LabCli::Down { directory } => lab::down(&absolute(&directory)).await,
        LabCli::Keeper { directory } => lab::keep(&directory).await,
        LabCli::Writer(args) => lab::write(writer_args(args)).await,
    }
}

fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

fn writer_args(args: WriterCli) -> lab::WriterArgs {
    lab::WriterArgs {
        fleet: args.fleet,
        shard: args.shard,
        ledger: args.ledger,
        forms: match args.forms {
            FormsCli::Auto => lab::FormsArg::Auto,
            FormsCli::Old => lab::FormsArg::Old,
            FormsCli::New => lab::FormsArg::New,
        },
        rate_per_s: args.rate,
        keys: args.keys,
        class: KeyClass {
            index: args.class,
            of: args.classes,
        },
    }
}
