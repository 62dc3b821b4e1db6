//! Whatever was built before, a build gives the image that a build without cache gives.
//!
//! A random tree and a random Dockerfile are edited at random; after each edit the build on a store that has all the
//! earlier results is compared with one without cache on another store, with the same `SOURCE_DATE_EPOCH`. A difference
//! is told with its seed: `BUILDER_PROPERTY_SEED=N` runs that one alone, `BUILDER_PROPERTY_ROUNDS` sets how many seeds.
//!
//! Every file has a time after the epoch, which the layer sets back to it. Times before the epoch are kept in layers and
//! are, as with BuildKit, no part of what a step is known by: with a file whose time alone changed from one such time to
//! another, the cached image has the earlier one, and that is right.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use builder_core::builder::{BuildOptions, Builder, BuilderOptions, ContextSource, NamedContextSource};
use builder_core::cancel::CancelToken;
use builder_core::event::NullSink;
use builder_core::store::Owner;

use crate::support::scratch_parent;

const EPOCH: i64 = 1_000_000_000;
const SEEDS: u64 = 20;
const EDITS: u64 = 10;

/// Numbers that look random and are the same each time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("small")
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const DIRECTORIES: [&str; 5] = ["", "a", "b", "a/c", "b/c"];
const NAMES: [&str; 5] = ["x", "y", "z.txt", "w.log", "-odd name"];

fn place(numbers: &mut Numbers) -> String {
    let (directory, name) = (numbers.pick(&DIRECTORIES), numbers.pick(&NAMES));
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).expect("remove"),
        Ok(_) => fs::remove_file(path).expect("remove"),
        Err(_) => {}
    }
}

/// Changes one thing in the tree, and tells what.
fn edit_tree(root: &Path, numbers: &mut Numbers) -> String {
    let (from, to) = (place(numbers), place(numbers));
    let (path, other) = (root.join(&from), root.join(&to));
    fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    fs::create_dir_all(other.parent().expect("parent")).expect("directory");
    match numbers.below(12) {
        0 => {
            remove(&path);
            format!("remove {from}")
        }
        1 => {
            let directory = numbers.pick(&DIRECTORIES[1..]);
            remove(&root.join(directory));
            format!("remove {directory}/")
        }
        2 if path.exists() && from != to => {
            remove(&other);
            fs::rename(&path, &other).expect("rename");
            format!("rename {from} to {to}")
        }
        3 => {
            let mode = [0o644, 0o755, 0o600, 0o4711][numbers.below(4)];
            let is_link = fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink());
            if path.exists() && !is_link {
                fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("mode");
            }
            format!("chmod {mode:o} {from}")
        }
        4 => {
            let target = numbers.pick(&["x", "../a", "/a/x", "missing", "."]);
            remove(&path);
            symlink(target, &path).expect("link");
            format!("link {from} to {target}")
        }
        5 if path.is_file() && from != to => {
            remove(&other);
            let _of_a_link = fs::hard_link(&path, &other);
            format!("hard link {from} to {to}")
        }
        6 => {
            if let Ok(file) = fs::File::open(&path) {
                file.set_modified(std::time::SystemTime::now()).expect("time");
            }
            format!("touch {from}")
        }
        7 => {
            let directory = path.with_file_name("empty");
            let _there = fs::create_dir(&directory);
            let mode = [0o755, 0o711][numbers.below(2)];
            fs::set_permissions(&directory, PermissionsExt::from_mode(mode)).expect("mode");
            format!("directory {}", directory.display())
        }
        8 => {
            let rules = ["*.log", "a", "!a/x", "**/z*", "b/c", "!**/y", ".dockerignore", ""];
            let text: Vec<&str> = (0..numbers.below(4)).map(|_| numbers.pick(&rules)).collect();
            fs::write(root.join(".dockerignore"), text.join("\n")).expect("file");
            format!("ignore {text:?}")
        }
        _ => {
            let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            if !is_file {
                remove(&path);
            }
            let content = format!("{}\n", numbers.below(4));
            fs::write(&path, &content).expect("file");
            format!("write {content:?} to {from}")
        }
    }
}

