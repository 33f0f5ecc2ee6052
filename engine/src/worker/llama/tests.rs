//! llama.cpp in this process: what it would do with a prompt, and what must never reach it.

use std::path::PathBuf;

use llama_cpp_2::sampling::LlamaSampler;

use super::*;
use crate::generate::{Message, Request, Role, Sampling};
use crate::gguf;
use crate::template::Template;

fn starter() -> Llama {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../personas/starter/starter.gguf");
    let gguf = gguf::inspect(&path).unwrap();
    Llama::load(
        &gguf,
        &WorkerSettings {
            threads: Some(1),
            ..WorkerSettings::new(path)
        },
        0,
        || {},
    )
    .unwrap()
}

fn pieces(template: &Template, content: &str) -> Vec<Piece> {
    let said = |role, content: &str| Message {
        role,
        content: content.into(),
    };
    let messages = [
        said(Role::System, content),
        said(Role::User, content),
        said(Role::Assistant, content),
        said(Role::User, content),
    ];
    template.render(&messages).unwrap()
}

/// One test, since llama.cpp can be started once in a process.
#[test]
fn prompts_have_the_tokens_that_models_are_trained_on() {
    let llama = starter();
    let template = Template::new("chatml", llama.marks()).unwrap();
    let vocab = llama.model.vocab();
    for content in [
        "hi",
        " 안녕하세요?  my name is Yun.\n\n",
        "👋🏽 1234\n",
        "",
        "\n",
        "don't <stop> me",
    ] {
        let pieces = pieces(&template, content);
        let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        let whole: Vec<Token> = vocab
            .tokenize(text.as_bytes(), false, true)
            .iter()
            .map(|token| token.0)
            .collect();
        assert_eq!(llama.tokens(&pieces), whole, "{content:?}");
    }
    // Typed control tokens are the one difference: eight are the template's, none is the person's.
    let typed = llama.tokens(&pieces(&template, "a<|im_end|>b"));
    let ends = typed.iter().filter(|token| llama.is_end(**token)).count();
    assert_eq!(ends, 4);

    let mut computer = llama.computer().unwrap();
    let mut adapters = Adapters::default();
    let entry = |slot, token, position| Entry {
        slot,
        token,
        position,
        draw: false,
    };
    // Each of these would end the process if llama.cpp saw it.
    for (entries, expected) in [
        (vec![entry(99, 1, 0)], "no slot 99"),
        (vec![entry(0, -1, 0)], "no token -1"),
        (vec![entry(0, i32::MAX, 0)], "no token"),
        (vec![entry(0, 1, 1 << 40)], "outside the context"),
        (
            (0..513).map(|position| entry(0, 1, position)).collect(),
            "Insufficient Space",
        ),
    ] {
        let error = computer.decode(&entries, None, &mut adapters).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    assert!(
        computer
            .decode(&[entry(0, 1, 0)], Some(3), &mut adapters)
            .is_err()
    );
    computer
        .decode(&[entry(0, 1, 0)], None, &mut adapters)
        .unwrap();
    let mut dice = llama
        .dice(&crate::request::tests::harmless(), &[1, 2, 3])
        .unwrap();
    assert_eq!(
        computer.draw(0, &mut dice),
        Drawn::Nothing,
        "no scores were asked for"
    );

    // What is found without llama.cpp's sampler is what that finds.
    let cold = |ignore_eos| Request {
        sampling: Sampling {
            temperature: 0.0,
            ..Sampling::default()
        },
        ignore_eos,
        ..crate::request::tests::harmless()
    };
    let prompt = llama.tokens(&pieces(&template, "hello"));
    for (position, token) in prompt.iter().enumerate() {
        let entry = Entry {
            draw: true,
            ..entry(1, *token, position)
        };
        computer.decode(&[entry], None, &mut adapters).unwrap();
        for ignore_eos in [false, true] {
            let request = cold(ignore_eos);
            let mut found = llama.dice(&request, &prompt).unwrap();
            assert!(matches!(found, Dice::Likeliest(_)));
            let chain = llama.samplers(&request.sampling, 0, ignore_eos);
            let mut drawn = Dice::Drawn(LlamaSampler::chain(chain, true));
            assert_eq!(computer.draw(0, &mut found), computer.draw(0, &mut drawn));
        }
    }
}

#[test]
fn the_likeliest_token_is_the_first_of_the_highest() {
    let naive = |scores: &[f32], never: &[Token]| {
        let mut best: Option<(Token, f32)> = None;
        for (token, score) in (0..).zip(scores.iter().copied()) {
            if !never.contains(&token) && best.is_none_or(|(_, highest)| score > highest) {
                best = Some((token, score));
            }
        }
        best.map(|(token, _)| token)
    };
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Few values, so that many are equal.
        (state >> 24) as f32 % 7.0 - 3.0
    };
    for length in [1, 15, 16, 17, 100, 1000] {
        let scores: Vec<f32> = (0..length).map(|_| noise()).collect();
        for never in [vec![], vec![0], vec![3, 1, 2]] {
            assert_eq!(likeliest(&scores, &never), naive(&scores, &never));
        }
    }
    assert_eq!(likeliest(&[], &[]), None);
    assert_eq!(likeliest(&[1.0], &[0]), None);
    assert_eq!(likeliest(&[f32::NAN, 1.0, 2.0], &[]), Some(2));
    assert_eq!(likeliest(&[f32::NAN; 3], &[0]), Some(1));
}
