//! What begins with `$`, and process substitution.

use super::cursor::{Parsed, Parser};
use super::word::Mode;
use crate::shell::ast::{List, Parameter, ParameterOperator, PartKind};
use crate::text::Span;

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_special_parameter(byte: u8) -> bool {
    matches!(byte, b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!')
}

impl Parser<'_, '_> {
    /// Reads what begins with the `$` that is next; `None` where it stands for itself.
    pub(super) fn dollar(&mut self, quoted: bool) -> Parsed<Option<PartKind>> {
        let start = self.here();
        let Some(next) = self.peek_at(1) else { return Ok(None) };
        match next {
            b'(' => {
                if self.peek_at(2) == Some(b'(')
                    && let Some(parts) = self.double_parentheses(start, b"$((")?
                {
                    return Ok(Some(PartKind::Arithmetic { parts, brackets: false }));
                }
                self.take();
                self.take();
                let body = self.substitution(self.span_from(start))?;
                Ok(Some(PartKind::CommandSubstitution { body, backticks: false }))
            }
            b'{' => self.nested(|p| p.braced(quoted)).map(Some),
            b'[' => self.bracket_arithmetic(),
            b'\'' if !quoted => self.ansi_quotes().map(Some),
            b'"' if !quoted => {
                self.take();
                self.double_quotes(true).map(Some)
            }
            _ if is_name_start(next) => {
                self.take();
                let name = self.name();
                Ok(Some(PartKind::Parameter(Parameter { name, ..Parameter::default() })))
            }
            _ if next.is_ascii_digit() || is_special_parameter(next) => {
                self.take();
                self.take();
                let name = char::from(next).to_string();
                Ok(Some(PartKind::Parameter(Parameter { name, ..Parameter::default() })))
            }
            _ => Ok(None),
        }
    }

    /// Reads the characters of a name; continuations between them are no part of it.
    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(byte) = self.peek().filter(|b| is_name(*b)) {
            self.take();
            name.push(char::from(byte));
        }
        name
    }

    fn ansi_quotes(&mut self) -> Parsed<PartKind> {
        let start = self.here();
        self.take();
        self.take();
        let from = self.position;
        let mut at = from;
        loop {
            match self.raw(at) {
                Some(b'\'') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
                None => return Self::fail(self.span_from(start), "this single quote has no partner"),
            }
        }
        self.take_to(at + 1);
        Ok(PartKind::AnsiQuoted(self.slice(from, at).to_owned()))
    }

    /// Reads commands and the `)` after them.
    fn substitution(&mut self, opener: Span) -> Parsed<List> {
        // Here-documents of the line around begin after that line, not after the first line in here.
        let outer = std::mem::take(&mut self.pending);
        let body = self.nested(Self::list)?;
        self.close_parenthesis(opener)?;
        let left = std::mem::replace(&mut self.pending, outer);
        self.pending.extend(left);
        Ok(body)
    }

    pub(super) fn process_substitution(&mut self, output: bool) -> Parsed<PartKind> {
        let start = self.here();
        self.take();
        self.take();
        let body = self.substitution(self.span_from(start))?;
        Ok(PartKind::ProcessSubstitution { body, output })
    }

    /// Reads `${…}`.
    fn braced(&mut self, quoted: bool) -> Parsed<PartKind> {
        let start = self.here();
        self.take();
        self.take();
        let opener = self.span_from(start);
        let mut parameter = Parameter { braced: true, ..Parameter::default() };
        let next = self.peek_at(1).unwrap_or(b'}');
        let special_follows = is_special_parameter(next) && self.peek_at(2) == Some(b'}');
        if self.peek() == Some(b'#') && (is_name(next) || special_follows) {
            self.take();
            parameter.length = true;
        } else if self.peek() == Some(b'!') && (is_name(next) || special_follows) {
            self.take();
            parameter.indirect = true;
        }
        parameter.name = self.parameter_name();
        if !parameter.name.is_empty() && self.peek() == Some(b'[') {
            let bracket = self.position;
            self.take();
            let index = self.nested(|p| p.word_or_nothing(Mode::Index))?;
            if self.peek() != Some(b']') {
                return Self::fail(self.span(bracket, bracket + 1), "this bracket has no partner");
            }
            self.take();
            parameter.index = Some(index);
        }
        if self.peek() != Some(b'}') {
            let operator = self.operator(&parameter);
            parameter.operator = Some(operator);
            let mode = if quoted { Mode::QuotedOperand { pattern: takes_pattern(operator) } } else { Mode::Operand };
            parameter.operand = self.parts(mode)?;
        }
        if self.peek() != Some(b'}') {
            return Self::fail(opener, "this `${` is never closed by `}`");
        }
        self.take();
        Ok(PartKind::Parameter(parameter))
    }

    fn parameter_name(&mut self) -> String {
        match self.peek() {
            Some(byte) if is_name_start(byte) => self.name(),
            Some(byte) if byte.is_ascii_digit() => {
                let mut number = String::new();
                while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
                    self.take();
                    number.push(char::from(digit));
                }
                number
            }
            Some(byte) if is_special_parameter(byte) => {
                self.take();
                char::from(byte).to_string()
            }
            _ => String::new(),
        }
    }

    /// Takes the operator behind the name.
    fn operator(&mut self, parameter: &Parameter) -> ParameterOperator {
        let Some(first) = self.peek() else { return ParameterOperator::Unknown };
        if parameter.name.is_empty() {
            return ParameterOperator::Unknown;
        }
        if parameter.indirect && matches!(first, b'*' | b'@') && self.peek_at(1) == Some(b'}') {
            self.take();
            return ParameterOperator::Names { separate: first == b'@' };
        }
        let colon = first == b':' && matches!(self.peek_at(1), Some(b'-' | b'=' | b'?' | b'+'));
        if colon {
            self.take();
        }
        let operator = self.peek().unwrap_or(first);
        if !matches!(operator, b'-' | b'=' | b'?' | b'+' | b'%' | b'#' | b'/' | b':' | b'^' | b',' | b'~' | b'@') {
            return ParameterOperator::Unknown;
        }
        self.take();
        let doubled = matches!(operator, b'%' | b'#' | b'^' | b',' | b'~') && self.peek() == Some(operator);
        if doubled {
            self.take();
        }
        match operator {
            b'-' => ParameterOperator::Default { colon },
            b'=' => ParameterOperator::Assign { colon },
            b'?' => ParameterOperator::Require { colon },
            b'+' => ParameterOperator::Alternative { colon },
            b'%' => ParameterOperator::RemoveSuffix { longest: doubled },
            b'#' => ParameterOperator::RemovePrefix { longest: doubled },
            b':' => ParameterOperator::Substring,
            b'@' => ParameterOperator::Transform,
            b'/' => {
                let mode = self.peek().filter(|b| matches!(b, b'/' | b'#' | b'%')).map(char::from);
                if mode.is_some() {
                    self.take();
                }
                ParameterOperator::Replace { mode }
            }
            _ => ParameterOperator::Case { operator: char::from(operator), all: doubled },
        }
    }
}

/// Tells whether an operator's operand is a pattern, in which quotes count even between double quotes.
fn takes_pattern(operator: ParameterOperator) -> bool {
    matches!(
        operator,
        ParameterOperator::RemoveSuffix { .. }
            | ParameterOperator::RemovePrefix { .. }
            | ParameterOperator::Replace { .. }
            | ParameterOperator::Case { .. }
    )
}
