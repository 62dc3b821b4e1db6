//! A base image that is no longer maintained.

use crate::lint::image_name::ImageName;
use crate::lint::prelude::*;
use crate::lint::variables::global_scope;

rule! {
    /// ## What it does
    /// Finds releases of distributions and languages that no longer get updates of security.
    ///
    /// ## Why it matters
    /// Holes that are found stay open, and packages vanish from the servers.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:10
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// ```
    RULE {
        id: "end-of-life-image",
        codes: &[],
        summary: "a base image that is no longer maintained",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

/// Names of releases that ended; numbers are compared apart.
const ENDED: [(&str, &str); 5] = [
    ("debian", "wheezy jessie stretch buster"),
    ("ubuntu", "trusty xenial bionic artful cosmic disco eoan groovy hirsute impish kinetic lunar mantic oracular"),
    ("centos", "latest centos5 centos6 centos7 centos8 5 6 7 8"),
    ("python", "2 2.7 3.4 3.5 3.6 3.7 3.8"),
    ("node", "lts-dubnium lts-erbium lts-fermium lts-gallium lts-hydrogen"),
];

/// The first release that still gets updates.
const OLDEST: [(&str, (u32, u32)); 7] = [
    ("alpine", (3, 20)),
    ("debian", (11, 0)),
    ("fedora", (41, 0)),
    ("golang", (1, 23)),
    ("node", (20, 0)),
    ("php", (8, 1)),
    ("ruby", (3, 2)),
];

fn check(cx: &Context<'_>, stage: &StageView) {
    let Some(InstructionKind::From(from)) = cx.instruction(stage.from).map(|from| &from.kind) else { return };
    let Ok(expansion) = global_scope(cx, true).expand(&from.image) else { return };
    if stage.parent.is_some() || expansion.references.iter().any(|reference| !reference.set) {
        return;
    }
    let name = ImageName::new(&expansion.text);
    let is_hub = name.registry.is_none_or(|host| host == "docker.io");
    let path = name.path.strip_prefix("library/").unwrap_or(name.path);
    let Some(tag) = name.tag.filter(|_| is_hub) else { return };
    let begin = tag.split('-').next().unwrap_or(tag);
    let is_named = ENDED.iter().any(|(image, tags)| *image == path && tags.split(' ').any(|ended| ended == begin));
    let number = version(begin);
    let is_old = number.is_some_and(|number| OLDEST.iter().any(|(image, oldest)| *image == path && number < *oldest));
    let is_old_ubuntu =
        path == "ubuntu" && number.is_some_and(|(year, month)| year < 22 || year == 22 && month != 4 || year == 23);
    if is_named || is_old || is_old_ubuntu {
        cx.report(stage.from, from.image.span(), format!("`{path}:{tag}` gets no updates any more")).done();
    }
}

fn version(tag: &str) -> Option<(u32, u32)> {
    let mut parts = tag.split('.');
    let major = parts.next()?.parse().ok()?;
    // `node:20` means the newest of them.
    let minor = parts.next().map_or(Some(u32::MAX), |minor| minor.parse().ok())?;
    Some((major, minor))
}
