//! What a Dockerfile offers to whoever builds it: targets, arguments, secrets. Nothing is resolved for it.
//!
//! Spec: dockerfile-semantics 18.2 and 18.3.

use std::collections::{BTreeMap, BTreeSet};

use super::reachability::{edges, reachable};
use super::scope::{GlobalScope, ScopeInput, Variables, global_args};
use super::stage_table::StageTable;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{ArgDeclaration, Comment, Dockerfile, Instruction, InstructionKind, csv_fields};
use crate::ids::StageId;
use crate::text::Span;

/// A stage that can be built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its name in lower case, where it has one.
    pub name: Option<String>,
    /// Whether it is what is built where nobody names a target.
    pub is_default: bool,
    /// What the comment above it says.
    pub description: String,
    /// What it begins from, as written.
    pub base: String,
    /// `--platform` as written.
    pub platform: Option<String>,
    /// Its `FROM`.
    pub span: Span,
}

/// An argument that a target takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutlineArgument {
    /// Its name.
    pub name: String,
    /// What the comment above it says.
    pub description: String,
    /// The value that it has in this build; empty where it has none.
    pub value: String,
    /// The `ARG`.
    pub span: Span,
}

/// A secret, an agent or a cache that a target mounts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutlineMount {
    /// Its id.
    pub id: String,
    /// Whether the build fails without it.
    pub required: bool,
    /// The `RUN`.
    pub span: Span,
}

/// What a target takes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outline {
    /// The target's name, where it has one.
    pub name: Option<String>,
    /// What the comment above it says.
    pub description: String,
    /// The arguments that its stages declare, and those before the first stage that they use.
    pub args: Vec<OutlineArgument>,
    /// The secrets that its steps mount.
    pub secrets: Vec<OutlineMount>,
    /// The agents that its steps mount.
    pub ssh: Vec<OutlineMount>,
    /// The caches that its steps mount.
    pub caches: Vec<OutlineMount>,
}

/// Returns the stages of a Dockerfile.
pub fn targets(dockerfile: &Dockerfile) -> Vec<Target> {
    let froms = dockerfile.instructions.iter().filter_map(|instruction| match &instruction.kind {
        InstructionKind::From(from) => Some((instruction, from)),
        _ => None,
    });
    let mut targets: Vec<Target> = froms
        .map(|(instruction, from)| {
            let name = from.name.as_ref().map(|name| name.value.to_lowercase());
            Target {
                is_default: false,
                description: name.as_deref().map_or(String::new(), |name| described(&instruction.comments, name)),
                name,
                base: from.image.as_str().to_owned(),
                platform: from.platform.as_ref().map(|platform| platform.value.clone()),
                span: instruction.span,
            }
        })
        .collect();
    if let Some(last) = targets.last_mut() {
        last.is_default = true;
    }
    targets
}

/// `# name what it is for` above an instruction.
fn described(comments: &[Comment], name: &str) -> String {
    let text = comments.iter().find_map(|comment| comment.text.strip_prefix(name)?.strip_prefix(' '));
    text.unwrap_or_default().to_owned()
}

/// Returns what a target takes.
///
/// # Errors
/// There is no such target, or no stage at all, or a stage begins from nothing.
pub fn outline(dockerfile: &Dockerfile, input: &ScopeInput<'_>) -> Result<Outline, Diagnostic> {
    let (globals, _) = GlobalScope::evaluate(dockerfile, input);
    let table = StageTable::new(dockerfile, &globals);
    if let Some(error) = table.errors().next() {
        return Err(error.clone());
    }
    let target = table.target(input.target)?;
    let known = targets(dockerfile);
    let mut outline = Outline::default();
    if let Some(target) = known.get(target.index()) {
        outline.name.clone_from(&target.name);
        outline.description.clone_from(&target.description);
    }
    let needed = reachable(target, |stage| {
        let mut edges = edges(&table, dockerfile, stage);
        edges.retain(|edge| edge.to < stage);
        edges
    });
    let mut reader = Reader { dockerfile, input, globals: &globals, outline, used: BTreeSet::new() };
    for stage in needed.unwrap_or_default() {
        reader.stage(&table, stage);
    }
    reader.globals();
    let mut outline = reader.outline;
    outline.args.sort_by_key(|arg| arg.span.start);
    Ok(outline)
}

struct Reader<'r> {
    dockerfile: &'r Dockerfile,
    input: &'r ScopeInput<'r>,
    globals: &'r GlobalScope,
    outline: Outline,
    /// The arguments before the first stage that something uses.
    used: BTreeSet<String>,
}

