//! Signatures as "Standard Webhooks" 1.0 describe them:
//! `v1,base64(HMAC-SHA256(key, "ID.TIMESTAMP.BODY"))`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use std::fmt;

/// How a key begins, so that scanners of repositories find it.
const PREFIX: &str = "whsec_";
/// The bytes that the specification allows.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A key that signs.
pub struct Key(hmac::Key);

/// The text is no key. It is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the signing key is not \"whsec_\" and base64 of 24 to 64 bytes; make one with: echo whsec_$(head -c 32 /dev/urandom | base64)"
)]
pub struct KeyError;

impl Key {
    /// Reads a key.
    ///
    /// # Errors
    /// It is not written as one.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let text = text.trim().strip_prefix(PREFIX).ok_or(KeyError)?;
        let bytes = STANDARD.decode(text).map_err(|_| KeyError)?;
        match BYTES.contains(&bytes.len()) {
            true => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes))),
            false => Err(KeyError),
        }
    }

    /// The value of `webhook-signature`. `at_s` are seconds since 1970.
    pub fn sign(&self, id: &str, at_s: u64, body: &[u8]) -> String {
        let mut signed = format!("{id}.{at_s}.").into_bytes();
        signed.extend_from_slice(body);
        let tag = hmac::sign(&self.0, &signed);
        format!("v1,{}", STANDARD.encode(tag))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_example_of_the_specification_is_reproduced() {
        let key = Key::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        for text in [
            "",
            "hunter2",
            "whsec_",
            "whsec_aHVudGVyMg==",
            "whsec_hunter2!",
        ] {
            let error = Key::read(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let key = Key::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(format!("{key:?}"), "Key(…)");
    }
}
