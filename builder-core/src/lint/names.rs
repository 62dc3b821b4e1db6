//! The names of variables in a script: who gives them a value, and who reads them.

use std::collections::HashSet;

use super::model::{ScriptView, Variables};
use crate::shell::{CommandKind, Index, ParameterOperator, PartKind, Word};
use crate::text::Span;

/// A place where a variable is given a value.
#[derive(Clone, Debug)]
pub(in crate::lint) struct Assigned {
    /// The variable.
    pub name: String,
    /// Where.
    pub span: Span,
}

/// A place where a variable is read.
#[derive(Clone, Debug)]
pub(in crate::lint) struct Reference {
    /// The variable.
    pub name: String,
    /// Where.
    pub span: Span,
    /// Whether it is looked at whether it has a value: `${x:-y}`.
    pub is_guarded: bool,
}

/// How many names are compared with one that has no value: among more, every one is like another.
const COMPARED: usize = 400;

/// The names of a script.
#[derive(Debug, Default)]
pub(in crate::lint) struct Names {
    /// Where variables are given values; assignments for one command left out.
    pub assignments: Vec<Assigned>,
    /// Where they are read.
    pub references: Vec<Reference>,
    assigned: HashSet<String>,
    read: HashSet<String>,
    /// Those that the file gives, which are read somewhere, as far as anybody knows.
    given: Variables,
}

impl Names {
    /// Collects the names of a script.
    pub(in crate::lint) fn new(script: &ScriptView<'_>, index: &Index<'_>) -> Self {
        let mut names = Self { given: script.variables.clone(), ..Self::default() };
        for site in &index.commands {
            match &site.command.kind {
                CommandKind::Simple(simple) => {
                    for assignment in &simple.assignments {
                        let name = &assignment.name.value;
                        // Before a command they are the command's.
                        if simple.words.is_empty() {
                            names.assign(name, assignment.span);
                        }
                    }
                    if let Some((head, arguments)) = simple.words.split_first() {
                        names.builtin(&head.literal().unwrap_or_default(), arguments);
                    }
                }
                CommandKind::For { name, .. } => names.assign(&name.value, site.command.span),
                _ => {}
            }
        }
        names.parts(index);
        names
    }

    /// Tells whether something gives a variable a value.
    pub(in crate::lint) fn is_assigned(&self, name: &str) -> bool {
        self.assigned.contains(name) || self.given.contains_key(name)
    }

    /// Tells whether something reads a variable.
    pub(in crate::lint) fn is_read(&self, name: &str) -> bool {
        self.read.contains(name) || self.given.contains_key(name)
    }

    /// Returns the first place where each variable is read for its value.
    pub(in crate::lint) fn first_references(&self) -> impl Iterator<Item = &Reference> {
        let mut seen = HashSet::new();
        self.references.iter().filter(move |known| !known.is_guarded && seen.insert(known.name.as_str()))
    }

    /// Returns the variable with a value whose name is nearly this one.
    pub(in crate::lint) fn nearest(&self, name: &str) -> Option<&str> {
        let distance = |other: &str| {
            if other.eq_ignore_ascii_case(name) { 1 } else { strsim::osa_distance(other, name) }
        };
        if self.assigned.len() + self.given.len() > COMPARED {
            return None;
        }
        let candidates = self.assigned.iter().map(String::as_str).chain(self.given.keys().map(AsRef::as_ref));
        let candidates = candidates.filter(|other| !is_internal(other));
        let best = candidates.map(|other| (distance(other), other)).min()?;
        let is_near = |(score, other): &(usize, &str)| other.len() > 3 && *score <= 1 || other.len() > 7 && *score <= 2;
        Some(best).filter(is_near).map(|(_, other)| other)
    }

    fn assign(&mut self, name: &str, span: Span) {
        self.assignments.push(Assigned { name: name.to_owned(), span });
        self.assigned.insert(name.to_owned());
    }

    fn builtin(&mut self, name: &str, arguments: &[Word]) {
        let names =
            || arguments.iter().filter_map(|word| Some((word.literal()?, word.span))).filter(|(text, _)| is_name(text));
        match name {
            "export" | "readonly" | "declare" | "typeset" | "local" => {
                let exports = name == "export" || has_flag(arguments, 'x');
                for assignment in arguments.iter().filter_map(Word::as_assignment) {
                    let name = assignment.name.value;
                    if exports {
                        self.read.insert(name.clone());
                    }
                    self.assign(&name, assignment.span);
                }
                for (text, span) in names() {
                    if exports {
                        self.read.insert(text.clone().into_owned());
                        self.assigned.insert(text.into_owned());
                    } else if name != "readonly" {
                        self.assign(&text, span);
                    }
                }
            }
            "read" => {
                for (text, span) in names() {
                    self.assign(&text, span);
                }
            }
            "mapfile" | "readarray" => {
                if let Some((text, span)) = names().next_back() {
                    self.assign(&text, span);
                }
            }
            "getopts" => {
                if let Some((text, span)) = arguments.get(1).and_then(|word| Some((word.literal()?, word.span))) {
                    self.assign(&text, span);
                }
            }
            "printf" => {
                let at = arguments.iter().position(|word| super::sh::is(word, "-v"));
                if let Some(word) = at.and_then(|at| arguments.get(at + 1)) {
                    self.assign(&word.literal().unwrap_or_default(), word.span);
                }
            }
            "let" => {
                for word in arguments {
                    self.arithmetic(&super::sh::leading(word), word.span);
                }
            }
            "unset" | "trap" | "eval" => {}
            "[" | "test" => {
                // Who looks whether it is empty knows that it may be.
                for two in arguments.windows(2) {
                    let asks = ["-v", "-n", "-z"].iter().any(|flag| super::sh::is(&two[0], flag));
                    let part = two[1].only_part().map(|part| &part.kind);
                    let name = match part {
                        Some(PartKind::Parameter(parameter)) => Some(parameter.name.clone()),
                        _ => two[1].literal().map(std::borrow::Cow::into_owned),
                    };
                    if let Some(name) = name.filter(|_| asks) {
                        self.assigned.insert(name.clone());
                        self.read.insert(name);
                    }
                }
            }
            _ => {}
        }
    }

