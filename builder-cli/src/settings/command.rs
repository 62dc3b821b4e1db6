//! How a build was asked for, as later builds are told: nothing in it may be secret.

use builder_core::remote::without_credentials;

use crate::args::BuildArgs;

/// Returns the command line with the arguments that tell one build from another, and no values of variables.
pub(super) fn command(arguments: &BuildArgs) -> String {
    let mut words = vec!["builder".to_owned(), "build".to_owned()];
    let mut add = |flag: &str, value: &str| {
        words.push(flag.to_owned());
        words.push(quoted(value));
    };
    for tag in &arguments.tags {
        add("-t", tag);
    }
    if let Some(file) = &arguments.file {
        add("-f", &file.display().to_string());
    }
    if let Some(target) = &arguments.target {
        add("--target", target);
    }
    for platform in &arguments.platforms {
        add("--platform", platform);
    }
    words.push(quoted(&without_credentials(&arguments.context.display().to_string())));
    words.join(" ")
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-:=,@+#%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
