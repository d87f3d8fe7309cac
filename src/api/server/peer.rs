//! The other ends of connections, as the kernel names them, and how many each
//! has.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections of one origin at the same time; further ones are closed at once.
const CONNECTIONS_MAX: usize = 128;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// An account of this machine.
    Local(u32),
    /// Somebody who must still say who they are.
    Remote {
        /// Where they are.
        from: IpAddr,
        /// Which of our addresses they have called.
        to: IpAddr,
    },
}

/// Whom limits are counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// An account of this machine.
    Account(u32),
    /// A machine; in IPv6 a network of one, since it can take any address in it.
    Machine(IpAddr),
}

impl Peer {
    /// A dual-stack listener shows IPv4 addresses in IPv6.
    pub(super) fn remote(from: IpAddr, to: IpAddr) -> Self {
        Self::Remote {
            from: from.to_canonical(),
            to: to.to_canonical(),
        }
    }

    pub(super) fn origin(self) -> Origin {
        match self {
            Self::Local(uid) => Origin::Account(uid),
            Self::Remote { from, .. } => Origin::Machine(network(from)),
        }
    }
}

/// The /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let bits = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
    }
}

/// Who has how many connections. Holds one number for each origin that has
/// one now.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd(Arc<Mutex<BTreeMap<Origin, usize>>>);

/// One connection; dropping it makes room.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Crowd,
    origin: Origin,
}

impl Crowd {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<Origin, usize>> {
        // A panic while this lock is held cannot leave half a number behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing: they have enough.
    pub(super) fn enter(&self, origin: Origin) -> Option<Seat> {
        let mut counts = self.counts();
        let count = counts.entry(origin).or_default();
        if *count >= CONNECTIONS_MAX {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Seat {
            crowd: self.clone(),
            origin,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.crowd.counts();
        if let Some(count) = counts.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_has_so_many_connections_and_another_its_own() {
        let crowd = Crowd::default();
        let here = IpAddr::from([10, 0, 0, 1]);
        let of = |text: &str| Peer::remote(text.parse().unwrap_or(here), here).origin();
        let mut taken = Vec::new();
        while let Some(seat) = crowd.enter(of("2001:db8::1")) {
            taken.push(seat);
        }
        assert_eq!(taken.len(), CONNECTIONS_MAX);
        assert!(crowd.enter(of("2001:db8::ffff:2")).is_none());
        assert!(crowd.enter(of("2001:db8:0:1::1")).is_some());
        assert_eq!(of("::ffff:10.0.0.7"), of("10.0.0.7"));
        taken.pop();
        assert!(crowd.enter(of("2001:db8::2")).is_some());
        drop(taken);
        assert!(crowd.counts().is_empty());
    }
}
