//! Whatever was built before, a build gives the image that a build without cache gives.
//!
//! A random tree and a random Dockerfile are edited at random; after each edit the build on a store that has all the
//! earlier results is compared with one without cache on another store, with the same `SOURCE_DATE_EPOCH`. A difference
//! is told with its seed: `BUILDER_PROPERTY_SEED=N` runs that one alone, `BUILDER_PROPERTY_ROUNDS` sets how many seeds.
//!
//! Every third seed has no epoch: then times are no part of anything, and what a container would see is compared.
//!
//! Times after the epoch are set back to it by the layer; those before it are kept, and files get such times, too. The
//! builds differ in what they do besides: with a name for the image or without, with a shared cache, two at the same
//! time, after somebody removed a snapshot.

mod edits;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use builder_core::builder::{
    BuildOptions, Builder, BuilderOptions, CacheExport, CacheMode, CacheTarget, ContextSource, NamedContextSource,
};
use builder_core::cache::shared::{CacheOrigin, LocalCache};
use builder_core::cancel::CancelToken;
use builder_core::digest::Digest;
use builder_core::event::NullSink;
use builder_core::store::Owner;

use self::edits::{Numbers, edit_tree, remove};
use crate::support::image::Image;
use crate::support::scratch_parent;
use crate::support::tree::Tree;

const EPOCH: i64 = 1_000_000_000;
const SEEDS: u64 = 12;
const EDITS: u64 = 10;

const STEPS: [&str; 46] = [
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
    "ADD *.tar Dockerfile /unpacked/",
    "ADD --chown=5 . /added-all/",
    "COPY a /src/",
    "COPY . .",
    "COPY . /src/a/",
    "COPY --chmod=go-rwx . /private",
    "COPY --exclude=a --exclude=!a/x . /some-of-a/",
    "COPY --parents --exclude=*.log ./**/x* Dockerfile /parents/",
    "COPY --parents ./b/./c* Dockerfile /pivot/",
    "COPY --link --chown=9 . /linked/deep/",
    "COPY --link . /src/",
    "COPY <<A <<\"B\" Dockerfile /inlines/\none $V\nA\ntwo $V\nB",
    "LABEL l=\"$V\"",
    "LABEL l=two m=three",
    "USER 7:8",
    "ARG W=one",
    "RUN stat -c '%n %Y %a %u' /src /src/* /unpacked/in/* > /times 2>/dev/null || true",
    "RUN touch -d @500 /old && cp -p /old /copied && touch -d @600 /old",
    "RUN --mount=type=bind,target=/context cp -a /context/. /from-mount/",
    "RUN --mount=type=cache,target=/cache date >> /cache/log && echo cached > /of-cache",
    "RUN --mount=type=cache,id=x,from=base,source=/bin,target=/cache ls /cache/sh > /of-base",
    "RUN --mount=type=tmpfs,target=/t echo x > /t/x && echo $V > /of-tmpfs",
    "SHELL [\"/bin/sh\", \"-e\", \"-c\"]",
    "RUN if test -d /src; then mv /src /moved-src && mkdir /src; fi",
];

/// What the second and the last stage take of the first, which always has these directories.
const OF_ONE: [&str; 10] = [
    "COPY --from=one /src /again/",
    "COPY --from=one /src /again/src",
    "COPY --from=one /src/ /",
    "COPY --from=one /dst /again/",
    "COPY --from=one /src /dst /again/",
    "COPY --from=one --chown=4:5 --chmod=go-w /src /owned/src/",
    "COPY --from=one --link /src /again/",
    "COPY --from=one --link --chown=6 /src /linked/src",
    "COPY --from=one --exclude=*.log --exclude=a /src /some-src/",
    "COPY --from=one --parents /src/./ /dst /parents/",
];

