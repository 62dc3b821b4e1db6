//! Fills in a template's tree.

use serde_json::Value;

use super::functions;
use super::parser::{Base, Block, Node, Operand, Pipeline, Tree};
use super::show::{show, type_name};
use super::structs;

/// The most bytes that a template makes of one value.
const MAX_OUTPUT: usize = 256 * 1024 * 1024;

/// The most that a range over a number counts to.
const MAX_COUNT: u64 = 1_000_000;

/// Blocks and named templates that are filled in within each other, at most.
const MAX_DEPTH: usize = 300;

/// What the functions are called for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Functions {
    /// A value.
    OfValues,
    /// The headings of a table, which stay as they are whatever a cell becomes.
    OfHeadings,
}

/// A value; `None` is what Go prints as `<no value>`.
pub(super) type Found = Option<Value>;

/// What to do after a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Renderer<'t> {
    out: String,
    variables: Vec<(String, Found)>,
    tree: &'t Tree,
    functions: Functions,
    /// How many blocks and named templates are in each other now.
    depth: usize,
}

pub(super) fn render(tree: &Tree, data: &Value, functions: Functions) -> Result<String, String> {
    let root = Some(data.clone());
    let variables = vec![(String::new(), root.clone())];
    let mut renderer = Renderer { out: String::new(), variables, tree, functions, depth: 0 };
    renderer.list(&tree.nodes, &root)?;
    Ok(renderer.out)
}

