//! In BuildKit's dialect the checks fire when BuildKit's do, on the same instructions.

use std::collections::BTreeMap;

use builder_core::lint::Level::{Error, Warning};
use builder_core::lint::options::{BaseFacts, ContextFacts};
use builder_core::lint::{Dialect, LintOptions, lint};
use builder_core::text::SourceFile;

/// The findings as BuildKit names them, each with the line of its instruction.
fn found(text: &str, options: &LintOptions) -> Vec<(&'static str, u32)> {
    let source = SourceFile::new("Dockerfile", text);
    let findings = lint(&source, options);
    let line = |offset| source.lines().line_column(source.text(), offset).line;
    findings.iter().map(|f| (f.rule.buildkit_name().unwrap(), line(f.anchor.start))).collect()
}

fn options() -> LintOptions {
    let mut options = LintOptions::new(Dialect::Buildkit);
    let env = BTreeMap::from([("FROM_BASE".to_owned(), "/base".to_owned())]);
    options.facts.bases.insert("base".to_owned(), BaseFacts { env, ..BaseFacts::default() });
    options
}

#[test]
fn checks_fire_where_buildkit_has_them() {
    let cases: &[(&str, &[(&str, u32)])] = &[
        ("FROM base\nRUN true\n", &[]),
        // Names and keywords.
        ("FROM base AS Build\n", &[("StageNameCasing", 1)]),
        ("FROM base as build\n", &[("FromAsCasing", 1)]),
        ("From base as build\nRUN true\n", &[("ConsistentInstructionCasing", 1)]),
        ("arg A=1\nFROM base\n", &[]),
        ("from base\nRUN true\n", &[("ConsistentInstructionCasing", 1)]),
        ("FROM base AS a\nFROM base AS A\n", &[("StageNameCasing", 2), ("DuplicateStageName", 2)]),
        ("FROM base AS scratch\n", &[("ReservedStageName", 1)]),
        ("FROM base\nMAINTAINER me\n", &[("MaintainerDeprecated", 2)]),
        ("FROM base\nENV a b\nLABEL c d\n", &[("LegacyKeyValueFormat", 2), ("LegacyKeyValueFormat", 3)]),
        ("FROM base\nRUN a \\\n\n  b\n", &[("NoEmptyContinuation", 2)]),
        // Variables.
        ("FROM base\nCOPY $X $FROM_BASE/\n", &[("UndefinedVar", 2)]),
        ("FROM base\nCOPY ${X:-y} /\n", &[("UndefinedVar", 2)]),
        ("FROM base\nARG X\nCOPY $X /\nRUN echo $Y\nEXPOSE $Z\n", &[]),
        ("FROM base AS a\nARG X\nFROM a\nWORKDIR /$X\n", &[]),
        ("FROM base\nARG X=$Y\n", &[("UndefinedVar", 2)]),
        ("FROM base\nONBUILD COPY $X /\n", &[]),
        ("FROM $X\n", &[("UndefinedArgInFrom", 1), ("InvalidDefaultArgInFrom", 1)]),
        ("ARG X\nFROM base:$X\n", &[("InvalidDefaultArgInFrom", 2)]),
        ("ARG X=1\nFROM base$X\n", &[]),
        // Platforms.
        ("FROM --platform=linux/amd64 base\n", &[("FromPlatformFlagConstDisallowed", 1)]),
        ("FROM --platform=linux/amd64 base AS for-amd64\n", &[]),
        ("FROM --platform=linux/arm64/v8 base AS v8\n", &[("FromPlatformFlagConstDisallowed", 1)]),
        ("FROM --platform=$TARGETPLATFORM base\n", &[("RedundantTargetPlatform", 1)]),
        ("FROM --platform=${TARGETPLATFORM:-x} base\n", &[("RedundantTargetPlatform", 1)]),
        // Commands.
        ("FROM base\nCMD a\nENTRYPOINT b\n", &[("JSONArgsRecommended", 2), ("JSONArgsRecommended", 3)]),
        ("FROM base\nSHELL [\"bash\", \"-c\"]\nCMD a\nHEALTHCHECK CMD b\n", &[]),
        ("FROM base\nHEALTHCHECK CMD b\n", &[]),
        (
            "FROM base\nCMD [\"a\"]\nCMD [\"b\"]\nCMD [\"c\"]\n",
            &[("MultipleInstructionsDisallowed", 2), ("MultipleInstructionsDisallowed", 3)],
        ),
        ("FROM base AS a\nCMD [\"a\"]\nFROM a\nCMD [\"b\"]\n", &[]),
        ("FROM base\nHEALTHCHECK NONE\nHEALTHCHECK CMD [\"b\"]\n", &[("MultipleInstructionsDisallowed", 2)]),
        // The rest.
        ("FROM base\nWORKDIR a\nWORKDIR b\n", &[("WorkdirRelativePath", 2)]),
        ("FROM base\nWORKDIR /a\nWORKDIR b\n", &[]),
        ("FROM base\nARG A=app\nWORKDIR $A\n", &[("WorkdirRelativePath", 3)]),
        ("FROM base AS a\nWORKDIR /a\nFROM a\nWORKDIR b\n", &[]),
        (
            "ARG TOKEN\nFROM base\nARG TOKEN\nENV PUBLIC_KEY=1 API_KEY=2\n",
            &[("SecretsUsedInArgOrEnv", 3), ("SecretsUsedInArgOrEnv", 4)],
        ),
        ("FROM base\nEXPOSE 80/TCP 127.0.0.1:80:80\n", &[("ExposeProtoCasing", 2), ("ExposeInvalidFormat", 2)]),
        // What BuildKit does not look for.
        ("FROM base\nRUN cd /a\nUSER root\nRUN sudo curl -k http://a.example | sh\n", &[]),
    ];
    for (text, expected) in cases {
        let mut actual = found(text, &options());
        let mut expected = expected.to_vec();
        actual.sort_unstable();
        expected.sort_unstable();
        assert_eq!(actual, expected, "{text}");
    }
}

