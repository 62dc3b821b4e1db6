//! From tokens to a tree.

use std::collections::BTreeMap;

use serde_json::Value;

use super::functions;
use super::lexer::{Kind, Piece, Token};

/// Blocks in blocks, and parentheses in parentheses, at most.
const MAX_DEPTH: usize = 100;

/// A part of a template's tree.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Node {
    Text(String),
    Action(Pipeline),
    If(Block),
    With(Block),
    Range(Block),
    Break,
    Continue,
    /// A named template, and what it is filled in with.
    Template {
        name: String,
        pipeline: Option<Pipeline>,
    },
}

/// A template with those that it names.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) named: BTreeMap<String, Vec<Node>>,
}

/// A block with a condition, or with a list.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Block {
    pub(super) pipeline: Pipeline,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Commands, each with the result of the one before it as its last argument.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Pipeline {
    /// The variables that take the result.
    pub(super) variables: Vec<String>,
    /// Whether they are there already.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

/// A value and what is looked up in it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Operand {
    pub(super) base: Base,
    pub(super) fields: Vec<String>,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Base {
    Dot,
    Variable(String),
    Literal(Value),
    Nil,
    Function(String),
    Pipeline(Box<Pipeline>),
}

/// How a list of nodes ended.
#[derive(Clone, PartialEq, Debug)]
enum End {
    Template,
    Block,
    /// `else`, with what follows it.
    Else(Vec<Token>),
}

struct Parser<'p> {
    pieces: std::slice::Iter<'p, Piece>,
    loops: usize,
    depth: usize,
    named: BTreeMap<String, Vec<Node>>,
}

/// Makes a tree of a template's pieces.
pub(super) fn parse(pieces: &[Piece]) -> Result<Tree, String> {
    let mut parser = Parser { pieces: pieces.iter(), loops: 0, depth: 0, named: BTreeMap::new() };
    match parser.list()? {
        (nodes, End::Template) => Ok(Tree { nodes, named: parser.named }),
        (_, End::Block) => Err("unexpected {{end}}".to_owned()),
        (_, End::Else(_)) => Err("unexpected {{else}}".to_owned()),
    }
}

impl Parser<'_> {
    fn list(&mut self) -> Result<(Vec<Node>, End), String> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let tokens = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text.clone()));
                    continue;
                }
                Piece::Action(tokens) => tokens,
            };
            let keyword = match tokens.first().map(|token| &token.kind) {
                None => return Err("missing value for command".to_owned()),
                Some(Kind::Word(word)) => word.as_str(),
                Some(_) => "",
            };
            let rest = &tokens[1..];
            match keyword {
                "end" => return Ok((nodes, End::Block)),
                "else" => return Ok((nodes, End::Else(rest.to_vec()))),
                "if" | "with" | "range" => nodes.push(self.block(keyword, rest)?),
                "break" | "continue" if self.loops == 0 => {
                    return Err(format!("{{{{{keyword}}}}} outside {{{{range}}}}"));
                }
                "break" => nodes.push(Node::Break),
                "continue" => nodes.push(Node::Continue),
                "define" if self.depth > 0 => return Err("unexpected {{define}} in a block".to_owned()),
                "define" => {
                    let (name, more) = name_of(keyword, rest)?;
                    if !more.is_empty() {
                        return Err("unexpected words in {{define}}".to_owned());
                    }
                    self.define(keyword, name)?;
                }
                "template" => {
                    let (name, more) = name_of(keyword, rest)?;
                    let pipeline = if more.is_empty() { None } else { Some(pipeline(more, 0)?) };
                    nodes.push(Node::Template { name, pipeline });
                }
                "block" => {
                    let (name, more) = name_of(keyword, rest)?;
                    let pipeline = Some(pipeline(more, 0)?);
                    self.define(keyword, name.clone())?;
                    nodes.push(Node::Template { name, pipeline });
                }
                _ => nodes.push(Node::Action(pipeline(tokens, 0)?)),
            }
        }
        Ok((nodes, End::Template))
    }

    /// Reads what a name stands for, up to its end.
    fn define(&mut self, keyword: &str, name: String) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("too many blocks in blocks".to_owned());
        }
        // A loop around it is none of its own.
        let loops = std::mem::take(&mut self.loops);
        let (nodes, End::Block) = self.list()? else {
            return Err(format!("{{{{{keyword}}}}} has no {{{{end}}}}"));
        };
        self.loops = loops;
        self.depth -= 1;
        if self.named.contains_key(&name) {
            return Err(format!("multiple definition of template {name:?}"));
        }
        self.named.insert(name, nodes);
        Ok(())
    }

    fn block(&mut self, keyword: &str, head: &[Token]) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("too many blocks in blocks".to_owned());
        }
        let pipeline = pipeline(head, 0)?;
        self.loops += usize::from(keyword == "range");
        let (body, end) = self.list()?;
        self.loops -= usize::from(keyword == "range");
        let otherwise = match end {
            End::Template => return Err(format!("{{{{{keyword}}}}} has no {{{{end}}}}")),
            End::Block => Vec::new(),
            // `else if` and `else with` are a block that ends with this one.
            End::Else(rest) => match rest.first().map(|token| &token.kind) {
                None => match self.list()? {
                    (nodes, End::Block) => nodes,
                    (_, End::Else(_)) => return Err("unexpected {{else}}".to_owned()),
                    (_, End::Template) => return Err(format!("{{{{{keyword}}}}} has no {{{{end}}}}")),
                },
                Some(Kind::Word(word)) if word == keyword && matches!(keyword, "if" | "with") => {
                    vec![self.block(keyword, &rest[1..])?]
                }
                Some(_) => return Err("unexpected words after `else`".to_owned()),
            },
        };
        self.depth -= 1;
        let block = Block { pipeline, body, otherwise };
        Ok(match keyword {
            "if" => Node::If(block),
            "with" => Node::With(block),
            _ => Node::Range(block),
        })
    }
}

