//! Values of labels against the types of a schema.

use super::context::Context;
use super::model::InstructionView;
use super::options::LabelType;
use super::words::trimmed;
use crate::dockerfile::{InstructionKind, KeyValue};

/// Reports every label of a type whose value is not of it.
pub(super) fn check_type(cx: &Context<'_>, view: &InstructionView<'_>, kind: LabelType, what: &str) {
    for (key, pair) in labels(view) {
        let value = trimmed(pair.value.as_str());
        let is_unknown = !cx.is_hadolint() && value.contains('$');
        if cx.options.label_schema.get(key) == Some(&kind) && !value.is_empty() && !is_unknown && !is_of(kind, value) {
            cx.report(view.index, pair.value.span(), format!("the label `{key}` has to be {what}")).done();
        }
    }
}

/// Returns the labels of an instruction, triggers left out.
pub(super) fn labels<'a>(view: &InstructionView<'a>) -> impl Iterator<Item = (&'a str, &'a KeyValue)> {
    let pairs = match view.kind() {
        InstructionKind::Label(labels) if !view.is_trigger() => labels.pairs.as_slice(),
        _ => &[],
    };
    pairs.iter().map(|pair| (trimmed(pair.key.as_str()), pair))
}

/// Tells whether a value is of a type.
fn is_of(kind: LabelType, value: &str) -> bool {
    match kind {
        LabelType::Text => true,
        LabelType::Url => is_uri(value),
        LabelType::SemVer => semver::Version::parse(value).is_ok(),
        LabelType::Hash => {
            matches!(value.len(), 7 | 40) && value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        }
        LabelType::Rfc3339 => is_time(value),
        LabelType::Spdx => spdx::license_id(value).is_some_and(|id| id.name == value && !id.is_deprecated()),
        LabelType::Email => is_address(value),
    }
}

/// An absolute URI: a scheme, and characters that URIs have. Spec: RFC 3986, 4.3.
fn is_uri(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once(':') else { return false };
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(is_scheme)
        && rest.chars().all(is_allowed)
}

/// A date and time with a zone. Spec: RFC 3339, 5.6.
fn is_time(value: &str) -> bool {
    let Some((date, time)) = value.split_once(['T', 't']) else { return false };
    let fits = |text: &str, form: &str| {
        text.len() == form.len()
            && text.chars().zip(form.chars()).all(|(c, expected)| match expected {
                '0' => c.is_ascii_digit(),
                _ => c == expected,
            })
    };
    let at_most = |text: &str, start: usize, most: u8| {
        text.get(start..start + 2).and_then(|part| part.parse::<u8>().ok()).is_some_and(|number| number <= most)
    };
    let is_date = fits(date, "0000-00-00") && at_most(date, 5, 12) && at_most(date, 8, 31);
    let (clock, zone) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => return false,
    };
    let (seconds, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let is_clock =
        fits(seconds, "00:00:00") && at_most(seconds, 0, 23) && at_most(seconds, 3, 59) && at_most(seconds, 6, 60);
    let is_fraction = !fraction.is_empty() && fraction.chars().all(|c| c.is_ascii_digit());
    let is_zone = matches!(zone, "Z" | "z") || zone.get(1..).is_some_and(|offset| fits(offset, "00:00"));
    is_date && is_clock && is_fraction && is_zone
}

/// A local part and a domain of atoms. Spec: RFC 5322, 3.4.1, without comments and quoted parts.
fn is_address(value: &str) -> bool {
    let Some((local, domain)) = value.rsplit_once('@') else { return false };
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let are_atoms = |text: &str| text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom));
    are_atoms(local) && are_atoms(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_their_types() {
        use LabelType::{Email, Hash, Rfc3339, SemVer, Spdx, Text, Url};
        for (kind, value, expected) in [
            (Text, "", true),
            (Url, "http://x", true),
            (Url, "mailto:x", true),
            (Url, "x.com", false),
            (Url, "$X", false),
            (Rfc3339, "2021-01-01T00:00:00Z", true),
            (Rfc3339, "2021-01-01T00:00:00.123+02:00", true),
            (Rfc3339, "2021-01-01", false),
            (Rfc3339, "2021-01-01 00:00:00Z", false),
            (Rfc3339, "2021-13-01T00:00:00Z", false),
            (Rfc3339, "2021-01-01T00:00:00", false),
            (Spdx, "MIT", true),
            (Spdx, "Apache-2.0", true),
            (Spdx, "MIT OR Apache-2.0", false),
            (Spdx, "mit", false),
            (Spdx, "GPL-3.0", false),
            (Hash, "abcdef1", true),
            (Hash, "ABCDEF1", false),
            (Hash, "abcdef", false),
            (Hash, "0123456789012345678901234567890123456789", true),
            (SemVer, "1.2.3", true),
            (SemVer, "1.2.3-rc1+x", true),
            (SemVer, "v1.2.3", false),
            (SemVer, "1.2", false),
            (Email, "x@y.z", true),
            (Email, "x@y", true),
            (Email, "x", false),
            (Email, "@y", false),
        ] {
            assert_eq!(is_of(kind, value), expected, "{kind:?} {value}");
        }
    }
}