const STEPS: [&str; 22] = [
    "COPY . /src/",
    "COPY a* b* Dockerfile /dst/",
    "COPY --chmod=0705 x* Dockerfile /modes/",
    "COPY --chown=7:8 --exclude=*.log . /excluded/",
    "COPY --link a* Dockerfile /linked/",
    "COPY --parents **/c Dockerfile /parents/",
    "ADD b* Dockerfile /added/",
    "COPY <<EOF /inline\nhello $V\nEOF",
    "WORKDIR /work/dir",
    "ENV E=one",
    "ENV E=two",
    "RUN true",
    "RUN date > /dev/null",
    "RUN echo \"$V $E\" > /values",
    "RUN cat /src/x /src/a/x /inline > /read 2>/dev/null || true",
    "RUN all=$(find / -xdev -type f -not -path '/lib*' -exec ls -ln --time-style=+ {} +); echo \"$all\" | sort > /list",
    "RUN rm -rf /src/a /dst/b; mkdir -p /src/made && echo made > /src/made/file",
    "RUN chmod -R go-w /src /dst 2>/dev/null; mv /inline /moved 2>/dev/null || true",
    "RUN test ! -e /src/x || ln -f /src/x /hard",
    "RUN --mount=type=bind,target=/context cat /context/x /context/a/x > /bound 2>/dev/null || true",
    "RUN --mount=type=bind,source=Dockerfile,target=/d ls -l --time-style=+ /d > /dev/null",
    "RUN echo again >> /log",
];

const COPIES: [&str; 5] = [
    "COPY --from=one /bin /bin",
    "COPY --from=one / /all/",
    "COPY --from=one /lis* /value* /bin/sh /some/",
    "COPY --from=one --chmod=0600 /bin/sh /sh",
    "COPY --from=one --link --exclude=bin /src* /bin/sh /linked/",
];

/// The lines of a Dockerfile of two stages, and the argument of the build.
struct Recipe {
    first: Vec<&'static str>,
    second: Vec<&'static str>,
    default: usize,
    argument: Option<usize>,
}

impl Recipe {
    fn new(numbers: &mut Numbers) -> Self {
        let first = (0..3 + numbers.below(3)).map(|_| numbers.pick(&STEPS)).collect();
        let second = (0..=numbers.below(2)).map(|_| numbers.pick(&COPIES)).collect();
        Self { first, second, default: 0, argument: None }
    }

    fn edit(&mut self, numbers: &mut Numbers) {
        let lines = if numbers.below(4) == 0 { &mut self.second } else { &mut self.first };
        let (place, other) = (numbers.below(lines.len() + 1), numbers.below(lines.len()));
        let line = place.min(lines.len() - 1);
        match numbers.below(6) {
            0 if lines.len() > 1 => {
                lines.remove(line);
            }
            1 => lines.swap(line, other),
            2 => self.default = numbers.below(3),
            3 => self.argument = [None, Some(0), Some(1)][numbers.below(3)],
            _ if lines.len() < 9 => lines.insert(place, numbers.pick(&STEPS)),
            _ => {}
        }
    }

