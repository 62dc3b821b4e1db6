//! `ADD` of archives.

use std::process::Command;

use crate::support::tree::Tree;
use crate::support::{Finished, RunAs, TestEnv};

/// Adds one entry; a name that ends in `/` is a directory, one with `->` a symbolic link, one with `=>` a hard
/// link.
fn append(archive: &mut tar::Builder<Vec<u8>>, entry: &str, (mode, owner): (u32, u64)) {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_mtime(77);
    header.set_size(0);
    if let Some((name, target)) = entry.split_once("->") {
        header.set_entry_type(tar::EntryType::Symlink);
        archive.append_link(&mut header, name, target).unwrap();
    } else if let Some((name, target)) = entry.split_once("=>") {
        header.set_entry_type(tar::EntryType::Link);
        archive.append_link(&mut header, name, target).unwrap();
    } else if entry.ends_with('/') {
        header.set_entry_type(tar::EntryType::Directory);
        archive.append_data(&mut header, entry, std::io::empty()).unwrap();
    } else {
        header.set_size(entry.len() as u64);
        archive.append_data(&mut header, entry, entry.as_bytes()).unwrap();
    }
}

fn archive(entries: &[&str]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for entry in entries {
        append(&mut archive, entry, (if entry.ends_with('/') { 0o750 } else { 0o640 }, 3));
    }
    archive.into_inner().unwrap()
}

#[test]
fn every_compression_is_unpacked_and_a_mixture_as_well() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        for (program, suffix) in [("gzip", "gz"), ("bzip2", "bz2"), ("xz", "xz"), ("zstd", "zst")] {
            let path = env.write(&format!("a/{program}.tar"), archive(&[&format!("in/{program}")]));
            Finished::of(Command::new(program).args(["-q", "-f"]).arg(&path)).success();
            let packed = path.with_extension(format!("tar.{suffix}"));
            let _replaced = std::fs::remove_file(&path);
            // What it is called says nothing.
            std::fs::rename(packed, path.with_extension("txt")).unwrap();
        }
        env.write("a/plain", archive(&["in/plain"]));
        env.write("a/tool.zip", b"PK\x03\x04nothing");
        env.write("a/empty.tar", "");
        env.write("a/text.tar.gz", "text");
        let image = env.image(
            "FROM scratch\nADD a/* /all/\nADD a/gzip.txt a/plain /two\nADD a /kept\nCOPY a/plain /copied\n\
             ADD --unpack=false a/plain /packed\nADD --unpack=true --chown=7:8 --chmod=700 a/plain /owned\n\
             ADD --unpack a/tool.zip /zip\n",
        );
        let tree = Tree::of(&image);
        assert_eq!(
            tree.below("all"),
            [
                "f 0644 0:0 all/empty.tar=",
                "d 0755 0:0 all/in",
                "f 0640 3:3 all/in/bzip2=in/bzip2",
                "f 0640 3:3 all/in/gzip=in/gzip",
                "f 0640 3:3 all/in/plain=in/plain",
                "f 0640 3:3 all/in/xz=in/xz",
                "f 0640 3:3 all/in/zstd=in/zstd",
                "f 0644 0:0 all/text.tar.gz=text",
                "f 0644 0:0 all/tool.zip=PK\u{3}\u{4}nothing",
            ],
            "{run_as:?}"
        );
        assert_eq!(tree.below("two/in"), ["f 0640 3:3 two/in/gzip=in/gzip", "f 0640 3:3 two/in/plain=in/plain"]);
        assert_eq!(tree.below("kept").len(), 8, "a directory is copied as it is");
        for path in ["copied", "packed", "zip"] {
            assert!(tree.line(path).starts_with("f 0644 0:0 "), "{}", tree.line(path));
        }
        assert_eq!(tree.below("owned/in"), ["f 0640 7:8 owned/in/plain=in/plain"]);
        // The mode is for what is copied; an archive has its own.
        assert_eq!([tree.line("owned"), tree.line("owned/in")], ["d 0755 7:8 owned", "d 0755 7:8 owned/in"]);
    }
}

