//! A cockpit remembers the last sealed head that it saw of a journal, and
//! refuses one that is shorter or that has another entry in its place.
//!
//! At one address it expects one journal: one with another name there is as
//! good as one that was written anew.
//!
//! A chain of hashes cannot show that its tail was cut off, nor that all of it
//! was written anew. Whoever was shown it before can.

use crate::api::client::{Client, Told};
use crate::base::Digest;
use crate::journal::{Head, LogId};
use crate::store::replace;
use crate::wire::{CommandEnvelope, Header, Look, ServerMessage, Sight, Stream};
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Messages that wait for the answer about a head; with more it is asked for
/// everything again.
const HELD_MAX: usize = 256;

/// Where heads are kept, by the XDG base directory specification.
#[derive(Clone, Debug)]
pub struct Memory(PathBuf);

impl Memory {
    /// That of the person who runs this; `None` without a home.
    pub fn of_this_person() -> Option<Self> {
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let state = state.filter(|path| path.is_absolute()).or_else(home)?;
        Some(Self(state.join("pilothouse").join("heads")))
    }

    fn file(&self, log: &LogId) -> PathBuf {
        self.0.join(log.as_str())
    }

    /// A file that cannot be read is no memory of a head.
    fn recall(&self, log: &LogId) -> Option<Head> {
        let text = std::fs::read_to_string(self.file(log)).ok()?;
        text.trim().parse().ok()
    }

    /// Which journal was seen at an address: a file of its own, named after it.
    fn place(&self, address: &str) -> PathBuf {
        let name = Digest::of("address/1", &[address.as_bytes()]).short();
        self.0.join("at").join(name)
    }

    fn recall_at(&self, address: &str) -> Option<LogId> {
        let text = std::fs::read_to_string(self.place(address)).ok()?;
        LogId::new(text.trim()).ok()
    }

    fn keep(&self, log: &LogId, head: Head) -> std::io::Result<()> {
        write(&self.file(log), &head.to_string())
    }

    fn keep_at(&self, address: &str, log: &LogId) -> std::io::Result<()> {
        write(&self.place(address), log.as_str())
    }
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    replace(file, format!("{text}\n").as_bytes())
}

/// What is known of the journal that is being shown.
enum Trust {
    /// Nothing was shown yet.
    Unseen,
    /// The engine is asked what it has where we have this; nothing of it is
    /// shown meanwhile.
    Asked(LogId, Head),
    /// It holds all that was seen before.
    Sound(LogId),
    /// It does not. Nothing of it is shown any more.
    Refused,
}

/// A client that shows no journal which has lost what it showed before.
pub struct RememberingClient {
    inner: Box<dyn Client>,
    memory: Memory,
    /// Where the engine is.
    address: String,
    trust: Trust,
    /// The newest sealed head of the journal that is shown.
    sealed: Option<Head>,
    held: VecDeque<Told>,
}

impl RememberingClient {
    /// Watches over what `inner` is told, which comes from `address`.
    pub fn new(inner: Box<dyn Client>, memory: Memory, address: String) -> Self {
        Self {
            inner,
            memory,
            address,
            trust: Trust::Unseen,
            sealed: None,
            held: VecDeque::new(),
        }
    }

    /// Looks at what comes; gives what may be shown of it.
    fn judge(&mut self, told: Told) -> Option<Told> {
        let Told::Message(message) = &told else {
            // The way is cut: what comes next begins with a snapshot.
            if !matches!(self.trust, Trust::Refused) {
                self.trust = Trust::Unseen;
                self.held.clear();
            }
            return Some(told);
        };
        match (&self.trust, &**message) {
            (Trust::Refused, _) => None,
            (Trust::Asked(log, expected), ServerMessage::Sight(Sight::Head(found))) => {
                let (log, expected) = (log.clone(), *expected);
                self.answered(log, expected, *found)
            }
            (_, ServerMessage::Stream(Stream::Snapshot { view, .. })) => {
                let header = view.header.clone();
                self.begin(&header, told)
            }
            (Trust::Asked(_, expected), _) => {
                // The question may have been lost on its way.
                self.inner.look(Look::Head(expected.seq));
                self.hold(told);
                None
            }
            (Trust::Sound(log), ServerMessage::Stream(Stream::Delta { delta, .. })) => {
                let log = log.clone();
                if let Some(header) = &delta.header {
                    self.remember(&log, header.sealed);
                }
                Some(told)
            }
            _ => Some(told),
        }
    }

