//! The patterns of `${v#p}`, `${v%p}` and `${v/p/r}`: `*`, `?` and literal characters. Wildcards match no line feed,
//! as in the regular expressions that BuildKit makes of them.
//!
//! Matching follows all ways through the pattern at once, so that its time is linear in the text whatever
//! the pattern.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token {
    /// `*`: any run of characters.
    Any,
    /// `?`: one character.
    One,
    /// The character itself.
    Literal(char),
}

/// A compiled pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    /// Compiles a pattern in which escapes are still in place; a backslash may only escape `*`, `?`, `\`, and
    /// the `}` and `/` that would otherwise end the pattern.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let mut tokens = Vec::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(ch) = chars.next() {
            tokens.push(match ch {
                '*' => Token::Any,
                '?' => Token::One,
                '\\' => match chars.next() {
                    Some(escaped @ ('*' | '?' | '\\' | '}' | '/')) => Token::Literal(escaped),
                    Some(other) => return Err(format!("invalid escape '\\{other}'")),
                    None => return Err("invalid escape '\\'".to_owned()),
                },
                other => Token::Literal(other),
            });
        }
        Ok(Self { tokens })
    }

    pub(super) fn strip_prefix(&self, value: &str, longest: bool) -> String {
        match match_length(&self.tokens, value.chars(), longest) {
            Some(length) => value.chars().skip(length).collect(),
            None => value.to_owned(),
        }
    }

    pub(super) fn strip_suffix(&self, value: &str, longest: bool) -> String {
        let reversed: Vec<Token> = self.tokens.iter().rev().copied().collect();
        match match_length(&reversed, value.chars().rev(), longest) {
            Some(length) => value.chars().take(value.chars().count() - length).collect(),
            None => value.to_owned(),
        }
    }

    pub(super) fn replace_first(&self, value: &str, replacement: &str) -> String {
        let text: Vec<char> = value.chars().collect();
        match self.find(&text, 0) {
            Some((start, end)) => {
                let mut result: String = text[..start].iter().collect();
                result.push_str(replacement);
                result.extend(&text[end..]);
                result
            }
            None => value.to_owned(),
        }
    }

    /// Replaces all matches; `$name` in the replacement is a group reference, as BuildKit's use of a regular
    /// expression makes it. `None` where the result would be larger than `limit` bytes.
    pub(super) fn replace_all(&self, value: &str, replacement: &str, limit: usize) -> Option<String> {
        let text: Vec<char> = value.chars().collect();
        let mut result = String::new();
        let (mut search, mut last_end) = (0, 0);
        while search <= text.len() {
            let Some((start, end)) = self.find(&text, search) else { break };
            result.extend(&text[last_end..start]);
            // An empty match right after another one does not count.
            if end > last_end || start == 0 {
                let matched: String = text[start..end].iter().collect();
                push_template(&mut result, replacement, &matched);
            }
            if result.len() > limit {
                return None;
            }
            last_end = end;
            search = if end > search { end } else { search + 1 };
        }
        result.extend(&text[last_end..]);
        Some(result)
    }

    /// Finds the leftmost match at or after `from`, and there the longest.
    fn find(&self, text: &[char], from: usize) -> Option<(usize, usize)> {
        let head = self.tokens.iter().position(|token| *token == Token::Any).unwrap_or(self.tokens.len());
        let (head, tail) = self.tokens.split_at(head);
        let mut start = from;
        while let Some(candidate) = text.get(start..start + head.len()) {
            let fits = head.iter().zip(candidate).all(|(token, ch)| match token {
                Token::Literal(literal) => literal == ch,
                Token::Any | Token::One => *ch != '\n',
            });
            if !fits {
                start += 1;
                continue;
            }
            let after = start + head.len();
            if let Some(length) = match_length(tail, text[after..].iter().copied(), true) {
                return Some((start, after + length));
            }
            // The tail begins with `*`: where it matches nothing from here, it matches nothing further on in the line.
            start += text[after..].iter().position(|ch| *ch == '\n')? + 1;
        }
        None
    }
}

/// Returns the number of characters of the shortest or longest match at the start of a text.
fn match_length(tokens: &[Token], text: impl Iterator<Item = char>, longest: bool) -> Option<usize> {
    // `active[i]`: the tokens before `i` have matched what was read.
    let mut active = vec![false; tokens.len() + 1];
    active[0] = true;
    skip_stars(tokens, &mut active);
    let mut found = active[tokens.len()].then_some(0);
    for (position, ch) in text.enumerate() {
        if found.is_some() && !longest {
            break;
        }
        let mut next = vec![false; tokens.len() + 1];
        for (i, token) in tokens.iter().enumerate().filter(|(i, _)| active[*i]) {
            match token {
                Token::Any => next[i] |= ch != '\n',
                Token::One => next[i + 1] |= ch != '\n',
                Token::Literal(literal) => next[i + 1] |= *literal == ch,
            }
        }
        skip_stars(tokens, &mut next);
        active = next;
        if !active.contains(&true) {
            break;
        }
        if active[tokens.len()] {
            found = Some(position + 1);
        }
    }
    found
}

fn skip_stars(tokens: &[Token], active: &mut [bool]) {
    for (i, token) in tokens.iter().enumerate() {
        if active[i] && *token == Token::Any {
            active[i + 1] = true;
        }
    }
}

/// Appends a replacement in which `$name`, `${name}` and `$0` are references to the (only) match.
fn push_template(result: &mut String, template: &str, matched: &str) {
    let mut rest = template;
    while let Some(dollar) = rest.find('$') {
        result.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            result.push('$');
            rest = after;
            continue;
        }
        let (braced, body) = match rest.strip_prefix('{') {
            Some(body) => (true, body),
            None => (false, rest),
        };
        let length = body.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(body.len());
        let (name, after) = body.split_at(length);
        let after = if braced { after.strip_prefix('}') } else { Some(after) };
        match after {
            Some(after) if !name.is_empty() => {
                if name == "0" {
                    result.push_str(matched);
                }
                rest = after;
            }
            _ => result.push('$'),
        }
    }
    result.push_str(rest);
}
