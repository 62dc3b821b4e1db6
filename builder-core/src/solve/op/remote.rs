//! What an ADD or a named context fetches: files of web servers, git repositories.

use super::{Outcome, Step};
use crate::cache::KeyBuilder;
use crate::event::{Event, ProgressUnit};
use crate::remote::RemoteSource;
use crate::solve::keeper::{Keeper, Watch};
use crate::solve::{SolveOptions, StepResult};
use crate::source::Outside;

impl Step<'_, '_> {
    pub(super) fn remote(&self, source: &RemoteSource) -> Outcome<StepResult> {
        let SolveOptions { secrets, ssh, host_search_path, source_date_epoch, now, .. } = self.solver.options;
        let keeper = Keeper {
            snapshots: self.solver.snapshots,
            outside: Outside {
                store: self.solver.store,
                secrets,
                ssh,
                search_path: host_search_path,
                #[cfg(feature = "registry")]
                registry: &self.solver.options.registry,
                cancel: self.cancel,
            },
            clamp: *source_date_epoch,
            now: *now,
        };
        let item = source.display();
        let progress = |current, total| {
            let (id, item, unit) = (self.vertex.id, item.clone(), ProgressUnit::Bytes);
            self.solver.events.emit(Event::StepProgress { id, item, current, total, unit });
        };
        // Whether something has to be fetched is known when its server has answered, so the lock comes before.
        let mut key = KeyBuilder::new("remote");
        key.text("source", &item);
        let _lock = self.lock_or_wait(&key.finish().0)?;
        let watch = Watch { begin: &|| self.started(), progress: &progress };
        let result = keeper.get(source, &watch)?.result;
        self.explainer.external(self.vertex.id, &result);
        Ok(result)
    }
}
