//! `DL3026`.

use crate::lint::image_name::ImageName;
use crate::lint::prelude::*;
use crate::text::Spanned;

rule! {
    /// ## What it does
    /// Finds images of registries that the configuration does not trust.
    ///
    /// ## Why it matters
    /// What an organisation builds should come from where it looks at what it gets.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM registry.example/app:1
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM trusted.example/app:1
    /// ```
    RULE {
        id: "untrusted-registry",
        codes: &["DL3026"],
        summary: "an image of a registry that is not trusted",
        level: Level::Error,
        group: Group::Security,
        activation: Activation::Configured,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    if cx.options.trusted_registries.is_empty() {
        return;
    }
    let mut images: Vec<Spanned<String>> = Vec::new();
    match view.kind() {
        InstructionKind::From(from) => {
            images.push(Spanned::new(from.image.as_str().to_owned(), from.image.span()));
        }
        InstructionKind::Copy(transfer) => images.extend(transfer.from.clone()),
        InstructionKind::Run(run) => images.extend(run.mounts.iter().filter_map(mounted_image)),
        _ => {}
    }
    let count = view.stage.map_or(0, |stage| stage + 1);
    for image in images {
        let name = image.value.as_str();
        let is_stage = name == "scratch"
            || name.parse::<usize>().is_ok_and(|index| index < count)
            || cx.model.stages.iter().take(count).any(|stage| stage.name.as_deref() == Some(name));
        if !is_stage && !is_trusted(&cx.options.trusted_registries, ImageName::new(name).registry) {
            cx.report(view.index, image.span, format!("`{name}` is from a registry that is not trusted"))
                .note(format!("trusted are: {}", cx.options.trusted_registries.join(", ")))
                .done();
        }
    }
}

/// The `from` of a mount that reads files.
fn mounted_image(mount: &Spanned<String>) -> Option<Spanned<String>> {
    let fields: Vec<(&str, &str)> = mount.value.split(',').filter_map(|field| field.split_once('=')).collect();
    let kind = fields.iter().find(|(key, _)| *key == "type").map_or("bind", |(_, value)| value);
    let from = fields.iter().find(|(key, _)| *key == "from")?.1;
    matches!(kind, "bind" | "cache").then(|| Spanned::new(from.to_owned(), mount.span))
}

fn is_trusted(trusted: &[String], registry: Option<&str>) -> bool {
    let names: &[&str] = match &registry {
        None | Some("docker.io" | "hub.docker.com") => &["docker.io", "hub.docker.com"],
        Some(name) => std::slice::from_ref(name),
    };
    names.iter().any(|name| trusted.iter().any(|pattern| fits(pattern, name)))
}

fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(begin)) => name.starts_with(begin),
        (None, None) => pattern == name,
    }
}
