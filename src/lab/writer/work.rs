//! The writer's loop: pick, decide the form, note, send, note.

use super::keys::{OwnKeys, Random, own_keys};
use super::session::{Failure, Form, Seen, Sessions};
use super::{Forms, WriterSpec, WriterStats};
use crate::base::{ShardName, Untrusted};
use crate::flags::{Client, ClientSpec, Decision, ReadForm, WriteForm};
use crate::lab::LabError;
use crate::lab::ledger::{Ledger, LedgerFile, Note, Write};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Most accounts of its own that a writer keeps at a time.
const OWN_KEYS_MAX: usize = 500;
const RETRY_FIRST: Duration = Duration::from_millis(20);
const RETRY_MAX: Duration = Duration::from_millis(500);

/// How the form of a key is chosen.
enum Choice {
    Fixed(Form),
    Flags(Client),
}

/// A chosen pair of forms; holds the flag's decision until it is dropped.
struct Chosen {
    read: Form,
    write: Form,
    _held: Option<Decision>,
}

impl Choice {
    fn new(spec: &WriterSpec) -> Result<Self, LabError> {
        let directory = match &spec.forms {
            Forms::Old => return Ok(Self::Fixed(Form::Old)),
            Forms::New => return Ok(Self::Fixed(Form::New)),
            Forms::Auto(directory) => directory.clone(),
        };
        let client = Client::register(ClientSpec {
            id: spec.id.clone(),
            directory: directory.clone(),
            shards: vec![spec.shard.clone()],
        });
        let client = client.map_err(|err| LabError::Io {
            doing: "register as a flag client in",
            path: directory,
            source: std::io::Error::other(err),
        })?;
        Ok(Self::Flags(client))
    }

    fn choose(&self, shard: &ShardName, key: i64) -> Chosen {
        let held = match self {
            Self::Fixed(form) => {
                return Chosen {
                    read: *form,
                    write: *form,
                    _held: None,
                };
            }
            Self::Flags(client) => client.decide(shard, &key.to_string()),
        };
        Chosen {
            read: match held.read {
                ReadForm::Old => Form::Old,
                ReadForm::New => Form::New,
            },
            write: match held.write {
                WriteForm::Old => Form::Old,
                WriteForm::New => Form::New,
            },
            _held: Some(held),
        }
    }
}

pub(super) struct Work {
    spec: WriterSpec,
    file: LedgerFile,
    choice: Choice,
    sessions: Sessions,
    own: OwnKeys,
    random: Random,
    stats: WriterStats,
    publish: watch::Sender<WriterStats>,
}

/// One thing to do.
enum Act {
    Read(i64),
    Write(i64, Write),
}

impl Work {
    pub(super) fn new(
        spec: WriterSpec,
        publish: watch::Sender<WriterStats>,
    ) -> Result<Self, LabError> {
        let file = LedgerFile::open(&spec.ledger)?;
        Ok(Self {
            choice: Choice::new(&spec)?,
            sessions: Sessions::new(&spec),
            own: own_keys(&file, &spec),
            random: Random(spec.seed ^ file.ledger().acknowledged()),
            spec,
            file,
            stats: WriterStats::default(),
            publish,
        })
    }

