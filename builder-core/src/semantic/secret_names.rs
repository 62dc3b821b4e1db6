//! Names of variables that sound like secrets.

/// hadolint's way: the name holds a part, in any case.
pub fn by_parts(name: &str) -> bool {
    const PARTS: [&str; 7] = ["api_key", "client_key", "password", "private", "secret", "token", "username"];
    let lower = name.to_lowercase();
    name == "AWS_ACCESS_KEY_ID" || PARTS.iter().any(|part| lower.contains(part))
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
