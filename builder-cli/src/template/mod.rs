//! The templates of `--format`: Go's `text/template`, as far as docker's users write it.
//!
//! Fields, variables, pipelines, `if`, `range`, `with`, `break`, `continue`, `define`, `template`, `block`, comments,
//! trimming, and the functions of Go and of docker's commands (`functions.rs`). Values are those of JSON; an object is
//! a map, of which an unknown key is `<no value>`, unless it was said to be a struct (`structs.rs`), of which an unknown
//! field is an error.
//!
//! Spec: <https://pkg.go.dev/text/template>, docker's "Format command and log output".

mod functions;
mod lexer;
mod numbers;
mod parser;
mod printf;
mod render;
mod show;
mod structs;
mod verbs;

use serde_json::Value;

use parser::Tree;
use render::Functions;
pub(crate) use structs::{StructField, mark};

/// A template, ready to be filled in.
#[derive(Debug)]
pub(crate) struct Template {
    text: String,
    tree: Tree,
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
    /// What Go would not read either.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let error = |reason| TemplateError { text: text.to_owned(), reason };
        let pieces = lexer::split(text).map_err(error)?;
        let tree = parser::parse(&pieces).map_err(error)?;
        Ok(Self { text: text.to_owned(), tree })
    }

    /// Fills in a template.
    ///
    /// # Errors
    /// A field that is not there, or a function that was called with what it does not take.
    pub(crate) fn render(&self, data: &Value) -> Result<String, TemplateError> {
        self.rendered(data, Functions::OfValues)
    }

    /// Fills in a template with the headings of columns, which stay as they are whatever a function makes of a cell.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub(crate) fn render_headings(&self, headings: &Value) -> Result<String, TemplateError> {
        self.rendered(headings, Functions::OfHeadings)
    }

    fn rendered(&self, data: &Value, functions: Functions) -> Result<String, TemplateError> {
        let failed = |reason| TemplateError { text: self.text.clone(), reason };
        render::render(&self.tree, data, functions).map_err(failed)
    }
}

#[cfg(test)]
mod tests;
