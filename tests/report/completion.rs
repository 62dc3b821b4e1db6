//! Completion in a real bash, a real fish and a real zsh.

use std::process::Command;

use crate::support::{Finished, TestEnv, repository};

/// Sources what `builder completion bash` prints, and presses the key after each line.
const SCRIPT: &str = r#"
set -eu
source <(builder completion bash)
complete -p builder >&2
press() {
    COMP_LINE="$1"; COMP_POINT=${#1}; COMP_TYPE=9; COMPREPLY=()
    # As bash cuts a line: at blanks, and at the characters of COMP_WORDBREAKS, which are words of their own.
    local spaced="$1"
    [[ $COMP_WORDBREAKS == *:* ]] && spaced="${spaced//:/ : }"
    [[ $COMP_WORDBREAKS == *=* ]] && spaced="${spaced//=/ = }"
    read -ra COMP_WORDS <<< "$spaced"
    [[ $1 == *[[:blank:]] ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    local current="${COMP_WORDS[COMP_CWORD]}"
    [[ $current == [:=] ]] && current=""
    _builder builder "$current" ""
    printf '%s\n' "${COMPREPLY[*]-}"
}
while IFS= read -r line; do press "$line"; done
"#;

/// A program with the builder on its path.
fn program(env: &TestEnv, name: &str) -> Command {
    let bin = env.path("out/bin");
    std::fs::create_dir_all(&bin).unwrap();
    let link = bin.join("builder");
    if !link.exists() {
        std::os::unix::fs::symlink(env.builder().get_program(), &link).unwrap();
    }
    let mut command = Command::new(name);
    command
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("HOME", env.path("home"))
        .env("TERM", "dumb")
        .env("BUILDER_ROOT", env.store())
        .current_dir(env.path("work"));
    command
}

fn shell(env: &TestEnv, lines: &str) -> Vec<String> {
    let input = env.write("lines", lines);
    let mut command = program(env, "bash");
    command.args(["--norc", "-c", SCRIPT]).stdin(std::fs::File::open(input).unwrap());
    Finished::of(&mut command).success().stdout.lines().map(str::to_owned).collect()
}

fn images(env: &TestEnv, names: &[&str]) {
    env.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    for name in names {
        env.ok(["build", "-q", "-t", name, "."]);
    }
}

#[test]
fn the_key_completes_what_is_typed_in_a_terminal() {
    let env = TestEnv::root();
    images(&env, &["hello", "hello:1.0", "help:2", "other:3"]);
    // What is typed, and what is to be on the screen then.
    let lines = [
        ("builder tag he\t\t\t", "hello:1.0"),
        ("builder tag hello:1\t", "hello:1.0 "),
        ("builder tag o\tx", "other:3 x"),
        ("builder build --ou\tx", "--output x"),
        ("builder images --no-tr\tx", "--no-trunc x"),
        ("builder lay\tx", "layers x"),
        ("builder build -f Dock\tx", "Dockerfile x"),
    ];
    let script = repository().join("tests/report/press_tab.py");
    let mut command = program(&env, "python3");
    command.arg(script).arg(serde_json::to_string(&lines).unwrap());
    let shown: Vec<serde_json::Value> = serde_json::from_str(&Finished::of(&mut command).success().stdout).unwrap();
    for (line, shown) in lines.iter().zip(shown) {
        assert_eq!(shown, true, "{line:?}");
    }
}

#[test]
fn names_of_images_and_options_are_offered() {
    let env = TestEnv::root();
    images(&env, &["hello", "hello:1.0", "help:2", "localhost:5000/team/other:3"]);
    let lines = "builder tag he\nbuilder build --ou\nbuilder tag hello:\nbuilder tag hello:1\nbuilder lay\nbuilder rmi localhost:5\n\
                 builder run --rm hel\nbuilder run hello he\nbuilder layers --format=j\nbuilder manifest ann\nbuilder layers zzz\nbuilder build -f Dock\n";
    assert_eq!(
        shell(&env, lines),
        [
            "hello hello:1.0 help:2",
            "--output",
            "1.0 latest",
            "1.0",
            "layers",
            "5000/team/other:3",
            "hello hello:1.0 help:2",
            "",
            "json",
            "annotate",
            "",
            "Dockerfile",
        ]
    );
}

/// What fish offers in the place of the last word, without what it says about it.
fn offered_by_fish(env: &TestEnv, line: &str) -> Vec<String> {
    let mut command = program(env, "fish");
    command.args(["--no-config", "-c", "builder completion fish | source; complete -C $argv[1]", line]);
    let said = Finished::of(&mut command).success().stdout;
    said.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn fish_offers_names_of_images_and_options() {
    let env = TestEnv::root();
    images(&env, &["hello", "hello:1.0", "help:2", "localhost:5000/team/other:3"]);
    for (line, expected) in [
        ("builder rmi ", &["hello", "hello:1.0", "help:2", "localhost:5000/team/other:3"][..]),
        ("builder rmi he", &["hello", "hello:1.0", "help:2"]),
        ("builder rmi hello:", &["hello:1.0", "hello:latest"]),
        ("builder rmi help:2 local", &["localhost:5000/team/other:3"]),
        ("builder run --rm hel", &["hello", "hello:1.0", "help:2"]),
        ("builder build --outp", &["--output"]),
        ("builder lay", &["layers"]),
        ("builder layers --format=j", &["--format=json"]),
        ("builder manifest ann", &["annotate"]),
        ("builder build -f Dock", &["Dockerfile"]),
        ("builder layers zzz", &[]),
    ] {
        let found = offered_by_fish(&env, line);
        // Where the builder has nothing, fish has names of files.
        let is_rmi_alone = line == "builder rmi ";
        assert!(
            if is_rmi_alone {
                expected.iter().all(|name| found.contains(&(*name).to_owned()))
            } else {
                found == expected
            },
            "{line}: {found:?}"
        );
    }
}

#[test]
fn the_key_completes_what_is_typed_in_zsh() {
    let env = TestEnv::root();
    images(&env, &["hello", "hello:1.0", "help:2", "localhost:5000/team/other:3"]);
    let lines = [
        ("builder rmi hello:1", "builder rmi hello:1.0 "),
        ("builder rmi local", "builder rmi localhost:5000/team/other:3 "),
        ("builder rmi h", "builder rmi hel"),
        ("builder rmi zzz", "builder rmi zzz"),
        ("builder run --rm help", "builder run --rm help:2 "),
        ("builder build --outp", "builder build --output "),
        ("builder lay", "builder layers "),
        ("builder manifest ann", "builder manifest annotate "),
        ("builder build -f Dock", "builder build -f Dockerfile "),
    ];
    let mut command = program(&env, "zsh");
    command.arg("-f").arg(repository().join("tests/report/press_tab_zsh.zsh")).arg(env.path("out/answers"));
    let said = Finished::of(command.args(lines.iter().map(|(line, _)| line))).success().stdout;
    let expected: Vec<String> = lines.iter().map(|(_, completed)| format!("[{completed}]")).collect();
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn another_store_is_asked_where_the_line_says_so() {
    let (env, other) = (TestEnv::root(), TestEnv::root());
    images(&other, &["there"]);
    let root = other.store().display().to_string();
    let lines = format!("builder --root {root} tag t\nbuilder tag t\nbuilder --root={root} tag th\n");
    assert_eq!(shell(&env, &lines), ["there", "", "there"]);
    // Who only completes makes no store.
    assert!(!env.store().exists());
}

#[test]
fn every_shell_has_a_script() {
    let env = TestEnv::root();
    for shell in ["bash", "zsh", "fish"] {
        let script = env.ok(["completion", shell]).stdout;
        assert!(script.contains("BUILDER_COMPLETE") && script.contains("builder"), "{shell}: {script}");
    }
    env.run(["completion", "tcsh"]).fails(2);
    assert!(!env.store().exists());
    // What zsh and fish ask is answered as well.
    for shell in ["zsh", "fish"] {
        let mut command = env.builder();
        command.env("BUILDER_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", "1").args(["--", "builder", "manif"]);
        assert!(Finished::of(&mut command).success().stdout.starts_with("manifest"), "{shell}");
    }
    let mut unknown = env.builder();
    let unknown = Finished::of(unknown.env("BUILDER_COMPLETE", "tcsh").args(["--", "builder", ""])).fails(1);
    assert_eq!((unknown.stdout, unknown.stderr), (String::new(), String::new()));
}
