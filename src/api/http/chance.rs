//! Chance, for waits that are not to end in the same moment everywhere.

/// Any number; the largest where the system gives no chance.
pub(super) fn chance() -> u16 {
    let mut bytes = [0; 2];
    match rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty()) {
        Ok(2) => u16::from_le_bytes(bytes),
        _ => u16::MAX,
    }
}
