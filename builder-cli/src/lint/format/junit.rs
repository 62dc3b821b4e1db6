//! JUnit's XML: a suite for each file, a failed case for each finding.

use builder_core::lint::Finding;

use super::{Page, Place, bundle, is_syntax_error, xml};
use crate::lint::Linted;

/// Writes a document.
pub(super) fn write(page: Page<'_>) -> String {
    let tool = page.tool();
    let title = if page.compat { "Hadolint" } else { "builder lint" };
    let id = page.now.replace(['-', ':'], "").replace(' ', "_");
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><testsuites id=\"{id}\" name=\"{title} run at {}\" time=\"0.001\">",
        page.now
    );
    for file in page.files {
        let errors = file.findings.iter().filter(|finding| is_syntax_error(finding)).count();
        let name = if page.compat { "Hadolint 2.15.1".to_owned() } else { xml::attribute(page.path_of(file)) };
        let tests = if page.compat { String::new() } else { format!(" tests=\"{}\"", file.findings.len().max(1)) };
        out.push_str(&format!(
            "<testsuite errors=\"{errors}\" failures=\"{}\" id=\"{tool}\" name=\"{name}\"{tests} time=\"0.001\"",
            file.findings.len()
        ));
        if file.findings.is_empty() && page.compat {
            out.push_str("/>");
            continue;
        }
        out.push('>');
        if file.findings.is_empty() {
            out.push_str(&format!("<testcase id=\"{tool}.clean\" name=\"no findings\" time=\"0.001\"/>"));
        }
        out.extend(file.findings.iter().map(|finding| case(page, file, finding)));
        out.push_str("</testsuite>");
    }
    out.push_str("</testsuites>");
    out.push_str(page.end());
    out
}

fn case(page: Page<'_>, file: &Linted, finding: &Finding) -> String {
    let start = Place::of(&file.source, finding).start;
    let (line, column, path) = (start.line, start.column, page.path_of(file));
    let (code, level) = (xml::attribute(finding.code()), finding.level.name());
    let message = &finding.diagnostic.message;
    if page.compat && is_syntax_error(finding) {
        let text = xml::text(&format!(
            "Parse Error in {path}\nLine: {line}\nColumn: {column}\nParse Error: {}\n",
            bundle(page, file, finding)
        ));
        return format!(
            "<testcase id=\"hadolint.error\" name=\"DL1000\" time=\"0.001\"><failure message=\"parse error at line \
             {line}, column {column}\" type=\"error\">{text}</failure></testcase>"
        );
    }
    if page.compat {
        let text = xml::text(&format!(
            "File: {path}\nLine: {line}\nCategory: Hadolint - Dockerfile Static Analysis\n{level}: {message}\n"
        ));
        return format!(
            "<testcase id=\"hadolint.rule.{code}\" time=\"0.001\"><failure id=\"{code}\" message=\"{}\" \
             type=\"{level}\">{text}</failure></testcase>",
            xml::attribute(message)
        );
    }
    let mut text = format!("File: {path}\nLine: {line}\nColumn: {column}\nCategory: {}\n", finding.rule.group.name());
    text.push_str(&format!("{level}: {message}\n"));
    if let Some(help) = &finding.diagnostic.help {
        text.push_str(&format!("help: {help}\n"));
    }
    format!(
        "<testcase id=\"builder.rule.{code}\" name=\"{code} line {line}, column {column}\" classname=\"{}\" \
         time=\"0.001\"><failure id=\"{code}\" message=\"{}\" type=\"{level}\">{}</failure></testcase>",
        xml::attribute(path),
        xml::attribute(message),
        xml::text(&text)
    )
}
