//! `--change` of an import: instructions of a Dockerfile that change a config and nothing else.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Severity};
use crate::digest::Digest;
use crate::dockerfile::{Instruction, InstructionKind, parse};
use crate::oci::ImageConfig;
use crate::plan::op::ImageKey;
use crate::plan::{PlanOptions, Planned, ResolvedImage, plan};
use crate::platform::Platform;
use crate::text::SourceFile;

/// What the image that is changed is called in the Dockerfile that is made of the changes.
const BASE: &str = "imported";

/// A change cannot be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// An instruction that does more than change the config. The words are docker's.
    #[error("{keyword} is not a valid change command")]
    Forbidden {
        /// The keyword as written.
        keyword: String,
    },
    /// It is no instruction, or one that makes no sense.
    #[error("invalid change `{change}`: {message}")]
    Invalid {
        /// The change.
        change: String,
        /// What is wrong.
        message: String,
    },
}

/// Applies changes to a config, in their order: `CMD`, `ENTRYPOINT`, `ENV`, `EXPOSE`, `HEALTHCHECK`, `LABEL`,
/// `ONBUILD`, `STOPSIGNAL`, `USER`, `VOLUME` and `WORKDIR`, as in a Dockerfile. No history is added.
///
/// # Errors
/// [`ChangeError`].
pub fn apply(config: &mut ImageConfig, changes: &[String]) -> Result<(), ChangeError> {
    let head = format!("FROM {BASE}\n");
    let mut sets_path = config.config.env.iter().any(|entry| entry.starts_with("PATH="));
    for change in changes {
        let source = SourceFile::new("change", format!("{head}{change}\n"));
        let parsed = parse(&source);
        let added = parsed.dockerfile.instructions.iter().skip(1);
        if let Some(forbidden) = added.clone().find(|instruction| !is_allowed(instruction)) {
            return Err(ChangeError::Forbidden { keyword: forbidden.keyword.value.clone() });
        }
        if let Some(message) = first_error(&parsed.diagnostics) {
            return Err(ChangeError::Invalid { change: change.clone(), message });
        }
        sets_path |= added.clone().any(sets_search_path);
        if added.count() == 0 {
            let message = "there is no instruction in it".to_owned();
            return Err(ChangeError::Invalid { change: change.clone(), message });
        }
    }
    // Variables that one sets are known to those after it.
    let source = SourceFile::new("changes", format!("{head}{}\n", changes.join("\n")));
    let dockerfile = parse(&source).dockerfile;
    let options = PlanOptions::new(config.platform(), Platform::host());
    let invalid = |message| ChangeError::Invalid { change: changes.join("; "), message };
    let mut images = BTreeMap::new();
    // The first answer is that the image is needed.
    for _ in 0..2 {
        let planned = plan(&dockerfile, &options, &images);
        let planned = planned.map_err(|error| invalid(first_error(&error.diagnostics).unwrap_or_default()))?;
        match planned {
            Planned::Ready(plan) => {
                config.config = plan.config.config;
                // A build gives its images a search path, an import does not.
                config.config.env.retain(|entry| sets_path || !entry.starts_with("PATH="));
                return Ok(());
            }
            Planned::NeedImages(requests) => {
                let mut base = config.clone();
                base.history.clear();
                let image = ResolvedImage { config: base, digest: Digest::of(b""), display: BASE.to_owned() };
                let keys = requests.into_iter().map(|request| request.key);
                images.extend(keys.map(|key: ImageKey| (key, image.clone())));
            }
            Planned::NeedEpoch(_) => break,
        }
    }
    Err(invalid("it needs more than the image".to_owned()))
}

fn is_allowed(instruction: &Instruction) -> bool {
    use InstructionKind as Kind;
    match &instruction.kind {
        Kind::Cmd(_)
        | Kind::Entrypoint(_)
        | Kind::Env(_)
        | Kind::Expose(_)
        | Kind::Healthcheck(_)
        | Kind::Label(_)
        | Kind::OnBuild(_)
        | Kind::StopSignal(_)
        | Kind::User(_)
        | Kind::Volume(_)
        | Kind::Workdir(_)
        // The parser said what is wrong with it.
        | Kind::Invalid => true,
        Kind::Add(_)
        | Kind::Arg(_)
        | Kind::Copy(_)
        | Kind::From(_)
        | Kind::Maintainer(_)
        | Kind::Run(_)
        | Kind::Shell(_) => false,
    }
}

fn sets_search_path(instruction: &Instruction) -> bool {
    match &instruction.kind {
        InstructionKind::Env(pairs) => pairs.pairs.iter().any(|pair| pair.key.as_str() == "PATH"),
        _ => false,
    }
}

fn first_error(diagnostics: &[Diagnostic]) -> Option<String> {
    diagnostics.iter().find(|found| found.severity == Severity::Error).map(|found| found.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> Result<ImageConfig, ChangeError> {
        let mut config = ImageConfig::empty(&Platform::host());
        let changes: Vec<String> = changes.iter().map(|text| (*text).to_owned()).collect();
        apply(&mut config, &changes).map(|()| config)
    }

    #[test]
    fn changes_are_instructions_of_a_dockerfile() {
        let config = changed(&[
            "ENV A=1 B=two",
            "env C=$A$B",
            "CMD [\"sh\", \"-c\", \"true\"]",
            "ENTRYPOINT exec top",
            "EXPOSE 80 53/udp",
            "LABEL version=\"1 2\"",
            "USER 7:8",
            "VOLUME /data",
            "WORKDIR /srv",
            "WORKDIR app",
            "STOPSIGNAL SIGINT",
            "HEALTHCHECK --interval=5s CMD true",
            "ONBUILD RUN make",
        ]);
        let config = config.unwrap().config;
        assert_eq!(config.env, ["A=1", "B=two", "C=1two"]);
        assert_eq!(changed(&["ENV PATH=/bin"]).unwrap().config.env, ["PATH=/bin"]);
        assert_eq!(config.cmd.as_deref().unwrap(), ["sh", "-c", "true"]);
        assert_eq!(config.entrypoint.as_deref().unwrap(), ["/bin/sh", "-c", "exec top"]);
        assert_eq!(config.exposed_ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
        assert_eq!((config.labels["version"].as_str(), config.user.as_str()), ("1 2", "7:8"));
        assert_eq!((config.working_dir.as_str(), config.stop_signal.as_str()), ("/srv/app", "SIGINT"));
        assert!(config.volumes.contains_key("/data"));
        assert_eq!(config.healthcheck.unwrap().interval, 5_000_000_000);
        assert_eq!(config.on_build, ["RUN make"]);
    }

    #[test]
    fn what_is_no_change_is_refused() {
        for keyword in ["RUN make", "COPY a b", "FROM x", "run make", "ARG A", "SHELL [\"a\"]", "ENV A=1\nRUN x"] {
            let word = keyword.lines().last().unwrap().split(' ').next().unwrap();
            let error = changed(&[keyword]).unwrap_err().to_string();
            assert_eq!(error, format!("{word} is not a valid change command"));
        }
        for (bad, message) in [
            ("NOPE x", "NOPE"),
            ("ENV", "ENV"),
            ("EXPOSE 99999999", "invalid"),
            ("STOPSIGNAL SIGNOPE", "invalid signal"),
            ("# only a comment", "no instruction"),
            ("", "no instruction"),
        ] {
            let error = changed(&[bad]).unwrap_err().to_string();
            assert!(error.starts_with("invalid change") && error.contains(message), "{error}");
        }
    }
}
