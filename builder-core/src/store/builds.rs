//! Which build made what, and what is remembered of the steps that ran: enough to say why one runs again.
//!
//! All of it is for people. A build goes on without: nothing that is here decides what is built.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::metadata::failed;
use super::{Store, StoreError};
use crate::explanation::BuildRecord;

/// The tables.
///
/// `made_by` has a row for every cache record, `steps` one for every step that ran lately, and `places` says which of
/// them was last at a place: a place stands for a step of one Dockerfile. `from_caches` says of a record that came from a
/// shared cache which one that was.
pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS builds (
        id TEXT PRIMARY KEY, seconds INTEGER NOT NULL, nanoseconds INTEGER NOT NULL, command TEXT NOT NULL,
        context TEXT NOT NULL, dockerfile TEXT NOT NULL, target TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS made_by (
        key BLOB PRIMARY KEY, build TEXT NOT NULL, step INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS steps (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, build TEXT NOT NULL, key BLOB NOT NULL,
        result BLOB NOT NULL, description BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS steps_by_kind ON steps (kind, id);
    CREATE TABLE IF NOT EXISTS step_files (step INTEGER PRIMARY KEY, files BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS places (place BLOB PRIMARY KEY, step INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS from_caches (key BLOB PRIMARY KEY, cache TEXT NOT NULL) WITHOUT ROWID;
";

/// How many steps are remembered.
const MAX_STEPS: i64 = 8192;
/// How many bytes of lists of files are remembered.
const MAX_FILES_BYTES: i64 = 64 * 1024 * 1024;
/// Every how many steps old ones are forgotten.
const TRIM_INTERVAL: i64 = 64;

/// The columns of a build, with the name `b` for its table.
const BUILD: &str = "b.id, b.seconds, b.nanoseconds, b.command, b.context, b.dockerfile, b.target";

/// What is remembered of a step that ran.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepRecord {
    /// Its number; later ones are larger.
    pub id: i64,
    /// The kind of operation.
    pub kind: String,
    /// The instruction.
    pub name: String,
    /// The key of its cache record.
    pub key: Vec<u8>,
    /// The digest of the filesystem that it left, without times.
    pub result: Vec<u8>,
    /// What describes it, as the writer encoded it.
    pub description: Vec<u8>,
    /// The build that it ran in.
    pub build: Option<BuildRecord>,
}

/// A step that ran just now.
#[derive(Clone, Copy, Debug)]
pub struct NewStep<'s> {
    /// The build.
    pub build: &'s BuildRecord,
    /// The kind of operation.
    pub kind: &'s str,
    /// The instruction.
    pub name: &'s str,
    /// The keys of its cache records, the most exact one last.
    pub keys: &'s [[u8; 32]],
    /// The shared cache that its result is in; `None` for one that this build made.
    pub cache: Option<&'s str>,
    /// The digest of the filesystem that it left, without times.
    pub result: &'s [u8; 32],
    /// What describes it.
    pub description: &'s [u8],
    /// What files it copied, where it copied any.
    pub files: Option<&'s [u8]>,
    /// The places that it is at.
    pub places: &'s [[u8; 32]],
}

fn build_of(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<BuildRecord>> {
    let Some(id) = row.get::<_, Option<String>>(first)? else { return Ok(None) };
    Ok(Some(BuildRecord {
        id,
        started: (row.get(first + 1)?, row.get(first + 2)?),
        command: row.get(first + 3)?,
        context: row.get(first + 4)?,
        dockerfile: row.get(first + 5)?,
        target: row.get(first + 6)?,
    }))
}

fn step_of(row: &Row<'_>) -> rusqlite::Result<StepRecord> {
    Ok(StepRecord {
        id: row.get(0)?,
        kind: row.get(1)?,
        name: row.get(2)?,
        key: row.get(3)?,
        result: row.get(4)?,
        description: row.get(5)?,
        build: build_of(row, 6)?,
    })
}

impl Store {
    fn with<T>(
        &self,
        operation: &'static str,
        action: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        action(&mut self.inner.metadata.connection()).map_err(failed(operation))
    }

    /// Returns the build that made a cache record, and the number of its step.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn made_by(&self, key: &[u8; 32]) -> Result<Option<(i64, BuildRecord)>, StoreError> {
        let query = format!("SELECT m.step, {BUILD} FROM made_by m JOIN builds b ON b.id = m.build WHERE m.key = ?1");
        self.with("look up a build", |connection| {
            let mut statement = connection.prepare_cached(&query)?;
            let found = statement.query_row([key], |row| Ok((row.get(0)?, build_of(row, 1)?))).optional()?;
            Ok(found.and_then(|(step, build)| Some((step, build?))))
        })
    }

    /// Returns the shared cache that a record came from, or would come from.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn from_cache(&self, key: &[u8; 32]) -> Result<Option<String>, StoreError> {
        self.with("look up a shared cache", |connection| {
            let mut statement = connection.prepare_cached("SELECT cache FROM from_caches WHERE key = ?1")?;
            statement.query_row([key], |row| row.get(0)).optional()
        })
    }

    /// Returns the step that was last at a place.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn step_at(&self, place: &[u8; 32]) -> Result<Option<StepRecord>, StoreError> {
        let query = format!(
            "SELECT s.id, s.kind, s.name, s.key, s.result, s.description, {BUILD} FROM places p
             JOIN steps s ON s.id = p.step LEFT JOIN builds b ON b.id = s.build WHERE p.place = ?1"
        );
        self.with("look up an earlier step", |connection| {
            connection.prepare_cached(&query)?.query_row([place], step_of).optional()
        })
    }

    /// Returns the number of the step that was last at a place.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn step_number_at(&self, place: &[u8; 32]) -> Result<Option<i64>, StoreError> {
        self.with("look up an earlier step", |connection| {
            let mut statement = connection.prepare_cached("SELECT step FROM places WHERE place = ?1")?;
            statement.query_row([place], |row| row.get(0)).optional()
        })
    }

    /// Returns the steps of a kind that ran last, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn recent_steps(&self, kind: &str, count: u32) -> Result<Vec<StepRecord>, StoreError> {
        let query = format!(
            "SELECT s.id, s.kind, s.name, s.key, s.result, s.description, {BUILD} FROM steps s
             LEFT JOIN builds b ON b.id = s.build WHERE s.kind = ?1 ORDER BY s.id DESC LIMIT ?2"
        );
        self.with("look up earlier steps", |connection| {
            let mut statement = connection.prepare_cached(&query)?;
            statement.query_map(params![kind, count], step_of)?.collect()
        })
    }

    /// Returns what files a step copied.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn step_files(&self, step: i64) -> Result<Option<Vec<u8>>, StoreError> {
        self.with("look up the files of a step", |connection| {
            let mut statement = connection.prepare_cached("SELECT files FROM step_files WHERE step = ?1")?;
            statement.query_row([step], |row| row.get(0)).optional()
        })
    }

    /// Remembers a step that ran.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn put_step(&self, step: &NewStep<'_>) -> Result<(), StoreError> {
        self.with("remember a step", |connection| {
            let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            insert(&transaction, step)?;
            transaction.commit()
        })
    }

    /// Says that a step which ran earlier is at these places now.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn move_step(&self, step: i64, places: &[[u8; 32]]) -> Result<(), StoreError> {
        self.with("remember a step", |connection| {
            let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for place in places {
                put_place(&transaction, place, step)?;
            }
            transaction.commit()
        })
    }

    /// Forgets who made cache records that are gone, and builds that nothing is left of.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn forget_builds(&self) -> Result<(), StoreError> {
        self.with("forget builds", |connection| {
            connection.execute_batch(
                "BEGIN IMMEDIATE;
                 DELETE FROM made_by WHERE key NOT IN (SELECT key FROM cache);
                 DELETE FROM from_caches WHERE key NOT IN (SELECT key FROM cache)
                     AND key NOT IN (SELECT key FROM steps);
                 DELETE FROM builds WHERE id NOT IN (SELECT build FROM made_by)
                     AND id NOT IN (SELECT build FROM steps);
                 COMMIT;",
            )
        })
    }
}

