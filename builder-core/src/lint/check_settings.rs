//! What a `# check=` directive says, or the build arg that replaces it.

/// The build arg that stands for the directive.
pub const CHECK_ARGUMENT: &str = "BUILDKIT_DOCKERFILE_CHECK";

/// What a `# check=` directive says.
///
/// Spec: dockerfile-semantics 14.3.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CheckSettings {
    /// Checks that are not made.
    pub skip: Vec<String>,
    /// Whether none is made, but for those that are asked for.
    pub skip_all: bool,
    /// Checks that are off by default, and asked for.
    pub experimental: Vec<String>,
    /// Whether all of those are asked for.
    pub experimental_all: bool,
    /// Whether a warning fails the build.
    pub error: bool,
}

impl CheckSettings {
    /// Reads `skip=A,B;error=true;experimental=all`.
    ///
    /// # Errors
    /// BuildKit's words about a part that is no setting.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut settings = Self::default();
        let text = text.trim();
        if text.is_empty() {
            return Ok(settings);
        }
        for part in text.splitn(3, ';') {
            let invalid = |what: &str| format!("invalid check option {}", crate::text::go_quoted(what));
            let (key, value) = part.split_once('=').ok_or_else(|| invalid(part))?;
            let value = value.trim();
            match key.trim() {
                "skip" => (settings.skip, settings.skip_all) = list(value),
                "experimental" => (settings.experimental, settings.experimental_all) = list(value),
                "error" => {
                    settings.error = boolean(value).ok_or_else(|| {
                        let (part, value) = (crate::text::go_quoted(part), crate::text::go_quoted(value));
                        format!(
                            "failed to parse check option {part}: strconv.ParseBool: parsing {value}: invalid syntax"
                        )
                    })?;
                }
                other => return Err(invalid(other)),
            }
        }
        Ok(settings)
    }

    /// Tells whether a check is made. What is off by default is made where it is asked for, whatever is skipped.
    pub fn wants(&self, check: &str, is_experimental: bool) -> bool {
        if is_experimental {
            return self.experimental_all || self.experimental.iter().any(|name| name == check);
        }
        !self.skip_all && !self.skip.iter().any(|name| name == check)
    }
}

fn list(value: &str) -> (Vec<String>, bool) {
    if value == "all" {
        return (Vec::new(), true);
    }
    (value.split(',').map(|name| name.trim().to_owned()).collect(), false)
}

/// Go's words for truth values.
fn boolean(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_as_buildkit_reads_them() {
        let settings = CheckSettings::parse(" skip = A, B ; error=True;experimental=all").unwrap();
        assert_eq!(
            (settings.skip.join("|"), settings.error, settings.experimental_all),
            ("A|B".to_owned(), true, true)
        );
        assert!(!settings.wants("A", false) && settings.wants("C", false) && settings.wants("A", true));
        let settings = CheckSettings::parse("skip=all;experimental=X").unwrap();
        assert!(!settings.wants("A", false) && !settings.wants("Y", true) && settings.wants("X", true));
        assert_eq!(CheckSettings::parse(""), Ok(CheckSettings::default()));
        for (text, message) in [
            ("skip", "invalid check option \"skip\""),
            ("skip=A;nope=1", "invalid check option \"nope\""),
            (
                "error=yes",
                "failed to parse check option \"error=yes\": strconv.ParseBool: parsing \"yes\": invalid syntax",
            ),
            (
                "skip=A;skip=B;error=true;error=false",
                "failed to parse check option \"error=true;error=false\": strconv.ParseBool: parsing \
                 \"true;error=false\": invalid syntax",
            ),
        ] {
            assert_eq!(CheckSettings::parse(text), Err(message.to_owned()));
        }
    }
}
