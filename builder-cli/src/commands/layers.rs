//! `builder layers`.

use builder_core::diagnostic::render::visible;
use builder_core::image::{self, ImageView};
use builder_core::reference::Reference;
use builder_core::report::{self, Analysis, Hidden, ImageReport, ReportError};
use builder_core::store::{ImageRecord, Timeline};
use serde_json::{Value, json};

use super::Session;
use super::build::command_error;
use crate::args::{LayersArgs, ListFormat};
use crate::error::{CommandError, ErrorKind};
use crate::settings;
use crate::ui::format::size;
use crate::ui::page::{Page, short_instruction};
use crate::ui::table::layout;

/// How many characters of an instruction a table shows.
const SHOWN_INSTRUCTION: usize = 60;
/// How many files and paths a page lists at the least.
const PAGE_TOP: usize = 100;

pub(super) fn layers(arguments: &LayersArgs, session: &Session) -> Result<(), CommandError> {
    let _hold = session.builder.store().hold();
    let record = session.find(&arguments.image)?;
    let image = view(arguments, &record, session)?;
    session.builder.complete_for(&record, &image.config.platform(), &session.cancel).map_err(command_error)?;
    let analysis = report::analyse(session.builder.snapshots(), &image, &session.cancel).map_err(report_error)?;
    let name = match record.name.parse::<Reference>() {
        Ok(name) => name.familiar(),
        Err(_) => record.config.to_string(),
    };
    let timeline = session.builder.store().timeline_of(&image.config.rootfs.diff_ids);
    let timeline = timeline.map_err(CommandError::environment)?;
    if let Some(path) = &arguments.html {
        let report = analysis.report(&image, arguments.top.max(PAGE_TOP));
        let page = Page { name: &name, report: &report, analysis: &analysis, timeline: timeline.as_ref() };
        if path == std::path::Path::new("-") {
            return session.printer.data(&page.html());
        }
        let written = std::fs::write(path, page.html());
        return written.map_err(|error| {
            CommandError::environment(format!("cannot write `{}`: {error}", path.display()))
                .hint("may you write there, and is there room?")
        });
    }
    let report = analysis.report(&image, arguments.top);
    let text = match arguments.format {
        ListFormat::Json => json_text(&name, &report, timeline.as_ref())?,
        ListFormat::Table => text(&name, &report, &analysis, arguments),
    };
    session.printer.data(&text)
}

/// Reads the image; of an index the one for the platform, which has to be there where somebody asks for it.
fn view(arguments: &LayersArgs, record: &ImageRecord, session: &Session) -> Result<ImageView, CommandError> {
    let asked: Vec<String> = arguments.platform.iter().cloned().collect();
    let platforms = settings::pull_platforms(&asked)?;
    let [platform] = platforms.as_slice() else {
        return Err(CommandError::usage("layers are shown of one platform's image"));
    };
    let view = image::read(session.builder.store(), record, platform).map_err(CommandError::environment)?;
    let found = view.config.platform();
    if !asked.is_empty() && platform.rank(&found).is_none() {
        return Err(CommandError::new(
            ErrorKind::Failed,
            format!("the store has no image for {platform} under this name, but one for {found}"),
        )
        .hint(format!("`builder pull --platform {platform} NAME` fetches it from a registry")));
    }
    Ok(view)
}

fn report_error(error: ReportError) -> CommandError {
    let kind = match &error {
        error if error.is_cancelled() => ErrorKind::Interrupted,
        ReportError::Layer { .. } => ErrorKind::Usage,
        ReportError::Missing { .. } => ErrorKind::Failed,
        _ => ErrorKind::Environment,
    };
    CommandError::new(kind, error)
}

fn json_text(name: &str, report: &ImageReport, timeline: Option<&Timeline>) -> Result<String, CommandError> {
    let mut value = serde_json::to_value(report).map_err(CommandError::environment)?;
    let mut object = json!({ "image": name });
    if let (Some(object), Value::Object(figures)) = (object.as_object_mut(), &mut value) {
        object.append(figures);
        object.insert("timeline".to_owned(), serde_json::to_value(timeline).map_err(CommandError::environment)?);
    }
    Ok(format!("{object:#}\n"))
}

#[expect(clippy::cast_precision_loss, reason = "a figure with three digits")]
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "0%".to_owned() } else { format!("{:.1}%", 100.0 * part as f64 / whole as f64) }
}

fn text(name: &str, report: &ImageReport, analysis: &Analysis, arguments: &LayersArgs) -> String {
    let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
    let count = report.layers.len();
    let plural = if count == 1 { "" } else { "s" };
    let share = percent(report.wasted, report.bytes);
    // Rounded down: what is not all of it is not shown as 100 %.
    let efficiency = format!("{:.1}%", (analysis.efficiency() * 1000.0).floor() / 10.0);
    let mut out = layout(&[
        row(&["IMAGE", &visible(name), &report.platform, &report.digest.short()]),
        row(&["FILES", &format!("{} in {count} layer{plural}, {} stored", size(report.bytes), size(report.stored))]),
        row(&["KEPT", &format!("{} in the root filesystem", size(report.kept))]),
        row(&["WASTED", &format!("{} ({share})", size(report.wasted))]),
        row(&["EFFICIENCY", &efficiency]),
    ]);
    let header =
        ["LAYER", "SIZE", "WASTED", "STORED", "ENTRIES", "ADDED", "CHANGED", "DELETED", "HIDES", "INSTRUCTION"];
    let mut table = vec![row(&header)];
    for layer in &report.layers {
        let mut instruction = visible(&short_instruction(&layer.created_by)).into_owned();
        if !arguments.no_trunc && instruction.chars().count() > SHOWN_INSTRUCTION {
            instruction = instruction.chars().take(SHOWN_INSTRUCTION - 1).chain(['…']).collect();
        }
        let figures = [layer.entries, layer.added, layer.changed, layer.hidden].map(|figure| figure.to_string());
        let mut cells = vec![layer.number.to_string(), size(layer.bytes), size(layer.wasted), size(layer.stored)];
        cells.extend(figures);
        cells.extend([size(layer.hidden_bytes), instruction]);
        table.push(cells);
    }
    out.push_str(&format!("\n{}", layout(&table)));
    if !report.waste.is_empty() {
        let mut table = vec![row(&["WASTED", "FILES", "LAYER", "HIDDEN BY", "PATH"])];
        for part in &report.waste {
            let how = if part.how == Hidden::Replaced { "replaced" } else { "deleted" };
            let by = format!("{} ({how})", part.hidden_by);
            let path = visible(&part.path);
            table.push(row(&[&size(part.bytes), &part.files.to_string(), &part.layer.to_string(), &by, &path]));
        }
        out.push_str(&format!("\n{}", layout(&table)));
    }
    if !report.biggest.is_empty() {
        let mut table = vec![row(&["SIZE", "LAYER", "BIGGEST FILES"])];
        for file in &report.biggest {
            let wasted = if file.hidden_by.is_some() { "  (wasted)" } else { "" };
            let path = format!("{}{wasted}", visible(&file.path));
            table.push(row(&[&size(file.bytes), &file.layer.to_string(), &path]));
        }
        out.push_str(&format!("\n{}", layout(&table)));
    }
    out
}
