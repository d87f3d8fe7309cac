//! What a fleet is, apart from where it is: its digest and its rings.

use crate::base::{Digest, RingName};
use crate::fleet::model::{Endpoint, Fleet, Shard};

impl Endpoint {
    /// `postgres` or `sqlite`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::Sqlite(_) => "sqlite",
        }
    }

    /// Name of the database; for SQLite the name of the file.
    pub fn database_name(&self) -> String {
        match self {
            Self::Postgres(endpoint) => endpoint.database.clone(),
            Self::Sqlite(path) => match path.file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => String::new(),
            },
        }
    }
}

impl Fleet {
    /// The shards of a ring, in file order.
    pub fn ring_shards<'a>(&'a self, ring: &'a RingName) -> impl Iterator<Item = &'a Shard> {
        self.shards.iter().filter(move |shard| shard.ring == *ring)
    }

    /// Digest of names and identities: it stays when a host, a credential or
    /// the order of the shards in the file changes, and changes with anything
    /// that decides which databases a rollout touches, and when.
    pub fn shard_set_digest(&self) -> Digest {
        let mut shards: Vec<&Shard> = self.shards.iter().collect();
        shards.sort_by_key(|shard| &shard.name);
        let mut words: Vec<String> = vec![self.name.clone(), self.rings.len().to_string()];
        words.extend(self.rings.iter().map(|ring| ring.to_string()));
        for shard in shards {
            let endpoint = shard.candidates.first();
            words.push(shard.name.to_string());
            words.push(shard.ring.to_string());
            words.push(shard.instance.clone());
            words.push(endpoint.map_or("", Endpoint::kind).to_owned());
            words.push(endpoint.map(Endpoint::database_name).unwrap_or_default());
        }
        // Each word with its length before it: no two lists give the same bytes.
        let framed: Vec<String> = words
            .iter()
            .map(|word| format!("{}:{word}\n", word.len()))
            .collect();
        let parts: Vec<&[u8]> = framed.iter().map(String::as_bytes).collect();
        Digest::of("shard-set/1", &parts)
    }
}
