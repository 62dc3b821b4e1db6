//! One name of a cache mount, two caches.

use std::collections::HashMap;

use crate::lint::mounts::MountView;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds cache mounts of one name with other owners, modes or origins.
    ///
    /// ## Why it matters
    /// `uid`, `gid`, `mode` and `from` are part of what tells one cache from another. Two mounts of the same `id` that
    /// differ in them share nothing: what one step downloads, the other downloads again.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// RUN --mount=type=cache,id=pip,target=/cache pip download app
    /// RUN --mount=type=cache,id=pip,target=/cache,uid=1000 pip install app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// RUN --mount=type=cache,id=pip,target=/cache,uid=1000 pip download app
    /// RUN --mount=type=cache,id=pip,target=/cache,uid=1000 pip install app
    /// ```
    RULE {
        id: "split-cache-mount",
        codes: &[],
        summary: "a cache mount of the same name that is another cache",
        level: Level::Warning,
        group: Group::Speed,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

/// What besides the name tells one cache from another: `from`, and owner and mode where one of them is given.
type Identity = (String, Option<[u32; 3]>);

fn check(cx: &Context<'_>) {
    let mut known: HashMap<String, (Identity, Span)> = HashMap::new();
    for view in cx.model.instructions.iter().filter(|view| !view.is_trigger()) {
        for mount in MountView::of(view.kind()).filter(|mount| mount.kind().eq_ignore_ascii_case("cache")) {
            let target = mount.get(&["target", "dst", "destination"]);
            let Some(name) = mount.get(&["id"]).filter(|id| !id.is_empty()).or(target) else { continue };
            let Some(identity) = identity(&mount).filter(|_| !mount.value.value.contains('$')) else { continue };
            let name = name.trim_end_matches('/');
            match known.get(name) {
                None => _ = known.insert(name.to_owned(), (identity, mount.value.span)),
                Some((first, _)) if *first == identity => {}
                Some((_, first)) => cx
                    .report(
                        view.index,
                        mount.value.span,
                        format!("this is another cache than the first one named `{name}`"),
                    )
                    .also(*first, "the owner, the mode or the origin is another here")
                    .help("give all of them the same `uid`, `gid`, `mode` and `from`, or names of their own with `id`")
                    .done(),
            }
        }
    }
}

/// `None` where a number is none: the build says so.
fn identity(mount: &MountView<'_>) -> Option<Identity> {
    let number = |name: &str, radix: u32| mount.get(&[name]).map(|text| u32::from_str_radix(text, radix)).transpose();
    let (uid, gid, mode) = (number("uid", 10).ok()?, number("gid", 10).ok()?, number("mode", 8).ok()?);
    let is_given = uid.is_some() || gid.is_some() || mode.is_some();
    let owner = is_given.then(|| [uid.unwrap_or(0), gid.unwrap_or(0), mode.unwrap_or(0o755)]);
    Some((mount.get(&["from"]).unwrap_or_default().to_owned(), owner))
}
