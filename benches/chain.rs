//! The hot stages of a build: parse, plan, context scan, layer write, and a whole cached build.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a bench that cannot go on should stop")]

use std::collections::BTreeMap;
use std::path::Path;

use builder_core::build_context::Context;
use builder_core::builder::{BuildOptions, Builder, BuilderOptions, ContextSource, NamedContextSource};
use builder_core::cancel::CancelToken;
use builder_core::copy::{CopyTree, Selection, content_digest};
use builder_core::dockerfile::parse;
use builder_core::event::NullSink;
use builder_core::layer::{OverlayFlavor, write_layer};
use builder_core::lint::{LintOptions, lint};
use builder_core::plan::op::CopySource;
use builder_core::plan::{NamedContext, PlanOptions, plan};
use builder_core::platform::Platform;
use builder_core::store::Owner;
use builder_core::text::{SourceFile, Span};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Stages of the generated Dockerfile.
const STAGES: usize = 40;
/// Files of the generated tree.
const FILES: usize = 2_000;
/// Bytes of each.
const FILE_BYTES: usize = 8 * 1024;

fn dockerfile() -> String {
    let mut text = String::from("# syntax=docker/dockerfile:1\nARG VERSION=1\n");
    for stage in 0..STAGES {
        text.push_str(&format!(
            "FROM base AS stage{stage}\nARG VERSION\nENV A=1 B=\"${{VERSION:-2}}\" \\\n    C='three'\nWORKDIR /work/{stage}\n\
             COPY --chown=1:2 src{stage} ./\nRUN <<EOT\nset -e\necho $VERSION\nEOT\nRUN make -j && \\\n    make install\n"
        ));
    }
    text.push_str("FROM scratch\n");
    for stage in 0..STAGES {
        text.push_str(&format!("COPY --from=stage{stage} /work/{stage} /{stage}/\n"));
    }
    text
}

fn tree(directory: &Path) {
    for file in 0..FILES {
        let parent = directory.join(format!("d{}", file % 50));
        std::fs::create_dir_all(&parent).unwrap();
        let content: Vec<u8> = (0..FILE_BYTES).map(|i| u8::try_from((i * 31 + file * 7) % 251).unwrap()).collect();
        std::fs::write(parent.join(format!("f{file}")), content).unwrap();
    }
}

fn pure(criterion: &mut Criterion) {
    let text = dockerfile();
    let mut group = criterion.benchmark_group("pure");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse", |bencher| bencher.iter(|| parse(&SourceFile::new("Dockerfile", text.as_str()))));
    let source = SourceFile::new("Dockerfile", text.as_str());
    let parsed = parse(&source);
    let mut options = PlanOptions::new(Platform::host(), Platform::host());
    options.contexts.insert("base".to_owned(), NamedContext::Host(vec!["sh".to_owned()]));
    group.bench_function("plan", |bencher| {
        bencher.iter(|| plan(&parsed.dockerfile, &options, &BTreeMap::new()).unwrap());
    });
    group.finish();
}

fn files(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    tree(directory.path());
    let cancel = CancelToken::new();
    let mut group = criterion.benchmark_group("files");
    group.throughput(Throughput::Bytes((FILES * FILE_BYTES) as u64));
    let context = Context::open(directory.path(), None).unwrap();
    let sources = [CopySource::Path { path: "/".to_owned(), span: Span::default() }];
    group.bench_function("context scan and digest", |bencher| {
        let tree = CopyTree::Context(&context);
        bencher.iter(|| {
            let selection = Selection::find(&tree, &sources, &[], &cancel).unwrap();
            content_digest(&tree, &sources, &selection, &cancel).unwrap()
        });
    });
    group.bench_function("layer write", |bencher| {
        bencher.iter(|| {
            write_layer(directory.path(), OverlayFlavor::Trusted, None, &mut std::io::sink(), &cancel).unwrap()
        });
    });
    group.finish();
}

fn builds(criterion: &mut Criterion) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let context = directory.path().join("context");
    tree(&context.join("src"));
    let text = "FROM base\nWORKDIR /a\nCOPY src/d1 ./\nRUN echo 1 > one\nRUN echo 2 > two\nENV A=b\nRUN echo 3\nCMD [\"sh\"]\n";
    std::fs::write(context.join("Dockerfile"), text).unwrap();
    let builder = Builder::open(BuilderOptions::new(directory.path().join("store"), Owner::Root)).unwrap();
    let mut options = BuildOptions::new(ContextSource::Directory(context));
    options.tags.push("bench".parse().unwrap());
    options.contexts.insert("base".to_owned(), NamedContextSource::Host(vec!["sh".to_owned()]));
    let cancel = CancelToken::new();
    builder.build(&options, &NullSink, &cancel, None).unwrap();
    let mut group = criterion.benchmark_group("build of 8 instructions");
    group.bench_function("cached", |bencher| {
        bencher.iter(|| builder.build(&options, &NullSink, &cancel, None).unwrap());
    });
    options.no_cache = true;
    group.sample_size(20).bench_function("without cache", |bencher| {
        bencher.iter(|| builder.build(&options, &NullSink, &cancel, None).unwrap());
    });
    group.finish();
}

/// Large files of shapes that once took more than linear time: twice the size may take twice the time.
fn lints(criterion: &mut Criterion) {
    type Shape = (&'static str, fn(usize) -> String);
    let shapes: [Shape; 5] = [
        ("chained stages", |n| format!("FROM s{n} AS s{}\n", n + 1)),
        ("stages", |n| format!("FROM debian:12 AS s{n}\nRUN a | b\nCOPY --from=s{n} /a /b\nENV X{n}=1\n")),
        ("arguments", |n| format!("ARG A{n}\nENV B{n}=$A{n}\n")),
        ("runs", |n| format!("RUN a{n} | b $X && rm -rf /c{n}\n")),
        ("one run", |n| format!("    if [ -n $A{n} ]; then B{n}=1; fi; for f in $(c); do echo $f >> log; done; \\\n")),
    ];
    let mut group = criterion.benchmark_group("lint");
    group.sample_size(10);
    for (name, shape) in shapes {
        for count in [2_000, 4_000] {
            let begin =
                if name == "one run" { "FROM debian:12 AS s0\nRUN true; \\\n" } else { "FROM debian:12 AS s0\n" };
            let text =
                std::iter::once(begin.to_owned()).chain((0..count).map(shape)).collect::<String>() + "    true\n";
            let text = if name == "one run" { text } else { text.trim_end_matches("    true\n").to_owned() };
            let source = SourceFile::new("Dockerfile", text.as_str());
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(format!("{name}, {count}"), |bencher| {
                bencher.iter(|| lint(&source, &LintOptions::default()));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, pure, files, builds, lints);
criterion_main!(benches);
