//! What a keeper is told through its socket: one JSON value per line each way.

use super::{LabError, ServerStatus};
use crate::base::Untrusted;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

/// A command to the keeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Start a server that is down; answered when it takes connections.
    Start(String),
    /// SIGKILL every process of a server.
    Kill(String),
    /// SIGSTOP every process of a server.
    Stop(String),
    /// SIGCONT every process of a server.
    Cont(String),
    /// What every server is doing.
    Status,
    /// End every server, then the keeper; files stay.
    Shutdown,
}

/// The keeper's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// The status asked for.
    Status(Vec<ServerStatus>),
    /// It was not done, and why.
    Refused(Untrusted),
}

/// Speaks to a keeper; one connection per question.
#[derive(Clone, Debug)]
pub struct ControlClient {
    socket: PathBuf,
}

impl ControlClient {
    /// A client of the keeper that listens there.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Asks one thing. A refusal is an error.
    pub async fn ask(&self, request: &Request) -> Result<Answer, LabError> {
        let mut line = serde_json::to_vec(request)
            .map_err(|err| LabError::Keeper(Untrusted::new(err.to_string())))?;
        line.push(b'\n');
        let mut stream = UnixStream::connect(&self.socket)
            .await
            .map_err(LabError::io("reach the keeper at", &self.socket))?;
        stream
            .write_all(&line)
            .await
            .map_err(LabError::io("ask the keeper at", &self.socket))?;
        let mut answer = String::new();
        BufReader::new(stream)
            .read_line(&mut answer)
            .await
            .map_err(LabError::io("hear the keeper at", &self.socket))?;
        match serde_json::from_str(&answer) {
            Ok(Answer::Refused(why)) => Err(LabError::Keeper(why)),
            Ok(answer) => Ok(answer),
            Err(err) => Err(LabError::Keeper(Untrusted::new(err.to_string()))),
        }
    }
}
