//! Patterns of COPY sources, one path component at a time, as Go's `path.Match` reads them.

/// The pattern is malformed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BadPattern;

/// A pattern for one name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Glob(Vec<Token>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Literal(char),
    One,
    Any,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    /// Reads a pattern without `/`. A run of `*` is one `*`.
    pub(super) fn parse(pattern: &str) -> Result<Self, BadPattern> {
        let mut tokens = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(next) = chars.next() {
            tokens.push(match next {
                '*' => Token::Any,
                '?' => Token::One,
                '\\' => Token::Literal(chars.next().ok_or(BadPattern)?),
                '[' => class(&mut chars)?,
                other => Token::Literal(other),
            });
        }
        tokens.dedup_by(|later, earlier| *later == Token::Any && *earlier == Token::Any);
        Ok(Self(tokens))
    }

    /// Tells whether a whole name matches.
    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut token, mut at) = (0, 0);
        // Where to go on when what follows the last `*` does not fit: one more character belongs to the `*`.
        let mut retry = None;
        loop {
            match self.0.get(token) {
                Some(Token::Any) => {
                    retry = Some((token, at));
                    token += 1;
                    continue;
                }
                Some(single) if name.get(at).is_some_and(|c| single.fits(*c)) => {
                    token += 1;
                    at += 1;
                    continue;
                }
                None if at == name.len() => return true,
                _ => {}
            }
            match retry {
                Some((star, from)) if from < name.len() => {
                    retry = Some((star, from + 1));
                    (token, at) = (star + 1, from + 1);
                }
                _ => return false,
            }
        }
    }
}

impl Token {
    fn fits(&self, c: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == c,
            Self::One => true,
            Self::Any => false,
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, BadPattern> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
            return Ok(Token::Class { negated, ranges });
        }
        let low = member(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() { member(chars)? } else { low };
        ranges.push((low, high));
    }
}

fn member(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, BadPattern> {
    match chars.next() {
        None | Some('-' | ']') => Err(BadPattern),
        Some('\\') => chars.next().ok_or(BadPattern),
        Some(other) => Ok(other),
    }
}

/// Tells whether a component has a wildcard that is not escaped.
pub(super) fn has_wildcard(component: &str) -> bool {
    let mut chars = component.chars();
    while let Some(next) = chars.next() {
        match next {
            '\\' => _ = chars.next(),
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// Takes the escapes out of a path without wildcards.
pub(super) fn unescape(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut chars = path.chars();
    while let Some(next) = chars.next() {
        plain.push(if next == '\\' { chars.next().unwrap_or('\\') } else { next });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_go() {
        let table = [
            ("*", "", true),
            ("*", ".hidden", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("a*b*c", "axbxbxc", true),
            ("**", "abc", true),
            ("?", "é", true),
            ("?", "", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[!a]", "!", true),
            ("[[]a", "[a", true),
            ("[\\]]", "]", true),
            (r"\*", "*", true),
            (r"\*", "x", false),
            ("*.go", "a.go", true),
            ("*.go", "a.gox", false),
        ];
        for (pattern, name, wanted) in table {
            assert_eq!(Glob::parse(pattern).unwrap().matches(name), wanted, "{pattern} {name}");
        }
        for bad in ["[", "[]", "[a", "[a-]", "[-a]", r"a\", "[^]"] {
            assert_eq!(Glob::parse(bad), Err(BadPattern), "{bad}");
        }
    }

    #[test]
    fn escapes_are_told_from_wildcards() {
        assert!(has_wildcard("a*") && has_wildcard("[[]x") && has_wildcard(r"\\*"));
        assert!(!has_wildcard(r"\*") && !has_wildcard("plain"));
        assert_eq!(unescape(r"a\*b\\"), r"a*b\");
    }
}
