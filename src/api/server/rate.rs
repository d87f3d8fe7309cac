//! How often somebody may ask.
//!
//! Whoever is known has a rate of their own, below the rate of all together,
//! so that one program in a loop leaves room for the others. Acts that only
//! calm (pause, hold, throttle down) are counted apart: a person can stop work
//! however many other requests were refused. Failed proofs of identity are
//! counted by origin. The right token is still taken from an origin that has
//! failed too often: nobody behind the same address can lock an operator out,
//! and 256 bits are not guessed.

use super::answer::Refused;
use super::peer::Origin;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// So many at once, then so many a second.
#[derive(Clone, Copy, Debug)]
struct Rate {
    per_s: u64,
    burst: u64,
}

/// Requests of all who are known together, and of all who are not.
const ALL: Rate = Rate {
    per_s: 500,
    burst: 2_000,
};
/// Requests of one person, or of one origin that has not said who it is.
const ONE: Rate = Rate {
    per_s: 100,
    burst: 400,
};
/// Calming acts of one person: more than anybody can type.
const CALMING: Rate = Rate {
    per_s: 20,
    burst: 200,
};
/// Failed proofs of identity of one origin.
const FAILED: Rate = Rate {
    per_s: 1,
    burst: 30,
};
/// What there are too many of when identities fail.
const WRONG: &str = "requests without a right token from where you are; a right one is still taken";
/// Most who are counted one by one, of each sort; further ones share a count.
const COUNTED_MAX: usize = 1_024;

/// Whose requests are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asker {
    /// Somebody who is known.
    Person(String),
    /// Somebody who need not be.
    Stranger(Origin),
}

/// Everything that is counted.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    counts: Arc<Mutex<Counts>>,
    since: Instant,
}

#[derive(Debug, Default)]
struct Counts {
    known: Bucket,
    strangers: Bucket,
    asked: Buckets<Asker>,
    calmed: Buckets<String>,
    failed: Buckets<Origin>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            counts: Arc::default(),
            since: Instant::now(),
        }
    }
}

impl Rates {
    fn counts(&self) -> (MutexGuard<'_, Counts>, u64) {
        let us = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        // A panic while this lock is held cannot leave half a count behind.
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        (counts, us)
    }

    /// One more request.
    pub(super) fn asks(&self, who: Asker) -> Result<(), Refused> {
        let (mut counts, now) = self.counts();
        let is_known = matches!(who, Asker::Person(_));
        // Whoever is over their own rate takes nothing from the others.
        let own = counts.asked.take(who, ONE, now);
        let all = own.and_then(|()| match is_known {
            true => counts.known.take(ALL, now),
            // However many strangers there are.
            false => counts.strangers.take(ALL, now),
        });
        all.map_err(|wait| {
            Refused::too_often(
                wait,
                "requests; pause, hold and throttle down are still taken",
            )
        })
    }

    /// One more act that only calms.
    pub(super) fn calms(&self, who: String) -> Result<(), Refused> {
        let (mut counts, now) = self.counts();
        let taken = counts.calmed.take(who, CALMING, now);
        taken.map_err(|wait| Refused::too_often(wait, "acts of one person"))
    }

    /// One more proof of identity that failed.
    pub(super) fn fails(&self, from: Origin) -> Result<(), Refused> {
        let (mut counts, now) = self.counts();
        let taken = counts.failed.take(from, FAILED, now);
        taken.map_err(|wait| Refused::too_often(wait, WRONG))
    }
}

/// The counts of many, of [`COUNTED_MAX`] at most.
#[derive(Debug)]
struct Buckets<K> {
    of: BTreeMap<K, Bucket>,
    others: Bucket,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self {
            of: BTreeMap::new(),
            others: Bucket::default(),
        }
    }
}

impl<K: Ord> Buckets<K> {
    fn take(&mut self, who: K, rate: Rate, now_us: u64) -> Result<(), Duration> {
        if self.of.len() >= COUNTED_MAX && !self.of.contains_key(&who) {
            // Whoever was quiet for long enough is as good as new.
            self.of.retain(|_, bucket| !bucket.is_rested(now_us));
            if self.of.len() >= COUNTED_MAX {
                return self.others.take(rate, now_us);
            }
        }
        self.of.entry(who).or_default().take(rate, now_us)
    }
}

/// The generic cell rate algorithm (ITU-T I.371): one number says when
/// everything that was taken is paid back.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    paid_us: u64,
}

impl Bucket {
    /// Takes one, or says how long to wait for it.
    fn take(&mut self, rate: Rate, now_us: u64) -> Result<(), Duration> {
        let one = 1_000_000 / rate.per_s;
        let owed = self.paid_us.max(now_us) + one;
        let most = now_us + one * rate.burst;
        if owed > most {
            return Err(Duration::from_micros(owed - most));
        }
        self.paid_us = owed;
        Ok(())
    }

    fn is_rested(self, now_us: u64) -> bool {
        self.paid_us <= now_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_s: 2, burst: 3 };

    #[test]
    fn a_burst_is_had_at_once_and_then_one_at_a_time() {
        let mut bucket = Bucket::default();
        let now = 5_000_000;
        for _ in 0..3 {
            assert_eq!(bucket.take(RATE, now), Ok(()));
        }
        let wait = Duration::from_millis(500);
        assert_eq!(bucket.take(RATE, now), Err(wait));
        // Asking too early makes nothing worse.
        assert_eq!(bucket.take(RATE, now), Err(wait));
        assert_eq!(bucket.take(RATE, now + 500_000), Ok(()));
        assert!(bucket.take(RATE, now + 500_000).is_err());
        assert!(!bucket.is_rested(now + 1_999_999) && bucket.is_rested(now + 2_000_000));
    }

    #[test]
    fn no_number_of_origins_takes_more_memory_than_there_is() {
        let mut crowd = Buckets::default();
        let now = 1;
        for who in 0..2 * COUNTED_MAX {
            let _ = crowd.take(who, RATE, now);
        }
        assert_eq!(crowd.of.len(), COUNTED_MAX);
        // Those who came too late share one count; the others have their own.
        assert!(crowd.take(usize::MAX, RATE, now).is_err());
        assert!(crowd.take(0, RATE, now).is_ok());
        assert!(crowd.take(usize::MAX, RATE, now + 9_000_000).is_ok());
        assert_eq!(crowd.of.len(), 1);
    }

    #[test]
    fn calming_is_possible_when_everything_else_was_refused() {
        let rates = Rates::default();
        let asks = || rates.asks(Asker::Person("ana".into()));
        while asks().is_ok() {}
        for _ in 0..CALMING.burst {
            assert!(rates.calms("ana".into()).is_ok());
        }
        assert!(rates.asks(Asker::Person("lee".into())).is_ok());
        // Strangers have a share that people do not depend on.
        for machine in 0..100 {
            let origin = Origin::Machine([10, 0, 0, machine].into());
            while rates.asks(Asker::Stranger(origin)).is_ok() {}
        }
        assert!(rates.asks(Asker::Person("ben".into())).is_ok());
    }
}
