//! Grammars over a vocabulary of bytes, with some longer tokens.

use std::time::{Duration, Instant};

use super::gbnf::DEEPEST;
use super::*;
use crate::worker::child::with_deep_stack;

const LONGER: [&str; 6] = ["ab", "abc", "네", "{\"", "\": ", " true"];

fn vocabulary() -> Vocabulary {
    let mut bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    bytes.extend(LONGER.iter().map(|text| text.as_bytes().to_vec()));
    // The end, which no text holds.
    bytes.push(Vec::new());
    Vocabulary::new(&bytes, &[end()]).unwrap()
}

fn end() -> Token {
    256 + LONGER.len() as Token
}

fn gbnf(rules: &str) -> Grammar {
    Grammar::Gbnf(rules.into())
}

fn schema(schema: Value) -> Grammar {
    Grammar::JsonSchema {
        schema,
        strict: false,
    }
}

/// Whether a whole reply may be this.
fn fits(vocabulary: &Vocabulary, grammar: &Grammar, text: &str) -> bool {
    let mut form = vocabulary.form(grammar).unwrap();
    let tokens = text.bytes().map(Token::from).chain([end()]);
    tokens.into_iter().all(|token| {
        let allowed = form.allowed().unwrap();
        let is_allowed = form.allows(token);
        assert_eq!(is_allowed, allowed.is_allowed(token as u32), "{text:?}");
        assert_eq!(form.accept(token), is_allowed);
        is_allowed
    })
}

