//! Which shell reads a script.

/// The families of shells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShellKind {
    /// `sh`, `dash`, busybox's `ash`: POSIX and little more.
    Posix,
    /// `bash`.
    Bash,
    /// `ksh`.
    Ksh,
    /// `zsh`.
    Zsh,
    /// Windows' shells.
    Windows,
    /// Anything else: Python, Perl, a program of the image's own.
    Other,
}

/// The shell that reads a script: the words of `SHELL`, or of a shebang.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shell {
    /// Program and arguments.
    pub words: Vec<String>,
    /// Its family.
    pub kind: ShellKind,
}

impl Default for Shell {
    fn default() -> Self {
        Self::new(vec!["/bin/sh".to_owned(), "-c".to_owned()])
    }
}

impl Shell {
    /// Makes a shell of the words that start it.
    pub fn new(words: Vec<String>) -> Self {
        let kind = kind(&words);
        Self { words, kind }
    }

    /// Reads the shebang of a script.
    pub fn of_shebang(script: &str) -> Option<Self> {
        let line = script.strip_prefix("#!")?.lines().next().unwrap_or_default();
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if words.first().is_some_and(|first| first.ends_with("/env")) {
            words.remove(0);
            words.retain(|word| word != "-S");
        }
        Some(Self::new(words))
    }

    /// Returns the program's name without its folder.
    pub fn program(&self) -> &str {
        base_name(self.words.first().map_or("", String::as_str))
    }

    /// Tells whether scripts for it are worth reading as sh or bash.
    pub fn is_bourne(&self) -> bool {
        matches!(self.kind, ShellKind::Posix | ShellKind::Bash | ShellKind::Ksh | ShellKind::Zsh)
    }

    /// Tells whether it runs with an option that `set -o` knows.
    pub fn has_option(&self, name: &str) -> bool {
        // The words after `-o`, which may stand among other letters: `-eo pipefail`.
        self.words.windows(2).any(|pair| is_short_o(&pair[0]) && pair[1] == name)
    }

    /// Tells whether it stops at the first command that fails: `-e`.
    pub fn stops_at_errors(&self) -> bool {
        let is_e = |word: &String| word.starts_with('-') && !word.starts_with("--") && word.contains('e');
        self.words.iter().skip(1).any(is_e) || self.has_option("errexit")
    }
}

fn is_short_o(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.ends_with('o')
}

fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn kind(words: &[String]) -> ShellKind {
    let first = words.first().map_or("", String::as_str);
    let program = base_name(first).to_ascii_lowercase();
    let program = program.strip_suffix(".exe").unwrap_or(&program);
    match program {
        "sh" | "dash" | "ash" | "busybox" => ShellKind::Posix,
        "bash" => ShellKind::Bash,
        "ksh" | "mksh" | "ksh93" | "oksh" => ShellKind::Ksh,
        "zsh" => ShellKind::Zsh,
        "cmd" | "powershell" | "pwsh" => ShellKind::Windows,
        _ => ShellKind::Other,
    }
}
