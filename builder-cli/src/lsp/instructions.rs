//! What is shown about instructions, flags, directives and variables that are always there.

/// The reference that links lead to.
const REFERENCE: &str = "https://docs.docker.com/reference/dockerfile/";

/// An instruction.
#[derive(Debug)]
pub(super) struct InstructionDoc {
    /// The keyword.
    pub(super) name: &'static str,
    /// How it is written.
    pub(super) syntax: &'static str,
    /// What it does.
    pub(super) text: &'static str,
    /// Its flags.
    pub(super) flags: &'static [FlagDoc],
}

/// A flag.
#[derive(Debug)]
pub(super) struct FlagDoc {
    /// The name without dashes.
    pub(super) name: &'static str,
    /// How its value is written; empty where it needs none.
    pub(super) value: &'static str,
    /// What it does.
    pub(super) text: &'static str,
    /// The values that are offered, each with a few words.
    pub(super) values: &'static [(&'static str, &'static str)],
}

const fn flag(name: &'static str, value: &'static str, text: &'static str) -> FlagDoc {
    FlagDoc { name, value, text, values: &[] }
}

const fn choice(
    name: &'static str,
    value: &'static str,
    text: &'static str,
    values: &'static [(&'static str, &'static str)],
) -> FlagDoc {
    FlagDoc { name, value, text, values }
}

const BOOLEAN: &[(&str, &str)] = &[("true", "on, as without a value"), ("false", "off")];
const CHOWN: FlagDoc = flag("chown", "USER[:GROUP]", "Gives the copied files to a user and group, by name or number.");
const CHMOD: FlagDoc =
    flag("chmod", "MODE", "Sets the permissions of the copied files: octal (`0755`) or symbolic (`u=rwX,go=rX`).");
const LINK: FlagDoc = choice(
    "link",
    "",
    "Copies into a layer of its own that does not depend on the ones before it, so that it stays in the cache when the \
     base changes. Symbolic links on the way to the destination are not followed.",
    BOOLEAN,
);
const EXCLUDE: FlagDoc = flag("exclude", "PATTERN", "Leaves out what matches a pattern. May be given several times.");

