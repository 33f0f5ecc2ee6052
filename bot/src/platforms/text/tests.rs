//! What must hold for every reply, however odd: pieces that do not change, fit, and lose nothing.

#![expect(
    clippy::string_slice,
    reason = "a wrong cut fails the test, which is what it is for"
)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation as _;

use super::clean::clean_reply;
use super::discord_model;
use super::split::{Rules, pieces};
use super::styled::{Style, Styled};
use super::{discord, telegram};

/// What a model may write when somebody wants it to.
pub(super) const HOSTILE: &[&str] = &[
    "@everyone @here <@123> <@!123> <@&123> <#123> <a:x:123> <:x:123> </help:123> <t:1700000000:R> <id:home>",
    "**@everyone** *<@1>* `@everyone`",
    "discord.gg/abc https://discord.gg/abc <https://discord.com/invite/abc> Discord.GG/abc discordapp.com/invite/x",
    "https://evil.example/discord.gg/abc `discord.gg/abc`\n```\ndiscord.gg/abc\n```",
    "[a](https://evil.example) [a](<https://evil.example>) [a](discord.gg/x \"t\") <https://a.b> <mailto:a@b.c> <tel:+1>",
    "# a\n## b\n### c\n-# d\n> e\n>>> f\n  > g\n- h\n* i\n+ j\n1. k\n  12. l",
    "~~a~~ ||b|| __c__ _d_ ___e___ \\*f\\* \\\\*g*\\\\ ¯\\_(ツ)_/¯",
    "`` ` `` ``` `` ``` ```` ``` ```` ` `` ``` ` a``b`c```d",
    "```\n``` ```\n`````\n```x\n````\n``\n```",
    "``````````````````` a ```````````````````",
    "*a **b** c* **a *b* c** ***a** b* ***a* b** **a***b*** ****a****",
    "**a `b**c` d** *a `b*c` d* **https://a.b/*c** *https://a.b/*c*",
    ":smile: a:b:c 10:20:30 steam://run/1 javascript:alert(1)",
    "\u{202e}abc\u{2066} Z\u{351}\u{36b}\u{343}a\u{363}\u{343}lgo\u{301}",
    "안녕*하세요* **반가워요**. `코드`는 @everyone에게",
];

/// Text with much markup, of Korean, English and emoji.
fn reply() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        6 => "[a-z가-힣]{1,12}[.!?]? ?",
        2 => "[*`_#@:/<>.\\-\\[\\]()|~\\\\1\n ]{1,6}",
        2 => prop::sample::select(vec![
            "**", "*", "`", "``", "***", "\n", "\n\n", " ", "  ", "\n```\n", "```rust\n", "\n```", " ```py\n", "다. ", "요.", "。", "」",
            "😀", "👩\u{200d}👩\u{200d}👧", "🇰🇷", "\u{1112}\u{1161}\u{11ab}", "e\u{301}", "https://a.b/c_d ", "discord.gg/x ", "@everyone ",
        ]).prop_map(String::from),
        1 => prop::sample::select(HOSTILE).prop_map(String::from),
        1 => "(\\*\\*|\\*|`)[a-z가-힣 ]{1,150}(\\*\\*|\\*|`)",
    ];
    prop::collection::vec(part, 0..120).prop_map(|parts| parts.concat())
}

fn rules() -> impl Strategy<Value = Rules> {
    (prop::bool::ANY, 400_usize..600, 0_usize..40).prop_map(|(is_discord, limit, lead)| Rules {
        limit,
        lead,
        ..if is_discord {
            discord::RULES
        } else {
            telegram::RULES
        }
    })
}

fn letters(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_whitespace())
        .collect()
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

