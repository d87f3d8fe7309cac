//! The contract of a shard, on SQLite.

use crate::contract_cases::contract_tests;
use crate::sqlite_fixture::SqliteFixture;

contract_tests!(SqliteFixture);
