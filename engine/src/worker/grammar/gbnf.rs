//! Reads GBNF, the notation of llama.cpp's grammars, and writes Lark, which llguidance reads.
//!
//! Each character becomes a lexeme of its own: Lark's texts are taken apart into the longest lexemes first, and GBNF knows no lexemes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// So deep groups may lie in each other; llguidance reads few more.
pub(super) const DEEPEST: usize = 20;
/// So many rules a grammar may have: those that name each other are read within each other, and the stack has an end.
const RULES: usize = 1000;
/// What ends an item that repeats.
const REPEATED: [char; 4] = ['*', '+', '?', '}'];
/// So often something may be said to repeat; llama.cpp has the same limit.
const REPETITIONS: u32 = 2000;

/// The same grammar in Lark.
///
/// # Errors
/// What cannot be read, with its line.
pub(super) fn to_lark(rules: &str) -> Result<String, String> {
    let mut reader = Reader {
        rest: rules.chars().peekable(),
        line: 1,
        names: HashMap::new(),
    };
    let mut lark = String::new();
    let mut defined = HashMap::new();
    reader.space(true);
    while reader.rest.peek().is_some() {
        let name = reader.name()?;
        let line = reader.line;
        reader.space(false);
        for expected in "::=".chars() {
            reader.expect(expected)?;
        }
        reader.space(true);
        let body = reader.alternatives(0)?;
        if !matches!(reader.rest.peek(), None | Some('\n')) {
            return Err(reader.fault("a rule ends with its line"));
        }
        let number = reader.number(&name);
        if let Some(before) = defined.insert(number, line) {
            return Err(format!(
                "line {line}: the rule {name:?} stands in line {before} already"
            ));
        }
        writeln!(lark, "r{number}: {body}").ok();
        reader.space(true);
        if defined.len() > RULES {
            return Err(format!("there are more than {RULES} rules"));
        }
    }
    if !reader.names.contains_key("root") {
        return Err("there is no rule \"root\", with which a reply begins".into());
    }
    let mut missing = reader.names.iter();
    if let Some((name, _)) = missing.find(|(_, number)| !defined.contains_key(number)) {
        return Err(format!("there is no rule {name:?}, which another names"));
    }
    Ok(format!("start: r{}\n{lark}", reader.number("root")))
}

struct Reader<'rules> {
    rest: Peekable<Chars<'rules>>,
    line: usize,
    /// A number for each rule that was named.
    names: HashMap<String, usize>,
}

