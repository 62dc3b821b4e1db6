//! What is stated about how an image was made: SLSA provenance.
//!
//! Spec: dockerfile-semantics 13.5; SLSA provenance 0.2 and 1, with BuildKit's extensions.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::prepare::{PlatformPlan, Prepared};
use super::{BuildError, BuildOptions, ContextSource};
use crate::digest::Digest;
use crate::ids::VertexId;
use crate::image::{ImageError, package_url, rfc3339};
use crate::plan::op::{FilesystemRef, NetworkMode, Op};
use crate::plan::{Plan, Vertex};
use crate::platform::Platform;
use crate::reference::Reference;

/// What BuildKit calls this kind of build in version 0.2.
const BUILD_TYPE_V02: &str = "https://mobyproject.org/buildkit@v1";
/// And in version 1.
const BUILD_TYPE_V1: &str = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";

/// How much is stated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProvenanceMode {
    /// Neither build arguments and labels nor sources.
    Min,
    /// Everything: the Dockerfile, build arguments, the steps.
    Max,
}

/// The form of the statement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ProvenanceVersion {
    /// SLSA provenance 1.
    #[default]
    V1,
    /// SLSA provenance 0.2.
    V02,
}

impl ProvenanceVersion {
    /// Returns the type of the predicate.
    pub fn predicate_type(self) -> &'static str {
        match self {
            Self::V1 => "https://slsa.dev/provenance/v1",
            Self::V02 => "https://slsa.dev/provenance/v0.2",
        }
    }
}

/// What is asked for with `--provenance`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Provenance {
    /// `mode=`.
    pub mode: ProvenanceMode,
    /// `version=`.
    pub version: ProvenanceVersion,
    /// `builder-id=`: who builds, a URL.
    pub builder_id: String,
    /// `filename=`: what the statement is called beside a root filesystem.
    pub filename: Option<String>,
    /// `reproducible=`: whether whoever builds says that the same comes out every time.
    pub reproducible: bool,
    /// `inline-only=`: only with images, not beside root filesystems.
    pub inline_only: bool,
}

impl Provenance {
    /// Makes a request of a mode, everything else at its default.
    pub fn new(mode: ProvenanceMode) -> Self {
        Self {
            mode,
            version: ProvenanceVersion::default(),
            builder_id: String::new(),
            filename: None,
            reproducible: false,
            inline_only: false,
        }
    }

    /// Returns the name of the file of the statement.
    pub fn file_name(&self) -> &str {
        self.filename.as_deref().unwrap_or("provenance.json")
    }
}

/// What can be said of one build, whatever the form.
struct Facts {
    arguments: Map<String, Value>,
    request_is_complete: bool,
    locals: Vec<Value>,
    materials: Vec<Value>,
    hermetic: bool,
    /// Begin, end and number of the run; an image with an epoch states none, so that it is the same every time.
    run: Option<(String, String, String)>,
    build_config: Option<Value>,
    source: Option<Value>,
}

/// Makes the predicate for one platform.
pub(super) fn predicate(
    asked: &Provenance,
    options: &BuildOptions,
    prepared: &Prepared,
    plan: &PlatformPlan,
    epoch: Option<i64>,
    elapsed: Duration,
) -> Result<Value, BuildError> {
    let facts = facts(asked, options, prepared, plan, epoch, elapsed).map_err(BuildError::from)?;
    let entry = prepared.source_file.name();
    Ok(match asked.version {
        ProvenanceVersion::V1 => version_1(asked, &facts, entry),
        ProvenanceVersion::V02 => version_02(asked, &facts, entry, &plan.platform),
    })
}

fn facts(
    asked: &Provenance,
    options: &BuildOptions,
    prepared: &Prepared,
    planned: &PlatformPlan,
    epoch: Option<i64>,
    elapsed: Duration,
) -> Result<Facts, ImageError> {
    let max = asked.mode == ProvenanceMode::Max;
    let used = used(&planned.plan);
    let mut arguments = Map::new();
    if let Some(target) = &options.target {
        arguments.insert("target".to_owned(), json!(target));
    }
    let private = options.build_args.iter().map(|(name, value)| (format!("build-arg:{name}"), value));
    let private: Vec<_> =
        private.chain(options.labels.iter().map(|(name, value)| (format!("label:{name}"), value))).collect();
    let request_is_complete = max || private.is_empty();
    if max {
        arguments.extend(private.into_iter().map(|(name, value)| (name, json!(value))));
    }
    let mut locals: Vec<Value> = Vec::new();
    let main = options.context != ContextSource::Empty;
    locals.extend(["context", "dockerfile"].iter().filter(|_| main).map(|name| json!({ "name": name })));
    let named = planned.plan.contexts.keys().filter(|name| !name.is_empty());
    locals.extend(named.map(|name| json!({ "name": format!("context:{name}") })));
    let networks = used.iter().filter_map(|vertex| match &vertex.op {
        Op::Run(run) => Some(run.network),
        _ => None,
    });
    let hermetic = locals.is_empty() && networks.into_iter().all(|network| network == NetworkMode::None);
    let run = if epoch.is_some() {
        None
    } else {
        let (begin, end) = (options.now, options.now.0.saturating_add_unsigned(elapsed.as_secs()));
        let number = Digest::of(format!("{begin:?} {:?}", planned.plan.config.config.env).as_bytes());
        let number = number.hex().chars().take(25).collect();
        Some((rfc3339(begin)?, rfc3339((end, begin.1))?, number))
    };
    Ok(Facts {
        arguments,
        request_is_complete,
        locals,
        materials: materials(prepared, &used),
        hermetic,
        run,
        build_config: max.then(|| build_config(&used)),
        source: max.then(|| source(prepared, &used)),
    })
}

