//! One build of a case, with this builder or with a peer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::base::Known;
use crate::case::Case;
use crate::outcome::{Layout, Outcome};
use crate::support::{Finished, TestEnv};

/// The layout that was built, or what was said instead.
pub type Built = Result<Layout, String>;

/// Copies a case below `work`, runs its set-up there, and returns the arguments of the build.
pub fn prepare(case: &Case, work: &Path, as_user: impl Fn(&Path)) -> Vec<String> {
    let shell = |script: &str, directory: &Path| {
        Finished::of(Command::new("sh").args(["-euc", script]).current_dir(directory)).success();
    };
    fs::create_dir_all(work.join("context")).expect("context");
    // Git keeps one bit of a mode; the others would be the umask of whoever cloned.
    shell(&format!("cp -rP '{}'/. . && chmod -R u=rwX,go=rX .", case.directory.display()), work);
    let context = work.join("context");
    if let Some(script) = &case.setup {
        shell(&format!("umask 022\n{script}"), &context);
    }
    as_user(work);
    let mut arguments = Vec::new();
    if work.join("Dockerfile").exists() {
        arguments.extend(["-f".to_owned(), work.join("Dockerfile").display().to_string()]);
    }
    arguments.extend(case.args.iter().map(|argument| argument.replace("{work}", &work.display().to_string())));
    arguments.push(context.display().to_string());
    arguments
}

/// Arguments of the build that makes `first`.
pub fn first_arguments(case: &Case, work: &Path) -> Option<Vec<String>> {
    let dockerfile = work.join(case.first.as_ref()?).display().to_string();
    let context = work.join("context").display().to_string();
    Some(["-f", &dockerfile, &context].map(str::to_owned).to_vec())
}

/// Builds with the builder under test.
pub fn own(env: &TestEnv, tag: &str, directory: &Path, arguments: &[String], base: &Known, case: &Case) -> Outcome {
    own_layout(env, tag, directory, arguments, case).map_or_else(Outcome::Failed, |layout| layout.outcome(base))
}

pub fn own_layout(env: &TestEnv, tag: &str, directory: &Path, arguments: &[String], case: &Case) -> Built {
    let mut command = env.builder();
    command.args(["build", "--progress", "plain", "--lint", "off", "-t", tag]).current_dir(directory);
    command.envs(&case.environment);
    if arguments.is_empty() {
        command.arg(".")
    } else {
        command.args(arguments)
    };
    let finished = Finished::of(&mut command);
    assert!(finished.code.is_some_and(|code| code < 100), "{finished:?}");
    if finished.code != Some(0) {
        return Err(finished.stderr);
    }
    Ok(Layout::open(&env.store(), Some(tag)))
}

/// A program that builds with another builder: `PROGRAM import TAR NAME`, and `PROGRAM build NAME ARCHIVE ARGUMENT…`,
/// which writes an OCI archive.
pub struct Peer {
    program: PathBuf,
}

impl Peer {
    pub fn new(program: &Path) -> Self {
        Self { program: program.to_owned() }
    }

    pub fn import(&self, archive: &Path) {
        Finished::of(Command::new(&self.program).arg("import").arg(archive).arg("base")).success();
    }

    pub fn build(&self, tag: &str, work: &Path, arguments: &[String], case: &Case) -> Built {
        let layout = work.join("peer");
        let _absent = fs::remove_dir_all(&layout);
        fs::create_dir_all(&layout).expect("directory");
        let archive = layout.join("image.tar");
        let mut command = Command::new(&self.program);
        command.arg("build").arg(tag).arg(&archive).args(arguments).current_dir(work).envs(&case.environment);
        let finished = Finished::of(&mut command);
        if finished.code != Some(0) {
            return Err(finished.stderr + &finished.stdout);
        }
        Finished::of(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&layout)).success();
        Ok(Layout::open(&layout, None))
    }
}
