//! More layers than an overlay takes.

use std::fmt::Write as _;

use crate::support::image::Image;
use crate::support::{RunAs, TestEnv};

/// Every step hides something of the one before and reads what the first one left.
fn dockerfile(steps: usize) -> String {
    let mut text =
        String::from("FROM base\nRUN mkdir -p /kept/deep && echo kept > /kept/deep/file && echo 0 > /count\n");
    for step in 1..=steps {
        // Writing to a string cannot fail.
        let _ = match step % 4 {
            0 => writeln!(text, "COPY file /copied/{step}"),
            1 => writeln!(text, "RUN rm -rf /replaced && mkdir /replaced && echo {step} > /replaced/{step}"),
            2 => writeln!(
                text,
                "RUN rm -f /link && ln -s replaced/{} /link && cat /link /kept/deep/file > /read",
                step - 1
            ),
            _ => writeln!(text, "RUN cat /kept/deep/file && echo {step} > /count && chmod 70{} /kept", step / 4 % 8),
        };
    }
    text
}

fn builds(run_as: RunAs, steps: usize) {
    let env = TestEnv::new(run_as);
    env.write("file", "file\n");
    let ends = "RUN ls /replaced /copied > /list && ls -ld /kept > /mode && cat /count /read /kept/deep/file > /all\n";
    env.write("Dockerfile", format!("{}{ends}FROM scratch\nCOPY --from=0 /list /mode /all /\n", dockerfile(steps)));
    let build = || {
        env.ok(["build", "--lint", "off", "-t", "app", "--build-context", crate::support::BASE, "."]);
        let image = Image::open(&env.store(), "app");
        ["list", "mode", "all"].map(|name| image.file(name))
    };
    let [listing, mode, all] = build();
    let last = |remainder: usize| (1..=steps).rev().find(|step| step % 4 == remainder).unwrap();
    let mut copied: Vec<String> = (1..=steps).filter(|step| step % 4 == 0).map(|step| step.to_string()).collect();
    copied.sort();
    assert_eq!(listing, format!("/copied:\n{}\n\n/replaced:\n{}\n", copied.join("\n"), last(1)));
    assert_eq!(all, format!("{}\n{}\nkept\nkept\n", last(3), last(2) - 1));
    let bits = last(3) / 4 % 8;
    let letters: String = [(4, 'r'), (2, 'w'), (1, 'x')]
        .iter()
        .map(|(bit, letter)| if bits & bit == 0 { '-' } else { *letter })
        .collect();
    assert!(mode.starts_with(&format!("drwx---{letters} ")), "{mode}");
    // Whatever was merged is made again where it is missing, and a cached build needs none of it.
    std::fs::remove_dir_all(env.store().join("merged")).expect("merged layers");
    build();
    assert!(!env.store().join("merged").exists());
    env.write("Dockerfile", format!("{}RUN cat /kept/deep/file /count > /end\n", dockerfile(steps)));
    env.ok(["build", "--lint", "off", "-t", "app", "--build-context", crate::support::BASE, "."]);
    let image = Image::open(&env.store(), "app");
    assert_eq!(image.file("end"), format!("kept\n{}\n", last(3)));
    assert_eq!(image.config["rootfs"]["diff_ids"].as_array().unwrap().len(), image.layer_count());
}

#[test]
fn a_hundred_and_thirty_layers_for_an_ordinary_user() {
    builds(RunAs::Ordinary, 130);
}

#[test]
fn six_hundred_layers() {
    builds(RunAs::Root, 600);
}
