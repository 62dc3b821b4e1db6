//! Shell patterns for one path, as `COPY` uses them: `*`, `?`, `[a-z]`, `[^a]`, `\x`. Of these only a class may match
//! a `/`.
//!
//! Spec: Go's `path/filepath.Match` on Unix.

/// The pattern is malformed: a class without end or without members, or a `\` at the very end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct GlobError;

/// A character class: `[a-z]`, `[^a]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    /// Reads a class whose `[` has been taken.
    pub(crate) fn read(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Self, GlobError> {
        let negated = chars.next_if_eq(&'^').is_some();
        let mut ranges = Vec::new();
        loop {
            if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
                return Ok(Self { negated, ranges });
            }
            let low = Self::member(chars)?;
            let high = if chars.next_if_eq(&'-').is_some() { Self::member(chars)? } else { low };
            ranges.push((low, high));
        }
    }

    fn member(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, GlobError> {
        match chars.next().ok_or(GlobError)? {
            '-' | ']' => Err(GlobError),
            '\\' => chars.next().ok_or(GlobError),
            c => Ok(c),
        }
    }

    /// Makes a class of ranges.
    pub(crate) fn of(ranges: &[(char, char)], negated: bool) -> Self {
        Self { negated, ranges: ranges.to_vec() }
    }

    /// Tells whether the class has a character.
    pub(crate) fn matches(&self, c: char) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != self.negated
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Literal(char),
    /// `?`
    Any,
    /// `*`
    Run,
    Class(Class),
}

impl Token {
    /// Tells whether the token, which is no run, matches one character.
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == c,
            Self::Any => c != '/',
            Self::Run => false,
            Self::Class(class) => class.matches(c),
        }
    }
}

/// A compiled pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glob {
    tokens: Vec<Token>,
}

impl Glob {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`GlobError`] where the pattern is malformed.
    pub fn new(pattern: &str) -> Result<Self, GlobError> {
        let mut tokens = Vec::with_capacity(pattern.len());
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                // Two runs in a row are one.
                '*' if tokens.last() == Some(&Token::Run) => continue,
                '*' => Token::Run,
                '?' => Token::Any,
                '[' => Token::Class(Class::read(&mut chars)?),
                '\\' => Token::Literal(chars.next().ok_or(GlobError)?),
                c => Token::Literal(c),
            });
        }
        Ok(Self { tokens })
    }

    /// Returns the highest number of slashes in a path that matches.
    pub fn most_slashes(&self) -> usize {
        self.tokens.iter().filter(|token| token.takes('/')).count()
    }

    /// Tells whether the whole of a path matches. The time is at most the product of both lengths.
    pub fn matches(&self, path: &str) -> bool {
        let mut token = 0;
        let mut rest = path.chars();
        // Where to go on after the last run, and what it has not taken yet. Only the last one can matter:
        // an earlier run that took more would leave later parts of the pattern less room, never more.
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            match self.tokens.get(token) {
                Some(Token::Run) => {
                    token += 1;
                    retry = Some((token, rest.clone()));
                    continue;
                }
                Some(one) if rest.next().is_some_and(|c| one.takes(c)) => {
                    token += 1;
                    continue;
                }
                None if rest.as_str().is_empty() => return true,
                _ => {}
            }
            let Some((after, from)) = &mut retry else { return false };
            match from.next() {
                Some(c) if c != '/' => {
                    token = *after;
                    rest = from.clone();
                }
                _ => return false,
            }
        }
    }
}

/// Tells whether a text has wildcards that are not escaped.
pub fn has_wildcard(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' => return true,
            '\\' => drop(chars.next()),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, path, expected) in [
            ("abc", "abc", Ok(true)),
            ("*", "abc", Ok(true)),
            ("*c", "abc", Ok(true)),
            ("a*", "a", Ok(true)),
            ("a*", "ab/c", Ok(false)),
            ("a*/b", "abc/b", Ok(true)),
            ("a*/b", "a/c/b", Ok(false)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Ok(true)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", Ok(true)),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", Ok(false)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Ok(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Ok(false)),
            ("ab[c]", "abc", Ok(true)),
            ("ab[b-d]", "abc", Ok(true)),
            ("ab[e-g]", "abc", Ok(false)),
            ("ab[^c]", "abc", Ok(false)),
            ("ab[^e-g]", "abc", Ok(true)),
            ("a\\*b", "a*b", Ok(true)),
            ("a\\*b", "ab", Ok(false)),
            ("a?b", "a☺b", Ok(true)),
            ("a[^a]b", "a☺b", Ok(true)),
            ("a???b", "a☺b", Ok(false)),
            ("a[^a][^a][^a]b", "a☺b", Ok(false)),
            ("[a-ζ]*", "α", Ok(true)),
            ("*[a-ζ]", "A", Ok(false)),
            ("a?b", "a/b", Ok(false)),
            ("a*b", "a/b", Ok(false)),
            ("a[^x]b", "a/b", Ok(true)),
            ("[\\]a]", "]", Ok(true)),
            ("[\\-]", "-", Ok(true)),
            ("[x\\-]", "-", Ok(true)),
            ("[[]name", "[name", Ok(true)),
            ("**", "ab", Ok(true)),
            ("**/x", "a/b/x", Ok(false)),
            ("", "", Ok(true)),
            ("", "a", Ok(false)),
            ("[]a]", "]", Err(GlobError)),
            ("[-]", "-", Err(GlobError)),
            ("[x-]", "x", Err(GlobError)),
            ("[-x]", "x", Err(GlobError)),
            ("\\", "a", Err(GlobError)),
            ("[a-b-c]", "a", Err(GlobError)),
            ("[", "a", Err(GlobError)),
            ("[^", "a", Err(GlobError)),
            ("[^bc", "a", Err(GlobError)),
            ("a[", "ab", Err(GlobError)),
            ("*x", "xxx", Ok(true)),
        ] {
            assert_eq!(Glob::new(pattern).map(|glob| glob.matches(path)), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn many_runs_do_not_explode() {
        let glob = Glob::new(&"a*".repeat(500)).unwrap();
        assert!(!glob.matches(&format!("{}/", "a".repeat(5_000))));
    }

    #[test]
    fn escaped_wildcards_are_none() {
        for (text, expected) in
            [("a*", true), ("a\\*", false), ("[x]", true), ("a?", true), ("plain", false), ("\\", false)]
        {
            assert_eq!(has_wildcard(text), expected, "{text}");
        }
    }
}