/// Every instruction.
pub(super) const INSTRUCTIONS: &[InstructionDoc] = &[
    InstructionDoc {
        name: "ADD",
        syntax: "ADD [FLAGS] SOURCE… DESTINATION",
        text: "Copies files from the build context into the image, downloads URLs and git repositories, and unpacks \
               local archives. Where none of that is wanted, `COPY` says so more clearly.",
        flags: &[
            CHOWN,
            CHMOD,
            LINK,
            choice("keep-git-dir", "", "Keeps the `.git` directory of a repository that is added.", BOOLEAN),
            flag("checksum", "sha256:HEX", "Fails unless what is downloaded has this digest."),
            choice(
                "unpack",
                "",
                "Whether archives are unpacked: local ones are by default, downloads are not.",
                BOOLEAN,
            ),
            EXCLUDE,
        ],
    },
    InstructionDoc {
        name: "ARG",
        syntax: "ARG NAME[=DEFAULT]…",
        text: "Declares a variable that `--build-arg` can set. It is there until the end of the stage; one before the \
               first `FROM` is seen by `FROM` only, unless a stage repeats it without a value. Its value can be seen \
               in the image's history: it is no place for secrets.",
        flags: &[],
    },
    InstructionDoc {
        name: "CMD",
        syntax: "CMD [\"PROGRAM\", \"ARGUMENT\"…]\nCMD COMMAND",
        text: "Says what a container runs unless it is told otherwise, or the arguments that `ENTRYPOINT` gets. The \
               JSON form runs the program itself; the other one runs it below a shell, which signals do not pass. \
               Only the last one counts.",
        flags: &[],
    },
    InstructionDoc {
        name: "COPY",
        syntax: "COPY [FLAGS] SOURCE… DESTINATION\nCOPY [FLAGS] <<EOF DESTINATION",
        text: "Copies files from the build context, from another stage or from an image. With several sources the \
               destination has to end in `/`. A heredoc makes a file of what is written below it.",
        flags: &[
            choice(
                "from",
                "STAGE|IMAGE|CONTEXT",
                "Copies from a stage, an image or a named context instead of the \
                   build context.",
                &[],
            ),
            CHOWN,
            CHMOD,
            LINK,
            choice("parents", "", "Keeps the directories of the sources; `/./` says from where on.", BOOLEAN),
            EXCLUDE,
        ],
    },
    InstructionDoc {
        name: "ENTRYPOINT",
        syntax: "ENTRYPOINT [\"PROGRAM\", \"ARGUMENT\"…]\nENTRYPOINT COMMAND",
        text: "Says which program a container is. In the JSON form it gets `CMD`, or what `docker run` was given, as \
               further arguments; the other form ignores them. Only the last one counts.",
        flags: &[],
    },
    InstructionDoc {
        name: "ENV",
        syntax: "ENV NAME=VALUE…",
        text: "Sets variables for the instructions that follow, for stages that begin from this one, and for \
               containers of the image.",
        flags: &[],
    },
    InstructionDoc {
        name: "EXPOSE",
        syntax: "EXPOSE PORT[/tcp|/udp]…",
        text: "Notes which ports the program listens on. Nothing is opened by it: `docker run -p` does that.",
        flags: &[],
    },
    InstructionDoc {
        name: "FROM",
        syntax: "FROM [--platform=PLATFORM] IMAGE[:TAG|@DIGEST] [AS NAME]",
        text: "Begins a stage with an image, with another stage, or with nothing (`scratch`). The name is what later \
               stages say to begin from it or copy from it. The last stage is the image that is built, unless \
               `--target` names another one.",
        flags: &[choice(
            "platform",
            "OS/ARCH[/VARIANT]",
            "Takes the image for another platform than the one that is built for.",
            &[
                ("$BUILDPLATFORM", "the machine that builds: for stages that cross-compile"),
                ("$TARGETPLATFORM", "the platform that is built for, which is the default"),
                ("linux/amd64", "64-bit x86"),
                ("linux/arm64", "64-bit ARM"),
                ("linux/arm/v7", "32-bit ARM"),
            ],
        )],
    },
    InstructionDoc {
        name: "HEALTHCHECK",
        syntax: "HEALTHCHECK [FLAGS] CMD COMMAND\nHEALTHCHECK NONE",
        text: "Says how to find out whether a container still works: exit code 0 is healthy, 1 is not. `NONE` takes \
               away what the base image says. Only the last one counts.",
        flags: &[
            flag("interval", "DURATION", "How long to wait between two checks; 30s by default."),
            flag("timeout", "DURATION", "How long a check may take; 30s by default."),
            flag("start-period", "DURATION", "How long failures do not count after the start; 0s by default."),
            flag("start-interval", "DURATION", "How long to wait between checks in the start period; 5s by default."),
            flag("retries", "NUMBER", "How many failures in a row make a container unhealthy; 3 by default."),
        ],
    },
    InstructionDoc {
        name: "LABEL",
        syntax: "LABEL KEY=VALUE…",
        text: "Adds facts about the image that tools can read, such as `org.opencontainers.image.source`.",
        flags: &[],
    },
    InstructionDoc {
        name: "MAINTAINER",
        syntax: "MAINTAINER NAME",
        text: "Deprecated: `LABEL org.opencontainers.image.authors=\"NAME\"` says the same.",
        flags: &[],
    },
    InstructionDoc {
        name: "ONBUILD",
        syntax: "ONBUILD INSTRUCTION",
        text: "Keeps an instruction for the builds that begin from this image: it runs there right after their `FROM`.",
        flags: &[],
    },
    InstructionDoc {
        name: "RUN",
        syntax: "RUN [FLAGS] COMMAND\nRUN [FLAGS] [\"PROGRAM\", \"ARGUMENT\"…]\nRUN [FLAGS] <<EOF",
        text: "Runs a command in the image so far and keeps what it leaves behind as a layer. The shell is `/bin/sh \
               -c` unless `SHELL` says otherwise; a heredoc is a script of several lines.",
        flags: &[
            choice(
                "mount",
                "type=TYPE[,KEY=VALUE…]",
                "Makes something visible while the command runs that does not become a part of the image: a cache, a \
                 secret, files of another stage.",
                &[
                    ("type=bind", "files of the context, a stage or an image"),
                    ("type=cache", "a directory that stays for later builds"),
                    ("type=secret", "a secret, as a file or a variable"),
                    ("type=ssh", "the SSH agent of whoever builds"),
                    ("type=tmpfs", "an empty directory in memory"),
                ],
            ),
            choice(
                "network",
                "default|none|host",
                "The network that the command sees.",
                &[("default", "the network of builds"), ("none", "no network"), ("host", "that of the machine")],
            ),
            choice(
                "security",
                "sandbox|insecure",
                "How closely the command is confined.",
                &[("sandbox", "as usual"), ("insecure", "with all capabilities, where the build allows it")],
            ),
            flag("device", "NAME", "Makes a CDI device available to the command."),
        ],
    },
    InstructionDoc {
        name: "SHELL",
        syntax: "SHELL [\"PROGRAM\", \"ARGUMENT\"…]",
        text: "Changes the shell for the `RUN`, `CMD` and `ENTRYPOINT` that follow; `[\"/bin/bash\", \"-o\", \
               \"pipefail\", \"-c\"]` makes a failure in a pipe a failure of the step.",
        flags: &[],
    },
    InstructionDoc {
        name: "STOPSIGNAL",
        syntax: "STOPSIGNAL SIGNAL",
        text: "Says which signal asks the program to end, by name or number; `SIGTERM` by default.",
        flags: &[],
    },
    InstructionDoc {
        name: "USER",
        syntax: "USER NAME|UID[:GROUP|GID]",
        text: "Changes the user of the `RUN`s that follow and of containers. A number works where the image has no \
               list of users, and lets orchestrators see that it is not root.",
        flags: &[],
    },
    InstructionDoc {
        name: "VOLUME",
        syntax: "VOLUME PATH…\nVOLUME [\"PATH\"…]",
        text: "Says which directories hold data that outlives containers. What a later step writes there may be lost.",
        flags: &[],
    },
    InstructionDoc {
        name: "WORKDIR",
        syntax: "WORKDIR PATH",
        text: "Changes the directory of what follows and of containers, and makes it where it is missing. A relative \
               path counts from the directory before.",
        flags: &[],
    },
];

