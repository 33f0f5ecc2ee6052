//! Texts that are shown as they stand.

/// A text that is shown as it stands, whatever markup is in it: between more backticks than it has in a row.
#[must_use]
pub fn fenced(text: &str) -> String {
    let longest = text
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}\n{text}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fenced_cannot_end_its_fence() {
        assert_eq!(fenced("a"), "```\na\n```");
        assert_eq!(fenced("a\n```\nb"), "````\na\n```\nb\n````");
    }
}
