//! The templates of `--format`: Go's `text/template`, as far as docker's users write it.
//!
//! Fields, variables, pipelines, `if`, `range`, `with`, `break`, `continue`, comments, trimming, and the functions of
//! docker's commands (`functions.rs`). There are no named templates. Values are those of JSON; an object whose
//! keys all begin with a capital letter is like a struct, of which an unknown field is an error, another one like a
//! map, of which it is `<no value>`.
//!
//! Spec: <https://pkg.go.dev/text/template>, docker's "Format command and log output".

mod functions;
mod lexer;
mod parser;
mod printf;
mod render;
mod show;

use serde_json::Value;

use parser::Node;

/// A template, ready to be filled in.
#[derive(Debug)]
pub(crate) struct Template {
    text: String,
    nodes: Vec<Node>,
}

/// A template is wrong, or does not fit what it is filled in with.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("invalid format `{text}`: {reason}")]
pub(crate) struct TemplateError {
    /// The template.
    pub(crate) text: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What Go would not read either, or named templates.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let error = |reason| TemplateError { text: text.to_owned(), reason };
        let pieces = lexer::split(text).map_err(error)?;
        let nodes = parser::parse(&pieces).map_err(error)?;
        Ok(Self { text: text.to_owned(), nodes })
    }

    /// Fills in a template.
    ///
    /// # Errors
    /// A field that is not there, or a function that was called with what it does not take.
    pub(crate) fn render(&self, data: &Value) -> Result<String, TemplateError> {
        render::render(&self.nodes, data).map_err(|reason| TemplateError { text: self.text.clone(), reason })
    }
}

#[cfg(test)]
mod tests;
