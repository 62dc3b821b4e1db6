//! `UndefinedVar`.

use std::collections::HashMap;

use crate::dockerfile::closest;
use crate::lint::prelude::*;
use crate::lint::variables::{Environment, Place, has_fallback, places, walk};
rule! {
    /// ## What it does
    /// Finds variables in instructions that the file neither declares nor sets. Where the environment of the base
    /// image is not known, only those are reported that are surely meant otherwise: arguments from before the first
    /// `FROM` or of another stage, arguments that are declared further down, platform arguments without their
    /// `ARG`, and names that are nearly those of known variables.
    ///
    /// ## Why it matters
    /// An unknown variable is empty, and nobody says so: files land elsewhere, versions are missing.
    ///
    /// ## Example
    /// ```dockerfile
    /// ARG VERSION=1.2
    /// FROM debian:12
    /// LABEL version=$VERSION
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ARG VERSION=1.2
    /// FROM debian:12
    /// ARG VERSION
    /// LABEL version=$VERSION
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the image is another one, the one that was meant. There is a fix where a known name is nearly the
    /// same, and where a declaration in the stage is all that is missing.
    RULE {
        id: "undefined-variable",
        codes: &["UndefinedVar"],
        summary: "a variable that nobody defines",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    let declared = Declared::new(cx);
    walk(cx, |view, environment| {
        // `EXPOSE` is expanded elsewhere in BuildKit, where nobody looks.
        if matches!(view.kind(), InstructionKind::Expose(_)) && cx.is_buildkit() {
            return;
        }
        for place in places(view.instruction).into_iter().filter(|place| is_expanded(cx, view, *place)) {
            check_place(cx, view, place, environment, &declared);
        }
    });
}

/// The default of an argument is left alone where a build argument takes its place.
fn is_expanded(cx: &Context<'_>, view: &InstructionView<'_>, place: Place<'_>) -> bool {
    if cx.options.facts.build_args.is_empty() {
        return true;
    }
    let (InstructionKind::Arg(declarations), Place::Text(text)) = (view.kind(), place) else { return true };
    let arg = declarations.iter().find(|arg| arg.default.as_ref() == Some(text));
    arg.is_none_or(|arg| !cx.options.facts.build_args.contains_key(&arg.name.value))
}

fn check_place(
    cx: &Context<'_>,
    view: &InstructionView<'_>,
    place: Place<'_>,
    environment: &Environment,
    declared: &Declared<'_>,
) {
    let text = place.text();
    let Ok(expansion) = environment.expand(cx, &place) else { return };
    for reference in expansion.references {
        let name = reference.name.as_str();
        let is_meant = !cx.is_buildkit() && has_fallback(&text, &reference.range);
        if environment.is_defined(name) || is_meant || NOT_IN_ENVIRONMENT.contains(&name) {
            continue;
        }
        let names = environment.names().take(COMPARED).filter(|known| known.len() > 2 && name.len() > 2);
        let near = closest(name, names);
        let Some(why) = declared.why(cx, view, name, near, environment) else { continue };
        let span = place.span_of(reference.range.clone());
        let report = cx.report(view.index, span, format!("`{name}` is not defined here")).in_buildkits_words(|| {
            let near = near.map_or(String::new(), |near| format!(" (did you mean ${near}?)"));
            format!("Usage of undefined variable '${name}'{near}")
        });
        let spelled = cx.text(span).replacen(name, near.unwrap_or(name), 1);
        match why {
            Why::Global(at) => {
                let is_lower = view.outer.keyword.value.chars().all(char::is_lowercase);
                let keyword = if is_lower { "arg" } else { "ARG" };
                let edit = Edit::insert(view.outer.span.start, format!("{keyword} {name}\n"));
                let report = report.fix(Fix::risky(format!("declare it in the stage: `ARG {name}`"), vec![edit]));
                match at {
                    Some(at) => report.also(at, "this one is not part of the stage").done(),
                    None => report.done(),
                }
            }
            Why::Later(at) => report.also(at, "it is defined further down").help("move the definition up").done(),
            Why::Near(near) => {
                let fix = Fix::risky(format!("write `{near}`"), vec![Edit::replace(span, spelled)]);
                report.fix(fix).done();
            }
            Why::Unknown => report.help(format!("declare it with `ARG {name}` or `ENV {name}=…`")).done(),
        }
    }
}

/// How many names are compared with one that has no value: among more, every one is like another.
const COMPARED: usize = 400;

/// Names that BuildKit reads from declarations and never from the environment.
const NOT_IN_ENVIRONMENT: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// What every stage has once it asks for it.
const PREDEFINED: [&str; 8] = [
    "BUILDARCH",
    "BUILDOS",
    "BUILDPLATFORM",
    "BUILDVARIANT",
    "TARGETARCH",
    "TARGETOS",
    "TARGETPLATFORM",
    "TARGETVARIANT",
];

/// Why a variable is reported.
enum Why<'a> {
    /// It is declared, but not for the stage.
    Global(Option<Span>),
    /// It comes too late.
    Later(Span),
    /// Another name was meant.
    Near(&'a str),
    /// It is nowhere.
    Unknown,
}

/// An instruction, and the place of the name in it.
type Defined = (usize, Span);

/// Where names are defined: by stage and name, the instructions in order.
struct Declared<'a> {
    places: HashMap<(Option<usize>, &'a str), Vec<Defined>>,
}

impl<'a> Declared<'a> {
    fn new(cx: &Context<'a>) -> Self {
        let mut places: HashMap<_, Vec<_>> = HashMap::new();
        for (index, instruction) in cx.dockerfile.instructions.iter().enumerate() {
            let stage = cx.model.stages.partition_point(|stage| stage.from <= index).checked_sub(1);
            match &instruction.kind {
                InstructionKind::Arg(declarations) => {
                    for arg in declarations {
                        places.entry((stage, arg.name.value.as_str())).or_default().push((index, arg.name.span));
                    }
                }
                InstructionKind::Env(env) => {
                    for pair in &env.pairs {
                        places.entry((stage, pair.key.as_str())).or_default().push((index, pair.key.span()));
                    }
                }
                _ => {}
            }
        }
        Self { places }
    }

    fn why<'e>(
        &self,
        cx: &Context<'_>,
        view: &InstructionView<'_>,
        name: &str,
        near: Option<&'e str>,
        environment: &Environment,
    ) -> Option<Why<'e>> {
        let global = self.places.get(&(None, name)).and_then(|places| places.first());
        if let Some((_, span)) = global {
            return Some(Why::Global(Some(*span)));
        }
        if PREDEFINED.contains(&name) {
            return Some(Why::Global(None));
        }
        let places = self.places.get(&(view.stage, name)).map_or(&[][..], Vec::as_slice);
        let first_behind = places.partition_point(|(at, _)| *at <= view.index);
        let later = places.get(first_behind);
        // `ENV PATH_X=$PATH_X:/more`, and the value that an image may have had before, are no mistakes.
        if let Some((_, span)) = later.filter(|_| environment.is_complete || cx.is_buildkit()) {
            return Some(Why::Later(*span));
        }
        let is_own = first_behind > 0 && places[first_behind - 1].0 == view.index;
        let sets_itself = is_own && matches!(view.kind(), InstructionKind::Env(_));
        if !environment.is_complete && (sets_itself || BASE_IMAGES.contains(&name)) {
            return None;
        }
        match near {
            Some(near) if !sets_itself => Some(Why::Near(near)),
            _ => (environment.is_complete || cx.is_buildkit()).then_some(Why::Unknown),
        }
    }
}

/// Variables that well-known images set.
const BASE_IMAGES: [&str; 34] = [
    "BUNDLE_APP_CONFIG",
    "CARGO_HOME",
    "CATALINA_HOME",
    "COMPOSER_HOME",
    "CONDA_DIR",
    "CUDA_HOME",
    "CUDA_VERSION",
    "GEM_HOME",
    "GOLANG_VERSION",
    "GOPATH",
    "GOROOT",
    "GRADLE_HOME",
    "HOME",
    "HOSTNAME",
    "JAVA_HOME",
    "JAVA_VERSION",
    "JETTY_HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "LIBRARY_PATH",
    "M2_HOME",
    "MAVEN_HOME",
    "NGINX_VERSION",
    "NODE_VERSION",
    "PG_MAJOR",
    "PHP_INI_DIR",
    "PHP_VERSION",
    "PYTHONPATH",
    "PYTHON_VERSION",
    "RUBY_VERSION",
    "RUSTUP_HOME",
    "RUST_VERSION",
    "USER",
    "YARN_VERSION",
];
