//! The files of a COPY as they are remembered, so that a later one can tell which of them changed.
//!
//! ```text
//! list    = source*                            the whole in zstd
//! source  = path complete:u8 count:u32 entry*  sorted by path
//! path    = length:u32 bytes
//! entry   = path digest:8 bytes
//! ```
//!
//! Where there are very many files only their directories are kept, so that the list stays small and a change is
//! still found down to its directory.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::copy::ContentDigest;
use crate::explanation::{FileChanges, FileNames};

/// The most entries that are kept of one source.
const MAX_ENTRIES: usize = 100_000;
/// The most bytes that a list is believed to have.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of a digest that are kept: enough to tell two files apart.
const DIGEST_BYTES: usize = 8;
/// How hard lists are compressed: digests cannot be, and paths are easy.
const LEVEL: i32 = 1;

/// What a COPY selected: its sources with their files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FileList {
    sources: Vec<SourceFiles>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct SourceFiles {
    path: Vec<u8>,
    /// Whether files are there, and not their directories alone.
    complete: bool,
    /// Sorted by path.
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    path: Vec<u8>,
    digest: [u8; DIGEST_BYTES],
}

impl Entry {
    fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }
}

impl FileList {
    /// Adds what a part of a COPY selects.
    pub fn add(&mut self, content: &ContentDigest) {
        for source in &content.sources {
            let mut entries: Vec<Entry> = source
                .entries
                .iter()
                .map(|entry| {
                    let mut digest = [0; DIGEST_BYTES];
                    digest.iter_mut().zip(entry.digest).for_each(|(to, from)| *to = from);
                    Entry { path: entry.path.as_os_str().as_bytes().to_vec(), digest }
                })
                .collect();
            entries.sort_by(|a, b| a.path().cmp(b.path()));
            let mut files = SourceFiles { path: source.path.as_bytes().to_vec(), complete: true, entries };
            if files.entries.len() > MAX_ENTRIES {
                files = files.directories();
                files.entries.truncate(MAX_ENTRIES);
            }
            self.sources.push(files);
        }
    }

    /// Encodes the list.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let sized = |bytes: &mut Vec<u8>, text: &[u8]| {
            bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            bytes.extend_from_slice(text);
        };
        for source in &self.sources {
            sized(&mut bytes, &source.path);
            bytes.push(u8::from(source.complete));
            bytes.extend_from_slice(&u32::try_from(source.entries.len()).unwrap_or(u32::MAX).to_le_bytes());
            for entry in &source.entries {
                sized(&mut bytes, &entry.path);
                bytes.extend_from_slice(&entry.digest);
            }
        }
        // Compressing into memory cannot fail; an empty list is one that says nothing.
        zstd::bulk::compress(&bytes, LEVEL).unwrap_or_default()
    }

    /// Decodes a list; `None` for what is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut plain = Vec::new();
        zstd::stream::read::Decoder::new(bytes).ok()?.take(MAX_BYTES).read_to_end(&mut plain).ok()?;
        let mut rest = Cursor(&plain);
        let mut list = Self::default();
        while !rest.0.is_empty() {
            let path = rest.sized()?.to_vec();
            let complete = rest.take(1)? == [1];
            let count = rest.number()?;
            let mut entries = Vec::new();
            for _ in 0..count {
                let path = rest.sized()?.to_vec();
                entries.push(Entry { path, digest: rest.take(DIGEST_BYTES)?.try_into().ok()? });
            }
            list.sources.push(SourceFiles { path, complete, entries });
        }
        Some(list)
    }

    /// Tells what changed in a source of this name; `None` where that is not known.
    pub fn changes(&self, now: &Self, source: &str) -> Option<FileChanges> {
        let find = |list: &Self| list.sources.iter().find(|files| files.path == source.as_bytes()).cloned();
        let (mut old, mut new) = (find(self)?, find(now)?);
        if old.complete != new.complete {
            (old, new) = (old.directories(), new.directories());
        }
        let changes = compare(&old, &new);
        // More was cut away than is left.
        (changes != FileChanges::default()).then_some(changes)
    }
}

impl SourceFiles {
    /// Keeps the directories that have something in them.
    fn directories(mut self) -> Self {
        if !self.complete {
            return self;
        }
        let below: Vec<bool> = self
            .entries
            .iter()
            .zip(self.entries.iter().skip(1))
            .map(|(entry, next)| next.path().starts_with(entry.path()))
            .chain([false])
            .collect();
        let mut keep = below.into_iter();
        self.entries.retain(|_| keep.next().unwrap_or(false));
        self.complete = false;
        self
    }
}

struct Cursor<'b>(&'b [u8]);

impl<'b> Cursor<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.take(4)?.try_into().ok()?)).ok()
    }

    fn sized(&mut self) -> Option<&'b [u8]> {
        let length = self.number()?;
        self.take(length)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Changed,
    Added,
    Removed,
}

