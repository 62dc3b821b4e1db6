//! Builds at the same time on one store.

use std::process::Stdio;

use crate::support::TestEnv;
use crate::support::image::Image;

#[test]
fn two_builds_on_one_store_are_both_right_twenty_times_over() {
    let env = TestEnv::root();
    for name in ["one", "two"] {
        // The first two steps are the same in both; the others are not.
        let dockerfile =
            format!("FROM base\nARG ROUND\nRUN echo shared $ROUND > /shared\nRUN echo {name} $ROUND > /own\n");
        env.write(&format!("{name}/Dockerfile"), dockerfile);
    }
    for round in 0..20 {
        let children: Vec<_> = ["one", "two"]
            .map(|name| {
                let mut command = env.builder();
                command.args(["build", "-t", name, "--build-context", "base=host:sh"]);
                command.args(["--build-arg", &format!("ROUND={round}"), name]);
                command.stderr(Stdio::piped()).stdout(Stdio::null());
                command.spawn().expect("builder starts")
            })
            .into();
        for child in children {
            let output = child.wait_with_output().expect("wait");
            assert!(output.status.success(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));
        }
        for name in ["one", "two"] {
            let image = Image::open(&env.store(), name);
            assert_eq!(image.file("shared"), format!("shared {round}\n"));
            assert_eq!(image.file("own"), format!("{name} {round}\n"));
        }
    }
}
