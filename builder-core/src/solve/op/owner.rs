//! A warning where files are given to somebody whom the image does not know.

use super::Step;
use crate::diagnostic::Diagnostic;
use crate::event::Event;
use crate::fs::accounts::Owner;

impl Step<'_, '_> {
    /// Says that root, or the user's own group, has taken the place of a name (dockerfile-semantics 5.6.3).
    pub(super) fn warn_of_unknown(&self, owner: &Owner) {
        let (user, group) = &owner.unknown;
        let names = [("user", "passwd", user), ("group", "group", group)];
        for (kind, file, name) in names.into_iter().filter_map(|(kind, file, name)| Some((kind, file, name.as_ref()?)))
        {
            let message = format!(
                "{kind} `{name}` is not in the image's /etc/{file}: the files belong to {}:{}",
                owner.uid, owner.gid
            );
            let help = format!("make the {kind} in a step before this one, or write its number");
            self.warn(Diagnostic::warning("unknown-owner", self.vertex.span, message).help(help));
        }
    }

    fn warn(&self, diagnostic: Diagnostic) {
        if let Some(source_file) = self.solver.source_file.clone() {
            self.solver.events.emit(Event::Warning { diagnostic, source_file });
        }
    }
}
