//! The tree on one line, for tests. Nothing in it is a shell's syntax: `[…]` is a simple command, `⟨…⟩` a
//! pattern, `⟦…⟧` a brace expansion, and words of the shell are in capitals.

use super::ast::*;

pub(super) fn dump(script: &Script) -> String {
    let mut dump = Dump { script, out: String::new() };
    dump.list(&script.body);
    dump.out
}

struct Dump<'a> {
    script: &'a Script,
    out: String,
}

impl Dump<'_> {
    fn add(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn list(&mut self, list: &List) {
        for (at, item) in list.items.iter().enumerate() {
            if at > 0 {
                self.add(" ");
            }
            self.pipeline(&item.first);
            for (operator, pipeline) in &item.rest {
                self.add(if *operator == AndOr::And { " AND " } else { " OR " });
                self.pipeline(pipeline);
            }
            self.add(match item.terminator {
                None => "",
                Some((Terminator::Semicolon, _)) => ";",
                Some((Terminator::Background, _)) => "&",
                Some((Terminator::Newline, _)) => "⏎",
            });
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        if pipeline.timed {
            self.add("TIME ");
        }
        if pipeline.negated.is_some() {
            self.add("NOT ");
        }
        for (at, command) in pipeline.commands.iter().enumerate() {
            if at > 0 {
                self.add(" | ");
            }
            self.command(command);
        }
    }

    fn block(&mut self, name: &str, list: &List) {
        self.add(name);
        self.add("(");
        self.list(list);
        self.add(")");
    }

    fn command(&mut self, command: &Command) {
        match &command.kind {
            CommandKind::Simple(simple) => {
                self.add("[");
                let mut first = true;
                for assignment in &simple.assignments {
                    self.separate(&mut first);
                    self.assignment(assignment);
                }
                for word in &simple.words {
                    self.separate(&mut first);
                    self.word(word);
                }
                self.add("]");
            }
            CommandKind::Subshell(list) => self.block("SUBSHELL", list),
            CommandKind::Group(list) => self.block("GROUP", list),
            CommandKind::If { branches, otherwise } => {
                for (condition, body) in branches {
                    self.block("IF", condition);
                    self.block("THEN", body);
                }
                if let Some(body) = otherwise {
                    self.block("ELSE", body);
                }
            }
            CommandKind::Loop { until, condition, body } => {
                self.block(if *until { "UNTIL" } else { "WHILE" }, condition);
                self.block("DO", body);
            }
            CommandKind::For { select, name, words, body } => {
                self.add(if *select { "SELECT " } else { "FOR " });
                self.add(&name.value);
                if let Some(words) = words {
                    self.add(" IN");
                    self.words(words);
                }
                self.block(" DO", body);
            }
            CommandKind::ArithmeticFor { header, body } => {
                self.add("FOR((");
                self.parts(header);
                self.add("))");
                self.block("DO", body);
            }
            CommandKind::Case { word, arms } => {
                self.add("CASE ");
                self.word(word);
                for arm in arms {
                    self.add(" OF");
                    self.words(&arm.patterns);
                    self.block(" DO", &arm.body);
                }
            }
            CommandKind::Function { name, keyword, body } => {
                self.add(if *keyword { "FUNCTION " } else { "DEFINE " });
                self.add(&name.value);
                self.block(" ", body);
            }
            CommandKind::Test(words) => {
                self.add("TEST");
                self.words(words);
            }
            CommandKind::Arithmetic(parts) => {
                self.add("ARITHMETIC(");
                self.parts(parts);
                self.add(")");
            }
            CommandKind::Coproc { name, body } => {
                self.add("COPROC ");
                self.add(name.as_ref().map_or("", |name| &name.value));
                self.block("", body);
            }
        }
        for redirect in &command.redirects {
            self.redirect(redirect);
        }
    }

    fn separate(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.add(" ");
        }
    }

    fn assignment(&mut self, assignment: &Assignment) {
        self.add(&assignment.name.value);
        if let Some(index) = &assignment.index {
            self.add("[");
            self.word(index);
            self.add("]");
        }
        self.add(if assignment.append { ":+=" } else { ":=" });
        self.word(&assignment.value);
    }

    fn redirect(&mut self, redirect: &Redirect) {
        self.add(" {");
        self.add(redirect.descriptor.as_ref().map_or("", |descriptor| &descriptor.value));
        let operator = format!("{:?} ", redirect.operator);
        self.add(&operator);
        self.word(&redirect.target);
        if let Some(document) = redirect.here_document.map(|at| &self.script.here_documents[at]) {
            self.add(if document.expand { " EXPANDED " } else { " " });
            self.parts(&document.parts);
        }
        self.add("}");
    }

    fn words(&mut self, words: &[Word]) {
        for word in words {
            self.add(" ");
            self.word(word);
        }
    }

    fn word(&mut self, word: &Word) {
        self.parts(&word.parts);
    }

    fn parts(&mut self, parts: &[WordPart]) {
        for part in parts {
            self.part(&part.kind);
        }
    }

    fn part(&mut self, part: &PartKind) {
        match part {
            PartKind::Literal(text) => self.add(&text.replace('\n', "⏎")),
            PartKind::Escaped(c) => self.add(&format!("\\{c}")),
            PartKind::SingleQuoted(text) => self.add(&format!("'{text}'")),
            PartKind::AnsiQuoted(text) => self.add(&format!("$'{text}'")),
            PartKind::DoubleQuoted { parts, dollar } => {
                self.add(if *dollar { "$\"" } else { "\"" });
                self.parts(parts);
                self.add("\"");
            }
            PartKind::Parameter(parameter) => self.parameter(parameter),
            PartKind::CommandSubstitution { body, backticks } => {
                self.block(if *backticks { "BACKTICKS" } else { "$" }, body);
            }
            PartKind::Arithmetic { parts, brackets } => {
                self.add(if *brackets { "$[" } else { "$((" });
                self.parts(parts);
                self.add(if *brackets { "]" } else { "))" });
            }
            PartKind::ProcessSubstitution { body, output } => self.block(if *output { ">" } else { "<" }, body),
            PartKind::Glob(text) => self.add(&format!("⟨{text}⟩")),
            PartKind::ExtendedGlob { operator, parts } => {
                self.add(&format!("⟨{operator}"));
                self.parts(parts);
                self.add("⟩");
            }
            PartKind::Braces(parts) => {
                self.add("⟦");
                self.parts(parts);
                self.add("⟧");
            }
            PartKind::Array(words) => {
                self.add("ARRAY(");
                self.words(words);
                self.add(")");
            }
            PartKind::Tilde(name) => self.add(&format!("⟨~{name}⟩")),
        }
    }

    fn parameter(&mut self, parameter: &Parameter) {
        if !parameter.braced {
            return self.add(&format!("${}", parameter.name));
        }
        self.add("${");
        self.add(if parameter.length { "LENGTH " } else { "" });
        self.add(if parameter.indirect { "INDIRECT " } else { "" });
        self.add(&parameter.name);
        if let Some(index) = &parameter.index {
            self.add("[");
            self.word(index);
            self.add("]");
        }
        if let Some(operator) = &parameter.operator {
            self.add(&format!(" {operator:?} "));
            self.parts(&parameter.operand);
        }
        self.add("}");
    }
}