    fn hold(&mut self, told: Told) {
        self.held.push_back(told);
        if self.held.len() > HELD_MAX {
            self.held.clear();
            self.trust = Trust::Unseen;
            self.inner.ask_snapshot();
        }
    }

    /// A view from its beginning: is it of the journal that was seen before?
    fn begin(&mut self, header: &Header, told: Told) -> Option<Told> {
        self.held.clear();
        let Some(log) = header.log.clone() else {
            return Some(told);
        };
        match self.memory.recall_at(&self.address) {
            Some(before) if before != log => {
                let file = self.memory.place(&self.address);
                let why = format!("it is {log}, and {before} was here when you looked last");
                return Some(self.refuse(&why, &format!("look for {before}"), &file));
            }
            Some(_) => {}
            None => {
                if let Err(why) = self.memory.keep_at(&self.address, &log) {
                    tracing::warn!("that journal {log} is here is not remembered: {why}");
                }
            }
        }
        let end = header.head.unwrap_or(Head::EMPTY);
        let Some(known) = self.memory.recall(&log) else {
            return self.trusted(log, header.sealed, told);
        };
        if known.seq > end.seq {
            let why = format!(
                "it ends at entry {}, and entry {} was there and sealed when you saw it last",
                end.seq, known.seq
            );
            return Some(self.lost(&log, known, &why));
        }
        if known.seq == end.seq {
            return match known.hash == end.hash {
                true => self.trusted(log, header.sealed, told),
                false => Some(self.lost(&log, known, &forked(known, end.hash))),
            };
        }
        self.inner.look(Look::Head(known.seq));
        self.trust = Trust::Asked(log, known);
        self.hold(told);
        None
    }

    fn answered(&mut self, log: LogId, expected: Head, found: Option<Head>) -> Option<Told> {
        match found {
            Some(found) if found == expected => {
                self.trust = Trust::Sound(log);
                let next = self.held.pop_front()?;
                if let Told::Message(message) = &next
                    && let ServerMessage::Stream(Stream::Snapshot { view, .. }) = &**message
                {
                    let (log, sealed) = (view.header.log.clone(), view.header.sealed);
                    if let Some(log) = log {
                        self.remember(&log, sealed);
                    }
                }
                Some(next)
            }
            Some(found) if found.seq != expected.seq => None,
            Some(found) => Some(self.lost(&log, expected, &forked(expected, found.hash))),
            None => Some(self.lost(&log, expected, "that entry is not there any more")),
        }
    }

    fn trusted(&mut self, log: LogId, sealed: Option<Head>, told: Told) -> Option<Told> {
        self.remember(&log, sealed);
        self.trust = Trust::Sound(log);
        Some(told)
    }

    fn remember(&mut self, log: &LogId, sealed: Option<Head>) {
        let newer = sealed.filter(|head| self.sealed.is_none_or(|last| last.seq < head.seq));
        let Some(head) = newer else { return };
        self.sealed = Some(head);
        if let Err(why) = self.memory.keep(log, head) {
            tracing::warn!("the sealed head of journal {log} is not remembered: {why}");
        }
    }

    fn lost(&mut self, log: &LogId, known: Head, why: &str) -> Told {
        let look = format!("look with: pilothouse journal verify STORE --since {known}");
        let file = self.memory.file(log);
        self.refuse(why, &look, &file)
    }

    fn refuse(&mut self, why: &str, look: &str, file: &Path) -> Told {
        self.trust = Trust::Refused;
        self.held.clear();
        Told::Refused(format!(
            "this is not the journal that you saw before: {why}. It was cut off, rewritten, or restored from a backup: {look}. If you know why, remove {} and come again",
            file.display()
        ))
    }
}

fn forked(known: Head, found: Digest) -> String {
    format!(
        "entry {} was {} and is {} now",
        known.seq,
        known.hash.short(),
        found.short()
    )
}

impl Client for RememberingClient {
    fn send(&mut self, command: CommandEnvelope) {
        self.inner.send(command);
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Told>> {
        Box::pin(async {
            loop {
                if matches!(self.trust, Trust::Sound(_))
                    && let Some(held) = self.held.pop_front()
                {
                    return Some(held);
                }
                let told = self.inner.next().await?;
                if let Some(shown) = self.judge(told) {
                    return Some(shown);
                }
            }
        })
    }

    fn look(&mut self, look: Look) {
        self.inner.look(look);
    }

    fn ask_snapshot(&mut self) {
        self.inner.ask_snapshot();
    }

    fn here(&mut self, place: &str) {
        self.inner.here(place);
    }
}
