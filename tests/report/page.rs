//! The page of `builder layers --html`, used in a real Chromium.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{BASE, Finished, TestEnv, repository};

/// The python that has playwright, as `tests/run` sets it.
const PYTHON: &str = "BUILDER_PAGE_PYTHON";
/// Where the pictures stay for whoever wants to look at them; a temporary directory otherwise.
const PICTURES: &str = "BUILDER_PAGE_PICTURES";

const DOCKERFILE: &str = "FROM base
COPY files /files
RUN rm -r /files/large/two.bin /files/gone
COPY config /etc/app/
RUN chmod 644 /files/large/three.bin && ls -l /files > /files/list
ENV MODE=production
CMD [\"ls\"]
";

fn write(env: &TestEnv) {
    let sizes = [("large/one.bin", 3_000_000), ("large/two.bin", 1_500_000), ("large/three.bin", 700_000)];
    for (name, size) in sizes {
        env.write(&format!("files/{name}"), vec![1; size]);
    }
    for n in 0..40 {
        env.write(&format!("files/lib/module{n:02}/code.py"), vec![b'#'; 9_000 + n * 777]);
        env.write(&format!("files/gone/{n}"), vec![b'x'; 4_000]);
    }
    // Names that would be markup, and one that is no text.
    env.write("files/<img src=x onerror=window.hacked=1>", vec![b'<'; 400_000]);
    env.write("files/</script><script>window.hacked=1<", vec![b'<'; 300_000]);
    env.write("config/&amp;\"'\u{202e}.conf", vec![b'c'; 90_000]);
    env.write("Dockerfile", DOCKERFILE);
}

#[test]
fn the_page_is_used_in_a_browser() {
    let env = TestEnv::root();
    write(&env);
    env.ok(["build", "-q", "-t", "team/app:1.4", "--build-context", BASE, "."]);
    let page = env.path("out/page.html");
    let said = env.ok(["layers", "team/app:1.4", "--html", page.to_str().unwrap()]).stdout;
    assert_eq!(said, "");
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.len() < 3_000_000 && !html.contains("<img"), "{}", html.len());
    for outside in ["http://", "https://", "url(", "@import", "src="] {
        let own = html.split(r#"id="data">"#).next().unwrap();
        assert!(!own.contains(outside), "{outside}");
    }
    let Some(python) = std::env::var_os(PYTHON).filter(|python| !python.is_empty()) else {
        let is_required = std::env::var_os("BUILDER_TESTS_REQUIRE").is_some_and(|value| value == "1");
        assert!(!is_required, "cannot run: {PYTHON} is not set; tests/run does it");
        return;
    };
    let pictures = std::env::var_os(PICTURES).map_or_else(|| env.path("out"), |path| Path::new(&path).to_owned());
    fs::create_dir_all(&pictures).unwrap();
    let mut command = Command::new(python);
    command
        .arg(repository().join("tests/report/page_in_browser.py"))
        .arg(&page)
        .arg("/usr/bin/chromium")
        .arg(&pictures);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("HOME", env.path("home"));
    let found = Finished::of(&mut command).success();
    assert_eq!(found.stdout.trim(), "", "{}", found.stderr);
    for name in ["light", "dark", "phone", "phone-dark"] {
        assert!(fs::metadata(pictures.join(format!("{name}.png"))).unwrap().len() > 20_000, "{name}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_an_error() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    env.ok(["build", "-q", "-t", "app", "."]);
    let said = env.ok(["layers", "app", "--html", "-"]).stdout;
    assert!(said.starts_with("<!") && said.trim_end().ends_with("</html>") && !env.path("work/-").exists(), "{said}");
    let refused = env.run(["layers", "app", "--html", "no/such/page.html"]).fails(3).stderr;
    assert!(refused.contains("cannot write `no/such/page.html`"), "{refused}");
}
