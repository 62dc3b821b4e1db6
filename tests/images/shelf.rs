//! A few images that are the same, bit for bit, wherever and whenever they are built.

use regex::Regex;

use crate::support::{RunAs, TestEnv};

/// When the base was made: 2023-11-14.
pub const FIRST: &str = "1700000000";
/// When the images upon it were made: 2024-03-09 and 2024-07-03.
pub const SECOND: &str = "1710000000";
pub const THIRD: &str = "1720000000";

/// A store with `base:1`, `app` upon it under three names, and an image without a name upon it as well.
pub fn shelf(run_as: RunAs) -> TestEnv {
    let env = TestEnv::new(run_as);
    env.write("big", vec![b'b'; 100_000]);
    env.write("small", vec![b's'; 2_000]);
    env.write("other", vec![b'o'; 500]);
    build(&env, "FROM scratch\nLABEL team=core kind=base\nCOPY big /\n", FIRST, &["-t", "base:1"]);
    let app = "FROM base:1\nENV GREETING=\"hello there\"\nLABEL kind=app\nCOPY small /srv/\nWORKDIR /srv\n\
               EXPOSE 80\nUSER 7\nCMD [\"./small\", \"--a-long-option\", \"and\", \"another-one\"]\n";
    build(&env, app, SECOND, &["-t", "app", "-t", "app:2", "-t", "example.org/team/app"]);
    build(&env, "FROM base:1\nLABEL kind=other\nCOPY other /\n", THIRD, &[]);
    env
}

/// Builds a Dockerfile with the time of an image.
pub fn build(env: &TestEnv, dockerfile: &str, time: &str, arguments: &[&str]) -> String {
    env.write("Dockerfile", dockerfile);
    let arguments = [&["build", "-q", "--timestamp", time], arguments, &["."]].concat();
    env.ok(arguments).stdout.trim().to_owned()
}

/// Takes out of a table what changes with time: how long ago something was, and the width of its column.
pub fn timeless(text: &str) -> String {
    let text = Regex::new(r"\d+ (second|minute|hour|day|week|month|year)s? ago").unwrap().replace_all(text, "[AGO]");
    Regex::new(" {3,}").unwrap().replace_all(&text, "   ").into_owned()
}