#[test]
fn entries_replace_what_is_there_and_directories_merge() {
    let env = TestEnv::root();
    env.write(
        "a.tar",
        archive(&["d/", "d/new", "was-dir", "was-link", "was-file/", "was-file/in", "to-dir/", "to-dir/in"]),
    );
    let image = env.image(
        "FROM base\nRUN mkdir -p /x/d /x/was-dir/full /x/real && echo > /x/d/old && echo > /x/was-dir/full/f && echo > /x/real/f && \
         ln -s real/f /x/was-link && echo > /x/was-file && ln -s real /x/to-dir\nADD a.tar /x\n",
    );
    let tree = Tree::of(&image);
    assert_eq!(
        tree.below("x"),
        [
            "d 0750 3:3 x/d",
            "f 0640 3:3 x/d/new=d/new",
            "f 0644 0:0 x/d/old=",
            "d 0755 0:0 x/real",
            "f 0644 0:0 x/real/f=",
            "d 0750 3:3 x/to-dir",
            "f 0640 3:3 x/to-dir/in=to-dir/in",
            "f 0640 3:3 x/was-dir=was-dir",
            "d 0750 3:3 x/was-file",
            "f 0640 3:3 x/was-file/in=was-file/in",
            "f 0640 3:3 x/was-link=was-link",
        ]
    );
}

#[test]
fn odd_archives_of_all_kinds() {
    let env = TestEnv::root();
    // What `git archive` begins with: a header that is for all entries and is none itself.
    let mut with_global = tar::Builder::new(Vec::new());
    let record = b"52 comment=0123456789012345678901234567890123456789\n";
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::XGlobalHeader);
    header.set_size(record.len() as u64);
    header.set_mode(0o666);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    with_global.append_data(&mut header, "pax_global_header", record.as_slice()).unwrap();
    append(&mut with_global, "tracked", (0o644, 0));
    env.write("git.tar", with_global.into_inner().unwrap());
    env.write("wh.tar", archive(&[".wh.kept", "d/", "d/.wh..wh..opq"]));
    env.write(
        "links.tar",
        archive(&["sub/first", "second=>sub/first", "abs->/sub", "abs/through", "up->../../..", "up/top"]),
    );
    let image = env.image(
        "FROM base\nRUN mkdir -p /x/d /x/outer && echo 1 > /x/kept && echo 2 > /x/d/kept && ln -s outer /x/way && ln -s /x/gone /x/lost\n\
         ADD git.tar /git\nADD wh.tar /x\nADD links.tar /l\nADD git.tar /x/way/\nADD git.tar /x/lost\nADD git.tar .\nRUN cat /x/kept /x/d/kept /x/.wh.kept\n",
    );
    let tree = Tree::of(&image);
    assert_eq!(tree.below("git"), ["f 0644 0:0 git/tracked=tracked"]);
    assert_eq!(tree.line("tracked"), "f 0644 0:0 tracked=tracked");
    assert_eq!(tree.line("x/outer/tracked"), "f 0644 0:0 x/outer/tracked=tracked");
    assert_eq!(tree.line("x/gone/tracked"), "f 0644 0:0 x/gone/tracked=tracked");
    // To an archive the destination is the root: its links lead nowhere else.
    assert_eq!(tree.line("l/sub/through"), "f 0640 3:3 l/sub/through=abs/through");
    assert_eq!(tree.line("l/top"), "f 0640 3:3 l/top=up/top");
    assert_eq!(tree.line("l/sub/first"), "h l/sub/first=l/second");
    assert_eq!(tree.line("l/abs"), "l l/abs->/sub");
}

#[test]
fn a_name_that_climbs_out_is_refused() {
    let env = TestEnv::root();
    let mut bytes = archive(&["aa/planted"]);
    bytes[..2].copy_from_slice(b"..");
    let sum: u32 = bytes[..512]
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    env.write("evil.tar", bytes);
    let refused = env.refused("FROM scratch\nADD evil.tar /x/\n");
    assert!(refused.contains("archive entry `../planted` leads out of the destination"), "{refused}");
}

#[test]
fn checksums_are_for_sources_from_elsewhere() {
    let env = TestEnv::root();
    env.write("f", "f");
    for (operands, message) in [
        ("--checksum=sha256:00 f /", "checksum requires HTTP(S) or Git sources"),
        ("--checksum=sha256:00 f f /", "checksum can't be specified for multiple sources"),
    ] {
        let refused = env.refused(&format!("FROM scratch\nADD {operands}\n"));
        assert!(refused.contains(message) && refused.contains("Dockerfile:2:16"), "{refused}");
    }
    let refused = env.refused("FROM scratch\nCOPY --checksum=sha256:00 f /\n");
    assert!(refused.contains("checksum"), "{refused}");
}