#[test]
fn gbnf_means_what_llama_cpp_reads_in_it() {
    let vocabulary = vocabulary();
    for (rules, fitting, others) in [
        (
            r#"root ::= "네" | "no""#,
            &["네", "no"][..],
            &["", "n", "nono"][..],
        ),
        (
            r#"root ::= [a-c]+ "b""#,
            &["ab", "bb", "cab"],
            &["b", "ac", "abx"],
        ),
        // Where lexemes were taken by their length, "ab" would hide this.
        (
            r#"root ::= "ab" | [a-z] [b-z] "x""#,
            &["ab", "abx", "zzx"],
            &["a", "zz"],
        ),
        (
            r#"root ::= [^"\\]{2,3}"#,
            &["가나", "a b", "\n\n\n"],
            &["a", "a\"b", "abcd"],
        ),
        (
            "root ::= . [-+]? [0-9]{2}",
            &["x12", "\n-34", "한+56"],
            &["x1", "x123", "12"],
        ),
        (
            "# What is said\nroot   ::= greeting (\n\", \" name)? # of whom\n\ngreeting ::= \"hi\" |\n \"안녕\"\nname ::= [A-Z] [a-z]*\n",
            &["hi", "안녕, Yun"],
            &["hi,", "hi, yun"],
        ),
        (r#"root ::= root "a" | "b""#, &["b", "baa"], &["a", "ab"]),
        (r#"root ::= ("a"?)*"#, &["", "aaa"], &["b"]),
        (
            r#"root ::= "(" root ")" | """#,
            &["", "(())"],
            &["(", "())"],
        ),
        (
            r#"root ::= "\x41\u00e9\U0001F600\t\"\\" [\]\[]"#,
            &["Aé😀\t\"\\]"],
            &["A"],
        ),
        ("root ::= \"a\"{0}", &[""], &["a"]),
        ("root ::= \"a\"{2,}", &["aa", "aaaa"], &["a"]),
    ] {
        let grammar = gbnf(rules);
        for text in fitting {
            assert!(fits(&vocabulary, &grammar, text), "{rules}: {text:?}");
        }
        for text in others {
            assert!(!fits(&vocabulary, &grammar, text), "{rules}: {text:?}");
        }
    }
}

#[test]
fn longer_tokens_are_taken_where_they_fit() {
    let vocabulary = vocabulary();
    let mut form = vocabulary
        .form(&gbnf("root ::= \"a\" [b-d] \"c\"? \"네\""))
        .unwrap();
    let longer = |text| 256 + LONGER.iter().position(|it| *it == text).unwrap() as Token;
    for (text, allowed) in [("ab", true), ("abc", true), ("네", false), (" true", false)] {
        assert_eq!(form.allows(longer(text)), allowed, "{text}");
    }
    assert!(form.accept(longer("abc")) && form.accept(longer("네")) && form.accept(end()));
    assert!(!form.accept(-1));
}

#[test]
fn what_is_wrong_with_rules_is_told_with_its_line() {
    let vocabulary = vocabulary();
    for (rules, fault) in [
        ("", "there is no rule \"root\""),
        ("a ::= \"b\"", "there is no rule \"root\""),
        ("root ::= missing", "there is no rule \"missing\""),
        (
            "root ::= \"a\"\nroot ::= \"b\"",
            "line 2: the rule \"root\" stands in line 1",
        ),
        ("root ::= (\"a\"", "line 1: the grammar ends"),
        ("root ::= \"a", "line 1: the grammar ends"),
        ("root ::= *", "nothing to repeat"),
        ("root ::= \"a\"*{2}", "nothing to repeat"),
        ("root ::= \"a\"{2,1}", "1 times are fewer than 2"),
        ("root ::= \"a\"{99999999999}", "a number of times"),
        ("root ::= \"a\"{2001}", "more than 2000"),
        ("root ::= [z-a]", "'z' comes after 'a'"),
        ("root ::= []", "nothing is in []"),
        ("root ::= \"\\q\"", "\\q means nothing"),
        ("root ::= \"\\ud800\"", "the number of no character"),
        ("root ::= <think>", "tokens"),
        ("root = \"a\"", "':' is expected"),
        ("root ::= \"a\" ]", "ends with its line"),
        ("\nroot ::= \"a\"\n!", "line 3: a rule's name"),
    ] {
        let found = vocabulary.form(&gbnf(rules)).err().expect(rules);
        assert!(found.contains(fault), "{rules}: {found}");
    }
    let many: String = (0..1001).map(|it| format!("r{it} ::= \"a\"\n")).collect();
    let found = vocabulary.form(&gbnf(&many)).err().unwrap();
    assert!(found.contains("more than 1000 rules"), "{found}");
    let deep = format!(
        "root ::= {}\"a\"{}",
        "(".repeat(DEEPEST + 1),
        ")".repeat(DEEPEST + 1)
    );
    let found = vocabulary.form(&gbnf(&deep)).err().unwrap();
    assert!(found.contains("more than 20 groups"), "{found}");
    let deep = format!(
        "root ::= {}\"a\"{}",
        "(".repeat(DEEPEST),
        ")*".repeat(DEEPEST)
    );
    assert!(fits(&vocabulary, &gbnf(&deep), "aaa"));
}

#[test]
fn json_follows_its_schema_without_spaces_to_get_lost_in() {
    let vocabulary = vocabulary();
    let menu = schema(json!({
        "type": "object",
        "properties": { "dish": { "enum": ["김치찌개", "ramen"] }, "hot": { "type": "boolean" }, "won": { "$ref": "#/$defs/price" } },
        "required": ["dish", "hot"],
        "additionalProperties": false,
        "$defs": { "price": { "type": "integer", "minimum": 0, "maximum": 10_000_000_000_000_000_u64 } },
    }));
    for text in [
        r#"{"dish": "김치찌개", "hot": true}"#,
        r#"{"dish": "ramen", "hot": false, "won": 8000}"#,
    ] {
        assert!(fits(&vocabulary, &menu, text), "{text}");
    }
    for text in [
        r#"{"dish": "pizza", "hot": true}"#,
        r#"{"hot": true}"#,
        r#"{"dish": "ramen",  "hot": true}"#,
        r#"{"dish": "ramen", "hot": true, "won": -1}"#,
        "{\n",
        "[]",
    ] {
        assert!(!fits(&vocabulary, &menu, text), "{text}");
    }
    for anything in [json!({ "type": "object" }), json!(true)] {
        let anything = schema(anything);
        assert!(fits(&vocabulary, &anything, r#"{"a": [1, null, "b"]}"#));
    }
}

#[test]
fn a_schema_that_cannot_be_kept_is_refused() {
    let vocabulary = vocabulary();
    for broken in [
        json!({ "type": "nonsense" }),
        json!({ "$ref": "https://127.0.0.1/x.json" }),
        json!({ "$ref": "#/nowhere" }),
        json!(7),
        json!(false),
        json!({ "allOf": (0..1000).map(|it| json!({ "properties": { it.to_string(): { "type": "integer" } } })).collect::<Vec<_>>() }),
    ] {
        assert!(
            vocabulary.form(&schema(broken.clone())).is_err(),
            "{broken}"
        );
    }
}

/// Each of these once took all memory, or never came to an end, in llama.cpp.
#[test]
fn no_grammar_takes_long() {
    with_deep_stack(read_long_ones).expect("none has a fault");
}

fn read_long_ones() {
    let vocabulary = vocabulary();
    let nested = |depth: usize| {
        let rules = (0..depth).map(|it| format!("r{it} ::= r{0} r{0} | \"a\"\n", it + 1));
        format!(
            "root ::= r0\n{}r{depth} ::= \"a\"?",
            rules.collect::<String>()
        )
    };
    let object = |name: &str| json!({ "type": "object", "properties": { name: { "type": "integer" } }, "required": [name] });
    let rules = [
        "root ::= a \"x\"\na ::= b?\nb ::= a b | \"\"".to_owned(),
        format!("root ::= {}", "(\"a\"?){0,2000}".repeat(20)),
        "root ::= (((((\"a\"*)*)*)*)*)".to_owned(),
        "root ::= ((\"a\"{0,2000}){0,2000}){0,2000}".to_owned(),
        nested(990),
        format!("root ::= {}", "[a-z]".repeat(10_000)),
    ];
    let schemas = [
        json!({ "type": "integer", "minimum": 10_000_000_000_000_000_u64 }),
        json!({ "type": "string", "minLength": 100_000_000 }),
        json!({ "type": "string", "pattern": "^((a|aa)+)+$" }),
        json!({ "type": "array", "minItems": 100_000_000, "items": { "type": "null" } }),
        json!({ "enum": (0..5000).map(|it| format!("word {it}")).collect::<Vec<_>>() }),
        json!({ "anyOf": (0..1000).map(|it| object(&it.to_string())).collect::<Vec<_>>() }),
        json!({ "oneOf": (0..1000).map(|it| object(&it.to_string())).collect::<Vec<_>>() }),
        json!({ "properties": (0..2000).map(|it| (it.to_string(), json!({ "type": "string" }))).collect::<serde_json::Map<_, _>>() }),
        json!({ "patternProperties": (0..16).map(|it| (format!("^(a|b)*{it}$"), json!(true))).collect::<serde_json::Map<_, _>>() }),
    ];
    let grammars = rules.map(Grammar::Gbnf).into_iter();
    for grammar in grammars.chain(schemas.map(schema)) {
        let told: String = format!("{grammar:?}").chars().take(80).collect();
        let began = Instant::now();
        let mut form = vocabulary
            .form(&grammar)
            .unwrap_or_else(|fault| panic!("{told}: {fault}"));
        for _ in 0..20 {
            form.allowed();
            let mut next = [Token::from(b'a'), Token::from(b'1'), end()].into_iter();
            if !next.any(|token| form.accept(token)) {
                break;
            }
        }
        // Without limits it would be hours.
        assert!(began.elapsed() < Duration::from_secs(20), "{told}");
    }
}
