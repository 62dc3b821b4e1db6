//! A file that holds secrets is copied into the image.

use crate::dockerfile::TransferSource;
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds `COPY` and `ADD` of files that usually hold secrets, by their names: `.env`, `id_rsa`, `.netrc`,
    /// `.npmrc`, `.aws/credentials`, private keys. Stages whose layers are not part of the last one are left out.
    ///
    /// ## Why it matters
    /// Whoever has the image has the secret, even where a later step deletes the file.
    ///
    /// ## Example
    /// ```dockerfile
    /// COPY .env id_rsa /app/
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN --mount=type=secret,id=env,target=/app/.env ./build
    /// ```
    RULE {
        id: "copied-secret-file",
        codes: &[],
        summary: "a file that holds secrets is copied into the image",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = view.kind() else { return };
    if transfer.from.is_some() || view.stage.is_none_or(|stage| !cx.model.is_shipped(stage)) {
        return;
    }
    for source in &transfer.sources {
        let TransferSource::Path(written) = source else { continue };
        let path = trimmed(written.as_str());
        if !path.contains("://") && is_secret(path) {
            cx.report(view.index, written.span(), format!("`{path}` usually holds secrets, and stays in the image"))
                .help("use `RUN --mount=type=secret`, or give it to the container when it starts")
                .done();
        }
    }
}

/// Tells whether files of this name usually hold secrets.
fn is_secret(path: &str) -> bool {
    // Keys of tests are no secrets.
    let is_sample = |part: &str| ["test", "fixture", "example", "sample"].iter().any(|word| part.contains(word));
    if path.split('/').any(is_sample) {
        return false;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let folder = path.strip_suffix(name).unwrap_or_default().trim_end_matches('/');
    let folder = folder.rsplit('/').next().unwrap_or_default();
    let names = [
        ".env",
        ".git-credentials",
        ".netrc",
        ".npmrc",
        ".pgpass",
        ".pypirc",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "id_rsa",
        "key.pem",
        "privkey.pem",
        "private.pem",
        "server.key",
    ];
    let in_folders = [(".aws", "credentials"), (".docker", "config.json"), (".kube", "config")];
    let ends = ["-key.pem"];
    let is_environment = name.strip_prefix(".env.").is_some_and(|rest| {
        matches!(rest, "local" | "production" | "prod" | "staging" | "development" | "dev" | "secret" | "secrets")
    });
    names.contains(&name)
        || in_folders.contains(&(folder, name))
        || is_environment
        || ends.iter().any(|end| name.ends_with(end))
}