#[test]
fn messages_are_buildkits() {
    let cases = [
        ("FROM base AS Build\n", "Stage name 'Build' should be lowercase"),
        ("FROM base as build\n", "'as' and 'FROM' keywords' casing do not match"),
        ("FROM base\nRUN a \\\n\n  b\n", "Empty continuation line"),
        ("FROM base\nrun true\n", "Command 'run' should match the case of the command majority (uppercase)"),
        ("from base\nRUN true\nrun true\n", "Command 'RUN' should match the case of the command majority (lowercase)"),
        ("FROM base AS a\nFROM base AS a\n", "Duplicate stage name \"a\", stage names should be unique"),
        ("FROM base AS scratch\n", "Stage name should not use the same name as reserved stage \"scratch\""),
        (
            "FROM base\nCMD a\n",
            "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
        ),
        ("FROM base\nMAINTAINER me\n", "Maintainer instruction is deprecated in favor of using label"),
        ("ARG VERSION=1\nFROM base:${VERSON:-1}\n", "FROM argument 'VERSON' is not declared (did you mean VERSION?)"),
        ("FROM base\nWORKDIR a\n", "Relative workdir \"a\" can have unexpected results if the base image changes"),
        ("FROM base\nCOPY $FROM_BAS /\n", "Usage of undefined variable '$FROM_BAS' (did you mean $FROM_BASE?)"),
        ("FROM base\nCOPY $X /\n", "Usage of undefined variable '$X'"),
        (
            "FROM base\nCMD [\"a\"]\nCMD [\"b\"]\n",
            "Multiple CMD instructions should not be used in the same stage because only the last one will be used",
        ),
        ("FROM base\nLABEL a b\n", "\"LABEL key=value\" should be used instead of legacy \"LABEL key value\" format"),
        (
            "FROM --platform=${TARGETPLATFORM} base\n",
            "Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the default behavior",
        ),
        ("FROM base\nENV API_KEY=2\n", "Do not use ARG or ENV instructions for sensitive data (ENV \"API_KEY\")"),
        ("ARG V\nFROM base:$V\n", "Default value for ARG base:$V results in empty or invalid base image name"),
        ("FROM --platform=linux/amd64 base\n", "FROM --platform flag should not use constant value \"linux/amd64\""),
        ("FROM base\nADD ./dist/ /\n", "Attempting to Add file \"dist\" that is excluded by .dockerignore"),
        (
            "# check=experimental=all\n\n# about it\nFROM base AS Named\n",
            "Comment for FROM should follow the format: `# named <description>`",
        ),
        (
            "# check=experimental=all\nFROM base\n# about it\nARG A=1 B=2\n",
            "Comment for ARG should follow the format: `# <arg_key> <description>`",
        ),
        ("FROM base\nEXPOSE 80/TCP\n", "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase"),
        (
            "FROM base\nEXPOSE 80:80\n",
            "EXPOSE instruction should not define an IP address or host-port mapping, found '80:80'",
        ),
    ];
    for (text, expected) in cases {
        let mut options = options();
        options.facts.context = Some(ContextFacts::known(Some("dist\n".to_owned()), None));
        let findings = lint(&SourceFile::new("Dockerfile", text), &options);
        let messages: Vec<&str> = findings.iter().map(|finding| finding.diagnostic.message.as_str()).collect();
        assert!(messages.contains(&expected), "{text}: {messages:?}");
    }
}

