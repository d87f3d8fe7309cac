//! The terminal: taken, and given back however this ends.

use super::msg::Switch;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::clipboard::CopyToClipboard;
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, EnableMouseCapture,
};
use ratatui::crossterm::style::Print;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};
use std::io::{self, Stdout, Write};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the terminal is ours; a panic anywhere gives it back once.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    pub(super) fn take() -> io::Result<Self> {
        hook();
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        let screen = Self { terminal };
        // From here on dropping it gives the terminal back, half taken or whole.
        enter()?;
        Ok(screen)
    }

    /// Gives the terminal to the shell, stops, and takes it again.
    pub(super) fn suspend(&mut self, mouse: Switch) -> io::Result<()> {
        if !is_taken() {
            // A panic's message is on the terminal.
            return Ok(());
        }
        give_back();
        let own = rustix::process::getpid();
        // SIGSTOP, not SIGTSTP: the latter has a handler in some hosts.
        rustix::process::kill_process(own, rustix::process::Signal::STOP)?;
        enter()?;
        self.mouse(mouse)?;
        // A new one knows nothing of what was drawn. `Terminal::clear` is of
        // no use: it asks the terminal for the cursor, and the answer goes to
        // the task that reads keys.
        self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(())
    }
}

impl Screen {
    /// Puts a text on the terminal's clipboard (OSC 52), if it permits that.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        ours(|out| execute!(out, CopyToClipboard::to_clipboard_from(text)))
    }

    /// Rings the bell and asks for a notification (OSC 9). Terminals that know
    /// only one of them do that one. The text has no control characters.
    pub(super) fn call(&mut self, text: &str) -> io::Result<()> {
        ours(|out| execute!(out, Print(format!("\x07\x1b]9;{text}\x07"))))
    }

    pub(super) fn mouse(&mut self, switch: Switch) -> io::Result<()> {
        ours(|out| match switch {
            Switch::On => execute!(out, EnableMouseCapture),
            Switch::Off => execute!(out, DisableMouseCapture),
        })
    }
}

/// Writes to the terminal unless a panic has taken it away meanwhile.
fn ours(write: impl FnOnce(&mut io::StdoutLock<'_>) -> io::Result<()>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if is_taken() { write(&mut out) } else { Ok(()) }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Whether a panic has taken the screen away from us.
pub(super) fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

fn enter() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        Clear(ClearType::All),
        EnableBracketedPaste,
        EnableFocusChange,
        cursor::Hide
    )
}

fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // Nothing better can be done when even this fails.
    let _ = execute!(
        io::stdout(),
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = disable_raw_mode();
    let _ = io::stdout().flush();
}

/// On a panic, on any thread: the terminal first, then the message.
fn hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
    });
}
