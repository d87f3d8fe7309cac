//! `pilothouse run` with a person at it: engine and cockpit in one process.

use super::exit::{Ended, Exit};
use super::heads::{Memory, RememberingClient};
use super::run::{Face, Ready, engine, finish};
use super::sign::{Signer, SigningClient};
use super::summary::Summary;
use super::terminal::say;
use crate::api::account::person;
use crate::api::client::Client;
use crate::api::embedded::attach;
use crate::cockpit;
use crate::cockpit::keymap::Keymap;
use crate::engine::{Book, Engine, Goal, Stopped};
use std::path::Path;
use tokio::sync::oneshot;

/// What a cockpit is shown with.
#[derive(Clone, Copy)]
pub struct Show<'a> {
    /// What a newcomer should press first.
    pub welcome: fn(&Keymap) -> Vec<String>,
    /// How one goes on after leaving.
    pub afterwards: &'static str,
    /// Where all that was on the screen is drawn afterwards.
    pub film: Option<&'a Path>,
}

impl Default for Show<'_> {
    fn default() -> Self {
        Self {
            welcome: |_| Vec::new(),
            afterwards: "the same command goes on from here",
            film: None,
        }
    }
}

/// What is there when the cockpit was left and the engine has stopped.
pub struct Flown {
    /// Why the engine stopped.
    pub why: Stopped,
    /// The journal.
    pub book: Book,
    /// Whether the terminal could be used.
    pub left: Result<(), Ended>,
}

/// Runs engine and cockpit; leaving the cockpit stops the engine in order.
///
/// # Errors
/// What kept it from starting.
pub async fn run(
    ready: Ready,
    face: Face,
    signer: Option<Signer>,
) -> Result<(Summary, Exit), Ended> {
    let store = &ready.job.fleet.fleet.store;
    let address = std::fs::canonicalize(store).unwrap_or_else(|_| store.clone());
    let who = (person().name, address.display().to_string());
    let (engine, publisher, lease) = engine(ready, Goal::Told, Box::new(|_, _| {})).await?;
    let client = dressed(Box::new(attach(&publisher)), who, signer);
    let flown = fly(engine, client, face, Show::default()).await?;
    let result = finish(flown.why, flown.book).await;
    drop(lease);
    flown.left?;
    result
}

/// A client as people use it: it remembers the heads that it saw, and signs
/// where there is a key.
pub(super) fn dressed(
    client: Box<dyn Client>,
    (name, address): (String, String),
    signer: Option<Signer>,
) -> Box<dyn Client> {
    let client: Box<dyn Client> = match Memory::of_this_person() {
        Some(memory) => Box::new(RememberingClient::new(client, memory, address)),
        None => client,
    };
    match signer {
        Some(signer) => Box::new(SigningClient::new(client, signer, name)),
        None => client,
    }
}

/// Runs a cockpit over an engine until it is left.
///
/// # Errors
/// The engine ended badly.
pub async fn fly(
    engine: Engine,
    client: Box<dyn Client>,
    face: Face,
    show: Show<'_>,
) -> Result<Flown, Ended> {
    let session = format!("{}/{}", std::process::id(), crate::engine::now().0);
    let mut options = cockpit::Options::from_environment(person(), session);
    options.welcome = (show.welcome)(&options.keymap);
    options.leaving = cockpit::Leaving::StopsTheEngine(show.afterwards);
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(engine.run(stopped));
    let left = match face {
        Face::Plain => cockpit::plain::run(client, options).await,
        Face::Screen | Face::Headless => on_screen(client, options, show.film).await,
    };
    // The engine may have stopped by itself meanwhile.
    let _ = stop.send(());
    let (why, book, _) = running
        .await
        .map_err(|e| Ended::new(Exit::Failed, format!("the engine ended badly: {e}")))?;
    let left = left.map_err(|e| Ended::new(Exit::Failed, e.to_string()));
    Ok(Flown {
        why,
        book,
        left: left.map(|_| ()),
    })
}

async fn on_screen(
    client: Box<dyn Client>,
    options: cockpit::Options,
    film: Option<&Path>,
) -> Result<cockpit::Exit, cockpit::RunError> {
    let mut recorder = film.map(|_| cockpit::shot::Recorder::default());
    let left = cockpit::run::run(client, options, recorder.as_mut()).await;
    if let (Some(path), Some(recorder)) = (film, recorder) {
        let drawn = recorder.film("A demo of pilothouse", crate::engine::now());
        if let Err(why) = std::fs::write(path, drawn) {
            say(format_args!("the film {}: {why}", path.display()));
        }
    }
    left
}