const COPIES: [&str; 12] = [
    "COPY --from=one /bin /bin",
    "COPY --from=one / /all/",
    "COPY --from=one /lis* /value* /bin/sh /some/",
    "COPY --from=one --chmod=0600 /bin/sh /sh",
    "COPY --from=one --link --exclude=bin /src* /bin/sh /linked/",
    "COPY --from=two /src* /list* /bin/sh /src/",
    "COPY --from=two --parents /src*/./a* /bin/sh /parents/",
    "COPY --from=two --chown=4 /bin/sh /src* /owned/",
    "RUN --mount=type=bind,from=one,target=/one ls -lR --time-style=+%s /one/src /one/dst > /listed 2>/dev/null || true",
    "RUN --mount=type=bind,from=two,source=/bin,target=/two,rw touch /two/new && cp -p /two/sh /sh",
    "COPY . /src/",
    "RUN --mount=from=two,target=/two cp -a /two/src /two-src 2>/dev/null || true",
];

/// The lines of a Dockerfile of three stages, and the argument of the build.
struct Recipe {
    stages: [Vec<&'static str>; 3],
    /// Whether the second stage begins with the first.
    continued: bool,
    default: usize,
    argument: Option<usize>,
    epoch: Option<i64>,
}

impl Recipe {
    fn new(numbers: &mut Numbers, epoch: Option<i64>) -> Self {
        let mut steps = |count: usize| (0..count).map(|_| numbers.pick(&STEPS)).collect();
        let (first, second) = (steps(4), steps(1));
        let mut last: Vec<&'static str> = (0..=numbers.below(2)).map(|_| numbers.pick(&COPIES)).collect();
        last.push(numbers.pick(&OF_ONE));
        Self { stages: [first, second, last], continued: numbers.below(2) == 0, default: 0, argument: None, epoch }
    }

    fn edit(&mut self, numbers: &mut Numbers) {
        let stage = [0, 0, 0, 1, 2][numbers.below(5)];
        let choice: &[&'static str] = match (stage, numbers.below(3)) {
            (1 | 2, 0) => &OF_ONE,
            (2, _) => &COPIES,
            _ => &STEPS,
        };
        let lines = &mut self.stages[stage];
        let (place, other) = (numbers.below(lines.len() + 1), numbers.below(lines.len()));
        let line = place.min(lines.len() - 1);
        match numbers.below(7) {
            0 if lines.len() > 1 => {
                lines.remove(line);
            }
            1 => lines.swap(line, other),
            2 => self.default = numbers.below(3),
            3 => self.argument = [None, Some(0), Some(1)][numbers.below(3)],
            4 => self.continued = !self.continued,
            _ if lines.len() < 9 => lines.insert(place, numbers.pick(choice)),
            _ => {}
        }
    }

    fn text(&self) -> String {
        let [first, second, last] = &self.stages;
        let below = if self.continued { "one" } else { "base" };
        let begin = [
            format!("base AS one\nARG V={}\nRUN mkdir -p /src /dst", self.default),
            format!("{below} AS two\nARG V=2"),
            "base".to_owned(),
        ];
        let mut text = "# syntax=docker/dockerfile:1-labs\n".to_owned();
        for (begin, lines) in begin.iter().zip([first, second, last]) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "FROM {begin}");
            // What shows times is another file each time where they are not clamped.
            let shows_times = |line: &str| line.contains("stat -c") || line.contains("+%s");
            for line in lines.iter().filter(|line| self.epoch.is_some() || !shows_times(line)) {
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }
}

struct Place {
    directory: tempfile::TempDir,
    cached: Builder,
    fresh: Builder,
    /// Another machine, which only shares a cache.
    other: Builder,
}

impl Place {
    fn new() -> Self {
        // Kept where a test fails; then its path is told.
        let directory =
            tempfile::Builder::new().prefix("builder-property-").tempdir_in(scratch_parent()).expect("place");
        let open = |name: &str| Builder::open(BuilderOptions::new(directory.path().join(name), Owner::Root));
        let [cached, fresh, other] = ["cached", "fresh", "other"].map(|name| open(name).expect("store"));
        fs::create_dir(directory.path().join("context")).expect("context");
        Self { directory, cached, fresh, other }
    }

    fn context(&self) -> PathBuf {
        self.directory.path().join("context")
    }

    fn options(&self, recipe: &Recipe) -> BuildOptions {
        let mut options = BuildOptions::new(ContextSource::Directory(self.context()));
        options.source_date_epoch = recipe.epoch;
        options.build_args.extend(recipe.argument.map(|value| ("V".to_owned(), format!("given {value}"))));
        let programs = [
            "sh", "cat", "ls", "mkdir", "ln", "rm", "chmod", "mv", "date", "find", "sort", "test", "stat", "touch",
            "cp",
        ];
        options.contexts.insert("base".to_owned(), NamedContextSource::Host(programs.map(str::to_owned).to_vec()));
        options
    }

