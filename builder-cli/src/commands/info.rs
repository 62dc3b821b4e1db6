//! `builder info`.

use builder_core::sandbox::isolation::{IsolationMode, probe};
use serde_json::json;

use crate::args::{GlobalArgs, InfoArgs, ListFormat};
use crate::error::CommandError;
use crate::settings;
use crate::ui::printer::Printer;

pub(super) fn info(arguments: &InfoArgs, global: &GlobalArgs, printer: Printer) -> Result<(), CommandError> {
    let facts = probe(&settings::rootless());
    let root = settings::store_root(global, settings::is_ordinary_user())?;
    let mode = mode(&facts.mode);
    if arguments.format == ListFormat::Json {
        let features: Vec<_> = facts
            .features
            .iter()
            .map(|feature| json!({ "name": feature.name, "available": feature.available, "detail": feature.detail }))
            .collect();
        let report = json!({
            "version": env!("CARGO_PKG_VERSION"), "store": root, "mode": mode, "kernel": facts.kernel,
            "features": features, "hints": facts.hints,
        });
        return printer.data(&format!("{report:#}\n"));
    }
    let mut text = format!(
        "version   {}\nstore     {}\nmode      {mode}\nkernel    {}\nnetwork   RUN steps share this machine's network unless --network=none\n",
        env!("CARGO_PKG_VERSION"),
        root.display(),
        facts.kernel
    );
    for feature in &facts.features {
        let mark = if feature.available { "yes" } else { "no" };
        text.push_str(&format!("  {:<3} {}: {}\n", mark, feature.name, feature.detail));
    }
    for hint in &facts.hints {
        text.push_str(&format!("for better: {hint}\n"));
    }
    printer.data(&text)
}

fn mode(mode: &IsolationMode) -> String {
    match mode {
        IsolationMode::Root => "root".to_owned(),
        IsolationMode::Rootless => "rootless, with subordinate ids".to_owned(),
        IsolationMode::Unavailable { reason } => format!("none: {reason}"),
        other => format!("{other:?}"),
    }
}
