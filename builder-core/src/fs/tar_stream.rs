//! The entries of a plain tar stream that nobody vouches for.
//!
//! The header block itself is the `tar` crate's. The order of blocks around it is read here, because that crate
//! cuts extension records at line feeds, which the value of an extended attribute may contain (a binary file
//! capability does), and keeps records of any size in memory.
//!
//! Spec: POSIX.1-2024 pax, "pax Header Block" and "ustar Interchange Format"; the GNU tar manual, "Storing
//! Sparse Files".

use std::collections::VecDeque;
use std::ffi::CString;
use std::io::{self, Read};

use tar::{EntryType, Header};

use super::entry::Time;

const BLOCK: usize = 512;

/// Header blocks and extension records of one entry together: names are at most 4 KiB and attributes 64 KiB each.
const MAX_HEADER_BYTES: u64 = 1024 * 1024;

/// Reads a tar entry by entry: [`TarStream::next`] goes to the next one, and reading gives its content.
pub(crate) struct TarStream<'r> {
    inner: &'r mut dyn Read,
    /// What is left of the current entry: holes and the data after each.
    segments: VecDeque<Segment>,
    /// Bytes of the current entry that are left in the stream, padding included.
    left: u64,
    /// How many more bytes of headers the current entry may have.
    budget: u64,
    ended: bool,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    hole: u64,
    data: u64,
}

/// What the headers of an entry say.
#[derive(Debug)]
pub(crate) struct TarEntry {
    /// What it is; extension records and their like never get here.
    pub(crate) kind: EntryType,
    /// The path as it is in the archive.
    pub(crate) path: Vec<u8>,
    /// The target of a link.
    pub(crate) link: Vec<u8>,
    /// User and group; they may be larger than any that a file system has.
    pub(crate) owner: (u64, u64),
    /// The permission bits.
    pub(crate) mode: u32,
    /// The time of the last change.
    pub(crate) mtime: Time,
    /// The numbers of a device.
    pub(crate) device: (u32, u32),
    /// Extended attributes.
    pub(crate) xattrs: Vec<(CString, Vec<u8>)>,
}

