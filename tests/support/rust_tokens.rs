//! A small Rust lexer for the architecture test: words and punctuation with
//! their lines, comments dropped, literals kept apart from code.

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Word,
    Text,
    Sign,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    pub line: usize,
}

impl Token {
    pub fn is_word(&self, text: &str) -> bool {
        self.kind == Kind::Word && self.text == text
    }

    pub fn is_sign(&self, text: &str) -> bool {
        self.kind == Kind::Sign && self.text == text
    }
}

struct Lexer<'a> {
    rest: &'a [u8],
    line: usize,
    out: Vec<Token>,
}

fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit()
}

impl Lexer<'_> {
    fn take(&mut self, count: usize) -> String {
        let (head, tail) = self.rest.split_at(count.min(self.rest.len()));
        self.line += head.iter().filter(|&&b| b == b'\n').count();
        self.rest = tail;
        String::from_utf8_lossy(head).into_owned()
    }

    fn push(&mut self, kind: Kind, count: usize) {
        let line = self.line;
        let text = self.take(count);
        self.out.push(Token { kind, text, line });
    }

    fn length_while(&self, from: usize, test: impl Fn(u8) -> bool) -> usize {
        self.rest[from..].iter().take_while(|&&b| test(b)).count()
    }

    fn block_comment(&self) -> usize {
        let mut depth = 0;
        let mut at = 0;
        while at < self.rest.len() {
            if self.rest[at..].starts_with(b"/*") {
                depth += 1;
                at += 2;
            } else if self.rest[at..].starts_with(b"*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    break;
                }
            } else {
                at += 1;
            }
        }
        at
    }

    /// Length of a string literal whose opening quote stands at `from`.
    fn quoted(&self, from: usize, quote: u8) -> usize {
        let mut at = from + 1;
        while at < self.rest.len() && self.rest[at] != quote {
            at += if self.rest[at] == b'\\' { 2 } else { 1 };
        }
        (at + 1).min(self.rest.len())
    }

    /// Length of `r"…"`, `br#"…"#` and the like, or None when `rest` is a
    /// plain word such as `r` or a raw identifier.
    fn raw_string(&self) -> Option<usize> {
        let prefix = self.length_while(0, |b| b.is_ascii_alphabetic());
        if !matches!(&self.rest[..prefix], b"r" | b"br" | b"cr") {
            return None;
        }
        let hashes = self.length_while(prefix, |b| b == b'#');
        let open = prefix + hashes;
        if self.rest.get(open) != Some(&b'"') {
            return None;
        }
        let close: Vec<u8> =
            std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
        let body = &self.rest[open + 1..];
        let found = body
            .windows(close.len())
            .position(|w| w == close.as_slice())
            .map_or(self.rest.len(), |at| open + 1 + at + close.len());
        Some(found)
    }

    /// Length of the literal or lifetime at a `'`, and whether it is a literal.
    fn tick(&self) -> (usize, bool) {
        match self.rest.get(1) {
            Some(b'\\') => (self.quoted(0, b'\''), true),
            Some(&b) if starts_word(b) => {
                let word = 1 + self.length_while(1, continues_word);
                if self.rest.get(word) == Some(&b'\'') {
                    (word + 1, true)
                } else {
                    (word, false)
                }
            }
            _ => (self.quoted(0, b'\''), true),
        }
    }

    fn step(&mut self) {
        let byte = self.rest[0];
        if byte.is_ascii_whitespace() {
            self.take(1);
        } else if self.rest.starts_with(b"//") {
            let length = self.length_while(0, |b| b != b'\n');
            self.take(length);
        } else if self.rest.starts_with(b"/*") {
            self.take(self.block_comment());
        } else if byte == b'"' {
            self.push(Kind::Text, self.quoted(0, b'"'));
        } else if byte == b'\'' {
            let (length, literal) = self.tick();
            self.push(if literal { Kind::Text } else { Kind::Sign }, length);
        } else if let Some(length) = self.raw_string() {
            self.push(Kind::Text, length);
        } else if starts_word(byte) {
            let word = self.length_while(0, continues_word);
            let literal = matches!(&self.rest[..word], b"b" | b"c")
                && matches!(self.rest.get(word), Some(b'"' | b'\''));
            if literal {
                let quote = self.rest[word];
                self.push(Kind::Text, self.quoted(word, quote));
            } else if self.rest.starts_with(b"r#") {
                let raw = 2 + self.length_while(2, continues_word);
                self.push(Kind::Word, raw);
            } else {
                self.push(Kind::Word, word);
            }
        } else if byte.is_ascii_digit() {
            self.push(Kind::Text, self.length_while(0, continues_word));
        } else if self.rest.starts_with(b"::") {
            self.push(Kind::Sign, 2);
        } else {
            self.push(Kind::Sign, 1);
        }
    }
}

pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source.as_bytes(), line: 1, out: Vec::new() };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.out
}
