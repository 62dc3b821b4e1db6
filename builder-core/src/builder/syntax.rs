//! `# syntax=`: which language the file asks for. The built-in one is the only one that there is.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Severity};
use crate::dockerfile::{Dockerfile, detect_syntax};
use crate::text::SourceFile;

/// The build arg that stands for the directive.
const SYNTAX_ARGUMENT: &str = "BUILDKIT_SYNTAX";
/// Images whose language is the built-in one.
const FRONTENDS: [&str; 2] = ["docker/dockerfile", "docker/dockerfile-upstream"];

/// Returns what to say where a file asks for another language than the built-in one.
pub(super) fn foreign_syntax(
    source: &SourceFile,
    dockerfile: &Dockerfile,
    build_args: &BTreeMap<String, String>,
) -> Option<Diagnostic> {
    let given = build_args.get(SYNTAX_ARGUMENT).filter(|given| !given.is_empty());
    let asked = given.cloned().or_else(|| detect_syntax(source.text()))?;
    // What stands behind a blank are arguments of the frontend.
    let image = asked.split_whitespace().next()?;
    if is_built_in(image) {
        return None;
    }
    let message = format!("the frontend `{image}` is not run: the file is read as `docker/dockerfile:1` would read it");
    let directive = dockerfile.directives.iter().find(|directive| directive.name.value == "syntax");
    let mut warning = Diagnostic::new(Severity::Warning, "external-frontend", message);
    warning = match directive {
        _ if given.is_some() => warning.note(format!("the build arg `{SYNTAX_ARGUMENT}` asks for it")),
        Some(directive) => warning.at(directive.value.span, ""),
        None => warning,
    };
    Some(warning.help("write `# syntax=docker/dockerfile:1`, or leave the directive out"))
}

/// Tells whether a frontend image, by its name and tag, has the language that is built in: release 1 in any form, and
/// the moving tags.
fn is_built_in(image: &str) -> bool {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let name = ["docker.io/", "index.docker.io/"].iter().find_map(|host| name.strip_prefix(host)).unwrap_or(name);
    let (name, tag) = name.split_once(':').unwrap_or((name, "latest"));
    let is_release = |tag: &str| tag == "1" || tag.starts_with("1.") || tag.starts_with("1-");
    let is_moving = matches!(tag, "latest" | "labs" | "master" | "master-labs" | "experimental");
    FRONTENDS.contains(&name) && (is_release(tag) || is_moving)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    fn told(text: &str, argument: Option<&str>) -> bool {
        let source = SourceFile::new("Dockerfile", text);
        let dockerfile = parse(&source).dockerfile;
        let arguments = argument.map(|value| (SYNTAX_ARGUMENT.to_owned(), value.to_owned()));
        foreign_syntax(&source, &dockerfile, &arguments.into_iter().collect()).is_some()
    }

    #[test]
    fn only_other_frontends_are_told() {
        for image in [
            "docker/dockerfile",
            "docker/dockerfile:1",
            "docker/dockerfile:1.7-labs",
            "docker.io/docker/dockerfile:labs",
            "docker/dockerfile:1@sha256:0123",
            "docker/dockerfile-upstream:master",
            "docker/dockerfile:1.0-experimental",
        ] {
            assert!(!told(&format!("# syntax={image}\nFROM x\n"), None), "{image}");
        }
        for image in
            ["docker/dockerfile:2", "docker/dockerfile:10", "example.test/docker/dockerfile:1", "tonistiigi/x a b"]
        {
            assert!(told(&format!("# syntax={image}\nFROM x\n"), None), "{image}");
        }
        assert!(told("// syntax=x\nFROM x\n", None));
        assert!(!told("# syntax=x\nFROM x\n", Some("docker/dockerfile:1")));
        assert!(told("# syntax=docker/dockerfile:1\nFROM x\n", Some("x")));
        assert!(!told("FROM x\n", Some("")));
    }
}
