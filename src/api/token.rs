//! Tokens: 256 random bits that stand for a person.
//!
//! `pht_ID_SECRET_CHECK`: a prefix that scanners of repositories and logs can
//! look for, the public id, the secret, and the first four bytes of a digest
//! over all of that, so that a mistyped token is told from a wrong one.

use crate::base::{Digest, Secret};
use std::fmt::Write as _;

/// What every token begins with.
pub const PREFIX: &str = "pht_";

/// Random bytes of an id and of a secret.
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;

/// A new token: what is shown once, and what is kept.
#[derive(Debug)]
pub struct Minted {
    /// For its owner, and nobody else.
    pub token: Secret,
    /// Its public part.
    pub id: String,
    /// Digest of its secret part.
    pub secret: Digest,
}

/// What a token says, before anybody knows whether it is one.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its public part.
    pub id: String,
    /// Digest of its secret part.
    pub secret: Digest,
}

/// The operating system gave no random bits.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bits: {0}")]
pub struct NoChance(String);

/// Makes a token.
///
/// # Errors
/// Without randomness there is none.
pub fn mint() -> Result<Minted, NoChance> {
    let id = random_hex(ID_BYTES)?;
    let secret = random_hex(SECRET_BYTES)?;
    let body = format!("{PREFIX}{id}_{secret}");
    let token = Secret::new(format!("{body}_{}", check(&body)));
    Ok(Minted {
        token,
        secret: digest(&secret),
        id,
    })
}

/// Takes a token apart.
///
/// # Errors
/// It is none; never says what was in it.
pub fn claim(text: &str) -> Result<Claim, &'static str> {
    let wrong = "this is no token of pilothouse: it begins with pht_ and ends with its checksum";
    let (body, sum) = text.trim().rsplit_once('_').ok_or(wrong)?;
    let parts = body.strip_prefix(PREFIX).and_then(|b| b.split_once('_'));
    let (id, secret) = parts.ok_or(wrong)?;
    let hex = |text: &str, bytes: usize| {
        text.len() == 2 * bytes && text.bytes().all(|b| b.is_ascii_hexdigit())
    };
    if !hex(id, ID_BYTES) || !hex(secret, SECRET_BYTES) {
        return Err(wrong);
    }
    if sum != check(body) {
        return Err("this token was copied wrongly: its checksum does not fit");
    }
    Ok(Claim {
        id: id.to_owned(),
        secret: digest(secret),
    })
}

fn digest(secret: &str) -> Digest {
    Digest::of("token/1", &[secret.as_bytes()])
}

fn check(body: &str) -> String {
    Digest::of("token-check/1", &[body.as_bytes()]).short()
}

fn random_hex(bytes: usize) -> Result<String, NoChance> {
    let mut random = vec![0_u8; bytes];
    let flags = rustix::rand::GetRandomFlags::empty();
    let filled = rustix::rand::getrandom(&mut random[..], flags);
    let filled = filled.map_err(|e| NoChance(e.to_string()))?;
    if filled != bytes {
        return Err(NoChance(format!("{filled} bytes instead of {bytes}")));
    }
    Ok(random.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_and_one_wrong_letter_is_told() {
        let minted = mint()
            .ok()
            .map(|m| (m.token.reveal().to_owned(), m.id, m.secret));
        let Some((token, id, secret)) = minted else {
            panic!("no token");
        };
        let claimed = claim(&token).map(|c| (c.id, c.secret));
        assert_eq!(claimed, Ok((id, secret)));
        for place in PREFIX.len()..token.len() {
            let mut wrong = token.clone().into_bytes();
            wrong[place] = if wrong[place] == b'0' { b'1' } else { b'0' };
            let wrong = String::from_utf8_lossy(&wrong);
            assert!(claim(&wrong).is_err(), "{place}");
        }
        assert!(claim("pht_").is_err() && claim("").is_err());
    }
}
