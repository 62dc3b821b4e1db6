//! What a layer holds, and that others read it as we do.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::support::TestEnv;
use crate::support::peers::tool;
use crate::support::tree::Tree;

/// Steps that add, change, remove and replace in every way between files, links and directories.
const CHANGES: &str = "\
FROM base
RUN mkdir -p /a/b/c /gone/deep /dir /dir2/in /keep && echo 1 > /a/b/c/f && echo 1 > /gone/deep/f && echo 1 > /dir/f && echo 1 > /dir2/in/f && \\
    echo 1 > /file && ln -s dir /link && echo 1 > /keep/f && ln /keep/f /keep/hard && ln -s a/b /way && chmod 1777 /keep
RUN echo 2 > /a/b/c/g
RUN rm -r /gone /a/b/c/f
RUN rm -r /dir && echo 2 > /dir && rm /file && mkdir /file && echo 2 > /file/in && rm /link && mkdir /link && echo 2 > /link/in
RUN rm -r /dir2 && mkdir /dir2 && echo 2 > /dir2/new
RUN rm /keep/f && chmod 700 /a
RUN rm -r /link && ln -s file /link && echo 3 > /keep/hard && ln /keep/hard /keep/again
RUN true
COPY f /way/copied
COPY d /file
";

fn environment() -> TestEnv {
    let env = TestEnv::root();
    env.write("f", "f");
    env.write("d/in", "copied");
    env
}

#[test]
fn a_layer_holds_what_changed_and_what_leads_to_it() {
    let env = environment();
    let image = env.image(CHANGES);
    let paths = |index: usize| image.paths(index);
    assert_eq!(paths(2), ["a", "a/b", "a/b/c", "a/b/c/g"]);
    assert_eq!(paths(3), ["a", "a/b", "a/b/c", "a/b/c/.wh.f", ".wh.gone"]);
    let whiteout = image.layer(3).swap_remove(4);
    assert_eq!((whiteout.kind, whiteout.mode, whiteout.uid, whiteout.mtime, whiteout.content.len()), ('f', 0, 0, 0, 0));
    let mut replaced = paths(4);
    replaced.retain(|path| !path.ends_with(".wh..wh..opq"));
    assert_eq!(replaced, ["dir", "file", "file/in", "link", "link/in"]);
    assert!(
        paths(5).contains(&"dir2/new".to_owned()) && paths(5).iter().any(|path| path.contains(".wh.")),
        "{:?}",
        paths(5)
    );
    assert_eq!(paths(6), ["a", "keep", "keep/.wh.f"]);
    let kinds: Vec<(String, char)> = image.layer(7).into_iter().map(|entry| (entry.path, entry.kind)).collect();
    let expected = [("keep", 'd'), ("keep/again", 'f'), ("keep/hard", 'h'), ("link", 'l')];
    assert_eq!(kinds, expected.map(|(path, kind)| (path.to_owned(), kind)));
    assert_eq!(paths(8), [""; 0], "a step that changes nothing has a layer of its own");
    assert_eq!(paths(9), ["a", "a/b", "a/b/copied"]);
    assert_eq!(paths(10), ["file", "file/in"]);
}

#[test]
fn other_tools_see_the_same_files() {
    let env = environment();
    let image = env.image(CHANGES);
    let expected: BTreeMap<String, String> = Tree::of(&image)
        .0
        .into_values()
        .map(|entry| {
            let state = match entry.kind {
                'd' => format!("d {:04o}", entry.mode),
                'l' => format!("l {}", entry.link),
                _ => "f".to_owned(),
            };
            (entry.path, state)
        })
        .collect();
    let bundle = env.path("bundle");
    let name = format!("{}:app", env.store().display());
    tool("umoci", &["unpack", "--image", &name, bundle.to_str().unwrap()]);
    let mut found = BTreeMap::new();
    list(&bundle.join("rootfs"), "", &mut found);
    assert_eq!(found, expected);
    let root = bundle.join("rootfs");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    assert_eq!((read("keep/hard"), read("file/in"), read("dir2/new")), ("3\n".into(), "copied".into(), "2\n".into()));
    let inode = |path: &str| fs::metadata(root.join(path)).unwrap().ino();
    assert_eq!(inode("keep/hard"), inode("keep/again"));
}

/// Lists a directory as [`other_tools_see_the_same_files`] compares it.
fn list(directory: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = entry.metadata().unwrap();
        let state = if metadata.is_dir() {
            list(&entry.path(), &format!("{path}/"), found);
            format!("d {:04o}", metadata.mode() & 0o7777)
        } else if metadata.is_symlink() {
            format!("l {}", fs::read_link(entry.path()).unwrap().display())
        } else {
            assert!(!metadata.file_type().is_char_device(), "{path}");
            "f".to_owned()
        };
        found.insert(path, state);
    }
}

#[test]
fn whiteouts_come_back_from_the_cache_and_from_an_image() {
    let env = environment();
    let dockerfile =
        format!("{CHANGES}RUN ls /dir2 /file /keep > /seen && cat /dir >> /seen && ls -d /gone >> /seen 2>&1; true\n");
    let first = env.image(&dockerfile).file("seen");
    assert!(first.contains("new\n") && first.contains("No such file"), "{first}");
    let other = environment();
    tool("cp", &["-a", env.store().to_str().unwrap(), other.path("image").to_str().unwrap()]);
    other.write(
        "Dockerfile",
        "FROM built\nRUN ls /dir2 /file /keep > /again && cat /dir >> /again && ls -d /gone >> /again 2>&1; true\n",
    );
    let context = format!("built=oci-layout://{}:app", other.path("image").display());
    other.ok(["build", "-t", "app", "--build-context", &context, "."]);
    assert_eq!(crate::support::image::Image::open(&other.store(), "app").file("again"), first);
}
