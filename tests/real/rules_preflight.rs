//! Every mistake gives one clear error, and the shard stays as it was.