/// The keys of `RUN --mount`.
pub(super) const MOUNT_KEYS: &[(&str, &str)] = &[
    ("type=", "bind, cache, secret, ssh or tmpfs"),
    ("target=", "where it is visible"),
    ("source=", "the path in `from`"),
    ("from=", "the stage, image or context to take it from"),
    ("id=", "the name of the secret or cache"),
    ("sharing=", "what several builds do with one cache"),
    ("required=", "whether the build fails without the secret"),
    ("env=", "the variable that gets the secret"),
    ("mode=", "permissions"),
    ("uid=", "owner"),
    ("gid=", "group"),
    ("size=", "limit of a tmpfs"),
    ("ro", "not to be written to"),
    ("rw", "to be written to; what is written is lost"),
];

/// The values of keys of `RUN --mount`.
pub(super) const MOUNT_VALUES: &[(&str, &[(&str, &str)])] = &[
    (
        "type",
        &[
            ("bind", "files of the context, a stage or an image"),
            ("cache", "a directory that stays for later builds"),
            ("secret", "a secret, as a file or a variable"),
            ("ssh", "the SSH agent of whoever builds"),
            ("tmpfs", "an empty directory in memory"),
        ],
    ),
    ("sharing", &[("shared", "all at once"), ("private", "one each"), ("locked", "one after the other")]),
    ("required", BOOLEAN),
];

/// Parser directives, with what is inserted.
pub(super) const DIRECTIVES: &[(&str, &str, &str)] = &[
    ("syntax", "syntax=docker/dockerfile:1", "the frontend that docker reads the file with"),
    ("escape", "escape=`", "the character that continues lines, for paths with backslashes"),
    ("check", "check=skip=", "the checks that the file is not asked for"),
];

/// Comments that silence rules.
pub(super) const PRAGMAS: &[(&str, &str)] = &[
    ("hadolint ignore=", "silences rules for the instruction below"),
    ("hadolint stage ignore=", "silences rules for the stage that begins below"),
    ("hadolint global ignore=", "silences rules for the file"),
];

