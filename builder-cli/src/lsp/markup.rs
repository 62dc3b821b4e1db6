//! Texts in Markdown for clients that show it, and as plain text for the others.

use lsp_types::{Documentation, HoverContents, MarkedString, MarkupContent, MarkupKind};

/// What a client shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Shown {
    /// It does not say.
    #[default]
    Unsaid,
    /// Markdown.
    Markdown,
    /// Plain text.
    Plain,
}

impl Shown {
    /// Reads the formats that a client names, the one it likes best first.
    pub(super) fn of(formats: Option<&[MarkupKind]>) -> Self {
        match formats.and_then(|formats| formats.first()) {
            None => Self::Unsaid,
            Some(MarkupKind::Markdown) => Self::Markdown,
            Some(MarkupKind::PlainText) => Self::Plain,
        }
    }
}

/// Returns what is shown below the pointer.
pub(super) fn hover(markdown: String, shown: Shown) -> HoverContents {
    match shown {
        Shown::Markdown => HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value: markdown }),
        Shown::Plain => HoverContents::Markup(MarkupContent { kind: MarkupKind::PlainText, value: plain(&markdown) }),
        // A bare text is Markdown here, and all that the first clients know.
        Shown::Unsaid => HoverContents::Scalar(MarkedString::String(markdown)),
    }
}

/// Returns what is shown beside a completion.
pub(super) fn documentation(markdown: String, shown: Shown) -> Documentation {
    match shown {
        Shown::Markdown => Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value: markdown }),
        // A bare text is plain here.
        Shown::Plain | Shown::Unsaid => Documentation::String(plain(&markdown)),
    }
}

/// Takes the marks out of a text, as far as we write them: headings, code, bold, links and rules.
fn plain(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut in_code = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
            continue;
        }
        if in_code {
            out.push_str("    ");
            out.push_str(line);
        } else if let Some(heading) = line.strip_prefix("## ") {
            out.push_str(heading);
            out.push(':');
        } else {
            inline(&mut out, line);
        }
        out.push('\n');
    }
    out.trim_end().to_owned()
}

fn inline(out: &mut String, mut line: &str) {
    while let Some(at) = line.find(['`', '*', '[']) {
        let (before, rest) = line.split_at(at);
        out.push_str(before);
        line = if let Some((code, after)) = between(rest, "`", "`") {
            out.push_str(code);
            after
        } else if let Some((bold, after)) = between(rest, "**", "**") {
            out.push_str(bold);
            after
        } else if let Some((name, after)) = between(rest, "[", "](")
            && let Some((address, after)) = after.split_once(')')
        {
            out.push_str(&format!("{name}: {address}"));
            after
        } else {
            let mark = rest.chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[..mark]);
            &rest[mark..]
        };
    }
    out.push_str(line);
}

fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<(&'t str, &'t str)> {
    text.strip_prefix(open)?.split_once(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_out() {
        let markdown = "**DL3000** `x`: a * b [1]\n\n## Example\n```dockerfile\nRUN a *b* `c`\n```\nSee [it](https://a.example).\n";
        let expected = "DL3000 x: a * b [1]\n\nExample:\n    RUN a *b* `c`\nSee it: https://a.example.";
        assert_eq!(plain(markdown), expected);
        for odd in ["`", "**a", "[a](b", "é`ü"] {
            assert_eq!(plain(odd), odd);
        }
    }

    #[test]
    fn the_format_that_a_client_likes_best_is_taken() {
        assert_eq!(Shown::of(None), Shown::Unsaid);
        assert_eq!(Shown::of(Some(&[])), Shown::Unsaid);
        assert_eq!(Shown::of(Some(&[MarkupKind::PlainText, MarkupKind::Markdown])), Shown::Plain);
        assert_eq!(Shown::of(Some(&[MarkupKind::Markdown, MarkupKind::PlainText])), Shown::Markdown);
    }
}
