//! `pilothouse demo`: a throw-away fleet, a real migration, and a little
//! trouble, in one command.
//!
//! The engine, the cockpit and the orders are those of `run`; only the fleet
//! around them is made here, and taken away again.

mod director;
mod report;
mod steward;

pub use report::{DemoSummary, Promises, exit_of};
pub use steward::{Steered, Steward};

use super::exit::{Ended, Exit};
use super::prepare::{Job, load_fleet};
use super::run::{self, Face, Promote, Ready, RunArgs};
use super::screen::{self, Show};
use super::summary::Summary;
use super::terminal::{say, told_to_end};
use crate::api::account::person;
use crate::api::embedded::attach;
use crate::engine::Goal;
use crate::lab::LabError;
use crate::lab::demo::{Cast, DemoLayout, DemoSpec, Directory, Trouble, TroubleSeen};
use crate::lab::demo::{Examined, MIGRATION, build, examine};
use crate::worker::Variant;
use director::{Directed, Director};
use std::path::PathBuf;
use tokio::sync::oneshot;

/// What is shown.
pub struct DemoArgs {
    /// Where; a temporary directory if not given.
    pub directory: Option<PathBuf>,
    /// The fleet.
    pub spec: DemoSpec,
    /// With a screen or without.
    pub face: Face,
    /// Where all that was on the screen is drawn afterwards.
    pub film: Option<PathBuf>,
}

/// How it ended, before it is told.
struct Played {
    summary: Summary,
    exit: Exit,
    examined: Examined,
    trouble: TroubleSeen,
}

/// Builds the fleet, flies the migration, looks whether every promise was
/// kept, and clears away; the text is for stdout.
///
/// # Errors
/// What kept it from starting.
pub async fn run(args: DemoArgs) -> Result<(String, Exit), Ended> {
    let directory = match &args.directory {
        Some(path) => Directory::at(path),
        None => Directory::temporary(),
    };
    let directory = directory.map_err(|e| Ended::new(Exit::BadInput, e.to_string()))?;
    say(report::hint(&args, &directory));
    let layout = DemoLayout::new(directory.path());
    let built = tokio::select! {
        built = build(&layout, &args.spec) => built.map_err(|e| failed(&e)),
        () = told_to_end() => Err(Ended::new(Exit::Waiting, "stopped while the fleet was being made")),
    };
    let played = match built {
        Ok(()) => play(&args, &layout).await,
        Err(ended) => Err(ended),
    };
    let left = directory.leave();
    let played = played.map_err(|ended| {
        let left = report::left_behind(left.as_deref());
        Ended::new(ended.exit, format!("{}\n{left}", ended.text))
    })?;
    report::report(args.face, played, left.as_deref())
}

fn failed(error: &LabError) -> Ended {
    Ended::new(Exit::Failed, error.to_string())
}

async fn play(args: &DemoArgs, layout: &DemoLayout) -> Result<Played, Ended> {
    let run_args = RunArgs {
        fleet: layout.fleet_file(),
        migration: layout.migration_file(),
        promote: Promote::Auto,
        face: args.face,
        to: None,
        // Contract is the person's: confirmed when it is ordered, not before.
        confirm_contract: None,
        variant: Variant::Correct,
        signer: None,
    };
    let fleet = load_fleet(&run_args.fleet)?;
    let job = Job::read(fleet, &run_args.migration, run_args.variant)?;
    let ready = run::make_ready(job).await?;
    let ready = run::open_or_resume(ready).await?;
    let ready = run::automate(ready, &run_args).await?;
    let cast = Cast::start(layout, &args.spec).map_err(|e| failed(&e))?;
    let (summary, exit, directed) = match args.face {
        Face::Headless => headless(ready, cast, &args.spec).await?,
        Face::Screen | Face::Plain => on_screen(ready, cast, args).await?,
    };
    if let Some(why) = &directed.gave_up {
        say(format_args!("gave up: {why}"));
    }
    let ledgers = directed.cast.end().await.map_err(|e| failed(&e))?;
    let examined = examine(layout, &args.spec, &ledgers).await;
    Ok(Played {
        summary,
        exit,
        examined: examined.map_err(|e| failed(&e))?,
        trouble: directed.trouble,
    })
}

/// The demo steers itself, as a person would: by orders.
async fn headless(
    ready: Ready,
    cast: Cast,
    spec: &DemoSpec,
) -> Result<(Summary, Exit, Directed), Ended> {
    let (engine, publisher, lease) = run::engine(ready, Goal::Told, run::printer()).await?;
    let (stop, stopped) = oneshot::channel();
    let (curtain, falls) = oneshot::channel::<()>();
    let director = Director {
        client: attach(&publisher),
        cast,
        trouble: Trouble::new(spec),
        steward: Some(Steward::new(person(), MIGRATION, spec)),
    };
    let flight = async {
        let flown = engine.run(stopped).await;
        drop(curtain);
        flown
    };
    let ((why, book, _), directed) = tokio::join!(flight, director.direct(falls, Some(stop)));
    let (summary, exit) = run::conclude(&why, book).await?;
    drop(lease);
    Ok((summary, exit, directed))
}

async fn on_screen(
    ready: Ready,
    cast: Cast,
    args: &DemoArgs,
) -> Result<(Summary, Exit, Directed), Ended> {
    let (engine, publisher, lease) = run::engine(ready, Goal::Told, Box::new(|_, _| {})).await?;
    let (curtain, falls) = oneshot::channel::<()>();
    let director = Director {
        client: attach(&publisher),
        cast,
        trouble: Trouble::new(&args.spec),
        steward: None,
    };
    let show = Show {
        welcome: report::welcome,
        afterwards: "the demo is over; every promise is looked at first",
        film: args.film.as_deref(),
    };
    let flight = async {
        let flown = screen::fly(engine, Box::new(attach(&publisher)), args.face, show).await;
        drop(curtain);
        flown
    };
    let (flown, directed) = tokio::join!(flight, director.direct(falls, None));
    let flown = flown?;
    let (summary, exit) = run::conclude(&flown.why, flown.book).await?;
    drop(lease);
    flown.left?;
    Ok((summary, exit, directed))
}
