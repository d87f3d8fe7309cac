//! The shell around the pure cockpit: clock, environment, terminal, signals.
//!
//! The loop takes all that waits, folds it, and draws once. It awaits nothing
//! but the next thing to fold.

use super::glyphs::GlyphSet;
use super::model::{Model, Options};
use super::msg::{Effect, Msg};
use super::terminal::{Screen, is_taken};
use super::theme::{Depth, Library};
use super::{update, view};
use crate::api::client::Client;
use crate::base::{Actor, Timestamp};
use futures_util::{FutureExt, StreamExt};
use ratatui::crossterm::event::{Event, EventStream, KeyEventKind};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Shortest time between two frames.
const FRAME: Duration = Duration::from_millis(16);

/// Ages and countdowns move this often when nothing else does.
const TICK: Duration = Duration::from_millis(1_000);

/// Most events that wait to be folded.
const INPUT_MAX: usize = 256;

/// Why a cockpit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The operator left.
    Left,
    /// A signal asked for it.
    Terminated,
    /// A panic took the screen away; its message is on the terminal.
    Panicked,
}

/// The terminal cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the terminal cannot be used ({0}); run with --headless, or look with `pilothouse status`")]
pub struct RunError(#[from] io::Error);

impl Options {
    /// Options for this process: `NO_COLOR`, and ASCII where the locale is
    /// not UTF-8 or `PILOTHOUSE_ASCII` is set.
    pub fn from_environment(actor: Actor, session: String) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let glyphs = if set("PILOTHOUSE_ASCII") || !utf8 {
            GlyphSet::Ascii
        } else {
            GlyphSet::Unicode
        };
        let depth = match std::env::var("COLORTERM").as_deref() {
            _ if set("NO_COLOR") => Depth::Plain,
            Ok("truecolor" | "24bit") => Depth::True,
            _ => Depth::Sixteen,
        };
        let theme = std::env::var("PILOTHOUSE_THEME").unwrap_or_else(|_| match depth {
            Depth::Plain => "no-colour".into(),
            _ => "default".into(),
        });
        Self {
            actor,
            session,
            glyphs,
            depth,
            themes: own_themes(),
            theme,
        }
    }
}

/// The built-in themes, and those in the person's own folder.
fn own_themes() -> Library {
    let mut library = Library::default();
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".config"));
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = config.or_else(home).map(|c| c.join("pilothouse/themes"));
    // No folder, or a file that cannot be read: the built-in ones remain.
    let files = folder.and_then(|f| std::fs::read_dir(f).ok());
    for file in files.into_iter().flatten().flatten() {
        let path = file.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        if let (Some(name), true) = (name, path.extension().is_some_and(|e| e == "toml"))
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            library.add(name, text);
        }
    }
    library
}

/// Runs a cockpit until it is left.
///
/// # Errors
/// When the terminal cannot be taken or drawn on.
pub async fn run(client: Box<dyn Client>, options: Options) -> Result<Exit, RunError> {
    let mut shell = Shell {
        model: Model::new(options, now()),
        client,
        signals: Signals::listen()?,
        screen: Screen::take()?,
        input: Input::listen(),
        exit: None,
    };
    shell.run().await
}

struct Shell {
    model: Model,
    client: Box<dyn Client>,
    signals: Signals,
    screen: Screen,
    input: Input,
    exit: Option<Exit>,
}

type Read = (io::Result<Event>, Timestamp);

/// Reads the terminal in a task of its own. crossterm keeps the waker of the
/// first poll that found nothing, so its stream must never be polled by a
/// future that may be dropped.
struct Input {
    events: mpsc::Receiver<Read>,
    task: JoinHandle<()>,
}

impl Input {
    fn listen() -> Self {
        let (sender, events) = mpsc::channel(INPUT_MAX);
        let task = tokio::spawn(async move {
            let mut stream = EventStream::new();
            while let Some(event) = stream.next().await {
                if sender.send((event, now())).await.is_err() {
                    return;
                }
            }
        });
        Self { events, task }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What woke the loop.
enum Woken {
    Message(Msg),
    /// The size changed: only drawing is needed.
    Redraw,
    Nothing,
}

impl Shell {
    async fn run(&mut self) -> Result<Exit, RunError> {
        self.draw()?;
        let mut drawn = Instant::now();
        loop {
            let mut dirty = self.next().await?;
            // Everything else that waits already, then one frame.
            while let Some(more) = self.next().now_or_never() {
                dirty |= more?;
                if self.exit.is_some() || drawn.elapsed() > FRAME * 4 {
                    break;
                }
            }
            if let Some(exit) = self.exit {
                return Ok(exit);
            }
            if !is_taken() {
                return Ok(Exit::Panicked);
            }
            if !dirty {
                continue;
            }
            let early = FRAME.saturating_sub(drawn.elapsed());
            if !early.is_zero() {
                tokio::time::sleep(early).await;
                while let Some(more) = self.next().now_or_never() {
                    more?;
                    if drawn.elapsed() > FRAME * 4 {
                        break;
                    }
                }
                if let Some(exit) = self.exit {
                    return Ok(exit);
                }
            }
            self.draw()?;
            drawn = Instant::now();
        }
    }

    /// Waits for the next thing and folds it. True: the screen may differ.
    /// Dropping the future loses nothing: every branch is cancel-safe.
    async fn next(&mut self) -> Result<bool, RunError> {
        let gone = self.model.gone;
        let woken = tokio::select! {
            biased;
            () = self.signals.any() => {
                self.exit = Some(Exit::Terminated);
                Woken::Message(Msg::Terminate)
            }
            read = self.input.events.recv() => input(read)?,
            message = self.client.next(), if !gone => Woken::Message(match message {
                Some(message) => Msg::Server(Box::new(message), now()),
                None => Msg::Gone,
            }),
            () = tokio::time::sleep(TICK) => Woken::Message(Msg::Tick(now())),
        };
        let msg = match woken {
            Woken::Message(msg) => msg,
            Woken::Redraw => return Ok(true),
            Woken::Nothing => return Ok(false),
        };
        self.fold(Msg::Tick(now()))?;
        self.fold(msg)?;
        Ok(true)
    }

    fn fold(&mut self, msg: Msg) -> Result<(), RunError> {
        for effect in update(&mut self.model, msg) {
            match effect {
                Effect::Send(approved) => self.client.send(approved.into_inner()),
                Effect::AskSnapshot => self.client.ask_snapshot(),
                Effect::Suspend => self.screen.suspend()?,
                Effect::Quit => {
                    self.exit.get_or_insert(Exit::Left);
                }
            }
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<(), RunError> {
        let model = &self.model;
        self.screen.terminal.draw(|frame| view(model, frame))?;
        Ok(())
    }
}

fn input(read: Option<Read>) -> io::Result<Woken> {
    let Some((event, at)) = read else {
        // No more input: the terminal is gone.
        return Ok(Woken::Message(Msg::Terminate));
    };
    Ok(match event? {
        Event::Key(key) if key.kind != KeyEventKind::Release => Woken::Message(Msg::Key(key, at)),
        Event::Paste(text) => Woken::Message(Msg::Paste(text)),
        Event::Resize(..) => Woken::Redraw,
        _ => Woken::Nothing,
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |d| d.as_millis());
    Timestamp(u64::try_from(ms).unwrap_or(u64::MAX))
}