fn insert(connection: &Connection, step: &NewStep<'_>) -> rusqlite::Result<()> {
    let build = step.build;
    connection.prepare_cached("INSERT OR IGNORE INTO builds VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(params![
        build.id,
        build.started.0,
        build.started.1,
        build.command,
        build.context,
        build.dockerfile,
        build.target
    ])?;
    let key = step.keys.last().map_or(&[][..], |key| key);
    connection
        .prepare_cached(
            "INSERT INTO steps (kind, name, build, key, result, description) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![step.kind, step.name, build.id, key, step.result, step.description])?;
    let id = connection.last_insert_rowid();
    for key in step.keys {
        match step.cache {
            None => connection
                .prepare_cached("INSERT OR REPLACE INTO made_by VALUES (?1, ?2, ?3)")?
                .execute(params![key, build.id, id])?,
            Some(cache) => {
                connection.prepare_cached("DELETE FROM made_by WHERE key = ?1")?.execute([key])?;
                connection
                    .prepare_cached("INSERT OR REPLACE INTO from_caches VALUES (?1, ?2)")?
                    .execute(params![key, cache])?
            }
        };
    }
    for place in step.places {
        put_place(connection, place, id)?;
    }
    if let Some(files) = step.files {
        connection.prepare_cached("INSERT INTO step_files VALUES (?1, ?2)")?.execute(params![id, files])?;
    }
    if id % TRIM_INTERVAL == 0 { trim(connection, id) } else { Ok(()) }
}

fn put_place(connection: &Connection, place: &[u8; 32], step: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT OR REPLACE INTO places VALUES (?1, ?2)")?.execute(params![place, step])?;
    Ok(())
}

