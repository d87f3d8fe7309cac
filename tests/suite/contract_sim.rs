//! The contract of a shard, on the simulated one.

use crate::contract_cases::{Fixture, Row, Write, contract_tests, up};
use pilothouse::base::ShardName;
use pilothouse::shard::Shard;
use pilothouse::shard::sim::{self, AppWrite, Authority, Form, SimShard, contract_fixture};
use pilothouse::worker::Variant;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

const ROLLOUT: &str = "r-1";

/// The simulator keeps numbers. Here each text of an old form has a number,
/// so that its `up` and `down` are those of the contract.
struct Texts(Mutex<Vec<String>>);

impl Texts {
    fn number(&self, text: &str) -> i64 {
        let mut all = self.0.lock().unwrap();
        let place = all.iter().position(|known| known == text);
        let place = place.unwrap_or_else(|| {
            all.push(text.to_owned());
            all.len() - 1
        });
        i64::try_from(place).unwrap()
    }

    /// What the new form holds once it says this text.
    fn new_number(&self, text: &str) -> i64 {
        sim::up(self.number(text.strip_prefix("n:").unwrap()))
    }

    fn text(&self, number: i64) -> String {
        let all = self.0.lock().unwrap();
        let known = usize::try_from(number).ok().and_then(|n| all.get(n));
        known.map_or_else(|| format!("nobody wrote {number}"), Clone::clone)
    }
}

/// Which executor the shard has.
pub trait Executor {
    const VARIANT: Variant;
}

pub struct Correct;

impl Executor for Correct {
    const VARIANT: Variant = Variant::Correct;
}

pub struct SimFixture<E = Correct> {
    shard: Arc<SimShard>,
    texts: Texts,
    executor: PhantomData<E>,
}

impl<E: Executor> Fixture for SimFixture<E> {
    async fn new(rows: u32) -> Self {
        let texts = Texts(Mutex::default());
        let values: Vec<(i64, i64)> = (1..=i64::from(rows))
            .map(|n| (n * 10, texts.number(&format!("v{}", n * 10))))
            .collect();
        let name = ShardName::new("s1").unwrap();
        let steps = [10, 100];
        let shard = contract_fixture(name, ROLLOUT, values, &steps, E::VARIANT);
        Self {
            shard: Arc::new(shard),
            texts,
            executor: PhantomData,
        }
    }

    fn shard(&self) -> Arc<dyn Shard> {
        Arc::<SimShard>::clone(&self.shard)
    }

    fn rollout(&self) -> String {
        ROLLOUT.into()
    }

    async fn rows(&self) -> Vec<Row> {
        let image = self.shard.with_server(|server| server.image().clone());
        let (old_column, new_column) = (image.schema.old_column, image.schema.new_column);
        let old = |number: i64| self.texts.text(number);
        let new = |number: i64| up(&self.texts.text(sim::down(number)));
        let row = |(key, row): (&i64, &sim::Row)| Row {
            key: *key,
            old: row.old.filter(|_| old_column).map(old),
            new: row.new.filter(|_| new_column).map(new),
        };
        image.rows.iter().map(row).collect()
    }

    async fn write(&self, write: Write) -> Result<(), String> {
        let number = |old: &str| self.texts.number(old);
        let number_of_new = |new: &str| sim::down(self.texts.new_number(new));
        let (write, form) = match write {
            Write::Insert { key, old } => {
                let value = number(&old);
                (AppWrite::Insert { key, value }, Form::Old)
            }
            Write::Update { key, old } => {
                let value = number(&old);
                (AppWrite::Update { key, value }, Form::Old)
            }
            Write::Move { from, to } => (AppWrite::Move { from, to }, Form::Old),
            Write::Delete { key } => (AppWrite::Delete { key }, Form::Old),
            Write::InsertNew { key, new } => {
                let value = number_of_new(&new);
                (AppWrite::Insert { key, value }, Form::New)
            }
            Write::UpdateNew { key, new } => {
                let value = number_of_new(&new);
                (AppWrite::Update { key, value }, Form::New)
            }
        };
        self.shard.with_server(|server| {
            assert!(server.app_begin(1, write), "nobody else holds a row");
            let done = server.app_commit(1, write, form, 0);
            done.map_err(|refusal| refusal.to_string())
        })
    }

    async fn tamper(&self, key: i64, new: &str) {
        let new = self.texts.new_number(new);
        assert!(self.shard.with_server(|server| server.tamper(key, new)));
    }

    async fn break_dual_write(&self) {
        assert!(self.shard.with_server(|server| server.drop_trigger()));
    }

    async fn lose_log_entry(&self, job: &str) {
        assert!(self.shard.with_server(|server| server.lose_log_entry(job)));
    }

    async fn dump(&self) -> String {
        let schema = self.shard.with_server(|server| server.image().schema);
        // How often the trigger was touched is no part of the schema.
        let trigger: Option<(Authority, bool)> = schema.trigger.map(|t| (t.authority, t.enabled));
        format!(
            "old {}, new {}, index {:?}, constraint {}, trigger {trigger:?}",
            schema.old_column, schema.new_column, schema.index, schema.constraint
        )
    }

    async fn content(&self) -> String {
        self.shard.with_server(|server| {
            let image = server.image();
            // Whoever commits has written, even if it looks the same.
            let (commits, share) = (server.commits(), server.share());
            format!(
                "{:?} {:?} {:?} {commits} {share}",
                image.rows, image.schema, image.ours
            )
        })
    }
}

contract_tests!(SimFixture);

/// The contract is able to fail.
#[cfg(feature = "broken")]
mod broken {
    use super::{Executor, SimFixture};
    use crate::contract_cases::cases::a_deposed_epoch_is_refused_in_every_effect;
    use pilothouse::worker::Variant;

    struct NoFenceCheck;

    impl Executor for NoFenceCheck {
        const VARIANT: Variant = Variant::NoFenceCheck;
    }

    #[tokio::test]
    #[should_panic(expected = "got through with an old epoch")]
    async fn a_chunk_without_a_fence_check_breaks_the_contract() {
        a_deposed_epoch_is_refused_in_every_effect::<SimFixture<NoFenceCheck>>().await;
    }
}
