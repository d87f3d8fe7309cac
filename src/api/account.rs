//! Accounts of the operating system.

use crate::base::Actor;

/// The name of an account; its number where it has none.
pub fn name_of(uid: u32) -> String {
    let listed = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let line = listed
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&number));
    let name = line.and_then(|line| line.split(':').next());
    name.map_or_else(|| format!("uid {uid}"), str::to_owned)
}

/// Who this process belongs to.
pub fn person() -> Actor {
    Actor::person(name_of(rustix::process::getuid().as_raw()))
}
