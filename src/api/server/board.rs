//! Who is attached, and where they look.

use super::caller::Caller;
use crate::base::Timestamp;
use crate::wire::{Attached, Company, Right};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Longest place that is kept, in characters.
const PLACE_MAX: usize = 80;

/// Everybody who is attached, by the number of their stream.
#[derive(Clone, Debug)]
pub(super) struct Board {
    seats: Arc<Mutex<Seats>>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Seats {
    next: u64,
    taken: BTreeMap<u64, Seat>,
}

#[derive(Debug)]
struct Seat {
    session: String,
    may: Vec<Right>,
    attached: Attached,
}

/// One stream; dropping it is leaving.
#[derive(Debug)]
pub(super) struct Ticket {
    board: Board,
    number: u64,
    news: watch::Receiver<()>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            seats: Arc::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl Board {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        // A panic while this lock is held cannot leave half a seat behind.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody comes.
    pub(super) fn enter(&self, caller: &Caller, now: Timestamp) -> Ticket {
        let mut seats = self.seats();
        seats.next += 1;
        let number = seats.next;
        let attached = Attached {
            name: caller.actor.name.clone(),
            since: now,
            place: String::new(),
        };
        let seat = Seat {
            session: caller.session.clone(),
            may: caller.may.clone(),
            attached,
        };
        seats.taken.insert(number, seat);
        drop(seats);
        let mut news = self.changed.subscribe();
        news.mark_changed();
        self.changed.send_replace(());
        Ticket {
            board: self.clone(),
            number,
            news,
        }
    }

    /// Somebody looks elsewhere. Only their own session moves.
    pub(super) fn moved(&self, name: &str, session: &str, place: &str) {
        let place: String = place.chars().take(PLACE_MAX).collect();
        let mut seats = self.seats();
        let own = seats
            .taken
            .values_mut()
            .filter(|seat| seat.session == session && seat.attached.name == name);
        for seat in own {
            seat.attached.place.clone_from(&place);
        }
        drop(seats);
        self.changed.send_replace(());
    }

    /// How many streams there are.
    pub(super) fn count(&self) -> usize {
        self.seats().taken.len()
    }
}

impl Ticket {
    /// Waits until somebody comes, goes or looks elsewhere; at once the first
    /// time.
    pub(super) async fn company(&mut self) -> Company {
        // The sender lives in our own board.
        let _ = self.news.changed().await;
        let seats = self.board.seats();
        let own = seats.taken.get(&self.number);
        let you = own.map_or_else(String::new, |seat| seat.attached.name.clone());
        let may = own.map_or_else(Vec::new, |seat| seat.may.clone());
        let others = seats
            .taken
            .iter()
            .filter(|(number, _)| **number != self.number);
        Company {
            you,
            may,
            others: others.map(|(_, seat)| seat.attached.clone()).collect(),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.board.seats().taken.remove(&self.number);
        self.board.changed.send_replace(());
    }
}
