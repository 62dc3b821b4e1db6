//! Findings as the protocol has them.

use builder_core::lint::{Finding, Level};
use lsp_types::{
    CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location,
    NumberOrString,
};

use super::capabilities::Client;
use super::documents::Document;

/// The name under which editors show our diagnostics.
const SOURCE: &str = "builder";

/// Returns the diagnostics of a document.
pub(super) fn diagnostics(document: &Document, client: Client) -> Vec<Diagnostic> {
    document.findings().iter().map(|finding| diagnostic(document, finding, client)).collect()
}

/// Returns one finding as the protocol has it.
pub(super) fn diagnostic(document: &Document, finding: &Finding, client: Client) -> Diagnostic {
    let link = finding.rule.url().and_then(|url| url.parse().ok()).map(|href| CodeDescription { href });
    Diagnostic {
        range: document.range(finding.span()),
        severity: Some(severity(finding.level)),
        code: Some(NumberOrString::String(finding.code().to_owned())),
        code_description: link.filter(|_| client.code_description),
        source: Some(SOURCE.to_owned()),
        message: message(finding),
        related_information: client.related_information.then(|| related(document, finding)).filter(|r| !r.is_empty()),
        tags: tag(finding.rule.id).filter(|_| client.diagnostic_tags).map(|tag| vec![tag]),
        data: None,
    }
}

fn severity(level: Level) -> DiagnosticSeverity {
    match level {
        Level::Error => DiagnosticSeverity::ERROR,
        Level::Warning => DiagnosticSeverity::WARNING,
        Level::Info => DiagnosticSeverity::INFORMATION,
        Level::Style => DiagnosticSeverity::HINT,
    }
}

fn message(finding: &Finding) -> String {
    let mut message = finding.diagnostic.message.clone();
    for note in &finding.diagnostic.notes {
        message.push_str("\nnote: ");
        message.push_str(note);
    }
    if let Some(help) = &finding.diagnostic.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    message
}

fn related(document: &Document, finding: &Finding) -> Vec<DiagnosticRelatedInformation> {
    let place = |label: &builder_core::diagnostic::Label| DiagnosticRelatedInformation {
        location: Location::new(document.uri.clone(), document.range(label.span)),
        message: if label.message.is_empty() { "see here".to_owned() } else { label.message.clone() },
    };
    finding.diagnostic.secondary.iter().map(place).collect()
}

/// Editors fade what is unused and strike out what is deprecated.
fn tag(rule: &str) -> Option<DiagnosticTag> {
    if rule.starts_with("unused-") {
        Some(DiagnosticTag::UNNECESSARY)
    } else if rule.starts_with("deprecated-") {
        Some(DiagnosticTag::DEPRECATED)
    } else {
        None
    }
}