    /// Removes the directory of a layer, as somebody might who needs the space.
    fn lose_a_snapshot(&self, numbers: &mut Numbers) {
        let directories = fs::read_dir(self.directory.path().join("cached/snapshots")).expect("snapshots");
        let mut directories: Vec<PathBuf> = directories.map(|entry| entry.expect("entry").path()).collect();
        directories.sort();
        if !directories.is_empty() {
            remove(&directories[numbers.below(directories.len())]);
        }
    }

    fn cache(&self) -> PathBuf {
        self.directory.path().join("shared")
    }

    /// Builds with what earlier builds left, in one way or another.
    fn cached(&self, numbers: &mut Numbers, recipe: &Recipe) -> Built {
        let mut options = self.options(recipe);
        if recipe.epoch.is_none() || numbers.below(3) > 0 {
            options.tags.push("app".parse().expect("name"));
        }
        match numbers.below(10) {
            0 => options.no_cache_stages.push("one".to_owned()),
            1 => self.lose_a_snapshot(numbers),
            2 => {
                let target = CacheTarget::Local { directory: self.cache(), tag: "latest".to_owned() };
                let mut export = CacheExport::new(target);
                export.mode = CacheMode::Max;
                options.cache_to.push(export);
            }
            3 if self.cache().exists() => {
                let local = LocalCache { directory: self.cache(), tag: None, digest: None };
                options.cache_from.push(CacheOrigin::Local(local));
                return build(&self.other, &options);
            }
            4 => {
                let both = std::thread::scope(|scope| {
                    let other = scope.spawn(|| build(&self.cached, &options));
                    [build(&self.cached, &options), other.join().expect("build")]
                });
                let [one, other] = both;
                assert_eq!(shown(&one), shown(&other), "two at the same time");
                return one;
            }
            _ => {}
        }
        build(&self.cached, &options)
    }

    fn fresh(&self, numbers: &mut Numbers, recipe: &Recipe) -> Built {
        let mut options = self.options(recipe);
        options.no_cache = true;
        if recipe.epoch.is_none() || numbers.below(2) == 0 {
            options.tags.push("app".parse().expect("name"));
        }
        build(&self.fresh, &options)
    }
}

/// The digest of the image, or what is in it, and how many steps were cached; or why there is none.
type Built = Result<(String, usize), String>;

fn build(builder: &Builder, options: &BuildOptions) -> Built {
    let outcome = builder.build(options, &NullSink, &CancelToken::new(), None).map_err(|error| error.to_string())?;
    let seen = if options.source_date_epoch.is_some() {
        outcome.descriptor.digest.to_string()
    } else {
        let image = Image::open(builder.store().root(), "app");
        let lines: Vec<String> = Tree::of(&image).lines().iter().map(|line| short(line)).collect();
        format!("{}\n{}", image.config["config"], lines.join("\n"))
    };
    Ok((seen, outcome.steps_cached))
}

/// What a build came to, however much of it was cached.
fn shown(built: &Built) -> Result<String, String> {
    built.clone().map(|(seen, _)| seen)
}

/// A line, with a digest of what is too much to be shown.
fn short(line: &str) -> String {
    match line.split_once('=').filter(|(_, content)| content.len() > 1000) {
        Some((name, content)) => format!("{name}={}", Digest::of(content.as_bytes())),
        None => line.to_owned(),
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
    let mut recipe = Recipe::new(&mut numbers, (!seed.is_multiple_of(3)).then_some(EPOCH));
    let mut counts = [0; 3];
    for round in 0..EDITS {
        let text = recipe.text();
        fs::write(place.context().join("Dockerfile"), &text).expect("Dockerfile");
        let cached = place.cached(&mut numbers, &recipe);
        let fresh = place.fresh(&mut numbers, &recipe);
        if shown(&cached) != shown(&fresh) {
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
    assert!(cached > images * 2, "{cached} steps were cached in {images} builds");
}
