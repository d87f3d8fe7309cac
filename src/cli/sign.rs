//! Signs with an operator's own SSH key: a key file natively, everything else
//! (agents, FIDO tokens, locked keys) through `ssh-keygen -Y sign`.

use crate::api::client::{Client, Told};
use crate::base::{Namespace, Secret, Signature, SignatureError, SigningKey};
use crate::journal::Head;
use crate::rollout::{ApprovalAct, Signed};
use crate::wire::{Answer, CommandEnvelope, Header, Look, ServerMessage, Stream, Verb};
use futures_util::future::BoxFuture;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::task::JoinSet;

/// How long somebody has to touch a token or to type a passphrase.
const SIGN_WITHIN: Duration = Duration::from_secs(60);

/// Whether `ssh-keygen` may ask on the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// A person is at a command line.
    OnTheTerminal,
    /// The terminal is a cockpit's: only an agent or a touch can answer.
    Nobody,
}

/// A key that signs.
#[derive(Clone, Debug)]
pub struct Signer {
    path: PathBuf,
    asks: Asks,
}

impl Signer {
    /// The key in a file; a public key names one of an agent's.
    pub fn new(path: PathBuf, asks: Asks) -> Self {
        Self { path, asks }
    }

    /// Signs.
    ///
    /// # Errors
    /// Why there is no signature.
    pub async fn sign(&self, namespace: Namespace, text: &str) -> Result<Signature, String> {
        match self.own_key()? {
            Some(key) => key
                .sign(namespace, text.as_bytes())
                .map_err(|e| format!("{}: {e}", self.path.display())),
            None => self.by_keygen(namespace, text).await,
        }
    }

    /// The key, if the file holds one that needs nobody's help.
    fn own_key(&self) -> Result<Option<SigningKey>, String> {
        let text = std::fs::read_to_string(&self.path);
        let text = text.map_err(|e| format!("{}: {e}", self.path.display()))?;
        match SigningKey::from_openssh(&Secret::new(text)) {
            Ok(key) if key.can_sign() => Ok(Some(key)),
            // A token's key, a locked one, or the public half of an agent's.
            Ok(_) | Err(SignatureError::Locked | SignatureError::PrivateKey) => Ok(None),
            Err(why) => Err(format!("{}: {why}", self.path.display())),
        }
    }

    /// PROTOCOL.sshsig by OpenSSH's own hand; see `-Y sign` in ssh-keygen(1).
    async fn by_keygen(&self, namespace: Namespace, text: &str) -> Result<Signature, String> {
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-Y", "sign", "-n", namespace.word(), "-f"])
            .arg(&self.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if self.asks == Asks::Nobody {
            // A question nobody can see is answered with no.
            command.env("SSH_ASKPASS", "false");
            command.env("SSH_ASKPASS_REQUIRE", "force");
        }
        let failed = |why: String| format!("ssh-keygen could not sign: {}", why.trim());
        let work = async {
            let mut child = command.spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(text.as_bytes()).await?;
            }
            child.wait_with_output().await
        };
        let ended = tokio::time::timeout(SIGN_WITHIN, work).await;
        let ended = ended.map_err(|_| failed("nobody answered within 60 s".into()))?;
        let ended = ended.map_err(|e| failed(e.to_string()))?;
        if !ended.status.success() {
            return Err(failed(String::from_utf8_lossy(&ended.stderr).into_owned()));
        }
        let pem = String::from_utf8_lossy(&ended.stdout);
        pem.parse()
            .map_err(|e: SignatureError| failed(e.to_string()))
    }
}

/// A client that signs the approvals that pass through it.
pub struct SigningClient {
    inner: Box<dyn Client>,
    signer: Signer,
    name: String,
    /// What is on the screen: what is signed is what was seen.
    header: Header,
    signing: JoinSet<Result<CommandEnvelope, (String, String)>>,
}

impl SigningClient {
    /// Signs as `name` with `signer`.
    pub fn new(inner: Box<dyn Client>, signer: Signer, name: String) -> Self {
        Self {
            inner,
            signer,
            name,
            header: Header::default(),
            signing: JoinSet::new(),
        }
    }

    /// What an unsigned approval would be signed over.
    fn statement(&self, envelope: &CommandEnvelope) -> Option<(String, Head)> {
        let Verb::Approval(ApprovalAct::Give {
            id, signed: None, ..
        }) = &envelope.verb
        else {
            return None;
        };
        let head = self.header.head?;
        let open = &self.header.rollout.as_ref()?.approvals;
        let asked = open.iter().find(|a| a.request.id == *id)?;
        Some((asked.request.statement(&self.name, head), head))
    }

    fn note(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::Stream(Stream::Snapshot { view, .. }) => {
                self.header.clone_from(&view.header);
            }
            ServerMessage::Stream(Stream::Delta { delta, .. }) => {
                if let Some(header) = &delta.header {
                    self.header = header.clone();
                }
            }
            _ => {}
        }
    }
}

impl Client for SigningClient {
    fn send(&mut self, mut envelope: CommandEnvelope) {
        let Some((statement, head)) = self.statement(&envelope) else {
            return self.inner.send(envelope);
        };
        let signer = self.signer.clone();
        self.signing.spawn(async move {
            let signed = signer.sign(Namespace::Approval, &statement).await;
            let signature = signed.map_err(|why| (envelope.key.clone(), why))?;
            if let Verb::Approval(ApprovalAct::Give { signed, .. }) = &mut envelope.verb {
                *signed = Some(Box::new(Signed { head, signature }));
            }
            Ok(envelope)
        });
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Told>> {
        Box::pin(async {
            loop {
                tokio::select! {
                    Some(Ok(signed)) = self.signing.join_next() => match signed {
                        Ok(envelope) => self.inner.send(envelope),
                        Err((key, text)) => {
                            let code = "not_signed".into();
                            let answer = Answer::Refused { code, text };
                            let message = ServerMessage::Answer { key, answer };
                            return Some(Told::Message(Box::new(message)));
                        }
                    },
                    told = self.inner.next() => {
                        if let Some(Told::Message(message)) = &told {
                            self.note(message);
                        }
                        return told;
                    }
                }
            }
        })
    }

    fn look(&mut self, look: Look) {
        self.inner.look(look);
    }

    fn ask_snapshot(&mut self) {
        self.inner.ask_snapshot();
    }

    fn here(&mut self, place: &str) {
        self.inner.here(place);
    }
}
