//! A fix that is called safe leaves the image as it is: built before and after, for each rule that has such fixes.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

use builder_core::lint::{Applicability, LintOptions, RULES, lint};
use builder_core::text::SourceFile;

use crate::support::image::Image;
use crate::support::{RunAs, TestEnv, bases, repository};

/// A rule and a Dockerfile that it mends, on a base of busybox.
const ON_BUSYBOX: [(&str, &str); 16] = [
    ("backticks", "FROM bb\nRUN x=`echo a` && echo \"$x\" > /x\n"),
    ("double-equals-in-sh", "FROM bb\nRUN if [ a == a ]; then echo yes > /x; fi\n"),
    ("egrep", "FROM bb\nRUN echo a > /a && egrep 'a|b' /a > /x\n"),
    ("fgrep", "FROM bb\nRUN echo a.b > /a && fgrep a.b /a > /x\n"),
    ("empty-continuation", "FROM bb\nRUN echo a \\\n\n > /x\n"),
    ("ignored-flag", "FROM bb\nARG --required x=a\nRUN echo \"$x\" > /x\nSTOPSIGNAL --now 9\n"),
    ("ignored-link", "FROM bb\nRUN mkdir /d && ln -s d /l\nCOPY --link --chmod=600 <<f /l/x\nx\nf\n"),
    ("joined-test", "FROM bb\nRUN if [ -d / -a -e /bin/busybox ]; then echo yes > /x; fi\n"),
    ("legacy-key-value", "FROM bb\nENV greeting hello world\nRUN echo \"$greeting\" > /x\n"),
    ("mixed-from-as-case", "FROM bb as one\nRUN echo a > /x\n"),
    ("mixed-keyword-case", "FROM bb\nRun echo a > /x\nENV a=b\n"),
    ("negated-emptiness", "FROM bb\nRUN if [ ! -z \"$PATH\" ]; then echo yes > /x; fi\n"),
    ("redundant-platform", "FROM --platform=$TARGETPLATFORM bb\nRUN echo a > /x\n"),
    ("source-in-sh", "FROM bb\nRUN echo 'a=1' > /env && source /env && echo \"$a\" > /x\n"),
    ("uppercase-protocol", "FROM bb\nEXPOSE 80/TCP\n"),
    ("uppercase-stage-name", "FROM bb AS Made\nRUN echo a > /x\nFROM bb\nCOPY --from=Made /x /y\n"),
];

/// The same on a base of Debian.
const ON_DEBIAN: [(&str, &str); 3] = [
    ("apt", "FROM debian:test\nRUN apt clean && echo a > /x\n"),
    (
        "unconfirmed-apt-get",
        "FROM debian:test\nRUN (apt-get remove no-such-name || echo a > /x); rm -rf /var/cache/apt /var/log\n",
    ),
    (
        "wget-progress",
        "FROM debian:test\nRUN apt-get install -y wget || true\nRUN wget -O /x http://127.0.0.1:1/ || echo none > /x\n",
    ),
];

/// Rules whose programs no base here has; without the fix there is no image at all.
const UNTRIED: [&str; 3] = ["unconfirmed-dnf", "unconfirmed-yum", "unconfirmed-zypper"];

fn builds_the_same(env: &TestEnv, rule: &str, dockerfile: &str, contexts: &[&str]) {
    let build = |text: &str, name: &str| {
        env.write("Dockerfile", text);
        // Steps that the fix leaves alone come from the cache: a package manager writes the time into its logs.
        let fixed = ["build", "--lint=off", "--timestamp", "0", "-t", name];
        env.ok(fixed.into_iter().chain(contexts.iter().copied()).chain(["."]));
        Image::open(&env.store(), name)
    };
    let before = build(dockerfile, "before");
    env.write("Dockerfile", dockerfile);
    env.run(["lint", "--no-config", "--no-fail", "--select", rule, "--fix", "Dockerfile"]);
    let mended = std::fs::read_to_string(env.path("work/Dockerfile")).unwrap();
    assert_ne!(mended, dockerfile, "{rule} mends nothing");
    let after = build(&mended, "after");
    assert_eq!(before.config["rootfs"], after.config["rootfs"], "{rule}: the files differ:\n{mended}");
    assert_eq!(before.config["config"], after.config["config"], "{rule}: the config differs:\n{mended}");
}

#[test]
fn images_are_the_same_on_busybox() {
    let env = TestEnv::new(RunAs::Root);
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| std::path::Path::new(path).exists());
    env.write("base/bin/busybox", std::fs::read(busybox.expect("tests/run installs busybox")).unwrap());
    let bin = env.path("work/base/bin");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(bin.join("busybox"), mode).unwrap();
    for applet in ["sh", "cat", "egrep", "fgrep", "grep", "ln", "mkdir"] {
        symlink("busybox", bin.join(applet)).unwrap();
    }
    let base = format!("bb={}", env.path("work/base").display());
    for (rule, dockerfile) in ON_BUSYBOX {
        builds_the_same(&env, rule, dockerfile, &["--build-context", &base]);
    }
}

#[test]
fn images_are_the_same_on_debian() {
    let env = TestEnv::new(RunAs::Root);
    env.ok(["import", bases::debian(&[]).to_str().unwrap(), "debian:test"]);
    for (rule, dockerfile) in ON_DEBIAN {
        builds_the_same(&env, rule, dockerfile, &[]);
    }
}

/// A rule with a safe fix that is not built here would be a promise that nobody keeps.
#[test]
fn every_rule_with_a_safe_fix_is_built() {
    let tried = ON_BUSYBOX.iter().chain(&ON_DEBIAN).map(|(rule, _)| *rule).chain(UNTRIED);
    let tried: BTreeSet<&str> = tried.collect();
    let mut safe = BTreeSet::new();
    for rule in RULES {
        let Ok(folder) = std::fs::read_dir(repository().join("fixtures/lint").join(rule.id)) else { continue };
        let mut options = LintOptions::default();
        options.select(rule.id, None).unwrap();
        for path in
            folder.map(|entry| entry.unwrap().path()).filter(|path| path.to_string_lossy().ends_with("Dockerfile"))
        {
            let source = SourceFile::new("Dockerfile", std::fs::read_to_string(path).unwrap());
            let findings = lint(&source, &options).into_iter();
            let is_safe = |fix: &builder_core::lint::Fix| fix.applicability == Applicability::Safe;
            safe.extend(findings.filter(|found| found.fix.as_ref().is_some_and(is_safe)).map(|found| found.rule.id));
        }
    }
    assert_eq!(safe, tried);
}