/// The vertexes that one platform's result needs, in order.
fn used(plan: &Plan) -> Vec<&Vertex> {
    let mut needed: BTreeSet<VertexId> = BTreeSet::new();
    let mut open: Vec<VertexId> = match plan.result {
        FilesystemRef::Scratch => Vec::new(),
        FilesystemRef::Vertex(id) => vec![id],
    };
    while let Some(id) = open.pop() {
        if needed.insert(id) {
            open.extend(plan.vertex(id).op.inputs());
        }
    }
    needed.into_iter().map(|id| plan.vertex(id)).collect()
}

fn materials(prepared: &Prepared, used: &[&Vertex]) -> Vec<Value> {
    let mut materials = Vec::new();
    for vertex in used {
        let Op::Image(op) = &vertex.op else { continue };
        let Some(image) = prepared.images.get(&op.image) else { continue };
        let uri = match image.display.parse::<Reference>() {
            Ok(reference) => package_url(&reference, Some(&op.image.platform)),
            Err(_) => image.display.clone(),
        };
        materials.push(json!({ "uri": uri, "digest": { "sha256": image.manifest.hex() } }));
    }
    materials
}

/// The steps and what each needs.
fn build_config(used: &[&Vertex]) -> Value {
    let step = |id: VertexId| format!("step{id}");
    let described = |vertex: &&Vertex| {
        let inputs: Vec<String> = vertex.op.inputs().into_iter().map(|id| format!("{}:0", step(id))).collect();
        let mut op = json!({ "name": vertex.name });
        if let Op::Run(run) = &vertex.op {
            op["exec"] = json!({ "meta": { "args": run.args, "cwd": run.cwd, "user": run.user } });
            op["platform"] = json!({ "OS": run.platform.os, "Architecture": run.platform.architecture });
        }
        json!({ "id": step(vertex.id), "op": op, "inputs": inputs })
    };
    json!({ "llbDefinition": used.iter().map(described).collect::<Vec<_>>() })
}

/// The Dockerfile, and where in it each step is.
fn source(prepared: &Prepared, used: &[&Vertex]) -> Value {
    let file = &prepared.source_file;
    let place = |vertex: &&Vertex| {
        let line = file.line_of(vertex.span);
        let range = json!({ "start": { "line": line }, "end": { "line": line } });
        (format!("step{}", vertex.id), json!({ "locations": [{ "ranges": [range] }] }))
    };
    json!({
        "locations": used.iter().map(place).collect::<Map<_, _>>(),
        "infos": [{
            "filename": file.name(), "language": "Dockerfile", "data": STANDARD.encode(file.text()),
        }],
    })
}

fn version_1(asked: &Provenance, facts: &Facts, entry: &str) -> Value {
    let host = Platform::host().to_string();
    let mut metadata = json!({
        "buildkit_completeness": {
            "request": facts.request_is_complete, "resolvedDependencies": facts.locals.is_empty(),
        },
        "buildkit_hermetic": facts.hermetic,
        "buildkit_reproducible": asked.reproducible,
    });
    if let Some((begin, end, number)) = &facts.run {
        metadata["startedOn"] = json!(begin);
        metadata["finishedOn"] = json!(end);
        metadata["invocationId"] = json!(number);
    }
    if let Some(source) = &facts.source {
        metadata["buildkit_metadata"] = json!({ "source": source });
    }
    let mut internal = json!({ "builderPlatform": host });
    if let Some(config) = &facts.build_config {
        internal["buildConfig"] = config.clone();
    }
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE_V1,
            "externalParameters": {
                "configSource": { "path": entry },
                "request": {
                    "frontend": "dockerfile.v0", "args": facts.arguments, "locals": facts.locals,
                },
            },
            "internalParameters": internal,
            "resolvedDependencies": facts.materials,
        },
        "runDetails": { "builder": { "id": asked.builder_id }, "metadata": metadata },
    })
}

fn version_02(asked: &Provenance, facts: &Facts, entry: &str, platform: &Platform) -> Value {
    let mut metadata = json!({
        "completeness": {
            "parameters": facts.request_is_complete, "environment": true, "materials": facts.locals.is_empty(),
        },
        "reproducible": asked.reproducible,
        "https://mobyproject.org/buildkit@v1#hermetic": facts.hermetic,
    });
    if let Some((begin, end, number)) = &facts.run {
        metadata["buildStartedOn"] = json!(begin);
        metadata["buildFinishedOn"] = json!(end);
        metadata["buildInvocationID"] = json!(number);
    }
    if let Some(source) = &facts.source {
        metadata["https://mobyproject.org/buildkit@v1#metadata"] = json!({ "source": source });
    }
    let mut predicate = json!({
        "builder": { "id": asked.builder_id },
        "buildType": BUILD_TYPE_V02,
        "materials": facts.materials,
        "invocation": {
            "configSource": { "entryPoint": entry },
            "parameters": { "frontend": "dockerfile.v0", "args": facts.arguments, "locals": facts.locals },
            "environment": { "platform": platform.to_string() },
        },
        "metadata": metadata,
    });
    if let Some(config) = &facts.build_config {
        predicate["buildConfig"] = config.clone();
    }
    predicate
}
