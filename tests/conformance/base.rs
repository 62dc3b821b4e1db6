//! The image that the cases call `base`: a static busybox, a few users, and nothing else.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::build;
use crate::listing::Tree;
use crate::support::TestEnv;
use crate::support::peers::tool;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:User:/home/user:/bin/sh\n\
                      other:x:1001:2000::/:/bin/sh\nnumber:x:1234:4321::/nowhere:/bin/sh\n";
const GROUP: &str = "root:x:0:\nuser:x:1000:\nstaff:x:50:user,other\nothers:x:2000:\nnumbers:x:4321:\n";
const DIRECTORIES: [(&str, u32, u64); 13] = [
    ("bin", 0o755, 0),
    ("dev", 0o755, 0),
    ("etc", 0o755, 0),
    ("home", 0o755, 0),
    ("home/user", 0o700, 1000),
    ("opt", 0o755, 0),
    ("proc", 0o755, 0),
    ("root", 0o700, 0),
    ("sys", 0o755, 0),
    ("tmp", 0o1777, 0),
    ("usr", 0o755, 0),
    ("usr/share", 0o755, 0),
    ("var", 0o755, 0),
];

/// What an image of nothing but `base` has, so that a listing can leave it out.
#[derive(Clone, Default)]
pub struct Known {
    pub layers: usize,
    pub history: usize,
    pub tree: Tree,
    pub diff_ids: Vec<serde_json::Value>,
}

fn header(mode: u32, owner: u64, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_mtime(1_600_000_000);
    header.set_entry_type(kind);
    header.set_size(size);
    header
}

/// Writes the archive into the environment, and returns where.
pub fn archive(env: &TestEnv) -> PathBuf {
    let path = env.path("base.tar");
    let mut tar = Builder::new(File::create(&path).expect("archive of the base"));
    for (name, mode, owner) in DIRECTORIES {
        tar.append_data(&mut header(mode, owner, EntryType::Directory, 0), format!("{name}/"), &[][..]).unwrap();
    }
    let busybox = fs::read("/bin/busybox").expect("busybox, which tests/run installs");
    for (name, mode, content) in [
        ("bin/busybox", 0o755, &busybox[..]),
        ("etc/passwd", 0o644, PASSWD.as_bytes()),
        ("etc/group", 0o644, GROUP.as_bytes()),
    ] {
        tar.append_data(&mut header(mode, 0, EntryType::Regular, content.len() as u64), name, content).unwrap();
    }
    for applet in tool("/bin/busybox", &["--list"]).lines().filter(|applet| *applet != "busybox") {
        let mut link = header(0o777, 0, EntryType::Symlink, 0);
        tar.append_link(&mut link, format!("bin/{applet}"), "busybox").unwrap();
    }
    tar.into_inner().expect("archive of the base");
    path
}

/// Puts the base into the store of `env`.
pub fn import(env: &TestEnv) {
    env.ok(["import", archive(env).to_str().unwrap(), "base"]);
}

/// What an image of nothing but `base` has, as `build` makes it of a Dockerfile.
pub fn known(dockerfile: &Path, build: impl FnOnce(&Path) -> build::Built) -> Known {
    fs::create_dir_all(dockerfile).expect("directory");
    fs::write(dockerfile.join("Dockerfile"), "FROM base\n").expect("Dockerfile");
    match build(dockerfile) {
        Ok(layout) => layout.known(),
        Err(message) => panic!("an image of the base alone: {message}"),
    }
}
