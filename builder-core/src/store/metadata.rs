//! The store's database: `SQLite` in WAL mode, since several processes use it at the same time and any of them
//! may be killed.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::{ImageRecord, StoreError};
use crate::digest::Digest;
use crate::layer::ContentId;

/// How long a process waits for another one's transaction; none takes more than milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_mins(1);
/// How often a database that somebody is closing is opened again.
const BUSY_RETRY: Duration = Duration::from_millis(2);
/// Version of the tables.
const SCHEMA_VERSION: u32 = 7;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS images (
        name TEXT PRIMARY KEY, manifest BLOB NOT NULL, manifest_size INTEGER NOT NULL,
        media_type TEXT NOT NULL, config BLOB NOT NULL, created TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS unnamed_images (
        manifest BLOB PRIMARY KEY, manifest_size INTEGER NOT NULL, media_type TEXT NOT NULL,
        config BLOB NOT NULL, created TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS snapshots (
        chain_id BLOB PRIMARY KEY, directory TEXT NOT NULL, diff_id BLOB NOT NULL, size INTEGER NOT NULL,
        content BLOB NOT NULL, made_here INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS snapshots_by_layer ON snapshots (diff_id, made_here);
    CREATE TABLE IF NOT EXISTS cache (
        key BLOB PRIMARY KEY, diff_id BLOB NOT NULL, content BLOB NOT NULL, size INTEGER NOT NULL,
        seconds INTEGER NOT NULL, nanoseconds INTEGER NOT NULL, parts TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS remote_files (key BLOB PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS remote_times (id TEXT PRIMARY KEY, seconds INTEGER NOT NULL) WITHOUT ROWID;
";

/// What collection knows: when what a digest names (a chain, a blob) was used last, as seconds since 1970, at which
/// place of that build and in how many builds; and how many bytes of the disk something takes.
const COLLECT_SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS last_used (
        id BLOB PRIMARY KEY, used INTEGER NOT NULL, position INTEGER NOT NULL, uses INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS disk_usage (
        place TEXT PRIMARY KEY, bytes INTEGER NOT NULL, measured INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// What other parts of the store keep.
const OTHERS: [&str; 9] = [
    super::builds::SCHEMA,
    super::checksums::TABLE,
    super::whereabouts::TABLE,
    super::forms::TABLE,
    super::durable::TABLE,
    super::left_out::TABLES,
    super::lists::TABLE,
    super::origins::TABLES,
    super::timelines::TABLES,
];

/// A layer as files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotRecord {
    /// The name of its directory below `snapshots/`.
    pub directory: String,
    /// The layer.
    pub diff_id: Digest,
    /// The size of the layer's tar, in bytes.
    pub size: u64,
    /// The layer's content without times.
    pub content: ContentId,
    /// Whether a step of ours made it: then its tar can be written again from its files.
    pub made_here: bool,
}

/// What a step resulted in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheRecord {
    /// The layer.
    pub diff_id: Digest,
    /// Its content without times.
    pub content: ContentId,
    /// The size of its tar, in bytes.
    pub size: u64,
    /// When it was made, seconds and nanoseconds since 1970.
    pub created: (i64, u32),
    /// The parts of the key as JSON, to explain a miss by comparison.
    pub parts: String,
}

/// Looks up one snapshot by a condition of one value.
pub(super) fn one_snapshot(
    connection: &Connection,
    condition: &str,
    value: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<SnapshotRecord> {
    let query = format!("SELECT directory, diff_id, size, content, made_here FROM snapshots {condition}");
    let mut statement = connection.prepare_cached(&query)?;
    let row = |row: &Row<'_>| {
        Ok(SnapshotRecord {
            directory: row.get(0)?,
            diff_id: digest(row, 1)?,
            size: row.get::<_, i64>(2)?.cast_unsigned(),
            content: ContentId(row.get(3)?),
            made_here: row.get(4)?,
        })
    };
    statement.query_row(value, row)
}

fn put_snapshot(connection: &Connection, chain_id: &Digest, record: &SnapshotRecord) -> rusqlite::Result<()> {
    let values = params![
        chain_id.as_bytes(),
        record.directory,
        record.diff_id.as_bytes(),
        record.size.cast_signed(),
        record.content.0,
        record.made_here
    ];
    // A record whose directory is gone gives way; the first of two builders wins otherwise.
    let mut statement = connection.prepare_cached(
        "INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (chain_id) DO UPDATE SET directory = ?2",
    )?;
    statement.execute(values).map(drop)
}

#[derive(Debug)]
pub(super) struct Metadata {
    connection: Mutex<Connection>,
}

pub(super) fn failed(operation: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Metadata { operation, source }
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    Ok(Digest::from_bytes(row.get(column)?))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked))
}

impl Metadata {
    /// Opens the database, or makes it; a new one begins with the images that `known` returns.
    pub(super) fn open(path: &Path, known: impl Fn() -> Vec<ImageRecord>) -> Result<Self, StoreError> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            // Losing the last transactions when the machine loses power costs a rebuild, no damage: names are synced.
            connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
            if version != SCHEMA_VERSION {
                let known = if version == 0 { known() } else { Vec::new() };
                connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} {COLLECT_SCHEMA} {}", OTHERS.concat()))?;
                known.iter().try_for_each(|image| super::images::put_new(&connection, image))?;
                connection.execute_batch(&format!("PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"))?;
            }
            Ok(connection)
        };
        let begin = std::time::Instant::now();
        loop {
            match open() {
                // Whoever closes a database last takes all of it for a moment, which the timeout does not cover.
                Err(error) if is_busy(&error) && begin.elapsed() < BUSY_TIMEOUT => std::thread::sleep(BUSY_RETRY),
                other => return Ok(Self { connection: Mutex::new(other.map_err(failed("open the tables"))?) }),
            }
        }
    }

    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn snapshot(&self, chain_id: &Digest) -> Result<Option<SnapshotRecord>, StoreError> {
        self.one_snapshot("WHERE chain_id = ?1", chain_id)
    }

    pub(super) fn snapshot_of_layer(&self, diff_id: &Digest) -> Result<Option<SnapshotRecord>, StoreError> {
        self.one_snapshot("WHERE diff_id = ?1 AND made_here = 1 LIMIT 1", diff_id)
    }

    fn one_snapshot(&self, condition: &str, key: &Digest) -> Result<Option<SnapshotRecord>, StoreError> {
        let found = one_snapshot(&self.connection(), condition, params![key.as_bytes()]);
        found.optional().map_err(failed("look up a snapshot"))
    }

    pub(super) fn put_snapshot(&self, chain_id: &Digest, record: &SnapshotRecord) -> Result<(), StoreError> {
        put_snapshot(&self.connection(), chain_id, record).map_err(failed("record a snapshot"))
    }

    /// Records a snapshot and, in the same transaction, that its files are not synced yet.
    pub(super) fn put_new_snapshot(&self, chain_id: &Digest, record: &SnapshotRecord) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let mut put = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            super::durable::note_snapshot(&transaction, &record.directory)?;
            put_snapshot(&transaction, chain_id, record)?;
            transaction.commit()
        };
        put().map_err(failed("record a snapshot"))
    }

    pub(super) fn forget_snapshot(&self, directory: &str) -> Result<(), StoreError> {
        let statement = "DELETE FROM snapshots WHERE directory = ?1";
        self.connection().execute(statement, [directory]).map_err(failed("forget a snapshot"))?;
        Ok(())
    }

    pub(super) fn cache_record(&self, key: &[u8; 32]) -> Result<Option<CacheRecord>, StoreError> {
        let connection = self.connection();
        let query = "SELECT diff_id, content, size, seconds, nanoseconds, parts FROM cache WHERE key = ?1";
        let mut statement = connection.prepare_cached(query).map_err(failed("look up a step"))?;
        let row = |row: &Row<'_>| {
            Ok(CacheRecord {
                diff_id: digest(row, 0)?,
                content: ContentId(row.get(1)?),
                size: row.get::<_, i64>(2)?.cast_unsigned(),
                created: (row.get(3)?, row.get(4)?),
                parts: row.get(5)?,
            })
        };
        statement.query_row([key], row).optional().map_err(failed("look up a step"))
    }

    pub(super) fn put_cache_record(&self, key: &[u8; 32], record: &CacheRecord) -> Result<(), StoreError> {
        let values = params![
            key,
            record.diff_id.as_bytes(),
            record.content.0,
            record.size.cast_signed(),
            record.created.0,
            record.created.1,
            record.parts
        ];
        let statement = "INSERT OR REPLACE INTO cache VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.connection().execute(statement, values).map_err(failed("record a step"))?;
        Ok(())
    }

    pub(super) fn remove_cache_record(&self, key: &[u8; 32]) -> Result<(), StoreError> {
        self.connection().execute("DELETE FROM cache WHERE key = ?1", [key]).map_err(failed("forget a step"))?;
        Ok(())
    }
}
