//! BuildKit's build checks as a list: what each is about, and findings in the form that it shows them in.

use super::finding::Finding;
use super::rule::{Activation, Rule};
use crate::diagnostic::CheckWarning;
use crate::text::SourceFile;

/// The check that only a build can make: it needs the image.
pub const BASE_IMAGE_PLATFORM: &str = "InvalidBaseImagePlatform";

const DESCRIPTIONS: [(&str, &str); 22] = [
    (
        "ConsistentInstructionCasing",
        "All commands within the Dockerfile should use the same casing (either upper or lower)",
    ),
    ("CopyIgnoredFile", "Attempting to Copy file that is excluded by .dockerignore"),
    ("DuplicateStageName", "Stage names should be unique"),
    (
        "ExposeInvalidFormat",
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
    ),
    ("ExposeProtoCasing", "Protocol in EXPOSE instruction should be lowercase"),
    ("FromAsCasing", "The 'as' keyword should match the case of the 'from' keyword"),
    ("FromPlatformFlagConstDisallowed", "FROM --platform flag should not use a constant value"),
    (BASE_IMAGE_PLATFORM, "Base image platform does not match expected target platform"),
    ("InvalidDefaultArgInFrom", "Default value for global ARG results in an empty or invalid base image name"),
    (
        "InvalidDefinitionDescription",
        "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is \
         not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    ),
    (
        "JSONArgsRecommended",
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    ),
    ("LegacyKeyValueFormat", "Legacy key/value format with whitespace separator should not be used"),
    ("MaintainerDeprecated", "The MAINTAINER instruction is deprecated, use a label instead to define an image author"),
    ("MultipleInstructionsDisallowed", "Multiple instructions of the same type should not be used in the same stage"),
    ("NoEmptyContinuation", "Empty continuation lines will become errors in a future release"),
    (
        "RedundantTargetPlatform",
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    ),
    ("ReservedStageName", "Reserved words should not be used as stage names"),
    ("SecretsUsedInArgOrEnv", "Sensitive data should not be used in the ARG or ENV commands"),
    ("StageNameCasing", "Stage names should be lowercase"),
    ("UndefinedArgInFrom", "FROM command must use declared ARGs"),
    ("UndefinedVar", "Variables should be defined before their use"),
    (
        "WorkdirRelativePath",
        "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base \
         image changes",
    ),
];

/// Returns what a check is about.
pub fn description(check: &str) -> &'static str {
    DESCRIPTIONS.iter().find(|(name, _)| *name == check).map_or("", |(_, description)| description)
}

/// Returns where BuildKit's documentation of a check is.
pub fn url(check: &str) -> String {
    let mut kebab = String::new();
    let mut before: Option<char> = None;
    let mut chars = check.chars().peekable();
    while let Some(c) = chars.next() {
        // A run of capitals is one word, but for the last of them: `JSONArgs` is `json-args`.
        let begins = c.is_uppercase() && chars.peek().is_some_and(|next| next.is_lowercase());
        if before.is_some_and(|before| before.is_lowercase() && c.is_uppercase() || begins) {
            kebab.push('-');
        }
        kebab.extend(c.to_lowercase());
        before = Some(c);
    }
    format!("https://docs.docker.com/go/dockerfile/rule/{kebab}/")
}

/// Tells whether a check is off by default.
pub fn is_experimental(rule: &Rule) -> bool {
    rule.activation == Activation::Opinion
}

/// Returns a finding of one of BuildKit's checks in BuildKit's form.
pub fn check_warning(source: &SourceFile, finding: &Finding) -> Option<CheckWarning> {
    let rule = finding.rule.buildkit_name()?;
    let line = |offset| source.lines().line_column(source.text(), offset).line;
    // BuildKit speaks of whole instructions, but for the line that a blank one leads to.
    let place = if rule == "NoEmptyContinuation" { finding.span() } else { finding.anchor };
    let first = line(place.start);
    let last = line(place.end.saturating_sub(1).max(place.start));
    Some(CheckWarning {
        rule,
        description: description(rule),
        url: Some(url(rule)),
        diagnostic: finding.diagnostic.clone(),
        lines: (first, last),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::RULES;

    #[test]
    fn every_check_has_a_description_and_a_rule() {
        for rule in RULES.iter().filter_map(|rule| rule.buildkit_name()) {
            assert!(!description(rule).is_empty(), "{rule}");
        }
        for (name, _) in DESCRIPTIONS.iter().filter(|(name, _)| *name != BASE_IMAGE_PLATFORM) {
            assert!(RULES.iter().any(|rule| rule.buildkit_name() == Some(name)), "{name}");
        }
    }

    #[test]
    fn addresses_are_in_kebab_case() {
        for (name, kebab) in [
            ("JSONArgsRecommended", "json-args-recommended"),
            ("StageNameCasing", "stage-name-casing"),
            ("SecretsUsedInArgOrEnv", "secrets-used-in-arg-or-env"),
        ] {
            assert_eq!(url(name), format!("https://docs.docker.com/go/dockerfile/rule/{kebab}/"));
        }
    }
}
