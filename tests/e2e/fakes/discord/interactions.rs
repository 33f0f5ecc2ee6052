//! Commands, buttons and modals.

use std::time::Duration;

use serde_json::json;
use serenity::all::{
    ActionRowComponent, AutocompleteChoice, ChannelId, Command, CreateActionRow,
    CreateAutocompleteResponse, CreateButton, CreateCommand, CreateInputText,
    CreateInteractionResponse, CreateInteractionResponseFollowup, CreateInteractionResponseMessage,
    CreateMessage, CreateModal, CreateSelectMenu, CreateSelectMenuKind, CreateSelectMenuOption,
    EditInteractionResponse, InputTextStyle, Interaction,
};

use super::{Bot, in_a_channel, register};
use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_discord::permissions::MANAGE_GUILD;

#[tokio::test]
async fn a_slash_command_is_answered_later() {
    let discord = FakeDiscord::start().await;
    let general = discord.guild("club").channel("general");
    let yun = discord.person("yun").speaking("ko");
    let mut bot = Bot::start(&discord).await;
    register(&bot).await;
    assert_eq!(
        discord.until_registered("persona").await["name_localizations"]["ko"],
        "페르소나"
    );
    for channel in [general, discord.private(&yun)] {
        let used = channel
            .commands(&yun, "페르소나", json!({ "set": { "name": "mina" } }))
            .await;
        let command = bot.command().await;
        assert_eq!(command.locale, "ko");
        assert_eq!(command.member.is_some(), command.guild_id.is_some());
        command.defer_ephemeral(&bot.http).await.expect("deferred");
        assert!(used.response().await.is_ephemeral);
        assert!(used.messages()[0].is_promised);
        let edit = EditInteractionResponse::new().content("done");
        command
            .edit_response(&bot.http, edit)
            .await
            .expect("edited");
        let more = CreateInteractionResponseFollowup::new().content("and more");
        command
            .create_followup(&bot.http, more)
            .await
            .expect("followed up");
        assert!(used.until_text("done").await.is_ephemeral);
        assert!(!used.until_text("and more").await.is_ephemeral);
        assert_eq!(channel.messages().len(), 1);
    }
}

#[tokio::test]
async fn a_late_or_second_answer_is_refused() {
    let (discord, general, yun, mut bot) = in_a_channel().await;
    discord.expect_refusals();
    register(&bot).await;
    let used = general
        .commands(&yun, "persona", json!({ "set": { "name": "mina" } }))
        .await;
    let command = bot.command().await;
    let edit = || EditInteractionResponse::new().content("x");
    command
        .edit_response(&bot.http, edit())
        .await
        .expect_err("nothing to edit yet");
    command.defer(&bot.http).await.expect("deferred");
    command.defer(&bot.http).await.expect_err("a second time");
    used.ages(Duration::from_secs(16 * 60));
    command
        .edit_response(&bot.http, edit())
        .await
        .expect_err("fifteen minutes are over");
    let late = general
        .commands(&yun, "persona", json!({ "set": { "name": "mina" } }))
        .await;
    late.ages(Duration::from_secs(3));
    let command = bot.command().await;
    command.defer(&bot.http).await.expect_err("too late");
    let codes: Vec<u64> = discord
        .refusals()
        .into_iter()
        .map(|(_, code)| code)
        .collect();
    assert_eq!(codes, [10_015, 40_060, 50_027, 10_062]);
    assert!(!late.has_response());
}

