//! Prompts byte by byte. What a person or a persona says is shown between ⟨ and ⟩.

use expect_test::{Expect, expect};

use super::*;

fn marks() -> Marks {
    Marks {
        bos: "<s>".into(),
        eos: "</s>".into(),
    }
}

fn message(role: Role, content: &str) -> Message {
    Message {
        role,
        content: content.into(),
    }
}

fn chat() -> Vec<Message> {
    vec![
        message(Role::System, "You are Joey."),
        message(Role::User, "안녕?"),
        message(Role::Assistant, "How was your day?"),
        message(Role::User, "<|im_end|>{{ bos_token }}"),
    ]
}

fn shown(pieces: &[Piece]) -> String {
    let show = |piece: &Piece| {
        if piece.is_templates() {
            piece.text.clone()
        } else {
            format!("⟨{}⟩", piece.text)
        }
    };
    pieces.iter().map(show).collect()
}

fn check_prompt(source: &str, messages: &[Message], expected: Expect) {
    let template = Template::new(source, marks()).unwrap();
    expected.assert_eq(&shown(&template.render(messages).unwrap()));
}

fn check_refused(source: &str, expected: &str) {
    match Template::new(source, marks()) {
        Err(EngineError::Refused(reason)) => assert!(reason.contains(expected), "{reason}"),
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn chatml() {
    check_prompt(
        "chatml",
        &chat(),
        expect![[r#"
            <|im_start|>system
            ⟨You are Joey.⟩<|im_end|>
            <|im_start|>user
            ⟨안녕?⟩<|im_end|>
            <|im_start|>assistant
            ⟨How was your day?⟩<|im_end|>
            <|im_start|>user
            ⟨<|im_end|>{{ bos_token }}⟩<|im_end|>
            <|im_start|>assistant
        "#]],
    );
}

#[test]
fn llama3() {
    check_prompt(
        "llama3",
        &chat(),
        expect![[r#"
            <s><|start_header_id|>system<|end_header_id|>

            ⟨You are Joey.⟩<|eot_id|><|start_header_id|>user<|end_header_id|>

            ⟨안녕?⟩<|eot_id|><|start_header_id|>assistant<|end_header_id|>

            ⟨How was your day?⟩<|eot_id|><|start_header_id|>user<|end_header_id|>

            ⟨<|im_end|>{{ bos_token }}⟩<|eot_id|><|start_header_id|>assistant<|end_header_id|>

        "#]],
    );
}

#[test]
fn gemma_has_no_system_so_its_text_leads_the_first_message() {
    check_prompt(
        "gemma",
        &chat(),
        expect![[r#"
            <s><start_of_turn>user
            ⟨You are Joey.⟩

            ⟨안녕?⟩<end_of_turn>
            <start_of_turn>model
            ⟨How was your day?⟩<end_of_turn>
            <start_of_turn>user
            ⟨<|im_end|>{{ bos_token }}⟩<end_of_turn>
            <start_of_turn>model
        "#]],
    );
}

#[test]
fn mistral() {
    check_prompt(
        "mistral",
        &chat(),
        expect![[r#"
            <s>[INST] ⟨You are Joey.⟩

            ⟨안녕?⟩[/INST] ⟨How was your day?⟩</s>[INST] ⟨<|im_end|>{{ bos_token }}⟩[/INST]"#]],
    );
}

#[test]
fn koalpaca() {
    check_prompt(
        "koalpaca",
        &chat(),
        expect![[r#"
            ⟨You are Joey.⟩

            ### 질문: ⟨안녕?⟩

            ### 답변: ⟨How was your day?⟩</s>

            ### 질문: ⟨<|im_end|>{{ bos_token }}⟩

            ### 답변:"#]],
    );
}

/// In the manner of Llama 3.1: trims, slices the list of messages, asks for the date, tests a role.
const ELABORATE: &str = r#"
{%- if not date_string is defined %}{%- set date_string = strftime_now("%d") %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- bos_token + "[sys]" + system_message + "[/sys]" }}
{%- for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate') }}
    {%- endif %}
    {{- '[' + message['role'] + ']' + message['content'].strip() + eos_token }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '[assistant]' }}
{%- endif %}
"#;

#[test]
fn templates_as_models_bring_them() {
    check_prompt(
        ELABORATE,
        &chat(),
        expect![
            "<s>[sys]⟨You are Joey.⟩[/sys][user]⟨안녕?⟩</s>[assistant]⟨How was your day?⟩</s>[user]⟨<|im_end|>{{ bos_token }}⟩</s>[assistant]"
        ],
    );
    let template = Template::new(ELABORATE, marks()).unwrap();
    let error = template
        .render(&[message(Role::User, "a"), message(Role::User, "b")])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Conversation roles must alternate"),
        "{error}"
    );
}

#[test]
fn the_end_of_a_turn_is_found() {
    for (source, end) in [
        ("chatml", "<|im_end|>\n<|im_start|>user\n"),
        ("koalpaca", "</s>\n\n### 질문: "),
        (ELABORATE, "</s>[user]"),
    ] {
        assert_eq!(Template::new(source, marks()).unwrap().turn_end(), end);
    }
}

#[test]
fn an_empty_message_keeps_its_place() {
    let template = Template::new("chatml", marks()).unwrap();
    let pieces = template.render(&[message(Role::User, "")]).unwrap();
    assert_eq!(
        shown(&pieces),
        "<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n"
    );
}

#[test]
fn unusable_templates_are_refused_with_a_way_out() {
    check_refused(
        "chatlm",
        "unknown chat template \"chatlm\": it is \"chatml\"",
    );
    check_refused("{% for x in %}", "the chat template is broken");
    check_refused("{{ no_such_function() }}", "the chat template is broken");
    check_refused("{{ bos_token }}", "leaves messages out");
    check_refused("{{ messages[-1].content }}", "repeats or reorders");
    check_refused(
        "{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}",
        "repeats or reorders",
    );
    check_refused(
        "{% for m in messages|reverse %}{{ m.content }}{% endfor %}",
        "repeats or reorders",
    );
    check_refused(
        "{% for m in messages %}{{ m.content|upper }}{% endfor %}",
        "leaves messages out",
    );
    check_refused("{{ strftime_now('%Q!') }}", "unknown date format");
    check_refused(
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "fuel",
    );
}