    fn text(&self) -> String {
        let mut text = format!("FROM base AS one\nARG V={}\n", self.default);
        for line in &self.first {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{line}");
        }
        text.push_str("FROM base\n");
        for line in &self.second {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

struct Place {
    directory: tempfile::TempDir,
    cached: Builder,
    fresh: Builder,
}

impl Place {
    fn new() -> Self {
        // Kept where a test fails; then its path is told.
        let directory =
            tempfile::Builder::new().prefix("builder-property-").tempdir_in(scratch_parent()).expect("place");
        let open = |name: &str| Builder::open(BuilderOptions::new(directory.path().join(name), Owner::Root));
        let (cached, fresh) = (open("cached").expect("store"), open("fresh").expect("store"));
        fs::create_dir(directory.path().join("context")).expect("context");
        Self { directory, cached, fresh }
    }

    fn context(&self) -> PathBuf {
        self.directory.path().join("context")
    }

    /// The digest of the image, or why there is none.
    fn build(&self, builder: &Builder, no_cache: bool, argument: Option<usize>) -> Result<(String, usize), String> {
        let mut options = BuildOptions::new(ContextSource::Directory(self.context()));
        options.source_date_epoch = Some(EPOCH);
        options.no_cache = no_cache;
        options.tags.push("app".parse().expect("name"));
        options.build_args.extend(argument.map(|value| ("V".to_owned(), format!("given {value}"))));
        let programs = ["sh", "cat", "ls", "mkdir", "ln", "rm", "chmod", "mv", "date", "find", "sort", "test"];
        options.contexts.insert("base".to_owned(), NamedContextSource::Host(programs.map(str::to_owned).to_vec()));
        let outcome = builder.build(&options, &NullSink, &CancelToken::new(), None);
        outcome
            .map(|built| (built.descriptor.digest.to_string(), built.steps_cached))
            .map_err(|error| error.to_string())
    }
}

fn number_from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Returns how many comparisons there were, how many of them of images, and how many steps were cached.
fn check(seed: u64) -> [usize; 3] {
    let mut numbers = Numbers(seed);
    let place = Place::new();
    let mut history = String::new();
    for _ in 0..8 {
        edit_tree(&place.context(), &mut numbers);
    }
    let mut recipe = Recipe::new(&mut numbers);
    let mut counts = [0; 3];
    for round in 0..EDITS {
        let text = recipe.text();
        fs::write(place.context().join("Dockerfile"), &text).expect("Dockerfile");
        let cached = place.build(&place.cached, false, recipe.argument);
        let fresh = place.build(&place.fresh, true, recipe.argument);
        let digest = |result: &Result<(String, usize), String>| result.clone().map(|(digest, _)| digest);
        if digest(&cached) != digest(&fresh) {
            let (kept, argument) = (place.directory.keep(), recipe.argument);
            panic!(
                "seed {seed}, round {round}, kept in {}\ncached {cached:?}\nfresh {fresh:?}\n\
                 argument {argument:?}\n{history}\n{text}",
                kept.display()
            );
        }
        counts[0] += 1;
        if let Ok((_, steps)) = cached {
            counts[1] += 1;
            counts[2] += steps;
        }
        for _ in 0..=numbers.below(3) {
            let edit = edit_tree(&place.context(), &mut numbers);
            // Writing to a string cannot fail.
            let _ = writeln!(history, "{round}: {edit}");
        }
        if numbers.below(3) > 0 {
            recipe.edit(&mut numbers);
        }
    }
    counts
}

#[test]
#[expect(clippy::print_stdout, reason = "for whoever runs the tests")]
fn a_cached_build_gives_the_image_of_a_build_without_cache() {
    if let Some(seed) = number_from_environment("BUILDER_PROPERTY_SEED") {
        check(seed);
        return;
    }
    let seeds = number_from_environment("BUILDER_PROPERTY_ROUNDS").unwrap_or(SEEDS);
    let mut counts = [0; 3];
    for seed in 1..=seeds {
        for (sum, count) in counts.iter_mut().zip(check(seed)) {
            *sum += count;
        }
    }
    let [comparisons, images, cached] = counts;
    println!("{comparisons} comparisons, {images} of images, {cached} steps cached");
    // A generator that only makes builds that fail, or that have nothing in common, shows nothing.
    assert!(images * 10 > comparisons * 7, "{images} of {comparisons} builds gave an image");
    assert!(cached > images * 3, "{cached} steps were cached in {images} builds");
}