/// Forgets the oldest steps, and lists of files before them.
fn trim(connection: &Connection, newest: i64) -> rusqlite::Result<()> {
    let oldest = newest - MAX_STEPS;
    connection.execute("DELETE FROM steps WHERE id <= ?1", [oldest])?;
    connection.execute("DELETE FROM places WHERE step NOT IN (SELECT id FROM steps)", [])?;
    connection.execute("DELETE FROM step_files WHERE step <= ?1", [oldest])?;
    let mut kept = 0;
    let mut statement = connection.prepare("SELECT step, length(files) FROM step_files ORDER BY step DESC")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        kept += row.get::<_, i64>(1)?;
        if kept > MAX_FILES_BYTES {
            let last: i64 = row.get(0)?;
            connection.execute("DELETE FROM step_files WHERE step <= ?1", [last])?;
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{CacheRecord, Owner, StoreOptions};

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { root: dir.path().to_owned(), owner: Owner::Root }).unwrap();
        (dir, store)
    }

    fn build(id: &str) -> BuildRecord {
        BuildRecord { id: id.to_owned(), command: format!("build {id}"), ..BuildRecord::default() }
    }

    fn put(store: &Store, build: &BuildRecord, key: u8, place: u8, files: Option<&[u8]>) {
        let (keys, places) = ([[key; 32]], [[place; 32]]);
        let step = NewStep {
            build,
            kind: "run",
            name: "RUN make",
            keys: &keys,
            cache: None,
            result: &[3; 32],
            description: b"x",
            files,
            places: &places,
        };
        store.put_step(&step).unwrap();
    }

    #[test]
    fn a_record_knows_its_build_and_a_place_its_last_step() {
        let (_dir, store) = store();
        put(&store, &build("a"), 1, 9, Some(b"files"));
        put(&store, &build("b"), 2, 9, None);
        assert_eq!(store.made_by(&[1; 32]).unwrap().unwrap().1, build("a"));
        let last = store.step_at(&[9; 32]).unwrap().unwrap();
        assert_eq!((last.key.as_slice(), last.build), (&[2; 32][..], Some(build("b"))));
        let (first, _) = store.made_by(&[1; 32]).unwrap().unwrap();
        assert_eq!(store.step_files(first).unwrap().as_deref(), Some(&b"files"[..]));
        assert_eq!(store.step_files(last.id).unwrap(), None);
        store.move_step(first, &[[9; 32]]).unwrap();
        assert_eq!(store.step_number_at(&[9; 32]).unwrap(), Some(first));
        let recent = store.recent_steps("run", 10).unwrap();
        assert_eq!(recent.iter().map(|step| step.id).collect::<Vec<_>>(), [last.id, first]);
        assert_eq!(store.recent_steps("copy", 10).unwrap(), []);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let (_dir, store) = store();
        put(&store, &build("a"), 1, 1, None);
        put(&store, &build("b"), 2, 2, None);
        let record = CacheRecord {
            diff_id: crate::digest::Digest::of(b""),
            content: crate::layer::ContentId([0; 32]),
            size: 0,
            created: (0, 0),
            parts: String::new(),
        };
        store.put_cache_record(&[2; 32], &record).unwrap();
        store.forget_builds().unwrap();
        assert_eq!(store.made_by(&[1; 32]).unwrap(), None);
        assert_eq!(store.made_by(&[2; 32]).unwrap().unwrap().1, build("b"));
        // A step is remembered for longer than its result.
        assert_eq!(store.step_at(&[1; 32]).unwrap().unwrap().build, Some(build("a")));
    }

    #[test]
    fn what_came_from_a_cache_was_made_by_no_build_of_this_store() {
        let (_dir, store) = store();
        assert_eq!(store.from_cache(&[1; 32]).unwrap(), None);
        put(&store, &build("a"), 1, 1, None);
        let (keys, places) = ([[1; 32], [4; 32], [2; 32]], [[1; 32]]);
        let step = NewStep {
            build: &build("b"),
            kind: "run",
            name: "RUN make",
            keys: &keys,
            cache: Some("host/cache:1"),
            result: &[3; 32],
            description: b"x",
            files: None,
            places: &places,
        };
        store.put_step(&step).unwrap();
        for key in keys {
            assert_eq!(store.from_cache(&key).unwrap().as_deref(), Some("host/cache:1"));
            assert_eq!(store.made_by(&key).unwrap(), None);
        }
        assert_eq!(store.step_at(&[1; 32]).unwrap().unwrap().key, [2; 32]);
        store.forget_builds().unwrap();
        // Its layer may never have been here, and what it was is remembered.
        assert_eq!(store.from_cache(&[2; 32]).unwrap().as_deref(), Some("host/cache:1"));
        assert_eq!(store.from_cache(&[4; 32]).unwrap(), None);
    }

    #[test]
    fn only_so_much_is_remembered() {
        let (_dir, store) = store();
        let files = vec![0; usize::try_from(MAX_FILES_BYTES / 16).unwrap()];
        for key in 0..=u8::try_from(TRIM_INTERVAL).unwrap() {
            let with_files = (40..60).contains(&key);
            put(&store, &build("a"), key, key, with_files.then_some(files.as_slice()));
        }
        let has = |key: u8| {
            let (step, _) = store.made_by(&[key; 32]).unwrap().unwrap();
            store.step_files(step).unwrap().is_some()
        };
        assert_eq!((has(40), has(43), has(44), has(59)), (false, false, true, true));
    }
}