impl Reader<'_> {
    fn stage(&mut self, table: &StageTable, id: StageId) {
        let Some(from) = table.get(id).and_then(|stage| self.dockerfile.instructions.get(stage.from)) else { return };
        if let InstructionKind::From(from) = &from.kind {
            let words = [Some(from.image.as_str()), from.platform.as_ref().map(|platform| platform.value.as_str())];
            for word in words.into_iter().flatten() {
                let expansion = self.globals.expand_str(word).unwrap_or_default();
                self.used.extend(expansion.references.into_iter().map(|reference| reference.name));
            }
        }
        let mut variables = Variables::default();
        for instruction in table.body(self.dockerfile, id) {
            self.instruction(instruction, &mut variables);
        }
    }

    fn instruction(&mut self, instruction: &Instruction, variables: &mut Variables) {
        let escape = self.dockerfile.escape;
        match &instruction.kind {
            InstructionKind::Arg(declarations) => {
                for declaration in declarations {
                    self.declaration(instruction, declaration, variables);
                }
            }
            InstructionKind::Env(pairs) => {
                let values = pairs.pairs.iter().filter_map(|pair| {
                    let key = variables.expand(pair.key.as_str(), escape).ok()?.text;
                    Some((key, variables.expand(pair.value.as_str(), escape).ok()?.text))
                });
                for (key, value) in values.collect::<Vec<_>>() {
                    variables.set(&key, &value);
                }
            }
            InstructionKind::Run(run) => {
                for mount in &run.mounts {
                    self.mount(&mount.value, instruction.span, variables);
                }
            }
            _ => {}
        }
    }

    fn declaration(&mut self, instruction: &Instruction, declaration: &ArgDeclaration, variables: &mut Variables) {
        let name = declaration.name.value.as_str();
        let own = match (self.input.build_args.get(name), &declaration.default) {
            (Some(given), _) => Some(given.clone()),
            (None, Some(default)) => {
                Some(variables.expand(default.as_str(), self.dockerfile.escape).unwrap_or_default().text)
            }
            (None, None) => None,
        };
        let inherited = self.globals.get(name);
        variables.declare(name, own.as_deref().or(inherited));
        self.used.insert(name.to_owned());
        // What takes its value from above is described there.
        let is_above = own.is_none() && global_args(self.dockerfile).any(|global| global.name.value == name);
        if !is_above && !self.outline.args.iter().any(|known| known.name == name) {
            self.argument(instruction, declaration, own.or_else(|| inherited.map(str::to_owned)));
        }
    }

    fn argument(&mut self, instruction: &Instruction, declaration: &ArgDeclaration, value: Option<String>) {
        let name = declaration.name.value.clone();
        self.outline.args.push(OutlineArgument {
            description: described(&instruction.comments, &name),
            name,
            value: value.unwrap_or_default(),
            span: instruction.span,
        });
    }

    /// Adds the arguments before the first stage that are used, and those that their defaults use.
    fn globals(&mut self) {
        let before = self.dockerfile.instructions.iter();
        let before = before.take_while(|instruction| !matches!(instruction.kind, InstructionKind::From(_)));
        let mut declared: BTreeMap<&str, (&Instruction, &ArgDeclaration)> = BTreeMap::new();
        for instruction in before {
            if let InstructionKind::Arg(declarations) = &instruction.kind {
                declared.extend(declarations.iter().map(|arg| (arg.name.value.as_str(), (instruction, arg))));
            }
        }
        let mut open: Vec<String> = self.used.iter().cloned().collect();
        let mut done: BTreeSet<String> = self.outline.args.iter().map(|arg| arg.name.clone()).collect();
        while let Some(name) = open.pop() {
            let Some((instruction, declaration)) = declared.get(name.as_str()).copied() else { continue };
            if !done.insert(name.clone()) {
                continue;
            }
            let default = declaration.default.as_ref().filter(|_| !self.input.build_args.contains_key(&name));
            let expansion = default.and_then(|default| self.globals.expand(default).ok()).unwrap_or_default();
            open.extend(expansion.references.into_iter().map(|reference| reference.name));
            let value = self.globals.get(&name).map(str::to_owned);
            self.argument(instruction, declaration, value);
        }
    }

    fn mount(&mut self, text: &str, span: Span, variables: &Variables) {
        let Ok(fields) = csv_fields(text) else { return };
        let escape = self.dockerfile.escape;
        let value = |wanted: &[&str]| {
            let found = fields.iter().find_map(|field| {
                let (key, value) = field.split_once('=').unwrap_or((field, "true"));
                wanted.iter().any(|name| key.trim().eq_ignore_ascii_case(name)).then_some(value)
            })?;
            Some(variables.expand(found, escape).map_or_else(|_| found.to_owned(), |expansion| expansion.text))
        };
        let target = value(&["target", "dst", "destination"]);
        let id = value(&["id"]).filter(|id| !id.is_empty());
        let (list, id) = match value(&["type"]).as_deref() {
            Some("secret") => {
                let base = |target: String| target.rsplit('/').next().map(str::to_owned);
                let Some(id) = id.or_else(|| target.and_then(base)) else { return };
                (&mut self.outline.secrets, id)
            }
            Some("ssh") => (&mut self.outline.ssh, id.unwrap_or_else(|| "default".to_owned())),
            Some("cache") => {
                let Some(id) = id.or(target) else { return };
                (&mut self.outline.caches, id)
            }
            _ => return,
        };
        let required = value(&["required"]).is_some_and(|required| required.eq_ignore_ascii_case("true"));
        match list.iter_mut().find(|known| known.id == id) {
            Some(known) => known.required |= required,
            None => list.push(OutlineMount { id, required, span }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;
    use crate::platform::Platform;
    use crate::text::SourceFile;

    const FILE: &str = "# VERSION of the base\nARG VERSION=12\nARG NAME=base:$VERSION\nARG UNUSED=1\n\
        # build makes it\nFROM $NAME AS Build\n# flags for the compiler\n# CFLAGS how to compile\nARG CFLAGS=-O$LEVEL LEVEL\n\
        RUN --mount=type=secret,id=token,required --mount=type=secret,target=/run/x/key --mount=type=ssh make\n\
        FROM scratch\nARG UNUSED\nCOPY --from=build /x /x\nRUN --mount=type=cache,target=/c a\n\
        FROM base AS other\nARG OTHER\n";

    fn of(target: Option<&str>, args: &[(&str, &str)]) -> Outline {
        let parsed = parse(&SourceFile::new("Dockerfile", FILE));
        assert!(!parsed.has_errors());
        let platform = Platform::new("linux", "amd64", None);
        let build_args = args.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let input =
            ScopeInput { build_args: &build_args, target_platform: &platform, build_platform: &platform, target };
        outline(&parsed.dockerfile, &input).unwrap()
    }

    fn args(outline: &Outline) -> Vec<String> {
        outline.args.iter().map(|arg| format!("{}={} {}", arg.name, arg.value, arg.description)).collect()
    }

    #[test]
    fn a_target_takes_what_its_stages_declare_and_what_leads_to_their_bases() {
        let build = of(Some("BUILD"), &[("LEVEL", "2")]);
        assert_eq!((build.name.as_deref(), build.description.as_str()), (Some("build"), "makes it"));
        assert_eq!(args(&build), ["VERSION=12 of the base", "NAME=base:12 ", "CFLAGS=-O how to compile", "LEVEL=2 "]);
        let secrets: Vec<_> = build.secrets.iter().map(|secret| (secret.id.as_str(), secret.required)).collect();
        assert_eq!(secrets, [("token", true), ("key", false)]);
        assert_eq!(build.ssh[0].id, "default");
        assert!(build.caches.is_empty());
        let other = of(None, &[]);
        assert_eq!((other.name.as_deref(), args(&other)), (Some("other"), vec!["OTHER= ".to_owned()]));
    }

    #[test]
    fn what_no_build_accepts_has_no_outline() {
        let parsed = parse(&SourceFile::new("Dockerfile", "FROM $BAR AS a\nFROM scratch\n"));
        let platform = Platform::new("linux", "amd64", None);
        let build_args = BTreeMap::new();
        let input =
            ScopeInput { build_args: &build_args, target_platform: &platform, build_platform: &platform, target: None };
        let refused = outline(&parsed.dockerfile, &input).unwrap_err();
        assert_eq!(refused.message, "base name ($BAR) should not be blank");
    }

    #[test]
    fn stages_are_listed_as_written() {
        let targets = targets(&parse(&SourceFile::new("Dockerfile", FILE)).dockerfile);
        let shown: Vec<_> = targets
            .iter()
            .map(|t| (t.name.as_deref(), t.description.as_str(), t.base.as_str(), t.is_default))
            .collect();
        assert_eq!(
            shown,
            [
                (Some("build"), "makes it", "$NAME", false),
                (None, "", "scratch", false),
                (Some("other"), "", "base", true)
            ]
        );
    }
}