    fn parts(&mut self, index: &Index<'_>) {
        for site in &index.parts {
            match &site.part.kind {
                PartKind::Parameter(parameter) => {
                    let is_guarded = matches!(
                        parameter.operator,
                        Some(
                            ParameterOperator::Default { .. }
                                | ParameterOperator::Alternative { .. }
                                | ParameterOperator::Require { .. }
                                | ParameterOperator::Assign { .. }
                        )
                    );
                    if matches!(
                        parameter.operator,
                        Some(ParameterOperator::Assign { .. } | ParameterOperator::Require { .. })
                    ) {
                        self.assigned.insert(parameter.name.clone());
                    }
                    self.read.insert(parameter.name.clone());
                    let (name, span) = (parameter.name.clone(), site.part.span);
                    self.references.push(Reference { name, span, is_guarded });
                }
                PartKind::Literal(text) if site.place.arithmetic || site.place.index => {
                    self.arithmetic(text, site.part.span);
                }
                PartKind::Literal(text) if matches!(site.place.operand, Some(ParameterOperator::Substring)) => {
                    self.arithmetic(text, site.part.span);
                }
                _ => {}
            }
        }
    }

    /// Names in arithmetic are read, and assigned where an operator says so.
    fn arithmetic(&mut self, text: &str, span: Span) {
        let is_letter = |c: char| c == '_' || c.is_ascii_alphanumeric();
        let mut at = 0;
        for name in text.split(|c| !is_letter(c)) {
            let rest = text.get(at + name.len()..).unwrap_or("").trim_start();
            at += name.len() + 1;
            if !is_name(name) {
                continue;
            }
            let assigns =
                rest.starts_with('=') && !rest.starts_with("==") || rest.starts_with("+=") || rest.starts_with("-=");
            if assigns {
                self.assign(name, span);
            }
            if !assigns || !rest.starts_with('=') {
                self.read.insert(name.to_owned());
            }
        }
    }
}

fn has_flag(arguments: &[Word], flag: char) -> bool {
    arguments.iter().filter_map(Word::literal).any(|text| text.starts_with('-') && text.contains(flag))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && text.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}

/// Tells whether a variable is the shell's own, or known to every program.
pub(in crate::lint) fn is_internal(name: &str) -> bool {
    const NAMES: &str = "PATH IFS HOME PS1 PS2 PS3 PS4 PROMPT_COMMAND OPTARG OPTIND OPTERR REPLY LANG \
        LANGUAGE TERM SHELL USER LOGNAME PWD OLDPWD EDITOR VISUAL PAGER TZ TMPDIR DISPLAY MAIL MAILCHECK \
        MAILPATH CDPATH COLUMNS LINES HISTFILE HISTSIZE HISTFILESIZE HISTCONTROL HISTIGNORE HISTTIMEFORMAT \
        HISTCMD HOSTNAME HOSTTYPE MACHTYPE OSTYPE UID EUID PPID RANDOM SECONDS LINENO SHLVL SHELLOPTS \
        BASHOPTS BASHPID BASH BASH_ENV BASH_VERSION BASH_XTRACEFD ENV FCEDIT FIGNORE FUNCNAME FUNCNEST \
        GLOBIGNORE GROUPS IGNOREEOF INPUTRC TIMEFORMAT TMOUT POSIXLY_CORRECT NLSPATH DIRSTACK PIPESTATUS \
        COMPREPLY COPROC MAPFILE READLINE_LINE READLINE_POINT auto_resume histchars LC_ALL LC_COLLATE \
        LC_CTYPE LC_MESSAGES LC_NUMERIC LC_MONETARY LC_TIME LD_LIBRARY_PATH ZDOTDIR FLAGS_ARGC FLAGS_ARGV \
        FLAGS_ERROR FLAGS_FALSE FLAGS_HELP FLAGS_PARENT FLAGS_RESERVED FLAGS_TRUE FLAGS_VERSION flags_error \
        flags_return stderr stderr_lines";
    NAMES.split_ascii_whitespace().any(|known| known == name) || name.starts_with("COMP_") || name.starts_with("BASH_")
}

/// Tells whether a word is the name of a command that everybody knows.
pub(in crate::lint) fn is_common_command(name: &str) -> bool {
    const NAMES: &str = "admin alias ar asa at awk basename batch bc bg break c99 cal cat cd cflow \
        chgrp chmod chown cksum cmp colon comm command compress continue cp crontab csplit ctags cut cxref \
        date dd delta df diff dirname dot du echo ed env eval ex exec exit expand export expr fc fg file \
        find fold fort77 fuser gencat get getconf getopts grep hash head iconv ipcrm ipcs jobs join kill lex \
        link ln locale localedef logger logname lp ls m4 mailx make man mesg mkdir mkfifo more mv newgrp \
        nice nl nm nohup od paste patch pathchk pax pr printf prs ps pwd read readonly renice return rm \
        rmdel rmdir sact sccs sed set sh shift sleep sort split strings strip stty tabs tail talk tee test \
        time times touch tput tr trap tsort tty type ulimit umask unalias uname uncompress unexpand unget \
        uniq unlink unset uucp uudecode uuencode uustat uux val vi wait wc what who write xargs yacc zcat \
        busybox sudo which";
    NAMES.split_ascii_whitespace().any(|known| known == name)
}