/// Extension records of the entry that follows them.
#[derive(Default)]
struct Extensions {
    pax: Vec<(Vec<u8>, Vec<u8>)>,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Extensions {
    /// The last record of a name is the one that counts.
    fn record(&self, name: &str) -> Option<&[u8]> {
        self.pax.iter().rev().find(|(key, _)| key == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    fn number(&self, name: &str) -> io::Result<Option<u64>> {
        self.record(name).map(decimal).transpose()
    }
}

impl<'r> TarStream<'r> {
    pub(crate) fn new(inner: &'r mut dyn Read) -> Self {
        Self { inner, segments: VecDeque::new(), left: 0, budget: MAX_HEADER_BYTES, ended: false }
    }

    /// Goes to the next entry; what was not read of the present one is passed over.
    ///
    /// # Errors
    /// Those of the stream, and [`io::ErrorKind::InvalidData`] or [`io::ErrorKind::UnexpectedEof`] where it is
    /// no tar.
    pub(crate) fn next(&mut self) -> io::Result<Option<TarEntry>> {
        self.segments.clear();
        self.skip(self.left)?;
        self.left = 0;
        self.budget = MAX_HEADER_BYTES;
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = number(header.entry_size(), &header.as_old().size)?;
            match header.entry_type() {
                EntryType::XHeader => extensions.pax.extend(records(&self.extension(size)?)?),
                EntryType::GNULongName => extensions.long_path = Some(self.name(size)?),
                EntryType::GNULongLink => extensions.long_link = Some(self.name(size)?),
                // Such records are comments in practice (`git archive` puts a commit there).
                EntryType::XGlobalHeader => _ = self.extension(size)?,
                _ => return self.begin(&header, size, extensions).map(Some),
            }
        }
    }

    /// Returns the size of what is left of the present entry's content, holes included, in bytes.
    pub(crate) fn size(&self) -> u64 {
        let length = |segment: &Segment| segment.hole.saturating_add(segment.data);
        self.segments.iter().map(length).fold(0, u64::saturating_add)
    }

    /// Reads one header block; `None` at the end of the archive.
    fn header(&mut self) -> io::Result<Option<Header>> {
        if self.ended {
            return Ok(None);
        }
        let mut block = [0; BLOCK];
        let mut length = 0;
        while length < BLOCK {
            match self.inner.read(&mut block[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // Some writers leave out the blocks of zeros that mark the end.
        if length == 0 || block == [0; BLOCK] {
            self.ended = true;
            return Ok(None);
        }
        if length < BLOCK {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.spend(BLOCK as u64)?;
        let header = Header::from_byte_slice(&block).clone();
        // The field of the sum itself counts as blanks.
        let sum = (block[..148].iter().chain(&block[156..]).map(|byte| u32::from(*byte)).sum::<u32>()) + 8 * 32;
        if header.cksum().ok() != Some(sum) {
            return Err(invalid("a header has a wrong checksum"));
        }
        Ok(Some(header))
    }

    fn spend(&mut self, bytes: u64) -> io::Result<()> {
        self.budget = self.budget.checked_sub(bytes).ok_or_else(|| {
            let message = format!("the header of an entry is larger than {MAX_HEADER_BYTES} bytes");
            io::Error::new(io::ErrorKind::FileTooLarge, message)
        })?;
        Ok(())
    }

    /// Reads the content of an extension record.
    fn extension(&mut self, size: u64) -> io::Result<Vec<u8>> {
        self.spend(size)?;
        let mut content = vec![0; usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?];
        self.inner.read_exact(&mut content)?;
        self.skip(padding(size))?;
        Ok(content)
    }

    fn name(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let mut name = self.extension(size)?;
        if let Some(end) = name.iter().position(|byte| *byte == 0) {
            name.truncate(end);
        }
        Ok(name)
    }

    fn begin(&mut self, header: &Header, size: u64, extensions: Extensions) -> io::Result<TarEntry> {
        let stored = extensions.number("size")?.unwrap_or(size);
        let kind = match header.entry_type() {
            // Before POSIX a directory was a file whose name ends so.
            EntryType::Regular if header.path_bytes().ends_with(b"/") && header.as_ustar().is_none() => {
                EntryType::Directory
            }
            kind => kind,
        };
        let has_content = matches!(kind, EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse)
            // A kind that nobody knows has content like a file (POSIX).
            || !matches!(header.entry_type().as_byte(), b'1'..=b'6');
        let stored = if has_content { stored } else { 0 };
        self.left = stored.checked_add(padding(stored)).ok_or_else(|| invalid("an entry is too large"))?;
        self.segments.push_back(Segment { hole: 0, data: stored });
        let mut path = extensions.record("path").map(<[u8]>::to_vec);
        if header.entry_type() == EntryType::GNUSparse {
            self.gnu_sparse(header, stored)?;
        } else if extensions.record("GNU.sparse.major").is_some() || extensions.record("GNU.sparse.map").is_some() {
            self.pax_sparse(&extensions, stored)?;
            path = extensions.record("GNU.sparse.name").map(<[u8]>::to_vec).or(path);
        }
        let old = header.as_old();
        let seconds = number(header.mtime(), &old.mtime)?;
        let mode = number(header.mode().map(u64::from), &old.mode)? & 0o7777;
        let device = |field: io::Result<Option<u32>>| field.map(Option::unwrap_or_default).unwrap_or_default();
        let owner = (number(header.uid(), &old.uid)?, number(header.gid(), &old.gid)?);
        let link = extensions.record("linkpath").map(<[u8]>::to_vec);
        let header_link = || header.link_name_bytes().unwrap_or_default().into_owned();
        Ok(TarEntry {
            kind,
            owner: (extensions.number("uid")?.unwrap_or(owner.0), extensions.number("gid")?.unwrap_or(owner.1)),
            mode: u32::try_from(mode).unwrap_or_default(),
            // A base-256 field may hold a time before the epoch, in two's complement.
            mtime: extensions.record("mtime").and_then(pax_time).unwrap_or((seconds.cast_signed(), 0)),
            device: (device(header.device_major()), device(header.device_minor())),
            xattrs: xattrs(&extensions.pax),
            link: link.or(extensions.long_link).unwrap_or_else(header_link),
            path: path.or(extensions.long_path).unwrap_or_else(|| header.path_bytes().into_owned()),
        })
    }

    /// The old GNU form: the map of a sparse file is in its header, and goes on in blocks after it.
    fn gnu_sparse(&mut self, header: &Header, stored: u64) -> io::Result<()> {
        let gnu = header.as_gnu().ok_or_else(|| invalid("a sparse file without a GNU header"))?;
        let mut map = Vec::new();
        let mut add = |block: &tar::GnuSparseHeader| -> io::Result<()> {
            if !block.is_empty() {
                map.push((block.offset()?, block.length()?));
            }
            Ok(())
        };
        gnu.sparse.iter().try_for_each(&mut add)?;
        let mut more = gnu.is_extended();
        while more {
            self.spend(BLOCK as u64)?;
            let mut extended = tar::GnuExtSparseHeader::new();
            self.inner.read_exact(extended.as_mut_bytes())?;
            extended.sparse.iter().try_for_each(&mut add)?;
            more = extended.is_extended();
        }
        self.lay_out(&map, gnu.real_size()?, stored)
    }

    /// The forms with extension records: 0.1 has the map in a record, 1.0 before the data.
    fn pax_sparse(&mut self, extensions: &Extensions, stored: u64) -> io::Result<()> {
        let real = extensions.number("GNU.sparse.realsize")?.or(extensions.number("GNU.sparse.size")?);
        let real = real.ok_or_else(|| invalid("a sparse file without its size"))?;
        let mut stored = stored;
        let numbers: Vec<u64> = if let Some(map) = extensions.record("GNU.sparse.map") {
            map.split(|byte| *byte == b',').map(decimal).collect::<io::Result<_>>()?
        } else {
            let mut text = Vec::new();
            let mut wanted = None;
            loop {
                let lines = text.split(|byte| *byte == b'\n').count() as u64 - 1;
                if wanted.is_none() && lines > 0 {
                    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
                    wanted = Some(decimal(first)?.checked_mul(2).ok_or_else(|| invalid("a sparse map is too long"))?);
                }
                if wanted.is_some_and(|wanted| lines > wanted) {
                    break;
                }
                self.spend(BLOCK as u64)?;
                stored = stored.checked_sub(BLOCK as u64).ok_or_else(|| invalid("a sparse map has no end"))?;
                self.left = self.left.saturating_sub(BLOCK as u64);
                let mut block = [0; BLOCK];
                self.inner.read_exact(&mut block)?;
                text.extend_from_slice(&block);
            }
            let wanted = usize::try_from(wanted.unwrap_or_default()).map_err(|_| io::ErrorKind::FileTooLarge)?;
            text.split(|byte| *byte == b'\n').skip(1).take(wanted).map(decimal).collect::<io::Result<_>>()?
        };
        let map: Vec<(u64, u64)> = numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        self.lay_out(&map, real, stored)
    }

    /// Turns a map of (offset, length) into holes and data, and checks it against both sizes.
    fn lay_out(&mut self, map: &[(u64, u64)], real: u64, stored: u64) -> io::Result<()> {
        self.segments.clear();
        let (mut at, mut data) = (0_u64, 0_u64);
        for (offset, length) in map {
            let hole = offset.checked_sub(at).ok_or_else(|| invalid("the blocks of a sparse file overlap"))?;
            at = offset.checked_add(*length).ok_or_else(|| invalid("a sparse file is too large"))?;
            data = data.checked_add(*length).ok_or_else(|| invalid("a sparse file is too large"))?;
            self.segments.push_back(Segment { hole, data: *length });
        }
        let rest = real.checked_sub(at).ok_or_else(|| invalid("a sparse file is larger than it says"))?;
        self.segments.push_back(Segment { hole: rest, data: 0 });
        if data == stored { Ok(()) } else { Err(invalid("a sparse file does not match its map")) }
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut *self.inner).take(bytes), &mut io::sink())?;
        if skipped == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl Read for TarStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(segment) = self.segments.front_mut() else { return Ok(0) };
            if buffer.is_empty() {
                return Ok(0);
            }
            let within = |length: u64| usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len());
            if segment.hole > 0 {
                let count = within(segment.hole);
                buffer[..count].fill(0);
                segment.hole -= count as u64;
                return Ok(count);
            }
            if segment.data > 0 {
                let wanted = within(segment.data);
                let count = self.inner.read(&mut buffer[..wanted])?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                segment.data -= count as u64;
                self.left = self.left.saturating_sub(count as u64);
                return Ok(count);
            }
            self.segments.pop_front();
        }
    }
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn decimal(text: &[u8]) -> io::Result<u64> {
    let text = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
    text.ok_or_else(|| invalid("an extension record has something else than a number"))
}

/// A number of a header; some writers leave a field empty that is 0.
fn number(read: io::Result<u64>, field: &[u8]) -> io::Result<u64> {
    if field.iter().all(|byte| matches!(byte, 0 | b' ')) { Ok(0) } else { read }
}

/// Splits extension records, `length name=value` and a line feed each; only the length says where one ends.
fn records(content: &[u8]) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let malformed = || invalid("an extension record is malformed");
    let mut rest = content;
    let mut records = Vec::new();
    // Some writers pad with zeros.
    while rest.first().is_some_and(|byte| *byte != 0) {
        let blank = rest.iter().take(20).position(|byte| *byte == b' ').ok_or_else(malformed)?;
        let length = usize::try_from(decimal(&rest[..blank])?).map_err(|_| malformed())?;
        let record = rest.get(blank + 1..length).ok_or_else(malformed)?;
        let record = record.strip_suffix(b"\n").ok_or_else(malformed)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(malformed)?;
        records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
        rest = &rest[length..];
    }
    Ok(records)
}

fn xattrs(records: &[(Vec<u8>, Vec<u8>)]) -> Vec<(CString, Vec<u8>)> {
    let attribute = |(key, value): &(Vec<u8>, Vec<u8>)| {
        let name = key.strip_prefix(b"SCHILY.xattr.")?;
        Some((CString::new(name).ok()?, value.clone()))
    };
    records.iter().filter_map(attribute).collect()
}

/// Reads `seconds[.fraction]`, possibly negative.
fn pax_time(text: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    if whole.starts_with('-') && nanoseconds > 0 {
        // The fraction of a negative number points the other way.
        return Some((seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds));
    }
    Some((seconds, nanoseconds))
}

#[cfg(test)]
mod tests;