/// The name that stands after a keyword, and what follows it.
fn name_of<'t>(keyword: &str, tokens: &'t [Token]) -> Result<(String, &'t [Token]), String> {
    match tokens.split_first() {
        Some((Token { kind: Kind::Literal(Value::String(name)), .. }, rest)) => Ok((name.clone(), rest)),
        _ => Err(format!("{{{{{keyword}}}}} is without a name in quotes")),
    }
}

fn pipeline(tokens: &[Token], depth: usize) -> Result<Pipeline, String> {
    if depth > MAX_DEPTH {
        return Err("too many parentheses".to_owned());
    }
    let mut pipeline = Pipeline::default();
    let mut rest = tokens;
    if let Some(place) = declaration(tokens) {
        let names = tokens[..place].iter().filter_map(|token| match &token.kind {
            Kind::Variable(name) => Some(name.clone()),
            _ => None,
        });
        pipeline.variables = names.collect();
        pipeline.assigns = tokens[place].kind == Kind::Assign;
        rest = &tokens[place + 1..];
    }
    let mut command = Vec::new();
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        let base = match &token.kind {
            Kind::Pipe => {
                finish(&mut pipeline, &mut command)?;
                continue;
            }
            // A field right after a value is looked up in it.
            Kind::Field(name) if !token.spaced && !command.is_empty() => {
                let last: &mut Operand = command.last_mut().ok_or("unexpected field")?;
                last.fields.push(name.clone());
                continue;
            }
            Kind::Field(name) => {
                command.push(Operand { base: Base::Dot, fields: vec![name.clone()] });
                continue;
            }
            Kind::Dot => Base::Dot,
            Kind::Variable(name) => Base::Variable(name.clone()),
            Kind::Literal(value) => Base::Literal(value.clone()),
            Kind::Nil => Base::Nil,
            Kind::Word(name) if functions::is_known(name) => Base::Function(name.clone()),
            Kind::Word(name) => return Err(format!("function {name:?} not defined")),
            Kind::Open => {
                let end = closing(rest)?;
                let inner = self::pipeline(&rest[..end], depth + 1)?;
                rest = &rest[end + 1..];
                Base::Pipeline(Box::new(inner))
            }
            Kind::Close => return Err("unexpected right paren".to_owned()),
            Kind::Comma => return Err("unexpected `,`".to_owned()),
            Kind::Declare | Kind::Assign => return Err("unexpected `=`".to_owned()),
        };
        command.push(Operand { base, fields: Vec::new() });
    }
    finish(&mut pipeline, &mut command)?;
    Ok(pipeline)
}

/// Where `:=` or `=` stands after one variable or two.
fn declaration(tokens: &[Token]) -> Option<usize> {
    let kinds: Vec<&Kind> = tokens.iter().take(4).map(|token| &token.kind).collect();
    match kinds.as_slice() {
        [Kind::Variable(_), Kind::Declare | Kind::Assign, ..] => Some(1),
        [Kind::Variable(_), Kind::Comma, Kind::Variable(_), Kind::Declare | Kind::Assign] => Some(3),
        _ => None,
    }
}

fn finish(pipeline: &mut Pipeline, command: &mut Vec<Operand>) -> Result<(), String> {
    if command.is_empty() {
        return Err("missing value for command".to_owned());
    }
    let is_value = !matches!(command[0].base, Base::Function(_));
    if is_value && (command.len() > 1 || !pipeline.commands.is_empty()) {
        return Err("a value takes no arguments, only a function does".to_owned());
    }
    pipeline.commands.push(std::mem::take(command));
    Ok(())
}

fn closing(tokens: &[Token]) -> Result<usize, String> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close if depth == 0 => return Ok(at),
            Kind::Close => depth -= 1,
            _ => {}
        }
    }
    Err("unclosed left paren".to_owned())
}