/// Goes through two sorted lists side by side. A directory changes with whatever changes below it; it is told only
/// where nothing below it is.
fn compare(old: &SourceFiles, new: &SourceFiles) -> FileChanges {
    let mut found: Vec<(&Entry, Fate)> = Vec::new();
    let (mut olds, mut news) = (old.entries.iter().peekable(), new.entries.iter().peekable());
    loop {
        let order = match (olds.peek(), news.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.path().cmp(b.path()),
        };
        match order {
            std::cmp::Ordering::Less => found.extend(olds.next().map(|entry| (entry, Fate::Removed))),
            std::cmp::Ordering::Greater => found.extend(news.next().map(|entry| (entry, Fate::Added))),
            std::cmp::Ordering::Equal => {
                let (before, now) = (olds.next(), news.next());
                if let (Some(before), Some(now)) = (before, now)
                    && before.digest != now.digest
                {
                    found.push((now, Fate::Changed));
                }
            }
        }
    }
    let mut changes = FileChanges::default();
    for (index, (entry, fate)) in found.iter().enumerate() {
        let below = found
            .get(index + 1)
            .is_some_and(|(next, _)| next.path != entry.path && next.path().starts_with(entry.path()));
        if below {
            continue;
        }
        let names: &mut FileNames = match fate {
            Fate::Changed => &mut changes.changed,
            Fate::Added => &mut changes.added,
            Fate::Removed => &mut changes.removed,
        };
        names.push(|| shown(entry, new.complete));
    }
    changes
}

/// A name with its bytes as `\xff` where they are no text.
fn readable(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

fn shown(entry: &Entry, complete: bool) -> String {
    let text = readable(&entry.path);
    let text = text.trim_start_matches('/');
    match (text, complete) {
        ("", _) => "/".to_owned(),
        (_, true) => text.to_owned(),
        // Only its directory is known.
        (_, false) => format!("{text}/"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::copy::{ContentEntry, SourceDigest};

    fn list(entries: &[(&str, u8)]) -> FileList {
        let entries = entries.iter();
        let entries = entries.map(|(path, digest)| ContentEntry { path: PathBuf::from(path), digest: [*digest; 32] });
        let source = SourceDigest { path: "src".to_owned(), digest: [0; 32], bytes: 0, entries: entries.collect() };
        let mut list = FileList::default();
        list.add(&ContentDigest { digest: [0; 32], sources: vec![source] });
        list
    }

    fn words(old: &FileList, new: &FileList) -> String {
        old.changes(new, "src").map(|changes| changes.to_string()).unwrap_or_default()
    }

    #[test]
    fn files_are_named_and_not_their_directories() {
        let old = list(&[("/src", 1), ("/src/a", 1), ("/src/a.b", 1), ("/src/a/x", 1), ("/src/b", 1)]);
        let new = list(&[("/src", 2), ("/src/a", 2), ("/src/a.b", 1), ("/src/a/x", 2), ("/src/c", 1)]);
        assert_eq!(words(&old, &new), "changed src/a/x; added src/c; removed src/b");
    }

    #[test]
    fn a_directory_whose_attributes_changed_is_named() {
        let (old, new) = (list(&[("/src", 1), ("/src/a", 1)]), list(&[("/src", 2), ("/src/a", 1)]));
        assert_eq!(words(&old, &new), "changed src");
    }

    #[test]
    fn names_that_are_no_text_are_told_apart() {
        let named = |name: &[u8]| {
            let path = PathBuf::from(OsStr::from_bytes(name));
            let entries = vec![ContentEntry { path, digest: [1; 32] }];
            let source = SourceDigest { path: "src".to_owned(), digest: [0; 32], bytes: 0, entries };
            let mut list = FileList::default();
            list.add(&ContentDigest { digest: [0; 32], sources: vec![source] });
            list
        };
        let (old, new) = (named(b"/s/\xff\xfe"), named("/s/é\\".as_bytes()));
        assert_eq!(words(&old, &new), "added s/é\\; removed s/\\xff\\xfe");
    }

    #[test]
    fn lists_are_read_as_they_were_written() {
        let list = list(&[("/src", 1), ("/src/a", 7)]);
        let bytes = list.encode();
        assert_eq!(FileList::decode(&bytes).as_ref(), Some(&list));
        for end in 0..bytes.len() {
            // Half of one is none, or an empty one; never a panic.
            let half = FileList::decode(&bytes[..end]);
            assert_ne!(half.as_ref(), Some(&list));
        }
        assert_eq!(FileList::decode(b"no list"), None);
    }

    #[test]
    fn of_very_many_files_the_directories_are_kept() {
        let many = |changed: usize| {
            let mut entries = vec![("/src".to_owned(), 1 + u8::from(changed > 0))];
            for directory in 0..2_u8 {
                let differs = changed > 0 && directory == 1;
                entries.push((format!("/src/{directory}"), 1 + u8::from(differs)));
                entries.extend((0..60_000).map(|file| (format!("/src/{directory}/{file}"), 1)));
            }
            let entries: Vec<(&str, u8)> = entries.iter().map(|(path, digest)| (path.as_str(), *digest)).collect();
            list(&entries)
        };
        let (old, new) = (many(0), many(1));
        assert!(old.encode().len() < 1000);
        assert_eq!(words(&old, &new), "changed src/1/");
    }
}
