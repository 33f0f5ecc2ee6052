//! The templates that can be named instead of written out. They are Jinja like all others and pass the same probes.
//! A line's end at the very end is written as an escape, since Jinja drops a plain one there.

use crate::generate::EngineError;

/// For messages to people.
pub(super) const NAMES: &str = "\"chatml\", \"llama3\", \"gemma\", \"mistral\" or \"koalpaca\"";

const CHATML: &str = "\
{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}<|im_start|>assistant{{ '\\n' }}";

const LLAMA3: &str = "\
{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>

{{ message.content }}<|eot_id|>{% endfor %}<|start_header_id|>assistant<|end_header_id|>{{ '\\n\\n' }}";

/// Gemma was not trained with a system's messages; refusing them makes them part of the person's first.
const GEMMA: &str = "\
{{ bos_token }}{% for message in messages %}\
{% if message.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}\
<start_of_turn>{{ 'model' if message.role == 'assistant' else 'user' }}
{{ message.content }}<end_of_turn>
{% endfor %}<start_of_turn>model{{ '\\n' }}";

/// As Mistral-7B-Instruct-v0.3 has it.
const MISTRAL: &str = "\
{{ bos_token }}{% for message in messages %}\
{% if message.role == 'system' %}{{ raise_exception('no system role') }}\
{% elif message.role == 'user' %}[INST] {{ message.content }}[/INST]\
{% else %} {{ message.content }}{{ eos_token }}{% endif %}{% endfor %}";

/// KoAlpaca's, for models trained on question and answer; turns are repeated and what the system says leads.
const KOALPACA: &str = "\
{% for message in messages %}\
{% if message.role == 'system' %}{{ message.content }}{{ '\\n\\n' }}\
{% elif message.role == 'user' %}### 질문: {{ message.content }}{{ '\\n\\n' }}\
{% else %}### 답변: {{ message.content }}{{ eos_token }}{{ '\\n\\n' }}{% endif %}{% endfor %}### 답변:";

/// The Jinja text that a persona's or a model's template stands for.
pub(super) fn jinja(source: &str) -> Result<&str, EngineError> {
    match source {
        "chatml" => Ok(CHATML),
        "llama3" => Ok(LLAMA3),
        "gemma" => Ok(GEMMA),
        "mistral" => Ok(MISTRAL),
        "koalpaca" => Ok(KOALPACA),
        jinja if jinja.contains("{%") || jinja.contains("{{") => Ok(jinja),
        other => Err(EngineError::Refused(format!(
            "unknown chat template \"{other}\": it is {NAMES}, or Jinja text"
        ))),
    }
}
