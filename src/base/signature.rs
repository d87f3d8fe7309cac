//! Keys and signatures as OpenSSH spells them.
//!
//! Signatures are those of `ssh-keygen -Y sign` (PROTOCOL.sshsig of OpenSSH),
//! so that stock tools verify what is on the record. Ed25519 only, from a file
//! or from a FIDO token: one kind of key is enough, and it has no parameters
//! to get wrong.

use super::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};
use std::fmt;
use std::str::FromStr;

/// What a signature is for: one made for something else says nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// An approval, by whoever approves.
    Approval,
    /// A key that is enrolled or revoked, by an admin.
    Registry,
    /// The head of a journal, by the engine that wrote it.
    Seal,
}

impl Namespace {
    /// As it is given to `ssh-keygen -n`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approval => "approval@pilothouse",
            Self::Registry => "registry@pilothouse",
            Self::Seal => "seal@pilothouse",
        }
    }
}

/// Why a text is no key or no signature, or a signature is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not one line of an OpenSSH public key.
    #[error("not an OpenSSH public key; give the line of a file such as id_ed25519.pub")]
    PublicKey,
    /// Not a private key, or one that is locked.
    #[error("not an OpenSSH private key")]
    PrivateKey,
    /// It needs its passphrase.
    #[error("the key is locked with a passphrase")]
    Locked,
    /// Another kind of key.
    #[error("only Ed25519 keys are taken, from a file or a FIDO token: ssh-keygen -t ed25519")]
    Kind,
    /// Not a signature.
    #[error("not an SSH signature")]
    Format,
    /// The signature is of other bytes, of another key, or for something else.
    #[error("the signature does not fit")]
    DoesNotFit,
    /// Nobody touched the token.
    #[error("the token signed without being touched")]
    NotTouched,
}

/// A public key, without its comment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
pub struct PublicKey(KeyData);

impl PublicKey {
    /// As `ssh-keygen -l` names it: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    fn of(data: &KeyData) -> Result<Self, SignatureError> {
        match data {
            KeyData::Ed25519(_) | KeyData::SkEd25519(_) => Ok(Self(data.clone())),
            _ => Err(SignatureError::Kind),
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = ssh_key::PublicKey::new(self.0.clone(), "");
        let line = key.to_openssh().map_err(|_| fmt::Error)?;
        f.write_str(line.trim_end())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

impl FromStr for PublicKey {
    type Err = SignatureError;

    fn from_str(line: &str) -> Result<Self, SignatureError> {
        let key = ssh_key::PublicKey::from_openssh(line.trim());
        let key = key.map_err(|_| SignatureError::PublicKey)?;
        Self::of(key.key_data())
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = SignatureError;

    fn try_from(line: String) -> Result<Self, SignatureError> {
        line.parse()
    }
}

/// A detached signature, kept as the text that `ssh-keygen -Y verify` reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
pub struct Signature {
    pem: String,
    key: PublicKey,
}

impl Signature {
    /// The key that it says it was made with.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The text for `ssh-keygen -Y verify -s`.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Whether its key signed just these bytes for just this.
    ///
    /// # Errors
    /// It did not, or nobody touched its token.
    pub fn verify(&self, namespace: Namespace, message: &[u8]) -> Result<(), SignatureError> {
        let signature = SshSig::from_pem(&self.pem).map_err(|_| SignatureError::Format)?;
        let key = ssh_key::PublicKey::new(self.key.0.clone(), "");
        key.verify(namespace.word(), message, &signature)
            .map_err(|_| SignatureError::DoesNotFit)?;
        match &self.key.0 {
            KeyData::SkEd25519(_) if !touched(signature.signature_bytes()) => {
                Err(SignatureError::NotTouched)
            }
            _ => Ok(()),
        }
    }

    fn of(signature: &SshSig) -> Result<Self, SignatureError> {
        let key = PublicKey::of(signature.public_key())?;
        let pem = signature.to_pem(LineEnding::LF);
        let pem = pem.map_err(|_| SignatureError::Format)?;
        Ok(Self { pem, key })
    }
}

/// A token's signature: 64 bytes, one of flags, four of its counter
/// (PROTOCOL.u2f of OpenSSH). The lowest flag tells that somebody was there.
fn touched(signature: &[u8]) -> bool {
    const ED25519_BYTES: usize = 64;
    const USER_PRESENT: u8 = 1;
    let flags = signature.get(ED25519_BYTES);
    flags.is_some_and(|flags| flags & USER_PRESENT != 0)
}

impl FromStr for Signature {
    type Err = SignatureError;

    fn from_str(pem: &str) -> Result<Self, SignatureError> {
        let signature = SshSig::from_pem(pem.trim()).map_err(|_| SignatureError::Format)?;
        Self::of(&signature)
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> Self {
        signature.pem
    }
}

impl TryFrom<String> for Signature {
    type Error = SignatureError;

    fn try_from(pem: String) -> Result<Self, SignatureError> {
        pem.parse()
    }
}

/// A private key. Never printed: `Debug` shows whose it is.
#[derive(Clone)]
pub struct SigningKey {
    key: PrivateKey,
    public: PublicKey,
}

impl SigningKey {
    /// The key that these 32 random bytes make.
    ///
    /// # Errors
    /// None that is known; the library reserves one.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, SignatureError> {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(seed));
        let key = PrivateKey::new(pair, "").map_err(|_| SignatureError::PrivateKey)?;
        Self::of(key)
    }

    /// As `ssh-keygen` writes it.
    ///
    /// # Errors
    /// It is locked, no key, or of another kind.
    pub fn from_openssh(pem: &Secret) -> Result<Self, SignatureError> {
        let key = PrivateKey::from_openssh(pem.reveal());
        let key = key.map_err(|_| SignatureError::PrivateKey)?;
        match key.is_encrypted() {
            true => Err(SignatureError::Locked),
            false => Self::of(key),
        }
    }

    fn of(key: PrivateKey) -> Result<Self, SignatureError> {
        let public = PublicKey::of(key.public_key().key_data())?;
        Ok(Self { key, public })
    }

    /// For a file that only its owner can read.
    ///
    /// # Errors
    /// None that is known; the library reserves one.
    pub fn to_openssh(&self) -> Result<Secret, SignatureError> {
        let pem = self.key.to_openssh(LineEnding::LF);
        let pem = pem.map_err(|_| SignatureError::PrivateKey)?;
        Ok(Secret::new(pem.as_str()))
    }

    /// Whether it signs by itself: a token's key file only names the token.
    pub fn can_sign(&self) -> bool {
        matches!(self.public.0, KeyData::Ed25519(_))
    }

    /// Its public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs these bytes for just this.
    ///
    /// # Errors
    /// The key cannot sign by itself: a FIDO token's can not.
    pub fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<Signature, SignatureError> {
        let signed = self.key.sign(namespace.word(), HashAlg::Sha512, message);
        Signature::of(&signed.map_err(|_| SignatureError::PrivateKey)?)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.fingerprint())
    }
}
