//! Free ports on loopback.
//!
//! They lie below the range from which the system takes the ports of
//! outgoing connections: a client could otherwise hold the port of a server
//! that was killed and is to come back, or even connect to itself.

use super::LabError;
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Ports handed out by this process, so that two labs in it never meet.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

const LOWEST: u16 = 15_000;

/// Finds this many; each is free now and is not given out again by this
/// process.
pub(super) fn find(count: usize) -> Result<Vec<u16>, LabError> {
    let end = outgoing_from().max(LOWEST + 1_000);
    let span = u32::from(end - LOWEST);
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found = Vec::with_capacity(count);
    let start = somewhere();
    for step in 0..span {
        // Always below `end`, so it fits.
        let port = LOWEST + (start.wrapping_add(step) % span) as u16;
        if found.len() == count {
            break;
        }
        if !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            found.push(port);
        }
    }
    if found.len() < count {
        return Err(LabError::NoPort);
    }
    taken.extend(&found);
    Ok(found)
}

/// Where the system's range for outgoing connections starts.
fn outgoing_from() -> u16 {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = text.split_whitespace().next();
    first.and_then(|low| low.parse().ok()).unwrap_or(32_768)
}

/// Two processes that look at the same time should not start at one place.
fn somewhere() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.subsec_nanos());
    nanos ^ std::process::id().wrapping_mul(2_654_435_761)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ports_are_not_given_out_twice() {
        let first = find(20).unwrap();
        let second = find(20).unwrap();
        let all: BTreeSet<_> = first.iter().chain(&second).collect();
        assert_eq!(all.len(), 40);
    }
}
