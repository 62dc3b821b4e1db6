//! A secret in the text.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds what has the form of a secret: private keys, access keys of AWS, tokens of GitHub, GitLab, npm, Slack,
    /// Stripe and others, and addresses with a password.
    ///
    /// ## Why it matters
    /// The text is in the history of the image, and in the repository: whoever has either has the secret.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN git clone https://me:hunter2@example.org/private.git
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN --mount=type=secret,id=netrc,target=/root/.netrc git clone https://example.org/private.git
    /// ```
    RULE {
        id: "literal-secret",
        codes: &[],
        summary: "a secret in the text",
        level: Level::Error,
        group: Group::Security,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

/// What a token begins with, what it may consist of besides letters and digits, how long the rest is, and whose it is.
const TOKENS: [(&str, &str, usize, &str); 22] = [
    ("AKIA", "", 16, "an access key of AWS"),
    ("ASIA", "", 16, "an access key of AWS"),
    ("AIza", "-_", 35, "a key of Google's"),
    ("dckr_pat_", "-_", 27, "a token of Docker Hub"),
    ("ghp_", "", 36, "a token of GitHub"),
    ("gho_", "", 36, "a token of GitHub"),
    ("ghu_", "", 36, "a token of GitHub"),
    ("ghs_", "", 36, "a token of GitHub"),
    ("ghr_", "", 36, "a token of GitHub"),
    ("github_pat_", "_", 50, "a token of GitHub"),
    ("glpat-", "-_", 20, "a token of GitLab"),
    ("hf_", "", 34, "a token of Hugging Face"),
    ("npm_", "", 36, "a token of npm"),
    ("pypi-AgEIcHlwaS5vcmc", "-_", 50, "a token of PyPI"),
    ("rk_live_", "", 24, "a key of Stripe"),
    ("sk_live_", "", 24, "a key of Stripe"),
    ("sk-ant-", "-_", 40, "a key of Anthropic"),
    ("sk-proj-", "-_", 40, "a key of OpenAI"),
    ("xoxb-", "-", 20, "a token of Slack"),
    ("xoxp-", "-", 20, "a token of Slack"),
    ("xoxa-", "-", 20, "a token of Slack"),
    ("SG.", "-_.", 66, "a key of SendGrid"),
];

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let is_looked_at = !matches!(view.kind(), InstructionKind::From(_) | InstructionKind::OnBuild(_));
    if !is_looked_at {
        return;
    }
    let text = cx.text(view.instruction.span);
    let start = view.instruction.span.start as usize;
    let report = |from: usize, to: usize, what: &str| {
        let span = Span::from_range(start + from..start + to);
        cx.report(view.index, span, format!("this looks like {what}, and stays in the history of the image"))
            .help("revoke it, and give secrets to the steps that need them: `RUN --mount=type=secret`")
            .done();
    };
    for (at, _) in text.match_indices("-----BEGIN ") {
        let line = text[at..].lines().next().unwrap_or_default();
        if line.contains("PRIVATE KEY-----") {
            let end = line.find("KEY-----").map_or(line.len(), |end| end + "KEY-----".len());
            report(at, at + end, "a private key");
        }
    }
    for (at, what, length) in tokens(text) {
        report(at, at + length, what);
    }
    for (from, to) in passwords(text) {
        report(from, to, "a password in an address");
    }
}

/// Finds the tokens of a text: where each begins, what it is and how long.
fn tokens(text: &str) -> Vec<(usize, &'static str, usize)> {
    let mut found = Vec::new();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut is_inside = false;
    for (at, byte) in text.bytes().enumerate() {
        let is_start = is_part(byte) && !is_inside;
        // Letters of other alphabets belong to a word too.
        is_inside = is_part(byte) || byte >= 0x80;
        if !is_start {
            continue;
        }
        for (begin, others, least, what) in TOKENS {
            let Some(rest) = text[at..].strip_prefix(begin) else { continue };
            let is_token = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
            let length = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
            if length >= least && is_varied(&rest[..length]) {
                found.push((at, what, begin.len() + length));
            }
        }
    }
    found
}

/// Tells a token from a placeholder such as `xxxxxxxx` or `EXAMPLE`.
fn is_varied(token: &str) -> bool {
    let lower = token.to_lowercase();
    let mut letters: Vec<u8> = token.bytes().collect();
    letters.sort_unstable();
    letters.dedup();
    letters.len() > 6 && !lower.contains("example") && !lower.contains("xxxx") && !lower.contains("your")
}

/// Finds the passwords of addresses: `https://user:password@host`.
fn passwords(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, separator) in text.match_indices("://") {
        if !["http", "https", "ftp", "ftps"].iter().any(|scheme| text[..at].ends_with(scheme)) {
            continue;
        }
        let start = at + separator.len();
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || "/\"'?#`|)".contains(c)).unwrap_or(rest.len());
        let Some((user, host)) = rest[..end].rsplit_once('@') else { continue };
        let Some((name, password)) = user.split_once(':') else { continue };
        let is_placeholder = password.contains(['$', '{', '<', '%', '*', '[']) || name.contains(['<', '[']);
        let is_known = matches!(password, "" | "x-oauth-basic" | "password" | "pass" | "anonymous");
        if !is_placeholder && !is_known && !host.is_empty() {
            let from = start + name.len() + 1;
            found.push((from, from + password.len()));
        }
    }
    found
}