    pub(super) async fn run(
        mut self,
        mut stopped: watch::Receiver<()>,
    ) -> Result<Ledger, LabError> {
        let period = Duration::from_secs(1) / self.spec.rate_per_s;
        let mut ticks = interval(period.max(Duration::from_micros(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut retry = RETRY_FIRST;
        loop {
            tokio::select! {
                biased;
                // Only ever closed, never sent to.
                _ = stopped.changed() => break,
                _ = ticks.tick() => {}
            }
            match self.act().await? {
                Outcome::Done => retry = RETRY_FIRST,
                Outcome::Broken => {
                    sleep(retry).await;
                    retry = (retry * 2).min(RETRY_MAX);
                }
            }
            self.sessions.close_idle().await;
            self.stats.contradictions = self.file.ledger().contradictions().len();
            self.publish.send_replace(self.stats.clone());
        }
        self.sessions.close().await;
        Ok(self.file.ledger().clone())
    }

    async fn act(&mut self) -> Result<Outcome, LabError> {
        let act = self.pick();
        let key = match act {
            Act::Read(key) | Act::Write(key, _) => key,
        };
        let chosen = self.choice.choose(&self.spec.shard, key);
        if self.file.ledger().possible(key).is_none() {
            return self.read(&chosen, key, Note::Base).await;
        }
        match act {
            Act::Read(key) => self.read(&chosen, key, Note::Saw).await,
            Act::Write(key, write) => self.write(&chosen, key, write).await,
        }
    }

    /// Mostly changes; then reads; then accounts of its own that come and go,
    /// also under a key that was there before.
    fn pick(&mut self) -> Act {
        let amount = self.random.below(2_001) - 1_000;
        match self.random.below(100) {
            0..=54 => Act::Write(self.any_key(), Write::Add(amount)),
            55..=79 => Act::Read(self.any_key()),
            80..=89 if self.own.present.len() < OWN_KEYS_MAX => {
                let step = i64::from(self.spec.class.of);
                let key = self.own.next_insert(step, &mut self.random);
                Act::Write(key, Write::Insert(amount))
            }
            _ => match self.own.present.is_empty() {
                true => Act::Read(self.any_key()),
                false => {
                    let place = self.random.place(self.own.present.len());
                    Act::Write(self.own.present.swap_remove(place), Write::Delete)
                }
            },
        }
    }

    /// A key of the class: one of those that were there before, or an own one.
    fn any_key(&mut self) -> i64 {
        if self.random.below(4) == 0 && !self.own.present.is_empty() {
            return self.own.present[self.random.place(self.own.present.len())];
        }
        let (index, of) = (
            i64::from(self.spec.class.index),
            i64::from(self.spec.class.of),
        );
        let first = if index == 0 { of } else { index };
        let many = (i64::from(self.spec.keys) - first) / of + 1;
        first + of * self.random.below(many.max(1))
    }

    /// Reads a row; the first look at a key tells the ledger what is there.
    async fn read(
        &mut self,
        chosen: &Chosen,
        key: i64,
        note: fn(i64, Option<i64>) -> Note,
    ) -> Result<Outcome, LabError> {
        match self.sessions.read(chosen.read, key).await {
            Ok(Seen::Row(value)) => {
                self.file.note(&note(key, value))?;
                self.own.sort(key, value.is_some());
                self.stats.reads += 1;
                Ok(Outcome::Done)
            }
            Ok(Seen::NoValue) => {
                self.stats.without_value += 1;
                Ok(Outcome::Done)
            }
            Err(failure) => Ok(self.count(&failure)),
        }
    }

    async fn write(
        &mut self,
        chosen: &Chosen,
        key: i64,
        write: Write,
    ) -> Result<Outcome, LabError> {
        self.file.note(&Note::Try(key, write))?;
        let (note, outcome) = match self.sessions.write(chosen.write, key, write).await {
            Ok(rows) => {
                match chosen.write {
                    Form::Old => self.stats.acknowledged_old += 1,
                    Form::New => self.stats.acknowledged_new += 1,
                }
                (Note::Ack(key, rows), Outcome::Done)
            }
            Err(failure) => {
                let outcome = self.count(&failure);
                let note = match failure {
                    Failure::Refused(code) => Note::Refused(key, Untrusted::new(code)),
                    Failure::NoPrimary => Note::Refused(key, Untrusted::new("no primary")),
                    Failure::CutOff(_) => Note::Unknown(key),
                };
                (note, outcome)
            }
        };
        self.file.note(&note)?;
        let possible = self.file.ledger().possible(key);
        let present = possible.is_some_and(|possible| !possible.contains(&None));
        self.own.sort(key, present);
        Ok(outcome)
    }

    fn count(&mut self, failure: &Failure) -> Outcome {
        match failure {
            Failure::Refused(code) => {
                *self.stats.errors.entry(code.clone()).or_default() += 1;
                Outcome::Done
            }
            Failure::CutOff(code) => {
                *self.stats.errors.entry(code.clone()).or_default() += 1;
                self.stats.cut_off += 1;
                Outcome::Broken
            }
            Failure::NoPrimary => {
                self.stats.no_primary += 1;
                Outcome::Broken
            }
        }
    }
}

/// Whether to go on at once.
enum Outcome {
    Done,
    Broken,
}
