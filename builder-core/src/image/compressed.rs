//! Layers that were compressed before their image was complete.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::digest::Digest;
use crate::store::WorkDir;

/// One compressed layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CompressedLayer {
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its size, in bytes.
    pub(crate) size: u64,
    /// Where it is; nowhere where it is only known what it would be.
    pub(crate) path: Option<PathBuf>,
}

/// Compressed layers by diff ID and form; their files go with this.
#[derive(Debug, Default)]
pub struct CompressedLayers {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    layers: BTreeMap<(Digest, String), CompressedLayer>,
    work: Vec<WorkDir>,
}

impl CompressedLayers {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a layer in a form, where it was made.
    pub(crate) fn find(&self, diff_id: &Digest, form: &str) -> Option<CompressedLayer> {
        self.lock().layers.get(&(*diff_id, form.to_owned())).cloned()
    }

    /// Takes a layer in a form.
    #[cfg_attr(not(feature = "registry"), expect(dead_code, reason = "without registries nothing is pushed"))]
    pub(crate) fn note(&self, diff_id: Digest, form: &str, layer: CompressedLayer) {
        self.lock().layers.insert((diff_id, form.to_owned()), layer);
    }

    /// Takes the directory of layers that were noted.
    #[cfg_attr(not(feature = "registry"), expect(dead_code, reason = "without registries nothing is pushed"))]
    pub(crate) fn keep(&self, work: Option<WorkDir>) {
        self.lock().work.extend(work);
    }
}