/// Variables that are there without being given.
pub(super) const PREDEFINED: &[(&str, &str)] = &[
    ("BUILDPLATFORM", "The platform of the machine that builds, such as `linux/amd64`."),
    ("BUILDOS", "The operating system in `BUILDPLATFORM`."),
    ("BUILDARCH", "The architecture in `BUILDPLATFORM`."),
    ("BUILDVARIANT", "The variant in `BUILDPLATFORM`."),
    ("TARGETPLATFORM", "The platform that is built for, such as `linux/arm64`."),
    ("TARGETOS", "The operating system in `TARGETPLATFORM`."),
    ("TARGETARCH", "The architecture in `TARGETPLATFORM`."),
    ("TARGETVARIANT", "The variant in `TARGETPLATFORM`."),
    ("TARGETSTAGE", "The name of the stage that is built."),
];

/// Arguments that are there in every stage without `ARG`.
pub(super) const PROXIES: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// Signals that programs are stopped with.
pub(super) const SIGNALS: &[&str] =
    &["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGWINCH"];

/// Finds an instruction by its keyword, whatever its letter case.
pub(super) fn instruction(keyword: &str) -> Option<&'static InstructionDoc> {
    INSTRUCTIONS.iter().find(|instruction| instruction.name.eq_ignore_ascii_case(keyword))
}

impl InstructionDoc {
    /// Finds a flag by its name.
    pub(super) fn flag(&self, name: &str) -> Option<&'static FlagDoc> {
        self.flags.iter().find(|flag| flag.name == name)
    }

    /// Returns the documentation in Markdown.
    pub(super) fn markdown(&self) -> String {
        let link = format!("{REFERENCE}#{}", self.name.to_ascii_lowercase());
        let mut out = format!("```dockerfile\n{}\n```\n\n{}", self.syntax, self.text);
        if !self.flags.is_empty() {
            let flags: Vec<_> = self.flags.iter().map(|flag| format!("`--{}`", flag.name)).collect();
            out.push_str(&format!("\n\nFlags: {}", flags.join(", ")));
        }
        format!("{out}\n\n[Reference]({link})")
    }

    /// Returns the documentation of one of its flags in Markdown.
    pub(super) fn flag_markdown(&self, flag: &FlagDoc) -> String {
        let keyword = self.name.to_ascii_lowercase();
        // Only these have a heading for each flag.
        let anchor = match self.name {
            "ADD" | "COPY" | "RUN" => format!("{keyword}---{}", flag.name),
            _ => keyword,
        };
        let mut out = format!("```dockerfile\n{} {}\n```\n\n{}", self.name, flag.written(), flag.text);
        if !flag.values.is_empty() && flag.values != BOOLEAN {
            out.push('\n');
            for (value, text) in flag.values {
                out.push_str(&format!("\n- `{value}`: {text}"));
            }
        }
        format!("{out}\n\n[Reference]({REFERENCE}#{anchor})")
    }
}

impl FlagDoc {
    /// Returns the flag as it is written.
    pub(super) fn written(&self) -> String {
        if self.value.is_empty() { format!("--{}", self.name) } else { format!("--{}={}", self.name, self.value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use builder_core::dockerfile::parse;
    use builder_core::text::SourceFile;

    /// Flags that are documented are those that the parser knows.
    #[test]
    fn every_instruction_and_flag_is_known_to_the_parser() {
        for instruction in INSTRUCTIONS.iter().filter(|instruction| instruction.name != "ONBUILD") {
            for flag in instruction.flags {
                let text = format!("FROM a\n{} --{}=x y z\n", instruction.name, flag.name);
                let parsed = parse(&SourceFile::new("Dockerfile", text));
                let ids: Vec<_> = parsed.diagnostics.iter().map(|diagnostic| diagnostic.id).collect();
                assert!(!ids.contains(&"unknown-flag"), "{} --{}", instruction.name, flag.name);
            }
            let text = format!("FROM a\n{} --no-such-flag x y\n", instruction.name);
            for diagnostic in parse(&SourceFile::new("Dockerfile", text)).diagnostics {
                assert_ne!(diagnostic.id, "unknown-instruction");
                let known = diagnostic.notes.iter().find_map(|note| note.strip_prefix("this instruction takes `"));
                let named: Vec<_> = known.map(|list| list.matches("--").count()).into_iter().collect();
                assert!(named.iter().all(|count| *count == instruction.flags.len()), "{}", instruction.name);
            }
        }
    }
}