impl Reader<'_> {
    fn fault(&self, fault: &str) -> String {
        format!("line {}: {fault}", self.line)
    }

    fn next(&mut self) -> Result<char, String> {
        let next = self.rest.next();
        let next = next.ok_or_else(|| self.fault("the grammar ends in the middle"))?;
        self.line += usize::from(next == '\n');
        Ok(next)
    }

    fn expect(&mut self, expected: char) -> Result<(), String> {
        match self.next()? {
            found if found == expected => Ok(()),
            found => Err(self.fault(&format!("{expected:?} is expected, not {found:?}"))),
        }
    }

    /// Comments are space, too.
    fn space(&mut self, with_line_breaks: bool) {
        while let Some(next) = self.rest.peek() {
            match next {
                ' ' | '\t' | '\r' => {}
                '\n' if with_line_breaks => self.line += 1,
                '#' => {
                    while self.rest.next_if(|next| *next != '\n').is_some() {}
                    continue;
                }
                _ => return,
            }
            self.rest.next();
        }
    }

    fn name(&mut self) -> Result<String, String> {
        let mut name = String::new();
        while let Some(next) = self.rest.next_if(|next| is_of_a_name(*next)) {
            name.push(next);
        }
        if name.is_empty() {
            return Err(self.fault("a rule's name is expected: letters, digits and -"));
        }
        Ok(name)
    }

    fn number(&mut self, name: &str) -> usize {
        let next = self.names.len();
        *self.names.entry(name.to_owned()).or_insert(next)
    }

    fn alternatives(&mut self, depth: usize) -> Result<String, String> {
        let mut all = vec![self.sequence(depth)?];
        while self.rest.next_if_eq(&'|').is_some() {
            self.space(true);
            all.push(self.sequence(depth)?);
        }
        Ok(all.join(" | "))
    }

    fn sequence(&mut self, depth: usize) -> Result<String, String> {
        let mut items: Vec<String> = Vec::new();
        while let Some(next) = self.rest.peek() {
            match next {
                '"' => items.push(self.text()?),
                '[' => items.push(self.class()?),
                '(' => items.push(self.group(depth)?),
                '.' => {
                    self.next()?;
                    items.push("/(?s:.)/".into());
                }
                '*' | '+' | '?' | '{' => {
                    let repeated = items.pop().filter(|item| !item.ends_with(REPEATED));
                    let Some(repeated) = repeated else {
                        return Err(self.fault("there is nothing to repeat"));
                    };
                    items.push(match self.repetition()?.as_str() {
                        // Lark knows no such repetition.
                        "{0,0}" => "\"\"".into(),
                        repetition => repeated + repetition,
                    });
                }
                '<' | '!' => return Err(self.fault("tokens by name or number are not understood")),
                next if is_of_a_name(*next) => {
                    let name = self.name()?;
                    items.push(format!("r{}", self.number(&name)));
                }
                _ => break,
            }
            self.space(depth > 0);
        }
        if items.is_empty() {
            items.push("\"\"".into());
        }
        Ok(items.join(" "))
    }

    fn group(&mut self, depth: usize) -> Result<String, String> {
        if depth == DEEPEST {
            return Err(self.fault(&format!("more than {DEEPEST} groups lie in each other")));
        }
        self.expect('(')?;
        self.space(true);
        let inside = self.alternatives(depth + 1)?;
        self.expect(')')?;
        Ok(format!("({inside})"))
    }

    fn text(&mut self) -> Result<String, String> {
        self.expect('"')?;
        let mut characters = Vec::new();
        while self.rest.next_if_eq(&'"').is_none() {
            characters.push(format!("/[{}]/", escaped(self.character()?)));
        }
        if characters.is_empty() {
            return Ok("\"\"".into());
        }
        Ok(format!("({})", characters.join(" ")))
    }

    fn class(&mut self) -> Result<String, String> {
        self.expect('[')?;
        let but = self.rest.next_if_eq(&'^').is_some();
        let mut members = String::new();
        while self.rest.next_if_eq(&']').is_none() {
            let first = self.character()?;
            members += &escaped(first);
            if self.rest.next_if_eq(&'-').is_some() {
                if self.rest.peek() == Some(&']') {
                    members += &escaped('-');
                    continue;
                }
                let last = self.character()?;
                if last < first {
                    return Err(self.fault(&format!("{first:?} comes after {last:?}")));
                }
                members += &format!("-{}", escaped(last));
            }
        }
        match (members.is_empty(), but) {
            (true, true) => Ok("/(?s:.)/".into()),
            (true, false) => Err(self.fault("nothing is in []")),
            (false, but) => Ok(format!("/[{}{members}]/", if but { "^" } else { "" })),
        }
    }

    fn character(&mut self) -> Result<char, String> {
        let first = self.next()?;
        if first != '\\' {
            return Ok(first);
        }
        let digits = match self.next()? {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            'n' => return Ok('\n'),
            plain @ ('\\' | '"' | '[' | ']' | '-' | '^') => return Ok(plain),
            other => return Err(self.fault(&format!("\\{other} means nothing"))),
        };
        let mut number = 0;
        for _ in 0..digits {
            let digit = self.next()?;
            let Some(digit) = digit.to_digit(16) else {
                return Err(self.fault(&format!("{digit:?} is no hexadecimal digit")));
            };
            // Eight digits at most.
            number = number << 4 | digit;
        }
        char::from_u32(number)
            .ok_or_else(|| self.fault(&format!("{number:x} is the number of no character")))
    }

    fn repetition(&mut self) -> Result<String, String> {
        let sign = self.next()?;
        if sign != '{' {
            return Ok(sign.into());
        }
        self.space(true);
        let least = self.times()?;
        self.space(true);
        let mut most = Some(least);
        if self.rest.next_if_eq(&',').is_some() {
            self.space(true);
            most = match self.rest.peek() {
                Some('}') => None,
                _ => Some(self.times()?),
            };
            self.space(true);
        }
        self.expect('}')?;
        match most {
            Some(most) if most < least => {
                Err(self.fault(&format!("{most} times are fewer than {least}")))
            }
            Some(most) => Ok(format!("{{{least},{most}}}")),
            None => Ok(format!("{{{least},}}")),
        }
    }

    fn times(&mut self) -> Result<u32, String> {
        let mut digits = String::new();
        while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        match digits.parse() {
            Ok(times) if times <= REPETITIONS => Ok(times),
            Ok(_) => Err(self.fault(&format!("{digits} times are more than {REPETITIONS}"))),
            Err(_) => Err(self.fault("a number of times is expected")),
        }
    }
}

fn is_of_a_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-'
}

/// A character as regular expressions write any of them.
fn escaped(character: char) -> String {
    format!("\\u{{{:x}}}", u32::from(character))
}
