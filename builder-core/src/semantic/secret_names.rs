//! Names of variables that sound like secrets.

/// hadolint's way: the name holds a part, in any case.
pub fn by_parts(name: &str) -> bool {
    const PARTS: [&str; 7] = ["api_key", "client_key", "password", "private", "secret", "token", "username"];
    let lower = name.to_lowercase();
    name == "AWS_ACCESS_KEY_ID" || PARTS.iter().any(|part| lower.contains(part))
}

/// What is better not kept or shown, by its name or by what it looks like: more than the linters complain of, since a
/// value that is hidden for nothing costs little.
pub fn is_private(name: &str, value: &str) -> bool {
    const PARTS: [&str; 9] = ["pass", "pwd", "cred", "apikey", "accesskey", "privkey", "bearer", "jwt", "cookie"];
    const WORDS: [&str; 3] = ["pat", "pin", "salt"];
    let lower = name.to_lowercase();
    let words = || lower.split(|c: char| !c.is_ascii_alphanumeric());
    // `GHPAT` is one too, and `COMPAT` is none.
    let is_pat = |word: &str| word.ends_with("pat") && !word.ends_with("compat");
    by_words(name)
        || by_parts(name)
        || PARTS.iter().any(|part| lower.contains(part))
        || words().any(|word| WORDS.contains(&word) || is_pat(word))
        || holds_secret(value)
}

/// Whether a value has something in it that is called a password, or is a token or a key by its form.
fn holds_secret(value: &str) -> bool {
    const NAMES: [&str; 8] = ["password", "passwd", "passphrase", "pwd", "token", "secret", "key", "bearer "];
    const FORMS: [&str; 8] = ["ghp_", "gho_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "AKIA", "PRIVATE KEY-----"];
    let lower = value.to_lowercase();
    let is_given = |rest: &str| {
        let rest = rest.trim_start_matches(['"', '\'', ' ']);
        rest.starts_with('=') || rest.starts_with(':')
    };
    let names = |name: &&str| {
        lower.match_indices(*name).any(|(at, _)| name.ends_with(' ') || is_given(&lower[at + name.len()..]))
    };
    NAMES.iter().any(names) || FORMS.iter().any(|form| value.contains(form))
}

/// BuildKit's way: one of the words between underscores.
pub fn by_words(name: &str) -> bool {
    const SECRET: [&str; 10] =
        ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
    const PUBLIC: [&str; 3] = ["public", "file", "version"];
    let lower = name.to_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|word| words.contains(&word));
    has(&SECRET) && !has(&PUBLIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sounds_like_a_secret_is_private() {
        for name in [
            "DBPASS",
            "passphrase",
            "GHPAT",
            "GH_PAT",
            "PWD",
            "DB_PWD",
            "MY_TOKEN",
            "AUTH",
            "API_KEY",
            "dbPassword",
            "JWT",
        ] {
            assert!(is_private(name, "x"), "{name}");
        }
        for name in ["VERSION", "PATH", "PATCH", "COMPAT", "PORT", "PATTERN", "SPATIAL", "KEYBOARD"] {
            assert!(!is_private(name, "/usr/bin:1.2"), "{name}");
        }
    }

    #[test]
    fn a_value_with_a_password_in_it_is_private() {
        for value in [
            "Server=h;Password=v8;",
            "host=x pwd=y",
            "a?token=1",
            "{\"secret\": \"x\"}",
            "Authorization: Bearer abc",
            "ghp_0123456789",
            "-----BEGIN RSA PRIVATE KEY-----",
            "AccountKey=abc==",
        ] {
            assert!(is_private("CONN", value), "{value}");
        }
        for value in ["1.2.3", "--keep=3", "the key to success", "passwords are not here", "monkey"] {
            assert!(!is_private("CONN", value), "{value}");
        }
    }
}
