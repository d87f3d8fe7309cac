//! Which keys a writer uses, and its choices.

use super::WriterSpec;
use crate::lab::ledger::LedgerFile;

/// Accounts that a writer inserts have keys from about here.
const OWN_KEYS_FROM: i64 = 1_000_000_000;

/// The writer's own accounts: present ones, and keys free to insert.
pub(super) struct OwnKeys {
    pub(super) present: Vec<i64>,
    free: Vec<i64>,
    next: i64,
}

pub(super) fn own_keys(file: &LedgerFile, spec: &WriterSpec) -> OwnKeys {
    let (index, of) = (i64::from(spec.class.index), i64::from(spec.class.of));
    let mut own = OwnKeys {
        present: Vec::new(),
        free: Vec::new(),
        next: OWN_KEYS_FROM - OWN_KEYS_FROM % of + index,
    };
    for (key, possible) in file.ledger().keys() {
        if key < OWN_KEYS_FROM - of {
            continue;
        }
        own.next = own.next.max(key + of);
        match possible.contains(&None) {
            true => own.free.push(key),
            false => own.present.push(key),
        }
    }
    own
}

impl OwnKeys {
    /// A key to insert: half the time one that was deleted before.
    pub(super) fn next_insert(&mut self, step: i64, random: &mut Random) -> i64 {
        if random.below(2) == 0
            && let Some(key) = self.free.pop()
        {
            return key;
        }
        let key = self.next;
        self.next += step;
        key
    }

    /// Files an own key by whether its row is surely there.
    pub(super) fn sort(&mut self, key: i64, present: bool) {
        if key < OWN_KEYS_FROM / 2 {
            return;
        }
        self.present.retain(|other| *other != key);
        self.free.retain(|other| *other != key);
        match present {
            true => self.present.push(key),
            false => self.free.push(key),
        }
    }
}

/// SplitMix64: small, seeded, good enough to mix statements.
pub(in crate::lab) struct Random(pub(in crate::lab) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `end - 1`; `end` is positive.
    pub(in crate::lab) fn below(&mut self, end: i64) -> i64 {
        // The remainder is below `end`, so it fits.
        (self.next() % end.unsigned_abs().max(1)) as i64
    }

    pub(in crate::lab) fn place(&mut self, len: usize) -> usize {
        (self.next() % len.max(1) as u64) as usize
    }
}