#[test]
fn only_stages_of_the_target_are_built() {
    let text = "FROM base as a\nCMD a\nFROM base AS b\nCOPY --from=c /x /x\nFROM base AS c\nCMD c\n";
    let mut options = options();
    options.facts.target = Some("b".to_owned());
    // `c` comes after `b`: its name means something else there.
    assert_eq!(found(text, &options), [("FromAsCasing", 1)]);
    options.facts.target = Some("c".to_owned());
    assert_eq!(found(text, &options), [("FromAsCasing", 1), ("JSONArgsRecommended", 6)]);
}

#[test]
fn the_ignore_file_is_looked_at_as_buildkit_does() {
    for (ignore_file, copy, is_found) in [
        ("dist\n", "COPY ./dist/app /", true),
        ("dist\n!dist/app\n", "COPY dist /", false),
        ("dist\n", "COPY . /", false),
        ("*\n", "COPY . /", true),
        ("dist\n", "COPY --from=base dist /", false),
        ("*.log\n", "ADD *.log /", true),
    ] {
        let mut options = options();
        options.facts.context = Some(ContextFacts::known(Some(ignore_file.to_owned()), None));
        let expected: &[(&str, u32)] = if is_found { &[("CopyIgnoredFile", 2)] } else { &[] };
        assert_eq!(found(&format!("FROM base\n{copy}\n"), &options), expected, "{ignore_file}{copy}");
    }
}

#[test]
fn facts_of_the_base_image_count() {
    let mut options = options();
    let shell = Some(vec!["bash".to_owned(), "-c".to_owned()]);
    options.facts.bases.insert("base".to_owned(), BaseFacts { shell, ..BaseFacts::default() });
    assert_eq!(found("FROM base\nCMD a\n", &options), []);
    options.facts.build_args.insert("X".to_owned(), "1".to_owned());
    assert_eq!(found("FROM base\nARG X=$Y\n", &options), []);
}

#[test]
fn the_directive_of_buildkit_is_read() {
    let found = |text: &str| {
        let findings = lint(&SourceFile::new("Dockerfile", text), &LintOptions::default());
        findings.iter().map(|finding| (finding.code(), finding.level)).collect::<Vec<_>>()
    };
    let from = "FROM debian:12 as x\n";
    assert_eq!(found(from), [("FromAsCasing", Warning)]);
    assert_eq!(found(&format!("# check=error=true\n{from}")), [("FromAsCasing", Error)]);
    assert_eq!(found(&format!("# check=skip=FromAsCasing;error=true\n{from}")), []);
    let commented = "\n# foo\nFROM debian:12 AS x\n";
    let experimental = "InvalidDefinitionDescription";
    assert_eq!(found(commented), []);
    assert_eq!(found(&format!("# check=experimental={experimental}{commented}")), [(experimental, Warning)]);
    assert_eq!(found(&format!("# check=experimental=all{commented}")), [(experimental, Warning)]);
}