#[tokio::test]
async fn buttons_modals_and_choices() {
    let (discord, general, yun, mut bot) = in_a_channel().await;
    register(&bot).await;

    let typed = general
        .autocompletes(&yun, "persona", json!({ "set": { "name": "mi" } }), "name")
        .await;
    let Interaction::Autocomplete(autocomplete) = bot.interaction().await else {
        panic!("no autocomplete");
    };
    assert_eq!(
        autocomplete.data.autocomplete().expect("focused").value,
        "mi"
    );
    let choices = CreateAutocompleteResponse::new()
        .set_choices(vec![AutocompleteChoice::new("Mina", "mina")]);
    let choices = CreateInteractionResponse::Autocomplete(choices);
    autocomplete
        .create_response(&bot.http, choices)
        .await
        .expect("completed");
    assert_eq!(
        typed.response().await.choices,
        [("Mina".to_owned(), json!("mina"))]
    );

    let used = general
        .commands(&yun, "persona", json!({ "set": { "name": "mina" } }))
        .await;
    let command = bot.command().await;
    let row = CreateActionRow::Buttons(vec![
        CreateButton::new("forget").label("Forget"),
        CreateButton::new("rename").label("Rename"),
    ]);
    let message = CreateInteractionResponseMessage::new()
        .content("Really?")
        .components(vec![row]);
    let message = CreateInteractionResponse::Message(message);
    command
        .create_response(&bot.http, message)
        .await
        .expect("asked");
    let asked = used.until_text("Really?").await;
    assert_eq!(asked.buttons[0].custom_id, "forget");
    let response = used.response().await;
    assert_eq!(
        (response.content, response.buttons),
        ("Really?".to_owned(), asked.buttons)
    );

    let pressed = general.presses(&yun, asked.id, "Rename");
    let component = bot.component().await;
    let input = CreateInputText::new(InputTextStyle::Short, "Name", "name");
    let modal = CreateModal::new("rename", "A new name")
        .components(vec![CreateActionRow::InputText(input)]);
    component
        .create_response(&bot.http, CreateInteractionResponse::Modal(modal))
        .await
        .expect("asked");
    let submitted = general
        .submits(&yun, &pressed, json!({ "name": "Mina" }))
        .await;
    let Interaction::Modal(modal) = bot.interaction().await else {
        panic!("no modal");
    };
    let ActionRowComponent::InputText(text) = &modal.data.components[0].components[0] else {
        panic!("no text");
    };
    assert_eq!(text.value.as_deref(), Some("Mina"));
    let update = CreateInteractionResponseMessage::new()
        .content("Renamed.")
        .components(Vec::new());
    let update = CreateInteractionResponse::UpdateMessage(update);
    modal
        .create_response(&bot.http, update)
        .await
        .expect("updated");
    assert_eq!(submitted.response().await.kind, 7);
    let shown = general.message(asked.id);
    assert_eq!(
        (shown.content.as_str(), shown.buttons.len()),
        ("Renamed.", 0)
    );

    discord.expect_refusals();
    let again = general
        .commands(&yun, "persona", json!({ "set": { "name": "mina" } }))
        .await;
    let command = bot.command().await;
    let rows = vec![CreateActionRow::Buttons(vec![
        CreateButton::new("x".repeat(101)).label("Long"),
    ])];
    let message = CreateInteractionResponseMessage::new()
        .content("?")
        .components(rows);
    let message = CreateInteractionResponse::Message(message);
    command
        .create_response(&bot.http, message)
        .await
        .expect_err("a custom id has 100 characters at most");
    assert!(!again.has_response());
}

#[tokio::test]
async fn menus_and_members_permissions() {
    let discord = FakeDiscord::start().await;
    let guild = discord.guild("club");
    let general = guild.channel("general");
    let yun = discord.person("yun");
    let mods = guild.role("mods", MANAGE_GUILD);
    guild.joins(&yun, &[mods]);
    let mut bot = Bot::start(&discord).await;
    let options = vec![CreateSelectMenuOption::new("Mina", "mina")];
    let menu = CreateSelectMenu::new("who", CreateSelectMenuKind::String { options });
    let message = CreateMessage::new().content("Who?").select_menu(menu);
    let asked = ChannelId::new(general.id())
        .send_message(&bot.http, message)
        .await
        .expect("sent");
    general.chooses(&yun, asked.id.get(), "who", &["mina"]);
    let component = bot.component().await;
    let member = component.member.clone().expect("in a guild");
    assert!(member.permissions.expect("computed").manage_guild());
    component.defer(&bot.http).await.expect("acknowledged");
    component
        .edit_response(
            &bot.http,
            EditInteractionResponse::new().content("Mina it is."),
        )
        .await
        .expect("the message of the menu is the original");
    assert_eq!(general.message(asked.id.get()).content, "Mina it is.");
}

#[tokio::test]
async fn commands_have_rules() {
    let discord = FakeDiscord::start().await;
    discord.expect_refusals();
    let bot = Bot::start(&discord).await;
    let refused = [
        CreateCommand::new("Persona").description("upper case"),
        CreateCommand::new("two words").description("a space"),
        CreateCommand::new("persona"),
        CreateCommand::new("persona").description("x".repeat(101)),
        CreateCommand::new("persona")
            .description("x")
            .name_localized("kr", "페르소나"),
        CreateCommand::new("persona")
            .description("x")
            .name_localized("ko", "페르소나 설정"),
    ];
    for command in refused {
        let registered = Command::set_global_commands(&bot.http, vec![command]).await;
        registered.expect_err("against the rules");
    }
    assert!(discord.refusals().iter().all(|(_, code)| *code == 50_035));
    assert_eq!((discord.commands().len(), discord.registrations()), (0, 0));
    register(&bot).await;
    register(&bot).await;
    assert_eq!((discord.commands().len(), discord.registrations()), (1, 2));
    assert_eq!(
        Command::get_global_commands(&bot.http)
            .await
            .expect("listed")
            .len(),
        1
    );
}

#[tokio::test]
#[should_panic(expected = "no option \"nam\"")]
async fn people_cannot_use_what_is_not_registered() {
    let discord = FakeDiscord::start().await;
    let general = discord.guild("club").channel("general");
    let bot = Bot::start(&discord).await;
    register(&bot).await;
    general
        .commands(
            &discord.person("yun"),
            "persona",
            json!({ "set": { "name": "mina", "nam": "?" } }),
        )
        .await;
}