proptest! {
    // Each tries every beginning of a text.
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn a_closed_piece_never_changes(text in reply(), rules in rules()) {
        let whole = pieces(&text, &rules);
        for (at, _) in text.char_indices() {
            let known = pieces(&text[..at], &rules);
            let closed = known.len().saturating_sub(1);
            prop_assert_eq!(&known[..closed], &whole[..closed.min(whole.len())], "up to {}", at);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn pieces_fit_and_nothing_is_lost(text in reply(), rules in rules()) {
        let whole = pieces(&text, &Rules { limit: 1 << 30, lead: 0, ..rules });
        let pieces = pieces(&text, &rules);
        let is_discord = rules.costs.block > 0;
        for piece in &pieces {
            prop_assert!(!piece.is_blank());
            prop_assert_eq!(discord_model::read(&discord::render(piece)).err(), None);
            let rendered = if is_discord { units(&discord::render(piece)) } else { units(&telegram::render(piece, telegram::Words::Model).text) };
            prop_assert!(rendered + rules.lead <= rules.limit, "{} of {}", rendered, rules.limit);
        }
        // Without a limit longer styles are understood: compare only where there are none.
        let shown: String = pieces.iter().map(|piece| letters(piece.text())).collect();
        let stars = |text: &str| text.chars().filter(|character| !matches!(character, '*' | '`')).collect::<String>();
        let expected: String = whole.iter().map(|piece| letters(piece.text())).collect();
        prop_assert!(stars(&shown) == stars(&expected) || text.contains("```"));
    }

    #[test]
    fn real_limits_read_the_same_markup_as_a_whole(parts in prop::collection::vec(reply(), 4..12)) {
        let text = parts.concat();
        let shown = |pieces: &[Styled]| -> String { pieces.iter().map(|piece| letters(piece.text())).collect() };
        let whole = letters(Styled::from_markdown(&text).text());
        prop_assert_eq!(shown(&pieces(&text, &discord::RULES)), whole.clone());
        prop_assert_eq!(shown(&pieces(&text, &telegram::RULES)), whole);
    }

    #[test]
    fn clusters_stay_whole(text in "([a-z ]|[가-힣]|\u{1112}\u{1161}\u{11ab}|👩\u{200d}👩\u{200d}👧|🇰🇷|👍🏽|e\u{301}){0,900}", rules in rules()) {
        let clusters = text.graphemes(true).filter(|cluster| !cluster.trim().is_empty()).map(str::to_owned);
        let pieces = pieces(&text, &rules);
        let found = pieces.iter().flat_map(|piece| piece.text().graphemes(true)).filter(|cluster| !cluster.trim().is_empty()).map(str::to_owned);
        prop_assert_eq!(found.collect::<Vec<_>>(), clusters.collect::<Vec<_>>());
    }

    #[test]
    fn discord_shows_the_words_and_styles(text in reply()) {
        let styled = Styled::from_markdown(&text);
        let content = discord::render(&styled);
        let shown = match discord_model::read(&content) {
            Ok(shown) => shown,
            Err(fault) => return Err(TestCaseError::fail(format!("{content:?}: {fault}"))),
        };
        let blocks = |styled: &Styled| -> Vec<(Style, String)> {
            let spans = styled.spans().iter().filter(|span| matches!(span.style, Style::Fence { .. }));
            let blocks = spans.map(|span| (span.style.clone(), letters(&styled.text()[span.range.clone()])));
            blocks.filter(|(_, code)| !code.is_empty()).collect()
        };
        prop_assert_eq!(blocks(&shown), blocks(&styled), "{:?}", content);
        // Discord drops line breaks at both ends of a block.
        prop_assert_eq!(letters(shown.text()), letters(styled.text()), "{:?}", content);
        let inline = |styled: &Styled, wanted: &Style| -> Vec<String> {
            let spans = styled.spans().iter().filter(|span| span.style == *wanted);
            // Discord knows no italic text with a space at its ends.
            let words = spans.map(|span| &styled.text()[span.range.clone()]).filter(|words| words.trim() == *words);
            words.map(str::to_owned).collect()
        };
        for style in [Style::Bold, Style::Italic] {
            prop_assert_eq!(inline(&shown, &style), inline(&styled, &style), "{:?}", content);
        }
    }

    #[test]
    fn telegram_gets_proper_entities_and_no_mentions(text in reply()) {
        let message = telegram::render(&Styled::from_markdown(&text), telegram::Words::Model);
        let units: Vec<u16> = message.text.encode_utf16().collect();
        for entity in &message.entities {
            let covered = String::from_utf16(&units[entity.offset..entity.offset + entity.length]);
            let covered = covered.expect("no surrogate pair is cut");
            prop_assert!(!covered.is_empty() && covered.trim_end() == covered);
            let is_block = matches!(entity.kind, telegram::EntityKind::Pre { .. });
            prop_assert!(is_block || covered.trim_start() == covered);
        }
        let mention = regex::Regex::new(r"(^|\W)@[A-Za-z0-9_]{2,32}").unwrap();
        let code: Vec<_> = message.entities.iter().filter(|entity| matches!(entity.kind, telegram::EntityKind::Pre { .. } | telegram::EntityKind::Code)).collect();
        for found in mention.find_iter(&message.text) {
            // What stands before the sign may be another one.
            let sign = found.start() + found.as_str().rfind('@').unwrap();
            let at = message.text[..sign].encode_utf16().count();
            prop_assert!(code.iter().any(|entity| (entity.offset..entity.offset + entity.length).contains(&at)), "{}", found.as_str());
        }
    }
}

#[test]
fn a_long_reply_is_cut_in_no_time() {
    let mega = |part: &str| part.repeat(1_000_000 / part.len());
    for part in [
        "안녕하세요. **반가워요**, `친구`야! 오늘은 *정말* 좋은 날이에요.\n",
        "a",
        "*",
        "` ",
        "`` ` ",
        "*a ",
        "**a *b ",
        "a* ",
        "```\n",
        "```a\nb\n```\n",
        "https://",
        "@",
        " ",
        "\n",
        "\u{301}",
        "(",
        "discord.",
        "((http://a)",
    ] {
        let text = mega(part);
        let start = Instant::now();
        let clean = clean_reply(&text);
        let pieces = pieces(&clean, &discord::RULES);
        let cut = start.elapsed();
        let mut rendered = 0;
        for piece in &pieces {
            rendered += discord::render(piece).len()
                + telegram::render(piece, telegram::Words::Model).text.len();
        }
        // And all of it as one.
        let styled = Styled::from_markdown(&clean);
        rendered += discord::render(&styled).len()
            + telegram::render(&styled, telegram::Words::Model).text.len();
        println!(
            "{part:?}: {} pieces, cut in {cut:?}, rendered to {rendered} bytes in {:?}",
            pieces.len(),
            start.elapsed()
        );
        // Without optimisation and on a busy machine; what is not linear takes minutes.
        assert!(start.elapsed() < Duration::from_secs(20), "{part:?}");
    }
}

#[test]
fn markup_at_the_limit_is_waited_for() {
    for (open, close) in [
        ("```\n", "\n```\n"),
        ("```\n", "\nlast line\n```\n"),
        ("```\n", "\nlast line\n``x"),
        ("", "\n```py\n"),
        ("", "***b***"),
        ("**a", "** b"),
        ("", "`b`"),
        ("", "e\u{301}\u{301}"),
        ("", "👩\u{200d}👧"),
    ] {
        for padding in 240..305 {
            let text = format!("{open}{}{close}{}", "x".repeat(padding), "끝 ".repeat(100));
            for (rules, limit) in [(discord::RULES, 340), (telegram::RULES, 300)] {
                let rules = Rules { limit, ..rules };
                let whole = pieces(&text, &rules);
                for (at, _) in text.char_indices().skip(padding).take(60) {
                    let known = pieces(&text[..at], &rules);
                    let closed = known.len().saturating_sub(1);
                    assert_eq!(known[..closed], whole[..closed], "up to {at} of {text:?}");
                }
            }
        }
    }
}
