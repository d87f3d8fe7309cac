//! The simulated shard behind the traits that every kind implements.

use super::acts::plan;
use super::image::Image;
use super::server::{ServerOptions, SimServer};
use crate::base::{Fault, ShardName};
use crate::rollout::{Blocker, BlockerEnd};
use crate::shard::{CompiledPlan, Measurement, Remains, Session, SessionRole, Shard};
use crate::wire::Locks;
use crate::worker::{Reply, ShardCall, Variant};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};

/// A simulated shard that answers at once and never fails by itself.
#[derive(Clone, Debug)]
pub struct SimShard {
    name: ShardName,
    plan: CompiledPlan,
    server: Arc<Mutex<SimServer>>,
}

/// A shard for the shared contract tests: these keys with these old values,
/// shift in the given percentages, one rollout.
pub fn contract_fixture(
    name: ShardName,
    rollout: &str,
    values: impl IntoIterator<Item = (i64, i64)>,
    shift_steps: &[u8],
    variant: Variant,
) -> SimShard {
    let image = Image::new(values);
    let rows_estimate = u64::try_from(image.rows.len()).unwrap_or(0);
    let options = ServerOptions {
        pin: format!("sim/{name}"),
        rollout: rollout.to_owned(),
        variant,
        history_max: 64,
        quiet_ms: 0,
        client_delays_ms: vec![0],
    };
    SimShard {
        name,
        plan: CompiledPlan {
            plan: plan(shift_steps),
            rows_estimate,
            listing: Vec::new(),
        },
        server: Arc::new(Mutex::new(SimServer::new(image, options))),
    }
}

impl SimShard {
    /// To look at the server, or to do something to it.
    pub fn with_server<T>(&self, act: impl FnOnce(&mut SimServer) -> T) -> T {
        act(&mut self.server.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard for SimShard {
    fn name(&self) -> &ShardName {
        &self.name
    }

    fn pin(&self) -> Option<String> {
        Some(format!("sim/{}", self.name))
    }

    fn server(&self) -> Option<String> {
        Some(format!("simulated {}", self.name))
    }

    fn plan(&self) -> &CompiledPlan {
        &self.plan
    }

    fn session(&self, _role: SessionRole) -> Box<dyn Session> {
        Box::new(self.clone())
    }

    fn cancel(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn measure(&self) -> BoxFuture<'_, Vec<Measurement>> {
        let lag = Measurement {
            signal: "replica_lag_ms".into(),
            place: "sim".into(),
            value: Some(0),
        };
        Box::pin(std::future::ready(vec![lag]))
    }

    fn end_blocker(&self, _: Blocker) -> BoxFuture<'_, BlockerEnd> {
        Box::pin(std::future::ready(BlockerEnd::Gone))
    }

    fn locks(&self) -> BoxFuture<'_, Locks> {
        Box::pin(std::future::ready(Locks::Seen(Vec::new())))
    }

    fn forget(&self) -> BoxFuture<'_, Result<Remains, Fault>> {
        self.with_server(SimServer::forget);
        Box::pin(std::future::ready(Ok(Remains::Nothing)))
    }
}

impl Session for SimShard {
    fn call(&mut self, call: ShardCall) -> BoxFuture<'_, Reply> {
        let reply = self.with_server(|server| server.execute(&call, 0));
        Box::pin(std::future::ready(reply))
    }
}
