//! Writes what `--output` asks for.

use std::io::Write;

use super::prepare::Tasks;
use super::{BuildError, BuildErrorKind, BuildOptions, Builder, ExportTarget, OptionError, Output, OutputKind};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::export::{self, ExportImage, Format};
use crate::image::{self, AssembledImage};
use crate::oci::media_type;
use crate::store::{ImageRecord, Owner};

impl Builder {
    #[expect(clippy::too_many_arguments, reason = "all of one build, in one place")]
    pub(super) fn write_outputs(
        &self,
        options: &BuildOptions,
        image: &AssembledImage,
        diff_ids: &[Digest],
        epoch: Option<i64>,
        tasks: &Tasks<'_>,
        mut stdout: Option<&mut (dyn Write + Send)>,
        cancel: &CancelToken,
    ) -> Result<(), BuildError> {
        for output in &options.outputs {
            let (kind, name) = match output.kind {
                OutputKind::Image | OutputKind::CacheOnly => continue,
                OutputKind::Oci => ("oci", "exporting to oci image format"),
                OutputKind::Docker => ("docker", "exporting to docker image format"),
                OutputKind::Tar => ("tar", "exporting to tar"),
                OutputKind::Local => ("local", "exporting to client directory"),
            };
            tasks.run(name.to_owned(), || match &output.target {
                ExportTarget::Store => Err(BuildErrorKind::Option(OptionError::MissingDestination(kind)).into()),
                ExportTarget::Path(path) if output.kind == OutputKind::Local => {
                    let owner = self.owner_of_files();
                    Ok(export::write_directory(&self.snapshots, diff_ids, epoch, owner, path, cancel)?)
                }
                ExportTarget::Path(path) if output.directory && output.kind != OutputKind::Tar => {
                    let images = [self.export_image(options, output, image)?];
                    let format = format(output);
                    Ok(export::write_layout(&self.snapshots, &images, format, output.compression, path, cancel)?)
                }
                ExportTarget::Path(path) => export::write_file(path, cancel, |out| {
                    self.write_stream(options, output, image, diff_ids, epoch, out, cancel)
                }),
                ExportTarget::Stdout => {
                    let missing = || BuildErrorKind::Option(OptionError::StandardOutput);
                    let mut out = stdout.take().ok_or_else(missing)?;
                    self.write_stream(options, output, image, diff_ids, epoch, &mut out, cancel)
                }
            })?;
        }
        Ok(())
    }

    /// Who gets the files of a directory: an ordinary user could neither read nor remove what belongs to the
    /// user's subordinate ids. Inside of the namespace that user is root.
    fn owner_of_files(&self) -> Option<(u32, u32)> {
        matches!(self.owner, Owner::Rootless { uid } if uid != 0).then_some((0, 0))
    }

    #[expect(clippy::too_many_arguments, reason = "all of one build, in one place")]
    fn write_stream(
        &self,
        options: &BuildOptions,
        output: &Output,
        image: &AssembledImage,
        diff_ids: &[Digest],
        epoch: Option<i64>,
        out: &mut dyn Write,
        cancel: &CancelToken,
    ) -> Result<(), BuildError> {
        if output.kind == OutputKind::Tar {
            return Ok(export::write_tar(&self.snapshots, diff_ids, epoch, out, cancel)?);
        }
        let images = [self.export_image(options, output, image)?];
        let time = epoch.unwrap_or(0);
        let format = format(output);
        Ok(export::write_archive(&self.snapshots, &images, format, output.compression, time, out, cancel)?)
    }

    fn export_image(
        &self,
        options: &BuildOptions,
        output: &Output,
        image: &AssembledImage,
    ) -> Result<ExportImage, BuildError> {
        let record = ImageRecord {
            name: String::new(),
            manifest: image.manifest,
            manifest_size: image.manifest_bytes.len() as u64,
            media_type: media_type::OCI_MANIFEST.to_owned(),
            config: image.config,
            created: image.created.clone(),
        };
        let mut names: Vec<_> = options.tags.iter().chain(&output.names).cloned().collect();
        names.dedup();
        Ok(ExportImage { view: image::read(&self.store, &record)?, names })
    }
}

fn format(output: &Output) -> Format {
    if output.kind == OutputKind::Docker { Format::Docker } else { Format::Oci }
}
