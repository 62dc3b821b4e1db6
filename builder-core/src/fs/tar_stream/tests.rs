use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

/// One entry with its extension records, as the pieces of a stream.
fn entry(kind: EntryType, path: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_path(path).unwrap();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_uid(1);
    header.set_gid(2);
    header.set_mtime(3);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn record(name: &str, value: &[u8]) -> Vec<u8> {
    let body = [b" ", name.as_bytes(), b"=", value, b"\n"].concat();
    let mut length = body.len() + 1;
    while length != body.len() + length.to_string().len() {
        length = body.len() + length.to_string().len();
    }
    [length.to_string().into_bytes(), body].concat()
}

fn all(bytes: &[u8]) -> io::Result<Vec<(TarEntry, Vec<u8>)>> {
    let mut bytes = bytes;
    let mut stream = TarStream::new(&mut bytes);
    let mut entries = Vec::new();
    while let Some(entry) = stream.next()? {
        let mut content = Vec::new();
        stream.read_to_end(&mut content)?;
        entries.push((entry, content));
    }
    Ok(entries)
}

#[test]
fn an_attribute_may_contain_line_feeds_and_what_follows_is_not_taken_for_a_record() {
    let value = b"\x01\n\0\n20 path=elsewhere12\n";
    let records = [record("SCHILY.xattr.security.capability", value), record("path", b"real"), record("uid", b"70000")];
    let mut tar = entry(EntryType::XHeader, "PaxHeaders/x", &records.concat());
    tar.extend(entry(EntryType::Regular, "short", b"text"));
    tar.extend([0; 2 * BLOCK]);
    let entries = all(&tar).unwrap();
    let (found, content) = &entries[0];
    assert_eq!(found.xattrs, [(c"security.capability".to_owned(), value.to_vec())]);
    assert_eq!((found.path.as_slice(), found.owner, content.as_slice()), (&b"real"[..], (70000, 2), &b"text"[..]));
}

#[test]
fn what_is_not_read_is_passed_over() {
    let mut tar = entry(EntryType::Regular, "a", &[7; 5000]);
    tar.extend(entry(EntryType::XGlobalHeader, "g", &record("comment", b"0123")));
    tar.extend(entry(EntryType::Regular, "b", b"b"));
    let mut bytes = tar.as_slice();
    let mut stream = TarStream::new(&mut bytes);
    assert_eq!(stream.next().unwrap().unwrap().path, b"a");
    stream.read_exact(&mut [0; 10]).unwrap();
    assert_eq!(stream.next().unwrap().unwrap().path, b"b");
    assert!(stream.next().unwrap().is_none());
    assert!(stream.next().unwrap().is_none());
}

#[test]
fn broken_streams_are_errors() {
    let whole = entry(EntryType::Regular, "a", b"text");
    let kind = |bytes: &[u8]| all(bytes).map(|_| ()).map_err(|error| error.kind());
    assert_eq!(kind(&whole), Ok(()));
    assert_eq!(kind(&whole[..100]), Err(io::ErrorKind::UnexpectedEof));
    assert_eq!(kind(&whole[..514]), Err(io::ErrorKind::UnexpectedEof));
    let mut flipped = whole.clone();
    flipped[0] ^= 1;
    assert_eq!(kind(&flipped), Err(io::ErrorKind::InvalidData));
    for bad in ["x", "5 a=", "9999 a=b\n", "5 abc\n", "-1 a=b\n", " a=b\n"] {
        let bytes = entry(EntryType::XHeader, "x", bad.as_bytes());
        assert_eq!(kind(&bytes), Err(io::ErrorKind::InvalidData), "{bad:?}");
    }
    let bomb = entry(EntryType::XHeader, "x", &record("comment", &vec![b'x'; 2 << 20]));
    assert_eq!(kind(&bomb), Err(io::ErrorKind::FileTooLarge));
    let many = entry(EntryType::XHeader, "x", &record("a", &[b'b'; 400])).repeat(2000);
    assert_eq!(kind(&many), Err(io::ErrorKind::FileTooLarge));
}

/// Every form that GNU tar writes of a file with holes, of long names and of times.
#[test]
fn what_gnu_tar_writes_is_read() {
    let place = tempfile::tempdir().unwrap();
    let long = "d".repeat(120) + "/" + &"f".repeat(120);
    let path = place.path().join(&long);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::File::create(&path).unwrap();
    let mut expected = vec![0_u8; 4 << 20];
    for at in (0..40).map(|i| i * 100_000) {
        std::os::unix::fs::FileExt::write_all_at(&file, b"island", at as u64).unwrap();
        expected[at..at + 6].copy_from_slice(b"island");
    }
    file.set_len(4 << 20).unwrap();
    drop(file);
    for arguments in [
        &["--format=gnu"][..],
        &["--format=gnu", "--sparse"],
        &["--format=posix", "--sparse", "--sparse-version=0.1"],
        &["--format=posix", "--sparse", "--sparse-version=1.0"],
        &["--format=posix", "--mtime=@-5.25"],
    ] {
        let output = Command::new("tar")
            .args(arguments)
            .args(["--hole-detection=raw", "-cf-", "-C"])
            .arg(place.path())
            .arg(&long)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}");
        let entries = all(&output.stdout).unwrap();
        assert_eq!(entries.len(), 1, "{arguments:?}");
        let (found, content) = &entries[0];
        assert_eq!(found.path, long.as_bytes(), "{arguments:?}");
        assert!(*content == expected, "{arguments:?}");
        if arguments.contains(&"--mtime=@-5.25") {
            assert_eq!(found.mtime, (-6, 750_000_000));
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_read_on_for_ever(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        _ = all(&bytes);
    }

    #[test]
    fn a_damaged_entry_never_panics(at in 0_usize..1536, byte in any::<u8>(), size in "[0-7]{11}") {
        let mut tar = entry(EntryType::XHeader, "x", &record("size", b"77"));
        tar.extend(entry(EntryType::Regular, "a", b"text"));
        tar[at] = byte;
        // With a sum that is right again, so that the damage is looked at.
        tar[512 + 124..512 + 135].copy_from_slice(size.as_bytes());
        for start in [0, 1024] {
            let mut header = Header::from_byte_slice(&tar[start..start + BLOCK]).clone();
            header.set_cksum();
            tar[start..start + BLOCK].copy_from_slice(header.as_bytes());
        }
        _ = all(&tar);
    }
}
