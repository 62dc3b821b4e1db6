//! One tar header with its PAX records, the same bytes for the same entry.
//!
//! Spec: POSIX.1-2024 pax, "ustar Interchange Format" and "pax Header Block".

use std::collections::BTreeMap;
use std::io::{self, Write};

/// An entry about to be written.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// The path without leading slash; directories end in `/`.
    pub(super) path: &'a [u8],
    pub(super) kind: u8,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) size: u64,
    /// Whole seconds since 1970.
    pub(super) mtime: i64,
    pub(super) link: &'a [u8],
    pub(super) device: (u32, u32),
    pub(super) xattrs: &'a BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Default for Entry<'_> {
    fn default() -> Self {
        Self {
            path: b"",
            kind: b'0',
            mode: 0,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: 0,
            link: b"",
            device: (0, 0),
            xattrs: &NO_XATTRS,
        }
    }
}

/// The empty set of attributes.
pub(super) static NO_XATTRS: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();

const BLOCK: usize = 512;
const MAX_OCTAL_7: u64 = 0o7_777_777;
const MAX_OCTAL_11: u64 = 0o77_777_777_777;

/// Writes the header blocks of an entry.
pub(super) fn write_header(out: &mut dyn Write, entry: &Entry<'_>) -> io::Result<()> {
    let mut records: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let split = split_path(entry.path);
    if split.is_none() {
        records.insert(b"path".to_vec(), entry.path.to_vec());
    }
    if entry.link.len() > 100 || !entry.link.is_ascii() {
        records.insert(b"linkpath".to_vec(), entry.link.to_vec());
    }
    for (name, value, limit) in
        [("uid", entry.uid, MAX_OCTAL_7), ("gid", entry.gid, MAX_OCTAL_7), ("size", entry.size, MAX_OCTAL_11)]
    {
        if value > limit {
            records.insert(name.into(), value.to_string().into_bytes());
        }
    }
    let octal_mtime = u64::try_from(entry.mtime).ok().filter(|mtime| *mtime <= MAX_OCTAL_11);
    if octal_mtime.is_none() {
        records.insert(b"mtime".to_vec(), entry.mtime.to_string().into_bytes());
    }
    for (name, value) in entry.xattrs {
        records.insert([b"SCHILY.xattr.", name.as_slice()].concat(), value.clone());
    }
    if !records.is_empty() {
        let body: Vec<u8> = records.iter().flat_map(|(name, value)| record(name, value)).collect();
        let shown = &entry.path[..entry.path.len().min(80)];
        let name = [b"PaxHeaders.0/", shown].concat();
        let head = Entry { path: &name, kind: b'x', mode: 0o644, size: body.len() as u64, ..Entry::default() };
        out.write_all(&block(&head, (&[], &name), 0))?;
        out.write_all(&body)?;
        write_padding(out, body.len() as u64)?;
    }
    let truncated = &entry.path[..entry.path.len().min(100)];
    out.write_all(&block(entry, split.unwrap_or((&[], truncated)), octal_mtime.unwrap_or(0)))
}

/// Fills up the last block of a file's content.
pub(super) fn write_padding(out: &mut dyn Write, size: u64) -> io::Result<()> {
    let used = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    if used == 0 { Ok(()) } else { out.write_all(&[0; BLOCK][used..]) }
}

/// Writes the two blocks that end an archive.
pub(super) fn write_end(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&[0; BLOCK * 2])
}

/// Splits a path into ustar's prefix and name, where it fits and every reader agrees on its bytes.
fn split_path(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if !path.is_ascii() {
        return None;
    }
    if path.len() <= 100 {
        return Some((&[], path));
    }
    let from = path.len().checked_sub(101)?;
    let cut = path.iter().enumerate().skip(from).find(|(i, byte)| **byte == b'/' && *i > 0 && *i + 1 < path.len())?.0;
    (cut <= 155).then(|| (&path[..cut], &path[cut + 1..]))
}

/// One PAX record: its length in decimal counts itself.
fn record(name: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = name.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", name, b"=", value, b"\n"].concat()
}

fn block(entry: &Entry<'_>, (prefix, name): (&[u8], &[u8]), mtime: u64) -> [u8; BLOCK] {
    let mut block = [0_u8; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    let within = |value: u64, limit: u64| if value > limit { 0 } else { value };
    put(0, &name[..name.len().min(100)]);
    put(100, &octal::<7>(u64::from(entry.mode & 0o7777)));
    put(108, &octal::<7>(within(entry.uid, MAX_OCTAL_7)));
    put(116, &octal::<7>(within(entry.gid, MAX_OCTAL_7)));
    put(124, &octal::<11>(within(entry.size, MAX_OCTAL_11)));
    put(136, &octal::<11>(mtime));
    put(148, b"        ");
    put(156, &[entry.kind]);
    put(157, &entry.link[..entry.link.len().min(100)]);
    put(257, b"ustar\x0000");
    put(329, &octal::<7>(u64::from(entry.device.0)));
    put(337, &octal::<7>(u64::from(entry.device.1)));
    put(345, prefix);
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..154].copy_from_slice(&octal::<6>(sum));
    block[154..156].copy_from_slice(b"\0 ");
    block
}

/// The last digits of a number.
fn octal<const DIGITS: usize>(mut value: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value & 7) as u8;
        value >>= 3;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    type ReadBack = (Vec<u8>, u64, u64, Vec<(String, Vec<u8>)>);

    fn read_back(path: &[u8], uid: u64, mtime: i64) -> ReadBack {
        let xattrs = BTreeMap::from([(b"user.a".to_vec(), b"1\x002".to_vec())]);
        let entry = Entry { path, kind: b'0', mode: 0o644, uid, mtime, xattrs: &xattrs, ..Entry::default() };
        let mut bytes = Vec::new();
        write_header(&mut bytes, &entry).unwrap();
        write_end(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let pax: Vec<(String, Vec<u8>)> = entry
            .pax_extensions()
            .unwrap()
            .unwrap()
            .map(|r| r.unwrap())
            .map(|r| (r.key().unwrap().to_owned(), r.value_bytes().to_vec()))
            .collect();
        (entry.path_bytes().to_vec(), entry.header().uid().unwrap(), entry.header().mtime().unwrap(), pax)
    }

    #[test]
    fn paths_of_all_lengths_and_odd_numbers_are_read_back() {
        for length in [1, 99, 100, 101, 155, 200, 255, 256, 257, 600] {
            let path: Vec<u8> = (0..length).map(|i| if i % 50 == 49 { b'/' } else { b'a' }).collect();
            assert_eq!(read_back(&path, 0, 1).0, path, "{length}");
        }
        assert_eq!(read_back("é/ü".as_bytes(), 0, 1).0, "é/ü".as_bytes());
        let (_, uid, _, pax) = read_back(b"a", 5_000_000, -5);
        assert_eq!(uid, 5_000_000);
        assert!(pax.contains(&("mtime".to_owned(), b"-5".to_vec())), "{pax:?}");
        assert!(pax.contains(&("SCHILY.xattr.user.a".to_owned(), b"1\x002".to_vec())), "{pax:?}");
    }
}
