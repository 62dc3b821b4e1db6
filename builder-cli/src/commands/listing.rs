//! Lists in the form that `--format` asks for: columns, objects, or a template for each row.

use serde_json::{Map, Value};

use crate::args::FormatArgs;
use crate::error::CommandError;
use crate::template::{Template, mark};
use crate::ui::table::layout;

/// The form of a list.
#[derive(Debug)]
pub(super) enum Listing {
    /// The usual columns.
    Table,
    /// An object a line.
    Json,
    /// A template for each row.
    Lines(Template),
    /// A template whose parts between tabs are columns.
    Columns(Template),
}

/// A field of a row: its name in templates and objects, and its column's heading.
pub(super) type Field = (&'static str, &'static str);

impl Listing {
    /// Reads `--format`.
    pub(super) fn parse(arguments: &FormatArgs) -> Result<Self, CommandError> {
        // As typed in a shell, tabs and line feeds are two characters each.
        let template = |text: &str| {
            Template::parse(&text.trim_matches(' ').replace("\\t", "\t").replace("\\n", "\n"))
                .map_err(CommandError::usage)
        };
        match arguments.format.as_deref() {
            None | Some("table" | "") => Ok(Self::Table),
            Some("json") => Ok(Self::Json),
            Some(text) => match text.strip_prefix("table").filter(|rest| rest.starts_with([' ', '\t', '{'])) {
                Some(rest) => template(rest).map(Self::Columns),
                None => template(text).map(Self::Lines),
            },
        }
    }

    /// Tells whether it is the usual form.
    pub(super) fn is_usual(&self) -> bool {
        matches!(self, Self::Table)
    }

    /// Writes rows. `fields` are all that a row has, `shown` those of the usual columns.
    pub(super) fn write(&self, fields: &[Field], shown: &[&str], rows: &[Value]) -> Result<String, CommandError> {
        let rendered = |template: &Template, row: &Value| {
            let mut row = row.clone();
            mark(&mut row, "", &[]);
            template.render(&row).map_err(CommandError::usage)
        };
        match self {
            Self::Json => Ok(rows.iter().map(|row| row.to_string() + "\n").collect()),
            Self::Lines(template) => rows.iter().map(|row| Ok(rendered(template, row)? + "\n")).collect(),
            Self::Columns(template) => {
                let headings: Value = fields
                    .iter()
                    .map(|(name, heading)| ((*name).to_owned(), (*heading).into()))
                    .collect::<Map<String, Value>>()
                    .into();
                let cells = |line: String| -> Vec<String> { line.split('\t').map(in_one_line).collect() };
                // Of a heading some functions make no sense; then there is none.
                let mut table: Vec<Vec<String>> =
                    template.render_headings(&headings).ok().map(cells).into_iter().collect();
                for row in rows {
                    table.push(cells(rendered(template, row)?));
                }
                Ok(layout(&table))
            }
            Self::Table => {
                let heading = |name: &&str| {
                    let found = fields.iter().find(|(known, _)| known == name);
                    found.map_or(String::new(), |(_, heading)| (*heading).to_owned())
                };
                let mut table = vec![shown.iter().map(heading).collect::<Vec<_>>()];
                let cell = |row: &Value, name: &str| match &row[name] {
                    Value::String(text) => in_one_line(text),
                    other => other.to_string(),
                };
                table.extend(rows.iter().map(|row| shown.iter().map(|name| cell(row, name)).collect()));
                Ok(layout(&table))
            }
        }
    }
}

fn in_one_line(text: &str) -> String {
    text.replace(['\n', '\t', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(format: &str) -> Result<String, String> {
        let listing =
            Listing::parse(&FormatArgs { format: Some(format.to_owned()) }).map_err(|error| error.to_string())?;
        let rows = [json!({ "ID": "1", "Name": "a\nb" }), json!({ "ID": "22", "Name": "c" })];
        listing.write(&[("ID", "THE ID"), ("Name", "NAME")], &["ID", "Name"], &rows).map_err(|error| error.to_string())
    }

    #[test]
    fn forms_are_dockers() {
        for (format, expected) in [
            ("table", "THE ID   NAME\n1        a b\n22       c\n"),
            ("json", "{\"ID\":\"1\",\"Name\":\"a\\nb\"}\n{\"ID\":\"22\",\"Name\":\"c\"}\n"),
            ("{{.ID}}-{{upper .Name}}", "1-A\nB\n22-C\n"),
            (r"{{.ID}}\t.", "1\t.\n22\t.\n"),
            (r"table {{.Name}}\t{{.ID}}", "NAME   THE ID\na b    1\nc      22\n"),
            ("tables", "tables\ntables\n"),
            (r"table {{lower .Name}}\t{{json .ID}}", "NAME   THE ID\na b    \"1\"\nc      \"22\"\n"),
            ("{{json .}}", "{\"ID\":\"1\",\"Name\":\"a\\nb\"}\n{\"ID\":\"22\",\"Name\":\"c\"}\n"),
        ] {
            assert_eq!(written(format).as_deref(), Ok(expected), "{format}");
        }
        assert!(written("{{.Nope}}").unwrap_err().contains("can't evaluate field Nope; there are ID, Name"));
        assert!(written("{{").is_err());
    }
}
