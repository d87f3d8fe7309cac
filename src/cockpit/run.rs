//! The shell around the pure cockpit: clock, environment, terminal, signals.
//!
//! The loop takes all that waits, folds it, and draws once. It awaits nothing
//! but the next thing to fold.

use super::input::{self, Read};
use super::model::{Model, Options};
use super::msg::{Attention, Effect, Mouse, MouseDid, Msg};
use super::shot::Recorder;
use super::terminal::{Screen, is_taken};
use super::{update, view};
use crate::api::client::Client;
use crate::base::{Period, Timestamp};
use futures_util::FutureExt;
use ratatui::crossterm::event::{Event, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Shortest time between two frames.
const FRAME: Duration = Duration::from_millis(16);

/// Ages and countdowns move this often when nothing else does.
pub(super) const TICK: Duration = Duration::from_millis(1_000);

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

/// Runs a cockpit until it is left; a recorder keeps what it shows.
///
/// # Errors
/// When the terminal cannot be taken or drawn on.
pub async fn run(
    client: Box<dyn Client>,
    options: Options,
    recorder: Option<&mut Recorder>,
) -> Result<Exit, RunError> {
    let mut shell = Shell {
        model: Model::new(options, now()),
        client,
        signals: Signals::listen()?,
        screen: Screen::take()?,
        resized: signal(SignalKind::window_change())?,
        input: input::listen()?,
        exit: None,
        recorder,
        place: String::new(),
    };
    shell.run().await
}

struct Shell<'a> {
    model: Model,
    client: Box<dyn Client>,
    signals: Signals,
    screen: Screen,
    resized: Signal,
    input: mpsc::Receiver<Read>,
    exit: Option<Exit>,
    recorder: Option<&'a mut Recorder>,
    /// Where others see us look.
    place: String,
}

/// What asks a cockpit to end.
pub(super) struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn any(&mut self) {
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
    Nothing,
}

impl Shell<'_> {
    async fn run(&mut self) -> Result<Exit, RunError> {
        let size = self.screen.terminal.size()?;
        self.fold(Msg::Resized(size))?;
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
            read = self.input.recv() => match heard(read)? {
                Some(woken) => woken,
                None => {
                    self.exit = Some(Exit::Terminated);
                    Woken::Message(Msg::Terminate)
                }
            },
            Some(()) = self.resized.recv() => Woken::Message(Msg::Resized(self.screen.terminal.size()?)),
            told = self.client.next(), if !gone => Woken::Message(Msg::told(told, now())),
            () = tokio::time::sleep(TICK) => Woken::Message(Msg::Tick(now())),
        };
        let msg = match woken {
            Woken::Message(msg) => msg,
            Woken::Nothing => return Ok(false),
        };
        self.fold(Msg::Tick(now()))?;
        self.fold(msg)?;
        let place = self.model.place();
        if place != self.place {
            self.client.here(&place);
            self.place = place;
        }
        Ok(true)
    }

    fn fold(&mut self, msg: Msg) -> Result<(), RunError> {
        for effect in update(&mut self.model, msg) {
            match effect {
                Effect::Send(approved) => self.client.send(approved.into_inner()),
                Effect::Look(look) => self.client.look(look),
                Effect::AskSnapshot => self.client.ask_snapshot(),
                Effect::Copy(text) => self.screen.copy(&text)?,
                Effect::Call(text) => self.screen.call(&text)?,
                Effect::Mouse(switch) => self.screen.mouse(switch)?,
                Effect::Suspend => self.screen.suspend(self.model.mouse)?,
                Effect::Quit => {
                    self.exit.get_or_insert(Exit::Left);
                }
            }
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<(), RunError> {
        // Whoever panics takes the screen away first and writes then, so
        // under this lock a frame is either before that or not drawn at all.
        let _whole = io::stdout().lock();
        if !is_taken() {
            return Ok(());
        }
        let model = &self.model;
        let drawn = self.screen.terminal.draw(|frame| view(model, frame))?;
        if let Some(recorder) = &mut self.recorder {
            recorder.take(drawn.buffer, now());
        }
        Ok(())
    }
}

/// Nothing: the terminal is gone.
fn heard(read: Option<Read>) -> io::Result<Option<Woken>> {
    let (event, at) = match read {
        None => return Ok(None),
        Some((Err(error), _)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Some(read) => read,
    };
    Ok(Some(match event? {
        Event::Key(key) if key.kind != KeyEventKind::Release => Woken::Message(Msg::Key(key, at)),
        Event::Paste(text) => Woken::Message(Msg::Paste(text)),
        Event::FocusLost => Woken::Message(Msg::Attention(Attention::Away)),
        Event::FocusGained => Woken::Message(Msg::Attention(Attention::Here)),
        Event::Mouse(mouse) => pointed(mouse)?,
        // A new size is told by its signal.
        _ => Woken::Nothing,
    }))
}

fn pointed(mouse: MouseEvent) -> io::Result<Woken> {
    let did = match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseDid::Press,
        MouseEventKind::ScrollUp => MouseDid::WheelUp,
        MouseEventKind::ScrollDown => MouseDid::WheelDown,
        _ => return Ok(Woken::Nothing),
    };
    let at = Position::new(mouse.column, mouse.row);
    let size = ratatui::crossterm::terminal::size()?.into();
    Ok(Woken::Message(Msg::Mouse(Mouse { did, at, size })))
}

/// The moment, by this machine's clock, which may be set back: this one goes on
/// then, so that no question waits for a moment that was there already.
pub(super) fn now() -> Timestamp {
    static LAST: Mutex<Option<(Instant, Timestamp)>> = Mutex::new(None);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |d| d.as_millis());
    let wall = Timestamp(u64::try_from(ms).unwrap_or(u64::MAX));
    // Nobody panics while holding it; if so, what it holds is whole.
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let here = Instant::now();
    let now = last.map_or(wall, |(then, at)| {
        let passed = u64::try_from(here.duration_since(then).as_millis()).unwrap_or(u64::MAX);
        wall.max(at.after(Period::from_ms(passed)))
    });
    // Whole milliseconds only, or many short steps would stand still.
    if last.is_none_or(|(_, at)| now > at) {
        *last = Some((here, now));
    }
    now
}
