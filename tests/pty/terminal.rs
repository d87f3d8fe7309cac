//! A terminal with a program in it: keys go in, and what a person would see
//! comes out. Every wait is for something on the screen.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Whatever is awaited has happened by then.
const DEADLINE: Duration = Duration::from_secs(60);

/// A key that had no effect by then is pressed again: a question takes no
/// key that was pressed before anybody could have read it.
const AGAIN: Duration = Duration::from_millis(300);

/// Escape in the encoding that cannot be taken for the begin of another key,
/// whatever follows.
pub const ESC: &str = "\u{1b}[27u";

/// What the program has written so far.
struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    ended: bool,
}

/// A test that failed leaves no program behind.
struct Running(Box<dyn Child + Send + Sync>);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended cannot be killed, which is as well.
        let _ = self.0.kill();
    }
}

/// A program in a terminal.
pub struct Pty {
    child: Running,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    /// Nobody looks any more.
    closing: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    settings_before: String,
    folder: TempDir,
}

/// What is left when the program has ended.
pub struct Left {
    pub code: u32,
    pub bytes: Vec<u8>,
    /// What the screen shows.
    pub text: String,
    /// What is still in the program's temporary directory.
    pub behind: Vec<String>,
}

fn dimension(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

fn size(wide: u16, high: u16) -> PtySize {
    PtySize {
        rows: high,
        cols: wide,
        pixel_width: 0,
        pixel_height: 0,
    }
}

impl Pty {
    /// Starts the program with these arguments.
    pub fn start<S: AsRef<OsStr>>((wide, high): (u16, u16), args: &[S]) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pilothouse"));
        command.args(args);
        Self::spawn((wide, high), command)
    }

    /// Starts a demo whose first ring fills for minutes.
    pub fn long_demo(size: (u16, u16)) -> Self {
        let pty = Self::start(size, &["demo", "--rows", "20000", "--rate", "80"]);
        pty.wait_for("the fleet screen", |screen| {
            let text = screen.contents();
            text.contains("LIVE") && text.contains("running backfill")
        });
        pty
    }

    /// Starts any program; its temporary directory is empty and its own.
    pub fn spawn((wide, high): (u16, u16), mut command: CommandBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["NO_COLOR", "COLORTERM", "PILOTHOUSE_ASCII", "LC_ALL"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        command.env("RUST_BACKTRACE", "0");
        command.env("LC_ALL", "C.UTF-8");
        command.env("HOME", folder.path());
        command.env("XDG_CONFIG_HOME", folder.path().join("none"));
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        command.env("TMPDIR", &temporary);
        command.cwd(folder.path());
        let pair = native_pty_system().openpty(size(wide, high)).unwrap();
        let settings_before = settings(pair.master.as_ref());
        let child = pair.slave.spawn_command(command).unwrap();
        // Ours must not keep the terminal open when the program has ended.
        drop(pair.slave);
        let parser = vt100::Parser::new(dimension(high), dimension(wide), 0);
        let seen = Seen {
            parser,
            bytes: Vec::new(),
            ended: false,
        };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let closing = Arc::<AtomicBool>::default();
        let reader = pair.master.try_clone_reader().unwrap();
        Self {
            child: Running(child),
            writer: pair.master.take_writer().unwrap(),
            master: pair.master,
            reader: Some(listen(reader, Arc::clone(&seen), Arc::clone(&closing))),
            seen,
            closing,
            settings_before,
            folder,
        }
    }

    pub fn pid(&self) -> Pid {
        let id = self.child.0.process_id().unwrap();
        Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
    }

    /// What the screen shows.
    pub fn text(&self) -> String {
        self.seen.0.lock().unwrap().parser.screen().contents()
    }

    /// Whether the terminal's settings are those from before the program.
    pub fn is_cooked(&self) -> bool {
        settings(self.master.as_ref()) == self.settings_before
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Waits until the screen is so.
    pub fn wait_for(&self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        if !self.look_until(DEADLINE, &holds) {
            panic!("never came: {what}; the screen:\n{}", self.described());
        }
    }

    /// Waits until this is found on the screen, which is not looked at twice:
    /// half of the next frame may be there by then.
    pub fn wait_found<T>(&self, what: &str, find: impl Fn(&vt100::Screen) -> Option<T>) -> T {
        let found = Mutex::new(None);
        self.wait_for(what, |screen| {
            *found.lock().unwrap() = find(screen);
            found.lock().unwrap().is_some()
        });
        found.into_inner().unwrap().unwrap()
    }

    /// The name that the question on the screen wants typed.
    pub fn demanded(&self) -> String {
        self.wait_found("a demanded name", demanded)
    }

    /// Waits until the text is on the screen.
    pub fn wait_text(&self, text: &str) {
        self.wait_for(text, |screen| screen.contents().contains(text));
    }

    /// Presses keys, again and again, until the screen is so.
    pub fn press_until(&mut self, keys: &str, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        let begun = Instant::now();
        loop {
            self.press(keys);
            if self.look_until(AGAIN, &holds) {
                return;
            }
            if begun.elapsed() > DEADLINE {
                let seen = self.described();
                panic!("{keys:?} never led to: {what}; the screen:\n{seen}");
            }
        }
    }

    /// Another size.
    pub fn resize(&self, wide: u16, high: u16) {
        let mut seen = self.seen.0.lock().unwrap();
        seen.parser.set_size(dimension(high), dimension(wide));
        self.master.resize(size(wide, high)).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until the program stands still, as after Ctrl-Z.
    pub fn wait_stopped(&self) {
        let pid = self.pid();
        let (tell, told) = std::sync::mpsc::channel();
        // The kernel tells a thread that waits for it.
        std::thread::spawn(move || tell.send(waitpid(Some(pid), WaitOptions::UNTRACED)));
        match told.recv_timeout(DEADLINE) {
            Ok(Ok(Some((_, status)))) if status.stopped() => {}
            other => panic!("it did not stop: {other:?}\n{}", self.described()),
        }
    }

    /// Waits until the program has ended and has given the terminal back.
    pub fn left(mut self) -> Left {
        let (lock, told) = &*self.seen;
        let seen = lock.lock().unwrap();
        let (seen, waited) = told
            .wait_timeout_while(seen, DEADLINE, |seen| !seen.ended)
            .unwrap();
        let (text, bytes) = (seen.parser.screen().contents(), seen.bytes.clone());
        let modes = modes(seen.parser.screen());
        drop(seen);
        assert!(!waited.timed_out(), "it never ended; the screen:\n{text}");
        let code = self.child.0.wait().unwrap().exit_code();
        assert_eq!(modes, BACK, "{text}");
        assert!(self.is_cooked(), "the terminal is not as it was:\n{text}");
        Left {
            code,
            bytes,
            text,
            behind: self.behind(),
        }
    }

    /// Closes the terminal under the program, as a dropped connection does;
    /// it ends by itself. Gives what it left behind.
    pub fn hang_up(mut self) -> Vec<String> {
        self.closing.store(true, Ordering::SeqCst);
        // It ends with the next word from the program: its clock, at the latest.
        self.reader.take().unwrap().join().unwrap();
        let Self {
            folder,
            mut child,
            master,
            writer,
            ..
        } = self;
        drop((writer, master));
        let status = child.0.wait().unwrap();
        assert_eq!(status.signal(), None, "it was killed: {status}");
        names_in(&folder.path().join("tmp"))
    }

    /// Whether the screen is the shell's, with everything in order.
    pub fn is_given_back(&self) -> bool {
        let seen = self.seen.0.lock().unwrap();
        let back = modes(seen.parser.screen()) == BACK;
        drop(seen);
        back && self.is_cooked()
    }

    fn behind(&self) -> Vec<String> {
        names_in(&self.folder.path().join("tmp"))
    }

    fn look_until(&self, most: Duration, holds: &impl Fn(&vt100::Screen) -> bool) -> bool {
        let (lock, told) = &*self.seen;
        let seen = lock.lock().unwrap();
        let (seen, _) = told
            .wait_timeout_while(seen, most, |seen| {
                !holds(seen.parser.screen()) && !seen.ended
            })
            .unwrap();
        holds(seen.parser.screen())
    }

    fn described(&self) -> String {
        let seen = self.seen.0.lock().unwrap();
        let ended = if seen.ended { "\n(it has ended)" } else { "" };
        format!("{}{ended}", seen.parser.screen().contents())
    }
}

/// Alternate screen, hidden cursor, bracketed paste.
type Modes = (bool, bool, bool);

/// What a shell wants.
const BACK: Modes = (false, false, false);

fn modes(screen: &vt100::Screen) -> Modes {
    (
        screen.alternate_screen(),
        screen.hide_cursor(),
        screen.bracketed_paste(),
    )
}

/// Whether the program has the screen for itself.
pub fn is_taken(screen: &vt100::Screen) -> bool {
    modes(screen) == (true, true, true)
}

pub fn row_from_bottom(screen: &vt100::Screen, row: u16) -> String {
    let (high, wide) = screen.size();
    let place = usize::from(high.get() - 1 - row);
    screen.rows(0, wide.get()).nth(place).unwrap_or_default()
}

/// Raw or cooked, echo, signals and the rest, in words.
fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}

fn names_in(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

fn listen(
    mut reader: Box<dyn Read + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    closing: Arc<AtomicBool>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 8_192];
        loop {
            // The last program at the other end is gone: an error on Linux.
            let read = reader.read(&mut buffer).unwrap_or(0);
            let mut now = seen.0.lock().unwrap();
            now.bytes.extend_from_slice(&buffer[..read]);
            now.parser.process(&buffer[..read]);
            now.ended = read == 0;
            seen.1.notify_all();
            if read == 0 || closing.load(Ordering::SeqCst) {
                return;
            }
        }
    })
}

/// The name that a question wants typed.
pub fn demanded(screen: &vt100::Screen) -> Option<String> {
    let text = screen.contents();
    let (_, after) = text.split_once("Cannot be confirmed: type ")?;
    let (name, _) = after.split_once(" to confirm")?;
    Some(name.to_owned())
}
