//! Replies in the making: drafts in private chats, edits elsewhere.

use crate::support::apps::on_telegram;
use crate::support::fake_model::FakeModel;
use crate::support::fake_telegram::FakeTelegram;
use crate::support::home::Home;

#[tokio::test]
async fn a_reply_grows_as_a_draft_and_is_posted_once() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.set_pace(None);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let pen = model.next_written();
    chat.says(&yun, "tell me");
    pen.write("Once **upon**");
    chat.until_drafts(1).await;
    pen.write(" a time");
    let drafts = chat.until_drafts(2).await;
    let texts: Vec<&str> = drafts.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["Once upon", "Once upon a time"]);
    assert_eq!(drafts[0].0, drafts[1].0);
    assert!(chat.messages().is_empty());
    drop(pen);
    let shown = chat.until_text("Once upon a time").await;
    assert_eq!(shown.edits.len(), 1, "it was not edited");
    assert_eq!(shown.marked("bold"), ["upon"]);
    chat.until_disclosures(1).await;
    // The next one is another draft.
    let pen = model.next_written();
    chat.says(&yun, "and then?");
    pen.write("They lived");
    let drafts = chat.until_drafts(3).await;
    assert_ne!(drafts[2].0, drafts[0].0);
    // Words stop it as a button would.
    chat.says(&yun, "/stop");
    pen.unread().await;
    chat.until_text("They lived").await;
    drop(daemon);
}

#[tokio::test]
async fn a_server_without_drafts_gets_edits() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    telegram
        .next("sendMessageDraft")
        .refuses(404, "Not Found: method not found");
    let daemon = Home::with(&model).on_telegram(&telegram).start().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let pen = model.next_written();
    chat.says(&yun, "tell me");
    pen.write("Once");
    let shown = chat.until_text("Once").await;
    pen.write(" upon a time");
    drop(pen);
    let whole = chat.until_text("Once upon a time").await;
    assert_eq!(whole.id, shown.id);
    assert!(chat.drafts().is_empty());
    drop(daemon);
}
