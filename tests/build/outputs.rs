//! What `--output` does to the place that it writes to.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::support::{RunAs, TestEnv};

#[test]
fn a_directory_keeps_what_the_image_does_not_have() {
    let env = TestEnv::root();
    env.write("a", "a");
    for name in [".wh.thesis", ".wh..wh..opq", ".wh."] {
        env.write(name, "ordinary");
    }
    env.write("Dockerfile", "FROM scratch\nCOPY a .wh.thesis .wh..wh..opq .wh. /\nCOPY .wh..wh..opq /sub/\n");
    for kept in ["thesis", "sub/notes"] {
        let path = env.path("out/home").join(kept);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "precious").unwrap();
    }
    let home = env.path("out/home");
    env.ok(["build", "-q", "-o", home.to_str().unwrap(), "."]);
    for kept in ["thesis", "sub/notes"] {
        assert_eq!(fs::read_to_string(home.join(kept)).unwrap(), "precious", "{kept}");
    }
    for name in ["a", ".wh.thesis", ".wh..wh..opq", ".wh.", "sub/.wh..wh..opq"] {
        assert!(home.join(name).is_file(), "{name}");
    }
}

#[test]
fn a_directory_belongs_to_the_ordinary_user_who_asked_for_it() {
    let env = TestEnv::new(RunAs::Ordinary);
    env.write(
        "Dockerfile",
        "FROM base\nRUN mkdir /v && echo x >/v/f && ln -s f /v/l && chown -R 1000:1001 /v && chown -h 5:5 /v/l && \
         chmod 700 /v\n",
    );
    let out = env.path("out/tree");
    let context = "base=host:sh,mkdir,ln,chown,chmod";
    env.ok(["build", "-q", "--build-context", context, "-o", out.to_str().unwrap(), "."]);
    let user = fs::metadata(env.path("out")).unwrap().uid();
    for name in ["", "v", "v/f", "v/l"] {
        let metadata = fs::symlink_metadata(out.join(name)).unwrap();
        assert_eq!(metadata.uid(), user, "{name}");
    }
    assert_eq!(fs::metadata(out.join("v")).unwrap().permissions().mode() & 0o7777, 0o700);
    // A tar has numbers, and keeps them.
    let tar = env.path("out/tree.tar");
    env.ok(["build", "-q", "--build-context", context, "-o", &format!("type=tar,dest={}", tar.display()), "."]);
    let mut archive = tar::Archive::new(fs::File::open(tar).unwrap());
    let owner = archive.entries().unwrap().map(Result::unwrap).find_map(|entry| {
        (entry.path().unwrap() == Path::new("v/f"))
            .then(|| (entry.header().uid().unwrap(), entry.header().gid().unwrap()))
    });
    assert_eq!(owner, Some((1000, 1001)));
}
