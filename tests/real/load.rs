//! Writers on every shard, each with a ledger.

use crate::oracle::ledger_holds;
use pilothouse::base::ShardName;
use pilothouse::lab::Lab;
use pilothouse::lab::ledger::{Columns, Ledger};
use pilothouse::lab::writer::{Forms, KeyClass, Writer, WriterSpec};
use std::collections::BTreeMap;

const RATE_PER_S: u32 = 60;

/// The writers of a fleet. No write of theirs may ever be refused.
pub struct Load {
    writers: Vec<(WriterSpec, Writer)>,
    ended: BTreeMap<String, Vec<Ledger>>,
}

fn spec(lab: &Lab, shard: &str, class: KeyClass, forms: Forms, keys: u32) -> WriterSpec {
    let name = format!("{shard}-{}-of-{}", class.index, class.of);
    WriterSpec {
        forms,
        rate_per_s: RATE_PER_S,
        keys,
        ..WriterSpec::new(
            ShardName::new(shard).unwrap(),
            lab.candidates(shard).unwrap(),
            lab.layout().ledger(&name),
            class,
        )
    }
}

impl Load {
    fn start(specs: Vec<WriterSpec>) -> Self {
        let writers = specs.into_iter();
        Self {
            writers: writers
                .map(|spec| (spec.clone(), Writer::start(spec).unwrap()))
                .collect(),
            ended: BTreeMap::new(),
        }
    }

    /// One writer per shard that does as the flag says.
    pub fn by_flag(lab: &Lab, keys: u32) -> Self {
        let flags = Forms::Auto(lab.layout().flags());
        let shards = lab.shards().into_iter();
        Self::start(
            shards
                .map(|s| spec(lab, s, KeyClass::WHOLE, flags.clone(), keys))
                .collect(),
        )
    }

    /// One writer per shard that knows the old form only.
    pub fn old(lab: &Lab, keys: u32) -> Self {
        let shards = lab.shards().into_iter();
        Self::start(
            shards
                .map(|s| spec(lab, s, KeyClass::WHOLE, Forms::Old, keys))
                .collect(),
        )
    }

    /// Two writers per shard: one does as the flag says, the other one knows
    /// the old form only.
    pub fn half_old(lab: &Lab, keys: u32) -> Self {
        let class = |index| KeyClass { index, of: 2 };
        let flags = Forms::Auto(lab.layout().flags());
        let mut specs = Vec::new();
        for shard in lab.shards() {
            specs.push(spec(lab, shard, class(0), flags.clone(), keys));
            specs.push(spec(lab, shard, class(1), Forms::Old, keys));
        }
        Self::start(specs)
    }

    /// The application is deployed anew: writers of the old form go, writers
    /// of the new form come and own the same keys.
    pub async fn swap_old_for_new(&mut self) {
        let writers = std::mem::take(&mut self.writers);
        for (spec, writer) in writers {
            if spec.forms != Forms::Old {
                self.writers.push((spec, writer));
                continue;
            }
            quiet_end(&spec, writer).await;
            let spec = WriterSpec {
                forms: Forms::New,
                ..spec
            };
            self.writers
                .push((spec.clone(), Writer::start(spec).unwrap()));
        }
    }

    /// Ends every writer and holds its ledger against the table; gives the
    /// number of acknowledged writes.
    pub async fn stop_and_check(mut self, lab: &Lab, columns: Columns) -> u64 {
        for (spec, writer) in std::mem::take(&mut self.writers) {
            let shard = spec.shard.to_string();
            let ledger = quiet_end(&spec, writer).await;
            self.ended.entry(shard).or_default().push(ledger);
        }
        let mut acknowledged = 0;
        for (shard, ledgers) in &self.ended {
            acknowledged += ledger_holds(lab, shard, ledgers, columns).await;
        }
        acknowledged
    }
}

async fn quiet_end(spec: &WriterSpec, writer: Writer) -> Ledger {
    let stats = writer.stats();
    assert!(stats.errors.is_empty(), "{}: {stats:?}", spec.id);
    assert_eq!(stats.without_value, 0, "{}", spec.id);
    writer.stop().await.unwrap()
}
