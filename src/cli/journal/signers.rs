//! `allowed_signers` files, as `ssh-keygen -Y verify -f` reads them (see
//! ALLOWED SIGNERS in ssh-keygen(1)).
//!
//! One line names who (a list of principals), may be options, and the key.
//! Here `namespaces="…"` is understood; a line with another option is refused
//! rather than taken for wider than it is.

use crate::base::{Namespace, PublicKey};
use std::path::Path;

/// Who may sign for what, by somebody's own word and not the journal's.
#[derive(Clone, Debug, Default)]
pub(super) struct Signers(Vec<Signer>);

#[derive(Clone, Debug)]
struct Signer {
    principals: Vec<String>,
    /// Empty: for anything.
    namespaces: Vec<String>,
    key: PublicKey,
}

/// Reads the file.
///
/// # Errors
/// It cannot be read, or a line means nothing here.
pub(super) fn read(path: &Path) -> Result<Signers, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let signers = lines.map(|(number, line)| {
        signer(line).map_err(|why| format!("{}:{}: {why}", path.display(), number + 1))
    });
    signers.collect::<Result<_, _>>().map(Signers)
}

fn signer(line: &str) -> Result<Signer, String> {
    let line = line.trim();
    let (principals, rest) = line
        .split_once(char::is_whitespace)
        .ok_or("a line is: who, options, key")?;
    let rest = rest.trim_start();
    let (namespaces, key) = match rest.strip_prefix("namespaces=\"") {
        Some(rest) => {
            let (names, key) = rest
                .split_once('"')
                .ok_or("a quotation mark is not closed")?;
            (list(names), key)
        }
        None => (Vec::new(), rest),
    };
    let key = key
        .parse::<PublicKey>()
        .map_err(|e| format!("{e} (before the key only namespaces=\"…\" is understood here)"))?;
    Ok(Signer {
        principals: list(principals),
        namespaces,
        key,
    })
}

fn list(text: &str) -> Vec<String> {
    let words = text.trim_matches('"').split(',');
    words.map(|word| word.trim().to_owned()).collect()
}

impl Signers {
    /// Whether the key may sign for this, whoever it is.
    pub(super) fn allow(&self, key: &PublicKey, namespace: Namespace) -> bool {
        self.any(key, namespace, |_| true)
    }

    /// Whether the key may sign for this in this person's name.
    pub(super) fn allow_as(&self, who: &str, key: &PublicKey, namespace: Namespace) -> bool {
        self.any(key, namespace, |signer| {
            signer.principals.iter().any(|p| p == who)
        })
    }

    fn any(&self, key: &PublicKey, namespace: Namespace, wanted: impl Fn(&Signer) -> bool) -> bool {
        let covers = |s: &Signer| {
            s.namespaces.is_empty() || s.namespaces.iter().any(|n| n == namespace.word())
        };
        self.0
            .iter()
            .any(|s| s.key == *key && covers(s) && wanted(s))
    }
}