impl Renderer<'_> {
    fn list(&mut self, nodes: &[Node], dot: &Found) -> Result<Flow, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} templates in each other"));
        }
        let scope = self.variables.len();
        let mut flow = Flow::On;
        for node in nodes {
            flow = self.node(node, dot)?;
            if flow != Flow::On {
                break;
            }
        }
        self.variables.truncate(scope);
        self.depth -= 1;
        Ok(flow)
    }

    fn node(&mut self, node: &Node, dot: &Found) -> Result<Flow, String> {
        match node {
            Node::Text(text) => self.push(text)?,
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.push(&show(value.as_ref()))?;
                }
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::If(block) | Node::With(block) => {
                let scope = self.variables.len();
                let value = self.pipeline(&block.pipeline, dot)?;
                let inside = if matches!(node, Node::With(_)) { &value } else { dot };
                let flow =
                    if is_true(&value) { self.list(&block.body, inside) } else { self.list(&block.otherwise, dot) };
                self.variables.truncate(scope);
                return flow;
            }
            Node::Range(block) => return self.range(block, dot),
            Node::Template { name, pipeline } => self.template(name, pipeline.as_ref(), dot)?,
        }
        Ok(Flow::On)
    }

    /// Fills in a named template: of the variables around it, it sees none.
    fn template(&mut self, name: &str, pipeline: Option<&Pipeline>, dot: &Found) -> Result<(), String> {
        let tree = self.tree;
        let nodes = tree.named.get(name).ok_or_else(|| format!("template {name:?} not defined"))?;
        let value = pipeline.map_or(Ok(None), |pipeline| self.pipeline(pipeline, dot))?;
        let around = std::mem::replace(&mut self.variables, vec![(String::new(), value.clone())]);
        self.list(nodes, &value)?;
        self.variables = around;
        Ok(())
    }

    fn range(&mut self, block: &Block, dot: &Found) -> Result<Flow, String> {
        let plain = Pipeline { variables: Vec::new(), ..block.pipeline.clone() };
        let items: Vec<(Value, Value)> = match self.pipeline(&plain, dot)? {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => {
                items.into_iter().enumerate().map(|(index, item)| (index.into(), item)).collect()
            }
            Some(Value::Object(map)) if !structs::is_struct(&map) => {
                let mut pairs: Vec<(String, Value)> = map.into_iter().collect();
                pairs.sort_by(|a, b| a.0.cmp(&b.0));
                pairs.into_iter().map(|(key, value)| (key.into(), value)).collect()
            }
            Some(Value::Number(count)) => match count.as_u64().unwrap_or(0) {
                count if count > MAX_COUNT => return Err(format!("range of more than {MAX_COUNT}")),
                count => (0..count).map(|n| (n.into(), n.into())).collect(),
            },
            Some(other) => return Err(format!("range can't iterate over {}", show(Some(&other)))),
        };
        if items.is_empty() {
            return self.list(&block.otherwise, dot);
        }
        let names = &block.pipeline.variables;
        for (key, value) in items {
            let scope = self.variables.len();
            let values = if names.len() == 2 { vec![key, value.clone()] } else { vec![value.clone()] };
            for (name, value) in names.iter().zip(values) {
                self.set(name, Some(value), block.pipeline.assigns)?;
            }
            let flow = self.list(&block.body, &Some(value))?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn push(&mut self, text: &str) -> Result<(), String> {
        if self.out.len() + text.len() > MAX_OUTPUT {
            return Err(format!("it makes more than {MAX_OUTPUT} bytes"));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn set(&mut self, name: &str, value: Found, assigns: bool) -> Result<(), String> {
        if !assigns {
            self.variables.push((name.to_owned(), value));
            return Ok(());
        }
        let known = self.variables.iter_mut().rev().find(|(known, _)| known == name);
        known.ok_or_else(|| format!("undefined variable: ${name}"))?.1 = value;
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Found) -> Result<Found, String> {
        let mut value: Option<Found> = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, value, dot)?);
        }
        let value = value.unwrap_or_default();
        match pipeline.variables.as_slice() {
            [] => {}
            [name] => self.set(name, value.clone(), pipeline.assigns)?,
            _ => return Err("too many declarations: two variables are for `range`".to_owned()),
        }
        Ok(value)
    }

    fn command(&mut self, command: &[Operand], last: Option<Found>, dot: &Found) -> Result<Found, String> {
        let Some((first, rest)) = command.split_first() else { return Ok(None) };
        if first.base == Base::Nil {
            return Err("nil is not a command".to_owned());
        }
        let Base::Function(name) = &first.base else { return self.operand(first, dot) };
        let mut arguments = Vec::new();
        for operand in rest {
            let value = self.operand(operand, dot)?;
            // Which of them are looked at depends on those before.
            if (name == "and" && !is_true(&value)) || (name == "or" && is_true(&value)) {
                return Ok(value);
            }
            arguments.push(value);
        }
        arguments.extend(last);
        let value = self.call(name, &arguments)?;
        look_up(value, &first.fields)
    }

    fn call(&self, name: &str, arguments: &[Found]) -> Result<Found, String> {
        if let (
            Functions::OfHeadings,
            "json" | "split" | "join" | "title" | "lower" | "upper" | "truncate",
            [first, ..],
        ) = (self.functions, name, arguments)
        {
            return Ok(first.clone());
        }
        functions::call(name, arguments).map_err(|reason| format!("error calling {name}: {reason}"))
    }

    fn operand(&mut self, operand: &Operand, dot: &Found) -> Result<Found, String> {
        let value = match &operand.base {
            Base::Dot => dot.clone(),
            Base::Variable(name) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                known.ok_or_else(|| format!("undefined variable: ${name}"))?.1.clone()
            }
            Base::Literal(value) => Some(value.clone()),
            Base::Nil => Some(Value::Null),
            Base::Function(name) => self.call(name, &[])?,
            Base::Pipeline(inner) => self.pipeline(inner, dot)?,
        };
        look_up(value, &operand.fields)
    }
}

fn look_up(value: Found, fields: &[String]) -> Result<Found, String> {
    let mut value = value;
    for name in fields {
        value = match value {
            None => None,
            Some(Value::Object(map)) => structs::field(map, name)?,
            Some(Value::Null) => return Err(format!("nil pointer evaluating .{name}")),
            Some(other) => return Err(format!("can't evaluate field {name} in type {}", type_name(Some(&other)))),
        };
    }
    Ok(value)
}

/// Whether a value is not the empty one of its type.
pub(super) fn is_true(value: &Found) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(map)) => !map.is_empty() || structs::is_struct(map),
    }
}
