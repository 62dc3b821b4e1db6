//! How long the steps of builds took, for people: found again by the layers that they made.

use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde::{Deserialize, Serialize};

use super::metadata::failed;
use super::{Store, StoreError};
use crate::digest::Digest;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS timelines (id INTEGER PRIMARY KEY, timeline TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS timeline_layers (
        diff_id BLOB NOT NULL, timeline INTEGER NOT NULL, PRIMARY KEY (diff_id, timeline)
    ) WITHOUT ROWID;
";

/// How many builds are remembered.
const MAX_TIMELINES: i64 = 256;

/// When the steps of one build ran.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Timeline {
    /// The build, as other records name it.
    pub build: String,
    /// How it was asked for.
    pub command: String,
    /// When it began, seconds since 1970.
    pub started: i64,
    /// How long it took, in microseconds.
    pub elapsed: u64,
    /// Its steps and other work, in the order in which they began.
    pub steps: Vec<TimedStep>,
}

/// One step of a build.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TimedStep {
    /// Its name.
    pub name: String,
    /// When it began, in microseconds after the build.
    pub begin: u64,
    /// How long it took, in microseconds.
    pub elapsed: u64,
    /// What it was.
    pub kind: TimedKind,
    /// The diff ID of the layer that it made or found.
    pub layer: Option<Digest>,
}

/// What took time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimedKind {
    /// A step that ran.
    Ran,
    /// A step whose result was there.
    Cached,
    /// Something that is no step, such as an export.
    Task,
}

impl Store {
    /// Remembers a build that ran something.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn put_timeline(&self, timeline: &Timeline) -> Result<(), StoreError> {
        let Ok(text) = serde_json::to_string(timeline) else { return Ok(()) };
        let mut connection = self.inner.metadata.connection();
        put(&mut connection, timeline, &text).map_err(failed("remember the times of a build"))
    }

    /// Finds the build that made most of these layers; of equals the last one.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn timeline_of(&self, layers: &[Digest]) -> Result<Option<Timeline>, StoreError> {
        let connection = self.inner.metadata.connection();
        let text = find(&connection, layers).map_err(failed("look up the times of a build"))?;
        // One that another version wrote says nothing.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

fn put(connection: &mut Connection, timeline: &Timeline, text: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute("INSERT INTO timelines (timeline) VALUES (?1)", [text])?;
    let id = transaction.last_insert_rowid();
    for layer in timeline.steps.iter().filter_map(|step| step.layer) {
        transaction
            .prepare_cached("INSERT OR IGNORE INTO timeline_layers VALUES (?1, ?2)")?
            .execute(params![layer.as_bytes(), id])?;
    }
    let oldest = id - MAX_TIMELINES;
    transaction.execute("DELETE FROM timelines WHERE id <= ?1", [oldest])?;
    transaction.execute("DELETE FROM timeline_layers WHERE timeline <= ?1", [oldest])?;
    transaction.commit()
}

fn find(connection: &Connection, layers: &[Digest]) -> rusqlite::Result<Option<String>> {
    if layers.is_empty() {
        return Ok(None);
    }
    let places = vec!["?"; layers.len()].join(", ");
    let query = format!(
        "SELECT t.timeline FROM timeline_layers l JOIN timelines t ON t.id = l.timeline
         WHERE l.diff_id IN ({places}) GROUP BY t.id ORDER BY COUNT(*) DESC, t.id DESC LIMIT 1"
    );
    let mut statement = connection.prepare(&query)?;
    statement
        .query_row(params_from_iter(layers.iter().map(|layer| layer.as_bytes().to_vec())), |row| row.get(0))
        .optional()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Owner, StoreOptions};

    #[test]
    fn the_build_that_made_most_of_an_image_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { root: directory.path().to_owned(), owner: Owner::Root }).unwrap();
        let layer = |name: &str| Digest::of(name.as_bytes());
        assert_eq!(store.timeline_of(&[layer("a")]).unwrap(), None);
        let put = |build: &str, layers: &[&str]| {
            let step = |name: &&str| TimedStep {
                name: (*name).to_owned(),
                begin: 1,
                elapsed: 2,
                kind: TimedKind::Ran,
                layer: Some(layer(name)),
            };
            let timeline = Timeline {
                build: build.to_owned(),
                command: "builder build".to_owned(),
                started: 7,
                elapsed: 9,
                steps: layers.iter().map(step).collect(),
            };
            store.put_timeline(&timeline).unwrap();
        };
        put("first", &["a", "b"]);
        put("second", &["a", "c"]);
        let found = |layers: &[&str]| {
            let layers: Vec<Digest> = layers.iter().map(|name| layer(name)).collect();
            store.timeline_of(&layers).unwrap().map(|timeline| timeline.build)
        };
        assert_eq!(found(&["a", "b"]).as_deref(), Some("first"));
        assert_eq!(found(&["a"]).as_deref(), Some("second"));
        assert_eq!(found(&["x"]), None);
        for _ in 0..MAX_TIMELINES {
            put("later", &["z"]);
        }
        assert_eq!((found(&["a", "b"]), found(&["z"]).as_deref()), (None, Some("later")));
    }
}
