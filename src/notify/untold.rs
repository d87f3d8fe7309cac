//! Why a message did not arrive.

use super::sign::KeyError;
use crate::base::{Period, Secret, Untrusted};
use crate::fleet::SecretError;

/// Why a message did not arrive. No secret is in any of these texts, not even
/// one that the other side has sent back.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// Its address or key cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The key is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The address is none.
    #[error("its url does not hold a URL")]
    NotAUrl,
    /// The address would show everything to everybody on the way.
    #[error("its URL is not https; plain http is for this machine only")]
    PlainText,
    /// It came to nothing.
    #[error("cannot connect: {0}")]
    NotReached(Untrusted),
    /// The exchange began and broke.
    #[error("the exchange broke: {0}")]
    Broken(Untrusted),
    /// Nobody answered.
    #[error("no answer within {0}")]
    Silent(Period),
    /// It points elsewhere.
    #[error("HTTP {0}: it points elsewhere, and redirects are not followed")]
    Redirected(u16),
    /// It answered with something other than success.
    #[error("HTTP {status}{}", because(.said))]
    Answered {
        /// The status.
        status: u16,
        /// The beginning of what it said.
        said: Untrusted,
    },
    /// The program could not be run.
    #[error("{program} cannot be run: {error}")]
    NotRun {
        /// The program.
        program: Untrusted,
        /// What the system says.
        error: std::io::Error,
    },
    /// The program took too long and was ended.
    #[error("{program} was ended because it took longer than {limit}")]
    TooSlow {
        /// The program.
        program: Untrusted,
        /// Its time.
        limit: Period,
    },
    /// The program says that it failed. What it printed is not repeated.
    #[error("{program} ended with {status}")]
    Failed {
        /// The program.
        program: Untrusted,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// Something of ours is not as it must be.
    #[error("{0}")]
    Unready(String),
}

fn because(said: &Untrusted) -> String {
    match said.raw() {
        "" => String::new(),
        _ => format!(": {said}"),
    }
}

/// Text from outside without what is secret: whoever is sent a secret may send
/// it back.
pub(super) fn scrubbed(text: &str, secrets: &[Secret]) -> Untrusted {
    let mut text = text.to_owned();
    for secret in secrets {
        let whole = secret.reveal();
        // Of an address, every part that may be the secret one.
        let parts = whole.split(['/', '?', '&', '=', '@', ':', '_', '#']);
        for part in std::iter::once(whole).chain(parts.filter(|p| p.len() >= 8)) {
            text = text.replace(part, "…");
        }
    }
    Untrusted::new(text)
}
